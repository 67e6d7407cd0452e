// SPDX-License-Identifier: MIT OR Apache-2.0
//! Words of a cell: 48 bits and their check. The check knows the cell, how often it was given out, and which word it
//! is, so that a flipped bit shows, and so that a word of an earlier record is never taken for one of the present.

use super::super::WORD_MAX;

/// The use of a cell stands before its words.
const USE: u64 = 0xff;

/// A word as it is stored.
pub(super) fn encode(value: u64, cell: u32, generation: u32, word: usize) -> u64 {
    let value = value & WORD_MAX;
    value << 16 | check(value, cell, generation, word as u64)
}

/// A stored word; `None` when its check does not fit.
pub(super) fn decode(stored: u64, cell: u32, generation: u32, word: usize) -> Option<u64> {
    let value = stored >> 16;
    (stored & 0xffff == check(value, cell, generation, word as u64)).then_some(value)
}

/// What a cell is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Use {
    /// How often it was given out.
    pub generation: u32,
    /// Whether a record has it now.
    pub live: bool,
    /// Whether that record is being inserted or removed: it may be missing. Else it is lost where it is.
    pub unsettled: bool,
}

impl Use {
    /// Of a record that is there.
    pub(super) fn live(generation: u32) -> Self {
        Self { generation, live: true, unsettled: false }
    }

    pub(super) fn encode(self, cell: u32) -> u64 {
        let value = u64::from(self.unsettled) << 33 | u64::from(self.generation) << 1 | u64::from(self.live);
        value << 16 | check(value, cell, 0, USE)
    }

    pub(super) fn decode(stored: u64, cell: u32) -> Option<Self> {
        // A file begins as zeros: a cell that was never given out.
        if stored == 0 {
            return Some(Self { generation: 0, live: false, unsettled: false });
        }
        let value = stored >> 16;
        (stored & 0xffff == check(value, cell, 0, USE)).then_some(Self {
            generation: (value >> 1) as u32,
            live: value & 1 == 1,
            unsettled: value >> 33 & 1 == 1,
        })
    }
}

/// Sixteen bits that change with every bit of the input (the finaliser of SplitMix64).
fn check(value: u64, cell: u32, generation: u32, word: u64) -> u64 {
    let mut mixed = value ^ (u64::from(cell) << 32 | u64::from(generation)).rotate_left(17) ^ word << 56;
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ mixed >> 31) >> 48
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_belongs_to_its_place() {
        for value in [0, 1, 12_345, WORD_MAX] {
            let stored = encode(value, 5, 9, 3);
            assert_eq!(decode(stored, 5, 9, 3), Some(value));
            assert_eq!(decode(stored, 6, 9, 3), None);
            assert_eq!(decode(stored, 5, 10, 3), None);
            assert_eq!(decode(stored, 5, 9, 4), None);
            for bit in 0..64 {
                assert_eq!(decode(stored ^ 1 << bit, 5, 9, 3), None, "bit {bit}");
            }
        }
    }

    #[test]
    fn use_of_a_cell() {
        for (live, unsettled) in [(false, false), (true, false), (true, true)] {
            let used = Use { generation: u32::MAX, live, unsettled };
            assert_eq!(Use::decode(used.encode(7), 7), Some(used));
            assert_eq!(Use::decode(used.encode(7), 8), None);
        }
        assert_eq!(Use::decode(0, 7), Some(Use { generation: 0, live: false, unsettled: false }));
    }
}
