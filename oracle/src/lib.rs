// SPDX-License-Identifier: MIT OR Apache-2.0
//! Shows a BYE to two independent SIP parsers (sofia-sip, libosip2), both from Debian, and returns what they read.
//!
//! For tests only. [`check`] is what a test wants: both parsers must accept the BYE and read from it what the dialog
//! holds. Neither says anything about byte-exact values, which the tests compare themselves.

mod foreign;

use std::borrow::Cow;
use std::fmt::Write as _;

/// What one parser read. Octets that are not UTF-8 show as U+FFFD.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The method of the request line.
    pub method: Option<String>,
    /// The Request-URI.
    pub request_uri: Option<String>,
    /// From, as the parser prints it.
    pub from: Option<String>,
    /// The tag in From.
    pub from_tag: Option<String>,
    /// To, as the parser prints it.
    pub to: Option<String>,
    /// The tag in To.
    pub to_tag: Option<String>,
    /// Call-ID.
    pub call_id: Option<String>,
    /// The number in CSeq.
    pub cseq: Option<String>,
    /// The method in CSeq.
    pub cseq_method: Option<String>,
    /// The URIs of all Route entries in order.
    pub routes: Vec<String>,
    /// The values of all Reason headers in order.
    pub reasons: Vec<String>,
    /// Max-Forwards.
    pub max_forwards: Option<String>,
    /// Content-Length.
    pub content_length: Option<String>,
    /// Why the parser does not accept the message; what it read nevertheless is in the other fields.
    pub refused: Option<String>,
}

/// What both parsers read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readings {
    /// sofia-sip, with its sip_sanity_check().
    pub sofia: Reading,
    /// libosip2. It checks neither the range of CSeq nor its method.
    pub osip: Reading,
}

/// What a BYE must say, as the dialog and the plan have it.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The Request-URI.
    pub request_uri: &'a str,
    /// Call-ID of the dialog.
    pub call_id: &'a str,
    /// The tag in From, where it has one (RFC 2543 peers send none).
    pub from_tag: Option<&'a str>,
    /// The tag in To, where it has one.
    pub to_tag: Option<&'a str>,
    /// The number in CSeq.
    pub cseq: u32,
    /// The entries of Route in order, each as in the header or as a bare URI.
    pub routes: &'a [&'a str],
}

/// Shows the message to both parsers. They need a Via, so one is put into a message that has none.
pub fn read(message: &[u8]) -> Readings {
    let message = with_via(message);
    Readings { sofia: foreign::sofia(&message), osip: foreign::osip(&message) }
}

/// Panics with both readings unless both parsers accept the BYE, read the expected values from it, and agree on its
/// Reason values, Max-Forwards and body length.
#[track_caller]
pub fn check(bye: &[u8], expected: &Expected<'_>) {
    let readings = read(bye);
    let mut wrong = String::new();
    compare("sofia-sip", &readings.sofia, expected, |read, expected| read == expected, &mut wrong);
    compare("libosip2", &readings.osip, expected, allow_osip_escapes, &mut wrong);
    let (sofia, osip) = (&readings.sofia, &readings.osip);
    let count = |reading: &Reading| Some(reading.reasons.len().to_string());
    for (what, left, right) in [
        ("number of Reasons", count(sofia), count(osip)),
        ("Max-Forwards", sofia.max_forwards.clone(), osip.max_forwards.clone()),
        ("Content-Length", sofia.content_length.clone(), osip.content_length.clone()),
    ] {
        if left != right || left.is_none() {
            _ = writeln!(wrong, "  {what}: sofia-sip reads {left:?}, libosip2 {right:?}");
        }
    }
    if !wrong.is_empty() {
        panic!("the parsers do not read this BYE as it is meant:\n{wrong}{}", String::from_utf8_lossy(bye));
    }
}

/// Whether a URI that a parser prints is the expected one.
type SameUri = fn(read: &str, expected: &str) -> bool;

/// A limit of libosip2: it undoes the escapes of a URI and makes its own when it prints one (`x="a,b"` becomes
/// `x=%22a%2Cb%22`). The URIs are the same when they are so without escapes.
fn allow_osip_escapes(read: &str, expected: &str) -> bool {
    unescaped(read) == unescaped(expected)
}

fn unescaped(uri: &str) -> Vec<u8> {
    let mut octets = Vec::with_capacity(uri.len());
    let mut rest = uri.as_bytes();
    while let [first, behind @ ..] = rest {
        let escape = behind.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(octet) => {
                octets.push(octet);
                rest = &behind[2..];
            }
            None => {
                octets.push(*first);
                rest = behind;
            }
        }
    }
    octets
}

fn compare(name: &str, reading: &Reading, expected: &Expected<'_>, same_uri: SameUri, wrong: &mut String) {
    if let Some(why) = &reading.refused {
        _ = writeln!(wrong, "  {name} refuses it: {why}");
    }
    let cseq = expected.cseq.to_string();
    for (what, read, expected) in [
        ("method", &reading.method, Some("BYE")),
        ("Call-ID", &reading.call_id, Some(expected.call_id)),
        ("From tag", &reading.from_tag, expected.from_tag),
        ("To tag", &reading.to_tag, expected.to_tag),
        ("CSeq number", &reading.cseq, Some(&*cseq)),
        ("CSeq method", &reading.cseq_method, Some("BYE")),
    ] {
        if read.as_deref() != expected {
            _ = writeln!(wrong, "  {name} reads {what} {read:?}, expected {expected:?}");
        }
    }
    if !reading.request_uri.as_ref().is_some_and(|read| same_uri(read, expected.request_uri)) {
        _ = writeln!(
            wrong,
            "  {name} reads Request-URI {:?}, expected {:?}",
            reading.request_uri, expected.request_uri
        );
    }
    let routes: Vec<&str> = expected.routes.iter().map(|entry| uri_of(entry)).collect();
    let same_routes = reading.routes.len() == routes.len()
        && reading.routes.iter().zip(&routes).all(|(read, expected)| same_uri(read, expected));
    if !same_routes {
        _ = writeln!(wrong, "  {name} reads Route {:?}, expected {routes:?}", reading.routes);
    }
}

/// The URI of a Route entry: between the angle brackets behind the display name, else the entry.
fn uri_of(entry: &str) -> &str {
    let (mut quoted, mut escaped) = (false, false);
    for (at, octet) in entry.bytes().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'<' if !quoted => return entry[at + 1..].split('>').next().unwrap_or_default(),
            _ => (),
        }
    }
    entry
}

fn with_via(message: &[u8]) -> Cow<'_, [u8]> {
    let text = message.to_ascii_lowercase();
    let header = |name: &[u8]| text.windows(name.len()).any(|window| window == name);
    let line_end = message.windows(2).position(|pair| pair == b"\r\n");
    match line_end {
        Some(at) if !header(b"\r\nvia:") && !header(b"\r\nv:") => {
            let via: &[u8] = b"\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKoracle";
            Cow::Owned([&message[..at], via, &message[at..]].concat())
        }
        _ => Cow::Borrowed(message),
    }
}
