// SPDX-License-Identifier: MIT OR Apache-2.0
//! What releases and tracking cost a Kamailio, beside its own module dialog; scripts/bench-live prints.

use std::collections::HashSet;
use std::fs;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use live::call::{Call, Serves};
use live::host::{Host, Result};
use live::kamailio::{Kamailio, repository};
use live::process::{clean_up_on_signals, processes_of, wait_until};
use live::scenario::{Answer, Script, Step};
use live::sipp::{Load, Sipp};
use live::trial::check;

const HELP: &str = "\
Measures what releases and tracking cost Kamailio on this machine.

usage: cost release|track PAIRS CALLS RATE            (make bench; after `make kamailio`)

release: calls are set up with SIPp at both ends and released one by one by RPC, RATE a second, in three ways that take
turns: both BYEs directly, one through service control, and by `dlg.end_dlg` of the module dialog. Where that has lost
BYEs it has done less than its work, and the turn does not count: it goes on until PAIRS turns count, or 3 times PAIRS
were made.
track: calls that end by their users, tracked, not tracked, and without the module, in turns too. Prints, one line each:
  release WAY MICROSECONDS MISSING COUNTS    Kamailio's CPU for one call; BYEs that did not reach their user; whether the
                                             turn counts: yes or no
  call HOW MICROSECONDS                      Kamailio's CPU for one call from its INVITE to its end
CPU is user and system time of all Kamailio processes, in nanoseconds as the scheduler counts it.";

/// How a call is released.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Direct,
    ServiceControl,
    Stock,
}

impl Way {
    fn word(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::ServiceControl => "service_control",
            Self::Stock => "stock",
        }
    }
}

/// After the last call: by then its transactions are gone, and what was lost was sent again.
const SETTLE: Duration = Duration::from_secs(2);
/// How long a BYE is waited for before it counts as missing.
const PATIENCE: Duration = Duration::from_secs(8);
/// A user is not so near as SIPp here. And `dlg.end_dlg` loses a BYE where the first is answered before it has sent the
/// second: it shall be measured where it does all its work.
const ANSWER: Answer = Answer::Late(30);
const MEMORY: u32 = 256;

fn kamailio(defines: &[&str]) -> Result<Kamailio> {
    let mut host =
        Kamailio::with_configuration(&repository().join("live/hosts/cost.cfg"), defines)?.with_memory(MEMORY);
    host.start()?;
    Ok(host)
}

/// Nanoseconds that all processes of this Kamailio have run.
fn cpu(host: &Kamailio) -> Result<u64> {
    let is_kamailio =
        |pid: &i32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "kamailio\n");
    let run = |pid: i32| {
        let text = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
        let first = text.split(' ').next().and_then(|word| word.parse::<u64>().ok());
        first.ok_or_else(|| format!("/proc/{pid}/schedstat tells nothing"))
    };
    processes_of(host.directory()).into_iter().filter(is_kamailio).map(run).sum()
}

fn with(sipp: &Sipp, method: &str) -> HashSet<String> {
    sipp.received().iter().filter(|one| one.is(method)).map(|one| one.call_id()).collect()
}

fn length(load: Load) -> Duration {
    Duration::from_secs(1) * load.calls / load.rate
}

/// What each call is released by: parameters of the remote procedure.
fn handles(host: &Kamailio, way: Way, calls: &HashSet<String>) -> Result<Vec<Vec<String>>> {
    let number = |value: &serde_json::Value, name: &str| {
        value.get(name).map(|one| one.to_string().trim_matches('"').to_owned()).ok_or(format!("no {name} in {value}"))
    };
    if way == Way::Stock {
        let one = |call_id: &String| {
            let told = host.call("dlg.dlg_list", &[call_id])?.map_err(|fault| fault.text)?;
            let dialog = told.as_array().and_then(|all| all.first()).unwrap_or(&told);
            Ok(vec![number(dialog, "h_entry")?, number(dialog, "h_id")?])
        };
        return calls.iter().map(one).collect();
    }
    host.list()?.iter().map(|dialog| Ok(vec!["id".to_owned(), number(dialog, "id")?])).collect()
}

/// CPU of one release, and the BYEs that are missing.
fn release(way: Way, load: Load) -> Result<(f64, usize)> {
    let stock = way == Way::Stock;
    let host = kamailio(if stock { &["WITH_DIALOG"] } else { &["WITH_RELEASE", "WITH_TRACKING"] })?;
    let serves = if way == Way::ServiceControl { Serves::Calling } else { Serves::Neither };
    let mut script = Script::new(&host, serves)?;
    script.calling.steps = vec![Step::Bye(ANSWER)];
    script.called.steps = vec![Step::Bye(ANSWER)];
    let call = Call::start_many(&host, way.word(), script, load, None)?;
    std::thread::sleep(length(load) + SETTLE);
    let calls = with(&call.called, "ACK");
    check(calls.len() == load.calls as usize, || format!("only {} calls were set up", calls.len()))?;
    let handles = handles(&host, way, &calls)?;
    check(handles.len() == calls.len(), || format!("{} dialogs are known", handles.len()))?;

    let method = if stock { "dlg.end_dlg" } else { "ims_release.release" };
    let (before, start) = (cpu(&host)?, Instant::now());
    for (number, handle) in (0..).zip(&handles) {
        let due = Duration::from_secs(1) * number / load.rate;
        std::thread::sleep(due.saturating_sub(start.elapsed()));
        let handle: Vec<&str> = handle.iter().map(String::as_str).collect();
        host.call(method, &handle)?.map_err(|fault| format!("{method} {handle:?}: {}", fault.text))?;
    }
    std::thread::sleep((length(load) + SETTLE).saturating_sub(start.elapsed()));
    let used = cpu(&host)? - before;

    let reached = || with(&call.calling, "BYE").len() + with(&call.called, "BYE").len();
    let missing = || 2 * load.calls as usize - reached();
    if missing() > 0 {
        wait_until(PATIENCE, || {
            std::thread::sleep(Duration::from_secs(1));
            missing() == 0
        });
    }
    Ok((microseconds(used, load), missing()))
}

/// CPU of one call that its calling user ends.
fn whole_call(defines: &[&str], load: Load) -> Result<f64> {
    let host = kamailio(defines)?;
    let mut script = Script::new(&host, Serves::Calling)?;
    script.calling.steps = vec![Step::HangUp { cseq: 102 }];
    let before = cpu(&host)?;
    let call = Call::start_many(&host, "call", script, load, None)?;
    std::thread::sleep(length(load) + SETTLE);
    let used = cpu(&host)? - before;
    let ended = with(&call.called, "BYE").len();
    check(ended == load.calls as usize, || format!("only {ended} calls were ended"))?;
    Ok(microseconds(used, load))
}

fn microseconds(used: u64, load: Load) -> f64 {
    used as f64 / 1000.0 / f64::from(load.calls)
}

/// What is shared with others of this machine may fail once.
fn again<T>(what: &str, run: impl Fn() -> Result<T>) -> Result<T> {
    run().or_else(|error| {
        eprintln!("bench: {what}, once more: {error}");
        run()
    })
}

/// What `dlg.end_dlg` loses is a matter of chance.
const TURNS_A_PAIR: u32 = 3;

fn releases(pairs: u32, load: Load) -> Result<()> {
    let ways = [Way::Direct, Way::ServiceControl, Way::Stock];
    let mut counted = 0;
    for turn in 1..=TURNS_A_PAIR * pairs {
        if counted == pairs {
            break;
        }
        let mut order = ways;
        if turn % 2 == 0 {
            order.reverse();
        }
        let mut runs = Vec::new();
        for way in order {
            eprintln!("bench: turn {turn}, {counted} of {pairs} count: {} calls released, {}", load.calls, way.word());
            let (used, missing) = again(way.word(), || release(way, load))?;
            runs.push((way, used, missing));
        }
        let counts = runs.iter().all(|(way, _, missing)| *way != Way::Stock || *missing == 0);
        for (way, used, missing) in runs {
            println!("release {} {used:.1} {missing} {}", way.word(), if counts { "yes" } else { "no" });
        }
        counted += u32::from(counts);
    }
    Ok(())
}

fn whole_calls(pairs: u32, load: Load) -> Result<()> {
    let ways: [(&str, &[&str]); 3] =
        [("tracked", &["WITH_RELEASE", "WITH_TRACKING"]), ("untracked", &["WITH_RELEASE"]), ("bare", &[])];
    for pair in 1..=pairs {
        let mut turns = ways;
        if pair % 2 == 0 {
            turns.reverse();
        }
        for (word, defines) in turns {
            eprintln!("bench: {pair} of {pairs}: {} calls, {word}", load.calls);
            println!("call {word} {:.1}", again(word, || whole_call(defines, load))?);
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (what, numbers) = words.split_first().map_or(("", &words[..]), |(what, numbers)| (what.as_str(), numbers));
    let numbers: Vec<u32> = numbers.iter().filter_map(|word| word.parse().ok()).collect();
    clean_up_on_signals();
    let measured = match (what, &numbers[..]) {
        ("release", &[pairs, calls, rate]) if rate > 0 => releases(pairs, Load { calls, rate }),
        ("track", &[pairs, calls, rate]) if rate > 0 => whole_calls(pairs, Load { calls, rate }),
        _ => {
            eprintln!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}
