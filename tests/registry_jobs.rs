// SPDX-License-Identifier: MIT OR Apache-2.0
//! Jobs: many dialogs are released, each once, no faster than asked for, also where the process dies in between.

mod support;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ims_release::dialog::Serves::{Called, Calling, Neither};
use ims_release::dialog::User;
use ims_release::pending::Final::Code;
use ims_release::reason::Reason;
use ims_release::registry::{Figures, Job, JobState, MAX_JOBS, Many, RegistryError, Selector};
use ims_release::store::Id;
use support::proxy::{Proxy, both, message};

fn job(dialogs: Many<'_>) -> Job<'_> {
    Job { dialogs, reason: Reason::sip(480, b"Maintenance").unwrap(), rate: 100, in_flight: 1_000, dry: false }
}

/// State and figures of a job.
fn shown(proxy: &Proxy, number: u8) -> (JobState, Figures) {
    let mut found = None;
    proxy
        .registry
        .jobs(&mut |job| {
            if job.number == number {
                found = Some((job.state, job.figures));
            }
        })
        .unwrap();
    found.unwrap()
}

/// One step, 100 ms after the last; gives what it has started.
fn step(proxy: &Proxy) -> Vec<Id> {
    proxy.wait(100);
    proxy.sweep();
    let mut started = Vec::new();
    proxy
        .registry
        .job_step(proxy.now(), &mut |id, number, reason| {
            let released = proxy.start_for(number, id, reason).is_ok();
            started.extend(released.then_some(id));
            released
        })
        .unwrap();
    started
}

fn answer(proxy: &Proxy, id: Id) {
    for user in [User::Called, User::Calling] {
        proxy.note(id, user, Code(200));
    }
}

#[test]
fn a_job_releases_each_dialog_once_and_no_faster_than_asked_for() {
    both(|proxy| {
        let ids: Vec<Id> = (0..60).map(|_| proxy.plain(&proxy.fresh())).collect();
        let number = proxy.registry.job_make(&Job { in_flight: 25, ..job(Many::All) }, proxy.now()).unwrap();
        assert_eq!(shown(proxy, number), (JobState::Running, Figures::default()));
        // 100 a second are 10 in each step; nobody answers, so 25 are under way and no more.
        let mut started: Vec<Id> = Vec::new();
        for expected in [10, 10, 5, 0] {
            let more = step(proxy);
            assert_eq!(more.len(), expected);
            started.extend(more);
        }
        for id in started.clone() {
            answer(proxy, id);
        }
        while shown(proxy, number).0 == JobState::Running {
            for id in step(proxy) {
                answer(proxy, id);
                started.push(id);
            }
        }
        started.sort_unstable();
        let mut all = ids;
        all.sort_unstable();
        assert_eq!(started, all);
        let (state, figures) = shown(proxy, number);
        let expected = Figures { matched: 60, started: 60, completed: 60, ..Figures::default() };
        assert_eq!((state, Figures { visited: 0, ..figures }), (JobState::Finished, expected));
        let told = proxy.told();
        assert_eq!(told.len(), 60);
        assert!(told.iter().all(|(_, line)| line.starts_with("completed 480 200 200 ")), "{told:?}");
        assert_eq!(step(proxy), []);
    });
}

#[test]
fn a_rate_that_no_step_divides_is_kept() {
    both(|proxy| {
        (0..30).for_each(|_| _ = proxy.plain(&proxy.fresh()));
        for rate in [1, 7, 15] {
            let number = proxy.registry.job_make(&Job { rate, ..job(Many::All) }, proxy.now()).unwrap();
            let started: usize = (0..10).map(|_| step(proxy).len()).sum();
            assert_eq!(started, usize::from(rate));
            assert!(proxy.registry.job_cancel(number).unwrap());
        }
    });
}

#[test]
fn what_a_job_meets_is_counted_apart() {
    both(|proxy| {
        proxy.track("invite", Calling, "> INVITE 127 tag=");
        proxy.track("early", Calling, "> INVITE 127 tag=");
        proxy.see("early", "< 180 INVITE 127");
        // It waits for what comes of the user's own BYE.
        let ending = proxy.plain("ending");
        proxy.see("ending", "> BYE 128");
        let under_way = proxy.plain("releasing");
        proxy.start(under_way).unwrap();
        proxy.call("foreign", &[Calling], "< 200 INVITE 127 routes=<sip:x;lr>; OK");
        let ids = [proxy.plain("one"), proxy.plain("two"), ending];

        let dry = proxy.registry.job_make(&Job { dry: true, ..job(Many::All) }, proxy.now()).unwrap();
        assert_eq!(step(proxy), []);
        let counted = Figures { matched: 7, early: 2, refused: 1, ..Figures::default() };
        let (state, figures) = shown(proxy, dry);
        assert_eq!((state, Figures { visited: 0, ..figures }), (JobState::Finished, counted));

        let number = proxy.registry.job_make(&job(Many::All), proxy.now()).unwrap();
        let mut started = step(proxy);
        started.extend(step(proxy));
        started.sort_unstable();
        let mut sorted = ids.to_vec();
        sorted.sort_unstable();
        assert_eq!(started, sorted);
        proxy.note(ids[0], User::Called, Code(403));
        proxy.note(ids[0], User::Calling, Code(481));
        proxy.note(ids[1], User::Called, Code(403));
        proxy.note(ids[1], User::Calling, Code(603));
        proxy.see("ending", "< 200 BYE 128");
        proxy.sweep();
        // Not the job's.
        answer(proxy, under_way);
        let counted = Figures { started: 3, refused: 2, completed: 1, partial: 1, failed: 1, ..counted };
        let (state, figures) = shown(proxy, number);
        assert_eq!((state, Figures { visited: 0, ..figures }), (JobState::Finished, counted));
    });
}

#[test]
fn a_job_is_for_those_that_are_meant() {
    both(|proxy| {
        let call = |serves, contact: &str| {
            let call = proxy.fresh();
            proxy.call(&call, &[serves], &format!("< 200 INVITE 127 contact={contact}; > ACK 127; OK"));
            call
        };
        let calls = [call(Calling, "b1"), call(Called, "b1"), call(Neither, "<sip:b@h:5070;transport=tcp>")];
        for (dialogs, expected) in [
            (Many::All, &[0, 1, 2][..]),
            (Many::User(b"sip:a@home1.net"), &[0]),
            (Many::User(b"sips:a@HOME1.net:5061;x=y"), &[0]),
            (Many::User(b"sip:A@home1.net"), &[]),
            (Many::User(b"tel:+1-212-555-2222"), &[1]),
            (Many::User(b"tel:+1-212-555"), &[]),
            (Many::Contact(b"sip:b1"), &[0, 1]),
            (Many::Contact(b"sip:a1"), &[0, 1, 2]),
            (Many::Contact(b"sip:b@H:5070"), &[2]),
            (Many::Contact(b"sip:b@h"), &[]),
        ] {
            let number = proxy.registry.job_make(&Job { dry: true, ..job(dialogs) }, proxy.now()).unwrap();
            step(proxy);
            assert_eq!(shown(proxy, number).1.matched, expected.len() as u64, "{dialogs:?}");
        }
        for odd in [&b""[..], b"alice@home1.net", b"<sip:a@home1.net>", b"sip:a@b c", b":x", b"1:x"] {
            for dialogs in [Many::User(odd), Many::Contact(odd)] {
                let refused = proxy.registry.job_make(&job(dialogs), proxy.now());
                assert!(matches!(refused, Err(RegistryError::Selector)), "{dialogs:?}: {refused:?}");
            }
        }
        let user = Many::User(b"tel:+1-212-555-2222");
        proxy.registry.job_make(&job(user), proxy.now()).unwrap();
        let started = step(proxy);
        assert_eq!(started.len(), 1);
        assert_eq!(proxy.find(Selector::Id(started[0]))[0].name, format!("{},a,b", calls[1]));
    });
}

#[test]
fn a_job_can_be_cancelled_and_makes_room_for_another() {
    both(|proxy| {
        (0..30).for_each(|_| _ = proxy.plain(&proxy.fresh()));
        let number = proxy.registry.job_make(&job(Many::All), proxy.now()).unwrap();
        assert_eq!(step(proxy).len(), 10);
        assert!(proxy.registry.job_cancel(number).unwrap());
        assert!(!proxy.registry.job_cancel(number).unwrap());
        assert_eq!((step(proxy), shown(proxy, number).0), (vec![], JobState::Cancelled));
        assert!(matches!(proxy.registry.job_cancel(MAX_JOBS), Err(RegistryError::NotFound)));
        for _ in 1..MAX_JOBS {
            proxy.registry.job_make(&job(Many::User(b"sip:nobody@x")), proxy.now()).unwrap();
        }
        // The cancelled one goes first.
        assert_eq!(proxy.registry.job_make(&job(Many::All), proxy.now()).unwrap(), number);
        let full = proxy.registry.job_make(&job(Many::All), proxy.now());
        assert!(matches!(full, Err(RegistryError::TooManyJobs)), "{full:?}");
    });
}

#[test]
fn a_job_goes_on_where_a_process_has_died() {
    both(|proxy| {
        let all: Vec<Id> = (0..150).map(|_| proxy.plain(&proxy.fresh())).collect();
        let number = proxy.registry.job_make(&Job { rate: 1_000, ..job(Many::All) }, proxy.now()).unwrap();
        // Each process starts seven, and dies with the seventh, before it can say so.
        let mut released: BTreeMap<Id, usize> = BTreeMap::new();
        for _ in 0..100 {
            if shown(proxy, number).0 != JobState::Running {
                break;
            }
            proxy.wait(100);
            proxy.sweep();
            let mut left = 7;
            let died = catch_unwind(AssertUnwindSafe(|| {
                proxy.registry.job_step(proxy.now(), &mut |id, number, reason| {
                    let started = proxy.start_for(number, id, reason).is_ok();
                    *released.entry(id).or_default() += usize::from(started);
                    left -= usize::from(started);
                    assert!(left > 0, "killed");
                    started
                })
            }));
            drop(died);
        }
        assert_eq!(shown(proxy, number).0, JobState::Finished);
        assert_eq!((released.len(), released.values().max()), (all.len(), Some(&1)));
        for id in all {
            answer(proxy, id);
        }
        assert_eq!(shown(proxy, number).1.completed, 150);
    });
}

#[test]
fn jobs_are_no_dialogs() {
    both(|proxy| {
        let before = proxy.records();
        let number = proxy.registry.job_make(&job(Many::Contact(b"sip:nobody@x")), proxy.now()).unwrap();
        step(proxy);
        proxy.wait(1 << 38);
        proxy.sweep();
        assert_eq!(shown(proxy, number).0, JobState::Finished);
        assert_eq!(proxy.registry.resume(proxy.now()).unwrap().releases, 0);
        let mut listed = 0;
        proxy.registry.list(0, 900, &mut |_| listed += 1).unwrap();
        assert_eq!((listed, proxy.records()), (0, before + 1));
        let of_nothing = message("x", "> INFO 1");
        assert_eq!(proxy.registry.observe(of_nothing.as_bytes(), proxy.now()).unwrap().id, None);
    });
}

#[test]
fn a_job_does_not_count_what_an_older_one_of_its_number_has_started() {
    both(|proxy| {
        let id = proxy.plain("slow");
        let number = proxy.registry.job_make(&job(Many::All), proxy.now()).unwrap();
        assert_eq!(step(proxy), [id]);
        assert_eq!(step(proxy), []);
        proxy.wait(2_000);
        for _ in 1..MAX_JOBS {
            proxy.registry.job_make(&job(Many::User(b"sip:nobody@x")), proxy.now()).unwrap();
        }
        assert_eq!(proxy.registry.job_make(&job(Many::User(b"sip:nobody@x")), proxy.now()).unwrap(), number);
        answer(proxy, id);
        assert_eq!(shown(proxy, number).1, Figures::default());
    });
}
