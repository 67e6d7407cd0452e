// SPDX-License-Identifier: MIT OR Apache-2.0
//! Both BYEs as far as they are known before the release, as one text. Each is three blocks of lines in the order of
//! the message, so that building it is to copy them with what comes between:
//!
//! 1. `BYE target SIP/2.0`; then come Via and `Route: `;
//! 2. own entries, other entries, `Max-Forwards: 70`, `Reason: `; then comes the reason;
//! 3. `Session-ID: ...`, further headers, `From: ...`, `To: ...`, `Call-ID: ...`, `CSeq: `; then comes the number.
//!
//! A BYE that differs (without own entries, to a strict router) takes parts of them.

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

/// Both messages hold what they have in common; the names of their headers take far less than the rest.
pub(super) type Text = ArrayVec<u8, { 2 * MAX_DIALOG + 1024 }>;

/// Where the parts lie in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub serves: Serves,
    called: Message,
    calling: Message,
    /// Where the contact address of the served user begins; it is the last part.
    pub contact_address: usize,
}

impl Default for Layout {
    fn default() -> Self {
        let (called, calling) = Default::default();
        Self { serves: Serves::Neither, called, calling, contact_address: 0 }
    }
}

/// Where the parts of one BYE lie in the text.
#[derive(Clone, Copy, Debug, Default)]
struct Message {
    start: usize,
    /// Behind the request line.
    request_line: usize,
    has_target: bool,
    target_is_gruu: bool,
    with_own: RouteSet,
    bare: RouteSet,
    /// Behind the last route.
    routes: usize,
    /// Behind `Reason: `.
    reason: usize,
    /// Behind the last further header.
    further: usize,
    /// Behind `CSeq: `.
    cseq: usize,
    parties: Parties,
}

/// The routes of one BYE, with or without own entries.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RouteSet {
    /// Where the first entry begins; where the next line begins when there is none.
    start: usize,
    /// The URI of the first entry, counted from the start.
    pub uri: Span,
    pub is_empty: bool,
    /// The first entry is a strict router (RFC 3261 12.2.1.1: only the first decides).
    pub is_strict: bool,
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

    pub fn of(self, text: &[u8]) -> &[u8] {
        &text[self.start..self.end]
    }
}

/// The prepared lines of one BYE.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lines<'a> {
    text: &'a [u8],
    at: &'a Message,
    pub route_set: &'a RouteSet,
}

impl<'a> Lines<'a> {
    #[inline]
    pub(super) fn new(text: &'a [u8], layout: &'a Layout, to: User, with_own: bool) -> Self {
        let at = layout.of(to);
        Self { text, at, route_set: if with_own { &at.with_own } else { &at.bare } }
    }

    /// From `BYE ` to its line end.
    #[inline]
    pub fn request_line(&self) -> &'a [u8] {
        &self.text[self.at.start..self.at.request_line]
    }

    /// The remote target; empty when it cannot be used.
    #[inline]
    pub fn target(&self) -> &'a [u8] {
        &self.text[self.at.start + BYE.len()..self.at.request_line - VERSION.len()]
    }

    #[inline]
    pub fn has_target(&self) -> bool {
        self.at.has_target
    }

    /// Whether the remote target is a GRUU (`gr` parameter, RFC 5627).
    #[inline]
    pub fn target_is_gruu(&self) -> bool {
        self.at.target_is_gruu
    }

    /// From the first entry of the route set to `Reason: `.
    #[inline]
    pub fn routes(&self) -> &'a [u8] {
        &self.text[self.route_set.start..self.at.reason]
    }

    /// The URI of the first entry.
    pub fn first_uri(&self) -> &'a [u8] {
        self.route_set.uri.of(self.routes())
    }

    /// From Session-ID to the last further header.
    #[inline]
    pub fn further(&self) -> &'a [u8] {
        &self.text[self.at.reason..self.at.further]
    }

    /// From `From: ` to `CSeq: `.
    #[inline]
    pub fn parties(&self) -> &'a [u8] {
        &self.text[self.at.further..self.at.cseq]
    }

    /// Both.
    #[inline]
    pub fn further_and_parties(&self) -> &'a [u8] {
        &self.text[self.at.reason..self.at.cseq]
    }

    #[inline]
    pub fn in_parties(&self) -> &'a Parties {
        &self.at.parties
    }
}

impl Layout {
    #[inline]
    fn of(&self, to: User) -> &Message {
        match to {
            User::Called => &self.called,
            User::Calling => &self.calling,
        }
    }

    /// The own entries in the BYE to `to`, with the comma behind them.
    pub fn own_routes<'a>(&self, to: User, text: &'a [u8]) -> &'a [u8] {
        let at = self.of(to);
        &text[at.with_own.start..if at.bare.is_empty { at.routes } else { at.bare.start }]
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
    layout.contact_address = text.len();
    push_target(checked.contact_address.as_ref(), text)?;
    // What stands in both counts once.
    let twice = layout.calling.cseq - layout.calling.reason;
    if text.len() - twice > MAX_DIALOG + NAMES { Err(Error::TooLarge) } else { Ok(()) }
}

fn push_message(checked: &Checked<'_, '_>, to: User, text: &mut Text, at: &mut Message) -> Result<(), Error> {
    let inviting = (checked.from, checked.from_tag, checked.calling_session_id);
    let invited = (checked.to, checked.to_tag, checked.called_session_id);
    // TS 24.229 5.4.5.1.2: the BYE to the calling user carries To as From and From as To.
    let (target, routes, sender, receiver) = match to {
        User::Called => (&checked.called, checked.to_called, inviting, invited),
        User::Calling => (&checked.calling, checked.to_calling, invited, inviting),
    };
    at.start = text.len();
    push(text, BYE)?;
    push_target(target.as_ref(), text)?;
    at.has_target = target.is_some();
    at.target_is_gruu = target.and_then(|target| target.special).is_some_and(|cut| cut.has(b"gr"));
    push(text, VERSION)?;
    at.request_line = text.len();

    push_routes(routes, text, at)?;
    push(text, MAX_FORWARDS_REASON)?;
    at.reason = text.len();

    push_session_id(sender.2, receiver.2, text)?;
    for header in checked.headers {
        push(text, header)?;
        push(text, LINE_END)?;
    }
    at.further = text.len();
    let mut value = |name: &[u8], value: &[u8]| -> Result<Span, Error> {
        push(text, name)?;
        let start = text.len() - at.further;
        push(text, value)?;
        Ok(Span { start, end: text.len() - at.further })
    };
    at.parties = Parties {
        from: value(FROM, sender.0)?,
        from_tag: sender.1,
        to: value(TO, receiver.0)?,
        to_tag: receiver.1,
        call_id: value(CALL_ID, checked.call_id)?,
    };
    push(text, CSEQ)?;
    at.cseq = text.len();
    Ok(())
}

/// Adds the URI as it may stand in a Request-URI.
fn push_target(target: Option<&Target<'_>>, text: &mut Text) -> Result<(), Error> {
    match target {
        Some(Target { uri, special: Some(cut) }) => {
            for piece in uri::without_method_and_headers(uri, cut) {
                push(text, piece)?;
            }
            Ok(())
        }
        Some(Target { uri, special: None }) => push(text, uri),
        None => Ok(()),
    }
}

/// Adds the entries and the line end behind them, if there are any.
fn push_routes(set: Set<'_, '_>, text: &mut Text, at: &mut Message) -> Result<(), Error> {
    let start = text.len();
    let own = set.own().len();
    for (index, entry) in set.own().chain(set.rest()).enumerate() {
        if index > 0 {
            push(text, b", ")?;
        }
        if index == 0 {
            at.with_own = beginning_with(entry, text.len());
            at.bare = at.with_own;
        } else if index == own {
            at.bare = beginning_with(entry, text.len());
        }
        push(text, entry.text)?;
    }
    at.routes = text.len();
    let none = |start| RouteSet { start, uri: Span::default(), is_empty: true, is_strict: false };
    if at.routes > start {
        push(text, LINE_END)?;
    } else {
        at.with_own = none(text.len());
    }
    if set.rest().len() == 0 {
        at.bare = none(text.len());
    }
    Ok(())
}

/// The set whose first entry is written at `start`.
fn beginning_with(entry: &Entry<'_>, start: usize) -> RouteSet {
    let uri = entry.uri.as_ptr() as usize - entry.text.as_ptr() as usize;
    let uri = Span { start: uri, end: uri + entry.uri.len() };
    RouteSet { start, uri, is_empty: false, is_strict: !entry.cut.loose() }
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
