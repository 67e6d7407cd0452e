// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every other message of a call: replies to the INVITE, the ACK, requests inside the dialog and their replies.
//!
//! What happens with each message (CSeq, time, flags) changes one word of the cell without a lock. Only what changes
//! the stored information (an early dialog, the 2xx, a new Contact) goes through [`Store::replace`], and is tried again
//! when another process changed the same dialog.

use crate::capture::change::{self, Change, Signal};
use crate::capture::identity::NONE;
use crate::capture::{Captured, Record, Roles, Stage};
use crate::dialog::{Serves, User};
use crate::flow::Flow;
use crate::message::StartLine;
use crate::pending::Phase;
use crate::store::{Id, Insert, Key, Store, StoreError, WORDS};

use super::keys::CallKeys;
use super::track::encode;
use super::words::{CSEQ_TO_CALLED, SEEN, Seen as SeenWord, UserBye, cseq_word, is_ending, leg_to};
use super::{Counter, GROUP, MILLIS, Registry, RegistryError, TRIES, other};

/// What a message was to the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What it was.
    pub what: What,
    /// Its dialog or INVITE, where one is known; it may be gone with this message.
    pub id: Option<Id>,
}

/// What a message was to the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Of no call that is tracked.
    Unknown,
    /// Of a tracked call, and nothing that matters.
    Nothing,
    /// Counted for its CSeq.
    Counted,
    /// An early dialog.
    Early,
    /// The 2xx: a dialog.
    Confirmed,
    /// The ACK to it.
    Acknowledged,
    /// A Contact was kept or became the remote target; or a user has shown first that it knows session timers.
    Refreshed,
    /// The INVITE was refused.
    Refused,
    /// A user's BYE, or a copy of one while that ends the session.
    Ending,
    /// A user's BYE was refused, and no other ends the session: it goes on.
    NotEnding,
    /// That BYE was answered: the dialog was removed, or is kept as ended.
    Ended,
    /// A user's BYE or target refresh request that is not on its way to the other user: counted for its CSeq.
    Misdirected,
    /// A BYE on a dialog that is being released, or the answer to one: what it means is the release's matter.
    Releasing,
}

fn seen(what: What, id: Id) -> Seen {
    Seen { what, id: Some(id) }
}

/// Early dialogs of one INVITE that are kept; no service forks into so many. The 2xx of another one makes its dialog all
/// the same.
const EARLY_DIALOGS: usize = 64;

/// Dialogs of one INVITE that are kept. Each 2xx with a new To tag makes one more, of one call.
const DIALOGS: usize = 256;

const UNKNOWN: Seen = Seen { what: What::Unknown, id: None };

/// The member of a group that a message belongs to.
pub(super) struct Member {
    pub id: Id,
    /// Who sent the request, of a reply the request it answers.
    pub sender: User,
}

impl<S: Store> Registry<S> {
    /// Takes in any message of a call. `now` is in milliseconds. What overtakes the reply that makes its dialog is
    /// [`What::Unknown`] as yet.
    pub fn observe(&self, message: &[u8], now: u64) -> Result<Seen, RegistryError> {
        self.observe_from(message, None, now)
    }

    /// The same with the way by which a user has sent it.
    pub fn observe_from(&self, message: &[u8], flow: Option<Flow<'_>>, now: u64) -> Result<Seen, RegistryError> {
        let mut message = self.read_message(message)?;
        message.flow = flow.map_or(b"", |flow| flow.text());
        self.counted(self.observe_captured(&message, now))
    }

    /// Takes in the reply to an INVITE that was never seen, as where a capture begins in the middle of a call: beside
    /// what [`Registry::observe`] does it makes the dialog that the reply tells of, early or not, in which the proxy
    /// serves `serves`. Its INVITE is taken for the initial one, and the calling user has no Contact before a target
    /// refresh tells one. For who reads a capture: a proxy knows which calls it tracks.
    pub fn join(&self, reply: &[u8], serves: Serves, now: u64) -> Result<Seen, RegistryError> {
        let reply = self.read_message(reply)?;
        self.counted(self.join_captured(&reply, serves, now))
    }

    fn join_captured(&self, reply: &Captured<'_>, serves: Serves, now: u64) -> Result<Seen, RegistryError> {
        let key = self.keys.call(&reply.call_id).dialog(reply.from_tag(), reply.to_tag());
        let mut bytes = Vec::new();
        for _ in 0..TRIES {
            let seen = self.observe_captured(reply, now)?;
            let Some(record) = change::joined(reply, serves.into(), now / MILLIS).filter(|_| seen.id.is_none()) else {
                return Ok(seen);
            };
            encode(&record, &mut bytes)?;
            let (what, flags) = match record.stage {
                Stage::Confirmed => (What::Confirmed, SeenWord::CONFIRMED),
                Stage::Invite | Stage::Early => (What::Early, 0),
            };
            if let Insert::New(id) = self.store.insert(key, &bytes, &self.new_words(&record, reply, now, flags))? {
                return Ok(Seen { what, id: Some(id) });
            }
        }
        Err(StoreError::Busy.into())
    }

    pub(super) fn observe_captured(&self, message: &Captured<'_>, now: u64) -> Result<Seen, RegistryError> {
        let result = match message.start {
            StartLine::Request { method: b"INVITE", .. } if message.to_tag().is_empty() => {
                self.initial_invite(message, now)
            }
            StartLine::Request { method: b"CANCEL", .. } => Ok(UNKNOWN),
            StartLine::Request { .. } => match self.member(message)? {
                Some(member) => self.in_dialog(&member, message, now, change::request),
                None => Ok(UNKNOWN),
            },
            StartLine::Reply { code } if message.method == b"INVITE" => self.invite_reply(message, code, now),
            StartLine::Reply { .. } => match self.member(message)? {
                Some(member) => self.in_dialog(&member, message, now, change::reply),
                None => Ok(UNKNOWN),
            },
        };
        match result {
            // The dialog ended in another process meanwhile: nothing that this message could still change.
            Err(RegistryError::NotFound) => Ok(UNKNOWN),
            result => result,
        }
    }

    /// The dialog whose tags the message has. From is always who sent the request.
    pub(super) fn member(&self, message: &Captured<'_>) -> Result<Option<Member>, RegistryError> {
        let call = self.keys.call(&message.call_id);
        self.member_at(call.dialog(message.from_tag(), message.to_tag()), &call, message)
    }

    /// The same where the `key` of a dialog that the calling user's request belongs to is known already.
    fn member_at(
        &self,
        key: Key,
        call: &CallKeys<'_>,
        message: &Captured<'_>,
    ) -> Result<Option<Member>, RegistryError> {
        if let Some(id) = self.store.find(key)? {
            return Ok(Some(Member { id, sender: User::Calling }));
        }
        let id = self.store.find(call.dialog(message.to_tag(), message.from_tag()))?;
        Ok(id.map(|id| Member { id, sender: User::Called }))
    }

    /// Not handed to `track` this time: it only counts where the call is tracked.
    fn initial_invite(&self, message: &Captured<'_>, now: u64) -> Result<Seen, RegistryError> {
        let Some(id) = self.store.find(self.keys.invite(&message.call_id, message.from_tag()))? else {
            return Ok(UNKNOWN);
        };
        if let Some(member) = self.within(message)? {
            return self.in_dialog(&member, message, now, change::request);
        }
        for _ in 0..TRIES {
            if self.invite_again(id, message, Roles::default(), &NONE, now)?.is_some() {
                return Ok(seen(What::Counted, id));
            }
        }
        Err(StoreError::Busy.into())
    }

    /// The dialog that an INVITE without a To tag is inside: of a called user who has none (RFC 2543), after the 2xx.
    pub(super) fn within(&self, invite: &Captured<'_>) -> Result<Option<Member>, RegistryError> {
        let mut bytes = Vec::new();
        let Some(member) = self.member(invite)?.filter(|member| member.sender == User::Calling) else {
            return Ok(None);
        };
        let dialog = self.load(member.id, &mut bytes)?.map(|(_, record)| record);
        let later = dialog.is_some_and(|dialog| dialog.stage == Stage::Confirmed && dialog.invite_cseq < invite.cseq);
        Ok(later.then_some(member))
    }

    /// A request inside a dialog or the reply to one.
    pub(super) fn in_dialog(
        &self,
        member: &Member,
        message: &Captured<'_>,
        now: u64,
        change: for<'a> fn(&Record<'a>, User, &'a Captured<'_>, bool) -> Change<'a>,
    ) -> Result<Seen, RegistryError> {
        let Member { id, sender } = *member;
        let (mut bytes, mut next) = (Vec::new(), Vec::new());
        for _ in 0..TRIES {
            let Some((stored, record)) = self.load(id, &mut bytes)? else {
                return Ok(UNKNOWN);
            };
            // Our own BYEs come by here too, and so may a user's: which of them ends the dialog is the release's
            // matter.
            if message.method == b"BYE" && self.release(id)?.phase != Phase::None {
                self.crossing_answered(id, sender, message, now)?;
                return Ok(seen(What::Releasing, id));
            }
            let addressed = self.is_addressed(member, &record, message)?;
            let Change { counts, record: changed, signal } = change(&record, sender, message, addressed);
            let refreshed = changed.is_some();
            if let Some(changed) = changed {
                // First of all: what is too much to keep is refused, and a refused message changes nothing.
                encode(&changed, &mut next)?;
            }
            if let Some(cseq) = counts {
                self.count_cseq(id, other(sender), cseq)?;
            }
            if refreshed && !self.store.replace(id, stored.version, &next)? {
                continue;
            }
            let bye = |refused| UserBye { cseq: message.cseq, refused };
            let (set, what) = match signal {
                Signal::Misdirected => {
                    self.counters.add(&self.store, Counter::Misdirected);
                    (0, What::Misdirected)
                }
                Signal::None if refreshed => (0, What::Refreshed),
                Signal::None if counts.is_some() => (0, What::Counted),
                Signal::None => (0, What::Nothing),
                Signal::Acknowledged => (SeenWord::ACKNOWLEDGED, What::Acknowledged),
                Signal::Ending if self.note_bye(id, sender, bye(false))? => (0, What::Ending),
                Signal::NotEnding if !self.note_bye(id, sender, bye(true))? => (0, What::NotEnding),
                Signal::Ending | Signal::NotEnding => (0, What::Counted),
                Signal::Ended if self.keep_ended => (SeenWord::ENDED, What::Ended),
                Signal::Ended if !self.close(id, now)? => {
                    self.crossing_answered(id, sender, message, now)?;
                    return Ok(seen(What::Releasing, id));
                }
                Signal::Ended => {
                    if self.forget(id, record.call_id, record.from_tag())? {
                        self.counters.add(&self.store, Counter::EndedByUser);
                    }
                    return Ok(seen(What::Ended, id));
                }
            };
            let answers = matches!(message.start, StartLine::Reply { code: 200..=299 });
            if answers && addressed && matches!(message.method, b"INVITE" | b"UPDATE") {
                self.set_session_timer(id, record.agreed_interval(sender, message))?;
            }
            self.touch(id, now, set, 0)?;
            return Ok(seen(what, id));
        }
        Err(StoreError::Busy.into())
    }

    /// Whether a request is on its way to the other user, or that of a reply was. What was seen of it tells, and a proxy
    /// sees each request before it lets it go.
    fn is_addressed(
        &self,
        member: &Member,
        record: &Record<'_>,
        message: &Captured<'_>,
    ) -> Result<bool, RegistryError> {
        let Member { id, sender } = *member;
        if !self.check_bye || !change::asks(message.method) {
            return Ok(true);
        }
        Ok(match message.start {
            StartLine::Request { .. } => record.is_addressed(&self.own(), sender, message),
            StartLine::Reply { .. } if message.method == b"BYE" => self.is_under_way(id, sender, message.cseq)?,
            StartLine::Reply { .. } => change::was_addressed(record, sender, message),
        })
    }

    /// Whether a user's BYE with this CSeq has been seen, and no refusal of it.
    pub(super) fn is_under_way(&self, id: Id, sender: User, cseq: u32) -> Result<bool, RegistryError> {
        Ok(self.word(id, leg_to(other(sender)))? == UserBye { cseq, refused: false }.to_word())
    }

    /// Notes a user's BYE or its refusal; tells whether a BYE ends the session now, this or another.
    fn note_bye(&self, id: Id, sender: User, bye: UserBye) -> Result<bool, RegistryError> {
        self.change(id, leg_to(other(sender)), |word| bye.noted(word))?;
        self.is_ending(id)
    }

    /// Whether a user has ended the session.
    pub(super) fn is_ending(&self, id: Id) -> Result<bool, RegistryError> {
        let mut words = [0; WORDS];
        for word in [SEEN, leg_to(User::Called), leg_to(User::Calling)] {
            words[word] = self.store.word(id, word)?.ok_or(RegistryError::NotFound)?;
        }
        Ok(is_ending(&words))
    }

    /// A reply to an INVITE, initial or not.
    fn invite_reply(&self, reply: &Captured<'_>, code: u16, now: u64) -> Result<Seen, RegistryError> {
        let call = self.keys.call(&reply.call_id);
        let invite = self.store.find(call.invite(reply.from_tag()))?;
        let key = call.dialog(reply.from_tag(), reply.to_tag());
        let member = self.member_at(key, &call, reply)?;
        let mut bytes = Vec::new();
        if let Some(member) = &member
            && let Some((_, record)) = self.load(member.id, &mut bytes)?
        {
            let initial =
                member.sender == User::Calling && (record.stage == Stage::Early || reply.cseq <= record.invite_cseq);
            if !initial {
                return self.in_dialog(member, reply, now, change::reply);
            }
            // Late or sent again: the 2xx is known, and an older INVITE was not the one that got it.
            if record.stage == Stage::Confirmed || reply.cseq < record.invite_cseq {
                return Ok(seen(What::Nothing, member.id));
            }
        }
        let early = member.map(|m| m.id);
        match code {
            // A 100 makes no dialog, even with a To tag (RFC 3261 12.1).
            ..=199 if code == 100 || reply.to_tag().is_empty() => {
                Ok(invite.map_or(UNKNOWN, |id| seen(What::Nothing, id)))
            }
            ..=199 => self.provisional(reply, key, invite, early, now),
            200..=299 => self.confirmed(reply, key, invite, now),
            _ => self.refused(reply, invite, early, now),
        }
    }

    fn provisional(
        &self,
        reply: &Captured<'_>,
        key: Key,
        invite: Option<Id>,
        early: Option<Id>,
        now: u64,
    ) -> Result<Seen, RegistryError> {
        let (mut bytes, mut next, mut known) = (Vec::new(), Vec::new(), Vec::new());
        let Some((_, invited)) = invite.map(|id| self.load(id, &mut bytes)).transpose()?.flatten() else {
            // The INVITE is forgotten, its early dialog not: it lives on with this reply.
            if let Some(id) = early {
                self.touch(id, now, 0, 0)?;
            }
            return Ok(early.map_or(UNKNOWN, |id| seen(What::Early, id)));
        };
        if reply.cseq < invited.invite_cseq {
            return Ok(Seen { what: What::Nothing, id: invite });
        }
        if early.is_none() && self.is_crowded(invite, &reply.call_id)? {
            return Ok(Seen { what: What::Nothing, id: invite });
        }
        let early = change::early(&invited, reply);
        encode(&early, &mut next)?;
        for _ in 0..TRIES {
            let (id, new) = match self.store.insert(key, &next, &self.new_words(&early, reply, now, 0))? {
                Insert::New(id) => (id, true),
                Insert::Exists(id) => {
                    let Some((stored, record)) = self.load(id, &mut known)? else { continue };
                    // An early dialog of the INVITE before the challenge; a confirmed one is past this reply.
                    let older = record.stage == Stage::Early && record.invite_cseq < reply.cseq;
                    if older && !self.store.replace(id, stored.version, &next)? {
                        continue;
                    }
                    self.count_cseq(id, User::Called, reply.cseq)?;
                    let stale = SeenWord::FADING | SeenWord::REFUSED | SeenWord::ACKNOWLEDGED;
                    self.touch(id, now, 0, if older { stale } else { 0 })?;
                    (id, older)
                }
            };
            if let Some(invite) = invite {
                // Another branch of an INVITE that was refused on one: it has a future again.
                let flags = SeenWord::from_word(self.store.word(invite, SEEN)?.unwrap_or_default());
                let revived = new && !flags.has(SeenWord::FINAL);
                self.touch(invite, now, SeenWord::HAS_DIALOG, if revived { SeenWord::FADING } else { 0 })?;
            }
            return Ok(seen(What::Early, id));
        }
        Err(StoreError::Busy.into())
    }

    /// Whether an INVITE has an early dialog, and its Call-ID as many records as one may have of those. Each provisional
    /// reply with a new To tag makes one more: a called user could fill its part of the store with them, and leave no room
    /// for the dialog that its 2xx makes, or for the calls of others.
    fn is_crowded(&self, invite: Option<Id>, call_id: &[u8]) -> Result<bool, RegistryError> {
        let seen = invite.map(|id| self.store.word(id, SEEN)).transpose()?.flatten().unwrap_or_default();
        if !SeenWord::from_word(seen).has(SeenWord::HAS_DIALOG) {
            return Ok(false);
        }
        self.has_more_than(EARLY_DIALOGS, call_id)
    }

    /// Whether there are more dialogs of a Call-ID than so many, its INVITE counted.
    fn has_more_than(&self, dialogs: usize, call_id: &[u8]) -> Result<bool, RegistryError> {
        let mut ids = Vec::with_capacity(GROUP);
        self.store.group(self.keys.group(call_id), &mut ids)?;
        Ok(ids.len() > dialogs)
    }

    fn confirmed(&self, reply: &Captured<'_>, key: Key, invite: Option<Id>, now: u64) -> Result<Seen, RegistryError> {
        let (mut invite_bytes, mut early_bytes, mut next) = (Vec::new(), Vec::new(), Vec::new());
        let invited = invite.map(|id| self.load(id, &mut invite_bytes)).transpose()?.flatten().map(|(_, r)| r);
        for _ in 0..TRIES {
            let early_id = self.store.find(key)?;
            let early = early_id.map(|id| self.load(id, &mut early_bytes)).transpose()?.flatten();
            if let (Some(id), Some((_, record))) = (early_id, &early)
                && record.stage == Stage::Confirmed
            {
                return Ok(seen(What::Nothing, id));
            }
            let record = early.as_ref().map(|(_, record)| record);
            let stored_cseq = record.map_or(reply.cseq, |record| record.invite_cseq);
            let Some(record) = change::answered(invited.as_ref(), record, reply, now / MILLIS) else {
                return Ok(UNKNOWN);
            };
            encode(&record, &mut next)?;
            let id = match (early_id, &early) {
                (Some(id), Some((stored, _))) => {
                    if !self.store.replace(id, stored.version, &next)? {
                        continue;
                    }
                    self.count_cseq(id, User::Called, reply.cseq)?;
                    // An ACK that was seen before this 2xx is one to it, unless it was for the INVITE before a
                    // challenge.
                    let older = if stored_cseq < reply.cseq { SeenWord::ACKNOWLEDGED } else { 0 };
                    self.set_session_timer(id, record.agreed_interval(User::Calling, reply))?;
                    self.touch(id, now, SeenWord::CONFIRMED, SeenWord::FADING | SeenWord::REFUSED | older)?;
                    id
                }
                _ if self.has_more_than(DIALOGS, &reply.call_id)? => return Err(RegistryError::TooManyDialogs),
                _ => match self.store.insert(key, &next, &self.new_words(&record, reply, now, SeenWord::CONFIRMED))? {
                    Insert::New(id) => id,
                    // Another process was first, or a damaged record is in the way until the store drops it.
                    Insert::Exists(_) => continue,
                },
            };
            self.counters.add(&self.store, Counter::Confirmed);
            // With the first of several forks (all of them are walked).
            let flags = invite.map(|id| self.store.word(id, SEEN)).transpose()?.flatten().map(SeenWord::from_word);
            if !flags.is_some_and(|flags| flags.has(SeenWord::FINAL)) {
                self.fade(reply, Some(id), None, now);
            }
            return Ok(seen(What::Confirmed, id));
        }
        Err(StoreError::Busy.into())
    }

    fn refused(
        &self,
        reply: &Captured<'_>,
        invite: Option<Id>,
        early: Option<Id>,
        now: u64,
    ) -> Result<Seen, RegistryError> {
        let Some(id) = invite.or(early) else {
            return Ok(UNKNOWN);
        };
        let mut bytes = Vec::new();
        let mut branch = None;
        if let Some(invite) = invite
            && let Some((_, record)) = self.load(invite, &mut bytes)?
        {
            if reply.cseq < record.invite_cseq {
                return Ok(seen(What::Nothing, invite));
            }
            // Its topmost Via is not that of the INVITE: it is on the way to the proxy, which may have other branches.
            let apart = !reply.branch.is_empty() && !record.branch.is_empty() && record.branch != &*reply.branch;
            branch = apart.then_some(&*reply.branch);
        }
        self.fade(reply, None, branch, now);
        Ok(seen(What::Refused, id))
    }

    /// The INVITE and its early dialogs have no future, short of a late 2xx of another branch (RFC 3261 13.2.2.4): out
    /// of the list now, swept after 64*T1. Where this fails they stay listed until their lifetime is over.
    ///
    /// With a `branch` only that one was refused: its early dialogs have no future, nor has the INVITE if there are no
    /// others.
    fn fade(&self, reply: &Captured<'_>, except: Option<Id>, branch: Option<&[u8]>, now: u64) {
        let mut siblings = Vec::new();
        let found = self.siblings(&reply.call_id, reply.from_tag(), except, |id, _, record| {
            if record.invite_cseq <= reply.cseq {
                let refused = branch.is_none_or(|branch| record.branch.is_empty() || record.branch == branch);
                siblings.push((id, record.stage, refused));
            }
        });
        let flags = if except.is_none() { SeenWord::FADING | SeenWord::REFUSED } else { SeenWord::FADING };
        let faded = found.and_then(|_| self.fade_all(&siblings, flags, branch.is_none(), now));
        let _ = self.counted(faded);
    }

    fn fade_all(
        &self,
        siblings: &[(Id, Stage, bool)],
        flags: u8,
        finally: bool,
        now: u64,
    ) -> Result<(), RegistryError> {
        let mut others = false;
        for (id, _, refused) in siblings.iter().filter(|(_, stage, _)| *stage == Stage::Early) {
            if *refused {
                self.touch(*id, now, flags, 0)?;
            } else {
                let seen = self.store.word(*id, SEEN)?.map(SeenWord::from_word);
                others |= seen.is_some_and(|seen| !seen.has(SeenWord::FADING));
            }
        }
        for (id, ..) in siblings.iter().filter(|(_, stage, _)| *stage == Stage::Invite) {
            match (finally, others) {
                (true, _) => self.touch(*id, now, flags | SeenWord::FINAL, 0)?,
                (false, false) => self.touch(*id, now, SeenWord::FADING, 0)?,
                (false, true) => {}
            }
        }
        Ok(())
    }

    fn new_words(&self, record: &Record<'_>, reply: &Captured<'_>, now: u64, flags: u8) -> [u64; WORDS] {
        let mut words = [0; WORDS];
        words[CSEQ_TO_CALLED] = cseq_word(Some(reply.cseq));
        let confirmed = flags & SeenWord::CONFIRMED != 0;
        let session = SeenWord::session(if confirmed { record.agreed_interval(User::Calling, reply) } else { 0 });
        words[SEEN] = SeenWord { at: now / MILLIS, flags, session }.to_word();
        words
    }
}
