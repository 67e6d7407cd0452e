// SPDX-License-Identifier: MIT OR Apache-2.0
//! name-addr and addr-spec with header parameters (RFC 3261 20.10, 20.20, 20.34; RFC 8217): From, To, Contact, Route.

use memchr::{memchr, memchr2};

use super::{quoted_end, trim, uri};
use crate::scan;

/// One From, To, Contact or Route value, cut into its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// The URI without its brackets.
    pub uri: &'a [u8],
    /// Header parameters, from the first `;` on; empty when there is none.
    pub params: &'a [u8],
    /// Whether the URI stood in angle brackets. Without them everything after `;` belongs to the header.
    pub bracketed: bool,
}

/// Cuts a value. `None` when a quote or bracket is not closed, the URI is empty, something follows the URI that is not
/// a parameter, or a comma shows that there are several values.
///
/// What RFC 3261 does not allow and nobody misreads is taken as it stands, as RFC 4475 3.1.2.13 and 3.1.2.15 let an
/// element do: any character in an unquoted display name, commas included, and in a URI without brackets `?` and a
/// comma in the user. Both users took the INVITE with it: they can take it in a BYE, and their call can be ended.
pub fn parse(value: &[u8]) -> Option<NameAddr<'_>> {
    let value = trim(value);
    let open = match value.first()? {
        b'<' => Some(0),
        b'"' => {
            let after = quoted_end(value, 0)?;
            let gap = value[after..].iter().position(|b| !matches!(b, b' ' | b'\t'))?;
            // Only blanks may stand between a quoted display name and the bracket.
            if value[after + gap] != b'<' {
                return None;
            }
            Some(after + gap)
        }
        // An unquoted display name holds neither ':' nor ';': a bracket after one of them is not ours.
        _ => match value.iter().position(|b| matches!(b, b'<' | b':' | b';' | b'"')) {
            Some(at) if value[at] == b'<' => Some(at),
            Some(at) if value[at] == b'"' => return None,
            _ => None,
        },
    };
    let (uri, params, bracketed) = match open {
        Some(open) => {
            let close = open + memchr(b'>', &value[open..])?;
            (&value[open + 1..close], trim(&value[close + 1..]), true)
        }
        None => {
            let end = memchr(b';', value).unwrap_or(value.len());
            (trim(&value[..end]), &value[end..], false)
        }
    };
    if uri.is_empty() || memchr2(b' ', b'<', uri).is_some() || params.first().is_some_and(|b| *b != b';') {
        return None;
    }
    let cut = NameAddr { uri, params, bracketed };
    // An open quote in a parameter would swallow whatever is written after the value.
    let sound = memchr2(b'"', b',', params).is_none() || cut.params().all(|p| p.is_some()) && !lists(params);
    // Without brackets, behind the user.
    let host = if bracketed { b"" } else { &uri[memchr(b'@', uri).unwrap_or(0)..] };
    (sound && memchr(b',', host).is_none()).then_some(cut)
}

/// Whether a comma stands outside quotes, which are closed.
fn lists(params: &[u8]) -> bool {
    let mut rest = params;
    while let Some(found) = memchr2(b',', b'"', rest) {
        match quoted_end(rest, found) {
            Some(end) if rest[found] == b'"' => rest = &rest[end..],
            _ => return true,
        }
    }
    false
}

impl<'a> NameAddr<'a> {
    /// The header parameters in order.
    pub fn params(&self) -> Params<'a> {
        Params { rest: self.params }
    }
}

/// The URI of a value that is nothing but a plain one in brackets, which most Route and Contact values are; else
/// `None`. Where it is `Some`, [`parse`] and [`list::elements`](super::list::elements) find the same.
#[inline]
pub(crate) fn only_uri(value: &[u8]) -> Option<&[u8]> {
    match value {
        [b'<', uri @ .., b'>'] if !uri.is_empty() && uri::is_plain(uri) => Some(uri),
        _ => None,
    }
}

/// The tag of a value `<plain URI>;tag=plain`, as most From and To values are; else `None`. Where it is `Some`,
/// [`parse`] and [`tag`] find the same, and it [is one word](is_word).
pub(crate) fn plain_tag(value: &[u8]) -> Option<Tag> {
    let close = memchr(b'>', value)?;
    only_uri(&value[..=close])?;
    let text = value[close + 1..].strip_prefix(b";tag=")?;
    // More than needs be, for two comparisons: up to the comma, and from `;` to `>`.
    let odd = scan::any(text, |b| (b <= b',') | (b.wrapping_sub(b';') < 4));
    (!text.is_empty() && !odd).then_some(Tag {
        semicolon: close + 1,
        start: value.len() - text.len(),
        end: value.len(),
    })
}

/// One header parameter, `;name` or `;name=value`, blanks around `;` and `=` left out of name and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// From the `;` on, to the end of the value it was cut from.
    pub from_semicolon: &'a [u8],
    /// The name.
    pub name: &'a [u8],
    /// The value, with its quotes where it has them; `None` without `=`.
    pub value: Option<&'a [u8]>,
}

/// Parameters of a header value. An item of `None` is a quote that is not closed; then the end.
#[derive(Clone, Debug)]
pub struct Params<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Params<'a> {
    type Item = Option<Param<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let from_semicolon = self.rest;
        if from_semicolon.first() != Some(&b';') {
            return None;
        }
        let mut end = 1;
        loop {
            match memchr2(b';', b'"', &from_semicolon[end..]) {
                None => end = from_semicolon.len(),
                Some(found) if from_semicolon[end + found] == b'"' => match quoted_end(from_semicolon, end + found) {
                    Some(after) => {
                        end = after;
                        continue;
                    }
                    None => {
                        self.rest = &[];
                        return Some(None);
                    }
                },
                Some(found) => end += found,
            }
            break;
        }
        let text = &from_semicolon[1..end];
        self.rest = &from_semicolon[end..];
        let (name, value) = match memchr2(b'=', b'"', text) {
            Some(at) if text[at] == b'=' => (&text[..at], Some(trim(&text[at + 1..]))),
            _ => (text, None),
        };
        Some(Some(Param { from_semicolon, name: trim(name), value }))
    }
}

/// The tag of a From or To value and where it stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Offset of the `;` before `tag`.
    pub semicolon: usize,
    /// Offset of the first character of the tag.
    pub start: usize,
    /// Offset behind its last character.
    pub end: usize,
}

/// Finds the `tag` parameter, outside quotes and brackets. Of several the first counts, as in sofia-sip: RFC 3261
/// allows one, and what stands behind it is kept in the value all the same.
pub fn tag(value: &[u8], cut: &NameAddr<'_>) -> Option<Tag> {
    let tag = cut.params().flatten().find(|p| p.name.eq_ignore_ascii_case(b"tag"))?;
    // Without a value it is there all the same, and no word.
    let text = tag.value.unwrap_or(&tag.name[tag.name.len()..]);
    let start = offset(value, text);
    Some(Tag { semicolon: offset(value, tag.from_semicolon), start, end: start + text.len() })
}

/// Whether a tag is one word, which is what makes it comparable. By RFC 3261 19.3 it is a token; whoever made it of
/// other characters, or in quotes, knows it again as it is. Nothing, or what holds a blank or an angle bracket, is no
/// word.
pub(crate) fn is_word(tag: &[u8]) -> bool {
    let quoted = tag.first() == Some(&b'"') && quoted_end(tag, 0) == Some(tag.len());
    quoted || !tag.is_empty() && !tag.iter().any(|b| matches!(b, b' ' | b'\t' | b'<' | b'>' | b'"'))
}

/// Offset of `part`, which was cut from `whole`.
fn offset(whole: &[u8], part: &[u8]) -> usize {
    part.as_ptr() as usize - whole.as_ptr() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag_of(value: &[u8]) -> Option<&[u8]> {
        let tag = tag(value, &parse(value)?)?;
        Some(&value[tag.start..tag.end])
    }

    #[test]
    fn tag_outside_quotes_and_brackets_counts() {
        assert_eq!(tag_of(br#""x;tag=evil" <sip:a@b;tag=uri>;x="y;tag=q";tag=real"#).unwrap(), b"real");
        assert_eq!(tag_of(b"sip:a@b;tag=88").unwrap(), b"88");
        assert_eq!(tag_of(b"<sip:a@b> ; p=1 ; TAG = 2 ;z").unwrap(), b"2");
        assert_eq!(tag_of(br#"<sip:a@b>;p="x>y";tag=2"#).unwrap(), b"2");
        assert_eq!(tag_of(b"<sip:a@b;tag=uri>"), None);
    }

    #[test]
    fn forms_are_cut() {
        let full = parse(br#""Bob, Jr." <sip:bob@192.0.2.4;transport=tcp?X=1>;expires=60"#).unwrap();
        assert_eq!(full.uri, b"sip:bob@192.0.2.4;transport=tcp?X=1");
        assert_eq!(full.params, b";expires=60");
        let bare = parse(b"sip:bob@192.0.2.4;transport=tcp").unwrap();
        assert_eq!((bare.uri, bare.bracketed), (&b"sip:bob@192.0.2.4"[..], false));
        assert_eq!(parse(b"A.B <sip:c>").unwrap().uri, b"sip:c");
        assert_eq!(parse(b"Bell, A. (x) <sip:c>;tag=43").unwrap().uri, b"sip:c");
        assert_eq!(parse(b"<sip:a,b@c>;x=\"1,2\";y=\",\"").unwrap().params, b";x=\"1,2\";y=\",\"");
        assert_eq!(parse(b"sip:a,b@c;tag=1").unwrap().uri, b"sip:a,b@c");
        let headers = parse(b"sip:a@b?x;tag=1").unwrap();
        assert_eq!((headers.uri, headers.params), (&b"sip:a@b?x"[..], &b";tag=1"[..]));
        for bad in [
            &b"<sip:a"[..],
            b"",
            b"<>",
            b"<sip:a>x",
            br#""a" b <sip:a>"#,
            br#""a <sip:a>"#,
            br#"<sip:a>;x="y"#,
            b"\"a\"",
            b"<sip:a>;tag=1, <sip:c>",
            b"<sip:a>;tag=1,<sip:c>;tag=2",
            b"<sip:a>;x=\"1\",",
            b"A <sip:a>, B <sip:b>;tag=1",
            b"sip:a,sip:b;tag=1",
            b"sip:a@b,sip:c@d;tag=1",
            b"sip:a@b;tag=1,2",
        ] {
            assert_eq!(parse(bad), None, "{}", String::from_utf8_lossy(bad));
        }
    }
}
