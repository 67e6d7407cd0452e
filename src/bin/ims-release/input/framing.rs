// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a message ends in a stream (RFC 3261 18.3, 20.14), and what looks like one at all.

use ims_release::capture::MAX_MESSAGE;
use ims_release::message::{self, Message, Name};
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
/// A message without a Content-Length that can be read goes on to where the next one begins: on a stream RFC 3261
/// demands one, and in a text file it is easily left out.
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
    match content_length(&stream[..head]) {
        Some(length) if length > MAX_MESSAGE - head => Step::TooLong(head),
        Some(length) if head + length <= stream.len() => Step::Message(head + length),
        Some(_) if at_end => Step::CutOff(head),
        Some(_) => Step::More,
        None => match next_message(stream, head) {
            Some(next) => Step::Message(next),
            None if at_end => Step::Message(stream.len()),
            None if stream.len() - head > MAX_MESSAGE => Step::Message(head),
            None => Step::More,
        },
    }
}

/// `None` where it is missing or cannot be read: the library says which when it reads the message.
fn content_length(head: &[u8]) -> Option<usize> {
    let message = Message::parse(head).ok()?;
    let mut lengths = message.headers().filter(|header| header.name == Name::ContentLength).map(|header| {
        let digits = core::str::from_utf8(header.value).ok()?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
    });
    let first = lengths.next()??;
    lengths.all(|length| length == Some(first)).then_some(first)
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
            let both = format!("{first}SIP/2.0 200 OK\r\n");
            assert_eq!(step(both.as_bytes(), false, true), Step::Message(first.len()));
            assert_eq!(step(first.as_bytes(), false, true), Step::More);
            assert_eq!(step(first.as_bytes(), true, true), Step::Message(first.len()));
        }
        let no_empty_line = "BYE sip:a SIP/2.0\r\nTo: x\r\nSIP/2.0 200 OK\r\n";
        assert_eq!(step(no_empty_line.as_bytes(), false, true), Step::Message(26));
    }
}
