// SPDX-License-Identifier: MIT OR Apache-2.0
//! A user played by hand over a UDP socket, for what SIPp cannot play: two answers to one INVITE, forged and broken
//! messages.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::host::Result;
use crate::loopback::own_loopback_address;
use crate::message::Message;

/// One user agent.
#[derive(Debug)]
pub struct Peer {
    socket: UdpSocket,
    address: SocketAddr,
    sent: Vec<Message>,
    received: Vec<Message>,
}

impl Peer {
    /// One on a loopback address of its own.
    pub fn new() -> Result<Self> {
        Self::at(own_loopback_address())
    }

    /// One on a free port of this address.
    pub fn at(ip: IpAddr) -> Result<Self> {
        let socket = UdpSocket::bind((ip, 0)).map_err(|error| format!("no socket on {ip}: {error}"))?;
        let address = socket.local_addr().map_err(|error| error.to_string())?;
        Ok(Self { socket, address, sent: Vec::new(), received: Vec::new() })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it sent so far.
    pub fn sent(&self) -> &[Message] {
        &self.sent
    }

    /// What it received so far.
    pub fn received(&self) -> &[Message] {
        &self.received
    }

    /// Sends one datagram.
    pub fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> Result<()> {
        self.socket.send_to(bytes, to).map_err(|error| format!("to {to}: {error}"))?;
        self.sent.push(Message::new(bytes));
        Ok(())
    }

    /// Waits for the message that is meant; all that come are kept.
    pub fn await_message(&mut self, limit: Duration, meant: impl Fn(&Message) -> bool) -> Result<Message> {
        let end = Instant::now() + limit;
        let mut buffer = vec![0; 65_536];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let seen: Vec<String> = self.received.iter().map(Message::start_line).collect();
                return Err(format!("{} waited in vain for a message; it has {seen:?}", self.address));
            }
            self.socket.set_read_timeout(Some(left)).map_err(|error| error.to_string())?;
            if let Ok((length, _)) = self.socket.recv_from(&mut buffer) {
                let message = Message::new(&buffer[..length]);
                self.received.push(message.clone());
                if meant(&message) {
                    return Ok(message);
                }
            }
        }
    }
}

/// A reply: the Vias, From, To, Call-ID, CSeq and Record-Route of the request, with another To where one is given, and
/// further lines.
pub fn reply(request: &Message, code: u16, to: Option<&str>, lines: &[String]) -> Vec<u8> {
    let mut text = format!("SIP/2.0 {code} Answer\r\n");
    for name in ["Via", "From", "To", "Call-ID", "CSeq", "Record-Route"] {
        let values = match to {
            Some(to) if name == "To" => vec![to.to_owned()],
            _ => request.headers(name),
        };
        text.extend(values.iter().map(|value| format!("{name}: {value}\r\n")));
    }
    text.extend(lines.iter().map(|line| format!("{line}\r\n")));
    text += "Content-Length: 0\r\n\r\n";
    text.into_bytes()
}
