// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two processes of the proxy are asked for the release of one call at the same moment: one starts it.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use live::call::{Call, Serves};
use live::host::Host;
use live::process::wait_until;
use live::scenario::{Answer, Script, Step};
use live::sipp::Load;
use live::trial::{CAUSE, PROMPT, TEXT, Trial, all_good, check, proxy, results};
use live::verdict::{Seen, reason};

const ROUNDS: u32 = 40;

/// When the datagram leaves: kamcmd has to be started and to connect first. Whoever lost is given a little more time in
/// the next round, so that after the first rounds the two arrive as close together as can be.
struct Handicap {
    delay: Duration,
    datagram_won: u32,
    kamcmd_won: u32,
}

impl Handicap {
    fn after(self, datagram_won: bool) -> Self {
        const COARSE: Duration = Duration::from_micros(500);
        const FINE: Duration = Duration::from_micros(60);
        match (datagram_won, self.kamcmd_won) {
            (true, 0) => Self { delay: self.delay * 2 + COARSE, datagram_won: self.datagram_won + 1, ..self },
            (true, _) => Self { delay: self.delay + FINE, datagram_won: self.datagram_won + 1, ..self },
            (false, _) => Self { delay: self.delay.saturating_sub(FINE), kamcmd_won: self.kamcmd_won + 1, ..self },
        }
        .at_most(Duration::from_millis(150))
    }

    fn at_most(self, limit: Duration) -> Self {
        Self { delay: self.delay.min(limit), ..self }
    }
}

/// What one of the two was told.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Releasing,
    AlreadyReleasing,
    Other(String),
}

fn by_datagram(host: &dyn Host, call_id: &str) -> Told {
    match host.release("call", call_id, CAUSE, TEXT) {
        Ok(Ok(reply)) if results(&reply) == ["releasing"] => Told::Releasing,
        Ok(Err(fault)) if fault.code == 303 && fault.text.contains("already releasing") => Told::AlreadyReleasing,
        other => Told::Other(format!("{other:?}")),
    }
}

fn by_kamcmd(host: &dyn Host, call_id: &str) -> Told {
    match host.command(&["ims_release.release", "call", call_id, CAUSE, TEXT]) {
        Ok((_, text)) if text.contains("303") && text.contains("already releasing") => Told::AlreadyReleasing,
        Ok((true, text)) if text.contains("result: releasing") => Told::Releasing,
        other => Told::Other(format!("{other:?}")),
    }
}

#[test]
fn of_two_that_ask_at_once_one_starts_the_release() -> Trial {
    let host = proxy(&["RETR_TIMER=4000"])?;
    let mut script = Script::new(&host, Serves::Calling)?;
    // So slow that the second always comes while the first is under way, also on a busy machine, and before a
    // retransmission.
    script.called.steps = vec![Step::Bye(Answer::Late(3000))];
    script.calling.steps = vec![Step::Bye(Answer::Late(3000))];
    let call = Call::start_many(&host, "race", script, Load { calls: ROUNDS, rate: 100 }, None)?;
    let acknowledged = || call.called.received().iter().filter(|one| one.is("ACK")).count();
    let ready = wait_until(PROMPT, || acknowledged() >= ROUNDS as usize);
    check(ready, || format!("{} of {ROUNDS} calls\n{}", acknowledged(), call.called.complaints()))?;
    let calls: Vec<String> =
        call.called.received().iter().filter(|one| one.is("ACK")).map(|one| one.call_id()).collect();
    let mut handicap = Handicap { delay: Duration::ZERO, datagram_won: 0, kamcmd_won: 0 };
    for (round, call_id) in calls.iter().enumerate() {
        let start = Barrier::new(2);
        let told = thread::scope(|scope| {
            let kamcmd = scope.spawn(|| {
                start.wait();
                by_kamcmd(&host, call_id)
            });
            start.wait();
            thread::sleep(handicap.delay);
            let datagram = by_datagram(&host, call_id);
            [datagram, kamcmd.join().unwrap_or_else(|_| Told::Other("panicked".to_owned()))]
        });
        let good = told.contains(&Told::Releasing) && told.contains(&Told::AlreadyReleasing);
        check(good, || format!("round {round}: {told:?}\n{}", host.log()))?;
        handicap = handicap.after(told[0] == Told::Releasing);
    }
    // Else one of them was always too late to meet the other.
    check(handicap.datagram_won > 0 && handicap.kamcmd_won > 0, || {
        format!("the datagram won {} rounds, kamcmd {}", handicap.datagram_won, handicap.kamcmd_won)
    })?;
    for call_id in &calls {
        host.outcome(call_id, PROMPT)?;
    }
    let mut seen = Seen::of(&host, &call);
    for call_id in &calls {
        let mut judge = seen.judge(&host, call_id);
        judge.both_byes(Serves::Calling, &reason(CAUSE, TEXT));
        judge.both_answered();
        judge.reported("completed", CAUSE, "200", "200");
        all_good(&host, &call, call_id, &judge.verdicts)?;
    }
    Ok(())
}
