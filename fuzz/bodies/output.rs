// SPDX-License-Identifier: MIT OR Apache-2.0
//! What must hold for every BYE, whatever the messages were: one request whose lines are ours, with the identifiers of
//! its dialog, in which nothing of a message has made a line of its own.

use ims_release::capture;
use ims_release::capture::identity::is_icid;
use ims_release::message::{Message, StartLine, list, trim};

/// What a BYE is compared with.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    pub call_id: &'a [u8],
    pub from: &'a [u8],
    pub to: &'a [u8],
    pub from_tag: &'a [u8],
    pub to_tag: &'a [u8],
    pub cseq: u32,
}

/// Names of the lines that a BYE may have, each once.
const NAMES: [&[u8]; 10] = [
    b"Via",
    b"Route",
    b"Max-Forwards",
    b"Reason",
    b"Session-ID",
    b"P-Charging-Vector",
    b"From",
    b"To",
    b"Call-ID",
    b"CSeq",
];

/// The Request-URI and the Route entries.
pub fn check<'b>(bye: &'b [u8], expected: &Expected<'_>) -> (&'b [u8], Vec<&'b [u8]>) {
    let text = String::from_utf8_lossy(bye);
    let (headers, uri) = lines(bye);
    let mut names: Vec<&[u8]> = headers.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.pop(), Some(&b"Content-Length"[..]), "{text}");
    for (at, name) in names.iter().enumerate() {
        assert!(NAMES.contains(name) && !names[..at].contains(name), "a line that is not ours: {text}");
    }
    for (_, vector) in headers.iter().filter(|(name, _)| *name == b"P-Charging-Vector") {
        assert!(vector.strip_prefix(b"icid-value=").is_some_and(is_icid), "{text}");
    }

    let message = Message::parse(bye).expect("a BYE is a message");
    assert!(matches!(message.start, StartLine::Request { method: b"BYE", uri: read } if read == uri), "{text}");
    assert!(message.body().is_empty());
    let read = capture::read(bye).expect("a BYE can be captured");
    let (call_id, from, to) = (&*read.call_id, &*read.from, &*read.to);
    // The blanks around a value are not part of it.
    assert_eq!((call_id, from, to), (expected.call_id, trim(expected.from), trim(expected.to)), "{text}");
    assert_eq!((read.from_tag(), read.to_tag()), (expected.from_tag, expected.to_tag), "{text}");
    assert_eq!(read.cseq, expected.cseq, "{text}");
    let route = headers.iter().find(|(name, _)| *name == b"Route").map_or(&b""[..], |(_, value)| value);
    (uri, list::elements(route).map(|entry| entry.expect("a Route row can be split")).collect())
}

/// Name and value.
type Line<'b> = (&'b [u8], &'b [u8]);

/// The lines, and the Request-URI.
fn lines(bye: &[u8]) -> (Vec<Line<'_>>, &[u8]) {
    let text = String::from_utf8_lossy(bye);
    let mut rest = bye.strip_suffix(b"\r\n\r\n").expect("a BYE ends with an empty line");
    let mut lines = Vec::new();
    loop {
        let end = rest.windows(2).position(|w| w == b"\r\n");
        let line = &rest[..end.unwrap_or(rest.len())];
        assert!(!line.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)), "a line end or NUL in a line: {text}");
        lines.push(line);
        match end {
            Some(end) => rest = &rest[end + 2..],
            None => break,
        }
    }
    let first = lines.remove(0);
    let uri = first.strip_prefix(b"BYE ").and_then(|l| l.strip_suffix(b" SIP/2.0")).expect("a request line");
    assert!(!uri.is_empty() && !uri.iter().any(|b| matches!(b, b' ' | b'\t' | b'<' | b'>' | b'"')), "{text}");
    let split = |line: &'_ [u8]| line.windows(2).position(|w| w == b": ").expect("name and value");
    (lines.into_iter().map(|line| (&line[..split(line)], &line[split(line) + 2..])).collect(), uri)
}
