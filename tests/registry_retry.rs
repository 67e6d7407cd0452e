// SPDX-License-Identifier: MIT OR Apache-2.0
//! BYEs that are sent later or again: after a refusal, past service control, when the ACK has come, after a crash.

mod support;

use ims_release::dialog::Serves::{Called, Calling, Neither};
use ims_release::dialog::User;
use ims_release::pending::Final::{self, Code, Later, NotSent};
use ims_release::pending::{LegState, Phase, Policy, Release};
use ims_release::registry::{LONGEST_HOLD, Noted, RegistryError, Resumed, Selector, Settings, State, Swept};
use ims_release::release::Delivery::{Direct, ServiceControl};
use ims_release::store::{Id, Store};
use support::Built;
use support::proxy::{Proxy, both, both_with};

/// The word of a cell that holds the release.
const RELEASE: usize = 6;

const VIA: &str = "Via: SIP/2.0/UDP s:5060;branch=z9hG4bK1";

fn lingering(settings: &mut Settings<'_>) {
    settings.linger = 32_000;
}

/// Our BYE as it came to the proxy's own socket, with these routes left, behind the Via of whoever sends it now.
fn sent(proxy: &Proxy, id: Id, to: User, bye: &Built, routes: &str) -> String {
    let printed = bye.message.replacen("\r\n", &format!("\r\n{VIA}\r\n"), 1);
    let mut buffer = vec![0; 4096];
    let length = proxy.registry.adopt(id, to, bye.message.as_bytes(), printed.as_bytes(), &mut buffer).unwrap();
    let message = String::from_utf8(buffer[..length].to_vec()).unwrap();
    let route = message.lines().find(|line| line.starts_with("Route: ")).unwrap();
    let message = message.replace(&format!("{route}\r\n"), routes);
    message.replacen("\r\n", "\r\nVia: SIP/2.0/UDP s;branch=z9hG4bK2\r\n", 1)
}

/// The only BYE that is due now.
fn due(proxy: &Proxy) -> (Id, User) {
    let (_, due) = proxy.sweep_due();
    assert_eq!(due.len(), 1, "{due:?}");
    due[0]
}

fn nothing_is_due(proxy: &Proxy) {
    assert_eq!(proxy.sweep_due().1, []);
}

fn leg(proxy: &Proxy, id: Id, to: User) -> (LegState, u16, u8) {
    let shown = proxy.find(Selector::Id(id)).remove(0);
    let leg = if to == User::Called { shown.called } else { shown.calling };
    (leg.state, leg.code, leg.attempts)
}

#[test]
fn t61_a_bye_answered_500_or_503_is_sent_once_more() {
    both(|proxy| {
        for (code, retry_after, wait) in
            [(500, None, 0), (503, None, 0), (503, Some(10), 10_000), (500, Some(1), 1_000)]
        {
            let id = proxy.call(&proxy.fresh(), &[Neither], "> UPDATE 129; < INFO 7");
            let pair = proxy.start(id).unwrap();
            let (called, calling) = (pair.called.unwrap(), pair.calling.unwrap());
            proxy.note(id, User::Calling, Code(200));
            assert_eq!(proxy.note_of(id, User::Called, called.cseq, Code(code), retry_after), Noted::Again);
            assert_eq!(leg(proxy, id, User::Called), (LegState::Idle, code, 1));
            if wait > 0 {
                proxy.wait(wait - 10);
                nothing_is_due(proxy);
                assert!(matches!(proxy.next(id, User::Called), Err(RegistryError::NotReleasing)));
            }
            proxy.wait(20);
            assert_eq!(due(proxy), (id, User::Called));
            let again = proxy.next(id, User::Called).unwrap();
            // What the receiver knows is higher than 130, if it was that; by how much nobody knows.
            assert_eq!(again.cseq, if code == 500 { 230 } else { 131 });
            let cseq = |bye: &Built| format!("CSeq: {} BYE", bye.cseq);
            assert_eq!(again.message.replace(&cseq(&again), &cseq(&called)), called.message);
            nothing_is_due(proxy);
            assert!(matches!(proxy.next(id, User::Called), Err(RegistryError::NotReleasing)));

            // What comes late of the first, or of none, is no answer to the second (T62).
            for late in [called.cseq, calling.cseq, 0] {
                assert_eq!(proxy.note_of(id, User::Called, late, Code(200), None), Noted::Nothing);
            }
            assert_eq!(leg(proxy, id, User::Called), (LegState::Waiting, code, 2));
            let end = proxy.note_of(id, User::Called, again.cseq, Code(code), None);
            assert!(matches!(end, Noted::Ended(_)), "{end:?}");
            let told = proxy.told();
            assert!(told[0].1.starts_with(&format!("partial 503 {code} 200 ")), "{told:?}");
        }
        assert_eq!(proxy.registry.stats().unwrap().counts.retried, 4);
    });
}

#[test]
fn t61_not_beyond_the_deadline_and_not_where_the_host_does_not_want_it() {
    both(|proxy| {
        let id = proxy.call("late", &[Neither], "");
        let called = proxy.start(id).unwrap().called.unwrap();
        assert_eq!(proxy.note_of(id, User::Called, called.cseq, Code(503), Some(120)), Noted::Leg);
        assert_eq!(leg(proxy, id, User::Called), (LegState::Failed, 503, 1));
    });
    let change = |settings: &mut Settings<'_>| settings.policy = Policy { retry: false, bypass: false };
    both_with("s", change, |proxy| {
        let id = proxy.plain("never");
        proxy.start(id).unwrap();
        for (user, code) in [(User::Called, 408), (User::Calling, 500)] {
            proxy.note(id, user, Code(code));
        }
        assert_eq!(proxy.told()[0].1, "failed 503 408 500 never,a,b 0 ms");
    });
}

#[test]
fn a_bye_that_service_control_keeps_back_goes_straight_to_the_far_user() {
    both(|proxy| {
        for (serves, far) in [(Calling, User::Called), (Called, User::Calling)] {
            for kept in [Code(408), Code(500), Code(503), Code(504), NotSent] {
                let id = proxy.call(&proxy.fresh(), &[serves], "< INFO 7");
                let pair = proxy.start(id).unwrap();
                let (one, two) = (pair.called.unwrap(), pair.calling.unwrap());
                let looped = if far == User::Called { one } else { two };
                assert_eq!((looped.delivery, looped.routes().len()), (ServiceControl, 3));
                assert_eq!(proxy.note(id, far, kept), Noted::Again);
                assert_eq!(due(proxy), (id, far));
                let bare = proxy.next(id, far).unwrap();
                let route = if far == User::Called { "<sip:pcscf2;lr>" } else { "<sip:pcscf1;lr>" };
                assert_eq!(
                    (bare.delivery, &*bare.routes(), &bare.request_uri),
                    (Direct, &[route][..], &looped.request_uri)
                );
                assert_eq!(bare.cseq, looped.cseq + if kept == Code(500) { 100 } else { 1 });
                // It has its own second try.
                assert_eq!(proxy.note(id, far, Code(500)), Noted::Again);
                proxy.wait(10);
                let last = proxy.next(id, far).unwrap();
                assert_eq!((last.delivery, &*last.routes()), (Direct, &[route][..]));
                assert_eq!(proxy.note(id, far, Code(408)), Noted::Leg);
                assert_eq!(leg(proxy, id, far), (LegState::Gone, 408, 3));
            }
            // What it refuses is its decision (TS 24.229 5.4.5.1.2: "based on the outcome").
            for code in [403, 404, 480, 481, 603] {
                let id = proxy.call(&proxy.fresh(), &[serves], "");
                proxy.start(id).unwrap();
                assert_eq!(proxy.note(id, far, Code(code)), Noted::Leg);
                assert_eq!(leg(proxy, id, far), (LegState::Failed, code, 1));
            }
        }
        assert_eq!(proxy.registry.stats().unwrap().counts.bypassed, 10);
    });
}

#[test]
fn once_it_has_left_for_the_far_user_the_answer_is_that_users() {
    both(|proxy| {
        for (routes, reply, after) in [
            // To an own entry, or to an application server in front of one: not yet.
            ("Route: <sip:mt@s;lr>, <sip:pcscf2;lr>\r\n", Code(408), (LegState::Idle, 408)),
            ("Route: <sip:as;lr>, <sip:mt@s;lr>, <sip:pcscf2;lr>\r\n", Code(408), (LegState::Idle, 408)),
            ("Route: <sip:pcscf2;lr>\r\n", Code(408), (LegState::Gone, 408)),
            ("", Code(408), (LegState::Gone, 408)),
            ("", Code(481), (LegState::Gone, 481)),
            ("", Code(504), (LegState::Failed, 504)),
        ] {
            let id = proxy.plain(&proxy.fresh());
            let looped = proxy.start(id).unwrap().called.unwrap();
            let message = sent(proxy, id, User::Called, &looped, routes);
            // Somebody else's, and one whose number is another's.
            for other in [message.replace(";ims-release=", ";x="), message.replace("CSeq: 128", "CSeq: 129")] {
                proxy.registry.sent_on(other.as_bytes()).unwrap();
            }
            proxy.registry.sent_on(message.as_bytes()).unwrap();
            proxy.note(id, User::Called, reply);
            let (state, code, _) = leg(proxy, id, User::Called);
            assert_eq!((state, code), after, "{routes}{reply:?}");
        }

        // What is known of one attempt tells nothing of the next.
        let id = proxy.plain("again");
        let first = proxy.start(id).unwrap().called.unwrap();
        proxy.registry.sent_on(sent(proxy, id, User::Called, &first, "").as_bytes()).unwrap();
        assert_eq!(proxy.note(id, User::Called, Code(500)), Noted::Again);
        proxy.wait(10);
        let second = proxy.next(id, User::Called).unwrap();
        assert_eq!((second.delivery, second.routes().len()), (ServiceControl, 3));
        assert_eq!(proxy.note(id, User::Called, Code(408)), Noted::Again);
        proxy.wait(10);
        assert_eq!(proxy.next(id, User::Called).unwrap().delivery, Direct);
    });
}

#[test]
fn t53b_the_bye_to_the_calling_user_waits_for_its_ack() {
    both(|proxy| {
        for (serves, delivery) in [(Calling, Direct), (Called, ServiceControl)] {
            for acknowledged in [true, false] {
                let call = proxy.fresh();
                proxy.track(&call, serves, "> INVITE 127 tag=");
                proxy.see(&call, "< 200 INVITE 127");
                let id = proxy.dialog(&format!("{call},a,b")).id;
                let pair = proxy.start(id).unwrap();
                assert_eq!((pair.called.is_ok(), format!("{:?}", pair.calling)), (true, "Err(Held)".into()));
                proxy.note(id, User::Called, if serves == Calling { Code(200) } else { Code(481) });
                proxy.wait(if acknowledged { 100 } else { 31_990 });
                nothing_is_due(proxy);
                assert!(matches!(proxy.next(id, User::Calling), Err(RegistryError::NotReleasing)));
                if acknowledged {
                    proxy.see(&call, "> ACK 127");
                } else {
                    proxy.wait(1_010);
                }
                assert_eq!(due(proxy), (id, User::Calling));
                let held = proxy.next(id, User::Calling).unwrap();
                assert_eq!(held.delivery, delivery);
                assert!(matches!(proxy.note(id, User::Calling, Code(200)), Noted::Ended(_)));
                assert_eq!(proxy.told().len(), 1);
            }
        }
    });
}

/// However short the deadline is that a host may configure, what was held has time for an attempt.
#[test]
fn t53b_a_deadline_leaves_time_for_a_bye_that_was_held() {
    let change = |settings: &mut Settings<'_>| settings.deadline = LONGEST_HOLD + settings.attempt;
    both_with("s", change, |proxy| {
        proxy.wait(999);
        proxy.track("silent", Neither, "> INVITE 127 tag=");
        proxy.see("silent", "< 200 INVITE 127");
        let id = proxy.dialog("silent,a,b").id;
        assert!(proxy.start(id).unwrap().calling.is_err());
        proxy.note(id, User::Called, Code(200));
        proxy.wait(31_990);
        nothing_is_due(proxy);
        proxy.wait(LONGEST_HOLD - 31_990);
        assert_eq!(due(proxy), (id, User::Calling));
        proxy.next(id, User::Calling).unwrap();
        proxy.wait(39_990);
        assert_eq!((proxy.sweep().ended, proxy.told()), (0, vec![]));
        proxy.note(id, User::Calling, Code(200));
        assert_eq!(proxy.told(), [(id, "completed 503 200 200 silent,a,b 72990 ms".into())]);
    });
}

#[test]
fn a_bye_whose_sender_has_died_is_given_up_or_sent_by_another() {
    both(|proxy| {
        // Nobody notes anything: the process is gone, or its host has lost the reply.
        let id = proxy.plain("lost");
        proxy.start(id).unwrap();
        proxy.wait(39_990);
        nothing_is_due(proxy);
        proxy.wait(20);
        assert_eq!(proxy.sweep_due().1, [(id, User::Called), (id, User::Calling)]);
        // Past service control the one, the other once more: nobody knows whether it was sent.
        assert_eq!(proxy.next(id, User::Called).unwrap().delivery, Direct);
        assert_eq!(leg(proxy, id, User::Calling), (LegState::Idle, 408, 1));
        proxy.next(id, User::Calling).unwrap();
        proxy.wait(39_980);
        nothing_is_due(proxy);
        proxy.wait(20);
        // There is no time for a third.
        nothing_is_due(proxy);
        assert_eq!(proxy.told()[0].1, "gone 503 408 408 lost,a,b 80010 ms");

        // It was killed when it had claimed the release, and before it sent anything.
        let id = proxy.plain("claimed");
        let now = proxy.now() / 1_000;
        let claim = Release {
            phase: Phase::UnderWay,
            looped: Some(User::Called),
            cause: 402,
            started: now,
            ..Release::default()
        };
        assert!(proxy.registry.store().compare_exchange(id, RELEASE, 0, claim.to_word()).unwrap());
        proxy.registry.note(Id(1 << 40), User::Called, 1, Code(200), b"", proxy.now()).unwrap();
        nothing_is_due(proxy);
        proxy.wait(2_010);
        assert_eq!(proxy.sweep_due().1, [(id, User::Called), (id, User::Calling)]);
        let called = proxy.next(id, User::Called).unwrap();
        assert_eq!((called.delivery, called.cseq), (ServiceControl, 128));
        assert!(called.message.contains("\r\nReason: SIP;cause=402\r\n"), "{}", called.message);
        assert_eq!(due(proxy), (id, User::Calling));
    });
}

#[test]
fn of_many_that_fetch_a_bye_one_gets_it() {
    both(|proxy| {
        for _ in 0..20 {
            let id = proxy.call(&proxy.fresh(), &[Neither], "");
            proxy.start(id).unwrap();
            proxy.note(id, User::Called, Code(503));
            proxy.wait(10);
            let fetched: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| proxy.next(id, User::Called))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(fetched.iter().filter(|bye| bye.is_ok()).count(), 1);
            for error in fetched.into_iter().filter_map(Result::err) {
                assert!(matches!(error, RegistryError::NotReleasing), "{error:?}");
            }
            assert_eq!(leg(proxy, id, User::Called), (LegState::Waiting, 503, 2));
        }
    });
}

#[test]
fn a_bye_that_cannot_be_built_again_ends_its_leg() {
    both(|proxy| {
        let id = proxy.call("full", &[Neither], "> INFO 2147483646");
        proxy.start(id).unwrap();
        proxy.note(id, User::Calling, Code(200));
        assert_eq!(proxy.note(id, User::Called, Code(503)), Noted::Again);
        proxy.wait(10);
        let error = proxy.next(id, User::Called).unwrap_err();
        assert!(matches!(error, RegistryError::Dialog(ims_release::Error::CseqOverflow)), "{error:?}");
        assert_eq!(proxy.told()[0].1, "partial 503 503 200 full,a,b 10 ms");
    });
}

#[test]
fn after_a_restart_every_release_goes_on() {
    both(|proxy| {
        for down in [10, 3_600_000, 60 * 60 * 60 * 1_000] {
            let answered = |id, to, reply: Final| proxy.note(id, to, reply);
            let both_open = proxy.plain(&proxy.fresh());
            let one_open = proxy.plain(&proxy.fresh());
            let held = proxy.fresh();
            proxy.track(&held, Calling, "> INVITE 127 tag=");
            proxy.see(&held, "< 200 INVITE 127");
            let held = proxy.dialog(&format!("{held},a,b")).id;
            for id in [both_open, one_open, held] {
                proxy.start(id).unwrap();
            }
            answered(one_open, User::Calling, Code(200));
            let refused = proxy.dialog(&proxy.find(Selector::Id(both_open))[0].name).called.cseq;
            proxy.wait(down);
            // What users send is looked at from the first request on, before any round of the sweep.
            assert_eq!(proxy.registry.is_active(proxy.now()).unwrap(), down == 10);
            let expected = Resumed { releases: 3, byes: 5, unconfirmed: 0 };
            assert_eq!(proxy.registry.resume(proxy.now()).unwrap(), expected);
            assert!(proxy.registry.is_active(proxy.now()).unwrap());
            // Killed half-way, it is done again.
            assert_eq!(proxy.registry.resume(proxy.now()).unwrap(), expected);
            proxy.wait(10);
            let (swept, mut due) = proxy.sweep_due();
            let mut all = vec![
                (both_open, User::Called),
                (both_open, User::Calling),
                (one_open, User::Called),
                (held, User::Called),
                (held, User::Calling),
            ];
            if down == 10 {
                all.pop(); // the hold is not over
            }
            for list in [&mut due, &mut all] {
                list.sort_by_key(|(id, to)| (*id, *to == User::Calling));
            }
            assert_eq!((swept.ended, due), (0, all), "{down}");
            // The reply to the first one, should it come, is not that to the second.
            let again = proxy.next(both_open, User::Called).unwrap();
            assert_eq!((again.cseq, again.delivery), (refused + 1, ServiceControl));
            assert_eq!(proxy.note_of(both_open, User::Called, refused, Code(200), None), Noted::Nothing);
            proxy.next(both_open, User::Calling).unwrap();
            answered(both_open, User::Called, Code(200));
            answered(both_open, User::Calling, Code(481));
            proxy.next(one_open, User::Called).unwrap();
            answered(one_open, User::Called, Code(200));
            let told: Vec<_> = proxy.told().into_iter().map(|(id, line)| (id, line[..12].to_owned())).collect();
            assert_eq!(told, [(both_open, "gone 503 200".into()), (one_open, "completed 50".into())]);
            // The deadline counts from the restart, which is known by its second.
            proxy.wait(121_000);
            assert_eq!(proxy.sweep().ended, 1);
            assert_eq!(proxy.told()[0].0, held);
        }
    });
}

#[test]
fn after_a_restart_no_release_ends_before_its_bye_had_its_turn() {
    both(|proxy| {
        // The host sends one BYE in ten seconds; half of them is due later than the deadline.
        let ids: Vec<Id> = (0..12).map(|_| proxy.plain(&proxy.fresh())).collect();
        ids.iter().for_each(|id| _ = proxy.start(*id).unwrap());
        proxy.wait(5_000);
        proxy.registry.resume(proxy.now()).unwrap();
        for _ in 0..2 * ids.len() {
            proxy.wait(10_000);
            let (swept, due) = proxy.sweep_due();
            assert_eq!(swept.ended, 0);
            let (id, user) = due[0];
            proxy.next(id, user).unwrap();
            proxy.note(id, user, Code(200));
        }
        let told = proxy.told();
        assert_eq!(told.len(), ids.len());
        assert!(told.iter().all(|(_, line)| line.starts_with("completed 503 200 200 ")), "{told:?}");

        // One that has started since ends as ever; and a host that never sends any keeps none.
        let old = proxy.plain(&proxy.fresh());
        proxy.start(old).unwrap();
        proxy.wait(5_000);
        proxy.registry.resume(proxy.now()).unwrap();
        proxy.wait(5_000);
        let new = proxy.plain(&proxy.fresh());
        proxy.start(new).unwrap();
        let mut ends = Vec::new();
        for minute in 1..=30 {
            proxy.wait(60_000);
            proxy.sweep();
            ends.extend(proxy.told().into_iter().map(|(id, line)| (id, minute, line[..7].to_owned())));
        }
        assert_eq!(ends, [(new, 2, "expired".into()), (old, 19, "expired".into())]);
    });
}

#[test]
fn an_outcome_that_may_not_have_been_heard_is_not_told_again() {
    both_with("s", lingering, |proxy| {
        for resume in [true, false] {
            let id = proxy.plain(&proxy.fresh());
            proxy.start(id).unwrap();
            proxy.note(id, User::Called, Code(200));
            // The process is killed while it tells.
            let store = proxy.registry.store();
            let under_way = store.word(id, RELEASE).unwrap().unwrap();
            let telling = Release { phase: Phase::Telling, ..Release::from_word(under_way) };
            assert!(store.compare_exchange(id, RELEASE, under_way, telling.to_word()).unwrap());
            if resume {
                assert_eq!(proxy.registry.resume(proxy.now()).unwrap().unconfirmed, 1);
                let shown = &proxy.find(Selector::Id(id))[0];
                assert_eq!(shown.state, State::Released);
                assert!(shown.all.contains("unconfirmed: true"), "{}", shown.all);
            }
            assert_eq!(proxy.note(id, User::Calling, Code(200)), Noted::Nothing);
            proxy.wait(200_000);
            proxy.sweep();
            // Once, and as such.
            let told = proxy.told();
            assert_eq!((told.len(), proxy.records()), (1, 0), "{told:?}");
            assert!(told[0].1.starts_with("unconfirmed: expired 503 200 0 ") && told[0].0 == id, "{told:?}");
        }
        assert_eq!(proxy.registry.stats().unwrap().counts.unconfirmed, 2);
    });
}

#[test]
fn what_was_released_stays_known_for_what_comes_late() {
    both_with("s", lingering, |proxy| {
        let id = proxy.call("gone", &[Calling], "< 180 INVITE 127 tag=fork; OK");
        proxy.start(id).unwrap();
        proxy.note(id, User::Called, Code(200));
        proxy.wait(1_230);
        proxy.note(id, User::Calling, Code(481));
        let shown = proxy.dialog("gone,a,b");
        assert_eq!((shown.id, shown.state), (id, State::Released));
        assert!(shown.all.contains("outcome: Some(Gone)"), "{}", shown.all);
        let mut listed = 0;
        proxy.registry.list(0, 900, &mut |_| listed += 1).unwrap();
        assert_eq!(listed, 0);
        assert!(matches!(proxy.start(id), Err(RegistryError::Released)));
        // The 2xx and the ACK once more make no dialog of it, nor does a reply to the BYE.
        for line in ["< 200 INVITE 127", "> ACK 127", "< 200 BYE 128", "> INFO 200"] {
            proxy.see("gone", line);
        }
        assert_eq!(proxy.note(id, User::Calling, Code(200)), Noted::Nothing);
        proxy.wait(31_990);
        proxy.sweep();
        assert_eq!((proxy.records(), proxy.dialog("gone,a,b").state), (1, State::Released));
        proxy.wait(20);
        assert_eq!(proxy.sweep_due(), (Swept { finished: true, dropped: 1, ..Swept::default() }, vec![]));
        assert_eq!((proxy.records(), proxy.told().len()), (0, 1));
    });
}

#[test]
fn a_damaged_word_makes_no_second_pair() {
    both(|proxy| {
        let id = proxy.plain("flip");
        proxy.start(id).unwrap();
        let store = proxy.registry.store();
        let word = store.word(id, RELEASE).unwrap().unwrap();
        assert!(store.compare_exchange(id, RELEASE, word, 0).unwrap());
        assert!(matches!(proxy.start(id), Err(RegistryError::AlreadyReleasing)));
    });
}

#[test]
fn an_operator_may_drop_a_dialog_unless_it_is_being_released() {
    both_with("s", lingering, |proxy| {
        let id = proxy.call("x", &[Neither], "< 180 INVITE 127 tag=fork; OK");
        assert!(proxy.registry.drop_dialog(id).unwrap());
        assert!(matches!(proxy.registry.drop_dialog(id), Err(RegistryError::NotFound)));
        assert_eq!((proxy.records(), proxy.told()), (0, vec![]));
        let id = proxy.call("y", &[Neither], "");
        proxy.start(id).unwrap();
        assert!(matches!(proxy.registry.drop_dialog(id), Err(RegistryError::AlreadyReleasing)));
        for user in [User::Called, User::Calling] {
            proxy.note(id, user, Code(200));
        }
        assert!(proxy.registry.drop_dialog(id).unwrap());
        assert_eq!((proxy.records(), proxy.told().len()), (0, 1));
    });
}

#[test]
fn a_host_without_room_sends_it_later_and_nobody_counts_it_as_sent() {
    both(|proxy| {
        let id = proxy.plain("full");
        proxy.start(id).unwrap();
        for user in [User::Called, User::Calling] {
            assert_eq!(proxy.note(id, user, Later), Noted::Again);
        }
        proxy.wait(990);
        nothing_is_due(proxy);
        // As long as the start may be under way the first BYEs are left to it.
        proxy.wait(1_020);
        assert_eq!(proxy.sweep_due().1.len(), 2);
        let called = proxy.next(id, User::Called).unwrap();
        // The same way, and the second try that a refusal gives is still there.
        assert_eq!((called.delivery, called.cseq), (ServiceControl, 129));
        proxy.next(id, User::Calling).unwrap();
        assert_eq!(proxy.note(id, User::Calling, Code(500)), Noted::Again);
        assert_eq!(proxy.registry.stats().unwrap().counts.retried, 1);
    });
}
