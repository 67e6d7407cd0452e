// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a message came to the proxy: over which transport, from where, and at which of its sockets (a flow, RFC 5626 2).
//! A user behind NAT, or one that takes no connection, has its BYE the same way back.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::io::Write as _;

use crate::message::uri;
use crate::route;

/// Octets of the text of a flow, at most.
pub const MAX_FLOW: usize = 128;

/// Between both ends.
const LOCAL: &str = ";local=";

/// When a BYE takes the flow of its user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UseFlow {
    /// Never.
    Never,
    /// Where it is a connection, or nobody can be reached where the user says that it is.
    #[default]
    Needed,
    /// Wherever one is known.
    Always,
}

/// The flow of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow<'a> {
    text: &'a [u8],
    transport: &'a str,
    source: SocketAddr,
    local: &'a [u8],
}

/// Where a BYE goes that takes a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WayBack {
    /// The URI to send to.
    pub destination: Vec<u8>,
    /// The own socket to send from, `transport:address:port`.
    pub local: Vec<u8>,
    /// Whether it is one only as long as its connection is there.
    pub connection: bool,
}

impl<'a> Flow<'a> {
    /// Reads `transport:address:port;local=transport:address:port`: where the sender is, then the own socket. The transports
    /// are `udp`, `tcp`, `tls`, `sctp`, `ws` and `wss`; an IPv6 address stands in brackets.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        if text.len() > MAX_FLOW {
            return None;
        }
        let (sender, local) = core::str::from_utf8(text).ok()?.split_once(LOCAL)?;
        let (transport, source) = socket(sender)?;
        socket(local)?;
        Some(Self { text, transport, source, local: local.as_bytes() })
    }

    /// As it was read.
    pub fn text(&self) -> &'a [u8] {
        self.text
    }

    /// Where the sender is, as a URI has it: host, an IPv6 address in its brackets, and port.
    pub(crate) fn host_and_port(&self) -> Option<(&'a [u8], u16)> {
        let start = self.transport.len() + 1;
        let sender = &self.text[start..self.text.len() - self.local.len() - LOCAL.len()];
        route::host_and_port(sender).and_then(|(host, port)| Some((host, port?)))
    }

    /// Whether it is a connection: what is sent to the same address without it reaches nobody.
    pub fn is_connection(&self) -> bool {
        matches!(self.transport, "tcp" | "tls" | "ws" | "wss")
    }

    /// Whether a BYE to this remote target takes the flow.
    pub fn is_for(&self, target: &[u8], when: UseFlow) -> bool {
        match when {
            UseFlow::Never => false,
            UseFlow::Needed => self.is_connection() || !is_reachable(target, self.source.ip()),
            UseFlow::Always => true,
        }
    }

    /// The same way in the other direction.
    pub fn back(&self) -> WayBack {
        let mut destination = Vec::with_capacity(MAX_FLOW);
        // Into a vector nothing fails.
        let _ = write!(destination, "sip:{};transport={}", self.source, self.transport);
        WayBack { destination, local: self.local.to_vec(), connection: self.is_connection() }
    }
}

/// Transport, and address with port.
fn socket(text: &str) -> Option<(&str, SocketAddr)> {
    let (transport, address) = text.split_once(':')?;
    if !matches!(transport, "udp" | "tcp" | "tls" | "sctp" | "ws" | "wss") || address.contains('%') {
        return None;
    }
    let address = address.parse::<SocketAddr>().ok().filter(|address| address.port() != 0)?;
    Some((transport, address))
}

/// Whether a user who sends from `source` can be reached at this remote target, as far as its text tells: not by a name
/// below `.invalid` (RFC 7118 5), nor at an address that means somebody only on the user's own side of a NAT (RFC 1918,
/// RFC 6598, RFC 4193, link-local addresses, and loopback ones of another machine).
fn is_reachable(target: &[u8], source: IpAddr) -> bool {
    let Some(target) = uri::parse(target) else { return true };
    let host = core::str::from_utf8(target.host).unwrap_or_default();
    let host = host.strip_prefix('[').and_then(|literal| literal.strip_suffix(']')).unwrap_or(host);
    match host.parse::<IpAddr>() {
        Ok(address) if address == source => true,
        Ok(address) if address.is_loopback() => source.is_loopback(),
        Ok(address) => !is_of_a_site(address),
        Err(_) => {
            let name = host.strip_suffix('.').unwrap_or(host);
            !name.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("invalid"))
        }
    }
}

fn is_of_a_site(address: IpAddr) -> bool {
    /// RFC 6598.
    const SHARED: (Ipv4Addr, u32) = (Ipv4Addr::new(100, 64, 0, 0), 0xffc0_0000);
    match address {
        IpAddr::V4(address) => {
            let shared = address.to_bits() & SHARED.1 == SHARED.0.to_bits();
            address.is_private() || address.is_link_local() || address.is_unspecified() || shared
        }
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => is_of_a_site(address.into()),
            None => address.is_unique_local() || address.is_unicast_link_local() || address.is_unspecified(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(text: &str) -> Flow<'_> {
        Flow::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_flow_and_the_way_back() {
        for (text, destination, local, connection) in [
            (
                "udp:192.0.2.7:1024;local=udp:192.0.2.1:5060",
                "sip:192.0.2.7:1024;transport=udp",
                "udp:192.0.2.1:5060",
                false,
            ),
            ("tls:[2001:db8::7]:1;local=tls:[::]:5061", "sip:[2001:db8::7]:1;transport=tls", "tls:[::]:5061", true),
            ("ws:192.0.2.7:65535;local=tcp:0.0.0.0:80", "sip:192.0.2.7:65535;transport=ws", "tcp:0.0.0.0:80", true),
        ] {
            let back = WayBack { destination: destination.into(), local: local.into(), connection };
            assert_eq!((flow(text).back(), flow(text).text()), (back, text.as_bytes()));
            let (host, port) = flow(text).host_and_port().unwrap();
            assert_eq!(uri::parse(destination.as_bytes()).map(|uri| (uri.host, uri.port)), Some((host, Some(port))));
        }
    }

    #[test]
    fn what_is_no_flow() {
        let good = "udp:192.0.2.7:1024;local=udp:192.0.2.1:5060";
        for text in [
            "",
            ";local=",
            "udp:192.0.2.7:1024",
            "udp:192.0.2.7:1024;local=",
            "192.0.2.7:1024;local=udp:192.0.2.1:5060",
            "UDP:192.0.2.7:1024;local=udp:192.0.2.1:5060",
            "dtls:192.0.2.7:1024;local=udp:192.0.2.1:5060",
            "udp:192.0.2.7;local=udp:192.0.2.1:5060",
            "udp:192.0.2.7:0;local=udp:192.0.2.1:5060",
            "udp:192.0.2.7:65536;local=udp:192.0.2.1:5060",
            "udp:192.0.2.7:1024;local=udp:192.0.2.1:5060;x",
            "udp:192.0.2.7:1024;transport=tcp;local=udp:192.0.2.1:5060",
            "udp:a@192.0.2.7:1024;local=udp:192.0.2.1:5060",
            "udp:host:1024;local=udp:192.0.2.1:5060",
            "udp:2001:db8::7:1024;local=udp:192.0.2.1:5060",
            "udp:[fe80::1%1]:1024;local=udp:192.0.2.1:5060",
            "udp:192.0.2.7:1024 ;local=udp:192.0.2.1:5060",
            "udp:192.0.2.7:1024\r\n;local=udp:192.0.2.1:5060",
        ] {
            assert_eq!(Flow::parse(text.as_bytes()), None, "{text}");
        }
        for at in 0..good.len() {
            assert_eq!(Flow::parse(&good.as_bytes()[..at]).map(|_| ()), (at >= good.len() - 3).then_some(()), "{at}");
            let mut octets = good.as_bytes().to_vec();
            octets[at] = 0;
            assert_eq!(Flow::parse(&octets), None);
            octets[at] = 0xff;
            assert_eq!(Flow::parse(&octets), None);
        }
        assert_eq!(Flow::parse(&[good.as_bytes(), &[b'0'; MAX_FLOW]].concat()), None);
    }

    #[test]
    fn who_is_reached_where_it_says() {
        for (target, source, reachable) in [
            ("sip:a@192.0.2.7:5060", "192.0.2.8", true),
            ("sip:a@host.example;transport=tcp", "192.0.2.8", true),
            ("sip:a@10.0.0.1", "192.0.2.8", false),
            ("sip:a@10.0.0.1", "10.0.0.1", true),
            ("sip:a@10.0.0.1", "10.0.0.2", false),
            ("sips:172.31.255.255:1", "192.0.2.8", false),
            ("sip:a@172.32.0.0", "192.0.2.8", true),
            ("sip:a@192.168.1.1", "192.0.2.8", false),
            ("sip:a@100.64.0.0", "192.0.2.8", false),
            ("sip:a@100.127.255.255", "192.0.2.8", false),
            ("sip:a@100.128.0.0", "192.0.2.8", true),
            ("sip:a@100.63.255.255", "192.0.2.8", true),
            ("sip:a@169.254.7.7", "192.0.2.8", false),
            ("sip:a@0.0.0.0", "192.0.2.8", false),
            ("sip:a@127.0.0.1", "192.0.2.8", false),
            ("sip:a@127.0.0.1", "127.7.7.7", true),
            ("sip:a@[fd00::1]", "2001:db8::8", false),
            ("sip:a@[FD00:0::1]", "fd00::1", true),
            ("sip:a@[fe80::1]", "2001:db8::8", false),
            ("sip:a@[::ffff:10.0.0.1]", "2001:db8::8", false),
            ("sip:a@[::1]", "2001:db8::8", false),
            ("sip:a@[2001:db8::1]", "2001:db8::8", true),
            ("sip:a@df7jal23ls0d.invalid;transport=ws", "192.0.2.8", false),
            ("sip:a@df7jal23ls0d.INVALID.", "192.0.2.8", false),
            ("sip:a@invalid", "192.0.2.8", false),
            ("sip:a@invalid.example", "192.0.2.8", true),
            ("sip:a.invalid@host", "192.0.2.8", true),
            ("sip:a@[zz]", "192.0.2.8", true),
            ("tel:+1", "192.0.2.8", true),
            ("", "192.0.2.8", true),
        ] {
            assert_eq!(is_reachable(target.as_bytes(), source.parse().unwrap()), reachable, "{target} {source}");
        }
    }

    #[test]
    fn when_a_flow_is_taken() {
        let (near, far) = ("sip:a@192.0.2.7:5060", "sip:a@10.0.0.1");
        let (udp, tcp) =
            (flow("udp:192.0.2.7:1;local=udp:192.0.2.1:5060"), flow("tcp:192.0.2.7:1;local=tcp:192.0.2.1:5060"));
        let taken = |flow: Flow<'_>, target: &str| {
            [UseFlow::Never, UseFlow::Needed, UseFlow::Always].map(|when| flow.is_for(target.as_bytes(), when))
        };
        assert_eq!(taken(udp, near), [false, false, true]);
        assert_eq!(taken(udp, far), [false, true, true]);
        assert_eq!(taken(tcp, near), [false, true, true]);
    }
}
