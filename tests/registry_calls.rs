// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the messages of a call leave in the registry, as it shows in the BYEs of its release.

mod support;

use std::sync::atomic::Ordering::Relaxed;

use ims_release::capture::{Fault, Field, Problem};
use ims_release::dialog::Serves::{Called, Calling, Neither};
use ims_release::dialog::User;
use ims_release::pending::Final::Code;
use ims_release::registry::{RegistryError, Selector, State, Tracked, What};
use ims_release::release::Delivery::{Direct, ServiceControl};
use support::proxy::{both, message, summary};

#[test]
fn the_served_user_decides_how_each_bye_goes() {
    let (mo, mt, pcscf1, pcscf2) = ("<sip:mo@s;lr>", "<sip:mt@s;lr>", "<sip:pcscf1;lr>", "<sip:pcscf2;lr>");
    both(|proxy| {
        for (serves, roles, called, calling) in [
            (&[Calling][..], 1, (ServiceControl, &[mo, mt, pcscf2][..]), (Direct, &[pcscf1][..])),
            (&[Called], 2, (Direct, &[pcscf2]), (ServiceControl, &[mt, mo, pcscf1])),
            (&[Neither], 4, (Direct, &[pcscf2]), (Direct, &[pcscf1])),
            // T10: both users on this proxy are one dialog, released once, as the calling user's.
            (&[Calling, Called], 3, (ServiceControl, &[mo, mt, pcscf2]), (Direct, &[pcscf1])),
            (&[Called, Calling], 3, (ServiceControl, &[mo, mt, pcscf2]), (Direct, &[pcscf1])),
            (&[Neither, Called], 6, (Direct, &[pcscf2]), (ServiceControl, &[mt, mo, pcscf1])),
        ] {
            let call = proxy.fresh();
            proxy.track(&call, serves[0], "> INVITE 127 tag=");
            proxy.see(&call, "< 180 INVITE 127");
            // On one proxy the INVITE, the 2xx and the ACK come by twice.
            let id = proxy.call(&call, serves, "OK; OK");
            let found = proxy.find(Selector::Call(call.as_bytes()));
            assert_eq!((found.len(), found[0].id, found[0].roles), (1, id, roles), "{serves:?}");
            let pair = proxy.start(id).unwrap();
            for (bye, expected) in [(pair.called.unwrap(), called), (pair.calling.unwrap(), calling)] {
                assert_eq!((bye.delivery, &*bye.routes()), expected, "{serves:?}");
            }
            assert!(matches!(proxy.start(id), Err(RegistryError::AlreadyReleasing)));
        }
    });
}

/// A name, the messages as in [`support::proxy::Proxy::call`], and the BYE to the called and to the calling user.
const CASES: &[&str] = &[
    "the INVITE alone | | 128 b1 | drawn a1",
    "each direction | < 183 INVITE 127; > PRACK 128; OK; > UPDATE 129; < INFO 7 | 130 b1 | 8 a1",
    "T13b: zero is a number | < INFO 0 | 128 b1 | 1 a1",
    "T14: ACK | < 183 INVITE 127; > PRACK 128; OK | 129 b1 | drawn a1",
    "ACK and CANCEL do not count | < 183 INVITE 127; > CANCEL 300; OK; > ACK 301; < ACK 302 | 128 b1 | drawn a1",
    "T15: out of order | > UPDATE 131; > INFO 130; > UPDATE 131 | 132 b1 | drawn a1",
    "a reply tells of a request not seen | < 200 INFO 140; > 200 INFO 9 | 141 b1 | 10 a1",
    "T16: rejected | > INVITE 129 contact=a2; < 407 INVITE 129; > ACK 129; > INVITE 130 contact=a2; < 488 INVITE 130 \
     | 131 b1 | drawn a1",
    "what was rejected stays so | > INVITE 128 contact=a2; < 488 INVITE 128; > INVITE 129; < 200 INVITE 129 \
     | 130 b1 | drawn a1",
    "T31: the 2xx, not the 18x | < 183 INVITE 127 contact=b0 routes=<sip:x;lr>,<sip:mo@s;lr>; OK | 128 b1 | drawn a1",
    "T32 | > INVITE 128 routes=<sip:y;lr>; < 200 INVITE 128 routes=<sip:x;lr>,<sip:mo@s;lr> | 129 b1 | drawn a1",
    "T32b | > INVITE 128 contact=a2; < 200 INVITE 128 contact=b2; > ACK 128 | 129 b2 | drawn a2",
    "T32b back | < INVITE 5 contact=b2; > 200 INVITE 5 contact=a2; < ACK 5 | 128 b2 | 6 a2",
    "T33 | > UPDATE 128 contact=a2; < 200 UPDATE 128 | 129 b1 | drawn a2",
    "T33 back | < UPDATE 3 contact=b2; > 202 UPDATE 3 | 128 b2 | 4 a1",
    "T33: before the 2xx | < 183 INVITE 127; > UPDATE 128 contact=a2; < 200 UPDATE 128; OK | 129 b1 | drawn a2",
    "T33: refused | > UPDATE 128 contact=a2; < 500 UPDATE 128 contact=b2 | 129 b1 | drawn a1",
    "T33: not answered | > UPDATE 128 contact=a2 | 129 b1 | drawn a1",
    "a 2xx without Contact | > INVITE 128 contact=a2; < 200 INVITE 128 contact= | 129 b1 | drawn a2",
    "one number both ways | > UPDATE 128 contact=a2; < UPDATE 128 contact=b2; > 491 UPDATE 128; < 200 UPDATE 128 \
     | 129 b1 | 129 a2",
    "T33b: a reliable provisional reply | > INVITE 128 contact=a2; < 183 INVITE 128 contact=b2 reliable=1; > PRACK 129; \
     < 488 INVITE 128 | 130 b2 | drawn a2",
    "T33b: its Contact is that of the first copy | > INVITE 128 contact=a2; < 183 INVITE 128 contact=b2 reliable=1; \
     < 183 INVITE 128 contact=b3 reliable=1; < 488 INVITE 128 | 129 b2 | drawn a2",
    "T33b: the 2xx is newer | > INVITE 128 contact=a2; < 183 INVITE 128 contact=b2 reliable=1; < 200 INVITE 128 contact=b3; \
     < 200 INVITE 128 contact=b4 | 129 b3 | drawn a2",
    "T33b: a late copy | > INVITE 128 contact=a2; < 183 INVITE 128 contact=b2 reliable=1; < 488 INVITE 128; \
     < UPDATE 3 contact=b3 target=a2; > 200 UPDATE 3 contact=; < 183 INVITE 128 contact=b2 reliable=1 | 129 b3 | 4 a2",
    "T33b: an unreliable one | > INVITE 128 contact=a2; < 183 INVITE 128 contact=b2; < 488 INVITE 128 \
     | 129 b1 | drawn a1",
    "T33c | > INVITE 128 contact=a2; > INFO 129 contact=a3; < 200 INFO 129 contact=b3; < 200 INVITE 128; \
     > ACK 128 contact=a3 | 130 b1 | drawn a2",
    "an older 2xx again | > UPDATE 128 contact=a2; < 200 UPDATE 128; > UPDATE 129 contact=a3; \
     < 200 UPDATE 129 contact=b3; < 200 UPDATE 128 contact=b2; < 200 INVITE 127 contact=b0 | 130 b3 | drawn a3",
];

#[test]
fn cseq_and_targets_are_those_of_the_messages() {
    both(|proxy| {
        for copies in [1, 2] {
            proxy.copies.store(copies, Relaxed); // retransmissions change nothing
            for case in CASES {
                let parts: Vec<&str> = case.splitn(3, '|').map(str::trim).collect();
                let id = proxy.call(&proxy.fresh(), &[Calling], parts[1]);
                assert_eq!(summary(&proxy.start(id).unwrap()), parts[2], "{case}, {copies} of each");
            }
        }
    });
}

#[test]
fn each_message_is_what_it_is() {
    both(|proxy| {
        assert_eq!(proxy.see("w", "< 200 INVITE 127"), What::Unknown);
        assert!(matches!(proxy.track("w", Calling, "> INVITE 127 tag="), Tracked::New(_)));
        assert!(matches!(proxy.track("w", Calling, "> INVITE 127 tag="), Tracked::Known(_)));
        for (line, what, state) in [
            ("< 100 INVITE 127 tag=", What::Nothing, State::Early),
            ("< 180 INVITE 127", What::Early, State::Early),
            ("< 180 INVITE 127", What::Early, State::Early),
            ("> CANCEL 127 tag=", What::Unknown, State::Early),
            ("> PRACK 128", What::Counted, State::Early),
            ("< 200 INVITE 127", What::Confirmed, State::Confirmed),
            ("< 200 INVITE 127", What::Nothing, State::Confirmed),
            ("< 180 INVITE 127", What::Nothing, State::Confirmed),
            ("> ACK 126", What::Nothing, State::Confirmed),
            ("< ACK 127", What::Nothing, State::Confirmed),
            ("> ACK 127", What::Acknowledged, State::Acknowledged),
            ("> ACK 127", What::Acknowledged, State::Acknowledged),
            ("> INVITE 129", What::Refreshed, State::Acknowledged),
            ("> INVITE 129", What::Counted, State::Acknowledged),
            ("> INVITE 130 contact=a2", What::Refreshed, State::Acknowledged),
            ("> INFO 131 tag=other", What::Unknown, State::Acknowledged),
            ("> BYE 132", What::Ending, State::Ending),
            ("< 100 BYE 132", What::Counted, State::Ending),
            ("< 401 BYE 132", What::NotEnding, State::Acknowledged),
        ] {
            assert_eq!((proxy.see("w", line), proxy.find(Selector::Call(b"w"))[0].state), (what, state), "{line}");
        }
        assert!(matches!(proxy.track("w", Calling, "> INVITE 133"), Tracked::InDialog));
        assert_eq!(proxy.see("w", "> BYE 134"), What::Ending);
        assert_eq!(proxy.see("w", "< 200 BYE 134"), What::Ended);
        assert_eq!(proxy.see("w", "> INFO 135"), What::Unknown);
        assert_eq!((proxy.records(), proxy.told()), (0, vec![]));
    });
}

#[test]
fn a_refusal_is_that_of_its_own_bye() {
    both(|proxy| {
        let id = proxy.plain("glare");
        for (line, what, state) in [
            ("> BYE 128", What::Ending, State::Ending),
            ("< BYE 9", What::Ending, State::Ending),
            ("> 500 BYE 9", What::Counted, State::Ending),
            ("< 407 BYE 128", What::NotEnding, State::Acknowledged),
            ("> BYE 128", What::Counted, State::Acknowledged),
            ("> BYE 129", What::Ending, State::Ending),
            ("< 407 BYE 128", What::Counted, State::Ending),
        ] {
            assert_eq!((proxy.see("glare", line), proxy.find(Selector::Id(id))[0].state), (what, state), "{line}");
        }
        assert_eq!(proxy.see("glare", "< 403 BYE 129"), What::NotEnding);
        assert_eq!(summary(&proxy.start(id).unwrap()), "130 b1 | 10 a1");
    });
}

#[test]
fn t52_each_fork_is_a_dialog_of_its_own() {
    both(|proxy| {
        proxy.track("f", Calling, "> INVITE 127 tag=");
        for line in [
            "< 180 INVITE 127 tag=t1",
            "< 180 INVITE 127 tag=t2",
            "< 180 INVITE 127 tag=t3",
            "> PRACK 128 tag=t2",
            "< INFO 60 tag=t1",
            "< 200 INVITE 127 tag=t1 contact=c1 routes=<sip:p1;lr>,<sip:mo@s;lr>",
            "> ACK 127 tag=t1",
            "< 200 INVITE 127 tag=t2 contact=c2 routes=<sip:p2;lr>,<sip:mo@s;lr>,<sip:q;lr>",
            "> ACK 127 tag=t2",
        ] {
            proxy.see("f", line);
        }
        let names = |call: &[u8]| {
            let mut names: Vec<String> = proxy.find(Selector::Call(call)).into_iter().map(|d| d.name).collect();
            names.sort();
            names
        };
        assert_eq!(names(b"f"), ["f,a,t1", "f,a,t2"]);
        let (t1, t2) = ("128 c1 via <sip:mo@s;lr>,<sip:p1;lr> | 61 a1 via ", "129 c2 via <sip:mo@s;lr>,<sip:p2;lr>");
        for (tag, expected, then, left) in [
            ("t1", t1, "< 200 INVITE 127 tag=t3 contact=c3", &["f,a,t2", "f,a,t3"][..]),
            ("t2", &format!("{t2} | drawn a1 via <sip:q;lr>"), "> ACK 127 tag=t3", &["f,a,t3"]),
            ("t3", "128 c3 | drawn a1", "< 200 INVITE 127 tag=t1", &[]),
        ] {
            let id = proxy.dialog(&format!("f,a,{tag}")).id;
            let pair = proxy.start(id).unwrap();
            assert_eq!(summary(&pair), expected);
            for (value, bye) in [("To", &pair.called), ("From", &pair.calling)] {
                let value = bye.as_ref().unwrap().value(value);
                assert_eq!(value, format!("<tel:+1-212-555-2222>;tag={tag}"));
            }
            for user in [User::Called, User::Calling] {
                proxy.note(id, user, Code(200));
            }
            proxy.see("f", then);
            assert_eq!(names(b"f"), left);
        }
        assert_eq!(proxy.records(), 0);
    });
}

#[test]
fn an_invite_that_was_challenged_is_tracked_again() {
    both(|proxy| {
        let Tracked::New(id) = proxy.track("h", Calling, "> INVITE 127 tag=") else { panic!("not new") };
        assert_eq!(proxy.see("h", "< 407 INVITE 127 tag=x"), What::Refused);
        proxy.see("h", "> ACK 127 tag=x");
        assert_eq!(proxy.find(Selector::Call(b"h")), []);
        assert_eq!(proxy.track("h", Calling, "> INVITE 128 tag= contact=a2"), Tracked::Again(id));
        for line in ["< 407 INVITE 127 tag=x", "< 183 INVITE 127 tag=y"] {
            assert_eq!(proxy.see("h", line), What::Nothing, "{line}");
        }
        assert_eq!(proxy.find(Selector::Call(b"h"))[0].cseqs.to_called, Some(128));
        // A late 2xx to the first one is one all the same (RFC 3261 13.2.2.4), of another branch.
        assert_eq!(proxy.see("h", "< 200 INVITE 127 tag=y"), What::Confirmed);
        assert_eq!(proxy.dialog("h,a,y").cseqs.to_called, Some(127));
        for line in ["< 180 INVITE 128", "< 200 INVITE 128", "> ACK 128"] {
            proxy.see("h", line);
        }
        assert_eq!(summary(&proxy.start(proxy.dialog("h,a,b").id).unwrap()), "129 b1 | drawn a2");
    });
}

#[test]
fn t70_identities_stay_as_they_were_in_the_beginning() {
    both(|proxy| {
        let other = "from=<sip:other@home1.net>";
        let id = proxy.call("i", &[Calling], &format!("> UPDATE 128 {other}; < 200 UPDATE 128 {other}"));
        let pair = proxy.start(id).unwrap();
        let (called, calling) = (pair.called.unwrap(), pair.calling.unwrap());
        let (from, to) = ("\"Alice\" <sip:a@home1.net>;tag=a", "<tel:+1-212-555-2222>;tag=b");
        assert_eq!((called.value("From"), called.value("To")), (from, to));
        assert_eq!((calling.value("From"), calling.value("To")), (to, from));
    });
}

/// Changes the From value of each message of a call, and says what it is in the BYE to the called user.
fn with_from(change: impl Fn(String) -> Vec<u8>, from: &[u8]) {
    both(|proxy| {
        let message = |line| change(message("n", line));
        let now = proxy.now();
        proxy.registry.track(&message("> INVITE 127 tag="), Calling, now).unwrap();
        for line in ["< 180 INVITE 127", "< 200 INVITE 127", "> ACK 127", "< INFO 5"] {
            proxy.registry.observe(&message(line), now).unwrap();
        }
        let pair = proxy.start(proxy.find(Selector::Call(b"n"))[0].id).unwrap();
        assert_eq!(summary(&pair), "128 b1 | 6 a1");
        let bytes = pair.called.unwrap().bytes;
        let expected = [b"\r\nFrom: ", from, b"\r\n"].concat();
        assert!(bytes.windows(expected.len()).any(|window| window == expected));
    });
}

#[test]
fn t42_an_rfc_2543_peer_has_no_tag() {
    with_from(|message| message.replace(";tag=a", "").into_bytes(), b"\"Alice\" <sip:a@home1.net>");
}

#[test]
fn octets_that_are_not_utf_8_stay() {
    let latin_1 = |message: String| {
        let octets = message.replace("Alice", "J\u{1}rg").into_bytes();
        octets.into_iter().map(|octet| if octet == 1 { 0xf6 } else { octet }).collect()
    };
    with_from(latin_1, b"\"J\xf6rg\" <sip:a@home1.net>;tag=a");
}

#[test]
fn a_malformed_message_is_refused_by_its_fault_and_changes_nothing() {
    let good = message("m", "< INFO 500");
    let line = |name: &str| good.lines().find(|line| line.starts_with(name)).map(|line| format!("{line}\r\n")).unwrap();
    let mut cases = vec![
        (String::new(), Fault::StartLine),
        (good.replace("SIP/2.0\r\n", "SIP/3.0\r\n"), Fault::StartLine),
        (good.replace("From: ", "From "), Fault::HeaderLine),
        (good.trim_end().into(), Fault::EndOfHeaders),
        (good.replace("Length: 0", "Length: 1"), Fault::ContentLength),
        (good.replace("500 INFO", "500 info"), Fault::MethodMismatch),
        (good.replace("\r\n\r\n", &format!("\r\nX: {}\r\n\r\n", "x".repeat(65_536))), Fault::TooLarge),
    ];
    for (name, field, unreadable) in [
        ("Call-ID: ", Field::CallId, "Call-ID: m m\r\n"),
        ("From: ", Field::From, "From: <sip:b;tag=b\r\n"),
        ("To: ", Field::To, "To: \"a <sip:a>;tag=a\r\n"),
        ("CSeq: ", Field::CSeq, "CSeq: 4294967296 INFO\r\n"),
    ] {
        let line = line(name);
        cases.push((good.replace(&line, ""), Fault::Header(field, Problem::Missing)));
        cases.push((good.replace(&line, &line.repeat(2)), Fault::Header(field, Problem::Doubled)));
        cases.push((good.replace(&line, unreadable), Fault::Header(field, Problem::Unreadable)));
    }
    both(|proxy| {
        proxy.plain("m");
        let before = proxy.dialog("m,a,b");
        for (number, (message, fault)) in cases.iter().enumerate() {
            for result in [
                proxy.registry.observe(message.as_bytes(), proxy.now() + 5_000).map(|_| ()),
                proxy.registry.track(message.as_bytes(), Calling, proxy.now()).map(|_| ()),
                proxy.registry.find(Selector::Message(message.as_bytes()), &mut |_| ()).map(|_| ()),
            ] {
                let Err(RegistryError::Message(refused)) = result else { panic!("{result:?}\n{message}") };
                assert_eq!(refused.fault, *fault, "{message}");
            }
            let counts = proxy.registry.stats().unwrap().counts;
            assert_eq!(counts.refused_messages, 3 * (number as u64 + 1));
        }
        let result = proxy.registry.track(good.as_bytes(), Calling, proxy.now());
        assert!(matches!(result, Err(RegistryError::NotAnInvite)));
        assert_eq!((proxy.dialog("m,a,b"), proxy.records()), (before, 2));

        // What is too much to keep is refused with the message that brought it.
        proxy.track("l", Calling, "> INVITE 127 tag=");
        let answer = message("l", &format!("< 200 INVITE 127 routes=<sip:{};lr>", "x".repeat(16_384)));
        let result = proxy.registry.observe(answer.as_bytes(), proxy.now());
        let Err(RegistryError::Message(refused)) = result else { panic!("{result:?}") };
        assert_eq!((refused.fault, proxy.find(Selector::Call(b"l"))[0].state), (Fault::TooLarge, State::Early));
        let (known, contact) = (proxy.dialog("m,a,b"), "x".repeat(16_384));
        let refresh = message("m", &format!("> UPDATE 200 contact=<sip:{contact}>"));
        let result = proxy.registry.observe(refresh.as_bytes(), proxy.now());
        assert!(matches!(result, Err(RegistryError::Message(refused)) if refused.fault == Fault::TooLarge));
        assert_eq!(proxy.dialog("m,a,b"), known);
    });
}

/// A called user that tells of ever new early dialogs leaves room for the dialog that its 2xx makes, and for other calls.
#[test]
fn early_dialogs_without_end_do_not_fill_the_store() {
    both(|proxy| {
        proxy.track("x", Calling, "> INVITE 127 tag=");
        let seen = (0..2_000).map(|i| proxy.see("x", &format!("< 183 INVITE 127 tag=e{i}"))).collect::<Vec<_>>();
        let early = seen.iter().take_while(|what| **what == What::Early).count();
        assert_eq!((early, proxy.records()), (64, 65));
        assert!(seen[early..].iter().all(|what| *what == What::Nothing));
        // One that is kept is known again.
        assert_eq!(proxy.see("x", "< 180 INVITE 127 tag=e63"), What::Early);
        assert_eq!(proxy.see("x", "< 200 INVITE 127 tag=e1999"), What::Confirmed);
        assert_eq!(proxy.see("x", "> ACK 127 tag=e1999"), What::Acknowledged);
        let id = proxy.dialog("x,a,e1999").id;
        proxy.start(id).unwrap();
        // Nobody else is hindered.
        assert_eq!(proxy.plain("y"), proxy.dialog("y,a,b").id);
    });
}

/// Each 2xx with a new To tag makes a dialog. The first of them stay, and a further one is refused with a word.
#[test]
fn dialogs_without_end_do_not_fill_the_store() {
    both(|proxy| {
        proxy.track("x", Calling, "> INVITE 127 tag=");
        let answers: Vec<String> = (0..1_000).map(|i| message("x", &format!("< 200 INVITE 127 tag=f{i}"))).collect();
        let seen = proxy.take(Calling, &answers);
        let kept = seen.iter().take_while(|what| matches!(what, Ok(What::Confirmed))).count();
        assert_eq!(kept, 256);
        assert!(seen[kept..].iter().all(|what| matches!(what, Err(RegistryError::TooManyDialogs))));
        let id = proxy.dialog("x,a,f0").id;
        proxy.start(id).unwrap();
        // A copy of one that is kept, and nobody else is hindered.
        assert_eq!(proxy.see("x", "< 200 INVITE 127 tag=f255"), What::Nothing);
        assert_eq!(proxy.plain("y"), proxy.dialog("y,a,b").id);
    });
}
