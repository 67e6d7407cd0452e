// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a message ends in a stream (RFC 3261 18.3, 20.14), and what looks like one at all.

use ims_release::capture::MAX_MESSAGE;
use ims_release::message;
use memchr::memchr;

/// What a stream goes on with, and how many octets that takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// More octets are needed to tell.
    More,
    /// Line ends and NULs between messages: keep-alives (RFC 5626 4.4.1) or the habit of an editor.
    KeepAlive(usize),
    /// No message; up to where one may begin.
    Junk(usize),
    /// A message, sound or not.
    Message(usize),
    /// A message of which the rest is missing; up to where it can be known.
    CutOff(usize),
    /// A message longer than any that is read; its headers.
    TooLong(usize),
}

/// What `stream` begins with. `at_end`: nothing follows it. `in_step`: a message ends where it begins, so that it
/// begins with the next one, however little of that there is.
///
/// RFC 3261 20.14 demands a Content-Length on a stream, and a text file is one; but messages that came as datagrams are
/// often without. A message without one, or with one that cannot be read, goes on to where the next one begins: to a
/// first line behind which a header stands. A status line alone, as in the body of a NOTIFY (RFC 3515 2.4.5), begins
/// none, and where Content-Type says that the body is itself a message (`message/sip`, `message/sipfrag`) its first
/// line does not either. A body with more messages than that has to have its length.
pub fn step(stream: &[u8], at_end: bool, in_step: bool) -> Step {
    let idle = stream.iter().take_while(|b| matches!(b, b'\r' | b'\n' | 0)).count();
    if idle > 0 {
        return Step::KeepAlive(idle);
    }
    if stream.is_empty() {
        return Step::More;
    }
    let Some(line) = memchr(b'\n', stream) else {
        return match () {
            () if !at_end && stream.len() <= MAX_MESSAGE => Step::More,
            () if at_end && (begins_message(stream) || in_step && begins_with_token(stream)) => {
                Step::CutOff(stream.len())
            }
            () => Step::Junk(stream.len()),
        };
    };
    if !begins_message(&stream[..line]) {
        return Step::Junk(next_message(stream, line + 1).unwrap_or_else(|| whole_lines(stream, at_end)));
    }
    let mut at = line + 1;
    loop {
        let Some(end) = memchr(b'\n', &stream[at..]).map(|end| at + end) else {
            return match () {
                () if at > MAX_MESSAGE || stream.len() > 2 * MAX_MESSAGE => Step::TooLong(at),
                () if at_end => Step::CutOff(stream.len()),
                () => Step::More,
            };
        };
        match &stream[at..end] {
            b"" | b"\r" => return body(stream, end + 1, at_end),
            // The headers do not end: the next message begins.
            line if begins_message(line) => return Step::Message(at),
            _ => at = end + 1,
        }
    }
}

/// The step of a message with its headers up to `head`.
fn body(stream: &[u8], head: usize, at_end: bool) -> Step {
    if head > MAX_MESSAGE {
        return Step::TooLong(head);
    }
    let Body { length, is_message } = Body::told_by(&stream[..head]);
    match length {
        Some(length) if length > MAX_MESSAGE - head => Step::TooLong(head),
        Some(length) if head + length <= stream.len() => Step::Message(head + length),
        Some(_) if at_end => Step::CutOff(head),
        Some(_) => Step::More,
        None => match message_after(stream, head, is_message) {
            Some(next) => Step::Message(next),
            None if at_end => Step::Message(stream.len()),
            None if stream.len() - head > MAX_MESSAGE => Step::Message(head),
            None => Step::More,
        },
    }
}

/// What the headers of a message say of its body. They are looked through line by line: one that is wrong makes the
/// message one to be rejected, which ends where it would end otherwise.
struct Body {
    /// `None` where it is missing, cannot be read, or is told in two ways: the library says which when it reads the
    /// message.
    length: Option<usize>,
    is_message: bool,
}

impl Body {
    fn told_by(head: &[u8]) -> Self {
        let (mut lengths, mut is_message) = (Vec::new(), false);
        let mut at = head.iter().position(|b| *b == b'\n').map_or(head.len(), |end| end + 1);
        while let Some(length) = header_length(&head[at..]) {
            let header = &head[at..at + length];
            at += length;
            let Some(name) = header_name(header) else { continue };
            let value = header[name.len()..].trim_ascii_start().strip_prefix(b":").unwrap_or_default().trim_ascii();
            let is = |long: &[u8], compact: &[u8]| [long, compact].iter().any(|n| n.eq_ignore_ascii_case(name));
            if is(b"Content-Length", b"l") {
                lengths.push(decimal(value));
            } else if is(b"Content-Type", b"c") {
                is_message = value.get(..8).is_some_and(|begin| begin.eq_ignore_ascii_case(b"message/"));
            }
        }
        let first = lengths.first().copied().flatten();
        Self { length: first.filter(|_| lengths.iter().all(|length| *length == first)), is_message }
    }
}

/// Up to where a header goes with its folds; `None` at the end of the headers.
fn header_length(lines: &[u8]) -> Option<usize> {
    let mut end = memchr(b'\n', lines)? + 1;
    while let Some(b' ' | b'\t') = lines.get(end) {
        end += memchr(b'\n', &lines[end..])? + 1;
    }
    Some(end)
}

/// The name in a line that begins with one and a colon.
fn header_name(line: &[u8]) -> Option<&[u8]> {
    let name = line[..memchr(b':', line)?].trim_ascii_end();
    message::is_token(name).then_some(name)
}

/// RFC 3261 25.1: `1*DIGIT`. What no `usize` holds is longer than any message.
fn decimal(text: &[u8]) -> Option<usize> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    digits.then(|| text.iter().fold(0, |n: usize, d| n.saturating_mul(10).saturating_add(usize::from(d - b'0'))))
}

/// Where a message begins behind one without a length, of which the body, if there is one, begins at `head`.
fn message_after(stream: &[u8], head: usize, is_message: bool) -> Option<usize> {
    let mut at = head;
    while let Some(end) = memchr(b'\n', stream.get(at..)?).map(|end| at + end) {
        let of_body = is_message && at == head;
        if !of_body && begins_message(&stream[at..end]) {
            let behind = &stream[end + 1..];
            let behind = &behind[..memchr(b'\n', behind).unwrap_or(behind.len())];
            if header_name(behind).is_some() {
                return Some(at);
            }
        }
        at = end + 1;
    }
    None
}

/// The first line from `at` on that begins a message.
fn next_message(stream: &[u8], mut at: usize) -> Option<usize> {
    while let Some(end) = memchr(b'\n', stream.get(at..)?) {
        if begins_message(&stream[at..at + end]) {
            return Some(at);
        }
        at += end + 1;
    }
    None
}

/// Up to where the last line begins that may still go on.
fn whole_lines(stream: &[u8], at_end: bool) -> usize {
    let last = memchr::memrchr(b'\n', stream).map_or(0, |end| end + 1);
    if at_end || stream.len() - last > MAX_MESSAGE { stream.len() } else { last }
}

/// Whether the payload of a datagram looks like SIP, sound or not: its first line does.
pub fn looks_like_sip(payload: &[u8]) -> bool {
    let idle = payload.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let payload = &payload[idle..];
    begins_message(&payload[..memchr(b'\n', payload).unwrap_or(payload.len())])
}

/// Whether the rest of a message is missing.
pub fn is_cut_off(payload: &[u8]) -> bool {
    let idle = payload.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    matches!(step(&payload[idle..], true, true), Step::CutOff(_))
}

/// The one rule for what looks like SIP. A reply: the line begins with `SIP/` and a digit. A request: a token, a blank,
/// no colon, and later a word that begins with `SIP/` and a digit. So a line of another version or with a blank too
/// many still looks like SIP and is told to be wrong, and a Via line or a line of a body does not.
fn begins_message(line: &[u8]) -> bool {
    let version = |word: &[u8]| word.len() > 4 && word[..4].eq_ignore_ascii_case(b"SIP/") && word[4].is_ascii_digit();
    if version(line) {
        return true;
    }
    let mut words = line.split(|b| matches!(b, b' ' | b'\t' | b'\r')).filter(|word| !word.is_empty());
    let method = words.next().is_some_and(|method| line.starts_with(method) && message::is_token(method));
    let mut words = words.peekable();
    method && words.peek().is_some_and(|word| word[0] != b':') && words.any(version)
}

fn begins_with_token(line: &[u8]) -> bool {
    let end = memchr(b' ', line).unwrap_or(line.len());
    message::is_token(line[..end].strip_suffix(b"\r").unwrap_or(&line[..end])) || line.starts_with(b"SIP/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_sip() {
        for line in [
            "INVITE sip:a@b SIP/2.0",
            "INVITE  sip:a@b  SIP/2.0",
            "OPTIONS sip:a@b SIP/7.0",
            "OPTIONS sip:a@b; lr SIP/2.0 ",
            "SIP/2.0 200 OK",
            "sip/2.0 200 OK",
            "!x<y sip:a SIP/2.0 x".trim_start_matches("!x<y ").trim_start_matches("sip:a "),
        ] {
            assert!(begins_message(line.as_bytes()), "{line}");
        }
        for line in [
            "",
            "Via: SIP/2.0/UDP p",
            "Via : SIP/2.0/UDP p",
            " SIP/2.0 x",
            "GET / HTTP/1.1",
            "a=rtpmap:8 SIP",
            "<x> y SIP/2.0",
            "INVITE sip:a@b",
            "\u{0}\u{1}\u{0}\u{8} SIP/2.0",
        ] {
            assert!(!begins_message(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn steps() {
        let head = "BYE sip:a SIP/2.0\r\nl: 4\r\n\r\n";
        let message = format!("{head}bodyBYE sip:b SIP/2.0\r\n");
        let length = head.len() + 4;
        assert_eq!(step(message.as_bytes(), false, true), Step::Message(length));
        for end in 1..length {
            let part = &message.as_bytes()[..end];
            assert_eq!(step(part, false, true), Step::More, "{end}");
            assert!(matches!(step(part, true, true), Step::CutOff(_)), "{end}");
        }
        assert_eq!(step(b"\r\n\r\n\0\0\0\0BYE", false, true), Step::KeepAlive(8));
        assert_eq!(step(b"v=0\r\ns=x\r\nBYE sip:a SIP/2.0\r\n", false, false), Step::Junk(10));
        assert_eq!(step(b"v=0\r\ns=x", false, false), Step::Junk(5));
        assert_eq!(step(b"v=0\r\ns=x", true, false), Step::Junk(8));
    }

    #[test]
    fn without_a_length_the_next_message_ends_it() {
        for lines in ["", "l: x\r\n", "l: 1\r\nl: 2\r\n", "nonsense\r\n"] {
            let first = format!("BYE sip:a SIP/2.0\r\n{lines}\r\nbody\r\n");
            let both = format!("{first}SIP/2.0 200 OK\r\nVia: x\r\n");
            for end in 0..both.len() {
                let part = &both.as_bytes()[..end];
                let colon = first.len() + "SIP/2.0 200 OK\r\nVia".len();
                let expected = if end > colon { Step::Message(first.len()) } else { Step::More };
                assert_eq!(step(part, false, true), expected, "{end}");
            }
            assert_eq!(step(first.as_bytes(), true, true), Step::Message(first.len()));
        }
        let no_empty_line = "BYE sip:a SIP/2.0\r\nTo: x\r\nSIP/2.0 200 OK\r\n";
        assert_eq!(step(no_empty_line.as_bytes(), false, true), Step::Message(26));
    }

    #[test]
    fn without_a_length_a_status_line_in_the_body_ends_nothing() {
        let next = "BYE sip:b SIP/2.0\r\nVia: x\r\n\r\n";
        for body in [
            "\r\nSIP/2.0 200 OK",
            "\r\nSIP/2.0 200 OK\r\n",
            "\r\nSIP/2.0 200 OK\r\n\r\n",
            "\r\nSIP/2.0 200 OK\r\nsome text\r\n",
            "c: message/sipfrag;version=2.0\r\n\r\nSIP/2.0 200 OK\r\n",
            "c: message/sipfrag\r\n\r\nSIP/2.0 200 OK\r\nContact: <sip:c>\r\n",
            "Content-Type :\r\n MESSAGE/sip\r\n\r\nINVITE sip:a SIP/2.0\r\nVia: x\r\n\r\nv=0\r\n",
        ] {
            let first = format!("NOTIFY sip:a SIP/2.0\r\n{body}");
            assert_eq!(step(first.as_bytes(), true, true), Step::Message(first.len()), "{body}");
            if body.ends_with('\n') {
                assert_eq!(step(format!("{first}{next}").as_bytes(), true, true), Step::Message(first.len()), "{body}");
            }
        }
    }

    #[test]
    fn a_length_counts_beside_whatever_else_is_wrong() {
        for lines in [
            "nonsense\r\nContent-Length: 29\r\n",
            "l\t:\r\n 29\r\n: x\r\n",
            "content-length: 0000000000000000000000029\r\nl:29\r\nTo <sip:a>\r\n",
        ] {
            let head = format!("BYE sip:a SIP/2.0\r\n{lines}\r\n");
            let text = format!("{head}BYE sip:b SIP/2.0\r\nVia: x\r\n\r\n");
            assert_eq!(step(text.as_bytes(), true, true), Step::Message(head.len() + 29), "{lines}");
        }
        let long = "BYE sip:a SIP/2.0\r\nl: 99999999999999999999999999999999\r\n\r\n";
        assert_eq!(step(long.as_bytes(), true, true), Step::TooLong(long.len()));
    }
}
