// SPDX-License-Identifier: MIT OR Apache-2.0
//! Comma lists of name-addrs (RFC 3261 7.3.1, 20.34): a comma inside quotes or angle brackets does not split.

use memchr::{memchr, memchr3};

use super::{quoted_end, trim};

/// The elements of one row. Empty elements are skipped (RFC 3261 allows none, peers send them);
/// `Err` once when a quote or bracket is not closed, then the end.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    rest: &'a [u8],
}

/// A quote or angle bracket that is not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unbalanced;

/// Splits one row of a list header.
pub fn elements(row: &[u8]) -> Elements<'_> {
    Elements { rest: row }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<&'a [u8], Unbalanced>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let Some(end) = element_end(self.rest) else {
                self.rest = &[];
                return Some(Err(Unbalanced));
            };
            let element = trim(&self.rest[..end]);
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            if !element.is_empty() {
                return Some(Ok(element));
            }
        }
        None
    }
}

/// Where the comma after the first element is, or the end of the row.
fn element_end(row: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = memchr3(b',', b'"', b'<', &row[at..]) {
        at += found;
        match row[at] {
            b',' => return Some(at),
            b'"' => at = quoted_end(row, at)?,
            _ => at += memchr(b'>', &row[at..])? + 1,
        }
    }
    Some(row.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(row: &[u8]) -> Result<Vec<&[u8]>, Unbalanced> {
        elements(row).collect()
    }

    #[test]
    fn commas_in_quotes_and_brackets_do_not_split() {
        let row = br#""P, \"one\" <x>" <sip:p1.example.com;lr>;foo=bar, <sip:a,b@p1;lr>"#;
        assert_eq!(
            split(row).unwrap(),
            [&br#""P, \"one\" <x>" <sip:p1.example.com;lr>;foo=bar"#[..], b"<sip:a,b@p1;lr>"]
        );
    }

    #[test]
    fn empty_elements_are_skipped() {
        assert_eq!(split(b" <sip:a>,, <sip:b> , ").unwrap(), [&b"<sip:a>"[..], b"<sip:b>"]);
        assert_eq!(split(b"").unwrap(), [] as [&[u8]; 0]);
    }

    #[test]
    fn open_quotes_and_brackets_are_told() {
        assert_eq!(split(b"<sip:a>, <sip:b"), Err(Unbalanced));
        assert_eq!(split(br#""a <sip:a>"#), Err(Unbalanced));
        assert_eq!(split(br#""a\"#), Err(Unbalanced));
    }
}
