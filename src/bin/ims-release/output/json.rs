// SPDX-License-Identifier: MIT OR Apache-2.0
//! One JSON object, for programs.

use std::borrow::Cow;
use std::io::{self, Write};

use data_encoding::BASE64;
use serde::Serialize;

use crate::calls::{self, Calls};

#[derive(Serialize)]
struct Report<'a> {
    dialogs: Vec<Dialog<'a>>,
    rejected: Vec<Rejected<'a>>,
}

#[derive(Serialize)]
struct Dialog<'a> {
    call_id: Cow<'a, str>,
    from_tag: Cow<'a, str>,
    to_tag: Cow<'a, str>,
    state: &'static str,
    serves: &'static str,
    called: Leg<'a>,
    calling: Leg<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Leg<'a> {
    Bye(Bye<'a>),
    Error { error: Refusal },
}

#[derive(Serialize)]
struct Bye<'a> {
    delivery: &'static str,
    request_uri: Cow<'a, str>,
    next_hop: Cow<'a, str>,
    cseq: u32,
    route: Vec<Cow<'a, str>>,
    request: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_base64: Option<String>,
}

#[derive(Serialize)]
struct Refusal {
    kind: &'static str,
    detail: &'static str,
}

#[derive(Serialize)]
struct Rejected<'a> {
    file: Cow<'a, str>,
    offset: u64,
    kind: &'static str,
    detail: &'a str,
}

/// Writes the object and a line end.
pub fn write(out: &mut dyn Write, calls: &Calls) -> io::Result<()> {
    let dialogs = calls.dialogs.iter().map(|dialog| Dialog {
        call_id: text(&dialog.call_id),
        from_tag: text(&dialog.from_tag),
        to_tag: text(&dialog.to_tag),
        state: super::state(dialog.state),
        serves: super::serves(calls.serves),
        called: leg(&dialog.called),
        calling: leg(&dialog.calling),
    });
    let rejected = calls.input.rejected.iter().map(|rejected| Rejected {
        file: calls.input.files[rejected.place.file].to_string_lossy(),
        offset: rejected.place.offset,
        kind: rejected.kind,
        detail: &rejected.detail,
    });
    serde_json::to_writer_pretty(&mut *out, &Report { dialogs: dialogs.collect(), rejected: rejected.collect() })?;
    writeln!(out)
}

fn leg(leg: &calls::Leg) -> Leg<'_> {
    match leg {
        Ok(bye) => {
            let request = core::str::from_utf8(&bye.message).ok();
            Leg::Bye(Bye {
                delivery: super::delivery(bye.delivery),
                request_uri: text(&bye.request_uri),
                next_hop: text(&bye.next_hop),
                cseq: bye.cseq,
                route: bye.route.iter().map(|entry| text(entry)).collect(),
                request,
                request_base64: request.is_none().then(|| BASE64.encode(&bye.message)),
            })
        }
        Err(refusal) => Leg::Error { error: Refusal { kind: refusal.kind, detail: refusal.detail } },
    }
}

/// A single value; the whole message says which bytes it had where it is not UTF-8.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
