// SPDX-License-Identifier: MIT OR Apache-2.0
//! A process killed at each single store to the mapping while it works on a release, one by one: no release is lost,
//! none is told twice, no BYE is handed out twice, and nothing stays for ever. Judged by a process that lives on, to
//! which the message comes again or not, and by one that starts from the file as the kill left it.

mod support;

#[path = "support/directory.rs"]
mod directory;
#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/process.rs"]
mod process;

use std::collections::BTreeSet;
use std::path::Path;

use ims_release::dialog::{Serves, User};
use ims_release::pending::LegState;
use ims_release::registry::{RegistryError, Settings, State, Tracked};
use ims_release::store::Id;
use ims_release::store::shared::kill_points::{self, Victim};

use ledger::{Audit, Handed, Host, now, set_now, wait};
use process::{Child, End, alone};
use support::proxy::message;

const T0: u64 = 1_800_000_000_000;
const DEADLINE: u64 = 10_000;
const ATTEMPT: u64 = 1_000;
const LINGER: u64 = 2_000;

/// What is done when the kill comes.
struct Operation {
    name: &'static str,
    /// What comes before it. Ends at the moment of the operation.
    before: fn(&Host),
    act: fn(&Host),
    /// What must be so once it has returned.
    done: fn(&Host) -> bool,
    /// How a release of it may end.
    ends: &'static [&'static str],
    linger: u64,
    /// How long the called user is to be left alone from then on.
    rest: u64,
    /// Whether no BYE goes out once anything of it is in the store.
    unsent: bool,
}

/// How a release ends whose BYEs are answered sooner or later.
const WELL: &[&str] = &["completed", "gone"];

/// Most of an operation.
const PLAIN: Operation = Operation {
    name: "",
    before: |_| (),
    act: |_| (),
    done: |_| true,
    ends: WELL,
    linger: LINGER,
    rest: 0,
    unsent: false,
};

/// The call that the operation is about.
const SUBJECT: &str = "s";

fn track(host: &Host, call: &str, serves: Serves) -> Tracked {
    host.registry.track(message(call, "> INVITE 127 tag=").as_bytes(), serves, now()).unwrap()
}

fn answered(host: &Host, call: &str, serves: Serves) {
    track(host, call, serves);
    host.see(call, "< 180 INVITE 127");
    host.see(call, "< 200 INVITE 127");
}

fn acknowledged(host: &Host, call: &str, serves: Serves) -> Id {
    answered(host, call, serves);
    host.see(call, "> ACK 127");
    // From here on the numbers of both directions are known.
    host.see(call, "> INFO 128");
    host.see(call, "< INFO 6");
    host.id(call)
}

fn started(host: &Host, serves: Serves) -> Id {
    let id = acknowledged(host, SUBJECT, serves);
    host.start(id).unwrap();
    wait(100);
    id
}

/// A reply to the BYE that is out.
fn reply(host: &Host, to: User, code: u16, retry_after: Option<u32>) {
    let id = host.id(SUBJECT);
    host.note(id, to, host.leg(id, to).cseq, code, retry_after);
}

/// One that is refused by 481 where it was answered before.
fn bye_is_due(host: &Host, serves: Serves, code: u16) {
    started(host, serves);
    reply(host, User::Called, code, None);
    wait(100);
}

/// A call whose calling user hangs up.
fn hung_up(host: &Host, serves: Serves) {
    acknowledged(host, SUBJECT, serves);
    host.see(SUBJECT, "> BYE 129");
}

/// A release that a user's BYE was there before.
fn crossed(host: &Host) {
    hung_up(host, Serves::Calling);
    host.start(host.id(SUBJECT)).unwrap();
    wait(100);
}

fn is_settled(host: &Host) -> bool {
    let id = host.id(SUBJECT);
    [User::Called, User::Calling].into_iter().all(|user| host.leg(id, user).state == LegState::Done)
}

/// The called user has answered, the calling one not yet.
fn half_answered(host: &Host) {
    started(host, Serves::Calling);
    reply(host, User::Called, 200, None);
}

fn ended(host: &Host) {
    half_answered(host);
    reply(host, User::Calling, 200, None);
}

/// One whose end somebody is about to tell.
fn being_told(host: &Host) {
    half_answered(host);
    host.make_telling(host.id(SUBJECT));
    host.mark(false);
}

fn fetch(host: &Host) {
    match host.next(host.id(SUBJECT), User::Called) {
        Ok(_) | Err(RegistryError::NotReleasing | RegistryError::Dialog(_)) => (),
        Err(error) => panic!("{error}"),
    }
}

/// A whole round, and all that is due.
fn sweep(host: &Host) {
    for (id, to) in host.sweep() {
        host.next(id, to).unwrap();
    }
}

fn is_gone(host: &Host) -> bool {
    host.dialog(SUBJECT).is_none()
}

fn is_told(host: &Host) -> bool {
    host.audit(ATTEMPT).told.contains_key(&host.id(SUBJECT).0)
}

const OPERATIONS: [Operation; 35] = [
    Operation {
        name: "track",
        act: |host| _ = track(host, SUBJECT, Serves::Calling),
        done: |host| matches!(track(host, SUBJECT, Serves::Calling), Tracked::Known(_)),
        ..PLAIN
    },
    Operation {
        name: "2xx of an early dialog",
        before: |host| {
            track(host, SUBJECT, Serves::Calling);
            host.see(SUBJECT, "< 180 INVITE 127");
            host.see(SUBJECT, "< 180 INVITE 127 tag=fork");
        },
        act: |host| _ = host.see(SUBJECT, "< 200 INVITE 127"),
        done: |host| host.dialog(SUBJECT).is_some_and(|(_, state)| state == State::Confirmed),
        ..PLAIN
    },
    Operation {
        name: "2xx without one",
        before: |host| _ = track(host, SUBJECT, Serves::Called),
        act: |host| _ = host.see(SUBJECT, "< 200 INVITE 127"),
        done: |host| host.dialog(SUBJECT).is_some_and(|(_, state)| state == State::Confirmed),
        ..PLAIN
    },
    Operation {
        name: "ACK that a BYE waits for",
        before: |host| {
            answered(host, SUBJECT, Serves::Calling);
            host.start(host.id(SUBJECT)).unwrap();
            reply(host, User::Called, 200, None);
        },
        act: |host| _ = host.see(SUBJECT, "> ACK 127"),
        ..PLAIN
    },
    Operation {
        name: "start",
        before: |host| _ = acknowledged(host, SUBJECT, Serves::Calling),
        act: |host| _ = host.start(host.id(SUBJECT)),
        done: |host| host.dialog(SUBJECT).is_some_and(|(_, state)| state == State::Releasing),
        ..PLAIN
    },
    Operation {
        name: "start before the ACK",
        before: |host| answered(host, SUBJECT, Serves::Neither),
        act: |host| _ = host.start(host.id(SUBJECT)),
        done: |host| host.dialog(SUBJECT).is_some_and(|(_, state)| state == State::Releasing),
        ..PLAIN
    },
    Operation {
        name: "first reply",
        before: |host| _ = started(host, Serves::Calling),
        act: |host| reply(host, User::Called, 200, None),
        ..PLAIN
    },
    Operation {
        name: "last reply",
        before: half_answered,
        act: |host| reply(host, User::Calling, 481, None),
        done: is_told,
        ..PLAIN
    },
    Operation {
        name: "last reply, and nothing lingers",
        before: half_answered,
        act: |host| {
            if !is_gone(host) {
                reply(host, User::Calling, 481, None);
            }
        },
        done: is_gone,
        linger: 0,
        ..PLAIN
    },
    Operation {
        name: "reply that makes a second try",
        before: |host| _ = started(host, Serves::Neither),
        act: |host| reply(host, User::Called, 500, None),
        ..PLAIN
    },
    Operation {
        name: "reply that makes a second try, later than the first would have ended",
        before: |host| _ = started(host, Serves::Neither),
        act: |host| reply(host, User::Called, 503, Some(3)),
        rest: 3_000,
        ..PLAIN
    },
    Operation {
        name: "challenge that the host has credentials for",
        before: |host| _ = started(host, Serves::Neither),
        act: |host| reply(host, User::Called, 401, None),
        ..PLAIN
    },
    Operation {
        name: "BYE with credentials",
        before: |host| bye_is_due(host, Serves::Neither, 401),
        act: fetch,
        ..PLAIN
    },
    Operation {
        name: "last reply of a challenged release",
        before: |host| {
            bye_is_due(host, Serves::Neither, 401);
            fetch(host);
            reply(host, User::Called, 200, None);
        },
        act: |host| reply(host, User::Calling, 481, None),
        done: is_told,
        ..PLAIN
    },
    Operation {
        name: "reply that makes a BYE go past service control",
        before: |host| _ = started(host, Serves::Calling),
        act: |host| reply(host, User::Called, 408, None),
        ..PLAIN
    },
    Operation { name: "second try", before: |host| bye_is_due(host, Serves::Neither, 500), act: fetch, ..PLAIN },
    Operation {
        name: "BYE past service control",
        before: |host| bye_is_due(host, Serves::Calling, 408),
        act: fetch,
        ..PLAIN
    },
    Operation {
        name: "BYE that waited for the ACK",
        before: |host| {
            answered(host, SUBJECT, Serves::Neither);
            host.start(host.id(SUBJECT)).unwrap();
            host.see(SUBJECT, "> ACK 127");
            wait(2_100);
        },
        act: sweep,
        ..PLAIN
    },
    Operation {
        name: "last BYE that cannot be built",
        before: |host| {
            acknowledged(host, SUBJECT, Serves::Neither);
            host.see(SUBJECT, "> INFO 2147483646");
            host.start(host.id(SUBJECT)).unwrap();
            reply(host, User::Calling, 200, None);
            reply(host, User::Called, 503, None);
            wait(100);
        },
        act: fetch,
        done: is_told,
        ends: &["partial"],
        ..PLAIN
    },
    Operation {
        name: "sweep that sends again what nobody told of",
        before: |host| {
            started(host, Serves::Neither);
            wait(ATTEMPT);
        },
        act: sweep,
        ..PLAIN
    },
    Operation {
        name: "sweep that gives up both BYEs",
        before: |host| {
            started(host, Serves::Neither);
            wait(ATTEMPT);
            sweep(host);
            wait(ATTEMPT + 100);
        },
        act: sweep,
        done: is_told,
        ..PLAIN
    },
    Operation {
        name: "sweep that sends one past service control",
        before: |host| {
            started(host, Serves::Calling);
            wait(ATTEMPT);
        },
        act: sweep,
        ..PLAIN
    },
    Operation {
        name: "sweep that ends a release at its deadline",
        before: |host| {
            started(host, Serves::Calling);
            wait(DEADLINE);
        },
        act: sweep,
        done: is_told,
        // After a restart it has its time again.
        ends: &["expired", "completed", "gone"],
        ..PLAIN
    },
    Operation {
        name: "sweep that drops a release",
        before: |host| {
            ended(host);
            wait(LINGER + 100);
        },
        act: sweep,
        done: is_gone,
        ..PLAIN
    },
    Operation {
        name: "sweep that gives up what was being told",
        before: |host| {
            being_told(host);
            // Who tells it may take as long as a late message.
            wait(DEADLINE + 32_000);
        },
        act: sweep,
        done: is_gone,
        ends: &[],
        ..PLAIN
    },
    Operation {
        name: "sweep that drops an INVITE",
        before: |host| {
            track(host, SUBJECT, Serves::Calling);
            wait(6_000);
        },
        act: sweep,
        done: |host| matches!(track(host, SUBJECT, Serves::Calling), Tracked::New(_)),
        ..PLAIN
    },
    Operation {
        name: "resume",
        before: |host| {
            started(host, Serves::Calling);
            wait(1_234);
        },
        act: Host::resume,
        ..PLAIN
    },
    Operation { name: "resume of what was being told", before: being_told, act: Host::resume, ends: &[], ..PLAIN },
    Operation {
        name: "reply to a user's BYE",
        before: |host| hung_up(host, Serves::Calling),
        act: |host| _ = host.see(SUBJECT, "< 200 BYE 129"),
        done: is_gone,
        ..PLAIN
    },
    Operation {
        name: "start while a user's BYE is under way",
        before: |host| hung_up(host, Serves::Calling),
        act: |host| _ = host.start(host.id(SUBJECT)),
        done: |host| host.dialog(SUBJECT).is_some_and(|(_, state)| state == State::Releasing),
        ..PLAIN
    },
    Operation {
        name: "reply to a user's BYE that settles a release",
        before: crossed,
        act: |host| _ = host.see(SUBJECT, "< 200 BYE 129"),
        done: is_settled,
        ends: &["completed"],
        unsent: true,
        ..PLAIN
    },
    Operation {
        name: "reply to a user's BYE that settles a release, when both have sent one",
        before: |host| {
            hung_up(host, Serves::Neither);
            host.see(SUBJECT, "< BYE 7");
            host.start(host.id(SUBJECT)).unwrap();
        },
        act: |host| _ = host.see(SUBJECT, "< 200 BYE 129"),
        done: is_settled,
        ends: &["completed"],
        unsent: true,
        ..PLAIN
    },
    Operation {
        name: "refusal of a user's BYE that frees a release",
        before: crossed,
        act: |host| _ = host.see(SUBJECT, "< 500 BYE 129"),
        ..PLAIN
    },
    Operation {
        name: "sweep that tells of a release that a user's BYE has settled",
        before: |host| {
            crossed(host);
            host.see(SUBJECT, "< 200 BYE 129");
        },
        act: sweep,
        done: is_told,
        ends: &["completed"],
        unsent: true,
        ..PLAIN
    },
    Operation {
        name: "a user's BYE",
        before: |host| _ = acknowledged(host, SUBJECT, Serves::Calling),
        act: |host| _ = host.see(SUBJECT, "> BYE 129"),
        ..PLAIN
    },
];

fn open(directory: &Path, operation: &Operation) -> Host {
    let settings = Settings {
        deadline: DEADLINE,
        attempt: ATTEMPT,
        linger: operation.linger,
        early_lifetime: 5_000,
        ..Settings::default()
    };
    let mut host = Host::open(directory, 1, &settings);
    host.judging = true;
    host.prompt = true;
    host
}

/// A call that nobody touches.
const KEPT: &str = "kept";

/// A store in which an operation can begin, and its moment.
fn prepare(operation: &Operation) -> (tempfile::TempDir, u64) {
    let directory = directory::fresh();
    set_now(T0);
    let host = open(directory.path(), operation);
    acknowledged(&host, KEPT, Serves::Called);
    (operation.before)(&host);
    (directory, now())
}

/// What the kills came to.
#[derive(Default)]
struct Figures {
    kills: u32,
    lost: u32,
    double: u32,
    /// What is left behind, or in no order.
    left: u32,
    /// What was wrong first.
    first: Option<String>,
}

/// Who comes after the process that was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heir {
    /// A process that was there, and gets the message once more.
    Again,
    /// One that was there, and gets nothing more.
    Silent,
    /// One that starts anew.
    Restarted,
}

impl Figures {
    fn wrong(&mut self, place: &str, what: impl AsRef<str>) {
        self.first.get_or_insert_with(|| format!("{place}: {}", what.as_ref()));
    }

    fn count(&mut self, place: &str, host: &Host, kept: Id, operation: &Operation) {
        let Audit { told, lost, double, .. } = host.audit(ATTEMPT);
        let other = told.iter().flat_map(|(id, told)| told.iter().map(|outcome| (Id(*id), outcome.as_str())));
        let other = other.filter(|(id, outcome)| {
            let ends = if *id == kept { &["completed"] } else { operation.ends };
            !ends.contains(outcome)
        });
        let lost: Vec<String> =
            lost.into_iter().chain(other.map(|(id, outcome)| format!("{id:?} ended as {outcome}"))).collect();
        self.lost += lost.len() as u32;
        self.double += double.len() as u32;
        for what in lost.iter().chain(&double) {
            self.wrong(place, what);
        }
        let stats = host.registry.stats().unwrap();
        let mut left = kill_points::census(host.registry.store()).unwrap();
        if stats.records > 0 {
            left.push(format!("{} records", stats.records));
        }
        if (stats.usage.damaged, stats.usage.lock_timeouts, stats.counts.store_failures) != (0, 0, 0) {
            left.push(format!("{stats:?}"));
        }
        self.left += left.len() as u32;
        for what in &left {
            self.wrong(place, what);
        }
    }
}

/// What becomes of all that the kill left, until nothing is there any more.
fn play(place: &str, host: &Host, heir: Heir, operation: &Operation, figures: &mut Figures) {
    host.mark(true);
    let moment = now();
    // A process that starts anew knows nothing of a reply that was not noted, nor does one that gets it no more.
    let knows = match heir {
        Heir::Again => true,
        Heir::Silent => host.dialog(SUBJECT).is_some_and(|(id, _)| host.leg(id, User::Called).state == LegState::Idle),
        Heir::Restarted => false,
    };
    let rest_until = if knows { moment + operation.rest.saturating_sub(10) } else { 0 };
    if host.dialog(KEPT).is_none_or(|(_, state)| state != State::Acknowledged) {
        figures.lost += 1;
        figures.wrong(place, "the call that nobody touched is gone");
        return;
    }
    if heir == Heir::Restarted {
        host.resume();
        // A process that has just started knows nothing: it can be killed as well.
        host.resume();
    }
    if heir == Heir::Again {
        (operation.act)(host);
    }
    let begun = host.dialog(SUBJECT).is_some_and(|(id, _)| {
        [User::Called, User::Calling].into_iter().any(|user| host.leg(id, user).state == LegState::Done)
    });
    // The users send both again until they are content.
    for line in ["< 200 INVITE 127", "> ACK 127"] {
        host.see(SUBJECT, line);
    }
    if let Some((id, state)) = host.dialog(SUBJECT) {
        let result = host.start(id);
        let fits = match &result {
            Ok(()) => matches!(state, State::Confirmed | State::Acknowledged | State::Ending),
            Err(RegistryError::AlreadyReleasing) => state == State::Releasing,
            Err(RegistryError::Released) => state == State::Released,
            Err(_) => false,
        };
        assert!(fits, "{place}: {state:?} {result:?}");
    }

    // Replies to what was out before come as long as somebody waits for them.
    let audit = host.audit(ATTEMPT);
    let is_open = |bye: &&Handed| !audit.replied.contains(&(bye.id.0, bye.calling, bye.cseq));
    let mut out: Vec<Handed> = match heir {
        Heir::Silent => Vec::new(),
        Heir::Again | Heir::Restarted => audit.byes.iter().filter(is_open).copied().collect(),
    };
    host.run(&mut out, DEADLINE + LINGER + 40_000, 500);
    let kept = host.id(KEPT);
    let sent: Vec<Handed> = host.audit(ATTEMPT).byes.into_iter().filter(|bye| bye.id != kept).collect();
    if operation.unsent && begun && !sent.is_empty() {
        figures.double += 1;
        figures.wrong(place, format!("{sent:?} beside the user's own BYE"));
    }
    let after = host.audit(ATTEMPT).byes.into_iter().filter(|bye| !bye.calling && bye.id != kept && bye.at > moment);
    for bye in after.filter(|bye| bye.at < rest_until) {
        figures.double += 1;
        figures.wrong(place, format!("{bye:?} disturbs the user"));
    }
    host.start(kept).unwrap();
    let before: BTreeSet<Handed> = audit.byes.into_iter().collect();
    out.extend(host.audit(ATTEMPT).byes.into_iter().filter(|bye| !before.contains(bye) && bye.at == now()));
    host.run(&mut out, LINGER + 5_000, 500);
    // Of a user's BYE and of a refused INVITE something stays for 64*T1 or twice that.
    wait(100_000);
    sweep(host);
    figures.count(place, host, kept, operation);
}

fn each_store(operation: &Operation, figures: &mut Figures) {
    let (template, moment) = prepare(operation);
    for stop in 1.. {
        let mut any = false;
        for heir in [Heir::Again, Heir::Silent] {
            let place = format!("{} killed at {stop}, {heir:?}", operation.name);
            let directory = directory::copy(template.path());
            let host = open(directory.path(), operation);
            set_now(moment);
            let child = Child::start(|| {
                kill_points::arm(stop, Victim::Process);
                (operation.act)(&host);
            });
            let end = child.end();
            assert_ne!(end, End::Failed, "{place}");
            any |= end == End::Killed;
            figures.kills += u32::from(end == End::Killed);
            if heir == Heir::Again {
                let left = directory::copy(directory.path());
                let host = open(left.path(), operation);
                play(
                    &format!("{} killed at {stop}, restarted", operation.name),
                    &host,
                    Heir::Restarted,
                    operation,
                    figures,
                );
                set_now(moment);
            }
            if end == End::Done && !(operation.done)(&host) {
                figures.lost += 1;
                figures.wrong(&place, "it was acknowledged");
            }
            // A few milliseconds later: the dead one had the same clock.
            wait(10);
            play(&place, &host, heir, operation, figures);
        }
        if !any {
            break;
        }
    }
}

#[test]
fn at_each_store_of_a_release() {
    let _turn = alone();
    let mut all = Figures::default();
    for operation in &OPERATIONS {
        let mut figures = Figures::default();
        each_store(operation, &mut figures);
        all.kills += figures.kills;
        all.lost += figures.lost;
        all.double += figures.double;
        all.left += figures.left;
        all.first = all.first.or(figures.first);
        assert!(figures.kills > 0, "nobody was killed in {}: the test shows nothing", operation.name);
    }
    let Figures { kills, lost, double, left, first } = &all;
    println!("kill points, releases: {kills} kills, {lost} lost, {double} double, {left} left");
    assert_eq!((*lost, *double, *left), (0, 0, 0), "{}", first.as_deref().unwrap_or("?"));
}
