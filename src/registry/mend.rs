// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a transaction layer cannot print of our BYE, put into what it has printed: the mark in its own Via, and From
//! and To byte by byte as they were stored. A layer that takes them apart may put them together differently, and a
//! user that compares more than the tags then does not know the dialog (RFC 3261 12.2.1.1, 12.2.2).

use crate::message::{Header, Message, Name, list, trim_folded};

/// The printed message in pieces: `mark` stands behind the first value of its first Via row, and the values of its
/// first From and To row are those of `ours`. `None` where a message cannot be read or one of the five is missing.
pub(super) fn mended<'a>(ours: &'a [u8], printed: &'a [u8], mark: &'a [u8]) -> Option<[&'a [u8]; 7]> {
    let (ours, layer) = (Message::parse(ours).ok()?, Message::parse(printed).ok()?);
    let via = topmost_via(&layer)?;
    let changes = [
        (&via[via.len()..], mark),
        (value(&layer, Name::From)?, value(&ours, Name::From)?),
        (value(&layer, Name::To)?, value(&ours, Name::To)?),
    ];
    let mut changes = changes.map(|(old, new)| {
        let start = old.as_ptr() as usize - printed.as_ptr() as usize;
        (start, start + old.len(), new)
    });
    // The order of the headers is the layer's.
    changes.sort_unstable_by_key(|(start, ..)| *start);
    let [(first, after_first, one), (second, after_second, two), (third, after_third, three)] = changes;
    Some([
        &printed[..first],
        one,
        &printed[after_first..second],
        two,
        &printed[after_second..third],
        three,
        &printed[after_third..],
    ])
}

/// The first value of the first Via row, without folds around it.
pub(super) fn topmost_via<'a>(message: &Message<'a>) -> Option<&'a [u8]> {
    let via = list::elements(value(message, Name::Via)?).next()?.ok()?;
    Some(trim_folded(via)).filter(|via| !via.is_empty())
}

/// The value of the first such row. The name alone finds it: what stands behind it may not follow its grammar.
fn value<'a>(message: &Message<'a>, name: Name) -> Option<&'a [u8]> {
    message.headers().find(|header| header.name == name).map(|Header { value, .. }| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: &str = r#""A,\"<" <sip:a@b;x=1> ; p=1;tag=2;z"#;
    const TO: &str = "sip:c@d;tag=3";

    fn ours() -> String {
        format!("BYE sip:c SIP/2.0\r\nReason: SIP;cause=503\r\nFrom: {FROM}\r\nTo: {TO}\r\n\r\n")
    }

    fn mend(printed: &str) -> Option<String> {
        let ours = ours();
        let pieces = mended(ours.as_bytes(), printed.as_bytes(), b";m=1")?;
        Some(String::from_utf8(pieces.concat()).expect("text"))
    }

    #[test]
    fn all_but_via_from_and_to_stays_as_printed() {
        let mended = mend(
            "BYE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP p;branch=z9hG4bK1\r\nTo: <sip:c@d>;tag=3\r\n\
             From: <<sip:a@b> ;p=1>;tag=2\r\nCSeq: 9 BYE\r\nUser-Agent: From: x\r\nX-To: y\r\nContent-Length: 4\r\n\r\n\
             To: ",
        );
        let expected = format!(
            "BYE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP p;branch=z9hG4bK1;m=1\r\nTo: {TO}\r\n\
             From: {FROM}\r\nCSeq: 9 BYE\r\nUser-Agent: From: x\r\nX-To: y\r\nContent-Length: 4\r\n\r\nTo: "
        );
        assert_eq!(mended.as_deref(), Some(&*expected));
    }

    #[test]
    fn the_first_row_counts_in_any_form() {
        let mended = mend("BYE sip:x SIP/2.0\nf :x\nv: a;b=\",\" , c\nFROM: y\nt:\nVia: d\nTo: z\n\n");
        let expected =
            format!("BYE sip:x SIP/2.0\nf :{FROM}\nv: a;b=\",\";m=1 , c\nFROM: y\nt:{TO}\nVia: d\nTo: z\n\n");
        assert_eq!(mended.as_deref(), Some(&*expected));
    }

    #[test]
    fn a_fold_goes_with_its_value() {
        let mended = mend(
            "BYE sip:x SIP/2.0\r\nVia: a\r\n , b\r\nFrom:\r\n \"A\"\r\n\t<sip:a@b>\r\n ;tag=2 \r\nTo: x\r\n y\r\n\
             v: c\r\n\r\n",
        );
        let expected =
            format!("BYE sip:x SIP/2.0\r\nVia: a;m=1\r\n , b\r\nFrom:\r\n {FROM} \r\nTo: {TO}\r\nv: c\r\n\r\n");
        assert_eq!(mended.as_deref(), Some(&*expected));
    }

    #[test]
    fn what_cannot_be_found_cannot_be_mended() {
        let (via, from, to) = ("Via: a\r\n", "From: x\r\n", "To: y\r\n");
        let request = |headers: &[&str]| format!("BYE sip:x SIP/2.0\r\n{}\r\n", headers.concat());
        assert!(mend(&request(&[via, from, to])).is_some());
        for missing in [&[from, to][..], &[via, to], &[via, from], &[], &["Via: \"a\r\n", from, to]] {
            assert_eq!(mend(&request(missing)), None, "{missing:?}");
        }
        // Behind the comma a line would begin that is no header.
        assert_eq!(mend(&request(&["Via: ,\r\n\t,a\r\n", from, to])), None);
        assert_eq!(mend("BYE sip:x SIP/2.0\r\nVia: a\r\nFrom: x\r\nTo: y\r\n"), None);
        let printed = request(&[via, from, to]);
        for ours in [&b""[..], b"BYE sip:x SIP/2.0\r\nFrom: x\r\n\r\n", b"BYE sip:x SIP/2.0\r\nTo: x\r\n\r\n"] {
            assert_eq!(mended(ours, printed.as_bytes(), b""), None);
        }
    }
}
