// SPDX-License-Identifier: MIT OR Apache-2.0
//! A proxy whose processes are killed, and what must be true of its releases afterwards: whoever does something writes
//! it down in one file, a line with one write, and the lines are judged at the end.

#![allow(dead_code)] // each test binary uses a part of it

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use ims_release::dialog::User;
use ims_release::pending::{Final, Leg, LegState, Phase, Release};
use ims_release::registry::{
    By, Bye, Noted, OnEnded, Registry, RegistryError, Seen, Selector, Settings, Start, State, Swept,
};
use ims_release::route::Own;
use ims_release::store::shared::SharedConfig;
use ims_release::store::{Id, SharedStore, Store};

use crate::support::proxy::message;
use crate::support::{built, request};

/// Long: a call that gives up on a lock found one that nobody holds.
const PATIENCE: Duration = Duration::from_secs(5);
const LEDGER: &str = "ledger";
const END: &str = " .\n";
/// From the taking of a BYE to the look at what a kill has left, in milliseconds.
const SLACK: u64 = 50;
/// The words of a cell: as in `src/registry/words.rs`.
const LEGS: [(User, usize); 2] = [(User::Called, 3), (User::Calling, 4)];
const RELEASE: usize = 6;

/// The clock of this process.
static NOW: AtomicU64 = AtomicU64::new(0);

pub fn now() -> u64 {
    NOW.load(Relaxed)
}

pub fn set_now(milliseconds: u64) {
    NOW.store(milliseconds, Relaxed);
}

pub fn wait(milliseconds: u64) {
    NOW.fetch_add(milliseconds, Relaxed);
}

/// With one call, and the end of each line marked: who is killed in a write may have written a part of it.
fn write(mut ledger: &File, lines: &str) {
    ledger.write_all(format!("\n{}", lines.replace('\n', END)).as_bytes()).unwrap();
}

/// One proxy: this process, and the children that inherit it.
pub struct Host<S = SharedStore> {
    pub registry: Registry<S>,
    ledger: Arc<File>,
    path: PathBuf,
    /// Whether each BYE goes to the judge.
    pub judging: bool,
    /// Whether [`Host::mark`] is called at the moment of each kill, by who knows what was under way.
    pub prompt: bool,
}

/// A BYE that was handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Handed {
    pub id: Id,
    pub calling: bool,
    pub cseq: u32,
    /// When.
    pub at: u64,
}

impl Handed {
    pub fn to(&self) -> User {
        if self.calling { User::Calling } else { User::Called }
    }
}

fn is_calling(to: User) -> bool {
    to == User::Calling
}

impl Host {
    /// A proxy over the store in a directory; the ledger there goes on.
    pub fn open(directory: &Path, size: u64, settings: &Settings<'_>) -> Self {
        let config = SharedConfig { directory, size, lock_timeout: PATIENCE, owner: None, log: &|_, _| () };
        Self::over(SharedStore::open(&config).unwrap(), directory, settings)
    }
}

impl<S: Store> Host<S> {
    /// A proxy over any store; its ledger is in a directory.
    pub fn over(store: S, directory: &Path, settings: &Settings<'_>) -> Self {
        let path = directory.join(LEDGER);
        // What is written so is added whole, whichever process writes.
        let ledger = Arc::new(OpenOptions::new().create(true).append(true).open(&path).unwrap());
        let told = Arc::clone(&ledger);
        let ended: OnEnded = Box::new(move |ended| {
            let begun = now() - ended.duration;
            let leg = |leg: Leg, duration| format!("{} {} {}", leg.code, leg.cseq, begun + duration);
            let called = leg(ended.called, ended.called_duration);
            let calling = leg(ended.calling, ended.calling_duration);
            let line = format!("told {} {} {called} {calling}\n", ended.id.0, ended.outcome.text());
            write(&told, &line);
        });
        let own = [Own::host(b"s", b"").unwrap()];
        let registry = Registry::new(store, &Settings { own: &own, ..*settings }, ended).unwrap();
        let registry = registry
            .with_credentials(Box::new(|_, lines| lines.extend_from_slice(b"Authorization: Digest nonce=\"1\"\n")));
        Self { registry, ledger, path, judging: false, prompt: false }
    }

    pub fn write(&self, lines: &str) {
        write(&self.ledger, lines);
    }

    pub fn see(&self, call: &str, line: &str) -> Seen {
        self.registry.observe(message(call, line).as_bytes(), now()).unwrap()
    }

    /// The dialog of a call.
    pub fn dialog(&self, call: &str) -> Option<(Id, State)> {
        let mut found = None;
        let name = format!("{call},a,b");
        let mut visit = |entry: &ims_release::registry::Entry<'_>| found = Some((entry.id, entry.state));
        self.registry.find(Selector::Dialog(name.as_bytes()), &mut visit).unwrap();
        found
    }

    pub fn id(&self, call: &str) -> Id {
        self.dialog(call).expect("a dialog of this call").0
    }

    fn handed(&self, id: Id, to: User, bye: &Bye, mut bytes: Vec<u8>) -> String {
        if self.judging {
            bytes.truncate(bye.encoded.length);
            let tags: (Option<&[u8]>, Option<&[u8]>) = match to {
                User::Called => (Some(b"a"), Some(b"b")),
                User::Calling => (Some(b"b"), Some(b"a")),
            };
            built(bytes, &bye.encoded, bye.delivery, bye.cseq, tags);
        }
        format!("bye {} {} {} {}\n", id.0, u8::from(is_calling(to)), bye.cseq, now())
    }

    /// Starts a release. What was handed out is in the ledger when this returns.
    pub fn start(&self, id: Id) -> Result<(), RegistryError> {
        let [mut called, mut calling] = [(); 2].map(|()| vec![0; 4096]);
        let mut random = || Ok(1 << 20);
        self.write(&format!("starting {}\n", id.0));
        let start = Start { by: By::Host, request: &request(), now: now() };
        let started = self.registry.start(id, &start, &mut random, &mut called, &mut calling)?;
        let mut lines = format!("started {}\n", id.0);
        for (to, bye, bytes) in [(User::Called, started.called, called), (User::Calling, started.calling, calling)] {
            lines += &bye.map_or(String::new(), |bye| self.handed(id, to, &bye, bytes));
        }
        self.write(&lines);
        Ok(())
    }

    /// Fetches a BYE that is due.
    pub fn next(&self, id: Id, to: User) -> Result<Handed, RegistryError> {
        let mut buffer = vec![0; 4096];
        let bye = self.registry.next(id, to, &request(), now(), &mut || Ok(1 << 20), &mut buffer)?;
        self.write(&self.handed(id, to, &bye, buffer));
        Ok(Handed { id, calling: is_calling(to), cseq: bye.cseq, at: now() })
    }

    /// Notes a reply, which is in the ledger before.
    pub fn note(&self, id: Id, to: User, cseq: u32, code: u16, retry_after: Option<u32>) -> Noted {
        self.write(&format!("reply {} {} {cseq} {code}\n", id.0, u8::from(is_calling(to))));
        let challenge = if code == 401 { "WWW-Authenticate: x\r\n" } else { "" };
        let wait = retry_after.map_or(String::new(), |seconds| format!("Retry-After: {seconds}\r\n"));
        let message = crate::support::reply(code, &format!("{challenge}{wait}"));
        self.registry.note(id, to, cseq, Final::Code(code), message.as_bytes(), now()).unwrap()
    }

    /// One leg, as it is now.
    pub fn leg(&self, id: Id, to: User) -> Leg {
        let (_, word) = LEGS[usize::from(is_calling(to))];
        Leg::from_word(self.registry.store().word(id, word).unwrap().unwrap_or_default())
    }

    pub fn release(&self, id: Id) -> Release {
        Release::from_word(self.registry.store().word(id, RELEASE).unwrap().unwrap_or_default())
    }

    /// Makes it so that a process has died, or is busy, telling an outcome.
    pub fn make_telling(&self, id: Id) {
        let release = self.release(id);
        let telling = Release { phase: Phase::Telling, ..release };
        let store = self.registry.store();
        assert!(store.compare_exchange(id, RELEASE, release.to_word(), telling.to_word()).unwrap());
    }

    /// One round of the sweep.
    pub fn sweep(&self) -> Vec<(Id, User)> {
        let mut due = Vec::new();
        while !self.sweep_step(&mut due).finished {}
        due
    }

    pub fn sweep_step(&self, due: &mut Vec<(Id, User)>) -> Swept {
        self.registry.sweep(now(), 64, &mut |id, to| due.push((id, to))).unwrap()
    }

    /// Writes down what a kill left: which releases are claimed, and which were being told. With `all_dead` also the
    /// numbers of the BYEs that may be out: nobody is left who could still write that he has one.
    pub fn mark(&self, all_dead: bool) {
        let (mut ids, mut cursor) = (Vec::new(), 0);
        loop {
            cursor = self.registry.store().scan(cursor, 1024, &mut |id| ids.push(id)).unwrap();
            if cursor == 0 {
                break;
            }
        }
        let mut lines = String::new();
        for id in ids {
            // The counters are records too, but not in a list.
            let mut is_dialog = false;
            self.registry.find(Selector::Id(id), &mut |_| is_dialog = true).unwrap();
            let release = self.release(id);
            // A dialog that is about to be removed looks like one that was released, for no reason.
            if !is_dialog || release.phase == Phase::None || release.cause == 0 {
                continue;
            }
            lines += &format!("claimed {}\n", id.0);
            if release.phase == Phase::Telling || release.unconfirmed {
                lines += &format!("telling {}\n", id.0);
            }
            for (to, _) in LEGS {
                let leg = self.leg(id, to);
                if all_dead && leg.attempts > 0 {
                    let since = if self.prompt && leg.state == LegState::Waiting { now() } else { 0 };
                    lines += &format!("taken {} {} {} {since}\n", id.0, u8::from(is_calling(to)), leg.cseq);
                }
            }
        }
        self.write(&lines);
    }

    /// Takes up what an earlier run has left.
    pub fn resume(&self) {
        self.write(&format!("restart {}\n", now()));
        self.registry.resume(now()).unwrap();
    }

    /// Lets time go by. Each BYE is answered in the round after that in which it left.
    pub fn run(&self, out: &mut Vec<Handed>, time: u64, step: u64) {
        let end = now() + time;
        while now() < end {
            for bye in core::mem::take(out) {
                self.note(bye.id, bye.to(), bye.cseq, 200, None);
            }
            for (id, to) in self.sweep() {
                match self.next(id, to) {
                    Ok(bye) => out.push(bye),
                    Err(RegistryError::Dialog(_)) => (),
                    Err(error) => panic!("{error}"),
                }
            }
            wait(step);
        }
    }

    pub fn records(&self) -> u64 {
        self.registry.stats().unwrap().records
    }

    pub fn audit(&self, attempt: u64) -> Audit {
        Audit::of(&std::fs::read_to_string(&self.path).unwrap(), attempt)
    }
}

/// What the ledger says.
#[derive(Debug, Default)]
pub struct Audit {
    /// Dialogs whose release somebody tried to start.
    pub starting: BTreeSet<u64>,
    /// Releases that were started, as far as anybody knows.
    pub claimed: BTreeSet<u64>,
    /// How often the host was told of each, and what.
    pub told: BTreeMap<u64, Vec<String>>,
    /// Those that were being told when somebody was killed.
    pub telling: BTreeSet<u64>,
    /// Dialogs that the registry said it has, of calls under load.
    pub dialogs: BTreeSet<u64>,
    /// Those of them that a user may have ended.
    pub ending: BTreeSet<u64>,
    /// BYEs that were handed out.
    pub byes: Vec<Handed>,
    /// Those of them to which there was a reply.
    pub replied: BTreeSet<(u64, bool, u32)>,
    /// Releases without an outcome.
    pub lost: Vec<String>,
    /// Outcomes told twice, or of nothing; BYEs while the one before was not given up, or with its number.
    pub double: Vec<String>,
}

impl Audit {
    fn of(ledger: &str, attempt: u64) -> Self {
        let mut audit = Self::default();
        let mut codes: BTreeMap<(u64, bool, u32), BTreeSet<u64>> = BTreeMap::new();
        let mut restarts = Vec::new();
        let mut started = BTreeSet::new();
        let mut taken: BTreeMap<(u64, bool), (u32, u64)> = BTreeMap::new();
        let mut ends = Vec::new();
        for line in ledger.split('\n').filter_map(|line| line.strip_suffix(" .")) {
            let words: Vec<&str> = line.split(' ').collect();
            let n = |at: usize| words[at].parse::<u64>().unwrap();
            match words[0] {
                "starting" => _ = audit.starting.insert(n(1)),
                "started" => {
                    audit.claimed.insert(n(1));
                    if !started.insert(n(1)) {
                        audit.double.push(format!("the release of {} was started twice", n(1)));
                    }
                }
                "claimed" => _ = audit.claimed.insert(n(1)),
                "telling" => _ = audit.telling.insert(n(1)),
                "dialog" => _ = audit.dialogs.insert(n(1)),
                "ending" => _ = audit.ending.insert(n(1)),
                "taken" => _ = taken.insert((n(1), n(2) == 1), (n(3) as u32, n(4))),
                "restart" => restarts.push(n(1)),
                "reply" => _ = codes.entry((n(1), n(2) == 1, n(3) as u32)).or_default().insert(n(4)),
                "bye" => {
                    let bye = Handed { id: Id(n(1)), calling: n(2) == 1, cseq: n(3) as u32, at: n(4) };
                    if taken.get(&(bye.id.0, bye.calling)).is_some_and(|(cseq, _)| bye.cseq <= *cseq) {
                        audit.double.push(format!("{bye:?} has a number that was taken before the kill"));
                    }
                    audit.byes.push(bye);
                }
                "told" => {
                    audit.told.entry(n(1)).or_default().push(words[2].into());
                    ends.push((n(1), [(n(3), n(4) as u32, n(5)), (n(6), n(7) as u32, n(8))]));
                }
                _ => panic!("{line}"),
            }
        }
        for id in &audit.claimed {
            if !audit.told.contains_key(id) && !audit.telling.contains(id) {
                audit.lost.push(format!("the release of {id} has no outcome"));
            }
        }
        for (id, told) in &audit.told {
            if told.len() > 1 || !audit.starting.contains(id) {
                audit.double.push(format!("of {id} was told {told:?}"));
            }
        }
        // A number is higher than the one before, whoever wrote first.
        audit.byes.sort();
        for pair in audit.byes.windows(2) {
            let (one, two) = (pair[0], pair[1]);
            if (one.id, one.calling) != (two.id, two.calling) {
                continue;
            }
            let refused = codes.get(&(one.id.0, one.calling, one.cseq)).is_some_and(|codes| {
                // 500 and 503; a challenge; whatever is not a decision where service control kept it back.
                codes.iter().any(|code| matches!(code, 401 | 408 | 500..))
            });
            let given_up =
                refused || two.at >= one.at + attempt || restarts.iter().any(|at| one.at <= *at && *at <= two.at);
            if one.cseq == two.cseq || !given_up {
                audit.double.push(format!("{two:?} while {one:?} was out"));
            }
        }
        // Nobody gives up a BYE before its time. One that was only taken is as old as the kill, or a little older.
        for (id, legs) in ends {
            for (calling, (code, cseq, at)) in [(false, legs[0]), (true, legs[1])] {
                let said = codes.get(&(id, calling, cseq)).is_some_and(|codes| codes.contains(&code));
                let handed = audit.byes.iter().find(|bye| (bye.id.0, bye.calling, bye.cseq) == (id, calling, cseq));
                let taken = taken
                    .get(&(id, calling))
                    .filter(|taken| taken.0 == cseq)
                    .map(|taken| taken.1.saturating_sub(SLACK));
                let since = handed.map(|bye| bye.at).or(taken);
                if code == 408 && !said && since.is_some_and(|since| at < since + attempt) {
                    audit.double.push(format!("{handed:?} was given up at {at}"));
                }
            }
        }
        audit.replied = codes.into_keys().collect();
        audit
    }
}
