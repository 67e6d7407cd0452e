// SPDX-License-Identifier: MIT OR Apache-2.0
//! The engine for one process: threaded proxies, tests, captures. It keeps nothing over a restart, and a fork gives
//! each process a copy of its own.

use core::hash::{BuildHasherDefault, Hasher};
use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use rand::TryRng;
use rand::rngs::SysRng;

use super::{Entry, Id, Insert, Key, MAX_RECORD, Store, StoreError, Usage, WORDS};

/// Records in the memory of this process.
#[derive(Debug)]
pub struct MemoryStore {
    secret: [u8; 16],
    capacity: usize,
    tables: RwLock<Tables>,
    refused_full: AtomicU64,
    refused_large: AtomicU64,
}

#[derive(Debug, Default)]
struct Tables {
    slots: Vec<Slot>,
    free: Vec<u32>,
    members: HashMap<u128, Id, BuildHasherDefault<Digest>>,
    groups: HashMap<u128, Vec<Id>, BuildHasherDefault<Digest>>,
}

/// Keys are keyed digests already: a table need not digest them again.
#[derive(Clone, Copy, Debug, Default)]
struct Digest(u64);

impl Hasher for Digest {
    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64 ^ (key >> 64) as u64;
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    kept: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
    key: Key,
    version: u64,
    record: Arc<[u8]>,
    cell: Arc<[AtomicU64; WORDS]>,
}

impl Tables {
    fn kept(&self, id: Id) -> Option<&Kept> {
        let slot = self.slots.get(id.0 as u32 as usize)?;
        slot.kept.as_ref().filter(|_| u64::from(slot.generation) == id.0 >> 32)
    }

    /// Drops a record, where a version is given only that one.
    fn remove(&mut self, id: Id, version: Option<u64>) -> bool {
        let known = self.kept(id).map(|kept| kept.version);
        if known.is_none() || version.is_some_and(|version| known != Some(version)) {
            return false;
        }
        let index = id.0 as u32;
        let Some(kept) = self.slots[index as usize].kept.take() else {
            return false;
        };
        self.free.push(index);
        self.members.remove(&kept.key.member);
        if let Some(members) = self.groups.get_mut(&kept.key.group) {
            members.retain(|member| *member != id);
            if members.is_empty() {
                self.groups.remove(&kept.key.group);
            }
        }
        true
    }
}

impl MemoryStore {
    /// A store for up to `capacity` records.
    pub fn new(capacity: usize) -> Result<Self, StoreError> {
        let mut secret = [0; 16];
        SysRng.try_fill_bytes(&mut secret).map_err(|error| StoreError::Io(format!("no random numbers: {error}")))?;
        Ok(Self {
            secret,
            capacity,
            tables: RwLock::default(),
            refused_full: AtomicU64::new(0),
            refused_large: AtomicU64::new(0),
        })
    }

    fn fits(&self, record: &[u8]) -> Result<(), StoreError> {
        if record.len() > MAX_RECORD {
            self.refused_large.fetch_add(1, Ordering::Relaxed);
            return Err(StoreError::TooLarge);
        }
        Ok(())
    }
}

impl Store for MemoryStore {
    fn secret(&self) -> [u8; 16] {
        self.secret
    }

    fn insert(&self, key: Key, record: &[u8], words: &[u64; WORDS]) -> Result<Insert, StoreError> {
        self.fits(record)?;
        let tables = &mut *self.tables.write();
        if let Some(id) = tables.members.get(&key.member) {
            return Ok(Insert::Exists(*id));
        }
        if tables.members.len() >= self.capacity {
            self.refused_full.fetch_add(1, Ordering::Relaxed);
            return Err(StoreError::Full);
        }
        let index = match tables.free.pop() {
            Some(index) => index,
            None => {
                let index = u32::try_from(tables.slots.len()).map_err(|_| StoreError::Full)?;
                tables.slots.push(Slot { generation: 0, kept: None });
                index
            }
        };
        let slot = &mut tables.slots[index as usize];
        slot.generation = slot.generation.wrapping_add(1).max(1);
        let id = Id(u64::from(slot.generation) << 32 | u64::from(index));
        let cell = Arc::new(words.map(AtomicU64::new));
        slot.kept = Some(Kept { key, version: 1, record: record.into(), cell });
        tables.members.insert(key.member, id);
        tables.groups.entry(key.group).or_default().push(id);
        Ok(Insert::New(id))
    }

    fn find(&self, key: Key) -> Result<Option<Id>, StoreError> {
        Ok(self.tables.read().members.get(&key.member).copied())
    }

    fn group(&self, group: u128, ids: &mut Vec<Id>) -> Result<(), StoreError> {
        if let Some(members) = self.tables.read().groups.get(&group) {
            ids.extend_from_slice(members);
        }
        Ok(())
    }

    fn read(&self, id: Id, record: &mut Vec<u8>) -> Result<Option<Entry>, StoreError> {
        record.clear();
        let tables = self.tables.read();
        let Some(kept) = tables.kept(id) else {
            return Ok(None);
        };
        record.extend_from_slice(&kept.record);
        let words = core::array::from_fn(|word| kept.cell[word].load(Ordering::SeqCst));
        Ok(Some(Entry { key: kept.key, version: kept.version, words }))
    }

    fn replace(&self, id: Id, version: u64, record: &[u8]) -> Result<bool, StoreError> {
        self.fits(record)?;
        let tables = &mut *self.tables.write();
        if tables.kept(id).ok_or(StoreError::NotFound)?.version != version {
            return Ok(false);
        }
        if let Some(kept) = &mut tables.slots[id.0 as u32 as usize].kept {
            kept.version += 1;
            kept.record = record.into();
        }
        Ok(true)
    }

    fn remove(&self, id: Id) -> Result<bool, StoreError> {
        Ok(self.tables.write().remove(id, None))
    }

    fn remove_version(&self, id: Id, version: u64) -> Result<bool, StoreError> {
        Ok(self.tables.write().remove(id, Some(version)))
    }

    fn word(&self, id: Id, word: usize) -> Result<Option<u64>, StoreError> {
        Ok(self.tables.read().kept(id).map(|kept| kept.cell[word].load(Ordering::SeqCst)))
    }

    fn compare_exchange(&self, id: Id, word: usize, current: u64, new: u64) -> Result<bool, StoreError> {
        let tables = self.tables.read();
        let cell = &tables.kept(id).ok_or(StoreError::NotFound)?.cell;
        Ok(cell[word].compare_exchange(current, new, Ordering::SeqCst, Ordering::SeqCst).is_ok())
    }

    fn scan(&self, cursor: u64, limit: usize, visit: &mut dyn FnMut(Id)) -> Result<u64, StoreError> {
        let mut ids = Vec::new();
        let next = {
            let tables = self.tables.read();
            let start = usize::try_from(cursor).unwrap_or(usize::MAX).min(tables.slots.len());
            let end = start.saturating_add(limit.max(1)).min(tables.slots.len());
            for (index, slot) in (start..).zip(&tables.slots[start..end]) {
                if slot.kept.is_some() {
                    ids.push(Id(u64::from(slot.generation) << 32 | index as u64));
                }
            }
            if end == tables.slots.len() { 0 } else { end as u64 }
        };
        // Outside the lock: `visit` may call the store.
        ids.into_iter().for_each(visit);
        Ok(next)
    }

    fn usage(&self) -> Usage {
        Usage {
            records: self.tables.read().members.len() as u64,
            capacity: self.capacity as u64,
            refused_full: self.refused_full.load(Ordering::Relaxed),
            refused_large: self.refused_large.load(Ordering::Relaxed),
            ..Usage::default()
        }
    }
}
