// SPDX-License-Identifier: MIT OR Apache-2.0
//! What has happened since the store was made, counted in two records of the store itself: whichever process counts,
//! every process sees the sum, and a restart keeps it.

use crate::store::{Id, Insert, Store, StoreError, WORDS};

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
}

/// What has happened since the store was made.
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
    /// INVITEs and early dialogs that were dropped because no 2xx came.
    pub early_dropped: u64,
    /// Operations that the store refused: full, busy, damaged.
    pub store_failures: u64,
}

/// The cells that hold the counters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counters {
    cells: [Id; 2],
}

/// No dialog record begins with this byte, see [`crate::capture::Record::encode`].
const RECORD: &[u8] = &[0xff];

impl Counters {
    pub fn open<S: Store>(store: &S, keys: &Keys) -> Result<Self, StoreError> {
        let open = |name: &[u8]| match store.insert(keys.own(name), RECORD, &[0; WORDS])? {
            Insert::New(id) | Insert::Exists(id) => Ok(id),
        };
        Ok(Self { cells: [open(b"counters 1")?, open(b"counters 2")?] })
    }

    /// Adds one. A counter is never worth waiting for: after a few collisions the count is given up.
    pub fn add<S: Store>(&self, store: &S, counter: Counter) {
        let (cell, word) = Self::place(counter as usize, &self.cells);
        for _ in 0..16 {
            match store.word(cell, word) {
                Ok(Some(count)) => match store.compare_exchange(cell, word, count, (count + 1) & ((1 << 48) - 1)) {
                    Ok(false) => {}
                    Ok(true) | Err(_) => return,
                },
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// Whether `id` is no dialog but a cell of counters.
    pub fn holds(&self, id: Id) -> bool {
        self.cells.contains(&id)
    }

    /// How many records the counters take.
    pub const RECORDS: u64 = 2;

    pub fn read<S: Store>(&self, store: &S) -> Result<Counts, StoreError> {
        let get = |counter: Counter| {
            let (cell, word) = Self::place(counter as usize, &self.cells);
            Ok::<_, StoreError>(store.word(cell, word)?.unwrap_or_default())
        };
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
            early_dropped: get(Counter::EarlyDropped)?,
            store_failures: get(Counter::StoreFailures)?,
        })
    }

    fn place(index: usize, cells: &[Id; 2]) -> (Id, usize) {
        (cells[index / WORDS], index % WORDS)
    }
}
