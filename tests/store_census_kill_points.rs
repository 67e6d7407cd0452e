// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random operations of several processes on a store that is full most of the time, with records of all sizes; some are
//! killed at a random store to the mapping. After each round a census: every slot, cell and page is in exactly one place
//! and counted, and each record is whole. 150 rounds; 20,000 with IMS_RELEASE_SOAK=1.

#[path = "support/process.rs"]
mod process;

use std::path::Path;
use std::time::Duration;

use ims_release::store::shared::SharedConfig;
use ims_release::store::shared::kill_points::{self, Victim};
use ims_release::store::{Key, MAX_RECORD, SharedStore, Store, StoreError, WORDS};

use process::{Child, End, alone};

const WORKERS: u32 = 3;
/// Keys of one worker.
const KEYS: u32 = 500;

fn open(directory: &Path) -> SharedStore {
    let lock_timeout = Duration::from_secs(5);
    SharedStore::open(&SharedConfig { directory, size: 1, lock_timeout, owner: None, log: &|_, _| () }).unwrap()
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % below
    }

    fn length(&mut self) -> usize {
        let (from, to) = [(0, 600), (600, 1100), (600, 1100), (900, 2500), (2400, 4100), (4000, MAX_RECORD as u64)]
            [self.below(6) as usize];
        (from + self.below(to - from + 1)) as usize
    }
}

/// Three to a group.
fn key(number: u32) -> Key {
    let group = u128::from(number / 3 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    Key { group, member: group ^ u128::from(number) }
}

/// Tells whose it is, so that nobody takes one for another.
fn record(number: u32, length: usize) -> Vec<u8> {
    (0..length as u32).map(|i| i.wrapping_mul(number | 1).wrapping_add(length as u32) as u8).collect()
}

/// Full is an answer; nothing else is.
fn full_or<T>(result: Result<T, StoreError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(StoreError::Full) => None,
        Err(other) => panic!("{other}"),
    }
}

fn check(store: &SharedStore, number: u32) -> Option<u64> {
    let id = store.find(key(number)).unwrap()?;
    let mut found = Vec::new();
    let entry = store.read(id, &mut found).unwrap().expect("what is found can be read");
    assert_eq!(entry.key, key(number));
    assert_eq!(found, record(number, found.len()), "record {number}");
    assert_eq!(entry.words, [u64::from(number); WORDS], "record {number}");
    Some(entry.version)
}

fn work(store: &SharedStore, worker: u32, random: &mut Random) {
    for _ in 0..60 {
        let number = worker * KEYS + random.below(u64::from(KEYS)) as u32;
        let length = random.length();
        let bytes = record(number, length);
        match (store.find(key(number)).unwrap(), check(store, number), random.below(8)) {
            (None, ..) => _ = full_or(store.insert(key(number), &bytes, &[u64::from(number); WORDS])),
            (Some(id), Some(version), 0..=3) => {
                if let Some(replaced) = full_or(store.replace(id, version, &bytes)) {
                    assert!(replaced, "nobody else has this key");
                }
            }
            (Some(id), ..) => assert!(store.remove(id).unwrap()),
        }
        check(store, number);
    }
}

fn judge(store: &SharedStore, place: &str) {
    let there = (0..WORKERS * KEYS).filter(|number| check(store, *number).is_some()).count();
    let mut listed = 0;
    store.scan(0, usize::MAX, &mut |_| listed += 1).unwrap();
    let usage = store.usage();
    assert_eq!((usage.records as usize, listed), (there, there), "{place}");
    assert_eq!((usage.damaged, usage.lock_timeouts), (0, 0), "{place}");
    let disorder = kill_points::census(store).unwrap();
    assert!(disorder.is_empty(), "{place}: {disorder:?}");
}

#[test]
fn each_slot_cell_and_page_is_in_one_place_whatever_was_done() {
    let _turn = alone();
    let soak = std::env::var_os("IMS_RELEASE_SOAK").is_some();
    let (rounds, seed) = if soak { (20_000, u64::from(std::process::id())) } else { (150, 4711) };
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let mut store = open(directory.path());
    let (mut kills, mut refused) = (0, 0);
    for round in 0..rounds {
        let place = format!("seed {seed}, round {round}");
        let workers: Vec<Child> = (0..WORKERS)
            .map(|worker| {
                Child::start(|| {
                    let mut random = Random(seed ^ u64::from(worker + 1) << 32 ^ (round + 1) << 40);
                    let stop = if random.below(4) == 0 { 1 + random.below(20_000) } else { 0 };
                    kill_points::arm(stop, Victim::Process);
                    work(&store, worker, &mut random);
                })
            })
            .collect();
        for worker in workers {
            let end = worker.end();
            assert_ne!(end, End::Failed, "{place}");
            kills += u32::from(end == End::Killed);
        }
        judge(&store, &place);
        if round % 10 == 9 {
            refused += store.usage().refused_full;
            drop(store);
            store = open(directory.path());
            judge(&store, &format!("{place}, opened again"));
        }
    }
    println!("census: {rounds} rounds of {WORKERS} processes, {kills} killed, {refused} records refused, all in order");
    assert!(kills > 0 && refused > 0, "{kills} killed, {refused} refused: the test shows nothing");
}
