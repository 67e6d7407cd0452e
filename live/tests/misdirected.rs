// SPDX-License-Identifier: MIT OR Apache-2.0
//! A user agent sends a BYE within its call to itself and answers it, or where nobody answers, so that the proxy takes
//! the call for ended and the other user pays for it: the other user gets the BYE of the release all the same.

use std::net::SocketAddr;
use std::time::Duration;

use live::call::Serves;
use live::evidence::Leg;
use live::host::{Host, Result};
use live::message::Message;
use live::pair::Pair;
use live::peer::{Peer, reply};
use live::process::wait_until;
use live::proxy::Proxy;
use live::trial::{CAUSE, PROMPT, TEXT, Trial, check, log_of, proxy, release, results};
use live::verdict::{passes, reason, wrong};

const CASES: [(Serves, Leg); 4] = [
    (Serves::Calling, Leg::Calling),
    (Serves::Called, Leg::Calling),
    (Serves::Calling, Leg::Called),
    (Serves::Neither, Leg::Called),
];

/// A request of a user in the dialog with another Request-URI, and further Route entries.
fn sent_to(pair: &mut Pair, sender: Leg, request: (&str, u32), target: SocketAddr, routes: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(&pair.request(sender, request.0, request.1)).into_owned();
    let (start, rest) = text.split_once("\r\n").expect("a request line");
    let start = start.replacen(start.split(' ').nth(1).expect("a Request-URI"), &format!("sip:x@{target}"), 1);
    format!("{start}\r\n{}", rest.replacen(";lr>\r\nFrom", &format!(";lr>{routes}\r\nFrom"), 1)).into_bytes()
}

/// A user sends a request to an address of its own, and has it there.
fn to_itself(host: &Proxy, pair: &mut Pair, sender: Leg, method: &str) -> Result<(Peer, Message)> {
    let mut there = Peer::at(pair.user(sender).address().ip())?;
    let request = sent_to(pair, sender, (method, 102), there.address(), "");
    pair.user(sender).send(host.address(), &request)?;
    let received = there.await_message(PROMPT, |one| one.is(method))?;
    Ok((there, received))
}

/// And answers it there.
fn answered(host: &Proxy, (there, request): &mut (Peer, Message), lines: &[String]) -> Result<()> {
    there.send(host.address(), &reply(request, 200, None, lines))
}

/// So many were seen, and the log says of which call, and what to do about it.
fn said(host: &Proxy, pair: &Pair, count: u32) -> Result<()> {
    let seen =
        || host.stats().is_ok_and(|stats| stats["misdirected"].to_string().trim_matches('"') == count.to_string());
    check(wait_until(PROMPT, seen), || format!("not counted: {:?}\n{}", host.stats(), log_of(host, &pair.call_id)))?;
    let log = host.log();
    let told =
        log.lines().any(|line| line.contains(&format!("call_id={}: ", pair.call_id)) && line.contains("check_bye"));
    check(told, || log.clone())
}

/// Both users have the BYE of the release at once, and it has completed.
fn released(host: &Proxy, pair: &mut Pair, serves: Serves) -> Result<()> {
    pair.answer_byes(Duration::from_secs(2)).map_err(|error| format!("{error}\n{}", log_of(host, &pair.call_id)))?;
    host.outcome(&pair.call_id, PROMPT)?;
    let mut judge = pair.judge(host);
    let (called, calling) = passes(serves);
    judge.bye(Leg::Called, called, &reason(CAUSE, TEXT));
    judge.bye(Leg::Calling, calling, &reason(CAUSE, TEXT));
    judge.reported("completed", CAUSE, "200", "200");
    judge.forgotten();
    wrong(&judge.verdicts).map_or(Ok(()), |wrong| Err(format!("{wrong}\n{}", log_of(host, &pair.call_id))))
}

#[test]
fn a_bye_to_itself_ends_no_call() -> Trial {
    for (serves, sender) in CASES {
        let host = proxy(&[])?;
        let mut pair = Pair::new(&host, serves, "")?;
        let mut bye = to_itself(&host, &mut pair, sender, "BYE")?;
        answered(&host, &mut bye, &[])?;
        pair.user(sender).await_message(PROMPT, |one| one.answers("BYE", 200))?;
        said(&host, &pair, 1)?;
        release(&host, &pair.call_id)?;
        released(&host, &mut pair, serves)?;
    }
    Ok(())
}

#[test]
fn a_bye_to_itself_neither_holds_nor_settles_a_release() -> Trial {
    for (serves, sender) in CASES {
        let host = proxy(&[])?;
        let mut pair = Pair::new(&host, serves, "")?;
        let mut bye = to_itself(&host, &mut pair, sender, "BYE")?;
        let told = host.release("call", &pair.call_id, CAUSE, TEXT)?.map_err(|fault| fault.text)?;
        check(results(&told) == ["releasing"] && !told.to_string().contains("held"), || format!("told {told}"))?;
        answered(&host, &mut bye, &[])?;
        let early = wait_until(Duration::from_millis(300), || !host.lines_of("done", &pair.call_id).is_empty());
        check(!early, || format!("settled\n{}", log_of(&host, &pair.call_id)))?;
        released(&host, &mut pair, serves)?;
    }
    Ok(())
}

/// The proxy itself gives the answer, 408: RFC 3261 15.1.1 takes that for the end of the other user's session.
#[test]
fn a_bye_to_nobody_ends_no_call() -> Trial {
    for (serves, sender) in [CASES[0], CASES[3]] {
        let host = proxy(&[])?;
        let mut pair = Pair::new(&host, serves, "")?;
        let (hole, receiver) = (Peer::new()?, if sender == Leg::Calling { Leg::Called } else { Leg::Calling });
        let (target, route) = (pair.user(receiver).address(), format!(", <sip:{};lr>", hole.address()));
        let bye = sent_to(&mut pair, sender, ("BYE", 102), target, &route);
        pair.user(sender).send(host.address(), &bye)?;
        let answers = |one: &Message| one.answers("BYE", 408);
        pair.user(sender).await_message(Duration::from_secs(10), answers)?;
        said(&host, &pair, 1)?;
        release(&host, &pair.call_id)?;
        released(&host, &mut pair, serves)?;
    }
    Ok(())
}

/// Else the BYE of the release would go where that answer says.
#[test]
fn an_answer_to_itself_moves_nobody() -> Trial {
    for (serves, sender) in CASES {
        let host = proxy(&[])?;
        let mut pair = Pair::new(&host, serves, "")?;
        let mut update = to_itself(&host, &mut pair, sender, "UPDATE")?;
        let contact = format!("Contact: <sip:x@{}>", update.0.address());
        answered(&host, &mut update, &[contact])?;
        pair.user(sender).await_message(PROMPT, |one| one.answers("UPDATE", 200))?;
        said(&host, &pair, 1)?;
        release(&host, &pair.call_id)?;
        released(&host, &mut pair, serves)?;
    }
    Ok(())
}

#[test]
fn where_the_operator_does_not_want_it() -> Trial {
    let host = proxy(&["PARAMETER=\"check_bye\"", "VALUE=0"])?;
    let mut pair = Pair::new(&host, Serves::Calling, "")?;
    let mut bye = to_itself(&host, &mut pair, Leg::Calling, "BYE")?;
    answered(&host, &mut bye, &[])?;
    pair.user(Leg::Calling).await_message(PROMPT, |one| one.answers("BYE", 200))?;
    check(wait_until(PROMPT, || host.holds(&pair.call_id) == Ok(false)), || log_of(&host, &pair.call_id))?;
    Ok(check(host.stats()?["misdirected"].to_string().trim_matches('"') == "0", || "counted".to_owned())?)
}
