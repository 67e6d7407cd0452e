// SPDX-License-Identifier: MIT OR Apache-2.0
//! The engine for a proxy of forked processes: one file of fixed size, mapped before the fork and inherited by all.
//!
//! Promise: what a call acknowledged survives the death of any or all processes at any instant. A power cut may lose
//! the last seconds; each record is checked at the next start and no whole one is dropped. Truncating or replacing the
//! file under a running proxy is outside the promise.
//!
//! Fork: open the store once, before the fork; every child then uses the inherited one. A store cannot be opened twice.
//! Threads: any.

mod cell;
mod file;
mod head;
mod header;
#[cfg(feature = "kill-points")]
pub mod kill_points;
mod layout;
mod map;
mod page;
mod repair;
mod stripe;

use core::fmt;
use core::sync::atomic::Ordering;
use core::time::Duration;
use std::fs::File;
use std::path::Path;

use self::cell::Use;
use self::layout::{CAPACITY, CELLS, Number};
use self::map::{Mapping, Taken};
use self::page::For;
use self::stripe::{Counter, Damaged, Locked, Maps, cell_in_stripe, generation_of, stripe_of};
use super::{Entry, Id, Insert, Key, MAX_RECORD, Store, StoreError, Usage, WORDS};

/// How serious a line for the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something was lost or damaged.
    Error,
    /// Something is not as configured.
    Warning,
}

/// Where the store is and how it behaves.
#[derive(Clone, Copy)]
pub struct SharedConfig<'a> {
    /// Its directory. The last component is made when it is missing (0700); files in it are 0600.
    pub directory: &'a Path,
    /// Bytes of the file, at most; a file that is there keeps its size.
    pub size: u64,
    /// How long a call waits for a lock, at most.
    pub lock_timeout: Duration,
    /// User and group that get what is made, where the proxy changes to them later.
    pub owner: Option<(u32, u32)>,
    /// Gets lines about what was found at the start.
    pub log: &'a dyn Fn(Level, &str),
}

impl fmt::Debug for SharedConfig<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedConfig").field("directory", &self.directory).field("size", &self.size).finish()
    }
}

/// Records in a file that is mapped by all processes of a proxy.
#[derive(Debug)]
pub struct SharedStore {
    maps: Maps,
    stripes: u32,
    secret: [u8; 16],
    lock_timeout: Duration,
    /// Held open: it is locked against other proxies as long as any process has it.
    _lock: File,
}

/// Cells that one step of a scan looks at, at most.
const SCAN_STEP: u64 = 65_536;

impl SharedStore {
    /// Opens the store of a directory, making and repairing what is needed. Call it before the fork.
    pub fn open(config: &SharedConfig<'_>) -> Result<Self, StoreError> {
        let opened = file::open(config)?;
        let stripes = opened.header.stripes;
        let cannot_map = |error: std::io::Error| {
            StoreError::Io(format!("store {}: cannot be mapped: {error}", config.directory.display()))
        };
        let file = Mapping::of_file(&opened.file, layout::file_size(stripes) as usize).map_err(cannot_map)?;
        let index = Mapping::anonymous(layout::lock(stripes as usize)).map_err(cannot_map)?;
        let maps = Maps { file, index };
        if let Some(counter) = maps.counter(Counter::Damaged) {
            counter.store(opened.damaged, Ordering::Relaxed);
        }
        let mut dropped = 0;
        for stripe in 0..stripes as usize {
            maps.index.make_lock(layout::lock(stripe)).map_err(cannot_map)?;
            dropped += repair::repair(&maps, stripe, stripes);
        }
        let store =
            Self { maps, stripes, secret: opened.header.secret, lock_timeout: config.lock_timeout, _lock: opened.lock };
        let mended = store.usage().damaged - opened.damaged - dropped;
        for (count, one, more) in [
            (dropped, "damaged record was dropped", "damaged records were dropped"),
            (mended, "damaged word was mended", "damaged words were mended"),
        ] {
            if count > 0 {
                let what = if count == 1 { one } else { more };
                (config.log)(Level::Error, &format!("store {}: {count} {what}", config.directory.display()));
            }
        }
        Ok(store)
    }

    fn stripe_of_group(&self, group: u128) -> usize {
        (group % u128::from(self.stripes)) as usize
    }

    /// Takes the lock of a stripe, repairing it first where its last owner died.
    fn lock(&self, stripe: usize) -> Result<Locked<'_>, StoreError> {
        let lock = layout::lock(stripe);
        match self.maps.index.lock(lock, self.lock_timeout) {
            Ok(Taken::Sound) => Ok(Locked::holding(&self.maps, stripe)),
            Ok(Taken::OwnerDied) => {
                repair::repair(&self.maps, stripe, self.stripes);
                self.maps.index.mark_sound(lock);
                self.maps.count(Counter::Repairs);
                Ok(Locked::holding(&self.maps, stripe))
            }
            Ok(Taken::TimedOut) => {
                self.maps.count(Counter::LockTimeouts);
                Err(StoreError::Busy)
            }
            Err(error) => Err(StoreError::Io(format!("store: a lock cannot be taken: {error}"))),
        }
    }

    /// Looks into a stripe, repairing it first where it turns out to be damaged.
    fn look<T>(
        &self,
        locked: &Locked<'_>,
        mut at: impl FnMut(&Locked<'_>) -> Result<T, Damaged>,
    ) -> Result<T, StoreError> {
        at(locked).or_else(|Damaged| {
            // Whoever was led here has missed something, also where the file does not show it.
            if repair::repair(&self.maps, locked.stripe, self.stripes) == 0 {
                self.maps.count(Counter::Damaged);
            }
            at(locked).map_err(|Damaged| StoreError::Io("store: its file is being damaged all the time".to_owned()))
        })
    }

    /// Removes a record, of any version or of one. Whether it was there.
    fn remove_any(&self, id: Id, version: Option<u64>) -> Result<bool, StoreError> {
        if !self.is_live(id) {
            return Ok(false);
        }
        let locked = self.lock(stripe_of(id))?;
        match self.look(&locked, |locked| locked.holder(id))? {
            Some((slot, head)) if version.is_none_or(|version| version == u64::from(head.version)) => {
                locked.remove(slot, head);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn fits(&self, record: &[u8]) -> Result<(), StoreError> {
        if record.len() > MAX_RECORD {
            self.maps.count(Counter::RefusedLarge);
            return Err(StoreError::TooLarge);
        }
        Ok(())
    }

    fn count_full<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if matches!(result, Err(StoreError::Full)) {
            self.maps.count(Counter::RefusedFull);
        }
        result
    }

    /// Whether the cell of an id is still that of its record.
    fn is_live(&self, id: Id) -> bool {
        let found = if stripe_of(id) < self.stripes as usize { self.cell_use(id.0 as u32) } else { None };
        found.is_some_and(|found| found.live && found.generation == generation_of(id))
    }

    /// What a cell is used for. A use that is damaged, or wiped out, would hide a whole record: it is mended first.
    fn cell_use(&self, index: u32) -> Option<Use> {
        let (stripe, cell) = (index as usize / CELLS, index as usize % CELLS);
        let stored = self.maps.cell_use(stripe, cell)?;
        let decoded = || {
            let found = Use::decode(stored.load(Ordering::Acquire), index)?;
            // Each step under the lock keeps to this: a cell is live as long as a slot is known to hold its record.
            (found.live || self.maps.get(stripe, Number::SlotOf(cell)) == 0).then_some(found)
        };
        decoded().or_else(|| {
            let _locked = self.lock(stripe).ok()?;
            decoded().or_else(|| {
                repair::repair(&self.maps, stripe, self.stripes);
                decoded()
            })
        })
    }

    /// One word, mended when it is damaged.
    fn load(&self, id: Id, word: usize) -> Option<u64> {
        let (index, generation) = (id.0 as u32, generation_of(id));
        let stored = self.maps.cell_word(stripe_of(id), cell_in_stripe(id), word)?;
        for _ in 0..2 {
            let found = stored.load(Ordering::SeqCst);
            if let Some(value) = cell::decode(found, index, generation, word) {
                return Some(value);
            }
            // Killed by a removal, or damaged: only the use of the cell can tell.
            if !self.is_live(id) {
                return None;
            }
            repair::mend_word(&self.maps, stored, found, cell::encode(0, index, generation, word));
        }
        None
    }
}

impl Store for SharedStore {
    fn secret(&self) -> [u8; 16] {
        self.secret
    }

    fn insert(&self, key: Key, record: &[u8], words: &[u64; WORDS]) -> Result<Insert, StoreError> {
        self.fits(record)?;
        let locked = self.lock(self.stripe_of_group(key.group))?;
        let known = self.look(&locked, |locked| match locked.find(key)? {
            None => locked.make_room(record.len(), For::New).map(|()| None),
            known => Ok(known),
        })?;
        if let Some(id) = known {
            return Ok(Insert::Exists(id));
        }
        self.count_full(locked.insert(key, record, words)).map(Insert::New)
    }

    fn find(&self, key: Key) -> Result<Option<Id>, StoreError> {
        self.look(&self.lock(self.stripe_of_group(key.group))?, |locked| locked.find(key))
    }

    fn group(&self, group: u128, ids: &mut Vec<Id>) -> Result<(), StoreError> {
        let before = ids.len();
        self.look(&self.lock(self.stripe_of_group(group))?, |locked| {
            ids.truncate(before);
            locked.group(group, ids)
        })
    }

    fn read(&self, id: Id, record: &mut Vec<u8>) -> Result<Option<Entry>, StoreError> {
        let stripe = stripe_of(id);
        for _ in 0..2 {
            record.clear();
            if !self.is_live(id) {
                return Ok(None);
            }
            let locked = self.lock(stripe)?;
            let Some((slot, head)) = self.look(&locked, |locked| locked.holder(id))? else {
                return Ok(None);
            };
            self.maps.copy_record(stripe, slot, &head, record);
            drop(locked);
            if !head.fits(record) {
                // It is gone for everybody, and counted once. Who replaced it meanwhile has made it whole.
                let _locked = self.lock(stripe)?;
                repair::repair(&self.maps, stripe, self.stripes);
                continue;
            }
            let mut words = [0; WORDS];
            for (word, value) in words.iter_mut().enumerate() {
                match self.load(id, word) {
                    Some(found) => *value = found,
                    None => return Ok(None),
                }
            }
            return Ok(Some(Entry { key: head.key, version: u64::from(head.version), words }));
        }
        Ok(None)
    }

    fn replace(&self, id: Id, version: u64, record: &[u8]) -> Result<bool, StoreError> {
        self.fits(record)?;
        if !self.is_live(id) {
            return Err(StoreError::NotFound);
        }
        let stripe = stripe_of(id);
        let locked = self.lock(stripe)?;
        let old = self.look(&locked, |locked| {
            if let Some((slot, _)) = locked.holder(id)? {
                locked.make_room(record.len(), For::Version(self.maps.class_of(stripe, slot)))?;
            }
            // It may have been moved.
            locked.holder(id)
        })?;
        let Some((slot, head)) = old else {
            return Err(StoreError::NotFound);
        };
        if u64::from(head.version) != version {
            return Ok(false);
        }
        self.count_full(locked.replace(slot, head, record)).map(|()| true)
    }

    fn remove(&self, id: Id) -> Result<bool, StoreError> {
        self.remove_any(id, None)
    }

    fn remove_version(&self, id: Id, version: u64) -> Result<bool, StoreError> {
        self.remove_any(id, Some(version))
    }

    fn word(&self, id: Id, word: usize) -> Result<Option<u64>, StoreError> {
        if !self.is_live(id) {
            return Ok(None);
        }
        Ok(self.load(id, word))
    }

    fn compare_exchange(&self, id: Id, word: usize, current: u64, new: u64) -> Result<bool, StoreError> {
        if self.word(id, word)?.ok_or(StoreError::NotFound)? != current {
            return Ok(false);
        }
        let (index, generation) = (id.0 as u32, generation_of(id));
        let stored = self.maps.cell_word(stripe_of(id), cell_in_stripe(id), word).ok_or(StoreError::NotFound)?;
        // The check bits hold the generation: a cell that was given out anew meanwhile differs in them.
        let (current, new) =
            (cell::encode(current, index, generation, word), cell::encode(new, index, generation, word));
        if stored.compare_exchange(current, new, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            return Ok(true);
        }
        if self.is_live(id) { Ok(false) } else { Err(StoreError::NotFound) }
    }

    fn scan(&self, cursor: u64, limit: usize, visit: &mut dyn FnMut(Id)) -> Result<u64, StoreError> {
        let cells = u64::from(self.stripes) * CELLS as u64;
        let end = cursor.saturating_add(SCAN_STEP).min(cells);
        let mut left = limit.max(1);
        for index in cursor..end {
            if let Some(Use { generation, live: true, .. }) = self.cell_use(index as u32) {
                visit(Id(u64::from(generation) << 32 | index));
                left -= 1;
                if left == 0 {
                    return Ok(if index + 1 < cells { index + 1 } else { 0 });
                }
            }
        }
        Ok(if end < cells { end } else { 0 })
    }

    fn usage(&self) -> Usage {
        let counter = |counter| self.maps.counter(counter).map_or(0, |c| c.load(Ordering::Relaxed));
        let stripes = 0..self.stripes as usize;
        Usage {
            records: stripes.map(|stripe| u64::from(self.maps.get(stripe, Number::Records))).sum(),
            capacity: u64::from(self.stripes) * CAPACITY as u64,
            damaged: counter(Counter::Damaged),
            repairs: counter(Counter::Repairs),
            lock_timeouts: counter(Counter::LockTimeouts),
            refused_full: counter(Counter::RefusedFull),
            refused_large: counter(Counter::RefusedLarge),
        }
    }
}
