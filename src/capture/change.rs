// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a message does to the stored information (RFC 3261 12, 13.2.2.4; RFC 3311; RFC 5057; RFC 6141): the initial
//! INVITE and its replies make a record, requests inside the dialog and their replies change it.
//!
//! Messages may come twice (sent again, or seen as they came in and as they went out), late, or before what they
//! answer: the first copy counts, a number never goes back, and a reply tells that its request was sent.

use crate::dialog::User;
use crate::message::StartLine;
use crate::pending;

use super::identity::{Identities, NONE, icid};
use super::read::Captured;
use super::record::{Credentials, Party, Pending, ReasonTexts, Record, Refreshes, Roles, Stage};

/// What a request inside a dialog, or the reply to one, does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change<'a> {
    /// CSeq that counts for the direction of its request: every method but ACK and CANCEL, whose numbers repeat that
    /// of the INVITE (RFC 3261 12.2.1.1).
    pub counts: Option<u32>,
    /// The information to store from now on; `None`: as before.
    pub record: Option<Record<'a>>,
    /// What it means for the session.
    pub signal: Signal,
}

/// What a message means for the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signal {
    /// Nothing.
    #[default]
    None,
    /// The ACK to the 2xx of the initial INVITE.
    Acknowledged,
    /// A BYE of one of the users: the session is over for it (RFC 3261 15.1.1), answered or not.
    Ending,
    /// That BYE was refused, say challenged: the session goes on if no other BYE ends it.
    NotEnding,
    /// That BYE was answered 2xx, or with a code that says that there is no session any more: the dialog is over, for
    /// good.
    Ended,
    /// A BYE or target refresh request that is not on its way to the other user: that one takes no part in what comes of
    /// it.
    Misdirected,
}

/// The record of an initial INVITE, with the identities of the served users.
pub fn invite<'a>(message: &'a Captured<'_>, roles: Roles, identities: &'a Identities) -> Record<'a> {
    Record {
        stage: Stage::Invite,
        roles,
        invite_cseq: message.cseq,
        answered: 0,
        call_id: &message.call_id,
        from: &message.from,
        to: &message.to,
        from_tag: message.calling_tag_at(),
        to_tag: message.called_tag_at(),
        calling: Party {
            contact: message.contact.as_deref().unwrap_or_default(),
            flow: message.flow,
            session_id: message.session_id,
            identities: &identities.calling,
            knows_timers: message.knows_timers,
            ..Party::default()
        },
        called: Party { identities: &identities.called, ..Party::default() },
        record_route: b"",
        reason: ReasonTexts::default(),
        credentials: Credentials::default(),
        icid: icid(&message.charging_vector),
        exempt: false,
        branch: &message.branch,
    }
}

/// An INVITE with the Call-ID and From tag of one that is known: sent again after a challenge it has a higher CSeq and
/// takes its place. Back from an application server (a spiral, RFC 3261 6) it is the same call: it adds the user that
/// is served on this pass, and its values count only where they are those of the calling user's pass, of several passes
/// for one user the first. `None`: a retransmission, or the INVITE as it went out; nothing changes.
pub fn invite_again<'a>(
    known: &Record<'a>,
    message: &'a Captured<'_>,
    roles: Roles,
    identities: &'a Identities,
) -> Option<Record<'a>> {
    let mut again = Record { exempt: known.exempt, ..invite(message, known.roles | roles, identities) };
    // Each pass tells of the user that is served on it, and one without a P-Charging-Vector is of that session too.
    for (text, known) in [
        (&mut again.calling.identities, known.calling.identities),
        (&mut again.called.identities, known.called.identities),
        (&mut again.icid, known.icid),
    ] {
        if text.is_empty() {
            *text = known;
        }
    }
    again.calling.knows_timers |= known.calling.knows_timers;
    if message.cseq > known.invite_cseq {
        return Some(again);
    }
    let told = (again.calling.identities, again.called.identities);
    let told_more = identities.given && told != (known.calling.identities, known.called.identities);
    if message.cseq < known.invite_cseq || (known.roles == again.roles && !told_more) {
        return None;
    }
    let calling = crate::dialog::Serves::Calling;
    let first_calling_pass = roles.serves() == calling && known.roles.serves() != calling;
    let calling = Party { identities: again.calling.identities, ..known.calling };
    let called = Party { identities: again.called.identities, ..known.called };
    let added = Record { roles: again.roles, icid: again.icid, calling, called, ..*known };
    Some(if first_calling_pass { again } else { added })
}

/// The early dialog that a provisional reply with a To tag makes.
pub fn early<'a>(invite: &Record<'a>, reply: &'a Captured<'_>) -> Record<'a> {
    Record {
        stage: Stage::Early,
        invite_cseq: reply.cseq,
        to: &reply.to,
        to_tag: reply.called_tag_at(),
        called: Party {
            contact: reply.contact.as_deref().unwrap_or_default(),
            flow: reply.flow,
            session_id: reply.session_id,
            identities: invite.called.identities,
            knows_timers: reply.knows_timers,
            ..Party::default()
        },
        record_route: &reply.record_route,
        branch: &reply.branch,
        ..*invite
    }
}

/// The dialog, early or not, that the reply to an INVITE tells of where that INVITE was not seen; `None`: it tells of
/// none. The calling user's Contact is unknown until a target refresh tells it.
pub fn joined<'a>(reply: &'a Captured<'_>, roles: Roles, now: u64) -> Option<Record<'a>> {
    let invite = Record { calling: Party::default(), ..invite(reply, roles, &NONE) };
    match reply.start {
        _ if reply.method != b"INVITE" => None,
        StartLine::Reply { code: 101..=199 } if !reply.to_tag().is_empty() => Some(early(&invite, reply)),
        StartLine::Reply { code: 200..=299 } => answered(Some(&invite), None, reply, now),
        _ => None,
    }
}

/// The dialog that a 2xx to the initial INVITE makes. To, the called user's Contact and the routes are those of the
/// 2xx (RFC 3261 13.2.2.4), whatever a provisional reply said. What an UPDATE changed on the calling user's side in
/// the early dialog stays. `None` where neither the INVITE nor an early dialog is known.
pub fn answered<'a>(
    invite: Option<&Record<'a>>,
    early: Option<&Record<'a>>,
    reply: &'a Captured<'_>,
    now: u64,
) -> Option<Record<'a>> {
    // After a challenge the early dialog of the first INVITE may be older than the INVITE that is answered.
    let base = match (invite, early) {
        (Some(invite), Some(early)) if early.invite_cseq < invite.invite_cseq.min(reply.cseq) => invite,
        (_, Some(early)) => early,
        (Some(invite), None) => invite,
        (None, None) => return None,
    };
    let committed = Some(reply.cseq).max(base.calling.by_invite.committed);
    let session_id = match (reply.session_id, early) {
        (b"", Some(early)) => early.called.session_id,
        (id, _) => id,
    };
    // What a later pass of the INVITE has told since its early dialog began.
    let newest = |of: fn(&Record<'a>) -> &'a [u8]| match invite.map_or(&b""[..], of) {
        b"" => of(base),
        text => text,
    };
    Some(Record {
        stage: Stage::Confirmed,
        roles: invite.map_or(base.roles, |i| i.roles | base.roles),
        exempt: base.exempt || invite.is_some_and(|invite| invite.exempt),
        icid: match newest(|record| record.icid) {
            b"" => icid(&reply.charging_vector),
            icid => icid,
        },
        invite_cseq: reply.cseq,
        answered: now,
        to: &reply.to,
        to_tag: reply.called_tag_at(),
        calling: Party {
            by_invite: Refreshes { committed, ..base.calling.by_invite },
            identities: newest(|record| record.calling.identities),
            knows_timers: base.calling.knows_timers || invite.is_some_and(|invite| invite.calling.knows_timers),
            ..base.calling
        },
        called: Party {
            contact: reply.contact.as_deref().unwrap_or_default(),
            flow: reply.flow,
            session_id,
            identities: newest(|record| record.called.identities),
            knows_timers: reply.knows_timers || early.is_some_and(|early| early.called.knows_timers),
            ..early.map_or(Party::default(), |e| e.called)
        },
        record_route: &reply.record_route,
        ..*base
    })
}

/// What a request inside the dialog does; `sender` is who sent it. An ACK that overtakes the 2xx is remembered where an
/// early dialog is there to remember it; else a release waits as if it were lost. `addressed` tells whether the request
/// is on its way to the other user, see [`Record::is_addressed`]; it matters where [`asks`] says so.
pub fn request<'a>(dialog: &Record<'a>, sender: User, message: &'a Captured<'_>, addressed: bool) -> Change<'a> {
    let counts = counts(message);
    let (record, signal) = match message.method {
        b"ACK" => {
            let acknowledged = sender == User::Calling && message.cseq == dialog.invite_cseq;
            (None, if acknowledged { Signal::Acknowledged } else { Signal::None })
        }
        b"BYE" if addressed => (None, Signal::Ending),
        b"BYE" => (None, Signal::Misdirected),
        method if refreshes(method) && !addressed => (misdirected(dialog, sender, message), Signal::Misdirected),
        method if refreshes(method) => (refresh_wanted(dialog, sender, message), Signal::None),
        _ => (None, Signal::None),
    };
    let record = knowing(dialog, record, sender, message);
    Change { counts, record, signal }
}

/// What the reply to a request inside the dialog does; `sender` is who sent that request, and `addressed` tells the same
/// of it.
pub fn reply<'a>(dialog: &Record<'a>, sender: User, message: &'a Captured<'_>, addressed: bool) -> Change<'a> {
    let code = match message.start {
        StartLine::Reply { code } => code,
        StartLine::Request { .. } => return Change::default(),
    };
    let (record, signal) = match (message.method, code) {
        _ if !addressed => (None, Signal::None),
        (method, 200..=299) if refreshes(method) => (refreshed(dialog, sender, message, true), Signal::None),
        // RFC 6141 4.4: a reliable provisional reply commits the Contacts, even if the re-INVITE fails in the end.
        (b"INVITE", 101..=199) if message.reliable => (refreshed(dialog, sender, message, false), Signal::None),
        (b"BYE", 200..=299) => (None, Signal::Ended),
        (b"BYE", 300..) if ends_session(code) => (None, Signal::Ended),
        (b"BYE", 300..) => (None, Signal::NotEnding),
        _ => (None, Signal::None),
    };
    let answering = match sender {
        User::Calling => User::Called,
        User::Called => User::Calling,
    };
    let record = if addressed { knowing(dialog, record, answering, message) } else { record };
    Change { counts: counts(message), record, signal }
}

/// Whether a refusal of a user's BYE says that the session is over for the other one. A BYE that has gone in circles, or
/// was let go too few hops, has come to nobody: its sender can bring that about.
pub fn ends_session(code: u16) -> bool {
    !matches!(code, 482 | 483) && pending::ends_session(code)
}

/// Whether it matters where a request of this method goes: what is answered to it is taken for the other user's word.
pub fn asks(method: &[u8]) -> bool {
    method == b"BYE" || refreshes(method)
}

/// Whether a request whose reply this is was on its way to the other user, of those that may change the targets.
pub fn was_addressed(dialog: &Record<'_>, sender: User, reply: &Captured<'_>) -> bool {
    let mut own = dialog.parties(sender).0;
    own.refreshes(reply.method).pending.is_some_and(|pending| pending.cseq == reply.cseq)
}

/// Whether the method is a target refresh request inside a dialog: INVITE (RFC 3261 12.2), UPDATE (RFC 3311 5.1), and
/// of the usages that may share the dialog SUBSCRIBE, NOTIFY and REFER (RFC 5057 5.4). INFO, PRACK, OPTIONS, MESSAGE,
/// BYE and ACK never are.
fn refreshes(method: &[u8]) -> bool {
    matches!(method, b"INVITE" | b"UPDATE" | b"SUBSCRIBE" | b"NOTIFY" | b"REFER")
}

/// The CSeq that counts. A reply says that its request was sent, even where that was not seen.
fn counts(message: &Captured<'_>) -> Option<u32> {
    (!matches!(message.method, b"ACK" | b"CANCEL")).then_some(message.cseq)
}

/// What is to be stored once `user` has sent this message: the first INVITE or UPDATE, or reply to one, that shows that
/// it knows session timers changes the record.
fn knowing<'a>(
    dialog: &Record<'a>,
    changed: Option<Record<'a>>,
    user: User,
    message: &Captured<'_>,
) -> Option<Record<'a>> {
    let base = changed.unwrap_or(*dialog);
    let (mut own, other) = base.parties(user);
    if own.knows_timers || !message.knows_timers || !matches!(message.method, b"INVITE" | b"UPDATE") {
        return changed;
    }
    own.knows_timers = true;
    Some(base.with_parties(user, own, other))
}

impl<'a> Record<'a> {
    /// The session interval to which a 2xx to a request of `sender` binds both users, in seconds; 0 for none. Whoever
    /// answers can write one: a user that does not know of timers neither refreshes nor ends the session by it.
    pub fn agreed_interval(&self, sender: User, answer: &Captured<'_>) -> usize {
        if self.parties(sender).0.knows_timers { answer.session_interval } else { 0 }
    }

    /// What is stored for the user that sent a request, and for the other.
    fn parties(&self, sender: User) -> (Party<'a>, Party<'a>) {
        match sender {
            User::Calling => (self.calling, self.called),
            User::Called => (self.called, self.calling),
        }
    }

    fn with_parties(&self, sender: User, own: Party<'a>, other: Party<'a>) -> Self {
        match sender {
            User::Calling => Self { calling: own, called: other, ..*self },
            User::Called => Self { called: own, calling: other, ..*self },
        }
    }
}

impl<'a> Party<'a> {
    fn refreshes(&mut self, method: &[u8]) -> &mut Refreshes<'a> {
        match method {
            b"INVITE" => &mut self.by_invite,
            b"UPDATE" => &mut self.by_update,
            _ => &mut self.by_other,
        }
    }

    /// That is where the user is, whatever becomes of the request.
    fn came_by(&mut self, flow: &'a [u8]) {
        if !flow.is_empty() {
            self.flow = flow;
        }
    }

    /// CSeq of the last request of this user, of any kind, whose Contact is the target.
    fn target_of(&self) -> Option<u32> {
        self.by_invite.committed.max(self.by_update.committed).max(self.by_other.committed)
    }
}

/// A target refresh request keeps its Contact aside until its 2xx; without one it leaves the target as it is. One that
/// cannot be used is kept too: it marks the leg.
fn refresh_wanted<'a>(dialog: &Record<'a>, sender: User, message: &'a Captured<'_>) -> Option<Record<'a>> {
    let contact = message.contact.as_deref()?;
    let (mut own, other) = dialog.parties(sender);
    let target_of = own.target_of();
    let known = *own.refreshes(message.method);
    let overtaken = Pending { cseq: message.cseq, contact: b"" };
    if known.committed == Some(message.cseq) && known.pending == Some(overtaken) {
        // What commits it was seen before it.
        own.refreshes(message.method).pending = None;
        if target_of == Some(message.cseq) {
            own.contact = contact;
        }
    } else {
        // A Contact that is no new one is kept as well: a second copy, as the proxy sent it on with another Contact, is
        // then late.
        if known.committed.max(known.pending.map(|pending| pending.cseq)) >= Some(message.cseq) {
            return None;
        }
        own.refreshes(message.method).pending = Some(Pending { cseq: message.cseq, contact });
    }
    own.came_by(message.flow);
    Some(dialog.with_parties(sender, own, other))
}

/// Of a target refresh request that goes elsewhere no reply counts, nor of a copy of it that goes to the other user: it
/// is as if it had been committed, with nothing.
fn misdirected<'a>(dialog: &Record<'a>, sender: User, message: &'a Captured<'_>) -> Option<Record<'a>> {
    let (mut own, other) = dialog.parties(sender);
    let Refreshes { committed, pending } = own.refreshes(message.method);
    let waits = |pending: &Pending<'_>| pending.cseq <= message.cseq;
    if *committed > Some(message.cseq) || (*committed == Some(message.cseq) && !pending.as_ref().is_some_and(waits)) {
        return None;
    }
    *committed = Some(message.cseq);
    *pending = pending.filter(|pending| !waits(pending));
    Some(dialog.with_parties(sender, own, other))
}

/// The Contacts of a request and its reply become the targets. The sender's is that of its request with the highest
/// CSeq: an UPDATE within a re-INVITE is newer than the re-INVITE, whichever is answered first.
fn refreshed<'a>(dialog: &Record<'a>, sender: User, message: &'a Captured<'_>, finally: bool) -> Option<Record<'a>> {
    let (mut own, mut other) = dialog.parties(sender);
    let newest = own.target_of() < Some(message.cseq);
    let Refreshes { committed, pending } = own.refreshes(message.method);
    let by_provisional = *committed == Some(message.cseq)
        && pending.is_some_and(|pending| pending.cseq == message.cseq && !pending.contact.is_empty());
    // The first copy counts: of a provisional reply until the 2xx, and of that for good.
    if *committed > Some(message.cseq) || (*committed == Some(message.cseq) && !(finally && by_provisional)) {
        return None;
    }
    *committed = Some(message.cseq);
    match *pending {
        Some(Pending { cseq, contact }) if cseq == message.cseq => {
            // Left there, it says that the 2xx is still to come.
            if finally {
                *pending = None;
            }
            if newest {
                own.contact = contact;
            }
        }
        Some(Pending { cseq, .. }) if cseq > message.cseq => {}
        _ => *pending = Some(Pending { cseq: message.cseq, contact: b"" }),
    }
    if let Some(contact) = message.contact.as_deref() {
        other.contact = contact;
        other.came_by(message.flow);
    }
    let changed = dialog.with_parties(sender, own, other);
    (changed != *dialog).then_some(changed)
}
