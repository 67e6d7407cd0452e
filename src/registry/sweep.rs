// SPDX-License-Identifier: MIT OR Apache-2.0
//! What time ends: releases past their deadline, INVITEs and early dialogs past their lifetime, what a killed process
//! left half done. In steps that are bounded, called from the host's timer.

use core::sync::atomic::Ordering;

use crate::capture::Stage;
use crate::pending::{Outcome, Phase};
use crate::store::{Id, Store};

use super::counters::Counter;
use super::words::{SEEN, Seen};
use super::{MILLIS, Registry, RegistryError, TIMER_B};

/// What a sweep has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Records looked at.
    pub visited: usize,
    /// Releases that it ended.
    pub ended: usize,
    /// INVITEs, early dialogs and left-overs that it dropped.
    pub dropped: usize,
    /// Whether it came to the end of the store; the next one begins again.
    pub finished: bool,
}

impl<S: Store> Registry<S> {
    /// Looks at the next `limit` records. `now` is in milliseconds.
    pub fn sweep(&self, now: u64, limit: usize) -> Result<Swept, RegistryError> {
        self.counted(self.sweep_step(now, limit))
    }

    fn sweep_step(&self, now: u64, limit: usize) -> Result<Swept, RegistryError> {
        let cursor = self.swept_to.load(Ordering::Relaxed);
        let mut ids = Vec::with_capacity(limit.min(4096));
        let next = self.store.scan(cursor, limit, &mut |id| ids.push(id))?;
        self.swept_to.store(next, Ordering::Relaxed);
        let mut swept = Swept { visited: ids.len(), finished: next == 0, ..Swept::default() };
        for id in ids.into_iter().filter(|id| !self.counters.holds(*id)) {
            match self.sweep_one(id, now, &mut swept) {
                // Gone meanwhile; a store that is busy with one dialog is not with the next.
                Ok(()) | Err(RegistryError::NotFound) => {}
                Err(error) => {
                    let _ = self.counted::<()>(Err(error));
                }
            }
        }
        Ok(swept)
    }

    fn sweep_one(&self, id: Id, now: u64, swept: &mut Swept) -> Result<(), RegistryError> {
        let release = self.release(id)?;
        let past_deadline = now >= self.begun(id, release)?.saturating_add(self.deadline);
        match release.phase {
            Phase::UnderWay => {
                // Both legs final and nobody reported: the process that noted the last one was killed.
                let ended = match self.settle(id, now)? {
                    None if past_deadline => self.end(id, Outcome::Expired, now)?,
                    settled => settled,
                };
                swept.ended += usize::from(ended.is_some());
                return Ok(());
            }
            // Reported, or its reporter was killed: never told twice, only dropped.
            Phase::Ended if past_deadline => {
                swept.dropped += usize::from(self.store.remove(id)?);
                return Ok(());
            }
            Phase::Ended => return Ok(()),
            Phase::None if self.keep_ended => return Ok(()),
            Phase::None => {}
        }
        let seen = Seen::from_word(self.store.word(id, SEEN)?.ok_or(RegistryError::NotFound)?);
        let idle = now.saturating_sub(seen.at * MILLIS);
        if seen.has(Seen::CONFIRMED) {
            // A user's BYE whose answer was never seen: the session was over with the BYE (RFC 3261 15.1.1).
            if idle >= 2 * TIMER_B && self.is_ending(id)? {
                let mut bytes = Vec::new();
                if let Some((_, record)) = self.load(id, &mut bytes)?
                    && self.forget(id, record.call_id, record.from_tag())?
                {
                    self.counters.add(&self.store, Counter::EndedByUser);
                    swept.dropped += 1;
                }
            }
            return Ok(());
        }
        let lifetime = if seen.has(Seen::FADING) { TIMER_B } else { self.early_lifetime };
        if idle < lifetime {
            return Ok(());
        }
        let mut bytes = Vec::new();
        if let Some((_, record)) = self.load(id, &mut bytes)? {
            if record.stage == Stage::Confirmed {
                // The process that saw the 2xx was killed before it marked the cell.
                return self.touch(id, seen.at * MILLIS, Seen::CONFIRMED, Seen::FADING);
            }
            if self.store.remove(id)? {
                swept.dropped += 1;
                if !seen.has(Seen::FADING) {
                    self.counters.add(&self.store, Counter::EarlyDropped);
                }
            }
        }
        Ok(())
    }
}
