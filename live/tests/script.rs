// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls are released by scripts that do not run for them: by selector, from an event route, by KEMI.

use live::call::Serves;
use live::evidence::Leg;
use live::host::{Host, Result};
use live::kamailio::{AROUND, Kamailio};
use live::message::uri_of;
use live::pair::Pair;
use live::peer::Peer;
use live::process::wait_until;
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

/// A proxy whose script is JavaScript.
#[test]
fn a_kemi_script_tracks_and_releases() -> Trial {
    if opensips_can_not("run scripts of other languages in place of its own")? {
        return Ok(());
    }
    const SCRIPT: &str = r#"
function ksr_request_route() {
    if (KSR.is_method_in("B")) KSR.info("KEMI bye ours " + KSR.ims_release.is_ims_release() + "\n");
    if (KSR.is_method_in("O")) {
        var told = KSR.ims_release.release_by(KSR.hdr.get("X-Selector"), KSR.hdr.get("X-Value"), 503, "By the script");
        KSR.sl.sl_send_reply(told > 0 ? 200 : 403, "Told");
        return;
    }
    if (KSR.siputils.has_totag() > 0) {
        var loose = KSR.rr.loose_route();
        if (KSR.is_method_in("M")) KSR.info("KEMI release " + KSR.ims_release.release(402, "Credit is gone") + "\n");
        if (loose > 0) KSR.tm.t_relay();
        return;
    }
    if (KSR.is_method_in("I")) {
        KSR.rr.loose_route();
        KSR.rr.record_route();
        KSR.info("KEMI track " + KSR.ims_release.track("nobody", "") + " " + KSR.ims_release.track("orig", "") + " "
            + KSR.ims_release.track("orig", "<sip:carol@home1.net>") + " " + KSR.ims_release.exempt() + "\n");
    }
    KSR.tm.t_relay();
}
"#;
    let mut host = Kamailio::with_text("")?;
    let script = host.directory().join("kemi.js");
    std::fs::write(&script, SCRIPT).map_err(|error| error.to_string())?;
    host.rewrite(&format!("{AROUND}{}", KEMI.replace("SCRIPT", &script.display().to_string())))?;
    host.start()?;
    let mut pair = Pair::new(&host, Serves::Calling, "")?;
    check(host.log().contains("KEMI track -1 1 1 1"), || host.log())?;
    let shown = host.show("call", &pair.call_id)?.map_err(|fault| fault.text)?.to_string();
    check(shown.contains("\"calling_user\":\"sip:carol@home1.net\"") && shown.contains("\"exempt\":1"), || {
        shown.clone()
    })?;
    pair.send(Leg::Calling, "MESSAGE", 102)?;
    pair.answer_byes(PROMPT)?;
    let ended = |call_id: &str| host.show("call", call_id).is_ok_and(|one| format!("{one:?}").contains("completed"));
    check(wait_until(PROMPT, || ended(&pair.call_id)), || host.log())?;
    check(host.log().contains("KEMI release 1") && host.log().contains("KEMI bye ours 1"), || host.log())?;
    for (selector, code) in [("call", 200), ("people", 403)] {
        let mut pair = Pair::new(&host, Serves::Calling, "")?;
        let told = by_script(&host, selector, &pair.call_id)?;
        check(told == code, || format!("{selector}: {told}\n{}", host.log()))?;
        if code == 200 {
            pair.answer_byes(PROMPT)?;
            check(wait_until(PROMPT, || ended(&pair.call_id)), || host.log())?;
        }
    }
    Ok(())
}

const KEMI: &str = "
loadmodule \"app_jsdt.so\"
modparam(\"ims_release\", \"store\", STORE)
modparam(\"app_jsdt\", \"load\", \"SCRIPT\")
cfgengine \"jsdt\"
";
