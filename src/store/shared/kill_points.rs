// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests alone: kills the process at its N-th store to a mapping, and says whether what is left is in order.
//!
//! A random kill hits the few stores where the order of publishing matters once in a while; here each of them is hit.
//! The feature `kill-points` puts other types in the place of plain atomics; without it nothing of this exists.

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use super::super::StoreError;
use super::cell::Use;
use super::head::Slot;
use super::layout::{CELLS, CHAINS, CLASSES, Number, PAGES, PER_PAGE, SLOTS};
use super::stripe::{Locked, cell_in_stripe, generation_of};
use super::{SharedStore, map};

/// Makes `replace` take the old version away before the new one is published: a loss that a test of the order of
/// publishing must find, or it shows nothing.
pub static BROKEN_ORDER: AtomicBool = AtomicBool::new(false);

static DONE: AtomicU64 = AtomicU64::new(0);
static STOP_AT: AtomicU64 = AtomicU64::new(0);
static GROUP: AtomicBool = AtomicBool::new(false);

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// This process.
    Process,
    /// All of its process group.
    Group,
}

/// Counts stores anew, and kills just before the `stop_at`-th; 0 kills nobody.
pub fn arm(stop_at: u64, victim: Victim) {
    DONE.store(0, Ordering::Relaxed);
    GROUP.store(victim == Victim::Group, Ordering::Relaxed);
    STOP_AT.store(stop_at, Ordering::Relaxed);
}

/// Stores since [`arm`].
pub fn steps() -> u64 {
    DONE.load(Ordering::Relaxed)
}

pub(super) fn step() {
    if DONE.fetch_add(1, Ordering::Relaxed) + 1 == STOP_AT.load(Ordering::Relaxed) {
        map::kill(GROUP.load(Ordering::Relaxed));
    }
}

/// 64 bits of a mapping.
#[derive(Debug)]
#[repr(transparent)]
pub(super) struct Word(AtomicU64);

impl Word {
    pub(super) fn load(&self, order: Ordering) -> u64 {
        self.0.load(order)
    }

    pub(super) fn store(&self, value: u64, order: Ordering) {
        step();
        self.0.store(value, order);
    }

    pub(super) fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        step();
        self.0.fetch_add(value, order)
    }

    pub(super) fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        step();
        self.0.compare_exchange(current, new, success, failure)
    }
}

/// 32 bits of a mapping.
#[derive(Debug)]
#[repr(transparent)]
pub(super) struct Half(AtomicU32);

impl Half {
    pub(super) fn load(&self, order: Ordering) -> u32 {
        self.0.load(order)
    }

    pub(super) fn store(&self, value: u32, order: Ordering) {
        step();
        self.0.store(value, order);
    }
}

/// What [`census`] found wrong: one line for each.
pub type Disorder = Vec<String>;

/// Goes through all chains and free lists: each slot and each cell must be in exactly one place, and what is there must
/// be what the place says. A slot in none is leaked for ever, one in two will be given out twice.
pub fn census(store: &SharedStore) -> Result<Disorder, StoreError> {
    let mut wrong = Disorder::new();
    for stripe in 0..store.stripes as usize {
        let locked = store.lock(stripe)?;
        census_of_slots(store, &locked, stripe, &mut wrong);
        census_of_cells(store, stripe, &mut wrong);
    }
    Ok(wrong)
}

/// Pages of which no slot is taken.
pub fn empty_pages(store: &SharedStore) -> u32 {
    (0..store.stripes as usize).map(|stripe| store.maps.get(stripe, Number::EmptyPages)).sum()
}

fn walk(store: &SharedStore, stripe: usize, first: Number, next: impl Fn(usize) -> Number) -> Vec<usize> {
    let mut at = store.maps.get(stripe, first) as usize;
    let mut found = Vec::new();
    // One more than there are: a loop then shows as something that is in two places.
    while let (Some(index), true) =
        (at.checked_sub(1).filter(|index| *index < SLOTS.max(CELLS)), found.len() <= SLOTS.max(CELLS))
    {
        found.push(index);
        at = store.maps.get(stripe, next(index)) as usize;
    }
    found
}

fn census_of_slots(store: &SharedStore, locked: &Locked<'_>, stripe: usize, wrong: &mut Disorder) {
    let maps = &store.maps;
    let mut places = [0; SLOTS];
    let (mut empty, mut pages, mut free_slots) = (0, [0; CLASSES.len()], [0; CLASSES.len()]);
    for page in 0..PAGES {
        let class = maps.class_of(stripe, page * PER_PAGE);
        let free = walk(store, stripe, Number::FreeIn(page), Number::Next);
        let (taken, slots) = (maps.get(stripe, Number::Taken(page)) as usize, maps.slots_of(stripe, page));
        if maps.stored_class(stripe, page).unwrap_or_default() != class || free.len() + taken != slots.len() {
            wrong.push(format!("page {page} of class {class}: {} slots free, {taken} taken", free.len()));
        }
        for slot in &free {
            places[*slot] += 1;
            if !slots.contains(slot) || maps.slot(stripe, *slot) != Slot::Free {
                wrong.push(format!("slot {slot} is free, but not so"));
            }
        }
        if taken == 0 {
            empty += 1;
        } else {
            pages[class] += 1;
            free_slots[class] += free.len() as u32;
        }
        // Numbers that no slot of this class has.
        (slots.end..(page + 1) * PER_PAGE).for_each(|slot| places[slot] += 1);
    }
    if empty != maps.get(stripe, Number::EmptyPages) {
        wrong.push(format!("{empty} pages are empty, counted otherwise"));
    }
    for class in 0..CLASSES.len() {
        let counted = (maps.get(stripe, Number::Pages(class)), maps.get(stripe, Number::FreeSlots(class)));
        if counted != (pages[class], free_slots[class]) {
            wrong.push(format!(
                "class {class}: {} pages, {} slots free, counted {counted:?}",
                pages[class], free_slots[class]
            ));
        }
    }
    let mut records = 0;
    for chain in 0..CHAINS {
        for slot in walk(store, stripe, Number::Chain(chain), Number::Next) {
            places[slot] += 1;
            records += 1;
            let sound = matches!(maps.slot(stripe, slot), Slot::Record(head) if {
                let cell = cell_in_stripe(head.id);
                let live = Use::live(generation_of(head.id));
                let cell_use = maps.cell_use(stripe, cell).map(|stored| stored.load(Ordering::Acquire));
                locked.slot_of(cell) == Some(slot)
                    && cell_use.and_then(|stored| Use::decode(stored, head.id.0 as u32)) == Some(live)
            });
            if !sound {
                wrong.push(format!("slot {slot} is in a chain, but has no record, or its cell is another's"));
            }
        }
    }
    if records != maps.get(stripe, Number::Records) {
        wrong.push(format!("{records} records, counted otherwise"));
    }
    let misplaced = places.iter().enumerate().filter(|(_, places)| **places != 1);
    wrong.extend(misplaced.map(|(slot, places)| format!("slot {slot} is in {places} places")));
}

fn census_of_cells(store: &SharedStore, stripe: usize, wrong: &mut Disorder) {
    let maps = &store.maps;
    let mut places = [0; CELLS];
    for cell in walk(store, stripe, Number::FreeCells, Number::NextCell) {
        places[cell] += 1;
        let index = (stripe * CELLS + cell) as u32;
        let cell_use = maps.cell_use(stripe, cell).map(|stored| stored.load(Ordering::Acquire));
        if cell_use.and_then(|stored| Use::decode(stored, index)).is_none_or(|found| found.live) {
            wrong.push(format!("cell {cell} is free, but not so"));
        }
    }
    for (cell, places) in places.iter_mut().enumerate() {
        *places += u32::from(maps.get(stripe, Number::SlotOf(cell)) != 0);
        if *places != 1 {
            wrong.push(format!("cell {cell} is in {places} places"));
        }
    }
}
