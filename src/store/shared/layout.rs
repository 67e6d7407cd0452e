// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where everything lies: stripes of slots and cells in the file, locks and chains in memory that is made anew at each
//! start.
//!
//! Slots are the truth, chains are an index: it is rebuilt from the slots, so it need not be in the file.

use super::super::{MAX_RECORD, WORDS};

/// Two headers, a page each.
pub(super) const HEADER: usize = 4096;
/// Before the record in a slot: seal, id, group, member, length and checksum.
pub(super) const SLOT_HEAD: usize = 56;
/// Bytes of one cell: what it is used for, then its words.
pub(super) const CELL: usize = 8 * (1 + WORDS);
/// Before the slots of a page: the class that they are of.
const PAGE_HEAD: usize = 8;
/// Bytes of a page: room for the longest record.
const PAGE: usize = PAGE_HEAD + SLOT_HEAD + MAX_RECORD;
/// Pages of a stripe. A page is given to a class when that needs one, and to another when all its slots are free.
pub(super) const PAGES: usize = 43;
/// Pages that new records leave free, for records that grow.
pub(super) const PAGES_KEPT: usize = 2;
/// Cells of a stripe: so many records it has at most.
pub(super) const CELLS: usize = 1024;
/// Slot classes, from small to large. Most records of an IMS core take 700 to 1,000 bytes, a path over application
/// servers up to 2,000. Few pages go to records that hardly any honest call has: whoever sends them does not fill the
/// store.
pub(super) const CLASSES: [Class; 8] = [
    Class::new(PER_PAGE, PAGES),
    Class::new(31, PAGES),
    USUAL,
    Class::new(22, PAGES),
    Class::new(15, PAGES),
    Class::new(10, PAGES),
    Class::new(6, 11),
    Class::new(1, 8),
];
const USUAL: Class = Class::new(25, PAGES);
/// Slots of a page, at most.
pub(super) const PER_PAGE: usize = 38;
/// Numbers that the slots of a stripe have: each page has as many as it could have slots.
pub(super) const SLOTS: usize = PAGES * PER_PAGE;
/// Records of the usual size that fit in a stripe.
pub(super) const CAPACITY: usize = {
    // One slot of the last page is kept for a new version.
    let slots = (PAGES - PAGES_KEPT) * USUAL.in_page - 1;
    if slots < CELLS { slots } else { CELLS }
};
/// Chains of a stripe.
pub(super) const CHAINS: usize = 1024;

/// Slots of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class {
    /// How many a page has.
    pub in_page: usize,
    /// Pages of a stripe that it and all larger ones get, at most.
    pub pages: usize,
    slot: usize,
    /// Bytes of a record, at most.
    pub room: usize,
}

impl Class {
    const fn new(in_page: usize, pages: usize) -> Self {
        let slot = (PAGE - PAGE_HEAD) / in_page / 8 * 8;
        Self { in_page, pages, slot, room: slot - SLOT_HEAD }
    }
}

/// Bytes of a stripe in the file.
pub(super) const STRIPE: usize = (CELLS * CELL + PAGES * PAGE).next_multiple_of(4096);

/// Bytes of a stripe's lock and index: lock, numbers, those of the pages, chains, then one number for each slot and two
/// for each cell.
pub(super) const INDEX: usize = (INDEX_SLOTS + 4 * (SLOTS + 2 * CELLS)).next_multiple_of(64);
const INDEX_NUMBERS: usize = 64;
const INDEX_PAGES: usize = INDEX_NUMBERS + 4 * (3 + 3 * CLASSES.len());
const INDEX_CHAINS: usize = INDEX_PAGES + 4 * 3 * PAGES;
const INDEX_SLOTS: usize = INDEX_CHAINS + 4 * CHAINS;

/// Bytes of the counters before the first stripe's index.
pub(super) const COUNTERS: usize = 64;

/// Stripes in a file of at most `size` bytes; at least one.
pub(super) fn stripes_in(size: u64) -> u32 {
    let room = size.saturating_sub(2 * HEADER as u64) / STRIPE as u64;
    room.clamp(1, u64::from(u32::MAX) / CELLS as u64) as u32
}

/// Bytes of a file with so many stripes.
pub(super) fn file_size(stripes: u32) -> u64 {
    2 * HEADER as u64 + u64::from(stripes) * STRIPE as u64
}

/// Where a stripe begins in the file.
pub(super) fn stripe(stripe: usize) -> usize {
    2 * HEADER + stripe * STRIPE
}

/// Where a cell is.
pub(super) fn cell(stripe_index: usize, cell: usize) -> usize {
    stripe(stripe_index) + cell * CELL
}

/// Where a page is, and the word that tells its class.
pub(super) fn page(stripe_index: usize, page: usize) -> usize {
    stripe(stripe_index) + CELLS * CELL + page * PAGE
}

/// Where a slot is in a page of a class; `None` where such a page has none of that number.
pub(super) fn slot(stripe_index: usize, slot: usize, class: usize) -> Option<usize> {
    let class = CLASSES.get(class)?;
    let (in_page, of_page) = (slot % PER_PAGE, slot / PER_PAGE);
    (in_page < class.in_page && of_page < PAGES).then(|| page(stripe_index, of_page) + PAGE_HEAD + in_page * class.slot)
}

/// The numbers of a stripe's index. Pages, slots and cells are stored plus one, so that zero is "none".
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    /// Records in the stripe.
    Records,
    /// First free cell.
    FreeCells,
    /// Pages of which no slot is taken.
    EmptyPages,
    /// Free slots of a class, in pages of which one is taken.
    FreeSlots(usize),
    /// Pages of a class of which a slot is taken.
    Pages(usize),
    /// The page of a class to take a slot from.
    Current(usize),
    /// The class of a page.
    ClassOf(usize),
    /// How many slots of a page are taken.
    Taken(usize),
    /// The first free slot of a page.
    FreeIn(usize),
    /// First slot of a chain.
    Chain(usize),
    /// The slot behind a slot in its chain or free list.
    Next(usize),
    /// The slot that holds the record of a cell.
    SlotOf(usize),
    /// The cell behind a cell in the free list.
    NextCell(usize),
}

/// Where a stripe's lock is.
pub(super) fn lock(stripe: usize) -> usize {
    COUNTERS + stripe * INDEX
}

/// Where a number of a stripe's index is.
pub(super) fn number(stripe: usize, number: Number) -> usize {
    let class = |kind: usize, class: usize| INDEX_NUMBERS + 4 * (3 + kind * CLASSES.len() + class);
    let page = |kind: usize, page: usize| INDEX_PAGES + 4 * (kind * PAGES + page);
    let at = match number {
        Number::Records => INDEX_NUMBERS,
        Number::FreeCells => INDEX_NUMBERS + 4,
        Number::EmptyPages => INDEX_NUMBERS + 8,
        Number::FreeSlots(of) => class(0, of),
        Number::Pages(of) => class(1, of),
        Number::Current(of) => class(2, of),
        Number::ClassOf(of) => page(0, of),
        Number::Taken(of) => page(1, of),
        Number::FreeIn(of) => page(2, of),
        Number::Chain(chain) => INDEX_CHAINS + 4 * chain,
        Number::Next(slot) => INDEX_SLOTS + 4 * slot,
        Number::SlotOf(cell) => INDEX_SLOTS + 4 * (SLOTS + cell),
        Number::NextCell(cell) => INDEX_SLOTS + 4 * (SLOTS + CELLS + cell),
    };
    lock(stripe) + at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slots_of_a_page_do_not_overlap() {
        for (index, class) in CLASSES.iter().enumerate() {
            let mut end = page(1, 5) + PAGE_HEAD;
            for number in 0..class.in_page {
                let at = slot(1, 5 * PER_PAGE + number, index);
                assert_eq!((at, end % 8), (Some(end), 0), "slot {number}");
                end += SLOT_HEAD + class.room;
            }
            assert!(end <= page(1, 6) && class.in_page <= PER_PAGE);
            assert_eq!(slot(1, 5 * PER_PAGE + class.in_page, index).filter(|_| class.in_page < PER_PAGE), None);
        }
        assert_eq!(page(1, 0), cell(1, CELLS));
        assert!(page(1, PAGES) <= stripe(2) && stripe(2) - page(1, PAGES) < 4096);
        assert_eq!(CLASSES[CLASSES.len() - 1].room, MAX_RECORD);
        assert!(CLASSES.windows(2).all(|pair| pair[0].room < pair[1].room));
    }

    #[test]
    fn the_file_is_no_larger_than_asked() {
        for size in [1, 64 << 20, 100 << 20] {
            let got = file_size(stripes_in(size));
            assert!(got <= size || stripes_in(size) == 1);
        }
    }

    #[test]
    fn index_numbers_do_not_overlap() {
        use Number::*;
        let mut at: Vec<usize> = [Records, FreeCells, EmptyPages].map(|n| number(0, n)).into();
        at.extend((0..CLASSES.len()).flat_map(|c| [FreeSlots(c), Pages(c), Current(c)]).map(|n| number(0, n)));
        at.extend((0..PAGES).flat_map(|p| [ClassOf(p), Taken(p), FreeIn(p)]).map(|n| number(0, n)));
        at.extend((0..CHAINS).map(|c| number(0, Chain(c))));
        at.extend((0..SLOTS).map(|s| number(0, Next(s))));
        at.extend((0..CELLS).flat_map(|c| [number(0, SlotOf(c)), number(0, NextCell(c))]));
        at.sort_unstable();
        assert!(at.windows(2).all(|pair| pair[0] + 4 <= pair[1]));
        assert!(at[0] >= lock(0) + size_of::<libc::pthread_mutex_t>() && at[at.len() - 1] + 4 <= lock(1));
    }
}
