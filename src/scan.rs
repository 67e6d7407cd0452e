// SPDX-License-Identifier: MIT OR Apache-2.0
//! Looking over octets in blocks, which the compiler turns into vector instructions.

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

#[cfg(test)]
mod tests {
    use super::*;

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
