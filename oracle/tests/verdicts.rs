// SPDX-License-Identifier: MIT OR Apache-2.0
//! The parsers' verdicts on one good BYE and seven broken ones. A verdict that changes with another version of a
//! parser shows here, before a test of the library relies on it.

use std::panic::catch_unwind;

use oracle::{Expected, Readings, check, read};

const TARGET: &str = "sip:callee@[2001:db8::9]:5070;transport=tcp";
const QUOTED: &str = r#"sip:p1.example;lr;x="a,b""#;
const LOOSE: &str = "sip:p2.example;lr";
const CSEQ: u32 = 2_147_483_647;

/// An IPv6 Request-URI, a quoted comma in a Route parameter, a tel URI and an escaped quote and folding in From.
fn good() -> String {
    format!(
        "BYE {TARGET} SIP/2.0\r\nRoute: <{QUOTED}>, <{LOOSE}>\r\nMax-Forwards: 70\r\n\
         Reason: SIP;cause=503;text=\"Service Unavailable\"\r\nFrom: \"A \\\" B\" <tel:+15551230001>\r\n ;tag=t1\r\n\
         To: <sip:callee@example.com>;tag=t2\r\nCall-ID: a1b2@host\r\nCSeq: {CSEQ} BYE\r\nContent-Length: 0\r\n\r\n"
    )
}

const EXPECTED: Expected<'_> = Expected {
    request_uri: TARGET,
    call_id: "a1b2@host",
    from_tag: Some("t1"),
    to_tag: Some("t2"),
    cseq: CSEQ,
    routes: &["<sip:p1.example;lr;x=\"a,b\">", LOOSE],
};

fn broken(part: &str, instead: &str) -> (Readings, bool) {
    let good = good();
    assert!(good.contains(part));
    let message = good.replacen(part, instead, 1);
    let passes = catch_unwind(|| check(message.as_bytes(), &EXPECTED)).is_ok();
    (read(message.as_bytes()), passes)
}

fn refused(readings: &Readings) -> (bool, bool) {
    (readings.sofia.refused.is_some(), readings.osip.refused.is_some())
}

#[test]
fn good_bye_is_read_by_both() {
    check(good().as_bytes(), &EXPECTED);
    let Readings { sofia, osip } = read(good().as_bytes());
    for reading in [&sofia, &osip] {
        assert_eq!(reading.reasons.len(), 1);
        assert_eq!(reading.max_forwards.as_deref(), Some("70"));
        assert_eq!(reading.content_length.as_deref(), Some("0"));
        assert!(reading.from.as_ref().unwrap().contains("tel:+15551230001"));
        assert!(reading.to.as_ref().unwrap().contains("<sip:callee@example.com>"));
    }
}

#[test]
fn cseq_above_32_bits() {
    let (readings, passes) = broken("2147483647 BYE", "9999999999 BYE");
    assert_eq!((refused(&readings), passes), ((true, false), false));
}

#[test]
fn method_mismatch() {
    let (readings, passes) = broken("2147483647 BYE", "2147483647 INVITE");
    assert_eq!((refused(&readings), passes), ((true, false), false));
}

#[test]
fn unbalanced_quote_in_to() {
    let (readings, passes) = broken("To: <", "To: \"Bob <");
    assert_eq!((refused(&readings), passes), ((true, true), false));
}

#[test]
fn bracket_not_closed_in_route() {
    let (readings, passes) = broken(&format!("<{LOOSE}>"), &format!("<{LOOSE}"));
    assert!(readings.sofia.routes.len() < 2 && readings.osip.routes.len() < 2, "{readings:?}");
    assert!(!passes);
}

#[test]
fn brackets_in_request_uri() {
    let (readings, passes) = broken(TARGET, &format!("<{TARGET}>"));
    assert_eq!((refused(&readings), passes), ((true, true), false));
}

#[test]
fn no_call_id() {
    let (readings, passes) = broken("Call-ID: a1b2@host\r\n", "");
    assert_eq!((readings.sofia.call_id.as_ref(), readings.osip.call_id.as_ref()), (None, None));
    assert_eq!((refused(&readings), passes), ((true, true), false));
}

#[test]
fn short_body_is_no_matter_of_the_parsers() {
    let (readings, passes) = broken("Content-Length: 0", "Content-Length: 5");
    assert_eq!((refused(&readings), passes), ((false, false), true));
}

#[test]
fn every_value_is_compared() {
    let good = good();
    for wrong in [
        Expected { request_uri: "sip:callee@[2001:db8::8]:5070;transport=tcp", ..EXPECTED },
        Expected { call_id: "a1b2@hosts", ..EXPECTED },
        Expected { from_tag: Some("t2"), ..EXPECTED },
        Expected { to_tag: None, ..EXPECTED },
        Expected { cseq: CSEQ - 1, ..EXPECTED },
        Expected { routes: &[LOOSE, QUOTED], ..EXPECTED },
        Expected { routes: &[QUOTED], ..EXPECTED },
    ] {
        assert!(catch_unwind(|| check(good.as_bytes(), &wrong)).is_err(), "{wrong:?}");
    }
    // What the parsers must agree on.
    for part in ["Max-Forwards: 70\r\n", "Content-Length: 0\r\n"] {
        assert!(!broken(part, "").1, "{part}");
    }
}

#[test]
fn many_threads_may_read() {
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..500).for_each(|_| check(good().as_bytes(), &EXPECTED)));
        }
    });
}

/// The tests of this file once more under valgrind: the parsers' faces read nothing that is not theirs and free all.
#[test]
fn parsers_leave_no_memory() {
    if std::env::var_os("ORACLE_UNDER_VALGRIND").is_some() {
        return;
    }
    let output = std::process::Command::new("valgrind")
        .args(["--quiet", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect", "--error-exitcode=9"])
        .arg(std::env::current_exe().unwrap())
        .args(["--test-threads=1", "--skip", "many_threads"])
        .env("ORACLE_UNDER_VALGRIND", "1")
        .env("RUST_BACKTRACE", "0")
        .output()
        .expect("valgrind is in scripts/debian-packages.txt");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
