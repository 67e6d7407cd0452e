// SPDX-License-Identifier: MIT OR Apache-2.0
//! One stripe under its lock: slots, cells, chains and free lists.
//!
//! A record is never changed in place. A new version is written into a free slot whose seal is 0 and becomes valid by
//! one store of its seal; only then the old one's seal goes to 0. Whoever dies in between leaves two valid versions, of
//! which the higher wins, or one.
//!
//! The index is not in the file: where it leads to a record and the slot holds another thing, the slot is damaged.

use core::sync::atomic::Ordering;

use super::super::{Id, Key, StoreError, WORDS};
use super::cell::{self, Use};
use super::head::{Slot, SlotHead};
use super::layout::{self, CELLS, CHAINS, Number, SLOT_HEAD, SLOTS};
use super::map::{Half, Mapping, Word};
use super::page::For;

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
        self.file.word(self.slot_at(stripe, slot)?)
    }

    /// Makes a slot free: what it holds is a record no more.
    pub(super) fn unseal(&self, stripe: usize, slot: usize) {
        if let Some(seal) = self.seal(stripe, slot) {
            seal.store(0, Ordering::Release);
        }
    }

    /// What a slot says that it holds.
    pub(super) fn slot(&self, stripe: usize, slot: usize) -> Slot {
        let at = self.slot_at(stripe, slot);
        let bytes = at.and_then(|at| Some((at, self.file.copy(at)?)));
        bytes.map_or(Slot::Damaged, |(at, bytes)| Slot::decode(&bytes, at))
    }

    /// Appends a copy of the record that the head tells of; `false` when its length cannot be true.
    pub(super) fn copy_record(&self, stripe: usize, slot: usize, head: &SlotHead, record: &mut Vec<u8>) -> bool {
        let (length, class) = (head.length as usize, self.class_of(stripe, slot));
        let Some(at) = self.slot_at(stripe, slot).filter(|_| length <= layout::CLASSES[class].room) else {
            return false;
        };
        self.file.copy_out(at + SLOT_HEAD, length, record)
    }

    /// Cell `index` of the whole store: its use, and where its words are.
    pub(super) fn cell_use(&self, stripe: usize, cell: usize) -> Option<&Word> {
        self.file.word(layout::cell(stripe, cell))
    }

    pub(super) fn cell_word(&self, stripe: usize, cell: usize, word: usize) -> Option<&Word> {
        self.file.word(layout::cell(stripe, cell) + 8 * (1 + word))
    }
}

/// The index leads to a slot that does not hold the record it should: the stripe must be repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damaged;

/// A stripe whose lock this process holds. Drop gives it back.
pub(super) struct Locked<'s> {
    pub(super) maps: &'s Maps,
    pub(super) stripe: usize,
}

impl<'s> Locked<'s> {
    /// The caller holds the lock.
    pub(super) fn holding(maps: &'s Maps, stripe: usize) -> Self {
        Self { maps, stripe }
    }

    pub(super) fn get(&self, number: Number) -> usize {
        self.maps.get(self.stripe, number) as usize
    }

    pub(super) fn set(&self, number: Number, value: usize) {
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

    /// The head of a slot that the index says holds a record.
    fn head(&self, slot: usize) -> Result<SlotHead, Damaged> {
        match self.maps.slot(self.stripe, slot) {
            Slot::Record(head) if self.slot_of(cell_in_stripe(head.id)) == Some(slot) => Ok(head),
            _ => Err(Damaged),
        }
    }

    /// The id of the record with this key.
    pub(super) fn find(&self, key: Key) -> Result<Option<Id>, Damaged> {
        for slot in self.chain(key) {
            let head = self.head(slot)?;
            if head.key == key {
                return Ok(Some(head.id));
            }
        }
        Ok(None)
    }

    /// The ids of a group, appended to `ids`.
    pub(super) fn group(&self, group: u128, ids: &mut Vec<Id>) -> Result<(), Damaged> {
        for slot in self.chain(Key { group, member: 0 }) {
            let head = self.head(slot)?;
            if head.key.group == group {
                ids.push(head.id);
            }
        }
        Ok(())
    }

    /// Where the record of an id is, and its head.
    pub(super) fn holder(&self, id: Id) -> Result<Option<(usize, SlotHead)>, Damaged> {
        let Some(slot) = self.slot_of(cell_in_stripe(id)) else {
            return Ok(None);
        };
        let head = self.head(slot)?;
        Ok((head.id == id).then_some((slot, head)))
    }

    /// The slot that holds the record of a cell.
    pub(super) fn slot_of(&self, cell: usize) -> Option<usize> {
        self.get(Number::SlotOf(cell)).checked_sub(1).filter(|slot| *slot < SLOTS)
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
        if self.write(slot, &head, record) { Ok(()) } else { Err(StoreError::TooLarge) }
    }

    /// The seal is 0 in every free slot, and last of all it makes the record valid.
    fn write(&self, slot: usize, head: &SlotHead, record: &[u8]) -> bool {
        let (Some(at), Some(seal)) = (self.maps.slot_at(self.stripe, slot), self.maps.seal(self.stripe, slot)) else {
            return false;
        };
        let written = self.maps.file.copy_in(at + 8, &head.encode()) && self.maps.file.copy_in(at + SLOT_HEAD, record);
        if written {
            seal.store(head.seal(at), Ordering::Release);
        }
        written
    }

    /// Moves a version to a free slot. Whoever dies in between leaves it twice, and either will do. The old slot goes
    /// into no list.
    pub(super) fn move_record(&self, from: usize, to: usize, head: SlotHead, record: &[u8]) -> bool {
        let written = self.write(to, &head, record);
        if written {
            self.unlink(from, head.key);
            self.link(to, head.key, cell_in_stripe(head.id));
            self.maps.unseal(self.stripe, from);
        }
        written
    }

    /// Keeps a new record.
    pub(super) fn insert(&self, key: Key, record: &[u8], words: &[u64; WORDS]) -> Result<Id, StoreError> {
        let cell = self.get(Number::FreeCells).checked_sub(1).filter(|cell| *cell < CELLS).ok_or(StoreError::Full)?;
        let slot = self.take_slot(record.len(), For::New).ok_or(StoreError::Full)?;
        self.set(Number::FreeCells, self.get(Number::NextCell(cell)));

        let index = (self.stripe * CELLS + cell) as u32;
        let cell_use = self.maps.cell_use(self.stripe, cell).ok_or(StoreError::Full)?;
        let generation = self.generation(cell_use, index).wrapping_add(1).max(1);
        for (word, value) in words.iter().enumerate() {
            if let Some(stored) = self.maps.cell_word(self.stripe, cell, word) {
                stored.store(cell::encode(*value, index, generation, word), Ordering::Relaxed);
            }
        }
        cell_use.store(Use { unsettled: true, ..Use::live(generation) }.encode(index), Ordering::Release);

        let id = Id(u64::from(generation) << 32 | u64::from(index));
        self.publish(slot, SlotHead { version: 1, id, key, length: 0, checksum: 0 }, record)?;
        cell_use.store(Use::live(generation).encode(index), Ordering::Release);
        self.link(slot, key, cell);
        self.set(Number::Records, self.get(Number::Records) + 1);
        Ok(id)
    }

    /// Puts another version in the place of the one in `old`.
    pub(super) fn replace(&self, old: usize, head: SlotHead, record: &[u8]) -> Result<(), StoreError> {
        let wanted = For::Version(self.maps.class_of(self.stripe, old));
        let new = self.take_slot(record.len(), wanted).ok_or(StoreError::Full)?;
        #[cfg(feature = "kill-points")]
        if super::kill_points::BROKEN_ORDER.load(Ordering::Relaxed) {
            self.maps.unseal(self.stripe, old);
        }
        self.publish(new, SlotHead { version: head.version.wrapping_add(1).max(1), ..head }, record)?;
        self.unlink(old, head.key);
        self.link(new, head.key, cell_in_stripe(head.id));
        self.invalidate(old);
        Ok(())
    }

    /// Takes a slot's record away and frees it.
    fn invalidate(&self, slot: usize) {
        self.maps.unseal(self.stripe, slot);
        self.free_slot(slot);
    }

    /// Drops the record in a slot, and its cell.
    pub(super) fn remove(&self, slot: usize, head: SlotHead) {
        let cell = cell_in_stripe(head.id);
        if let Some(cell_use) = self.maps.cell_use(self.stripe, cell) {
            let leaving = Use { unsettled: true, ..Use::live(generation_of(head.id)) };
            cell_use.store(leaving.encode(head.id.0 as u32), Ordering::Release);
        }
        self.unlink(slot, head.key);
        self.invalidate(slot);
        self.set(Number::SlotOf(cell), 0);
        self.kill_cell(cell);
        self.free_cell(cell);
        self.set(Number::Records, self.get(Number::Records).saturating_sub(1));
    }

    /// How often a cell was given out.
    fn generation(&self, cell_use: &Word, index: u32) -> u32 {
        Use::decode(cell_use.load(Ordering::Relaxed), index).map_or_else(
            || {
                self.maps.count(Counter::Damaged);
                // It says nothing of how often: go far beyond any number it can have had.
                1 << 31
            },
            |used| used.generation,
        )
    }

    /// Makes the words of a cell useless to whoever still has its id.
    pub(super) fn kill_cell(&self, cell: usize) {
        let index = (self.stripe * CELLS + cell) as u32;
        if let Some(cell_use) = self.maps.cell_use(self.stripe, cell) {
            let generation = self.generation(cell_use, index);
            cell_use.store(Use { generation, live: false, unsettled: false }.encode(index), Ordering::Release);
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
    id.0 as u32 as usize / CELLS
}

/// Its cell within the stripe.
pub(super) fn cell_in_stripe(id: Id) -> usize {
    id.0 as u32 as usize % CELLS
}

/// How often its cell had been given out.
pub(super) fn generation_of(id: Id) -> u32 {
    (id.0 >> 32) as u32
}
