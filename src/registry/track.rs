// SPDX-License-Identifier: MIT OR Apache-2.0
//! The initial INVITE: the script says whom the proxy serves.

use crate::capture::identity::Identities;
use crate::capture::{Captured, Fault, Record, Refused, Roles, change};
use crate::dialog::{Serves, User};
use crate::flow::Flow;
use crate::message::StartLine;
use crate::store::{Id, Insert, Store, StoreError, WORDS};

use super::words::{CSEQ_TO_CALLED, SEEN, Seen, cseq_word};
use super::{Counter, MILLIS, Registry, RegistryError, TRIES};

/// What became of an INVITE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tracked {
    /// It is tracked from now on.
    New(Id),
    /// It was known, and was sent again after a challenge, or serves the other user on this pass.
    Again(Id),
    /// It was known: a retransmission.
    Known(Id),
    /// It belongs to a dialog (it has a To tag): observed, not tracked.
    InDialog,
}

impl<S: Store> Registry<S> {
    /// Tracks the call of an initial INVITE. `now` is in milliseconds.
    pub fn track(&self, message: &[u8], serves: Serves, now: u64) -> Result<Tracked, RegistryError> {
        self.track_user(message, serves, b"", None, now)
    }

    /// The same with the identity of the served user, see [`Identities::given`]; empty: the one that the INVITE
    /// [tells](Identities::told). `flow` is the way by which it came.
    ///
    /// Errors: [`RegistryError::User`] for one that cannot be read, and the call is not tracked by that.
    pub fn track_user(
        &self,
        message: &[u8],
        serves: Serves,
        user: &[u8],
        flow: Option<Flow<'_>>,
        now: u64,
    ) -> Result<Tracked, RegistryError> {
        let roles = serves.into();
        let given = match user {
            b"" => None,
            user => Some(Identities::given(user, roles).ok_or(RegistryError::User)?),
        };
        let mut message = self.read_message(message)?;
        message.flow = flow.map_or(b"", |flow| flow.text());
        if !matches!(message.start, StartLine::Request { method: b"INVITE", .. }) {
            return Err(RegistryError::NotAnInvite);
        }
        if !message.to_tag().is_empty() {
            self.counted(self.observe_captured(&message, now))?;
            return Ok(Tracked::InDialog);
        }
        let identities = given.unwrap_or_else(|| Identities::told(&message, roles));
        self.counted(self.track_invite(&message, roles, &identities, now))
    }

    fn track_invite(
        &self,
        message: &Captured<'_>,
        roles: Roles,
        identities: &Identities,
        now: u64,
    ) -> Result<Tracked, RegistryError> {
        let key = self.keys.invite(&message.call_id, message.from_tag());
        let mut record = Vec::new();
        encode(&change::invite(message, roles, identities), &mut record)?;
        let mut words = [0; WORDS];
        words[CSEQ_TO_CALLED] = cseq_word(Some(message.cseq));
        words[SEEN] = Seen { at: now / MILLIS, ..Seen::default() }.to_word();
        for _ in 0..TRIES {
            match self.store.insert(key, &record, &words)? {
                Insert::New(id) => {
                    self.counters.add(&self.store, Counter::Tracked);
                    return Ok(Tracked::New(id));
                }
                Insert::Exists(id) => {
                    if let Some(member) = self.within(message)? {
                        self.in_dialog(&member, message, now, change::request)?;
                        return Ok(Tracked::InDialog);
                    }
                    if let Some(tracked) = self.invite_again(id, message, roles, identities, now)? {
                        return Ok(tracked);
                    }
                }
            }
        }
        Err(StoreError::Busy.into())
    }

    /// `None`: it went away or changed in between.
    pub(super) fn invite_again(
        &self,
        id: Id,
        message: &Captured<'_>,
        roles: Roles,
        identities: &Identities,
        now: u64,
    ) -> Result<Option<Tracked>, RegistryError> {
        let (mut bytes, mut next) = (Vec::new(), Vec::new());
        let Some((stored, known)) = self.load(id, &mut bytes)? else {
            return Ok(None);
        };
        let Some(record) = change::invite_again(&known, message, roles, identities) else {
            return Ok(Some(Tracked::Known(id)));
        };
        encode(&record, &mut next)?;
        if !self.store.replace(id, stored.version, &next)? {
            return Ok(None);
        }
        // Sent again after a refusal it has its future before it, and no dialog yet.
        let fresh = message.cseq > known.invite_cseq;
        self.count_cseq(id, User::Called, message.cseq)?;
        self.touch(id, now, 0, if fresh { Seen::FADING | Seen::REFUSED | Seen::FINAL | Seen::HAS_DIALOG } else { 0 })?;
        Ok(Some(Tracked::Again(id)))
    }
}

/// What is too much to keep is refused with the message that brought it.
pub(super) fn encode(record: &Record<'_>, bytes: &mut Vec<u8>) -> Result<(), RegistryError> {
    record.encode(bytes).map_err(|_| RegistryError::Message(Refused { fault: Fault::TooLarge, offset: 0 }))
}
