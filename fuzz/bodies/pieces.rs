// SPDX-License-Identifier: MIT OR Apache-2.0
//! An input for the targets that take a sequence: pieces of bytes, each behind a line `@` and a command. A file of
//! plain messages is one piece without a command.

/// One piece.
pub struct Piece<'a> {
    /// What stands behind the `@`; empty for what stands before the first one.
    pub command: &'a [u8],
    /// The bytes behind that line, up to the next one.
    pub text: &'a [u8],
}

/// The pieces in order.
pub fn pieces(input: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = input;
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let command = match rest.strip_prefix(b"@") {
            Some(behind) => {
                let end = behind.iter().position(|b| *b == b'\n').unwrap_or(behind.len());
                rest = behind.get(end + 1..).unwrap_or_default();
                &behind[..end]
            }
            None => &[],
        };
        // The line end before the next command belongs to the text: a message ends with one.
        let end =
            if rest.starts_with(b"@") { Some(0) } else { rest.windows(2).position(|w| w == b"\n@").map(|at| at + 1) };
        let (text, next) = rest.split_at(end.unwrap_or(rest.len()));
        rest = next;
        Some(Piece { command, text })
    })
}

/// The number in front, and what follows it.
pub fn number(digits: &[u8]) -> (u64, &[u8]) {
    let end = digits.iter().position(|b| !b.is_ascii_digit()).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    (digits.iter().fold(0, |n: u64, d| n.wrapping_mul(10).wrapping_add(u64::from(d - b'0'))), rest)
}
