// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an operator sees: dialogs, releases, figures.

use crate::capture::{Record, Roles, Stage};
use crate::cseq::CSeqs;
use crate::pending::{self, Leg, Outcome, Phase, Release};
use crate::store::{Id, Store, Usage, WORDS};

use super::find::is_shown;
use super::words::{DETAIL, Detail, LEG_CALLED, LEG_CALLING, RELEASE, SEEN, Seen, cseqs, is_ending};
use super::{By, Counters, Counts, Registry, RegistryError};

/// How far a dialog is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Not answered yet.
    Early,
    /// Answered, not acknowledged yet.
    Confirmed,
    /// Acknowledged.
    Acknowledged,
    /// A user's BYE is under way.
    Ending,
    /// Its release is under way.
    Releasing,
    /// It was released, and is still known for what comes late.
    Released,
}

/// One dialog, or an INVITE that has none yet.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its number.
    pub id: Id,
    /// How far it is.
    pub state: State,
    /// Whom the proxy serves.
    pub roles: Roles,
    /// Call-ID.
    pub call_id: &'a [u8],
    /// The calling user's tag.
    pub from_tag: &'a [u8],
    /// The called user's tag; empty before a reply.
    pub to_tag: &'a [u8],
    /// The From value of the INVITE.
    pub from: &'a [u8],
    /// The To value of the 2xx.
    pub to: &'a [u8],
    /// The CSeq stored for each direction.
    pub cseqs: CSeqs,
    /// When its last message was seen, in seconds.
    pub seen: u64,
    /// Its release.
    pub release: Release,
    /// The leg to the called user.
    pub called: Leg,
    /// The leg to the calling user.
    pub calling: Leg,
    /// How its release has ended.
    pub outcome: Option<Outcome>,
    /// CSeq of the initial INVITE.
    pub invite_cseq: u32,
    /// Who has asked for its release.
    pub by: By,
    /// The text of the Reason of its release; empty for none, and where it was lost.
    pub text: &'a [u8],
    /// Whether that was too much to keep: its BYEs say the cause alone.
    pub text_lost: bool,
    /// Whether no release of many calls ends it.
    pub exempt: bool,
    /// The URIs by which a served calling user is known beside From, divided by blanks.
    pub calling_identities: &'a [u8],
    /// The same of a served called user.
    pub called_identities: &'a [u8],
    /// The icid-value of its session, as written; empty without one.
    pub icid: &'a [u8],
}

impl<'a> Entry<'a> {
    pub(super) fn new(id: Id, record: &Record<'a>, words: &[u64; WORDS]) -> Self {
        let seen = Seen::from_word(words[SEEN]);
        let release = Release::from_word(words[RELEASE]);
        let detail = Detail::from_word(words[DETAIL]);
        let (called, calling) = (Leg::from_word(words[LEG_CALLED]), Leg::from_word(words[LEG_CALLING]));
        let state = match record.stage {
            _ if release.phase.is_over() => State::Released,
            _ if release.phase != Phase::None => State::Releasing,
            Stage::Invite | Stage::Early => State::Early,
            Stage::Confirmed if is_ending(words) => State::Ending,
            Stage::Confirmed if seen.has(Seen::ACKNOWLEDGED) => State::Acknowledged,
            Stage::Confirmed => State::Confirmed,
        };
        Self {
            id,
            state,
            roles: record.roles,
            call_id: record.call_id,
            from_tag: record.from_tag(),
            to_tag: record.to_tag(),
            from: record.from,
            to: record.to,
            cseqs: cseqs(words),
            seen: seen.at,
            release,
            called,
            calling,
            outcome: release.phase.is_over().then(|| match pending::outcome(called, calling) {
                Some(outcome) if !release.expired => outcome,
                _ => Outcome::Expired,
            }),
            invite_cseq: record.invite_cseq,
            by: detail.by,
            text: record.reason.text,
            text_lost: detail.text_lost,
            exempt: record.exempt,
            calling_identities: record.calling.identities,
            called_identities: record.called.identities,
            icid: record.icid,
        }
    }
}

/// Figures of a registry.
#[derive(Clone, Debug)]
pub struct Stats {
    /// What has happened since the store was made.
    pub counts: Counts,
    /// Records of the store in use, without those of the registry itself.
    pub records: u64,
    /// The store.
    pub usage: Usage,
}

impl<S: Store> Registry<S> {
    /// Calls `visit` with the dialogs among the next `limit` records from `cursor` on (0: from the beginning), but for
    /// those that were released. Returns where to go on; 0 at the end. A dialog that is there all the time is visited
    /// once.
    pub fn list(&self, cursor: u64, limit: usize, visit: &mut dyn FnMut(&Entry<'_>)) -> Result<u64, RegistryError> {
        self.counted(self.list_page(cursor, limit, visit))
    }

    fn list_page(&self, cursor: u64, limit: usize, visit: &mut dyn FnMut(&Entry<'_>)) -> Result<u64, RegistryError> {
        let mut ids = Vec::with_capacity(limit.min(4096));
        let next = self.store.scan(cursor, limit, &mut |id| ids.push(id))?;
        let mut bytes = Vec::new();
        for id in ids {
            if let Some((stored, record)) = self.load(id, &mut bytes)?
                && is_shown(&record, &stored)
                && !Release::from_word(stored.words[RELEASE]).phase.is_over()
            {
                visit(&Entry::new(id, &record, &stored.words));
            }
        }
        Ok(next)
    }

    /// Figures.
    pub fn stats(&self) -> Result<Stats, RegistryError> {
        let counts = self.counters.read(&self.store)?;
        let usage = self.store.usage();
        let records = usage.records.saturating_sub(Counters::RECORDS + self.job_records()?);
        Ok(Stats { counts, records, usage })
    }
}
