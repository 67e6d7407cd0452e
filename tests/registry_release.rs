// SPDX-License-Identifier: MIT OR Apache-2.0
//! Releases from their start to their end: when one may start, what each reply does, what the host is told.

mod support;

use ims_release::cseq::CSeqs;
use ims_release::dialog::Serves::{Calling, Neither};
use ims_release::dialog::User;
use ims_release::pending::Final::{Code, NotSent};
use ims_release::pending::{LegState, Outcome};
use ims_release::registry::{By, Noted, RegistryError, Selector, Start, State, Swept, What};
use ims_release::store::Id;
use support::proxy::{Proxy, both, both_with, summary};
use support::request;

/// Tries to start a release, which must be refused and must change nothing.
fn refused(proxy: &Proxy, id: Id) -> String {
    let before = proxy.find(Selector::Id(id));
    let error = format!("{:?}", proxy.start(id).unwrap_err());
    assert_eq!(proxy.find(Selector::Id(id)), before);
    assert_eq!(proxy.told(), []);
    error
}

#[test]
fn t53_a_release_waits_for_the_answer() {
    both(|proxy| {
        let only = || proxy.find(Selector::Call(b"e"))[0].id;
        proxy.track("e", Calling, "> INVITE 127 tag=");
        assert_eq!(refused(proxy, only()), "Early");
        proxy.see("e", "< 180 INVITE 127");
        assert_eq!(refused(proxy, only()), "Early");
        proxy.see("e", "< 200 INVITE 127");
        assert_eq!(summary(&proxy.start(only()).unwrap()), "128 b1 | Held");
    });
}

#[test]
fn t53b_a_release_may_wait_for_the_ack() {
    both_with(
        "s",
        |settings| settings.hold = false,
        |proxy| {
            for (call, acknowledged) in [("e1", false), ("e2", true)] {
                let only = || proxy.find(Selector::Call(call.as_bytes()))[0].id;
                proxy.track(call, Calling, "> INVITE 127 tag=");
                proxy.see(call, "< 200 INVITE 127");
                assert_eq!(refused(proxy, only()), "NotAcknowledged");
                proxy.wait(31_999);
                assert_eq!(refused(proxy, only()), "NotAcknowledged");
                if acknowledged {
                    proxy.see(call, "> ACK 127");
                } else {
                    // Seconds are stored: never less than 64*T1, at most a second more.
                    proxy.wait(1_001);
                }
                assert_eq!(summary(&proxy.start(only()).unwrap()), "128 b1 | drawn a1");
            }
        },
    );
}

#[test]
fn t57_a_users_own_bye_ends_the_session_without_a_release() {
    both(|proxy| {
        // A BYE that nobody answers ends the session all the same.
        let id = proxy.plain("unanswered");
        proxy.see("unanswered", "> BYE 128");
        proxy.wait(63_999);
        proxy.sweep();
        assert_eq!(proxy.dialog("unanswered,a,b").state, State::Ending);
        proxy.wait(1);
        proxy.sweep();
        assert_eq!(refused(proxy, id), "NotFound");

        for (bye, reply, left) in [
            ("> BYE 128", "< 200 BYE 128", None),
            ("< BYE 9", "> 200 BYE 9", None),
            ("> BYE 128", "< 481 BYE 128", None),
            ("< BYE 9", "> 408 BYE 9", None),
            ("> BYE 128", "< 401 BYE 128", Some("129 b1 | drawn a1")),
            ("< BYE 9", "> 403 BYE 9", Some("128 b1 | 10 a1")),
        ] {
            let call = proxy.fresh();
            let id = proxy.plain(&call);
            assert_eq!(proxy.see(&call, bye), What::Ending);
            proxy.see(&call, reply);
            match left {
                Some(expected) => assert_eq!(summary(&proxy.start(id).unwrap()), expected),
                None => assert_eq!(refused(proxy, id), "NotFound"),
            }
        }
        assert_eq!(proxy.registry.stats().unwrap().counts.ended_by_user, 5);
    });
}

#[test]
fn the_outcome_is_that_of_both_replies_and_is_told_once() {
    both(|proxy| {
        for (one, other, outcome) in [
            (Code(200), Code(299), Outcome::Completed),
            (Code(200), Code(481), Outcome::Gone),
            (Code(408), Code(200), Outcome::Gone),
            (NotSent, Code(200), Outcome::Gone),
            (Code(481), NotSent, Outcome::Gone),
            (Code(200), Code(403), Outcome::Partial),
            (Code(486), Code(408), Outcome::Partial),
            (NotSent, Code(302), Outcome::Partial),
            (Code(404), Code(603), Outcome::Partial),
            (Code(403), Code(603), Outcome::Failed),
        ] {
            for (first, second) in [(User::Called, User::Calling), (User::Calling, User::Called)] {
                let call = proxy.fresh();
                // A branch that was not answered belongs to the dialog and goes with it.
                let id = proxy.call(&call, &[Neither], "< 180 INVITE 127 tag=other; OK");
                assert_eq!(proxy.note(id, first, Code(200)), Noted::Nothing);
                proxy.start(id).unwrap();
                for user in [first, second] {
                    assert_eq!(proxy.note(id, user, Code(183)), Noted::Nothing);
                }
                assert_eq!(proxy.note(id, first, one), Noted::Leg);
                for late in [Code(100), Code(200), Code(500), NotSent] {
                    assert_eq!(proxy.note(id, first, late), Noted::Nothing);
                }
                for (line, what) in [("> BYE 900", What::Releasing), ("< 200 BYE 128", What::Releasing)] {
                    assert_eq!(proxy.see(&call, line), what);
                }
                assert_eq!((refused(proxy, id), proxy.told()), ("AlreadyReleasing".into(), vec![]));
                proxy.wait(1_234);
                assert_eq!(proxy.note(id, second, other), Noted::Ended(outcome));

                let code = |reply| if let Code(code) = reply { code } else { 0 };
                let (called, calling) = if first == User::Called { (one, other) } else { (other, one) };
                let (called, calling, outcome) = (code(called), code(calling), outcome.text());
                let line = format!("{outcome} 503 {called} {calling} {call},a,b 1234 ms");
                assert_eq!(proxy.told(), [(id, line)]);
                assert_eq!((proxy.records(), proxy.find(Selector::Call(call.as_bytes()))), (0, vec![]));
                assert_eq!(proxy.note(id, second, other), Noted::Nothing);
                assert_eq!(refused(proxy, id), "NotFound");
            }
        }
        let counts = proxy.registry.stats().unwrap().counts;
        assert_eq!((counts.started, counts.completed, counts.gone, counts.partial, counts.failed), (20, 2, 8, 8, 2));
        for code in [0, 99, 700] {
            let result = proxy.registry.note(Id(1 << 32), User::Called, 1, Code(code), b"", proxy.now());
            assert!(matches!(result, Err(RegistryError::Code)));
        }
    });
}

#[test]
fn t65_one_bye_that_cannot_be_built_does_not_stop_the_other() {
    both(|proxy| {
        for (lines, expected) in [
            ("< 200 INVITE 127 contact=*; OK", "BadCalledContact | drawn a1"),
            ("< 200 INVITE 127 contact=; OK; < INFO 1", "BadCalledContact | 2 a1"),
            ("> UPDATE 128 contact=<tel:+1>; < 200 UPDATE 128", "129 b1 | BadCallingContact"),
            ("> INFO 2147483647", "CseqOverflow | drawn a1"),
            ("< INFO 4294967295", "128 b1 | CseqOverflow"),
            ("< 200 INVITE 127 routes=<tel:+1>,<sip:mo@s;lr>,<sip:pcscf1;lr>; OK", "BadRecordRoute | drawn a1"),
            (
                "< 200 INVITE 127 routes=<sip:pcscf2;lr>,<sip:mt@s;lr>,<sip:mo@s;lr>,sip:pcscf1; OK",
                "128 b1 | BadRecordRoute",
            ),
        ] {
            for (code, outcome) in [(200, "partial"), (403, "failed")] {
                let call = proxy.fresh();
                let id = proxy.call(&call, &[Calling], lines);
                let pair = proxy.start(id).unwrap();
                assert_eq!(summary(&pair), expected);
                let shown = proxy.dialog(&format!("{call},a,b"));
                let (built, missing, user) = match pair.called {
                    Ok(_) => (shown.called, shown.calling, User::Called),
                    Err(_) => (shown.calling, shown.called, User::Calling),
                };
                assert_eq!((built.state, missing.state), (LegState::Waiting, LegState::NotBuilt));
                proxy.note(id, user, Code(code));
                let (called, calling) = if user == User::Called { (code, 0) } else { (0, code) };
                assert_eq!(proxy.told(), [(id, format!("{outcome} 503 {called} {calling} {call},a,b 0 ms"))]);
            }
        }
    });
}

#[test]
fn what_cannot_be_released_at_all_stays_as_it_is() {
    both(|proxy| {
        let id = proxy.call("none", &[Calling], "< INFO 4294967295; > UPDATE 128; < 200 UPDATE 128 contact=*");
        assert_eq!(refused(proxy, id), "Legs { called: BadCalledContact, calling: CseqOverflow }");
        let id = proxy.call("foreign", &[Calling], "< 200 INVITE 127 routes=<sip:x;lr>; OK");
        assert_eq!(refused(proxy, id), "Dialog(NoOwnRoute)");
        let id = proxy.call("broken", &[Calling], "< 200 INVITE 127 routes=<tel:+1>,<sip:mo@s;lr>,<sip:pcscf1; OK");
        assert_eq!(refused(proxy, id), "Legs { called: BadRecordRoute, calling: BadRecordRoute }");

        let id = proxy.plain("short");
        let before = proxy.dialog("short,a,b");
        let mut buffer = [0; 4096];
        let mut random = || Ok(u64::MAX);
        let start = Start { by: By::Host, request: &request(), now: proxy.now() };
        let needed = proxy.registry.start(id, &start, &mut random, &mut [], &mut buffer).unwrap_err();
        assert_eq!(proxy.dialog("short,a,b"), before);
        let pair = proxy.start(id).unwrap();
        let (called, calling) = (pair.called.unwrap().bytes.len(), pair.calling.unwrap().bytes.len());
        assert_eq!(format!("{needed:?}"), format!("BufferTooSmall {{ called: {called}, calling: {calling} }}"));
        assert_eq!(proxy.registry.stats().unwrap().counts.started, 1);
    });
}

#[test]
fn the_number_of_a_bye_is_taken() {
    both(|proxy| {
        let id = proxy.call("n", &[Calling], "> UPDATE 129; < INFO 7");
        assert_eq!(summary(&proxy.start(id).unwrap()), "130 b1 | 8 a1");
        let shown = proxy.dialog("n,a,b");
        assert_eq!(shown.cseqs, CSeqs { to_called: Some(130), to_calling: Some(8) });
        assert_eq!((shown.state, shown.called.cseq, shown.calling.cseq), (State::Releasing, 130, 8));
        proxy.see("n", "> INFO 131");
        assert_eq!(proxy.dialog("n,a,b").cseqs, CSeqs { to_called: Some(131), to_calling: Some(8) });
    });
}

#[test]
fn t55_of_many_that_start_a_release_one_does() {
    both(|proxy| {
        for _ in 0..20 {
            let id = proxy.plain(&proxy.fresh());
            let starts: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| proxy.start(id))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(starts.iter().filter(|start| start.is_ok()).count(), 1);
            for start in starts.into_iter().filter_map(Result::err) {
                assert!(matches!(start, RegistryError::AlreadyReleasing), "{start:?}");
            }
        }
    });
}

#[test]
fn what_time_ends() {
    // No BYE is given up before the deadline here.
    both_with(
        "s",
        |settings| settings.attempt = 1_000_000,
        |proxy| {
            let id = proxy.plain("deadline");
            let quiet = proxy.plain("quiet");
            proxy.start(id).unwrap();
            proxy.note(id, User::Called, Code(200));
            proxy.wait(119_999);
            assert_eq!(proxy.sweep().ended, 0);
            proxy.wait(1);
            assert_eq!(proxy.sweep().ended, 1);
            assert_eq!(proxy.told(), [(id, "expired 503 200 0 deadline,a,b 120000 ms".into())]);
            assert_eq!(proxy.note(id, User::Calling, Code(200)), Noted::Nothing);
            assert_eq!((proxy.sweep().ended, proxy.told()), (0, vec![]));
            assert_eq!(refused(proxy, id), "NotFound");

            // An INVITE or early dialog lives as long as something comes; one that was refused for the longest a 2xx
            // may take.
            for (call, lines, lifetime) in [
                ("invite", &[][..], 300_000),
                ("early", &["< 180 INVITE 127"], 300_000),
                ("refused", &["< 180 INVITE 127", "< 486 INVITE 127"], 32_000),
            ] {
                let before = proxy.records();
                proxy.track(call, Calling, "> INVITE 127 tag=");
                lines.iter().for_each(|line| _ = proxy.see(call, line));
                proxy.wait(lifetime - 1);
                assert_eq!(proxy.sweep().dropped, 0, "{call}");
                proxy.wait(1);
                proxy.sweep();
                assert_eq!(proxy.records(), before, "{call}");
            }

            // T64: nothing is kept for ever, and nobody is sent a BYE for that (RFC 4028 8.3). Each message begins it
            // anew.
            proxy.wait(11 * 60 * 60 * 1_000);
            proxy.see("quiet", "> UPDATE 129");
            proxy.wait(12 * 60 * 60 * 1_000 - 1);
            assert_eq!((proxy.sweep().dropped, proxy.find(Selector::Id(quiet)).len()), (0, 1));
            proxy.wait(1);
            assert_eq!(proxy.sweep_due(), (Swept { finished: true, dropped: 1, ..Swept::default() }, vec![]));
            assert_eq!((proxy.records(), proxy.told()), (0, vec![(quiet, "idle: quiet dialog_lifetime 43200".into())]));
            assert_eq!(proxy.registry.stats().unwrap().counts.idle_dropped, 1);
        },
    );
}

#[test]
fn t64_a_session_timer_that_is_not_refreshed_drops_the_dialog() {
    const HALF_A_DAY: u64 = 43_200;
    let answer = "< 200 INVITE 127 session=1800;refresher=uas";
    for (session_timer, lines, stays) in [
        (true, &[answer][..], 1_832),
        (false, &[answer], HALF_A_DAY),
        // Seen in full from the first reply on: the early dialog becomes the dialog.
        (true, &["< 180 INVITE 127 session=90", "< 200 INVITE 127 x=1801"], 2_132),
        (true, &["< 180 INVITE 127 session=90", "< 200 INVITE 127"], HALF_A_DAY),
        // The last word counts, and no word is one (RFC 4028 7.2).
        (true, &[answer, "< UPDATE 7 session=90", "> 200 UPDATE 7 session=90"], 332),
        (true, &[answer, "> INVITE 128", "< 200 INVITE 128"], HALF_A_DAY),
        // A refusal says nothing, nor does what is no refresh.
        (true, &[answer, "> INVITE 128", "< 488 INVITE 128", "> INFO 129", "< 200 INFO 129 session=90"], 1_832),
        (true, &[answer, answer, "< 200 INVITE 127 session=90"], 1_832),
        // What cannot be read, or is longer than a dialog lives, is no session timer.
        (true, &["< 200 INVITE 127 session=x"], HALF_A_DAY),
        (true, &["< 200 INVITE 127 session=99999999999999999999"], HALF_A_DAY),
        (true, &["< 200 INVITE 127 session=0"], HALF_A_DAY),
    ] {
        both_with(
            "s",
            |settings| settings.session_timer = session_timer,
            |proxy| {
                proxy.track("x", Calling, "> INVITE 127 tag= supported=timer");
                lines.iter().for_each(|line| _ = proxy.see("x", line));
                proxy.wait(stays * 1_000 - 1);
                let left = || (proxy.sweep_due().1, proxy.find(Selector::Call(b"x")).len());
                assert_eq!(left(), (vec![], 1), "{lines:?}");
                proxy.wait(1);
                assert_eq!(left(), (vec![], 0), "{lines:?}");
                assert_eq!(proxy.registry.stats().unwrap().counts.idle_dropped, 1, "{lines:?}");
                let parameter = if stays < HALF_A_DAY { "session_timer" } else { "dialog_lifetime" };
                let told = proxy.told().into_iter().map(|(_, line)| line).collect::<Vec<_>>();
                assert_eq!(told, [format!("idle: x {parameter} {stays}")], "{lines:?}");
            },
        );
    }
}

/// RFC 4028 9: whoever does not know of timers is not bound by what the other one writes, and has a session that goes on.
#[test]
fn t64_a_session_timer_binds_only_who_knows_timers() {
    let answer = "< 200 INVITE 127 session=90;refresher=uas";
    for (invite, lines, binds) in [
        ("", &[answer][..], false),
        ("supported=100rel,path", &[answer], false),
        ("supported=100rel,TIMER", &[answer], true),
        ("k=timer", &[answer], true),
        ("session=1800", &[answer], true),
        ("x=1800", &[answer], true),
        ("", &["< 180 INVITE 127", answer], false),
        ("supported=timer", &["< 180 INVITE 127", answer], true),
        // What the called user says of itself says nothing of the calling user.
        ("", &["< 180 INVITE 127 session=90 supported=timer", "< UPDATE 7 supported=timer", answer], false),
        // Said later: in an early dialog, after a challenge, in a request that is answered with an interval, before that.
        ("", &["< 180 INVITE 127", "> UPDATE 128 supported=timer", "< 200 UPDATE 128", answer], true),
        ("", &["< 180 INVITE 127", "< 401 INVITE 127", "> INVITE 128 tag= k=timer", "< 200 INVITE 128 x=90"], true),
        ("k=timer", &["< 401 INVITE 127", "> INVITE 128 tag=", "< 200 INVITE 128 x=90"], true),
        ("", &["< 200 INVITE 127", "> INVITE 128 k=timer", "< 200 INVITE 128 session=90"], true),
        ("k=timer", &["< 200 INVITE 127", "> UPDATE 128", "< 200 UPDATE 128 session=90"], true),
        ("", &["< 200 INVITE 127", "> INVITE 128", "< 200 INVITE 128 session=90"], false),
        // The called user asks: it has told of itself with its answer, or in that request.
        ("", &[answer, "< UPDATE 7", "> 200 UPDATE 7 session=90"], true),
        ("", &["< 200 INVITE 127", "< UPDATE 7 k=timer", "> 200 UPDATE 7 session=90"], true),
        ("k=timer", &["< 200 INVITE 127", "< UPDATE 7", "> 200 UPDATE 7 session=90"], false),
        // And the calling user with its answer.
        (
            "",
            &["< 200 INVITE 127", "< UPDATE 7", "> 200 UPDATE 7 k=timer", "> UPDATE 128", "< 200 UPDATE 128 x=90"],
            true,
        ),
        // An interval that does not bind is no word of one: the timer before it is over.
        ("k=timer", &["< 200 INVITE 127 x=90", "> UPDATE 128", "< 200 UPDATE 128"], false),
    ] {
        both(|proxy| {
            proxy.track("x", Calling, format!("> INVITE 127 tag= {invite}").trim_end());
            lines.iter().for_each(|line| _ = proxy.see("x", line));
            proxy.wait(332_000);
            proxy.sweep();
            let told = proxy.told().into_iter().map(|(_, line)| line).collect::<Vec<_>>();
            let dialogs = proxy.find(Selector::Call(b"x"));
            if binds {
                assert_eq!(
                    (&told[..], dialogs.len()),
                    (&["idle: x session_timer 332".into()][..], 0),
                    "{invite} {lines:?}"
                );
            } else {
                assert_eq!((told.len(), dialogs.len()), (0, 1), "{invite} {lines:?}");
                proxy.start(dialogs[0].id).unwrap();
            }
        });
    }
}

/// One bad hour of a network is no flood in the log: so many a second are told of, and all counted.
#[test]
fn of_many_dialogs_that_are_dropped_at_once_a_few_are_told() {
    both(|proxy| {
        for (dialogs, told) in [(12, 10), (12, 10), (3, 3)] {
            (0..dialogs).for_each(|_| _ = proxy.plain(&proxy.fresh()));
            proxy.wait(12 * 60 * 60 * 1_000);
            proxy.sweep();
            assert_eq!(proxy.told().len(), told);
        }
        assert_eq!((proxy.records(), proxy.registry.stats().unwrap().counts.idle_dropped), (0, 27));
    });
}
