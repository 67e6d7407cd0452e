// SPDX-License-Identifier: MIT OR Apache-2.0
//! The numbered cases of the specification that concern capture, fed with whole messages. T10, T13b to T16, T31 to T33,
//! T42, T52 and T70 are in `registry_calls.rs`, T53, T55 to T62, T64 and T65 in the other tests of the registry.

mod support;

use ims_release::Error;
use ims_release::capture::{self, Fault, Field, Problem};
use ims_release::dialog::Serves::{Called, Calling};
use ims_release::dialog::User;
use ims_release::registry::{RegistryError, Selector, Settings, State, What};
use support::proxy::{Proxy, both, both_of, both_with, message, summary};
use support::{Pair, judge_read};

const HOST: &str = "scscf1.home1.net";

const FROM: &str = "\"Alice\" <sip:user1_public1@home1.net>;tag=171828";
const TO: &str = "<tel:+1-212-555-2222>;tag=314159";
const MO: &str = "<sip:mo@scscf1.home1.net;lr;did=7a1.3>";
const MT: &str = "<sip:mt@scscf2.home2.net;lr>";
const PCSCF1: &str = "<sip:pcscf1.visited1.net:7531;lr>";
const PCSCF2: &str = "<sip:pcscf2.visited2.net;lr>";

/// The messages of base A: INVITE, 200, ACK, PRACK, UPDATE.
fn base_a() -> Vec<String> {
    let head = |start: &str, to: &str, cseq: &str| {
        format!(
            "{start}\r\nVia: SIP/2.0/UDP pcscf1.visited1.net:7531;branch=z9hG4bK{cseq}\r\nFrom: {FROM}\r\nTo: {to}\r\n\
             Call-ID: cb03a0s09a2sdfglkj490333\r\nCSeq: {cseq}\r\n"
        )
    };
    let calling = "Contact: <sip:[5555::aaa:bbb:ccc:ddd]:1357;comp=sigcomp>\r\n";
    let target = "sip:[5555::eee:fff:aaa:bbb]:8805;comp=sigcomp";
    let called = format!("Contact: <{target}>\r\n");
    let route = format!("Route: {}\r\n", [MO, MT, PCSCF2].join(", "));
    let request = |method: &str, cseq: u32, more: &str| {
        let cseq = format!("{cseq} {method}");
        head(&format!("{method} {target} SIP/2.0"), TO, &cseq) + &route + more + "Content-Length: 0\r\n\r\n"
    };
    let invite = head("INVITE tel:+1-212-555-2222 SIP/2.0", "<tel:+1-212-555-2222>", "127 INVITE");
    let answer = head("SIP/2.0 200 OK", TO, "127 INVITE");
    let routes = [PCSCF2, MT, MO, PCSCF1].join(", ");
    vec![
        format!("{invite}{calling}Record-Route: {PCSCF1}\r\nContent-Length: 0\r\n\r\n"),
        format!("{answer}{called}Record-Route: {routes}\r\nContent-Length: 0\r\n\r\n"),
        request("ACK", 127, ""),
        request("PRACK", 128, ""),
        request("UPDATE", 129, calling),
    ]
}

/// Base A with `new` for `old` in all messages.
fn with(old: &str, new: &str) -> Vec<Vec<u8>> {
    let changed: Vec<Vec<u8>> = base_a().iter().map(|message| message.replace(old, new).into_bytes()).collect();
    assert!(base_a().iter().any(|message| message.contains(old)), "{old}");
    changed
}

/// The BYEs of the only dialog that the messages make.
fn released(messages: &[impl AsRef<[u8]>]) -> Pair {
    let proxy = Proxy::alone(HOST);
    let seen = proxy.take(Calling, messages);
    assert!(seen.iter().all(Result::is_ok), "{seen:?}");
    let call_id = capture::read(messages[0].as_ref()).unwrap().call_id.into_owned();
    let found = proxy.find(Selector::Call(&call_id));
    assert_eq!(found.len(), 1);
    proxy.start(found[0].id).unwrap()
}

fn called(messages: &[impl AsRef<[u8]>]) -> support::Built {
    released(messages).called.unwrap()
}

#[test]
fn base_a_gives_the_byes_of_t01_and_t03() {
    let pair = released(&base_a());
    let (bye, back) = (pair.called.unwrap(), pair.calling.unwrap());
    assert_eq!((bye.routes(), bye.value("CSeq")), (vec![MO, MT, PCSCF2], "130 BYE"));
    assert_eq!((bye.value("From"), bye.value("To")), (FROM, TO));
    assert_eq!(bye.request_uri, "sip:[5555::eee:fff:aaa:bbb]:8805;comp=sigcomp");
    assert_eq!(
        (back.routes(), back.request_uri.as_str()),
        (vec![PCSCF1], "sip:[5555::aaa:bbb:ccc:ddd]:1357;comp=sigcomp")
    );
}

#[test]
fn t18_zeros_and_blanks_in_cseq() {
    assert_eq!(called(&with("CSeq: 129 UPDATE", "CSeq: 0000129   UPDATE")).cseq, 130);
    let mismatch = with("CSeq: 129 UPDATE", "CSeq: 129 update");
    let seen = Proxy::alone(HOST).take(Calling, &mismatch);
    let Some(Err(RegistryError::Message(refused))) = seen.last() else { panic!("{seen:?}") };
    let offset = base_a()[4].find("CSeq").unwrap();
    assert_eq!((refused.fault, refused.offset), (Fault::MethodMismatch, offset));
}

#[test]
fn t28_rows_lists_and_folds_are_the_same_list() {
    let expected = called(&base_a()).message;
    let list = [PCSCF2, MT, MO, PCSCF1].join(", ");
    for rows in [
        format!("{PCSCF2}\r\nRecord-Route: {MT}\r\nRecord-Route: {MO}\r\nrecord-ROUTE : {PCSCF1}"),
        format!("{PCSCF2},{MT}\r\nRecord-Route: {MO} ,\t{PCSCF1}"),
        format!("{PCSCF2},\r\n {MT}\r\nX: y\r\nRecord-Route: {MO}\r\n\t, {PCSCF1}"),
        // No element is empty by the grammar; peers send them, and they are no route.
        format!("{PCSCF2},, {MT},{MO} , {PCSCF1},"),
        format!(",{PCSCF2}\r\nRecord-Route:\r\nRecord-Route: ,\r\nRecord-Route: {MT}, {MO}, {PCSCF1}"),
    ] {
        assert_eq!(called(&with(&list, &rows)).message, expected, "{rows}");
    }
}

#[test]
fn t29_t30_commas_in_quotes_and_brackets() {
    let quoted = r#""P, \"one\" <x>" <sip:p1.example.com;lr>;foo=bar"#;
    assert_eq!(called(&with(MT, quoted)).routes(), [MO, quoted, PCSCF2]);
    assert_eq!(called(&with(MT, "<sip:a,b@p1;lr>")).routes(), [MO, "<sip:a,b@p1;lr>", PCSCF2]);
}

#[test]
fn t34_t36_the_contact_of_the_2xx() {
    let contact = "<sip:[5555::eee:fff:aaa:bbb]:8805;comp=sigcomp>";
    for (value, target) in [
        (
            r#""Bob, Jr." <sip:bob@192.0.2.4;transport=tcp?X=1>;expires=60;+sip.instance="<urn:uuid:1>""#,
            "sip:bob@192.0.2.4;transport=tcp",
        ),
        ("sip:bob@192.0.2.4;transport=tcp", "sip:bob@192.0.2.4"),
        ("sip:bob@192.0.2.4?X=1", "sip:bob@192.0.2.4"),
        ("Bob <SIPS:bob@[2001:db8::1]:5060;METHOD=X;y>  \t", "SIPS:bob@[2001:db8::1]:5060;y"),
        ("\"Bob\"\r\n <sip:bob@b>\r\n\t;q=1", "sip:bob@b"),
        (",<sip:bob@b>,", "sip:bob@b"),
    ] {
        assert_eq!(called(&with(contact, value)).request_uri, target, "{value}");
    }
    for value in [
        "*",
        "<sip:a@b>, <sip:c@d>",
        "<sip:a@b>\r\nm: <sip:c@d>",
        "<tel:+123>",
        "<mailto:a@b>",
        "<>",
        "",
        "<sip:a@\0b>",
        "<sip:a@b",
        "\"a <sip:a@b>",
        "<sip:a@\rb>",
    ] {
        let pair = released(&with(contact, value));
        assert_eq!(pair.called.unwrap_err(), Error::BadCalledContact, "{value}");
        assert_eq!(pair.calling.unwrap().routes(), [PCSCF1]);
    }
    assert_eq!(released(&with(&format!("Contact: {contact}\r\n"), "")).called.unwrap_err(), Error::BadCalledContact);
    // One that a refresh brings marks the leg too; a refresh without one leaves it.
    both(|proxy| {
        for (line, expected) in [("contact=*", "129 b1 | BadCallingContact"), ("contact=", "129 b1 | drawn a1")] {
            let lines = format!("> UPDATE 128 {line}; < 200 UPDATE 128");
            assert_eq!(summary(&proxy.start(proxy.call(line, &[Calling], &lines)).unwrap()), expected);
        }
    });
}

#[test]
fn t40_compact_and_odd_names() {
    let mut messages = with("From: \"Alice\" <", "f : \"A\"\r\n\t<");
    for message in &mut messages {
        let text = String::from_utf8(message.clone()).unwrap();
        let text = text.replace("To: ", "t:").replace("Call-ID: ", "CALL-id:").replace("Contact: ", "m:\t");
        *message = text.replace("Via: ", "V: ").replace("Content-Length: ", "L\t:").into_bytes();
    }
    let bye = called(&messages);
    assert_eq!(bye.value("From"), "\"A\" <sip:user1_public1@home1.net>;tag=171828");
    assert_eq!((bye.value("To"), bye.value("Call-ID")), (TO, "cb03a0s09a2sdfglkj490333"));
    // Bare line feeds end lines too.
    let unix: Vec<String> = base_a().iter().map(|message| message.replace("\r\n", "\n")).collect();
    assert_eq!(called(&unix).message, called(&base_a()).message);
}

#[test]
fn t41_t43_from_and_to_are_kept_byte_by_byte() {
    for (from, tag) in [
        (r#""x;tag=evil" <sip:a@b;tag=uri>;x="y;tag=q";tag=real"#, "real"),
        ("sip:a@b;tag=88", "88"),
        // RFC 3261 19.3 allows one tag: the first counts, as for the parsers that judge the BYEs.
        ("<sip:a@b>;tag=1;tag=2", "1"),
        ("<sip:a@b> ; TAG = 7 ;z", "7"),
        (r#""Anonymous \"q\" \\" <sip:anonymous@anonymous.invalid>;tag=a.b-c!%*_+`'~"#, "a.b-c!%*_+`'~"),
        ("A.B C <tel:+1;phone-context=+86>;tag=t", "t"),
    ] {
        for (old, name) in [(FROM, "From"), (TO, "To")] {
            let messages = with(old, from);
            let dialog = capture::read(&messages[1]).unwrap();
            assert_eq!(if name == "From" { dialog.from_tag() } else { dialog.to_tag() }, tag.as_bytes());
            let pair = released(&messages);
            assert_eq!(pair.called.unwrap().value(name), from);
            assert_eq!(pair.calling.unwrap().value(if name == "From" { "To" } else { "From" }), from);
        }
    }
}

#[test]
fn t44_call_ids_are_compared_and_sent_byte_by_byte() {
    for call_id in ["aB%41@[2001::1]", "<a>?/\"b\"", "ab%41@[2001::1]"] {
        assert_eq!(called(&with("cb03a0s09a2sdfglkj490333", call_id)).value("Call-ID"), call_id);
    }
    let proxy = Proxy::alone(HOST);
    proxy.take(Calling, &with("cb03a0s09a2sdfglkj490333", "aB%41@[2001::1]"));
    assert_eq!(proxy.find(Selector::Call(b"ab%41@[2001::1]")), []);
    assert_eq!(proxy.find(Selector::Call(b"aB%41@[2001::1]")).len(), 1);
}

#[test]
fn t45_t46_a_bad_message_is_refused_at_its_line_and_changes_nothing() {
    let good = base_a().remove(4);
    let line = |name: &str| good.split_inclusive("\r\n").find(|line| line.starts_with(name)).unwrap().to_owned();
    let fault = |field, problem| Fault::Header(field, problem);
    let mut cases = Vec::new();
    for (name, field) in [("From", Field::From), ("To", Field::To), ("Call-ID", Field::CallId), ("CSeq", Field::CSeq)] {
        let line = line(name);
        let at = good.find(&line).unwrap();
        cases.push((good.replace(&line, &line.repeat(2)), fault(field, Problem::Doubled), at + line.len()));
        for octet in ["\0", "\r"] {
            let broken = line.replacen('1', &format!("1{octet}"), 1).replacen("cb", &format!("c{octet}b"), 1);
            cases.push((good.replace(&line, &broken), fault(field, Problem::Unreadable), at));
        }
        cases.push((good.replace(&line, ""), fault(field, Problem::Missing), 0));
    }
    let length = good.find("Content-Length").unwrap();
    for lengths in [
        "Content-Length: 1",
        "Content-Length: 0\r\nl: 1",
        "Content-Length: -1",
        "Content-Length: +0",
        "Content-Length:",
    ] {
        let at = length + lengths.find("l: ").unwrap_or(0);
        cases.push((good.replace("Content-Length: 0", lengths), Fault::ContentLength, at));
    }
    cases.push((format!("\r\n\r\n{}", good.replace("SIP/2.0\r\n", "SIP/2.0 \r\n")), Fault::StartLine, 4));
    cases.push((good.replace("Via:", "Via"), Fault::HeaderLine, good.find("Via").unwrap()));
    cases.push((good.trim_end_matches("\r\n").into(), Fault::EndOfHeaders, length));
    let proxy = Proxy::alone(HOST);
    proxy.take(Calling, &base_a()[..4]);
    let before = proxy.find(Selector::Call(b"cb03a0s09a2sdfglkj490333"));
    for (message, fault, offset) in cases {
        proxy.wait(1_000);
        let seen = proxy.take(Calling, &[&message]);
        let [Err(RegistryError::Message(refused))] = &seen[..] else { panic!("{seen:?}\n{message}") };
        assert_eq!((refused.fault, refused.offset), (fault, offset), "{message}");
        assert!(refused.to_string().ends_with(&format!("(offset {offset})")));
        assert_eq!(proxy.find(Selector::Call(b"cb03a0s09a2sdfglkj490333")), before);
    }
    // What stands behind the body is not of the message (RFC 3261 18.3), and one number given twice is one number.
    let again = good.replace("Content-Length: 0", "l:0\r\nContent-Length: 00");
    for (message, what) in [(good.clone() + "X", What::Refreshed), (again, What::Counted)] {
        assert_eq!(proxy.take(Calling, &[message])[0].as_ref().unwrap(), &what);
    }
}

#[test]
fn t50_an_unreadable_session_id_counts_as_unknown() {
    let (calling, called_id) = ("a".repeat(32), "b".repeat(32));
    let zeros = "0".repeat(32);
    let with_ids = |first: &str, second: &str| {
        let mut messages = base_a();
        for (message, id) in messages.iter_mut().zip([first, second]) {
            *message = message.replace("Content-Length", &format!("Session-ID: {id}\r\nContent-Length"));
        }
        let pair = released(&messages);
        [pair.called.unwrap(), pair.calling.unwrap()].map(|bye| bye.values("Session-ID").join("+"))
    };
    for (first, second, expected) in [
        (&*calling, &*format!("{called_id};remote={calling}"), [(&calling, &called_id), (&called_id, &calling)]),
        (&format!("{calling};remote={zeros}"), &called_id.to_uppercase(), [(&calling, &zeros), (&zeros, &calling)]),
        (&calling, "b;remote=c", [(&calling, &zeros), (&zeros, &calling)]),
    ] {
        let expected = expected.map(|(local, remote)| format!("{local};remote={remote}"));
        assert_eq!(with_ids(first, second), expected);
    }
    assert_eq!(with_ids(&zeros, "x"), ["", ""]);
}

#[test]
fn t53_t54_before_the_2xx_and_before_the_ack() {
    both(|proxy| {
        proxy.track("e", Calling, "> INVITE 127 tag=");
        proxy.see("e", "< 180 INVITE 127");
        let id = proxy.dialog("e,a,b").id;
        assert!(matches!(proxy.start(id), Err(RegistryError::Early)));
        // The 2xx that crosses the CANCEL makes a dialog all the same, whatever the INVITE was answered before.
        proxy.see("e", "> CANCEL 127 tag=");
        proxy.see("e", "< 200 CANCEL 127");
        assert_eq!(proxy.see("e", "< 200 INVITE 127"), What::Confirmed);
        assert_eq!(summary(&proxy.start(id).unwrap()), "128 b1 | Held");
    });
}

/// Names, messages and the BYEs, as in `registry_calls.rs`.
const CASES: &[&str] = &[
    "T69 | < NOTIFY 40 | 128 b1 | 41 a1",
    "T69: NOTIFY refreshes | < NOTIFY 40 contact=b2; > 200 NOTIFY 40 contact=a2 | 128 b2 | 41 a2",
    "T69: SUBSCRIBE refreshes | > SUBSCRIBE 128 contact=a2; < 202 SUBSCRIBE 128 contact=b2 | 129 b2 | drawn a2",
    "T69: beside an UPDATE | < NOTIFY 5 contact=b2; < UPDATE 6 contact=b3; > 200 NOTIFY 5 contact=; > 500 UPDATE 6 \
     | 128 b2 | 7 a1",
    "T69: beside a SUBSCRIBE | > UPDATE 128 contact=a2; > SUBSCRIBE 129 contact=a3; < 200 UPDATE 128; < 489 SUBSCRIBE 129 \
     | 130 b1 | drawn a2",
    "T69: REFER refreshes | < REFER 9 contact=b2; > 202 REFER 9 | 128 b2 | 10 a1",
    "T69: refused | < REFER 9 contact=b2; > 603 REFER 9 contact=a2 | 128 b1 | 10 a1",
    "T33c: the others never | > MESSAGE 128 contact=a2; < 200 MESSAGE 128 contact=b2; < OPTIONS 2 contact=b3; \
     > 200 OPTIONS 2 contact=a3; > PRACK 129 contact=a4; < 200 PRACK 129 contact=b4 | 130 b1 | 3 a1",
    "an UPDATE within a re-INVITE | > INVITE 128 contact=a2; > UPDATE 129 contact=a3; < 200 UPDATE 129; \
     < 200 INVITE 128 contact=b2; > ACK 128 | 130 b2 | drawn a3",
    "one that fails | > INVITE 128 contact=a2; > UPDATE 129 contact=a3; < 500 UPDATE 129; < 200 INVITE 128 \
     | 130 b1 | drawn a2",
    "one that goes back | > INVITE 128 contact=a2; > UPDATE 129 contact=a1; < 200 INVITE 128; < 200 UPDATE 129 \
     | 130 b1 | drawn a1",
    "the ACK before the 2xx | < 180 INVITE 127; > ACK 127; < 200 INVITE 127 | 128 b1 | drawn a1",
    "all twice, the second time late | < 180 INVITE 127; OK; > UPDATE 128 contact=a2; < 200 UPDATE 128; < 180 INVITE 127; \
     < 200 INVITE 127; > ACK 127; > UPDATE 128 contact=a2; < 200 UPDATE 128 | 129 b1 | drawn a2",
];

/// In a capture alone: a proxy sees each request before its reply.
const OVERTAKING: &[&str] = &[
    "a reply before its request | < 200 UPDATE 128 contact=b2; > UPDATE 128 contact=a2 | 129 b2 | drawn a2",
    "and the request again | < 200 UPDATE 128; > UPDATE 128 contact=a2; > UPDATE 128 contact=a3 | 129 b1 | drawn a2",
    "T33b: a provisional reply | < 183 INVITE 128 contact=b2 reliable=1; > INVITE 128 contact=a2; < 488 INVITE 128 \
     | 129 b2 | drawn a2",
];

#[test]
fn messages_that_refresh_overlap_and_overtake() {
    both(|proxy| judge(proxy, CASES));
    let change = |settings: &mut Settings<'_>| settings.check_bye = false;
    both_with("s", change, |proxy| judge(proxy, &[CASES, OVERTAKING].concat()));
}

fn judge(proxy: &Proxy, cases: &[&str]) {
    for (number, case) in cases.iter().enumerate() {
        let parts: Vec<&str> = case.splitn(3, '|').map(str::trim).collect();
        let (call, acknowledged) = (format!("c{number}"), parts[1].contains("ACK 127; < 200 INVITE 127"));
        let id = if acknowledged {
            proxy.track(&call, Calling, "> INVITE 127 tag=");
            parts[1].split("; ").for_each(|line| _ = proxy.see(&call, line));
            proxy.dialog(&format!("{call},a,b")).id
        } else {
            proxy.call(&call, &[Calling], parts[1])
        };
        assert_eq!(summary(&proxy.start(id).unwrap()), parts[2], "{case}");
    }
}

/// Base A as a proxy sees it at its own socket: each message as it came in, and as it went out with one Via more or
/// less. The application server sends the INVITE back with the same Call-ID, tags and CSeq: one dialog, and the values
/// are those of the calling user's pass.
#[test]
fn a_spiral_and_every_message_twice_are_one_dialog() {
    both_of(HOST, |proxy| {
        let via = |branch: &str| format!("Via: SIP/2.0/UDP scscf1.home1.net;branch=z9hG4bK{branch}\r\nVia: ");
        let out = |message: &String, branch: &str| message.replacen("Via: ", &via(branch), 1);
        let [invite, answer, rest @ ..] = &base_a()[..] else { unreachable!() };
        let back = out(invite, "as").replacen("Alice", "Alice of the server", 1).replacen("aaa:bbb", "fff:fff", 1);
        let call = [invite.clone(), out(invite, "1"), back.clone(), out(&back, "2")];
        proxy.take(Calling, &call[..2]);
        proxy.take(Called, &call[2..]);
        let mut replies = Vec::new();
        for branch in ["2", "as", "1"] {
            replies.push(out(answer, branch));
        }
        replies.push(answer.clone());
        proxy.take(Calling, &replies);
        for message in rest {
            proxy.take(Calling, &[message.clone(), out(message, "3")]);
        }
        let found = proxy.find(Selector::Call(b"cb03a0s09a2sdfglkj490333"));
        assert_eq!((found.len(), found[0].roles), (1, 3));
        let pair = proxy.start(found[0].id).unwrap();
        let expected = released(&base_a());
        assert_eq!(pair.called.unwrap().message, expected.called.unwrap().message);
        assert_eq!(pair.calling.unwrap().request_uri, expected.calling.unwrap().request_uri);
    });
}

/// A proxy that forks sees the refusal of one branch come in, with its own Via on top, while the other rings; the
/// refusal that goes on to the calling user has the topmost Via of the INVITE.
#[test]
fn the_refusal_of_one_branch_leaves_the_others() {
    both(|proxy| {
        let of = |line: &str, branch: &str| message("b", line).replace("z9hG4bKx", branch);
        let observe =
            |line: &str, branch: &str| proxy.registry.observe(of(line, branch).as_bytes(), proxy.now()).unwrap().what;
        let shown = || {
            let mut names: Vec<String> = proxy.find(Selector::Call(b"b")).into_iter().map(|d| d.name).collect();
            names.sort();
            names.join(" ")
        };
        proxy.take(Called, &[of("> INVITE 127 tag=", "up")]);
        assert_eq!(observe("< 180 INVITE 127 tag=t1", "1"), What::Early);
        assert_eq!(observe("< 180 INVITE 127 tag=t2", "2"), What::Early);
        assert_eq!(observe("< 486 INVITE 127 tag=t1", "1"), What::Refused);
        assert_eq!(shown(), "b,a,t2");
        proxy.wait(40_000);
        proxy.sweep();
        assert_eq!(shown(), "b,a,t2");
        // The last branch that was known is refused, and then one more rings.
        observe("< 486 INVITE 127 tag=t2", "2");
        assert_eq!(shown(), "");
        observe("< 180 INVITE 127 tag=t3", "3");
        proxy.wait(40_000);
        proxy.sweep();
        assert_eq!(shown(), "b,a,t3");
        assert_eq!(observe("< 200 INVITE 127 tag=t3", "3"), What::Confirmed);
        observe("> ACK 127 tag=t3", "x");
        assert_eq!((proxy.dialog("b,a,t3").state, proxy.find(Selector::Call(b"b")).len()), (State::Acknowledged, 1));

        // The refusal on its way to the calling user is for all, and nothing rings after it.
        proxy.take(Called, &[of("> INVITE 1 tag=", "up").replace("Call-ID: b", "Call-ID: c")]);
        for (line, branch) in
            [("< 180 INVITE 1 tag=t1", "1"), ("< 486 INVITE 1 tag=t4", "up"), ("< 180 INVITE 1 tag=t1", "1")]
        {
            let message = of(line, branch).replace("Call-ID: b", "Call-ID: c");
            proxy.registry.observe(message.as_bytes(), proxy.now()).unwrap();
        }
        assert_eq!(proxy.find(Selector::Call(b"c")), []);
    });
}

/// Octets that end, open or continue something.
const OCTETS: &[u8] = b"\0\r\n \"<>;,a";

#[test]
fn t67_every_prefix_and_every_changed_octet_of_base_a() {
    let messages: Vec<Vec<u8>> = base_a().into_iter().map(String::into_bytes).collect();
    let (mut released, mut refused) = (0, 0);
    let mut check = |changed: &[Vec<u8>]| {
        let proxy = Proxy::alone(HOST);
        let seen = proxy.take(Calling, changed);
        refused += seen.iter().filter(|seen| matches!(seen, Err(RegistryError::Message(_)))).count();
        let mut dialogs = Vec::new();
        let mut keep = |entry: &ims_release::registry::Entry<'_>| {
            dialogs.push((entry.id, entry.call_id.to_vec(), entry.from_tag.to_vec(), entry.to_tag.to_vec()));
        };
        proxy.registry.list(0, 100, &mut keep).unwrap();
        for (id, call_id, from_tag, to_tag) in dialogs {
            for bye in proxy.start_raw(id) {
                released += 1;
                let read = capture::read(&bye.message).unwrap();
                let tags = if bye.to == User::Called { (&from_tag, &to_tag) } else { (&to_tag, &from_tag) };
                assert_eq!((read.method, read.cseq), (&b"BYE"[..], bye.cseq));
                assert_eq!((&*read.call_id, read.from_tag(), read.to_tag()), (&*call_id, &**tags.0, &**tags.1));
                let bare = |pair: &[u8]| (pair[0] == b'\r') != (pair[1] == b'\n') || pair[1] == 0;
                assert!(!bye.message.windows(2).any(bare), "{}", bye.message.escape_ascii());
                judge_read(&bye.message, &call_id, tags.0, tags.1, bye.cseq);
            }
        }
    };
    for (index, message) in messages.iter().enumerate() {
        let mut changed = messages.clone();
        for end in 0..message.len() {
            changed[index] = message[..end].to_vec();
            check(&changed);
        }
        changed[index].clone_from(message);
        for at in 0..message.len() {
            for octet in OCTETS.iter().copied().chain([message[at] ^ 0x20]) {
                changed[index][at] = octet;
                check(&changed);
            }
            changed[index][at] = message[at];
        }
    }
    assert!(released > 10_000 && refused > 3_000, "{released} BYEs, {refused} refused");
}

#[test]
fn what_the_grammar_does_not_allow_and_nobody_misreads_is_taken_as_it_stands() {
    let answer = &base_a()[1];
    let value = |name: &str| answer.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
    let (from, to) = (value("From: "), value("To: "));
    for (from, to, from_tag, to_tag) in [
        ("Bell, Alexander <sip:a@home1.net>;tag=171828", &*to, "171828", "314159"),
        ("sip:a@home1.net?x;tag=171828", &to, "171828", "314159"),
        ("sip:a,b@home1.net;tag=171828", &to, "171828", "314159"),
        (&from, "<sip:b@home2.net>;tag=\"3 1;4\"", "171828", "\"3 1;4\""),
        (&from, "<sip:b@home2.net>;tag=3@1:4/1=", "171828", "3@1:4/1="),
    ] {
        let odd = answer.replace(&value("From: "), from).replace(&value("To: "), to);
        let captured = capture::read(odd.as_bytes()).unwrap();
        let read = [&*captured.from, &*captured.to, captured.from_tag(), captured.to_tag()];
        assert_eq!(read, [from, to, from_tag, to_tag].map(str::as_bytes), "{odd}");
    }
}

#[test]
fn a_record_route_row_that_would_break_a_line_marks_the_leg_that_needs_it() {
    for (rows, bad) in [
        ([&*format!("{PCSCF2}\0"), MT, MO, PCSCF1].map(String::from).to_vec(), User::Called),
        ([PCSCF2, MT, MO, &*format!("\r{PCSCF1}\rX: y")].map(String::from).to_vec(), User::Calling),
        (vec![format!("{PCSCF2}, {MT}, {MO}, <sip:pcscf1\r;lr>")], User::Calling),
        (vec![format!("<sip:\0>, {MT}, {MO}"), PCSCF1.into()], User::Called),
    ] {
        let rows: String = rows.iter().map(|row| format!("Record-Route: {row}\r\n")).collect();
        let list = [PCSCF2, MT, MO, PCSCF1].join(", ");
        let mut messages = base_a();
        messages[1] = messages[1].replace(&format!("Record-Route: {list}\r\n"), &rows);
        assert!(messages[1].contains(&rows));
        let proxy = Proxy::alone(HOST);
        proxy.take(Calling, &messages);
        let pair = proxy.start(proxy.dialog("cb03a0s09a2sdfglkj490333,171828,314159").id).unwrap();
        let (marked, other) =
            if bad == User::Called { (pair.called, pair.calling) } else { (pair.calling, pair.called) };
        assert_eq!((marked.unwrap_err(), other.is_ok()), (Error::BadRecordRoute, true));
    }
}
