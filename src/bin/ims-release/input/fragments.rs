// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fragments of IP packets, put together (RFC 791 3.2, RFC 8200 4.5).

use std::collections::HashMap;
use std::net::IpAddr;

use etherparse::defrag::IpDefragBuf;
use etherparse::{IpFragOffset, IpNumber};

use super::packets::Moment;
use super::{Input, framing};

/// What the fragments of one packet have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// From and to.
    pub addresses: (IpAddr, IpAddr),
    /// The number that the sender gave the packet.
    pub identification: u32,
    /// What it holds.
    pub protocol: IpNumber,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct Fragment<'a> {
    /// Where it belongs.
    pub offset: IpFragOffset,
    /// It is not the last.
    pub more: bool,
    /// Its octets.
    pub bytes: &'a [u8],
}

/// The packets of which a fragment is missing.
#[derive(Debug, Default)]
pub struct Fragments {
    waiting: HashMap<Name, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    begun: Moment,
    parts: IpDefragBuf,
    /// The first octets of the packet, once they are there.
    head: Vec<u8>,
}

/// RFC 8200 4.5: so long after its first fragment a packet is given up, in microseconds. Its number may come again.
const LIFETIME: u64 = 60_000_000;

/// Source and destination port, length and checksum.
const UDP_HEADER: usize = 8;

impl Fragments {
    /// Adds a fragment; the packet's payload if it was the last one missing.
    pub fn add(&mut self, name: Name, moment: Moment, fragment: &Fragment<'_>, input: &mut Input) -> Option<Vec<u8>> {
        let stale = |waiting: &Waiting| moment.time.saturating_sub(waiting.begun.time) > LIFETIME;
        if self.waiting.get(&name).is_some_and(stale) {
            self.waiting.remove(&name)?.give_up(name, input);
        }
        let waiting = self.waiting.entry(name).or_insert_with(|| Waiting {
            begun: moment,
            parts: IpDefragBuf::new(name.protocol, Vec::new(), Vec::new()),
            head: Vec::new(),
        });
        if fragment.offset.value() == 0 {
            waiting.head = fragment.bytes.to_vec();
        }
        // What contradicts the other fragments is left out.
        let _ = waiting.parts.add(fragment.offset, fragment.more, fragment.bytes);
        if !waiting.parts.is_complete() {
            return None;
        }
        Some(self.waiting.remove(&name)?.parts.take_bufs().0)
    }

    /// Nothing more comes.
    pub fn finish(self, input: &mut Input) {
        for (name, waiting) in self.waiting {
            waiting.give_up(name, input);
        }
    }
}

impl Waiting {
    fn give_up(self, name: Name, input: &mut Input) {
        let payload = self.head.get(UDP_HEADER..).unwrap_or_default();
        if name.protocol == IpNumber::UDP && framing::looks_like_sip(payload) {
            input.cut_off(self.begun.place, "a fragment of its datagram is missing");
        }
    }
}
