// SPDX-License-Identifier: MIT OR Apache-2.0
//! One suite over both engines: what the contract of a store says, against a plain map and random operations.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use ims_release::store::shared::SharedConfig;
use ims_release::store::{Id, Insert, Key, MAX_RECORD, MemoryStore, SharedStore, Store, StoreError, WORD_MAX, WORDS};
use proptest::prelude::*;

fn shared(directory: &Path) -> SharedStore {
    let config = SharedConfig {
        directory,
        size: 1,
        lock_timeout: Duration::from_millis(200),
        owner: None,
        log: &|level, text| println!("{level:?}: {text}"),
    };
    SharedStore::open(&config).unwrap()
}

fn both(test: impl Fn(&dyn Store)) {
    test(&MemoryStore::new(900).unwrap());
    let directory = tempfile::tempdir().unwrap();
    test(&shared(directory.path()));
}

fn key(group: u8, member: u8) -> Key {
    // Spread over the chains as digests are.
    let group = u128::from(group).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    Key { group, member: group ^ u128::from(member) }
}

fn new(store: &dyn Store, key: Key, record: &[u8]) -> Id {
    match store.insert(key, record, &[0; WORDS]).unwrap() {
        Insert::New(id) => id,
        Insert::Exists(id) => panic!("{id:?} exists"),
    }
}

#[test]
fn records_come_back_whole() {
    both(|store| {
        let lengths = [0, 1, 592, 593, 928, 929, 2400, 2401, 4048, 4049, MAX_RECORD];
        for length in lengths {
            let record: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let key = key(length as u8, (length >> 8) as u8);
            let id = new(store, key, &record);
            let mut found = Vec::new();
            let entry = store.read(id, &mut found).unwrap().unwrap();
            assert_eq!((found, entry.key, entry.words), (record, key, [0; WORDS]));
            assert_eq!(store.find(key).unwrap(), Some(id));
        }
        let refused = store.insert(key(9, 9), &vec![0; MAX_RECORD + 1], &[0; WORDS]);
        assert!(matches!(refused, Err(StoreError::TooLarge)));
        assert_eq!((store.usage().records as usize, store.usage().refused_large), (lengths.len(), 1));
    });
}

#[test]
fn a_key_is_kept_once_and_a_group_lists_its_members() {
    both(|store| {
        let ids: Vec<Id> = (1..=5).map(|member| new(store, key(1, member), &[member])).collect();
        new(store, key(2, 1), b"other");
        assert_eq!(store.insert(key(1, 3), b"again", &[1; WORDS]).unwrap(), Insert::Exists(ids[2]));
        let mut found = Vec::new();
        store.group(key(1, 0).group, &mut found).unwrap();
        found.sort();
        assert_eq!(found, ids);
        assert!(store.remove(ids[0]).unwrap());
        assert!(!store.remove(ids[0]).unwrap());
        found.clear();
        store.group(key(1, 0).group, &mut found).unwrap();
        assert_eq!(found.len(), 4);
    });
}

#[test]
fn words_change_by_compare_and_exchange_and_outlive_versions() {
    both(|store| {
        let words: [u64; WORDS] = core::array::from_fn(|i| WORD_MAX - i as u64);
        let Insert::New(id) = store.insert(key(1, 1), b"a", &words).unwrap() else { panic!() };
        assert_eq!(store.word(id, 3).unwrap(), Some(WORD_MAX - 3));
        assert!(!store.compare_exchange(id, 3, 7, 8).unwrap());
        assert!(store.compare_exchange(id, 3, WORD_MAX - 3, 8).unwrap());
        let mut record = Vec::new();
        let version = store.read(id, &mut record).unwrap().unwrap().version;
        assert!(store.replace(id, version, b"bb").unwrap());
        assert!(!store.replace(id, version, b"c").unwrap(), "an old version replaces nothing");
        let entry = store.read(id, &mut record).unwrap().unwrap();
        assert_eq!((&record[..], entry.words[3], entry.words[4]), (&b"bb"[..], 8, WORD_MAX - 4));
        assert!(!store.remove_version(id, version).unwrap(), "an old version is not what is there");
        assert!(store.read(id, &mut record).unwrap().is_some());
        assert!(store.remove_version(id, entry.version).unwrap());
        assert!(!store.remove_version(id, entry.version).unwrap());
        assert_eq!(store.read(id, &mut record).unwrap(), None);
    });
}

#[test]
fn an_id_of_a_removed_record_reaches_nothing() {
    both(|store| {
        let old = new(store, key(1, 1), b"old");
        assert!(store.remove(old).unwrap());
        let ids: Vec<Id> = (0..50).map(|n| new(store, key(3, n), b"new")).collect();
        assert!(!ids.contains(&old));
        let mut record = Vec::new();
        assert_eq!(store.read(old, &mut record).unwrap(), None);
        assert_eq!(store.word(old, 0).unwrap(), None);
        assert!(matches!(store.compare_exchange(old, 0, 0, 1), Err(StoreError::NotFound)));
        assert!(matches!(store.replace(old, 1, b"x"), Err(StoreError::NotFound)));
        for id in ids {
            assert_eq!(store.word(id, 0).unwrap(), Some(0));
        }
        for stray in [Id(0), Id(u64::MAX), Id(5), Id(1 << 32 | 0xffff_ffff)] {
            assert_eq!(store.read(stray, &mut record).unwrap(), None);
            assert!(!store.remove(stray).unwrap());
        }
    });
}

/// Inserts records of one size until one is refused.
fn fill(store: &dyn Store, length: usize) -> Vec<Id> {
    let mut ids = Vec::new();
    let full = loop {
        let n = ids.len();
        match store.insert(key((n >> 8) as u8, n as u8), &vec![7; length], &[0; WORDS]) {
            Ok(Insert::New(id)) => ids.push(id),
            other => break other,
        }
    };
    assert!(matches!(full, Err(StoreError::Full)), "{full:?}");
    ids
}

#[test]
fn a_full_store_still_updates_and_takes_new_records_after_a_removal() {
    both(|store| {
        let mut record = Vec::new();
        for (length, least) in [(100, 1000), (900, 1000), (2300, 400), (900, 1000)] {
            let refused = store.usage().refused_full;
            let ids = fill(store, length);
            assert_eq!(store.usage().refused_full, refused + 1);
            let capacity = store.usage().capacity as usize;
            assert!((least.min(capacity)..=capacity).contains(&ids.len()), "{length}: {}", ids.len());
            for id in &ids {
                let version = store.read(*id, &mut record).unwrap().unwrap().version;
                assert!(store.replace(*id, version, &vec![8; length]).unwrap());
            }
            assert!(store.remove(ids[17]).unwrap());
            let last = new(store, key(200, 200), &vec![9; length]);
            // What one size leaves is there for the next.
            for id in ids.into_iter().filter(|id| store.remove(*id).unwrap()).chain([last]) {
                store.remove(id).unwrap();
            }
            assert_eq!(store.usage().records, 0);
        }
    });
}

#[test]
fn in_a_full_store_some_records_may_still_grow() {
    both(|store| {
        let ids = fill(store, 900);
        let mut record = Vec::new();
        for id in &ids[..14] {
            let version = store.read(*id, &mut record).unwrap().unwrap().version;
            assert!(store.replace(*id, version, &[8; 1000]).unwrap());
            assert!(store.read(*id, &mut record).unwrap().is_some() && record == [8; 1000]);
        }
    });
}

#[test]
fn records_as_no_honest_call_has_them_do_not_fill_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = shared(directory.path());
    let huge = fill(&store, MAX_RECORD).len();
    let usual = (0..=u8::MAX).flat_map(|group| (100..103).map(move |member| key(group, member)));
    let taken = usual.filter(|key| matches!(store.insert(*key, &[7; 800], &[0; WORDS]), Ok(Insert::New(_)))).count();
    assert!(taken == 3 * 256, "{taken} beside {huge} huge ones");
}

#[test]
fn a_scan_sees_all_in_bounded_steps() {
    both(|store| {
        let mut ids: Vec<Id> = (0..100).map(|n| new(store, key(n, n), b"x")).collect();
        for id in ids.drain(..).step_by(2).collect::<Vec<_>>() {
            store.remove(id).unwrap();
        }
        let (mut cursor, mut seen) = (0, Vec::new());
        loop {
            let before = seen.len();
            cursor = store.scan(cursor, 7, &mut |id| seen.push(id)).unwrap();
            assert!(seen.len() - before <= 7);
            if cursor == 0 {
                break;
            }
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 50);
        assert_eq!(store.scan(u64::MAX, 7, &mut |_| panic!("beyond the end")).unwrap(), 0);
    });
}

#[test]
fn threads_claim_once() {
    both(|store| {
        let id = new(store, key(1, 1), b"x");
        let claims: usize = std::thread::scope(|scope| {
            let claim = || (0..1000).filter(|n| store.compare_exchange(id, 0, *n, n + 1).unwrap()).count();
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(claim)).collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).sum()
        });
        assert_eq!(claims as u64, store.word(id, 0).unwrap().unwrap());
        let removed = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(|| store.remove(id).unwrap())).collect();
            workers.into_iter().filter(|_| true).map(|worker| worker.join().unwrap()).filter(|gone| *gone).count()
        });
        assert_eq!(removed, 1);
    });
}

#[test]
fn of_two_threads_one_sees_the_word_of_the_other() {
    both(|store| {
        const ROUNDS: u64 = 2000;
        let id = new(store, key(1, 1), b"x");
        let start = std::sync::Barrier::new(2);
        let thread = |own: usize, other: usize| {
            let one = |round| {
                start.wait();
                assert!(store.compare_exchange(id, own, round, round + 1).unwrap());
                store.word(id, other).unwrap() == Some(round + 1)
            };
            (0..ROUNDS).map(one).collect::<Vec<_>>()
        };
        let (a, b) = std::thread::scope(|scope| {
            let other = scope.spawn(|| thread(1, 0));
            (thread(0, 1), other.join().unwrap())
        });
        assert!(a.iter().zip(&b).all(|(a, b)| *a || *b));
    });
}

#[derive(Clone, Debug)]
enum Operation {
    Insert(u8, u8, usize),
    Replace(u8, u8, usize),
    Remove(u8, u8),
    Word(u8, u8, usize, u64),
    Group(u8),
    Reopen,
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let (group, member) = (0..4u8, 0..6u8);
    let length = prop_oneof![0..200usize, 850..1150usize, 2350..2450usize, 2900..3000usize];
    let one = prop_oneof![
        4 => (group.clone(), member.clone(), length.clone()).prop_map(|(g, m, l)| Operation::Insert(g, m, l)),
        3 => (group.clone(), member.clone(), length).prop_map(|(g, m, l)| Operation::Replace(g, m, l)),
        2 => (group.clone(), member.clone()).prop_map(|(g, m)| Operation::Remove(g, m)),
        3 => (group.clone(), member, 0..WORDS, 0..=WORD_MAX).prop_map(|(g, m, w, v)| Operation::Word(g, m, w, v)),
        1 => group.prop_map(Operation::Group),
        1 => Just(Operation::Reopen),
    ];
    proptest::collection::vec(one, 1..80)
}

type Model = HashMap<(u8, u8), (Id, Vec<u8>, [u64; WORDS])>;

fn step(store: &dyn Store, model: &mut Model, operation: &Operation) {
    let record = |length: usize, seed: u8| -> Vec<u8> { (0..length).map(|i| i as u8 ^ seed).collect() };
    match *operation {
        Operation::Insert(g, m, length) => {
            let record = record(length, m);
            let words = [length as u64; WORDS];
            match (store.insert(key(g, m), &record, &words).unwrap(), model.get(&(g, m))) {
                (Insert::New(id), None) => drop(model.insert((g, m), (id, record, words))),
                (Insert::Exists(id), Some((known, ..))) => assert_eq!(id, *known),
                (got, known) => panic!("{got:?} with {known:?}"),
            }
        }
        Operation::Replace(g, m, length) => {
            if let Some((id, known, _)) = model.get_mut(&(g, m)) {
                *known = record(length, !m);
                let version = store.read(*id, &mut Vec::new()).unwrap().unwrap().version;
                assert!(store.replace(*id, version, known).unwrap());
            }
        }
        Operation::Remove(g, m) => {
            if let Some((id, ..)) = model.remove(&(g, m)) {
                assert!(store.remove(id).unwrap());
            }
        }
        Operation::Word(g, m, word, value) => {
            if let Some((id, _, words)) = model.get_mut(&(g, m)) {
                assert!(store.compare_exchange(*id, word, words[word], value).unwrap());
                words[word] = value;
            }
        }
        Operation::Group(g) => {
            let mut found = Vec::new();
            store.group(key(g, 0).group, &mut found).unwrap();
            let mut known: Vec<Id> = model.iter().filter(|((group, _), _)| *group == g).map(|(_, v)| v.0).collect();
            found.sort();
            known.sort();
            assert_eq!(found, known);
        }
        Operation::Reopen => {}
    }
}

fn compare(store: &dyn Store, model: &Model) {
    for ((g, m), (id, record, words)) in model {
        assert_eq!(store.find(key(*g, *m)).unwrap(), Some(*id));
        let mut found = Vec::new();
        let entry = store.read(*id, &mut found).unwrap().unwrap();
        assert_eq!((&found, &entry.words), (record, words));
    }
    assert_eq!(store.usage().records as usize, model.len());
    assert_eq!(store.usage().damaged, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_is_a_map(operations in operations()) {
        let store = MemoryStore::new(1000).unwrap();
        let mut model = Model::new();
        for operation in &operations {
            step(&store, &mut model, operation);
        }
        compare(&store, &model);
    }

    #[test]
    fn shared_is_a_map_that_survives_a_restart(operations in operations()) {
        let directory = tempfile::tempdir().unwrap();
        let mut store = shared(directory.path());
        let mut model = Model::new();
        for operation in &operations {
            if matches!(operation, Operation::Reopen) {
                drop(store);
                store = shared(directory.path());
                compare(&store, &model);
            }
            step(&store, &mut model, operation);
        }
        compare(&store, &model);
    }
}
