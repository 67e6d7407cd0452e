// SPDX-License-Identifier: MIT OR Apache-2.0
//! The requests of users on a dialog under release are answered 481, and the release goes on; a BYE that waits for an
//! ACK goes out with it, and both wait for what comes of a user's own BYE that was there first.

use std::time::{Duration, Instant};

use live::call::Serves;
use live::evidence::Leg;
use live::host::{Host, Result};
use live::message::Message;
use live::pair::Pair;
use live::proxy::Proxy;
use live::trial::{CAUSE, PROMPT, TEXT, Trial, check, log_of, proxy, release, results};
use live::verdict::{passes, reason, wrong};

const ROLES: [Serves; 3] = [Serves::Calling, Serves::Called, Serves::Neither];

/// Both users answer the BYEs that they have, and all is as it must be.
fn answered(host: &Proxy, pair: &mut Pair, serves: Serves, byes: [&Message; 2]) -> Result<()> {
    pair.answer(Leg::Called, byes[0], 200, &[])?;
    pair.answer(Leg::Calling, byes[1], 200, &[])?;
    completed(host, pair, serves)
}

fn completed(host: &Proxy, pair: &Pair, serves: Serves) -> Result<()> {
    host.outcome(&pair.call_id, PROMPT)?;
    let mut judge = pair.judge(host);
    let (called, calling) = passes(serves);
    judge.bye(Leg::Called, called, &reason(CAUSE, TEXT));
    judge.bye(Leg::Calling, calling, &reason(CAUSE, TEXT));
    judge.delivery(Leg::Called, called);
    judge.delivery(Leg::Calling, calling);
    judge.reported("completed", CAUSE, "200", "200");
    judge.forgotten();
    wrong(&judge.verdicts).map_or(Ok(()), |wrong| Err(format!("{wrong}\n{}", log_of(host, &pair.call_id))))
}

/// Sends a request and has it refused, with the tag and all.
fn refused(host: &Proxy, pair: &mut Pair, leg: Leg, method: &str, number: u32) -> Result<Message> {
    pair.send(leg, method, number)?;
    let meant =
        |one: &Message| one.status().is_some_and(|code| code >= 200) && one.cseq() == (number.into(), method.into());
    let answer = pair
        .user(leg)
        .await_message(Duration::from_secs(2), meant)
        .map_err(|error| format!("{method}: {error}\n{}", log_of(host, &pair.call_id)))?;
    check(answer.status() == Some(481), || format!("{method}: {}", answer.start_line()))?;
    Ok(answer)
}

/// The requests that the script saw, but for the BYEs of the proxy itself.
fn in_the_script(host: &dyn Host, call_id: &str) -> Vec<String> {
    let lines = host.lines_of("request", call_id).into_iter().filter(|line| line.get("ours") != "1");
    lines.map(|line| line.get("method").to_owned()).collect()
}

#[test]
fn requests_of_the_users_are_refused() -> Trial {
    for serves in ROLES {
        let host = proxy(&[])?;
        let mut pair = Pair::new(&host, serves, "")?;
        release(&host, &pair.call_id)?;
        let (to_called, to_calling) = (pair.bye(Leg::Called, PROMPT)?, pair.bye(Leg::Calling, PROMPT)?);
        let sent = [
            (Leg::Calling, "UPDATE", 102),
            (Leg::Called, "UPDATE", 1),
            (Leg::Calling, "INFO", 103),
            (Leg::Called, "OPTIONS", 2),
            (Leg::Calling, "INVITE", 104),
            (Leg::Called, "INVITE", 3),
            (Leg::Calling, "BYE", 105),
            (Leg::Called, "BYE", 4),
        ];
        for (leg, method, number) in sent {
            let first = refused(&host, &mut pair, leg, method, number)?;
            let second = refused(&host, &mut pair, leg, method, number)?;
            check(first == second, || format!("{}\n{}", first.text(), second.text()))?;
            if method == "INVITE" {
                // Until it has its ACK the refusal is sent again: tm takes the ACK, and no user sees it.
                let ack = String::from_utf8_lossy(&pair.request(leg, "ACK", number)).replacen("-ACK-", "-INVITE-", 1);
                pair.user(leg).send(host.address(), ack.as_bytes())?;
            }
        }
        for leg in [Leg::Calling, Leg::Called] {
            let seen = pair.listen(leg, Duration::from_millis(700));
            let good = seen.iter().all(|one| one.is("BYE"));
            check(good, || format!("{leg} has {:?}", seen.iter().map(Message::start_line).collect::<Vec<_>>()))?;
        }
        let script = in_the_script(&host, &pair.call_id);
        check(script == ["INVITE", "ACK"], || format!("the script saw {script:?}"))?;
        // Those that are sent again before a user answers are the same.
        let stats = host.stats()?;
        let count = stats["refused_requests"].to_string().trim_matches('"').parse::<usize>().unwrap_or_default();
        check(count >= sent.len(), || format!("{count} requests are counted: {stats}"))?;
        pair.answer(Leg::Called, &to_called, 200, &[])?;
        pair.answer(Leg::Calling, &to_calling, 200, &[])?;
        host.outcome(&pair.call_id, PROMPT)?;
        let mut judge = pair.judge(&host);
        let (called, calling) = passes(serves);
        judge.repeated_bye(Leg::Called, called, &reason(CAUSE, TEXT));
        judge.repeated_bye(Leg::Calling, calling, &reason(CAUSE, TEXT));
        judge.reported("completed", CAUSE, "200", "200");
        judge.forgotten();
        wrong(&judge.verdicts).map_or(Ok(()), |wrong| Err(format!("{wrong}\n{}", log_of(&host, &pair.call_id))))?;
    }
    Ok(())
}

/// What came before the release goes its way, also when it is sent again.
#[test]
fn a_request_from_before_is_answered_by_the_user() -> Trial {
    let host = proxy(&[])?;
    let mut pair = Pair::new(&host, Serves::Calling, "")?;
    pair.send(Leg::Calling, "INFO", 102)?;
    let info = pair.user(Leg::Called).await_message(PROMPT, |one| one.is("INFO"))?;
    release(&host, &pair.call_id)?;
    let byes = [pair.bye(Leg::Called, PROMPT)?, pair.bye(Leg::Calling, PROMPT)?];
    pair.send(Leg::Calling, "INFO", 102)?;
    let seen = pair.listen(Leg::Calling, Duration::from_millis(300));
    check(!seen.iter().any(|one| one.status() == Some(481)), || format!("{seen:?}"))?;
    pair.answer(Leg::Called, &info, 200, &[])?;
    pair.user(Leg::Calling).await_message(PROMPT, |one| one.answers("INFO", 200))?;
    Ok(answered(&host, &mut pair, Serves::Calling, [&byes[0], &byes[1]])?)
}

/// After the end too, while the call is still known.
#[test]
fn what_comes_late_is_refused() -> Trial {
    let host = proxy(&[])?;
    let mut pair = Pair::new(&host, Serves::Called, "")?;
    release(&host, &pair.call_id)?;
    let byes = [pair.bye(Leg::Called, PROMPT)?, pair.bye(Leg::Calling, PROMPT)?];
    answered(&host, &mut pair, Serves::Called, [&byes[0], &byes[1]])?;
    refused(&host, &mut pair, Leg::Calling, "BYE", 102)?;
    refused(&host, &mut pair, Leg::Called, "UPDATE", 1)?;
    let fault = host.release("call", &pair.call_id, CAUSE, TEXT)?.err().ok_or("released again")?;
    check(fault.code == 308, || format!("{fault:?}"))?;
    let shown = host.show("call", &pair.call_id)?.map_err(|fault| fault.text)?.to_string();
    let good = ["\"released\"", "\"completed\"", "\"called_attempts\":1", "\"calling_attempts\":1"];
    check(good.iter().all(|word| shown.replace(": ", ":").contains(word)), || shown.clone())?;
    check(host.lines_of("done", &pair.call_id).len() == 1, || "reported twice".to_owned())?;
    Ok(())
}

/// A call that nobody knows any more is the script's.
#[test]
fn without_linger_the_script_sees_what_comes_late() -> Trial {
    let host = proxy(&["PARAMETER=\"linger\"", "VALUE=0"])?;
    let mut pair = Pair::new(&host, Serves::Neither, "")?;
    release(&host, &pair.call_id)?;
    let byes = [pair.bye(Leg::Called, PROMPT)?, pair.bye(Leg::Calling, PROMPT)?];
    answered(&host, &mut pair, Serves::Neither, [&byes[0], &byes[1]])?;
    pair.send(Leg::Calling, "BYE", 102)?;
    pair.user(Leg::Called).await_message(PROMPT, |one| one.is("BYE") && one.cseq().0 == 102)?;
    let fault = host.release("call", &pair.call_id, CAUSE, TEXT)?.err().ok_or("released again")?;
    Ok(check(fault.code == 300, || format!("{fault:?}"))?)
}

#[test]
fn nothing_is_refused_where_the_operator_does_not_want_it() -> Trial {
    let host = proxy(&["PARAMETER=\"refuse_requests\"", "VALUE=0"])?;
    let mut pair = Pair::new(&host, Serves::Calling, "")?;
    release(&host, &pair.call_id)?;
    let byes = [pair.bye(Leg::Called, PROMPT)?, pair.bye(Leg::Calling, PROMPT)?];
    pair.send(Leg::Called, "UPDATE", 1)?;
    let update = pair.user(Leg::Calling).await_message(PROMPT, |one| one.is("UPDATE"))?;
    pair.answer(Leg::Calling, &update, 200, &[])?;
    pair.user(Leg::Called).await_message(PROMPT, |one| one.answers("UPDATE", 200))?;
    pair.answer(Leg::Called, &byes[0], 200, &[])?;
    pair.answer(Leg::Calling, &byes[1], 200, &[])?;
    let done = host.outcome(&pair.call_id, PROMPT)?;
    Ok(check(done.get("outcome") == "completed", || format!("{done:?}"))?)
}

/// RFC 3261 15: no BYE to the calling user before its ACK. The other one does not wait; with the ACK it goes out.
#[test]
fn a_late_ack_frees_the_bye_that_waits() -> Trial {
    for serves in ROLES {
        let host = proxy(&[])?;
        let mut pair = Pair::answered(&host, serves, "")?;
        let told = host.release("call", &pair.call_id, CAUSE, TEXT)?.map_err(|fault| fault.text)?;
        let held = told.to_string().contains("\"bye_to_calling\"");
        check(results(&told) == ["releasing"] && held, || format!("told {told}"))?;
        let to_called = pair.bye(Leg::Called, PROMPT)?;
        pair.answer(Leg::Called, &to_called, 200, &[])?;
        let early = pair.listen(Leg::Calling, Duration::from_millis(2500));
        check(!early.iter().any(|one| one.is("BYE")), || format!("too early\n{}", log_of(&host, &pair.call_id)))?;
        pair.acknowledge()?;
        let acknowledged = Instant::now();
        let to_calling = pair.bye(Leg::Calling, PROMPT)?;
        let waited = acknowledged.elapsed();
        pair.answer(Leg::Calling, &to_calling, 200, &[])?;
        check(waited < Duration::from_millis(1500), || format!("only {waited:?} after the ACK"))?;
        println!("{}: {waited:?} after the ACK", serves.word());
        completed(&host, &pair, serves)?;
    }
    Ok(())
}

#[test]
fn no_hold_where_the_operator_wants_none() -> Trial {
    let host = proxy(&["PARAMETER=\"hold\"", "VALUE=0"])?;
    let mut pair = Pair::answered(&host, Serves::Called, "")?;
    let fault = host.release("call", &pair.call_id, CAUSE, TEXT)?.err().ok_or("released without ACK")?;
    check(fault.code == 302 && fault.text.contains("ACK"), || format!("{fault:?}"))?;
    pair.acknowledge()?;
    release(&host, &pair.call_id)?;
    let byes = [pair.bye(Leg::Called, PROMPT)?, pair.bye(Leg::Calling, PROMPT)?];
    Ok(answered(&host, &mut pair, Serves::Called, [&byes[0], &byes[1]])?)
}

/// A user's BYE has come as far as the other user when the release starts. Gives it as that one has it.
fn crossed(host: &Proxy, pair: &mut Pair, sender: Leg) -> Result<Message> {
    let receiver = if sender == Leg::Calling { Leg::Called } else { Leg::Calling };
    pair.send(sender, "BYE", 102)?;
    let bye = pair.user(receiver).await_message(PROMPT, |one| one.is("BYE"))?;
    let told = host.release("call", &pair.call_id, CAUSE, TEXT)?.map_err(|fault| fault.text)?;
    let text = told.to_string().replace(": ", ":");
    let held = ["\"bye_to_called\":\"held\"", "\"bye_to_calling\":\"held\""].iter().all(|one| text.contains(one));
    check(results(&told) == ["releasing"] && held, || format!("told {told}"))?;
    // What comes now is refused; the same once more is its transaction's.
    refused(host, pair, receiver, "INFO", 103)?;
    pair.send(sender, "BYE", 102)?;
    for leg in [Leg::Called, Leg::Calling] {
        let seen = pair.listen(leg, Duration::from_millis(700));
        let odd = |one: &&Message| one.status() == Some(481) || (one.is("BYE") && one.branch() != bye.branch());
        let odd = seen.iter().find(odd).map(Message::start_line);
        check(odd.is_none(), || format!("{leg} has {odd:?}\n{}", log_of(host, &pair.call_id)))?;
    }
    Ok(bye)
}

/// T57: the answer to the user's BYE settles the release, and no BYE of the proxy is on the wire.
#[test]
fn the_users_own_bye_settles_a_release() -> Trial {
    for (serves, sender, code, outcome) in [
        (Serves::Calling, Leg::Calling, 200, "completed"),
        (Serves::Called, Leg::Calling, 200, "completed"),
        (Serves::Calling, Leg::Called, 200, "completed"),
        (Serves::Neither, Leg::Called, 481, "gone"),
    ] {
        let host = proxy(&[])?;
        let mut pair = Pair::new(&host, serves, "")?;
        let bye = crossed(&host, &mut pair, sender)?;
        let receiver = if sender == Leg::Calling { Leg::Called } else { Leg::Calling };
        pair.answer(receiver, &bye, code, &[])?;
        pair.user(sender).await_message(PROMPT, |one| one.answers("BYE", code))?;
        let done = host.outcome(&pair.call_id, Duration::from_secs(2))?;
        check(done.get("outcome") == outcome, || format!("{done:?}"))?;
        for leg in [Leg::Called, Leg::Calling] {
            pair.listen(leg, Duration::from_millis(300));
        }
        let mut judge = pair.judge(&host);
        judge.no_bye(Leg::Called);
        judge.no_bye(Leg::Calling);
        // What the proxy makes itself has one Via.
        let made = |packet: &&live::dump::Packet| {
            packet.sent && packet.message.is("BYE") && packet.message.headers("Via").len() == 1
        };
        let made = judge.wire().iter().filter(made).count();
        judge.same("BYEs that the proxy made", &made, &0);
        judge.reported(outcome, CAUSE, &code.to_string(), &code.to_string());
        judge.forgotten();
        wrong(&judge.verdicts).map_or(Ok(()), |wrong| Err(format!("{wrong}\n{}", log_of(&host, &pair.call_id))))?;
    }
    Ok(())
}

/// T57: the user's BYE ends nothing, so both BYEs of the proxy go out, and do not wait any longer.
#[test]
fn a_refusal_of_the_users_own_bye_frees_both() -> Trial {
    for (serves, sender, code) in [
        (Serves::Calling, Leg::Calling, 500),
        (Serves::Called, Leg::Calling, 403),
        (Serves::Called, Leg::Called, 500),
        (Serves::Neither, Leg::Called, 407),
    ] {
        let host = proxy(&[])?;
        let mut pair = Pair::new(&host, serves, "")?;
        let bye = crossed(&host, &mut pair, sender)?;
        let receiver = if sender == Leg::Calling { Leg::Called } else { Leg::Calling };
        pair.answer(receiver, &bye, code, &[])?;
        let answered = Instant::now();
        pair.user(sender).await_message(PROMPT, |one| one.answers("BYE", code))?;
        pair.answer_byes(PROMPT)?;
        let waited = answered.elapsed();
        check(waited < Duration::from_millis(1500), || format!("only {waited:?} after the refusal"))?;
        println!("{}: both BYEs {waited:?} after the refusal", serves.word());
        host.outcome(&pair.call_id, PROMPT)?;
        let mut judge = pair.judge(&host);
        let (called, calling) = passes(serves);
        judge.bye(Leg::Called, called, &reason(CAUSE, TEXT));
        judge.bye(Leg::Calling, calling, &reason(CAUSE, TEXT));
        judge.reported("completed", CAUSE, "200", "200");
        judge.forgotten();
        wrong(&judge.verdicts).map_or(Ok(()), |wrong| Err(format!("{wrong}\n{}", log_of(&host, &pair.call_id))))?;
    }
    Ok(())
}
