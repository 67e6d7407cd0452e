// SPDX-License-Identifier: MIT OR Apache-2.0
//! A running proxy whose store is full, is to have another size, or is damaged under it: what it can no longer do it
//! says and counts, and the calls go on.

use std::collections::{HashMap, HashSet};
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use live::call::{Call, Serves};
use live::host::{Host, Result};
use live::message::Message;
use live::pair::Pair;
use live::process::wait_until;
use live::proxy::Proxy;
use live::scenario::Script;
use live::sipp::{Load, Sipp};
use live::trial::{CAUSE, PROMPT, TEXT, Trial, call, check, log_of, release, released_by_rpc};
use live::verdict::{self, Seen, reason};

/// The smallest that there is.
const SMALL: u32 = 2 << 20;

fn figure(host: &dyn Host, name: &str) -> Result<u64> {
    let stats = host.stats()?;
    stats[name].to_string().trim_matches('"').parse().map_err(|_| format!("no {name} in {stats}"))
}

fn with(sipp: &Sipp, method: &str) -> HashSet<String> {
    sipp.received().iter().filter(|one| one.is(method)).map(Message::call_id).collect()
}

/// Calls that were answered and acknowledged at both ends, whatever the proxy made of them.
fn acknowledged(host: &dyn Host, name: &str, calls: u32, rate: u32) -> Result<(Call, HashSet<String>)> {
    let script = Script::new(host, Serves::Calling)?;
    let call = Call::start_many(host, name, script, Load { calls, rate }, None)?;
    std::thread::sleep(Duration::from_secs(1) * calls / rate);
    let ready = wait_until(PROMPT, || with(&call.called, "ACK").len() == calls as usize);
    let ids = with(&call.called, "ACK");
    check(ready, || format!("{} of {calls} calls\n{}", ids.len(), call.called.complaints()))?;
    Ok((call, ids))
}

/// What the proxy complains about.
fn errors(host: &dyn Host) -> String {
    host.log()
        .lines()
        .filter(|line| line.contains("ERROR") || line.contains("WARNING"))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// The calls in the list that can be released.
fn listed(host: &dyn Host) -> Result<HashSet<String>> {
    let is_up = |one: &&serde_json::Value| one["state"] == "acknowledged";
    let list = host.list()?;
    Ok(list.iter().filter(is_up).filter_map(|one| one["call_id"].as_str().map(str::to_owned)).collect())
}

/// Calls that find no room go on untracked, with a line in the log; those that are tracked can be released, and make room
/// for new ones.
#[test]
fn a_full_store_stops_no_call() -> Trial {
    let mut host = Proxy::with_parameters(&[("store_size", SMALL), ("linger", 0)])?;
    host.start()?;
    let capacity = u32::try_from(figure(&host, "capacity")?).map_err(|error| error.to_string())?;
    let (call, ids) = acknowledged(&host, "full", capacity, 200)?;
    let tracked = listed(&host)?;
    let (count, refused) = (tracked.len(), figure(&host, "refused_full")?);
    check(host.log().contains("Store: full; raise its size"), || "nothing is said".to_owned())?;
    check(refused > 0 && count >= capacity as usize / 3 && count < ids.len(), || {
        format!("{count} calls of {} are listed, {refused} refused, room for {capacity}", ids.len())
    })?;
    println!("store: {count} of {} calls are tracked, {refused} records refused, room for {capacity}", ids.len());
    for call_id in &tracked {
        release(&host, call_id)?;
        // Not faster than there is shared memory for.
        std::thread::sleep(Duration::from_millis(8));
    }
    let done = || host.lines().iter().filter(|line| line.kind == "done").count();
    check(wait_until(PROMPT, || done() >= count), || format!("{} of {count} have ended", done()))?;
    let mut seen = Seen::of(&host, &call);
    for call_id in &tracked {
        let mut judge = seen.judge(&host, call_id);
        judge.both_byes(Serves::Calling, &reason(CAUSE, TEXT));
        judge.both_answered();
        judge.reported("completed", CAUSE, "200", "200");
        let wrong = verdict::wrong(&judge.verdicts);
        wrong.map_or(Ok(()), |wrong| Err(format!("{call_id}:\n{wrong}\n{}", log_of(&host, call_id))))?;
    }
    for sipp in [&call.called, &call.calling] {
        let others = with(sipp, "BYE").difference(&tracked).count();
        check(others == 0, || format!("{others} calls are released that are not tracked"))?;
    }
    let (next, next_id) = live::trial::call(&host, "next", Script::new(&host, Serves::Called)?)?;
    released_by_rpc(&host, &next, &next_id, Serves::Called)?;
    Ok(check(figure(&host, "damaged")? == 0, || "something is damaged".to_owned())?)
}

/// The file stays as it is, which is said, and so do its calls.
#[test]
fn a_store_of_another_size_keeps_its_calls() -> Trial {
    let mut host = Proxy::with_parameters(&[])?;
    host.start()?;
    let made = std::fs::metadata(host.store().join("ims_release.store")).map_or(0, |data| data.len());
    let (old, old_id) = call(&host, "old", Script::new(&host, Serves::Calling)?)?;
    host.change_parameters(&[("store_size", 2 * SMALL)])?;
    host.restart()?;
    let said = format!("keeps its {made} bytes");
    check(host.log().contains(&said), || format!("nothing says \"{said}\"\n{}", host.log()))?;
    Ok(released_by_rpc(&host, &old, &old_id, Serves::Calling)?)
}

/// 300 octets are written over, at random among those in use, again and again, while calls are up and come: no worker
/// dies or hangs, what cannot be released is refused and counted, and nobody gets a second pair of BYEs.
#[test]
fn damage_under_a_running_proxy() -> Trial {
    const CALLS: u32 = 150;
    let rounds = if std::env::var_os("IMS_RELEASE_SOAK").is_some() { 50 } else { 3 };
    // Of a call that has lost its word of the ACK the BYE would wait for half a minute.
    let mut host = Proxy::with_parameters(&[("hold", 0)])?;
    host.start()?;
    let path = host.store().join("ims_release.store");
    let file = OpenOptions::new().read(true).write(true).open(&path);
    let file = file.map_err(|error| format!("{}: {error}", path.display()))?;
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |limit: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % limit
    };
    let (mut released, mut refused) = (0, 0);
    for round in 0..rounds {
        let (call, ids) = acknowledged(&host, &format!("round-{round}"), CALLS, 150)?;
        let bytes = std::fs::read(&path).map_err(|error| error.to_string())?;
        let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        for _ in 0..300 {
            let at = used[below(used.len())];
            let byte = [bytes[at] ^ 1 << below(8)];
            file.write_all_at(&byte, at as u64).map_err(|error| error.to_string())?;
        }
        let mut asked = HashSet::new();
        for call_id in &ids {
            match host.release("call", call_id, CAUSE, TEXT)? {
                Ok(_) => _ = asked.insert(call_id.clone()),
                Err(_) => refused += 1,
            }
        }
        let told = || -> HashMap<String, usize> {
            let mut told = HashMap::new();
            for line in host.lines().iter().filter(|line| line.kind == "done") {
                *told.entry(line.get("call_id").to_owned()).or_default() += 1;
            }
            told
        };
        wait_until(PROMPT, || {
            let told = told();
            asked.iter().all(|call_id| told.contains_key(call_id))
        });
        let told = told();
        let silent: Vec<&String> = asked.iter().filter(|call_id| !told.contains_key(*call_id)).collect();
        check(silent.is_empty(), || {
            let (shown, log) = (host.show("call", silent[0]), log_of(&host, silent[0]));
            format!("round {round}: no end of {silent:?}: {shown:?}\n{log}{}", errors(&host))
        })?;
        check(told.values().all(|times| *times == 1), || format!("round {round}: told twice: {told:?}"))?;
        for sipp in [&call.called, &call.calling] {
            let mut branches: HashMap<String, HashSet<String>> = HashMap::new();
            for bye in sipp.received().iter().filter(|one| one.is("BYE")) {
                branches.entry(bye.call_id()).or_default().insert(bye.branch());
            }
            let twice: Vec<_> = branches.iter().filter(|(_, all)| all.len() > 1).collect();
            check(twice.is_empty(), || format!("round {round}: more than one BYE: {twice:?}"))?;
        }
        released += asked.len();
    }
    let damaged = figure(&host, "damaged")?;
    println!("store: {rounds} times 300 octets: {released} released, {refused} refused, {damaged} damages counted");
    check(damaged > 0 && released > 0, || "the damage did not show".to_owned())?;
    // What is new is not hurt by what was.
    let mut pair = Pair::new(&host, Serves::Calling, "")?;
    release(&host, &pair.call_id)?;
    pair.answer_byes(PROMPT)?;
    let done = host.outcome(&pair.call_id, PROMPT)?;
    Ok(check(done.get("outcome") == "completed", || format!("{done:?}"))?)
}
