// SPDX-License-Identifier: MIT OR Apache-2.0
//! What capture takes from a message is what two independent parsers take from it, sipx-sip and ezk-sip-types, where
//! all accept it. The differences that are known are named in [`agree`] and [`known`]; those of blanks are taken out by
//! [`generated::unfolded`] (both parsers keep blanks before a fold, ezk-sip-types the fold too).

#[path = "support/generated.rs"]
mod generated;

use std::cell::Cell;
use std::path::Path;
use std::{fmt, fs};

use bytes::Bytes;
use ezk_sip_types::Name as EzkName;
use ezk_sip_types::header::HeaderParse as _;
use ezk_sip_types::header::typed::{CSeq as EzkCSeq, FromTo};
use ezk_sip_types::msg::{Line, MessageLine, PullParser};
use ezk_sip_types::parse::Parse as _;
use generated::{name_addr, unfolded};
use ims_release::capture;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use sipx_sip::headers::{CSeq, From, To};
use sipx_sip::{HeaderName, Limits, TypedHeader};

/// What is compared. Values without folds; of a tag `None` for none.
#[derive(Default, PartialEq)]
struct Values {
    call_id: Vec<u8>,
    from: Vec<u8>,
    from_tag: Option<Vec<u8>>,
    to: Vec<u8>,
    to_tag: Option<Vec<u8>>,
    cseq: (u32, Vec<u8>),
    contacts: Vec<Vec<u8>>,
    record_route: Vec<Vec<u8>>,
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tag = |tag: &Option<Vec<u8>>| tag.as_ref().map(|tag| tag.escape_ascii().to_string());
        let list = |list: &[Vec<u8>]| list.iter().map(|row| row.escape_ascii().to_string()).collect::<Vec<_>>();
        f.debug_list()
            .entries([&self.call_id, &self.from, &self.to, &self.cseq.1].map(|value| value.escape_ascii().to_string()))
            .entries([tag(&self.from_tag), tag(&self.to_tag)])
            .entry(&self.cseq.0)
            .entries([list(&self.contacts), list(&self.record_route)])
            .finish()
    }
}

fn tag(tag: &[u8]) -> Option<Vec<u8>> {
    Some(tag.to_vec()).filter(|tag| !tag.is_empty())
}

/// Rows without those that hold nothing.
fn given(rows: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    rows.into_iter().filter(|row| !row.is_empty()).collect()
}

fn ours(message: &[u8]) -> Option<Values> {
    let read = capture::read(message).ok()?;
    Some(Values {
        from_tag: tag(read.from_tag()),
        to_tag: tag(read.to_tag()),
        cseq: (read.cseq, read.method.to_vec()),
        contacts: read.contact.iter().map(|contact| contact.to_vec()).collect(),
        record_route: read.record_route.split(|b| *b == b'\n').filter(|r| !r.is_empty()).map(<[u8]>::to_vec).collect(),
        call_id: read.call_id.into_owned(),
        from: read.from.into_owned(),
        to: read.to.into_owned(),
    })
}

fn sipx(message: &[u8]) -> Option<Values> {
    let read = sipx_sip::parse_datagram(Bytes::copy_from_slice(message), &Limits::datagram()).ok()?;
    let headers = read.headers();
    let rows = |name: HeaderName| -> Vec<Vec<u8>> {
        headers.get_all(&name).map(|header| unfolded(header.raw_value())).collect()
    };
    let only = |name: HeaderName| match <[Vec<u8>; 1]>::try_from(rows(name)) {
        Ok([row]) => Some(row),
        Err(_) => None,
    };
    let (from, to, cseq) = (only(HeaderName::From)?, only(HeaderName::To)?, only(HeaderName::CSeq)?);
    let CSeq { sequence, method } = CSeq::decode(&cseq).ok()?;
    Some(Values {
        call_id: only(HeaderName::CallId)?,
        from_tag: From::decode(&from).ok()?.tag().and_then(tag),
        to_tag: To::decode(&to).ok()?.tag().and_then(tag),
        from,
        to,
        cseq: (sequence, method.as_bytes().to_vec()),
        contacts: rows(HeaderName::Contact),
        record_route: given(rows(HeaderName::RecordRoute)),
    })
}

fn ezk(message: &[u8]) -> Option<Values> {
    let skipped = message.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let source = Bytes::copy_from_slice(&message[skipped..]);
    let mut lines = PullParser::new(&source, 0);
    let text = |line: &[u8]| String::from_utf8(line.to_vec()).ok();
    let start = text(lines.next()?.ok()?)?;
    MessageLine::parse_str(&start).ok()?;
    let mut headers = Vec::new();
    for line in lines {
        let line = line.ok()?;
        let (_, Line { name, value }) = Line::parse(&source, std::str::from_utf8(line).ok()?).ok()?;
        headers.push((name, unfolded(value.as_str().as_bytes())));
    }
    let rows = |name: EzkName| -> Vec<Vec<u8>> {
        headers.iter().filter(|(n, _)| *n == name).map(|(_, row)| row.clone()).collect()
    };
    let only = |name: EzkName| match <[Vec<u8>; 1]>::try_from(rows(name)) {
        Ok([row]) => Some(row),
        Err(_) => None,
    };
    let tag_of = |row: &[u8]| {
        let row = Bytes::copy_from_slice(row);
        let (rest, value) = FromTo::parse(&row, std::str::from_utf8(&row).ok()?).ok()?;
        rest.trim().is_empty().then(|| value.tag.and_then(|t| tag(t.as_str().as_bytes())))
    };
    let (from, to, cseq) = (only(EzkName::FROM)?, only(EzkName::TO)?, Bytes::from(only(EzkName::CSEQ)?));
    let (_, EzkCSeq { cseq, method }) = EzkCSeq::parse(&cseq, std::str::from_utf8(&cseq).ok()?).ok()?;
    Some(Values {
        call_id: only(EzkName::CALL_ID)?,
        from_tag: tag_of(&from)?,
        to_tag: tag_of(&to)?,
        from,
        to,
        cseq: (cseq, method.to_string().into_bytes()),
        contacts: rows(EzkName::CONTACT),
        record_route: given(rows(EzkName::RECORD_ROUTE)),
    })
}

/// Makes the values of a parser comparable with ours where we differ on purpose.
fn known(mut theirs: Values) -> Values {
    // Several Contact rows, or a control character in one, are no remote target: we keep that there was something.
    let broken = |contact: &Vec<u8>| contact.iter().any(|b| matches!(b, b'\r' | b'\n' | 0));
    if theirs.contacts.len() > 1 || theirs.contacts.iter().any(broken) {
        theirs.contacts = vec![Vec::new()];
    }
    theirs
}

/// Whether all three accept it; then they agree.
fn agree(message: &[u8]) -> bool {
    let (Some(ours), Some(mut sipx), Some(mut ezk)) = (ours(message), sipx(message), ezk(message)) else {
        return false;
    };
    for (ours, value, sipx, ezk) in [
        (&ours.from_tag, &ours.from, &mut sipx.from_tag, &mut ezk.from_tag),
        (&ours.to_tag, &ours.to, &mut sipx.to_tag, &mut ezk.to_tag),
    ] {
        // A quoted tag is none by the grammar. We keep it as it is, both of them without the quotes.
        for theirs in [&mut *sipx, &mut *ezk] {
            let quoted = theirs.as_ref().map(|tag| [b"\"", &tag[..], b"\""].concat());
            if quoted.is_some() && quoted == *ours {
                theirs.clone_from(ours);
            }
        }
        // ezk-sip-types knows the name only in small letters, and reads parameters no further than the first that has
        // blanks around `=` or is empty.
        let odd = [&b"TAG"[..], b"; ", b" ;", b"X =", b";=", b";;"]
            .iter()
            .any(|odd| value.windows(odd.len()).any(|w| w == *odd));
        if odd || value.ends_with(b";") {
            ezk.clone_from(ours);
        }
    }
    let text = message.escape_ascii();
    assert_eq!(ours, known(sipx), "sipx-sip: {text}");
    assert_eq!(ours, known(ezk), "ezk-sip-types: {text}");
    true
}

#[test]
fn all_three_agree_on_the_messages_of_the_data() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut counts = Vec::new();
    for folder in ["rfc4475", "rfc5118", "volte"] {
        let files = fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let messages: Vec<Vec<u8>> = files
            .filter(|path| path.extension().is_some_and(|kind| kind != "md"))
            .map(|path| fs::read(path).unwrap())
            .collect();
        counts.push((messages.len(), messages.iter().filter(|message| agree(message)).count()));
    }
    assert_eq!(counts, [(49, 26), (12, 9), (26, 12)]);
}

prop_compose! {
    fn message()(
        from in name_addr(), to in name_addr(), contacts in proptest::collection::vec(name_addr(), 0..3),
        routes in proptest::collection::vec(name_addr(), 0..4), lists in any::<bool>(), compact in any::<bool>(),
        cseq in any::<u32>(), reply in any::<bool>(), blanks in proptest::sample::select(&["", " ", "\t", " \r\n "][..]),
    ) -> Vec<u8> {
        let names = if compact { ["f", "t", "i", "m"] } else { ["From", "TO", "Call-Id", "contact"] };
        let start = if reply { "SIP/2.0 200 OK" } else { "UPDATE sip:b SIP/2.0" };
        let mut message = format!(
            "{start}\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n{}:{blanks}{from}\r\n{} : {to}\r\n{}: <x>?/\"@[::1]\r\n\
             CSeq:{blanks}{cseq} UPDATE\r\n",
            names[0], names[1], names[2]
        );
        for contact in contacts {
            message += &format!("{}:{blanks}{contact}\r\n", names[3]);
        }
        let routes = if lists { vec![routes.join(",")] } else { routes };
        for route in routes {
            message += &format!("Record-Route: {route}\r\n");
        }
        (message + "Content-Length: 0\r\n\r\n").into_bytes()
    }
}

#[test]
fn all_three_agree_on_generated_messages() {
    let agreed = Cell::new(0);
    let config = ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() };
    let result = TestRunner::new(config).run(&message(), |message| {
        agreed.set(agreed.get() + u32::from(agree(&message)));
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(agreed.get() > 500, "{} messages that all accept", agreed.get());
}
