// SPDX-License-Identifier: MIT OR Apache-2.0
//! One stripe under its lock: slots, cells, chains and free lists.
//!
//! A record is never changed in place. A new version is written into a free slot whose seal is 0 and becomes valid by
//! one store of its seal; only then the old one's seal goes to 0. Whoever dies in between leaves two valid versions, of
//! which the higher seal wins, or one.

use core::sync::atomic::Ordering;

use super::super::{Entry, Id, Key, StoreError, WORDS};
use super::cell::{self, Use};
use super::layout::{self, CHAINS, CLASSES, Number, SLOT_HEAD, SLOTS};
use super::map::{Half, Mapping, Word};

/// Both mappings.
#[derive(Debug)]
pub(super) struct Maps {
    pub file: Mapping,
    pub index: Mapping,
}

/// A counter before the first stripe's index.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counter {
    Damaged,
    Repairs,
    LockTimeouts,
    RefusedFull,
    RefusedLarge,
}

/// What stands before a record in its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotHead {
    /// 0: no record. Else the version, published last.
    pub seal: u64,
    pub id: Id,
    pub key: Key,
    pub length: u32,
    pub checksum: u32,
}

impl SlotHead {
    fn encode(&self) -> [u8; SLOT_HEAD] {
        let mut bytes = [0; SLOT_HEAD];
        bytes[..8].copy_from_slice(&self.seal.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.id.0.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.key.group.to_le_bytes());
        bytes[32..48].copy_from_slice(&self.key.member.to_le_bytes());
        bytes[48..52].copy_from_slice(&self.length.to_le_bytes());
        bytes[52..56].copy_from_slice(&self.checksum.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; SLOT_HEAD] = bytes.get(..SLOT_HEAD)?.try_into().ok()?;
        let at = |start: usize| u64::from_le_bytes(core::array::from_fn(|i| bytes[start + i]));
        let wide = |start: usize| u128::from(at(start)) | u128::from(at(start + 8)) << 64;
        Some(Self {
            seal: at(0),
            id: Id(at(8)),
            key: Key { group: wide(16), member: wide(32) },
            length: at(48) as u32,
            checksum: (at(48) >> 32) as u32,
        })
    }

    /// The checksum of this head with this record.
    fn checksum_of(&self, record: &[u8]) -> u32 {
        let mut digest = crc32fast::Hasher::new();
        digest.update(&self.encode()[..SLOT_HEAD - 4]);
        digest.update(record);
        digest.finalize()
    }

    /// Whether the record is the one this head was written with.
    pub(super) fn fits(&self, record: &[u8]) -> bool {
        self.seal != 0 && self.length as usize == record.len() && self.checksum == self.checksum_of(record)
    }
}

impl Maps {
    pub(super) fn counter(&self, counter: Counter) -> Option<&Word> {
        self.index.word(8 * counter as usize)
    }

    pub(super) fn count(&self, counter: Counter) {
        if let Some(counter) = self.counter(counter) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn number(&self, stripe: usize, number: Number) -> Option<&Half> {
        self.index.half(layout::number(stripe, number))
    }

    pub(super) fn get(&self, stripe: usize, number: Number) -> u32 {
        self.number(stripe, number).map_or(0, |n| n.load(Ordering::Relaxed))
    }

    pub(super) fn set(&self, stripe: usize, number: Number, value: u32) {
        if let Some(number) = self.number(stripe, number) {
            number.store(value, Ordering::Relaxed);
        }
    }

    /// The seal of a slot.
    pub(super) fn seal(&self, stripe: usize, slot: usize) -> Option<&Word> {
        self.file.word(layout::slot(stripe, slot))
    }

    pub(super) fn head(&self, stripe: usize, slot: usize) -> Option<SlotHead> {
        let mut bytes = Vec::with_capacity(SLOT_HEAD);
        self.file.copy_out(layout::slot(stripe, slot), SLOT_HEAD, &mut bytes);
        SlotHead::decode(&bytes)
    }

    /// Appends a copy of the record that the head tells of; `false` when its length cannot be true.
    pub(super) fn copy_record(&self, stripe: usize, slot: usize, head: &SlotHead, record: &mut Vec<u8>) -> bool {
        let length = head.length as usize;
        length <= CLASSES[layout::class_of(slot)].room
            && self.file.copy_out(layout::slot(stripe, slot) + SLOT_HEAD, length, record)
    }

    /// Cell `index` of the whole store: its use, and where its words are.
    pub(super) fn cell_use(&self, stripe: usize, cell: usize) -> Option<&Word> {
        self.file.word(layout::cell(stripe, cell))
    }

    pub(super) fn cell_word(&self, stripe: usize, cell: usize, word: usize) -> Option<&Word> {
        self.file.word(layout::cell(stripe, cell) + 8 * (1 + word))
    }
}

/// A stripe whose lock this process holds. Drop gives it back.
pub(super) struct Locked<'s> {
    maps: &'s Maps,
    stripe: usize,
}

impl<'s> Locked<'s> {
    /// The caller holds the lock.
    pub(super) fn holding(maps: &'s Maps, stripe: usize) -> Self {
        Self { maps, stripe }
    }

    fn get(&self, number: Number) -> usize {
        self.maps.get(self.stripe, number) as usize
    }

    fn set(&self, number: Number, value: usize) {
        self.maps.set(self.stripe, number, value as u32);
    }

    fn chain_of(key: Key) -> Number {
        Number::Chain((key.group >> 64) as usize % CHAINS)
    }

    /// The slots of a chain, at most as many as there are.
    fn chain(&self, key: Key) -> impl Iterator<Item = usize> + use<'_> {
        let mut next = self.get(Self::chain_of(key));
        (0..SLOTS).map_while(move |_| {
            let slot = next.checked_sub(1).filter(|slot| *slot < SLOTS)?;
            next = self.get(Number::Next(slot));
            Some(slot)
        })
    }

    /// The heads of a chain. An id that is damaged could be that of another record: the index knows whose the slot is.
    fn heads(&self, key: Key) -> impl Iterator<Item = SlotHead> + use<'_> {
        self.chain(key).filter_map(|slot| {
            let head = self.maps.head(self.stripe, slot)?;
            let own = stripe_of(head.id) == self.stripe && self.slot_of(cell_in_stripe(head.id)) == Some(slot);
            (own && head.seal != 0).then_some(head)
        })
    }

    /// The id of the record with this key.
    pub(super) fn find(&self, key: Key) -> Option<Id> {
        self.heads(key).find(|head| head.key == key).map(|head| head.id)
    }

    /// The ids of a group.
    pub(super) fn group(&self, group: u128, ids: &mut Vec<Id>) {
        let heads = self.heads(Key { group, member: 0 });
        ids.extend(heads.filter(|head| head.key.group == group).map(|head| head.id));
    }

    /// The slot that holds the record of a cell.
    pub(super) fn slot_of(&self, cell: usize) -> Option<usize> {
        self.get(Number::SlotOf(cell)).checked_sub(1).filter(|slot| *slot < SLOTS)
    }

    /// Takes a free slot with room for `length` bytes, leaving `keep` of its class.
    fn take_slot(&self, length: usize, keep: usize) -> Option<usize> {
        for (index, class) in CLASSES.iter().enumerate() {
            let free = self.get(Number::FreeCount(index));
            if class.room < length || free <= keep {
                continue;
            }
            let Some(slot) = self.get(Number::FreeSlots(index)).checked_sub(1).filter(|slot| *slot < SLOTS) else {
                continue;
            };
            self.set(Number::FreeSlots(index), self.get(Number::Next(slot)));
            self.set(Number::FreeCount(index), free - 1);
            return Some(slot);
        }
        None
    }

    /// Puts a slot, whose seal is 0, on its free list.
    pub(super) fn free_slot(&self, slot: usize) {
        let class = layout::class_of(slot);
        self.set(Number::Next(slot), self.get(Number::FreeSlots(class)));
        self.set(Number::FreeSlots(class), slot + 1);
        self.set(Number::FreeCount(class), self.get(Number::FreeCount(class)) + 1);
    }

    pub(super) fn free_cell(&self, cell: usize) {
        self.set(Number::NextCell(cell), self.get(Number::FreeCells));
        self.set(Number::FreeCells, cell + 1);
    }

    /// Puts a slot at the head of its chain and makes it the one of its cell.
    pub(super) fn link(&self, slot: usize, key: Key, cell: usize) {
        let chain = Self::chain_of(key);
        self.set(Number::Next(slot), self.get(chain));
        self.set(chain, slot + 1);
        self.set(Number::SlotOf(cell), slot + 1);
    }

    fn unlink(&self, slot: usize, key: Key) {
        let behind = self.get(Number::Next(slot));
        let mut at = Self::chain_of(key);
        for _ in 0..=SLOTS {
            match self.get(at) {
                0 => return,
                next if next == slot + 1 => return self.set(at, behind),
                next => at = Number::Next(next - 1),
            }
        }
    }

    /// Writes a version into a free slot and publishes it.
    fn publish(&self, slot: usize, mut head: SlotHead, record: &[u8]) -> Result<(), StoreError> {
        head.length = record.len() as u32;
        head.checksum = head.checksum_of(record);
        let at = layout::slot(self.stripe, slot);
        let seal = self.maps.seal(self.stripe, slot).ok_or(StoreError::Full)?;
        // All but the seal, which is 0 in every free slot.
        let written =
            self.maps.file.copy_in(at + 8, &head.encode()[8..]) && self.maps.file.copy_in(at + SLOT_HEAD, record);
        if !written {
            return Err(StoreError::TooLarge);
        }
        seal.store(head.seal, Ordering::Release);
        Ok(())
    }

    /// Keeps a new record.
    pub(super) fn insert(&self, key: Key, record: &[u8], words: &[u64; WORDS]) -> Result<Id, StoreError> {
        let cell = self.get(Number::FreeCells).checked_sub(1).filter(|cell| *cell < SLOTS).ok_or(StoreError::Full)?;
        let slot = self.take_slot(record.len(), 1).ok_or(StoreError::Full)?;
        self.set(Number::FreeCells, self.get(Number::NextCell(cell)));

        let index = (self.stripe * SLOTS + cell) as u32;
        let cell_use = self.maps.cell_use(self.stripe, cell).ok_or(StoreError::Full)?;
        let before = Use::decode(cell_use.load(Ordering::Relaxed), index).map_or(0, |u| u.generation);
        let generation = before.wrapping_add(1).max(1);
        for (word, value) in words.iter().enumerate() {
            if let Some(stored) = self.maps.cell_word(self.stripe, cell, word) {
                stored.store(cell::encode(*value, index, generation, word), Ordering::Relaxed);
            }
        }
        cell_use.store(Use { generation, live: true }.encode(index), Ordering::Release);

        let id = Id(u64::from(generation) << 32 | u64::from(index));
        self.publish(slot, SlotHead { seal: 1, id, key, length: 0, checksum: 0 }, record)?;
        self.link(slot, key, cell);
        self.set(Number::Records, self.get(Number::Records) + 1);
        Ok(id)
    }

    /// Copies the record of a cell. The copy is not verified yet.
    pub(super) fn read(&self, id: Id, record: &mut Vec<u8>) -> Option<SlotHead> {
        let slot = self.slot_of(cell_in_stripe(id))?;
        let head = self.maps.head(self.stripe, slot).filter(|head| head.seal != 0 && head.id == id)?;
        // A length that cannot be true leaves an empty copy, which fits no checksum.
        self.maps.copy_record(self.stripe, slot, &head, record);
        Some(head)
    }

    /// Puts another version in the place of `version`; `None` when there is no such record.
    pub(super) fn replace(&self, id: Id, version: u64, record: &[u8]) -> Result<Option<bool>, StoreError> {
        let cell = cell_in_stripe(id);
        let old = self.slot_of(cell);
        let head = old.and_then(|slot| self.maps.head(self.stripe, slot)).filter(|h| h.seal != 0 && h.id == id);
        let (Some(old), Some(head)) = (old, head) else {
            return Ok(None);
        };
        if head.seal != version {
            return Ok(Some(false));
        }
        let new = self.take_slot(record.len(), 0).ok_or(StoreError::Full)?;
        #[cfg(feature = "kill-points")]
        if super::kill_points::BROKEN_ORDER.load(Ordering::Relaxed) {
            if let Some(seal) = self.maps.seal(self.stripe, old) {
                seal.store(0, Ordering::Release);
            }
        }
        self.publish(new, SlotHead { seal: version + 1, ..head }, record)?;
        self.unlink(old, head.key);
        self.link(new, head.key, cell);
        self.invalidate(old);
        Ok(Some(true))
    }

    /// Takes a slot's record away and frees it.
    fn invalidate(&self, slot: usize) {
        if let Some(seal) = self.maps.seal(self.stripe, slot) {
            seal.store(0, Ordering::Release);
        }
        self.free_slot(slot);
    }

    /// Drops a record and its cell; `false` when there is none.
    pub(super) fn remove(&self, id: Id, version: Option<u64>) -> bool {
        let cell = cell_in_stripe(id);
        let Some(slot) = self.slot_of(cell) else {
            return false;
        };
        let Some(head) = self.maps.head(self.stripe, slot).filter(|head| head.id == id) else {
            return false;
        };
        if version.is_some_and(|version| head.seal != version) {
            return false;
        }
        self.unlink(slot, head.key);
        self.invalidate(slot);
        self.set(Number::SlotOf(cell), 0);
        self.kill_cell(cell);
        self.free_cell(cell);
        self.set(Number::Records, self.get(Number::Records).saturating_sub(1));
        true
    }

    /// Makes the words of a cell useless to whoever still has its id.
    pub(super) fn kill_cell(&self, cell: usize) {
        let index = (self.stripe * SLOTS + cell) as u32;
        if let Some(cell_use) = self.maps.cell_use(self.stripe, cell) {
            let used = Use::decode(cell_use.load(Ordering::Relaxed), index);
            // A damaged use says nothing of how often the cell was given out: go far beyond any number it can have had.
            let generation = used.map_or(1 << 31, |u| u.generation);
            cell_use.store(Use { generation, live: false }.encode(index), Ordering::Release);
        }
        for word in 0..WORDS {
            if let Some(stored) = self.maps.cell_word(self.stripe, cell, word) {
                stored.store(0, Ordering::Release);
            }
        }
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.maps.index.unlock(layout::lock(self.stripe));
    }
}

/// Which stripe an id belongs to.
pub(super) fn stripe_of(id: Id) -> usize {
    id.0 as u32 as usize / SLOTS
}

/// Its cell within the stripe.
pub(super) fn cell_in_stripe(id: Id) -> usize {
    id.0 as u32 as usize % SLOTS
}

/// How often its cell had been given out.
pub(super) fn generation_of(id: Id) -> u32 {
    (id.0 >> 32) as u32
}

/// An entry with the words given.
pub(super) fn entry(head: &SlotHead, words: [u64; WORDS]) -> Entry {
    Entry { key: head.key, version: head.seal, words }
}
