// SPDX-License-Identifier: MIT OR Apache-2.0
//! The Reason header of the BYEs (RFC 3326): always with a SIP status code (TS 24.229 5.4.5.1.2), Q.850 beside it.

use memchr::memchr2;

use crate::digits::{decimal_len, put_decimal};
use crate::error::Error;
use crate::out::Out;
use crate::scan;

/// The longest text of a value, in octets: what a release keeps of it costs each dialog as much, and who asks for one
/// writes a sentence.
pub const MAX_REASON_TEXT: usize = 512;

/// A checked reason. What both BYEs need of it is worked out once.
#[derive(Clone, Copy, Debug)]
pub struct Reason<'a> {
    cause: u16,
    digits: [u8; 3],
    text: Text<'a>,
    length: usize,
    q850: Option<(u8, Text<'a>)>,
}

/// The text of a value, to be written as a quoted string.
#[derive(Clone, Copy, Debug)]
struct Text<'a> {
    text: &'a [u8],
    /// Quotes or backslashes may be in it.
    escapes: bool,
}

impl<'a> Reason<'a> {
    /// `cause` is a SIP status code from 100 to 699. `text` is written as a quoted string, quotes and backslashes
    /// escaped; empty: left out.
    #[inline(always)]
    pub fn sip(cause: u16, text: &'a [u8]) -> Result<Self, Error> {
        if !(100..700).contains(&cause) {
            return Err(Error::BadReason);
        }
        let digits = [cause / 100, cause / 10 % 10, cause % 10].map(|digit| b'0' + digit as u8);
        let text = Text::new(text)?;
        let length = SIP.len() + digits.len() + text.encoded_len();
        Ok(Self { cause, digits, text, length, q850: None })
    }

    /// Adds a Q.850 value, cause 0 to 127, for peers behind a PSTN gateway.
    pub fn with_q850(self, cause: u8, text: &'a [u8]) -> Result<Self, Error> {
        if cause > 127 {
            return Err(Error::BadReason);
        }
        let text = Text::new(text)?;
        let length = self.length + Q850.len() + decimal_len(cause.into()) + text.encoded_len();
        Ok(Self { q850: Some((cause, text)), length, ..self })
    }

    /// The SIP status code.
    pub fn cause(&self) -> u16 {
        self.cause
    }

    /// The text of the SIP value; empty for none.
    pub fn text(&self) -> &'a [u8] {
        self.text.text
    }

    /// The Q.850 cause and its text.
    pub fn q850(&self) -> Option<(u8, &'a [u8])> {
        self.q850.map(|(cause, text)| (cause, text.text))
    }

    /// The length of the value.
    #[inline]
    pub(crate) fn encoded_len(&self) -> usize {
        self.length
    }

    /// Writes the value.
    #[inline(always)]
    pub(crate) fn encode(&self, out: &mut Out<'_>) {
        out.put(SIP);
        out.put(&self.digits);
        self.text.encode(out);
        if let Some((cause, text)) = self.q850 {
            out.put(Q850);
            put_decimal(cause.into(), out.take(decimal_len(cause.into())));
            text.encode(out);
        }
    }
}

const SIP: &[u8] = b"SIP;cause=";
const Q850: &[u8] = b", Q.850;cause=";
const TEXT: &[u8] = b";text=\"";

impl<'a> Text<'a> {
    #[inline(always)]
    fn new(text: &'a [u8]) -> Result<Self, Error> {
        if text.len() > MAX_REASON_TEXT {
            return Err(Error::BadReasonText);
        }
        // Control characters and the quote, then the backslash and DEL. That a few more are looked at does no harm,
        // and two comparisons are what the compiler makes good vector instructions of.
        let odd = scan::any(text, |b| (b ^ 2 <= b' ') | (b | 0x23 == 0x7f));
        if odd && text.iter().any(|b| (*b < b' ' && *b != b'\t') || *b == 0x7f) {
            return Err(Error::BadReasonText);
        }
        Ok(Self { text, escapes: odd })
    }

    /// The length of the whole parameter.
    #[inline]
    fn encoded_len(&self) -> usize {
        if self.text.is_empty() {
            return 0;
        }
        let escapes = if self.escapes { self.text.iter().filter(|b| matches!(b, b'"' | b'\\')).count() } else { 0 };
        TEXT.len() + self.text.len() + escapes + 1
    }

    #[inline(always)]
    fn encode(&self, out: &mut Out<'_>) {
        if self.text.is_empty() {
            return;
        }
        out.put(TEXT);
        if self.escapes {
            escape(self.text, out.take(self.encoded_len() - TEXT.len() - 1));
        } else {
            out.put(self.text);
        }
        out.put(b"\"");
    }
}

#[cold]
fn escape(mut text: &[u8], place: &mut [u8]) {
    let mut out = Out::new(place);
    while let Some(at) = memchr2(b'"', b'\\', text) {
        out.put(&text[..at]);
        out.put(b"\\");
        out.put(&text[at..=at]);
        text = &text[at + 1..];
    }
    out.put(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(reason: Reason<'_>) -> String {
        let mut place = vec![0; reason.encoded_len()];
        let mut out = Out::new(&mut place);
        reason.encode(&mut out);
        assert!(out.is_full());
        String::from_utf8(place).unwrap()
    }

    #[test]
    fn t47_format() {
        let plain = Reason::sip(480, b"Temporarily Unavailable").unwrap();
        assert_eq!(text(plain), r#"SIP;cause=480;text="Temporarily Unavailable""#);
        assert_eq!(text(Reason::sip(480, br#"a"b\c"#).unwrap()), r#"SIP;cause=480;text="a\"b\\c""#);
        assert_eq!(text(Reason::sip(480, b"").unwrap()), "SIP;cause=480");
    }

    #[test]
    fn t48_errors_and_combinations() {
        for cause in [0, 99, 700, 48] {
            assert_eq!(Reason::sip(cause, b"").unwrap_err(), Error::BadReason);
        }
        let both = Reason::sip(503, b"").unwrap().with_q850(31, b"Normal, unspecified").unwrap();
        assert_eq!(text(both), r#"SIP;cause=503, Q.850;cause=31;text="Normal, unspecified""#);
        assert_eq!(Reason::sip(503, b"").unwrap().with_q850(128, b"").unwrap_err(), Error::BadReason);
    }

    #[test]
    fn a_text_that_is_too_long_is_refused() {
        let longest = [b'x'; MAX_REASON_TEXT + 1];
        let both = |text| Reason::sip(503, b"").unwrap().with_q850(31, text);
        assert!(Reason::sip(503, &longest[1..]).is_ok() && both(&longest[1..]).is_ok());
        for refused in [Reason::sip(503, &longest), both(&longest)] {
            assert_eq!(refused.unwrap_err(), Error::BadReasonText);
        }
        assert!(Error::BadReasonText.text().contains(&format!(" {MAX_REASON_TEXT} bytes")));
    }

    #[test]
    fn t46_text_with_a_line_end_is_refused() {
        for bad in [&b"a\r\nVia: x"[..], b"a\nb", b"a\0"] {
            assert_eq!(Reason::sip(503, bad).unwrap_err(), Error::BadReasonText);
        }
    }
}
