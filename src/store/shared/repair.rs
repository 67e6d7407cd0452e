// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one repair: at every start for every stripe, whenever the owner of a stripe's lock died, and where a slot or the
//! use of a cell turns out to be damaged. It looks at each slot, drops what is not a whole record, mends the cells of
//! the others, and makes chains and free lists anew. It is used all the time, so it is tested all the time.

use core::sync::atomic::Ordering;

use super::super::{Id, WORDS};
use super::cell::{self, Use};
use super::head::{Slot, SlotHead};
use super::layout::{CELLS, CHAINS, CLASSES, Number, PAGES};
use super::map::Word;
use super::stripe::{Counter, Locked, Maps, cell_in_stripe, generation_of, stripe_of};

/// Repairs a stripe whose lock the caller holds. A process that dies in here leaves work for the next: nothing is
/// marked sound before the end, and each step leaves the slots as true as they were. Gives how many records are lost
/// because they were damaged, and counts them.
pub(super) fn repair(maps: &Maps, stripe: usize, stripes: u32) -> u64 {
    let locked = Locked::holding(maps, stripe);
    let mut holders: Vec<Option<(usize, SlotHead)>> = vec![None; CELLS];
    let mut record = Vec::new();
    for page in 0..PAGES {
        find_class(maps, stripe, stripes, page, &mut record);
    }
    let mut dropped = 0;
    for slot in (0..PAGES).flat_map(|page| maps.slots_of(stripe, page)) {
        let head = match sound(maps, stripe, stripes, slot, &mut record) {
            Slot::Record(head) => head,
            Slot::Free => continue,
            Slot::Damaged => {
                maps.count(Counter::Damaged);
                dropped += 1;
                maps.unseal(stripe, slot);
                continue;
            }
        };
        let holder = &mut holders[cell_in_stripe(head.id)];
        // Of two versions the higher wins; the loser goes first out of the file, then out of sight.
        let loser = match *holder {
            Some((_, before)) if before.version >= head.version => slot,
            Some((other, _)) => {
                *holder = Some((slot, head));
                other
            }
            None => {
                *holder = Some((slot, head));
                continue;
            }
        };
        maps.unseal(stripe, loser);
    }

    maps.set(stripe, Number::FreeCells, 0);
    for chain in 0..CHAINS {
        maps.set(stripe, Number::Chain(chain), 0);
    }
    locked.count_pages();
    // Backwards, so that low cells are given out first and the pages of a quiet store stay untouched.
    let (mut records, mut missing) = (0, 0);
    for cell in (0..CELLS).rev() {
        match holders[cell] {
            Some((slot, head)) => {
                mend_cell(maps, stripe, cell, head.id);
                locked.link(slot, head.key, cell);
                records += 1;
            }
            None => {
                missing += u64::from(is_missing(maps, stripe, cell));
                maps.set(stripe, Number::SlotOf(cell), 0);
                locked.kill_cell(cell);
                locked.free_cell(cell);
            }
        }
    }
    maps.set(stripe, Number::Records, records);
    // A slot that was dropped may have been that of a record which is missing: it is counted once.
    for _ in dropped..missing {
        maps.count(Counter::Damaged);
    }
    // The caller goes on holding the lock.
    core::mem::forget(locked);
    dropped.max(missing)
}

/// Finds the class of a page. Where that is damaged it is the one in which most whole records lie.
fn find_class(maps: &Maps, stripe: usize, stripes: u32, page: usize, record: &mut Vec<u8>) {
    if let Some(class) = maps.stored_class(stripe, page) {
        return maps.set(stripe, Number::ClassOf(page), class as u32);
    }
    let mut best = (0, 0);
    for class in 0..CLASSES.len() {
        maps.set(stripe, Number::ClassOf(page), class as u32);
        let slots = maps.slots_of(stripe, page);
        let whole = slots.filter(|slot| matches!(sound(maps, stripe, stripes, *slot, record), Slot::Record(_))).count();
        if whole > best.1 {
            best = (class, whole);
        }
    }
    let (class, whole) = best;
    maps.set(stripe, Number::ClassOf(page), class as u32);
    if whole > 0 || !maps.is_new(stripe, page) {
        maps.count(Counter::Damaged);
        maps.store_class(stripe, page, class);
    }
    if whole == 0 {
        // Nothing of that class was ever written here: what stands in the places of its seals is part of something else.
        // A page that was never used stays untouched.
        let taken = |slot: &usize| maps.slot(stripe, *slot) != Slot::Free;
        maps.slots_of(stripe, page).filter(taken).for_each(|slot| maps.unseal(stripe, slot));
    }
}

/// What a slot holds, its record included, and whether that belongs here.
fn sound(maps: &Maps, stripe: usize, stripes: u32, slot: usize, record: &mut Vec<u8>) -> Slot {
    let found = maps.slot(stripe, slot);
    let Slot::Record(head) = found else {
        return found;
    };
    record.clear();
    maps.copy_record(stripe, slot, &head, record);
    let at_home = stripe_of(head.id) == stripe
        && generation_of(head.id) != 0
        && (head.key.group % u128::from(stripes)) as usize == stripe;
    if at_home && head.fits(record) { found } else { Slot::Damaged }
}

/// Whether a cell without a record says that it has one, and nobody was inserting or removing it.
fn is_missing(maps: &Maps, stripe: usize, cell: usize) -> bool {
    let index = (stripe * CELLS + cell) as u32;
    let stored = maps.cell_use(stripe, cell).map_or(0, |stored| stored.load(Ordering::Acquire));
    matches!(Use::decode(stored, index), Some(Use { live: true, unsettled: false, .. }))
}

/// Makes the cell of a record usable where it was damaged: the record is the truth of whose cell it is.
fn mend_cell(maps: &Maps, stripe: usize, cell: usize, id: Id) {
    let index = (stripe * CELLS + cell) as u32;
    let generation = generation_of(id);
    let right = Use::live(generation);
    if let Some(cell_use) = maps.cell_use(stripe, cell) {
        let found = Use::decode(cell_use.load(Ordering::Acquire), index);
        if found != Some(right) {
            // Who died while he inserted or removed it has left it to be there.
            if found != Some(Use { unsettled: true, ..right }) {
                maps.count(Counter::Damaged);
            }
            cell_use.store(right.encode(index), Ordering::Release);
        }
    }
    for word in 0..WORDS {
        if let Some(stored) = maps.cell_word(stripe, cell, word) {
            let found = stored.load(Ordering::Acquire);
            if cell::decode(found, index, generation, word).is_none() {
                mend_word(maps, stored, found, cell::encode(0, index, generation, word));
            }
        }
    }
}

/// Sets a word that was `found` damaged to 0 and counts it. Whoever changed it meanwhile has mended it.
pub(super) fn mend_word(maps: &Maps, stored: &Word, found: u64, mended: u64) {
    if stored.compare_exchange(found, mended, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
        maps.count(Counter::Damaged);
    }
}
