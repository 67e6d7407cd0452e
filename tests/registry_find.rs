// SPDX-License-Identifier: MIT OR Apache-2.0
//! The dialogs that a selector means, and the list of all.

mod support;

use std::collections::BTreeMap;

use ims_release::dialog::Serves::Calling;
use ims_release::registry::{RegistryError, Selector, State, parse_id};
use ims_release::store::Id;
use support::proxy::{Shown, both, message};

#[test]
fn a_selector_means_its_dialogs() {
    both(|proxy| {
        let id = proxy.plain("x");
        let commas = proxy.plain("x,a,b");
        proxy.call("x,a,b", &[], "OK; < 200 INVITE 127 tag=t2; > ACK 127 tag=t2");
        let second = proxy.dialog("x,a,b,a,t2").id;
        proxy.track("i", Calling, "> INVITE 127 tag=");
        let invite = proxy.find(Selector::Call(b"i"))[0].id;

        let number = id.0.to_string();
        let of = |call: &str, line: &str| message(call, line).into_bytes();
        for (selector, expected) in [
            (Selector::Call(b"x"), &[id][..]),
            (Selector::Call(b"x,a,b"), &[commas, second]),
            (Selector::Call(b"X"), &[]),
            (Selector::Dialog(b"x,a,b"), &[id]),
            (Selector::Dialog(b"x,b,a"), &[id]),
            (Selector::Dialog(b"x,a,b,a,b"), &[commas]),
            (Selector::Dialog(b"x,a,b,b,a"), &[commas]),
            (Selector::Dialog(b"x,a,c"), &[]),
            (Selector::Id(parse_id(number.as_bytes()).unwrap()), &[id]),
            (Selector::Id(Id(id.0 + (1 << 32))), &[]),
            (Selector::Message(&of("x", "> INFO 200")), &[id]),
            (Selector::Message(&of("x", "< INFO 200")), &[id]),
            (Selector::Message(&of("x", "< 200 INFO 200")), &[id]),
            (Selector::Message(&of("x", "> 200 BYE 200")), &[id]),
            (Selector::Message(&of("x", "< 200 INVITE 127")), &[id]),
            (Selector::Message(&of("x", "> INFO 200 tag=c")), &[]),
            (Selector::Message(&of("x,a,b", "> INFO 200 tag=t2")), &[second]),
            (Selector::Message(&of("i", "> INVITE 127 tag=")), &[invite]),
            (Selector::Message(&of("i", "< 100 INVITE 127 tag=")), &[invite]),
        ] {
            let mut found: Vec<_> = proxy.find(selector).into_iter().map(|shown| shown.id).collect();
            found.sort();
            let mut expected = expected.to_vec();
            expected.sort();
            assert_eq!(found, expected, "{selector:?}");
        }
        for bad in ["", "x", "x,a"] {
            let result = proxy.registry.find(Selector::Dialog(bad.as_bytes()), &mut |_| ());
            assert!(matches!(result, Err(RegistryError::Selector)), "{bad}");
        }
    });
}

#[test]
fn every_dialog_is_on_one_page() {
    both(|proxy| {
        let mut expected = BTreeMap::new();
        for (lines, state) in [
            (&[][..], Some(State::Early)),
            (&["< 180 INVITE 127"], Some(State::Early)),
            // Refused: it has no future.
            (&["< 180 INVITE 127", "< 486 INVITE 127"], None),
            (&["< 200 INVITE 127"], Some(State::Confirmed)),
            (&["< 200 INVITE 127", "> ACK 127"], Some(State::Acknowledged)),
            (&["< 200 INVITE 127", "> ACK 127", "< BYE 1"], Some(State::Ending)),
        ] {
            for _ in 0..6 {
                let call = proxy.fresh();
                proxy.track(&call, Calling, "> INVITE 127 tag=");
                lines.iter().for_each(|line| _ = proxy.see(&call, line));
                expected.extend(state.map(|state| (call, state)));
            }
        }
        proxy.start(proxy.plain("releasing")).unwrap();
        expected.insert("releasing".into(), State::Releasing);
        for limit in [1, 7, 10_000] {
            let mut listed = Vec::new();
            let mut cursor = 0;
            loop {
                let before = listed.len();
                cursor = proxy.registry.list(cursor, limit, &mut |entry| listed.push(Shown::from(entry))).unwrap();
                assert!(listed.len() - before <= limit);
                if cursor == 0 {
                    break;
                }
            }
            assert_eq!(listed.len(), expected.len(), "pages of {limit}");
            let listed = listed.into_iter().map(|shown| (shown.name.split(',').next().unwrap().into(), shown.state));
            assert_eq!(listed.collect::<BTreeMap<String, _>>(), expected);
        }
    });
}
