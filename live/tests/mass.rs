// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many calls are released as a job: at once told, no faster than asked for, each call once and accounted for at both
//! ends, also where the proxy is killed in the middle. With IMS_RELEASE_SOAK=1 of ten thousand calls.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use live::call::{Call, Serves};
use live::evidence::Leg;
use live::host::{Host, Result};
use live::message::Message;
use live::pair::Pair;
use live::process::wait_until;
use live::scenario::{Answer, Script, Step};
use live::sipp::Load;
use live::trial::{CAUSE, PROMPT, TEXT, Trial, check, leave_out_sent_again, opensips_can_not, proxy};
use live::verdict::{self, Judge, Seen, reason};
use serde_json::Value;

const PER_SECOND: u32 = 100;
/// An operator waits no longer than this for the number.
const ANSWERED: Duration = Duration::from_millis(100);
/// Of so many jobs over all calls the answer in the middle is what counts: one may meet a moment in which the machine runs
/// something else.
const ASKED: usize = 5;

fn soak() -> bool {
    std::env::var_os("IMS_RELEASE_SOAK").is_some_and(|value| value == "1")
}

fn number(value: &Value, name: &str) -> u64 {
    let text = value.get(name).map(ToString::to_string).unwrap_or_default();
    text.trim_matches('"').parse().unwrap_or_else(|_| panic!("no number {name} in {value}"))
}

fn first(value: &Value) -> Value {
    value.as_array().and_then(|all| all.first()).unwrap_or(value).clone()
}

/// Calls that were answered and acknowledged, and their Call-IDs.
fn calls_up(host: &dyn Host, name: &str, script: Script, calls: u32) -> Result<(Call, HashSet<String>)> {
    let before = number(&host.stats()?, "confirmed");
    let call = Call::start_many(host, name, script, Load { calls, rate: PER_SECOND }, None)?;
    let setting_up = Duration::from_secs(u64::from(calls / PER_SECOND)) + PROMPT;
    let up = || host.stats().map_or(0, |stats| number(&stats, "confirmed") - before);
    wait_until(setting_up, || up() == u64::from(calls));
    let acknowledged = || {
        let of = |one: &Message| one.is("ACK").then(|| one.call_id());
        call.called.received().iter().filter_map(of).collect::<HashSet<_>>()
    };
    let ready = wait_until(PROMPT, || acknowledged().len() == calls as usize);
    let ids = acknowledged();
    check(ready, || format!("{} of {calls} calls were set up\n{}", ids.len(), call.called.complaints()))?;
    Ok((call, ids))
}

fn ask(host: &dyn Host, selector: &str, value: &str, options: &str) -> Result<Value> {
    let told = host.call("ims_release.release", &[selector, value, CAUSE, TEXT, options])?;
    told.map(|told| first(&told)).map_err(|fault| format!("{selector} {value} {options}: {fault:?}"))
}

/// Makes a job and gives its number.
fn job(host: &dyn Host, selector: &str, value: &str, options: &str) -> Result<u64> {
    Ok(number(&ask(host, selector, value, options)?, "job"))
}

fn shown(host: &dyn Host, job: u64) -> Result<Value> {
    let told = host.call("ims_release.jobs", &[])?.map_err(|fault| fault.text)?;
    let all = told.as_array().cloned().unwrap_or_else(|| vec![told.clone()]);
    all.into_iter().find(|one| number(one, "job") == job).ok_or_else(|| format!("no job {job} in {told}"))
}

fn ended(job: &Value) -> u64 {
    ["completed", "gone", "partial", "failed", "expired"].iter().map(|name| number(job, name)).sum()
}

/// Waits until a job is over, and all that it has started.
fn over(host: &dyn Host, job: u64, limit: Duration) -> Result<Value> {
    let done = || shown(host, job).is_ok_and(|one| one["state"] != "running" && ended(&one) >= number(&one, "started"));
    let good = wait_until(limit, done);
    let one = shown(host, job)?;
    check(good, || format!("not over: {one}"))?;
    Ok(one)
}

fn figures(job: &Value, expected: &[(&str, u64)]) -> Result<()> {
    for (name, value) in expected {
        check(number(job, name) == *value, || format!("{name} is not {value}: {job}"))?;
    }
    Ok(())
}

/// The calls of which one end saw a BYE.
fn reached(call: &Call) -> HashSet<String> {
    let of = |one: &Message| one.is("BYE").then(|| one.call_id());
    [&call.calling, &call.called].iter().flat_map(|sipp| sipp.received()).filter_map(|one| of(&one)).collect()
}

/// Each of these calls was released, once, in every respect.
fn account_for(host: &dyn Host, name: &str, call: &Call, ids: &HashSet<String>, serves: Serves) -> Result<()> {
    let mut seen = Seen::of(host, call);
    let mut wrong = Vec::new();
    for call_id in ids {
        let mut judge = seen.judge(host, call_id);
        judge.both_byes(serves, &reason(CAUSE, TEXT));
        judge.both_answered();
        judge.reported("completed", CAUSE, "200", "200");
        wrong.extend(verdict::wrong(&judge.verdicts).map(|wrong| format!("{call_id}:\n{wrong}")));
    }
    leave_out_sent_again(&mut wrong, ids.len())?;
    println!("mass, {name}: {} calls, {} unaccounted", ids.len(), wrong.len());
    check(wrong.is_empty(), || {
        let some: Vec<String> = wrong.iter().take(3).cloned().collect();
        format!("{} of {} releases are not as they must be:\n{}", wrong.len(), ids.len(), some.join("\n"))
    })
}

/// A call that is set up while others are released. The job may come by it.
fn fresh_call(host: &dyn Host) -> Result<(Pair, Duration)> {
    let start = Instant::now();
    Ok((Pair::new(host, Serves::Neither, "")?, start.elapsed()))
}

#[test]
fn all_calls_are_released() -> Trial {
    let (calls, rate) = if soak() { (10_000, 200) } else { (300, 100) };
    let mut host = proxy(&["PARAMETER=\"store_size\"", "VALUE=67108864"])?;
    let (call, ids) = calls_up(&host, "all", Script::new(&host, Serves::Calling)?, calls)?;
    let calls = u64::from(calls);

    let mut answers = Vec::new();
    for _ in 1..ASKED {
        let start = Instant::now();
        let dry = job(&host, "all", "*", "dry")?;
        answers.push(start.elapsed());
        let counted = over(&host, dry, PROMPT)?;
        check(counted["state"] == "finished" && number(&counted, "dry") == 1, || counted.to_string())?;
        figures(&counted, &[("matched", calls), ("started", 0), ("early", 0), ("refused", 0)])?;
    }
    check(reached(&call).is_empty(), || "a dry run sends BYEs".to_owned())?;

    let start = Instant::now();
    let number_of = job(&host, "all", "*", &format!("rate={rate},inflight=500"))?;
    answers.push(start.elapsed());
    let (mut pair, set_up) = fresh_call(&host)?;
    let busy = shown(&host, number_of)?;
    answers.sort();
    let answered = answers[ASKED / 2];
    println!("mass, the number of the job: {} us, a fresh call {set_up:?}", answered.as_micros());
    check(answered < ANSWERED, || format!("the numbers came after {answers:?}"))?;
    check(set_up < PROMPT / 4, || format!("a fresh call took {set_up:?}"))?;
    check(busy["state"] == "running" && busy["selector"] == "all", || format!("too soon: {busy}"))?;

    // The job may come by the fresh call at any time.
    let expected = Duration::from_secs(calls / rate);
    let fresh = pair.call_id.clone();
    let answering = std::thread::spawn(move || pair.answer_byes(2 * expected + 2 * PROMPT));
    // The proxies of these tests have little shared memory: a job of many calls waits for it.
    let own = wait_until(2 * expected + PROMPT, || ended(&shown(&host, number_of).unwrap_or_default()) >= calls);
    let took = start.elapsed();
    check(own, || format!("{:?}", shown(&host, number_of)))?;
    if host.list()?.iter().any(|one| one["call_id"] == fresh.as_str() && one["state"] == "acknowledged") {
        host.release("call", &fresh, CAUSE, TEXT)?.map_err(|fault| fault.text)?;
    }
    answering.join().map_err(|_| "the fresh call panicked")??;
    host.outcome(&fresh, PROMPT)?;
    let one = over(&host, number_of, PROMPT)?;
    let more = number(&one, "started") - calls;
    check(more <= 1, || format!("more than there are: {one}"))?;
    let all = calls + more;
    figures(&one, &[("matched", all), ("completed", all), ("gone", 0), ("failed", 0), ("refused", 0), ("dry", 0)])?;
    println!("mass: {calls} calls in {took:?}");
    check(took > expected * 9 / 10, || format!("faster than {rate} a second: {took:?}"))?;
    account_for(&host, "all", &call, &ids, Serves::Calling)?;
    check(host.list()?.is_empty(), || "calls are left in the list".to_owned())?;

    // After a restart the statistics are as before.
    for restarted in [false, true] {
        for (name, value) in [
            ("tracked", calls + 1),
            ("releases_started", calls + 1),
            ("releases_completed", calls + 1),
            ("releases_expired", 0),
            ("releases_pending", 0),
            ("legs_retried", 0),
            ("refused_messages", 0),
            ("store_failures", 0),
        ] {
            let told = host.statistic(name)?;
            check(told == value, || format!("restarted {restarted}: {name} is {told}, not {value}"))?;
        }
        if !restarted {
            host.restart()?;
        }
    }
    Ok(())
}

#[test]
fn a_job_is_cancelled_and_calls_are_forgotten() -> Trial {
    const CALLS: u32 = 60;
    let host = proxy(&[])?;
    let (call, ids) = calls_up(&host, "cancel", Script::new(&host, Serves::Calling)?, CALLS)?;
    let slow = job(&host, "all", "*", "rate=20")?;
    check(wait_until(PROMPT, || shown(&host, slow).is_ok_and(|one| number(&one, "started") >= 10)), || host.log())?;
    let told = host.call("ims_release.jobs", &["cancel", &slow.to_string()])?.map_err(|fault| fault.text)?;
    check(first(&told)["state"] == "cancelled", || format!("told {told}"))?;
    let one = over(&host, slow, PROMPT)?;
    let started = number(&one, "started");
    check((10..u64::from(CALLS)).contains(&started), || format!("{one}"))?;
    figures(&one, &[("completed", started)])?;
    std::thread::sleep(Duration::from_millis(500));
    let released = reached(&call);
    check(released.len() as u64 == started, || format!("{} of {started} were released", released.len()))?;
    account_for(&host, "cancelled", &call, &released, Serves::Calling)?;

    let left: Vec<&String> = ids.difference(&released).collect();
    check(host.list()?.len() == left.len(), || "the list has another length".to_owned())?;
    let (good, said) = host.command(&["ims_release.forget", "call", &format!("s:{}", left[0])])?;
    check(good && said.contains("dropped: 1"), || format!("kamcmd says: {said}"))?;
    check(!host.holds(left[0])?, || "not forgotten".to_owned())?;
    let fault = host.call("ims_release.forget", &["call", left[0]])?.err().ok_or("forgotten twice")?;
    check(fault.code == 300, || format!("{fault:?}"))?;
    let fault = host.call("ims_release.forget", &["all", "*"])?.err().ok_or("all is forgotten")?;
    check(fault.code == 306, || format!("{fault:?}"))?;

    // The rest, as kamcmd sends an empty word.
    let (good, said) = host.command(&["ims_release.release", "all", "", CAUSE, TEXT, "rate=200"])?;
    check(good && said.contains("job: "), || format!("kamcmd says: {said}"))?;
    let rest: HashSet<String> = left[1..].iter().map(|id| (*id).clone()).collect();
    let gone = wait_until(PROMPT, || reached(&call).len() == rest.len() + released.len());
    check(gone, || "not all were released".to_owned())?;
    check(wait_until(PROMPT, || host.list().is_ok_and(|list| list.is_empty())), || "some are left".to_owned())?;
    account_for(&host, "the rest", &call, &rest, Serves::Calling)?;
    check(!reached(&call).contains(left[0]), || "what was forgotten was released".to_owned())?;
    Ok(())
}

/// The whole group, in the middle of a job: it goes on after the start, and each call is released once.
#[test]
fn a_job_goes_on_after_a_kill() -> Trial {
    let calls: u32 = if soak() { 1_000 } else { 120 };
    let mut host = proxy(&[])?;
    let mut script = Script::new(&host, Serves::Calling)?;
    // Whose answer the kill has swallowed gets another BYE. The called user takes its time, so that there are some.
    for (user, answer) in [(&mut script.calling, Answer::Code(200)), (&mut script.called, Answer::Late(300))] {
        user.steps = vec![Step::Bye(answer), Step::Bye(Answer::Code(481))];
    }
    let (call, ids) = calls_up(&host, "kill", script, calls)?;
    let number_of = job(&host, "all", "*", "rate=50")?;
    let half = || shown(&host, number_of).is_ok_and(|one| number(&one, "started") >= u64::from(calls) / 3);
    check(wait_until(PROMPT + Duration::from_secs(u64::from(calls) / 50), half), || host.log())?;
    host.kill();
    let before = reached(&call).len();
    check(before < calls as usize, || "killed too late".to_owned())?;
    host.start()?;
    let state = shown(&host, number_of)?;
    check(state["state"] == "running", || format!("after the start: {state}"))?;
    let limit = PROMPT + Duration::from_secs(u64::from(calls) / 50);
    let done =
        || shown(&host, number_of).is_ok_and(|one| ended(&one) == u64::from(calls) && one["state"] == "finished");
    check(wait_until(limit, done), || format!("{:?}", shown(&host, number_of)))?;
    let one = shown(&host, number_of)?;
    let counts = |name: &str| number(&one, name);
    // A page of the job may be met again.
    let all = u64::from(calls);
    check((all..=all + 16).contains(&counts("matched")), || one.to_string())?;
    check((all - 16..=all).contains(&counts("started")), || one.to_string())?;
    check(counts("completed") + counts("gone") == all, || one.to_string())?;

    let unconfirmed = number(&host.stats()?, "unconfirmed");
    let mut seen = Seen::of(&host, &call);
    let mut again = 0;
    let mut silent = 0;
    for call_id in &ids {
        let judge: Judge<'_> = seen.judge(&host, call_id);
        for leg in [Leg::Called, Leg::Calling] {
            let branches: HashSet<String> = judge.evidence().byes(leg).iter().map(|bye| bye.branch()).collect();
            check((1..=2).contains(&branches.len()), || format!("{call_id}, {leg}: {} BYEs", branches.len()))?;
            again += branches.len() - 1;
        }
        let told = host.lines_of("done", call_id).len();
        check(told <= 1, || format!("{call_id} was told {told} times"))?;
        silent += 1 - told;
    }
    println!("mass: {before} of {calls} before the kill, {again} BYEs again, {silent} ends not heard");
    // There the event may be lost between the end and the worker that it goes to.
    let lost = opensips_can_not("run an event route in the process that tells the end")?;
    check(silent as u64 == unconfirmed || lost && silent as u64 > unconfirmed, || {
        format!("{silent} ends were not heard, {unconfirmed} are unconfirmed")
    })?;
    let told = host.log().matches(" unconfirmed: call_id=").count() as u64;
    check(told == unconfirmed, || format!("{told} lines tell of {unconfirmed} unconfirmed"))?;
    // What is under way in one moment, at this rate.
    check((1..=60).contains(&again), || format!("{again} BYEs were sent again"))?;
    check(host.list()?.is_empty(), || "calls are left in the list".to_owned())?;
    Ok(())
}

/// What has become of each call of a job, by Call-ID, and in how many pages it is told.
fn items(host: &dyn Host, job: u64) -> Result<(HashMap<String, Value>, usize)> {
    let (mut all, mut cursor, mut pages) = (HashMap::new(), "0".to_owned(), 0);
    while pages == 0 || cursor != "0" {
        let page = host.call("ims_release.jobs", &["items", &job.to_string(), &cursor])?;
        let page = page.map_err(|fault| format!("page {pages}: {fault:?}"))?;
        let entries = page.as_array().ok_or_else(|| page.to_string())?;
        let (last, items) = entries.split_last().ok_or("an empty page")?;
        for item in items {
            let call_id = item["call_id"].as_str().unwrap_or_default().to_owned();
            check(all.insert(call_id, item.clone()).is_none(), || format!("twice: {item}"))?;
        }
        cursor = last["next"].as_str().map_or_else(|| last["next"].to_string(), str::to_owned);
        pages += 1;
    }
    Ok((all, pages))
}

#[test]
fn what_has_become_of_each_call_is_told() -> Trial {
    const CALLS: u32 = 60;
    let host = proxy(&[])?;
    let (call, ids) = calls_up(&host, "items", Script::new(&host, Serves::Calling)?, CALLS)?;
    let silent = Pair::new(&host, Serves::Calling, "")?;
    let exempt = Pair::with_headers(&host, Serves::Calling, &["X-Exempt: yes"])?;
    let dry = job(&host, "all", "*", "dry")?;
    over(&host, dry, PROMPT)?;
    let (counted, pages) = items(&host, dry)?;
    let stage = |all: &HashMap<String, Value>, call_id: &str| {
        all.get(call_id).map_or_else(String::new, |item| item["stage"].as_str().unwrap_or_default().to_owned())
    };
    check(counted.len() == CALLS as usize + 2 && pages > 1, || format!("{} in {pages} pages", counted.len()))?;
    check(ids.iter().all(|id| stage(&counted, id) == "not-started"), || format!("{counted:?}"))?;
    check(stage(&counted, &exempt.call_id) == "exempt", || format!("{counted:?}"))?;

    let number_of = job(&host, "all", "*", "")?;
    let told = || items(&host, number_of).map(|(all, _)| all).unwrap_or_default();
    let at_end = |all: &HashMap<String, Value>| {
        let waits = all.get(&silent.call_id).is_some_and(|item| item["called_leg"] == "waiting");
        waits && ids.iter().all(|id| stage(all, id) == "released")
    };
    check(wait_until(PROMPT, || at_end(&told())), || format!("{:?}", told()))?;
    let all = told();
    let good = |item: &Value| {
        item["outcome"] == "completed" && number(item, "called_code") == 200 && number(item, "calling_code") == 200
    };
    check(ids.iter().all(|id| good(&all[id])), || format!("{all:?}"))?;
    check(stage(&all, &silent.call_id) == "releasing", || format!("{:?}", all.get(&silent.call_id)))?;
    check(stage(&all, &exempt.call_id) == "exempt", || format!("{:?}", all.get(&exempt.call_id)))?;
    let list = host.list()?;
    let listed = |call_id: &str| list.iter().find(|one| one["call_id"] == *call_id).cloned().unwrap_or_default();
    check(listed(&exempt.call_id)["exempt"] == 1, || format!("{list:?}"))?;
    let releasing = listed(&silent.call_id);
    check(releasing["by"] == "job" && releasing["job"] == number_of, || format!("{releasing}"))?;
    account_for(&host, "told one by one", &call, &ids, Serves::Calling)?;

    let fault = host.call("ims_release.jobs", &["items", "8", "5"])?.err().ok_or("there are items of any job")?;
    check(fault.code == 300 && fault.text.contains("no job 8"), || format!("{fault:?}"))?;
    Ok(())
}

/// One by one, in the log and on request.
#[test]
fn what_a_job_cannot_release_is_told_by_its_call() -> Trial {
    let host = proxy(&["PARAMETER=\"own\"", "VALUE=\"elsewhere.invalid\""])?;
    let pairs = [Pair::new(&host, Serves::Calling, "")?, Pair::new(&host, Serves::Calling, "")?];
    let job = job(&host, "all", "*", "")?;
    figures(&over(&host, job, PROMPT)?, &[("matched", 2), ("started", 0), ("refused", 2)])?;
    let (all, _) = items(&host, job)?;
    let log = host.log();
    for pair in &pairs {
        let item = all.get(&pair.call_id).ok_or_else(|| format!("{all:?}"))?;
        check(item["stage"] == "refused" && number(item, "code") == 110, || item.to_string())?;
        let begin = format!(
            "release {} refused: call_id={} by=job job={job} ",
            item["id"].as_str().unwrap_or(""),
            pair.call_id
        );
        let lines = log.lines().filter(|line| line.contains(&begin) && line.contains("status=110")).count();
        check(lines == 1, || format!("{begin}: {lines} lines\n{log}"))?;
    }
    Ok(())
}

#[test]
fn the_calls_of_a_user_and_of_a_contact() -> Trial {
    const CALLS: u32 = 20;
    let host = proxy(&[])?;
    let (of_alice, alices) = calls_up(&host, "alice", Script::new(&host, Serves::Calling)?, CALLS)?;
    let (of_bob, bobs) = calls_up(&host, "bob", Script::new(&host, Serves::Called)?, CALLS)?;
    let count = u64::from(CALLS);

    let nobody = job(&host, "user", "sip:carol@home1.net", "")?;
    figures(&over(&host, nobody, PROMPT)?, &[("matched", 0), ("started", 0)])?;
    // Bob is in all calls, and served in these.
    let (good, said) = host.command(&["ims_release.release", "user", "sip:bob@home1.net", CAUSE, TEXT])?;
    check(good && said.contains("job: 2"), || format!("kamcmd says: {said}"))?;
    let one = over(&host, 2, PROMPT)?;
    check(one["selector"] == "user" && one["value"] == "sip:bob@home1.net", || one.to_string())?;
    figures(&one, &[("matched", count), ("completed", count)])?;
    account_for(&host, "of a user", &of_bob, &bobs, Serves::Called)?;
    check(reached(&of_alice).is_empty(), || "Alice's calls are released".to_owned())?;

    let contact = live::message::uri_of(&of_alice.script.calling.contact).to_owned();
    let of_contact = job(&host, "contact", &contact, "")?;
    figures(&over(&host, of_contact, PROMPT)?, &[("matched", count), ("completed", count)])?;
    account_for(&host, "of a contact", &of_alice, &alices, Serves::Calling)?;
    Ok(())
}

/// Emergency calls go on; each user is known by what the network has asserted, and so is each session.
#[test]
fn a_session_a_user_and_what_is_exempt() -> Trial {
    let mut host = proxy(&[])?;
    let pair = |icid: &str, user: &str, exempt: &str| {
        let lines = [
            format!("P-Charging-Vector: icid-value={icid};icid-generated-at=192.0.2.1"),
            format!("P-Asserted-Identity: <{user}>, <tel:+1-212-555-1111>"),
            format!("X-Exempt: {exempt}"),
        ];
        Pair::with_headers(&host, Serves::Calling, &[&lines[0], &lines[1], &lines[2]])
    };
    let (carol, dave) = ("sip:carol@home1.net", "sip:dave@home1.net");
    let mut session = [pair("\"one\"", carol, "no")?, pair("one", dave, "no")?];
    let mut of_carol = pair("two", carol, "no")?;
    let mut emergency = pair("one", carol, "yes")?;
    // The store keeps all of it.
    host.restart()?;

    let dry = over(&host, job(&host, "all", "*", "dry")?, PROMPT)?;
    figures(&dry, &[("matched", 4), ("exempt", 1), ("started", 0)])?;
    let one = job(&host, "session", "one", "")?;
    for pair in &mut session {
        pair.answer_byes(PROMPT)?;
        let evidence = host.wire();
        let byes = evidence.iter().filter(|one| one.message.is("BYE") && one.message.call_id() == pair.call_id);
        let lines: HashSet<String> = byes.map(|bye| bye.message.header("P-Charging-Vector")).collect();
        let good = lines.len() == 1 && lines.iter().all(|line| line.trim_matches('"').contains("icid-value="));
        check(good, || format!("{lines:?}"))?;
        let done = host.outcome(&pair.call_id, PROMPT)?;
        let told = (done.get("by"), done.get("job"));
        check(told == ("job", one.to_string().as_str()), || format!("{done:?}"))?;
    }
    figures(&over(&host, one, PROMPT)?, &[("matched", 3), ("exempt", 1), ("completed", 2)])?;
    let told = shown(&host, one)?;
    check(told["by"] == "rpc" && told["selector"] == "session", || told.to_string())?;

    // By the number, and not by what the user agent has written into From.
    figures(&over(&host, job(&host, "user", "sip:alice@home1.net", "")?, PROMPT)?, &[("matched", 0)])?;
    let of_user = job(&host, "user", "tel:+12125551111", "")?;
    of_carol.answer_byes(PROMPT)?;
    figures(&over(&host, of_user, PROMPT)?, &[("matched", 2), ("exempt", 1), ("completed", 1)])?;

    // As itself, by who asks for it.
    let shows = host.show("call", &emergency.call_id)?.map_err(|fault| fault.text)?.to_string();
    for part in ["\"exempt\":1", "\"icid\":\"one\"", "sip:carol@home1.net tel:+1-212-555-1111"] {
        check(shows.contains(part), || format!("no {part} in {shows}"))?;
    }
    host.release("call", &emergency.call_id, CAUSE, TEXT)?.map_err(|fault| fault.text)?;
    emergency.answer_byes(PROMPT)?;
    let done = host.outcome(&emergency.call_id, PROMPT)?;
    check((done.get("by"), done.get("job"), done.get("text")) == ("rpc", "0", TEXT), || format!("{done:?}"))?;
    let log = host.log();
    let line = log.lines().find(|line| line.contains(" ended: ") && line.contains(&emergency.call_id));
    let line = line.ok_or_else(|| format!("no line in the log\n{log}"))?;
    let parts = ["by=rpc job=0 cause=402 outcome=completed called=200/1/", "text=\"Credit is gone\""];
    check(parts.iter().all(|part| line.contains(part)), || line.to_owned())?;
    // What the network calls the users stands nowhere in the log.
    let ours = |line: &&str| line.contains("ims_release") && !line.contains("LIVE");
    check(!log.lines().filter(ours).any(|line| line.contains("carol")), || log.clone())?;
    Ok(())
}

#[test]
fn what_cannot_be_understood_is_refused() -> Trial {
    let host = proxy(&["PARAMETER=\"job_rate\"", "VALUE=50"])?;
    for (parameters, code, words) in [
        (&["all", "*", CAUSE, TEXT, "fast"][..], 3, "\"fast\""),
        (&["all", "*", CAUSE, TEXT, "dry,rate=0"], 3, "\"rate=0\""),
        (&["all", "*", CAUSE, TEXT, "rate=1,rate=2"], 3, "\"rate=2\""),
        (&["all", "*", CAUSE, TEXT, "rate=65536"], 3, "\"rate=65536\""),
        (&["all", "*", CAUSE, TEXT, "inflight=-1,dry"], 3, "\"inflight=-1\""),
        (&["all", "*", CAUSE, TEXT, "dry,,"], 3, "\"\""),
        (&["all", "everything"], 306, "\"everything\""),
        (&["user", ""], 306, "expected a URI"),
        (&["contact", ""], 306, "expected a URI"),
        (&["session", ""], 306, "expected an icid-value"),
        (&["session", "two words"], 306, "icid-value"),
        (&["users", "x"], 306, "user, contact or session"),
        (&["all"], 3, "expected"),
        (&["all", "*", CAUSE, "dry"], 3, "reads as options"),
        (&["all", "*", CAUSE, "rate=10,dry"], 3, "reads as options"),
        (&["all", "*", "99"], 115, ""),
        (&["all", "*", CAUSE, "two\r\nlines"], 116, ""),
        (&["call", "x", CAUSE, TEXT, "dry"], 3, "options are for all, user, contact and session"),
    ] {
        let fault = host.call("ims_release.release", parameters)?.err().ok_or(format!("{parameters:?} is taken"))?;
        let good = fault.code == code && fault.text.contains(words);
        check(good, || format!("{parameters:?}: {fault:?}, expected {code} and {words}"))?;
    }
    for (parameters, code) in
        [(&["cancel"][..], 3), (&["stop", "1"], 3), (&["cancel", "x"], 3), (&["cancel", "8"], 300)]
    {
        let fault = host.call("ims_release.jobs", parameters)?.err().ok_or(format!("{parameters:?} is taken"))?;
        // OpenSIPS itself refuses a parameter of another name.
        check([code, -32602].contains(&fault.code), || format!("{parameters:?}: {fault:?}"))?;
    }
    // What stands behind the last parameter may say that only counting was meant.
    if !opensips_can_not("be given more parameters than a command has: they have names there")? {
        for (method, parameters) in [
            ("ims_release.release", &["all", "*", CAUSE, TEXT, "rate=10", "dry"][..]),
            ("ims_release.list", &["0", "dry"]),
            ("ims_release.show", &["call", "x", "dry"]),
            ("ims_release.stats", &["dry"]),
            ("ims_release.jobs", &["cancel", "1", "dry"]),
        ] {
            let fault = host.call(method, parameters)?.err().ok_or(format!("{method} {parameters:?} is taken"))?;
            check(fault.code == 3, || format!("{method} {parameters:?}: {fault:?}"))?;
        }
    }
    let told = host.call("ims_release.jobs", &[])?.map_err(|fault| fault.text)?;
    check(told.as_array().is_none_or(Vec::is_empty), || format!("there are jobs: {told}"))?;
    // The parameters count where nothing else is said, and none goes faster than the timer sends.
    for (options, rate, in_flight) in [("dry", 50, 500), ("inflight=7,dry,rate=30", 30, 7), ("dry,rate=9999", 200, 500)]
    {
        let told = ask(&host, "all", "*", options)?;
        figures(&told, &[("rate", rate), ("inflight", in_flight), ("dry", 1)])?;
    }
    Ok(())
}
