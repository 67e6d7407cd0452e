// SPDX-License-Identifier: MIT OR Apache-2.0
//! Four processes of a proxy under load, killed one by one and all at once at random moments: no dialog and no release
//! is lost, no outcome is told twice, no BYE goes out while the one before it may still be answered.
//!
//! 100 kills; 1,000 with IMS_RELEASE_SOAK=1.

mod support;

#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/process.rs"]
mod process;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ims_release::dialog::{Serves, User};
use ims_release::flow::UseFlow;
use ims_release::pending::LegState;
use ims_release::registry::{Entry, RegistryError, Selector, Settings, State, What};
use ims_release::store::Id;

use ledger::{Host, now, set_now, wait};
use process::{Child, End, alone};
use support::proxy::message;

const WORKERS: usize = 4;
/// Every so many kills all are killed.
const ALL: u32 = 20;
const ATTEMPT: u64 = 60;
const SETTINGS: Settings<'_> = Settings {
    own: &[],
    deadline: 3_000,
    linger: 300,
    attempt: ATTEMPT,
    hold: true,
    policy: ims_release::pending::Policy { retry: true, bypass: true },
    refuse_requests: true,
    check_bye: true,
    charging_vector: true,
    use_flow: UseFlow::Needed,
    session_timer: true,
    dialog_lifetime: 12 * 60 * 60 * 1_000,
    early_lifetime: 2_000,
    keep_ended: false,
};
/// A new call every so many milliseconds, and so many are worked on.
const PACE: u64 = 20;
const WINDOW: u64 = 24;
/// More calls than these are not tracked: a machine that is slow does less, and the store is never full.
const RECORDS: u64 = 2_000;
/// As far as the store has any, or about so.
const CELLS: u64 = 5_000;

fn clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Works for ever, at random, on calls that are found as any other process has left them.
fn work(host: &Host, sweeps: bool, mut random: Random) {
    loop {
        set_now(clock());
        if sweeps && random.below(4) == 0 {
            let mut due = Vec::new();
            host.sweep_step(&mut due);
            for (id, to) in due {
                fetch(host, id, to);
            }
        }
        match random.below(16) {
            0 => release_one_of_before(host, &mut random),
            _ => one_step(host, &mut random),
        }
    }
}

/// Whether a call is never released.
fn is_kept(number: u64) -> bool {
    number % 16 == 0
}

/// Whether the calling user may end it.
fn hangs_up(number: u64) -> bool {
    number % 16 == 8
}

/// A call that nobody works on any more.
fn release_one_of_before(host: &Host, random: &mut Random) {
    let newest = now() / PACE - WINDOW;
    let mut ids = Vec::new();
    let mut visit = |entry: &Entry<'_>| {
        let call = std::str::from_utf8(entry.call_id).unwrap();
        let number: u64 = call.strip_prefix("call-").unwrap().parse().unwrap();
        if entry.state == State::Acknowledged && number < newest && !is_kept(number) {
            ids.push(entry.id);
        }
    };
    host.registry.list(random.below(CELLS), 8, &mut visit).unwrap();
    ids.into_iter().for_each(|id| start(host, id));
}

fn fetch(host: &Host, id: Id, to: User) {
    match host.next(id, to) {
        Ok(_) | Err(RegistryError::NotReleasing | RegistryError::NotFound) => (),
        Err(error) => panic!("{error}"),
    }
}

fn start(host: &Host, id: Id) {
    use RegistryError::{AlreadyReleasing, NotFound, Released};
    match host.start(id) {
        Ok(()) | Err(AlreadyReleasing | NotFound | Released) => (),
        Err(error) => panic!("{error}"),
    }
}

fn one_step(host: &Host, random: &mut Random) {
    // Often all work on the same call: the one of this millisecond.
    let back = if random.below(2) == 0 { now() % WINDOW } else { random.below(WINDOW) };
    let number = now() / PACE - back;
    let call = format!("call-{number}");
    let serves = [Serves::Neither, Serves::Calling, Serves::Called][number as usize % 3];
    let Some((id, state)) = host.dialog(&call) else {
        match random.below(4) {
            0 => _ = host.see(&call, "< 180 INVITE 127"),
            1 => answer(host, &call),
            _ if host.records() > RECORDS => (),
            _ => _ = host.registry.track(message(&call, "> INVITE 127 tag=").as_bytes(), serves, now()).unwrap(),
        }
        return;
    };
    match (state, random.below(4)) {
        (State::Early, _) => answer(host, &call),
        // Some are released before the ACK, and some calls never.
        (State::Confirmed, 0) if !is_kept(number) => start(host, id),
        (State::Confirmed, _) => _ = host.see(&call, "> ACK 127"),
        (State::Acknowledged, 0) => _ = host.see(&call, &format!("> INFO {}", 128 + random.below(50))),
        (State::Acknowledged, 1) if hangs_up(number) => {
            host.write(&format!("ending {}\n", id.0));
            host.see(&call, "> BYE 300");
        }
        (State::Acknowledged, _) if !is_kept(number) => start(host, id),
        (State::Acknowledged, _) => (),
        (State::Ending, 0 | 1) => start(host, id),
        (State::Ending, _) => _ = host.see(&call, "< 200 BYE 300"),
        // The answer to a user's BYE, when the release has begun.
        (State::Releasing, 0) if hangs_up(number) => {
            let seen = host.see(&call, if random.below(2) == 0 { "< 200 BYE 300" } else { "< 500 BYE 300" });
            // Who was stopped for longer than the linger has ended the next dialog of this name.
            if let (What::Ended, Some(id)) = (seen.what, seen.id) {
                host.write(&format!("ending {}\n", id.0));
            }
        }
        (State::Releasing | State::Released, _) => {
            for to in [User::Called, User::Calling] {
                answer_bye(host, id, to, random);
            }
        }
    }
}

/// What the registry says it has must be there from then on.
fn answer(host: &Host, call: &str) {
    let seen = host.see(call, "< 200 INVITE 127");
    if let (What::Confirmed, Some(id)) = (seen.what, seen.id) {
        host.write(&format!("dialog {}\n", id.0));
    }
}

fn answer_bye(host: &Host, id: Id, to: User, random: &mut Random) {
    let leg = host.leg(id, to);
    match (leg.state, random.below(8)) {
        (LegState::Idle, _) => fetch(host, id, to),
        // Some BYEs are never answered.
        _ if (u64::from(leg.cseq) + id.0) % 5 == 0 => (),
        (_, chance) => {
            let code = [200, 200, 200, 200, 481, 500, 503, 408][chance as usize];
            let retry_after = (code == 503 && random.below(4) == 0).then_some(1);
            host.note(id, to, leg.cseq, code, retry_after);
        }
    }
}

/// The processes of a proxy.
struct Proxy {
    /// Does nothing but hold the group together.
    main: Child,
    workers: Vec<Child>,
}

impl Proxy {
    fn start(host: &Host, seed: u64) -> Self {
        let main = Child::start(|| std::thread::sleep(Duration::from_secs(600)));
        main.lead();
        let mut proxy = Self { main, workers: Vec::new() };
        for worker in 0..WORKERS {
            proxy.workers.push(proxy.worker(host, worker, seed + worker as u64));
        }
        proxy
    }

    fn worker(&self, host: &Host, worker: usize, seed: u64) -> Child {
        let random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let child = Child::start(|| work(host, worker == 0, random));
        // Not by itself: it may be killed with the group before it has begun.
        child.follow(&self.main);
        child
    }

    fn kill_all(self) {
        self.main.kill_group();
        for child in self.workers.into_iter().chain([self.main]) {
            assert_eq!(child.end(), End::Killed, "a process failed before it was killed");
        }
    }
}

#[test]
fn killed_at_random_under_load() {
    let _turn = alone();
    let kills = if std::env::var_os("IMS_RELEASE_SOAK").is_some() { 1_000 } else { 100 };
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let open = || Host::open(directory.path(), 8 << 20, &SETTINGS);
    let seed = clock();
    let mut random = Random(seed);
    let mut host = open();
    let mut proxy = Proxy::start(&host, seed);
    let mut repairs = 0;
    for kill in 1..=kills {
        std::thread::sleep(Duration::from_micros(2_000 + random.below(40_000)));
        if kill % ALL == 0 {
            proxy.kill_all();
            set_now(clock());
            host.mark(true);
            repairs += host.registry.stats().unwrap().usage.repairs;
            drop(host);
            host = open();
            host.resume();
            proxy = Proxy::start(&host, seed + u64::from(kill) * 100);
        } else {
            let which = random.below(WORKERS as u64) as usize;
            let victim = proxy.workers.swap_remove(which);
            victim.signal(libc::SIGKILL);
            assert_eq!(victim.end(), End::Killed, "a process failed before it was killed");
            set_now(clock());
            host.mark(false);
            // The last one took its place: the sweeps are done by the first.
            let worker = proxy.worker(&host, which, seed + u64::from(kill) * 100);
            proxy.workers.push(worker);
            proxy.workers.swap(which, WORKERS - 1);
        }
    }
    proxy.kill_all();
    set_now(clock());
    host.mark(true);

    // One process goes on, and every user answers.
    host.judging = true;
    // What is from before a restart may wait for its turn for ten times the deadline.
    host.run(&mut Vec::new(), 12 * SETTINGS.deadline, 50);
    let audit = host.audit(ATTEMPT);
    let mut lost = audit.lost;
    for id in audit.dialogs.difference(&audit.ending).filter(|id| !audit.starting.contains(id)) {
        let mut found = false;
        host.registry.find(Selector::Id(Id(*id)), &mut |_| found = true).unwrap();
        if !found {
            lost.push(format!("dialog {id}"));
        }
    }
    repairs += host.registry.stats().unwrap().usage.repairs;
    println!(
        "releases under load: {kills} kills, {} lost, {} double ({} dialogs, {} releases, {} BYEs, {repairs} repairs)",
        lost.len(),
        audit.double.len(),
        audit.dialogs.len(),
        audit.claimed.len(),
        audit.byes.len(),
    );
    let wrong = [lost, audit.double].concat();
    if !wrong.is_empty() {
        let kept = directory.keep();
        panic!("seed {seed}, {}: {}", kept.display(), wrong.join("\n"));
    }
    assert!(audit.claimed.len() as u32 > kills, "too little was done: the test shows nothing");
    // Nothing is held, and nothing stays.
    wait(SETTINGS.dialog_lifetime + 100_000);
    host.sweep();
    let stats = host.registry.stats().unwrap();
    let usage = stats.usage;
    assert_eq!((stats.records, usage.damaged, usage.lock_timeouts, stats.counts.store_failures), (0, 0, 0, 0));
}
