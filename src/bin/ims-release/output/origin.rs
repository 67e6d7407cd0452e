// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where each line of a BYE comes from: the message it was stored from, and the rule that puts it there.

use ims_release::capture::Captured;
use ims_release::capture::identity::icid;
use ims_release::dialog::User;
use ims_release::message::StartLine;
use ims_release::registry::What;
use memchr::memmem;

use crate::calls::{Bye, Calls, Dialog, Note};
use crate::input::Place;

/// The origins of one BYE's lines.
#[derive(Debug)]
pub struct Origins<'a> {
    calls: &'a Calls,
    dialog: &'a Dialog,
    bye: &'a Bye,
    to: User,
}

/// Either user, as the clause calls them.
pub fn name(user: User) -> &'static str {
    match user {
        User::Called => "called user",
        User::Calling => "calling user",
    }
}

impl<'a> Origins<'a> {
    /// Of the BYE to a user.
    pub fn new(calls: &'a Calls, dialog: &'a Dialog, bye: &'a Bye, to: User) -> Self {
        Self { calls, dialog, bye, to }
    }

    /// The origin of a line, without its line end.
    pub fn of(&self, line: &[u8]) -> String {
        let name = &line[..memchr::memchr(b':', line).unwrap_or(line.len())];
        match name {
            name if name.starts_with(b"BYE ") => self.request_uri(),
            b"Route" => self.route(),
            b"Max-Forwards" => "RFC 3261 8.1.1.6".into(),
            b"Reason" => "--cause, --text, --q850; a SIP status code is a must".into(),
            b"Session-ID" => "both users' UUIDs, RFC 7989".into(),
            b"From" => self.identity(User::Calling),
            b"To" => self.identity(User::Called),
            b"Call-ID" => format!("Call-ID of {}", self.invite()),
            b"CSeq" => self.cseq(),
            b"Content-Length" => "no body".into(),
            b"P-Charging-Vector" => self.charging_vector(line),
            _ => "--header".into(),
        }
    }

    fn request_uri(&self) -> String {
        let user = name(self.to);
        // Else the next hop is that of the topmost Route.
        if !self.bye.route.is_empty() && self.bye.next_hop == self.bye.request_uri {
            return "first route, a strict router: RFC 3261 12.2.1.1".into();
        }
        let given = self.last(|captured, note| {
            let stored =
                matches!(note, Note::Invite | Note::Stored(_, What::Early | What::Confirmed | What::Refreshed));
            let contact = captured.contact.as_deref();
            let same = contact.is_some_and(|contact| memmem::find(contact, &self.bye.request_uri).is_some());
            stored && same && self.sent_by(captured, self.to)
        });
        format!("stored Contact of the {user}{}", given.map(|m| format!(": {m}")).unwrap_or_default())
    }

    fn route(&self) -> String {
        let order = match self.to {
            User::Called => "cut at the own entry, reversed",
            User::Calling => "cut at the own entry",
        };
        format!("Record-Route of {}, {order}", self.answer())
    }

    /// From holds what the clause takes from the sender's side: in the BYE to the calling user they change places.
    fn identity(&self, header: User) -> String {
        match (self.to, header) {
            (User::Called, User::Calling) | (User::Calling, User::Called) => format!("From of {}", self.invite()),
            (User::Called, User::Called) | (User::Calling, User::Calling) => format!("To of {}", self.answer()),
        }
    }

    fn cseq(&self) -> String {
        let sender = match self.to {
            User::Called => User::Calling,
            User::Calling => User::Called,
        };
        let before = self.bye.cseq.checked_sub(1);
        // The request itself, where the capture has it.
        let given = self.first(|captured, _| {
            let counts = !matches!(captured.method, b"ACK" | b"CANCEL");
            let request = matches!(captured.start, StartLine::Request { .. });
            counts && Some(captured.cseq) == before && self.sent_by(captured, sender) == request
        });
        match given {
            Some(message) => format!("highest number from the {}, of {message}, plus 1", name(sender)),
            None => format!("drawn at random: no request from the {} was seen", name(sender)),
        }
    }

    fn charging_vector(&self, line: &[u8]) -> String {
        let given = self.first(|captured, _| {
            let icid = icid(&captured.charging_vector);
            !icid.is_empty() && line.strip_suffix(icid).is_some_and(|before| before.ends_with(b"icid-value="))
        });
        given.map_or_else(|| "--header".into(), |message| format!("icid-value of {message}, RFC 7315"))
    }

    fn invite(&self) -> String {
        let invite = self.last(|_, note| note == Note::Invite);
        invite.unwrap_or_else(|| "the INVITE".into())
    }

    fn answer(&self) -> String {
        let answer = self.last(|_, note| note == Note::Stored(self.dialog.id, What::Confirmed));
        answer.unwrap_or_else(|| "the 2xx".into())
    }

    /// Whether the message itself was sent by `user`. From is who sent the request, also in its replies.
    fn sent_by(&self, captured: &Captured<'_>, user: User) -> bool {
        let request = matches!(captured.start, StartLine::Request { .. });
        let calling_sent = (captured.from_tag() == self.dialog.from_tag) == request;
        calling_sent == (user == User::Calling)
    }

    /// The first message of the dialog that is `wanted`, described.
    fn first(&self, wanted: impl Fn(&Captured<'_>, Note) -> bool) -> Option<String> {
        self.described().find(|(captured, note, _)| wanted(captured, *note)).map(|(.., text)| text)
    }

    /// The last one.
    fn last(&self, wanted: impl Fn(&Captured<'_>, Note) -> bool) -> Option<String> {
        self.described().rev().find(|(captured, note, _)| wanted(captured, *note)).map(|(.., text)| text)
    }

    fn described(&self) -> impl DoubleEndedIterator<Item = (Captured<'_>, Note, String)> {
        let of_dialog = self.calls.messages_of(self.dialog);
        of_dialog.filter(|(_, captured, _)| self.is_of_dialog(captured)).map(|(message, captured, note)| {
            let text = format!("{} ({})", describe(&captured), self.calls.place(message.place));
            (captured, note, text)
        })
    }

    fn is_of_dialog(&self, captured: &Captured<'_>) -> bool {
        let (from, to) = (captured.from_tag(), captured.to_tag());
        let Dialog { from_tag, to_tag, .. } = self.dialog;
        let calling = from == from_tag.as_slice() && (to.is_empty() || to == to_tag.as_slice());
        let called = from == to_tag.as_slice() && to == from_tag.as_slice();
        calling || called
    }
}

/// A message in few words.
pub fn describe(captured: &Captured<'_>) -> String {
    let method = captured.method.escape_ascii();
    match captured.start {
        StartLine::Request { .. } => format!("{method} {}", captured.cseq),
        StartLine::Reply { code } => format!("{code} {} {method}", captured.cseq),
    }
}

impl Calls {
    /// A place, as the files call it.
    pub fn place(&self, place: Place) -> String {
        let unit = if self.input.captures[place.file] { "frame" } else { "octet" };
        match self.input.files.as_slice() {
            [_] => format!("{unit} {}", place.offset),
            files => format!("{} {unit} {}", files[place.file].display(), place.offset),
        }
    }
}
