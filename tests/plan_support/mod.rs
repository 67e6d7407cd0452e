// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs `ims-release plan` on files of a test, and shows every BYE that it prints to the judge.

#![allow(dead_code)] // each test binary uses a part of it

pub mod call;
pub mod capture;

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::judge;

/// The own entry of base A.
pub const OWN: &str = "sip:scscf1.home1.net";

/// What the command said.
#[derive(Debug)]
pub struct Said {
    pub status: i32,
    pub out: String,
    pub err: String,
}

/// Runs the command with these arguments and this standard input.
pub fn run(arguments: &[&str], input: &[u8]) -> Said {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ims-release"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    // It may end without reading all.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let Output { status, stdout, stderr } = child.wait_with_output().expect("the command ends");
    writer.join().expect("the input is written");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the output is text");
    Said { status: status.code().expect("no signal"), out: text(stdout), err: text(stderr) }
}

/// The object that `plan --format json` prints of this input; every BYE in it has been judged.
pub fn plan(arguments: &[&str], input: &[u8]) -> Value {
    let said = run(&[&["plan", "--format", "json"], arguments, &["-"]].concat(), input);
    assert_eq!((said.status, said.err.as_str()), (0, ""), "{}", said.out);
    let report: Value = serde_json::from_str(&said.out).expect("one JSON object");
    judge_all(&report);
    report
}

/// Shows every BYE of a report to the judge.
pub fn judge_all(report: &Value) {
    for dialog in report["dialogs"].as_array().expect("a list") {
        let tag = |name: &str| dialog[name].as_str().filter(|tag| !tag.is_empty()).map(str::as_bytes);
        let (from, to) = (tag("from_tag"), tag("to_tag"));
        for (leg, from, to) in [("called", from, to), ("calling", to, from)] {
            judge_leg(&dialog[leg], from, to);
        }
    }
}

/// The same with the calling user served and [`OWN`] named.
pub fn plan_calling(input: &[u8]) -> Value {
    plan(&["--serves", "calling", "--own", OWN], input)
}

fn judge_leg(leg: &Value, from: Option<&[u8]>, to: Option<&[u8]>) {
    if leg["error"].is_object() {
        assert!(leg["error"]["kind"].is_string() && leg["error"]["detail"].is_string(), "{leg}");
        return;
    }
    // What is not UTF-8 the judge cannot compare by text; its test looks at the bytes.
    let Some(request) = leg["request"].as_str() else {
        assert!(leg["request_base64"].is_string(), "{leg}");
        return;
    };
    assert!(leg.get("request_base64").is_none(), "{leg}");
    let cseq = leg["cseq"].as_u64().and_then(|cseq| u32::try_from(cseq).ok()).expect("a number");
    judge(request.as_bytes(), from, to, cseq);
    assert_eq!(request.split(' ').nth(1), leg["request_uri"].as_str());
    let row = request.split("\r\n").find_map(|line| line.strip_prefix("Route: ")).unwrap_or("");
    let route: Vec<&str> = leg["route"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert_eq!(row, route.join(", "));
    assert!(!request.contains("\r\nVia:"), "{request}");
}

/// The kinds of what was rejected, with their offsets.
pub fn rejected(report: &Value) -> Vec<(String, u64)> {
    let list = report["rejected"].as_array().expect("a list");
    let kind = |entry: &Value| entry["kind"].as_str().expect("a kind").to_string();
    list.iter().map(|entry| (kind(entry), entry["offset"].as_u64().expect("a number"))).collect()
}
