// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls are released by scripts that do not run for them: by selector, from an event route.

use live::call::Serves;
use live::evidence::Leg;
use live::host::{Host, Result};
use live::message::uri_of;
use live::pair::Pair;
use live::peer::Peer;
use live::scenario::Script;
use live::trial::{CAUSE, PROMPT, TEXT, Trial, call, check, opensips_can_not, proxy, was_released};

/// A request to the script that has it release calls; gives its answer.
fn by_script(host: &dyn Host, selector: &str, value: &str) -> Result<u16> {
    let mut peer = Peer::new()?;
    let (here, proxy) = (peer.address(), host.address());
    let branch = format!("z9hG4bK-{}-{selector}", here.port());
    let request = format!(
        "OPTIONS sip:{proxy} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch={branch}\r\nFrom: <sip:o@{here}>;tag=1\r\n\
         To: <sip:{proxy}>\r\nCall-ID: {branch}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nX-Selector: {selector}\r\n\
         X-Value: {value}\r\nContent-Length: 0\r\n\r\n"
    );
    peer.send(proxy, request.as_bytes())?;
    let answer = peer.await_message(PROMPT, |one| one.status().is_some())?;
    Ok(answer.status().unwrap_or_default())
}

#[test]
fn a_script_releases_by_selector() -> Trial {
    let host = proxy(&[])?;
    for (selector, value) in [("call", "nobody@nowhere"), ("people", "x"), ("id", "d4711"), ("user", ""), ("all", "x")]
    {
        let code = by_script(&host, selector, value)?;
        check(code == 403, || format!("{selector} {value}: {code}"))?;
    }
    for selector in ["call", "dialog", "id", "user", "contact", "all"] {
        let (call, call_id) = call(&host, selector, Script::new(&host, Serves::Calling)?)?;
        let list = host.list()?;
        let entry = list.iter().find(|one| one["call_id"] == call_id.as_str()).ok_or("not in the list")?;
        let of = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let value = match selector {
            "call" => call_id.clone(),
            "dialog" => format!("{call_id},{},{}", of("from_tag"), of("to_tag")),
            "id" => of("id"),
            "user" => "sip:alice@home1.net".to_owned(),
            "contact" => uri_of(&call.script.called.contact).to_owned(),
            _ => "*".to_owned(),
        };
        let code = by_script(&host, selector, &value)?;
        check(code == 200, || format!("{selector} {value}: {code}"))?;
        host.outcome(&call_id, PROMPT)?;
        was_released(&host, &call, &call_id, Serves::Calling, ("503", "By the script"))?;
    }
    Ok(())
}

/// A cause that is a text is refused, and each process says so at most once a second.
#[test]
fn a_cause_that_is_no_integer_is_refused() -> Trial {
    const ASKED: usize = 100;
    if opensips_can_not("hand a text to a function that takes a number")? {
        return Ok(());
    }
    let host = proxy(&[])?;
    for number in 0..ASKED {
        let code = by_script(&host, &format!("call{number}"), "x\r\nX-Cause: 480")?;
        check(code == 403, || format!("{number}: {code}"))?;
    }
    let log = host.log();
    let lines = log.matches("ims_release_by(): the cause is no integer").count();
    check((1..ASKED / 2).contains(&lines), || format!("{lines} lines for {ASKED} requests\n{log}"))?;
    Ok(())
}

/// The end of one release brings about another.
#[test]
fn an_event_route_releases_by_selector() -> Trial {
    let host = proxy(&["RELEASE_BOB_AT_THE_END"])?;
    let mut of_bob = Pair::new(&host, Serves::Called, "")?;
    let mut other = Pair::new(&host, Serves::Calling, "")?;
    host.release("call", &other.call_id, CAUSE, TEXT)?.map_err(|fault| fault.text)?;
    other.answer_byes(PROMPT)?;
    of_bob.answer_byes(PROMPT)?;
    let done = host.outcome(&of_bob.call_id, PROMPT)?;
    Ok(check(done.get("outcome") == "completed" && done.get("cause") == "480", || format!("{done:?}"))?)
}

/// On a message of one dialog all of its session are released; where no ICID names it, those of its Call-ID.
#[test]
fn a_script_releases_the_session_of_its_message() -> Trial {
    let host = proxy(&[])?;
    let of_session = |icid: &[&str]| Pair::with_headers(&host, Serves::Calling, icid);
    let ask = |pair: &mut Pair| -> Result<()> {
        let request = String::from_utf8_lossy(&pair.request(Leg::Calling, "MESSAGE", 102)).into_owned();
        let request = request.replace("Max-Forwards", "X-Release: session\r\nMax-Forwards");
        pair.user(Leg::Calling).send(host.address(), request.as_bytes())
    };
    let vector = "P-Charging-Vector: icid-value=s1";
    let mut pairs = [of_session(&[vector])?, of_session(&[vector])?, of_session(&[])?, of_session(&[])?];
    ask(&mut pairs[0])?;
    ask(&mut pairs[2])?;
    for (index, by) in [(0, "job"), (1, "job"), (2, "script")] {
        pairs[index].answer_byes(PROMPT)?;
        let done = host.outcome(&pairs[index].call_id, PROMPT)?;
        let told = (done.get("by"), done.get("cause"), done.get("outcome"));
        check(told == (by, "480", "completed"), || format!("{index}: {done:?}"))?;
    }
    let left = host.list()?;
    let alone = left.len() == 1 && left[0]["call_id"] == pairs[3].call_id.as_str();
    Ok(check(alone, || format!("{left:?}"))?)
}

/// No call is lost for a wrong word: it is tracked by what its INVITE tells.
#[test]
fn an_identity_that_is_none_is_told_and_the_call_is_tracked() -> Trial {
    let host = proxy(&[])?;
    let mut pair = Pair::answered_to(&host, "odd", "", &["P-Asserted-Identity: <sip:carol@home1.net>"])?;
    pair.acknowledge()?;
    let said = host.log().contains("Served user: give a SIP or tel URI");
    check(said && !host.log().contains("nobody at all"), || host.log())?;
    let code = by_script(&host, "user", "sip:carol@home1.net")?;
    check(code == 200, || format!("{code}"))?;
    pair.answer_byes(PROMPT)?;
    host.outcome(&pair.call_id, PROMPT)?;
    Ok(())
}
