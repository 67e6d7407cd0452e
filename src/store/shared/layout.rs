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
/// Slot classes: room for a record, and how many of them a stripe has. Measured for calls of an IMS core: most records
/// take 700 to 1,000 bytes, a path over application servers up to 2,000.
pub(super) const CLASSES: [Class; 3] =
    [Class { room: 1064, count: 640 }, Class { room: 2088, count: 320 }, Class { room: MAX_RECORD, count: 8 }];
/// Slots of a stripe, and as many cells.
pub(super) const SLOTS: usize = CLASSES[0].count + CLASSES[1].count + CLASSES[2].count;
/// Chains of a stripe.
pub(super) const CHAINS: usize = 1024;

/// Slots of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class {
    pub room: usize,
    pub count: usize,
}

impl Class {
    const fn slot(&self) -> usize {
        (SLOT_HEAD + self.room).next_multiple_of(8)
    }

    const fn bytes(&self) -> usize {
        self.slot() * self.count
    }
}

/// Bytes of a stripe in the file.
pub(super) const STRIPE: usize =
    (SLOTS * CELL + CLASSES[0].bytes() + CLASSES[1].bytes() + CLASSES[2].bytes()).next_multiple_of(4096);

/// Bytes of a stripe's lock and index: lock, counters and list heads, chains, then three numbers for each slot.
pub(super) const INDEX: usize = (INDEX_SLOTS + 3 * 4 * SLOTS).next_multiple_of(64);
const INDEX_NUMBERS: usize = 64;
const INDEX_CHAINS: usize = 128;
const INDEX_SLOTS: usize = INDEX_CHAINS + 4 * CHAINS;

/// Bytes of the counters before the first stripe's index.
pub(super) const COUNTERS: usize = 64;

/// Stripes in a file of at most `size` bytes; at least one.
pub(super) fn stripes_in(size: u64) -> u32 {
    let room = size.saturating_sub(2 * HEADER as u64) / STRIPE as u64;
    room.clamp(1, u64::from(u32::MAX) / SLOTS as u64) as u32
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

/// The class of a slot of a stripe.
pub(super) fn class_of(slot: usize) -> usize {
    let mut first = 0;
    for (class, Class { count, .. }) in CLASSES.iter().enumerate() {
        first += count;
        if slot < first {
            return class;
        }
    }
    CLASSES.len() - 1
}

/// Where a slot is.
pub(super) fn slot(stripe_index: usize, slot: usize) -> usize {
    let mut at = stripe(stripe_index) + SLOTS * CELL;
    let mut rest = slot;
    for class in &CLASSES {
        if rest < class.count {
            break;
        }
        at += class.bytes();
        rest -= class.count;
    }
    at + rest * CLASSES[class_of(slot)].slot()
}

/// The numbers of a stripe's index. Slots and cells are stored plus one, so that zero is "none".
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    /// First free slot of a class.
    FreeSlots(usize),
    /// How many there are.
    FreeCount(usize),
    /// First free cell.
    FreeCells,
    /// Records in the stripe.
    Records,
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
    let at = match number {
        Number::FreeSlots(class) => INDEX_NUMBERS + 4 * class,
        Number::FreeCount(class) => INDEX_NUMBERS + 4 * (CLASSES.len() + class),
        Number::FreeCells => INDEX_NUMBERS + 4 * 2 * CLASSES.len(),
        Number::Records => INDEX_NUMBERS + 4 * (2 * CLASSES.len() + 1),
        Number::Chain(chain) => INDEX_CHAINS + 4 * chain,
        Number::Next(slot) => INDEX_SLOTS + 4 * slot,
        Number::SlotOf(cell) => INDEX_SLOTS + 4 * (SLOTS + cell),
        Number::NextCell(cell) => INDEX_SLOTS + 4 * (2 * SLOTS + cell),
    };
    lock(stripe) + at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_fill_the_stripe_without_overlap() {
        let mut end = cell(1, SLOTS);
        for index in 0..SLOTS {
            assert_eq!(slot(1, index), end, "slot {index}");
            assert_eq!(end % 8, 0);
            end += CLASSES[class_of(index)].slot();
        }
        assert!(end <= stripe(2) && stripe(2) - end < 4096);
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
        let mut at: Vec<usize> = (0..3).flat_map(|c| [number(0, FreeSlots(c)), number(0, FreeCount(c))]).collect();
        at.extend([number(0, FreeCells), number(0, Records)]);
        at.extend((0..CHAINS).map(|c| number(0, Chain(c))));
        at.extend((0..SLOTS).flat_map(|s| [number(0, Next(s)), number(0, SlotOf(s)), number(0, NextCell(s))]));
        at.sort_unstable();
        assert!(at.windows(2).all(|pair| pair[0] + 4 <= pair[1]));
        assert!(at[0] >= lock(0) + size_of::<libc::pthread_mutex_t>() && at[at.len() - 1] + 4 <= lock(1));
    }
}
