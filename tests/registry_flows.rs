// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way by which a user's messages came is that of its BYE: kept with its Contact, and taken only where nobody has
//! recorded himself in between.

mod support;

use ims_release::dialog::{Serves, User};
use ims_release::flow::{Flow, UseFlow};
use ims_release::pending::Final;
use ims_release::registry::{Noted, RegistryError, Selector, What};
use ims_release::store::Id;
use support::proxy::{Proxy, both, both_with};

const ALICE: &str = "tcp:192.0.2.7:1024;local=tcp:192.0.2.1:5060";
const BOB: &str = "tcp:192.0.2.8:2048;local=tcp:192.0.2.1:5060";
const MOVED: &str = "tcp:192.0.2.9:4096;local=tcp:192.0.2.1:5060";
const OWN: &str = "<sip:s;lr>";

/// A message of the call: first line, From and To, CSeq, and what follows them.
fn message(start: &str, (from, to): (&str, &str), cseq: &str, rest: &str) -> String {
    format!(
        "{start}\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK{}\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: c\r\nCSeq: {cseq}\r\n\
         {rest}\r\n",
        cseq.replace(' ', "")
    )
}

const CALLING: (&str, &str) = ("<sip:a@h>;tag=a", "<sip:b@h>;tag=b");
const INITIAL: (&str, &str) = ("<sip:a@h>;tag=a", "<sip:b@h>");
const CALLED: (&str, &str) = ("<sip:b@h>;tag=b", "<sip:a@h>;tag=a");

struct Call<'a> {
    proxy: &'a Proxy,
    recorded: &'a str,
}

impl Call<'_> {
    fn invite(&self, flow: &str) {
        let invite = message("INVITE sip:b@h SIP/2.0", INITIAL, "1 INVITE", &contact("a"));
        self.track(&invite, Serves::Calling, flow);
    }

    fn track(&self, invite: &str, serves: Serves, flow: &str) {
        self.proxy
            .registry
            .track_user(invite.as_bytes(), serves, b"", Flow::parse(flow.as_bytes()), self.proxy.now())
            .unwrap();
    }

    fn see(&self, text: &str, flow: &str) -> What {
        let flow = Flow::parse(flow.as_bytes());
        self.proxy.registry.observe_from(text.as_bytes(), flow, self.proxy.now()).unwrap().what
    }

    fn answer(&self, code: u16, cseq: &str, parties: (&str, &str), who: &str, flow: &str) -> What {
        let rest = format!("Record-Route: {}\r\n{}", self.recorded, contact(who));
        self.see(&message(&format!("SIP/2.0 {code} x"), parties, cseq, &rest), flow)
    }

    fn established<'a>(proxy: &'a Proxy, recorded: &'a str) -> Call<'a> {
        let call = Call { proxy, recorded };
        call.invite(ALICE);
        assert_eq!(call.answer(200, "1 INVITE", CALLING, "b", BOB), What::Confirmed);
        assert_eq!(call.see(&message("ACK sip:b@h SIP/2.0", CALLING, "1 ACK", ""), ""), What::Acknowledged);
        call
    }

    fn id(&self) -> Id {
        self.proxy.find(Selector::Call(b"c")).first().expect("the call is known").id
    }

    /// Where the BYE goes: an address, empty where it goes to its next hop.
    fn ways(&self) -> [String; 3] {
        [Some(User::Calling), Some(User::Called), None].map(|user| {
            let back = self.proxy.registry.way_back(self.id(), user).unwrap();
            back.map_or(String::new(), |back| String::from_utf8(back.destination).unwrap())
        })
    }
}

fn contact(user: &str) -> String {
    format!("Contact: <sip:{user}@10.0.0.1:5060>\r\n")
}

fn uri(flow: &str) -> String {
    String::from_utf8(Flow::parse(flow.as_bytes()).unwrap().back().destination).unwrap()
}

#[test]
fn each_bye_goes_the_way_of_its_user() {
    both(|proxy| {
        let call = Call { proxy, recorded: OWN };
        call.invite(ALICE);
        call.answer(180, "1 INVITE", CALLING, "b", MOVED);
        call.answer(200, "1 INVITE", CALLING, "b", BOB);
        assert_eq!(call.ways(), [uri(ALICE), uri(BOB), uri(BOB)]);
        // Once more, from an application server: the first copy was the user's.
        call.answer(200, "1 INVITE", CALLING, "b", MOVED);
        assert_eq!(call.ways(), [uri(ALICE), uri(BOB), uri(BOB)]);
    });
}

#[test]
fn a_way_that_was_not_told_is_none() {
    both(|proxy| {
        let call = Call { proxy, recorded: OWN };
        call.invite("");
        call.answer(200, "1 INVITE", CALLING, "b", BOB);
        assert_eq!(call.ways(), [String::new(), uri(BOB), uri(BOB)]);
    });
}

#[test]
fn who_stands_behind_a_route_has_no_way_back() {
    both(|proxy| {
        let call = Call::established(proxy, "<sip:edge;lr>, <sip:s;lr>");
        assert_eq!(call.ways(), [uri(ALICE), String::new(), String::new()]);
    });
    both(|proxy| {
        let call = Call::established(proxy, "<sip:s;lr>, <sip:edge;lr>");
        assert_eq!(call.ways(), [String::new(), uri(BOB), uri(BOB)]);
    });
    // A double entry is one pass.
    both(|proxy| {
        let call = Call::established(proxy, "<sip:s;lr;r2=on>, <sip:s;lr;r2=on>");
        assert_eq!(call.ways(), [uri(ALICE), uri(BOB), uri(BOB)]);
    });
    // On the second pass service control still has an application server before it; the way past it does not.
    both(|proxy| {
        let call = Call::established(proxy, "<sip:s;lr>, <sip:as;lr>, <sip:s;lr>");
        assert_eq!(call.ways(), [uri(ALICE), String::new(), String::new()]);
        let id = call.id();
        proxy.start(id).unwrap();
        assert_eq!(proxy.note(id, User::Called, Final::Code(503)), Noted::Again);
        assert_eq!(call.ways()[1], uri(BOB));
    });
}

#[test]
fn a_user_that_moves_takes_its_way_along() {
    both(|proxy| {
        let call = Call::established(proxy, OWN);
        let update = message("UPDATE sip:b@10.0.0.1:5060 SIP/2.0", CALLING, "2 UPDATE", &contact("a"));
        assert_eq!(call.see(&update, MOVED), What::Refreshed);
        assert_eq!(call.ways()[0], uri(MOVED));
        // As it came in again on another pass.
        call.see(&update, BOB);
        assert_eq!(call.ways()[0], uri(MOVED));
        // The other user answers from elsewhere, too.
        call.answer(200, "2 UPDATE", CALLING, "b", ALICE);
        call.answer(200, "2 UPDATE", CALLING, "b", MOVED);
        assert_eq!(call.ways(), [uri(MOVED), uri(ALICE), uri(ALICE)]);
        // One that is not on its way to the other user moves nobody.
        let elsewhere = message("UPDATE sip:x@h SIP/2.0", CALLED, "6 UPDATE", &contact("b"));
        assert_eq!(call.see(&elsewhere, BOB), What::Misdirected);
        // What brings no Contact moves nobody, and what a host does not tell neither.
        call.see(&message("INFO sip:a@h SIP/2.0", CALLED, "7 INFO", ""), MOVED);
        let again = message("INVITE sip:a@10.0.0.1:5060 SIP/2.0", CALLED, "8 INVITE", &contact("b"));
        assert_eq!(call.see(&again, ""), What::Refreshed);
        assert_eq!(call.ways(), [uri(MOVED), uri(ALICE), uri(ALICE)]);
        // Refused: there it is all the same.
        let again = message("INVITE sip:a@10.0.0.1:5060 SIP/2.0", CALLED, "9 INVITE", &contact("b"));
        call.see(&again, BOB);
        call.answer(491, "9 INVITE", CALLED, "a", ALICE);
        assert_eq!(call.ways(), [uri(MOVED), uri(BOB), uri(BOB)]);
    });
}

/// The script may have told the other user where the messages came from, as behind NAT.
#[test]
fn what_is_sent_where_a_user_is_goes_to_it() {
    for (target, what) in [
        ("b@10.0.0.1:5060", What::Ending),
        ("b@192.0.2.8:2048", What::Ending),
        ("b@192.0.2.8:2049", What::Misdirected),
        ("b@192.0.2.8", What::Misdirected),
        ("b@192.0.2.7:1024", What::Misdirected),
        ("x@192.0.2.8:2048", What::Misdirected),
    ] {
        both(|proxy| {
            let call = Call::established(proxy, OWN);
            let bye = message(&format!("BYE sip:{target} SIP/2.0"), CALLING, "2 BYE", "");
            assert_eq!(call.see(&bye, ALICE), what, "{target}");
        });
    }
}

#[test]
fn a_spiral_is_the_calling_users_on_its_first_pass() {
    both(|proxy| {
        let call = Call { proxy, recorded: OWN };
        call.invite(ALICE);
        let again = message("INVITE sip:b@h SIP/2.0", INITIAL, "1 INVITE", &contact("x"));
        call.track(&again, Serves::Called, MOVED);
        call.answer(200, "1 INVITE", CALLING, "b", BOB);
        assert_eq!(call.ways()[0], uri(ALICE));
    });
}

#[test]
fn the_operator_decides() {
    let datagram = ALICE.replace("tcp", "udp");
    for (when, expected) in [(UseFlow::Never, ""), (UseFlow::Needed, ""), (UseFlow::Always, &uri(&datagram))] {
        both_with(
            "s",
            |settings| settings.use_flow = when,
            |proxy| {
                let call = Call { proxy, recorded: OWN };
                let near = "Contact: <sip:a@192.0.2.7:5060>\r\n";
                let invite = message("INVITE sip:b@h SIP/2.0", INITIAL, "1 INVITE", near);
                call.track(&invite, Serves::Calling, &datagram);
                call.answer(200, "1 INVITE", CALLING, "b", "");
                assert_eq!(call.ways(), [expected, "", ""]);
            },
        );
    }
}

#[test]
fn none_where_no_bye_can_be_built_or_nobody_is_known() {
    both(|proxy| {
        let call = Call::established(proxy, "<sip:elsewhere;lr>");
        assert!(matches!(proxy.registry.way_back(call.id(), None), Err(RegistryError::Dialog(_))));
        assert!(matches!(proxy.registry.way_back(Id(77), None), Err(RegistryError::NotFound)));
    });
    both(|proxy| {
        let call = Call { proxy, recorded: OWN };
        let bad = "Contact: <tel:+1>\r\n";
        let invite = message("INVITE sip:b@h SIP/2.0", INITIAL, "1 INVITE", bad);
        call.track(&invite, Serves::Neither, ALICE);
        call.answer(200, "1 INVITE", CALLING, "b", BOB);
        assert_eq!(call.ways(), [String::new(), uri(BOB), String::new()]);
    });
}
