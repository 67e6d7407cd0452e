// SPDX-License-Identifier: MIT OR Apache-2.0
//! What OpenSIPS alone has: its module dialog, which ends a dialog before the users have answered, local_route, and
//! workers that come and go.

use std::collections::HashSet;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use live::call::{Call, Serves};
use live::evidence::Leg;
use live::host::{Host, Result};
use live::kamailio::repository;
use live::opensips::Opensips;
use live::pair::Pair;
use live::peer::Peer;
use live::proxy::Kind;
use live::scenario::{Answer, Script, Step};
use live::sipp::{Load, Sipp};
use live::trial::{CAUSE, PROMPT, TEXT, Trial, all_good, call, check, proxy, release, released_by_rpc};
use live::verdict::{Judge, Seen, passes, reason};
use serde_json::Value;

const ROLES: [Serves; 3] = [Serves::Calling, Serves::Called, Serves::Neither];

fn is_kamailio() -> Result<bool> {
    let other = Kind::wanted()? == Kind::Kamailio;
    if other {
        println!("only on OpenSIPS");
    }
    Ok(other)
}

fn released(defines: &[&str]) -> Trial {
    let host = proxy(defines)?;
    for serves in ROLES {
        let (call, call_id) = call(&host, serves.word(), Script::new(&host, serves)?)?;
        released_by_rpc(&host, &call, &call_id, serves)?;
    }
    Ok(())
}

#[test]
fn beside_the_module_dialog() -> Trial {
    if is_kamailio()? {
        return Ok(());
    }
    released(&["WITH_DIALOG"])
}

/// The workers that there are.
fn workers(host: &dyn Host) -> Result<HashSet<i32>> {
    let told = host.call("ps", &[])?.map_err(|fault| fault.text)?;
    let is_worker = |one: &&Value| one["Type"].as_str().is_some_and(|kind| kind.starts_with("SIP receiver"));
    let pid = |one: &Value| one["PID"].as_i64().and_then(|pid| i32::try_from(pid).ok());
    Ok(told["Processes"].as_array().into_iter().flatten().filter(is_worker).filter_map(pid).collect())
}

/// A worker that does this is kept from everything else for so long.
fn keep_busy(peer: &mut Peer, host: &dyn Host, number: usize, busy: Duration) -> Result<()> {
    let (here, proxy) = (peer.address(), host.address());
    let request = format!(
        "OPTIONS sip:{proxy} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK-busy-{number}\r\n\
         From: <sip:busy@home1.net>;tag={number}\r\nTo: <sip:{proxy}>\r\nCall-ID: busy-{number}@{here}\r\n\
         CSeq: 1 OPTIONS\r\nX-Busy: {}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        busy.as_micros()
    );
    peer.send(proxy, request.as_bytes())
}

/// The workers that have run the script for a call, and for its end.
fn ran_for(host: &dyn Host, call_id: &str) -> HashSet<i32> {
    host.lines_of("request", call_id).iter().filter_map(|line| line.get("pid").parse().ok()).collect()
}

/// Two workers to begin with, up to four under load, two again when it is over. A call that a later one has taken is
/// released, by itself and by those that are left when it is gone; what is under way when workers go comes to its end.
#[test]
fn with_workers_that_come_and_go() -> Trial {
    const BUSY: Duration = Duration::from_millis(150);
    if is_kamailio()? {
        return Ok(());
    }
    let host = proxy(&["WITH_AUTO_SCALING", "FR_TIMER=60000"])?;
    let first = workers(&host)?;
    check(first.len() == 2, || format!("workers at the start: {first:?}"))?;
    let old = Pair::new(&host, Serves::Calling, "")?;

    let mut peer = Peer::new()?;
    let start = Instant::now();
    let mut number = 0;
    while workers(&host)?.len() < 4 && start.elapsed() < PROMPT {
        for _ in 0..6 {
            number += 1;
            keep_busy(&mut peer, &host, number, BUSY)?;
        }
        std::thread::sleep(BUSY);
    }
    let later: HashSet<i32> = workers(&host)?.difference(&first).copied().collect();
    check(later.len() == 2, || format!("later workers: {later:?}\n{}", host.log()))?;

    // Of the calls that are set up now some are taken by the later ones, one by one of them alone.
    let mut by_later = Vec::new();
    let mut all = Vec::new();
    for _ in 0..600 {
        let pair = Pair::new(&host, Serves::Calling, "")?;
        let by = ran_for(&host, &pair.call_id);
        let list = if !by.is_empty() && by.is_subset(&later) { &mut by_later } else { &mut all };
        list.push(pair);
        if by_later.len() == 3 {
            break;
        }
    }
    check(by_later.len() == 3, || format!("{} calls were taken by later workers alone", by_later.len()))?;
    let mut released_now = by_later.remove(0);
    release(&host, &released_now.call_id)?;
    released_now.answer_byes(PROMPT)?;
    let done = host.outcome(&released_now.call_id, PROMPT)?;
    check(done.get("outcome") == "completed", || format!("{done:?}"))?;

    // One release is under way while workers go: its calling user waits with its answer.
    let mut under_way = by_later.remove(0);
    release(&host, &under_way.call_id)?;
    let (to_called, to_calling) = (under_way.bye(Leg::Called, PROMPT)?, under_way.bye(Leg::Calling, PROMPT)?);
    under_way.answer(Leg::Called, &to_called, 200, &[])?;
    let there =
        |pids: &HashSet<i32>| pids.iter().filter(|pid| fs::exists(format!("/proc/{pid}")).unwrap_or(true)).count();
    let both = later.union(&first).copied().collect::<HashSet<i32>>();
    let fewer = live::process::wait_until(Duration::from_secs(50), || there(&both) < 4);
    check(fewer, || format!("no worker is gone\n{}", host.log()))?;
    under_way.answer(Leg::Calling, &to_calling, 200, &[])?;
    let done = host.outcome(&under_way.call_id, PROMPT)?;
    check(done.get("outcome") == "completed", || format!("{done:?}"))?;

    let back = || workers(&host).is_ok_and(|now| now.len() == 2) && there(&both) == 2;
    check(live::process::wait_until(Duration::from_secs(60), back), || {
        format!("{:?}\n{}", workers(&host), host.log())
    })?;
    let left = workers(&host)?;
    let mut rest = vec![old];
    rest.append(&mut by_later);
    rest.append(&mut all);
    for pair in &mut rest {
        release(&host, &pair.call_id)?;
        pair.answer_byes(PROMPT)?;
        let done = host.outcome(&pair.call_id, PROMPT)?;
        check(done.get("outcome") == "completed", || format!("{done:?}"))?;
        let mut judge = pair.judge(&host);
        judge.both_byes(Serves::Calling, &reason(CAUSE, TEXT));
        judge.both_answered();
        judge.reported("completed", CAUSE, "200", "200");
        live::verdict::wrong(&judge.verdicts).map_or(Ok(()), Err)?;
    }
    println!("workers: {first:?}, then also {later:?}, left {left:?}; {} calls released after that", rest.len());
    check(host.list()?.is_empty(), || "calls are left in the list".to_owned())?;
    let stats = host.stats()?;
    for name in ["damaged", "store_failures", "refused_full"] {
        check(stats[name].to_string().trim_matches('"') == "0", || format!("{name}: {stats}"))?;
    }
    Ok(())
}

/// All workers are held up and the pipe to them is full, so that whoever writes to it waits for them. What the module does
/// itself goes on: a release that is asked for, and, with the event of its end not raised yet, a job.
#[test]
fn a_full_pipe_holds_up_nothing() -> Trial {
    const BUSY: Duration = Duration::from_secs(12);
    /// What fills a pipe of 64 KiB, with some to spare.
    const JOBS: usize = 3500;
    if is_kamailio()? {
        return Ok(());
    }
    let mut host = Opensips::for_tests(&["WITH_EVENT_DATAGRAM", "FR_TIMER=20000"])?;
    host.change_parameters(&[("hold", 0), ("attempt", 1), ("deadline", 2)])?;
    host.start()?;
    // Of an event that somebody has subscribed to the core makes a job for a worker.
    let subscriber = Peer::new()?;
    let subscription = [("event", "E_CORE_SR_STATUS_CHANGED"), ("socket", &format!("udp:{}", subscriber.address()))];
    host.named("event_subscribe", &subscription)?.map_err(|fault| fault.text)?;
    let (mut one, mut other) = (Pair::new(&host, Serves::Neither, "")?, Pair::new(&host, Serves::Neither, "")?);

    let mut peer = Peer::new()?;
    let busy = Instant::now();
    for number in 0..4 {
        keep_busy(&mut peer, &host, number, BUSY)?;
    }
    check(
        live::process::wait_until(PROMPT / 4, || {
            host.lines().iter().filter(|line| line.get("method") == "OPTIONS").count() == 4
        }),
        || host.log(),
    )?;
    let socket = UnixDatagram::unbound().map_err(|error| error.to_string())?;
    socket.set_nonblocking(true).map_err(|error| error.to_string())?;
    let raise = r#"{"jsonrpc":"2.0","method":"raise_event","params":{"event":"E_CORE_SR_STATUS_CHANGED"}}"#;
    let (mut sent, mut last) = (0, Instant::now());
    // The process behind this socket writes to the pipe: when it waits, nothing is taken from the socket any more.
    while sent < JOBS && last.elapsed() < Duration::from_millis(500) {
        if socket.send_to(raise.as_bytes(), host.directory().join("rpc.sock")).is_ok() {
            (sent, last) = (sent + 1, Instant::now());
        } else {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    check(sent > 2500 && sent < JOBS, || format!("the pipe is not full after {sent} jobs\n{}", host.log()))?;

    // The other process of the management interface.
    let ask = |words: &[&str]| -> Result<String> {
        let (good, said) = host.command(words)?;
        check(good, || format!("{words:?}: {said}"))?;
        Ok(said)
    };
    ask(&["ims_release.release", "call", &one.call_id, CAUSE, TEXT])?;
    let limit = Duration::from_secs(1);
    for leg in [Leg::Called, Leg::Calling] {
        one.bye(leg, limit)?;
    }
    let given_up = || ask(&["ims_release.stats"]).is_ok_and(|said| said.contains("\ngone: 1\n"));
    check(live::process::wait_until(PROMPT / 4, given_up), || host.log())?;
    // Its event is due.
    std::thread::sleep(Duration::from_millis(300));
    ask(&["ims_release.release", "all", "*", CAUSE, TEXT])?;
    let limit = Duration::from_secs(2);
    for leg in [Leg::Called, Leg::Calling] {
        other.bye(leg, limit)?;
    }
    let took = busy.elapsed();
    check(took < BUSY, || format!("the workers are free again after {took:?}"))?;
    check(host.lines().iter().all(|line| line.kind != "done"), || "an event has passed the full pipe".to_owned())?;
    println!("pipe: full with {sent} jobs, {took:?} until all BYEs were out");
    for pair in [&one, &other] {
        let done = host.outcome(&pair.call_id, PROMPT)?;
        check(done.get("outcome") == "gone", || format!("{done:?}"))?;
    }
    Ok(())
}

/// How each of many calls is released, one by one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// Both BYEs straight to their users.
    Direct,
    /// That of the called user through service control.
    ServiceControl,
    /// By dlg_end_dlg of the module dialog: both straight.
    Stock,
}

/// Nanoseconds that all of its processes have run.
fn cpu(host: &Opensips) -> Result<u64> {
    let run = |pid: i32| {
        let text = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
        let first = text.split(' ').next().and_then(|word| word.parse::<u64>().ok());
        first.ok_or_else(|| format!("/proc/{pid}/schedstat tells nothing"))
    };
    let is_opensips =
        |pid: &i32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "opensips\n");
    live::process::processes_of(host.directory()).into_iter().filter(is_opensips).map(run).sum()
}

/// Releases calls this way and accounts for each BYE; tells what a release costs.
fn one_by_one(way: Way, calls: u32, rate: u32, settle: Duration) -> Trial {
    let defines: &[&str] = if way == Way::Stock { &["WITHOUT_LOG", "WITH_DIALOG"] } else { &["WITHOUT_LOG"] };
    let mut host = Opensips::for_tests(defines)?;
    host.start()?;
    let serves = if way == Way::ServiceControl { Serves::Calling } else { Serves::Neither };
    let mut script = Script::new(&host, serves)?;
    if way == Way::Stock {
        // Not tracked.
        script.route = format!("<sip:{};lr>", host.address());
    }
    let call = Call::start_many(&host, "many", script, Load { calls, rate }, None)?;
    let with = |sipp: &Sipp, method: &str| -> HashSet<String> {
        sipp.received().iter().filter(|one| one.is(method)).map(|one| one.call_id()).collect()
    };
    std::thread::sleep(Duration::from_secs(1) * calls / rate);
    let up = || with(&call.called, "ACK").len() == calls as usize;
    check(live::process::wait_until(PROMPT, up), || call.called.complaints())?;
    let ids = with(&call.called, "ACK");
    // By then the transactions of the calls are gone, and what it uses is that of one that waits.
    std::thread::sleep(settle);
    let idle = cpu(&host)?;
    std::thread::sleep(settle);
    let idle = (cpu(&host)? - idle) as f64 / settle.as_secs_f64();

    let (before, start) = (cpu(&host)?, Instant::now());
    for (number, call_id) in (0..).zip(&ids) {
        let due = Duration::from_secs(1) * number / rate;
        std::thread::sleep(due.saturating_sub(start.elapsed()));
        let told = match way {
            Way::Stock => host.call("dlg_end_dlg", &[call_id])?,
            _ => host.release("call", call_id, CAUSE, TEXT)?,
        };
        told.map_err(|fault| format!("{call_id}: {}", fault.text))?;
    }
    let took = start.elapsed();
    // The retransmissions of what was lost, and the end of the transactions.
    std::thread::sleep(settle);
    let used = (cpu(&host)? - before) as f64 - idle * start.elapsed().as_secs_f64();
    let used = used / 1000.0 / f64::from(calls);
    let missing = |sipp: &Sipp| ids.difference(&with(sipp, "BYE")).count();
    let (called, calling) = (missing(&call.called), missing(&call.calling));
    println!(
        "{way:?}: {calls} calls released in {took:.1?}, {used:.0} us of CPU each; without a BYE {called} called and \
         {calling} calling users"
    );
    if way == Way::Stock {
        return Ok(());
    }
    let told = host.stats()?;
    let completed = told["completed"].to_string();
    check(completed.trim_matches('"') == calls.to_string(), || told.to_string())?;
    let mut seen = Seen::of(&host, &call);
    let (mut wrong, mut again) = (Vec::new(), 0);
    for call_id in &ids {
        let mut judge = seen.judge(&host, call_id);
        let (called, calling) = passes(serves);
        judge.order();
        // On a machine that is busy tm sends some once more.
        judge.byes_in_turn(Leg::Called, &[called], &reason(CAUSE, TEXT));
        judge.byes_in_turn(Leg::Calling, &[calling], &reason(CAUSE, TEXT));
        let byes = [Leg::Called, Leg::Calling].map(|leg| judge.evidence().byes(leg).len());
        again += byes.iter().sum::<usize>().saturating_sub(2);
        wrong.extend(live::verdict::wrong(&judge.verdicts).map(|wrong| format!("{call_id}:\n{wrong}")));
    }
    println!("{way:?}: {} calls, {} unaccounted, {again} BYEs sent once more", ids.len(), wrong.len());
    Ok(check(wrong.is_empty(), || wrong[..wrong.len().min(3)].join("\n"))?)
}

/// Many calls, released by us and by the module dialog; with IMS_RELEASE_SOAK=1 two thousand each.
#[test]
fn calls_released_one_by_one_beside_those_of_the_module_dialog() -> Trial {
    if is_kamailio()? {
        return Ok(());
    }
    let (calls, rate, settle) =
        if std::env::var_os("IMS_RELEASE_SOAK").is_some() { (2000, 200, 8) } else { (60, 60, 2) };
    for way in [Way::Direct, Way::ServiceControl, Way::Stock] {
        one_by_one(way, calls, rate, Duration::from_secs(settle))?;
    }
    Ok(())
}

/// What dlg_end_dlg of the module dialog ends is over here too, without a release; in the middle of a release its BYEs
/// change nothing about ours.
#[test]
fn calls_that_the_module_dialog_ends() -> Trial {
    if is_kamailio()? {
        return Ok(());
    }
    let host = proxy(&["WITH_DIALOG"])?;
    let end = |pair: &Pair| host.call("dlg_end_dlg", &[&pair.call_id])?.map_err(|fault| fault.text).map(|_| ());
    for serves in ROLES {
        let mut pair = Pair::new(&host, serves, "")?;
        end(&pair)?;
        pair.answer_byes(PROMPT)?;
        let over = || host.list().is_ok_and(|list| list.is_empty());
        check(live::process::wait_until(PROMPT, over), || format!("{serves:?}: {:?}\n{}", host.list(), host.log()))?;
        let fault = host.release("call", &pair.call_id, CAUSE, TEXT)?.err().ok_or("it is released all the same")?;
        check(fault.code == 300, || format!("{fault:?}"))?;
        check(host.lines_of("done", &pair.call_id).is_empty(), || "an end was told".to_owned())?;
    }
    let mut pair = Pair::new(&host, Serves::Neither, "")?;
    release(&host, &pair.call_id)?;
    let ours = [Leg::Called, Leg::Calling].map(|leg| pair.bye(leg, PROMPT));
    end(&pair)?;
    for (leg, ours) in [Leg::Called, Leg::Calling].into_iter().zip(ours) {
        let (ours, theirs) = (ours?, pair.bye(leg, PROMPT)?);
        check(!ours.header("Reason").is_empty() && theirs.header("Reason").is_empty(), || format!("{theirs:?}"))?;
        pair.answer(leg, &theirs, 481, &[])?;
        pair.answer(leg, &ours, 200, &[])?;
    }
    let done = host.outcome(&pair.call_id, PROMPT)?;
    let told = (done.get("outcome"), done.get("called"), done.get("calling"), done.get("attempts"));
    Ok(check(told == ("completed", "200", "200", "1,1"), || format!("{done:?}"))?)
}

/// The module dialog has ended its dialog when our BYE has passed; the call is known here until its user has answered.
#[test]
fn a_call_is_known_until_both_have_answered() -> Trial {
    if is_kamailio()? {
        return Ok(());
    }
    let host = proxy(&["WITH_DIALOG"])?;
    let mut script = Script::new(&host, Serves::Calling)?;
    script.called.steps = vec![Step::Bye(Answer::Late(1200))];
    let (call, call_id) = call(&host, "late", script)?;
    release(&host, &call_id)?;
    check(live::process::wait_until(PROMPT, || !call.byes_to_called().is_empty()), || call.transcript())?;
    let state = host.show("call", &call_id)?.map_err(|fault| fault.text)?;
    let state = state.get(0).and_then(|one| one.get("state")?.as_str()).unwrap_or_default().to_owned();
    check(state == "releasing", || format!("the call is {state:?}"))?;
    host.outcome(&call_id, PROMPT)?;
    let mut judge = Judge::new(&host, &call, &call_id);
    judge.repeated_bye(Leg::Called, 1, &reason(CAUSE, TEXT));
    judge.bye(Leg::Calling, 0, &reason(CAUSE, TEXT));
    judge.ended("completed", CAUSE, "200", "200");
    Ok(all_good(&host, &call, &call_id, &judge.verdicts)?)
}

/// It sees who the BYE is from and for, and what it adds goes out; From and To are those of the dialog all the same.
#[test]
fn local_route_runs_for_both() -> Trial {
    if is_kamailio()? {
        return Ok(());
    }
    let host = proxy(&["WITH_LOCAL_ROUTE"])?;
    for serves in ROLES {
        let (call, call_id) = call(&host, serves.word(), Script::new(&host, serves)?)?;
        released_by_rpc(&host, &call, &call_id, serves)?;
        let operator: Vec<String> = [call.byes_to_called(), call.byes_to_calling()]
            .iter()
            .flatten()
            .flat_map(|bye| bye.headers("X-Operator"))
            .collect();
        check(operator == ["was here", "was here"], || format!("{operator:?}\n{}", call.transcript()))?;
        let lines = host.lines_of("local", &call_id);
        let mut seen: Vec<[&str; 2]> = lines.iter().map(|line| [line.get("from"), line.get("to")]).collect();
        seen.sort_unstable();
        let users = ["sip:alice@home1.net", "sip:bob@home1.net"];
        check(seen == [users, [users[1], users[0]]], || format!("local_route saw {seen:?}"))?;
    }
    Ok(())
}

/// The names of 3.x are there in 4.0 too, where the module's own come first.
#[test]
fn the_names_of_the_commands() -> Trial {
    if is_kamailio()? {
        return Ok(());
    }
    let host = proxy(&[])?;
    let which = host.call("which", &[])?.map_err(|fault| fault.text)?;
    let names: Vec<&str> = which.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let style = if names.iter().any(|name| name.starts_with("tm:")) { "ims_release:" } else { "ims_release_" };
    for command in ["release", "list", "show", "forget", "stats", "jobs"] {
        let name = format!("{style}{command}");
        check(names.contains(&name.as_str()), || format!("no {name} among {names:?}"))?;
    }
    host.call("ims_release.stats", &[])?.map_err(|fault| fault.text)?;
    if style == "ims_release:" {
        host.call("ims_release:stats", &[])?.map_err(|fault| fault.text)?;
    }
    Ok(())
}

/// The figures of the module are statistics of OpenSIPS.
#[test]
fn statistics() -> Trial {
    if is_kamailio()? {
        return Ok(());
    }
    let host = proxy(&[])?;
    let (call, call_id) = call(&host, "figures", Script::new(&host, Serves::Calling)?)?;
    released_by_rpc(&host, &call, &call_id, Serves::Calling)?;
    std::thread::sleep(std::time::Duration::from_millis(150));
    for (name, value) in [("tracked", 1), ("releases_completed", 1), ("releases_pending", 0)] {
        let seen = host.statistic(name)?;
        check(seen == value, || format!("{name}: {seen}"))?;
    }
    Ok(())
}

/// What an operator's own configuration has around the examples of the README.
const AROUND: &str = "log_level=3
xlog_level=3
stderror_enabled=yes
syslog_enabled=no
udp_workers=2
socket=udp:@LISTEN_ONE@
mpath=\"@MODULES@/\"
loadmodule \"proto_udp.so\"
loadmodule \"tm/tm.so\"
loadmodule \"sl/sl.so\"
loadmodule \"rr/rr.so\"
loadmodule \"sipmsgops/sipmsgops.so\"
loadmodule \"textops/textops.so\"
loadmodule \"mi_datagram/mi_datagram.so\"
loadmodule \"mi_fifo/mi_fifo.so\"
#!ifdef EVENT_ROUTE
loadmodule \"event_route/event_route.so\"
#!endif
loadmodule \"@OURS@/live_capture.so\"
loadmodule \"@OURS@/ims_release.so\"
modparam(\"live_capture\", \"file\", \"@CAPTURES@/opensips.data\")
modparam(\"mi_datagram\", \"socket_name\", \"@RPC_SOCKET@\")
modparam(\"mi_fifo\", \"fifo_name\", \"@FIFO@\")
modparam(\"mi_fifo\", \"reply_dir\", \"@DIRECTORY@/\")
";

/// The blocks of one language in the README of the module.
fn blocks(language: &str) -> Result<Vec<String>> {
    let file = repository().join("modules/opensips/ims_release/README.md");
    let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let fence = format!("```{language}\n");
    let found = text.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect();
    Ok(found)
}

/// The first example is a whole script; each command of the README does with it what it says.
#[test]
fn the_overview_and_all_commands_of_the_readme() -> Trial {
    if is_kamailio()? {
        return Ok(());
    }
    let script = blocks("opensips")?.into_iter().next().ok_or("the README shows no configuration")?;
    let script: String =
        script.lines().filter(|line| !line.starts_with("loadmodule")).map(|line| format!("{line}\n")).collect();
    let store = "modparam(\"ims_release\", \"store\", \"@STORE@\")\n";
    let mut host = Opensips::with_text(&format!("{AROUND}{store}{script}"))?;
    host.start()?;
    let mut commands = 0;
    for line in blocks("sh")?.iter().flat_map(|block| block.lines()) {
        let line = line.strip_prefix("opensips-cli -x mi ").ok_or_else(|| format!("not a command: {line}"))?;
        let mut played = Script::new(&host, Serves::Calling)?;
        played.route = format!("<sip:{};lr>", host.address());
        let call = Call::start(&host, &format!("document{commands}"), played)?;
        let call_id = call.established()?;
        let found = host.list()?;
        let entry = found.iter().find(|one| one["call_id"] == call_id.as_str()).ok_or("the call is not listed")?;
        let value = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let line = line.replace("=ID", &format!("={}", value("id")));
        let line = line.replace("CALL-ID", &call_id).replace("FROM-TAG", &value("from_tag"));
        let words = words(&line.replace("TO-TAG", &value("to_tag")));
        let (command, parameters) = words.split_first().ok_or("no command")?;
        let parameters: Vec<(&str, &str)> = parameters.iter().filter_map(|word| word.split_once('=')).collect();
        let said = host.named(command, &parameters)?.map_err(|fault| format!("{line}: {}", fault.text))?.to_string();
        let is_dry = said.contains("\"dry\":1") && command == "ims_release_release";
        if command == "ims_release_forget" {
            check(said.contains("\"dropped\":1"), || format!("{line}: {said}"))?;
        } else if command == "ims_release_release" && !is_dry {
            check(said.contains("\"job\":") || said.contains("releasing"), || format!("{line}: {said}"))?;
        } else {
            host.release("id", &value("id"), "503", "")?.map_err(|fault| fault.text)?;
        }
        if command != "ims_release_forget" {
            check(call.both_byes(PROMPT), || format!("{line}: {}", call.transcript()))?;
            let end = format!("released {call_id}: completed");
            check(live::process::wait_until(PROMPT, || host.log().contains(&end)), || host.log())?;
        }
        commands += 1;
    }
    Ok(check(commands >= 14, || format!("only {commands} commands are in the README"))?)
}

/// Words of a shell line; double quotes hold one together.
fn words(line: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match (letter, found.last_mut()) {
            ('"', _) => quoted = !quoted,
            (' ', _) if !quoted => found.push(String::new()),
            (_, Some(last)) => last.push(letter),
            (_, None) => {}
        }
    }
    found
}

/// All other examples fit together into one configuration.
#[test]
fn all_parameters_functions_and_routes_of_the_readme() -> Trial {
    if is_kamailio()? {
        return Ok(());
    }
    let mut host = Opensips::with_text("")?;
    let address = host.address().to_string();
    let store = host.store().display().to_string();
    let examples: String = blocks("opensips")?.split_off(1).concat();
    let examples = examples
        .replace("/var/lib/opensips/ims_release", &store)
        .replace("127.0.0.1:5060", &address)
        .replace("134217728", "4194304");
    check(examples.contains(&store) && examples.contains(&address), || examples.clone())?;
    host.rewrite(&format!(
        "{AROUND}{examples}\nroute {{ route(ORIGINATING); route(CREDIT); route(BLOCKED); route(WITHIN_DIALOG); }}"
    ))?;
    host.start()?;
    let log = host.log();
    Ok(check(!log.contains("ERROR") && !log.contains("WARNING:ims_release"), || log.clone())?)
}
