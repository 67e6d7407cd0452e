// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the tests share: building the pair, and the one way by which a BYE that a test builds reaches the two
//! independent parsers. A test that goes around [`judge`] judges itself.

#![allow(dead_code)] // each test binary uses a part of it

pub mod proxy;

use ims_release::Error;
use ims_release::bye::Encoded;
use ims_release::cseq::CSeqs;
use ims_release::dialog::{Dialog, Fields, Scratch, User};
use ims_release::message::list;
use ims_release::reason::Reason;
use ims_release::release::{self, Delivery, Form, Leg, Request};

/// One BYE as it would leave.
#[derive(Debug)]
pub struct Built {
    pub message: String,
    pub bytes: Vec<u8>,
    pub delivery: Delivery,
    pub cseq: u32,
    pub request_uri: String,
    pub next_hop: String,
}

impl Built {
    /// The values of a header, in order.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let prefix = format!("{name}: ");
        self.message.split("\r\n").filter_map(|line| line.strip_prefix(&prefix)).collect()
    }

    /// The only value of a header.
    pub fn value(&self, name: &str) -> &str {
        let values = self.values(name);
        assert_eq!(values.len(), 1, "{name} in\n{}", self.message);
        values[0]
    }

    /// The Route header as a flat list.
    pub fn routes(&self) -> Vec<&str> {
        let rows = self.values("Route");
        rows.iter().flat_map(|row| list::elements(row.as_bytes())).map(|e| str(e.unwrap())).collect()
    }
}

/// Both BYEs of a dialog.
#[derive(Debug)]
pub struct Pair {
    pub called: Result<Built, Error>,
    pub calling: Result<Built, Error>,
}

/// The reason that all BYEs of the cases carry unless they say otherwise.
pub fn request() -> Request<'static> {
    Request {
        reason: Reason::sip(503, b"Service Unavailable").unwrap(),
        headers: &[],
        form: Form::Loop,
        keep_gruu: false,
        via: None,
    }
}

/// A reply to a BYE, with these rows among others.
pub fn reply(code: u16, rows: &str) -> String {
    format!("SIP/2.0 {code} x\r\nVia: SIP/2.0/UDP s\r\nCSeq: 1 BYE\r\n{rows}Content-Length: 0\r\n\r\n")
}

/// Checks the fields and builds both BYEs; each goes to the parsers.
pub fn build(fields: &Fields<'_>, cseqs: CSeqs, request: &Request<'_>) -> Result<Pair, Error> {
    let mut random = || rand::TryRng::try_next_u64(&mut rand::rngs::SysRng).map_err(|_| Error::NoRandom);
    build_with(fields, cseqs, request, &mut random)
}

/// The same with a given source of random numbers.
pub fn build_with(
    fields: &Fields<'_>,
    cseqs: CSeqs,
    request: &Request<'_>,
    random: &mut dyn FnMut() -> Result<u64, Error>,
) -> Result<Pair, Error> {
    let mut scratch = Scratch::default();
    let dialog = Dialog::new(fields, &mut scratch)?;
    // A copy must be the same dialog.
    let copy = dialog.to_owned();
    let dialog = copy.as_dialog();
    let plan = release::plan(&dialog, cseqs, request, random)?;
    Ok(Pair {
        called: plan.called.map(|leg| written(&dialog, &leg)),
        calling: plan.calling.map(|leg| written(&dialog, &leg)),
    })
}

fn written(dialog: &Dialog<'_>, leg: &Leg<'_>) -> Built {
    let length = leg.encoded_len();
    let mut short = vec![0xaa; length - 1];
    assert_eq!(leg.encode_into(&mut short), Err(Error::BufferTooSmall));
    assert!(short.iter().all(|b| *b == 0xaa), "a buffer that is too small stays as it is");

    let mut bytes = vec![0xaa; length + 8];
    let parts = leg.encode_into(&mut bytes).unwrap();
    assert_eq!(parts.length, length);
    assert!(bytes[length..].iter().all(|b| *b == 0xaa), "nothing is written behind the message");
    bytes.truncate(length);
    let tags = match leg.to() {
        User::Called => (dialog.from_tag(), dialog.to_tag()),
        User::Calling => (dialog.to_tag(), dialog.from_tag()),
    };
    built(bytes, &parts, leg.delivery(), leg.cseq(), tags)
}

/// A BYE that was written: its parts are where they should be, and the judge agrees. `tags` are those that the dialog
/// has for From and To.
pub fn built(
    bytes: Vec<u8>,
    parts: &Encoded,
    delivery: Delivery,
    cseq: u32,
    (from_tag, to_tag): (Option<&[u8]>, Option<&[u8]>),
) -> Built {
    for (found, tag) in [(parts.from_tag, from_tag), (parts.to_tag, to_tag)] {
        assert_eq!(found.is_some(), tag.is_some());
        if let (Some((semicolon, start)), Some(tag)) = (found, tag) {
            assert!(bytes[start..].starts_with(tag) && bytes[semicolon] == b';');
        }
    }
    let text = |range: &core::ops::Range<usize>| String::from_utf8_lossy(&bytes[range.clone()]).into_owned();
    let built = Built {
        message: text(&(0..parts.length)),
        delivery,
        cseq,
        request_uri: text(&parts.request_uri),
        next_hop: text(&parts.next_hop),
        bytes: bytes.clone(),
    };
    assert_eq!(bytes.len(), parts.length);
    assert_eq!(text(&parts.call_id), built.value("Call-ID"));
    assert_eq!(text(&parts.from), built.value("From"));
    assert_eq!(text(&parts.to), built.value("To"));
    assert_eq!(built.value("Max-Forwards"), "70");
    assert_eq!(built.value("Content-Length"), "0");
    assert!(built.values("Contact").is_empty());
    judge(&bytes, from_tag, to_tag, cseq);
    built
}

/// Feeds one BYE to both parsers and compares what they read with what is known of the dialog.
pub fn judge(bye: &[u8], from_tag: Option<&[u8]>, to_tag: Option<&[u8]>, cseq: u32) {
    let text = String::from_utf8_lossy(bye);
    let value = |name: &str| {
        let prefix = format!("{name}: ");
        text.split("\r\n").filter_map(|l| l.strip_prefix(&prefix)).map(str::to_owned).collect::<Vec<_>>()
    };
    let routes = value("Route");
    let routes: Vec<&str> = routes.iter().flat_map(|r| list::elements(r.as_bytes())).map(|e| str(e.unwrap())).collect();
    let request_uri = text.split(' ').nth(1).unwrap();
    oracle::check(
        bye,
        &oracle::Expected {
            request_uri,
            call_id: &value("Call-ID")[0],
            from_tag: from_tag.map(str),
            to_tag: to_tag.map(str),
            cseq,
            routes: &routes,
        },
    );
}

/// Feeds a BYE whose values may be outside their grammar to both parsers: one that accepts it must read from it what is
/// known of the dialog.
pub fn judge_read(bye: &[u8], call_id: &[u8], from_tag: &[u8], to_tag: &[u8], cseq: u32) {
    let readings = oracle::read(bye);
    for (name, reading) in [("sofia-sip", readings.sofia), ("libosip2", readings.osip)] {
        if reading.refused.is_some() {
            continue;
        }
        let text = |value: &[u8]| Some(String::from_utf8_lossy(value).into_owned()).filter(|value| !value.is_empty());
        let read = (reading.method, reading.call_id, reading.from_tag, reading.to_tag, reading.cseq);
        let known = (Some("BYE".into()), text(call_id), text(from_tag), text(to_tag), Some(cseq.to_string()));
        assert_eq!(read, known, "{name} of {}", bye.escape_ascii());
    }
}

fn str(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).expect("the cases are ASCII")
}
