// SPDX-License-Identifier: MIT OR Apache-2.0
//! What has become of each dialog that a job is for: read from the dialogs themselves, so that nothing has to be kept
//! for it. What has left the store is not among them; its end was told to the host.

use crate::capture::{Record, Stage};
use crate::dialog::Scratch;
use crate::pending::{Outcome, Phase, Release};
use crate::reason::Reason;
use crate::release::{Form, Request};
use crate::store::{Entry as Stored, Store};

use super::find::is_shown;
use super::job::{STATE, made};
use super::release::buildable;
use super::words::{DETAIL, Detail, RELEASE, cseqs};
use super::{By, Entry, Job, Registry, RegistryError};

/// What a dialog is to a job.
#[derive(Debug)]
pub enum Item {
    /// The job has not started its release, and could now: it comes to it later, only counts, or had no success when it
    /// did, for a reason that holds no more.
    NotStarted,
    /// Early: its INVITE is to be cancelled instead.
    Early,
    /// Exempt, see [`Registry::exempt`].
    Exempt,
    /// Its release by this job is refused.
    Refused(RegistryError),
    /// Its release by this job is under way.
    Releasing,
    /// It was released by this job.
    Released(Outcome),
}

impl<S: Store> Registry<S> {
    /// Calls `visit` with what has become of each dialog of a job among the next `limit` records from `cursor` on (0:
    /// from the beginning). Returns where to go on; 0 at the end. A dialog that was released is among them while it
    /// lingers. `now` is in milliseconds.
    ///
    /// Errors: [`RegistryError::NotFound`] where there is no such job; those of the store.
    pub fn job_items(
        &self,
        number: u8,
        cursor: u64,
        limit: usize,
        now: u64,
        visit: &mut dyn FnMut(&Entry<'_>, &Item),
    ) -> Result<u64, RegistryError> {
        self.counted(self.items_page(number, cursor, limit, now, visit))
    }

    fn items_page(
        &self,
        number: u8,
        cursor: u64,
        limit: usize,
        now: u64,
        visit: &mut dyn FnMut(&Entry<'_>, &Item),
    ) -> Result<u64, RegistryError> {
        let (mut job_bytes, mut bytes) = (Vec::new(), Vec::new());
        let job = self.job_id(number)?.ok_or(RegistryError::NotFound)?;
        let (job, words) = self.read_job(job, &mut job_bytes)?.ok_or(RegistryError::NotFound)?;
        let since = made(words[STATE]);
        let mut ids = Vec::with_capacity(limit.min(4096));
        let next = self.store.scan(cursor, limit, &mut |id| ids.push(id))?;
        for id in ids {
            if let Some((stored, record)) = self.load(id, &mut bytes)? {
                let entry = Entry::new(id, &record, &stored.words);
                if let Some(item) = self.item(&job, (number, since), &entry, (&stored, &record), now) {
                    visit(&entry, &item);
                }
            }
        }
        Ok(next)
    }

    /// `None`: it is not meant, or stands for nothing any more.
    fn item(
        &self,
        job: &Job<'_>,
        (number, since): (u8, u64),
        entry: &Entry<'_>,
        (stored, record): (&Stored, &Record<'_>),
        now: u64,
    ) -> Option<Item> {
        let release = Release::from_word(stored.words[RELEASE]);
        let detail = Detail::from_word(stored.words[DETAIL]);
        if detail.by == By::Job(number) && detail.begun(release) > since {
            return Some(entry.outcome.map_or(Item::Releasing, Item::Released));
        }
        if !job.dialogs.means(record) || !is_shown(record, stored) {
            return None;
        }
        let phase = release.phase;
        Some(match record.stage {
            // Another has released it; one that the job has found so has ended since.
            _ if phase.is_over() => return None,
            Stage::Confirmed if phase != Phase::None => Item::Refused(RegistryError::AlreadyReleasing),
            _ if record.exempt => Item::Exempt,
            Stage::Confirmed => {
                self.may_release(record, stored, &job.reason, now).map_or_else(Item::Refused, |()| Item::NotStarted)
            }
            Stage::Early | Stage::Invite => Item::Early,
        })
    }

    /// Whether [`Registry::start`] would start it.
    fn may_release(
        &self,
        record: &Record<'_>,
        stored: &Stored,
        reason: &Reason<'_>,
        now: u64,
    ) -> Result<(), RegistryError> {
        self.may_start(record, &stored.words, now)?;
        let own = self.own();
        let mut scratch = Scratch::default();
        let dialog = record.dialog(&own, &mut scratch).map_err(RegistryError::Dialog)?;
        let request = Request { reason: *reason, headers: &[], form: Form::Loop, keep_gruu: false, via: None };
        // Which number is drawn makes no difference.
        buildable(&dialog, cseqs(&stored.words), &request, &mut || Ok(1), (usize::MAX, usize::MAX))
    }
}
