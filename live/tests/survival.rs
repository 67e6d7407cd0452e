// SPDX-License-Identifier: MIT OR Apache-2.0
//! A proxy that is killed or restarted still releases the calls that it had.

use std::time::Duration;

use live::call::Serves;
use live::host::Host;
use live::kamailio::Kamailio;
use live::process::{processes_of, wait_until};
use live::scenario::{Answer, Script, Step};
use live::trial::{CAUSE, PROMPT, TEXT, Trial, call, check, kamailio, release, released_by_rpc};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Sets calls up, lets `end` happen to the proxy, starts it again and releases them.
fn released_after(defines: &[&str], end: impl Fn(&mut Kamailio) -> live::host::Result<()>) -> Trial {
    let mut host = kamailio(defines)?;
    let roles = [Serves::Calling, Serves::Called, Serves::Neither];
    let calls = roles
        .iter()
        .map(|serves| call(&host, serves.word(), Script::new(&host, *serves)?))
        .collect::<Result<Vec<_>, _>>()?;
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

/// Kamailio ends as a whole when one of its workers dies.
#[test]
fn after_one_worker_was_killed() -> Trial {
    released_after(&[], |host| {
        let directory = host.directory().to_owned();
        let pid = host.process_named("udp receiver")?;
        host.may_die();
        kill(Pid::from_raw(pid), Signal::SIGKILL).map_err(|error| error.to_string())?;
        // SIPp has a directory of the same name on its command line.
        let ended =
            wait_until(Duration::from_secs(10), || processes_of(&directory).iter().all(|pid| !is_kamailio(*pid)));
        check(ended, || format!("it goes on without its worker\n{}", host.log()))?;
        host.stop();
        Ok(())
    })
}

fn is_kamailio(pid: i32) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(b"/usr/sbin/kamailio"))
}

/// A call may be set up before a restart and go on after it: what it does then counts.
#[test]
fn requests_after_the_restart_count() -> Trial {
    let mut host = kamailio(&[])?;
    let mut script = Script::new(&host, Serves::Calling)?;
    let moved = Some(format!("<sip:moved@{}>", script.calling.address));
    script.calling.steps = vec![
        Step::Pause(1500),
        Step::Send { method: "UPDATE", cseq: 120, contact: moved, header: None },
        Step::Bye(Answer::Code(200)),
    ];
    script.called.steps = vec![Step::Take { method: "UPDATE", contact: None }, Step::Bye(Answer::Code(200))];
    let call = live::call::Call::start(&host, "later", script)?;
    let acknowledged = || call.called.received().iter().any(|one| one.is("ACK"));
    check(wait_until(Duration::from_secs(1), acknowledged), || format!("not set up in time\n{}", call.transcript()))?;
    host.kill();
    host.start()?;
    let call_id = call.established()?;
    Ok(released_by_rpc(&host, &call, &call_id, Serves::Calling)?)
}

/// A release that was under way when the proxy was killed has nobody to hear its answers any more. It stays a release,
/// and ends with its deadline, once.
#[test]
fn a_release_under_way_ends_with_its_deadline() -> Trial {
    let mut host = kamailio(&["PARAMETER=\"deadline\"", "VALUE=4"])?;
    let mut script = Script::new(&host, Serves::Calling)?;
    script.called.steps = vec![Step::Bye(Answer::Silence)];
    let (call, call_id) = call(&host, "under-way", script)?;
    release(&host, &call_id)?;
    check(wait_until(PROMPT, || call.calling.sent().iter().any(|one| one.answers("BYE", 200))), || call.transcript())?;
    check(wait_until(PROMPT, || !call.byes_to_called().is_empty()), || call.transcript())?;
    let noted =
        || host.show("call", &call_id).is_ok_and(|shown| shown.is_ok_and(|one| one.to_string().contains("200")));
    check(wait_until(PROMPT, noted), || format!("{:?}", host.show("call", &call_id)))?;
    host.kill();
    host.start()?;
    let fault = host.release("call", &call_id, CAUSE, TEXT)?.err().ok_or("released again")?;
    check(fault.code == 303, || format!("{fault:?}"))?;
    let done = host.outcome(&call_id, Duration::from_secs(9))?;
    let told = ["outcome", "cause", "called", "calling"].map(|field| done.get(field));
    check(told == ["expired", CAUSE, "0", "200"], || format!("{done:?}"))?;
    check(host.list()?.is_empty(), || "still in the list".to_owned())?;
    std::thread::sleep(Duration::from_millis(1500));
    Ok(check(host.lines_of("done", &call_id).len() == 1, || "reported twice".to_owned())?)
}

/// The check at the end of each test is worth something: it sees a worker that died.
#[test]
fn a_dead_worker_does_not_go_unseen() -> Trial {
    let host = kamailio(&[])?;
    let pid = host.process_named("udp receiver")?;
    kill(Pid::from_raw(pid), Signal::SIGKILL).map_err(|error| error.to_string())?;
    let seen = wait_until(Duration::from_secs(5), || host.log().contains("exited by a signal"));
    check(seen, || host.log())?;
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(host)));
    Ok(check(dropped.is_err(), || "the end of the test saw nothing".to_owned())?)
}
