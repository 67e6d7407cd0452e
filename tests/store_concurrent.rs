// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random operations of several at once, against plain maps: threads on the memory engine, processes on the shared one.
//! Each works on keys of its own, in groups that all share, and says after each operation what must be there; of what
//! all want exactly one gets each.

#[path = "support/process.rs"]
mod process;

use std::collections::HashMap;
use std::time::Duration;

use ims_release::store::shared::SharedConfig;
use ims_release::store::{Id, Insert, Key, MemoryStore, SharedStore, Store, WORD_MAX, WORDS};
use proptest::prelude::*;

use process::{Child, alone};

const WORKERS: u8 = 3;
const GROUPS: u8 = 3;
/// Members of a group that one worker has.
const MEMBERS: u8 = 4;
/// Its words count what all do.
const COUNTER: Key = Key { group: 1 << 100, member: 1 };
/// The words that count successful changes, and records of the common keys that were made.
const CHANGES: usize = 0;
const MADE: usize = 1;

#[derive(Clone, Debug)]
enum Operation {
    Insert(u8, u8, usize),
    Replace(u8, u8, usize),
    Remove(u8, u8),
    Word(u8, u8, usize, u64),
    Group(u8),
    Count,
    Want(u8),
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let (group, member) = (0..GROUPS, 0..MEMBERS);
    let length = prop_oneof![0..200usize, 850..1150usize, 2350..2450usize];
    let one = prop_oneof![
        4 => (group.clone(), member.clone(), length.clone()).prop_map(|(g, m, l)| Operation::Insert(g, m, l)),
        3 => (group.clone(), member.clone(), length).prop_map(|(g, m, l)| Operation::Replace(g, m, l)),
        3 => (group.clone(), member.clone()).prop_map(|(g, m)| Operation::Remove(g, m)),
        3 => (group.clone(), member, 0..WORDS, 0..=WORD_MAX).prop_map(|(g, m, w, v)| Operation::Word(g, m, w, v)),
        1 => group.prop_map(Operation::Group),
        3 => Just(Operation::Count),
        2 => (0..8u8).prop_map(Operation::Want),
    ];
    proptest::collection::vec(one, 1..200)
}

fn all_operations() -> impl Strategy<Value = Vec<Vec<Operation>>> {
    proptest::collection::vec(operations(), usize::from(WORKERS))
}

fn group(number: u8) -> u128 {
    u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
}

fn key(worker: u8, g: u8, m: u8) -> Key {
    Key { group: group(g), member: group(g) ^ u128::from(worker * MEMBERS + m) }
}

/// A key that each worker may make a record of.
fn common(number: u8) -> Key {
    Key { group: group(number % GROUPS), member: group(number % GROUPS) ^ u128::from(200 + number) }
}

fn record(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|i| i as u8 ^ seed).collect()
}

fn counter(store: &dyn Store) -> Id {
    store.find(COUNTER).unwrap().unwrap()
}

fn count(store: &dyn Store, word: usize) {
    let id = counter(store);
    loop {
        let value = store.word(id, word).unwrap().unwrap();
        if store.compare_exchange(id, word, value, value + 1).unwrap() {
            break;
        }
    }
}

/// What one worker must find of its keys.
type Model = HashMap<(u8, u8), (Vec<u8>, [u64; WORDS])>;

/// One step in the plain map.
fn model_step(model: &mut Model, operation: &Operation) {
    match *operation {
        Operation::Insert(g, m, length) => {
            model.entry((g, m)).or_insert_with(|| (record(length, m), [length as u64; WORDS]));
        }
        Operation::Replace(g, m, length) => {
            if let Some((known, _)) = model.get_mut(&(g, m)) {
                *known = record(length, !m);
            }
        }
        Operation::Remove(g, m) => drop(model.remove(&(g, m))),
        Operation::Word(g, m, word, value) => {
            if let Some((_, words)) = model.get_mut(&(g, m)) {
                words[word] = value;
            }
        }
        Operation::Group(_) | Operation::Count | Operation::Want(_) => (),
    }
}

/// The same in the store. `model` is as before it.
fn step(store: &dyn Store, worker: u8, model: &Model, operation: &Operation) {
    let id = |g, m| {
        let found = store.find(key(worker, g, m)).unwrap();
        assert_eq!(found.is_some(), model.contains_key(&(g, m)));
        found
    };
    match *operation {
        Operation::Insert(g, m, length) => {
            let known = id(g, m);
            match store.insert(key(worker, g, m), &record(length, m), &[length as u64; WORDS]).unwrap() {
                Insert::New(_) => assert_eq!(known, None),
                Insert::Exists(id) => assert_eq!(known, Some(id)),
            }
        }
        Operation::Replace(g, m, length) => {
            if let Some(id) = id(g, m) {
                let version = store.read(id, &mut Vec::new()).unwrap().unwrap().version;
                assert!(store.replace(id, version, &record(length, !m)).unwrap());
                assert!(!store.replace(id, version, b"of an old version").unwrap());
            }
        }
        Operation::Remove(g, m) => {
            if let Some(id) = id(g, m) {
                assert!(store.remove(id).unwrap());
                assert!(!store.remove(id).unwrap());
            }
        }
        Operation::Word(g, m, word, value) => {
            if let Some(id) = id(g, m) {
                assert!(store.compare_exchange(id, word, model[&(g, m)].1[word], value).unwrap());
            }
        }
        Operation::Group(g) => {
            let mut found = Vec::new();
            store.group(group(g), &mut found).unwrap();
            for (_, m) in model.keys().filter(|(of, _)| *of == g) {
                assert!(found.contains(&id(g, *m).unwrap()));
            }
        }
        Operation::Count => count(store, CHANGES),
        Operation::Want(number) => {
            if let Insert::New(_) = store.insert(common(number), &[number; 300], &[0; WORDS]).unwrap() {
                count(store, MADE);
            }
        }
    }
}

fn compare(store: &dyn Store, worker: u8, model: &Model) {
    for ((g, m), (record, words)) in model {
        let id = store.find(key(worker, *g, *m)).unwrap().unwrap();
        let mut found = Vec::new();
        let entry = store.read(id, &mut found).unwrap().unwrap();
        assert_eq!((&found, &entry.words), (record, words));
    }
}

fn work(store: &dyn Store, worker: u8, operations: &[Operation]) {
    let mut model = Model::new();
    for operation in operations {
        step(store, worker, &model, operation);
        model_step(&mut model, operation);
        compare(store, worker, &model);
    }
}

/// What must be there when all have done their work.
fn judge(store: &dyn Store, all: &[Vec<Operation>]) {
    let (mut records, mut changes) = (1, 0);
    let mut wanted = std::collections::HashSet::new();
    for (worker, operations) in (0..).zip(all) {
        let mut model = Model::new();
        for operation in operations {
            model_step(&mut model, operation);
            match operation {
                Operation::Count => changes += 1,
                Operation::Want(number) => _ = wanted.insert(*number),
                _ => (),
            }
        }
        compare(store, worker, &model);
        records += model.len();
    }
    let counter = counter(store);
    assert_eq!(store.word(counter, CHANGES).unwrap(), Some(changes));
    assert_eq!(store.word(counter, MADE).unwrap(), Some(wanted.len() as u64));
    let usage = store.usage();
    assert_eq!(usage.records as usize, records + wanted.len());
    assert_eq!((usage.damaged, usage.lock_timeouts, usage.refused_full), (0, 0, 0));
}

fn with_counter(store: &dyn Store) {
    let Ok(Insert::New(_)) = store.insert(COUNTER, b"", &[0; WORDS]) else { panic!("no counter") };
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn threads_in_memory_are_maps(all in all_operations()) {
        let store = MemoryStore::new(1000).unwrap();
        with_counter(&store);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..)
                .zip(&all)
                .map(|(worker, operations)| {
                    let store = &store;
                    scope.spawn(move || work(store, worker, operations))
                })
                .collect();
            workers.into_iter().for_each(|worker| worker.join().unwrap());
        });
        judge(&store, &all);
    }

    #[test]
    fn processes_that_share_are_maps(all in all_operations()) {
        let _turn = alone();
        let directory = tempfile::tempdir().unwrap();
        let open = || {
            let config = SharedConfig {
                directory: directory.path(),
                size: 1,
                lock_timeout: Duration::from_secs(5),
                owner: None,
                log: &|_, _| (),
            };
            SharedStore::open(&config).unwrap()
        };
        let store = open();
        with_counter(&store);
        let workers: Vec<Child> = (0..)
            .zip(&all)
            .map(|(worker, operations)| Child::start(|| work(&store, worker, operations)))
            .collect();
        for worker in workers {
            prop_assert!(worker.wait(), "a process has found something else");
        }
        judge(&store, &all);
        drop(store);
        judge(&open(), &all);
    }
}
