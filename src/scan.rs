// SPDX-License-Identifier: MIT OR Apache-2.0
//! Looking over octets in blocks, which the compiler turns into vector instructions.

use memchr::memchr3;

/// Whether any octet is one that `odd` tells, best a few comparisons joined by `|`. The last block may overlap the one
/// before it.
#[inline]
pub(crate) fn any(text: &[u8], odd: impl Fn(u8) -> bool) -> bool {
    const BLOCK: usize = 16;
    let in_block = |block: &[u8]| block.iter().fold(false, |seen, b| seen | odd(*b));
    match text.last_chunk::<BLOCK>() {
        Some(last) => text.chunks_exact(BLOCK).any(in_block) || in_block(last),
        None => text.iter().any(|b| odd(*b)),
    }
}

/// Whether a line end or NUL is in it.
#[inline]
pub(crate) fn breaks_line(text: &[u8]) -> bool {
    any(text, |b| b <= b'\r') && memchr3(b'\r', b'\n', 0, text).is_some()
}

/// Where the first of `: ; < = > ? @` is, which stand together in ASCII; the length of the text when there is none.
#[inline]
pub(crate) fn delimiter(text: &[u8]) -> usize {
    const EACH: u64 = u64::MAX / 0xff;
    const HIGH: u64 = EACH * 0x80;
    let mut rest = text;
    while let Some((word, behind)) = rest.split_first_chunk() {
        let word = u64::from_le_bytes(*word);
        // In the high bit of each octet: whether it is at least the first, and whether it is above the last.
        let low = word & !HIGH;
        let from_first = low + EACH * u64::from(0x80 - b':');
        let above_last = low + EACH * u64::from(0x80 - b'@' - 1);
        let found = from_first & !above_last & !word & HIGH;
        if found != 0 {
            return text.len() - rest.len() + found.trailing_zeros() as usize / 8;
        }
        rest = behind;
    }
    text.len() - rest.len() + rest.iter().position(|b| (b':'..=b'@').contains(b)).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_delimiter_is_found() {
        for length in 0..20 {
            for octet in 0..=u8::MAX {
                for at in 0..length {
                    let mut text = vec![0xba; length];
                    text[at] = octet;
                    let expected = if b":;<=>?@".contains(&octet) { at } else { length };
                    assert_eq!(delimiter(&text), expected, "{octet} at {at} of {length}");
                    text[length - 1] = b'@';
                    assert_eq!(delimiter(&text), expected.min(length - 1));
                }
            }
        }
        assert_eq!(delimiter(b""), 0);
    }

    #[test]
    fn one_is_seen_wherever_it_is() {
        for length in 0..70 {
            let mut text = vec![b'a'; length];
            assert!(!any(&text, |b| b == b'x'));
            for at in 0..length {
                text[at] = b'x';
                assert!(any(&text, |b| b == b'x'), "{at} of {length}");
                text[at] = b'a';
            }
        }
    }
}
