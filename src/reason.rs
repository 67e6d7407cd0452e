// SPDX-License-Identifier: MIT OR Apache-2.0
//! The Reason header of the BYEs (RFC 3326): always with a SIP status code (TS 24.229 5.4.5.1.2), Q.850 beside it.

use core::ops::Range;

use memchr::memchr2;

use crate::digits::{decimal_len, put_decimal};
use crate::error::Error;
use crate::scan;

/// A checked reason. What both BYEs need of it is worked out once.
#[derive(Clone, Copy, Debug)]
pub struct Reason<'a> {
    cause: u16,
    begin: [u8; BEGIN.len()],
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
        let mut begin = *BEGIN;
        for (place, weight) in begin[CAUSE].iter_mut().zip([100, 10, 1]) {
            *place = b'0' + (cause / weight % 10) as u8;
        }
        let text = Text::new(text)?;
        let length = if text.text.is_empty() { CAUSE.end } else { BEGIN.len() + text.encoded_len() };
        Ok(Self { cause, begin, text, length, q850: None })
    }

    /// Adds a Q.850 value, cause 0 to 127, for peers behind a PSTN gateway.
    pub fn with_q850(self, cause: u8, text: &'a [u8]) -> Result<Self, Error> {
        if cause > 127 {
            return Err(Error::BadReason);
        }
        let text = Text::new(text)?;
        let quoted = if text.text.is_empty() { 0 } else { TEXT.len() + text.encoded_len() };
        let length = self.length + Q850.len() + decimal_len(cause.into()) + quoted;
        Ok(Self { q850: Some((cause, text)), length, ..self })
    }

    /// The SIP status code.
    pub fn cause(&self) -> u16 {
        self.cause
    }

    /// The length of the value.
    #[inline]
    pub(crate) fn encoded_len(&self) -> usize {
        self.length
    }

    /// Hands the value to `put` in pieces.
    #[inline(always)]
    pub(crate) fn encode(&self, mut put: impl FnMut(&[u8])) {
        if self.text.text.is_empty() {
            put(&self.begin[..CAUSE.end]);
        } else {
            put(&self.begin);
            self.text.encode(&mut put);
        }
        if let Some((cause, text)) = self.q850 {
            put(Q850);
            let mut digits = [0; 3];
            let digits = &mut digits[..decimal_len(cause.into())];
            put_decimal(cause.into(), digits);
            put(digits);
            if !text.text.is_empty() {
                put(TEXT);
                text.encode(&mut put);
            }
        }
    }
}

const BEGIN: &[u8; 20] = b"SIP;cause=000;text=\"";
/// Where the cause stands in that.
const CAUSE: Range<usize> = 10..13;
const Q850: &[u8] = b", Q.850;cause=";
const TEXT: &[u8] = b";text=\"";

impl<'a> Text<'a> {
    #[inline(always)]
    fn new(text: &'a [u8]) -> Result<Self, Error> {
        let plain = !scan::any(text, |b| (b < b' ') | (b == 0x7f) | (b == b'"') | (b == b'\\'));
        if !plain && text.iter().any(|b| (*b < b' ' && *b != b'\t') || *b == 0x7f) {
            return Err(Error::BadReasonText);
        }
        Ok(Self { text, escapes: !plain })
    }

    /// With the closing quote.
    #[inline]
    fn encoded_len(&self) -> usize {
        let escapes = if self.escapes { self.text.iter().filter(|b| matches!(b, b'"' | b'\\')).count() } else { 0 };
        self.text.len() + escapes + 1
    }

    /// Behind the opening quote.
    #[inline(always)]
    fn encode(&self, put: &mut impl FnMut(&[u8])) {
        if self.escapes {
            escape(self.text, put);
        } else {
            put(self.text);
        }
        put(b"\"");
    }
}

#[inline(always)]
fn escape(mut text: &[u8], put: &mut impl FnMut(&[u8])) {
    while let Some(at) = memchr2(b'"', b'\\', text) {
        put(&text[..at]);
        put(b"\\");
        put(&text[at..=at]);
        text = &text[at + 1..];
    }
    put(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(reason: Reason<'_>) -> String {
        let mut out = Vec::new();
        reason.encode(|b| out.extend_from_slice(b));
        assert_eq!(out.len(), reason.encoded_len());
        String::from_utf8(out).unwrap()
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
    fn t46_text_with_a_line_end_is_refused() {
        for bad in [&b"a\r\nVia: x"[..], b"a\nb", b"a\0"] {
            assert_eq!(Reason::sip(503, bad).unwrap_err(), Error::BadReasonText);
        }
    }
}
