// SPDX-License-Identifier: MIT OR Apache-2.0
//! The Reason header of the BYEs (RFC 3326): always with a SIP status code (TS 24.229 5.4.5.1.2), Q.850 beside it.

use memchr::memchr2;

use crate::error::Error;

/// A checked reason.
#[derive(Clone, Copy, Debug)]
pub struct Reason<'a> {
    cause: u16,
    text: &'a [u8],
    q850: Option<(u8, &'a [u8])>,
}

impl<'a> Reason<'a> {
    /// `cause` is a SIP status code from 100 to 699. `text` is written as a quoted string, quotes and backslashes
    /// escaped; empty: left out.
    pub fn sip(cause: u16, text: &'a [u8]) -> Result<Self, Error> {
        if !(100..700).contains(&cause) {
            return Err(Error::BadReason);
        }
        Ok(Self { cause, text: checked(text)?, q850: None })
    }

    /// Adds a Q.850 value, cause 0 to 127, for peers behind a PSTN gateway.
    pub fn with_q850(self, cause: u8, text: &'a [u8]) -> Result<Self, Error> {
        if cause > 127 {
            return Err(Error::BadReason);
        }
        Ok(Self { q850: Some((cause, checked(text)?)), ..self })
    }

    /// The SIP status code.
    pub fn cause(&self) -> u16 {
        self.cause
    }

    pub(crate) fn encoded_len(&self) -> usize {
        let text = |t: &[u8]| if t.is_empty() { 0 } else { TEXT.len() + t.len() + escapes(t) + 1 };
        SIP.len()
            + 3
            + text(self.text)
            + self.q850.map_or(0, |(cause, t)| Q850.len() + decimal(u32::from(cause), &mut [0; 10]).len() + text(t))
    }

    /// Hands the value to `put` in pieces.
    pub(crate) fn encode(&self, mut put: impl FnMut(&[u8])) {
        put(SIP);
        put(decimal(u32::from(self.cause), &mut [0; 10]));
        quoted(self.text, &mut put);
        if let Some((cause, text)) = self.q850 {
            put(Q850);
            put(decimal(u32::from(cause), &mut [0; 10]));
            quoted(text, &mut put);
        }
    }
}

const SIP: &[u8] = b"SIP;cause=";
const Q850: &[u8] = b", Q.850;cause=";
const TEXT: &[u8] = b";text=\"";

fn checked(text: &[u8]) -> Result<&[u8], Error> {
    let broken = text.iter().fold(false, |bad, b| bad | ((*b < b' ') & (*b != b'\t')) | (*b == 0x7f));
    if broken { Err(Error::BadReasonText) } else { Ok(text) }
}

fn escapes(text: &[u8]) -> usize {
    memchr::memchr2_iter(b'"', b'\\', text).count()
}

fn quoted(mut text: &[u8], put: &mut impl FnMut(&[u8])) {
    if text.is_empty() {
        return;
    }
    put(TEXT);
    while let Some(at) = memchr2(b'"', b'\\', text) {
        put(&text[..at]);
        put(b"\\");
        put(&text[at..=at]);
        text = &text[at + 1..];
    }
    put(text);
    put(b"\"");
}

/// `number` in decimal, without allocating.
pub(crate) fn decimal(mut number: u32, digits: &mut [u8; 10]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[at..];
        }
    }
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
