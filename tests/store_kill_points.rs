// SPDX-License-Identifier: MIT OR Apache-2.0
//! A process killed at each single store to the mapping, one by one: whatever was acknowledged is there whole, what was
//! under way is done or not done, nothing is leaked, and no lock stays held. Judged twice: by a process that goes on
//! with the same mapping, and by one that starts from the file as the kill left it.
//!
//! A repair has some 14,000 stores, most of them alike: every 97th here, each with IMS_RELEASE_SOAK=1.

#[path = "support/directory.rs"]
mod directory;
#[path = "support/process.rs"]
mod process;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ims_release::store::shared::SharedConfig;
use ims_release::store::shared::kill_points::{self, BROKEN_ORDER, Victim};
use ims_release::store::{Id, Insert, Key, MAX_RECORD, SharedStore, Store, WORDS};

use process::{Child, End, alone};

/// Long: a call that gives up on a lock found one that nobody holds, and fails the test.
const PATIENCE: Duration = Duration::from_secs(5);

fn soak() -> bool {
    std::env::var_os("IMS_RELEASE_SOAK").is_some()
}

fn open(directory: &Path) -> SharedStore {
    SharedStore::open(&SharedConfig { directory, size: 1, lock_timeout: PATIENCE, owner: None, log: &|_, _| () })
        .unwrap()
}

/// Three to a group, so that chains have more than one record.
fn key(number: u32) -> Key {
    let group = u128::from(number / 3 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    Key { group, member: group ^ u128::from(number) }
}

fn bytes(number: u32, round: u32, length: usize) -> Vec<u8> {
    (0..length).map(|i| (i as u32).wrapping_mul(number + 1).wrapping_add(round << 3) as u8).collect()
}

/// One record as the store must have it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    bytes: Vec<u8>,
    words: [u64; WORDS],
}

/// As a record is inserted.
fn first(number: u32) -> Kept {
    let words = core::array::from_fn(|word| u64::from(number) << 8 | word as u64);
    Kept { bytes: bytes(number, 1, 300 + number as usize * 30), words }
}

type Records = BTreeMap<u32, Kept>;

fn insert(store: &SharedStore, number: u32) {
    let Kept { bytes, words } = first(number);
    // There already where this goes on with what a killed process had begun.
    let (Insert::New(_) | Insert::Exists(_)) = store.insert(key(number), &bytes, &words).unwrap();
}

fn id(store: &SharedStore, number: u32) -> Id {
    store.find(key(number)).unwrap().expect("a record of this number")
}

fn replace(store: &SharedStore, number: u32, bytes: &[u8]) {
    let id = id(store, number);
    let version = store.read(id, &mut Vec::new()).unwrap().expect("what is found can be read").version;
    assert!(store.replace(id, version, bytes).unwrap());
}

fn remove(store: &SharedStore, number: u32) {
    if let Some(id) = store.find(key(number)).unwrap() {
        assert!(store.remove(id).unwrap());
    }
}

fn count(store: &SharedStore, number: u32, word: usize, from: u64, to: u64) {
    let _ = store.compare_exchange(id(store, number), word, from, to).unwrap();
}

/// The number all operations but one work on: in the middle of its chain.
const SUBJECT: u32 = 7;
/// The number that is inserted.
const NEW: u32 = 20;
/// Numbers of a store of which each page has one record.
const SPARSE: u32 = 41;

/// What is done when the kill comes: may be done again, and then is done.
struct Operation {
    name: &'static str,
    number: u32,
    act: fn(&SharedStore),
    /// What it leaves of the record.
    after: fn(Kept) -> Option<Kept>,
}

const OPERATIONS: [Operation; 6] = [
    Operation { name: "insert", number: NEW, act: |store| insert(store, NEW), after: |_| Some(first(NEW)) },
    Operation {
        name: "replace",
        number: SUBJECT,
        act: |store| replace(store, SUBJECT, &bytes(SUBJECT, 2, 500)),
        after: |kept| Some(Kept { bytes: bytes(SUBJECT, 2, 500), ..kept }),
    },
    Operation {
        name: "replace by a larger one",
        number: SUBJECT,
        act: |store| replace(store, SUBJECT, &bytes(SUBJECT, 2, 1500)),
        after: |kept| Some(Kept { bytes: bytes(SUBJECT, 2, 1500), ..kept }),
    },
    Operation {
        name: "replace by one of another class, and back",
        number: SUBJECT,
        act: |store| {
            replace(store, SUBJECT, &bytes(SUBJECT, 2, 1100));
            replace(store, SUBJECT, &bytes(SUBJECT, 2, 200));
        },
        after: |kept| Some(Kept { bytes: bytes(SUBJECT, 2, 200), ..kept }),
    },
    Operation { name: "remove", number: SUBJECT, act: |store| remove(store, SUBJECT), after: |_| None },
    Operation {
        name: "change of a word",
        number: SUBJECT,
        act: |store| count(store, SUBJECT, 2, first(SUBJECT).words[2], 99),
        after: |mut kept| {
            kept.words[2] = 99;
            Some(kept)
        },
    },
];

impl Operation {
    fn before(&self) -> Option<Kept> {
        acknowledged().remove(&self.number)
    }

    fn done(&self) -> Option<Kept> {
        (self.after)(first(self.number))
    }

    /// All that may be found while it is under way.
    fn allowed(&self) -> Allowed {
        let mut states = vec![self.before(), self.done()];
        if self.name.ends_with("back") {
            states.push(Some(Kept { bytes: bytes(SUBJECT, 2, 1100), ..first(SUBJECT) }));
        }
        with(settled(&acknowledged()), self.number, states)
    }
}

/// What the small store holds in which all happens.
fn acknowledged() -> Records {
    (0..NEW).map(|number| (number, first(number))).collect()
}

/// What may be found of each number. One state where it is known; two for what is under way.
type Allowed = BTreeMap<u32, Vec<Option<Kept>>>;

/// What an operation finds that needs a page emptied.
fn sparse() -> Allowed {
    settled(&(0..SPARSE).map(|number| (number, first(number))).collect())
}

fn settled(records: &Records) -> Allowed {
    records.iter().map(|(number, kept)| (*number, vec![Some(kept.clone())])).collect()
}

fn with(mut allowed: Allowed, number: u32, states: Vec<Option<Kept>>) -> Allowed {
    allowed.insert(number, states);
    allowed
}

/// The small store. Its free slots and cells are not all fresh: what an earlier record left lies under a new one.
fn prepare() -> tempfile::TempDir {
    let directory = directory::fresh();
    let store = open(directory.path());
    for number in (0..NEW + 5).rev() {
        insert(&store, number);
        replace(&store, number, &bytes(number, 3, 1000));
        replace(&store, number, &bytes(number, 4, 1800));
        replace(&store, number, &first(number).bytes);
    }
    for number in NEW..NEW + 5 {
        remove(&store, number);
    }
    directory
}

/// What is inserted where no page is empty but those that are kept: another one is emptied, and its record moved.
const MOVES: Operation = Operation {
    name: "insert that empties a page",
    number: 60,
    act: |store| insert(store, 60),
    after: |_| Some(first(60)),
};

/// A store of which each page has one record.
fn prepare_sparse() -> tempfile::TempDir {
    let directory = directory::fresh();
    let store = open(directory.path());
    let in_page = |number: u32| match first(number).bytes.len() {
        ..=592 => 38,
        593..=736 => 31,
        737..=928 => 25,
        929..=1056 => 22,
        _ => 15,
    };
    let mut others = Vec::new();
    for number in 0..SPARSE {
        insert(&store, number);
        // One slot of a class stays free.
        let last = number + 1 == SPARSE || in_page(number) != in_page(number + 1);
        for _ in 1..in_page(number) - u32::from(last) {
            let other = 1000 + others.len() as u32;
            match store.insert(key(other), &first(number).bytes, &[0; WORDS]).unwrap() {
                Insert::New(id) => others.push(id),
                Insert::Exists(id) => panic!("{id:?} exists"),
            }
        }
    }
    for id in others {
        assert!(store.remove(id).unwrap());
    }
    assert_eq!(kill_points::empty_pages(&store), 2);
    directory
}

/// What the kills came to.
#[derive(Default)]
struct Figures {
    kills: u32,
    /// Records that are not what was acknowledged.
    lost: u32,
    /// Damages the store counted: a kill must leave none.
    damaged: u64,
    /// Slots and cells that are in no place, or in two.
    misplaced: u32,
    /// What was wrong first, to begin the search with.
    first: Option<String>,
}

impl Figures {
    fn tell(&self, what: &str) {
        let Self { kills, lost, damaged, misplaced, first: _ } = self;
        println!("kill points, {what}: {kills} kills, {lost} lost, {damaged} damaged, {misplaced} misplaced");
    }

    fn assert_clean(&self) {
        assert!(self.kills > 0, "nobody was killed: the test shows nothing");
        assert_eq!((self.lost, self.damaged, self.misplaced), (0, 0, 0), "{}", self.first.as_deref().unwrap_or("?"));
    }

    fn wrong(&mut self, place: &str, text: &str) {
        self.first.get_or_insert_with(|| format!("{place}: {text}"));
    }

    /// Judges one store. Gives what it holds.
    fn judge(&mut self, place: &str, store: &SharedStore, allowed: &Allowed) -> Records {
        let mut records = Records::new();
        for (number, states) in allowed {
            let found = store.find(key(*number)).unwrap().and_then(|id| {
                let mut bytes = Vec::new();
                store.read(id, &mut bytes).unwrap().map(|entry| Kept { bytes, words: entry.words })
            });
            if !states.contains(&found) {
                self.lost += 1;
                let found = found.as_ref().map(|kept| (kept.bytes.len(), kept.words));
                self.wrong(place, &format!("record {number} is {found:?}"));
            }
            records.extend(found.map(|kept| (*number, kept)));
        }
        let usage = store.usage();
        assert_eq!(usage.lock_timeouts, 0, "{place}");
        let mut disorder = kill_points::census(store).unwrap();
        if usage.records != records.len() as u64 {
            disorder.push(format!("{} records of {}", usage.records, records.len()));
        }
        self.damaged += usage.damaged;
        self.misplaced += disorder.len() as u32;
        if usage.damaged > 0 || !disorder.is_empty() {
            self.wrong(place, &format!("{} damaged, {disorder:?}", usage.damaged));
        }
        records
    }

    /// Judges what a kill left, in the mapping and in the file, and goes on with what was under way and with more.
    /// Gives what was found.
    fn judge_both(
        &mut self,
        place: &str,
        directory: &Path,
        store: SharedStore,
        allowed: &Allowed,
        operation: &Operation,
    ) -> Records {
        let left = directory::copy(directory);
        let found = self.judge(place, &store, allowed);
        let from_file = open(left.path());
        // Whatever the one says of an operation under way, the other must say too.
        let same = with(settled(&found), operation.number, vec![found.get(&operation.number).cloned()]);
        self.judge(&format!("{place}, file"), &from_file, &same);
        if self.lost > 0 {
            return found;
        }
        let more = Kept { bytes: bytes(NEW + 1, 5, 1200), ..first(NEW + 1) };
        let after = with(same, operation.number, vec![operation.done()]);
        let after = with(with(after, 1, vec![None]), NEW + 1, vec![Some(more.clone())]);
        for store in [&store, &from_file] {
            (operation.act)(store);
            remove(store, 1);
            insert(store, NEW + 1);
            replace(store, NEW + 1, &more.bytes);
            self.judge(&format!("{place}, going on"), store, &after);
        }
        drop(store);
        self.judge(&format!("{place}, at the end"), &open(directory), &after);
        found
    }
}

fn killed(store: &SharedStore, stop: u64, act: impl FnOnce(&SharedStore)) -> bool {
    let child = Child::start(|| {
        kill_points::arm(stop, Victim::Process);
        act(store);
    });
    match child.end() {
        End::Killed => true,
        End::Done => false,
        End::Failed => panic!("a child failed on its way to its store {stop}"),
    }
}

/// Kills in front of each store of an operation. Gives two of these stores: the last that leaves it not done, and the
/// first that leaves it done.
fn each_store(operation: &Operation, template: &Path, allowed: &Allowed, figures: &mut Figures) -> [u64; 2] {
    let mut turn = [0, 0];
    for stop in 1.. {
        let directory = directory::copy(template);
        let store = open(directory.path());
        let killed = killed(&store, stop, operation.act);
        figures.kills += u32::from(killed);
        let place = format!("{} killed at {stop}", operation.name);
        let found = figures.judge_both(&place, directory.path(), store, allowed, operation);
        if found.get(&operation.number) != operation.done().as_ref() {
            turn = [stop, 0];
            assert!(killed, "{place}: it was acknowledged");
        } else if turn[1] == 0 {
            turn[1] = stop;
        }
        if !killed {
            break;
        }
    }
    turn
}

/// A store that a kill left with work for a repair.
struct Left {
    /// What it looks like from outside.
    directory: tempfile::TempDir,
    operation: &'static Operation,
    stop: u64,
    /// How the repair must decide.
    decided: Option<Kept>,
}

impl Left {
    fn new(operation: &'static Operation, stop: u64, decided: Option<Kept>, template: &Path) -> Self {
        let directory = directory::copy(template);
        assert!(killed(&open(directory.path()), stop, operation.act));
        Self { directory, operation, stop, decided }
    }

    fn allowed(&self) -> Allowed {
        with(self.operation.allowed(), self.operation.number, vec![self.decided.clone()])
    }
}

/// Which stores of a repair to kill at: its begin, where versions are chosen, and its end, where the lock becomes free
/// again, one by one.
fn stores_of_a_repair(steps: u64) -> impl Iterator<Item = u64> {
    // A prime: what a repair does comes in groups of 3, 4 or 8 stores.
    let stride = if soak() { 1 } else { 97 };
    (1..=steps + 1).filter(move |stop| stop % stride == 0 || *stop <= 16 || stop + 16 > steps)
}

/// One after the other, and another one first in each round: what recurs in a repair meets all of them.
fn in_turn(left: &[Left], turn: usize) -> &Left {
    &left[(turn + turn / left.len()) % left.len()]
}

/// Kills an opener in front of stores of its repair.
fn opener_killed(left: &[Left], figures: &mut Figures) {
    kill_points::arm(0, Victim::Process);
    drop(open(directory::copy(left[0].directory.path()).path()));
    for (turn, stop) in stores_of_a_repair(kill_points::steps()).enumerate() {
        let left = in_turn(left, turn);
        let directory = directory::copy(left.directory.path());
        let child = Child::start(|| {
            kill_points::arm(stop, Victim::Process);
            drop(open(directory.path()));
        });
        let end = child.end();
        assert_ne!(end, End::Failed);
        figures.kills += u32::from(end == End::Killed);
        let place = format!("{} killed at {}, its repair at the start at {stop}", left.operation.name, left.stop);
        let store = open(directory.path());
        figures.judge_both(&place, directory.path(), store, &left.allowed(), left.operation);
    }
}

/// Kills a process that found the owner of a lock dead, in front of stores of its repair.
fn heir_killed(left: &[Left], template: &Path, figures: &mut Figures) {
    const OTHER: u32 = 3;
    let prepare = |left: &Left| {
        let directory = directory::copy(template);
        let store = open(directory.path());
        let other = id(&store, OTHER);
        assert!(killed(&store, left.stop, left.operation.act));
        // Nobody holds it up while the stripe waits for its repair, and no repair undoes it.
        assert!(store.compare_exchange(other, 1, first(OTHER).words[1], 77).unwrap());
        (directory, store)
    };
    let mut changed = first(OTHER);
    changed.words[1] = 77;
    let heir = |store: &SharedStore| assert!(store.find(key(0)).unwrap().is_some());

    let (_directory, store) = prepare(&left[0]);
    kill_points::arm(0, Victim::Process);
    heir(&store);
    for (turn, stop) in stores_of_a_repair(kill_points::steps()).enumerate() {
        let left = in_turn(left, turn);
        let (directory, store) = prepare(left);
        figures.kills += 1 + u32::from(killed(&store, stop, heir));
        let place = format!("{} killed at {}, the repair of its heir at {stop}", left.operation.name, left.stop);
        let allowed = with(left.allowed(), OTHER, vec![Some(changed.clone())]);
        figures.judge_both(&place, directory.path(), store, &allowed, left.operation);
    }
}

#[test]
fn at_each_store_of_an_operation_and_of_its_repair() {
    let _turn = alone();
    let template = prepare();
    let template = template.path();
    let mut figures = Figures::default();
    let mut left = Vec::new();
    for operation in &OPERATIONS {
        let turn = each_store(operation, template, &operation.allowed(), &mut figures);
        // What takes no lock leaves nothing to repair.
        if operation.name != "change of a word" {
            left.push((operation, turn));
        }
    }
    figures.tell("operations");
    figures.assert_clean();

    let back = |operation: &Operation| match operation.name.ends_with("back") {
        true => Some(Kept { bytes: bytes(SUBJECT, 2, 1100), ..first(SUBJECT) }),
        false => operation.before(),
    };
    let left: Vec<Left> = left
        .into_iter()
        .flat_map(|(operation, [not_yet, done])| {
            [
                Left::new(operation, not_yet, back(operation), template),
                Left::new(operation, done, operation.done(), template),
            ]
        })
        .collect();
    for (what, kill) in [
        ("repairs at the start", &opener_killed as &dyn Fn(&[Left], &mut Figures)),
        ("repairs after a death", &|left, figures| heir_killed(left, template, figures)),
    ] {
        let mut figures = Figures::default();
        kill(&left, &mut figures);
        figures.tell(what);
        figures.assert_clean();
    }
}

#[test]
fn at_each_store_of_a_move_to_another_page() {
    let _turn = alone();
    let template = prepare_sparse();
    let moved = directory::copy(template.path());
    let store = open(moved.path());
    (MOVES.act)(&store);
    assert_eq!(kill_points::empty_pages(&store), 2, "one was emptied for the one that was taken");
    drop(store);
    let mut figures = Figures::default();
    let allowed = with(sparse(), MOVES.number, vec![None, MOVES.done()]);
    each_store(&MOVES, template.path(), &allowed, &mut figures);
    figures.tell("a page that is emptied and taken");
    figures.assert_clean();
}

#[test]
fn a_damaged_class_of_a_page_is_mended_by_the_heir_of_a_lock() {
    let _turn = alone();
    let template = prepare();
    // Cells, then pages: each has its class in front of its slots.
    let page = |page: u64| 2 * 4096 + 1024 * 8 * (1 + WORDS as u64) + page * (8 + 56 + MAX_RECORD as u64);
    let (mut hit, mut figures) = (0, Figures::default());
    for (at, bit) in (0..8).flat_map(|number| [1, 18, 40].map(|bit| (page(number), bit))) {
        for (operation, stop) in OPERATIONS[..5].iter().zip([3, 60, 90, 120, 12]) {
            let directory = directory::copy(template.path());
            let store = open(directory.path());
            let file = File::options().read(true).write(true).open(directory.path().join("ims_release.store")).unwrap();
            let mut class = [0; 8];
            file.read_exact_at(&mut class, at).unwrap();
            let damaged = (u64::from_le_bytes(class) ^ 1 << bit).to_le_bytes();
            file.write_all_at(&damaged, at).unwrap();
            assert!(killed(&store, stop, operation.act), "{}", operation.name);
            figures.kills += 1;
            let place = format!("class at {at}, bit {bit}, {} killed at {stop}", operation.name);
            let found = store.find(key(0)).unwrap();
            assert!(found.is_some(), "{place}");
            // A page that the operation took before it died has its class from it.
            let counted = core::mem::take(&mut figures.damaged) + store.usage().damaged;
            assert!(counted <= 1, "{place}: counted {counted}");
            hit += counted;
            figures.judge(&place, &store, &operation.allowed());
            assert_eq!(figures.damaged, counted, "{place}");
            figures.damaged = 0;
        }
    }
    println!("classes of pages damaged, then a death: {} runs, {hit} mended", figures.kills);
    assert_eq!((figures.lost, figures.misplaced), (0, 0), "{:?}", figures.first);
    assert!(hit > 60, "{hit}: the test shows nothing");
}

/// The number that a second process works on all the time.
const BUSY: u32 = 12;

fn busy(round: u32) -> Kept {
    let mut kept = first(BUSY);
    if round > 0 {
        kept.bytes = bytes(BUSY, round, 200 + round as usize * 211 % 1500);
        kept.words[4] += u64::from(round);
    }
    kept
}

/// Works for ever and tells of each round that is done.
fn keep_busy(store: &SharedStore, mut told: UnixStream) {
    for round in 1.. {
        replace(store, BUSY, &busy(round).bytes);
        count(store, BUSY, 4, busy(round - 1).words[4], busy(round).words[4]);
        told.write_all(&round.to_le_bytes()).unwrap();
    }
}

/// Kills one process of two, or both, that use the same stripe. Whether anybody was killed at this store.
fn one_of_two(operation: &Operation, stop: u64, victim: Victim, template: &Path, figures: &mut Figures) -> bool {
    let place = format!("{}, {victim:?} killed at {stop}", operation.name);
    let directory = directory::copy(template);
    let store = open(directory.path());
    let busy_id = id(&store, BUSY);
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(PATIENCE * 2)).unwrap();
    let other = Child::start(|| keep_busy(&store, theirs.try_clone().unwrap()));
    drop(theirs);
    other.lead();
    let mut round = 0;
    let mut next = |round: &mut u32| {
        let mut bytes = [0; 4];
        let told = ours.read_exact(&mut bytes);
        if told.is_ok() {
            *round = u32::from_le_bytes(bytes);
        }
        told
    };
    next(&mut round).unwrap();
    let child = Child::start(|| {
        other.join();
        kill_points::arm(stop, victim);
        (operation.act)(&store);
    });
    let end = child.end();
    assert_ne!(end, End::Failed, "{place}");
    if end == End::Killed && victim == Victim::Group {
        assert_eq!(other.end(), End::Killed, "{place}");
        figures.kills += 1;
    } else {
        // One round may have been told already, the next one was begun after the death.
        let before = store.word(busy_id, 4).unwrap().unwrap();
        while first(BUSY).words[4] + u64::from(round) < before + 2 {
            next(&mut round).unwrap_or_else(|error| panic!("{place}: the other one stands still: {error}"));
        }
        drop(other);
    }
    figures.kills += u32::from(end == End::Killed);
    while next(&mut round).is_ok() {}
    let states = [busy(round), Kept { words: busy(round).words, ..busy(round + 1) }, busy(round + 1)];
    let allowed = with(operation.allowed(), BUSY, states.map(Some).to_vec());
    let allowed = match end {
        End::Done => with(allowed, operation.number, vec![operation.done()]),
        _ => allowed,
    };
    figures.judge_both(&place, directory.path(), store, &allowed, operation);
    end == End::Killed
}

#[test]
fn one_process_of_two_or_both() {
    let _turn = alone();
    let template = prepare();
    let stride = if soak() { 1 } else { 3 };
    for (what, victim) in [("one process of two", Victim::Process), ("both processes", Victim::Group)] {
        let mut figures = Figures::default();
        for operation in &OPERATIONS {
            let mut stops = (1..).step_by(stride);
            while stops.next().is_some_and(|stop| one_of_two(operation, stop, victim, template.path(), &mut figures)) {}
        }
        figures.tell(what);
        figures.assert_clean();
    }
}

#[test]
fn a_broken_order_of_publishing_is_found() {
    let _turn = alone();
    let template = prepare();
    let mut figures = Figures::default();
    BROKEN_ORDER.store(true, Ordering::Relaxed);
    each_store(&OPERATIONS[1], template.path(), &OPERATIONS[1].allowed(), &mut figures);
    BROKEN_ORDER.store(false, Ordering::Relaxed);
    figures.tell("the old version taken away before the new one is published");
    assert!(figures.lost > 0, "a loss was not seen: the other tests show nothing");
}
