// SPDX-License-Identifier: MIT OR Apache-2.0
//! The places of jobs in the store: who makes one takes the place of one that is over, and a refusal leaves all as they
//! were.
//!
//! A job that is made in the place of another is written in this order: the place is taken, the record replaced, the
//! figures set to 0, and only then it runs. Who dies in between leaves a place that nobody sees, and that is taken when
//! ten seconds have gone by.

use crate::capture::identity::{is_icid, is_uri};
use crate::store::{Id, Insert, Store, StoreError, WORDS};

use super::job::{
    AGAIN, BEING_MADE, CANCELLED, CURSOR, FINISHED, PAIRS, RECORD, RUNNING, STATE, STATES, decode, made, runs,
};
use super::keys::Keys;
use super::{By, Job, MAX_JOBS, MAX_JOBS_OF_SCRIPTS, Many, Registry, RegistryError, TRIES};

/// By how much a job may be younger than the clock says, in milliseconds: two in one place are never as old as each
/// other. What is more is a clock that was put back.
pub(super) const AHEAD: u64 = 1_000;
/// Who takes a place and has not written the job after so long has died, in milliseconds.
const GIVEN_UP: u64 = 10_000;

/// Keeps the places of the jobs in a store that has none of them yet, as jobs that are over: calls are to be released
/// from a full store too. A store of few records needs all its room for dialogs.
pub(super) fn reserve<S: Store>(store: &S, keys: &Keys) -> Result<(), StoreError> {
    const LEAST: u64 = 64 * MAX_JOBS as u64;
    if store.usage().capacity < LEAST {
        return Ok(());
    }
    let mut words = [0; WORDS];
    words[STATE] = FINISHED;
    for number in 1..=MAX_JOBS {
        match store.insert(keys.job(number), &[RECORD], &words) {
            Ok(_) | Err(StoreError::Full) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Where a job can be made.
struct Free {
    number: u8,
    state: u64,
    /// The record there, and its version.
    record: Option<(Id, u64)>,
}

impl<S: Store> Registry<S> {
    /// Makes a job and gives its number. Nothing is released before [`Registry::job_step`]. `now` is in milliseconds.
    ///
    /// One that is running and the same but for the text and who has asked is joined: it looks at all dialogs once more,
    /// so that none is left out that came behind it. A script joins whatever is running for the same dialogs: it may ask
    /// with each message.
    ///
    /// Errors: [`RegistryError::Selector`] for what is no URI, or no icid-value; [`RegistryError::JobTooLarge`];
    /// [`RegistryError::TooManyJobs`] while so many are running; those of the store. With an error nothing has changed.
    pub fn job_make(&self, job: &Job<'_>, now: u64) -> Result<u8, RegistryError> {
        self.counted(self.make_job(job, now))
    }

    fn make_job(&self, job: &Job<'_>, now: u64) -> Result<u8, RegistryError> {
        let sound = match job.dialogs {
            Many::All => true,
            Many::User(uri) | Many::Contact(uri) => is_uri(uri),
            Many::Session(icid) => is_icid(icid),
        };
        if !sound {
            return Err(RegistryError::Selector);
        }
        let record = job.encode()?;
        if let Some(number) = self.join_job(job)? {
            return Ok(number);
        }
        let first = if job.by == By::Script { MAX_JOBS - MAX_JOBS_OF_SCRIPTS + 1 } else { 1 };
        let mut places = Vec::new();
        for number in first..=MAX_JOBS {
            places.extend(self.free_place(number, now)?);
        }
        // The place of one that was never made, else of the oldest that is over.
        places.sort_unstable_by_key(|place| (made(place.state), place.number));
        let mut refusal = RegistryError::TooManyJobs;
        for place in places {
            match self.take_place(&place, &record, now) {
                Ok(true) => return Ok(place.number),
                // Another was first.
                Ok(false) => {}
                Err(full @ RegistryError::Store(StoreError::Full)) => refusal = full,
                Err(error) => return Err(error),
            }
        }
        Err(refusal)
    }

    fn free_place(&self, number: u8, now: u64) -> Result<Option<Free>, RegistryError> {
        let mut bytes = Vec::new();
        let place = match self.job_id(number)? {
            Some(id) => self.store.read(id, &mut bytes)?.map(|stored| (id, stored)),
            None => None,
        };
        let Some((id, stored)) = place else { return Ok(Some(Free { number, state: 0, record: None })) };
        let state = stored.words[STATE];
        let free = match state & STATES {
            // Of another version of this library: it goes on no more.
            RUNNING => decode(&bytes).is_none(),
            BEING_MADE => now.abs_diff(made(state)) > GIVEN_UP,
            _ => true,
        };
        Ok(free.then_some(Free { number, state, record: Some((id, stored.version)) }))
    }

    /// `false`: another was first.
    fn take_place(&self, place: &Free, record: &[u8], now: u64) -> Result<bool, RegistryError> {
        let Some((id, version)) = place.record else {
            let mut words = [0; WORDS];
            words[STATE] = RUNNING | now << 2;
            let inserted = self.store.insert(self.keys.job(place.number), record, &words)?;
            return Ok(matches!(inserted, Insert::New(_)));
        };
        let before = made(place.state);
        let since = if before.checked_sub(now).is_some_and(|ahead| ahead < AHEAD) { before + 1 } else { now };
        let taken = BEING_MADE | since << 2;
        if !self.store.compare_exchange(id, STATE, place.state, taken)? {
            return Ok(false);
        }
        match self.store.replace(id, version, record) {
            Ok(true) => {}
            refused => {
                self.store.compare_exchange(id, STATE, taken, place.state)?;
                return Ok(refused?);
            }
        }
        for word in PAIRS.into_iter().chain([CURSOR]) {
            self.change(id, word, |_| Some(0))?;
        }
        Ok(self.store.compare_exchange(id, STATE, taken, taken | RUNNING)?)
    }

    fn join_job(&self, job: &Job<'_>) -> Result<Option<u8>, RegistryError> {
        let mut bytes = Vec::new();
        for number in 1..=MAX_JOBS {
            let Some(id) = self.job_id(number)? else { continue };
            let Some((known, words)) = self.read_job(id, &mut bytes)? else { continue };
            let asked = |job: &Job<'_>| (job.rate.max(1), job.in_flight.max(1), job.reason.cause());
            let same = known.dialogs.same(job.dialogs)
                && known.dry == job.dry
                && (job.by == By::Script || asked(&known) == asked(job));
            let since = made(words[STATE]);
            if same && runs(words[STATE], since) {
                self.change(id, STATE, |state| runs(state, since).then_some(state | AGAIN))?;
                if runs(self.word(id, STATE)?, since) {
                    return Ok(Some(number));
                }
            }
        }
        Ok(None)
    }

    /// Cancels a job: it starts nothing more. What it has started ends as ever. `false`: it was over.
    ///
    /// Errors: [`RegistryError::NotFound`]; those of the store.
    pub fn job_cancel(&self, number: u8) -> Result<bool, RegistryError> {
        self.counted(self.cancel_job(number))
    }

    fn cancel_job(&self, number: u8) -> Result<bool, RegistryError> {
        let id = self.job_id(number)?.ok_or(RegistryError::NotFound)?;
        let (_, words) = self.read_job(id, &mut Vec::new())?.ok_or(RegistryError::NotFound)?;
        let since = made(words[STATE]);
        self.change(id, STATE, |state| runs(state, since).then_some(state & !STATES | CANCELLED))
    }

    /// A job and its cell. `None` where there is none, or while one is made.
    pub(super) fn read_job<'b>(
        &self,
        id: Id,
        bytes: &'b mut Vec<u8>,
    ) -> Result<Option<(Job<'b>, [u64; WORDS])>, RegistryError> {
        for _ in 0..TRIES {
            let before = self.word(id, STATE)?;
            let Some(stored) = self.store.read(id, bytes)? else { return Ok(None) };
            let after = self.word(id, STATE)?;
            if [before, after].iter().any(|state| state & STATES == BEING_MADE) {
                return Ok(None);
            }
            if made(before) == made(after) {
                return Ok(decode(bytes).map(|job| (job, stored.words)));
            }
        }
        Err(StoreError::Busy.into())
    }

    /// How many records the jobs take, with the places that are kept for them.
    pub(super) fn job_records(&self) -> Result<u64, RegistryError> {
        let mut count = 0;
        for number in 1..=MAX_JOBS {
            count += u64::from(self.job_id(number)?.is_some());
        }
        Ok(count)
    }

    pub(super) fn job_id(&self, number: u8) -> Result<Option<Id>, RegistryError> {
        Ok(self.store.find(self.keys.job(number))?)
    }
}
