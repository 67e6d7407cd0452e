// SPDX-License-Identifier: MIT OR Apache-2.0
//! What time brings: BYEs that are due, releases past their deadline, dialogs past their lifetime, what a killed
//! process left half done. In steps that are bounded, called from the host's timer.

use core::sync::atomic::Ordering;

use crate::capture::Stage;
use crate::dialog::User;
use crate::pending::{Final, LegState, Outcome, Phase, Release};
use crate::store::{Id, Store};

use super::counters::{Counter, Gauge, Moment};
use super::next::was_held;
use super::words::{DETAIL, Detail, RELEASE, SEEN, Seen, TIMES, Times};
use super::{MILLIS, Noted, Registry, RegistryError, TIMER_B};

/// What a sweep has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Records looked at.
    pub visited: usize,
    /// BYEs that it found due.
    pub due: usize,
    /// Releases that it ended.
    pub ended: usize,
    /// INVITEs and dialogs that it dropped.
    pub dropped: usize,
    /// Whether it came to the end of the store; the next one begins again.
    pub finished: bool,
}

/// A dialog that was dropped although nobody has ended it: nothing was seen of it for too long. Its session may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleDropped<'a> {
    /// The dialog's number.
    pub id: Id,
    /// Call-ID.
    pub call_id: &'a [u8],
    /// Its session timer has run out; else it is [`dialog_lifetime`](super::Settings::dialog_lifetime) that is over.
    pub session_timer: bool,
    /// For how long nothing was seen of it, in milliseconds.
    pub idle: u64,
}

/// What the host does when a dialog was dropped so; of many at once it is told of [`TOLD_A_SECOND`].
pub type OnIdleDropped = Box<dyn Fn(&IdleDropped<'_>) + Send + Sync>;

impl<S: Store> Registry<S> {
    /// Looks at the next `limit` records, and calls `due` for each BYE that is to be sent now with [`Registry::next`]:
    /// one that was held for the ACK, one that is sent again, or whose process has died before it sent it. No lock is
    /// held: `due` may call the registry. `now` is in milliseconds.
    ///
    /// From one process, a few times a second while releases are under way ([`Registry::is_active`]): how often a whole
    /// round is done is how late such a BYE may be.
    pub fn sweep(&self, now: u64, limit: usize, due: &mut dyn FnMut(Id, User)) -> Result<Swept, RegistryError> {
        self.counted(self.sweep_step(now, limit, due))
    }

    fn sweep_step(&self, now: u64, limit: usize, due: &mut dyn FnMut(Id, User)) -> Result<Swept, RegistryError> {
        let cursor = self.swept_to.load(Ordering::Relaxed);
        let mut ids = Vec::with_capacity(limit.min(4096));
        let next = self.store.scan(cursor, limit, &mut |id| ids.push(id))?;
        self.swept_to.store(next, Ordering::Relaxed);
        let mut swept = Swept { visited: ids.len(), finished: next == 0, ..Swept::default() };
        for id in ids.into_iter().filter(|id| !self.counters.holds(*id)) {
            match self.sweep_one(id, now, due, &mut swept) {
                // Gone meanwhile; a store that is busy with one dialog is not with the next.
                Ok(()) | Err(RegistryError::NotFound) => {}
                Err(error) => {
                    let _ = self.counted::<()>(Err(error));
                }
            }
        }
        if swept.finished {
            let pending = self.counting.swap(0, Ordering::Relaxed);
            let oldest = self.oldest.swap(u64::MAX, Ordering::Relaxed);
            self.under_way.store(pending, Ordering::Relaxed);
            if self.waiting.swap(false, Ordering::Relaxed) {
                self.put_deadlines_off(now)?;
            }
            self.counters.renew(&self.store)?;
            // Never 0 from here on: that would be "nobody knows".
            let until = self.active_until.swap(0, Ordering::Relaxed).max(1);
            self.counters.put_off(&self.store, Moment::ActiveUntil, until)?;
            self.counters.set(&self.store, Gauge::Pending, pending)?;
            self.counters.set(&self.store, Gauge::Oldest, if pending == 0 { 0 } else { oldest })?;
        }
        Ok(swept)
    }

    /// Whether any dialog is under release, or still known for one.
    pub fn is_active(&self, now: u64) -> Result<bool, RegistryError> {
        let until = self.counters.moment(&self.store, Moment::ActiveUntil)?;
        Ok(until == 0 || now < until * MILLIS)
    }

    fn sweep_one(
        &self,
        id: Id,
        now: u64,
        due: &mut dyn FnMut(Id, User),
        swept: &mut Swept,
    ) -> Result<(), RegistryError> {
        let release = self.release(id)?;
        match release.phase {
            Phase::None if self.keep_ended => Ok(()),
            Phase::None => self.sweep_dialog(id, now, swept),
            Phase::UnderWay => self.sweep_release(id, release, now, due, swept),
            Phase::Telling | Phase::Told => self.sweep_released(id, release, now, swept),
        }
    }

    fn sweep_release(
        &self,
        id: Id,
        release: Release,
        now: u64,
        due: &mut dyn FnMut(Id, User),
        swept: &mut Swept,
    ) -> Result<(), RegistryError> {
        let deadline = self.deadline_of(release, Detail::from_word(self.word(id, DETAIL)?))?;
        self.active_until.fetch_max((deadline + self.linger).div_ceil(MILLIS) + 1, Ordering::Relaxed);
        self.finish_crossing(id, Times::now(now, release.started))?;
        // Both legs final and nobody told it: a user's BYE has settled them, or the process that noted the last reply
        // was killed.
        let ended = match self.settle(id, now)? {
            None if now >= deadline => self.end(id, Outcome::Expired, now)?,
            settled => settled,
        };
        swept.ended += usize::from(ended.is_some());
        if ended.is_some() {
            return Ok(());
        }
        self.counting.fetch_add(1, Ordering::Relaxed);
        self.oldest.fetch_min(release.started, Ordering::Relaxed);
        let mut bytes = Vec::new();
        for to in [User::Called, User::Calling] {
            let leg = self.leg(id, to)?;
            let time = Times::from_word(self.word(id, TIMES)?).of(to);
            if leg.state == LegState::Waiting && Times::now(now, release.started) >= time {
                // The host was to say so, and is not there to do it.
                let noted = self.try_note(id, to, leg.cseq, Final::Unreported.into(), now)?;
                swept.ended += usize::from(matches!(noted, Noted::Ended(_)));
            }
            // The record is large, and most legs wait for an answer.
            if self.leg(id, to)?.state == LegState::Idle
                && let Some((stored, record)) = self.load(id, &mut bytes)?
                && Release::from_word(stored.words[RELEASE]).phase == Phase::UnderWay
                && self.is_overdue(&record, &stored, to, now)
            {
                due(id, to);
                swept.due += 1;
                let late = time + LATE < Times::now(now, release.started) && !was_held(&stored, to);
                if late && release.started < self.counters.moment(&self.store, Moment::Restarted)? {
                    self.waiting.store(true, Ordering::Relaxed);
                }
            }
        }
        Ok(())
    }

    /// After a restart more may be due than a host can send until the deadline: what has not had its turn does not end
    /// for that, unless the host does not send at all.
    fn put_deadlines_off(&self, now: u64) -> Result<(), RegistryError> {
        let restarted = self.counters.moment(&self.store, Moment::Restarted)? * MILLIS;
        if now < restarted.saturating_add((TURNS - 1) * self.deadline) {
            self.counters.put_off(&self.store, Moment::Resumed, now / MILLIS)?;
        }
        Ok(())
    }

    fn sweep_released(&self, id: Id, release: Release, now: u64, swept: &mut Swept) -> Result<(), RegistryError> {
        let times = Times::from_word(self.word(id, TIMES)?);
        let ended = release.started * MILLIS + times.of(User::Called).max(times.of(User::Calling));
        // Who is telling it may take a while, and is not dead for that.
        let linger = if release.phase == Phase::Telling { self.linger.max(TIMER_B) } else { self.linger };
        let until = ended.saturating_add(linger);
        self.active_until.fetch_max(until.div_ceil(MILLIS) + 1, Ordering::Relaxed);
        if now < until {
            return Ok(());
        }
        if release.phase == Phase::Telling {
            self.give_up_telling(id, release)?;
        }
        let mut bytes = Vec::new();
        let dropped = match self.load(id, &mut bytes)? {
            Some((_, record)) => self.forget(id, record.call_id, record.from_tag())?,
            None => self.store.remove(id)?,
        };
        swept.dropped += usize::from(dropped);
        Ok(())
    }

    fn sweep_dialog(&self, id: Id, now: u64, swept: &mut Swept) -> Result<(), RegistryError> {
        let seen = Seen::from_word(self.word(id, SEEN)?);
        let idle = now.saturating_sub(seen.at * MILLIS);
        let mut bytes = Vec::new();
        if seen.has(Seen::CONFIRMED) {
            // A session whose timer was not refreshed is over for both users, without a BYE (RFC 4028 8.3, 10).
            let session = seen.session_interval().filter(|_| self.session_timer);
            let session = session.map_or(u64::MAX, |interval| interval * MILLIS + TIMER_B);
            let lifetime = self.dialog_lifetime.min(session);
            // A user's BYE whose answer was never seen: the session was over with the BYE (RFC 3261 15.1.1).
            let counter = if idle >= lifetime {
                Counter::IdleDropped
            } else if idle >= 2 * TIMER_B && self.is_ending(id)? {
                Counter::EndedByUser
            } else {
                return Ok(());
            };
            if let Some((_, record)) = self.load(id, &mut bytes)?
                && self.close(id, now)?
                && self.forget(id, record.call_id, record.from_tag())?
            {
                self.counters.add(&self.store, counter);
                swept.dropped += 1;
                if counter == Counter::IdleDropped {
                    let session_timer = session <= self.dialog_lifetime;
                    self.tell_idle(&IdleDropped { id, call_id: record.call_id, session_timer, idle }, now);
                }
            }
            return Ok(());
        }
        let lifetime = if seen.has(Seen::FADING) { TIMER_B } else { self.early_lifetime };
        if idle < lifetime {
            return Ok(());
        }
        if let Some((stored, record)) = self.load(id, &mut bytes)? {
            if record.stage == Stage::Confirmed {
                // The process that saw the 2xx was killed before it marked the cell.
                return self.touch(id, seen.at * MILLIS, Seen::CONFIRMED, Seen::FADING);
            }
            // A 2xx may make a dialog of it at this moment.
            if self.store.remove_version(id, stored.version)? {
                swept.dropped += 1;
                if !seen.has(Seen::FADING) {
                    self.counters.add(&self.store, Counter::EarlyDropped);
                }
            }
        }
        Ok(())
    }

    fn tell_idle(&self, dropped: &IdleDropped<'_>, now: u64) {
        let Some(tell) = &self.idle_dropped else { return };
        // Of one process's own sweep: nothing is lost where two at once tell of one more.
        let (second, told) = (now / MILLIS, self.idle_told.load(Ordering::Relaxed));
        let told = if told / (TOLD_A_SECOND + 1) == second { told % (TOLD_A_SECOND + 1) } else { 0 };
        if told < TOLD_A_SECOND {
            self.idle_told.store(second * (TOLD_A_SECOND + 1) + told + 1, Ordering::Relaxed);
            tell(dropped);
        }
    }
}

/// How many dialogs that were dropped for idleness are told of in one second: all are counted.
pub const TOLD_A_SECOND: u64 = 10;

/// For how long a BYE is due, in milliseconds, before it waits for others to be sent.
const LATE: u64 = 1_000;

/// By how many times its deadline a release from before a restart is over at the latest.
const TURNS: u64 = 10;
