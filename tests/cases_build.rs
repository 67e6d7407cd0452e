// SPDX-License-Identifier: MIT OR Apache-2.0
//! The numbered cases of the specification that concern building the pair: base A and B, application servers, CSeq,
//! strict and loose routes, Contact, header syntax, Reason, further headers, size.

mod support;

use ims_release::Error;
use ims_release::cseq::CSeqs;
use ims_release::dialog::{Dialog, Fields, Routes, Scratch, Serves, User};
use ims_release::message::uri;
use ims_release::reason::Reason;
use ims_release::release::{Branch, Delivery, Form, Request, Via};
use ims_release::route::Own;
use support::{Built, Pair, build, build_with, request};

const CALL_ID: &str = "cb03a0s09a2sdfglkj490333";
const FROM: &str = r#""Alice" <sip:user1_public1@home1.net>;tag=171828"#;
const TO: &str = "<tel:+1-212-555-2222>;tag=314159";
const CALLING: &str = "sip:[5555::aaa:bbb:ccc:ddd]:1357;comp=sigcomp";
const CALLED: &str = "sip:[5555::eee:fff:aaa:bbb]:8805;comp=sigcomp";
const REASON: &str = r#"SIP;cause=503;text="Service Unavailable""#;

const PCSCF1: &str = "<sip:pcscf1.visited1.net:7531;lr>";
const PCSCF2: &str = "<sip:pcscf2.visited2.net;lr>";
const MO: &str = "<sip:mo@scscf1.home1.net;lr;did=7a1.3>";
const MT: &str = "<sip:mt@scscf2.home2.net;lr>";

/// Base A, to be changed by a case.
#[derive(Clone)]
struct Case {
    serves: Serves,
    call_id: String,
    from: String,
    to: String,
    calling: String,
    called: String,
    list: Vec<String>,
    own: Vec<(&'static str, &'static str)>,
    cseqs: CSeqs,
    contact_address: &'static str,
    session_ids: (String, String),
    headers: Vec<String>,
}

fn base_a() -> Case {
    Case {
        serves: Serves::Calling,
        call_id: CALL_ID.into(),
        from: FROM.into(),
        to: TO.into(),
        calling: format!("<{CALLING}>"),
        called: format!("<{CALLED}>"),
        list: vec![[PCSCF2, MT, MO, PCSCF1].join(", ")],
        own: vec![("uri", "<sip:mo@scscf1.home1.net;lr;did=7a1.3>")],
        cseqs: CSeqs { to_called: Some(129), to_calling: None },
        contact_address: "",
        session_ids: Default::default(),
        headers: vec![],
    }
}

const MT_B: &str = "<sip:mt@scscf2.home2.net;lr;did=9b2.4>";

fn base_b() -> Case {
    Case {
        serves: Serves::Called,
        list: vec![[PCSCF2, MT_B, MO, PCSCF1].join(", ")],
        own: vec![("uri", MT_B)],
        ..base_a()
    }
}

impl Case {
    fn list(mut self, entries: &[&str]) -> Self {
        self.list = vec![entries.join(", ")];
        self
    }

    fn own_host(mut self, host: &'static str) -> Self {
        self.own = vec![("host", host)];
        self
    }

    fn serves(mut self, serves: Serves) -> Self {
        self.serves = serves;
        self
    }

    fn with_fields<T>(&self, then: impl FnOnce(&Fields<'_>) -> T) -> T {
        let rows: Vec<&[u8]> = self.list.iter().map(|r| r.as_bytes()).collect();
        let own: Vec<Own<'_>> = self
            .own
            .iter()
            .map(|(kind, text)| match *kind {
                "uri" => Own::uri(text.as_bytes()).unwrap(),
                _ => Own::host(text.as_bytes(), b"").unwrap(),
            })
            .collect();
        self.with_routes(Routes::RecordRoute { rows: &rows, own: &own }, then)
    }

    fn with_routes<T>(&self, routes: Routes<'_>, then: impl FnOnce(&Fields<'_>) -> T) -> T {
        let headers: Vec<&[u8]> = self.headers.iter().map(|h| h.as_bytes()).collect();
        then(&Fields {
            serves: self.serves,
            call_id: self.call_id.as_bytes(),
            from: self.from.as_bytes(),
            to: self.to.as_bytes(),
            calling_contact: self.calling.as_bytes(),
            called_contact: self.called.as_bytes(),
            routes,
            contact_address: self.contact_address.as_bytes(),
            calling_session_id: self.session_ids.0.as_bytes(),
            called_session_id: self.session_ids.1.as_bytes(),
            headers: &headers,
        })
    }

    fn pair(&self) -> Result<Pair, Error> {
        self.pair_by(&request())
    }

    fn pair_by(&self, request: &Request<'_>) -> Result<Pair, Error> {
        self.with_fields(|fields| build(fields, self.cseqs, request))
    }

    fn both(&self) -> (Built, Built) {
        let pair = self.pair().unwrap();
        (pair.called.unwrap(), pair.calling.unwrap())
    }

    /// The own entries that face the called and the calling user.
    fn own_hops(&self) -> (String, String) {
        self.with_fields(own_hops)
    }

    fn both_bare(&self) -> (Built, Built) {
        let pair = self.pair_by(&Request { form: Form::Bare, ..request() }).unwrap();
        (pair.called.unwrap(), pair.calling.unwrap())
    }
}

fn own_hops(fields: &Fields<'_>) -> (String, String) {
    let mut scratch = Scratch::default();
    let dialog = Dialog::new(fields, &mut scratch).unwrap();
    let hop = |user| dialog.own_hop(user).map_or_else(String::new, |uri| format!("<{}>", String::from_utf8_lossy(uri)));
    (hop(User::Called), hop(User::Calling))
}

fn hops(called: &str, calling: &str) -> (String, String) {
    (called.into(), calling.into())
}

#[test]
fn t01_base_a_called_user_loop_form() {
    let (bye, _) = base_a().both();
    assert_eq!(bye.delivery, Delivery::ServiceControl);
    let expected = format!(
        "BYE {CALLED} SIP/2.0\r\nRoute: {MO}, {MT}, {PCSCF2}\r\nMax-Forwards: 70\r\nReason: {REASON}\r\nFrom: {FROM}\r\n\
         To: {TO}\r\nCall-ID: {CALL_ID}\r\nCSeq: 130 BYE\r\nContent-Length: 0\r\n\r\n"
    );
    assert_eq!(bye.message, expected);
    assert_eq!(bye.next_hop, "sip:mo@scscf1.home1.net;lr;did=7a1.3");
}

#[test]
fn t02_base_a_called_user_bare_form() {
    let (bye, _) = base_a().both_bare();
    assert_eq!(bye.routes(), [MT, PCSCF2]);
    assert_eq!(bye.next_hop, "sip:mt@scscf2.home2.net;lr");
    assert_eq!((bye.delivery, bye.cseq), (Delivery::ServiceControl, 130));
}

#[test]
fn t03_base_a_calling_user_direct() {
    let (_, bye) = base_a().both();
    assert_eq!(bye.delivery, Delivery::Direct);
    assert_eq!(bye.request_uri, CALLING);
    assert_eq!(bye.routes(), [PCSCF1]);
    assert_eq!(bye.value("From"), TO);
    assert_eq!(bye.value("To"), FROM);
    assert_eq!(bye.value("Reason"), REASON);
    assert_eq!(bye.next_hop, "sip:pcscf1.visited1.net:7531;lr");
    assert!((1..1 << 31).contains(&bye.cseq));
    assert_eq!(bye.value("CSeq"), format!("{} BYE", bye.cseq));
}

#[test]
fn t04_both_are_built_before_either_is_sent_called_user_first() {
    // The plan holds both and draws nothing more: the random source is asked while it is made, once.
    let mut asked = 0;
    let mut random = || {
        asked += 1;
        Ok(u64::MAX / 3)
    };
    let case = base_a();
    let pair = case.with_fields(|fields| build_with(fields, case.cseqs, &request(), &mut random)).unwrap();
    assert_eq!(asked, 1);
    let Pair { called, calling } = pair;
    assert_eq!(called.unwrap().request_uri, CALLED);
    assert_eq!(calling.unwrap().request_uri, CALLING);
}

#[test]
fn t05_base_b_called_user_direct() {
    let (bye, _) = base_b().both();
    assert_eq!((bye.delivery, bye.request_uri.as_str(), bye.cseq), (Delivery::Direct, CALLED, 130));
    assert_eq!(bye.routes(), [PCSCF2]);
    assert_eq!((bye.value("From"), bye.value("To")), (FROM, TO));
}

#[test]
fn t06_base_b_calling_user_through_service_control() {
    let (_, bye) = base_b().both();
    assert_eq!((bye.delivery, bye.request_uri.as_str()), (Delivery::ServiceControl, CALLING));
    assert_eq!(bye.routes(), [MT_B, MO, PCSCF1]);
    assert_eq!((bye.value("From"), bye.value("To")), (TO, FROM));
}

#[test]
fn t07_one_application_server_serving_calling() {
    let (mo2, as1, mo) = ("<sip:mo2@scscf1.home1.net;lr>", "<sip:as1.home1.net;lr>", "<sip:mo@scscf1.home1.net;lr>");
    let case = base_a().list(&[PCSCF2, MT, mo2, as1, mo, PCSCF1]).own_host("scscf1.home1.net");
    let (called, calling) = case.both();
    assert_eq!(called.routes(), [mo, as1, mo2, MT, PCSCF2]);
    assert_eq!(calling.routes(), [PCSCF1]);
    assert_eq!(case.own_hops(), hops(mo, mo));
    assert_eq!(case.serves(Serves::Neither).own_hops(), hops(mo2, mo));
}

#[test]
fn t08_one_application_server_serving_called() {
    let (mt2, as2, mt) = ("<sip:mt2@scscf2.home2.net;lr>", "<sip:as2.home2.net;lr>", "<sip:mt@scscf2.home2.net;lr>");
    let case = base_a().serves(Serves::Called).list(&[PCSCF2, mt2, as2, mt, MO, PCSCF1]).own_host("scscf2.home2.net");
    let (called, calling) = case.both();
    assert_eq!(called.routes(), [PCSCF2]);
    assert_eq!(calling.routes(), [mt2, as2, mt, MO, PCSCF1]);
    assert_eq!(case.own_hops(), hops(mt2, mt2));
    assert_eq!(case.serves(Serves::Neither).own_hops(), hops(mt2, mt));
}

#[test]
fn t09_double_record_route() {
    let (tcp, udp) = ("<sip:mo@10.0.0.1;transport=tcp;r2=on;lr>", "<sip:mo@10.0.0.1;r2=on;lr>");
    let (near, far) = ("<sip:pcscf1;lr>", "<sip:pcscf2;lr>");
    let case = base_a().list(&[far, tcp, udp, near]).own_host("10.0.0.1");
    let (called, calling) = case.both();
    assert_eq!((called.routes(), calling.routes()), (vec![udp, tcp, far], vec![near]));
    let (called, calling) = case.both_bare();
    assert_eq!((called.routes(), calling.routes()), (vec![far], vec![near]));
    assert_eq!(case.own_hops(), hops(tcp, udp));
    let case = case.serves(Serves::Called);
    let (called, calling) = case.both();
    assert_eq!((called.routes(), calling.routes()), (vec![far], vec![tcp, udp, near]));
    assert_eq!(case.own_hops(), hops(tcp, udp));
    assert_eq!(case.serves(Serves::Neither).own_hops(), hops(tcp, udp));
}

#[test]
fn t10_both_users_on_one_s_cscf() {
    let (mt, mo) = ("<sip:mt@s;lr>", "<sip:mo@s;lr>");
    let case = base_a().list(&["<sip:pcscf2;lr>", mt, mo, "<sip:pcscf1;lr>"]).own_host("s");
    let (called, calling) = case.both();
    assert_eq!(called.routes(), [mo, mt, "<sip:pcscf2;lr>"]);
    assert_eq!(calling.routes(), ["<sip:pcscf1;lr>"]);
    assert_eq!(case.both_bare().0.routes(), [mt, "<sip:pcscf2;lr>"]);
    assert_eq!(case.own_hops(), hops(mo, mo));
}

#[test]
fn the_own_entry_of_a_direct_bye_is_the_one_on_its_side() {
    // A spiral through an application server over two sockets: two double Record-Routes.
    let own = ["2;transport=tcp", "2;x", "1;transport=tcp", "1;x"].map(|at| format!("<sip:10.0.0.{at};r2=on;lr>"));
    let [out2, in2, out1, in1] = own.each_ref().map(String::as_str);
    let case = Case {
        own: vec![("host", "10.0.0.1"), ("host", "10.0.0.2")],
        ..base_a().list(&[PCSCF2, out2, in2, "<sip:as;lr>", out1, in1, PCSCF1])
    };
    assert_eq!(case.own_hops(), hops(out1, in1));
    assert_eq!(case.clone().serves(Serves::Called).own_hops(), hops(out2, in2));
    assert_eq!(case.serves(Serves::Neither).own_hops(), hops(out2, in1));

    // A display name and parameters behind the bracket are not part of the URI, and nobody else need be in the list.
    let case = Case { own: vec![("uri", "sip:s;lr")], ..base_a().list(&[r#""a, <b>" <sip:s;lr>;p=1"#]) };
    assert_eq!(case.own_hops(), hops("<sip:s;lr>", "<sip:s;lr>"));

    let apart = |serves, own: &[&[u8]]| {
        let routes = Routes::Sets { to_called: &[b"<sip:b;lr>"], to_calling: &[b"<sip:a;lr>"], own };
        base_a().serves(serves).with_routes(routes, own_hops)
    };
    let (one, two) = (&b"<sip:one;lr>"[..], &b"<sip:two;lr>"[..]);
    assert_eq!(apart(Serves::Calling, &[one, two]), hops("<sip:two;lr>", "<sip:one;lr>"));
    assert_eq!(apart(Serves::Called, &[one, two]), hops("<sip:one;lr>", "<sip:two;lr>"));
    assert_eq!(apart(Serves::Neither, &[]), hops("", ""));
}

#[test]
fn t11b_neither_is_served() {
    let case = base_a()
        .serves(Serves::Neither)
        .list(&["<sip:pcscf2;lr>", "<sip:mt@s;lr>", "<sip:as;lr>", "<sip:mo@s;lr>", "<sip:pcscf1;lr>"])
        .own_host("s");
    let (called, calling) = case.both();
    assert_eq!((called.routes(), calling.routes()), (vec!["<sip:pcscf2;lr>"], vec!["<sip:pcscf1;lr>"]));
    assert_eq!((called.delivery, calling.delivery), (Delivery::Direct, Delivery::Direct));
    assert_eq!(case.own_host("t").pair().unwrap_err(), Error::NoOwnRoute);
}

#[test]
fn t12_random_cseq() {
    let mut seen = std::collections::HashSet::new();
    let (mut odd, mut highest) = (0, 0);
    for _ in 0..100_000 {
        let random = rand::TryRng::try_next_u64(&mut rand::rngs::SysRng).unwrap();
        let number = ims_release::cseq::draw(random);
        assert!((1_000_000_000..1 << 31).contains(&number));
        odd += number % 2;
        highest = highest.max(number);
        seen.insert(number);
    }
    assert!(seen.len() >= 99_000);
    assert!((40_000..60_000).contains(&odd));
    assert!(highest <= (1 << 31) - (1 << 16) && highest > 1 << 30);
    // The number in the BYE is the drawn one, and two builds of one dialog differ.
    assert_ne!(base_a().both().1.cseq, base_a().both().1.cseq);
    let case = base_a();
    let failed =
        case.with_fields(|fields| build_with(fields, case.cseqs, &request(), &mut || Err(Error::NoRandom))).unwrap();
    assert_eq!(failed.calling.unwrap_err(), Error::NoRandom);
    assert!(failed.called.is_ok());
}

#[test]
fn t13_stored_value_called_to_calling() {
    for (stored, next) in [(7, 8), (0, 1)] {
        let case = Case { cseqs: CSeqs { to_called: Some(129), to_calling: Some(stored) }, ..base_a() };
        assert_eq!(case.both().1.value("CSeq"), format!("{next} BYE"));
    }
}

#[test]
fn t17_overflow_is_an_error_of_its_leg() {
    let with = |stored| Case { cseqs: CSeqs { to_called: Some(stored), to_calling: Some(stored) }, ..base_a() };
    assert_eq!(with(2_147_483_646).both().0.value("CSeq"), "2147483647 BYE");
    for stored in [2_147_483_647, 4_294_967_295] {
        let pair = with(stored).pair().unwrap();
        assert_eq!(pair.called.unwrap_err(), Error::CseqOverflow);
        assert_eq!(pair.calling.unwrap_err(), Error::CseqOverflow);
    }
}

#[test]
fn t19_calling_to_called_is_never_drawn() {
    let pair = Case { cseqs: CSeqs::default(), ..base_a() }.pair().unwrap();
    assert_eq!(pair.called.unwrap_err(), Error::NoCseq);
    assert!(pair.calling.is_ok());
}

/// Route sets given apart, as a host does that has cut them itself.
fn sets(case: &Case, to_called: &[&str], own: &[&str]) -> Pair {
    let bytes = |rows: &[&str]| rows.iter().map(|r| r.as_bytes().to_vec()).collect::<Vec<_>>();
    let (to_called, own) = (bytes(to_called), bytes(own));
    let slices = |rows: &[Vec<u8>]| -> Vec<&'static [u8]> { rows.iter().map(|r| &*r.clone().leak()).collect() };
    let (to_called, own) = (slices(&to_called), slices(&own));
    let routes = Routes::Sets { to_called: &to_called, to_calling: &[b"<sip:pcscf1;lr>"], own: &own };
    case.with_routes(routes, |fields| build(fields, case.cseqs, &request())).unwrap()
}

fn strict_case() -> Case {
    Case { called: "<sip:user@remoteua>".into(), serves: Serves::Neither, ..base_a() }
}

#[test]
fn t20_strict_route() {
    let bye = sets(&strict_case(), &["<sip:proxy1>,<sip:proxy2>,<sip:proxy3;lr>,<sip:proxy4>"], &[]).called.unwrap();
    assert_eq!(bye.request_uri, "sip:proxy1");
    assert_eq!(bye.routes(), ["<sip:proxy2>", "<sip:proxy3;lr>", "<sip:proxy4>", "<sip:user@remoteua>"]);
    assert_eq!(bye.next_hop, "sip:proxy1");
    let case = Case { called: "<sip:user@remoteua;method=INVITE;x=1?Subject=a>".into(), ..strict_case() };
    let bye = sets(&case, &["<sip:proxy1>"], &[]).called.unwrap();
    assert_eq!(bye.routes(), ["<sip:user@remoteua;x=1>"]);
}

#[test]
fn t21_second_entry_strict() {
    let bye = sets(&strict_case(), &["<sip:p1;lr>,<sip:p2>"], &[]).called.unwrap();
    assert_eq!((bye.request_uri.as_str(), bye.routes()), ("sip:user@remoteua", vec!["<sip:p1;lr>", "<sip:p2>"]));
}

#[test]
fn t22_only_entry_strict() {
    let bye = sets(&strict_case(), &["<sip:p1>"], &[]).called.unwrap();
    assert_eq!((bye.request_uri.as_str(), bye.routes()), ("sip:p1", vec!["<sip:user@remoteua>"]));
    let bye = sets(&strict_case(), &[r#""p, 1" <sip:p1;method=INVITE;x=1?Subject=a>"#], &[]).called.unwrap();
    assert_eq!((bye.request_uri.as_str(), bye.next_hop.as_str()), ("sip:p1;x=1", "sip:p1;x=1"));
}

#[test]
fn t23_loop_form_before_a_strict_proxy() {
    let case = Case { serves: Serves::Calling, ..strict_case() };
    let bye = sets(&case, &["<sip:p1>", "<sip:p2;lr>"], &["<sip:own;lr>"]).called.unwrap();
    assert_eq!(bye.request_uri, "sip:user@remoteua");
    assert_eq!(bye.routes(), ["<sip:own;lr>", "<sip:p1>", "<sip:p2;lr>"]);
}

#[test]
fn t24_lr_variants() {
    let loose = |entry| sets(&strict_case(), &[entry], &[]).called.unwrap().request_uri == "sip:user@remoteua";
    for entry in ["<sip:p;LR>", "<sip:p;lr=on>", "<sip:p;transport=tcp;lr=true>"] {
        assert!(loose(entry), "{entry}");
    }
    for entry in ["<sip:p>;lr", "<sip:a;lr@p>", "<sip:p;lrx>", "<sip:p?lr=1>"] {
        assert!(!loose(entry), "{entry}");
    }
}

#[test]
fn t25_no_routes() {
    let case = base_a().list(&[MO]);
    let (called, calling) = case.both_bare();
    assert!(called.values("Route").is_empty() && calling.values("Route").is_empty());
    assert_eq!((called.next_hop.as_str(), calling.next_hop.as_str()), (CALLED, CALLING));
    let (called, calling) = case.both();
    assert_eq!(called.routes(), [MO]);
    assert!(calling.values("Route").is_empty());
}

#[test]
fn t26_own_entry_not_in_the_list() {
    assert_eq!(base_a().list(&[PCSCF2, MT, PCSCF1]).pair().unwrap_err(), Error::NoOwnRoute);
    for list in [PCSCF2, "<tel:+1>", "\"a <sip:p>", "<sip:p;lr>\n", &vec!["<sip:p;lr>"; 129].join(",")] {
        let nobody = Case { own: vec![], ..base_a().list(&[list]) };
        assert_eq!(nobody.pair().unwrap_err(), Error::NoOwnRoute);
    }
    // By the exact URI, a look-alike of another dialog is not the own entry.
    assert_eq!(base_a().list(&["<sip:mo@scscf1.home1.net;lr;did=7a1.4>"]).pair().unwrap_err(), Error::NoOwnRoute);
    // Unless the host gave both sides.
    let pair = sets(&base_a(), &[MT, PCSCF2], &[MO]);
    assert_eq!(pair.called.unwrap().routes(), [MO, MT, PCSCF2]);
    assert_eq!(pair.calling.unwrap().routes(), ["<sip:pcscf1;lr>"]);
}

#[test]
fn t26_an_entry_that_cannot_be_read_marks_the_leg_that_needs_it() {
    use Serves::{Called, Calling, Neither};
    /// Rows of names, and what becomes of both BYEs: the own entries are `o`, the unreadable ones `?`.
    type Row = (Serves, &'static [&'static str], &'static str, &'static str);
    let table: &[Row] = &[
        (Calling, &["p2 o ? p1"], "o p2", "bad"),
        (Calling, &["p2 ? o p1"], "bad", "p1"),
        (Calling, &["? p2 o p1"], "bad", "p1"),
        (Calling, &["p2 o p1 ?"], "o p2", "bad"),
        (Calling, &["? o p1 ?"], "bad", "bad"),
        (Calling, &["p2", "?", "o", "p1"], "bad", "p1"),
        (Called, &["p2 o ? p1"], "p2", "bad"),
        (Called, &["p2 ? o p1"], "bad", "o p1"),
        (Neither, &["p2 o ? p1"], "p2", "bad"),
        (Neither, &["p2 ? o p1"], "bad", "p1"),
        // Between two own entries it is on the side of the served user's application servers, or on none.
        (Calling, &["p2 o ? o2 p1"], "bad", "p1"),
        (Called, &["p2 o2 ? o p1"], "p2", "bad"),
        (Neither, &["p2 o2 ? o p1"], "p2", "p1"),
        (Neither, &["p2 o ? ? o2 ? o p1"], "p2", "p1"),
        (Neither, &["? p2 o2 ? o p1"], "bad", "p1"),
        // Two halves of a double Record-Route are one pass only where nothing is between them.
        (Calling, &["p2 h1 h2 ? p1"], "h2 h1 p2", "bad"),
        (Calling, &["p2 h1 ? h2 p1"], "bad", "p1"),
        (Called, &["p2 h1 ? h2 p1"], "p2", "bad"),
        (Calling, &["? h1 h2 p1"], "bad", "p1"),
        // A strict router next to it, and nothing else on its side.
        (Calling, &["s o ? p1"], "o s", "bad"),
        (Called, &["s o ? p1"], "s: called", "bad"),
        (Calling, &["? o s"], "bad", "s: calling"),
        (Calling, &["? o"], "bad", ""),
        (Calling, &["o ?"], "o", "bad"),
        // What is open takes with it what follows, own entries too, but nothing of another row.
        (Calling, &["p2 o", "! o p1", "p1"], "o p2", "bad"),
        (Calling, &["! p2", "o", "p1"], "bad", "p1"),
        (Called, &["p2 o ! p1", "o2 p1"], "p2", "bad"),
        // Without an own entry that can be read the list cannot be cut.
        (Calling, &["p2 ? p1"], "none", "none"),
        (Called, &["?"], "none", "none"),
        (Neither, &["p2 ! o"], "none", "none"),
    ];
    let unreadable = [
        "<tel:+1>",
        "sip:x;lr",
        "x",
        "<>",
        "<sip:>",
        "<sip:x:0x>",
        "<sip:a b@x>",
        "<sip:x;lr> y",
        "a \"b\" <sip:x;lr>",
    ];
    let open = ["\"x <sip:x;lr>", "<sip:x;lr", "<sip:y;lr>;q=\"", "<sip:s;lr"];
    let whole = |name: &str, bad: &str, open: &str| match name {
        "o" => "<sip:s;lr>".into(),
        "o2" => "<sip:2@s;lr>".into(),
        "h1" => "<sip:s;transport=tcp;r2=on;lr>".into(),
        "h2" => "<sip:s;r2=on;lr>".into(),
        "s" => "<sip:strict>".into(),
        "?" => bad.into(),
        "!" => open.into(),
        name => format!("<sip:{name};lr>"),
    };
    for (serves, rows, called, calling) in table {
        for at in 0..unreadable.len() {
            let whole = |name: &str| whole(name, unreadable[at], open[at % open.len()]);
            let list = rows.iter().map(|row| row.split(' ').map(whole).collect::<Vec<_>>().join(", "));
            let case = Case { list: list.collect(), own: vec![("host", "s")], ..base_a().serves(*serves) };
            let named = format!("{serves:?} {:?}", case.list);
            if *called == "none" {
                assert_eq!(case.pair().unwrap_err(), Error::NoOwnRoute, "{named}");
                continue;
            }
            let pair = case.pair().unwrap();
            let hops = case.own_hops();
            for (bye, expected, target) in [(pair.called, *called, CALLED), (pair.calling, *calling, CALLING)] {
                match (expected, expected.split_once(": ")) {
                    ("bad", _) => assert_eq!(bye.unwrap_err(), Error::BadRecordRoute, "{named}"),
                    (_, Some(_)) => {
                        let bye = bye.unwrap();
                        assert_eq!(
                            (bye.request_uri.as_str(), bye.routes()),
                            ("sip:strict", vec![&*format!("<{target}>")])
                        );
                    }
                    _ => {
                        let routes: Vec<String> = expected.split(' ').filter(|n| !n.is_empty()).map(whole).collect();
                        assert_eq!(bye.unwrap().routes(), routes, "{named}");
                    }
                }
            }
            // Where the BYEs leave is known all the same.
            assert!(hops.0.starts_with("<sip:") && hops.1.starts_with("<sip:"), "{named}: {hops:?}");
            assert!([&hops.0, &hops.1].iter().all(|hop| hop.contains("s;")), "{named}: {hops:?}");
        }
    }

    // A Contact that cannot be used comes first, and a CSeq that there is none of before both.
    let case = Case { called: "*".into(), list: vec!["<tel:+1>".into(), MO.into()], ..base_a() };
    assert_eq!(case.pair().unwrap().called.unwrap_err(), Error::BadCalledContact);
    let case = Case { cseqs: CSeqs { to_called: None, to_calling: None }, ..case };
    assert_eq!(case.pair().unwrap().called.unwrap_err(), Error::NoCseq);
    // Of them there may be as many as of others.
    let full = |count| Case { list: vec![MO.into(), vec!["<tel:+1>"; count].join(",")], ..base_a() };
    assert_eq!(full(127).pair().unwrap().calling.unwrap_err(), Error::BadRecordRoute);
    assert_eq!(full(128).pair().unwrap_err(), Error::TooLarge);
    // A host that cuts the list itself is told at once.
    for bad in unreadable.iter().chain(&open) {
        let (bad, one) = (&[bad.as_bytes()][..], &[&b"<sip:s;lr>"[..]][..]);
        for (to_called, to_calling, own) in [(bad, one, one), (one, bad, one), (one, one, bad)] {
            let routes = Routes::Sets { to_called, to_calling, own };
            let refused = base_a().with_routes(routes, |fields| build(fields, base_a().cseqs, &request()));
            assert_eq!(refused.unwrap_err(), Error::BadRoute);
        }
    }
}

#[test]
fn t27_own_host_in_another_case() {
    let mo = "<sip:mo@SCSCF1.Home1.NET;lr;did=7a1.3>";
    let (by_uri, _) = base_a().list(&[PCSCF2, mo, PCSCF1]).both();
    assert_eq!(by_uri.routes(), [mo, PCSCF2]);
    let (by_host, _) = base_a().list(&[PCSCF2, mo, PCSCF1]).own_host("scscf1.HOME1.net").both();
    assert_eq!(by_host.routes(), [mo, PCSCF2]);
    // The port counts: another process on the same host is not the own one.
    let other = base_a().list(&[PCSCF2, mo, PCSCF1]).own_host("scscf1.home1.net:5070");
    assert_eq!(other.pair().unwrap_err(), Error::NoOwnRoute);
}

#[test]
fn own_host_and_port() {
    // The entry, and by which ports it is found: `-` is none.
    for (entry, ports) in [
        ("sip:h", "- 5060"),
        ("sip:h:5060", "- 5060"),
        ("sip:h:5061", "5061"),
        ("sip:h;transport=tls", "- 5060"),
        ("sips:h", "- 5060 5061"),
        ("sips:h:5060", "- 5060"),
        ("sips:h:5061", "5061"),
        ("sips:h:5070", "5070"),
    ] {
        let own = |port: &&str| {
            let own = if *port == "-" { "h".into() } else { format!("h:{port}") };
            Own::host(own.as_bytes(), b"").unwrap().matches(&uri::parse(entry.as_bytes()).unwrap())
        };
        let found: Vec<_> = ["-", "5060", "5061", "5070"].into_iter().filter(own).collect();
        assert_eq!(found.join(" "), ports, "{entry}");
    }
}

#[test]
fn own_uri_is_compared_octet_by_octet() {
    let own = Own::uri(b"<sip:mo@Home1.net:5060;lr;did=7a1.3>").unwrap();
    let matches = |entry: &str| own.matches(&uri::parse(entry.as_bytes()).unwrap());
    for entry in ["sip:mo@Home1.net:5060;lr;did=7a1.3", "SIP:mo@hOME1.NET:5060;lr;did=7a1.3"] {
        assert!(matches(entry), "{entry}");
    }
    // RFC 3261 19.1.4 has the first three be equal to it; the proxy has not written them.
    for entry in [
        "sip:mo@home1.net:5060;did=7a1.3;lr",
        "sip:%6do@home1.net:5060;lr;did=7a1.3",
        "sip:mo@home1.net:5060;lr",
        "sip:mo@home1.net;lr;did=7a1.3",
        "sips:mo@home1.net:5060;lr;did=7a1.3",
        "sip:mt@home1.net:5060;lr;did=7a1.3",
    ] {
        assert!(!matches(entry), "{entry}");
    }
}

#[test]
fn own_host_as_an_ipv6_address() {
    // RFC 5954 4.2, RFC 4291 2.2: an address is the same however it is written.
    let one = ["[2001:db8::1]", "[2001:DB8::1]", "[2001:DB8:0:0:0:0:0:1]", "[2001:0db8::0:0001]"];
    let mapped = ["[::ffff:192.0.2.1]", "[::FFFF:c000:201]"];
    let others =
        ["[2001:db8::2]", "[2001:db8::1:1]", "[2001:db8:::1]", "[2001:db8::1%eth0]", "2001:db8::1", "192.0.2.1"];
    let is_own = |own: &str, entry: &str| {
        let entry = format!("sip:mo@{entry};lr");
        let Some(entry) = uri::parse(entry.as_bytes()) else { return false };
        let by_host = Own::host(own.as_bytes(), b"").unwrap().matches(&entry);
        let exact = format!("<sip:mo@{own};lr>");
        assert_eq!(Own::uri(exact.as_bytes()).unwrap().matches(&entry), by_host);
        let other = format!("<sip:mt@{own};lr>");
        assert!(!Own::uri(other.as_bytes()).unwrap().matches(&entry));
        by_host
    };
    for same in [&one[..], &mapped] {
        for own in same {
            for entry in same {
                assert!(is_own(own, entry), "{own} {entry}");
            }
            for entry in others.iter().chain(if same.len() == 2 { &one[..] } else { &mapped }) {
                assert!(!is_own(own, entry), "{own} {entry}");
            }
        }
    }
    // What is no address is still a text.
    assert!(is_own("[2001:db8:::1]", "[2001:DB8:::1]"));
    // What comes out is what came in.
    let (called, _) = base_a().list(&[PCSCF2, "<sip:[2001:DB8:0::1];lr>"]).own_host("[2001:db8::1]").both();
    assert_eq!(called.routes(), ["<sip:[2001:DB8:0::1];lr>", PCSCF2]);
}

#[test]
fn t28_rows_and_lists() {
    let one = base_a().both().0.message;
    let rows = Case { list: [PCSCF2, MT, MO, PCSCF1].map(String::from).to_vec(), ..base_a() };
    assert_eq!(rows.both().0.message, one);
    let mixed = Case { list: vec![format!("{PCSCF2} ,{MT},"), format!(",{MO},, {PCSCF1}")], ..base_a() };
    assert_eq!(mixed.both().0.message, one);
}

#[test]
fn t29_quoted_comma() {
    let first = r#""P, \"one\" <x>" <sip:p1.example.com;lr>;foo=bar"#;
    let case = base_a().list(&[MO, first, "<sip:p2;lr>"]);
    let bye = case.both().1;
    assert_eq!(bye.routes(), [first, "<sip:p2;lr>"]);
    assert_eq!(bye.next_hop, "sip:p1.example.com;lr");
}

#[test]
fn t30_comma_inside_brackets() {
    let (_, bye) = base_a().list(&[MO, "<sip:a,b@p1;lr>"]).both();
    assert_eq!(bye.routes(), ["<sip:a,b@p1;lr>"]);
}

#[test]
fn t34_contact_as_name_addr() {
    let contact = r#""Bob, Jr." <sip:bob@192.0.2.4;transport=tcp?X=1>;expires=60;+sip.instance="<urn:uuid:1>""#;
    let case = Case { called: contact.into(), ..base_a() };
    assert_eq!(case.both().0.request_uri, "sip:bob@192.0.2.4;transport=tcp");
}

#[test]
fn t35_contact_without_brackets() {
    let case = Case { called: "sip:bob@192.0.2.4;transport=tcp".into(), ..base_a() };
    assert_eq!(case.both().0.request_uri, "sip:bob@192.0.2.4");
}

#[test]
fn t36_t65_bad_contact_stops_its_own_leg_only() {
    for bad in ["", "*", "<sip:a@b>, <sip:c@d>", "<tel:+123>", "<mailto:a@b>", "<>", "<sip:a b@c>"] {
        let pair = Case { called: bad.into(), ..base_a() }.pair().unwrap();
        assert_eq!(pair.called.unwrap_err(), Error::BadCalledContact, "{bad}");
        assert!(pair.calling.is_ok());
        let pair = Case { calling: bad.into(), ..base_a() }.pair().unwrap();
        assert_eq!(pair.calling.unwrap_err(), Error::BadCallingContact, "{bad}");
        assert!(pair.called.is_ok());
    }
}

#[test]
fn t37_gruu() {
    let gruu = "sip:bob@home2.net;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
    let far = Case { called: format!("<{gruu}>"), ..base_a() };
    assert_eq!(far.both().0.request_uri, gruu);

    let served = Case { calling: format!("<{gruu}>"), contact_address: "sip:[2001:db8::9]:5062", ..base_a() };
    let (called, calling) = served.both();
    assert_eq!(calling.request_uri, "sip:[2001:db8::9]:5062");
    assert_eq!(called.request_uri, CALLED);
    let older = served.pair_by(&Request { keep_gruu: true, ..request() }).unwrap();
    assert_eq!(older.calling.unwrap().request_uri, gruu);
    // An address replaces a GRUU only.
    let plain = Case { contact_address: "sip:[2001:db8::9]:5062", ..base_a() };
    assert_eq!(plain.both().1.request_uri, CALLING);
    let broken = Case { contact_address: "tel:+1", ..served };
    assert_eq!(broken.pair().unwrap_err(), Error::BadContactAddress);
}

#[test]
fn t38_sips_is_kept() {
    let mut case = base_a().list(&["<sips:pcscf2;lr>", "<sips:mo@own;lr>", "<sips:pcscf1;lr>"]).own_host("own:5061");
    case.called = "<sips:bob@192.0.2.4>".into();
    let (called, calling) = case.both();
    assert_eq!(called.request_uri, "sips:bob@192.0.2.4");
    assert_eq!(called.routes(), ["<sips:mo@own;lr>", "<sips:pcscf2;lr>"]);
    assert_eq!(calling.routes(), ["<sips:pcscf1;lr>"]);
    assert_eq!(case.own_host("own").both().1.routes(), ["<sips:pcscf1;lr>"]);
}

#[test]
fn t39_ipv6() {
    let uri = "sip:bob@[2001:db8::1]:5060;transport=udp";
    assert_eq!(Case { called: format!("<{uri}>"), ..base_a() }.both().0.request_uri, uri);
}

#[test]
fn t41_tag_traps() {
    let from = r#""x;tag=evil" <sip:a@b;tag=uri>;x="y;tag=q";tag=real"#;
    let (called, calling) = Case { from: from.into(), to: "sip:a@b;tag=88".into(), ..base_a() }.both();
    assert_eq!((called.value("From"), called.value("To")), (from, "sip:a@b;tag=88"));
    assert_eq!((calling.value("From"), calling.value("To")), ("sip:a@b;tag=88", from));
}

#[test]
fn t42_no_tags() {
    let (called, calling) = Case { from: "<sip:a@b>".into(), to: "sip:c@d".into(), ..base_a() }.both();
    assert_eq!((called.value("From"), called.value("To")), ("<sip:a@b>", "sip:c@d"));
    assert_eq!((calling.value("From"), calling.value("To")), ("sip:c@d", "<sip:a@b>"));
}

#[test]
fn t43_escapes_and_odd_tags() {
    let to = r#""Anonymous \"q\" \\" <sip:anonymous@anonymous.invalid>;tag=a.b-c!%*_+`'~"#;
    let (called, calling) = Case { to: to.into(), ..base_a() }.both();
    assert_eq!((called.value("To"), calling.value("From")), (to, to));
}

#[test]
fn t44_call_id() {
    for call_id in ["aB%41@[2001::1]", "ab%41@[2001::1]", r#"<a>?b/"c"{d}@x"#] {
        let (called, calling) = Case { call_id: call_id.into(), ..base_a() }.both();
        assert_eq!((called.value("Call-ID"), calling.value("Call-ID")), (call_id, call_id));
    }
}

#[test]
fn t46_injection() {
    for poison in ["\r\nVia: x", "\n", "\r", "\0"] {
        let spoil = |text: &str| format!("{}{poison}{}", &text[..3], &text[3..]);
        let a = base_a();
        let refused = |case: Case| case.pair().unwrap_err();
        assert_eq!(refused(Case { call_id: spoil(CALL_ID), ..a.clone() }), Error::BadCallId);
        assert_eq!(refused(Case { from: spoil(FROM), ..a.clone() }), Error::BadFrom);
        assert_eq!(refused(Case { to: spoil(TO), ..a.clone() }), Error::BadTo);
        assert_eq!(refused(Case { calling: spoil(&a.calling), ..a.clone() }), Error::BadCallingContact);
        assert_eq!(refused(Case { called: spoil(&a.called), ..a.clone() }), Error::BadCalledContact);
        assert_eq!(refused(Case { headers: vec![format!("X: a{poison}b")], ..a.clone() }), Error::BadHeader);
        let list = vec![format!("{MO}, \"a{poison}b\" <sip:p;lr>")];
        assert_eq!(refused(Case { list, ..a.clone() }), Error::BadRecordRoute);
        assert_eq!(Reason::sip(503, poison.as_bytes()).unwrap_err(), Error::BadReasonText);
        let contact_address = "sip:a\r\nb";
        assert_eq!(refused(Case { contact_address, ..a }), Error::BadContactAddress);
    }
    assert_eq!(Case { call_id: "a b".into(), ..base_a() }.pair().unwrap_err(), Error::BadCallId);
    assert_eq!(Case { from: "\"a <sip:b@c>".into(), ..base_a() }.pair().unwrap_err(), Error::BadFrom);
    assert_eq!(Case { to: "<sip:b@c;tag=1".into(), ..base_a() }.pair().unwrap_err(), Error::BadTo);
    assert_eq!(Case { to: "<sip:b@c>;x=\"1".into(), ..base_a() }.pair().unwrap_err(), Error::BadTo);
}

#[test]
fn t48_q850_beside_the_sip_value() {
    let reason = Reason::sip(503, b"").unwrap().with_q850(31, b"Normal, unspecified").unwrap();
    let pair = base_a().pair_by(&Request { reason, ..request() }).unwrap();
    let expected = r#"SIP;cause=503, Q.850;cause=31;text="Normal, unspecified""#;
    assert_eq!(pair.called.unwrap().value("Reason"), expected);
    assert_eq!(pair.calling.unwrap().value("Reason"), expected);
}

#[test]
fn t49_further_headers() {
    let charging = "P-Charging-Vector: icid-value=abc;orig-ioi=home1.net";
    let of_dialog = Case { headers: vec![charging.into()], ..base_a() };
    let headers: [&[u8]; 1] = [charging.as_bytes()];
    let of_request = Request { headers: &headers, ..request() };
    for pair in [of_dialog.pair().unwrap(), base_a().pair_by(&of_request).unwrap()] {
        for bye in [pair.called.unwrap(), pair.calling.unwrap()] {
            assert_eq!(bye.value("P-Charging-Vector"), "icid-value=abc;orig-ioi=home1.net");
        }
    }
    let twice = "p-charging-vector: x".to_string();
    assert_eq!(Case { headers: vec![charging.into(), twice], ..base_a() }.pair().unwrap_err(), Error::DuplicateHeader);
    assert_eq!(of_dialog.pair_by(&of_request).unwrap_err(), Error::DuplicateHeader);
    for name in [
        "P-Served-User",
        "P-Visited-Network-ID",
        "Contact",
        "m",
        "Record-Route",
        "From",
        "f",
        "To",
        "t",
        "CSeq",
        "Call-ID",
        "i",
        "Via",
        "v",
        "Route",
        "Max-Forwards",
        "Content-Length",
        "l",
        "reason",
        "Session-ID",
        "c",
        "P-Called-Party-ID",
    ] {
        let header = format!("{name}: x");
        let case = Case { headers: vec![header.clone()], ..base_a() };
        assert_eq!(case.pair().unwrap_err(), Error::ForbiddenHeader, "{name}");
        let headers: [&[u8]; 1] = [header.as_bytes()];
        let by_request = base_a().pair_by(&Request { headers: &headers, ..request() });
        assert_eq!(by_request.unwrap_err(), Error::ForbiddenHeader, "{name}");
    }
}

#[test]
fn t50_session_id() {
    let (a, b) = ("a".repeat(32), "b".repeat(32));
    let zeros = "0".repeat(32);
    let with = |calling: &str, called: &str| {
        let case = Case { session_ids: (calling.into(), called.into()), ..base_a() };
        let (first, second) = case.both();
        let value = |bye: &Built| bye.values("Session-ID").first().map(|v| v.to_string());
        (value(&first), value(&second))
    };
    assert_eq!(with(&a, &b), (Some(format!("{a};remote={b}")), Some(format!("{b};remote={a}"))));
    assert_eq!(with(&a, ""), (Some(format!("{a};remote={zeros}")), Some(format!("{zeros};remote={a}"))));
    assert_eq!(with("", ""), (None, None));
    assert_eq!(with(&a.to_uppercase(), &b[..31]), (None, None));
}

#[test]
fn t51_further_header_injection() {
    for header in ["X: a\r\nRoute: <sip:evil>", "X: a\nb", "X", ": a", "X Y: a", "X:", "X: \0"] {
        let case = Case { headers: vec![header.into()], ..base_a() };
        assert_eq!(case.pair().unwrap_err(), Error::BadHeader, "{header:?}");
    }
}

#[test]
fn t66_size() {
    let route = |n: usize| format!("<sip:{}{n:02}.example.net;lr>", "p".repeat(120 - 25));
    let mut entries: Vec<String> = (0..60).map(route).collect();
    assert!(entries.iter().all(|e| e.len() >= 118));
    entries.insert(0, MO.into());
    let case = Case { list: entries.clone(), ..base_a() };
    let bye = case.both().1;
    assert_eq!(bye.routes(), entries[1..]);
    assert!(bye.bytes.len() > ims_release::bye::LARGE);

    let strict = |n: usize| format!("<sip:{}{n:03}.example.net>", "p".repeat(100));
    let mut entries: Vec<String> = (0..127).map(strict).collect();
    entries.insert(0, MO.into());
    let bye = Case { list: entries.clone(), ..base_a() }.both().1;
    assert_eq!(bye.request_uri, entries[1][1..entries[1].len() - 1]);
    assert_eq!(bye.routes()[..126], entries[2..]);
    assert_eq!(bye.routes()[126], format!("<{CALLING}>"));

    let many = Case { list: vec![vec!["<sip:p;lr>"; 129].join(",")], ..base_a() };
    assert_eq!(many.pair().unwrap_err(), Error::TooLarge);
    let long = Case { call_id: "x".repeat(17_000), ..base_a() };
    assert_eq!(long.pair().unwrap_err(), Error::TooLarge);
}

#[test]
fn t68_the_pair_mirrors_itself() {
    let branch = |counter| Branch { prefix: 0x0123_4567_89ab_cdef, counter };
    let via = Via::new(b"UDP", b"192.0.2.30:5060", branch(1), branch(2)).unwrap();
    let pair = base_a().pair_by(&Request { via: Some(via), ..request() }).unwrap();
    let (called, calling) = (pair.called.unwrap(), pair.calling.unwrap());
    assert_eq!(called.value("From"), calling.value("To"));
    assert_eq!(called.value("To"), calling.value("From"));
    assert_eq!(called.value("Call-ID"), calling.value("Call-ID"));
    assert_eq!(called.value("Via"), "SIP/2.0/UDP 192.0.2.30:5060;branch=z9hG4bK0123456789abcdef00000001");
    assert_ne!(called.value("Via"), calling.value("Via"));
    for (transport, sent_by) in [("U P", "a"), ("UDP", "a b"), ("UDP", ""), ("UDP", "a:99999"), ("UDP", "a\r\nb")] {
        let via = Via::new(transport.as_bytes(), sent_by.as_bytes(), branch(1), branch(2));
        assert_eq!(via.unwrap_err(), Error::BadVia);
    }
    assert_eq!(Via::new(b"UDP", b"a", branch(1), branch(1)).unwrap_err(), Error::BadVia);
}
