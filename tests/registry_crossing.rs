// SPDX-License-Identifier: MIT OR Apache-2.0
//! T57: the trigger while a user's own BYE is under way. Both BYEs of the release are held until that one is answered,
//! for 64*T1 at most; an answer that ends the session settles the release, and no BYE of ours goes out.

mod support;

use ims_release::dialog::Serves::{Called, Calling, Neither};
use ims_release::dialog::User;
use ims_release::pending::Final::Code;
use ims_release::pending::LegState;
use ims_release::registry::{Pass, RegistryError, Selector, Settings, State, What};
use ims_release::store::Id;
use support::proxy::{Proxy, both, both_with, message, summary};

fn lingering(settings: &mut Settings<'_>) {
    settings.linger = 32_000;
}

/// A release that starts while these BYEs of the users are under way.
fn crossed(proxy: &Proxy, call: &str, byes: &[&str]) -> Id {
    let id = proxy.plain(call);
    for bye in byes {
        assert_eq!(proxy.see(call, bye), What::Ending, "{bye}");
    }
    assert_eq!(proxy.find(Selector::Id(id))[0].state, State::Ending);
    assert_eq!(summary(&proxy.start(id).unwrap()), "Held | Held");
    assert_eq!(proxy.find(Selector::Id(id))[0].state, State::Releasing);
    held(proxy, id);
    id
}

fn held(proxy: &Proxy, id: Id) {
    let (swept, due) = proxy.sweep_due();
    assert_eq!((swept.ended, due), (0, vec![]));
    for user in [User::Called, User::Calling] {
        assert!(matches!(proxy.next(id, user), Err(RegistryError::NotReleasing)));
    }
    assert_eq!(proxy.told(), []);
}

/// Both BYEs are due, and are handed out once; what they are.
fn freed(proxy: &Proxy, id: Id) -> String {
    assert_eq!(proxy.sweep_due().1, [(id, User::Called), (id, User::Calling)]);
    let [called, calling] = [User::Called, User::Calling].map(|user| proxy.next(id, user).unwrap());
    assert_eq!(proxy.sweep_due().1, []);
    summary(&support::Pair { called: Ok(called), calling: Ok(calling) })
}

#[test]
fn t57_the_answer_to_the_users_bye_settles_the_release() {
    both_with("s", lingering, |proxy| {
        for (bye, reply, outcome) in [
            ("> BYE 128", "< 200 BYE 128", "completed 503 200 200"),
            ("< BYE 9", "> 202 BYE 9", "completed 503 202 202"),
            ("> BYE 128", "< 481 BYE 128", "gone 503 481 481"),
            ("< BYE 9", "> 408 BYE 9", "gone 503 408 408"),
        ] {
            let call = proxy.fresh();
            let id = crossed(proxy, &call, &[bye]);
            proxy.wait(1_230);
            // Neither provisional nor to another BYE.
            for other in [reply.replace(&reply[2..5], "100"), reply.replace(" BYE ", " BYE 7")] {
                assert_eq!(proxy.see(&call, &other), What::Releasing);
                held(proxy, id);
            }
            assert_eq!(proxy.see(&call, reply), What::Releasing);
            for user in [User::Called, User::Calling] {
                assert!(matches!(proxy.next(id, user), Err(RegistryError::NotReleasing)));
            }
            let (swept, due) = proxy.sweep_due();
            assert_eq!((swept.ended, due), (1, vec![]));
            assert_eq!(proxy.told(), [(id, format!("{outcome} {call},a,b 1230 ms"))]);
            let shown = proxy.dialog(&format!("{call},a,b"));
            assert_eq!((shown.state, shown.called.attempts, shown.calling.attempts), (State::Released, 0, 0));
            // Once more, or late: nothing more comes of it.
            proxy.see(&call, reply);
            proxy.see(&call, bye);
            assert_eq!((proxy.sweep().ended, proxy.told()), (0, vec![]));
            assert!(matches!(proxy.start(id), Err(RegistryError::Released)));
        }
        let counts = proxy.registry.stats().unwrap().counts;
        assert_eq!((counts.started, counts.completed, counts.gone, counts.ended_by_user), (4, 2, 2, 0));
    });
}

#[test]
fn t57_a_refusal_of_the_users_bye_frees_both() {
    both(|proxy| {
        for (bye, reply, expected) in [
            ("> BYE 128", "< 401 BYE 128", "129 b1 | drawn a1"),
            ("> BYE 128", "< 500 BYE 128", "129 b1 | drawn a1"),
            ("< BYE 9", "> 407 BYE 9", "128 b1 | 10 a1"),
            ("< BYE 9", "> 603 BYE 9", "128 b1 | 10 a1"),
        ] {
            let call = proxy.fresh();
            let id = crossed(proxy, &call, &[bye]);
            proxy.wait(300);
            assert_eq!(proxy.see(&call, reply), What::Releasing);
            assert_eq!(freed(proxy, id), expected);
            // Too late: ours are out, and have answers of their own.
            proxy.see(&call, &reply.replace(&reply[2..5], "200"));
            assert_eq!((proxy.sweep().ended, proxy.told()), (0, vec![]));
            proxy.note(id, User::Called, Code(200));
            proxy.note(id, User::Calling, Code(200));
            assert_eq!(proxy.told(), [(id, format!("completed 503 200 200 {call},a,b 300 ms"))]);
        }
        // Of both users: one that is refused leaves the other, which ends it.
        let id = crossed(proxy, "glare", &["> BYE 128", "< BYE 9"]);
        proxy.see("glare", "> 500 BYE 9");
        held(proxy, id);
        proxy.see("glare", "< 200 BYE 128");
        assert_eq!(proxy.sweep().ended, 1);
        assert_eq!(proxy.told(), [(id, "completed 503 200 200 glare,a,b 0 ms".into())]);
        let id = crossed(proxy, "glare", &["> BYE 128", "< BYE 9"]);
        proxy.see("glare", "> 200 BYE 9");
        proxy.see("glare", "< 500 BYE 128");
        assert_eq!(proxy.sweep().ended, 1);
        assert_eq!(proxy.told(), [(id, "completed 503 200 200 glare,a,b 0 ms".into())]);
    });
}

#[test]
fn t57_no_bye_of_a_user_holds_a_release_for_longer_than_64_t1() {
    both(|proxy| {
        let id = crossed(proxy, "long", &["> BYE 128", "> BYE 129"]);
        for number in 130..146 {
            proxy.wait(1_990);
            proxy.see("long", &format!("> BYE {number}"));
            proxy.see("long", &format!("< BYE {number}"));
            held(proxy, id);
        }
        // The second in which a release starts is stored: never less than 64*T1, at most one second more.
        proxy.wait(32_999 - 16 * 1_990);
        held(proxy, id);
        proxy.wait(1);
        assert_eq!(freed(proxy, id), "130 b1 | drawn a1");
        proxy.note(id, User::Called, Code(200));
        // It is answered after all: that user has had ours, and answers it.
        proxy.see("long", "< 200 BYE 129");
        assert_eq!(proxy.find(Selector::Id(id))[0].calling.state, LegState::Waiting);
        proxy.note(id, User::Calling, Code(481));
        assert_eq!(proxy.told(), [(id, "gone 503 200 481 long,a,b 33000 ms".into())]);
    });
    // However short the deadline is, there is time for an attempt.
    let change = |settings: &mut Settings<'_>| (settings.deadline, settings.attempt) = (50_000, 40_000);
    both_with("s", change, |proxy| {
        let id = crossed(proxy, "short", &["> BYE 128"]);
        proxy.wait(9_999);
        held(proxy, id);
        proxy.wait(1);
        assert_eq!(freed(proxy, id), "129 b1 | drawn a1");
    });
}

/// Who answers when one of ours is out already, which is where the sender's leg is not his any more.
#[test]
fn t57_a_leg_with_a_bye_of_ours_ends_by_its_own_answer() {
    both(|proxy| {
        let id = crossed(proxy, "late", &["> BYE 128"]);
        proxy.wait(33_000);
        proxy.next(id, User::Calling).unwrap();
        proxy.see("late", "< 200 BYE 128");
        let shown = proxy.find(Selector::Id(id)).remove(0);
        assert_eq!((shown.called.state, shown.calling.state), (LegState::Done, LegState::Waiting));
        proxy.note(id, User::Calling, Code(481));
        assert_eq!(proxy.told(), [(id, "gone 503 200 481 late,a,b 33000 ms".into())]);
    });
}

#[test]
fn t57_what_comes_after_the_trigger_is_refused_and_a_retransmission_is_not() {
    both_with("s", lingering, |proxy| {
        let pass = |line: &str| proxy.registry.recognise(message("x", line).as_bytes(), false, proxy.now()).unwrap();
        let id = crossed(proxy, "x", &["> BYE 128"]);
        for (line, expected) in [
            ("> BYE 128", Pass::NotOurs),
            ("> BYE 129", Pass::Refused(id)),
            ("> BYE 127", Pass::Refused(id)),
            ("< BYE 128", Pass::Refused(id)),
            ("> INFO 128", Pass::Refused(id)),
        ] {
            assert_eq!(pass(line), expected, "{line}");
        }
        // Answered, and the host has no transaction of it any more: there is no such call.
        proxy.see("x", "< 200 BYE 128");
        proxy.sweep();
        assert_eq!((pass("> BYE 128"), proxy.told().len()), (Pass::Refused(id), 1));

        let id = crossed(proxy, "y", &["< BYE 9"]);
        let pass = |line: &str| proxy.registry.recognise(message("y", line).as_bytes(), false, proxy.now()).unwrap();
        assert_eq!(pass("< BYE 9"), Pass::NotOurs);
        proxy.see("y", "> 403 BYE 9");
        assert_eq!(pass("< BYE 9"), Pass::Refused(id));
    });
}

/// The ACK is awaited beside it, and whatever comes last frees the BYE to the calling user.
#[test]
fn t57_and_no_ack_yet() {
    both(|proxy| {
        for serves in [Calling, Called, Neither] {
            let call = proxy.fresh();
            proxy.track(&call, serves, "> INVITE 127 tag=");
            proxy.see(&call, "< 200 INVITE 127");
            proxy.see(&call, "< BYE 9");
            let id = proxy.dialog(&format!("{call},a,b")).id;
            let pair = proxy.start(id).unwrap();
            assert!(pair.called.is_err() && pair.calling.is_err());
            held(proxy, id);
            proxy.see(&call, "> 500 BYE 9");
            assert_eq!(proxy.sweep_due().1, [(id, User::Called)]);
            proxy.next(id, User::Called).unwrap();
            proxy.see(&call, "> ACK 127");
            assert_eq!(proxy.sweep_due().1, [(id, User::Calling)]);
            proxy.next(id, User::Calling).unwrap();
        }
    });
}

/// A restart forgets no hold, and waits for no answer that cannot come for longer than for any.
#[test]
fn t57_after_a_restart() {
    both(|proxy| {
        let answered = crossed(proxy, "one", &["> BYE 128"]);
        let silent = crossed(proxy, "two", &["> BYE 128"]);
        proxy.wait(5_000);
        proxy.registry.resume(proxy.now()).unwrap();
        held(proxy, answered);
        proxy.see("one", "< 200 BYE 128");
        assert_eq!(proxy.sweep().ended, 1);
        assert_eq!(proxy.told(), [(answered, "completed 503 200 200 one,a,b 5000 ms".into())]);
        proxy.wait(28_000);
        assert_eq!(freed(proxy, silent), "129 b1 | drawn a1");
    });
}

#[test]
fn t57_a_user_that_hangs_up_after_the_start_has_no_session() {
    both(|proxy| {
        for (line, user) in [("> BYE 300", User::Calling), ("< BYE 300", User::Called)] {
            for code in [401, 403, 500, 503] {
                let call = proxy.fresh();
                let id = proxy.call(&call, &[Neither], "");
                proxy.start(id).unwrap();
                let bye = message(&call, line);
                let pass = proxy.registry.recognise(bye.as_bytes(), false, proxy.now()).unwrap();
                assert_eq!(pass, Pass::Refused(id));
                proxy.note(id, user, Code(code));
                proxy.note(id, if user == User::Called { User::Calling } else { User::Called }, Code(200));
                assert!(proxy.told()[0].1.starts_with("gone 503 "), "{code}");
            }
        }
    });
}
