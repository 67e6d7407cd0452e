// SPDX-License-Identifier: MIT OR Apache-2.0
//! The short ways through plain values find what the long ones find, whatever the values hold.

use memchr::{memchr, memchr3};
use proptest::prelude::*;
use proptest::sample::select;

use super::name_addr::{self, NameAddr};
use super::uri::{self, decimal_u16};
use super::{list, trim, via};

/// Pieces of values, legal, odd and hostile.
const PIECES: [&str; 44] = [
    "<",
    ">",
    "\"",
    "\\",
    ",",
    ";",
    ":",
    "@",
    "=",
    "?",
    "[",
    "]",
    " ",
    "\t",
    "\r",
    "\n",
    "\0",
    "!",
    "%41",
    "\u{e9}",
    "sip:",
    "SIPS:",
    "tel:",
    "a",
    "p1.example.com",
    "[2001:db8::1]",
    "5060",
    "65536",
    "0123456789abcdef",
    ";lr",
    ";lr=on",
    ";LR",
    ";lr@",
    ";lrx",
    ";tag=",
    ";TAG=1",
    ";gr",
    ";gr=u",
    ";method=BYE",
    ";transport=udp",
    "?lr",
    "?method=x",
    "<sip:",
    ">;tag=",
];

/// Pieces of a Via row.
const VIA_PIECES: [&str; 20] = [
    "SIP/2.0/UDP p1.example.com",
    "SIP / 2.0 / TCP [2001:db8::1]:5060",
    ";",
    ",",
    "=",
    "\"",
    "\\",
    "<",
    ">",
    " ",
    "\r\n ",
    "\t",
    "1",
    ";branch=z9hG4bK1",
    ";Branch=2",
    ";branch",
    ";branch=",
    "; branch =3",
    ";brancher=4",
    ";rport",
];

fn hostile() -> impl Strategy<Value = String> {
    prop::collection::vec(select(&PIECES[..]), 0..12).prop_map(|pieces| pieces.concat())
}

/// Mostly sound, with something hostile in one place.
fn likely() -> impl Strategy<Value = String> {
    let uri = (hostile(), hostile(), hostile()).prop_map(|(a, b, c)| {
        [
            format!("sip:{a}@p1.example.com:5060;lr{b}"),
            format!("sip:mo@10.0.0.1{a};transport=udp"),
            format!("sips:[2001:db8::1]{b}?{c}"),
            format!("sip:{c}"),
        ]
    });
    let uri = (uri, 0..4_usize).prop_map(|(uris, which)| uris[which].clone());
    (uri, hostile(), 0..4_usize).prop_map(|(uri, more, which)| match which {
        0 => uri,
        1 => format!("<{uri}>"),
        2 => format!("<{uri}>;tag=9fxced{more}"),
        _ => format!("<{uri}>{more}"),
    })
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![likely(), hostile()]
}

/// The parts of a URI, found one after the other: user, host, port, parameters, headers.
type Parts<'a> = (bool, Option<&'a [u8]>, &'a [u8], Option<u16>, &'a [u8], Option<&'a [u8]>);

fn parts_of(uri: &[u8]) -> Option<Parts<'_>> {
    let (secure, rest) = match uri {
        [b's' | b'S', b'i' | b'I', b'p' | b'P', b':', rest @ ..] => (false, rest),
        [b's' | b'S', b'i' | b'I', b'p' | b'P', b's' | b'S', b':', rest @ ..] => (true, rest),
        _ => return None,
    };
    if rest.iter().any(|b| b"<>\"\x7f".contains(b) || *b <= b' ') {
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
    params.first().is_none_or(|b| *b == b';').then_some((secure, user, host, port, params, headers))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, ..ProptestConfig::default() })]

    #[test]
    fn a_uri_is_cut_into_the_same_parts(value in value()) {
        let uri = value.as_bytes();
        let cut = uri::parse(uri);
        let parts = parts_of(uri);
        prop_assert_eq!(cut.is_some(), parts.is_some());
        if let (Some(cut), Some((secure, user, host, port, params, headers))) = (cut, parts) {
            prop_assert_eq!((cut.secure, cut.user, cut.host, cut.port, cut.headers()), (secure, user, host, port, headers));
            let names: Vec<&[u8]> = params.split(|b| *b == b';').skip(1).collect();
            prop_assert_eq!(cut.params().collect::<Vec<_>>(), names.clone());
            let has = |name: &[u8]| names.iter().any(|p| uri::name_of(p).eq_ignore_ascii_case(name));
            prop_assert_eq!(cut.loose(), has(b"lr"));
            let special = has(b"method") || has(b"gr") || headers.is_some();
            prop_assert!(cut.may_be_special() || !special);
            if !cut.may_be_special() {
                prop_assert_eq!(uri::without_method_and_headers(uri, &cut).collect::<Vec<_>>().concat(), uri);
            }
        }
    }

    #[test]
    fn a_lone_uri_is_the_only_element(value in value()) {
        let value = value.as_bytes();
        if let Some(uri) = name_addr::only_uri(value) {
            prop_assert_eq!(list::elements(value).collect::<Vec<_>>(), [Ok(value)]);
            prop_assert_eq!(name_addr::parse(value), Some(NameAddr { uri, params: b"", bracketed: true }));
            prop_assert_eq!(uri::cut(uri), uri::parse(uri));
            prop_assert!(memchr3(b'\r', b'\n', 0, value).is_none());
        }
        let lone = value.starts_with(b"<") && memchr(b'>', value) == Some(value.len() - 1);
        if lone && value.iter().all(|b| *b > b'"') && memchr(b'<', &value[1..]).is_none() && value.len() > 2 {
            prop_assert!(name_addr::only_uri(value).is_some());
        }
    }

    #[test]
    fn a_plain_tag_is_the_tag(value in value()) {
        let value = value.as_bytes();
        if let Some(tag) = name_addr::plain_tag(value) {
            let cut = name_addr::parse(value);
            prop_assert!(cut.is_some());
            prop_assert_eq!(cut.and_then(|cut| name_addr::tag(value, &cut)), Some(tag));
            prop_assert!(name_addr::is_word(&value[tag.start..tag.end]));
            prop_assert!(memchr3(b'\r', b'\n', 0, value).is_none());
            prop_assert_eq!(trim(value), value);
        }
    }

    #[test]
    fn a_plain_branch_is_the_branch(row in prop::collection::vec(select(&VIA_PIECES[..]), 0..8)) {
        let row = row.concat();
        let row = trim(row.as_bytes());
        if let Some(branch) = via::plain_branch(row) {
            prop_assert_eq!(&*via::any_branch(row), branch);
        }
        prop_assert_eq!(via::branch(row), via::any_branch(row));
        let usual = [b"SIP/2.0/UDP [2001:db8::1]:5060;rport;branch=z9hG4bK1,", row].concat();
        prop_assert_eq!(via::plain_branch(&usual), Some(&b"z9hG4bK1"[..]));
    }
}
