// SPDX-License-Identifier: MIT OR Apache-2.0
//! Flipped bits in the file of the shared store, at rest and, by write(2), under an open one. Of each field of a record
//! each bit, one at a time: what was hit is mended or dropped, and counted, and no other record is harmed. Then 300 at
//! once.

#![allow(unsafe_code)] // alarm has no safe face in std

#[path = "support/process.rs"]
mod process;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ims_release::store::shared::SharedConfig;
use ims_release::store::{Id, Insert, Key, MAX_RECORD, SharedStore, Store, StoreError, WORDS};
use tempfile::TempDir;

use process::{Child, End, alone};

/// Where the file has what, when it has one stripe: two headers, cells, pages of slots.
const HEADER: usize = 4096;
const HEADER_USED: usize = 56;
const CELL: usize = 8 * (1 + WORDS);
const PAGES: usize = 2 * HEADER + 1024 * CELL;
/// Its class, then slots.
const PAGE: usize = 8 + HEAD + MAX_RECORD;
/// Seal, id, group, member, length, checksum.
const HEAD: usize = 56;

fn directory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn path(directory: &Path) -> PathBuf {
    directory.join("ims_release.store")
}

fn open(directory: &Path) -> SharedStore {
    let lock_timeout = Duration::from_secs(1);
    SharedStore::open(&SharedConfig { directory, size: 1, lock_timeout, owner: None, log: &|_, _| () }).unwrap()
}

fn writable(directory: &Path) -> File {
    OpenOptions::new().read(true).write(true).open(path(directory)).unwrap()
}

fn flip(file: &File, at: usize, bit: usize) {
    let mut byte = [0];
    file.read_exact_at(&mut byte, at as u64).unwrap();
    file.write_all_at(&[byte[0] ^ 1 << bit], at as u64).unwrap();
}

/// Three to a group: a chain has more than one record.
fn key(number: u32) -> Key {
    let group = u128::from(number / 3 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    Key { group, member: group ^ u128::from(number) << 64 | u128::from(number) }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    bytes: Vec<u8>,
    words: [u64; WORDS],
}

fn first(number: u32) -> Kept {
    let length = 100 + (number * 37) as usize % 1900;
    let bytes = (0..length).map(|i| (i as u32).wrapping_mul(number + 3).wrapping_add(11) as u8).collect();
    Kept { bytes, words: core::array::from_fn(|word| u64::from(number + 1) << 17 | word as u64) }
}

fn insert(store: &SharedStore, number: u32) -> Insert {
    let Kept { bytes, words } = first(number);
    store.insert(key(number), &bytes, &words).unwrap()
}

fn new(store: &SharedStore, number: u32) -> Id {
    match insert(store, number) {
        Insert::New(id) => id,
        Insert::Exists(id) => panic!("{id:?} exists"),
    }
}

fn read(store: &SharedStore, id: Id) -> Option<(Key, Kept)> {
    let mut bytes = Vec::new();
    store.read(id, &mut bytes).unwrap().map(|entry| (entry.key, Kept { bytes, words: entry.words }))
}

fn find(store: &SharedStore, number: u32) -> Option<Kept> {
    let (found, kept) = read(store, store.find(key(number)).unwrap()?)?;
    assert_eq!(found, key(number));
    Some(kept)
}

/// What is there of each number, by its key.
fn all(store: &SharedStore, numbers: Range<u32>) -> BTreeMap<u32, Kept> {
    numbers.filter_map(|number| Some((number, find(store, number)?))).collect()
}

const NUMBERS: Range<u32> = 0..6;
/// In the middle of its chain.
const SUBJECT: u32 = 4;
/// Was removed: its slot and its cell are free, and what it left still lies there.
const REMOVED: u32 = 6;

/// A small store, and where the record of the flips is in its file.
struct Small {
    directory: TempDir,
    bytes: Vec<u8>,
    subject: Id,
    removed: Id,
    cell: usize,
    slot: usize,
    free_cell: usize,
    free_slot: usize,
}

fn small() -> Small {
    let directory = directory();
    let store = open(directory.path());
    let ids: Vec<Id> = (0..=REMOVED).map(|number| new(&store, number)).collect();
    assert!(store.remove(ids[REMOVED as usize]).unwrap());
    drop(store);
    let bytes = fs::read(path(directory.path())).unwrap();
    let slot = |number: u32| memchr::memmem::find(&bytes, &first(number).bytes).unwrap() - HEAD;
    let cell = |id: Id| 2 * HEADER + (id.0 as u32) as usize * CELL;
    let (slot, free_slot) = (slot(SUBJECT), slot(REMOVED));
    let (subject, removed) = (ids[SUBJECT as usize], ids[REMOVED as usize]);
    let (cell, free_cell) = (cell(subject), cell(removed));
    assert_eq!(bytes[slot + 8..slot + 16], subject.0.to_le_bytes());
    Small { directory, bytes, subject, removed, cell, slot, free_cell, free_slot }
}

/// What a flip does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Harm {
    /// It is mended: all is as it was.
    Mended,
    /// This word of the record is 0.
    Word(usize),
    /// The record is gone.
    Lost,
    /// No record is concerned: it may be seen or not.
    Free,
}

/// All places to flip, each bit of them or the bits of a spread.
fn flips(small: &Small) -> Vec<(usize, usize, Harm)> {
    let mut flips = Vec::new();
    let mut field = |octets: Range<usize>, harm: Harm| {
        flips.extend(octets.flat_map(|at| (0..8).map(move |bit| (at, bit, harm))));
    };
    let Small { cell, slot, free_cell, free_slot, .. } = *small;
    field(cell..cell + 8, Harm::Mended);
    for word in 0..WORDS {
        field(cell + 8 * (1 + word)..cell + 8 * (2 + word), Harm::Word(word));
    }
    field(slot..slot + HEAD, Harm::Lost);
    field(free_cell..free_cell + 8, Harm::Free);
    field(free_slot..free_slot + 8, Harm::Free);
    flips.extend((free_slot + 8..free_slot + HEAD).enumerate().map(|(n, at)| (at, n % 8, Harm::Free)));
    let body = slot + HEAD..slot + HEAD + first(SUBJECT).bytes.len();
    flips.extend(body.enumerate().map(|(n, at)| (at, n % 8, Harm::Lost)));
    flips
}

fn expected(harm: Harm) -> BTreeMap<u32, Kept> {
    let mut expected: BTreeMap<u32, Kept> = NUMBERS.map(|number| (number, first(number))).collect();
    match harm {
        Harm::Mended | Harm::Free => (),
        Harm::Word(word) => expected.get_mut(&SUBJECT).unwrap().words[word] = 0,
        Harm::Lost => _ = expected.remove(&SUBJECT),
    }
    expected
}

/// What is there, what was counted, and that work goes on.
fn judge(place: &str, store: &SharedStore, harm: Harm) {
    let expected = expected(harm);
    assert_eq!(all(store, NUMBERS), expected, "{place}");
    assert_eq!(store.find(key(REMOVED)).unwrap(), None, "{place}: what was removed is there again");
    let mut listed = Vec::new();
    store.scan(0, usize::MAX, &mut |id| listed.extend(read(store, id).map(|(key, _)| key.member))).unwrap();
    listed.sort_unstable();
    let mut members: Vec<u128> = expected.keys().map(|number| key(*number).member).collect();
    members.sort_unstable();
    assert_eq!(listed, members, "{place}");
    let usage = store.usage();
    assert_eq!(usage.records, members.len() as u64, "{place}");
    match harm {
        Harm::Free => assert!(usage.damaged <= 1, "{place}: counted {}", usage.damaged),
        _ => assert_eq!(usage.damaged, 1, "{place}"),
    }
    for number in [SUBJECT, REMOVED, REMOVED + 1, REMOVED + 2] {
        insert(store, number);
        let kept = find(store, number).unwrap();
        assert!(kept == first(number) || Some(&kept) == expected.get(&number), "{place}");
    }
    assert_eq!(all(store, 0..SUBJECT), all_of(&expected, 0..SUBJECT), "{place}");
    assert_eq!(store.usage().damaged, usage.damaged, "{place}");
}

fn all_of(records: &BTreeMap<u32, Kept>, numbers: Range<u32>) -> BTreeMap<u32, Kept> {
    records.range(numbers).map(|(number, kept)| (*number, kept.clone())).collect()
}

#[test]
fn a_flipped_bit_at_rest_is_counted_at_the_start_and_harms_no_other_record() {
    let _turn = alone();
    let small = small();
    let flips = flips(&small);
    for (at, bit, harm) in &flips {
        let file = writable(small.directory.path());
        file.write_all_at(&small.bytes, 0).unwrap();
        flip(&file, *at, *bit);
        let place = format!("octet {at}, bit {bit}, {harm:?}");
        let store = open(small.directory.path());
        // Before anybody looks: the repair has seen it.
        if *harm != Harm::Free {
            assert_eq!(store.usage().damaged, 1, "{place}");
        }
        judge(&place, &store, *harm);
    }
    println!("flipped bits, one at a time, at rest: {} runs", flips.len());
}

/// Who comes first to a place that was hit. None of them may take one record for another, or give what is damaged.
const VISITORS: [fn(&SharedStore, Id); 9] = [
    |_, _| (),
    |store, id| _ = read(store, id),
    |store, _| {
        let mut ids = Vec::new();
        store.group(key(SUBJECT).group, &mut ids).unwrap();
        for id in ids {
            let (found, kept) = read(store, id).unwrap_or((key(SUBJECT), first(SUBJECT)));
            assert!((3..6).any(|number| key(number) == found && first(number).bytes == kept.bytes));
        }
    },
    |store, _| {
        let mut found = 0;
        store.scan(0, usize::MAX, &mut |id| found += u32::from(read(store, id).is_some())).unwrap();
        assert!(found + 1 >= NUMBERS.end);
    },
    |store, id| {
        let changed = store.compare_exchange(id, 3, first(SUBJECT).words[3], 9);
        if matches!(changed, Ok(true)) {
            assert!(store.compare_exchange(id, 3, 9, first(SUBJECT).words[3]).unwrap());
        }
    },
    // A record that is not damaged is replaced and stays as it was, but for its version.
    |store, id| match store.replace(id, 1, &first(SUBJECT).bytes) {
        Ok(_) | Err(StoreError::NotFound) => (),
        Err(other) => panic!("{other}"),
    },
    |store, id| assert!(!store.remove_version(id, 2).unwrap()),
    // Another one of its chain is taken away and comes back.
    |store, _| {
        let neighbour = store.find(key(SUBJECT + 1)).unwrap().unwrap();
        assert!(store.remove(neighbour).unwrap());
        new(store, SUBJECT + 1);
    },
    |store, _| assert!(matches!(insert(store, SUBJECT - 1), Insert::Exists(_))),
];

#[test]
fn a_flipped_bit_under_a_running_proxy_is_counted_and_harms_no_other_record() {
    let _turn = alone();
    let small = small();
    let flips = flips(&small);
    for (run, (at, bit, harm)) in flips.iter().enumerate() {
        let file = writable(small.directory.path());
        file.write_all_at(&small.bytes, 0).unwrap();
        let store = open(small.directory.path());
        assert_eq!(store.usage().damaged, 0);
        flip(&file, *at, *bit);
        let visitor = run % VISITORS.len();
        VISITORS[visitor](&store, small.subject);
        let place = format!("octet {at}, bit {bit}, {harm:?}, visitor {visitor}");
        // A record whose body is damaged and that is replaced is whole again, and nothing was lost.
        let mended = store.usage().damaged == 0 && visitor == 5 && *at >= small.slot + HEAD && *harm == Harm::Lost;
        if mended {
            assert_eq!(find(&store, SUBJECT), Some(first(SUBJECT)), "{place}");
            continue;
        }
        judge(&place, &store, *harm);
        // Nothing is left for the next start to find.
        drop(store);
        let store = open(small.directory.path());
        assert_eq!(store.usage().damaged, 0, "{place}");
    }
    println!("flipped bits, one at a time, under an open store: {} runs", flips.len());
}

#[test]
fn a_seal_that_is_wiped_out_under_a_running_proxy_is_counted() {
    let _turn = alone();
    let small = small();
    for visit in VISITORS {
        let file = writable(small.directory.path());
        file.write_all_at(&small.bytes, 0).unwrap();
        let store = open(small.directory.path());
        file.write_all_at(&[0; 8], small.slot as u64).unwrap();
        visit(&store, small.subject);
        judge("seal of 0", &store, Harm::Lost);
    }
}

/// Octets that a disk loses at once.
const BLOCK: usize = 4096;

#[test]
fn a_block_of_zeros_loses_nothing_without_a_count() {
    let _turn = alone();
    let directory = directory();
    let store = open(directory.path());
    let ids: BTreeMap<u32, Id> = MANY.map(|number| (number, new(&store, number))).collect();
    drop(store);
    let bytes = fs::read(path(directory.path())).unwrap();
    let used = (2 * HEADER..bytes.len()).step_by(BLOCK).filter(|at| bytes[*at..*at + BLOCK].iter().any(|o| *o != 0));
    let (mut blocks, mut lost) = (0, 0);
    for at in used {
        for running in [false, true] {
            let place = format!("block at {at}, running: {running}");
            let file = writable(directory.path());
            file.write_all_at(&bytes, 0).unwrap();
            let before = running.then(|| open(directory.path()));
            file.write_all_at(&[0; BLOCK], at as u64).unwrap();
            let store = before.unwrap_or_else(|| open(directory.path()));
            // By the id alone: who has it must not be told that the record was removed.
            let found = ids.iter().filter_map(|(number, id)| Some((*number, read(&store, *id)?)));
            let found: BTreeMap<u32, (Key, Kept)> = found.collect();
            for (number, (found, kept)) in &found {
                assert_eq!((found, &kept.bytes), (&key(*number), &first(*number).bytes), "{place}");
            }
            let (gone, damaged) = (ids.len() as u64 - found.len() as u64, store.usage().damaged);
            assert!(gone <= damaged, "{place}: {gone} are gone, {damaged} were counted");
            let changed = found.iter().filter(|(number, (_, kept))| kept.words != first(**number).words).count() as u64;
            assert!(changed <= damaged, "{place}: words of {changed} are gone, {damaged} were counted");
            assert_eq!(whole(&store), found.len() as u64, "{place}");
            blocks += 1;
            lost += gone;
        }
    }
    println!("blocks of zeros: {blocks} runs, {lost} records lost, each of them counted");
    assert!(lost > 0, "the test shows nothing");
}

#[test]
fn a_damaged_use_of_a_free_cell_gives_no_id_twice() {
    let _turn = alone();
    let small = small();
    for bit in 0..64 {
        let file = writable(small.directory.path());
        file.write_all_at(&small.bytes, 0).unwrap();
        let store = open(small.directory.path());
        let old = small.removed;
        flip(&file, small.free_cell + bit / 8, bit % 8);
        let id = new(&store, REMOVED + 1);
        assert!(id.0 as u32 == old.0 as u32 && id != old, "bit {bit}: {id:?}");
        assert_eq!((read(&store, old), store.word(old, 0).unwrap()), (None, None), "bit {bit}");
        assert_eq!(read(&store, id), Some((key(REMOVED + 1), first(REMOVED + 1))), "bit {bit}");
        assert_eq!(store.usage().damaged, 1, "bit {bit}");
    }
}

#[test]
fn a_flipped_bit_in_a_header_is_mended_and_counted() {
    let _turn = alone();
    let small = small();
    let directory = small.directory.path();
    for at in 0..HEADER_USED {
        for header in [0, HEADER] {
            let file = writable(directory);
            file.write_all_at(&small.bytes, 0).unwrap();
            flip(&file, header + at, at % 8);
            let place = format!("header at {header}, octet {at}");
            judge(&place, &open(directory), Harm::Mended);
            // Both are whole again: the other one may be hit next.
            flip(&file, HEADER - header + at, at % 8);
            let store = open(directory);
            assert_eq!(store.usage().damaged, 1, "{place}");
            assert_eq!(all(&store, NUMBERS), expected(Harm::Mended), "{place}");
        }
    }
}

#[test]
fn a_damaged_class_of_a_page_is_mended_and_counted_and_costs_no_record() {
    let _turn = alone();
    let small = small();
    let directory = small.directory.path();
    let page = small.slot - (small.slot - PAGES) % PAGE;
    let prepared = || {
        let file = writable(directory);
        file.write_all_at(&small.bytes, 0).unwrap();
        file
    };
    // The last case: all of it is lost.
    for bit in 0..=64 {
        let damage = |file: &File| match bit {
            64 => file.write_all_at(&[0; 8], page as u64).unwrap(),
            _ => flip(file, page + bit / 8, bit % 8),
        };
        let place = format!("bit {bit}");
        damage(&prepared());
        judge(&place, &open(directory), Harm::Mended);

        let file = prepared();
        let store = open(directory);
        damage(&file);
        assert_eq!(all(&store, NUMBERS), expected(Harm::Mended), "{place}");
        new(&store, SUBJECT + 20);
        drop(store);
        let store = open(directory);
        assert_eq!(store.usage().damaged, 1, "{place}");
        assert_eq!(all(&store, NUMBERS), expected(Harm::Mended), "{place}");
        assert_eq!(find(&store, SUBJECT + 20), Some(first(SUBJECT + 20)));
    }
}

#[test]
fn a_damaged_class_of_an_empty_page_costs_nothing() {
    let _turn = alone();
    let small = small();
    let directory = small.directory.path();
    let empty = PAGES + 40 * PAGE;
    assert!(small.bytes[empty..empty + PAGE].iter().all(|octet| *octet == 0));
    for bit in 0..64 {
        let file = writable(directory);
        file.write_all_at(&small.bytes, 0).unwrap();
        flip(&file, empty + bit / 8, bit % 8);
        judge(&format!("bit {bit}"), &open(directory), Harm::Mended);
    }
}

const MANY: Range<u32> = 0..200;

/// What is there is right.
fn whole(store: &SharedStore) -> u64 {
    let found = all(store, MANY);
    for (number, kept) in &found {
        assert_eq!(kept.bytes, first(*number).bytes);
    }
    found.len() as u64
}

/// What 300 flips did to a store of 200 records.
#[derive(Clone, Copy, Debug)]
struct Flipped {
    lost: u64,
    counted: u64,
}

/// Flips 300 bits, wherever the file has anything, at rest or under a running proxy.
fn survive_flips(directory: &Path, running: bool, random: &mut impl FnMut(usize) -> usize) -> Flipped {
    let store = open(directory);
    for number in MANY {
        new(&store, number);
    }
    let running = running.then_some(store);
    let bytes = fs::read(path(directory)).unwrap();
    let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    let file = writable(directory);
    for _ in 0..300 {
        flip(&file, used[random(used.len())], random(8));
    }
    if let Some(store) = &running {
        // Reads and writes go on.
        whole(store);
        for number in 300..350 {
            insert(store, number);
            assert_eq!(find(store, number), Some(first(number)));
        }
    }
    // Each run of a proxy counts for itself.
    let counted = running.map_or(0, |store| store.usage().damaged);
    let store = open(directory);
    let counted = counted + store.usage().damaged;
    let lost = u64::from(MANY.end) - whole(&store);
    // Both headers at once cost all.
    let aside = fs::read_dir(directory).unwrap().count() > 2;
    assert!(lost <= counted || aside, "{lost} records are lost, {counted} are counted");
    assert!(matches!(insert(&store, 1_000), Insert::New(_)));
    assert_eq!(find(&store, 1_000), Some(first(1_000)));
    Flipped { lost, counted }
}

#[test]
fn flipped_bytes_cost_the_damaged_records_only() {
    let _turn = alone();
    let mut state = 12_345u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let (mut crashes, mut lost, mut damaged) = (0, 0, 0);
    let rounds = if std::env::var_os("IMS_RELEASE_SOAK").is_some() { 1_000 } else { 20 };
    for round in 0..rounds {
        let directory = directory();
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let mut drawn = Vec::new();
        drawn.resize_with(600, || random(usize::MAX));
        let child = Child::start(|| {
            // SAFETY: ends this child alone, should it hang.
            unsafe { libc::alarm(60) };
            let mut drawn = drawn.into_iter();
            let mut random = |below| drawn.next().unwrap() % below;
            let Flipped { lost, counted } = survive_flips(directory.path(), round % 2 == 1, &mut random);
            theirs.write_all(&[lost, counted].map(u64::to_le_bytes).concat()).unwrap();
        });
        drop(theirs);
        let mut told = [0; 16];
        if ours.read_exact(&mut told).is_err() | (child.end() != End::Done) {
            crashes += 1;
            continue;
        }
        let told = [0, 8].map(|at| u64::from_le_bytes(told[at..at + 8].try_into().unwrap()));
        lost += told[0];
        damaged += told[1];
    }
    println!("flipped bytes, 300 at a time: {rounds} runs, {crashes} crashes, {lost} of {} records lost", rounds * 200);
    assert_eq!(crashes, 0);
    assert!(damaged >= rounds);
}
