// SPDX-License-Identifier: MIT OR Apache-2.0
//! `ims-release plan` on text files: framing, what is rejected, and that the rest goes on.
#![cfg(feature = "cli")]

mod plan_support;
mod support;

use plan_support::call::{BASE, Call};
use plan_support::{plan, plan_calling, rejected};
use serde_json::Value;

fn base_a() -> String {
    BASE.messages().concat()
}

fn cseq(report: &Value) -> u64 {
    report["dialogs"][0]["called"]["cseq"].as_u64().unwrap_or_else(|| panic!("{report:#}"))
}

#[test]
fn messages_back_to_back_also_with_keep_alives_and_bare_line_feeds() {
    let plain = base_a();
    let spaced = BASE.messages().join("\r\n\r\n");
    for text in [plain.clone(), spaced, plain.replace("\r\n", "\n"), format!("\u{feff}\n{plain}\n\n")] {
        let report = plan_calling(text.as_bytes());
        assert_eq!((cseq(&report), rejected(&report)), (130, vec![]));
    }
}

#[test]
fn a_body_is_as_long_as_its_content_length_says() {
    // A body that holds a message, which it is not to be.
    let inner = BASE.request("INFO", 200, "");
    let with = format!("Content-Type: message/sip\r\nContent-Length: {}\r\n\r\n{inner}", inner.len());
    let outer = BASE.request("INFO", 131, "").replace("Content-Length: 0\r\n\r\n", &with);
    let report = plan_calling(format!("{}{outer}{}", base_a(), BASE.request("INFO", 132, "")).as_bytes());
    assert_eq!((cseq(&report), rejected(&report)), (133, vec![]));
}

#[test]
fn without_a_content_length_a_message_ends_where_the_next_begins() {
    let text = base_a().replace("Content-Length: 0\r\n\r\n", "\r\nv=0\r\ns=-\r\n");
    let report = plan_calling(text.as_bytes());
    assert_eq!((cseq(&report), rejected(&report)), (130, vec![]));
}

#[test]
fn a_body_without_a_length_may_hold_a_status_line_or_a_message() {
    let notify = |cseq, with: &str| BASE.request("NOTIFY", cseq, "").replace("Content-Length: 0\r\n\r\n", with);
    let counted_in_the_body = BASE.request("INFO", 200, "");
    for (body, last) in [
        ("\r\nSIP/2.0 200 OK", true),
        ("\r\nSIP/2.0 200 OK\r\n", false),
        ("Content-Type: message/sipfrag\r\n\r\nSIP/2.0 200 OK\r\n", false),
        ("Content-Type: message/sipfrag\r\n\r\nSIP/2.0 200 OK\r\nContact: <sip:a>\r\n\r\n", false),
        (&format!("c: message/sip\r\n\r\n{counted_in_the_body}"), false),
    ] {
        let report = plan_calling(format!("{}{}", base_a(), notify(131, body)).as_bytes());
        assert_eq!((cseq(&report), rejected(&report)), (132, vec![]), "{body}");
        if !last {
            let between = format!("{}{}{}", base_a(), notify(131, body), notify(132, body));
            let report = plan_calling(between.as_bytes());
            assert_eq!((cseq(&report), rejected(&report)), (133, vec![]), "{body}");
        }
    }
}

#[test]
fn a_length_counts_with_zeros_in_front_and_beside_a_line_that_is_wrong() {
    let inner = BASE.request("INFO", 200, "");
    let info = |cseq, lines: &str| BASE.request("INFO", cseq, "").replace("Content-Length: 0\r\n\r\n", lines) + &inner;
    let sound = info(131, &format!("Content-Length: 0000000000000000000000{}\r\n\r\n", inner.len()));
    let wrong = info(132, &format!("nonsense\r\nContent-Length: {}\r\n\r\n", inner.len()));
    let report = plan_calling(format!("{}{sound}{wrong}", base_a()).as_bytes());
    let offset = (base_a().len() + sound.len()) as u64;
    assert_eq!((cseq(&report), rejected(&report)), (132, vec![("header-line".to_string(), offset)]));
}

#[test]
fn what_is_no_message_is_rejected_once_and_the_rest_goes_on() {
    let info = BASE.request("INFO", 131, "");
    let start = base_a().len() as u64;
    for (bad, kind) in [
        ("some notes\nof an engineer\n".to_string(), "start-line"),
        (info.replace("SIP/2.0\r\n", "SIP/3.0\r\n").replacen("INFO", "INFO ", 1), "start-line"),
        (info.replace("To: ", "To "), "header-line"),
        (info.replace("Length: 0\r\n\r\n", "Length: 0\r\n"), "end-of-headers"),
        (info.replace("Length: 0", "Length: -1"), "content-length"),
        (info.replace("Length: 0", "Length: 0\r\nl: 1"), "content-length"),
        (info.replace("131 INFO", "131 MESSAGE"), "method-mismatch"),
        (info.replace("Call-ID: ", "Call-ID: x y"), "call-id"),
        (info.replace("From: ", "f: <sip:x>\r\nFrom: "), "from"),
        (info.replace("To: <tel", "To: \"<tel"), "to"),
        (info.replace("CSeq: 131", "CSeq: 4294967296"), "cseq"),
        (info.replace("Length: 0", "Length: 70000"), "too-large"),
        // Longer than what is left.
        (info.replace("Length: 0", "Length: 5000"), "cut-off"),
    ] {
        let text = format!("{}{bad}{}", base_a(), BASE.request("INFO", 140, ""));
        let report = plan_calling(text.as_bytes());
        assert_eq!(rejected(&report), [(kind.to_string(), start)], "{bad}");
        assert_eq!(cseq(&report), 141, "{bad}");
    }
}

#[test]
fn what_tells_no_dialog_is_rejected() {
    let bye = BASE.request("BYE", 131, "");
    for (good, odd, kind) in [
        (";tag=171828", ";tag=", "from"),
        (";tag=171828", ";tag=171828, <sip:b@home1.net>;tag=2", "from"),
        (";tag=314159", ";tag= ", "to"),
        (";tag=314159", ";tag=314159 2", "to"),
        (";tag=314159", ";x;tag;tag=314159,2", "to"),
        ("CSeq: 131", "CSeq: 4294967296", "cseq"),
        ("CSeq: 131", "CSeq: 18446744073709551747", "cseq"),
    ] {
        let report = plan_calling(format!("{}{}", base_a(), bye.replace(good, odd)).as_bytes());
        assert_eq!(rejected(&report), [(kind.to_string(), base_a().len() as u64)], "{odd}");
        assert_eq!((&report["dialogs"][0]["state"], cseq(&report)), (&"confirmed".into(), 130));
    }
}

#[test]
fn a_message_cut_off_anywhere_at_the_end_is_rejected() {
    let info = BASE.request("INFO", 131, "").replace("Length: 0\r\n\r\n", "Length: 4\r\n\r\nbody");
    let start = base_a().len() as u64;
    for length in 1..info.len() {
        let report = plan_calling(&[base_a().as_bytes(), &info.as_bytes()[..length]].concat());
        assert_eq!(rejected(&report), [("cut-off".to_string(), start)], "{length}");
        assert_eq!(cseq(&report), 130);
    }
}

#[test]
fn every_prefix_of_a_call_is_read_without_harm() {
    let text = base_a();
    for end in (0..text.len()).step_by(17) {
        let report = plan_calling(&text.as_bytes()[..end]);
        assert!(rejected(&report).len() <= 1);
    }
}

#[test]
fn dialogs_in_the_order_in_which_their_to_tags_appear() {
    let [first, second] = ["t1", "t2"].map(|to_tag| Call { to_tag, ..BASE });
    let other = Call { call_id: "other", ..BASE };
    let text = [
        BASE.invite(),
        // No dialog: no reply with a tag.
        Call { call_id: "alone", ..BASE }.invite(),
        BASE.reply(100, "INVITE", 127, ""),
        second.ringing(),
        other.invite(),
        other.answer(),
        first.ringing(),
        first.answer(),
        second.answer(),
        second.request("INFO", 128, ""),
    ]
    .concat();
    let report = plan_calling(text.as_bytes());
    let dialogs = report["dialogs"].as_array().expect("a list");
    let seen: Vec<_> = dialogs.iter().map(|d| (d["to_tag"].as_str(), d["called"]["cseq"].as_u64())).collect();
    assert_eq!(seen, [(Some("t2"), Some(129)), (Some("314159"), Some(128)), (Some("t1"), Some(128))]);
    let one = plan(&["--serves", "calling", "--own", plan_support::OWN, "--call-id", "other"], text.as_bytes());
    assert_eq!(one["dialogs"].as_array().map(Vec::len), Some(1));
    assert_eq!(one["dialogs"][0]["call_id"], "other");
}

#[test]
fn the_call_of_the_volte_messages() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/volte");
    let mut names: Vec<_> =
        std::fs::read_dir(directory).expect("messages").map(|f| f.expect("a file").path()).collect();
    names.retain(|name| name.to_str().is_some_and(|name| name.contains("_call_")));
    names.sort();
    let messages: Vec<Vec<u8>> = names.iter().map(|name| std::fs::read(name).expect("a message")).collect();
    let own = "sip:[2409:8015:8029:9:ffff::21]:5062";
    for (until, state) in [(3, "early"), (11, "confirmed"), (12, "confirmed"), (13, "terminated"), (14, "terminated")] {
        let report = plan(&["--serves", "calling", "--own", own], &messages[..until].concat());
        assert_eq!(rejected(&report), []);
        assert_eq!(report["dialogs"].as_array().map(Vec::len), Some(1));
        let dialog = &report["dialogs"][0];
        assert_eq!(dialog["state"], state);
        if state == "confirmed" {
            assert_eq!(dialog["called"]["request_uri"], "sip:123012345678901@[2409:8015:84e1:3555::1]:8904");
            assert_eq!(dialog["called"]["cseq"], 12346);
            // The UPDATE was answered; its 200 has the branch that all replies of this set have.
            assert_eq!(dialog["calling"]["request_uri"], "sip:10.189.154.164:5060;Dpt=1234_123");
            assert_eq!(dialog["calling"]["route"], Value::Array(vec![]));
        }
    }
}
