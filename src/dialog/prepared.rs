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
    target_end: usize,
    target_is_gruu: bool,
    with_own: RouteSet,
    bare: RouteSet,
    /// Behind the last route.
    routes_end: usize,
    /// Behind `Reason: `.
    reason: usize,
    /// Behind the last further header.
    further_end: usize,
    from_end: usize,
    from_tag: Option<Tag>,
    to_end: usize,
    to_tag: Option<Tag>,
    call_id_end: usize,
    /// Behind `CSeq: `.
    cseq: usize,
}

/// The routes of one BYE, with or without own entries.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RouteSet {
    /// Where the first entry begins; where all routes end when there is none.
    start: usize,
    /// The URI of the first entry.
    uri: (usize, usize),
    pub is_empty: bool,
    /// The first entry is a strict router (RFC 3261 12.2.1.1: only the first decides).
    pub is_strict: bool,
}

/// The prepared lines of one BYE.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lines<'a> {
    text: &'a [u8],
    at: &'a Message,
}

impl<'a> Lines<'a> {
    #[inline]
    pub(super) fn new(text: &'a [u8], layout: &'a Layout, to: User) -> Self {
        match to {
            User::Called => Self { text, at: &layout.called },
            User::Calling => Self { text, at: &layout.calling },
        }
    }

    /// The remote target; empty when it cannot be used.
    #[inline]
    pub fn target(&self) -> &'a [u8] {
        &self.text[self.at.start + BYE.len()..self.at.target_end]
    }

    /// Whether the remote target is a GRUU (`gr` parameter, RFC 5627).
    #[inline]
    pub fn target_is_gruu(&self) -> bool {
        self.at.target_is_gruu
    }

    /// From `BYE ` to its line end.
    #[inline]
    pub fn request_line(&self) -> &'a [u8] {
        &self.text[self.at.start..self.at.target_end + VERSION.len()]
    }

    /// The routes with or without own entries.
    #[inline]
    pub fn route_set(&self, with_own: bool) -> &'a RouteSet {
        if with_own { &self.at.with_own } else { &self.at.bare }
    }

    /// The own entries with the comma behind them.
    pub fn own_routes(&self) -> &'a [u8] {
        &self.text[self.at.with_own.start..self.at.bare.start]
    }

    /// The entries of a set alone.
    pub fn routes(&self, set: &RouteSet) -> &'a [u8] {
        &self.text[set.start..self.at.routes_end]
    }

    /// The URI of the first entry.
    pub fn first_uri(&self, set: &RouteSet) -> &'a [u8] {
        &self.text[set.uri.0..set.uri.1]
    }

    /// From the first entry to `Reason: `, and where the URI of that entry lies in it.
    #[inline]
    pub fn routes_to_reason(&self, set: &RouteSet) -> (&'a [u8], Range<usize>) {
        (&self.text[set.start..self.at.reason], set.uri.0 - set.start..set.uri.1 - set.start)
    }

    /// The lines from Session-ID to the last further header.
    #[inline]
    pub fn further(&self) -> &'a [u8] {
        &self.text[self.at.reason..self.at.further_end]
    }

    /// From `From: ` to `CSeq: `.
    #[inline]
    pub fn parties(&self) -> &'a [u8] {
        &self.text[self.at.further_end..self.at.cseq]
    }

    /// Where the From value lies in [`Self::parties`].
    #[inline]
    pub fn from_in_parties(&self) -> Range<usize> {
        FROM.len()..self.at.from_end - self.at.further_end
    }

    /// Where the To value lies in them.
    #[inline]
    pub fn to_in_parties(&self) -> Range<usize> {
        self.at.from_end - self.at.further_end + TO.len()..self.at.to_end - self.at.further_end
    }

    /// Where the Call-ID lies in them.
    #[inline]
    pub fn call_id_in_parties(&self) -> Range<usize> {
        self.at.to_end - self.at.further_end + CALL_ID.len()..self.at.call_id_end - self.at.further_end
    }

    /// Where the tag lies in the From value.
    #[inline]
    pub fn from_tag(&self) -> Option<Tag> {
        self.at.from_tag
    }

    /// Where the tag lies in the To value.
    #[inline]
    pub fn to_tag(&self) -> Option<Tag> {
        self.at.to_tag
    }
}

fn push(text: &mut Text, bytes: &[u8]) -> Result<(), Error> {
    text.try_extend_from_slice(bytes).map_err(|_| Error::TooLarge)
}

/// Writes the text of both BYEs.
pub(super) fn lay_out(checked: &Checked<'_, '_>, text: &mut Text, layout: &mut Layout) -> Result<(), Error> {
    if length_of(checked) > MAX_DIALOG {
        return Err(Error::TooLarge);
    }
    text.clear();
    layout.serves = checked.serves;
    push_message(checked, User::Called, text, &mut layout.called)?;
    push_message(checked, User::Calling, text, &mut layout.calling)?;
    layout.contact_address = text.len();
    push_target(checked.contact_address.as_ref(), text)
}

/// What is kept of the fields; what stands in both BYEs counts once.
fn length_of(checked: &Checked<'_, '_>) -> usize {
    let target = |target: &Option<Target<'_>>| target.map_or(0, |t| t.uri.len());
    let routes = |set: Set<'_, '_>| set.own().chain(set.rest()).map(|entry| entry.text.len()).sum::<usize>();
    checked.call_id.len()
        + checked.from.len()
        + checked.to.len()
        + target(&checked.calling)
        + target(&checked.called)
        + target(&checked.contact_address)
        + routes(checked.to_called)
        + routes(checked.to_calling)
        + checked.headers.iter().map(|header| header.len()).sum::<usize>()
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
    at.target_end = text.len();
    at.target_is_gruu = target.is_some_and(|target| target.cut.has(b"gr"));
    push(text, VERSION)?;

    push_routes(routes, text, at)?;
    push(text, MAX_FORWARDS_REASON)?;
    at.reason = text.len();

    push_session_id(sender.2, receiver.2, text)?;
    for header in checked.headers {
        push(text, header)?;
        push(text, LINE_END)?;
    }
    at.further_end = text.len();
    push(text, FROM)?;
    push(text, sender.0)?;
    (at.from_end, at.from_tag) = (text.len(), sender.1);
    push(text, TO)?;
    push(text, receiver.0)?;
    (at.to_end, at.to_tag) = (text.len(), receiver.1);
    push(text, CALL_ID)?;
    push(text, checked.call_id)?;
    at.call_id_end = text.len();
    push(text, CSEQ)?;
    at.cseq = text.len();
    Ok(())
}

/// Adds the URI as it may stand in a Request-URI.
fn push_target(target: Option<&Target<'_>>, text: &mut Text) -> Result<(), Error> {
    if let Some(Target { uri, cut }) = target {
        for piece in uri::without_method_and_headers(uri, cut) {
            push(text, piece)?;
        }
    }
    Ok(())
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
        }
        if index == own {
            at.bare = beginning_with(entry, text.len());
        }
        push(text, entry.text)?;
    }
    at.routes_end = text.len();
    let none = |start| RouteSet { start, uri: (start, start), is_empty: true, is_strict: false };
    if at.routes_end > start {
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
    let uri = start + entry.uri_start;
    RouteSet { start, uri: (uri, uri + entry.uri_len), is_empty: false, is_strict: !entry.uri.loose() }
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
