// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the shared store promises when processes share it, die, or stand still, and when its file or directory is not
//! what it should be.

#![allow(unsafe_code)] // limits and users have no safe face in std

#[path = "support/process.rs"]
mod process;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ims_release::store::shared::SharedConfig;
use ims_release::store::{Id, Insert, Key, SharedStore, Store, StoreError, WORDS};

use process::{Child, alone};

const STORE: &str = "ims_release.store";
const LOCK: &str = "ims_release.lock";
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

/// What was told, after what was read of it already.
fn read_told(read: &[u8], mut told: UnixStream, acknowledged: &mut Acknowledged) {
    let mut bytes = read.to_vec();
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
    let mut kill = 0u32;
    // On a busy machine few kills hit a held lock.
    while kill < 150 || repairs == 0 && kill < 3_000 {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let worker = Child::start(|| work(&store, theirs.try_clone().unwrap(), kill.wrapping_mul(100_000)));
        drop(theirs);
        // It has begun when it tells of its first operation.
        let mut first = [0; 12];
        (&ours).read_exact(&mut first).unwrap();
        std::thread::scope(|scope| {
            // Nor may it stand still because nobody listens.
            scope.spawn(|| read_told(&first, ours, &mut acknowledged));
            std::thread::sleep(Duration::from_micros(u64::from(kill * 7919 % 4000)));
            drop(worker);
        });
        check(&store, &mut acknowledged);
        kill += 1;
        if kill % 10 == 0 {
            // All are dead now; the next proxy starts from the file alone.
            repairs += store.usage().repairs;
            drop(store);
            store = open(directory.path()).unwrap();
            check(&store, &mut acknowledged);
        }
    }
    println!("{kill} kills, {repairs} of them while a lock was held");
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
        let drain = std::thread::spawn(move || read_told(&[], ours, &mut Acknowledged::default()));
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
    for name in [STORE, LOCK] {
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
    if is_root() {
        chown(&inside, Some(54_321), None).unwrap();
        let stranger = message(open(&inside));
        assert!(stranger.contains("belongs to user 54321"), "{stranger}");
        let given = base.path().join("given");
        drop(open_with(&given, Some((54_321, 54_321)), &|_| ()).unwrap());
        for path in [given.clone(), given.join(STORE), given.join(LOCK)] {
            assert_eq!(fs::metadata(path).unwrap().uid(), 54_321);
        }
        drop(open_with(&given, Some((54_321, 54_321)), &|_| ()).unwrap());
    }
}

/// Only root can give something to a stranger.
fn is_root() -> bool {
    // SAFETY: asks only who we are.
    unsafe { libc::geteuid() == 0 }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A directory with a store that was closed, and its paths.
fn closed() -> (tempfile::TempDir, [PathBuf; 2]) {
    let directory = tempfile::tempdir().unwrap();
    new(&open(directory.path()).unwrap(), 1, 5);
    let files = [STORE, LOCK].map(|name| directory.path().join(name));
    (directory, files)
}

#[test]
fn files_of_a_stranger_are_refused() {
    let _turn = alone();
    if !is_root() {
        return;
    }
    let (directory, files) = closed();
    for file in &files {
        chown(file, Some(54_321), None).unwrap();
        let text = message(open(directory.path()));
        assert!(text.contains(&format!("{}: belongs to user 54321", file.display())), "{text}");
        chown(file, Some(0), None).unwrap();
        // What another group may write is no better.
        chown(file, None, Some(54_321)).unwrap();
        set_mode(file, 0o660);
        let text = message(open(directory.path()));
        assert!(text.contains(&format!("{}: other users may write to it (mode 0660)", file.display())), "{text}");
        // That of the proxy may.
        drop(open_with(directory.path(), Some((0, 54_321)), &|_| ()).unwrap());
        set_mode(file, 0o640);
        open(directory.path()).unwrap();
    }
}

#[test]
fn what_others_may_write_is_refused() {
    let _turn = alone();
    let (directory, files) = closed();
    for (path, right) in files.iter().map(|file| (&**file, 0o600)).chain([(directory.path(), 0o700)]) {
        for more in [0o002, 0o022, 0o066, 0o077] {
            set_mode(path, right | more);
            let text = message(open(directory.path()));
            let words = format!("{}: other users may write to it (mode {:04o})", path.display(), right | more);
            assert!(text.contains(&words) && text.contains("chmod go-w"), "{text}");
        }
        set_mode(path, right | 0o044);
        drop(open(directory.path()).unwrap());
    }
    // A directory like /tmp: nobody else can take the files away.
    set_mode(directory.path(), 0o1777);
    let store = open(directory.path()).unwrap();
    assert!(store.find(key(1)).unwrap().is_some());
}

#[test]
fn a_link_or_a_directory_in_the_place_of_a_file_stops_the_start_and_is_named() {
    let _turn = alone();
    let (directory, files) = closed();
    for file in &files {
        let elsewhere = directory.path().join("elsewhere");
        fs::rename(file, &elsewhere).unwrap();
        symlink(&elsewhere, file).unwrap();
        let text = message(open(directory.path()));
        assert!(text.contains(&format!("{}: is a symbolic link", file.display())) && text.contains("remove"), "{text}");
        fs::remove_file(file).unwrap();
        fs::create_dir(file).unwrap();
        let text = message(open(directory.path()));
        assert!(text.contains(&format!("{}: is a directory", file.display())) && text.contains("move"), "{text}");
        fs::remove_dir(file).unwrap();
        fs::rename(&elsewhere, file).unwrap();
        open(directory.path()).unwrap();
    }
    // A link in the place where the new file is made leads nowhere else either.
    let [store, _] = &files;
    fs::remove_file(store).unwrap();
    let precious = directory.path().join("precious");
    fs::write(&precious, "x").unwrap();
    symlink(&precious, format!("{}.new", store.display())).unwrap();
    open(directory.path()).unwrap();
    assert_eq!(fs::read(&precious).unwrap(), b"x");
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
    let path = directory.path().join(STORE);
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

/// What a start says, line by line.
fn open_telling(directory: &Path) -> (SharedStore, Vec<String>) {
    let lines = Mutex::new(Vec::new());
    let store = open_with(directory, None, &|line| lines.lock().unwrap().push(line.to_owned())).unwrap();
    (store, lines.into_inner().unwrap())
}

#[test]
fn a_file_that_lost_nothing_but_its_end_is_counted_too() {
    let _turn = alone();
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path());
    let file = fs::OpenOptions::new().write(true).open(directory.path().join(STORE)).unwrap();
    file.set_len(file.metadata().unwrap().len() - 1).unwrap();
    let (store, lines) = open_telling(directory.path());
    assert_eq!((store.usage().damaged, whole(&store)), (1, 200));
    assert!(lines.len() == 1 && lines[0].contains("was cut to"), "{lines:?}");
}

#[test]
fn a_file_with_holes_is_filled_at_the_start() {
    let _turn = alone();
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path());
    let path = directory.path().join(STORE);
    let bytes = fs::read(&path).unwrap();
    // As a copy may be that keeps no zeros.
    fs::remove_file(&path).unwrap();
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).unwrap();
    for (page, content) in bytes.chunks(4096).enumerate().filter(|(_, content)| content.iter().any(|b| *b != 0)) {
        file.write_all_at(content, page as u64 * 4096).unwrap();
    }
    file.set_len(bytes.len() as u64).unwrap();
    assert!(file.metadata().unwrap().blocks() * 512 < bytes.len() as u64, "it has no holes: the test shows nothing");
    let store = open(directory.path()).unwrap();
    assert!(file.metadata().unwrap().blocks() * 512 >= bytes.len() as u64, "a full disk would be a signal");
    assert_eq!((store.usage().damaged, whole(&store)), (0, 200));
}

#[test]
fn what_was_damaged_is_told_in_words_that_fit() {
    let _turn = alone();
    let directory = tempfile::tempdir().unwrap();
    let ids = filled(directory.path());
    let path = directory.path().join(STORE);
    let flip = |at: usize| {
        let bytes = fs::read(&path).unwrap();
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(&[bytes[at] ^ 1], at as u64).unwrap();
    };
    let body = |number| memchr::memmem::find(&fs::read(&path).unwrap(), &record(number, 5)).unwrap();
    let word = |id: Id, word: usize| 8192 + 8 * (1 + WORDS) * id.0 as u32 as usize + 8 * (1 + word);
    let told = |places: &[usize]| {
        places.iter().for_each(|at| flip(*at));
        let (store, lines) = open_telling(directory.path());
        let text = |line: &String| line.split_once(": ").unwrap().1.to_owned();
        (store.usage().damaged, lines.iter().map(text).collect::<Vec<_>>())
    };
    assert_eq!(told(&[]), (0, vec![]));
    assert_eq!(told(&[body(7)]), (1, vec!["1 damaged record was dropped".to_owned()]));
    assert_eq!(told(&[body(8), body(9)]), (2, vec!["2 damaged records were dropped".to_owned()]));
    assert_eq!(told(&[word(ids[1], 0)]), (1, vec!["1 damaged word was mended".to_owned()]));
    let both = ["1 damaged record was dropped", "3 damaged words were mended"].map(str::to_owned).to_vec();
    assert_eq!(told(&[body(10), word(ids[2], 0), word(ids[3], 1), word(ids[3], 2)]), (4, both));
}

/// Where the one record of a store is, and its slot.
fn slot_of(directory: &Path, round: u32) -> (usize, Vec<u8>) {
    let bytes = fs::read(directory.join(STORE)).unwrap();
    let record = record(1, round);
    let at = memchr::memmem::find(&bytes, &record).unwrap() - 56;
    (at, bytes[at..at + 56 + record.len()].to_vec())
}

#[test]
fn of_two_versions_the_higher_is_kept() {
    let _turn = alone();
    // Wherever it lies: low slots are given out first, and the one that was freed last before all others.
    for (rounds, above) in [(2, true), (3, false)] {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let store = open(directory).unwrap();
        let id = new(&store, 1, 1);
        let mut before = (0, Vec::new());
        for round in 2..=rounds {
            before = slot_of(directory, round - 1);
            assert!(store.replace(id, u64::from(round - 1), &record(1, round)).unwrap());
        }
        drop(store);
        assert_eq!(slot_of(directory, rounds).0 > before.0, above);
        // As a process leaves it that dies between the publishing of the new and the end of the old.
        let file = fs::OpenOptions::new().write(true).open(directory.join(STORE)).unwrap();
        file.write_all_at(&before.1, before.0 as u64).unwrap();
        for _ in 0..2 {
            let store = open(directory).unwrap();
            let mut found = Vec::new();
            let entry = store.read(id, &mut found).unwrap().unwrap();
            assert_eq!((entry.version, found), (u64::from(rounds), record(1, rounds)));
            assert_eq!((store.usage().damaged, store.usage().records), (0, 1));
        }
    }
}

#[test]
fn a_file_of_the_first_format_is_put_aside() {
    let _turn = alone();
    let (directory, [path, _]) = closed();
    let file = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    for page in [0, 4096] {
        let mut header = [0; 56];
        file.read_exact_at(&mut header, page).unwrap();
        // Magic, format, the rest, and its checksum.
        assert_ne!(header[8..12], [1, 0, 0, 0]);
        header[8..12].copy_from_slice(&[1, 0, 0, 0]);
        let checksum = crc32fast::hash(&header[..52]);
        header[52..].copy_from_slice(&checksum.to_le_bytes());
        file.write_all_at(&header, page).unwrap();
    }
    let (store, lines) = open_telling(directory.path());
    assert!(lines.len() == 1 && lines[0].contains("is not a store of this version of ims_release"), "{lines:?}");
    assert!(lines[0].contains("put aside as") && lines[0].contains("starting empty"), "{lines:?}");
    assert_eq!((store.usage().damaged, store.usage().records), (1, 0));
}

#[test]
fn a_foreign_file_is_put_aside() {
    let _turn = alone();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(STORE);
    fs::write(&path, "something else").unwrap();
    let lines = Mutex::new(String::new());
    let store = open_with(directory.path(), None, &|line| lines.lock().unwrap().push_str(line)).unwrap();
    assert!(lines.lock().unwrap().contains("put aside as"), "{lines:?}");
    assert_eq!(store.usage().damaged, 1);
    let aside = directory.path().join("ims_release.store.damaged-1");
    assert_eq!(fs::read(aside).unwrap(), b"something else");
    new(&store, 1, 1);
}
