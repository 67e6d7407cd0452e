// SPDX-License-Identifier: MIT OR Apache-2.0
//! The store filled with dialogs of benches/pair/input.h, and its operations; scripts/bench-store counts and prints.
//!   store fill DIRECTORY ROOM DIALOGS               a shared store with room for ROOM, with so many in it
//!   store time ENGINE DIRECTORY DIALOGS PROCESSES   "OPERATION MEDIAN PERCENTILE" of each, in nanoseconds
//!   store count ENGINE DIRECTORY DIALOGS COUNT      each operation so often, for callgrind
//!   store size DIRECTORY                            "NAME NUMBER": what a dialog takes
//! ENGINE is `shared`, the store that `fill` has made, or `memory`, which has threads for processes.

#[path = "../../tests/support/process.rs"]
mod process;

mod messages;
mod operations;

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use ims_release::capture::Record;
use ims_release::store::shared::SharedConfig;
use ims_release::store::{MemoryStore, SharedStore, Store};

use operations::{Calls, Sample, Share, Times, registry, run};

/// More than a dialog takes: parts of the store fill unevenly.
const ROOMY: u64 = 1500;

fn shared(directory: &str, size: u64) -> SharedStore {
    let config = SharedConfig {
        directory: Path::new(directory),
        size,
        lock_timeout: Duration::from_secs(5),
        owner: None,
        log: &|level, text| eprintln!("bench: {level:?}: {text}"),
    };
    SharedStore::open(&config).unwrap_or_else(|error| panic!("{error}"))
}

fn fill(store: &dyn Store, dialogs: u64) {
    let sample = Sample::new();
    for number in 0..dialogs {
        assert!(sample.keep(store, number), "no room for dialog {number}");
    }
}

fn open(engine: &str, directory: &str, dialogs: u64) -> Box<dyn Store> {
    match engine {
        "shared" => Box::new(shared(directory, 1)),
        "memory" => {
            let store = MemoryStore::new(usize::MAX).unwrap();
            fill(&store, dialogs);
            Box::new(store)
        }
        _ => panic!("no such engine: {engine}"),
    }
}

/// Not the first time: a page that a process touches for the first time costs more than the operation, and a worker
/// lives long.
fn measure(calls: &Calls, sample: &Sample, share: Share) -> Times {
    run(calls, sample, share);
    run(calls, sample, share)
}

/// All processes at the same time; what each has measured, put together.
fn time(engine: &str, directory: &str, dialogs: u64, processes: u64) {
    let sample = Sample::new();
    let calls = registry(open(engine, directory, dialogs));
    let batch = (dialogs / 10).min(20_000) / processes;
    let share = |process| Share { process, processes, dialogs, batch, all: 40_000 / processes / batch * batch };
    let mut times = Times::default();
    if engine == "memory" {
        std::thread::scope(|scope| {
            let (calls, sample) = (&calls, &sample);
            let work = |process| scope.spawn(move || measure(calls, sample, share(process)));
            (0..processes).map(work).collect::<Vec<_>>().into_iter().for_each(|one| times.join(one.join().unwrap()));
        });
    } else {
        let start = |process| {
            let (mut here, mut there) = UnixStream::pair().unwrap();
            let child = process::Child::start(|| {
                for (name, all) in measure(&calls, &sample, share(process)).0 {
                    let line: String = all.iter().map(|one| format!(" {one}")).collect();
                    writeln!(there, "{name}{line}").unwrap();
                }
            });
            drop(there);
            move || {
                let mut text = String::new();
                here.read_to_string(&mut text).unwrap();
                assert!(child.wait(), "a process has failed");
                Times::read(&text)
            }
        };
        let running: Vec<_> = (0..processes).map(start).collect();
        running.into_iter().for_each(|end| times.join(end()));
    }
    for (name, mut all) in times.0 {
        all.sort_unstable();
        println!("{name} {} {}", all[all.len() / 2], all[all.len() - all.len() / 1000 - 1]);
    }
}

fn count(engine: &str, directory: &str, dialogs: u64, times: u64) {
    let calls = registry(open(engine, directory, dialogs));
    let share = Share { process: 0, processes: 1, dialogs, batch: times, all: times };
    run(&calls, &Sample::new(), share);
}

/// How many dialogs of one size a store takes, what they take of it, and what of that was received in messages.
fn size(directory: &str) {
    let store = shared(directory, 64 << 20);
    let sample = Sample::new();
    let (mut first_refused, mut refused) = (None, 0);
    for number in 0.. {
        if !sample.keep(&store, number) {
            first_refused.get_or_insert(store.usage().records);
            refused += 1;
            // Each part of the store is full when it has refused one; by then it has, most likely.
            if refused == 5_000 {
                break;
            }
        }
    }
    let record = Record::decode(&sample.record).unwrap();
    let fields = [
        record.call_id,
        record.from,
        record.to,
        record.calling.contact,
        record.called.contact,
        record.record_route,
        record.branch,
    ];
    let file = fs::metadata(Path::new(directory).join("ims_release.store")).unwrap().len();
    println!("fields {}", fields.iter().map(|field| field.len()).sum::<usize>());
    println!("record {}", sample.record.len());
    println!("file {file}");
    println!("index {}", shared_memory());
    println!("dialogs {}", store.usage().records);
    println!("first_refused {}", first_refused.unwrap_or_default());
}

/// Octets that this process shares with its children, beside files.
fn shared_memory() -> u64 {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let shared = maps.lines().filter(|line| line.contains("/dev/zero"));
    let number = |text: &str| u64::from_str_radix(text, 16).unwrap();
    let length = |range: &str| range.split_once('-').map(|(start, end)| number(end) - number(start));
    shared.filter_map(|line| length(line.split(' ').next()?)).sum()
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("{text} is no number"));
    match words[..] {
        ["fill", directory, room, dialogs] => fill(&shared(directory, number(room) * ROOMY), number(dialogs)),
        ["time", engine, directory, dialogs, processes] => time(engine, directory, number(dialogs), number(processes)),
        ["count", engine, directory, dialogs, times] => count(engine, directory, number(dialogs), number(times)),
        ["size", directory] => size(directory),
        _ => {
            eprintln!("usage: store fill DIRECTORY ROOM DIALOGS | time ENGINE DIRECTORY DIALOGS PROCESSES |");
            eprintln!("       count ENGINE DIRECTORY DIALOGS COUNT | size DIRECTORY");
            std::process::exit(2);
        }
    }
}
