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
const VERSION_VIA: &[u8] = b" SIP/2.0\r\nVia: SIP/2.0/";
const VERSION: &[u8] = b" SIP/2.0\r\n";
const BRANCH: &[u8] = b";branch=z9hG4bK";
const ROUTE: &[u8] = b"Route: ";
const MAX_FORWARDS_REASON: &[u8] = b"Max-Forwards: 70\r\nReason: ";
const SESSION_ID: &[u8] = b"Session-ID: ";
const REMOTE: &[u8] = b";remote=";
const UNKNOWN_SESSION_ID: &[u8] = &[b'0'; 32];
const FROM: &[u8] = b"From: ";
const TO: &[u8] = b"To: ";
const CALL_ID: &[u8] = b"Call-ID: ";
const CSEQ: &[u8] = b"CSeq: ";
const END: &[u8] = b" BYE\r\nContent-Length: 0\r\n\r\n";
const LINE_END: &[u8] = b"\r\n";
/// Prefix and counter in hexadecimal.
const BRANCH_LENGTH: usize = 32;

/// Writes into a buffer that is known to be large enough.
struct Out<'b> {
    buffer: &'b mut [u8],
    at: usize,
}

impl Out<'_> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) -> Range<usize> {
        let range = self.at..self.at + bytes.len();
        self.buffer[range.clone()].copy_from_slice(bytes);
        self.at = range.end;
        range
    }
}

impl Leg<'_> {
    /// The length of the whole message.
    pub fn encoded_len(&self) -> usize {
        let dialog = &self.dialog;
        let request_uri = if self.strict {
            uri::without_method_and_headers(self.request_uri).map(<[u8]>::len).sum()
        } else {
            self.request_uri.len()
        };
        let via = match self.via_parts() {
            Some((transport, sent_by, _)) => {
                VERSION_VIA.len() + transport.len() + 1 + sent_by.len() + BRANCH.len() + BRANCH_LENGTH + LINE_END.len()
            }
            None => VERSION.len(),
        };
        let target = self.last_route.map_or(0, |t| t.len() + 2);
        let route = match (self.routes.len(), target) {
            (0, 0) => 0,
            (routes, 0) => ROUTE.len() + routes + LINE_END.len(),
            (0, target) => ROUTE.len() + target + LINE_END.len(),
            (routes, target) => ROUTE.len() + routes + 2 + target + LINE_END.len(),
        };
        let session_id = match self.session_ids() {
            Some(_) => SESSION_ID.len() + 32 + REMOTE.len() + 32 + LINE_END.len(),
            None => 0,
        };
        let further: usize = self.headers.iter().map(|h| h.len() + LINE_END.len()).sum();
        BYE.len()
            + request_uri
            + via
            + route
            + MAX_FORWARDS_REASON.len()
            + self.reason.encoded_len()
            + LINE_END.len()
            + session_id
            + dialog.headers().len()
            + further
            + FROM.len()
            + dialog.from().len()
            + TO.len()
            + dialog.to().len()
            + CALL_ID.len()
            + dialog.call_id().len()
            + 3 * LINE_END.len()
            + CSEQ.len()
            + decimal_len(self.cseq)
            + END.len()
    }

    /// Writes the message into `buffer`. A buffer that is too small stays as it is: ask [`Leg::encoded_len`] first.
    pub fn encode_into(&self, buffer: &mut [u8]) -> Result<Encoded, Error> {
        let length = self.encoded_len();
        let buffer = buffer.get_mut(..length).ok_or(Error::BufferTooSmall)?;
        let dialog = &self.dialog;
        let mut out = Out { buffer, at: 0 };

        out.put(BYE);
        let request_uri = if self.strict {
            let start = out.at;
            for piece in uri::without_method_and_headers(self.request_uri) {
                out.put(piece);
            }
            start..out.at
        } else {
            out.put(self.request_uri)
        };
        match self.via_parts() {
            Some((transport, sent_by, branch)) => {
                out.put(VERSION_VIA);
                out.put(transport);
                out.put(b" ");
                out.put(sent_by);
                out.put(BRANCH);
                out.put(&hexadecimal(branch));
                out.put(LINE_END);
            }
            None => {
                out.put(VERSION);
            }
        }

        let headers = out.at;
        let (route, next_hop) = self.put_route(&mut out, &request_uri);
        out.put(MAX_FORWARDS_REASON);
        self.reason.encode(|piece| {
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
        for header in self.headers {
            out.put(header);
            out.put(LINE_END);
        }
        let headers = headers..out.at;

        // TS 24.229 5.4.5.1.2: the BYE to the calling user carries To as From and From as To.
        let (from, from_tag, to, to_tag) = match self.to {
            User::Called => (dialog.from(), dialog.from_tag_at(), dialog.to(), dialog.to_tag_at()),
            User::Calling => (dialog.to(), dialog.to_tag_at(), dialog.from(), dialog.from_tag_at()),
        };
        out.put(FROM);
        let from = out.put(from);
        out.put(LINE_END);
        out.put(TO);
        let to = out.put(to);
        out.put(LINE_END);
        out.put(CALL_ID);
        let call_id = out.put(dialog.call_id());
        out.put(LINE_END);
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

    fn put_route(&self, out: &mut Out<'_>, request_uri: &Range<usize>) -> (Range<usize>, Range<usize>) {
        let start = out.at;
        if self.routes.is_empty() && self.last_route.is_none() {
            return (start..start, request_uri.clone());
        }
        out.put(ROUTE);
        let routes = out.put(self.routes);
        if let Some(target) = self.last_route {
            out.put(if self.routes.is_empty() { b"<" } else { b", <" });
            out.put(target);
            out.put(b">");
        }
        out.put(LINE_END);
        let next_hop = if self.strict {
            // RFC 3261 12.2.1.1: a strict router is addressed by the Request-URI.
            request_uri.clone()
        } else {
            let uri = route_uri(self.routes);
            let offset = uri.as_ptr() as usize - self.routes.as_ptr() as usize;
            routes.start + offset..routes.start + offset + uri.len()
        };
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

fn decimal_len(number: u32) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

fn hexadecimal(branch: Branch) -> [u8; BRANCH_LENGTH] {
    let mut digits = [0; BRANCH_LENGTH];
    let number = (u128::from(branch.prefix) << 64 | u128::from(branch.counter)).to_be_bytes();
    for (pair, byte) in digits.chunks_exact_mut(2).zip(number) {
        pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
        pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
    digits
}
