// SPDX-License-Identifier: MIT OR Apache-2.0
//! SIP and SIPS URIs (RFC 3261 19.1), cut but never changed.

use memchr::{memchr, memchr2, memchr3};

/// A SIP or SIPS URI, cut into its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    /// `sips:` rather than `sip:`.
    pub secure: bool,
    /// What stands before `@`, password included.
    pub user: Option<&'a [u8]>,
    /// The host, an IPv6 literal with its brackets.
    pub host: &'a [u8],
    /// The port, where one is given.
    pub port: Option<u16>,
    /// URI parameters from the first `;` on.
    pub params: &'a [u8],
    /// What follows `?`.
    pub headers: Option<&'a [u8]>,
}

/// Cuts a SIP or SIPS URI. `None` for any other scheme, no host, a bad port, or a blank, quote or bracket, which would
/// break the line or value that carries the URI (line ends and NUL are refused for a dialog as a whole).
pub fn parse(uri: &[u8]) -> Option<Uri<'_>> {
    let (secure, rest) = match uri {
        [b's' | b'S', b'i' | b'I', b'p' | b'P', b':', rest @ ..] => (false, rest),
        [b's' | b'S', b'i' | b'I', b'p' | b'P', b's' | b'S', b':', rest @ ..] => (true, rest),
        _ => return None,
    };
    if memchr3(b' ', b'<', b'"', rest).is_some() || memchr2(b'\t', b'>', rest).is_some() {
        return None;
    }
    let (user, rest) = match memchr(b'@', rest) {
        Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
        None => (None, rest),
    };
    let host_end = match rest.first()? {
        b'[' => memchr(b']', rest)? + 1,
        _ => memchr3(b':', b';', b'?', rest).unwrap_or(rest.len()),
    };
    let (host, mut rest) = rest.split_at(host_end);
    if host.is_empty() || host == b"[]" || user.is_some_and(|u| u.is_empty()) {
        return None;
    }
    let mut port = None;
    if let Some(digits) = rest.strip_prefix(b":") {
        let end = digits.iter().position(|b| !b.is_ascii_digit()).unwrap_or(digits.len());
        port = Some(decimal_u16(&digits[..end])?);
        rest = &digits[end..];
    }
    let (params, headers) = match memchr(b'?', rest) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    if params.first().is_some_and(|b| *b != b';') {
        return None;
    }
    Some(Uri { secure, user, host, port, params, headers })
}

impl<'a> Uri<'a> {
    /// The URI parameters as written, each without its `;`.
    pub fn params(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        pieces(self.params).map(|piece| &piece[1..])
    }

    /// Whether a parameter of this name is there, with or without a value (names are case-insensitive).
    pub fn has(&self, name: &[u8]) -> bool {
        self.params().any(|p| name_of(p).eq_ignore_ascii_case(name))
    }

    /// Whether this is a loose router: the `lr` parameter, RFC 3261 16.12 and 19.1.1.
    pub fn loose(&self) -> bool {
        self.has(b"lr")
    }

    /// The port as compared: 5060 where none is given, 5061 for `sips:`.
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(if self.secure { 5061 } else { 5060 })
    }
}

/// The name of a URI parameter `name` or `name=value`.
pub fn name_of(param: &[u8]) -> &[u8] {
    &param[..memchr(b'=', param).unwrap_or(param.len())]
}

/// URI parameters, each with its `;`.
fn pieces(params: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = params;
    core::iter::from_fn(move || {
        let end = 1 + memchr(b';', rest.get(1..)?).unwrap_or(rest.len() - 1);
        let (piece, tail) = rest.split_at(end);
        rest = tail;
        Some(piece)
    })
}

/// The pieces of a URI that may stand in a Request-URI: all but the `method` parameter and the headers
/// (RFC 3261 19.1.1, Table 1). Joined without a separator they are the URI.
pub fn without_method_and_headers<'a>(uri: &'a [u8], cut: &Uri<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let without_headers = &uri[..uri.len() - cut.headers.map_or(0, |h| h.len() + 1)];
    // Nearly no URI has a method: then it is one piece.
    let params = if cut.has(b"method") { cut.params } else { b"" };
    let base = &without_headers[..without_headers.len() - params.len()];
    let kept = pieces(params).filter(|piece| !name_of(&piece[1..]).eq_ignore_ascii_case(b"method"));
    core::iter::once(base).chain(kept)
}

/// Decimal digits as a port.
pub(crate) fn decimal_u16(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() || digits.len() > 5 {
        return None;
    }
    let number = digits.iter().try_fold(0u32, |n, d| d.is_ascii_digit().then(|| n * 10 + u32::from(d - b'0')))?;
    u16::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let uri = parse(b"sips:a;lr@[2001:db8::1]:5070;transport=tcp;LR=on?X=1").unwrap();
        assert!(uri.secure && uri.loose());
        assert_eq!(uri.user, Some(&b"a;lr"[..]));
        assert_eq!(uri.host, b"[2001:db8::1]");
        assert_eq!(uri.port, Some(5070));
        assert_eq!(uri.headers, Some(&b"X=1"[..]));
        assert_eq!(parse(b"sip:[5555::aaa:bbb:ccc:ddd]:1357;comp=sigcomp").unwrap().port, Some(1357));
        for bad in
            [&b"tel:+123"[..], b"sip:", b"sip:@b", b"sip:a b@c", b"sip:a@b:70000", b"sip:a@b:x", b"mailto:a@b", b"*"]
        {
            assert_eq!(parse(bad), None, "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn lr_is_a_uri_parameter_only() {
        let loose = |uri: &[u8]| parse(uri).unwrap().loose();
        for uri in [&b"sip:p;LR"[..], b"sip:p;lr=on", b"sip:p;transport=tcp;lr=true"] {
            assert!(loose(uri));
        }
        for uri in [&b"sip:p"[..], b"sip:a;lr@p", b"sip:p;lrx", b"sip:p?lr"] {
            assert!(!loose(uri));
        }
    }

    #[test]
    fn request_uri_loses_method_and_headers() {
        let strip = |uri: &[u8]| without_method_and_headers(uri, &parse(uri).unwrap()).collect::<Vec<_>>().concat();
        assert_eq!(strip(b"sip:p1;method=INVITE;x=1?Subject=a"), b"sip:p1;x=1");
        assert_eq!(strip(b"sip:bob@192.0.2.4;transport=tcp?X=1"), b"sip:bob@192.0.2.4;transport=tcp");
        assert_eq!(strip(b"sip:b;METHOD=x"), b"sip:b");
        assert_eq!(strip(b"sip:b?X=1"), b"sip:b");
        assert_eq!(strip(b"sip:b;gr=urn:uuid:f81d"), b"sip:b;gr=urn:uuid:f81d");
    }
}
