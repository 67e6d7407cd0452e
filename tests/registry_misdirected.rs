// SPDX-License-Identifier: MIT OR Apache-2.0
//! A hostile user sends a BYE inside the dialog to itself, or where nobody answers, to be told that the call has ended
//! while the other user never hears of it. What is not on its way to the other user ends nothing, settles no release and
//! changes no target.

mod support;

use ims_release::dialog::Serves::{Called, Calling, Neither};
use ims_release::dialog::User;
use ims_release::pending::Final::Code;
use ims_release::registry::{Pass, Selector, Settings, State, What};
use support::proxy::{LIST, Proxy, both, both_with, message, summary};

fn unchecked(settings: &mut Settings<'_>) {
    settings.check_bye = false;
}

fn misdirected(proxy: &Proxy) -> u64 {
    proxy.registry.stats().unwrap().counts.misdirected
}

/// The call is up, and its release has both its BYEs.
fn released(proxy: &Proxy, call: &str, expected: &str) {
    let id = proxy.dialog(&format!("{call},a,b")).id;
    assert_eq!(proxy.find(Selector::Id(id))[0].state, State::Acknowledged);
    assert_eq!(summary(&proxy.start(id).unwrap()), expected);
    for user in [User::Called, User::Calling] {
        proxy.note(id, user, Code(200));
    }
    let told = proxy.told();
    assert!(told.len() == 1 && told[0].1.starts_with("completed 503 200 200 "), "{told:?}");
}

/// A BYE of each user, its answer, and the BYEs that a release then takes.
const ANSWERED: [(&str, &str, &str); 10] = [
    ("> BYE 128 target=a1", "< 200 BYE 128", "129 b1 | drawn a1"),
    ("< BYE 9 target=b1", "> 200 BYE 9", "128 b1 | 10 a1"),
    ("> BYE 128 target=evil", "< 481 BYE 128", "129 b1 | drawn a1"),
    // The Route leads to nobody, so the proxy gives up; or past the next hop, to who does not wait there.
    ("> BYE 128 route=<sip:mo@s;lr>,<sip:hole;lr>", "< 408 BYE 128", "129 b1 | drawn a1"),
    ("< BYE 9 route=<sip:mt@s;lr>,<sip:mo@s;lr>,<sip:hole;lr>,<sip:pcscf1;lr>", "> 408 BYE 9", "128 b1 | 10 a1"),
    ("> BYE 128 route=<sip:mo@s;lr>", "< 408 BYE 128", "129 b1 | drawn a1"),
    ("< BYE 9 route=", "> 408 BYE 9", "128 b1 | 10 a1"),
    ("> BYE 128 route=<sip:s;lr>,<sip:pcscf2:5070;lr>", "< 408 BYE 128", "129 b1 | drawn a1"),
    ("> BYE 128 target=b1;transport=tcp", "< 408 BYE 128", "129 b1 | drawn a1"),
    // It goes to the other user, and is let go too few hops.
    ("> BYE 128", "< 483 BYE 128", "129 b1 | drawn a1"),
];

#[test]
fn before_a_release() {
    both(|proxy| {
        for (number, (bye, reply, expected)) in ANSWERED.into_iter().enumerate() {
            let call = proxy.fresh();
            proxy.plain(&call);
            let seen = (proxy.see(&call, bye), proxy.see(&call, reply));
            let (told, count) = match bye {
                "> BYE 128" => ((What::Ending, What::NotEnding), ANSWERED.len() - 1),
                _ => ((What::Misdirected, What::Counted), number + 1),
            };
            assert_eq!((seen, misdirected(proxy)), (told, count as u64), "{bye}");
            // Nor is it taken for one that nobody has answered yet.
            proxy.wait(70_000);
            proxy.sweep();
            released(proxy, &call, expected);
        }
        assert_eq!(proxy.registry.stats().unwrap().counts.ended_by_user, 0);
    });
}

#[test]
fn a_release_is_neither_held_nor_settled() {
    both(|proxy| {
        for (bye, reply, expected) in ANSWERED.into_iter().filter(|(bye, ..)| *bye != "> BYE 128") {
            // The BYE before the trigger, its answer after it.
            let call = proxy.fresh();
            let id = proxy.plain(&call);
            proxy.see(&call, bye);
            assert_eq!(summary(&proxy.start(id).unwrap()), expected, "{bye}");
            assert_eq!(proxy.see(&call, reply), What::Releasing);
            assert_eq!((proxy.sweep().ended, proxy.told()), (0, vec![]), "{bye}");
            proxy.note(id, User::Called, Code(200));
            proxy.note(id, User::Calling, Code(200));
            assert_eq!(proxy.told().len(), 1);

            // Both after it.
            let call = proxy.fresh();
            let id = proxy.plain(&call);
            proxy.start(id).unwrap();
            let pass = proxy.registry.recognise(message(&call, bye).as_bytes(), false, proxy.now()).unwrap();
            assert_eq!(pass, Pass::Refused(id));
            assert_eq!((proxy.see(&call, bye), proxy.see(&call, reply)), (What::Releasing, What::Releasing));
            assert_eq!((proxy.sweep().ended, proxy.told()), (0, vec![]), "{bye}");
            proxy.note(id, User::Called, Code(200));
            proxy.note(id, User::Calling, Code(200));
            assert_eq!(proxy.told().len(), 1);
        }
        // One that is on its way holds it; what is answered to another does not free it.
        let id = proxy.plain("held");
        proxy.see("held", "> BYE 128");
        proxy.see("held", "> BYE 129 target=a1");
        assert_eq!(summary(&proxy.start(id).unwrap()), "Held | Held");
        proxy.see("held", "< 200 BYE 129");
        proxy.see("held", "< 483 BYE 130");
        assert_eq!((proxy.sweep_due().1, proxy.told()), (vec![], vec![]));
        proxy.see("held", "< 483 BYE 128");
        assert_eq!(proxy.sweep_due().1, [(id, User::Called), (id, User::Calling)]);
    });
}

#[test]
fn a_bye_to_the_other_user_ends_the_dialog() {
    both(|proxy| {
        for (lines, bye, reply) in [
            // RFC 3261 19.1.4, and what a proxy puts there.
            ("", "> BYE 128 target=B1:5060", "< 200 BYE 128"),
            ("", "< BYE 9 target=a1;alias=192.0.2.1~5070~1", "> 200 BYE 9"),
            // On each pass of the proxy, and as it leaves it.
            ("", "> BYE 128 route=<sip:mt@s;lr>,<sip:pcscf2;lr>", "< 200 BYE 128"),
            ("", "> BYE 128 route=<sip:PCSCF2:5060;lr=on>", "< 200 BYE 128"),
            ("", "< BYE 9 route=<sip:pcscf1;lr>", "> 200 BYE 9"),
            // A strict router in front of the proxy.
            ("", "> BYE 128 target=mo@s route=<sip:mt@s;lr>,<sip:pcscf2;lr>,<sip:b1>", "< 200 BYE 128"),
            ("", "< BYE 9 target=mt@s;lr route=<sip:mo@s;lr>,<sip:pcscf1;lr>,<sip:a1;x>", "> 200 BYE 9"),
            // Target refreshes, under way, refused, and answered.
            ("< UPDATE 8 contact=b2", "> BYE 128", "< 200 BYE 128"),
            ("< UPDATE 8 contact=b2", "> BYE 128 target=b2", "< 200 BYE 128"),
            ("< INVITE 7 contact=b3; < UPDATE 8 contact=b2", "> BYE 128 target=b3", "< 200 BYE 128"),
            ("< UPDATE 8 contact=b2; > 200 UPDATE 8", "> BYE 128 target=b2", "< 200 BYE 128"),
            ("> NOTIFY 128 contact=a2", "< BYE 9 target=a2", "> 200 BYE 9"),
            ("> UPDATE 128; < 200 UPDATE 128 contact=b2", "> BYE 129 target=b2", "< 200 BYE 129"),
            // No BYE to such a Contact can be built.
            ("< 200 INVITE 127 contact=<tel:1>; > ACK 127", "> BYE 128 target=x", "< 200 BYE 128"),
            // Its next hop is the user: nothing is behind the own entries.
            ("< 200 INVITE 127 routes=<sip:mo@s;lr>,<sip:q;lr>; > ACK 127", "> BYE 128 route=", "< 200 BYE 128"),
            ("< 200 INVITE 127 routes=<sip:mo@s;lr>,<sip:q;lr>; > ACK 127", "> BYE 128 route=<sip:s>", "< 200 BYE 128"),
            // Nobody knows which entries are the proxy's: no release is possible either way.
            (
                "< 200 INVITE 127 routes=<sip:p;lr>,<sip:o;lr>,<sip:q;lr>; > ACK 127",
                "> BYE 128 route=<sip:o;lr>,<sip:p;lr>",
                "< 200 BYE 128",
            ),
        ] {
            let call = proxy.fresh();
            let lines =
                if lines.contains("INVITE 127") { format!("{lines}; > INFO 100") } else { format!("OK; {lines}") };
            proxy.track(&call, Calling, "> INVITE 127 tag=");
            for line in lines.replace("OK", "< 200 INVITE 127; > ACK 127").split("; ").filter(|line| !line.is_empty()) {
                proxy.see(&call, line);
            }
            assert_eq!((proxy.see(&call, bye), proxy.see(&call, reply)), (What::Ending, What::Ended), "{lines} {bye}");
        }
        assert_eq!((misdirected(proxy), proxy.records()), (0, 0));
    });
}

#[test]
fn what_is_nearly_right_is_not() {
    both(|proxy| {
        for (lines, bye) in [
            ("", "> BYE 128 target=b1:5061"),
            ("", "> BYE 128 target=u@b1"),
            ("", "> BYE 128 target=b1;maddr=192.0.2.1"),
            // The own entry alone makes no strict router of it.
            ("", "> BYE 128 target=mo@s route=<sip:mt@s;lr>,<sip:pcscf2;lr>,<sip:evil>"),
            ("", "> BYE 128 target=mo@s route=<sip:mt@s;lr>,<sip:hole;lr>,<sip:b1>"),
            ("", "> BYE 128 target=evil route=<sip:mt@s;lr>,<sip:pcscf2;lr>,<sip:b1>"),
            ("", "> BYE 128 target=mo@s route="),
            // In the other direction, too many, another user at the next hop, unreadable.
            ("", "> BYE 128 route=<sip:pcscf1;lr>"),
            ("", "> BYE 128 route=<sip:mo@s;lr>,<sip:evil;lr>,<sip:pcscf2;lr>"),
            ("", "> BYE 128 route=<sip:mo@s;lr>,<sip:pcscf2;lr>,<sip:pcscf2;lr>"),
            ("", "> BYE 128 route=<sip:mo@s;lr>,<sip:token@pcscf2;lr>"),
            ("", "> BYE 128 route=<sip:mo@s;lr>,<sip:pcscf2;lr"),
            // A refresh that was refused, the Contact before one that was answered, and that of the sender.
            ("< UPDATE 8 contact=b2; > UPDATE 128; > 500 UPDATE 8; < UPDATE 9; > 200 UPDATE 9", "> BYE 129 target=b2"),
            ("< UPDATE 8 contact=b2; > 200 UPDATE 8", "> BYE 128"),
            ("> UPDATE 128 contact=a2", "> BYE 129 target=a2"),
            // Where no entry is known as the proxy's own the rest must be of the set all the same.
            ("< 200 INVITE 127 routes=<sip:p;lr>,<sip:o;lr>; > ACK 127", "> BYE 128 route=<sip:o;lr>,<sip:evil;lr>"),
        ] {
            let call = proxy.fresh();
            proxy.track(&call, Calling, "> INVITE 127 tag=");
            let lines = if lines.contains("INVITE 127") { lines.into() } else { format!("OK; {lines}") };
            for line in lines.replace("OK", "< 200 INVITE 127; > ACK 127").split("; ").filter(|line| !line.is_empty()) {
                proxy.see(&call, line);
            }
            assert_eq!(proxy.see(&call, bye), What::Misdirected, "{lines} {bye}");
            assert_eq!(proxy.dialog(&format!("{call},a,b")).state, State::Acknowledged);
        }
    });
}

/// Whose answer a target refresh has, tells where the other user is: not the word of somebody else.
#[test]
fn an_answer_from_elsewhere_moves_no_target() {
    both(|proxy| {
        for (lines, expected) in [
            ("> UPDATE 128 contact=a2 target=evil; < 200 UPDATE 128 contact=evil", "129 b1 | drawn a1"),
            ("> INVITE 128 route=<sip:hole;lr>; < 183 INVITE 128 contact=evil reliable=1", "129 b1 | drawn a1"),
            ("< UPDATE 9 target=b1; > 200 UPDATE 9 contact=evil", "128 b1 | 10 a1"),
            // One to the other user beside it, before and after: neither answer can be told from the other.
            ("> UPDATE 128; > UPDATE 128 target=evil; < 200 UPDATE 128 contact=evil", "129 b1 | drawn a1"),
            ("> UPDATE 128 target=evil; > UPDATE 128; < 200 UPDATE 128 contact=evil", "129 b1 | drawn a1"),
            ("> UPDATE 128 target=evil; > UPDATE 129; < 200 UPDATE 128 contact=evil", "130 b1 | drawn a1"),
            // The next one to the other user counts, and so does one that was under way before an older one.
            (
                "> UPDATE 128 target=evil; < 200 UPDATE 128 contact=evil; > UPDATE 129 contact=a2; \
                 < 200 UPDATE 129 contact=b2",
                "130 b2 | drawn a2",
            ),
            (
                "> UPDATE 129 contact=a2; > UPDATE 128 target=evil; < 200 UPDATE 128 contact=evil; \
                 < 200 UPDATE 129 contact=b2",
                "130 b2 | drawn a2",
            ),
            // Never seen at all.
            ("< 200 UPDATE 128 contact=evil", "129 b1 | drawn a1"),
        ] {
            for copies in [1, 2] {
                proxy.copies.store(copies, std::sync::atomic::Ordering::Relaxed);
                let call = proxy.fresh();
                let id = proxy.call(&call, &[Neither], lines);
                let pair = proxy.start(id).unwrap();
                let plain = |part: String| part.split(" via ").next().map(String::from).unwrap_or_default();
                let made = summary(&pair).split(" | ").map(|part| plain(part.into())).collect::<Vec<_>>().join(" | ");
                assert_eq!(made, expected, "{lines}, {copies} of each");
            }
        }
    });
}

/// Nor does it say how long the session lasts without another (RFC 4028).
#[test]
fn an_answer_from_elsewhere_sets_no_session_timer() {
    both(|proxy| {
        proxy.plain("x");
        proxy.see("x", "> UPDATE 128 target=evil supported=timer");
        proxy.see("x", "< 200 UPDATE 128 contact=evil session=90");
        proxy.wait(1_000_000);
        proxy.sweep();
        released(proxy, "x", "129 b1 | drawn a1");
    });
}

/// An early dialog that ends leaves nothing to release when the 2xx comes.
#[test]
fn in_an_early_dialog() {
    both(|proxy| {
        for serves in [Calling, Called] {
            for (early, bye) in [
                (format!("< 180 INVITE 127 contact=b1 routes={}", LIST.replace(' ', "")), "> BYE 128 target=a1"),
                (
                    format!("< 180 INVITE 127 contact=b1 routes={}", LIST.replace(' ', "")),
                    "> BYE 128 route=<sip:hole;lr>",
                ),
                ("< 180 INVITE 127 contact= routes=<sip:s;lr>".into(), "> BYE 128 target=a1 route="),
            ] {
                let call = proxy.fresh();
                proxy.track(&call, serves, "> INVITE 127 tag=");
                proxy.see(&call, &early);
                assert_eq!(proxy.see(&call, bye), What::Misdirected, "{early} {bye}");
                assert_eq!(proxy.see(&call, "< 200 BYE 128"), What::Counted);
                assert_eq!(proxy.see(&call, "< 200 INVITE 127"), What::Confirmed);
                proxy.see(&call, "> ACK 127");
                let id = proxy.dialog(&format!("{call},a,b")).id;
                assert!(proxy.start(id).is_ok());
            }
        }
        // What is on its way ends it, also where the reply that made it told no route.
        for (early, bye) in [
            (format!("< 180 INVITE 127 routes={}", LIST.replace(' ', "")), "> BYE 128"),
            ("< 180 INVITE 127 routes=".into(), "> BYE 128 route=<sip:s;lr>"),
        ] {
            let call = proxy.fresh();
            proxy.track(&call, Calling, "> INVITE 127 tag=");
            proxy.see(&call, &early);
            assert_eq!(proxy.see(&call, bye), What::Ending, "{early}");
            assert_eq!(proxy.see(&call, "< 200 BYE 128"), What::Ended);
        }
    });
}

#[test]
fn where_the_operator_does_not_want_it() {
    both_with("s", unchecked, |proxy| {
        for (bye, reply, _) in ANSWERED.into_iter().filter(|(bye, ..)| *bye != "> BYE 128") {
            let call = proxy.fresh();
            proxy.plain(&call);
            assert_eq!((proxy.see(&call, bye), proxy.see(&call, reply)), (What::Ending, What::Ended), "{bye}");
        }
        let id = proxy.call("moved", &[Calling], "> UPDATE 128 target=x; < 200 UPDATE 128 contact=b2");
        assert_eq!(summary(&proxy.start(id).unwrap()), "129 b2 | drawn a1");
        assert_eq!(misdirected(proxy), 0);
    });
}
