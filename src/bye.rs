// SPDX-License-Identifier: MIT OR Apache-2.0
//! A planned BYE into the caller's buffer: byte-exact values, no allocation, nothing half-written.
//!
//! The lines a transaction layer may want as one piece (Route to the further headers) stand together.

use core::ops::Range;

use crate::dialog::{BYE, MAX_FORWARDS_REASON, Parties, VERSION};
use crate::digits::{decimal_len, put_decimal};
use crate::error::Error;
use crate::message::name_addr::Tag;
use crate::out::Out;
use crate::release::{Leg, UDP};

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
const BLANK: &[u8] = b" ";
const ROUTE: &[u8] = b"Route: ";
const LINE_END: &[u8] = b"\r\n";
const END: &[u8] = b" BYE\r\nContent-Length: 0\r\n\r\n";

/// Where the blocks of a written BYE begin; all else lies at a known place behind one of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks {
    /// Length of the message.
    length: usize,
    /// The Route line, or what comes without it.
    headers: usize,
    /// The From line.
    parties: usize,
}

impl Leg<'_> {
    /// The length of the whole message.
    #[inline]
    pub fn encoded_len(&self) -> usize {
        let via = self.via().map_or(0, |(via, end)| {
            let transport = via.transport.unwrap_or(UDP);
            VIA.len() + transport.len() + BLANK.len() + via.sent_by.len() + end.len()
        });
        let headers = self.request.headers.iter().map(|header| header.len() + LINE_END.len()).sum::<usize>();
        let reason = self.request.reason.encoded_len() + LINE_END.len();
        self.prepared.len(self.way) + via + self.route_len() + reason + headers + decimal_len(self.cseq) + END.len()
    }

    /// Writes the message into `buffer`. A buffer that is too small stays as it is: ask [`Leg::encoded_len`] first.
    pub fn encode_into(&self, buffer: &mut [u8]) -> Result<Encoded, Error> {
        Ok(self.parts(&self.write_into(buffer)?))
    }

    /// The same without telling yet where all parts lie.
    #[inline]
    pub(crate) fn write_into(&self, buffer: &mut [u8]) -> Result<Marks, Error> {
        let length = self.encoded_len();
        let rest = buffer.get_mut(..length).ok_or(Error::BufferTooSmall)?;
        // All that writes is inlined, so that this lives in registers.
        let mut out = Out::new(rest);

        out.put(self.prepared.request_line(self.way));
        if let Some((via, end)) = self.via() {
            out.put(VIA);
            match via.transport {
                Some(transport) => out.put(transport),
                None => out.put(UDP),
            }
            out.put(BLANK);
            out.put(via.sent_by);
            out.put(end);
        }
        let headers = out.at();
        if self.way.has_routes {
            out.put(ROUTE);
        }
        out.put(self.prepared.routes(self.way));
        self.request.reason.encode(&mut out);
        out.put(LINE_END);
        let parties = self.put_further_and_parties(&mut out);
        put_decimal(self.cseq, out.take(decimal_len(self.cseq)));
        out.put(END);
        debug_assert!(out.is_full(), "the length was right");
        Ok(Marks { length, headers, parties })
    }

    /// Where the parts of the message lie that was written with these marks.
    #[inline(always)]
    pub(crate) fn parts(&self, marks: &Marks) -> Encoded {
        let &Marks { length, headers, parties } = marks;
        let request_uri = BYE.len()..self.prepared.request_line_len(self.way) - VERSION.len();
        let routes = headers + self.route_len();
        let Parties { from, from_tag, to, to_tag, call_id } = self.prepared.parties();
        let (from, to) = (from.behind(parties), to.behind(parties));
        let behind = |start: usize, tag: &Option<Tag>| tag.map(|tag| (start + tag.semicolon, start + tag.start));
        Encoded {
            length,
            next_hop: self.way.next_hop.map_or(request_uri.clone(), |uri| uri.behind(routes)),
            request_uri,
            route: headers..routes + self.prepared.routes_len(self.way) - MAX_FORWARDS_REASON.len(),
            headers: headers..parties,
            from_tag: behind(from.start, from_tag),
            to_tag: behind(to.start, to_tag),
            from,
            to,
            call_id: call_id.behind(parties),
        }
    }

    /// Length of the name before the routes.
    #[inline(always)]
    fn route_len(&self) -> usize {
        if self.way.has_routes { ROUTE.len() } else { 0 }
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
