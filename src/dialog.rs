// SPDX-License-Identifier: MIT OR Apache-2.0
//! The stored information of a dialog (TS 24.229 5.4.5.1.2): checked once on the way in, then one contiguous text
//! with the lengths of its parts, which is also what the store keeps.

use arrayvec::ArrayVec;
use memchr::memchr3;

use crate::error::Error;
use crate::headers;
use crate::message::name_addr::{self, NameAddr};
use crate::message::{list, uri};
use crate::route::{self, Cut, Entries, Entry, Own};

/// Bytes of text in one dialog, at most.
pub const MAX_DIALOG: usize = 16 * 1024;

/// Which user the proxy serves in this dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Serves {
    /// The calling user: the BYE to the called user goes through service control.
    Calling,
    /// The called user: the BYE to the calling user goes through service control.
    Called,
    /// Neither (a P-CSCF, a plain proxy): both BYEs go directly.
    Neither,
}

/// One of the two BYEs, named by the user it goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum User {
    /// The first BYE goes to the called user.
    Called,
    /// The second BYE goes to the calling user.
    Calling,
}

/// What a host knows of a dialog, borrowed and not yet checked.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    /// Which user is served.
    pub serves: Serves,
    /// Call-ID of the initial INVITE.
    pub call_id: &'a [u8],
    /// The whole From value of the initial INVITE.
    pub from: &'a [u8],
    /// The whole To value of its 200.
    pub to: &'a [u8],
    /// The whole Contact value that the calling user gave last.
    pub calling_contact: &'a [u8],
    /// The whole Contact value that the called user gave last.
    pub called_contact: &'a [u8],
    /// The routes.
    pub routes: Routes<'a>,
    /// Where the served user is reached when its Contact is a GRUU: a SIP URI, or empty.
    pub contact_address: &'a [u8],
    /// The calling user's Session-ID UUID (RFC 7989), 32 lower-case hex digits; anything else counts as unknown.
    pub calling_session_id: &'a [u8],
    /// The called user's Session-ID UUID.
    pub called_session_id: &'a [u8],
    /// Further headers for both BYEs by local policy, each `Name: value`.
    pub headers: &'a [&'a [u8]],
}

/// Where the routes of a dialog come from. Rows may hold comma lists.
#[derive(Clone, Copy, Debug)]
pub enum Routes<'a> {
    /// The Record-Route rows of the 2xx to the initial INVITE, and how to tell the own entries.
    RecordRoute {
        /// The rows in order.
        rows: &'a [&'a [u8]],
        /// The proxy's own entries.
        own: &'a [Own<'a>],
    },
    /// Both route sets, already cut, without own entries.
    Sets {
        /// Towards the called user, in the order of a Route header.
        to_called: &'a [&'a [u8]],
        /// Towards the calling user.
        to_calling: &'a [&'a [u8]],
        /// The own entries as they stand on top of the service-control BYE.
        own: &'a [&'a [u8]],
    },
}

/// The parts of the text, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
enum Part {
    CallId,
    From,
    To,
    CallingTarget,
    CalledTarget,
    RoutesToCalled,
    RoutesToCalling,
    ContactAddress,
    CallingSessionId,
    CalledSessionId,
    // Last, because its line ends are its own.
    Headers,
}

const PARTS: usize = Part::Headers as usize + 1;

/// Where parts and tags lie in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    serves: Serves,
    flags: u16,
    ends: [u16; PARTS],
    /// Length of the own entries at the head of each route set, separator included.
    own_to_called: u16,
    own_to_calling: u16,
    from_tag: Option<Tag>,
    to_tag: Option<Tag>,
}

/// The tag within its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tag {
    semicolon: u16,
    start: u16,
    end: u16,
}

/// The first entry of the set, with or without the own entries before it, is a strict router.
const STRICT_TO_CALLED: u16 = 1;
const STRICT_TO_CALLED_OWN: u16 = 1 << 1;
const STRICT_TO_CALLING: u16 = 1 << 2;
const STRICT_TO_CALLING_OWN: u16 = 1 << 3;
/// The calling or called user's Contact is a GRUU (`gr` parameter, RFC 5627).
const CALLING_GRUU: u16 = 1 << 4;
const CALLED_GRUU: u16 = 1 << 5;

/// Room for one dialog's text, so that nothing is allocated between fields and BYEs.
#[derive(Debug, Default)]
pub struct Scratch {
    text: ArrayVec<u8, MAX_DIALOG>,
}

/// A checked dialog, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Dialog<'a> {
    text: &'a [u8],
    layout: Layout,
}

/// A checked dialog that owns its text.
#[derive(Clone, Debug)]
pub struct DialogBuf {
    text: Box<[u8]>,
    layout: Layout,
}

/// The routes that one BYE may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RouteSet<'a> {
    /// Own entries and the rest, joined by `", "`.
    pub with_own: &'a [u8],
    /// The rest alone.
    pub bare: &'a [u8],
    /// Whether the first entry of `with_own` is a strict router.
    pub strict_with_own: bool,
    /// Whether the first entry of `bare` is one.
    pub strict_bare: bool,
}

impl<'a> Dialog<'a> {
    /// Checks the fields and lays them out in `scratch`. Nothing is allocated.
    ///
    /// A Contact that is not one SIP URI does not refuse the dialog: the BYE to that user is refused when it is
    /// built. A line end or NUL in any field refuses the dialog.
    pub fn new(fields: &Fields<'_>, scratch: &'a mut Scratch) -> Result<Self, Error> {
        let layout = lay_out(fields, &mut scratch.text)?;
        Ok(Self { text: &scratch.text, layout })
    }

    /// A dialog as [`Dialog::encode`] wrote it; `None` when the bytes are not that.
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (head, text) = bytes.split_at_checked(ENCODED_LAYOUT)?;
        let layout = Layout::decode(head.try_into().ok()?)?;
        (usize::from(layout.ends[PARTS - 1]) == text.len()).then_some(Self { text, layout })
    }

    /// Length of the encoded dialog.
    pub fn encoded_len(&self) -> usize {
        ENCODED_LAYOUT + self.text.len()
    }

    /// Appends the dialog to `bytes`, for a store. The format belongs to the version of the library.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.layout.encode());
        bytes.extend_from_slice(self.text);
    }

    /// A copy that owns its text.
    pub fn to_owned(&self) -> DialogBuf {
        DialogBuf { text: self.text.into(), layout: self.layout }
    }

    fn part(&self, part: Part) -> &'a [u8] {
        let start = if part as usize == 0 { 0 } else { self.layout.ends[part as usize - 1] };
        &self.text[usize::from(start)..usize::from(self.layout.ends[part as usize])]
    }

    /// Which user is served.
    pub fn serves(&self) -> Serves {
        self.layout.serves
    }

    /// Call-ID.
    pub fn call_id(&self) -> &'a [u8] {
        self.part(Part::CallId)
    }

    /// The From value of the INVITE.
    pub fn from(&self) -> &'a [u8] {
        self.part(Part::From)
    }

    /// The To value of the 200.
    pub fn to(&self) -> &'a [u8] {
        self.part(Part::To)
    }

    /// The calling user's tag; `None` for an RFC 2543 peer.
    pub fn from_tag(&self) -> Option<&'a [u8]> {
        self.layout.from_tag.map(|t| &self.from()[usize::from(t.start)..usize::from(t.end)])
    }

    /// The called user's tag.
    pub fn to_tag(&self) -> Option<&'a [u8]> {
        self.layout.to_tag.map(|t| &self.to()[usize::from(t.start)..usize::from(t.end)])
    }

    /// Where the tag of From begins: offsets of its `;` and of its first character.
    pub(crate) fn tag_of_from(&self) -> Option<(usize, usize)> {
        self.layout.from_tag.map(|t| (t.semicolon.into(), t.start.into()))
    }

    /// Where the tag of To begins.
    pub(crate) fn tag_of_to(&self) -> Option<(usize, usize)> {
        self.layout.to_tag.map(|t| (t.semicolon.into(), t.start.into()))
    }

    /// The remote target of the dialog on the side of `user`: its Contact URI; `None` when that cannot be used.
    pub fn remote_target(&self, user: User) -> Option<&'a [u8]> {
        let target = match user {
            User::Called => self.part(Part::CalledTarget),
            User::Calling => self.part(Part::CallingTarget),
        };
        (!target.is_empty()).then_some(target)
    }

    pub(crate) fn is_gruu(&self, user: User) -> bool {
        let flag = match user {
            User::Called => CALLED_GRUU,
            User::Calling => CALLING_GRUU,
        };
        self.layout.flags & flag != 0
    }

    pub(crate) fn contact_address(&self) -> &'a [u8] {
        self.part(Part::ContactAddress)
    }

    pub(crate) fn route_set(&self, user: User) -> RouteSet<'a> {
        let (part, own, bare, with_own) = match user {
            User::Called => (Part::RoutesToCalled, self.layout.own_to_called, STRICT_TO_CALLED, STRICT_TO_CALLED_OWN),
            User::Calling => {
                (Part::RoutesToCalling, self.layout.own_to_calling, STRICT_TO_CALLING, STRICT_TO_CALLING_OWN)
            }
        };
        let routes = self.part(part);
        RouteSet {
            with_own: routes,
            bare: &routes[usize::from(own)..],
            strict_with_own: self.layout.flags & with_own != 0,
            strict_bare: self.layout.flags & bare != 0,
        }
    }

    /// The URI of the own Record-Route entry that faces `user`, the address by which that side knows the proxy
    /// (RFC 3261 16.6 step 4): a proxy with several sockets sends a direct BYE from that one. Of a double Record-Route
    /// it is the half on that side; serving neither user, the outermost own entry there. For the BYE through service
    /// control it only informs: that one begins at the proxy. `None`: route sets were given without own entries.
    pub fn own_hop(&self, user: User) -> Option<&'a [u8]> {
        let (part, own, leads_to) = match self.layout.serves {
            Serves::Called => (Part::RoutesToCalling, self.layout.own_to_calling, User::Calling),
            Serves::Calling | Serves::Neither => (Part::RoutesToCalled, self.layout.own_to_called, User::Called),
        };
        // They stand on top of that set and in its order: the last is next to the user whom it leads to.
        let mut own = list::elements(&self.part(part)[..usize::from(own)]);
        let entry = if user == leads_to { own.last() } else { own.next() };
        Some(name_addr::parse(entry?.ok()?)?.uri)
    }

    /// The Session-ID UUIDs of the calling and the called user, where known.
    pub(crate) fn session_ids(&self) -> (Option<&'a [u8]>, Option<&'a [u8]>) {
        let known = |part| Some(self.part(part)).filter(|id: &&[u8]| !id.is_empty());
        (known(Part::CallingSessionId), known(Part::CalledSessionId))
    }

    /// The further header lines, each with its line end.
    pub(crate) fn headers(&self) -> &'a [u8] {
        self.part(Part::Headers)
    }
}

impl DialogBuf {
    /// Checks the fields, see [`Dialog::new`].
    pub fn new(fields: &Fields<'_>) -> Result<Self, Error> {
        Ok(Dialog::new(fields, &mut Scratch::default())?.to_owned())
    }

    /// The dialog, borrowed.
    pub fn as_dialog(&self) -> Dialog<'_> {
        Dialog { text: &self.text, layout: self.layout }
    }
}

type Text = ArrayVec<u8, MAX_DIALOG>;

fn push(text: &mut Text, bytes: &[u8]) -> Result<(), Error> {
    text.try_extend_from_slice(bytes).map_err(|_| Error::TooLarge)
}

fn lay_out(fields: &Fields<'_>, text: &mut Text) -> Result<Layout, Error> {
    text.clear();
    let mut layout = Layout {
        serves: fields.serves,
        flags: 0,
        ends: [0; PARTS],
        own_to_called: 0,
        own_to_calling: 0,
        from_tag: None,
        to_tag: None,
    };
    let mut end = |part: Part, text: &Text| layout.ends[part as usize] = text.len() as u16;

    let broken = fields.call_id.iter().fold(false, |bad, b| bad | (*b <= b' ') | (*b == 0x7f));
    if fields.call_id.is_empty() || broken {
        return Err(Error::BadCallId);
    }
    push(text, fields.call_id)?;
    end(Part::CallId, text);
    push(text, fields.from)?;
    end(Part::From, text);
    push(text, fields.to)?;
    end(Part::To, text);
    let calling_gruu = push_target(fields.calling_contact, text, Error::BadCallingContact)?;
    end(Part::CallingTarget, text);
    let called_gruu = push_target(fields.called_contact, text, Error::BadCalledContact)?;
    end(Part::CalledTarget, text);

    let (mut entries, mut other) = (Entries::new(), Entries::new());
    let routes = read_routes(fields, &mut entries, &mut other)?;
    let own_to_called = push_set(text, routes.to_called)?;
    end(Part::RoutesToCalled, text);
    let own_to_calling = push_set(text, routes.to_calling)?;
    end(Part::RoutesToCalling, text);

    if !fields.contact_address.is_empty() {
        let cut = uri::parse(fields.contact_address).ok_or(Error::BadContactAddress)?;
        for piece in uri::without_method_and_headers(fields.contact_address, &cut) {
            push(text, piece)?;
        }
    }
    end(Part::ContactAddress, text);
    push(text, known_session_id(fields.calling_session_id))?;
    end(Part::CallingSessionId, text);
    push(text, known_session_id(fields.called_session_id))?;
    end(Part::CalledSessionId, text);

    // One look over the whole text instead of one for each field: only an error needs to know which it was.
    if let Some(at) = memchr3(b'\r', b'\n', 0, text) {
        let part = layout.ends.iter().position(|end| at < usize::from(*end));
        return Err(match part {
            Some(p) if p == Part::From as usize => Error::BadFrom,
            Some(p) if p == Part::To as usize => Error::BadTo,
            Some(p) if p <= Part::RoutesToCalling as usize => match fields.routes {
                Routes::RecordRoute { .. } => Error::BadRecordRoute,
                Routes::Sets { .. } => Error::BadRoute,
            },
            _ => Error::BadContactAddress,
        });
    }
    for header in fields.headers {
        headers::check(header)?;
        push(text, header)?;
        push(text, b"\r\n")?;
    }
    headers::check_distinct(fields.headers)?;
    layout.ends[Part::Headers as usize] = text.len() as u16;

    layout.from_tag = tag_of(fields.from, Error::BadFrom)?;
    layout.to_tag = tag_of(fields.to, Error::BadTo)?;
    layout.own_to_called = own_to_called;
    layout.own_to_calling = own_to_calling;
    let (called_bare, called_with_own) = routes.to_called.strict();
    let (calling_bare, calling_with_own) = routes.to_calling.strict();
    let flags = [
        (called_bare, STRICT_TO_CALLED),
        (called_with_own, STRICT_TO_CALLED_OWN),
        (calling_bare, STRICT_TO_CALLING),
        (calling_with_own, STRICT_TO_CALLING_OWN),
        (calling_gruu, CALLING_GRUU),
        (called_gruu, CALLED_GRUU),
    ];
    layout.flags = flags.iter().filter(|(set, _)| *set).fold(0, |all, (_, flag)| all | flag);
    Ok(layout)
}

fn tag_of(value: &[u8], fault: Error) -> Result<Option<Tag>, Error> {
    let cut = name_addr::parse(value).ok_or(fault)?;
    Ok(name_addr::tag(value, &cut).map(|t| Tag {
        semicolon: t.semicolon as u16,
        start: t.start as u16,
        end: t.end as u16,
    }))
}

/// The remote target of a Contact value (RFC 3261 12.1.1, 20.10): the URI alone. Adds nothing when it cannot be used.
/// Tells whether it is a GRUU.
fn push_target(contact: &[u8], text: &mut Text, fault: Error) -> Result<bool, Error> {
    if memchr3(b'\r', b'\n', 0, contact).is_some() {
        return Err(fault);
    }
    let mut elements = list::elements(contact);
    let (Some(Ok(only)), None) = (elements.next(), elements.next()) else {
        return Ok(false);
    };
    let target = name_addr::parse(only).map(|NameAddr { uri, .. }| uri);
    let Some((target, cut)) = target.and_then(|t| Some((t, uri::parse(t)?))) else {
        return Ok(false);
    };
    for piece in uri::without_method_and_headers(target, &cut) {
        push(text, piece)?;
    }
    Ok(cut.has(b"gr"))
}

/// RFC 7989 5: 32 lower-case hex digits, and not the nil UUID.
fn known_session_id(id: &[u8]) -> &[u8] {
    let hex = id.len() == 32 && id.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if hex && id.iter().any(|b| *b != b'0') { id } else { b"" }
}

/// Both route sets, own entries first.
struct RouteSets<'e, 'a> {
    to_called: Set<'e, 'a>,
    to_calling: Set<'e, 'a>,
}

/// Entries in the order of a Route header.
#[derive(Clone, Copy)]
struct Set<'e, 'a> {
    own: &'e [Entry<'a>],
    rest: &'e [Entry<'a>],
    /// A list that comes from Record-Route is read backwards towards the called user.
    backwards: bool,
}

impl<'e, 'a> Set<'e, 'a> {
    fn part(self, part: &'e [Entry<'a>]) -> impl Iterator<Item = &'e Entry<'a>> + use<'e, 'a> {
        (0..part.len()).map(move |at| &part[if self.backwards { part.len() - 1 - at } else { at }])
    }

    /// Whether the first entry without the own ones is a strict router, and whether the first of all is.
    fn strict(self) -> (bool, bool) {
        let bare = self.part(self.rest).next().is_some_and(|e| !e.uri.loose());
        let with_own = self.part(self.own).next().map_or(bare, |e| !e.uri.loose());
        (bare, with_own)
    }
}

fn read_routes<'e, 'a>(
    fields: &Fields<'a>,
    entries: &'e mut Entries<'a>,
    other: &'e mut Entries<'a>,
) -> Result<RouteSets<'e, 'a>, Error> {
    match fields.routes {
        Routes::RecordRoute { rows, own } => {
            for row in rows {
                route::push_row(row, entries, Error::BadRecordRoute)?;
            }
            let entries: &'e [Entry<'a>] = entries;
            let Cut { first, last } = route::cut(entries, own, fields.serves)?;
            let (called, own, calling) = (&entries[..first], &entries[first..=last], &entries[last + 1..]);
            Ok(sets(fields.serves, own, called, calling, true))
        }
        Routes::Sets { to_called, to_calling, own } => {
            let fault = Error::BadRoute;
            for row in own {
                route::push_row(row, entries, fault)?;
            }
            let own_len = entries.len();
            for row in to_called {
                route::push_row(row, entries, fault)?;
            }
            for row in to_calling {
                route::push_row(row, other, fault)?;
            }
            let (own, called) = entries.split_at(own_len);
            // Without an own entry on top the host's script would not see the BYE.
            if own.is_empty() && fields.serves != Serves::Neither {
                return Err(Error::NoOwnRoute);
            }
            Ok(sets(fields.serves, own, called, other, false))
        }
    }
}

/// Puts the own entries on top of the set that goes through service control. Serving neither, they are kept with one
/// side, so that the whole list can be put together again.
fn sets<'e, 'a>(
    serves: Serves,
    own: &'e [Entry<'a>],
    called: &'e [Entry<'a>],
    calling: &'e [Entry<'a>],
    from_record_route: bool,
) -> RouteSets<'e, 'a> {
    let (called_own, calling_own): (&[_], &[_]) = match serves {
        Serves::Called => (&[], own),
        Serves::Calling | Serves::Neither => (own, &[]),
    };
    RouteSets {
        to_called: Set { own: called_own, rest: called, backwards: from_record_route },
        to_calling: Set { own: calling_own, rest: calling, backwards: false },
    }
}

/// Adds the set as one Route value; returns the length of its own entries with the separator behind them.
fn push_set(text: &mut Text, set: Set<'_, '_>) -> Result<u16, Error> {
    let start = text.len();
    for (index, entry) in set.part(set.own).enumerate() {
        if index > 0 {
            push(text, b", ")?;
        }
        push(text, entry.text)?;
    }
    if !set.own.is_empty() && !set.rest.is_empty() {
        push(text, b", ")?;
    }
    let own_len = text.len() - start;
    for (index, entry) in set.part(set.rest).enumerate() {
        if index > 0 {
            push(text, b", ")?;
        }
        push(text, entry.text)?;
    }
    Ok(own_len as u16)
}

const ENCODED_LAYOUT: usize = 4 + 2 * PARTS + 4 + 12;
const VERSION: u8 = 1;
const NO_TAG: [u16; 3] = [u16::MAX; 3];

impl Layout {
    fn encode(&self) -> [u8; ENCODED_LAYOUT] {
        let mut bytes = [0; ENCODED_LAYOUT];
        bytes[0] = VERSION;
        bytes[1] = match self.serves {
            Serves::Calling => 1,
            Serves::Called => 2,
            Serves::Neither => 3,
        };
        let tag = |t: Option<Tag>| t.map_or(NO_TAG, |t| [t.semicolon, t.start, t.end]);
        let numbers = core::iter::once(self.flags)
            .chain(self.ends)
            .chain([self.own_to_called, self.own_to_calling])
            .chain(tag(self.from_tag))
            .chain(tag(self.to_tag));
        for (bytes, number) in bytes[2..].chunks_exact_mut(2).zip(numbers) {
            bytes.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    fn decode(bytes: &[u8; ENCODED_LAYOUT]) -> Option<Self> {
        let serves = match (bytes[0], bytes[1]) {
            (VERSION, 1) => Serves::Calling,
            (VERSION, 2) => Serves::Called,
            (VERSION, 3) => Serves::Neither,
            _ => return None,
        };
        let mut numbers = bytes[2..].chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]));
        let mut next = || numbers.next().unwrap_or_default();
        let flags = next();
        let ends = core::array::from_fn(|_| next());
        let (own_to_called, own_to_calling) = (next(), next());
        let mut tag = || [next(), next(), next()];
        let (from_tag, to_tag) = (tag(), tag());
        let layout = Self {
            serves,
            flags,
            ends,
            own_to_called,
            own_to_calling,
            from_tag: tag_within(from_tag, &ends, Part::From)?,
            to_tag: tag_within(to_tag, &ends, Part::To)?,
        };
        let length = |part: Part| ends[part as usize].checked_sub(ends[part as usize - 1]);
        let sound = ends.is_sorted()
            && own_to_called <= length(Part::RoutesToCalled)?
            && own_to_calling <= length(Part::RoutesToCalling)?;
        sound.then_some(layout)
    }
}

/// A stored tag, if it lies within its value; the outer `None` when it does not.
fn tag_within(stored: [u16; 3], ends: &[u16; PARTS], part: Part) -> Option<Option<Tag>> {
    if stored == NO_TAG {
        return Some(None);
    }
    let length = ends[part as usize].checked_sub(ends[part as usize - 1])?;
    let [semicolon, start, end] = stored;
    (semicolon < start && start < end && end <= length).then_some(Some(Tag { semicolon, start, end }))
}
