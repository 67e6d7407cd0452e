// SPDX-License-Identifier: MIT OR Apache-2.0
//! A planned BYE into the caller's buffer: byte-exact values, no allocation, nothing half-written.
//!
//! The lines a transaction layer may want as one piece (Route to the further headers) stand together.

use core::ops::Range;

use crate::dialog::{BYE, MAX_FORWARDS_REASON, Parties, VERSION};
use crate::digits::EndOfBye;
use crate::error::Error;
use crate::message::name_addr::Tag;
use crate::message::{list, uri};
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

/// Takes a message piece by piece.
trait Sink {
    /// Octets so far.
    fn at(&self) -> usize;
    fn put(&mut self, bytes: &[u8]);
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
}

/// Writes into a buffer that is just large enough.
struct Out<'b> {
    length: usize,
    rest: &'b mut [u8],
}

impl Sink for Out<'_> {
    #[inline(always)]
    fn at(&self) -> usize {
        self.length - self.rest.len()
    }

    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) {
        let (here, rest) = core::mem::take(&mut self.rest).split_at_mut(bytes.len());
        here.copy_from_slice(bytes);
        self.rest = rest;
    }
}

impl Leg<'_> {
    /// The length of the whole message.
    #[inline]
    pub fn encoded_len(&self) -> usize {
        let mut length = Length(0);
        self.put_all(&EndOfBye::new(self.cseq), &mut length);
        length.0
    }

    /// Writes the message into `buffer`. A buffer that is too small stays as it is: ask [`Leg::encoded_len`] first.
    #[inline]
    pub fn encode_into(&self, buffer: &mut [u8]) -> Result<Encoded, Error> {
        let end = EndOfBye::new(self.cseq);
        let mut length = Length(0);
        self.put_all(&end, &mut length);
        let length = length.0;
        let rest = buffer.get_mut(..length).ok_or(Error::BufferTooSmall)?;
        Ok(self.put_all(&end, &mut Out { length, rest }))
    }

    // All of it is inlined into one function, in which the sink lives in registers.
    #[inline(always)]
    fn put_all(&self, end: &EndOfBye, out: &mut impl Sink) -> Encoded {
        let request_uri = self.put_request_line(out);
        self.put_via(out);

        let headers = out.at();
        let (route, next_hop) = self.put_routes(&request_uri, out);
        self.request.reason.encode(|piece| out.put(piece));
        out.put(LINE_END);
        let parties = self.put_further_and_parties(out);
        out.put(end.as_ref());

        let Parties { from, from_tag, to, to_tag, call_id } = self.lines.in_parties();
        let (from, to) = (from.behind(parties), to.behind(parties));
        let behind = |start: usize, tag: &Option<Tag>| tag.map(|tag| (start + tag.semicolon, start + tag.start));
        Encoded {
            length: out.at(),
            request_uri,
            next_hop,
            route,
            headers: headers..parties,
            from_tag: behind(from.start, from_tag),
            to_tag: behind(to.start, to_tag),
            from,
            to,
            call_id: call_id.behind(parties),
        }
    }

    /// Tells where the Request-URI is.
    #[inline(always)]
    fn put_request_line(&self, out: &mut impl Sink) -> Range<usize> {
        if self.lines.route_set.is_strict || self.contact_address.is_some() {
            return self.put_other_request_line(out);
        }
        out.put(self.lines.request_line());
        BYE.len()..out.at() - VERSION.len()
    }

    #[inline(always)]
    fn put_other_request_line(&self, out: &mut impl Sink) -> Range<usize> {
        out.put(BYE);
        if self.lines.route_set.is_strict {
            for piece in stripped(self.lines.first_uri()) {
                out.put(piece);
            }
        } else {
            out.put(self.target());
        }
        out.put(VERSION);
        BYE.len()..out.at() - VERSION.len()
    }

    #[inline(always)]
    fn put_via(&self, out: &mut impl Sink) {
        if let Some((transport, sent_by, end)) = self.via() {
            out.put(VIA);
            out.put(transport);
            out.put(b" ");
            out.put(sent_by);
            out.put(end);
        }
    }

    /// From Route to `Reason: `; tells where the Route line and the URI of the next hop are.
    #[inline(always)]
    fn put_routes(&self, request_uri: &Range<usize>, out: &mut impl Sink) -> (Range<usize>, Range<usize>) {
        let start = out.at();
        let set = self.lines.route_set;
        if set.is_strict {
            self.put_routes_behind_strict(out);
            // RFC 3261 12.2.1.1: a strict router is addressed by the Request-URI.
            return (start..out.at() - MAX_FORWARDS_REASON.len(), request_uri.clone());
        }
        if !set.is_empty {
            out.put(ROUTE);
        }
        let first = out.at();
        out.put(self.lines.routes());
        let next_hop = if set.is_empty { request_uri.clone() } else { set.uri.behind(first) };
        (start..out.at() - MAX_FORWARDS_REASON.len(), next_hop)
    }

    /// RFC 3261 12.2.1.1: the first entry became the Request-URI, and the target the last route.
    #[inline(always)]
    fn put_routes_behind_strict(&self, out: &mut impl Sink) {
        let lines = self.lines.routes();
        let routes = &lines[..lines.len() - LINE_END.len() - MAX_FORWARDS_REASON.len()];
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

    /// From Session-ID to `CSeq: `; tells where From begins.
    #[inline(always)]
    fn put_further_and_parties(&self, out: &mut impl Sink) -> usize {
        if self.request.headers.is_empty() {
            let start = out.at();
            out.put(self.lines.further_and_parties());
            return start + self.lines.further().len();
        }
        out.put(self.lines.further());
        for header in self.request.headers {
            out.put(header);
            out.put(LINE_END);
        }
        let parties = out.at();
        out.put(self.lines.parties());
        parties
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
