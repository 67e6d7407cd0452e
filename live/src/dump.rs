// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was on the wire, as Kamailio's sipdump module wrote it: every datagram it received or sent, those that it sent
//! to its own socket included. Needs no root, unlike a packet sniffer.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::message::Message;

/// One datagram at the proxy.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Seconds of the epoch.
    pub time: f64,
    /// True when the proxy sent it.
    pub sent: bool,
    /// From where.
    pub source: SocketAddr,
    /// To where.
    pub destination: SocketAddr,
    /// The message.
    pub message: Message,
}

impl Packet {
    /// True when the proxy sent it to itself.
    pub fn looped(&self) -> bool {
        self.source == self.destination
    }
}

/// The captures of a directory.
pub fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "data")).collect()
}

/// Reads all captures of a directory, in the order of time.
pub fn read(directory: &Path) -> Vec<Packet> {
    let bytes = files(directory).into_iter().filter_map(|path| fs::read(path).ok());
    let mut found: Vec<Packet> = bytes.flat_map(|bytes| parse(&bytes)).collect();
    found.sort_by(|one, two| one.time.total_cmp(&two.time));
    found
}

/// A block is a rule, lines "name: value", another rule, the message as it is, a last rule.
fn parse(bytes: &[u8]) -> Vec<Packet> {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Vec::new();
    for block in text.split("====================\n").skip(1) {
        let Some((head, rest)) = block.split_once("~~~~~~~~~~~~~~~~~~~~\n") else { continue };
        let Some((body, _)) = rest.split_once("||||||||||||||||||||\n") else { continue };
        let value = |name: &str| {
            head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default().trim()
        };
        let address = |ip: &str, port: &str| {
            let ip = value(ip).trim_matches(['[', ']']).parse::<IpAddr>().ok()?;
            Some(SocketAddr::new(ip, value(port).parse().ok()?))
        };
        let (Some(source), Some(destination)) = (address("srcip", "srcport"), address("dstip", "dstport")) else {
            continue;
        };
        found.push(Packet {
            time: value("time").parse().unwrap_or_default(),
            sent: value("tag").starts_with("snd"),
            source,
            destination,
            message: Message::new(body.as_bytes()),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_gives_the_datagram_byte_by_byte() {
        let head = "tag: snd\npid: 1\ntime: 7.5\nproto: udp ipv4\nsrcip: 127.0.0.1\nsrcport: 1\ndstip: 127.0.0.1\ndstport: 1\n";
        let message = "BYE sip:a@b SIP/2.0\r\nCSeq: 2 BYE\r\n\r\n";
        let block = format!("====================\n{head}~~~~~~~~~~~~~~~~~~~~\n{message}||||||||||||||||||||\n");
        let packets = parse(block.repeat(2).as_bytes());
        assert_eq!(packets.len(), 2);
        assert_eq!(packets[1].message.bytes(), message.as_bytes());
        assert!(packets[0].sent && packets[0].looped() && (packets[0].time - 7.5).abs() < 1e-9);
    }
}
