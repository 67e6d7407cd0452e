// SPDX-License-Identifier: MIT OR Apache-2.0
//! Draws what was on the wire as text: time, who -> whom, request or status, CSeq, how a BYE of ours was delivered.

use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::dump::Packet;

/// The three who take part: calling user, proxy, called user.
#[derive(Clone, Debug)]
pub struct Names {
    /// Where the calling user is.
    pub calling: SocketAddr,
    /// The sockets of the proxy.
    pub proxy: Vec<SocketAddr>,
    /// Where the called user is.
    pub called: SocketAddr,
}

const GAP: usize = 30;

impl Names {
    fn column(&self, address: SocketAddr) -> usize {
        if address == self.calling {
            0
        } else if address == self.called {
            2
        } else {
            1
        }
    }
}

/// How the BYE with this branch was delivered, for the first datagram that carries it.
fn delivery(packet: &Packet, proxied: bool) -> &'static str {
    if !packet.message.is("BYE") || !packet.sent {
        ""
    } else if packet.looped() {
        "loop"
    } else if proxied {
        "on from request_route"
    } else {
        "direct"
    }
}

/// The ladder of one call from the datagrams that the proxy sent and received.
pub fn draw(packets: &[Packet], names: &Names) -> String {
    let mut text = String::new();
    let columns = ["calling", "proxy", "called"];
    let mut line = " ".repeat(9);
    for name in columns {
        let _ = write!(line, "{name:<GAP$}");
    }
    let _ = writeln!(text, "{}", line.trim_end());
    let start = packets.first().map_or(0.0, |packet| packet.time);
    for packet in packets {
        // A looped datagram is captured as it leaves and as it comes in: shown once.
        if packet.looped() && !packet.sent {
            continue;
        }
        let (from, to) = (names.column(packet.source), names.column(packet.destination));
        let message = &packet.message;
        let (number, method) = message.cseq();
        let what = match message.status() {
            Some(code) => format!("{code} {number} {method}"),
            None => format!("{method} {number}"),
        };
        let own_via = message
            .headers("Via")
            .iter()
            .filter(|via| names.proxy.iter().any(|own| via.contains(&own.to_string())))
            .count();
        let how = delivery(packet, own_via > 1);
        let arrow = arrow(from, to, &what);
        let row = format!("{:8.3} {arrow:<width$} {how}", packet.time - start, width = 2 * GAP + 10);
        let _ = writeln!(text, "{}", row.trim_end());
    }
    text
}

/// One row between the life lines.
fn arrow(from: usize, to: usize, what: &str) -> String {
    let mut row: Vec<char> = vec![' '; 2 * GAP + 1];
    for column in 0..3 {
        row[column * GAP] = '|';
    }
    if from == to {
        let label = format!("|<-. {what}");
        let start = from * GAP;
        row.resize(row.len().max(start + label.len()), ' ');
        for (place, character) in row[start..].iter_mut().zip(label.chars()) {
            *place = character;
        }
        return row.into_iter().collect();
    }
    let (left, right) = (from.min(to) * GAP, from.max(to) * GAP);
    for place in &mut row[left + 1..right] {
        *place = '-';
    }
    if from < to {
        row[right - 1] = '>'
    } else {
        row[left + 1] = '<'
    }
    let label = format!(" {what} ");
    let start = left + (right - left).saturating_sub(label.len()) / 2;
    for (place, character) in row[start..right].iter_mut().zip(label.chars()) {
        *place = character;
    }
    row.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;

    fn packet(source: &str, destination: &str, sent: bool, text: &str) -> Packet {
        let address = |text: &str| text.parse().expect("address");
        let (source, destination) = (address(source), address(destination));
        Packet { time: 10.0, sent, source, destination, message: Message::new(text) }
    }

    #[test]
    fn the_ladder_tells_loop_from_direct() {
        let names = Names {
            calling: "127.0.0.1:1".parse().expect("address"),
            proxy: vec!["127.0.0.2:2".parse().expect("address")],
            called: "127.0.0.3:3".parse().expect("address"),
        };
        let bye = |vias: usize| {
            let via = "Via: SIP/2.0/UDP 127.0.0.2:2;branch=z9hG4bK1\r\n".repeat(vias);
            format!("BYE sip:x SIP/2.0\r\n{via}CSeq: 5 BYE\r\n\r\n")
        };
        let packets = [
            packet("127.0.0.2:2", "127.0.0.2:2", true, &bye(1)),
            packet("127.0.0.2:2", "127.0.0.2:2", false, &bye(1)),
            packet("127.0.0.2:2", "127.0.0.3:3", true, &bye(2)),
            packet("127.0.0.2:2", "127.0.0.1:1", true, &bye(1)),
            packet("127.0.0.1:1", "127.0.0.2:2", false, "SIP/2.0 200 OK\r\nCSeq: 5 BYE\r\n\r\n"),
        ];
        let ladder = draw(&packets, &names);
        let rows: Vec<&str> = ladder.lines().collect();
        assert_eq!(rows.len(), 5, "{ladder}");
        assert!(rows[1].ends_with(" loop") && rows[1].contains("|<-. BYE 5"), "{ladder}");
        assert!(rows[2].ends_with("on from request_route") && rows[2].contains("->"), "{ladder}");
        assert!(rows[3].ends_with(" direct") && rows[3].contains("|<-"), "{ladder}");
        assert!(rows[4].contains(" 200 5 BYE ") && rows[4].contains(">|"), "{ladder}");
    }
}
