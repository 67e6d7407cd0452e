// SPDX-License-Identifier: MIT OR Apache-2.0
//! One process stands still in the middle of an operation, in front of each of its steps in the store, while another
//! does something else with the same release: whichever comes first, each release has one outcome, and no BYE goes out
//! while the one before it may still be answered.

mod support;

#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/stepped.rs"]
mod stepped;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};

use ims_release::dialog::{Serves, User};
use ims_release::registry::{Entry, RegistryError, Selector, Settings, State as DialogState, What};
use ims_release::store::MemoryStore;

use ledger::{Handed, Host, now, set_now, wait};
use stepped::{BETWEEN, READ, STEPS_LEFT, Stepped};
use support::proxy::message;

/// There is one clock.
static TURN: Mutex<()> = Mutex::new(());

const T0: u64 = 1_800_000_000_000;
const DEADLINE: u64 = 10_000;
const ATTEMPT: u64 = 1_000;
const LINGER: u64 = 30_000;
const CALL: &str = "s";

type Proxy = Host<Stepped>;
type Act = fn(&Proxy);

/// What may happen at one state of a release.
struct State {
    before: fn(&Proxy),
    acts: &'static [(&'static str, Act)],
}

fn dialog(host: &Proxy) {
    host.registry.track(message(CALL, "> INVITE 127 tag=").as_bytes(), Serves::Calling, now()).unwrap();
    for line in ["< 200 INVITE 127", "> ACK 127", "> INFO 128", "< INFO 6"] {
        host.see(CALL, line);
    }
}

fn started(host: &Proxy) {
    dialog(host);
    start(host);
    wait(100);
}

fn start(host: &Proxy) {
    use RegistryError::{AlreadyReleasing, NotFound, Released};
    let Some((id, _)) = host.dialog(CALL) else { return };
    match host.start(id) {
        Ok(()) | Err(AlreadyReleasing | NotFound | Released) => (),
        Err(error) => panic!("{error}"),
    }
}

/// A reply to the BYE that is out.
fn reply(host: &Proxy, to: User, code: u16) {
    let Some((id, _)) = host.dialog(CALL) else { return };
    let leg = host.leg(id, to);
    if leg.attempts > 0 {
        host.note(id, to, leg.cseq, code, None);
    }
}

fn next(host: &Proxy, to: User) {
    use RegistryError::{NotFound, NotReleasing};
    let Some((id, _)) = host.dialog(CALL) else { return };
    match host.next(id, to) {
        Ok(_) | Err(NotReleasing | NotFound) => (),
        Err(error) => panic!("{error}"),
    }
}

fn sweep(host: &Proxy) {
    for (_, to) in host.sweep() {
        next(host, to);
    }
}

fn sweep_later(host: &Proxy) {
    wait(1_000);
    sweep(host);
}

fn info(host: &Proxy) {
    host.see(CALL, "> INFO 140");
}

fn bye_of_a_user(host: &Proxy) {
    host.see(CALL, "> BYE 141");
    host.see(CALL, "< 200 BYE 141");
}

fn answer_to_a_user(host: &Proxy) {
    host.see(CALL, "< 200 BYE 141");
}

fn refusal_of_a_user(host: &Proxy) {
    host.see(CALL, "< 500 BYE 141");
}

fn end_of_the_hold(host: &Proxy) {
    wait(DEADLINE - ATTEMPT);
    sweep(host);
}

const STATES: [State; 7] = [
    State {
        before: dialog,
        acts: &[("start", start), ("a user's BYE", bye_of_a_user), ("a user's request", info), ("sweep", sweep)],
    },
    State {
        before: |host| {
            dialog(host);
            wait(Settings::default().dialog_lifetime - 100);
        },
        acts: &[("start", start), ("the end of its time", sweep_later), ("a user's BYE", bye_of_a_user)],
    },
    State {
        before: |host| {
            dialog(host);
            host.see(CALL, "> BYE 141");
        },
        acts: &[
            ("start", start),
            ("the answer to a user's BYE", answer_to_a_user),
            ("its refusal", refusal_of_a_user),
            ("sweep", sweep),
            ("the end of the hold", end_of_the_hold),
        ],
    },
    State {
        before: |host| {
            dialog(host);
            host.see(CALL, "> BYE 141");
            host.see(CALL, "< BYE 7");
            start(host);
            wait(100);
        },
        acts: &[
            ("the answer to a user's BYE", answer_to_a_user),
            ("that to the other one", |host| _ = host.see(CALL, "> 481 BYE 7")),
            ("its refusal", refusal_of_a_user),
            ("sweep", sweep),
            ("the end of the hold", end_of_the_hold),
            ("the deadline", |host| {
                wait(DEADLINE);
                sweep(host);
            }),
        ],
    },
    State {
        before: started,
        acts: &[
            ("200 of the called user", |host| reply(host, User::Called, 200)),
            ("500 of the called user", |host| reply(host, User::Called, 500)),
            ("both replies", |host| {
                reply(host, User::Called, 200);
                reply(host, User::Calling, 481);
            }),
            ("a user's request", info),
            ("the end of an attempt", |host| {
                wait(ATTEMPT);
                sweep(host);
            }),
            ("the deadline", |host| {
                wait(DEADLINE);
                sweep(host);
            }),
        ],
    },
    State {
        before: |host| {
            started(host);
            reply(host, User::Called, 500);
            reply(host, User::Calling, 200);
            wait(100);
        },
        acts: &[
            ("next", |host| next(host, User::Called)),
            ("next, and its reply", |host| {
                next(host, User::Called);
                reply(host, User::Called, 200);
            }),
            ("sweep", sweep),
            ("a user's request", info),
            ("the deadline", |host| {
                wait(DEADLINE);
                sweep(host);
            }),
        ],
    },
    State {
        before: |host| {
            started(host);
            reply(host, User::Called, 200);
        },
        acts: &[
            ("last reply", |host| reply(host, User::Calling, 200)),
            ("another last reply", |host| reply(host, User::Calling, 481)),
            ("the deadline", |host| {
                wait(DEADLINE);
                sweep(host);
            }),
        ],
    },
];

/// Whether `one` came as far as its step `at`, and `other` happened in front of it.
fn once(state: &State, one: Act, other: Act, at: u32) -> (bool, Vec<String>) {
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let settings = Settings { deadline: DEADLINE, attempt: ATTEMPT, linger: LINGER, ..Settings::default() };
    let host = Rc::new(Host::over(Stepped(MemoryStore::new(64).unwrap()), directory.path(), &settings));
    set_now(T0);
    (state.before)(&host);
    let second = Rc::clone(&host);
    let later = Rc::new(Cell::new(now()));
    let latest = Rc::clone(&later);
    // The one stands still for a while, and goes on with the time that it has read.
    BETWEEN.set(Some(Rc::new(move || {
        let before = now();
        wait(ATTEMPT * 2 / 3);
        other(&second);
        latest.set(now());
        set_now(before);
    })));
    STEPS_LEFT.set(at);
    one(&host);
    let reached = BETWEEN.take().is_none();
    set_now(now().max(later.get()));
    host.mark(true);
    host.run(&mut Vec::<Handed>::new(), DEADLINE + 5_000, 250);
    let mut shown = None;
    let name = format!("{CALL},a,b");
    let mut show = |entry: &Entry<'_>| shown = entry.outcome.map(|outcome| (entry.id, outcome.text()));
    host.registry.find(Selector::Dialog(name.as_bytes()), &mut show).unwrap();
    host.run(&mut Vec::<Handed>::new(), LINGER, 250);
    wait(100_000);
    sweep(&host);
    let audit = host.audit(ATTEMPT);
    let mut wrong: Vec<String> = audit.lost.into_iter().chain(audit.double).collect();
    if let Some((id, outcome)) = shown.filter(|(id, _)| audit.claimed.contains(&id.0))
        && audit.told.get(&id.0).is_none_or(|told| told != &[outcome])
    {
        wrong.push(format!("{outcome} is shown, and told was {:?}", audit.told));
    }
    if host.dialog(CALL).is_some() && !audit.claimed.is_empty() {
        wrong.push("something is left".into());
    }
    (reached, wrong)
}

#[test]
fn whatever_happens_in_between() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut runs, mut wrong) = (0, Vec::new());
    for state in &STATES {
        for (one, act) in state.acts {
            for (other, between) in state.acts {
                for at in 1.. {
                    let (reached, found) = once(state, *act, *between, at);
                    runs += 1;
                    wrong.extend(found.into_iter().map(|found| format!("{other} at step {at} of {one}: {found}")));
                    if !reached {
                        break;
                    }
                }
            }
        }
    }
    println!("operations in between: {runs} runs, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong[..wrong.len().min(40)].join("\n"));
}

/// A 2xx that is answered makes a dialog, whatever drops the early ones at that moment.
#[test]
fn no_dialog_is_dropped_for_the_early_one_that_it_was() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let forked: fn(&Proxy) = |host| {
        host.registry.track(message(CALL, "> INVITE 127 tag=").as_bytes(), Serves::Calling, now()).unwrap();
        for line in ["< 180 INVITE 127 tag=t1", "< 180 INVITE 127", "< 200 INVITE 127 tag=t1", "> ACK 127 tag=t1"] {
            host.see(CALL, line);
        }
    };
    let early: fn(&Proxy) = |host| {
        host.registry.track(message(CALL, "> INVITE 127 tag=").as_bytes(), Serves::Calling, now()).unwrap();
        host.see(CALL, "< 180 INVITE 127");
        wait(Settings::default().early_lifetime - ATTEMPT * 2 / 3);
    };
    let dropped: fn(&Proxy) = |host| {
        wait(ATTEMPT);
        sweep(host);
    };
    let ended: fn(&Proxy) = |host| {
        host.see(CALL, "> BYE 128 tag=t1");
        host.see(CALL, "< 200 BYE 128 tag=t1");
    };
    for (before, one) in [(early, dropped), (forked, ended)] {
        for at in 1.. {
            let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
            let host =
                Rc::new(Host::over(Stepped(MemoryStore::new(64).unwrap()), directory.path(), &Settings::default()));
            set_now(T0);
            before(&host);
            let second = Rc::clone(&host);
            let made = Rc::new(Cell::new(false));
            let confirmed = Rc::clone(&made);
            BETWEEN.set(Some(Rc::new(move || {
                confirmed.set(second.see(CALL, "< 200 INVITE 127").what == What::Confirmed);
            })));
            STEPS_LEFT.set(at);
            one(&host);
            if BETWEEN.take().is_some() {
                break;
            }
            // Where all of it was gone already the 2xx is of no call.
            let left = host.dialog(CALL).map(|(_, state)| state);
            assert_eq!(left == Some(DialogState::Confirmed), made.get(), "step {at}: {left:?}");
        }
    }
}

/// What is only noted for the leg meanwhile takes no BYE from who is about to send it, and makes nobody wait for one that
/// was not sent.
#[test]
fn a_bye_that_somebody_came_between_is_sent_at_once() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut between = 0;
    for at in 1.. {
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let settings = Settings { deadline: DEADLINE, attempt: ATTEMPT, linger: LINGER, ..Settings::default() };
        let host = Rc::new(Host::over(Stepped(MemoryStore::new(64).unwrap()), directory.path(), &settings));
        set_now(T0);
        dialog(&host);
        host.see(CALL, "> BYE 141");
        start(&host);
        wait(DEADLINE - ATTEMPT);
        let (id, _) = host.dialog(CALL).unwrap();
        let second = Rc::clone(&host);
        BETWEEN.set(Some(Rc::new(move || refusal_of_a_user(&second))));
        STEPS_LEFT.set(at);
        let sent = host.next(id, User::Called);
        if BETWEEN.take().is_some() {
            break;
        }
        between += 1;
        assert!(sent.is_ok(), "step {at}: {sent:?}");
        assert_eq!(host.leg(id, User::Called).attempts, 1, "step {at}");
    }
    assert!(between >= 5, "{between} steps");
}

/// Thousands of releases may be under way, and the sweep looks at each ten times a second.
#[test]
fn a_sweep_reads_no_record_of_a_release_whose_byes_are_out() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let directory = tempfile::tempdir().unwrap();
    let host = Host::over(Stepped(MemoryStore::new(64).unwrap()), directory.path(), &Settings::default());
    set_now(T0);
    started(&host);
    let read = || {
        let before = READ.get();
        let due = host.sweep().len();
        (READ.get() - before, due)
    };
    assert_eq!(read(), (0, 0));
    reply(&host, User::Called, 500);
    wait(100);
    assert_eq!(read(), (1, 1));
}
