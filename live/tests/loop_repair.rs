// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way over the own socket is a datagram like any other: one may get lost, or be sent again while the script is
//! still busy. The script runs once all the same, and the BYE arrives.

use std::time::Duration;

use live::call::Serves;
use live::evidence::Leg;
use live::host::{Host, Result};
use live::proxy::Proxy;
use live::scenario::{Answer, Script, Step};
use live::trial::{CAUSE, PROMPT, TEXT, Trial, all_good, call, check, proxy, release};
use live::verdict::{Judge, passes, reason};

/// Releases a call whose looped BYE the proxy treats so; gives the judge and what else is asked of it to `then`.
fn released(
    host: &Proxy,
    serves: Serves,
    live: &str,
    then: impl FnOnce(&mut Judge<'_>, Leg) -> Result<()>,
) -> Result<()> {
    let mut script = Script::new(host, serves)?;
    let looped = if serves == Serves::Called { Leg::Calling } else { Leg::Called };
    Script::ask_the_proxy(if looped == Leg::Called { &mut script.called } else { &mut script.calling }, live);
    let (call, call_id) = call(host, live, script)?;
    release(host, &call_id)?;
    host.outcome(&call_id, PROMPT)?;
    // Not where the script keeps one of them back.
    call.both_byes(Duration::from_millis(500));
    let mut judge = Judge::new(host, &call, &call_id);
    let sends = judge.wire().iter().filter(|packet| packet.sent && packet.looped() && packet.message.is("BYE")).count();
    judge.say("sent again over the own socket", sends > 1, format!("{sends} datagrams"));
    let (called, calling) = passes(serves);
    judge.order();
    judge.delivery(Leg::Called, called);
    judge.delivery(Leg::Calling, calling);
    then(&mut judge, looped)?;
    all_good(host, &call, &call_id, &judge.verdicts)
}

fn lost(host: &dyn Host, what: &str) -> Result<()> {
    let lost: Vec<String> =
        host.lines().iter().filter(|line| line.kind == "lost").map(|line| line.get("what").to_owned()).collect();
    check(lost == [what], || format!("lost: {lost:?}\n{}", host.log()))
}

fn completed(judge: &mut Judge<'_>, serves: Serves) {
    let (called, calling) = passes(serves);
    judge.bye(Leg::Called, called, &reason(CAUSE, TEXT));
    judge.bye(Leg::Calling, calling, &reason(CAUSE, TEXT));
    judge.both_answered();
    judge.ended("completed", CAUSE, "200", "200");
}

#[test]
fn a_lost_datagram_is_sent_again() -> Trial {
    for serves in [Serves::Calling, Serves::Called] {
        let host = proxy(&[])?;
        released(&host, serves, "lost", |judge, _| {
            completed(judge, serves);
            lost(&host, "bye")
        })?;
    }
    Ok(())
}

/// tm knows nothing of this answer, so nobody else than the module can give it again.
#[test]
fn a_lost_stateless_answer_is_given_again() -> Trial {
    for serves in [Serves::Calling, Serves::Called] {
        let host = proxy(&[])?;
        released(&host, serves, "stateless", |judge, looped| {
            judge.no_bye(looped);
            let (called, calling) = if looped == Leg::Called { ("403", "200") } else { ("200", "403") };
            judge.ended("partial", CAUSE, called, calling);
            lost(&host, "answer")
        })?;
    }
    Ok(())
}

/// tm gives this answer again by itself, when it is asked before the script.
#[test]
fn a_lost_answer_of_a_transaction_is_given_again() -> Trial {
    let host = proxy(&[])?;
    released(&host, Serves::Calling, "refuse", |judge, looped| {
        judge.no_bye(looped);
        judge.ended("partial", CAUSE, "403", "200");
        lost(&host, "answer")
    })?;
    Ok(())
}

/// The script and the user are so slow together that the BYE, counted from its start, is over its time-out. The proxy's
/// own attempt to the user began later and is still good: its answer is what counts.
#[test]
fn the_attempt_to_the_user_gives_up_first() -> Trial {
    let host = proxy(&["FR_TIMER=3000"])?;
    let mut script = Script::new(&host, Serves::Calling)?;
    Script::ask_the_proxy(&mut script.called, "sleep");
    script.called.steps = vec![Step::Bye(Answer::Late(1500))];
    let (call, call_id) = call(&host, "slow", script)?;
    release(&host, &call_id)?;
    let done = host.outcome(&call_id, 2 * PROMPT)?;
    let told = ["outcome", "called", "calling"].map(|field| done.get(field));
    Ok(check(told == ["completed", "200", "200"], || format!("{done:?}\n{}", call.transcript()))?)
}

/// The BYE is sent again twice before the script has made a transaction of the first.
#[test]
fn a_script_that_sleeps_runs_once() -> Trial {
    for serves in [Serves::Calling, Serves::Called] {
        let host = proxy(&[])?;
        released(&host, serves, "sleep", |judge, _| {
            completed(judge, serves);
            Ok(())
        })?;
    }
    Ok(())
}
