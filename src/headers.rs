// SPDX-License-Identifier: MIT OR Apache-2.0
//! Further headers by local policy (TS 24.229 5.4.5.1.2): one line each, none that the library writes itself, none
//! that may not stand in a BYE.

use memchr::memchr;

use crate::error::Error;
use crate::message::{is_token, trim, trim_end};
use crate::scan;

/// Written by the library, or by the host's transaction layer.
const OURS: [&[u8]; 12] = [
    b"Call-ID",
    b"From",
    b"To",
    b"CSeq",
    b"Via",
    b"Route",
    b"Max-Forwards",
    b"Content-Length",
    b"Reason",
    b"Session-ID",
    b"Content-Type",
    b"Content-Encoding",
];

/// Not allowed in a BYE, or not from the network: RFC 3261 Table 2, RFC 5502, RFC 7315 5.7, RFC 3325 9.2.
const NOT_IN_A_BYE: [&[u8]; 6] = [
    b"Contact",
    b"Record-Route",
    b"P-Served-User",
    b"P-Visited-Network-ID",
    b"P-Preferred-Identity",
    b"P-Called-Party-ID",
];

/// The compact names (RFC 3261 7.3.3 and those registered with IANA since) and what each stands for.
const COMPACT: [(u8, &[u8]); 20] = [
    (b'a', b"Accept-Contact"),
    (b'b', b"Referred-By"),
    (b'c', b"Content-Type"),
    (b'd', b"Request-Disposition"),
    (b'e', b"Content-Encoding"),
    (b'f', b"From"),
    (b'i', b"Call-ID"),
    (b'j', b"Reject-Contact"),
    (b'k', b"Supported"),
    (b'l', b"Content-Length"),
    (b'm', b"Contact"),
    (b'n', b"Identity-Info"),
    (b'o', b"Event"),
    (b'r', b"Refer-To"),
    (b's', b"Subject"),
    (b't', b"To"),
    (b'u', b"Allow-Events"),
    (b'v', b"Via"),
    (b'x', b"Session-Expires"),
    (b'y', b"Identity"),
];

/// Checks one header, `Name: value`.
///
/// Errors: [`Error::BadHeader`] for what is not that on one line (control characters are refused),
/// [`Error::ForbiddenHeader`] for a name, long or compact, that the library writes itself or that may not stand in a
/// BYE.
pub fn check(header: &[u8]) -> Result<(), Error> {
    let colon = memchr(b':', header).ok_or(Error::BadHeader)?;
    // A blank may stand before the colon (RFC 3261 25.1, HCOLON), but before the name it would fold the line into the
    // one above.
    let written = trim_end(&header[..colon]);
    let name = long_form(written);
    let control = |b| ((b < b' ') & (b != b'\t')) | (b == 0x7f);
    if !is_token(written) || scan::any(header, control) || trim(&header[colon + 1..]).is_empty() {
        return Err(Error::BadHeader);
    }
    if OURS.iter().chain(&NOT_IN_A_BYE).any(|n| n.eq_ignore_ascii_case(name)) {
        return Err(Error::ForbiddenHeader);
    }
    Ok(())
}

/// Refuses a name that stands twice, long or compact: the headers a policy adds to a BYE are single (RFC 7315 4.6 for
/// P-Charging-Vector); several values of a list header go on one line. Error: [`Error::DuplicateHeader`].
pub fn check_distinct(headers: &[&[u8]]) -> Result<(), Error> {
    for (index, header) in headers.iter().enumerate() {
        if headers[..index].iter().any(|h| name_of(h).eq_ignore_ascii_case(name_of(header))) {
            return Err(Error::DuplicateHeader);
        }
    }
    Ok(())
}

/// Refuses a name that `lines`, checked before, hold already.
pub(crate) fn check_distinct_from(header: &[u8], lines: &[u8]) -> Result<(), Error> {
    let mut lines = lines.split(|b| *b == b'\n').filter(|l| !l.is_empty());
    if lines.any(|line| name_of(line).eq_ignore_ascii_case(name_of(header))) {
        return Err(Error::DuplicateHeader);
    }
    Ok(())
}

/// The name of a header in its long form; of what was not checked and is none, whatever stands first.
pub(crate) fn name_of(header: &[u8]) -> &[u8] {
    long_form(trim_end(&header[..memchr(b':', header).unwrap_or(header.len())]))
}

fn long_form(written: &[u8]) -> &[u8] {
    let &[letter] = written else { return written };
    let compact = COMPACT.iter().find(|(compact, _)| *compact == letter.to_ascii_lowercase());
    compact.map_or(written, |(_, long)| long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compact_name_is_its_long_form() {
        let same = [
            [&b"s: a"[..], b"Subject: b"],
            [b"X: 90", b"session-expires: 90"],
            [b"k: a", b"K : b"],
            [b"Referred-By: <sip:a@b>", b"b:<sip:a@b>"],
        ];
        for [first, second] in same {
            assert_eq!(check_distinct(&[first, b"P-X: 1", second]), Err(Error::DuplicateHeader));
            assert_eq!(check_distinct_from(second, &[b"P-X: 1\n", first, b"\n"].concat()), Err(Error::DuplicateHeader));
        }
        assert_eq!(check_distinct(&[b"s: a", b"k: b", b"q: c", b"S-X: d", b"Supporte: e"]), Ok(()));
        for (compact, _) in COMPACT {
            let forbidden = b"cefilmtv".contains(&compact);
            let expected = if forbidden { Err(Error::ForbiddenHeader) } else { Ok(()) };
            for letter in [compact, compact.to_ascii_uppercase()] {
                assert_eq!(check(&[letter, b':', b'1']), expected, "{}", compact as char);
            }
        }
    }
}
