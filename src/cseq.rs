// SPDX-License-Identifier: MIT OR Apache-2.0
//! CSeq (RFC 3261 8.1.1.5, 12.2.1.1, 20.16): reading it, and the number that the BYE of a direction takes.

use crate::error::Error;
use crate::message::{is_token, trim};

/// A CSeq header value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// The sequence number; a value above 2^32-1 is malformed (RFC 4475 3.1.2.4).
    pub number: u32,
    /// The method, case-sensitive.
    pub method: &'a [u8],
}

/// Reads a CSeq value: digits (leading zeros allowed), blanks, method.
pub fn parse(value: &[u8]) -> Option<CSeq<'_>> {
    let value = trim(value);
    let end = value.iter().position(|b| !b.is_ascii_digit())?;
    let (digits, rest) = value.split_at(end);
    let method = trim(rest);
    if digits.is_empty() || method.len() == rest.len() || !is_token(method) {
        return None;
    }
    let number = digits.iter().try_fold(0u32, |n, d| n.checked_mul(10)?.checked_add(u32::from(d - b'0')))?;
    Some(CSeq { number, method })
}

/// The highest CSeq seen in each direction; `None` where no request was seen. Zero is a number like any other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CSeqs {
    /// From the calling to the called user.
    pub to_called: Option<u32>,
    /// From the called to the calling user.
    pub to_calling: Option<u32>,
}

/// RFC 3261 8.1.1.5: below 2^31.
const LIMIT: u32 = 1 << 31;

/// Drawn numbers stay this far below the limit, so that retries have room.
const HEADROOM: u32 = 1 << 16;

/// The lowest number of ten digits.
const TEN_DIGITS: u32 = 1_000_000_000;

/// The next number of a direction: the stored one plus one, refused where that would reach 2^31.
pub fn next(stored: u32) -> Result<u32, Error> {
    if stored < LIMIT - 1 { Ok(stored + 1) } else { Err(Error::CseqOverflow) }
}

/// TS 24.229 5.4.5.1.2 step 2: a random number within the valid range, for called to calling when none is stored.
/// `random` is uniform over 64 bits; the result is from 1,000,000,000 to 2^31 - 2^16: always ten digits, so that a
/// message has the length that its caller was told (and never 0, which some peers take for "none").
pub fn draw(random: u64) -> u32 {
    // The high half of the product is uniform to within 2^-33, and fits 32 bits because the range does.
    let range = u64::from(LIMIT - HEADROOM - TEN_DIGITS + 1);
    TEN_DIGITS + ((u128::from(random) * u128::from(range)) >> 64) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t17_limits() {
        assert_eq!(next(2_147_483_646), Ok(2_147_483_647));
        assert_eq!(next(2_147_483_647), Err(Error::CseqOverflow));
        assert_eq!(next(4_294_967_295), Err(Error::CseqOverflow));
        for bad in ["4294967296 INVITE", "36893488147419103232 INVITE", "-1 INVITE", "12x INVITE", "127", "", "1 "] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn t18_zeros_and_blanks() {
        assert_eq!(parse(b"0000129   UPDATE"), Some(CSeq { number: 129, method: b"UPDATE" }));
        assert_eq!(parse(b"4294967295\tX").unwrap().number, u32::MAX);
    }

    #[test]
    fn drawn_numbers_stay_in_range() {
        assert_eq!(draw(0), TEN_DIGITS);
        assert_eq!(draw(u64::MAX), LIMIT - HEADROOM);
    }
}
