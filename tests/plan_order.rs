// SPDX-License-Identifier: MIT OR Apache-2.0
//! `ims-release plan` on messages that stand in another order than they were sent, or are not all there.
#![cfg(feature = "cli")]

mod plan_support;
mod support;

use plan_support::call::{BASE, Call};
use plan_support::{OWN, plan_calling, rejected, run};
use serde_json::{Value, json};

const MOVED: &str = "Contact: <sip:[5555::1]:9>\r\n";

fn orders(of: usize) -> Vec<Vec<usize>> {
    (0..of).fold(vec![vec![]], |shorter: Vec<Vec<usize>>, next| {
        let insert = |order: Vec<usize>| {
            (0..=order.len()).map(move |at| [&order[..at], &[next], &order[at..]].concat()).collect::<Vec<_>>()
        };
        shorter.into_iter().flat_map(insert).collect()
    })
}

fn with_no_name(mut dialog: Value) -> Value {
    dialog["call_id"] = Value::Null;
    for leg in ["called", "calling"] {
        dialog[leg]["request"] = Value::Null;
    }
    dialog
}

#[test]
fn the_order_of_the_messages_does_not_matter() {
    let orders = orders(6);
    assert_eq!(orders.len(), 720);
    let text: String = orders
        .iter()
        .flat_map(|order| {
            let call = Call { call_id: order.iter().map(usize::to_string).collect::<String>().leak(), ..BASE };
            let messages = [
                call.invite(),
                call.ringing(),
                call.answer(),
                call.request("UPDATE", 129, MOVED),
                call.reply(200, "UPDATE", 129, ""),
                Call::back(&call.request("INFO", 7, "")),
            ];
            order.iter().map(|at| messages[*at].clone()).collect::<Vec<_>>()
        })
        .collect();
    let report = plan_calling(text.as_bytes());
    let dialogs = report["dialogs"].as_array().expect("a list");
    assert_eq!((dialogs.len(), rejected(&report)), (720, vec![]));
    let first = with_no_name(dialogs[0].clone());
    assert_eq!((&first["called"]["cseq"], &first["calling"]["cseq"]), (&json!(130), &json!(8)));
    assert_eq!(first["calling"]["request_uri"], "sip:[5555::1]:9");
    for dialog in dialogs {
        assert_eq!(with_no_name(dialog.clone()), first, "{}", dialog["call_id"]);
    }
}

/// What is told of the only dialog: state, then of each BYE its CSeq and whether it has a Route, or the error.
fn told(messages: &[String]) -> String {
    let report = plan_calling(messages.concat().as_bytes());
    let [dialog] = report["dialogs"].as_array().expect("a list").as_slice() else { panic!("{report:#}") };
    let legs = ["called", "calling"].map(|leg| match &dialog[leg]["error"]["kind"] {
        Value::String(kind) => kind.clone(),
        _ => format!("{} {}", dialog[leg]["cseq"], dialog[leg]["route"].as_array().map_or(0, Vec::len)),
    });
    format!("{} | {}", dialog["state"].as_str().expect("a state"), legs.join(" | "))
}

#[test]
fn a_session_that_a_user_has_ended_stays_over() {
    let up = [BASE.invite(), BASE.ringing(), BASE.answer(), BASE.ack()];
    let bye = |cseq| BASE.request("BYE", cseq, "");
    let reply = |code, cseq| BASE.reply(code, "BYE", cseq, "");
    let back = |message: String| Call::back(&message);
    for (what, then, state) in [
        ("answered", vec![bye(128), reply(200, 128)], "terminated"),
        ("not answered", vec![bye(128)], "terminated"),
        ("no such dialog there", vec![bye(128), reply(481, 128)], "terminated"),
        ("no such user there (RFC 5057)", vec![bye(128), reply(404, 128)], "terminated"),
        ("refused", vec![bye(128), reply(403, 128)], "confirmed"),
        ("refused, and the BYE again", vec![bye(128), reply(403, 128), bye(128)], "confirmed"),
        ("refused before it is seen", vec![reply(403, 128), bye(128)], "confirmed"),
        ("glare", vec![bye(128), back(bye(9)), reply(200, 128), back(reply(500, 9))], "terminated"),
        ("glare, the other refused", vec![bye(128), back(bye(9)), back(reply(500, 9))], "terminated"),
        ("glare, both refused", vec![bye(128), back(bye(9)), back(reply(500, 9)), reply(500, 128)], "confirmed"),
        ("challenged", vec![bye(128), reply(407, 128), bye(129)], "terminated"),
        ("a late copy of the challenge", vec![bye(128), reply(407, 128), bye(129), reply(407, 128)], "terminated"),
        ("a late refusal", vec![bye(128), reply(200, 128), reply(503, 128)], "terminated"),
        ("a late BYE", vec![bye(128), reply(200, 128), bye(128), reply(403, 129)], "terminated"),
        ("the largest numbers", vec![bye(u32::MAX - 1), reply(407, u32::MAX - 1), bye(u32::MAX)], "terminated"),
    ] {
        let told = told(&[&up[..], &then].concat());
        assert_eq!(told.split(" | ").next(), Some(state), "{what}: {told}");
    }
    for (what, messages) in [
        ("the BYE before the 2xx", vec![BASE.invite(), bye(128), BASE.answer()]),
        ("all of it before", vec![bye(128), reply(200, 128), BASE.answer(), BASE.invite()]),
    ] {
        assert_eq!(told(&messages), "terminated | terminated | terminated", "{what}");
    }
}

#[test]
fn a_reply_waits_for_the_invite_that_it_answers() {
    // A challenge: the second INVITE has another Contact, and its replies overtake it.
    let first = BASE.invite().replace("5555::aaa:bbb:ccc:ddd", "5555::2").replace("127 INVITE", "126 INVITE");
    let first = first.replace(";tag=314159", "").replace("z9hG4bKa127", "z9hG4bKa126");
    let challenge = BASE.reply(407, "INVITE", 126, "").replace(";tag=314159", ";tag=proxy");
    let told = |messages: [String; 5]| {
        let report = plan_calling(messages.concat().as_bytes());
        assert_eq!(report["dialogs"].as_array().map(Vec::len), Some(1), "{report:#}");
        report["dialogs"][0]["calling"]["request_uri"].clone()
    };
    let contact = "sip:[5555::aaa:bbb:ccc:ddd]:1357;comp=sigcomp";
    let [ringing, answer, invite] = [BASE.ringing(), BASE.answer(), BASE.invite()];
    for rest in [[&invite, &ringing, &answer], [&ringing, &invite, &answer], [&answer, &ringing, &invite]] {
        let [one, two, three] = rest.map(String::clone);
        assert_eq!(told([first.clone(), challenge.clone(), one, two, three]), contact);
    }
    // A re-INVITE that was refused, before the 2xx to the first one.
    let again = BASE.request("INVITE", 128, MOVED);
    let refused =
        [BASE.reply(183, "INVITE", 128, ""), BASE.reply(488, "INVITE", 128, ""), BASE.request("ACK", 128, "")];
    let [trying, refusal, ack] = refused;
    let report = plan_calling([invite, again, trying, refusal, ack, answer].concat().as_bytes());
    let dialog = &report["dialogs"][0];
    assert_eq!((&dialog["state"], &dialog["called"]["cseq"]), (&json!("confirmed"), &json!(129)));
}

#[test]
fn two_invites_of_one_call_may_both_be_answered() {
    // Somebody on the way keeps Call-ID and tag, and not the number.
    let second = BASE.invite().replace("127 INVITE", "500 INVITE").replace("z9hG4bKa127", "z9hG4bKa500");
    let answer = BASE.answer().replace("127 INVITE", "500 INVITE").replace("z9hG4bKa127", "z9hG4bKa500");
    let other = answer.replace(";tag=314159", ";tag=other");
    let text = [BASE.invite(), second, other, BASE.answer(), BASE.request("BYE", 128, "")].concat();
    let report = plan_calling(text.as_bytes());
    let dialogs = report["dialogs"].as_array().expect("a list");
    let told: Vec<_> = dialogs.iter().map(|dialog| (&dialog["to_tag"], &dialog["state"])).collect();
    assert_eq!(told, [(&json!("other"), &json!("confirmed")), (&json!("314159"), &json!("terminated"))]);
    assert_eq!(dialogs[0]["called"]["cseq"], 501);
}

#[test]
fn a_capture_that_begins_in_the_middle_of_a_call() {
    let update = BASE.request("UPDATE", 129, MOVED);
    let updated = BASE.reply(200, "UPDATE", 129, "");
    let again = BASE.request("INVITE", 140, MOVED);
    let again_answered = BASE.reply(200, "INVITE", 140, MOVED);
    for (what, messages, expected) in [
        ("no INVITE", vec![BASE.ringing(), BASE.answer(), BASE.ack()], "confirmed | 128 3 | bad-contact"),
        ("the 2xx alone", vec![BASE.answer()], "confirmed | 128 3 | bad-contact"),
        ("the 18x alone", vec![BASE.ringing()], "early | not-confirmed | not-confirmed"),
        ("a later target", vec![BASE.answer(), update.clone(), updated.clone()], "confirmed | 130 3 | 1 1"),
        ("which stands before", vec![update, updated, BASE.answer()], "confirmed | 130 3 | 1 1"),
        ("the end too", vec![BASE.answer(), BASE.request("BYE", 128, "")], "terminated | terminated | terminated"),
        ("a re-INVITE beside", vec![again.clone(), again_answered.clone(), BASE.answer()], "confirmed | 141 3 | 1 1"),
    ] {
        // No request of the called user was seen: its number is drawn.
        let told = told(&messages);
        let (before, number) = told.rsplit_once(" | ").expect("three parts");
        let number = number.split_once(' ').map_or(number.to_string(), |(_, routes)| format!("1 {routes}"));
        assert_eq!(format!("{before} | {number}"), expected, "{what}");
    }
    // The 18x alone makes the dialog, and what is behind the 2xx waits for that.
    let moved = Call::back(&BASE.request("UPDATE", 5, MOVED));
    let moved_ok = Call::back(&BASE.reply(200, "UPDATE", 5, ""));
    let rest = [BASE.answer(), BASE.ack(), moved, moved_ok];
    for messages in [
        [&[BASE.ringing()], &rest[..]].concat(),
        [&[BASE.ringing()], &rest[..], &[BASE.invite()]].concat(),
        [&rest[..], &[BASE.invite()]].concat(),
    ] {
        let report = plan_calling(messages.concat().as_bytes());
        let called = &report["dialogs"][0]["called"];
        assert_eq!((&called["request_uri"], &called["cseq"]), (&json!("sip:[5555::1]:9"), &json!(128)));
    }
    // Neither the routes nor who called whom can be known from what comes later.
    let text = [again, again_answered].concat() + &Call { call_id: "refused", ..BASE }.reply(486, "INVITE", 127, "");
    let said = run(&["plan", "--format", "json", "--serves", "calling", "--own", OWN, "-"], text.as_bytes());
    assert_eq!(said.status, 0);
    assert_eq!(serde_json::from_str::<Value>(&said.out).expect("JSON"), json!({"dialogs": [], "rejected": []}));
    let line = format!(
        "ims-release: 1 calls passed over: their INVITE and its replies are not in the capture (one is {})\n",
        BASE.call_id
    );
    assert_eq!(said.err, line);
}
