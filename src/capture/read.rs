// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is taken from one message. Nothing is copied unless a value is folded.
//!
//! A message is refused for its start line, its framing, or a Call-ID, From, To or CSeq that is missing, doubled
//! (RFC 4475 3.3.8) or unreadable. A Contact or Record-Route that cannot be used is no reason: it shows when a BYE that
//! needs it is built. Octets above 127 are kept as they are, whatever alphabet they are of.

use core::fmt;
use std::borrow::Cow;

use memchr::memchr3;

use crate::cseq;
use crate::message::{self, Header, Message, Name, StartLine, name_addr, trim, trim_folded, unfold, via};
use crate::scan;

/// Longest message that is read. A UDP datagram cannot be longer, and no SIP signalling over TCP is.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// The parts of a message that matter for a dialog. Values are the bytes received, each fold one blank.
#[derive(Clone, Debug)]
pub struct Captured<'a> {
    /// Method and Request-URI, or the status code.
    pub start: StartLine<'a>,
    /// Call-ID.
    pub call_id: Cow<'a, [u8]>,
    /// The whole From value.
    pub from: Cow<'a, [u8]>,
    /// The whole To value.
    pub to: Cow<'a, [u8]>,
    from_tag: (usize, usize),
    to_tag: (usize, usize),
    /// The number in CSeq.
    pub cseq: u32,
    /// The method in CSeq; of a request also that of its first line.
    pub method: &'a [u8],
    /// The whole Contact value; `None` without one, empty where it cannot be a remote target (several rows, a control
    /// character). `*`, a list, `tel:` and whatever else is not one SIP or SIPS URI is kept, and is no remote target
    /// when a BYE is built: it marks its leg.
    pub contact: Option<Cow<'a, [u8]>>,
    /// The Record-Route rows, each but the last with a line feed behind it (no value holds one). Rows and comma lists
    /// are the same list (RFC 3261 7.3.1).
    pub record_route: Cow<'a, [u8]>,
    /// The Route rows, in the same way.
    pub route: Cow<'a, [u8]>,
    /// Whether a provisional reply is reliable (RSeq, RFC 3262).
    pub reliable: bool,
    /// The sender's UUID of Session-ID (RFC 7989); empty where there is none.
    pub session_id: &'a [u8],
    /// The session interval of Session-Expires (RFC 4028), in seconds; 0 where there is none that can be read.
    pub session_interval: usize,
    /// Whether the sender knows session timers: it supports `timer`, or has written a Session-Expires.
    pub knows_timers: bool,
    /// The P-Asserted-Identity rows, divided as those of Record-Route; a row that no line may hold is left out.
    pub asserted_identity: Cow<'a, [u8]>,
    /// The P-Served-User value; empty without one.
    pub served_user: Cow<'a, [u8]>,
    /// The P-Charging-Vector value; empty without one. There is at most one (RFC 7315 4.6): of several the first counts.
    pub charging_vector: Cow<'a, [u8]>,
    /// The branch of the topmost Via: it says to which request a reply belongs, and to which pass of an INVITE
    /// (RFC 3261 17.1.3, 17.2.3). Empty where there is none: such a reply may belong to any.
    pub branch: Cow<'a, [u8]>,
    /// How it came, see [`crate::flow::Flow`]; empty where that was not told. It does not stand in the message.
    pub flow: &'a [u8],
}

impl Captured<'_> {
    /// The tag of From; empty for an RFC 2543 peer.
    pub fn from_tag(&self) -> &[u8] {
        &self.from[self.from_tag.0..self.from_tag.1]
    }

    /// The tag of To; empty where there is none yet.
    pub fn to_tag(&self) -> &[u8] {
        &self.to[self.to_tag.0..self.to_tag.1]
    }

    pub(super) fn calling_tag_at(&self) -> (usize, usize) {
        self.from_tag
    }

    pub(super) fn called_tag_at(&self) -> (usize, usize) {
        self.to_tag
    }
}

/// Why a message was refused, and where. It changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Refused {
    /// What is wrong.
    pub fault: Fault,
    /// Offset of the line that is wrong; 0 where a header is missing.
    pub offset: usize,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The first line is neither a request line nor a status line of SIP/2.0.
    StartLine,
    /// A header line without a name and a colon.
    HeaderLine,
    /// No empty line ends the headers.
    EndOfHeaders,
    /// Content-Length is no number, is given with two values, or is more than what follows the headers.
    ContentLength,
    /// The method in CSeq is not that of the request line (they are compared with case).
    MethodMismatch,
    /// A header without which no dialog is known.
    Header(Field, Problem),
    /// The message is longer than 64 KiB, or what it adds makes the stored information longer than 16 KiB.
    TooLarge,
}

/// The headers that name a dialog and a request within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// Call-ID
    CallId,
    /// From
    From,
    /// To
    To,
    /// CSeq
    CSeq,
}

/// What is wrong with one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Problem {
    /// It is not there.
    Missing,
    /// It is there twice.
    Doubled,
    /// Its value does not follow its grammar.
    Unreadable,
}

impl Fault {
    /// What is wrong, in one line.
    pub const fn text(self) -> &'static str {
        match self {
            Self::StartLine => "Start line: neither a request line nor a status line of SIP/2.0",
            Self::HeaderLine => "Header line: no name and colon",
            Self::EndOfHeaders => "Headers: no empty line ends them",
            Self::ContentLength => "Content-Length: not one number, or more than what follows the headers",
            Self::MethodMismatch => "CSeq: its method is not that of the request line",
            Self::TooLarge => "Message: longer than 65536 bytes, or too much to keep in 16384 bytes",
            Self::Header(Field::CallId, Problem::Missing) => "Call-ID: missing",
            Self::Header(Field::CallId, Problem::Doubled) => "Call-ID: given twice",
            Self::Header(Field::CallId, Problem::Unreadable) => "Call-ID: empty, or holds a blank or control character",
            Self::Header(Field::From, Problem::Missing) => "From: missing",
            Self::Header(Field::From, Problem::Doubled) => "From: given twice",
            Self::Header(Field::From, Problem::Unreadable) => {
                "From: not one name-addr or addr-spec, or its tag is no word"
            }
            Self::Header(Field::To, Problem::Missing) => "To: missing",
            Self::Header(Field::To, Problem::Doubled) => "To: given twice",
            Self::Header(Field::To, Problem::Unreadable) => "To: not one name-addr or addr-spec, or its tag is no word",
            Self::Header(Field::CSeq, Problem::Missing) => "CSeq: missing",
            Self::Header(Field::CSeq, Problem::Doubled) => "CSeq: given twice",
            Self::Header(Field::CSeq, Problem::Unreadable) => "CSeq: not a number up to 4294967295 and a method",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (offset {})", self.fault.text(), self.offset)
    }
}

impl std::error::Error for Refused {}

/// Reads one message.
pub fn read(bytes: &[u8]) -> Result<Captured<'_>, Refused> {
    if bytes.len() > MAX_MESSAGE {
        return Err(Refused { fault: Fault::TooLarge, offset: MAX_MESSAGE });
    }
    let mut single = Singles::default();
    let mut contact = None;
    let mut record_route: Cow<'_, [u8]> = Cow::Borrowed(b"");
    let mut route: Cow<'_, [u8]> = Cow::Borrowed(b"");
    let mut asserted_identity: Cow<'_, [u8]> = Cow::Borrowed(b"");
    let mut served_user: Cow<'_, [u8]> = Cow::Borrowed(b"");
    let mut charging_vector: Cow<'_, [u8]> = Cow::Borrowed(b"");
    let mut reliable = false;
    let mut session_id = &b""[..];
    let mut session_interval = 0;
    let mut knows_timers = false;
    let mut content_length = None;
    let mut topmost_via = None;
    let mut refused = None;
    // A message that cannot be cut is refused for that, whatever its headers say.
    let message = Message::parse_with(bytes, |header| {
        let taken = match header.name {
            Name::CallId => Singles::set(&mut single.call_id, header, Field::CallId),
            Name::From => Singles::set(&mut single.from, header, Field::From),
            Name::To => Singles::set(&mut single.to, header, Field::To),
            Name::CSeq => Singles::set(&mut single.cseq, header, Field::CSeq),
            Name::ContentLength => set_length(&mut content_length, header),
            Name::Contact => {
                // Several rows are several values: no remote target (RFC 3261 8.1.1.8).
                let several = contact.is_some();
                contact = Some(one_line(header.value).filter(|_| !several).unwrap_or_default());
                Ok(())
            }
            Name::RecordRoute | Name::Route => {
                let rows = if header.name == Name::Route { &mut route } else { &mut record_route };
                add_row(rows, one_line(header.value).unwrap_or_else(|| marked(header.value)));
                Ok(())
            }
            Name::AssertedIdentity => {
                add_row(&mut asserted_identity, one_line(header.value).unwrap_or_default());
                Ok(())
            }
            Name::ServedUser | Name::ChargingVector => {
                let place = if header.name == Name::ServedUser { &mut served_user } else { &mut charging_vector };
                if place.is_empty() {
                    *place = one_line(header.value).unwrap_or_default();
                }
                Ok(())
            }
            Name::RSeq => {
                reliable = true;
                Ok(())
            }
            Name::SessionId => {
                session_id = uuid(header.value);
                Ok(())
            }
            Name::SessionExpires => {
                session_interval = interval(header.value);
                knows_timers = true;
                Ok(())
            }
            Name::Supported => {
                knows_timers |= header.value.split(|b| *b == b',').any(is_timer);
                Ok(())
            }
            Name::Via => {
                topmost_via = topmost_via.or(Some(header.value));
                Ok(())
            }
            Name::Other => Ok(()),
        };
        refused = refused.or(taken.err());
    })
    .map_err(|malformed| Refused {
        fault: match malformed.fault {
            message::Fault::StartLine => Fault::StartLine,
            message::Fault::HeaderLine => Fault::HeaderLine,
            message::Fault::EndOfHeaders => Fault::EndOfHeaders,
        },
        offset: malformed.offset,
    })?;
    // How much follows the headers is known now; the first fault in the message is told.
    if let Some((_, offset)) = content_length.filter(|(length, _)| *length > message.body().len())
        && refused.is_none_or(|other: Refused| offset < other.offset)
    {
        refused = Some(Refused { fault: Fault::ContentLength, offset });
    }
    if let Some(refused) = refused {
        return Err(refused);
    }
    let call_id = Singles::get(single.call_id, Field::CallId, |value| {
        let broken = value.is_empty() || scan::any(value, |b| (b <= b' ') | (b == 0x7f));
        (!broken).then_some(())
    })?;
    let from = Singles::get(single.from, Field::From, tag_at)?;
    let to = Singles::get(single.to, Field::To, tag_at)?;
    let cseq_header = single.cseq.ok_or(Refused { fault: missing(Field::CSeq), offset: 0 })?;
    // Number and method stand on one line; a fold between them leaves both readable.
    let cseq = read_cseq(cseq_header.value)
        .ok_or(Refused { fault: Fault::Header(Field::CSeq, Problem::Unreadable), offset: cseq_header.offset })?;
    if let StartLine::Request { method, .. } = message.start
        && method != cseq.method
    {
        return Err(Refused { fault: Fault::MethodMismatch, offset: cseq_header.offset });
    }
    Ok(Captured {
        start: message.start,
        call_id: call_id.0,
        from: from.0,
        to: to.0,
        from_tag: from.1,
        to_tag: to.1,
        cseq: cseq.number,
        method: cseq.method,
        contact,
        record_route,
        route,
        reliable,
        session_id,
        session_interval,
        knows_timers,
        asserted_identity,
        served_user,
        charging_vector,
        branch: topmost_via.map_or(Cow::Borrowed(b""), via::branch),
        flow: b"",
    })
}

/// Adds a row of a list header to those before it.
fn add_row<'a>(rows: &mut Cow<'a, [u8]>, row: Cow<'a, [u8]>) {
    if rows.is_empty() {
        *rows = row;
    } else if !row.is_empty() {
        rows.to_mut().push(b'\n');
        rows.to_mut().extend_from_slice(&row);
    }
}

/// The length and where it is given first; a second one must be the same. More octets than it tells are not of this
/// message (RFC 3261 18.3), fewer are a message cut off.
fn set_length(place: &mut Option<(usize, usize)>, header: Header<'_>) -> Result<(), Refused> {
    let refused = Refused { fault: Fault::ContentLength, offset: header.offset };
    let length = decimal(header.value).ok_or(refused)?;
    match *place {
        Some((known, _)) if known != length => Err(refused),
        Some(_) => Ok(()),
        None => {
            *place = Some((length, header.offset));
            Ok(())
        }
    }
}

fn missing(field: Field) -> Fault {
    Fault::Header(field, Problem::Missing)
}

/// The headers of which there is exactly one.
#[derive(Default)]
struct Singles<'a> {
    call_id: Option<Header<'a>>,
    from: Option<Header<'a>>,
    to: Option<Header<'a>>,
    cseq: Option<Header<'a>>,
}

impl<'a> Singles<'a> {
    fn set(place: &mut Option<Header<'a>>, header: Header<'a>, field: Field) -> Result<(), Refused> {
        match place.replace(header) {
            None => Ok(()),
            Some(_) => Err(Refused { fault: Fault::Header(field, Problem::Doubled), offset: header.offset }),
        }
    }

    /// The value, unfolded, with what `check` finds in it. A NUL or a CR that ends no line would break the BYE that
    /// carries the value.
    fn get<T>(
        place: Option<Header<'a>>,
        field: Field,
        check: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<(Cow<'a, [u8]>, T), Refused> {
        let header = place.ok_or(Refused { fault: missing(field), offset: 0 })?;
        let value = one_line(header.value);
        let found = value.as_deref().and_then(check);
        let found = found.ok_or(Refused { fault: Fault::Header(field, Problem::Unreadable), offset: header.offset })?;
        Ok((value.unwrap_or_default(), found))
    }
}

/// Where the tag of a From or To value is; an empty range without one; `None` when the value cannot be read, or its tag
/// is no word: no dialog can be told by it. `;tag` without `=` could be some parameter, but others take it for a tag.
fn tag_at(value: &[u8]) -> Option<(usize, usize)> {
    if let Some(tag) = name_addr::plain_tag(value) {
        return Some((tag.start, tag.end));
    }
    let cut = name_addr::parse(value)?;
    match name_addr::tag(value, &cut) {
        Some(tag) => name_addr::is_word(&value[tag.start..tag.end]).then_some((tag.start, tag.end)),
        None => Some((0, 0)),
    }
}

fn read_cseq(value: &[u8]) -> Option<cseq::CSeq<'_>> {
    // RFC 3261 7.3.1: a fold is a blank, so the line end may stand where the blank does.
    let value = trim(value);
    if !scan::breaks_line(value) {
        return cseq::parse(value);
    }
    let digits = value.iter().position(|b| !b.is_ascii_digit())?;
    let method = value[digits..].iter().position(|b| !matches!(b, b' ' | b'\t' | b'\r' | b'\n'))? + digits;
    if memchr3(b'\r', b'\n', 0, &value[digits..method]).is_none() {
        return cseq::parse(value);
    }
    let unfolded = unfold(value);
    let number = cseq::parse(&unfolded)?.number;
    let method = &value[method..];
    message::is_token(method).then_some(cseq::CSeq { number, method })
}

/// A Record-Route or Route row that would break the BYE that carries it: brackets stand for what would, so that the entry that
/// holds it cannot be read, keeps its place, and marks the leg that needs it.
#[cold]
fn marked(row: &[u8]) -> Cow<'_, [u8]> {
    let mut row = unfold(row).into_owned();
    row.iter_mut().filter(|b| matches!(**b, b'\r' | b'\n' | 0)).for_each(|b| *b = b'<');
    row.into()
}

/// A value on one line; `None` where it holds a character that no line may.
fn one_line(value: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !scan::breaks_line(value) {
        return Some(Cow::Borrowed(value));
    }
    let value = unfold(value);
    (!scan::breaks_line(&value)).then_some(value)
}

/// RFC 3261 25.1: `1*DIGIT`, zeros in front included. What no `usize` holds is more than follows any headers.
fn decimal(value: &[u8]) -> Option<usize> {
    let digit = |digit: &u8| digit.is_ascii_digit().then(|| usize::from(digit - b'0'));
    let add = |number: usize, octet| Some(number.saturating_mul(10).saturating_add(digit(octet)?));
    if value.is_empty() { None } else { value.iter().try_fold(0, add) }
}

/// RFC 4028 4: seconds, and parameters behind a semicolon.
fn interval(value: &[u8]) -> usize {
    let end = value.iter().position(|b| *b == b';').unwrap_or(value.len());
    decimal(trim(&value[..end])).unwrap_or_default()
}

/// The option tag of session timers (RFC 4028 12).
fn is_timer(option: &[u8]) -> bool {
    trim_folded(option).eq_ignore_ascii_case(b"timer")
}

/// RFC 7989 5: the sender's UUID stands first, 32 lower-case hex digits; anything else counts as unknown.
fn uuid(value: &[u8]) -> &[u8] {
    let end = value.iter().position(|b| !matches!(b, b'0'..=b'9' | b'a'..=b'f')).unwrap_or(value.len());
    let ends = matches!(value.get(end), None | Some(b';' | b' ' | b'\t' | b'\r' | b'\n'));
    if end == 32 && ends { &value[..end] } else { b"" }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = "UPDATE sip:b SIP/2.0\r\n";
    const REST: &str = "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: x\r\n";

    fn with(lines: &str) -> String {
        format!("{START}{REST}{lines}\r\n")
    }

    fn fault(message: &str) -> Fault {
        read(message.as_bytes()).unwrap_err().fault
    }

    #[test]
    fn t18_numbers_and_methods_of_cseq() {
        for (line, number) in [
            ("CSeq: 0000129   UPDATE\r\n", 129),
            ("CSeq: 000000000000000000000129 UPDATE\r\n", 129),
            ("CSEQ : 7\r\n UPDATE\r\n", 7),
        ] {
            let message = with(line);
            assert_eq!(read(message.as_bytes()).unwrap().cseq, number, "{line}");
        }
        assert_eq!(fault(&with("CSeq: 129 update\r\n")), Fault::MethodMismatch);
        for line in ["CSeq: 4294967296 UPDATE\r\n", "CSeq: -1 UPDATE\r\n", "CSeq: 127\r\n", "CSeq: 12x UPDATE\r\n"] {
            assert_eq!(fault(&with(line)), Fault::Header(Field::CSeq, Problem::Unreadable), "{line}");
        }
    }

    #[test]
    fn t45_doubled_single_headers_are_refused_at_the_second() {
        for (line, field) in [
            ("From: <sip:a@b>;tag=1\r\n", Field::From),
            ("t: <sip:a@b>;tag=1\r\n", Field::To),
            ("i: x\r\n", Field::CallId),
        ] {
            let message = with(&format!("CSeq: 1 UPDATE\r\n{line}"));
            let offset = message.len() - line.len() - 2;
            assert_eq!(
                read(message.as_bytes()).unwrap_err(),
                Refused { fault: Fault::Header(field, Problem::Doubled), offset }
            );
        }
        let twice = with("CSeq: 1 UPDATE\r\nCSeq: 1 UPDATE\r\n");
        assert_eq!(fault(&twice), Fault::Header(Field::CSeq, Problem::Doubled));
    }

    #[test]
    fn a_tag_is_one_word() {
        let to = |params: &str| with("CSeq: 1 UPDATE\r\n").replace(";tag=2", params);
        for (params, tag) in [
            ("", ""),
            (";x=tag", ""),
            (";tag=2@x:/=", "2@x:/="),
            (";tag=\"2;x, y\"", "\"2;x, y\""),
            (" ; TAG\r\n = 2 ", "2"),
            (";tag=2;tag=", "2"),
        ] {
            assert_eq!(read(to(params).as_bytes()).unwrap().to_tag(), tag.as_bytes(), "{params}");
        }
        for params in [
            ";tag",
            ";tag;x=tag",
            ";tag=",
            ";tag= ;x",
            ";x;TAG=",
            ";tag=;tag=2",
            ";tag=2 3",
            ";tag=2<3",
            ";tag=2\"3\"",
            ";tag=\"2\"3",
            ";tag=2,3",
            ";tag=2,<sip:e@f>;tag=3",
            ";tag=2, <sip:e@f>",
        ] {
            assert_eq!(fault(&to(params)), Fault::Header(Field::To, Problem::Unreadable), "{params}");
        }
    }

    #[test]
    fn t46_control_characters() {
        let message = with("CSeq: 1 UPDATE\r\n");
        assert_eq!(fault(&message.replace("x\r\n", "x\0y\r\n")), Fault::Header(Field::CallId, Problem::Unreadable));
        assert_eq!(fault(&message.replace("a@b>", "a@b>;x=\0")), Fault::Header(Field::From, Problem::Unreadable));
        assert_eq!(fault(&message.replace("c@d>", "c@d>;x=\ry")), Fault::Header(Field::To, Problem::Unreadable));
        // At the ends of a value too, where line ends go away.
        for value in ["\rx\r\n", "x\r\r\n", "\r\n \r x\r\n", "x\r\r\n \r\n"] {
            let call_id = message.replace("x\r\n", value);
            assert_eq!(fault(&call_id), Fault::Header(Field::CallId, Problem::Unreadable), "{value:?}");
        }
        let contact = with("CSeq: 1 UPDATE\r\nContact: <sip:a@\0b>\r\n");
        assert_eq!(read(contact.as_bytes()).unwrap().contact.as_deref(), Some(&b""[..]));
    }

    #[test]
    fn framing() {
        let message = with("CSeq: 1 UPDATE\r\nContent-Length: 4\r\n");
        assert!(read(format!("{message}body").as_bytes()).is_ok());
        assert!(read(format!("{message}body and octets behind it").as_bytes()).is_ok());
        assert_eq!(fault(&format!("{message}bod")), Fault::ContentLength);
        assert_eq!(fault(&with("CSeq: 1 UPDATE\r\nl: -1\r\n")), Fault::ContentLength);
        assert_eq!(fault(&with("CSeq: 1 UPDATE\r\nl: 0\r\nl: 1\r\n")), Fault::ContentLength);
        for length in ["0000000000", "00000000000000000000000004", "4\r\nl: 0000000004"] {
            let message = with(&format!("CSeq: 1 UPDATE\r\nContent-Length: {length}\r\n"));
            assert!(read(format!("{message}body").as_bytes()).is_ok(), "{length}");
        }
        for length in
            ["18446744073709551616", "9999999999999999999999999999999999999999", "00000000005", "", "4 4", "+4"]
        {
            let message = with(&format!("CSeq: 1 UPDATE\r\nContent-Length: {length}\r\n"));
            assert_eq!(fault(&format!("{message}body")), Fault::ContentLength, "{length}");
        }
        assert_eq!(read(&vec![b'x'; MAX_MESSAGE + 1]).unwrap_err().fault, Fault::TooLarge);
    }

    #[test]
    fn rows_contacts_and_session_ids() {
        let message = with(
            "CSeq: 1 UPDATE\r\nRecord-Route: <sip:a;lr>,\r\n <sip:b;lr>\r\nrecord-route: <sip:c;lr>\r\n\
             Contact: <sip:x>\r\nm: <sip:y>\r\nSession-ID: 0123456789abcdef0123456789abcdef;remote=0\r\n",
        );
        let read = read(message.as_bytes()).unwrap();
        assert_eq!(&*read.record_route, b"<sip:a;lr>, <sip:b;lr>\n<sip:c;lr>");
        assert_eq!(read.contact.as_deref(), Some(&b""[..]));
        assert_eq!(read.session_id, b"0123456789abcdef0123456789abcdef");
    }

    #[test]
    fn who_knows_session_timers() {
        for (lines, knows) in [
            ("", false),
            ("Supported: timer\r\n", true),
            ("k: timer\r\n", true),
            ("SUPPORTED : 100rel ,\r\n TIMER\r\n , path\r\n", true),
            ("Supported: 100rel\r\nSupported: timer\r\nk: path\r\n", true),
            ("Session-Expires: 90\r\n", true),
            ("x: 90;refresher=uac\r\n", true),
            ("Supported:\r\n", false),
            ("Supported: timers, x-timer, timer;x\r\nRequire: timer\r\nMin-SE: 90\r\nX-Supported: timer\r\n", false),
        ] {
            let message = with(&format!("CSeq: 1 UPDATE\r\n{lines}"));
            assert_eq!(read(message.as_bytes()).unwrap().knows_timers, knows, "{lines}");
        }
    }

    #[test]
    fn the_branch_of_the_topmost_via() {
        for (line, branch) in [
            ("Via: SIP/2.0/UDP a;x=\";branch=no\"\r\n ; Branch = z9hG4bK1 ;rport, SIP/2.0/UDP b;branch=2", "z9hG4bK1"),
            ("Via: SIP/2.0/UDP a;x=\", SIP/2.0/UDP b\";branch=1, SIP/2.0/UDP c;branch=3", "1"),
            ("Via: SIP/2.0/UDP a;x=\"\\\";branch=no\";branch=1", "1"),
            ("Via: SIP/2.0/UDP a;\r\n\tBRANCH\r\n =\r\n 1\r\n ,\r\n SIP/2.0/UDP b;branch=2", "1"),
            ("Via: SIP/2.0/UDP a\r\n ;branch=1", "1"),
            ("Via: SIP/2.0/UDP a;xbranch=2;branch.y=3;branch=1;branch=4", "1"),
            ("Via: SIP/2.0/UDP [2001:db8::1]:5060;received=[::1];branch=1", "1"),
            ("Via: , SIP/2.0/UDP a;branch=1", "1"),
            ("v: SIP / 2.0 / UDP a;branch=1\r\nVia: SIP/2.0/UDP b;branch=2", "1"),
            ("Via: SIP/2.0/UDP a, SIP/2.0/UDP b;branch=2", ""),
            ("Via: SIP/2.0/UDP a;branch, SIP/2.0/UDP b;branch=2", ""),
            ("Via: SIP/2.0/UDP a;branch=", ""),
            ("Via: SIP/2.0/UDP a;x=\"", ""),
            ("X: ;branch=1", ""),
        ] {
            for method in ["INVITE", "UPDATE"] {
                let message = with(&format!("{line}\r\nCSeq: 1 {method}\r\n")).replace("UPDATE", method);
                assert_eq!(&*read(message.as_bytes()).unwrap().branch, branch.as_bytes(), "{line}");
            }
        }
    }

    #[test]
    fn latin_1_and_bare_line_feeds_are_kept() {
        let mut message = b"BYE sip:b SIP/2.0\nFrom: \"J\xf6rg\" <sip:a@b>;tag=1\nt: <sip:c@d>\ni: x\n".to_vec();
        message.extend_from_slice(b"CSeq: 1 BYE\n\n");
        let read = read(&message).unwrap();
        assert_eq!(&*read.from, b"\"J\xf6rg\" <sip:a@b>;tag=1");
        assert_eq!((read.from_tag(), read.to_tag()), (&b"1"[..], &b""[..]));
    }
}
