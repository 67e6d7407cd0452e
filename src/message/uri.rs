// SPDX-License-Identifier: MIT OR Apache-2.0
//! SIP and SIPS URIs (RFC 3261 19.1), cut but never changed.

use memchr::memchr;

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

/// Cuts a SIP or SIPS URI. `None` for any other scheme, no host, a bad port, or a character that would
/// break the line that carries the URI.
pub fn parse(uri: &[u8]) -> Option<Uri<'_>> {
    let colon = uri.iter().take(5).position(|b| *b == b':')?;
    let secure = match &uri[..colon] {
        scheme if scheme.eq_ignore_ascii_case(b"sip") => false,
        scheme if scheme.eq_ignore_ascii_case(b"sips") => true,
        _ => return None,
    };
    // One pass that the compiler turns into vector code; blanks, controls, brackets and quotes end a URI.
    let broken = uri.iter().fold(false, |bad, b| bad | (*b <= b' ') | matches!(*b, 0x7f | b'<' | b'>' | b'"'));
    if broken {
        return None;
    }
    let rest = &uri[colon + 1..];
    let (user, rest) = match memchr(b'@', rest) {
        Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
        None => (None, rest),
    };
    let host_end = match rest.first()? {
        b'[' => memchr(b']', rest)? + 1,
        _ => rest.iter().position(|b| matches!(b, b':' | b';' | b'?')).unwrap_or(rest.len()),
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
        self.params.split(|b| *b == b';').skip(1)
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

/// The pieces of a URI that may stand in a Request-URI: all but the `method` parameter and the headers
/// (RFC 3261 19.1.1, Table 1). Joined without a separator they are the URI.
pub fn without_method_and_headers(uri: &[u8]) -> impl Iterator<Item = &[u8]> {
    let cut = parse(uri);
    let (base, params) = match cut {
        Some(cut) => {
            let end = uri.len() - cut.params.len() - cut.headers.map_or(0, |h| h.len() + 1);
            (&uri[..end], cut.params)
        }
        None => (uri, &b""[..]),
    };
    let mut rest = params;
    core::iter::once(base).chain(core::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let end = 1 + memchr(b';', &rest[1..]).unwrap_or(rest.len() - 1);
            let (param, tail) = rest.split_at(end);
            rest = tail;
            if !name_of(&param[1..]).eq_ignore_ascii_case(b"method") {
                return Some(param);
            }
        }
    }))
}

/// Decimal digits as a port.
pub(crate) fn decimal_u16(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() || digits.len() > 5 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    u16::try_from(digits.iter().fold(0u32, |n, d| n * 10 + u32::from(d - b'0'))).ok()
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
        let strip = |uri: &[u8]| without_method_and_headers(uri).collect::<Vec<_>>().concat();
        assert_eq!(strip(b"sip:p1;method=INVITE;x=1?Subject=a"), b"sip:p1;x=1");
        assert_eq!(strip(b"sip:bob@192.0.2.4;transport=tcp?X=1"), b"sip:bob@192.0.2.4;transport=tcp");
        assert_eq!(strip(b"sip:b;METHOD=x"), b"sip:b");
        assert_eq!(strip(b"sip:b?X=1"), b"sip:b");
        assert_eq!(strip(b"sip:b;gr=urn:uuid:f81d"), b"sip:b;gr=urn:uuid:f81d");
    }
}
