// SPDX-License-Identifier: MIT OR Apache-2.0
//! Jobs: many dialogs are released, each once, no faster than asked for, also where the process dies in between.

mod support;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ims_release::dialog::Serves::{Called, Calling, Neither};
use ims_release::dialog::User;
use ims_release::pending::Final::Code;
use ims_release::reason::Reason;
use ims_release::registry::{
    By, Figures, Job, JobState, MAX_JOBS, MAX_JOBS_OF_SCRIPTS, Many, RegistryError, Selector, Start,
};
use ims_release::store::Id;
use support::proxy::{Proxy, both, message};

fn job(dialogs: Many<'_>) -> Job<'_> {
    Job {
        dialogs,
        reason: Reason::sip(480, b"Maintenance").unwrap(),
        rate: 100,
        in_flight: 1_000,
        dry: false,
        by: By::Rpc,
    }
}

/// One that is like no other and finds nothing.
fn of_nobody(number: u8) -> Job<'static> {
    Job { rate: u16::from(number), ..job(Many::User(b"sip:nobody@x")) }
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
            let released = proxy.start_for(By::Job(number), id, reason).is_ok();
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
        let calls = [
            call(Calling, "b1"),
            call(Called, "b1"),
            call(Neither, "<sip:b@h:5070;transport=tcp>"),
            call(Calling, "<sip:a@[2001:db8::1]:5070>"),
        ];
        for (dialogs, expected) in [
            (Many::All, &[0, 1, 2, 3][..]),
            (Many::User(b"sip:a@home1.net"), &[0, 3]),
            (Many::User(b"sips:a@HOME1.net:5061;x=y"), &[0, 3]),
            (Many::User(b"sip:A@home1.net"), &[]),
            (Many::User(b"sip:x"), &[1]),
            (Many::User(b"tel:+1-212-555-2222"), &[]),
            (Many::Contact(b"sip:b1"), &[0, 1]),
            (Many::Contact(b"sip:a1"), &[0, 1, 2, 3]),
            (Many::Contact(b"sip:b@H:5070"), &[2]),
            (Many::Contact(b"sip:b@h"), &[]),
            (Many::Contact(b"sip:%61@[2001:DB8::0:1]:5070"), &[3]),
            (Many::User(b"sip:%61@home1.net"), &[0, 3]),
        ] {
            let number = proxy.registry.job_make(&Job { dry: true, ..job(dialogs) }, proxy.now()).unwrap();
            step(proxy);
            assert_eq!(shown(proxy, number).1.matched, expected.len() as u64, "{dialogs:?}");
        }
        for odd in [
            &b""[..],
            b"alice@home1.net",
            b"<sip:a@home1.net>",
            b"sip:a@b c",
            b":x",
            b"1:x",
            b"sip:",
            b"sip:@",
            b"sip:a@",
        ] {
            for dialogs in [Many::User(odd), Many::Contact(odd)] {
                let refused = proxy.registry.job_make(&job(dialogs), proxy.now());
                assert!(matches!(refused, Err(RegistryError::Selector)), "{dialogs:?}: {refused:?}");
            }
        }
        let user = Many::User(b"sip:x");
        proxy.registry.job_make(&job(user), proxy.now()).unwrap();
        let started = step(proxy);
        assert_eq!(started.len(), 1);
        assert_eq!(proxy.find(Selector::Id(started[0]))[0].name, format!("{},a,b", calls[1]));
    });
}

#[test]
fn a_job_cancelled_within_a_page_starts_nothing_more() {
    both(|proxy| {
        (0..30).for_each(|_| _ = proxy.plain(&proxy.fresh()));
        let number = proxy.registry.job_make(&Job { rate: 1_000, ..job(Many::All) }, proxy.now()).unwrap();
        proxy.wait(100);
        proxy.sweep();
        let mut started = 0;
        proxy
            .registry
            .job_step(proxy.now(), &mut |id, number, reason| {
                started += 1;
                let released = proxy.start_for(By::Job(number), id, reason).is_ok();
                assert_eq!(proxy.registry.job_cancel(number).unwrap(), started == 1);
                released
            })
            .unwrap();
        assert_eq!((started, shown(proxy, number).1.started), (1, 1));
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
        for other in 1..MAX_JOBS {
            proxy.registry.job_make(&of_nobody(other), proxy.now()).unwrap();
        }
        // The cancelled one goes first.
        assert_eq!(proxy.registry.job_make(&job(Many::All), proxy.now()).unwrap(), number);
        let full = proxy.registry.job_make(&of_nobody(MAX_JOBS), proxy.now());
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
                    let started = proxy.start_for(By::Job(number), id, reason).is_ok();
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
        assert_eq!((listed, proxy.records()), (0, before));
        let of_nothing = message("x", "> INFO 1");
        assert_eq!(proxy.registry.observe(of_nothing.as_bytes(), proxy.now()).unwrap().id, None);
    });
}

/// The next one of its number may be made in the same second.
#[test]
fn a_job_does_not_count_what_an_older_one_of_its_number_has_started() {
    both(|proxy| {
        let ids = ["slow", "slower"].map(|call| proxy.plain(call));
        for other in 1..MAX_JOBS {
            proxy.registry.job_make(&of_nobody(other), proxy.now()).unwrap();
        }
        let again = || proxy.registry.job_make(&job(Many::All), proxy.now()).unwrap();
        let number = again();
        assert_eq!(step(proxy), ids);
        assert_eq!(again(), number);
        answer(proxy, ids[0]);
        // What it starts itself is its own, in whichever millisecond.
        let id = proxy.plain("quick");
        let mut started = 0;
        proxy.registry.job_step(proxy.now(), &mut |_, _, _| unreachable!()).unwrap();
        while started == 0 {
            proxy.wait(1);
            proxy
                .registry
                .job_step(proxy.now(), &mut |id, number, reason| {
                    started += 1;
                    proxy.start_for(By::Job(number), id, reason).is_ok()
                })
                .unwrap();
        }
        answer(proxy, id);
        answer(proxy, ids[1]);
        let figures = shown(proxy, number).1;
        assert_eq!((figures.started, figures.completed), (1, 1));
    });
}

#[test]
fn a_user_is_known_by_what_the_network_says() {
    both(|proxy| {
        let track = |call: &str, serves, user: &[u8], headers: &str| {
            let invite =
                message(call, "> INVITE 127 tag=").replace("Content-Length", &format!("{headers}Content-Length"));
            let invite = invite.replace("INVITE sip:x SIP", "INVITE sip:bob@home2.net SIP");
            proxy.registry.track_user(invite.as_bytes(), serves, user, None, proxy.now())
        };
        let asserted = "P-Asserted-Identity: \"A\" <sip:alice@home1.net>, <tel:+1-212>\r\n";
        for (call, serves, user, headers) in [
            ("asserted", Calling, &b""[..], asserted),
            ("served", Calling, b"", "P-Served-User: <sip:s@home1.net>;sescase=orig\r\n"),
            ("given", Calling, b"<sip:given@home1.net>", asserted),
            ("called", Called, b"", asserted),
        ] {
            track(call, serves, user, headers).unwrap();
            proxy.see(call, "< 180 INVITE 127");
            proxy.see(call, "< 200 INVITE 127");
            proxy.see(call, "> ACK 127");
        }
        // Both users on one proxy: each pass tells of its own.
        track("both", Calling, b"", asserted).unwrap();
        track("both", Called, b"", "").unwrap();
        proxy.see("both", "< 200 INVITE 127");
        proxy.plain("unknown");
        // Nothing is tracked, so that the host can do it without.
        for bad in [&b"alice"[..], b"<sip:a", &[b'a'; 600]] {
            assert!(matches!(track("bad", Calling, bad, ""), Err(RegistryError::User)));
        }
        assert_eq!(proxy.find(Selector::Call(b"bad")), []);

        let means = |user: &'static [u8]| {
            let number = proxy.registry.job_make(&Job { dry: true, ..job(Many::User(user)) }, proxy.now()).unwrap();
            step(proxy);
            shown(proxy, number).1.matched
        };
        assert_eq!(means(b"sip:alice@home1.net"), 2);
        assert_eq!(means(b"tel:+1212"), 2);
        assert_eq!(means(b"sip:s@home1.net"), 1);
        assert_eq!(means(b"sip:given@home1.net"), 1);
        assert_eq!(means(b"sip:bob@home2.net"), 2);
        // From is nobody's word where the network has given its own.
        assert_eq!(means(b"sip:a@home1.net"), 1);
        assert_eq!(means(b"tel:+1-212-555-2222"), 0);
    });
}

/// A call with this P-Charging-Vector on the INVITE, or only on its 2xx.
fn charged(proxy: &Proxy, call: &str, invite: &str, answer: &str) -> Id {
    let with =
        |line: &str, header: &str| message(call, line).replace("Content-Length", &format!("{header}Content-Length"));
    let line =
        |icid: &str| if icid.is_empty() { String::new() } else { format!("P-Charging-Vector: {icid};orig-ioi=h\r\n") };
    proxy.registry.track(with("> INVITE 127 tag=", &line(invite)).as_bytes(), Calling, proxy.now()).unwrap();
    proxy.registry.observe(with("< 200 INVITE 127", &line(answer)).as_bytes(), proxy.now()).unwrap();
    proxy.see(call, "> ACK 127");
    proxy.dialog(&format!("{call},a,b")).id
}

#[test]
fn a_session_is_all_its_dialogs() {
    both(|proxy| {
        let one = charged(proxy, "one", "icid-value=s;x=\";icid-value=t\"", "icid-value=late");
        let two = charged(proxy, "two", "", "icid-value=\"s\"");
        proxy.call("one", &[], "OK; < 200 INVITE 127 tag=fork; > ACK 127 tag=fork");
        let fork = proxy.dialog("one,a,fork").id;
        charged(proxy, "three", "icid-value=S", "");
        proxy.plain("four");
        for bad in [&b""[..], b"a b", b"\"a"] {
            assert!(matches!(proxy.registry.job_make(&job(Many::Session(bad)), 0), Err(RegistryError::Selector)));
        }
        proxy.registry.job_make(&job(Many::Session(b"s")), proxy.now()).unwrap();
        let mut started = step(proxy);
        started.sort_unstable();
        let mut expected = vec![one, two, fork];
        expected.sort_unstable();
        assert_eq!(started, expected);
    });
}

#[test]
fn t49_both_byes_carry_the_icid_of_their_dialog() {
    both(|proxy| {
        let count = |bye: &support::Built| {
            let text = bye.message.clone();
            text.lines().filter(|line| line.starts_with("P-Charging-Vector: ")).map(str::to_owned).collect::<Vec<_>>()
        };
        let id = charged(proxy, "one", "icid-value=\"a;b\"", "");
        let pair = proxy.start(id).unwrap();
        for bye in [pair.called.unwrap(), pair.calling.unwrap()] {
            assert_eq!(count(&bye), ["P-Charging-Vector: icid-value=\"a;b\""]);
        }
        // Sent again too, and at most one where the host has its own.
        proxy.note(id, User::Called, Code(500));
        assert_eq!(count(&proxy.next(id, User::Called).unwrap()).len(), 1);
        proxy.note(id, User::Called, Code(500));
        let own: [&[u8]; 1] = [b"p-charging-vector : icid-value=own"];
        let id = charged(proxy, "two", "icid-value=b", "");
        let [mut called, mut calling] = [(); 2].map(|()| vec![0; 4096]);
        let request = ims_release::release::Request { headers: &own, ..support::request() };
        let start = Start { by: By::Host, request: &request, now: proxy.now() };
        let started = proxy.registry.start(id, &start, &mut || Ok(1), &mut called, &mut calling).unwrap();
        let text = String::from_utf8_lossy(&called[..started.called.unwrap().encoded.length]).to_ascii_lowercase();
        assert_eq!(text.matches("p-charging-vector").count(), 1);
        assert!(text.contains("icid-value=own"));
        let plain = proxy.plain("none");
        assert_eq!(count(&proxy.start(plain).unwrap().called.unwrap()), Vec::<String>::new());
    });
    support::proxy::both_with(
        "s",
        |settings| settings.charging_vector = false,
        |proxy| {
            let id = charged(proxy, "one", "icid-value=a", "");
            let bye = proxy.start(id).unwrap().called.unwrap();
            assert!(!bye.message.contains("P-Charging-Vector"));
        },
    );
}

#[test]
fn an_exempt_call_is_released_by_itself_alone() {
    both(|proxy| {
        let exempt = |call: &str, line: &str| proxy.registry.exempt(message(call, line).as_bytes());
        assert!(matches!(exempt("x", "> INVITE 127 tag="), Err(RegistryError::NotFound)));
        // By its INVITE: dialogs still to come included, and early ones.
        proxy.track("x", Calling, "> INVITE 127 tag=");
        proxy.see("x", "< 180 INVITE 127 tag=early");
        exempt("x", "> INVITE 127 tag=").unwrap();
        proxy.see("x", "< 180 INVITE 127");
        proxy.see("x", "< 200 INVITE 127");
        proxy.see("x", "< 200 INVITE 127 tag=fork");
        proxy.track("x", Called, "> INVITE 127 tag=");
        // By a request of the called user.
        let other = proxy.plain("y");
        exempt("y", "< INFO 1").unwrap();
        exempt("y", "< INFO 1").unwrap();
        assert!(matches!(exempt("y", "< INFO 1 from=<sip:a@b> tag=c").err(), None | Some(RegistryError::NotFound)));
        let plain = proxy.plain("plain");

        let number = proxy.registry.job_make(&job(Many::All), proxy.now()).unwrap();
        let mut started = step(proxy);
        started.extend(step(proxy));
        assert_eq!(started, [plain]);
        let (_, figures) = shown(proxy, number);
        let counted = Figures { matched: 4, exempt: 3, started: 1, ..Figures::default() };
        assert_eq!(Figures { visited: 0, ..figures }, counted);
        // As itself.
        proxy.start(other).unwrap();
        for name in ["x,a,b", "x,a,fork"] {
            proxy.start(proxy.dialog(name).id).unwrap();
        }
    });
}

#[test]
fn the_same_job_is_joined_and_looks_once_more() {
    both(|proxy| {
        let user = Many::User(b"sip:a@home1.net");
        (0..3).for_each(|_| _ = proxy.plain(&proxy.fresh()));
        let make = |job: &Job<'_>| proxy.registry.job_make(job, proxy.now());
        let number = make(&Job { rate: 10, ..job(user) }).unwrap();
        let again = || make(&Job { rate: 10, by: By::Script, reason: Reason::sip(480, b"x").unwrap(), ..job(user) });
        assert_eq!(step(proxy).len(), 1);
        // Wherever the job is, what comes now is met.
        let late: Vec<Id> = (0..40).map(|_| proxy.plain(&proxy.fresh())).collect();
        assert_eq!(again().unwrap(), number);
        let mut started = Vec::new();
        while shown(proxy, number).0 == JobState::Running {
            started.extend(step(proxy));
        }
        assert!(late.iter().all(|id| started.contains(id)));
        assert_eq!(started.len(), 42);
        // One that is over is not, nor another.
        assert_ne!(again().unwrap(), number);
        let others = [
            Job { rate: 10, dry: true, ..job(user) },
            Job { rate: 10, reason: Reason::sip(481, b"").unwrap(), ..job(user) },
            Job { rate: 10, ..job(Many::Contact(b"sip:a@home1.net")) },
            Job { rate: 11, ..job(user) },
        ];
        let mut numbers: Vec<u8> = others.iter().map(|other| make(other).unwrap()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), others.len());
    });
}

/// A script asks with each message, whatever the cause, and however the user is written.
#[test]
fn a_script_joins_whatever_is_running_for_the_same_dialogs() {
    both(|proxy| {
        let make = |by, dialogs, cause| {
            let job = Job { by, reason: Reason::sip(cause, b"").unwrap(), ..job(dialogs) };
            proxy.registry.job_make(&job, proxy.now()).unwrap()
        };
        let user = make(By::Script, Many::User(b"sip:alice@home1.net"), 480);
        let session = make(By::Script, Many::Session(b"s"), 480);
        for cause in 400..420 {
            for written in [&b"sip:alice@home1.net"[..], b"sip:%61lice@HOME1.net", b"sip:%61%6cice@home1.net;x=y"] {
                assert_eq!(make(By::Script, Many::User(written), cause), user);
            }
            assert_eq!(make(By::Script, Many::Session(b"\"s\""), cause), session);
        }
        // An operator means what he says.
        assert_ne!(make(By::Rpc, Many::User(b"sip:alice@home1.net"), 481), user);
        assert_ne!(make(By::Script, Many::Contact(b"sip:alice@home1.net"), 480), user);
    });
}

#[test]
fn scripts_leave_places_for_operators() {
    both(|proxy| {
        let make = |by, number: u8| {
            let user = format!("sip:{number}@x");
            proxy.registry.job_make(&Job { by, ..job(Many::User(user.as_bytes())) }, proxy.now())
        };
        for number in 1..=MAX_JOBS_OF_SCRIPTS {
            assert!(make(By::Script, number).unwrap() > MAX_JOBS - MAX_JOBS_OF_SCRIPTS);
        }
        for _ in 0..3 {
            assert!(matches!(make(By::Script, 100), Err(RegistryError::TooManyJobs)));
        }
        let operators: Vec<u8> =
            (1..=MAX_JOBS - MAX_JOBS_OF_SCRIPTS).map(|n| make(By::Rpc, 100 + n).unwrap()).collect();
        assert_eq!(operators, [1, 2, 3]);
        assert!(matches!(make(By::Rpc, 200), Err(RegistryError::TooManyJobs)));
    });
}

/// Calls are to be released above all when the store is full.
#[test]
fn a_full_store_has_room_for_jobs() {
    both(|proxy| {
        let mut calls = 0;
        loop {
            let invite = message(&proxy.fresh(), "> INVITE 127 tag=");
            match proxy.registry.track(invite.as_bytes(), Calling, proxy.now()) {
                Ok(_) => calls += 1,
                Err(error) => break assert!(matches!(error, RegistryError::Store(_)), "{error}"),
            }
        }
        assert!(calls > 100, "{calls}");
        for round in 0..3 {
            let number = proxy.registry.job_make(&Job { dry: true, rate: 1 + round, ..job(Many::All) }, proxy.now());
            let number = number.unwrap();
            while shown(proxy, number).0 == JobState::Running {
                step(proxy);
            }
            assert_eq!(shown(proxy, number).1.early, calls);
        }
    });
}
