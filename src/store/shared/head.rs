// SPDX-License-Identifier: MIT OR Apache-2.0
//! What stands before a record in its slot. Its first word is the seal: 0 for a free slot, else the version of the
//! record and a digest of the head and its place. A flipped bit anywhere in a head is seen without reading the record,
//! and makes no slot free.

use super::super::{Id, Key};
use super::layout::SLOT_HEAD;

/// The head of a whole slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotHead {
    /// One more with each version of the record, never 0.
    pub version: u32,
    pub id: Id,
    pub key: Key,
    pub length: u32,
    /// Of version, id, key, length and record.
    pub checksum: u32,
}

/// What a slot says that it holds. The record itself may be damaged yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Free,
    Record(SlotHead),
    Damaged,
}

impl Slot {
    /// Reads the head of the slot at `place` in the file.
    pub(super) fn decode(bytes: &[u8; SLOT_HEAD], place: usize) -> Self {
        let at = |start: usize| u64::from_le_bytes(core::array::from_fn(|i| bytes[start + i]));
        let wide = |start: usize| u128::from(at(start)) | u128::from(at(start + 8)) << 64;
        let seal = at(0);
        if seal == 0 {
            return Self::Free;
        }
        let head = SlotHead {
            version: (seal >> 32) as u32,
            id: Id(at(8)),
            key: Key { group: wide(16), member: wide(32) },
            length: at(48) as u32,
            checksum: (at(48) >> 32) as u32,
        };
        if head.version != 0 && head.seal(place) == seal { Self::Record(head) } else { Self::Damaged }
    }
}

impl SlotHead {
    /// All but the seal.
    pub(super) fn encode(&self) -> [u8; SLOT_HEAD - 8] {
        let mut bytes = [0; SLOT_HEAD - 8];
        bytes[..8].copy_from_slice(&self.id.0.to_le_bytes());
        bytes[8..24].copy_from_slice(&self.key.group.to_le_bytes());
        bytes[24..40].copy_from_slice(&self.key.member.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.length.to_le_bytes());
        bytes[44..].copy_from_slice(&self.checksum.to_le_bytes());
        bytes
    }

    /// The word that makes this head and the record behind it valid at `place` in the file. At least two of its bits are set: no
    /// flip of one makes it 0, and none makes it of 0.
    pub(super) fn seal(&self, place: usize) -> u64 {
        let Key { group, member } = self.key;
        let rest = u64::from(self.checksum) << 32 | u64::from(self.length);
        let words = [self.id.0, group as u64, (group >> 64) as u64, member as u64, (member >> 64) as u64, rest];
        let mut digest = (place as u64).rotate_left(32) ^ u64::from(self.version);
        for word in words {
            // No two values of a word lead from one digest to the same next one.
            digest = (digest ^ word).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            digest ^= digest >> 32;
        }
        u64::from(self.version) << 32 | digest & 0xffff_ffff | 1
    }

    /// The checksum of this head with this record.
    pub(super) fn checksum_of(&self, record: &[u8]) -> u32 {
        let mut head = self.encode();
        // The place of the checksum itself.
        head[44..].copy_from_slice(&self.version.to_le_bytes());
        let mut digest = crc32fast::Hasher::new();
        digest.update(&head);
        digest.update(record);
        digest.finalize()
    }

    /// Whether the record is the one this head was written with.
    pub(super) fn fits(&self, record: &[u8]) -> bool {
        self.length as usize == record.len() && self.checksum == self.checksum_of(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: SlotHead = SlotHead {
        version: 1,
        id: Id(1 << 32 | 77),
        key: Key { group: 3 << 90 | 5, member: 7 << 70 | 1 },
        length: 900,
        checksum: 0x1234_5678,
    };

    fn bytes(head: &SlotHead, place: usize) -> [u8; SLOT_HEAD] {
        let mut bytes = [0; SLOT_HEAD];
        bytes[..8].copy_from_slice(&head.seal(place).to_le_bytes());
        bytes[8..].copy_from_slice(&head.encode());
        bytes
    }

    #[test]
    fn any_flipped_bit_is_noticed_and_makes_no_slot_free() {
        for version in [1, 2, 3, 1 << 31, u32::MAX] {
            let head = SlotHead { version, ..HEAD };
            let whole = bytes(&head, 9);
            assert_eq!(Slot::decode(&whole, 9), Slot::Record(head));
            assert_eq!(Slot::decode(&whole, 8), Slot::Damaged, "a head belongs to its place");
            assert!(version != 0 && whole[0] & 1 == 1, "two bits of a seal are set, whatever the digest is");
            for bit in 0..8 * SLOT_HEAD {
                let mut flipped = whole;
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(Slot::decode(&flipped, 9), Slot::Damaged, "version {version}, bit {bit}");
            }
        }
    }

    #[test]
    fn a_flipped_bit_makes_no_record_of_a_free_slot() {
        // What an earlier record left behind a seal of 0.
        for version in [1, 2, 4] {
            let mut free = bytes(&SlotHead { version, ..HEAD }, 9);
            free[..8].fill(0);
            assert_eq!(Slot::decode(&free, 9), Slot::Free);
            for bit in 0..64 {
                let mut flipped = free;
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(Slot::decode(&flipped, 9), Slot::Damaged, "bit {bit}");
            }
        }
    }
}
