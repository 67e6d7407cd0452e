// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `ims-release plan` prints: states and kinds, the options, both formats, help, and the exit status.
#![cfg(feature = "cli")]

mod plan_support;
mod support;

use data_encoding::BASE64;
use plan_support::call::{BASE, Call};
use plan_support::{OWN, plan, plan_calling, run};
use serde_json::{Value, json};

fn base_a() -> String {
    BASE.messages().concat()
}

fn kinds(report: &Value) -> (Value, Value) {
    let dialog = &report["dialogs"][0];
    (dialog["called"]["error"]["kind"].clone(), dialog["calling"]["error"]["kind"].clone())
}

#[test]
fn t01_to_t03_the_whole_object() {
    let mut report = plan_calling(base_a().as_bytes());
    let cseq = report["dialogs"][0]["calling"]["cseq"].take();
    let cseq = cseq.as_u64().filter(|cseq| (1..1 << 31).contains(cseq)).expect("a number in range");
    let calling = report["dialogs"][0]["calling"]["request"].take();
    assert_eq!(
        calling.as_str().expect("text"),
        format!(
            "BYE sip:[5555::aaa:bbb:ccc:ddd]:1357;comp=sigcomp SIP/2.0\r\nRoute: <sip:pcscf1.visited1.net:7531;lr>\r\n\
             Max-Forwards: 70\r\nReason: SIP;cause=503\r\nFrom: <tel:+1-212-555-2222>;tag=314159\r\n\
             To: \"Alice\" <sip:user1_public1@home1.net>;tag=171828\r\nCall-ID: cb03a0s09a2sdfglkj490333\r\n\
             CSeq: {cseq} BYE\r\nContent-Length: 0\r\n\r\n"
        )
    );
    let route =
        ["<sip:mo@scscf1.home1.net;lr;did=7a1.3>", "<sip:mt@scscf2.home2.net;lr>", "<sip:pcscf2.visited2.net;lr>"];
    let called = format!(
        "BYE sip:[5555::eee:fff:aaa:bbb]:8805;comp=sigcomp SIP/2.0\r\nRoute: {}\r\nMax-Forwards: 70\r\n\
         Reason: SIP;cause=503\r\nFrom: \"Alice\" <sip:user1_public1@home1.net>;tag=171828\r\n\
         To: <tel:+1-212-555-2222>;tag=314159\r\nCall-ID: cb03a0s09a2sdfglkj490333\r\nCSeq: 130 BYE\r\n\
         Content-Length: 0\r\n\r\n",
        route.join(", ")
    );
    let expected = json!({
        "dialogs": [{
            "call_id": "cb03a0s09a2sdfglkj490333",
            "from_tag": "171828",
            "to_tag": "314159",
            "state": "confirmed",
            "serves": "calling",
            "called": {
                "delivery": "service-control",
                "request_uri": "sip:[5555::eee:fff:aaa:bbb]:8805;comp=sigcomp",
                "next_hop": "sip:mo@scscf1.home1.net;lr;did=7a1.3",
                "cseq": 130,
                "route": route,
                "request": called,
            },
            "calling": {
                "delivery": "direct",
                "request_uri": "sip:[5555::aaa:bbb:ccc:ddd]:1357;comp=sigcomp",
                "next_hop": "sip:pcscf1.visited1.net:7531;lr",
                "cseq": null,
                "route": ["<sip:pcscf1.visited1.net:7531;lr>"],
                "request": null,
            },
        }],
        "rejected": [],
    });
    assert_eq!(report, expected);
}

#[test]
fn whom_the_proxy_serves_decides_what_goes_where() {
    let deliveries = |serves: &str, own: &str| {
        let report = plan(&["--serves", serves, "--own", own], base_a().as_bytes());
        let dialog = &report["dialogs"][0];
        assert_eq!(dialog["serves"], serves);
        ["called", "calling"].map(|leg| {
            let route = dialog[leg]["route"].as_array().expect("a list").len();
            (dialog[leg]["delivery"].as_str().expect("text").to_string(), route)
        })
    };
    let service = |route| ("service-control".to_string(), route);
    let direct = |route| ("direct".to_string(), route);
    assert_eq!(deliveries("calling", OWN), [service(3), direct(1)]);
    assert_eq!(deliveries("called", "<sip:scscf2.home2.net:5060>"), [direct(1), service(3)]);
    assert_eq!(deliveries("neither", OWN), [direct(2), direct(1)]);
}

#[test]
fn own_entries_by_host_and_port_or_by_the_whole_uri() {
    let routes = |arguments: &[&str]| {
        let report = plan(&[&["--serves", "calling"], arguments].concat(), base_a().as_bytes());
        report["dialogs"][0]["calling"]["route"].as_array().map(Vec::len)
    };
    for own in ["sip:SCSCF1.home1.NET:5060", "sip:other@scscf1.home1.net;x=y"] {
        assert_eq!(routes(&["--own", own]), Some(1), "{own}");
        assert_eq!(routes(&["--own", own, "--own-exact"]), None, "{own}");
    }
    assert_eq!(routes(&["--own", "sip:mo@scscf1.home1.net;lr;did=7a1.3", "--own-exact"]), Some(1));
    assert_eq!(routes(&["--own", "sip:scscf1.home1.net:5070"]), None);
    assert_eq!(routes(&["--own", "sip:nobody", "--own", OWN]), Some(1));

    // Where none is given it is 5060, whatever the scheme.
    let finds = |own: &str, entry: &str| {
        let call = Call { record_route: Box::leak(format!("<{entry};lr>").into_boxed_str()), ..BASE };
        let report = plan(&["--serves", "calling", "--own", own], call.messages().concat().as_bytes());
        kinds(&report) == (Value::Null, Value::Null)
    };
    for (own, entry, found) in [
        ("sip:h", "sips:h", true),
        ("sips:h", "sips:h", true),
        ("sips:h", "sip:h:5060", true),
        ("sip:h:5060", "sips:h", true),
        ("sips:h:5061", "sips:h", true),
        ("sip:h", "sips:h:5061", false),
        ("sip:h:5061", "sip:h", false),
        ("sip:[2001:db8::1]", "sip:[2001:DB8:0:0:0:0:0:1]:5060", true),
        ("sip:[2001:db8::1]", "sip:[2001:db8::1:0]", false),
    ] {
        assert_eq!(finds(own, entry), found, "{own} {entry}");
    }
}

#[test]
fn t26_without_an_own_entry_no_leg_is_built() {
    for arguments in [&[][..], &["--own", "sip:nobody"]] {
        for serves in ["calling", "called", "neither"] {
            let report = plan(&[&["--serves", serves], arguments].concat(), base_a().as_bytes());
            assert_eq!(report["dialogs"][0]["state"], "confirmed");
            assert_eq!(kinds(&report), (json!("no-own-route"), json!("no-own-route")));
        }
    }
    // Whatever is in the list.
    let many = vec!["<sip:p;lr>"; 129].join(", ");
    for record_route in ["<tel:+1>", "\"a <sip:p>", "<sip:p;lr>, <sip:p", "<sip:p;lr>\0", many.leak()] {
        let report = plan(&["--serves", "calling"], Call { record_route, ..BASE }.messages().concat().as_bytes());
        assert_eq!(kinds(&report), (json!("no-own-route"), json!("no-own-route")), "{record_route}");
    }
}

#[test]
fn nobody_in_the_path() {
    let text = Call { record_route: "", ..BASE }.messages().concat();
    for (serves, called, calling) in [
        ("neither", "direct", "direct"),
        ("calling", "service-control", "direct"),
        ("called", "direct", "service-control"),
    ] {
        let report = plan(&["--serves", serves], text.as_bytes());
        let dialog = &report["dialogs"][0];
        assert_eq!((&dialog["called"]["delivery"], &dialog["calling"]["delivery"]), (&json!(called), &json!(calling)));
        assert_eq!(dialog["called"]["route"], json!([]));
        assert_eq!(dialog["called"]["next_hop"], dialog["called"]["request_uri"]);
    }
    // An own entry that is not there is T26 also here.
    let report = plan_calling(text.as_bytes());
    assert_eq!(kinds(&report), (json!("no-own-route"), json!("no-own-route")));
}

#[test]
fn kinds_of_legs_that_cannot_be_built() {
    let with = |from: &str, to: &str| plan_calling(base_a().replace(from, to).as_bytes());
    let bad = "Contact: <tel:+1>\r\n";
    let called = with("Contact: <sip:[5555::eee:fff:aaa:bbb]:8805;comp=sigcomp>\r\n", bad);
    assert_eq!(kinds(&called), (json!("bad-contact"), Value::Null));
    assert_eq!(called["dialogs"][0]["state"], "confirmed");
    let calling = with("Contact: <sip:[5555::aaa:bbb:ccc:ddd]:1357;comp=sigcomp>\r\n", "");
    assert_eq!(kinds(&calling), (Value::Null, json!("bad-contact")));
    for last in [2_147_483_647_u32, 2_147_483_648, 4_294_967_295] {
        let report = with("129 UPDATE", &format!("{last} UPDATE"));
        assert_eq!(kinds(&report), (json!("cseq-overflow"), Value::Null), "{last}");
        assert_eq!(report["rejected"], json!([]));
    }
    let bad_route = || json!("bad-route");
    let list = "<sip:mo@scscf1.home1.net;lr;did=7a1.3>, <sip:pcscf1.visited1.net:7531;lr>";
    for (from, to, expected) in [
        ("<sip:mt@scscf2.home2.net;lr>", "<tel:+2>", (bad_route(), Value::Null)),
        (list, "<sip:mo@scscf1.home1.net;lr;did=7a1.3>, sip:pcscf1", (Value::Null, bad_route())),
        (list, "<sip:mo@scscf1.home1.net;lr;did=7a1.3>, <sip:pcscf1", (Value::Null, bad_route())),
        ("<sip:pcscf2.visited2.net;lr>", "\"a <sip:pcscf2>", (json!("no-own-route"), json!("no-own-route"))),
    ] {
        assert_eq!(kinds(&with(from, to)), expected, "{to}");
    }
}

#[test]
fn states() {
    let state = |messages: &[String]| {
        let report = plan_calling(messages.concat().as_bytes());
        let kinds = kinds(&report);
        assert_eq!(kinds.0, kinds.1);
        (report["dialogs"][0]["state"].as_str().map(String::from), kinds.0)
    };
    let all = BASE.messages();
    let early = (Some("early".to_string()), json!("not-confirmed"));
    let confirmed = (Some("confirmed".to_string()), Value::Null);
    let terminated = (Some("terminated".to_string()), json!("terminated"));
    assert_eq!(state(&all[..1]), (None, Value::Null));
    assert_eq!(state(&all[..2]), early);
    // Acknowledged or not.
    assert_eq!(state(&all[..3]), confirmed);
    assert_eq!(state(&all), confirmed);
    let then = |more: &[String]| state(&[&all, more].concat());
    let bye = BASE.request("BYE", 130, "");
    assert_eq!(then(std::slice::from_ref(&bye)), terminated);
    for code in [200, 481, 408] {
        assert_eq!(then(&[bye.clone(), BASE.reply(code, "BYE", 130, "")]), terminated, "{code}");
    }
    for code in [401, 500] {
        assert_eq!(then(&[bye.clone(), BASE.reply(code, "BYE", 130, "")]), confirmed, "{code}");
    }
    // Of the called user.
    let from_called = bye.replace("From: ", "X: ").replace("To: ", "From: ").replace("X: ", "To: ");
    assert_eq!(then(&[from_called]), terminated);
    // RFC 3261 12.3: a refusal ends the early dialogs.
    assert_eq!(state(&[&all[..2], &[BASE.reply(487, "INVITE", 127, "")]].concat()), terminated);
    // Another branch was answered: still early, short of a 2xx of its own.
    let other = Call { to_tag: "other", ..BASE };
    assert_eq!(state(&[&all[..2], &[other.answer()]].concat()), early);
}

#[test]
fn bytes_that_are_not_utf_8() {
    let text = base_a().replace("Alice", "J?rg").into_bytes();
    let text: Vec<u8> = text.iter().map(|b| if *b == b'?' { 0xf6 } else { *b }).collect();
    let report = plan_calling(&text);
    let leg = &report["dialogs"][0]["called"];
    assert_eq!(leg["request"], Value::Null);
    let message = BASE64.decode(leg["request_base64"].as_str().expect("text").as_bytes()).expect("base 64");
    let from = b"\r\nFrom: \"J\xf6rg\" <sip:user1_public1@home1.net>;tag=171828\r\n";
    assert!(message.windows(from.len()).any(|part| part == from));
}

#[test]
fn reason_headers_and_form() {
    let arguments = ["--serves", "calling", "--own", OWN, "--cause", "402", "--text", "Credit \"is\" gone"];
    let more =
        ["--q850", "31", "--form", "bare", "--header", "P-Charging-Vector: icid-value=abc", "--header", "X-Policy: y"];
    let report = plan(&[&arguments[..], &more].concat(), base_a().as_bytes());
    for leg in ["called", "calling"] {
        let request = report["dialogs"][0][leg]["request"].as_str().expect("text");
        for line in [
            "Reason: SIP;cause=402;text=\"Credit \\\"is\\\" gone\", Q.850;cause=31",
            "P-Charging-Vector: icid-value=abc",
            "X-Policy: y",
        ] {
            assert_eq!(request.split("\r\n").filter(|l| *l == line).count(), 1, "{line} in {request}");
        }
    }
    assert_eq!(report["dialogs"][0]["called"]["next_hop"], "sip:mt@scscf2.home2.net;lr");
}

#[test]
fn a_bad_command_line_is_status_2_and_one_line_that_names_the_option() {
    let good = ["plan", "--serves", "calling"];
    let wrong: [(&[&str], &str); 28] = [
        (&["--cause", "99", "-"], "--cause"),
        (&["--cause", "0480", "-"], "--cause"),
        (&["--cause", "700", "-"], "--cause"),
        (&["--cause", "", "-"], "--cause"),
        (&["--cause"], "--cause"),
        (&["--text", "a\r\nVia: x", "-"], "--text"),
        (&["--q850", "128", "-"], "--q850"),
        (&["--q850", "-1", "-"], "--q850"),
        (&["--own", "scscf1", "-"], "--own"),
        (&["--own", "tel:+1", "-"], "--own"),
        (&["--header", "From: x", "-"], "--header"),
        (&["--header", "f: x", "-"], "--header"),
        (&["--header", "CALL-ID: x", "-"], "--header"),
        (&["--header", "l: 0", "-"], "--header"),
        (&["--header", "m: <sip:x>", "-"], "--header"),
        (&["--header", "X: a\r\nRoute: <sip:evil>", "-"], "--header"),
        (&["--header", "X: a\nb", "-"], "--header"),
        (&["--header", " X: a", "-"], "--header"),
        (&["--header", "\tX: a", "-"], "--header"),
        (&["--header", "X: a\u{1}b", "-"], "--header"),
        (&["--header", "X", "-"], "--header"),
        (&["--header", "X: 1", "--header", "x: 2", "-"], "--header"),
        (&["--header", "s: a", "--header", "Subject: b", "-"], "--header"),
        (&["--form", "x\ny", "-"], "--form"),
        (&["--format", "xml", "-"], "--format"),
        (&["--serves", "both", "-"], "--serves"),
        (&["--nothing", "-"], "--nothing"),
        (&[], "FILE"),
    ];
    for (arguments, option) in wrong {
        let said = run(&[&good[..], arguments].concat(), base_a().as_bytes());
        assert_eq!((said.status, said.out.as_str()), (2, ""), "{arguments:?}");
        assert!(said.err.starts_with("ims-release: ") && said.err.contains(option), "{arguments:?}: {}", said.err);
        assert_eq!((said.err.lines().count(), said.err.ends_with('\n')), (1, true), "{}", said.err);
    }
    let said = run(&["plan", "-"], b"");
    assert!(said.status == 2 && said.err.contains("--serves"), "{said:?}");
}

#[test]
fn a_file_that_cannot_be_read_is_status_1_with_nothing_printed() {
    for file in ["/nonexistent/x", "/"] {
        let said = run(&["plan", "--serves", "calling", "--format", "json", "-", file], base_a().as_bytes());
        assert_eq!((said.status, said.out.as_str()), (1, ""));
        assert!(
            said.err.starts_with(&format!("ims-release: {file}: ")) && said.err.lines().count() == 1,
            "{}",
            said.err
        );
    }
}

/// With no more than two blanks in a row.
fn squeezed(line: &str) -> String {
    line.split("  ").map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ")
}

#[test]
fn the_text_format_shows_the_ladder_and_each_origin() {
    let said = run(&["plan", "--serves", "calling", "--own", OWN, "-"], base_a().as_bytes());
    assert_eq!((said.status, said.err.as_str()), (0, ""));
    let line = |part: &str| {
        said.out.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("no {part} in\n{}", said.out))
    };
    assert!(line(" INVITE 127 ").ends_with("->|") && line(" 180 127 INVITE ").contains("|<-"));
    assert!(line("BYE to the called user").contains("through service control"));
    assert!(line("BYE to the calling user").contains("directly"));
    let answer = [BASE.invite(), BASE.ringing()].concat().len();
    for (part, origin) in [
        ("BYE sip:[5555::eee", "stored Contact of the called user: 200 129 UPDATE"),
        ("Route: <sip:mo@", "Record-Route of 200 127 INVITE"),
        ("From: \"Alice\"", "From of INVITE 127 (octet 0)"),
        ("To: <tel", &format!("To of 200 127 INVITE (octet {answer})")),
        ("Call-ID: ", "INVITE 127 (octet 0)"),
        ("CSeq: 130 BYE", "of UPDATE 129 "),
        ("Reason: ", "--cause"),
        ("Max-Forwards: ", "RFC 3261 8.1.1.6"),
        ("From: <tel", "To of 200 127 INVITE"),
        ("To: \"Alice\"", "From of INVITE 127"),
    ] {
        let line = line(part);
        assert!(line.contains("  <- ") && line.contains(origin), "{line}");
    }
    assert!(said.out.contains("drawn at random"));

    let vector = "P-Charging-Vector: icid-value=\"a;b\";orig-ioi=home1.net\r\nCSeq: ";
    let charged = base_a().replacen("CSeq: ", vector, 1);
    let plan = ["plan", "--serves", "calling", "--own", OWN, "-", "--header"];
    for (header, expected) in [
        ("X-Policy: y", "P-Charging-Vector: icid-value=\"a;b\"  <- icid-value of INVITE 127 (octet 0), RFC 7315"),
        ("P-Charging-Vector: icid-value=own", "P-Charging-Vector: icid-value=own  <- --header"),
    ] {
        let said = run(&[&plan[..], &[header]].concat(), charged.as_bytes());
        let lines: Vec<String> =
            said.out.lines().filter(|line| line.contains("P-Charging-Vector")).map(squeezed).collect();
        assert!(lines.len() == 2 && lines.iter().all(|line| line.contains(expected)), "{lines:#?}");
    }
    assert!(!said.out.contains('\x1b'), "no colour where nobody looks");
}

#[test]
fn the_text_format_obeys_no_control_character_of_a_message() {
    let text = base_a().replace("Alice", "A\x1b[31m\x07");
    let said = run(&["plan", "--serves", "calling", "--own", OWN, "-"], format!("\x1b]0;x\n{text}").as_bytes());
    assert!(!said.out.contains(['\x1b', '\x07']), "{}", said.out);
    assert!(said.out.contains("Rejected"));
    let empty = run(&["plan", "--serves", "neither", "-"], b"");
    assert_eq!((empty.status, empty.out.as_str()), (0, "No dialog.\n"));
}

#[test]
fn help_manual_and_completions() {
    for arguments in [&["--help"][..], &["plan", "--help"], &["man"], &["completions", "bash"], &["completions", "zsh"]]
    {
        let said = run(arguments, b"");
        assert_eq!((said.status, said.err.as_str()), (0, ""), "{arguments:?}");
        assert!(said.out.len() > 200, "{arguments:?}");
    }
    let options = [
        "--serves",
        "--own",
        "--own-exact",
        "--cause",
        "--text",
        "--q850",
        "--header",
        "--form",
        "--call-id",
        "--format",
    ];
    let help = run(&["plan", "--help"], b"").out;
    let manual = run(&["man"], b"").out.replace("\\-", "-");
    let bash = run(&["completions", "bash"], b"").out;
    for option in options {
        assert!(help.contains(option) && manual.contains(option) && bash.contains(option), "{option}");
    }
    assert!(help.contains("Exit status") && manual.contains("Exit status") && manual.starts_with(".ie"), "{manual}");
}

#[test]
fn the_readme_shows_what_the_command_prints() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    let readme = std::fs::read_to_string(format!("{root}README.md")).expect("README.md");
    let section = readme.split("## Without a proxy\n").nth(1).expect("its section");
    let mut blocks = section.split("```").skip(1).step_by(2);
    let call = blocks.next().expect("the command");
    assert!(call.contains(
        "plan --serves calling --own sip:scscf1.home1.net --cause 402 --text 'Credit is gone' examples/call.sip"
    ));
    let file = format!("{root}examples/call.sip");
    let arguments = ["plan", "--serves", "calling", "--own", OWN, "--cause", "402", "--text", "Credit is gone", &file];
    let said = run(&arguments, b"");
    for line in blocks.next().expect("what it prints").lines() {
        assert!(said.out.lines().any(|printed| printed == line), "{line}\nnot in\n{}", said.out);
    }
    let report = run(&[&arguments[..], &["--format", "json"]].concat(), b"");
    let report: Value = serde_json::from_str(&report.out).expect("JSON");
    plan_support::judge_all(&report);
}
