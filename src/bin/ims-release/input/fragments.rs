// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fragments of IP packets, put together (RFC 791 3.2, RFC 8200 4.5).

use std::collections::HashMap;
use std::net::IpAddr;

use etherparse::defrag::{IpDefragBuf, IpFragRange};
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
    /// The last complete packet of each name that looked like SIP, and when it was complete.
    complete: HashMap<Name, (u64, Vec<u8>)>,
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
            self.waiting.remove(&name)?.give_up(name, self.complete.get(&name), input);
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
        let waiting = self.waiting.remove(&name)?;
        let looks_like_sip = waiting.looks_like_sip(name);
        let payload = waiting.parts.take_bufs().0;
        if looks_like_sip {
            self.complete.insert(name, (moment.time, payload.clone()));
        }
        Some(payload)
    }

    /// Nothing more comes.
    pub fn finish(self, input: &mut Input) {
        for (name, waiting) in self.waiting {
            waiting.give_up(name, self.complete.get(&name), input);
        }
    }
}

impl Waiting {
    fn looks_like_sip(&self, name: Name) -> bool {
        let payload = self.head.get(UDP_HEADER..).unwrap_or_default();
        name.protocol == IpNumber::UDP && framing::looks_like_sip(payload)
    }

    fn give_up(self, name: Name, complete: Option<&(u64, Vec<u8>)>, input: &mut Input) {
        if self.looks_like_sip(name) && !complete.is_some_and(|complete| self.repeats(complete)) {
            input.cut_off(self.begun.place, "a fragment of its datagram is missing");
        }
    }

    /// Whether all of it stands in the packet that was complete before, as a network or a capture on two interfaces
    /// gives fragments twice. They are not dropped when they come: their packet may as well be a new one, of which some
    /// octets are the same.
    fn repeats(&self, (time, packet): &(u64, Vec<u8>)) -> bool {
        let same = |range: &IpFragRange| {
            let range = usize::from(range.start)..usize::from(range.end);
            packet.get(range.clone()).is_some_and(|octets| self.parts.data().get(range) == Some(octets))
        };
        self.begun.time.saturating_sub(*time) <= LIFETIME && self.parts.sections().iter().all(same)
    }
}
