// SPDX-License-Identifier: MIT OR Apache-2.0
//! Further headers by local policy (TS 24.229 5.4.5.1.2): one line each, none that the library writes itself, none
//! that may not stand in a BYE.

use memchr::memchr;

use crate::error::Error;
use crate::message::{is_token, trim};
use crate::scan;

/// Written by the library, or by the host's transaction layer.
const OURS: [&[u8]; 19] = [
    b"Call-ID",
    b"i",
    b"From",
    b"f",
    b"To",
    b"t",
    b"CSeq",
    b"Via",
    b"v",
    b"Route",
    b"Max-Forwards",
    b"Content-Length",
    b"l",
    b"Reason",
    b"Session-ID",
    b"Content-Type",
    b"c",
    b"Content-Encoding",
    b"e",
];

/// Not allowed in a BYE, or not from the network: RFC 3261 Table 2, RFC 5502, RFC 7315 5.7, RFC 3325 9.2.
const NOT_IN_A_BYE: [&[u8]; 7] = [
    b"Contact",
    b"m",
    b"Record-Route",
    b"P-Served-User",
    b"P-Visited-Network-ID",
    b"P-Preferred-Identity",
    b"P-Called-Party-ID",
];

/// Checks one header, `Name: value`.
///
/// Errors: [`Error::BadHeader`] for what is not that on one line (CR, LF and NUL are refused),
/// [`Error::ForbiddenHeader`] for a name, long or compact, that the library writes itself or that may not stand in a
/// BYE.
pub fn check(header: &[u8]) -> Result<(), Error> {
    let colon = memchr(b':', header).ok_or(Error::BadHeader)?;
    let name = name_of(header);
    if !is_token(name) || scan::breaks_line(header) || trim(&header[colon + 1..]).is_empty() {
        return Err(Error::BadHeader);
    }
    if OURS.iter().chain(&NOT_IN_A_BYE).any(|n| n.eq_ignore_ascii_case(name)) {
        return Err(Error::ForbiddenHeader);
    }
    Ok(())
}

/// Refuses a name that stands twice: the headers a policy adds to a BYE are single (RFC 7315 4.6 for
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

fn name_of(header: &[u8]) -> &[u8] {
    trim(&header[..memchr(b':', header).unwrap_or(header.len())])
}
