// SPDX-License-Identifier: MIT OR Apache-2.0
//! The operations, each a function that is not inlined, so that callgrind knows it by its name; and what runs them, one
//! as often as the other, over records at random.

use core::hint::black_box;
use std::time::Instant;

use ims_release::dialog::{Serves, User};
use ims_release::pending::{Final, Outcome};
use ims_release::reason::Reason;
use ims_release::registry::{By, Noted, Registry, Settings, Start, Tracked, What};
use ims_release::release::{Form, Request};
use ims_release::route::Own;
use ims_release::store::{Entry, Id, Insert, Key, MemoryStore, Store, WORDS};

use super::messages::{Call, own};

const NOW: u64 = 1_800_000_000_000;

/// The time of every operation, by its name, in nanoseconds.
#[derive(Default)]
pub struct Times(pub Vec<(String, Vec<u32>)>);

impl Times {
    fn add(&mut self, name: &'static str, nanoseconds: u32) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, all)) => all.push(nanoseconds),
            None => self.0.push((name.to_owned(), vec![nanoseconds])),
        }
    }

    /// Reads lines of "NAME NANOSECONDS ...".
    pub fn read(text: &str) -> Self {
        let line = |line: &str| {
            let (name, all) = line.split_once(' ').unwrap();
            (name.to_owned(), all.split(' ').map(|one| one.parse().unwrap()).collect())
        };
        Self(text.lines().map(line).collect())
    }

    /// Puts what another process has measured beside it.
    pub fn join(&mut self, other: Self) {
        for (name, all) in other.0 {
            match self.0.iter_mut().find(|(known, _)| *known == name) {
                Some((_, mine)) => mine.extend(all),
                None => self.0.push((name, all)),
            }
        }
    }

    fn last(&self, name: &str) -> u32 {
        let of = self.0.iter().find(|(known, _)| *known == name);
        of.and_then(|(_, all)| all.last().copied()).unwrap_or_default()
    }

    /// Runs one operation and keeps how long it took.
    fn take<T>(&mut self, name: &'static str, operation: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let done = black_box(operation());
        self.add(name, start.elapsed().as_nanos() as u32);
        done
    }
}

/// Numbers that look random and are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

/// The key of a record, spread as digests are.
fn key(number: u64) -> Key {
    let mut numbers = Numbers(number << 8);
    let mut wide = || u128::from(numbers.next()) << 64 | u128::from(numbers.next());
    Key { group: wide(), member: wide() }
}

/// What is stored of the dialog of input.h: the bytes of its record, and the words of its cell.
pub struct Sample {
    pub record: Vec<u8>,
    words: [u64; WORDS],
}

impl Sample {
    pub fn new() -> Self {
        let registry = registry(Box::new(MemoryStore::new(8).unwrap()));
        let call = Call::new(0);
        track(&registry, &call.invite());
        let id = confirm(&registry, &call.answer());
        let mut record = Vec::new();
        let Entry { words, .. } = registry.store().read(id, &mut record).unwrap().unwrap();
        Self { record, words }
    }

    /// Keeps the record of this number; `false`: there is no room.
    pub fn keep(&self, store: &dyn Store, number: u64) -> bool {
        store.insert(key(number), &self.record, &self.words).is_ok()
    }
}

/// What the operations are done on.
pub type Calls = Registry<Box<dyn Store>>;

pub fn registry(store: Box<dyn Store>) -> Calls {
    let own = own();
    let own = [Own::host(own.as_bytes(), b"").unwrap()];
    let settings = Settings { own: &own, linger: 0, ..Settings::default() };
    Registry::new(store, &settings, Box::new(|_| {})).unwrap()
}

#[inline(never)]
fn insert(store: &dyn Store, key: Key, sample: &Sample) -> Id {
    match store.insert(key, &sample.record, &sample.words).unwrap() {
        Insert::New(id) => id,
        Insert::Exists(id) => panic!("{id:?} is there already"),
    }
}

#[inline(never)]
fn find(store: &dyn Store, key: Key) -> Id {
    store.find(key).unwrap().unwrap()
}

#[inline(never)]
fn read(store: &dyn Store, id: Id, record: &mut Vec<u8>) -> Entry {
    store.read(id, record).unwrap().unwrap()
}

#[inline(never)]
fn change_word(store: &dyn Store, id: Id, current: u64) {
    assert!(store.compare_exchange(id, 0, current, current ^ 1).unwrap());
}

#[inline(never)]
fn replace(store: &dyn Store, id: Id, version: u64, record: &[u8]) {
    assert!(store.replace(id, version, record).unwrap());
}

#[inline(never)]
fn remove(store: &dyn Store, id: Id) {
    assert!(store.remove(id).unwrap());
}

#[inline(never)]
fn track(registry: &Calls, invite: &[u8]) {
    assert!(matches!(registry.track(invite, Serves::Calling, NOW), Ok(Tracked::New(_))));
}

#[inline(never)]
fn confirm(registry: &Calls, answer: &[u8]) -> Id {
    let seen = registry.observe(answer, NOW).unwrap();
    assert_eq!(seen.what, What::Confirmed);
    seen.id.unwrap()
}

#[inline(never)]
fn count(registry: &Calls, request: &[u8]) {
    assert_eq!(registry.observe(request, NOW).unwrap().what, What::Counted);
}

#[inline(never)]
fn end(registry: &Calls, bye: &[u8], reply: &[u8]) {
    assert_eq!(registry.observe(bye, NOW).unwrap().what, What::Ending);
    assert_eq!(registry.observe(reply, NOW).unwrap().what, What::Ended);
}

/// Both BYEs in their buffers; gives their CSeqs.
#[inline(never)]
fn start(registry: &Calls, id: Id, buffers: &mut [[u8; 4096]; 2]) -> [u32; 2] {
    let reason = Reason::sip(503, b"Service Unavailable").unwrap();
    let request = Request { reason, headers: &[], form: Form::Loop, keep_gruu: false, via: None };
    let [called, calling] = buffers;
    let start = Start { by: By::Host, request: &request, now: NOW };
    let started = registry.start(id, &start, &mut || Ok(id.0), called, calling).unwrap();
    [started.called.unwrap().cseq, started.calling.unwrap().cseq]
}

#[inline(never)]
fn note(registry: &Calls, id: Id, user: User, cseq: u32) -> Noted {
    registry.note(id, user, cseq, Final::Code(200), b"", NOW).unwrap()
}

/// Which records and calls a process works on, so that two do not meet on one.
#[derive(Clone, Copy)]
pub struct Share {
    pub process: u64,
    pub processes: u64,
    /// Records in the store.
    pub dialogs: u64,
    /// Of each operation, at a time and in all.
    pub batch: u64,
    pub all: u64,
}

/// Runs all operations. The store is afterwards as it was.
pub fn run(registry: &Calls, sample: &Sample, share: Share) -> Times {
    let mut times = Times::default();
    let mut numbers = Numbers(share.process);
    for round in 0..share.all / share.batch {
        let first = share.dialogs + (share.process * share.all) + round * share.batch;
        store_round(registry.store(), sample, share, first, &mut numbers, &mut times);
        call_round(registry, share, first, &mut times);
        release_round(registry, share, first, &mut times);
    }
    times
}

fn store_round(store: &dyn Store, sample: &Sample, share: Share, first: u64, numbers: &mut Numbers, times: &mut Times) {
    let mut record = Vec::with_capacity(4096);
    let new: Vec<Id> =
        (first..first + share.batch).map(|n| times.take("insert", || insert(store, key(n), sample))).collect();
    for _ in 0..share.batch {
        let number = numbers.next() % (share.dialogs / share.processes) * share.processes + share.process;
        let key = key(number);
        let id = times.take("find", || find(store, key));
        let entry = times.take("read", || read(store, id, &mut record));
        times.take("change_word", || change_word(store, id, entry.words[0]));
        times.take("replace", || replace(store, id, entry.version, &record));
    }
    for id in new {
        times.take("remove", || remove(store, id));
    }
}

/// Calls that end by their users; and as `call` the four operations of each together.
fn call_round(registry: &Calls, share: Share, first: u64, times: &mut Times) {
    let mut calls: Vec<(Call, u32)> = (first..first + share.batch).map(|number| (Call::new(number), 0)).collect();
    for (call, whole) in &mut calls {
        let invite = call.invite();
        times.take("track", || track(registry, &invite));
        *whole += times.last("track");
    }
    for (call, whole) in &mut calls {
        let answer = call.answer();
        times.take("confirm", || confirm(registry, &answer));
        *whole += times.last("confirm");
    }
    for (call, whole) in &mut calls {
        let request = call.request("INFO", 1);
        times.take("count", || count(registry, &request));
        *whole += times.last("count");
    }
    for (call, whole) in &mut calls {
        let (bye, reply) = (call.request("BYE", 2), call.reply("BYE", 2));
        times.take("end", || end(registry, &bye, &reply));
        *whole += times.last("end");
    }
    calls.iter().for_each(|(_, whole)| times.add("call", *whole));
}

/// Calls that are released.
fn release_round(registry: &Calls, share: Share, first: u64, times: &mut Times) {
    let mut buffers = [[0; 4096]; 2];
    let set_up = |number| {
        let call = Call::new(number);
        track(registry, &call.invite());
        let id = confirm(registry, &call.answer());
        registry.observe(&call.request("ACK", 0), NOW).unwrap();
        id
    };
    let ids: Vec<Id> = (first..first + share.batch).map(set_up).collect();
    for id in ids {
        let [called, calling] = times.take("start", || start(registry, id, &mut buffers));
        let one = times.take("note", || note(registry, id, User::Called, called));
        let last = times.take("note", || note(registry, id, User::Calling, calling));
        assert_eq!((one, last), (Noted::Leg, Noted::Ended(Outcome::Completed)));
    }
}
