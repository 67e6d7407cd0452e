// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the shared store promises when processes share it, die, or stand still, and when its file or directory is not
//! what it should be.

#![allow(unsafe_code)] // limits and users have no safe face in std

#[path = "support/process.rs"]
mod process;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ims_release::store::shared::SharedConfig;
use ims_release::store::{Id, Insert, Key, SharedStore, Store, StoreError, WORDS};

use process::{Child, End, alone};

const PATIENCE: Duration = Duration::from_millis(100);

fn open(directory: &Path) -> Result<SharedStore, StoreError> {
    open_with(directory, None, &|_| ())
}

fn open_with(directory: &Path, owner: Option<(u32, u32)>, log: &dyn Fn(&str)) -> Result<SharedStore, StoreError> {
    SharedStore::open(&SharedConfig { directory, size: 1, lock_timeout: PATIENCE, owner, log: &|_, text| log(text) })
}

fn key(number: u32) -> Key {
    let group = u128::from(number / 3 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    Key { group, member: group ^ u128::from(number) }
}

fn record(number: u32, round: u32) -> Vec<u8> {
    let length = 100 + (number * 37 + round * 101) as usize % 1900;
    (0..length).map(|i| (i as u32 ^ number ^ round << 3) as u8).collect()
}

fn new(store: &dyn Store, number: u32, round: u32) -> Id {
    match store.insert(key(number), &record(number, round), &[u64::from(round); WORDS]).unwrap() {
        Insert::New(id) => id,
        Insert::Exists(id) => panic!("{id:?} exists"),
    }
}

#[test]
fn processes_share_records_and_claim_once() {
    let _turn = alone();
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    let counter = new(&store, 9_999, 0);
    let contested: Vec<Id> = (9_000..9_020).map(|number| new(&store, number, 0)).collect();
    let workers: Vec<Child> = (0..4)
        .map(|worker| {
            Child::start(|| {
                for round in 0..100 {
                    let number = worker * 1000 + round;
                    let id = new(&store, number, 1);
                    let version = store.read(id, &mut Vec::new()).unwrap().unwrap().version;
                    assert!(store.replace(id, version, &record(number, 2)).unwrap());
                    if round % 2 == 0 {
                        assert!(store.remove(id).unwrap());
                    }
                    // Claims of one word by all: each success is one more.
                    loop {
                        let count = store.word(counter, 0).unwrap().unwrap();
                        if store.compare_exchange(counter, 0, count, count + 1).unwrap() {
                            break;
                        }
                    }
                }
                for id in &contested {
                    if store.remove(*id).unwrap() {
                        while !(store.word(counter, 1).unwrap())
                            .is_some_and(|n| store.compare_exchange(counter, 1, n, n + 1).unwrap())
                        {
                        }
                    }
                }
            })
        })
        .collect();
    for worker in workers {
        assert!(worker.wait());
    }
    assert_eq!(store.word(counter, 0).unwrap(), Some(400));
    assert_eq!(store.word(counter, 1).unwrap(), Some(contested.len() as u64));
    let mut found = Vec::new();
    for number in (0..4).flat_map(|worker| (1..100).step_by(2).map(move |round| worker * 1000 + round)) {
        let id = store.find(key(number)).unwrap().unwrap();
        store.read(id, &mut found).unwrap().unwrap();
        assert_eq!(found, record(number, 2));
    }
    assert_eq!(store.usage().records, 201);
}

/// What the last acknowledged operation on each number left: `None` removed, else the round of its record.
#[derive(Clone, Debug, Default)]
struct Acknowledged {
    state: std::collections::HashMap<u32, Option<u32>>,
    /// The operation that may or may not have happened.
    pending: Option<(u32, Option<u32>)>,
}

const NUMBERS: u32 = 60;

/// Works for ever and tells each operation before and after.
fn work(store: &SharedStore, mut told: UnixStream, seed: u32) {
    let mut random = seed | 1;
    let mut round = seed;
    loop {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        round += 1;
        let number = (random >> 8) % NUMBERS;
        let found = store.find(key(number)).unwrap();
        let after = match found {
            Some(_) if random >> 30 == 0 => u32::MAX,
            _ => round,
        };
        let mut tell = |kind: u32| {
            let line: Vec<u8> = [kind, number, after].iter().flat_map(|n| n.to_le_bytes()).collect();
            told.write_all(&line).unwrap();
        };
        tell(0);
        match found {
            Some(id) if after == u32::MAX => assert!(store.remove(id).unwrap()),
            Some(id) => {
                let version = store.read(id, &mut Vec::new()).unwrap().unwrap().version;
                assert!(store.replace(id, version, &record(number, round)).unwrap());
            }
            None => {
                new(store, number, round);
            }
        }
        tell(1);
    }
}

fn read_told(mut told: UnixStream, acknowledged: &mut Acknowledged) {
    let mut bytes = Vec::new();
    told.read_to_end(&mut bytes).unwrap();
    for line in bytes.chunks_exact(12) {
        let n = |at: usize| u32::from_le_bytes(line[at..at + 4].try_into().unwrap());
        let operation = (n(4), (n(8) != u32::MAX).then_some(n(8)));
        if n(0) == 0 {
            acknowledged.pending = Some(operation);
        } else {
            acknowledged.state.insert(operation.0, operation.1);
            acknowledged.pending = None;
        }
    }
}

/// Nothing acknowledged is lost; what was under way is done or not done. Settles the pending operation.
fn check(store: &SharedStore, acknowledged: &mut Acknowledged) {
    let mut found = Vec::new();
    for number in 0..NUMBERS {
        let id = store.find(key(number)).unwrap();
        let content = id.map(|id| {
            store.read(id, &mut found).unwrap().expect("a record that is found can be read");
            found.clone()
        });
        let known = acknowledged.state.get(&number).copied().flatten();
        if content == known.map(|round| record(number, round)) {
            continue;
        }
        let Some((_, after)) = acknowledged.pending.filter(|(pending, _)| *pending == number) else {
            panic!("record {number} is not what was acknowledged");
        };
        assert_eq!(content, after.map(|round| record(number, round)), "record {number} is torn");
        acknowledged.state.insert(number, after);
    }
    acknowledged.pending = None;
    let usage = store.usage();
    assert_eq!(usage.records, acknowledged.state.values().flatten().count() as u64);
    assert_eq!((usage.damaged, usage.lock_timeouts), (0, 0));
}

#[test]
fn a_killed_process_loses_nothing_and_leaves_no_lock() {
    let _turn = alone();
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).unwrap();
    let mut acknowledged = Acknowledged::default();
    let mut repairs = 0;
    for kill in 0..150u32 {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let worker = Child::start(|| work(&store, theirs.try_clone().unwrap(), kill * 100_000));
        std::thread::sleep(Duration::from_micros(700 + u64::from(kill * 7919 % 4000)));
        drop(worker);
        drop(theirs);
        read_told(ours, &mut acknowledged);
        check(&store, &mut acknowledged);
        if kill % 10 == 9 {
            // All are dead now; the next proxy starts from the file alone.
            repairs += store.usage().repairs;
            drop(store);
            store = open(directory.path()).unwrap();
            check(&store, &mut acknowledged);
        }
    }
    println!("150 kills, {repairs} of them while a lock was held");
    assert!(repairs > 0, "no kill hit a held lock: the test shows nothing");
}

#[test]
fn a_stopped_process_delays_others_by_no_more_than_the_time_out() {
    const TIME_OUT: Duration = Duration::from_millis(300);
    /// Until the machine lets us run again.
    const SLACK: Duration = Duration::from_millis(60);
    let _turn = alone();
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let config = SharedConfig { directory, size: 1, lock_timeout: TIME_OUT, owner: None, log: &|_, _| () };
    let store = SharedStore::open(&config).unwrap();
    let bystander = new(&store, 50_000, 0);
    let (mut busy, mut longest) = (0, Duration::ZERO);
    for stop in 0..60u32 {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let drain = std::thread::spawn(move || read_told(ours, &mut Acknowledged::default()));
        let worker = Child::start(|| work(&store, theirs.try_clone().unwrap(), stop * 100_000));
        drop(theirs);
        std::thread::sleep(Duration::from_micros(800 + u64::from(stop * 7919 % 3000)));
        worker.signal(libc::SIGSTOP);
        let begin = Instant::now();
        match store.find(key(1)) {
            Ok(_) => (),
            Err(StoreError::Busy) => busy += 1,
            Err(other) => panic!("{other}"),
        }
        let delay = begin.elapsed();
        assert!(delay < TIME_OUT + SLACK, "{delay:?}");
        longest = longest.max(delay);
        // A word needs no lock.
        let begin = Instant::now();
        let value = store.word(bystander, 2).unwrap().unwrap();
        assert!(store.compare_exchange(bystander, 2, value, value + 1).unwrap());
        assert!(begin.elapsed() < SLACK);
        drop(worker);
        drain.join().unwrap();
        store.find(key(1)).expect("the lock is free again after the death of its owner");
    }
    println!("60 stops, {busy} of them while a lock was held, {longest:?} at most for a time-out of {TIME_OUT:?}");
    assert_eq!(store.usage().lock_timeouts, busy);
}

fn message(result: Result<SharedStore, StoreError>) -> String {
    result.map(|_| ()).unwrap_err().to_string()
}

#[test]
fn a_directory_that_cannot_be_used_stops_the_start_with_one_message() {
    let _turn = alone();
    let base = tempfile::tempdir().unwrap();
    let inside = base.path().join("store");
    let store = open(&inside).unwrap();
    assert_eq!(fs::metadata(&inside).unwrap().permissions().mode() & 0o777, 0o700);
    for name in ["ims_release.store", "ims_release.lock"] {
        assert_eq!(fs::metadata(inside.join(name)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(message(open(&inside)).contains("another running proxy uses it"));
    drop(store);
    open(&inside).unwrap();

    let missing = message(open(&base.path().join("a/b")));
    assert!(missing.contains("/a does not exist; make that first"), "{missing}");
    let file = base.path().join("file");
    fs::write(&file, "x").unwrap();
    assert!(message(open(&file)).contains("is not a directory"));
    // SAFETY: asks only who we are.
    if unsafe { libc::geteuid() } == 0 {
        chown(&inside, Some(54_321), None).unwrap();
        let stranger = message(open(&inside));
        assert!(stranger.contains("belongs to user 54321"), "{stranger}");
        let given = base.path().join("given");
        drop(open_with(&given, Some((54_321, 54_321)), &|_| ()).unwrap());
        use std::os::unix::fs::MetadataExt;
        for path in [given.clone(), given.join("ims_release.store"), given.join("ims_release.lock")] {
            assert_eq!(fs::metadata(path).unwrap().uid(), 54_321);
        }
        drop(open_with(&given, Some((54_321, 54_321)), &|_| ()).unwrap());
    }
}

#[test]
fn a_full_disk_is_an_error_at_the_start() {
    let _turn = alone();
    let directory = tempfile::tempdir().unwrap();
    let child = Child::start(|| {
        // SAFETY: limits this child only.
        unsafe {
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            let limit = libc::rlimit { rlim_cur: 100_000, rlim_max: 100_000 };
            assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit), 0);
        }
        let text = message(open(directory.path()));
        assert!(text.contains("no room for") && text.contains("set a smaller size"), "{text}");
    });
    assert!(child.wait());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "only the lock file stays");
    open(directory.path()).unwrap();
}

fn filled(directory: &Path) -> Vec<Id> {
    let store = open(directory).unwrap();
    (0..200).map(|number| new(&store, number, 5)).collect()
}

fn whole(store: &SharedStore) -> usize {
    let mut found = Vec::new();
    let alive = |number: &u32| {
        let id = store.find(key(*number)).unwrap();
        id.is_some_and(|id| {
            let entry = store.read(id, &mut found).unwrap();
            // What is given is right, or it is not given.
            assert!(entry.is_none() || found == record(*number, 5));
            entry.is_some()
        })
    };
    (0..200).filter(alive).count()
}

#[test]
fn a_truncated_file_keeps_what_it_still_holds() {
    let _turn = alone();
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path());
    let path = directory.path().join("ims_release.store");
    let size = fs::metadata(&path).unwrap().len();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(150_000).unwrap();
    let lines = Mutex::new(String::new());
    let store = open_with(directory.path(), None, &|line| lines.lock().unwrap().push_str(line)).unwrap();
    assert!(lines.lock().unwrap().contains("was cut to 150000"), "{lines:?}");
    let kept = whole(&store);
    assert!(kept > 0 && kept < 200, "{kept}");
    assert_eq!(fs::metadata(&path).unwrap().len(), size);
    assert_eq!(store.usage().records as usize, kept);
}

#[test]
fn a_foreign_file_is_put_aside() {
    let _turn = alone();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ims_release.store");
    fs::write(&path, "something else").unwrap();
    let lines = Mutex::new(String::new());
    let store = open_with(directory.path(), None, &|line| lines.lock().unwrap().push_str(line)).unwrap();
    assert!(lines.lock().unwrap().contains("put aside as"), "{lines:?}");
    assert_eq!(store.usage().damaged, 1);
    let aside = directory.path().join("ims_release.store.damaged-1");
    assert_eq!(fs::read(aside).unwrap(), b"something else");
    new(&store, 1, 1);
}

/// Flips 300 bits of a store of 200 records, at rest or under a running proxy; gives how many records are left, and the
/// damages that were counted.
fn survive_flips(directory: &Path, running: bool, mut next: impl FnMut(u64) -> u64) -> (usize, u64) {
    let path = directory.join("ims_release.store");
    let store = open(directory).unwrap();
    for number in 0..200 {
        new(&store, number, 5);
    }
    let running = running.then_some(store);
    let file = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    // Where the headers, cells and records are.
    for _ in 0..300 {
        let at = next(500_000);
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 1 << next(8)], at).unwrap();
    }
    if let Some(store) = &running {
        // Reads and writes go on.
        whole(store);
        for number in 300..350 {
            if let Ok(Insert::New(id)) = store.insert(key(number), &record(number, 1), &[0; WORDS]) {
                store.read(id, &mut Vec::new()).unwrap();
            }
        }
    }
    // Each run of a proxy counts for itself.
    let counted = running.map_or(0, |store| store.usage().damaged);
    let store = open(directory).unwrap();
    let kept = whole(&store);
    let counted = counted + store.usage().damaged;
    new(&store, 1_000, 1);
    (kept, counted)
}

#[test]
fn flipped_bytes_cost_the_damaged_records_only() {
    let _turn = alone();
    let mut random = 12_345u64;
    let mut next = move |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let (mut crashes, mut lost, mut damaged) = (0, 0, 0);
    let rounds = if std::env::var_os("IMS_RELEASE_SOAK").is_some() { 1_000 } else { 20 };
    for round in 0..rounds {
        let directory = tempfile::tempdir().unwrap();
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let mut flips = Vec::new();
        flips.resize_with(600, || next(4_000_000));
        let child = Child::start(|| {
            // SAFETY: ends this child alone, should it hang.
            unsafe { libc::alarm(60) };
            let mut flips = flips.into_iter();
            let (kept, counted) =
                survive_flips(directory.path(), round % 2 == 1, |below| flips.next().unwrap() % below);
            let told = [kept as u64, counted].map(u64::to_le_bytes).concat();
            theirs.write_all(&told).unwrap();
        });
        drop(theirs);
        let mut told = [0; 16];
        if ours.read_exact(&mut told).is_err() | (child.end() != End::Done) {
            crashes += 1;
            continue;
        }
        let [kept, counted] = [0, 8].map(|at| u64::from_le_bytes(told[at..at + 8].try_into().unwrap()));
        assert!(kept == 200 || counted > 0, "round {round}: {} records are lost without a word", 200 - kept);
        lost += 200 - kept;
        damaged += counted;
    }
    println!("flipped bytes, 300 at a time: {rounds} runs, {crashes} crashes, {lost} of {} records lost", rounds * 200);
    assert_eq!(crashes, 0);
    assert!(damaged >= rounds);
}

#[test]
fn a_damaged_use_of_a_cell_hides_no_record() {
    let _turn = alone();
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    let id = new(&store, 1, 5);
    let path = directory.path().join("ims_release.store");
    let bytes = fs::read(&path).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    // The first cell that was given out: before it are two headers, a page each, and cells of zeros.
    let place = bytes[8_192..].iter().position(|octet| *octet != 0).unwrap() / 8 * 8 + 8_192;
    for bit in 0..64 {
        let before = fs::read(&path).unwrap()[place + bit / 8];
        file.write_all_at(&[before ^ 1 << (bit % 8)], (place + bit / 8) as u64).unwrap();
        let mut found = Vec::new();
        // Whoever comes first finds it, a scan too.
        if bit % 2 == 0 {
            store.scan(0, 1_000_000, &mut |id| found.push(id)).unwrap();
            assert_eq!(found, [id], "bit {bit}");
        }
        let mut bytes = Vec::new();
        assert!(store.read(id, &mut bytes).unwrap().is_some(), "bit {bit}");
        assert_eq!(bytes, record(1, 5));
        assert_eq!(store.usage().damaged, bit as u64 + 1, "bit {bit}");
    }
    // It can be taken away, and its key used again.
    assert!(store.remove(id).unwrap());
    new(&store, 1, 6);
}

#[test]
fn a_record_with_the_id_of_another_is_not_taken_for_it() {
    let _turn = alone();
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    for number in 0..200 {
        new(&store, number, 5);
    }
    let path = directory.path().join("ims_release.store");
    let bytes = fs::read(&path).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    let place = memchr::memmem::find(&bytes, &record(115, 5)).unwrap();
    // Seal and id stand in front of keys, length and checksum.
    let id_at = place - 56 + 8;
    for bit in 0..64 {
        let (at, bit) = (id_at + bit / 8, 1 << (bit % 8));
        file.write_all_at(&[bytes[at] ^ bit], at as u64).unwrap();
        let mut found = Vec::new();
        if let Some(id) = store.find(key(115)).unwrap() {
            let entry = store.read(id, &mut found).unwrap();
            assert!(entry.is_none(), "octet {at}, {bit:#x}: {id:?}");
        }
        let mut group = Vec::new();
        store.group(key(115).group, &mut group).unwrap();
        let others = group.into_iter().filter(|id| store.read(*id, &mut found).unwrap().is_some());
        assert!(others.count() <= 2, "octet {at}, {bit:#x}");
        file.write_all_at(&[bytes[at]], at as u64).unwrap();
    }
}
