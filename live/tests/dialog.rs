// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a call goes through before its release shows in the BYEs: new targets, CSeq numbers of both directions, both
//! users on one proxy. And what ends by itself is forgotten.

use std::time::Duration;

use live::call::Serves;
use live::evidence::Leg;
use live::host::{Host, Result};
use live::peer::{Peer, reply};
use live::process::wait_until;
use live::scenario::{Answer, Script, Step, User};
use live::trial::{CAUSE, PROMPT, TEXT, Trial, all_good, call, check, proxy, release_to_the_end, released_by_rpc};
use live::verdict::{self, Judge};

const ROLES: [Serves; 3] = [Serves::Calling, Serves::Called, Serves::Neither];

/// A Contact of the same user elsewhere: SIPp stays where it is, the URI is another.
fn moved(user: &User, how: &str) -> Option<String> {
    Some(format!("\"Moved, <{how}>\" <sip:{how}@{};moved={how}>;expires=60", user.address))
}

fn released(host: &dyn Host, name: &str, serves: Serves, script: Script) -> Result<[u64; 2]> {
    let (call, call_id) = call(host, &format!("{name}-{}", serves.word()), script)?;
    released_by_rpc(host, &call, &call_id, serves)?;
    let number = |byes: Vec<live::message::Message>| byes.first().map_or(0, |bye| bye.cseq().0);
    Ok([number(call.byes_to_called()), number(call.byes_to_calling())])
}

#[test]
fn re_invite_of_the_calling_user_and_update_of_the_called_one() -> Trial {
    let host = proxy(&[])?;
    for serves in ROLES {
        let mut script = Script::new(&host, serves)?;
        let (calling, called) = (&script.calling, &script.called);
        let calling_steps = vec![
            Step::Send { method: "INVITE", cseq: 102, contact: moved(calling, "one"), header: None },
            Step::Take { method: "UPDATE", contact: moved(calling, "two") },
            Step::Bye(Answer::Code(200)),
        ];
        let called_steps = vec![
            Step::Take { method: "INVITE", contact: moved(called, "three") },
            Step::Send { method: "UPDATE", cseq: 50, contact: moved(called, "four"), header: None },
            Step::Bye(Answer::Code(200)),
        ];
        (script.calling.steps, script.called.steps) = (calling_steps, called_steps);
        let numbers = released(&host, "moved", serves, script)?;
        check(numbers == [103, 51], || format!("CSeq numbers of the BYEs: {numbers:?}"))?;
    }
    Ok(())
}

#[test]
fn re_invite_of_the_called_user_and_update_of_the_calling_one() -> Trial {
    let host = proxy(&[])?;
    for serves in ROLES {
        let mut script = Script::new(&host, serves)?;
        let (calling, called) = (&script.calling, &script.called);
        let called_steps = vec![
            Step::Send { method: "INVITE", cseq: 900, contact: moved(called, "one"), header: None },
            Step::Take { method: "UPDATE", contact: moved(called, "two") },
            Step::Bye(Answer::Code(200)),
        ];
        let calling_steps = vec![
            Step::Take { method: "INVITE", contact: moved(calling, "three") },
            Step::Send { method: "UPDATE", cseq: 140, contact: moved(calling, "four"), header: None },
            Step::Bye(Answer::Code(200)),
        ];
        (script.calling.steps, script.called.steps) = (calling_steps, called_steps);
        let numbers = released(&host, "moved", serves, script)?;
        check(numbers == [141, 901], || format!("CSeq numbers of the BYEs: {numbers:?}"))?;
    }
    Ok(())
}

/// What was refused moves nobody, but its CSeq was used.
#[test]
fn a_refused_re_invite_and_update_leave_the_targets() -> Trial {
    let host = proxy(&[])?;
    for serves in ROLES {
        let mut script = Script::new(&host, serves)?;
        let (calling, called) = (&script.calling, &script.called);
        let calling_steps = vec![
            Step::SendInVain { method: "INVITE", cseq: 102, contact: moved(calling, "one"), code: 488 },
            Step::Refuse { method: "UPDATE", code: 488 },
            Step::Bye(Answer::Code(200)),
        ];
        let called_steps = vec![
            Step::Refuse { method: "INVITE", code: 488 },
            Step::SendInVain { method: "UPDATE", cseq: 50, contact: moved(called, "two"), code: 488 },
            Step::Bye(Answer::Code(200)),
        ];
        (script.calling.steps, script.called.steps) = (calling_steps, called_steps);
        let numbers = released(&host, "stayed", serves, script)?;
        check(numbers == [103, 51], || format!("CSeq numbers of the BYEs: {numbers:?}"))?;
    }
    Ok(())
}

/// A user's BYE that the other refuses ends nothing: the call goes on and can be released.
#[test]
fn a_refused_bye_ends_no_call() -> Trial {
    let host = proxy(&[])?;
    let mut script = Script::new(&host, Serves::Calling)?;
    script.calling.steps =
        vec![Step::SendInVain { method: "BYE", cseq: 110, contact: None, code: 403 }, Step::Bye(Answer::Code(200))];
    script.called.steps = vec![Step::Refuse { method: "BYE", code: 403 }, Step::Bye(Answer::Code(200))];
    let (call, call_id) = call(&host, "refused", script)?;
    let refused = || call.calling.received().iter().any(|one| one.answers("BYE", 403));
    check(wait_until(PROMPT, refused), || format!("the BYE was not refused\n{}", call.transcript()))?;
    let state = || {
        let list = host.list().unwrap_or_default();
        list.first().and_then(|entry| entry.get("state")?.as_str()).unwrap_or_default().to_owned()
    };
    check(wait_until(PROMPT, || state() == "acknowledged"), || format!("the call is {:?}", state()))?;
    let done = release_to_the_end(&host, &call_id)?;
    check(done.get("outcome") == "completed", || format!("{done:?}"))?;
    let number = call.byes_to_called().last().map(|bye| bye.cseq().0);
    Ok(check(number == Some(111), || format!("CSeq of the BYE for the called user: {number:?}"))?)
}

/// A call that never came about leaves the list with the refusal.
#[test]
fn a_refused_call_is_forgotten() -> Trial {
    let host = proxy(&[])?;
    let (mut calling, mut called) = (Peer::new()?, Peer::new()?);
    let (proxy, here, there) = (host.address(), calling.address(), called.address());
    let invite = format!(
        "INVITE sip:bob@{there} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKbusy\r\n\
         Route: <sip:{proxy};lr;role=term>\r\nFrom: <sip:alice@home1.net>;tag=a\r\nTo: <sip:bob@home1.net>\r\n\
         Call-ID: busy@{here}\r\nCSeq: 1 INVITE\r\nContact: <sip:alice@{here}>\r\nMax-Forwards: 70\r\n\
         Content-Length: 0\r\n\r\n"
    );
    calling.send(proxy, invite.as_bytes())?;
    let received = called.await_message(PROMPT, |one| one.is("INVITE"))?;
    let to = Some("<sip:bob@home1.net>;tag=b");
    called.send(proxy, &reply(&received, 180, to, &[format!("Contact: <sip:bob@{there}>")]))?;
    calling.await_message(PROMPT, |one| one.answers("INVITE", 180))?;
    check(host.list()?.len() == 1, || format!("the list is {:?}", host.list()))?;
    called.send(proxy, &reply(&received, 486, to, &[]))?;
    calling.await_message(PROMPT, |one| one.answers("INVITE", 486))?;
    let gone = wait_until(Duration::from_secs(1), || host.list().is_ok_and(|list| list.is_empty()));
    Ok(check(gone, || format!("the list is {:?}\n{}", host.list(), host.log()))?)
}

/// Requests that refresh no target count for CSeq all the same.
#[test]
fn a_called_user_that_sent_a_request_has_its_next_number() -> Trial {
    let host = proxy(&[])?;
    for serves in ROLES {
        let mut script = Script::new(&host, serves)?;
        let send = |cseq| Step::Send { method: "INFO", cseq, contact: None, header: None };
        let take = || Step::Take { method: "INFO", contact: None };
        script.called.steps = vec![send(7), take(), send(9), Step::Bye(Answer::Code(200))];
        script.calling.steps = vec![take(), send(102), take(), Step::Bye(Answer::Code(200))];
        let numbers = released(&host, "spoken", serves, script)?;
        check(numbers == [103, 10], || format!("CSeq numbers of the BYEs: {numbers:?}"))?;
    }
    Ok(())
}

#[test]
fn a_called_user_that_sent_no_request_has_a_random_number() -> Trial {
    let host = proxy(&[])?;
    let mut drawn = Vec::new();
    for serves in ROLES {
        let [called, calling] = released(&host, "silent", serves, Script::new(&host, serves)?)?;
        check(called == 102, || format!("CSeq of the BYE for the called user: {called}"))?;
        check((1..1 << 31).contains(&calling), || format!("random CSeq {calling}"))?;
        check(!drawn.contains(&calling), || format!("drawn twice: {calling}"))?;
        drawn.push(calling);
    }
    Ok(())
}

/// The call passes through the proxy twice: one dialog, released as that of the calling user. The looped BYE passes
/// through both halves, the other through none.
#[test]
fn both_users_on_one_proxy() -> Trial {
    let host = proxy(&[])?;
    let mut script = Script::new(&host, Serves::Calling)?;
    script.route = format!("<sip:{};lr;role=orig;twice=yes>", host.address());
    script.passes = 2;
    let (call, call_id) = call(&host, "both", script)?;
    let list = host.list()?;
    let shown: Vec<&str> = list.iter().filter_map(|entry| entry.get("serves")?.as_str()).collect();
    check(shown == ["calling,called"], || format!("the list shows {list:?}"))?;
    release_to_the_end(&host, &call_id)?;
    let mut judge = Judge::new(&host, &call, &call_id);
    let reason = verdict::reason(CAUSE, TEXT);
    judge.order();
    judge.bye(Leg::Called, 2, &reason);
    judge.bye(Leg::Calling, 0, &reason);
    judge.delivery(Leg::Called, 2);
    judge.delivery(Leg::Calling, 0);
    judge.both_answered();
    // What the proxy makes itself has one Via; a further pair, made by the other half, would show here.
    let mut made: Vec<String> = judge
        .wire()
        .iter()
        .filter(|packet| packet.sent && packet.message.is("BYE") && packet.message.headers("Via").len() == 1)
        .map(|packet| packet.message.branch())
        .collect();
    made.dedup();
    judge.same("BYEs that the proxy made", &made.len(), &2);
    judge.ended("completed", CAUSE, "200", "200");
    Ok(all_good(&host, &call, &call_id, &judge.verdicts)?)
}

/// The dialog leaves the list with the 2xx of the user's own BYE, and not before.
fn hang_up(caller_hangs_up: bool) -> Trial {
    let host = proxy(&[])?;
    let mut script = Script::new(&host, Serves::Calling)?;
    let (first, second) = if caller_hangs_up {
        (&mut script.calling, &mut script.called)
    } else {
        (&mut script.called, &mut script.calling)
    };
    first.steps = vec![Step::Pause(400), Step::HangUp { cseq: 150 }];
    second.steps = vec![Step::Bye(Answer::Late(900))];
    let (call, call_id) = call(&host, "hang-up", script)?;
    let state = |call_id: &str| -> Option<String> {
        let list = host.list().ok()?;
        let entry = list.iter().find(|entry| entry.get("call_id").and_then(|id| id.as_str()) == Some(call_id))?;
        entry.get("state")?.as_str().map(str::to_owned)
    };
    let before = state(&call_id);
    check(before.as_deref() == Some("acknowledged"), || format!("the call is {before:?}"))?;
    let ending = wait_until(PROMPT, || state(&call_id).as_deref() == Some("ending"));
    check(ending, || format!("never ending\n{}", host.log()))?;
    let answered = || {
        let (calling, called) = (call.calling.received(), call.called.received());
        calling.iter().chain(&called).any(|one| one.answers("BYE", 200))
    };
    check(state(&call_id).is_some() || answered(), || "forgotten before the BYE was answered".to_owned())?;
    check(wait_until(PROMPT, answered), || format!("no answer to the BYE\n{}", call.transcript()))?;
    let gone = wait_until(Duration::from_secs(1), || host.holds(&call_id) == Ok(false));
    check(gone, || format!("still in the list\n{}", host.log()))?;
    let fault = host.release("call", &call_id, CAUSE, TEXT)?.err().ok_or("a call that has ended was released")?;
    check(fault.code == 300, || format!("the refusal is {} {}", fault.code, fault.text))?;
    let stats = host.stats()?;
    let ended = stats.get("ended_by_user").map(|count| count.to_string().trim_matches('"').to_owned());
    check(ended.as_deref() == Some("1"), || format!("the figures are {stats}"))?;
    let byes = call.byes_to_called().len() + call.byes_to_calling().len();
    check(byes >= 1 && host.lines_of("done", &call_id).is_empty(), || "a release was reported".to_owned())?;
    Ok(())
}

#[test]
fn a_call_that_the_calling_user_ends_is_forgotten() -> Trial {
    hang_up(true)
}

#[test]
fn a_call_that_the_called_user_ends_is_forgotten() -> Trial {
    hang_up(false)
}
