// SPDX-License-Identifier: MIT OR Apache-2.0
//! A planned BYE into the caller's buffer: byte-exact values, no allocation, nothing half-written.
//!
//! The lines a transaction layer may want as one piece (Route to the further headers) stand together.

use core::ops::Range;

use crate::dialog::{BYE, MAX_FORWARDS_REASON, RouteSet, VERSION};
use crate::error::Error;
use crate::message::name_addr::Tag;
use crate::message::{list, uri};
use crate::release::{Branch, Leg};

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

const VIA: &[u8] = b"Via: SIP/2.0/";
const BRANCH: &[u8] = b";branch=z9hG4bK";
const ROUTE: &[u8] = b"Route: ";
const LINE_END: &[u8] = b"\r\n";
const END: &[u8] = b" BYE\r\nContent-Length: 0\r\n\r\n";

/// Takes a message piece by piece.
trait Sink {
    /// Octets so far.
    fn at(&self) -> usize;
    fn put(&mut self, bytes: &[u8]);
    fn put_decimal(&mut self, number: u32);
}

/// Only counts.
struct Length(usize);

impl Sink for Length {
    #[inline(always)]
    fn at(&self) -> usize {
        self.0
    }

    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    #[inline(always)]
    fn put_decimal(&mut self, number: u32) {
        self.0 += decimal_len(number);
    }
}

/// Writes into a buffer that is known to be large enough.
struct Out<'b> {
    rest: &'b mut [u8],
    at: usize,
}

impl Out<'_> {
    #[inline(always)]
    fn take(&mut self, length: usize) -> &mut [u8] {
        let (here, rest) = core::mem::take(&mut self.rest).split_at_mut(length);
        self.rest = rest;
        self.at += length;
        here
    }
}

impl Sink for Out<'_> {
    #[inline(always)]
    fn at(&self) -> usize {
        self.at
    }

    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) {
        self.take(bytes.len()).copy_from_slice(bytes);
    }

    #[inline(always)]
    fn put_decimal(&mut self, mut number: u32) {
        for digit in self.take(decimal_len(number)).iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
    }
}

impl Leg<'_> {
    /// The length of the whole message.
    #[inline]
    pub fn encoded_len(&self) -> usize {
        let mut length = Length(0);
        self.put_all(&mut length);
        length.0
    }

    /// Writes the message into `buffer`. A buffer that is too small stays as it is: ask [`Leg::encoded_len`] first.
    #[inline]
    pub fn encode_into(&self, buffer: &mut [u8]) -> Result<Encoded, Error> {
        let rest = buffer.get_mut(..self.encoded_len()).ok_or(Error::BufferTooSmall)?;
        Ok(self.put_all(&mut Out { rest, at: 0 }))
    }

    #[inline]
    fn put_all(&self, out: &mut impl Sink) -> Encoded {
        let set = self.lines.route_set(self.with_own);
        let request_uri = self.put_request_line(set, out);
        self.put_via(out);

        let headers = out.at();
        let (route, next_hop) = self.put_routes(set, &request_uri, out);
        self.request.reason.encode(|piece| out.put(piece));
        out.put(LINE_END);
        out.put(self.lines.further());
        for header in self.request.headers {
            out.put(header);
            out.put(LINE_END);
        }
        let headers = headers..out.at();

        let parties = out.at();
        out.put(self.lines.parties());
        out.put_decimal(self.cseq);
        out.put(END);

        let within = |range: Range<usize>| parties + range.start..parties + range.end;
        let (from, to) = (within(self.lines.from_in_parties()), within(self.lines.to_in_parties()));
        let shift = |tag: Option<Tag>, by: usize| tag.map(|tag| (by + tag.semicolon, by + tag.start));
        Encoded {
            length: out.at(),
            request_uri,
            next_hop,
            route,
            headers,
            from_tag: shift(self.lines.from_tag(), from.start),
            to_tag: shift(self.lines.to_tag(), to.start),
            from,
            to,
            call_id: within(self.lines.call_id_in_parties()),
        }
    }

    /// Tells where the Request-URI is.
    #[inline]
    fn put_request_line(&self, set: &RouteSet, out: &mut impl Sink) -> Range<usize> {
        if !set.is_strict && self.contact_address.is_none() {
            out.put(self.lines.request_line());
            return BYE.len()..out.at() - VERSION.len();
        }
        out.put(BYE);
        if set.is_strict {
            stripped(self.lines.first_uri(set)).for_each(|piece| out.put(piece));
        } else {
            out.put(self.target());
        }
        let end = out.at();
        out.put(VERSION);
        BYE.len()..end
    }

    #[inline]
    fn put_via(&self, out: &mut impl Sink) {
        let Some((transport, sent_by, branch)) = self.via() else {
            return;
        };
        out.put(VIA);
        out.put(transport);
        out.put(b" ");
        out.put(sent_by);
        out.put(BRANCH);
        out.put(&hexadecimal(branch));
        out.put(LINE_END);
    }

    /// From Route to `Reason: `; tells where the Route line and the URI of the next hop are.
    #[inline]
    fn put_routes(
        &self,
        set: &RouteSet,
        request_uri: &Range<usize>,
        out: &mut impl Sink,
    ) -> (Range<usize>, Range<usize>) {
        let start = out.at();
        if set.is_strict {
            self.put_routes_behind_strict(set, out);
            let route = start..out.at() - MAX_FORWARDS_REASON.len();
            // RFC 3261 12.2.1.1: a strict router is addressed by the Request-URI.
            return (route, request_uri.clone());
        }
        if set.is_empty {
            out.put(MAX_FORWARDS_REASON);
            return (start..start, request_uri.clone());
        }
        out.put(ROUTE);
        let first = out.at();
        let (lines, uri) = self.lines.routes_to_reason(set);
        out.put(lines);
        (start..out.at() - MAX_FORWARDS_REASON.len(), first + uri.start..first + uri.end)
    }

    /// RFC 3261 12.2.1.1: the first entry became the Request-URI, and the target the last route.
    #[cold]
    fn put_routes_behind_strict(&self, set: &RouteSet, out: &mut impl Sink) {
        let routes = self.lines.routes(set);
        let first = list::elements(routes).next().and_then(Result::ok).unwrap_or_default();
        out.put(ROUTE);
        // Joined from checked entries by a comma and a blank.
        if let Some(others) = routes.get(first.len() + 2..) {
            out.put(others);
            out.put(b", ");
        }
        out.put(b"<");
        out.put(self.target());
        out.put(b">");
        out.put(LINE_END);
        out.put(MAX_FORWARDS_REASON);
    }

    /// Where the BYE ends up: the contact address or the remote target.
    fn target(&self) -> &[u8] {
        self.contact_address.unwrap_or(self.lines.target())
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
