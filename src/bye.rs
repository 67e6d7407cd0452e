// SPDX-License-Identifier: MIT OR Apache-2.0
//! A planned BYE into the caller's buffer: byte-exact values, no allocation, nothing half-written.
//!
//! The lines a transaction layer may want as one piece (Route to the further headers) stand together.

use core::ops::Range;

use crate::dialog::User;
use crate::error::Error;
use crate::message::uri;
use crate::reason::decimal;
use crate::release::{Branch, Leg, route_uri};

/// A request above this size goes over TCP where the path MTU is not known (RFC 3261 18.1.1).
pub const LARGE: usize = 1300;

/// Where the parts of a written BYE lie in its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// Length of the message.
    pub length: usize,
    /// The Request-URI.
    pub request_uri: Range<usize>,
    /// The URI the BYE is sent to: of the topmost Route, of a strict router in the Request-URI, else the remote target.
    pub next_hop: Range<usize>,
    /// Route line with its line end; empty without routes.
    pub route: Range<usize>,
    /// All lines from Route to the last further header, with their line ends.
    pub headers: Range<usize>,
    /// The From value.
    pub from: Range<usize>,
    /// Offset of the `;` before its tag, and of the tag, where it has one.
    pub from_tag: Option<(usize, usize)>,
    /// The To value.
    pub to: Range<usize>,
    /// The same for To.
    pub to_tag: Option<(usize, usize)>,
    /// The Call-ID value.
    pub call_id: Range<usize>,
}

const BYE: &[u8] = b"BYE ";
const VERSION: &[u8] = b" SIP/2.0\r\n";
const VERSION_VIA: &[u8] = b" SIP/2.0\r\nVia: SIP/2.0/";
const BRANCH: &[u8] = b";branch=z9hG4bK";
const ROUTE: &[u8] = b"Route: ";
const MAX_FORWARDS_REASON: &[u8] = b"Max-Forwards: 70\r\nReason: ";
const SESSION_ID: &[u8] = b"Session-ID: ";
const REMOTE: &[u8] = b";remote=";
const SESSION_ID_LENGTH: usize = 32;
const UNKNOWN_SESSION_ID: &[u8] = &[b'0'; SESSION_ID_LENGTH];
const FROM: &[u8] = b"From: ";
const TO: &[u8] = b"\r\nTo: ";
const CALL_ID: &[u8] = b"\r\nCall-ID: ";
const CSEQ: &[u8] = b"\r\nCSeq: ";
const END: &[u8] = b" BYE\r\nContent-Length: 0\r\n\r\n";
const LINE_END: &[u8] = b"\r\n";

/// Writes into a buffer that is known to be large enough.
struct Out<'b> {
    rest: &'b mut [u8],
    at: usize,
}

impl Out<'_> {
    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) -> Range<usize> {
        let (here, rest) = core::mem::take(&mut self.rest).split_at_mut(bytes.len());
        here.copy_from_slice(bytes);
        self.rest = rest;
        let start = self.at;
        self.at += bytes.len();
        start..self.at
    }
}

impl Leg<'_> {
    /// The length of the whole message.
    #[inline]
    pub fn encoded_len(&self) -> usize {
        let dialog = self.dialog;
        let mut length = BYE.len()
            + self.request_uri.len()
            + MAX_FORWARDS_REASON.len()
            + self.request.reason.encoded_len()
            + LINE_END.len()
            + dialog.headers().len()
            + FROM.len()
            + dialog.from().len()
            + TO.len()
            + dialog.to().len()
            + CALL_ID.len()
            + dialog.call_id().len()
            + CSEQ.len()
            + decimal_len(self.cseq)
            + END.len();
        length += match self.via() {
            Some((transport, sent_by, _)) => {
                VERSION_VIA.len() + transport.len() + 1 + sent_by.len() + BRANCH.len() + BRANCH_LENGTH + LINE_END.len()
            }
            None => VERSION.len(),
        };
        if !self.routes.is_empty() || self.strict {
            length += ROUTE.len() + self.routes.len() + LINE_END.len();
        }
        if self.strict {
            let written: usize = stripped(self.request_uri).map(<[u8]>::len).sum();
            let comma = if self.routes.is_empty() { 0 } else { 2 };
            length = length - self.request_uri.len() + written + comma + self.last_route.len() + 2;
        }
        if self.session_ids().is_some() {
            length += SESSION_ID.len() + SESSION_ID_LENGTH + REMOTE.len() + SESSION_ID_LENGTH + LINE_END.len();
        }
        length + self.request.headers.iter().map(|h| h.len() + LINE_END.len()).sum::<usize>()
    }

    /// Writes the message into `buffer`. A buffer that is too small stays as it is: ask [`Leg::encoded_len`] first.
    #[inline]
    pub fn encode_into(&self, buffer: &mut [u8]) -> Result<Encoded, Error> {
        let length = self.encoded_len();
        let rest = buffer.get_mut(..length).ok_or(Error::BufferTooSmall)?;
        let dialog = self.dialog;
        let mut out = Out { rest, at: 0 };

        out.put(BYE);
        let request_uri = if self.strict {
            let start = out.at;
            for piece in stripped(self.request_uri) {
                out.put(piece);
            }
            start..out.at
        } else {
            out.put(self.request_uri)
        };
        match self.via() {
            Some((transport, sent_by, branch)) => {
                out.put(VERSION_VIA);
                out.put(transport);
                out.put(b" ");
                out.put(sent_by);
                out.put(BRANCH);
                out.put(&hexadecimal(branch));
                out.put(LINE_END)
            }
            None => out.put(VERSION),
        };

        let headers = out.at;
        let (route, next_hop) = self.put_route(&mut out, &request_uri);
        out.put(MAX_FORWARDS_REASON);
        self.request.reason.encode(|piece| {
            out.put(piece);
        });
        out.put(LINE_END);
        if let Some((local, remote)) = self.session_ids() {
            out.put(SESSION_ID);
            out.put(local);
            out.put(REMOTE);
            out.put(remote);
            out.put(LINE_END);
        }
        out.put(dialog.headers());
        for header in self.request.headers {
            out.put(header);
            out.put(LINE_END);
        }
        let headers = headers..out.at;

        // TS 24.229 5.4.5.1.2: the BYE to the calling user carries To as From and From as To.
        let (from, from_tag, to, to_tag) = match self.to {
            User::Called => (dialog.from(), dialog.tag_of_from(), dialog.to(), dialog.tag_of_to()),
            User::Calling => (dialog.to(), dialog.tag_of_to(), dialog.from(), dialog.tag_of_from()),
        };
        out.put(FROM);
        let from = out.put(from);
        out.put(TO);
        let to = out.put(to);
        out.put(CALL_ID);
        let call_id = out.put(dialog.call_id());
        out.put(CSEQ);
        out.put(decimal(self.cseq, &mut [0; 10]));
        out.put(END);
        debug_assert_eq!(out.at, length);
        let shift = |tag: Option<(usize, usize)>, by: usize| tag.map(|(semicolon, start)| (semicolon + by, start + by));
        Ok(Encoded {
            length,
            request_uri,
            next_hop,
            route,
            headers,
            from_tag: shift(from_tag, from.start),
            to_tag: shift(to_tag, to.start),
            from,
            to,
            call_id,
        })
    }

    #[inline]
    fn put_route(&self, out: &mut Out<'_>, request_uri: &Range<usize>) -> (Range<usize>, Range<usize>) {
        let start = out.at;
        if self.routes.is_empty() && !self.strict {
            return (start..start, request_uri.clone());
        }
        out.put(ROUTE);
        let routes = out.put(self.routes);
        let next_hop = if self.strict {
            out.put(if self.routes.is_empty() { b"<" } else { b", <" });
            out.put(self.last_route);
            out.put(b">");
            // RFC 3261 12.2.1.1: a strict router is addressed by the Request-URI.
            request_uri.clone()
        } else {
            let uri = route_uri(self.routes);
            let offset = uri.as_ptr() as usize - self.routes.as_ptr() as usize;
            routes.start + offset..routes.start + offset + uri.len()
        };
        out.put(LINE_END);
        (start..out.at, next_hop)
    }

    /// RFC 7989 7: local is the UUID of the other user, remote that of the receiver; absent when both are unknown.
    fn session_ids(&self) -> Option<(&[u8], &[u8])> {
        let (calling, called) = self.dialog.session_ids();
        if calling.is_none() && called.is_none() {
            return None;
        }
        let calling = calling.unwrap_or(UNKNOWN_SESSION_ID);
        let called = called.unwrap_or(UNKNOWN_SESSION_ID);
        Some(match self.to {
            User::Called => (calling, called),
            User::Calling => (called, calling),
        })
    }
}

/// The URI of a strict router as it may stand in a Request-URI.
fn stripped(uri: &[u8]) -> impl Iterator<Item = &[u8]> {
    let cut = uri::parse(uri);
    let whole = if cut.is_none() { uri } else { b"" };
    core::iter::once(whole).chain(cut.into_iter().flat_map(move |cut| uri::without_method_and_headers(uri, &cut)))
}

fn decimal_len(number: u32) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

/// Prefix and counter in hexadecimal.
const BRANCH_LENGTH: usize = 24;

fn hexadecimal(branch: Branch) -> [u8; BRANCH_LENGTH] {
    let mut digits = [0; BRANCH_LENGTH];
    let words = [(branch.prefix >> 32) as u32, branch.prefix as u32, branch.counter];
    for (eight, word) in digits.chunks_exact_mut(8).zip(words) {
        eight.copy_from_slice(&eight_digits(word));
    }
    digits
}

/// All eight digits at once, one in each byte of a word: a table costs ten times as much.
fn eight_digits(number: u32) -> [u8; 8] {
    let mut nibbles = u64::from(number);
    nibbles = (nibbles | nibbles << 16) & 0x0000_ffff_0000_ffff;
    nibbles = (nibbles | nibbles << 8) & 0x00ff_00ff_00ff_00ff;
    nibbles = (nibbles | nibbles << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // 6 more than 9 carries into bit 4: that marks the letters.
    let letters = (nibbles + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    (nibbles + 0x3030_3030_3030_3030 + letters * u64::from(b'a' - b'0' - 10)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_formatter() {
        for number in [0, 1, 9, 10, 0xabcd_ef01, 0x9a9a_0f0f, u32::MAX] {
            assert_eq!(eight_digits(number), *format!("{number:08x}").as_bytes());
        }
    }
}
