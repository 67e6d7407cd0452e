// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where dialogs and releases are kept: the contract, and its engines.
//!
//! A store keeps *records* (opaque bytes, a whole one or none) under keys, and for each record a *cell* of a few words
//! that outlives versions of the record and is changed word by word without a lock. What changes with every message of
//! a dialog lives in the cell, so that a final reply is never lost to a lock that timed out.
//!
//! Nothing here assumes one machine or a process-local pointer: an [`Id`] means the same to all users of a store.

pub mod memory;
pub mod shared;

use core::fmt;

pub use memory::MemoryStore;
pub use shared::SharedStore;

/// Bytes in one record, at most.
pub const MAX_RECORD: usize = 24 * 1024;

/// Words in a cell. Each holds 48 bits; all are what [`Store::insert`] was given until somebody changes them.
pub const WORDS: usize = 8;

/// The highest value of a word.
pub const WORD_MAX: u64 = (1 << 48) - 1;

/// Names one record until it is removed, and no other after that: the index of its cell (low 32 bits) and how often
/// that cell was given out (high 32 bits, never 0). Hosts print it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub u64);

/// What a record is found by: digests, keyed with [`Store::secret`], so that no peer can choose them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Shared by all records of a group: the Call-ID.
    pub group: u128,
    /// Of this record alone: Call-ID and both tags.
    pub member: u128,
}

/// What [`Store::insert`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insert {
    /// The record is kept under this id.
    New(Id),
    /// Its key was there already; nothing was changed.
    Exists(Id),
}

/// What is known of a record beside its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: Key,
    /// Changes with each [`Store::replace`].
    pub version: u64,
    /// Its cell, each word as it was at some moment of the call.
    pub words: [u64; WORDS],
}

/// How full the store is, and what it had to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Records kept.
    pub records: u64,
    /// Records that fit, when they are of the usual size.
    pub capacity: u64,
    /// Damages found: records dropped or missing, words mended, a file that was cut or put aside.
    pub damaged: u64,
    /// Repairs after the death of a process, or at start.
    pub repairs: u64,
    /// Calls that gave up on a lock.
    pub lock_timeouts: u64,
    /// Records refused because the store was full.
    pub refused_full: u64,
    /// Records refused because they were too large.
    pub refused_large: u64,
}

/// Why a store did not do what it was asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// No room for another record.
    Full,
    /// The record is larger than [`MAX_RECORD`].
    TooLarge,
    /// Another process held the lock too long; nothing was changed.
    Busy,
    /// There is no record of this id any more.
    NotFound,
    /// The operating system refused something; the text says what, where, and what to do.
    Io(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the store is full: raise its size"),
            Self::TooLarge => write!(f, "the record is larger than {MAX_RECORD} bytes"),
            Self::Busy => f.write_str("the store is busy: another process held its lock too long"),
            Self::NotFound => f.write_str("the record is gone"),
            Self::Io(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for StoreError {}

/// An engine that keeps records and cells. All calls may come from any thread, and, where the engine serves several
/// processes, from any of them; each is atomic. No call waits without a bound.
pub trait Store: Send + Sync {
    /// Sixteen random bytes, made with the store and kept with it: the key of all digests.
    fn secret(&self) -> [u8; 16];

    /// Keeps a record under a new id, or tells that its `member` key is there already.
    fn insert(&self, key: Key, record: &[u8], words: &[u64; WORDS]) -> Result<Insert, StoreError>;

    /// The id of the record with this key.
    fn find(&self, key: Key) -> Result<Option<Id>, StoreError>;

    /// The ids of all records of a group, appended to `ids`.
    fn group(&self, group: u128, ids: &mut Vec<Id>) -> Result<(), StoreError>;

    /// Copies a record into `record`, which is emptied first; `None` when it is gone.
    fn read(&self, id: Id, record: &mut Vec<u8>) -> Result<Option<Entry>, StoreError>;

    /// Puts another record in the place of the one that [`Store::read`] gave with `version`. `false`: somebody else did
    /// so meanwhile; read again.
    fn replace(&self, id: Id, version: u64, record: &[u8]) -> Result<bool, StoreError>;

    /// Drops a record and its cell. `true` for the one caller that did it.
    fn remove(&self, id: Id) -> Result<bool, StoreError>;

    /// The same where nobody has replaced the record since it was read with this `version`. `false`: somebody has, or it
    /// is gone.
    fn remove_version(&self, id: Id, version: u64) -> Result<bool, StoreError>;

    /// One word of the cell; `None` when the record is gone. Takes no lock.
    ///
    /// All callers see the changes of all words in one order. So of two that each change a word and then read the one
    /// that the other changes, one at least sees what the other did.
    fn word(&self, id: Id, word: usize) -> Result<Option<u64>, StoreError>;

    /// Changes one word from `current` to `new`. `false`: it was not `current`. Takes no lock.
    fn compare_exchange(&self, id: Id, word: usize, current: u64, new: u64) -> Result<bool, StoreError>;

    /// One bounded step over all records: gives up to `limit` ids to `visit`, beginning at `cursor` (0: the start), and
    /// returns where to go on, 0 at the end. What is inserted or removed between steps may be seen or not.
    fn scan(&self, cursor: u64, limit: usize, visit: &mut dyn FnMut(Id)) -> Result<u64, StoreError>;

    /// How full the store is.
    fn usage(&self) -> Usage;
}

/// A store whose engine is chosen at run time.
impl<S: Store + ?Sized> Store for Box<S> {
    fn secret(&self) -> [u8; 16] {
        (**self).secret()
    }

    fn insert(&self, key: Key, record: &[u8], words: &[u64; WORDS]) -> Result<Insert, StoreError> {
        (**self).insert(key, record, words)
    }

    fn find(&self, key: Key) -> Result<Option<Id>, StoreError> {
        (**self).find(key)
    }

    fn group(&self, group: u128, ids: &mut Vec<Id>) -> Result<(), StoreError> {
        (**self).group(group, ids)
    }

    fn read(&self, id: Id, record: &mut Vec<u8>) -> Result<Option<Entry>, StoreError> {
        (**self).read(id, record)
    }

    fn replace(&self, id: Id, version: u64, record: &[u8]) -> Result<bool, StoreError> {
        (**self).replace(id, version, record)
    }

    fn remove(&self, id: Id) -> Result<bool, StoreError> {
        (**self).remove(id)
    }

    fn remove_version(&self, id: Id, version: u64) -> Result<bool, StoreError> {
        (**self).remove_version(id, version)
    }

    fn word(&self, id: Id, word: usize) -> Result<Option<u64>, StoreError> {
        (**self).word(id, word)
    }

    fn compare_exchange(&self, id: Id, word: usize, current: u64, new: u64) -> Result<bool, StoreError> {
        (**self).compare_exchange(id, word, current, new)
    }

    fn scan(&self, cursor: u64, limit: usize, visit: &mut dyn FnMut(Id)) -> Result<u64, StoreError> {
        (**self).scan(cursor, limit, visit)
    }

    fn usage(&self) -> Usage {
        (**self).usage()
    }
}
