// SPDX-License-Identifier: MIT OR Apache-2.0
//! A planned BYE into the caller's buffer: byte-exact values, no allocation, nothing half-written.
//!
//! The lines a transaction layer may want as one piece (Route to the further headers) stand together.

use core::ops::Range;

use crate::dialog::{BYE, MAX_FORWARDS_REASON, Parties, VERSION};
use crate::digits::{decimal_len, put_decimal};
use crate::error::Error;
use crate::message::name_addr::Tag;
use crate::release::Leg;

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
const ROUTE: &[u8] = b"Route: ";
const LINE_END: &[u8] = b"\r\n";
const END: &[u8] = b" BYE\r\nContent-Length: 0\r\n\r\n";

/// Writes into a buffer that is just large enough.
struct Out<'b> {
    length: usize,
    rest: &'b mut [u8],
}

impl Out<'_> {
    /// Octets so far.
    #[inline(always)]
    fn at(&self) -> usize {
        self.length - self.rest.len()
    }

    #[inline(always)]
    fn take(&mut self, length: usize) -> &mut [u8] {
        let (here, rest) = core::mem::take(&mut self.rest).split_at_mut(length);
        self.rest = rest;
        here
    }

    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) {
        self.take(bytes.len()).copy_from_slice(bytes);
    }
}

impl Leg<'_> {
    /// The length of the whole message.
    #[inline]
    pub fn encoded_len(&self) -> usize {
        let via = self
            .via()
            .map_or(0, |(transport, sent_by, end)| VIA.len() + transport.len() + 1 + sent_by.len() + end.len());
        let headers = self.request.headers.iter().map(|header| header.len() + LINE_END.len()).sum::<usize>();
        let route = if self.way.has_routes { ROUTE.len() } else { 0 };
        let reason = self.request.reason.encoded_len() + LINE_END.len();
        self.prepared.len(self.way) + via + route + reason + headers + decimal_len(self.cseq) + END.len()
    }

    /// Writes the message into `buffer`. A buffer that is too small stays as it is: ask [`Leg::encoded_len`] first.
    #[inline]
    pub fn encode_into(&self, buffer: &mut [u8]) -> Result<Encoded, Error> {
        let length = self.encoded_len();
        let rest = buffer.get_mut(..length).ok_or(Error::BufferTooSmall)?;
        // All that writes is inlined, so that this lives in registers.
        let mut out = Out { length, rest };

        out.put(self.prepared.request_line(self.way));
        let request_uri = BYE.len()..out.at() - VERSION.len();
        if let Some((transport, sent_by, end)) = self.via() {
            out.put(VIA);
            out.put(transport);
            out.put(b" ");
            out.put(sent_by);
            out.put(end);
        }

        let headers = out.at();
        if self.way.has_routes {
            out.put(ROUTE);
        }
        let routes = out.at();
        out.put(self.prepared.routes(self.way));
        let route = headers..out.at() - MAX_FORWARDS_REASON.len();
        self.request.reason.encode(|piece| out.put(piece));
        out.put(LINE_END);
        let parties = self.put_further_and_parties(&mut out);
        put_decimal(self.cseq, out.take(decimal_len(self.cseq)));
        out.put(END);
        debug_assert!(out.rest.is_empty(), "the length was right");

        let Parties { from, from_tag, to, to_tag, call_id } = self.prepared.parties();
        let (from, to) = (from.behind(parties), to.behind(parties));
        let behind = |start: usize, tag: &Option<Tag>| tag.map(|tag| (start + tag.semicolon, start + tag.start));
        Ok(Encoded {
            length,
            next_hop: self.way.next_hop.map_or(request_uri.clone(), |uri| uri.behind(routes)),
            request_uri,
            route,
            headers: headers..parties,
            from_tag: behind(from.start, from_tag),
            to_tag: behind(to.start, to_tag),
            from,
            to,
            call_id: call_id.behind(parties),
        })
    }

    /// From Session-ID to `CSeq: `; tells where From begins.
    #[inline(always)]
    fn put_further_and_parties(&self, out: &mut Out<'_>) -> usize {
        if self.request.headers.is_empty() {
            let start = out.at();
            out.put(self.prepared.rest());
            return start + self.prepared.further_len();
        }
        let (further, parties) = self.prepared.further_and_parties();
        out.put(further);
        for header in self.request.headers {
            out.put(header);
            out.put(LINE_END);
        }
        let start = out.at();
        out.put(parties);
        start
    }
}
