// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pages of a stripe. Each is given to a slot class when that class needs one, and to another when none of its slots
//! is taken: so records of any mix of sizes fill the store. Where a page is needed and a class has more free slots
//! than a page of it, one is emptied: few records that are left in many pages do not keep them from others.
//!
//! A page tells its class in its first word, so that the repair finds its slots. Before a page goes to another class all
//! seals of that class are 0 in it: whoever dies in between leaves a page without records, of the one class or the other.

use core::sync::atomic::Ordering;

use super::cell;
use super::head::Slot;
use super::layout::{self, CLASSES, Class, Number, PAGES, PAGES_KEPT, PER_PAGE};
use super::stripe::{Damaged, Locked, Maps};

/// The class of a page stands for its words: no word of a cell has this number.
const CLASS: usize = 0xfe;

/// What a slot is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// A new record. It leaves pages empty for new versions of those that are there.
    New,
    /// A new version of a record that has a slot of this class.
    Version(usize),
}

impl For {
    fn pages_kept(self) -> usize {
        if self == Self::New { PAGES_KEPT } else { 0 }
    }

    /// The last free slot of a class is for new versions of what the class has: they give one back.
    fn slots_kept(self, class: usize) -> usize {
        usize::from(self != Self::Version(class))
    }
}

impl Maps {
    /// The class of the page that a slot is in.
    pub(super) fn class_of(&self, stripe: usize, slot: usize) -> usize {
        (self.get(stripe, Number::ClassOf(slot / PER_PAGE)) as usize).min(CLASSES.len() - 1)
    }

    /// Where a slot is in the file.
    pub(super) fn slot_at(&self, stripe: usize, slot: usize) -> Option<usize> {
        layout::slot(stripe, slot, self.class_of(stripe, slot))
    }

    /// The slots of a page, as its class makes them.
    pub(super) fn slots_of(&self, stripe: usize, page: usize) -> core::ops::Range<usize> {
        let first = page * PER_PAGE;
        first..first + CLASSES[self.class_of(stripe, first)].in_page
    }

    /// The class that a page says it is of; `None` where it says nothing that can be true.
    pub(super) fn stored_class(&self, stripe: usize, page: usize) -> Option<usize> {
        let stored = self.file.word(layout::page(stripe, page))?.load(Ordering::Acquire);
        let class = cell::decode(stored, number_of(stripe, page), 0, CLASS)?;
        usize::try_from(class).ok().filter(|class| *class < CLASSES.len())
    }

    /// Whether a page was never given to a class: a file begins as zeros.
    pub(super) fn is_new(&self, stripe: usize, page: usize) -> bool {
        self.file.word(layout::page(stripe, page)).is_some_and(|stored| stored.load(Ordering::Acquire) == 0)
    }

    pub(super) fn store_class(&self, stripe: usize, page: usize, class: usize) {
        if let Some(stored) = self.file.word(layout::page(stripe, page)) {
            stored.store(cell::encode(class as u64, number_of(stripe, page), 0, CLASS), Ordering::Release);
        }
    }
}

fn number_of(stripe: usize, page: usize) -> u32 {
    (stripe * PAGES + page) as u32
}

impl Locked<'_> {
    /// Takes a free slot with room for `length` bytes.
    pub(super) fn take_slot(&self, length: usize, wanted: For) -> Option<usize> {
        let spare = self.get(Number::EmptyPages).checked_sub(wanted.pages_kept())?;
        for (index, class) in CLASSES.iter().enumerate().filter(|(_, class)| class.room >= length) {
            let page = if self.get(Number::FreeSlots(index)) > wanted.slots_kept(index) {
                self.current(index)
            } else if spare > 0 && self.may_have_a_page(index) {
                self.open(index)
            } else {
                None
            };
            if let Some(slot) = page.and_then(|page| self.take_from(page, index, class)) {
                return Some(slot);
            }
        }
        None
    }

    /// Whether a class, and all that are larger, have fewer pages than they may have.
    fn may_have_a_page(&self, class: usize) -> bool {
        (class..CLASSES.len()).map(|class| self.get(Number::Pages(class))).sum::<usize>() < CLASSES[class].pages
    }

    /// Empties pages, where that can be, until there is room for `length` bytes.
    pub(super) fn make_room(&self, length: usize, wanted: For) -> Result<(), Damaged> {
        let Some(class) = CLASSES.iter().position(|class| class.room >= length) else {
            return Ok(());
        };
        let opens = self.get(Number::FreeSlots(class)) <= wanted.slots_kept(class) && self.may_have_a_page(class);
        let needed = wanted.pages_kept() + usize::from(opens);
        while self.get(Number::EmptyPages) < needed && self.empty_a_page()? {}
        Ok(())
    }

    /// Moves the records of one page to others of its class. `false`: no class has more free slots than a page has.
    fn empty_a_page(&self) -> Result<bool, Damaged> {
        let loose = |class: &usize| self.get(Number::FreeSlots(*class)) > CLASSES[*class].in_page;
        let Some(index) = (0..CLASSES.len()).find(loose) else {
            return Ok(false);
        };
        let class = &CLASSES[index];
        let of_class = |page: &usize| self.get(Number::ClassOf(*page)) == index && self.get(Number::Taken(*page)) > 0;
        let page = (0..PAGES).filter(of_class).min_by_key(|page| self.get(Number::Taken(*page))).ok_or(Damaged)?;
        let taken = self.get(Number::Taken(page));
        // Nothing is moved to where it is moved away from.
        self.set(Number::FreeIn(page), 0);
        let mut record = Vec::new();
        for slot in self.maps.slots_of(self.stripe, page) {
            let head = match self.maps.slot(self.stripe, slot) {
                Slot::Free => continue,
                Slot::Damaged => return Err(Damaged),
                Slot::Record(head) => head,
            };
            record.clear();
            self.maps.copy_record(self.stripe, slot, &head, &mut record);
            let to = self.current(index).and_then(|page| self.take_from(page, index, class)).ok_or(Damaged)?;
            if !head.fits(&record) || !self.move_record(slot, to, head, &record) {
                return Err(Damaged);
            }
        }
        self.set(Number::Taken(page), 0);
        self.list_all(page);
        let free = self.get(Number::FreeSlots(index));
        self.set(Number::FreeSlots(index), free.saturating_sub(class.in_page - taken));
        self.set(Number::Pages(index), self.get(Number::Pages(index)).saturating_sub(1));
        self.set(Number::EmptyPages, self.get(Number::EmptyPages) + 1);
        Ok(true)
    }

    /// The page of a class to take a slot from.
    fn current(&self, class: usize) -> Option<usize> {
        let usable = |page: &usize| {
            *page < PAGES
                && self.get(Number::ClassOf(*page)) == class
                && self.get(Number::Taken(*page)) > 0
                && self.get(Number::FreeIn(*page)) > 0
        };
        let known = self.get(Number::Current(class)).checked_sub(1).filter(usable);
        known.or_else(|| {
            // The lowest, so that the high ones of a store that was once full become empty.
            let page = (0..PAGES).find(usable)?;
            self.set(Number::Current(class), page + 1);
            Some(page)
        })
    }

    /// Gives an empty page to a class.
    fn open(&self, class: usize) -> Option<usize> {
        let page = (0..PAGES).find(|page| self.get(Number::Taken(*page)) == 0)?;
        if self.maps.stored_class(self.stripe, page) != Some(class) {
            self.set(Number::ClassOf(page), class);
            self.maps.slots_of(self.stripe, page).for_each(|slot| self.maps.unseal(self.stripe, slot));
            self.maps.store_class(self.stripe, page, class);
            self.list_all(page);
        }
        self.set(Number::Current(class), page + 1);
        Some(page)
    }

    /// Makes the free list of a page of which no slot is taken.
    fn list_all(&self, page: usize) {
        self.set(Number::FreeIn(page), 0);
        self.maps.slots_of(self.stripe, page).rev().for_each(|slot| self.put_in(page, slot));
    }

    fn put_in(&self, page: usize, slot: usize) {
        self.set(Number::Next(slot), self.get(Number::FreeIn(page)));
        self.set(Number::FreeIn(page), slot + 1);
    }

    fn take_from(&self, page: usize, index: usize, class: &Class) -> Option<usize> {
        let slot = self.get(Number::FreeIn(page)).checked_sub(1).filter(|slot| slot / PER_PAGE == page)?;
        self.set(Number::FreeIn(page), self.get(Number::Next(slot)));
        let taken = self.get(Number::Taken(page));
        self.set(Number::Taken(page), taken + 1);
        let free = self.get(Number::FreeSlots(index));
        if taken == 0 {
            self.set(Number::EmptyPages, self.get(Number::EmptyPages).saturating_sub(1));
            self.set(Number::Pages(index), self.get(Number::Pages(index)) + 1);
            self.set(Number::FreeSlots(index), free + class.in_page - 1);
        } else {
            self.set(Number::FreeSlots(index), free.saturating_sub(1));
        }
        Some(slot)
    }

    /// Gives a slot, whose seal is 0, back to its page.
    pub(super) fn free_slot(&self, slot: usize) {
        let (page, index) = (slot / PER_PAGE, self.maps.class_of(self.stripe, slot));
        self.put_in(page, slot);
        let left = self.get(Number::Taken(page)).saturating_sub(1);
        self.set(Number::Taken(page), left);
        let free = self.get(Number::FreeSlots(index));
        if left == 0 {
            self.set(Number::EmptyPages, self.get(Number::EmptyPages) + 1);
            self.set(Number::Pages(index), self.get(Number::Pages(index)).saturating_sub(1));
            self.set(Number::FreeSlots(index), (free + 1).saturating_sub(CLASSES[index].in_page));
        } else {
            self.set(Number::FreeSlots(index), free + 1);
        }
    }

    /// Makes the free lists and all counts of pages and slots anew, from classes and seals.
    pub(super) fn count_pages(&self) {
        for class in 0..CLASSES.len() {
            for number in [Number::FreeSlots(class), Number::Pages(class), Number::Current(class)] {
                self.set(number, 0);
            }
        }
        self.set(Number::EmptyPages, 0);
        for page in 0..PAGES {
            let class = self.maps.class_of(self.stripe, page * PER_PAGE);
            let mut taken = 0;
            self.set(Number::FreeIn(page), 0);
            for slot in self.maps.slots_of(self.stripe, page).rev() {
                if self.maps.seal(self.stripe, slot).is_some_and(|seal| seal.load(Ordering::Relaxed) != 0) {
                    taken += 1;
                } else {
                    self.put_in(page, slot);
                }
            }
            self.set(Number::Taken(page), taken);
            let free = CLASSES[class].in_page - taken;
            if taken > 0 && free > 0 && self.get(Number::Current(class)) == 0 {
                self.set(Number::Current(class), page + 1);
            }
            let (count, added) = match taken {
                0 => (Number::EmptyPages, 0),
                _ => (Number::Pages(class), free),
            };
            self.set(count, self.get(count) + 1);
            self.set(Number::FreeSlots(class), self.get(Number::FreeSlots(class)) + added);
        }
    }
}
