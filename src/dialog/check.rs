// SPDX-License-Identifier: MIT OR Apache-2.0
//! From raw fields to checked ones. What is refused is named by its field; nothing is copied.

use super::{Fields, Routes, Serves};
use crate::error::Error;
use crate::headers;
use crate::message::list;
use crate::message::name_addr::{self, NameAddr, Tag};
use crate::message::uri::{self, Uri};
use crate::route::{self, Cut, Entries, Entry, Origin};
use crate::scan;

/// Fields that can stand in a message as they are.
#[derive(Debug)]
pub(super) struct Checked<'c, 'f> {
    pub serves: Serves,
    pub call_id: &'f [u8],
    pub from: &'f [u8],
    pub from_tag: Option<Tag>,
    pub to: &'f [u8],
    pub to_tag: Option<Tag>,
    pub calling: Option<Target<'f>>,
    pub called: Option<Target<'f>>,
    pub to_called: Set<'c, 'f>,
    pub to_calling: Set<'c, 'f>,
    pub contact_address: Option<Target<'f>>,
    pub calling_session_id: Option<&'f [u8]>,
    pub called_session_id: Option<&'f [u8]>,
    pub headers: &'f [&'f [u8]],
}

/// A URI that a BYE can be sent to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'f> {
    pub uri: &'f [u8],
    /// Where a method, headers or a `gr` parameter may be in it.
    pub special: Option<Uri<'f>>,
}

impl<'f> Target<'f> {
    pub fn new(uri: &'f [u8], cut: Uri<'f>) -> Self {
        Self { uri, special: Some(cut).filter(Uri::may_be_special) }
    }
}

/// Entries in the order of a Route header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Set<'c, 'f> {
    own: &'c [Entry<'f>],
    /// `None`: one of them cannot be read, and no BYE can go this way.
    rest: Option<&'c [Entry<'f>]>,
    /// A list that comes from Record-Route is read backwards towards the called user.
    backwards: bool,
}

impl<'c, 'f> Set<'c, 'f> {
    /// The proxy's own entries.
    pub fn own(self) -> impl ExactSizeIterator<Item = &'c Entry<'f>> + use<'c, 'f> {
        self.part(self.own)
    }

    /// The entries behind them; none where one cannot be read.
    pub fn rest(self) -> impl ExactSizeIterator<Item = &'c Entry<'f>> + use<'c, 'f> {
        self.part(self.rest.unwrap_or_default())
    }

    /// Whether all entries behind the own ones can be read.
    pub fn is_readable(self) -> bool {
        self.rest.is_some()
    }

    fn part(self, part: &'c [Entry<'f>]) -> impl ExactSizeIterator<Item = &'c Entry<'f>> + use<'c, 'f> {
        (0..part.len()).map(move |at| &part[if self.backwards { part.len() - 1 - at } else { at }])
    }
}

/// Calls `then` with the checked fields, whose routes live on the stack.
pub(super) fn with_checked<'f>(
    fields: &Fields<'f>,
    then: impl FnOnce(&Checked<'_, 'f>) -> Result<(), Error>,
) -> Result<(), Error> {
    if fields.call_id.is_empty() || scan::any(fields.call_id, |b| (b <= b' ') | (b == 0x7f)) {
        return Err(Error::BadCallId);
    }
    let from_tag = tag_of(fields.from, Error::BadFrom)?;
    let to_tag = tag_of(fields.to, Error::BadTo)?;
    let calling = target_of(fields.calling_contact, Error::BadCallingContact)?;
    let called = target_of(fields.called_contact, Error::BadCalledContact)?;
    let contact_address = match fields.contact_address {
        b"" => None,
        uri => {
            on_one_line(uri, Error::BadContactAddress)?;
            Some(Target::new(uri, uri::parse(uri).ok_or(Error::BadContactAddress)?))
        }
    };
    for header in fields.headers {
        headers::check(header)?;
    }
    headers::check_distinct(fields.headers)?;
    let (mut entries, mut other) = (Entries::new(), Entries::new());
    let (to_called, to_calling) = read_routes(fields, &mut entries, &mut other)?;
    then(&Checked {
        serves: fields.serves,
        call_id: fields.call_id,
        from: fields.from,
        from_tag,
        to: fields.to,
        to_tag,
        calling,
        called,
        to_called,
        to_calling,
        contact_address,
        calling_session_id: known_session_id(fields.calling_session_id),
        called_session_id: known_session_id(fields.called_session_id),
        headers: fields.headers,
    })
}

fn on_one_line(value: &[u8], fault: Error) -> Result<(), Error> {
    if scan::breaks_line(value) { Err(fault) } else { Ok(()) }
}

fn tag_of(value: &[u8], fault: Error) -> Result<Option<Tag>, Error> {
    if let Some(tag) = name_addr::plain_tag(value) {
        return Ok(Some(tag));
    }
    on_one_line(value, fault)?;
    let cut = name_addr::parse(value).ok_or(fault)?;
    match name_addr::tag(value, &cut) {
        Some(tag) if !name_addr::is_word(&value[tag.start..tag.end]) => Err(fault),
        tag => Ok(tag),
    }
}

/// The remote target of a Contact value (RFC 3261 12.1.1, 20.10): the URI alone; `None` when it cannot be used.
pub(super) fn target_of(contact: &[u8], fault: Error) -> Result<Option<Target<'_>>, Error> {
    if let Some(uri) = name_addr::only_uri(contact) {
        return Ok(uri::cut(uri).map(|cut| Target::new(uri, cut)));
    }
    on_one_line(contact, fault)?;
    let mut elements = list::elements(contact);
    let (Some(Ok(only)), None) = (elements.next(), elements.next()) else {
        return Ok(None);
    };
    let Some(NameAddr { uri, .. }) = name_addr::parse(only) else {
        return Ok(None);
    };
    Ok(uri::parse(uri).map(|cut| Target::new(uri, cut)))
}

/// RFC 7989 5: 32 lower-case hex digits, and not the nil UUID.
fn known_session_id(id: &[u8]) -> Option<&[u8]> {
    let hex = id.len() == 32 && id.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (hex && id.iter().any(|b| *b != b'0')).then_some(id)
}

/// The route sets towards the called and the calling user.
fn read_routes<'c, 'f>(
    fields: &Fields<'f>,
    entries: &'c mut Entries<'f>,
    other: &'c mut Entries<'f>,
) -> Result<(Set<'c, 'f>, Set<'c, 'f>), Error> {
    match fields.routes {
        // The list cannot be cut, whatever is in it: what else is wrong with it would lead astray.
        Routes::RecordRoute { own: [], .. } => Err(Error::NoOwnRoute),
        Routes::RecordRoute { rows, own } => {
            for row in rows {
                route::push_row(row, entries, Origin::RecordRoute)?;
            }
            let entries: &'c [Entry<'f>] = entries;
            let Cut { first, last } = route::cut(entries, own, fields.serves)?;
            let (called, own, calling) = (&entries[..first], &entries[first..=last], &entries[last + 1..]);
            Ok(sets(fields.serves, own, readable(called), readable(calling), true))
        }
        Routes::Sets { to_called, to_calling, own } => {
            for row in own {
                route::push_row(row, entries, Origin::Set)?;
            }
            let own_len = entries.len();
            for row in to_called {
                route::push_row(row, entries, Origin::Set)?;
            }
            for row in to_calling {
                route::push_row(row, other, Origin::Set)?;
            }
            let (own, called) = entries.split_at(own_len);
            // Without an own entry on top the host's script would not see the BYE.
            if own.is_empty() && fields.serves != Serves::Neither {
                return Err(Error::NoOwnRoute);
            }
            Ok(sets(fields.serves, own, Some(called), Some(other), false))
        }
        Routes::Empty => Ok(sets(fields.serves, &[], Some(&[]), Some(&[]), false)),
    }
}

/// The entries, if all can be read.
fn readable<'c, 'f>(entries: &'c [Entry<'f>]) -> Option<&'c [Entry<'f>]> {
    entries.iter().all(|entry| entry.cut.is_some()).then_some(entries)
}

/// Puts the own entries on top of the set that goes through service control. Serving neither, they are kept with one
/// side, so that the whole list can be put together again.
fn sets<'c, 'f>(
    serves: Serves,
    own: &'c [Entry<'f>],
    called: Option<&'c [Entry<'f>]>,
    calling: Option<&'c [Entry<'f>]>,
    from_record_route: bool,
) -> (Set<'c, 'f>, Set<'c, 'f>) {
    let (called_own, calling_own): (&[_], &[_]) = match serves {
        Serves::Called => (&[], own),
        Serves::Calling | Serves::Neither => (own, &[]),
    };
    (
        Set { own: called_own, rest: called, backwards: from_record_route },
        Set { own: calling_own, rest: calling, backwards: false },
    )
}
