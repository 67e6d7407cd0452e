// SPDX-License-Identifier: MIT OR Apache-2.0
//! Header values for property tests: by the grammar, nearly so, and not at all. None ends its line but by a fold.

#![allow(dead_code)] // each test binary uses a part of it

use proptest::prelude::*;
use proptest::sample::select;

/// Between two parts of a value.
fn blank() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just(""), 1 => select(&[" ", "\t ", "\r\n ", " \r\n\t", "\n  "][..])]
}

fn display_name() -> impl Strategy<Value = &'static str> {
    select(
        &[
            "",
            "",
            "Alice ",
            "A. B-C ",
            "\"Bob, Jr.\" ",
            "\"a \\\"q\\\" \\\\\"",
            "\"<sip:no@where>;tag=no\" ",
            "\"J\u{f6}rg\" ",
        ][..],
    )
}

/// A URI that may stand in a Contact or route.
pub fn uri() -> impl Strategy<Value = &'static str> {
    select(
        &[
            "sip:a@b",
            "sips:c.d@example.com:5071;transport=tcp",
            "sip:[2001:db8::1]:5060;comp=sigcomp;lr",
            "sip:p;lr=on;x",
            "SIP:a,b@p;LR",
            "sip:a;lr@h;user=phone",
            "sip:%41b@h?Subject=x",
            "sip:m@h;method=INVITE;y",
            "sip:gr@h;gr=urn:uuid:1",
        ][..],
    )
}

fn any_uri() -> impl Strategy<Value = &'static str> {
    prop_oneof![16 => uri(), 1 => select(&["tel:+1-212;phone-context=+86", "urn:service:sos", "http://h", "", "sip:a b"][..])]
}

fn param() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        4 => select(&[";tag=t", ";x", ";expires=60", ";x=\"a;tag=b,\\\"\""][..]),
        1 => select(&[";tag=\"q\"", ";X = y", "; tag = T.1", ";TAG=2", ";", ";=v"][..]),
    ]
}

/// One From, To, Contact or Record-Route value by the grammar, or nearly.
pub fn name_addr() -> impl Strategy<Value = String> {
    let params = || proptest::collection::vec((blank(), param()), 0..3);
    let bracketed = (display_name(), blank(), any_uri(), params()).prop_map(|(name, blank, uri, params)| {
        let params: String = params.into_iter().flat_map(|(blank, param)| [blank, param]).collect();
        format!("{name}{blank}<{uri}>{params}")
    });
    let bare = (any_uri(), params()).prop_map(|(uri, params)| {
        let params: String = params.into_iter().flat_map(|(blank, param)| [blank, param]).collect();
        format!("{uri}{params}")
    });
    prop_oneof![4 => bracketed, 1 => bare]
}

/// Any octets, of which many mean something, without a line that would be another header.
pub fn octets() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => "[ -~]{0,6}".prop_map(String::into_bytes),
        2 => select(&["\"", "\\", "<", ">", ";tag=", ",", "<sip:a@b>", "\r\n ", "\n\t", "@", "="][..]).prop_map(Into::into),
        1 => any::<u8>().prop_filter("no line end", |octet| *octet != b'\n').prop_map(|octet| vec![octet]),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// A value as it is stored: each fold (blanks, line end, blanks) one blank, none around it.
pub fn unfolded(value: &[u8]) -> Vec<u8> {
    let blank = |octet: &u8| matches!(octet, b' ' | b'\t');
    let mut text: Vec<u8> = Vec::new();
    let lines: Vec<&[u8]> = value.split(|octet| *octet == b'\n').collect();
    for (index, line) in lines.iter().enumerate() {
        let line = if index + 1 < lines.len() { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
        let start = line.iter().position(|octet| !blank(octet)).unwrap_or(line.len());
        let end = line.iter().rposition(|octet| !blank(octet)).map_or(start, |last| last + 1);
        if !text.is_empty() && start < end {
            text.push(b' ');
        }
        text.extend_from_slice(&line[start..end]);
    }
    text
}
