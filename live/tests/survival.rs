// SPDX-License-Identifier: MIT OR Apache-2.0
//! A proxy that is killed or restarted still releases the calls that it had.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use live::call::{Call, Serves};
use live::evidence::Leg;
use live::host::{Host, Result};
use live::message::Message;
use live::process::{processes_of, wait_until};
use live::proxy::Proxy;
use live::scenario::{Answer, Script, Step};
use live::sipp::Load;
use live::trial::{
    CAUSE, PROMPT, TEXT, Trial, all_good, call, check, opensips_can_not, proxy, release, released_by_rpc,
};
use live::verdict::{Judge, Seen, passes, reason};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Sets calls up, lets `end` happen to the proxy, starts it again and releases them.
fn released_after(defines: &[&str], end: impl Fn(&mut Proxy) -> Result<()>) -> Trial {
    let mut host = proxy(defines)?;
    let roles = [Serves::Calling, Serves::Called, Serves::Neither];
    let calls = roles
        .iter()
        .map(|serves| call(&host, serves.word(), Script::new(&host, *serves)?))
        .collect::<Result<Vec<_>>>()?;
    end(&mut host)?;
    host.start()?;
    let listed = host.list()?;
    check(listed.len() == roles.len(), || format!("after the start the list is {listed:?}"))?;
    for ((call, call_id), serves) in calls.iter().zip(roles) {
        released_by_rpc(&host, call, call_id, serves)?;
    }
    Ok(())
}

#[test]
fn after_all_its_processes_were_killed() -> Trial {
    released_after(&[], |host| {
        host.kill();
        Ok(())
    })
}

#[test]
fn after_a_restart_in_good_order() -> Trial {
    released_after(&[], |host| {
        host.stop();
        Ok(())
    })
}

#[test]
fn after_a_restart_with_two_sockets() -> Trial {
    released_after(&["WITH_TWO_SOCKETS"], |host| {
        host.kill();
        Ok(())
    })
}

/// The proxy ends as a whole when one of its workers dies.
#[test]
fn after_one_worker_was_killed() -> Trial {
    released_after(&[], |host| {
        let (directory, program) = (host.directory().to_owned(), host.program());
        let pid = host.worker()?;
        host.may_die();
        kill(Pid::from_raw(pid), Signal::SIGKILL).map_err(|error| error.to_string())?;
        // SIPp has a directory of the same name on its command line.
        let ended =
            wait_until(Duration::from_secs(10), || processes_of(&directory).iter().all(|pid| !runs(*pid, &program)));
        check(ended, || format!("it goes on without its worker\n{}", host.log()))?;
        host.stop();
        Ok(())
    })
}

fn runs(pid: i32, program: &Path) -> bool {
    let program = program.as_os_str().as_encoded_bytes();
    // A loader stands before it where it has libraries of its own.
    std::fs::read(format!("/proc/{pid}/cmdline"))
        .is_ok_and(|line| line.split(|octet| *octet == 0).any(|word| word == program))
}

/// A call may be set up before a restart and go on after it: what it does then counts.
#[test]
fn requests_after_the_restart_count() -> Trial {
    let mut host = proxy(&[])?;
    let mut script = Script::new(&host, Serves::Calling)?;
    let moved = Some(format!("<sip:moved@{}>", script.calling.address));
    script.calling.steps = vec![
        Step::Pause(1500),
        Step::Send { method: "UPDATE", cseq: 120, contact: moved, header: None },
        Step::Bye(Answer::Code(200)),
    ];
    script.called.steps = vec![Step::Take { method: "UPDATE", contact: None }, Step::Bye(Answer::Code(200))];
    let call = Call::start(&host, "later", script)?;
    let acknowledged = || call.called.received().iter().any(|one| one.is("ACK"));
    check(wait_until(Duration::from_secs(1), acknowledged), || format!("not set up in time\n{}", call.transcript()))?;
    host.kill();
    host.start()?;
    let call_id = call.established()?;
    Ok(released_by_rpc(&host, &call, &call_id, Serves::Calling)?)
}

/// Who has had the BYE, and how it went on: `passes` through service control.
fn finished(judge: &mut Judge<'_>, serves: Serves, codes: [&str; 2]) {
    let (called, calling) = passes(serves);
    for (leg, passes) in [(Leg::Called, called), (Leg::Calling, calling)] {
        let numbers = judge.byes_in_turn(leg, &[passes; 2], &reason(CAUSE, TEXT));
        let next = numbers.len() == 2 && numbers[1] == numbers[0] + 1;
        judge.say(format!("{leg}: the next CSeq"), next, format!("{numbers:?}"));
    }
    judge.reported(if codes == ["200"; 2] { "completed" } else { "gone" }, CAUSE, codes[0], codes[1]);
}

/// The processes that waited for the answers are dead: both BYEs go out again, and a user who has ended the call at the
/// first says so.
#[test]
fn a_release_under_way_is_finished() -> Trial {
    for serves in [Serves::Calling, Serves::Called, Serves::Neither] {
        let mut host = proxy(&[])?;
        let mut script = Script::new(&host, serves)?;
        script.called.steps = vec![Step::Bye(Answer::Silence), Step::Bye(Answer::Code(200))];
        script.calling.steps = vec![Step::Bye(Answer::Silence), Step::Bye(Answer::Code(481))];
        let (call, call_id) = call(&host, "under-way", script)?;
        release(&host, &call_id)?;
        let both = || !call.byes_to_called().is_empty() && !call.byes_to_calling().is_empty();
        check(wait_until(PROMPT, both), || call.transcript())?;
        host.kill();
        host.start()?;
        let said = "an earlier run has left 1 releases under way, 2 BYEs of them are due";
        check(host.log().contains(said), || host.log())?;
        let done = host.outcome(&call_id, PROMPT)?;
        check(done.get("attempts") == "2,2", || format!("{done:?}"))?;
        std::thread::sleep(Duration::from_millis(1500));
        let mut judge = Judge::new(&host, &call, &call_id);
        finished(&mut judge, serves, ["200", "481"]);
        judge.forgotten();
        all_good(&host, &call, &call_id, &judge.verdicts)?;
    }
    Ok(())
}

/// Each run goes on where the one before was killed, and finds what that one has sent.
#[test]
fn a_release_outlives_several_kills() -> Trial {
    const KILLS: usize = 3;
    let mut host = proxy(&[])?;
    let mut script = Script::new(&host, Serves::Called)?;
    script.calling.steps = vec![Step::Bye(Answer::Silence); KILLS];
    script.calling.steps.push(Step::Bye(Answer::Code(200)));
    let (call, call_id) = call(&host, "several", script)?;
    release(&host, &call_id)?;
    for kill in 1..=KILLS {
        let numbers = || call.byes_to_calling().iter().map(|bye| bye.cseq().0).collect::<HashSet<_>>();
        check(wait_until(PROMPT, || numbers().len() == kill), || format!("{kill}: {}", call.transcript()))?;
        // The other user's answer is noted long before.
        std::thread::sleep(Duration::from_millis(200));
        host.kill();
        host.start()?;
    }
    let done = host.outcome(&call_id, PROMPT)?;
    check(done.get("attempts") == format!("1,{}", KILLS + 1), || format!("{done:?}"))?;
    let mut judge = Judge::new(&host, &call, &call_id);
    judge.bye(Leg::Called, 0, &reason(CAUSE, TEXT));
    judge.byes_in_turn(Leg::Calling, &[1; KILLS + 1], &reason(CAUSE, TEXT));
    judge.ended("completed", CAUSE, "200", "200");
    Ok(all_good(&host, &call, &call_id, &judge.verdicts)?)
}

/// What one user has answered stands: only the other gets a BYE again.
#[test]
fn what_was_answered_is_not_asked_again() -> Trial {
    let mut host = proxy(&[])?;
    let mut script = Script::new(&host, Serves::Calling)?;
    script.called.steps = vec![Step::Bye(Answer::Silence), Step::Bye(Answer::Code(481))];
    let (call, call_id) = call(&host, "half", script)?;
    release(&host, &call_id)?;
    check(wait_until(PROMPT, || !call.byes_to_called().is_empty()), || call.transcript())?;
    let noted =
        || host.show("call", &call_id).is_ok_and(|shown| shown.is_ok_and(|one| one.to_string().contains("200")));
    check(wait_until(PROMPT, noted), || format!("{:?}", host.show("call", &call_id)))?;
    host.kill();
    host.start()?;
    host.outcome(&call_id, PROMPT)?;
    std::thread::sleep(Duration::from_millis(1500));
    let mut judge = Judge::new(&host, &call, &call_id);
    judge.byes_in_turn(Leg::Called, &[1; 2], &reason(CAUSE, TEXT));
    judge.bye(Leg::Calling, 0, &reason(CAUSE, TEXT));
    judge.ended("gone", CAUSE, "481", "200");
    Ok(all_good(&host, &call, &call_id, &judge.verdicts)?)
}

/// What a start has found and done.
struct Restart {
    /// Releases that the killed run has left.
    pending: usize,
    /// Calls whose release has ended as it must, at both ends.
    finished: usize,
    /// What is wrong with the others.
    wrong: Vec<String>,
    /// From the start to the last end.
    took: Duration,
}

/// Calls under way at the moment of a SIGKILL: each is finished after the start, none is lost, none is told twice.
fn under_way(calls: u32, defines: &[&str]) -> Result<Restart> {
    let mut host = proxy(defines)?;
    let count = calls as usize;
    let mut script = Script::new(&host, Serves::Calling)?;
    script.called.steps = vec![Step::Bye(Answer::Silence), Step::Bye(Answer::Code(200))];
    script.calling.steps = vec![Step::Bye(Answer::Silence), Step::Bye(Answer::Code(481))];
    let call = Call::start_many(&host, "many", script, Load { calls, rate: 100 }, None)?;
    let of = |sipp: &live::sipp::Sipp, method: &str| {
        sipp.received().iter().filter(|one| one.is(method)).map(Message::call_id).collect::<HashSet<_>>()
    };
    let ready = wait_until(PROMPT, || of(&call.called, "ACK").len() == count);
    let ids = of(&call.called, "ACK");
    check(ready, || format!("{} of {count} calls\n{}", ids.len(), call.called.complaints()))?;
    for call_id in &ids {
        release(&host, call_id)?;
    }
    let all = || [&call.called, &call.calling].iter().all(|sipp| of(sipp, "BYE").len() == count);
    check(wait_until(PROMPT, all), || "not every BYE went out".to_owned())?;
    host.kill();
    let started = Instant::now();
    host.start()?;
    let said = "an earlier run has left ";
    let log = host.log();
    let pending = log.split_once(said).and_then(|(_, rest)| rest.split_once(' ')?.0.parse().ok());
    let pending = pending.ok_or_else(|| format!("nothing says \"{said}\"\n{log}"))?;
    let done = || host.lines().iter().filter(|line| line.kind == "done").count();
    wait_until(PROMPT, || done() >= count);
    let took = started.elapsed();
    std::thread::sleep(Duration::from_millis(1500));
    let mut seen = Seen::of(&host, &call);
    let mut wrong = Vec::new();
    for call_id in &ids {
        let mut judge = seen.judge(&host, call_id);
        finished(&mut judge, Serves::Calling, ["200", "481"]);
        wrong.extend(all_good(&host, &call, call_id, &judge.verdicts).err());
    }
    if !wrong.is_empty() {
        return Ok(Restart { pending, finished: ids.len() - wrong.len(), wrong, took });
    }
    check(host.list()?.is_empty(), || "calls are left in the list".to_owned())?;
    let stats = host.stats()?;
    for (name, value) in [("started", calls), ("gone", calls), ("expired", 0), ("unconfirmed", 0), ("bypassed", 0)] {
        let figure = stats[name].to_string();
        check(figure.trim_matches('"') == value.to_string(), || format!("{name} is not {value}: {stats}"))?;
    }
    Ok(Restart { pending, finished: ids.len(), wrong, took })
}

/// 500 with IMS_RELEASE_SOAK=1.
#[test]
fn fifty_under_way_are_finished() -> Trial {
    let calls = if std::env::var_os("IMS_RELEASE_SOAK").is_some() { 500 } else { 50 };
    let Restart { pending, finished, wrong, took } = under_way(calls, &[])?;
    println!("restart: {pending} pending, {finished} finished {took:?} after the start");
    check(wrong.is_empty(), || format!("{} releases are not finished:\n{}", wrong.len(), wrong[0]))?;
    Ok(check((pending, finished) == (calls as usize, calls as usize), || "not all were under way".to_owned())?)
}

/// Twenty BYEs, ten a second.
#[test]
fn the_timer_keeps_to_its_rate() -> Trial {
    let Restart { wrong, took, .. } = under_way(10, &["PARAMETER=\"send_rate\"", "VALUE=10"])?;
    check(wrong.is_empty(), || wrong.join("\n"))?;
    Ok(check(took > Duration::from_millis(1800), || format!("after {took:?}"))?)
}

/// Killed in the event route: nobody knows what that has done, so it does not run again, and this is shown.
#[test]
fn an_end_that_was_being_told_is_not_told_again() -> Trial {
    if opensips_can_not("run an event route in the process that tells the end")? {
        return Ok(());
    }
    let mut host = proxy(&["SLEEP_AT_THE_END"])?;
    let (call, call_id) = call(&host, "telling", Script::new(&host, Serves::Calling)?)?;
    release(&host, &call_id)?;
    host.outcome(&call_id, PROMPT)?;
    host.kill();
    host.start()?;
    let said =
        "an earlier run has left 0 releases under way, 0 BYEs of them are due; 1 outcomes may not have been heard";
    check(host.log().contains(said), || host.log())?;
    let shown = host.show("call", &call_id)?.map_err(|fault| fault.text)?.to_string().replace(": ", ":");
    let good = ["\"released\"", "\"completed\"", "\"unconfirmed\":1"].iter().all(|word| shown.contains(word));
    check(good, || shown.clone())?;
    std::thread::sleep(Duration::from_millis(1500));
    check(host.lines_of("done", &call_id).len() == 1, || "told again".to_owned())?;
    let stats = host.stats()?;
    let figure = |name: &str| stats[name].to_string().trim_matches('"').to_owned();
    check(figure("unconfirmed") == "1" && figure("completed") == "1", || format!("{stats}"))?;
    let mut judge = Judge::new(&host, &call, &call_id);
    judge.both_byes(Serves::Calling, &reason(CAUSE, TEXT));
    judge.both_answered();
    Ok(all_good(&host, &call, &call_id, &judge.verdicts)?)
}

/// The check at the end of each test is worth something: it sees a worker that died.
#[test]
fn a_dead_worker_does_not_go_unseen() -> Trial {
    let host = proxy(&[])?;
    let pid = host.worker()?;
    kill(Pid::from_raw(pid), Signal::SIGKILL).map_err(|error| error.to_string())?;
    let seen = wait_until(Duration::from_secs(5), || host.log().contains("exited by a signal"));
    check(seen, || host.log())?;
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(host)));
    Ok(check(dropped.is_err(), || "the end of the test saw nothing".to_owned())?)
}
