// SPDX-License-Identifier: MIT OR Apache-2.0
//! The branch of a Via row (RFC 3261 8.1.1.7, 20.42).

use std::borrow::Cow;

use memchr::memchr;

use super::name_addr::NameAddr;
use super::{list, trim_folded, unfold};
use crate::scan;

/// The branch of the first value of a row, folds as blanks; empty where there is none, or that value cannot be read. Of
/// several the first counts. A value that is no token is given as it stands: it is compared, and goes nowhere.
pub(crate) fn branch(row: &[u8]) -> Cow<'_, [u8]> {
    plain_branch(row).map_or_else(|| any_branch(row), Cow::Borrowed)
}

/// The same where the first value holds no quotes, brackets and folds, and the parameter is written as it nearly always
/// is; else `None`. Where it is `Some`, [`any_branch`] finds the same.
#[inline]
pub(super) fn plain_branch(row: &[u8]) -> Option<&[u8]> {
    let odd = |text: &[u8]| scan::any(text, |b| (b < b' ') | (b == b'"') | (b == b',') | (b == b'<'));
    let mut rest = row;
    if odd(row) {
        rest = &row[..memchr(b',', row)?];
        if odd(rest) {
            return None;
        }
    }
    loop {
        rest = &rest[memchr(b';', rest)? + 1..];
        match rest {
            [b'b', b'r', b'a', b'n', b'c', b'h', b'=', value @ ..] => {
                let value = &value[..memchr(b';', value).unwrap_or(value.len())];
                let plain = !value.is_empty() && !scan::any(value, |b| b == b' ');
                return plain.then_some(value);
            }
            [b' ' | b'b' | b'B', ..] => return None,
            _ => {}
        }
    }
}

pub(super) fn any_branch(row: &[u8]) -> Cow<'_, [u8]> {
    let Some(Ok(topmost)) = list::elements(row).next() else { return Cow::Borrowed(b"") };
    let params = memchr(b';', topmost).map_or(&b""[..], |at| &topmost[at..]);
    let params = NameAddr { uri: b"", params, bracketed: false };
    let branch = params.params().flatten().find(|p| trim_folded(p.name).eq_ignore_ascii_case(b"branch"));
    unfold(branch.and_then(|p| p.value).map_or(b"", trim_folded))
}
