// SPDX-License-Identifier: MIT OR Apache-2.0
//! A thousand calls, set up and released at a steady pace: each pair is delivered and answered, each end is reported
//! once.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use live::call::{Call, Serves};
use live::host::Host;
use live::process::wait_until;
use live::scenario::Script;
use live::sipp::Load;
use live::trial::{CAUSE, TEXT, Trial, check, leave_out_sent_again, proxy, release};
use live::verdict::{self, Seen, reason};

const CALLS: u32 = 1000;
const PER_SECOND: u32 = 100;

#[test]
fn a_thousand_calls() -> Trial {
    let host = proxy(&[])?;
    let count = CALLS as usize;
    let script = Script::new(&host, Serves::Calling)?;
    let call = Call::start_many(&host, "load", script, Load { calls: CALLS, rate: PER_SECOND }, None)?;
    let acknowledged =
        || call.called.received().iter().filter(|one| one.is("ACK")).map(|one| one.call_id()).collect::<HashSet<_>>();
    // A look into the traces takes a while: not before it is time.
    std::thread::sleep(Duration::from_secs(u64::from(CALLS / PER_SECOND)));
    let ready = wait_until(Duration::from_secs(10), || acknowledged().len() == count);
    let calls = acknowledged();
    check(ready, || format!("{} of {count} calls were set up\n{}", calls.len(), call.called.complaints()))?;
    let listed = host.list()?.len();
    check(listed == count, || format!("{listed} calls are listed"))?;

    let start = Instant::now();
    for (number, call_id) in (0..).zip(&calls) {
        let due = Duration::from_secs(1) * number / PER_SECOND;
        std::thread::sleep(due.saturating_sub(start.elapsed()));
        release(&host, call_id)?;
    }
    let done = || host.lines().iter().filter(|line| line.kind == "done").count();
    let ended = wait_until(Duration::from_secs(10), || done() >= count);
    check(ended, || format!("{} of {count} releases were reported", done()))?;

    let mut seen = Seen::of(&host, &call);
    let mut wrong = Vec::new();
    for call_id in &calls {
        let mut judge = seen.judge(&host, call_id);
        judge.both_byes(Serves::Calling, &reason(CAUSE, TEXT));
        judge.both_answered();
        judge.reported("completed", CAUSE, "200", "200");
        wrong.extend(verdict::wrong(&judge.verdicts).map(|wrong| format!("{call_id}:\n{wrong}")));
    }
    leave_out_sent_again(&mut wrong, count)?;
    check(wrong.is_empty(), || {
        let first: Vec<String> = wrong.iter().take(3).cloned().collect();
        format!("{} of {count} releases are not as they must be:\n{}", wrong.len(), first.join("\n"))
    })?;
    check(host.list()?.is_empty(), || "calls are left in the list".to_owned())?;
    let stats = host.stats()?;
    let figure = |name: &str| stats.get(name).map(|one| one.to_string().trim_matches('"').to_owned());
    for (name, value) in [
        ("tracked", count),
        ("confirmed", count),
        ("started", count),
        ("completed", count),
        ("gone", 0),
        ("partial", 0),
        ("failed", 0),
        ("expired", 0),
        ("store_failures", 0),
        ("lock_timeouts", 0),
        ("damaged", 0),
        ("refused_full", 0),
        ("refused_messages", 0),
    ] {
        check(figure(name) == Some(value.to_string()), || format!("{name} is not {value}: {stats}"))?;
    }
    Ok(())
}
