// SPDX-License-Identifier: MIT OR Apache-2.0
//! SIP and SIPS URIs (RFC 3261 19.1), cut but never changed.

use core::net::Ipv6Addr;

use memchr::{memchr, memchr3};

use crate::scan;

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
    /// URI parameters from the first `;` on, then headers from `?` on.
    pub(crate) rest: &'a [u8],
}

/// Cuts a SIP or SIPS URI. `None` for any other scheme, no host, a bad port, or a control character, blank, quote or
/// bracket, which would break the line or value that carries the URI (line ends and NUL are refused for a dialog as a
/// whole).
pub fn parse(uri: &[u8]) -> Option<Uri<'_>> {
    if !is_plain(uri) && uri.iter().any(|b| matches!(b, 0..=b' ' | b'"' | b'<' | b'>' | 0x7f)) {
        return None;
    }
    cut(uri)
}

/// Whether there is no octet up to `"` and no angle bracket: nearly every URI is such, and nothing in it then needs a
/// closer look.
#[inline]
pub(crate) fn is_plain(uri: &[u8]) -> bool {
    !scan::any(uri, |b| (b <= b'"') | (b | 2 == b'>'))
}

/// Cuts a URI that holds no blank, quote or bracket.
#[inline]
pub(crate) fn cut(uri: &[u8]) -> Option<Uri<'_>> {
    let (secure, rest) = match uri {
        [b's' | b'S', b'i' | b'I', b'p' | b'P', b':', rest @ ..] => (false, rest),
        [b's' | b'S', b'i' | b'I', b'p' | b'P', b's' | b'S', b':', rest @ ..] => (true, rest),
        _ => return None,
    };
    let (user, rest) = split_user(rest);
    let host_end = match rest.first()? {
        b'[' => memchr(b']', rest)? + 1,
        _ => host_end(rest),
    };
    let (host, mut rest) = rest.split_at(host_end);
    if host.is_empty() || host == b"[]" || user.is_some_and(|u| u.is_empty()) {
        return None;
    }
    let mut port = None;
    if let Some(digits) = rest.strip_prefix(b":") {
        let (number, behind) = leading_u16(digits)?;
        (port, rest) = (Some(number), behind);
    }
    matches!(rest.first(), None | Some(b';' | b'?')).then_some(Uri { secure, user, host, port, rest })
}

/// The user, if there is one, and what follows it.
#[inline]
fn split_user(text: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let end = scan::delimiter(text);
    // A user may hold what ends a host: there is none only where no `@` follows at all.
    let end = match text.get(end) {
        Some(b'@') => Some(end),
        Some(_) => memchr(b'@', &text[end..]).map(|more| end + more),
        None => None,
    };
    end.map_or((None, text), |end| (Some(&text[..end]), &text[end + 1..]))
}

/// Where port, parameters or headers begin.
#[inline]
fn host_end(text: &[u8]) -> usize {
    let end = scan::delimiter(text);
    match text.get(end) {
        Some(b':' | b';' | b'?') | None => end,
        Some(_) => memchr3(b':', b';', b'?', text).unwrap_or(text.len()),
    }
}

impl<'a> Uri<'a> {
    /// The URI parameters as written, each without its `;`.
    pub fn params(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        pieces(self.params_and_headers().0).map(|piece| &piece[1..])
    }

    /// What follows `?`.
    pub fn headers(&self) -> Option<&'a [u8]> {
        self.params_and_headers().1
    }

    fn params_and_headers(&self) -> (&'a [u8], Option<&'a [u8]>) {
        match memchr(b'?', self.rest) {
            Some(at) => (&self.rest[..at], Some(&self.rest[at + 1..])),
            None => (self.rest, None),
        }
    }

    /// Whether a parameter of this name is there, with or without a value (names are case-insensitive).
    pub fn has(&self, name: &[u8]) -> bool {
        self.params().any(|param| is_named(param, name))
    }

    /// Whether this is a loose router: the `lr` parameter, RFC 3261 16.12 and 19.1.1.
    pub fn loose(&self) -> bool {
        // Nearly everywhere it comes first.
        matches!(self.rest, [b';', b'l', b'r'] | [b';', b'l', b'r', b';' | b'=' | b'?', ..]) || self.has(b"lr")
    }

    /// Whether a method, headers or a `gr` parameter (RFC 5627) may be there: without these letters there is none.
    pub(crate) fn may_be_special(&self) -> bool {
        // Zero is the distance to one of them: one comparison instead of three, of which the compiler makes shuffles.
        scan::any(self.rest, |b| (b ^ b'?').min((b | 0x20) ^ b'm').min((b | 0x20) ^ b'g') == 0)
    }
}

/// The name of a URI parameter `name` or `name=value`.
pub fn name_of(param: &[u8]) -> &[u8] {
    &param[..memchr(b'=', param).unwrap_or(param.len())]
}

/// Whether that name is `name`, which holds no `=`.
fn is_named(param: &[u8], name: &[u8]) -> bool {
    param
        .split_at_checked(name.len())
        .is_some_and(|(begin, rest)| begin.eq_ignore_ascii_case(name) && matches!(rest.first(), None | Some(b'=')))
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
    let (params, headers) = cut.params_and_headers();
    let without_headers = &uri[..uri.len() - headers.map_or(0, |h| h.len() + 1)];
    let is_method = |piece: &[u8]| is_named(&piece[1..], b"method");
    // Nearly no URI has a method: then it is one piece.
    let params = if pieces(params).any(is_method) { params } else { b"" };
    let base = &without_headers[..without_headers.len() - params.len()];
    core::iter::once(base).chain(pieces(params).filter(move |piece| !is_method(piece)))
}

/// Whether both are one user part, password included: octet for octet, and an octet that is not reserved also as its
/// escape (RFC 3261 19.1.4).
#[inline]
pub(crate) fn same_user(one: Option<&[u8]>, other: Option<&[u8]>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one == other || unescaped(one).eq(unescaped(other)),
        (None, None) => true,
        _ => false,
    }
}

/// Whether both are one host: names without case, IPv6 literals as addresses (RFC 5954 4.2), since there are many ways
/// to write one.
#[inline]
pub(crate) fn same_host(one: &[u8], other: &[u8]) -> bool {
    match (one, other) {
        ([b'[', one @ .., b']'], [b'[', other @ .., b']']) => same_literal(one, other),
        _ => one.eq_ignore_ascii_case(other),
    }
}

fn same_literal(one: &[u8], other: &[u8]) -> bool {
    let address = |text| core::str::from_utf8(text).ok()?.parse::<Ipv6Addr>().ok();
    one.eq_ignore_ascii_case(other) || address(one).is_some_and(|one| address(other) == Some(one))
}

/// Whether a request to the one goes where a request to the other goes: scheme, user, host and port, the port that is
/// the default alike to none. Of the parameters those that are in both must be the same (RFC 3261 19.1.4), and those
/// that a request is sent by must be in both; others may have been added on the way.
pub(crate) fn same_target(one: &Uri<'_>, other: &Uri<'_>) -> bool {
    // Each parameter is compared with each.
    let is_short = |uri: &Uri<'_>| uri.params().nth(MOST_PARAMETERS).is_none();
    one == other
        || is_short(one)
            && is_short(other)
            && one.secure == other.secure
            && same_user(one.user, other.user)
            && same_host(one.host, other.host)
            && (one.port == other.port || has_default_port(one) && has_default_port(other))
            && agree(one, other)
            && lacks_nothing(one, other)
            && lacks_nothing(other, one)
}

/// In URIs that are compared; longer ones must be the same octets.
const MOST_PARAMETERS: usize = 64;

/// RFC 3261 19.1.2. Who leaves 5060 out may leave it out of a `sips:` URI too.
fn has_default_port(uri: &Uri<'_>) -> bool {
    uri.port.is_none_or(|port| port == 5060 || uri.secure && port == 5061)
}

/// Whether parameters of one name have one value. It does not matter how a loose router says that it is one.
fn agree(one: &Uri<'_>, other: &Uri<'_>) -> bool {
    one.params().filter(|param| !is_named(param, b"lr")).all(|param| {
        let mut namesakes = other.params().filter(|other| is_named(other, name_of(param)));
        namesakes.all(|other| other.eq_ignore_ascii_case(param))
    })
}

/// Whether the other has the parameters of the one that a request is sent by (RFC 3261 19.1.1, RFC 5627), save a
/// transport that is the default.
fn lacks_nothing(one: &Uri<'_>, other: &Uri<'_>) -> bool {
    one.params().all(|param| {
        let by_default: &[u8] = if one.secure { b"transport=tcp" } else { b"transport=udp" };
        let steers = [&b"transport"[..], b"maddr", b"gr"].iter().any(|name| is_named(param, name));
        !steers || param.eq_ignore_ascii_case(by_default) || other.has(name_of(param))
    })
}

/// The octets that are meant, each with whether it stands for itself: a reserved one that is escaped is another than
/// the plain one.
pub(crate) fn unescaped(text: &[u8]) -> impl Iterator<Item = (u8, bool)> {
    let mut rest = text;
    core::iter::from_fn(move || {
        let (octet, behind) = match rest {
            [b'%', high, low, behind @ ..] => match (hexadecimal(*high), hexadecimal(*low)) {
                (Some(high), Some(low)) => (Some(high << 4 | low), behind),
                _ => (None, &rest[1..]),
            },
            [_, behind @ ..] => (None, behind),
            [] => return None,
        };
        let plain = rest[0];
        rest = behind;
        Some(octet.map_or((plain, true), |octet| (octet, !RESERVED.contains(&octet))))
    })
}

/// RFC 3261 25.1.
const RESERVED: &[u8] = b";/?:@&=+$,";

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// Decimal digits as a port.
pub(crate) fn decimal_u16(digits: &[u8]) -> Option<u16> {
    leading_u16(digits).filter(|(_, behind)| behind.is_empty()).map(|(number, _)| number)
}

/// The port that the text begins with, and what follows it. RFC 3261 25.1: `1*DIGIT`, zeros in front included.
#[inline(always)]
fn leading_u16(text: &[u8]) -> Option<(u16, &[u8])> {
    let (mut number, mut rest) = match text.split_first_chunk() {
        Some((four, behind)) => four_digits(*four).map_or((0, text), |number| (number, behind)),
        None => (0, text),
    };
    while let [digit @ b'0'..=b'9', behind @ ..] = rest {
        number = number * 10 + u32::from(digit - b'0');
        rest = behind;
        if number > u32::from(u16::MAX) {
            return None;
        }
    }
    if rest.len() == text.len() {
        return None;
    }
    Some((u16::try_from(number).ok()?, rest))
}

/// The number of four decimal digits, all at once: nearly every port has as many.
#[inline(always)]
fn four_digits(text: [u8; 4]) -> Option<u32> {
    let word = u32::from_le_bytes(text);
    // The high half of a digit is 3, also when 6 is added to the low half.
    let high = |word: u32| word & 0xf0f0_f0f0;
    if high(word) != 0x3030_3030 || high(word.wrapping_add(0x0606_0606)) != 0x3030_3030 {
        return None;
    }
    let digits = word & 0x0f0f_0f0f;
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff;
    Some((pairs & 0xff) * 100 + (pairs >> 16))
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
        assert_eq!(uri.headers(), Some(&b"X=1"[..]));
        assert_eq!(parse(b"sip:[5555::aaa:bbb:ccc:ddd]:1357;comp=sigcomp").unwrap().port, Some(1357));
        for bad in
            [&b"tel:+123"[..], b"sip:", b"sip:@b", b"sip:a b@c", b"sip:a@b:70000", b"sip:a@b:x", b"mailto:a@b", b"*"]
        {
            assert_eq!(parse(bad), None, "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn ports_are_those_of_the_parser() {
        for number in 0..=66_000_u32 {
            let text = number.to_string();
            assert_eq!(decimal_u16(text.as_bytes()), text.parse().ok(), "{text}");
        }
        for (text, port) in [("00080", Some(80)), ("00000000000005060", Some(5060)), ("00000000000065536", None)] {
            assert_eq!(decimal_u16(text.as_bytes()), port);
        }
        for at in 0..4 {
            for octet in (0..=u8::MAX).filter(|octet| !octet.is_ascii_digit()) {
                let mut text = *b"5060";
                text[at] = octet;
                assert_eq!(four_digits(text), None);
                assert_eq!(leading_u16(&text).is_some(), at > 0);
            }
        }
    }

    #[test]
    fn users_and_hosts_are_compared() {
        for (one, other, same) in [
            ("alice", "alice", true),
            ("alice", "Alice", false),
            ("alice", "%61l%69c%65", true),
            ("%7ealice", "%7Ealice", true),
            ("alice", "alice%", false),
            ("alice%2", "alice%2", true),
            ("%zzalice", "%25zzalice", true),
            ("%61lice", "%2561lice", false),
            // Reserved: escaped it is another, however it is written.
            ("+1", "%2b1", false),
            ("%2B1", "%2b1", true),
            ("a;b", "a%3Bb", false),
        ] {
            let user = |text: &'static str| Some(text.as_bytes());
            assert_eq!(same_user(user(one), user(other)), same, "{one} {other}");
            assert_eq!(same_user(user(other), user(one)), same, "{other} {one}");
        }
        assert!(same_user(None, None) && !same_user(None, Some(b"a")));
        for (one, other, same) in [
            ("Example.COM", "example.com", true),
            ("example.com", "example.org", false),
            ("[2001:db8::1]", "[2001:0DB8:0:0::0001]", true),
            ("[::ffff:192.0.2.1]", "[::FFFF:c000:201]", true),
            ("[2001:db8::1]", "[2001:db8::2]", false),
            ("[::1]", "::1", false),
            ("[x]", "[X]", true),
        ] {
            assert_eq!(same_host(one.as_bytes(), other.as_bytes()), same, "{one} {other}");
        }
    }

    #[test]
    fn targets_are_compared() {
        for (one, other, same) in [
            ("sip:b@h", "SIP:b@H", true),
            ("sip:b@h", "sip:%62@h:5060", true),
            ("sip:b@[2001:db8::1]", "sip:b@[2001:DB8:0::1]:5060", true),
            ("sips:b@h", "sips:b@h:5061", true),
            ("sips:b@h", "sips:b@h:5060", true),
            ("sip:b@h", "sip:b@h:5061", false),
            ("sip:b@h:5061", "sip:b@h:5060", false),
            ("sip:b@h", "sips:b@h", false),
            ("sip:b@h", "sip:B@h", false),
            ("sip:b@h", "sip:h", false),
            ("sip:b@h", "sip:b@g", false),
            // Added on the way, or left out of a Request-URI.
            ("sip:b@h", "sip:b@h;alias=192.0.2.1~5070~1", true),
            ("sip:b@h;ob;x=1?Subject=a", "sip:b@h;X=1;lr=on", true),
            ("sip:h;lr", "sip:h;lr=on", true),
            ("sip:b@h;line=1", "sip:b@h;line=2", false),
            ("sip:b@h;line=1", "sip:b@h;line=1;line=2", false),
            // What it is sent by.
            ("sip:b@h", "sip:b@h;maddr=192.0.2.1", false),
            ("sip:b@h;maddr=A", "sip:b@h;MADDR=a", true),
            ("sip:b@h", "sip:b@h;gr=x", false),
            ("sip:b@h;gr=y", "sip:b@h;gr=x", false),
            ("sip:b@h", "sip:b@h;transport=tcp", false),
            ("sip:b@h", "sip:b@h;Transport=UDP", true),
            ("sip:b@h", "sip:b@h;transport=udp;transport=tcp", false),
            ("sips:b@h", "sips:b@h;transport=tcp", true),
            ("sips:b@h", "sips:b@h;transport=udp", false),
        ] {
            let [one_uri, other_uri] = [one, other].map(|uri| parse(uri.as_bytes()).unwrap());
            assert_eq!(same_target(&one_uri, &other_uri), same, "{one} {other}");
            assert_eq!(same_target(&other_uri, &one_uri), same, "{other} {one}");
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
