// SPDX-License-Identifier: MIT OR Apache-2.0
//! One direction of a TCP connection (RFC 9293 3.4): its segments in order, each octet once, and the messages in it.
//!
//! Segments wait for those that the capture has late, in a window by octets and not by time: that a message is known
//! late does no harm, because all messages are put in order by their frames in the end. What is still missing then was
//! not captured, and the stream goes on behind it with the next line that begins a message.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use etherparse::TcpSlice;
use ims_release::capture::Fault;

use super::framing::{Step, step};
use super::packets::Moment;
use super::{Input, Message};

/// One direction.
#[derive(Debug)]
pub struct Stream {
    ends: (SocketAddr, SocketAddr),
    /// Where the last segment began; sequence numbers are counted on from it without turning over.
    last: Option<u64>,
    /// Where the connection began, if its first segment was captured.
    begun: Option<u64>,
    /// What is waiting, by where it begins. No two overlap.
    waiting: BTreeMap<u64, (Moment, Vec<u8>)>,
    waiting_octets: usize,
    /// Up to where the stream was cut; `None` before anything was.
    cut_to: Option<u64>,
    run: Run,
}

/// What was put in order and is not yet cut into messages.
#[derive(Debug, Default)]
struct Run {
    bytes: Vec<u8>,
    /// From which octet on the bytes came in which segment.
    segments: Vec<(usize, Moment)>,
    /// How many of them are worth a look.
    enough: usize,
    /// A message ends where the bytes begin.
    in_step: bool,
    /// The last to come of all octets before: who receives the stream sees no octet before those in front of it.
    reached: Option<Moment>,
}

/// How many octets wait for a segment that is late: more than a window of TCP without scaling.
const WINDOW: usize = 256 * 1024;
/// About a message.
const ENOUGH: usize = 4 * 1024;
/// Sequence numbers are counted from here, so that there is room below.
const ORIGIN: u64 = 1 << 40;

impl Stream {
    /// A direction of which nothing was seen yet.
    pub fn new(ends: (SocketAddr, SocketAddr)) -> Self {
        Self {
            ends,
            last: None,
            begun: None,
            waiting: BTreeMap::new(),
            waiting_octets: 0,
            cut_to: None,
            run: Run::default(),
        }
    }

    /// Takes in a segment.
    pub fn segment(&mut self, moment: Moment, segment: &TcpSlice<'_>, input: &mut Input) {
        let mut at = self.position(segment.sequence_number());
        if segment.syn() {
            at += 1;
            if self.begun != Some(at) && self.last.is_some() {
                // The ports are used for another connection.
                self.flush(0, input);
                self.run.end(self.ends, "the connection ends within it", input);
                let ends = self.ends;
                *self = Self::new(ends);
                at = self.position(segment.sequence_number()) + 1;
            }
            self.begun = Some(at);
            self.cut_to = self.cut_to.or(Some(at));
            self.run.in_step |= self.run.bytes.is_empty();
        }
        self.last = Some(at);
        self.wait(at, moment, segment.payload());
        if self.waiting_octets > WINDOW {
            self.flush(WINDOW / 2, input);
        }
    }

    fn position(&self, sequence: u32) -> u64 {
        match self.last {
            Some(last) => last.wrapping_add_signed(i64::from(sequence.wrapping_sub(last as u32) as i32)),
            None => ORIGIN | u64::from(sequence),
        }
    }

    /// Keeps the octets that are new. The first to come counts: a probe that keeps the connection alive repeats one
    /// octet with any value.
    fn wait(&mut self, at: u64, moment: Moment, payload: &[u8]) {
        let end = at + payload.len() as u64;
        let mut from = at.max(self.cut_to.unwrap_or(0));
        while from < end {
            let before = self.waiting.range(..=from).next_back();
            if let Some(known) = before.map(|(start, (_, bytes))| start + bytes.len() as u64).filter(|k| *k > from) {
                from = known;
                continue;
            }
            let to = self.waiting.range(from..end).next().map_or(end, |(start, _)| *start);
            let piece = &payload[(from - at) as usize..(to - at) as usize];
            self.waiting.insert(from, (moment, piece.to_vec()));
            self.waiting_octets += piece.len();
            from = to;
        }
    }

    /// Cuts what waits, from the beginning, until no more than `left` octets do.
    fn flush(&mut self, left: usize, input: &mut Input) {
        while self.waiting_octets > left {
            let Some((at, (moment, bytes))) = self.waiting.pop_first() else { return };
            self.waiting_octets -= bytes.len();
            if self.cut_to.is_some_and(|cut_to| cut_to != at) {
                self.run.end(self.ends, "octets are missing in the stream", input);
            }
            self.cut_to = Some(at + bytes.len() as u64);
            self.run.segments.push((self.run.bytes.len(), moment));
            self.run.bytes.extend_from_slice(&bytes);
            // What is not whole yet is looked at anew each time: not with each segment, which may be one octet.
            if self.run.bytes.len() >= self.run.enough {
                self.run.cut(false, self.ends, "", input);
                self.run.enough = (2 * self.run.bytes.len()).max(ENOUGH);
            }
        }
    }

    /// Nothing more comes.
    pub fn finish(mut self, input: &mut Input) {
        self.flush(0, input);
        self.run.end(self.ends, "the capture ends within it", input);
    }
}

impl Run {
    /// Nothing follows the bytes.
    fn end(&mut self, ends: (SocketAddr, SocketAddr), why: &str, input: &mut Input) {
        self.cut(true, ends, why, input);
        *self = Self { reached: self.reached, ..Self::default() };
    }

    /// Takes messages from the beginning while they are whole. What is none is passed over: another protocol, or the
    /// rest of a message that began before the capture.
    fn cut(&mut self, at_end: bool, ends: (SocketAddr, SocketAddr), why: &str, input: &mut Input) {
        let mut at = 0;
        loop {
            at += match step(&self.bytes[at..], at_end, self.in_step) {
                Step::More => break,
                Step::KeepAlive(length) => length,
                Step::Junk(0) => break,
                Step::Junk(length) => {
                    self.in_step = false;
                    length
                }
                Step::Message(length) => {
                    let (Some(first), Some(last)) = (self.moment(at), self.reach(at + length)) else { break };
                    input.messages.push(Message {
                        place: first.place,
                        complete: last.place,
                        time: Some(last.time),
                        ends: Some(ends),
                        bytes: self.bytes[at..at + length].to_vec(),
                    });
                    self.in_step = true;
                    length
                }
                Step::CutOff(length) => {
                    if let Some(moment) = self.moment(at) {
                        input.cut_off(moment.place, why);
                    }
                    self.in_step = false;
                    length
                }
                Step::TooLong(length) => {
                    if let Some(moment) = self.moment(at) {
                        input.reject(moment.place, "too-large", Fault::TooLarge.text());
                    }
                    self.in_step = false;
                    length
                }
            };
        }
        self.bytes.drain(..at);
        let kept = self.segments.iter().rposition(|(start, _)| *start <= at).unwrap_or(0);
        self.segments.drain(..kept);
        for (start, _) in &mut self.segments {
            *start = start.saturating_sub(at);
        }
    }

    /// When the octet at `at` came.
    fn moment(&self, at: usize) -> Option<Moment> {
        self.segments.iter().rev().find(|(start, _)| *start <= at).map(|(_, moment)| *moment)
    }

    /// When all octets up to `to` were there.
    fn reach(&mut self, to: usize) -> Option<Moment> {
        let until = self.segments.iter().take_while(|(start, _)| *start < to).map(|(_, moment)| *moment);
        self.reached = until.chain(self.reached).max_by_key(|moment| moment.place);
        self.reached
    }
}
