// SPDX-License-Identifier: MIT OR Apache-2.0
//! The whole way of an ordinary release: each user served and neither, asked for by RPC, at the prompt, and by the
//! script, before and after it has sent the request on that made it ask.

use live::call::{Call, Serves};
use live::host::Host;
use live::scenario::{Answer, Script, Step};
use live::trial::{CAUSE, PROMPT, TEXT, Trial, all_good, call, proxy, release, released_by_rpc, was_released};
use live::verdict;

/// Who sends the INFO that makes the script release the call.
#[derive(Clone, Copy, PartialEq)]
enum Asks {
    Calling,
    Called,
}

fn by_rpc(serves: Serves) -> Trial {
    let host = proxy(&[])?;
    let (call, call_id) = call(&host, "rpc", Script::new(&host, serves)?)?;
    Ok(released_by_rpc(&host, &call, &call_id, serves)?)
}

/// The script sends the INFO on and then releases: the other user has it before the BYE, and its CSeq counts.
fn by_script_after(serves: Serves, asks: Asks) -> Trial {
    let host = proxy(&[])?;
    let mut script = Script::new(&host, serves)?;
    let ask = Step::AskForRelease { cseq: script.cseq + 1, header: "X-Release: after" };
    let (asking, other) = match asks {
        Asks::Calling => (&mut script.calling, &mut script.called),
        Asks::Called => (&mut script.called, &mut script.calling),
    };
    asking.steps.insert(0, ask);
    // Different workers of the proxy may send the INFO and a BYE: either comes first.
    other.steps = vec![Step::TakeBesideBye { method: "INFO" }];
    asked_by_script(&host, script, serves, CAUSE, TEXT)
}

/// The script releases and then sends the INFO on: its CSeq counts all the same, for the user has used it.
fn by_script_before(serves: Serves) -> Trial {
    let host = proxy(&[])?;
    let mut script = Script::new(&host, serves)?;
    let ask = Step::AskForRelease { cseq: script.cseq + 1, header: "X-Release: before" };
    script.calling.steps.insert(0, ask);
    script.called.steps = vec![Step::TakeBesideBye { method: "INFO" }];
    asked_by_script(&host, script, serves, "503", "Before relay")
}

fn asked_by_script(host: &dyn Host, script: Script, serves: Serves, cause: &str, text: &str) -> Trial {
    let (call, call_id) = call(host, "script", script)?;
    host.outcome(&call_id, PROMPT).map_err(|error| format!("{error}\n{}\n{}", call.transcript(), host.log()))?;
    was_released(host, &call, &call_id, serves, (cause, text))?;
    Ok(one_pair(host, &call, &call_id)?)
}

/// No more BYEs at the proxy than one for each user.
fn one_pair(host: &dyn Host, call: &Call, call_id: &str) -> live::host::Result<()> {
    let users = [call.script.calling.address, call.script.called.address];
    let sent = host.wire().into_iter().filter(|packet| packet.sent && packet.message.is("BYE"));
    let sent = sent.filter(|packet| packet.message.call_id() == call_id && users.contains(&packet.destination)).count();
    live::trial::check(sent == 2, || format!("{sent} BYEs were sent to the users"))
}

#[test]
fn serving_the_calling_user_by_rpc() -> Trial {
    by_rpc(Serves::Calling)
}

#[test]
fn serving_the_called_user_by_rpc() -> Trial {
    by_rpc(Serves::Called)
}

#[test]
fn serving_neither_by_rpc() -> Trial {
    by_rpc(Serves::Neither)
}

#[test]
fn serving_the_calling_user_by_script_after_the_request() -> Trial {
    by_script_after(Serves::Calling, Asks::Calling)
}

#[test]
fn serving_the_called_user_by_script_after_the_request() -> Trial {
    by_script_after(Serves::Called, Asks::Calling)
}

#[test]
fn serving_neither_by_script_after_the_request() -> Trial {
    by_script_after(Serves::Neither, Asks::Calling)
}

#[test]
fn by_script_on_a_request_of_the_called_user() -> Trial {
    by_script_after(Serves::Calling, Asks::Called)?;
    by_script_after(Serves::Called, Asks::Called)
}

#[test]
fn serving_the_calling_user_by_script_before_the_request() -> Trial {
    by_script_before(Serves::Calling)
}

#[test]
fn serving_the_called_user_by_script_before_the_request() -> Trial {
    by_script_before(Serves::Called)
}

#[test]
fn serving_neither_by_script_before_the_request() -> Trial {
    by_script_before(Serves::Neither)
}

#[test]
fn by_an_operator_at_the_prompt() -> Trial {
    let host = proxy(&[])?;
    let (call, call_id) = call(&host, "prompt", Script::new(&host, Serves::Calling)?)?;
    let (good, text) = host.command(&["ims_release.release", "call", &call_id, CAUSE, TEXT])?;
    if !good || !text.contains("releasing") {
        return Err(format!("kamcmd says: {text}").into());
    }
    host.outcome(&call_id, PROMPT)?;
    Ok(was_released(&host, &call, &call_id, Serves::Calling, (CAUSE, TEXT))?)
}

/// Without a cause and a text the configured ones are told to the users.
#[test]
fn with_the_default_cause() -> Trial {
    let host = proxy(&[])?;
    let (call, call_id) = call(&host, "default", Script::new(&host, Serves::Called)?)?;
    host.call("ims_release.release", &["call", &call_id])?.map_err(|fault| fault.text)?;
    let done = host.outcome(&call_id, PROMPT)?;
    call.both_byes(PROMPT);
    let reasons: Vec<String> = [call.byes_to_called(), call.byes_to_calling()]
        .iter()
        .flatten()
        .flat_map(|bye| bye.headers("Reason"))
        .collect();
    let start = format!("SIP;cause={}", done.get("cause"));
    let good = reasons.len() == 2 && reasons.iter().all(|reason| reason.starts_with(&start));
    live::trial::check(good, || format!("Reason {reasons:?}, reported {}", done.get("cause")))?;
    let known = done.get("cause").parse::<u16>().is_ok_and(|cause| (100..700).contains(&cause));
    Ok(live::trial::check(known, || format!("the default cause is {}", done.get("cause")))?)
}

/// Calls that are released at the same time do not get into each other's way.
#[test]
fn several_calls_at_once() -> Trial {
    let host = proxy(&[])?;
    let all = [Serves::Calling, Serves::Called, Serves::Neither];
    let calls = all
        .iter()
        .map(|serves| call(&host, serves.word(), Script::new(&host, *serves)?))
        .collect::<Result<Vec<_>, _>>()?;
    for (_, call_id) in &calls {
        release(&host, call_id)?;
    }
    for ((call, call_id), serves) in calls.iter().zip(all) {
        host.outcome(call_id, PROMPT)?;
        was_released(&host, call, call_id, serves, (CAUSE, TEXT))?;
    }
    Ok(())
}

/// A user that takes a while, but answers before the time-outs, is no matter.
#[test]
fn late_answers_are_answers() -> Trial {
    let host = proxy(&[])?;
    let mut script = Script::new(&host, Serves::Calling)?;
    script.called.steps = vec![Step::Bye(Answer::Late(1200))];
    script.calling.steps = vec![Step::Bye(Answer::Late(1200))];
    let (call, call_id) = call(&host, "late", script)?;
    release(&host, &call_id)?;
    host.outcome(&call_id, PROMPT)?;
    let mut judge = verdict::Judge::new(&host, &call, &call_id);
    let reason = verdict::reason(CAUSE, TEXT);
    judge.repeated_bye(live::evidence::Leg::Called, 1, &reason);
    judge.repeated_bye(live::evidence::Leg::Calling, 0, &reason);
    judge.delivery(live::evidence::Leg::Called, 1);
    judge.delivery(live::evidence::Leg::Calling, 0);
    judge.ended("completed", CAUSE, "200", "200");
    Ok(all_good(&host, &call, &call_id, &judge.verdicts)?)
}
