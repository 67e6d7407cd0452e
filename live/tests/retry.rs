// SPDX-License-Identifier: MIT OR Apache-2.0
//! A BYE that was in vain is sent again: once more after 500 and 503, and past a service control that keeps it back.

use std::time::{Duration, Instant};

use live::call::Serves;
use live::evidence::Leg;
use live::host::{Host, Result};
use live::pair::Pair;
use live::proxy::Proxy;
use live::scenario::{Answer, Script, Step};
use live::trial::{CAUSE, PROMPT, TEXT, Trial, all_good, call, check, log_of, opensips_can_not, proxy, release};
use live::verdict::{Judge, passes, reason, wrong};

const ROLES: [Serves; 3] = [Serves::Calling, Serves::Called, Serves::Neither];

/// A figure of the registry.
fn figure(host: &dyn Host, name: &str) -> Result<String> {
    let stats = host.stats()?;
    stats.get(name).map(|one| one.to_string().trim_matches('"').to_owned()).ok_or_else(|| format!("{name}: {stats}"))
}

/// The release was reported once, with these attempts at the called and at the calling user.
fn attempts(host: &dyn Host, call_id: &str, expected: &str) -> Result<()> {
    let done = host.lines_of("done", call_id);
    let good = done.len() == 1 && done[0].get("attempts") == expected;
    check(good, || format!("expected {expected} attempts and one end: {done:?}\n{}", log_of(host, call_id)))
}

fn judged(host: &dyn Host, call_id: &str, judge: &Judge<'_>) -> Result<()> {
    wrong(&judge.verdicts).map_or(Ok(()), |wrong| Err(format!("{wrong}\n{}", log_of(host, call_id))))
}

/// Both users answer 500, and 200 to the BYE that comes then.
#[test]
fn a_500_is_tried_once_more() -> Trial {
    for serves in ROLES {
        let host = proxy(&[])?;
        let mut script = Script::new(&host, serves)?;
        script.called.steps = vec![Step::Bye(Answer::Code(500)), Step::Bye(Answer::Code(200))];
        script.calling.steps = script.called.steps.clone();
        let (call, call_id) = call(&host, "again", script)?;
        release(&host, &call_id)?;
        host.outcome(&call_id, PROMPT)?;
        let mut judge = Judge::new(&host, &call, &call_id);
        let (called, calling) = passes(serves);
        let to_called = judge.byes_in_turn(Leg::Called, &[called; 2], &reason(CAUSE, TEXT));
        let to_calling = judge.byes_in_turn(Leg::Calling, &[calling; 2], &reason(CAUSE, TEXT));
        let far = [to_called, to_calling].iter().all(|numbers| numbers.len() == 2 && numbers[1] >= numbers[0] + 100);
        judge.say("CSeq rises by a hundred", far, String::new());
        let runs = host.lines_of("bye", &call_id).iter().filter(|line| line.get("ours") == "1").count();
        judge.same("runs of the script", &runs, &(2 * (called + calling)));
        judge.both_answered();
        judge.ended("completed", CAUSE, "200", "200");
        all_good(&host, &call, &call_id, &judge.verdicts)?;
        attempts(&host, &call_id, "2,2")?;
        check(figure(&host, "retried")? == "2", || "retried".to_owned())?;
    }
    Ok(())
}

#[test]
fn a_second_500_is_an_answer() -> Trial {
    for serves in ROLES {
        let host = proxy(&[])?;
        let mut script = Script::new(&host, serves)?;
        script.called.steps = vec![Step::Bye(Answer::Code(500)); 3];
        let (call, call_id) = call(&host, "twice", script)?;
        release(&host, &call_id)?;
        host.outcome(&call_id, PROMPT)?;
        std::thread::sleep(Duration::from_millis(1500));
        let mut judge = Judge::new(&host, &call, &call_id);
        judge.byes_in_turn(Leg::Called, &[passes(serves).0; 2], &reason(CAUSE, TEXT));
        judge.bye(Leg::Calling, passes(serves).1, &reason(CAUSE, TEXT));
        judge.ended("partial", CAUSE, "500", "200");
        all_good(&host, &call, &call_id, &judge.verdicts)?;
        attempts(&host, &call_id, "2,1")?;
    }
    Ok(())
}

#[test]
fn no_retry_where_the_operator_wants_none() -> Trial {
    let host = proxy(&["PARAMETER=\"retry\"", "VALUE=0"])?;
    let mut script = Script::new(&host, Serves::Calling)?;
    script.called.steps = vec![Step::Bye(Answer::Code(500))];
    let (call, call_id) = call(&host, "once", script)?;
    release(&host, &call_id)?;
    host.outcome(&call_id, PROMPT)?;
    let mut judge = Judge::new(&host, &call, &call_id);
    judge.both_byes(Serves::Calling, &reason(CAUSE, TEXT));
    judge.ended("partial", CAUSE, "500", "200");
    all_good(&host, &call, &call_id, &judge.verdicts)?;
    Ok(attempts(&host, &call_id, "1,1")?)
}

/// 503 with Retry-After: not before that time is over. On the way through service control tm would make a 500 of it;
/// OpenSIPS does so whatever is configured, and then the CSeq rises by a hundred.
#[test]
fn a_503_says_when() -> Trial {
    for serves in ROLES {
        let host = proxy(&["KEEP_503"])?;
        let mut pair = Pair::new(&host, serves, "")?;
        release(&host, &pair.call_id)?;
        let first = pair.bye(Leg::Called, PROMPT)?;
        let answered = Instant::now();
        pair.answer(Leg::Called, &first, 503, &["Retry-After: 2 (busy)".to_owned()])?;
        let bye = pair.bye(Leg::Calling, PROMPT)?;
        pair.answer(Leg::Calling, &bye, 200, &[])?;
        let second = pair.bye(Leg::Called, PROMPT)?;
        let waited = answered.elapsed();
        pair.answer(Leg::Called, &second, 200, &[])?;
        host.outcome(&pair.call_id, PROMPT)?;
        let in_time = waited > Duration::from_millis(1900) && waited < Duration::from_millis(3200);
        check(in_time, || format!("sent again after {waited:?}"))?;
        let mut judge = pair.judge(&host);
        let numbers = judge.byes_in_turn(Leg::Called, &[passes(serves).0; 2], &reason(CAUSE, TEXT));
        let as_500 = passes(serves).0 > 0 && opensips_can_not("pass a 503 on as it is")?;
        judge.same("the next CSeq", &numbers, &vec![102, if as_500 { 202 } else { 103 }]);
        judge.bye(Leg::Calling, passes(serves).1, &reason(CAUSE, TEXT));
        judge.reported("completed", CAUSE, "200", "200");
        judged(&host, &pair.call_id, &judge)?;
        attempts(&host, &pair.call_id, "2,1")?;
    }
    Ok(())
}

/// The far user behind a service control that keeps the BYE back.
fn kept_back(host: &Proxy, serves: Serves, live: &str, limit: Duration) -> Result<()> {
    let mut pair = Pair::new(host, serves, live)?;
    let (kept, other) =
        if serves == Serves::Calling { (Leg::Called, Leg::Calling) } else { (Leg::Calling, Leg::Called) };
    release(host, &pair.call_id)?;
    let bye = pair.bye(other, PROMPT)?;
    pair.answer(other, &bye, 200, &[])?;
    let bye = pair.bye(kept, limit).map_err(|error| format!("{error}\n{}", log_of(host, &pair.call_id)))?;
    pair.answer(kept, &bye, 200, &[])?;
    host.outcome(&pair.call_id, PROMPT)?;
    let mut judge = pair.judge(host);
    // What it says is the next CSeq after that of the one that was kept back.
    let expected: Vec<u64> =
        judge.wire().iter().filter(|one| one.looped() && one.sent).map(|one| one.message.cseq().0).collect();
    let numbers = judge.byes_of_a_bypass(kept, &reason(CAUSE, TEXT));
    judge.same("the next CSeq", &numbers, &vec![expected.first().map_or(0, |number| number + 1)]);
    judge.bye(other, 0, &reason(CAUSE, TEXT));
    judge.delivery(kept, 1);
    judge.delivery(other, 0);
    judge.reported("completed", CAUSE, "200", "200");
    judge.forgotten();
    judged(host, &pair.call_id, &judge)?;
    attempts(host, &pair.call_id, if kept == Leg::Called { "2,1" } else { "1,2" })?;
    check(figure(host, "bypassed")? == "1", || "bypassed".to_owned())
}

/// The script drops it: after its time-out the far user has the BYE straight.
#[test]
fn a_script_that_drops_our_bye() -> Trial {
    for serves in [Serves::Calling, Serves::Called] {
        kept_back(&proxy(&["FR_TIMER=2000"])?, serves, "drop", PROMPT)?;
    }
    Ok(())
}

/// Or answers 503 by itself: at once.
#[test]
fn a_script_that_answers_503() -> Trial {
    for serves in [Serves::Calling, Serves::Called] {
        kept_back(&proxy(&[])?, serves, "overload", Duration::from_secs(3))?;
    }
    Ok(())
}

#[test]
fn no_bypass_where_the_operator_wants_none() -> Trial {
    let host = proxy(&["PARAMETER=\"bypass\"", "VALUE=0"])?;
    let mut pair = Pair::new(&host, Serves::Calling, "overload")?;
    release(&host, &pair.call_id)?;
    let bye = pair.bye(Leg::Calling, PROMPT)?;
    pair.answer(Leg::Calling, &bye, 200, &[])?;
    host.outcome(&pair.call_id, PROMPT)?;
    let seen = pair.listen(Leg::Called, Duration::from_millis(1500));
    check(!seen.iter().any(|one| one.is("BYE")), || format!("{seen:?}"))?;
    let mut judge = pair.judge(&host);
    judge.no_bye(Leg::Called);
    judge.bye(Leg::Calling, 0, &reason(CAUSE, TEXT));
    judge.reported("partial", CAUSE, "503", "200");
    judged(&host, &pair.call_id, &judge)?;
    Ok(attempts(&host, &pair.call_id, "1,1")?)
}
