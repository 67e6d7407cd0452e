// SPDX-License-Identifier: MIT OR Apache-2.0
//! What has happened since the store was made, counted in records of the store itself: whichever process counts,
//! every process sees the sum, and a restart keeps it. Beside the counters stand a few times that all must know.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::pending::{Leg, LegState};
use crate::store::{Id, Insert, Key, Store, StoreError, WORD_MAX, WORDS};

use super::TRIES;
use super::keys::Keys;

/// One counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Counter {
    Tracked,
    Confirmed,
    EndedByUser,
    Started,
    Completed,
    Gone,
    Partial,
    Failed,
    Expired,
    RefusedMessages,
    EarlyDropped,
    StoreFailures,
    Retried,
    Bypassed,
    RefusedRequests,
    Unconfirmed,
    IdleDropped,
    LegsDone,
    LegsGone,
    LegsFailed,
    LegsNotBuilt,
    Misdirected = 26,
}

/// A time that all processes must know, in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Moment {
    /// When releases were taken up again after all processes had died. 0: never.
    Restarted = 21,
    /// No dialog is under release, or known for one, after it. 0: nobody knows.
    ActiveUntil = 22,
    /// From when on the deadline of a release from before the restart counts: later than that as long as some wait for
    /// their turn.
    Resumed = 23,
}

// Each has a word of its own.
const _: () = {
    assert!((Counter::LegsNotBuilt as usize) < Moment::Restarted as usize);
    assert!(Counter::Misdirected as usize > Gauge::Oldest as usize && (Counter::Misdirected as usize) < CELLS * WORDS);
};

/// What is so now, as the last round of the sweep has found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Gauge {
    /// Releases under way.
    Pending = 24,
    /// When the oldest of them was started, in Unix seconds. 0: there is none.
    Oldest = 25,
}

/// What has happened since the store was made, and what is so now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Initial INVITEs tracked.
    pub tracked: u64,
    /// Dialogs confirmed by a 2xx.
    pub confirmed: u64,
    /// Dialogs ended by a user's BYE.
    pub ended_by_user: u64,
    /// Releases started.
    pub started: u64,
    /// Releases by outcome: both answered 2xx.
    pub completed: u64,
    /// Both ended, at least one not by a 2xx.
    pub gone: u64,
    /// One ended, the other failed.
    pub partial: u64,
    /// Neither ended.
    pub failed: u64,
    /// The deadline came first.
    pub expired: u64,
    /// Messages that were refused as malformed.
    pub refused_messages: u64,
    /// Users' BYEs and target refresh requests that were not on their way to the other user.
    pub misdirected: u64,
    /// INVITEs and early dialogs that were dropped because no 2xx came.
    pub early_dropped: u64,
    /// Operations that the store refused: full, busy, damaged.
    pub store_failures: u64,
    /// BYEs sent again because of a 500 or 503, or because nobody told what came of them.
    pub retried: u64,
    /// BYEs that service control had kept back, sent straight to the far user.
    pub bypassed: u64,
    /// Requests of users that were to be refused because of a release.
    pub refused_requests: u64,
    /// Outcomes that nobody may have heard: a process died while it told them.
    pub unconfirmed: u64,
    /// Dialogs dropped because nothing was seen of them for long.
    pub idle_dropped: u64,
    /// Legs of ended releases: answered 2xx.
    pub legs_done: u64,
    /// Ended, not by a 2xx.
    pub legs_gone: u64,
    /// Failed.
    pub legs_failed: u64,
    /// Their BYE could not be built.
    pub legs_not_built: u64,
    /// Releases under way, as the last round of the sweep has found.
    pub pending: u64,
    /// When the oldest of them was started, in Unix seconds; 0: there is none.
    pub oldest: u64,
}

/// The cells that hold the counters. One that the store has no room for counts nothing: that is no reason not to start.
/// One that is lost to damage is made anew, from 0, by the next round of the sweep.
#[derive(Debug)]
pub(super) struct Counters {
    keys: [Key; CELLS],
    /// The ids as this process knows them; 0: none.
    cells: [AtomicU64; CELLS],
}

const CELLS: usize = 4;

/// No dialog record begins with this byte, see [`crate::capture::Record::encode`].
const RECORD: &[u8] = &[0xff];

/// Makes a cell, or finds it; `None`: there is no room.
fn make<S: Store>(store: &S, key: Key) -> Result<Option<Id>, StoreError> {
    match store.insert(key, RECORD, &[0; WORDS]) {
        Ok(Insert::New(id) | Insert::Exists(id)) => Ok(Some(id)),
        Err(StoreError::Full) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Counters {
    pub fn open<S: Store>(store: &S, keys: &Keys) -> Result<Self, StoreError> {
        let names: [&[u8]; CELLS] = [b"counters 1", b"counters 2", b"counters 3", b"counters 4"];
        let counters = Self { keys: names.map(|name| keys.own(name)), cells: Default::default() };
        for (key, cell) in counters.keys.iter().zip(&counters.cells) {
            cell.store(make(store, *key)?.map_or(0, |id| id.0), Ordering::Relaxed);
        }
        Ok(counters)
    }

    /// Makes those cells anew that are lost.
    pub fn renew<S: Store>(&self, store: &S) -> Result<(), StoreError> {
        for (key, cell) in self.keys.iter().zip(&self.cells) {
            let known = cell.load(Ordering::Relaxed);
            if known != 0
                && store.word(Id(known), 0)?.is_none()
                && let Some(id) = make(store, *key)?
            {
                cell.store(id.0, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// Does something with the word of a counter; `None`: it has none.
    fn at<S: Store, T>(
        &self,
        store: &S,
        index: usize,
        act: impl Fn(Id, usize) -> Result<Option<T>, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let cell = &self.cells[index / WORDS];
        let known = cell.load(Ordering::Relaxed);
        if known != 0 {
            match act(Id(known), index % WORDS) {
                Ok(None) | Err(StoreError::NotFound) => {}
                done => return done,
            }
        }
        // Lost: another process may have made it anew.
        match store.find(self.keys[index / WORDS])? {
            Some(found) if found.0 != known => {
                cell.store(found.0, Ordering::Relaxed);
                act(found, index % WORDS)
            }
            _ => Ok(None),
        }
    }

    /// Adds one. A counter is never worth waiting for: after a few collisions the count is given up.
    pub fn add<S: Store>(&self, store: &S, counter: Counter) {
        let add = |cell, word| {
            for _ in 0..16 {
                let Some(count) = store.word(cell, word)? else { return Ok(None) };
                if store.compare_exchange(cell, word, count, (count + 1) & WORD_MAX)? {
                    break;
                }
            }
            Ok(Some(()))
        };
        // A store that refuses says so where it matters.
        let _ = self.at(store, counter as usize, add);
    }

    /// Whether `id` is no dialog but a cell of counters.
    pub fn holds(&self, id: Id) -> bool {
        self.cells.iter().any(|cell| cell.load(Ordering::Relaxed) == id.0)
    }

    /// How many records the counters take.
    pub const RECORDS: u64 = CELLS as u64;

    pub fn read<S: Store>(&self, store: &S) -> Result<Counts, StoreError> {
        let get = |counter: Counter| self.word(store, counter as usize);
        Ok(Counts {
            tracked: get(Counter::Tracked)?,
            confirmed: get(Counter::Confirmed)?,
            ended_by_user: get(Counter::EndedByUser)?,
            started: get(Counter::Started)?,
            completed: get(Counter::Completed)?,
            gone: get(Counter::Gone)?,
            partial: get(Counter::Partial)?,
            failed: get(Counter::Failed)?,
            expired: get(Counter::Expired)?,
            refused_messages: get(Counter::RefusedMessages)?,
            misdirected: get(Counter::Misdirected)?,
            early_dropped: get(Counter::EarlyDropped)?,
            store_failures: get(Counter::StoreFailures)?,
            retried: get(Counter::Retried)?,
            bypassed: get(Counter::Bypassed)?,
            refused_requests: get(Counter::RefusedRequests)?,
            unconfirmed: get(Counter::Unconfirmed)?,
            idle_dropped: get(Counter::IdleDropped)?,
            legs_done: get(Counter::LegsDone)?,
            legs_gone: get(Counter::LegsGone)?,
            legs_failed: get(Counter::LegsFailed)?,
            legs_not_built: get(Counter::LegsNotBuilt)?,
            pending: self.word(store, Gauge::Pending as usize)?,
            oldest: self.word(store, Gauge::Oldest as usize)?,
        })
    }

    /// A moment; 0 where it cannot be known.
    pub fn moment<S: Store>(&self, store: &S, moment: Moment) -> Result<u64, StoreError> {
        self.word(store, moment as usize)
    }

    /// What is so now.
    pub fn set<S: Store>(&self, store: &S, gauge: Gauge, to: u64) -> Result<(), StoreError> {
        self.put(store, gauge as usize, |known| (known != to).then_some(to))
    }

    /// Counts a leg of a release that has ended.
    pub fn add_leg<S: Store>(&self, store: &S, leg: Leg) {
        let counter = match leg.state {
            LegState::Done => Counter::LegsDone,
            LegState::Gone => Counter::LegsGone,
            LegState::Failed => Counter::LegsFailed,
            LegState::NotBuilt => Counter::LegsNotBuilt,
            // Of a release that came to its deadline.
            LegState::Idle | LegState::Waiting => return,
        };
        self.add(store, counter);
    }

    /// Makes it a later one.
    pub fn put_off<S: Store>(&self, store: &S, moment: Moment, to: u64) -> Result<(), StoreError> {
        let to = to.min(WORD_MAX);
        self.put(store, moment as usize, |known| (known < to).then_some(to))
    }

    fn put<S: Store>(&self, store: &S, index: usize, to: impl Fn(u64) -> Option<u64>) -> Result<(), StoreError> {
        let put = |cell, word| {
            for _ in 0..TRIES {
                let Some(known) = store.word(cell, word)? else { return Ok(None) };
                let Some(to) = to(known) else { return Ok(Some(())) };
                if store.compare_exchange(cell, word, known, to)? {
                    return Ok(Some(()));
                }
            }
            Err(StoreError::Busy)
        };
        self.at(store, index, put).map(|_| ())
    }

    fn word<S: Store>(&self, store: &S, index: usize) -> Result<u64, StoreError> {
        Ok(self.at(store, index, |cell, word| store.word(cell, word))?.unwrap_or_default())
    }
}
