// SPDX-License-Identifier: MIT OR Apache-2.0
//! A borrowed view of one SIP message (RFC 3261 7): start line and headers, cut but not interpreted, nothing copied.

pub mod list;
pub mod name_addr;
#[cfg(test)]
mod shortcuts;
pub mod uri;
pub(crate) mod via;

use std::borrow::Cow;

use memchr::{memchr, memchr2};

/// A message whose framing and start line are sound.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Method and Request-URI, or the status code.
    pub start: StartLine<'a>,
    bytes: &'a [u8],
    headers: usize,
    body: usize,
}

/// The first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartLine<'a> {
    /// A request.
    Request {
        /// Case-sensitive (RFC 3261 7.1).
        method: &'a [u8],
        /// The Request-URI as written.
        uri: &'a [u8],
    },
    /// A reply.
    Reply {
        /// From 100 to 699.
        code: u16,
    },
}

/// Where and why bytes are not a SIP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong.
    pub fault: Fault,
    /// Offset of the line that is wrong.
    pub offset: usize,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The first line is neither a request line nor a status line of SIP/2.0.
    StartLine,
    /// A header line without a name and a colon.
    HeaderLine,
    /// No empty line ends the headers.
    EndOfHeaders,
}

/// The headers that the library reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// Call-ID, i
    CallId,
    /// From, f
    From,
    /// To, t
    To,
    /// CSeq
    CSeq,
    /// Via, v
    Via,
    /// Contact, m
    Contact,
    /// Record-Route
    RecordRoute,
    /// Route
    Route,
    /// Content-Length, l
    ContentLength,
    /// RSeq (RFC 3262): marks a reliable provisional reply
    RSeq,
    /// Session-ID (RFC 7989)
    SessionId,
    /// Session-Expires, x (RFC 4028)
    SessionExpires,
    /// Supported, k
    Supported,
    /// P-Asserted-Identity (RFC 3325)
    AssertedIdentity,
    /// P-Served-User (RFC 5502)
    ServedUser,
    /// P-Charging-Vector (RFC 7315)
    ChargingVector,
    /// Any other header
    Other,
}

/// One header field of a message.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// Which header.
    pub name: Name,
    /// The name as written.
    pub written: &'a [u8],
    /// The value without outer blanks; folds inside are kept, see [`unfold`].
    pub value: &'a [u8],
    /// Offset of the line in the message.
    pub offset: usize,
}

impl<'a> Message<'a> {
    /// Finds start line, headers and body. Line ends may be CRLF or bare LF; empty lines before the message are
    /// skipped (RFC 3261 7.5).
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        Self::parse_with(bytes, |_| ())
    }

    /// The same, with each of the headers that the library reads given to `visit` on the way.
    #[inline]
    pub(crate) fn parse_with(bytes: &'a [u8], mut visit: impl FnMut(Header<'a>)) -> Result<Self, Malformed> {
        let skipped = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let (line, headers) = line_at(bytes, skipped).ok_or(Malformed { fault: Fault::StartLine, offset: skipped })?;
        let start = start_line(line).ok_or(Malformed { fault: Fault::StartLine, offset: skipped })?;
        let mut at = headers;
        loop {
            match line_from(bytes, at)? {
                Line::Empty { next } => return Ok(Self { start, bytes, headers, body: next }),
                Line::Header { name_end, colon, next } => {
                    let written = &bytes[at..name_end];
                    let name = name(written);
                    if name != Name::Other {
                        visit(Header { name, written, value: value_of(&bytes[colon + 1..next]), offset: at });
                    }
                    at = next;
                }
            }
        }
    }

    /// The headers in order.
    pub fn headers(&self) -> impl Iterator<Item = Header<'a>> + use<'a> {
        let bytes = self.bytes;
        let mut at = self.headers;
        core::iter::from_fn(move || match line_from(bytes, at) {
            Ok(Line::Header { name_end, colon, next }) => {
                let (offset, written) = (at, &bytes[at..name_end]);
                at = next;
                Some(Header { name: name(written), written, value: value_of(&bytes[colon + 1..next]), offset })
            }
            _ => None,
        })
    }

    /// What follows the empty line.
    pub fn body(&self) -> &'a [u8] {
        &self.bytes[self.body..]
    }
}

/// The line at `at` without its line end, and where the next begins; `None` when no line end follows.
fn line_at(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let end = at + memchr(b'\n', bytes.get(at..)?)?;
    let line = &bytes[at..end];
    Some((line.strip_suffix(b"\r").unwrap_or(line), end + 1))
}

fn start_line(line: &[u8]) -> Option<StartLine<'_>> {
    let (first, rest) = line.split_at(line.iter().position(|b| *b == b' ')?);
    let rest = &rest[1..];
    let second = memchr(b' ', rest).unwrap_or(rest.len());
    if first.eq_ignore_ascii_case(b"SIP/2.0") {
        let &[a @ b'1'..=b'6', b @ b'0'..=b'9', c @ b'0'..=b'9'] = &rest[..second] else { return None };
        let code = [a, b, c].iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
        return Some(StartLine::Reply { code });
    }
    let (uri, version) = (&rest[..second], rest.get(second + 1..)?);
    (is_token(first) && version.eq_ignore_ascii_case(b"SIP/2.0") && !uri.is_empty() && uri[0] != b'<')
        .then_some(StartLine::Request { method: first, uri })
}

/// What stands behind the start line, by offsets.
enum Line {
    /// The end of the headers.
    Empty { next: usize },
    /// A header, folds included; `next` is behind its line end.
    Header { name_end: usize, colon: usize, next: usize },
}

/// The value of a header, of which `text` is what follows the colon. An empty one stands before its line end.
#[inline]
fn value_of(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    trim_folded(text.strip_suffix(b"\r").unwrap_or(text))
}

/// What begins at `at`. A header begins with a token and a colon; blanks may stand between (RFC 3261 25.1, HCOLON).
#[inline]
fn line_from(bytes: &[u8], at: usize) -> Result<Line, Malformed> {
    let line = bytes.get(at..).unwrap_or_default();
    match line {
        [b'\n', ..] => return Ok(Line::Empty { next: at + 1 }),
        [b'\r', b'\n', ..] => return Ok(Line::Empty { next: at + 2 }),
        _ => {}
    }
    let name = line.iter().position(|b| !TOKEN[usize::from(*b)]).unwrap_or(line.len());
    let mut colon = name;
    while let Some(b' ' | b'\t') = line.get(colon) {
        colon += 1;
    }
    let no_end = |offset: usize| Malformed { fault: Fault::EndOfHeaders, offset: at + offset };
    let mut end = memchr(b'\n', &line[colon..]).ok_or(no_end(0))? + colon;
    if name == 0 || line[colon] != b':' {
        return Err(Malformed { fault: Fault::HeaderLine, offset: at });
    }
    while let Some(b' ' | b'\t') = line.get(end + 1) {
        let fold = end + 1;
        end = memchr(b'\n', &line[fold..]).ok_or(no_end(fold))? + fold;
    }
    Ok(Line::Header { name_end: at + name, colon: at + colon, next: at + end + 1 })
}

fn name(written: &[u8]) -> Name {
    // As they are written nearly always: then one comparison of a few words tells.
    match written {
        b"Call-ID" => return Name::CallId,
        b"From" => return Name::From,
        b"To" => return Name::To,
        b"CSeq" => return Name::CSeq,
        b"Via" => return Name::Via,
        b"Contact" => return Name::Contact,
        b"Record-Route" => return Name::RecordRoute,
        b"Route" => return Name::Route,
        b"Content-Length" => return Name::ContentLength,
        _ => {}
    }
    // By length: most other headers are none of these.
    let names: &[(&[u8], Name)] = match written {
        [letter] => {
            return match letter.to_ascii_lowercase() {
                b'i' => Name::CallId,
                b'f' => Name::From,
                b't' => Name::To,
                b'v' => Name::Via,
                b'm' => Name::Contact,
                b'l' => Name::ContentLength,
                b'x' => Name::SessionExpires,
                b'k' => Name::Supported,
                _ => Name::Other,
            };
        }
        [_, _] => &[(b"to", Name::To)],
        [_, _, _] => &[(b"via", Name::Via)],
        [_, _, _, _] => &[(b"from", Name::From), (b"cseq", Name::CSeq), (b"rseq", Name::RSeq)],
        _ => match written.len() {
            5 => &[(b"route", Name::Route)],
            7 => &[(b"call-id", Name::CallId), (b"contact", Name::Contact)],
            9 => &[(b"supported", Name::Supported)],
            10 => &[(b"session-id", Name::SessionId)],
            12 => &[(b"record-route", Name::RecordRoute)],
            13 => &[(b"p-served-user", Name::ServedUser)],
            14 => &[(b"content-length", Name::ContentLength)],
            15 => &[(b"session-expires", Name::SessionExpires)],
            17 => &[(b"p-charging-vector", Name::ChargingVector)],
            19 => &[(b"p-asserted-identity", Name::AssertedIdentity)],
            _ => &[],
        },
    };
    names.iter().find(|(long, _)| written.eq_ignore_ascii_case(long)).map_or(Name::Other, |(_, name)| *name)
}

/// The value with each fold (RFC 3261 7.3.1: blanks, line end, blanks) as one blank.
pub fn unfold(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr2(b'\r', b'\n', value).is_none() {
        return Cow::Borrowed(value);
    }
    let mut text = Vec::with_capacity(value.len());
    let last = value.iter().filter(|b| **b == b'\n').count();
    for (index, line) in value.split(|b| *b == b'\n').enumerate() {
        // The CR of a CRLF; behind the last line there is none.
        let line = trim(line.strip_suffix(b"\r").filter(|_| index < last).unwrap_or(line));
        if index > 0 && !line.is_empty() {
            text.push(b' ');
        }
        text.extend_from_slice(line);
    }
    Cow::Owned(text)
}

/// Without blanks and tabs at both ends.
pub fn trim(text: &[u8]) -> &[u8] {
    let mut text = text;
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// Without blanks and tabs at the end.
pub(crate) fn trim_end(text: &[u8]) -> &[u8] {
    let mut text = text;
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// Without blanks, tabs and line ends at both ends. A CR alone ends no line, and stays.
pub(crate) fn trim_folded(text: &[u8]) -> &[u8] {
    let mut text = trim(text);
    while let Some(rest) = text.strip_prefix(b"\n").or_else(|| text.strip_prefix(b"\r\n")) {
        text = trim(rest);
    }
    while let Some(rest) = text.strip_suffix(b"\n") {
        text = trim(rest.strip_suffix(b"\r").unwrap_or(rest));
    }
    text
}

/// Offset behind the quoted string that begins at `open`; `None` when it is not closed.
pub(crate) fn quoted_end(text: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// RFC 3261 25.1 token.
#[inline]
pub fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|b| TOKEN[usize::from(*b)])
}

/// A table of the octets that are alphanumeric or one of `others`.
pub(crate) const fn alphanumeric_or(others: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut octet = 0;
    while octet < table.len() {
        table[octet] = (octet as u8).is_ascii_alphanumeric();
        octet += 1;
    }
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
}

static TOKEN: [bool; 256] = alphanumeric_or(b"-.!%*_+`'~");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_folded_and_odd_names() {
        let message = Message::parse(
            b"\r\nBYE sip:b SIP/2.0\r\nf : \"A\"\r\n\t<sip:a@b>;tag=1\r\nCALL-id:x \nX-Y: 1\r\n\r\nbody",
        )
        .unwrap();
        assert_eq!(message.start, StartLine::Request { method: b"BYE", uri: b"sip:b" });
        let headers: Vec<_> = message.headers().collect();
        assert_eq!(headers.len(), 3);
        assert_eq!((headers[0].name, &*unfold(headers[0].value)), (Name::From, &b"\"A\" <sip:a@b>;tag=1"[..]));
        assert_eq!((headers[1].name, headers[1].value), (Name::CallId, &b"x"[..]));
        assert_eq!(headers[2].name, Name::Other);
        assert_eq!(message.body(), b"body");
    }

    #[test]
    fn broken_messages_are_refused_with_the_line() {
        let fault = |bytes: &[u8]| Message::parse(bytes).unwrap_err();
        assert_eq!(fault(b"BYE sip:b SIP/3.0\r\n\r\n").fault, Fault::StartLine);
        assert_eq!(fault(b"BYE  sip:b SIP/2.0\r\n\r\n").fault, Fault::StartLine);
        assert_eq!(fault(b"SIP/2.0 99 x\r\n\r\n").fault, Fault::StartLine);
        assert_eq!(fault(b"BYE sip:b SIP/2.0\r\nFrom\r\n\r\n"), Malformed { fault: Fault::HeaderLine, offset: 19 });
        assert_eq!(fault(b"BYE sip:b SIP/2.0\r\nFrom: a\r\n").fault, Fault::EndOfHeaders);
        assert_eq!(fault(b"").fault, Fault::StartLine);
    }
}
