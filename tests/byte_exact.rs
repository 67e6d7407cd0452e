// SPDX-License-Identifier: MIT OR Apache-2.0
//! Any value that comes out in a BYE comes out byte by byte as it was received, each fold one blank, or is refused.

#[path = "support/generated.rs"]
mod generated;
mod support;

use std::cell::Cell;

use generated::{name_addr, octets, unfolded, uri};
use ims_release::dialog::Serves::Calling;
use ims_release::dialog::User;
use ims_release::message::{list, name_addr as address, uri as sip};
use ims_release::registry::Selector;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use support::judge_read;
use support::proxy::Proxy;

const OWN: &str = "<sip:mo@s;lr>";

/// A value by the grammar, nearly, or not at all.
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => name_addr().prop_map(String::into_bytes), 1 => octets()]
}

fn entry() -> impl Strategy<Value = Vec<u8>> {
    let route = (uri(), proptest::sample::select(&["", "\"A, <b>\" ", "A\r\n "][..]))
        .prop_map(|(uri, name)| format!("{name}<{uri}>;x=\",\"").into_bytes());
    prop_oneof![12 => route, 1 => value()]
}

#[derive(Debug)]
struct Call {
    call_id: Vec<u8>,
    from: Vec<u8>,
    to: Vec<u8>,
    contacts: [Vec<u8>; 2],
    /// Nearest to the called user first.
    routes: [Vec<Vec<u8>>; 2],
}

prop_compose! {
    fn call()(
        call_id in prop_oneof![3 => "[!-~]{1,12}".prop_map(String::into_bytes), 1 => octets()],
        from in value(), to in value(), contacts in [value(), value()],
        routes in [proptest::collection::vec(entry(), 0..3), proptest::collection::vec(entry(), 0..3)],
    ) -> Call {
        Call { call_id, from, to, contacts, routes }
    }
}

impl Call {
    fn message(&self, start: &str, cseq: &str, contact: &[u8], routes: bool) -> Vec<u8> {
        let mut rows: Vec<(&str, &[u8])> =
            vec![("From", &self.from), ("To", &self.to), ("Call-ID", &self.call_id), ("CSeq", cseq.as_bytes())];
        rows.push(("Contact", contact));
        if routes {
            let entries = self.routes[0].iter().map(Vec::as_slice).chain([OWN.as_bytes()]);
            rows.extend(entries.chain(self.routes[1].iter().map(Vec::as_slice)).map(|entry| ("Record-Route", entry)));
        }
        let mut message = format!("{start}\r\n").into_bytes();
        for (name, value) in rows {
            message.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        message.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        message
    }

    /// The INVITE has the To of the 2xx without what follows its URI.
    fn messages(&self) -> [Vec<u8>; 3] {
        let invite = Self { to: b"<sip:called@b>".to_vec(), ..self.copy() };
        [
            invite.message("INVITE sip:b SIP/2.0", "1 INVITE", &self.contacts[0], false),
            self.message("SIP/2.0 200 OK", "1 INVITE", &self.contacts[1], true),
            self.message("ACK sip:b SIP/2.0", "1 ACK", b"", false),
        ]
    }

    fn copy(&self) -> Self {
        let Self { call_id, from, to, contacts, routes } = self;
        Self {
            call_id: call_id.clone(),
            from: from.clone(),
            to: to.clone(),
            contacts: contacts.clone(),
            routes: routes.clone(),
        }
    }
}

/// The values of a header of a BYE.
fn values<'a>(bye: &'a [u8], name: &str) -> Vec<&'a [u8]> {
    let name = format!("{name}: ").into_bytes();
    let text: Vec<usize> = bye.windows(2).enumerate().filter(|(_, pair)| pair == b"\r\n").map(|(at, _)| at).collect();
    text.windows(2).filter_map(|ends| bye[ends[0] + 2..ends[1]].strip_prefix(&name[..])).collect()
}

#[test]
fn what_comes_out_is_what_came_in() {
    let built = Cell::new(0);
    let config = ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() };
    let result = TestRunner::new(config).run(&call(), |call| {
        built.set(built.get() + check(&call));
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(built.get() > 1_000, "{} BYEs", built.get());
}

/// How many BYEs the call has given.
fn check(call: &Call) -> usize {
    let mut built = 0;
    let proxy = Proxy::alone("s");
    proxy.take(Calling, &call.messages());
    let call_id = unfolded(&call.call_id);
    let mut dialogs = Vec::new();
    let mut keep = |entry: &ims_release::registry::Entry<'_>| {
        dialogs.push((entry.id, entry.from_tag.to_vec(), entry.to_tag.to_vec()));
    };
    proxy.registry.find(Selector::Call(&call_id), &mut keep).unwrap();
    let (from, to) = (unfolded(&call.from), unfolded(&call.to));
    let towards = |entries: &[Vec<u8>]| -> Vec<Vec<u8>> {
        let rows: Vec<Vec<u8>> = entries.iter().map(|row| unfolded(row)).collect();
        rows.iter().flat_map(|row| list::elements(row)).map(|e| e.unwrap().to_vec()).collect()
    };
    for (id, from_tag, to_tag) in dialogs {
        for bye in proxy.start_raw(id) {
            let message = &bye.message[..];
            let (contact, first, second, tags, mut routes) = match bye.to {
                User::Called => (&call.contacts[1], &from, &to, (&from_tag, &to_tag), towards(&call.routes[0])),
                User::Calling => (&call.contacts[0], &to, &from, (&to_tag, &from_tag), towards(&call.routes[1])),
            };
            if bye.to == User::Called {
                routes.push(OWN.into());
                routes.reverse();
            }
            assert_eq!(values(message, "From"), [&first[..]]);
            assert_eq!(values(message, "To"), [&second[..]]);
            assert_eq!(values(message, "Call-ID"), [&call_id[..]]);

            let contact = unfolded(contact);
            let contact = list::elements(&contact).next().unwrap().unwrap();
            let target = address::parse(contact).unwrap().uri;
            let cut = sip::parse(target).unwrap();
            let mut target = sip::without_method_and_headers(target, &cut).collect::<Vec<_>>().concat();
            // A strict router changes places with the target (RFC 3261 12.2.1.1, T20).
            if let Some(first) = routes.first().map(|route| address::parse(route).unwrap().uri)
                && !sip::parse(first).unwrap().loose()
            {
                let cut = sip::parse(first).unwrap();
                let router = sip::without_method_and_headers(first, &cut).collect::<Vec<_>>().concat();
                routes.remove(0);
                routes.push([b"<", &target[..], b">"].concat());
                target = router;
            }
            let line = [b"BYE ", &target[..], b" SIP/2.0\r\n"].concat();
            assert!(message.starts_with(&line), "{}", message.escape_ascii());
            let out: Vec<Vec<u8>> = values(message, "Route")
                .into_iter()
                .flat_map(list::elements)
                .map(|entry| entry.unwrap().to_vec())
                .collect();
            assert_eq!(out, routes, "{}", message.escape_ascii());
            built += 1;
            judge_read(message, &call_id, tags.0, tags.1, bye.cseq);
        }
    }
    built
}
