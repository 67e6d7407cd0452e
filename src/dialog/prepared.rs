// SPDX-License-Identifier: MIT OR Apache-2.0
//! Both BYEs as far as they are known before the release, as one text. Each is three blocks of lines in the order of
//! the message, so that building it is to copy them with what comes between:
//!
//! 1. `BYE target SIP/2.0`; then come Via and `Route: `;
//! 2. the entries of Route, `Max-Forwards: 70`, `Reason: `; then comes the reason;
//! 3. `Session-ID: ...`, further headers, `From: ...`, `To: ...`, `Call-ID: ...`, `CSeq: `; then comes the number.
//!
//! Blocks 1 and 2 depend on the way that is chosen for the BYE. What differs between the ways is written for each.

use core::ops::Range;

use arrayvec::ArrayVec;

use super::check::{Checked, Set, Target};
use super::{MAX_DIALOG, Serves, User};
use crate::error::Error;
use crate::message::name_addr::Tag;
use crate::message::uri;
use crate::route::Entry;

pub(crate) const BYE: &[u8] = b"BYE ";
pub(crate) const VERSION: &[u8] = b" SIP/2.0\r\n";
const LINE_END: &[u8] = b"\r\n";
pub(crate) const MAX_FORWARDS_REASON: &[u8] = b"Max-Forwards: 70\r\nReason: ";
const SESSION_ID: &[u8] = b"Session-ID: ";
const REMOTE: &[u8] = b";remote=";
const UNKNOWN_SESSION_ID: &[u8] = &[b'0'; 32];
const FROM: &[u8] = b"From: ";
const TO: &[u8] = b"\r\nTo: ";
const CALL_ID: &[u8] = b"\r\nCall-ID: ";
const CSEQ: &[u8] = b"\r\nCSeq: ";

/// What the text holds beside the fields.
const NAMES: usize = 2 * (BYE.len() + VERSION.len() + LINE_END.len() + MAX_FORWARDS_REASON.len())
    + FROM.len()
    + TO.len()
    + CALL_ID.len()
    + CSEQ.len();

/// Both messages hold what they have in common, and a strict router has its routes written up to three times. Names
/// take far less than the rest.
pub(super) type Text = ArrayVec<u8, { 3 * MAX_DIALOG + 2048 }>;

/// Where the parts lie in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub serves: Serves,
    called: Message,
    calling: Message,
}

impl Default for Layout {
    fn default() -> Self {
        let (called, calling) = Default::default();
        Self { serves: Serves::Neither, called, calling }
    }
}

/// Where the parts of one BYE lie in the text.
#[derive(Clone, Copy, Debug, Default)]
struct Message {
    /// Why the BYE cannot be built; what is prepared of it is then incomplete.
    fault: Option<Error>,
    /// Empty where it cannot be used.
    target: Span,
    /// The own entries with the comma behind them.
    own_routes: Span,
    with_own: Way,
    bare: Way,
    /// To the contact address of the served user, where its Contact is a GRUU.
    registered: Option<Way>,
    /// From Session-ID to `CSeq: `.
    rest: Span,
    /// Length of what is in it before From.
    further: usize,
    parties: Parties,
}

/// One of the ways that a BYE can go.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Way {
    request_line: Span,
    /// To `Reason: `.
    routes: Span,
    pub has_routes: bool,
    /// The URI of the first route, counted from the start of the routes; `None`: the Request-URI is the next hop.
    pub next_hop: Option<Span>,
}

/// Where the values that name the dialog lie in the lines that hold them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Parties {
    pub from: Span,
    pub from_tag: Option<Tag>,
    pub to: Span,
    pub to_tag: Option<Tag>,
    pub call_id: Span,
}

/// A range that can be copied.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    start: usize,
    end: usize,
}

impl Span {
    /// The range, in a text in which the lines begin at `start`.
    #[inline]
    pub fn behind(self, start: usize) -> Range<usize> {
        start + self.start..start + self.end
    }

    #[inline]
    fn len(self) -> usize {
        self.end - self.start
    }

    #[inline]
    pub fn of(self, text: &[u8]) -> &[u8] {
        &text[self.start..self.end]
    }
}

/// One prepared BYE.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prepared<'a> {
    text: &'a [u8],
    at: &'a Message,
}

impl<'a> Prepared<'a> {
    #[inline]
    pub(super) fn new(text: &'a [u8], layout: &'a Layout, to: User) -> Self {
        let at = match to {
            User::Called => &layout.called,
            User::Calling => &layout.calling,
        };
        Self { text, at }
    }

    /// The remote target; `None` when it cannot be used.
    #[inline]
    pub fn target(&self) -> Option<&'a [u8]> {
        Some(self.at.target.of(self.text)).filter(|target| !target.is_empty())
    }

    /// Why the BYE cannot be built.
    #[inline]
    pub fn fault(&self) -> Option<Error> {
        self.at.fault
    }

    /// With own entries on top.
    #[inline]
    pub fn with_own(&self) -> &'a Way {
        &self.at.with_own
    }

    /// Without own entries.
    #[inline]
    pub fn bare(&self) -> &'a Way {
        &self.at.bare
    }

    /// Without own entries, to the contact address of the served user.
    #[inline]
    pub fn registered(&self) -> Option<&'a Way> {
        self.at.registered.as_ref()
    }

    /// The own entries with the comma behind them.
    pub fn own_routes(&self) -> &'a [u8] {
        self.at.own_routes.of(self.text)
    }

    /// The length of all prepared lines.
    #[inline]
    pub fn len(&self, way: &Way) -> usize {
        way.request_line.len() + way.routes.len() + self.at.rest.len()
    }

    /// From `BYE ` to its line end.
    #[inline]
    pub fn request_line(&self, way: &Way) -> &'a [u8] {
        way.request_line.of(self.text)
    }

    /// Its length.
    #[inline]
    pub fn request_line_len(&self, way: &Way) -> usize {
        way.request_line.len()
    }

    /// Length of the routes.
    #[inline]
    pub fn routes_len(&self, way: &Way) -> usize {
        way.routes.len()
    }

    /// From the first entry, or from Max-Forwards where there is none, to `Reason: `.
    #[inline]
    pub fn routes(&self, way: &Way) -> &'a [u8] {
        way.routes.of(self.text)
    }

    /// The lines from Session-ID to the last further header, and those from From to `CSeq: `.
    #[inline]
    pub fn further_and_parties(&self) -> (&'a [u8], &'a [u8]) {
        self.rest().split_at(self.at.further)
    }

    /// Both.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.at.rest.of(self.text)
    }

    /// How long the first of both is.
    #[inline]
    pub fn further_len(&self) -> usize {
        self.at.further
    }

    /// Where the values lie in the lines from From on.
    #[inline]
    pub fn parties(&self) -> &'a Parties {
        &self.at.parties
    }
}

fn push(text: &mut Text, bytes: &[u8]) -> Result<(), Error> {
    text.try_extend_from_slice(bytes).map_err(|_| Error::TooLarge)
}

/// Writes the text of both BYEs.
pub(super) fn lay_out(checked: &Checked<'_, '_>, text: &mut Text, layout: &mut Layout) -> Result<(), Error> {
    text.clear();
    layout.serves = checked.serves;
    push_message(checked, User::Called, text, &mut layout.called)?;
    push_message(checked, User::Calling, text, &mut layout.calling)?;
    // What stands in both, or in several ways, counts once.
    let written = |at: &Message| at.rest.end - (at.target.start - BYE.len());
    let length = written(&layout.called) + written(&layout.calling) - layout.calling.rest.len()
        + checked.contact_address.map_or(0, |address| address.uri.len());
    if length > MAX_DIALOG + NAMES { Err(Error::TooLarge) } else { Ok(()) }
}

fn push_message(checked: &Checked<'_, '_>, to: User, text: &mut Text, at: &mut Message) -> Result<(), Error> {
    let inviting = (checked.from, checked.from_tag, checked.calling_session_id);
    let invited = (checked.to, checked.to_tag, checked.called_session_id);
    // TS 24.229 5.4.5.1.2: the BYE to the calling user carries To as From and From as To.
    let (target, set, sender, receiver) = match to {
        User::Called => (&checked.called, checked.to_called, inviting, invited),
        User::Calling => (&checked.calling, checked.to_calling, invited, inviting),
    };
    let request_line = push_request_line(target.as_ref(), text)?;
    at.fault = match to {
        User::Called if target.is_none() => Some(Error::BadCalledContact),
        User::Calling if target.is_none() => Some(Error::BadCallingContact),
        _ if !set.is_readable() => Some(Error::BadRecordRoute),
        _ => None,
    };
    at.target = Span { start: request_line.start + BYE.len(), end: request_line.end - VERSION.len() };
    push_routes(set, request_line, text, at)?;

    at.rest.start = text.len();
    push_session_id(sender.2, receiver.2, text)?;
    for header in checked.headers {
        push(text, header)?;
        push(text, LINE_END)?;
    }
    let parties = text.len();
    at.further = parties - at.rest.start;
    let mut value = |name: &[u8], value: &[u8]| -> Result<Span, Error> {
        push(text, name)?;
        let start = text.len() - parties;
        push(text, value)?;
        Ok(Span { start, end: text.len() - parties })
    };
    at.parties = Parties {
        from: value(FROM, sender.0)?,
        from_tag: sender.1,
        to: value(TO, receiver.0)?,
        to_tag: receiver.1,
        call_id: value(CALL_ID, checked.call_id)?,
    };
    push(text, CSEQ)?;
    at.rest.end = text.len();

    push_other_ways(checked, to, text, at)
}

fn push_request_line(target: Option<&Target<'_>>, text: &mut Text) -> Result<Span, Error> {
    let start = text.len();
    push(text, BYE)?;
    if let Some(target) = target {
        push_uri(target, text)?;
    }
    push(text, VERSION)?;
    Ok(Span { start, end: text.len() })
}

/// Writes the URI as it may stand in a Request-URI.
fn push_uri(target: &Target<'_>, text: &mut Text) -> Result<(), Error> {
    match target.special {
        Some(cut) => uri::without_method_and_headers(target.uri, &cut).try_for_each(|piece| push(text, piece)),
        None => push(text, target.uri),
    }
}

/// Writes all routes and the lines up to the reason, and notes the two ways that only differ in where they begin.
fn push_routes(set: Set<'_, '_>, request_line: Span, text: &mut Text, at: &mut Message) -> Result<(), Error> {
    let start = text.len();
    let own = set.own().len();
    let mut bare = start;
    for (index, entry) in set.own().chain(set.rest()).enumerate() {
        if index > 0 {
            push(text, b", ")?;
        }
        if index == own {
            bare = text.len();
        }
        push(text, entry.text)?;
    }
    let behind = text.len();
    if behind > start {
        push(text, LINE_END)?;
    }
    let none = text.len();
    push(text, MAX_FORWARDS_REASON)?;
    let end = text.len();
    let way = |first: Option<&Entry<'_>>, start| match first {
        Some(first) => {
            let uri = first.uri.as_ptr() as usize - first.text.as_ptr() as usize;
            let next_hop = Some(Span { start: uri, end: uri + first.uri.len() });
            Way { request_line, routes: Span { start, end }, has_routes: true, next_hop }
        }
        None => Way { request_line, routes: Span { start: none, end }, has_routes: false, next_hop: None },
    };
    at.bare = way(set.rest().next(), bare);
    at.with_own = if own == 0 { at.bare } else { way(set.own().next(), start) };
    at.own_routes = Span { start, end: if set.rest().len() == 0 { behind } else { bare } };
    Ok(())
}

/// Writes and notes the ways that differ in more: to a strict router, and to the contact address of the served user.
fn push_other_ways(checked: &Checked<'_, '_>, to: User, text: &mut Text, at: &mut Message) -> Result<(), Error> {
    let (target, set, is_served) = match to {
        User::Called => (&checked.called, checked.to_called, checked.serves == Serves::Called),
        User::Calling => (&checked.calling, checked.to_calling, checked.serves == Serves::Calling),
    };
    at.registered = None;
    let (Some(target), None) = (target, at.fault) else { return Ok(()) };
    let is_strict = |first: Option<&Entry<'_>>| first.is_some_and(Entry::is_strict);
    let bare_is_strict = is_strict(set.rest().next());
    if bare_is_strict {
        at.bare = push_strict(set.rest(), target, text)?;
    }
    if set.own().len() == 0 {
        at.with_own = at.bare;
    } else if is_strict(set.own().next()) {
        at.with_own = push_strict(set.own().chain(set.rest()), target, text)?;
    }
    // A BYE that goes directly to the served user does not pass the GRUU's own routing: the registrar's contact does.
    if let (true, Some(address), Some(cut)) = (is_served, &checked.contact_address, target.special) {
        if cut.has(b"gr") {
            let request_line = push_request_line(Some(address), text)?;
            at.registered = Some(if bare_is_strict {
                push_strict(set.rest(), address, text)?
            } else {
                Way { request_line, ..at.bare }
            });
        }
    }
    Ok(())
}

/// RFC 3261 12.2.1.1: the first entry becomes the Request-URI, and the target the last route.
#[cold]
fn push_strict<'e>(
    mut entries: impl Iterator<Item = &'e Entry<'e>>,
    target: &Target<'_>,
    text: &mut Text,
) -> Result<Way, Error> {
    let first = entries.next().and_then(|first| Some(Target::new(first.uri, first.cut?)));
    let request_line = push_request_line(first.as_ref(), text)?;
    let start = text.len();
    for entry in entries {
        push(text, entry.text)?;
        push(text, b", ")?;
    }
    push(text, b"<")?;
    push_uri(target, text)?;
    push(text, b">")?;
    push(text, LINE_END)?;
    push(text, MAX_FORWARDS_REASON)?;
    Ok(Way { request_line, routes: Span { start, end: text.len() }, has_routes: true, next_hop: None })
}

/// RFC 7989 7: local is the UUID of the other user, remote that of the receiver; absent when both are unknown.
fn push_session_id(local: Option<&[u8]>, remote: Option<&[u8]>, text: &mut Text) -> Result<(), Error> {
    if local.is_none() && remote.is_none() {
        return Ok(());
    }
    for piece in
        [SESSION_ID, local.unwrap_or(UNKNOWN_SESSION_ID), REMOTE, remote.unwrap_or(UNKNOWN_SESSION_ID), LINE_END]
    {
        push(text, piece)?;
    }
    Ok(())
}
