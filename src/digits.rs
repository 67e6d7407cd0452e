// SPDX-License-Identifier: MIT OR Apache-2.0
//! The numbers in a BYE as text: in decimal, and the branch of Via with its line end.

use crate::release::Branch;

/// Digits of `number` in decimal.
#[inline]
pub(crate) fn decimal_len(number: u32) -> usize {
    match number {
        0..10 => 1,
        10..100 => 2,
        100..1_000 => 3,
        1_000..10_000 => 4,
        10_000..100_000 => 5,
        100_000..1_000_000 => 6,
        1_000_000..10_000_000 => 7,
        10_000_000..100_000_000 => 8,
        100_000_000..1_000_000_000 => 9,
        1_000_000_000.. => 10,
    }
}

/// Writes `number` into a place of that length.
#[inline]
pub(crate) fn put_decimal(mut number: u32, place: &mut [u8]) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// A Via from the branch on, with its line end.
pub(crate) type EndOfVia = [u8; BRANCH.len() + BRANCH_DIGITS + 2];

const BRANCH: &[u8; 15] = b";branch=z9hG4bK";
/// Those of the prefix and of the counter.
const BRANCH_DIGITS: usize = 24;

#[inline(always)]
pub(crate) fn end_of_via(branch: Branch) -> EndOfVia {
    let mut text = *b";branch=z9hG4bK000000000000000000000000\r\n";
    let words = [(branch.prefix >> 32) as u32, branch.prefix as u32, branch.counter];
    for (eight, word) in text[BRANCH.len()..].chunks_exact_mut(8).zip(words) {
        eight.copy_from_slice(&eight_digits(word));
    }
    text
}

/// All eight digits at once, one in each byte of a word: a table costs ten times as much.
#[inline(always)]
fn eight_digits(number: u32) -> [u8; 8] {
    let mut nibbles = u64::from(number);
    nibbles = (nibbles | nibbles << 16) & 0x0000_ffff_0000_ffff;
    nibbles = (nibbles | nibbles << 8) & 0x00ff_00ff_00ff_00ff;
    nibbles = (nibbles | nibbles << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // 6 more than 9 carries into bit 4: that marks the letters.
    let letters = (nibbles + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    (nibbles + 0x3030_3030_3030_3030 + letters * u64::from(b'a' - b'0' - 10)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_formatter() {
        for number in [
            0,
            1,
            9,
            10,
            99,
            100,
            65_535,
            99_999,
            1_000_000,
            99_999_999,
            999_999_999,
            0xabcd_ef01,
            0x9a9a_0f0f,
            u32::MAX,
        ] {
            assert_eq!(eight_digits(number), *format!("{number:08x}").as_bytes());
            let decimal = number.to_string();
            let mut place = vec![0; decimal_len(number)];
            put_decimal(number, &mut place);
            assert_eq!(place, decimal.as_bytes());
        }
    }
}
