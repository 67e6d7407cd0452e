// SPDX-License-Identifier: MIT OR Apache-2.0
//! The stored information of a dialog (TS 24.229 5.4.5.1.2): checked once on the way in, then laid out as the lines of
//! both BYEs, so that a release has little more to do than to copy them.

mod check;
mod prepared;

use crate::error::Error;
use crate::message::{list, name_addr};
use crate::route::Own;
pub(crate) use prepared::{BYE, MAX_FORWARDS_REASON, Parties, Prepared, VERSION, Way};
use prepared::{Layout, Span};

/// The remote target of a Contact value: its URI; `None` where it cannot be used.
pub(crate) fn target(contact: &[u8]) -> Option<&[u8]> {
    check::target_of(contact, Error::BadCalledContact).ok().flatten().map(|target| target.uri)
}

/// Bytes of text in one dialog, at most: of its fields, as far as they are kept.
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
    ///
    /// They come from others: an entry that is not a SIP or SIPS URI in angle brackets marks the leg that needs it, see
    /// [`Dialog::new`]. A quote or bracket that nothing closes makes one such entry of the rest of its row.
    RecordRoute {
        /// The rows in order.
        rows: &'a [&'a [u8]],
        /// The proxy's own entries.
        own: &'a [Own<'a>],
    },
    /// Both route sets, already cut, without own entries. They are the host's: an entry that cannot be read refuses the
    /// dialog.
    Sets {
        /// Towards the called user, in the order of a Route header.
        to_called: &'a [&'a [u8]],
        /// Towards the calling user.
        to_calling: &'a [&'a [u8]],
        /// The own entries as they stand on top of the service-control BYE.
        own: &'a [&'a [u8]],
    },
    /// Nobody is in the path, the proxy neither: no BYE has a Route, and the one through service control is for the
    /// host to put there.
    Empty,
}

/// Room for one dialog's text, so that nothing is allocated between fields and BYEs.
#[derive(Debug, Default)]
pub struct Scratch {
    text: prepared::Text,
    layout: Layout,
}

/// A checked dialog, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Dialog<'a> {
    text: &'a [u8],
    layout: &'a Layout,
}

/// A checked dialog that owns its text.
#[derive(Clone, Debug)]
pub struct DialogBuf {
    text: Box<[u8]>,
    layout: Layout,
}

impl<'a> Dialog<'a> {
    /// Checks the fields and lays them out in `scratch`. Nothing is allocated.
    ///
    /// A Contact that is not one SIP URI does not refuse the dialog: the BYE to that user is refused when it is
    /// built. So is the BYE on whose side of the cut a Record-Route entry cannot be read; where both are at fault, for
    /// the Contact. A line end or NUL in any field refuses the dialog, and so do more entries than
    /// [`MAX_ROUTES`](crate::route::MAX_ROUTES).
    pub fn new(fields: &Fields<'_>, scratch: &'a mut Scratch) -> Result<Self, Error> {
        check::with_checked(fields, |checked| prepared::lay_out(checked, &mut scratch.text, &mut scratch.layout))?;
        Ok(Self { text: &scratch.text, layout: &scratch.layout })
    }

    /// A copy that owns its text.
    pub fn to_owned(&self) -> DialogBuf {
        DialogBuf { text: self.text.into(), layout: *self.layout }
    }

    /// Which user is served.
    pub fn serves(&self) -> Serves {
        self.layout.serves
    }

    /// Call-ID.
    pub fn call_id(&self) -> &'a [u8] {
        self.part(|parties| parties.call_id)
    }

    /// The From value of the INVITE.
    pub fn from(&self) -> &'a [u8] {
        self.part(|parties| parties.from)
    }

    /// The To value of the 200.
    pub fn to(&self) -> &'a [u8] {
        self.part(|parties| parties.to)
    }

    /// The calling user's tag; `None` for an RFC 2543 peer.
    pub fn from_tag(&self) -> Option<&'a [u8]> {
        self.prepared(User::Called).parties().from_tag.map(|tag| &self.from()[tag.start..tag.end])
    }

    /// The called user's tag.
    pub fn to_tag(&self) -> Option<&'a [u8]> {
        self.prepared(User::Called).parties().to_tag.map(|tag| &self.to()[tag.start..tag.end])
    }

    /// The remote target of the dialog on the side of `user`: its Contact URI; `None` when that cannot be used.
    pub fn remote_target(&self, user: User) -> Option<&'a [u8]> {
        self.prepared(user).target()
    }

    /// Whether the direct BYE to `user` has a Route: somebody else stands between the proxy and that user.
    pub fn has_route(&self, user: User) -> bool {
        self.prepared(user).bare().has_routes
    }

    /// The prepared BYE to `user`.
    #[inline]
    pub(crate) fn prepared(&self, user: User) -> Prepared<'a> {
        Prepared::new(self.text, self.layout, user)
    }

    /// A value as it stands in the BYE to the called user.
    fn part(&self, span: impl FnOnce(&Parties) -> Span) -> &'a [u8] {
        let prepared = self.prepared(User::Called);
        span(prepared.parties()).of(prepared.further_and_parties().1)
    }

    /// The URI of the own Record-Route entry that faces `user`, the address by which that side knows the proxy
    /// (RFC 3261 16.6 step 4): a proxy with several sockets sends a direct BYE from that one. Of a double Record-Route
    /// it is the half on that side; serving neither user, the outermost own entry there. For the BYE through service
    /// control it only informs: that one begins at the proxy. `None`: route sets were given without own entries.
    pub fn own_hop(&self, user: User) -> Option<&'a [u8]> {
        let leads_to = match self.layout.serves {
            Serves::Called => User::Calling,
            Serves::Calling | Serves::Neither => User::Called,
        };
        // They stand on top of that set and in its order: the last is next to the user whom it leads to.
        let mut own = list::elements(self.prepared(leads_to).own_routes());
        let entry = if user == leads_to { own.last() } else { own.next() };
        Some(name_addr::parse(entry?.ok()?)?.uri)
    }
}

impl DialogBuf {
    /// Checks the fields, see [`Dialog::new`].
    pub fn new(fields: &Fields<'_>) -> Result<Self, Error> {
        Ok(Dialog::new(fields, &mut Scratch::default())?.to_owned())
    }

    /// The dialog, borrowed.
    pub fn as_dialog(&self) -> Dialog<'_> {
        Dialog { text: &self.text, layout: &self.layout }
    }
}
