// SPDX-License-Identifier: MIT OR Apache-2.0
//! Users that do not answer 200, and a script that does not let the BYE through: what is reported, and when.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use live::call::{Call, Serves};
use live::evidence::Leg;
use live::host::{Host, Result};
use live::pair::Pair;
use live::peer::Peer;
use live::scenario::{Answer, Script, Step};
use live::trial::{CAUSE, PROMPT, TEXT, Trial, all_good, call, check, log_of, opensips_can_not, proxy, release};
use live::verdict::{Judge, passes, reason, wrong};

/// Sets a call up whose users treat the BYE so.
fn answered(host: &dyn Host, name: &str, serves: Serves, called: Answer, calling: Answer) -> Result<(Call, String)> {
    let mut script = Script::new(host, serves)?;
    script.called.steps = vec![Step::Bye(called)];
    script.calling.steps = vec![Step::Bye(calling)];
    call(host, name, script)
}

/// Both users have their BYE, and the outcome follows from the codes that they answer.
fn told(serves: Serves, called: u16, calling: u16, outcome: &str) -> Trial {
    let host = proxy(&[])?;
    let (call, call_id) = answered(&host, "told", serves, Answer::Code(called), Answer::Code(calling))?;
    release(&host, &call_id)?;
    host.outcome(&call_id, PROMPT)?;
    let mut judge = Judge::new(&host, &call, &call_id);
    judge.both_byes(serves, &reason(CAUSE, TEXT));
    judge.ended(outcome, CAUSE, &called.to_string(), &calling.to_string());
    Ok(all_good(&host, &call, &call_id, &judge.verdicts)?)
}

#[test]
fn the_called_user_knows_no_such_call() -> Trial {
    told(Serves::Calling, 481, 200, "gone")?;
    told(Serves::Called, 481, 200, "gone")
}

#[test]
fn the_calling_user_knows_no_such_call() -> Trial {
    told(Serves::Calling, 200, 481, "gone")?;
    told(Serves::Called, 200, 481, "gone")
}

#[test]
fn neither_user_knows_such_a_call() -> Trial {
    told(Serves::Neither, 481, 408, "gone")
}

#[test]
fn one_user_refuses() -> Trial {
    told(Serves::Calling, 403, 200, "partial")?;
    told(Serves::Called, 403, 481, "partial")?;
    told(Serves::Calling, 200, 403, "partial")?;
    told(Serves::Called, 200, 403, "partial")
}

#[test]
fn both_users_refuse() -> Trial {
    told(Serves::Calling, 403, 403, "failed")?;
    told(Serves::Neither, 403, 403, "failed")
}

/// The proxy has no credentials to give: the leg has failed, and the other one is not touched by it.
#[test]
fn a_user_challenges() -> Trial {
    told(Serves::Calling, 407, 200, "partial")?;
    told(Serves::Called, 401, 481, "partial")?;
    told(Serves::Neither, 200, 401, "partial")?;
    told(Serves::Calling, 407, 401, "failed")
}

/// A redirection of a BYE is not followed: nobody hears anything at its Contact.
#[test]
fn a_user_redirects() -> Trial {
    for serves in [Serves::Calling, Serves::Called, Serves::Neither] {
        let host = proxy(&[])?;
        let mut elsewhere = Peer::new()?;
        let contact = format!("Contact: <sip:x@{}>", elsewhere.address());
        let mut pair = Pair::new(&host, serves, "")?;
        release(&host, &pair.call_id)?;
        for leg in [Leg::Called, Leg::Calling] {
            let bye = pair.bye(leg, PROMPT)?;
            pair.answer(leg, &bye, 302, std::slice::from_ref(&contact))?;
        }
        host.outcome(&pair.call_id, PROMPT)?;
        let heard = elsewhere.await_message(Duration::from_millis(1500), |_| true);
        check(heard.is_err(), || format!("at the Contact of the 302: {heard:?}"))?;
        let mut judge = pair.judge(&host);
        judge.bye(Leg::Called, passes(serves).0, &reason(CAUSE, TEXT));
        judge.bye(Leg::Calling, passes(serves).1, &reason(CAUSE, TEXT));
        judge.reported("failed", CAUSE, "302", "302");
        wrong(&judge.verdicts).map_or(Ok(()), |wrong| Err(format!("{wrong}\n{}", log_of(&host, &pair.call_id))))?;
    }
    Ok(())
}

/// One who is silent is asked again and again, while the script runs once; the end is reported in time, and not as
/// completed.
fn silent(serves: Serves, called: Answer, calling: Answer) -> Trial {
    const FR_TIMER: Duration = Duration::from_millis(3000);
    const GRACE: Duration = Duration::from_secs(4);
    let host = proxy(&["FR_TIMER=3000"])?;
    let (call, call_id) = answered(&host, "silent", serves, called, calling)?;
    let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    release(&host, &call_id)?;
    let done = host.outcome(&call_id, FR_TIMER + GRACE + PROMPT)?;
    let took = Duration::try_from_secs_f64(done.time()).unwrap_or_default().saturating_sub(start);
    check(took >= FR_TIMER - Duration::from_millis(300) && took <= FR_TIMER + GRACE, || {
        format!("reported after {took:?}")
    })?;
    let mut judge = Judge::new(&host, &call, &call_id);
    let (called_passes, calling_passes) = passes(serves);
    judge.order();
    let code = |answer: Answer| if answer == Answer::Silence { "408" } else { "200" };
    for (leg, passes, answer) in [(Leg::Called, called_passes, called), (Leg::Calling, calling_passes, calling)] {
        if answer == Answer::Silence {
            judge.repeated_bye(leg, passes, &reason(CAUSE, TEXT));
        } else {
            judge.bye(leg, passes, &reason(CAUSE, TEXT));
        }
        judge.delivery(leg, passes);
    }
    judge.ended("gone", CAUSE, code(called), code(calling));
    Ok(all_good(&host, &call, &call_id, &judge.verdicts)?)
}

#[test]
fn a_silent_user_behind_service_control() -> Trial {
    silent(Serves::Calling, Answer::Silence, Answer::Code(200))
}

#[test]
fn a_silent_calling_user_behind_service_control() -> Trial {
    silent(Serves::Called, Answer::Code(200), Answer::Silence)
}

#[test]
fn a_silent_user_on_the_direct_way() -> Trial {
    silent(Serves::Calling, Answer::Code(200), Answer::Silence)
}

#[test]
fn two_silent_users() -> Trial {
    silent(Serves::Calling, Answer::Silence, Answer::Silence)
}

/// The BYE to the calling user waits for an ACK that never comes: RFC 3261 15 allows it after 64*T1, and then it goes. The
/// deadline is as short as may be.
#[test]
fn a_user_that_never_acknowledges() -> Trial {
    let host = proxy(&["FR_TIMER=2000", "PARAMETER=\"deadline\"", "VALUE=45"])?;
    let mut pair = Pair::answered(&host, Serves::Neither, "")?;
    let start = Instant::now();
    release(&host, &pair.call_id)?;
    let bye = pair.bye(Leg::Called, PROMPT)?;
    pair.answer(Leg::Called, &bye, 200, &[])?;
    let bye = pair.bye(Leg::Calling, Duration::from_secs(36))?;
    let took = start.elapsed();
    pair.answer(Leg::Calling, &bye, 200, &[])?;
    check(took > Duration::from_millis(31_900) && took < Duration::from_secs(35), || format!("after {took:?}"))?;
    host.outcome(&pair.call_id, PROMPT)?;
    let mut judge = pair.judge(&host);
    judge.bye(Leg::Called, 0, &reason(CAUSE, TEXT));
    judge.bye(Leg::Calling, 0, &reason(CAUSE, TEXT));
    judge.ended("completed", CAUSE, "200", "200");
    Ok(wrong(&judge.verdicts).map_or(Ok(()), |wrong| Err(format!("{wrong}\n{}", log_of(&host, &pair.call_id))))?)
}

/// The script of the proxy does not let the BYE for the served user's side through.
fn kept_back(serves: Serves, live: &str, code: &str, outcome: &str) -> Trial {
    let host = proxy(&[])?;
    let mut script = Script::new(&host, serves)?;
    let (kept, other) = match serves {
        Serves::Called => (Leg::Calling, Leg::Called),
        _ => (Leg::Called, Leg::Calling),
    };
    Script::ask_the_proxy(if kept == Leg::Called { &mut script.called } else { &mut script.calling }, live);
    let (call, call_id) = call(&host, live, script)?;
    release(&host, &call_id)?;
    host.outcome(&call_id, PROMPT)?;
    let mut judge = Judge::new(&host, &call, &call_id);
    judge.no_bye(kept);
    judge.bye(other, 0, &reason(CAUSE, TEXT));
    if live == "unsent" {
        let seen = judge.wire().iter().filter(|packet| packet.looped()).count();
        judge.same("datagrams on the loop", &seen, &0);
        // On the way to service control it is one that was kept back: the one that goes past it is dropped as well.
        let said = host.lines_of("unsent", &call_id).len();
        judge.same("event_route[tm:local-request]", &said, &(if serves == Serves::Neither { 1 } else { 2 }));
    } else {
        judge.delivery(kept, 1);
    }
    judge.delivery(other, 0);
    let (called, calling) = if kept == Leg::Called { (code, "200") } else { ("200", code) };
    judge.ended(outcome, CAUSE, called, calling);
    Ok(all_good(&host, &call, &call_id, &judge.verdicts)?)
}

#[test]
fn the_script_refuses_our_bye_in_a_transaction() -> Trial {
    kept_back(Serves::Calling, "refuse", "403", "partial")?;
    kept_back(Serves::Called, "refuse", "403", "partial")
}

#[test]
fn an_event_route_drops_our_bye() -> Trial {
    if opensips_can_not("drop a BYE in local_route, its route for requests of its own")? {
        return Ok(());
    }
    kept_back(Serves::Calling, "unsent", "0", "gone")?;
    kept_back(Serves::Called, "unsent", "0", "gone")?;
    // Neither is served: the direct BYE is dropped.
    kept_back(Serves::Neither, "unsent", "0", "gone")
}
