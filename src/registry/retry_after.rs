// SPDX-License-Identifier: MIT OR Apache-2.0
//! How long a receiver wants to be left alone (RFC 3261 20.33).

use crate::message::Message;

/// The number of seconds in the Retry-After of a reply; `None` where there is none that can be read. A comment and
/// parameters behind it do not matter.
pub(super) fn retry_after(reply: &[u8]) -> Option<u32> {
    let value = Message::parse(reply).ok()?.headers().find(|h| h.written.eq_ignore_ascii_case(b"Retry-After"))?.value;
    let end = value.iter().position(|b| !b.is_ascii_digit()).unwrap_or(value.len());
    if end == 0 || !matches!(value.get(end), None | Some(b' ' | b'\t' | b'\r' | b'\n' | b';' | b'(')) {
        return None;
    }
    let add = |number: u32, digit: &u8| number.saturating_mul(10).saturating_add(u32::from(digit - b'0'));
    Some(value[..end].iter().fold(0, add))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds() {
        for (value, expected) in [
            ("120", Some(120)),
            ("18000;duration=3600", Some(18_000)),
            ("5 (I'm in a meeting)", Some(5)),
            ("99999999999", Some(u32::MAX)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            let reply = format!("SIP/2.0 503 x\r\nretry-AFTER: {value}\r\n\r\n");
            assert_eq!(retry_after(reply.as_bytes()), expected, "{value}");
        }
        assert_eq!((retry_after(b""), retry_after(b"SIP/2.0 503 x\r\n\r\n")), (None, None));
    }
}
