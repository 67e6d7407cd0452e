// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scripts of other languages in Kamailio: what they call, and what they are called for.

use std::cell::Cell;
use std::time::Duration;

use live::call::Serves;
use live::evidence::Leg;
use live::host::{Host, Result};
use live::kamailio::{AROUND, Kamailio};
use live::message::Message;
use live::pair::Pair;
use live::peer::Peer;
use live::process::wait_until;
use live::trial::{CAUSE, PROMPT, TEXT, Trial, check, opensips_can_not};

/// A host whose script is in this language, and is told of the end of releases; `further` stands in its configuration too.
fn host(language: &str, script: &str, further: &str) -> Result<Kamailio> {
    let callback = "modparam(\"ims_release\", \"event_callback\", \"told\")\n";
    let mut host = Kamailio::with_script(language, script, &format!("{callback}{further}"))?;
    host.start()?;
    Ok(host)
}

/// True where the host runs no scripts of other languages.
fn left_out() -> Result<bool> {
    opensips_can_not("run scripts of other languages in place of its own")
}

/// A proxy in JavaScript.
#[test]
fn a_script_in_javascript_tracks_and_releases() -> Trial {
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
function told(event) {
    KSR.info("LIVE done|call_id=" + KSR.pv.get("$ims_release(call_id)") + "|outcome="
        + KSR.pv.get("$ims_release(outcome)") + "\n");
}
"#;
    if left_out()? {
        return Ok(());
    }
    let host = host("jsdt", SCRIPT, "")?;
    let mut pair = Pair::new(&host, Serves::Calling, "")?;
    check(host.log().contains("KEMI track -1 1 1 1"), || host.log())?;
    let shown = host.show("call", &pair.call_id)?.map_err(|fault| fault.text)?.to_string();
    check(shown.contains("\"calling_user\":\"sip:carol@home1.net\"") && shown.contains("\"exempt\":1"), || {
        shown.clone()
    })?;
    pair.send(Leg::Calling, "MESSAGE", 102)?;
    pair.answer_byes(PROMPT)?;
    let completed = |call_id: &str| -> Result<()> {
        let done = host.outcome(call_id, PROMPT)?;
        check(done.get("outcome") == "completed", || host.log())
    };
    completed(&pair.call_id)?;
    check(host.log().contains("KEMI release 1") && host.log().contains("KEMI bye ours 1"), || host.log())?;
    for (selector, code) in [("call", "200"), ("people", "403")] {
        let mut pair = Pair::new(&host, Serves::Calling, "")?;
        let headers = format!("X-Selector: {selector}\r\nX-Value: {}", pair.call_id);
        let answer = answer(&host, &mut Peer::new()?, &headers)?;
        check(answer.start_line().contains(code), || format!("{selector}: {answer:?}\n{}", host.log()))?;
        if code == "200" {
            pair.answer_byes(PROMPT)?;
            completed(&pair.call_id)?;
        }
    }
    Ok(())
}

/// The answer of the script to a request of no call with these header lines.
fn answer(host: &Kamailio, peer: &mut Peer, headers: &str) -> Result<Message> {
    let (here, proxy, number) = (peer.address(), host.address(), peer.sent().len() + 1);
    let call_id = format!("ask-{number}-{}", here.port());
    let request = format!(
        "OPTIONS sip:{proxy} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK-{call_id}\r\nFrom: <sip:o@{here}>;tag=1\r\n\
         To: <sip:{proxy}>\r\nCall-ID: {call_id}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n{headers}\r\n\
         Content-Length: 0\r\n\r\n"
    );
    peer.send(proxy, request.as_bytes())?;
    peer.await_message(PROMPT, |one| one.status().is_some() && one.call_id() == call_id)
}

/// A proxy in Lua. Its answer to a request with X-Lua is what that expression is worth.
const LUA: &str = r#"
function ksr_request_route()
    local asked = KSR.hdr.get("X-Lua")
    if asked or KSR.is_method_in("O") then
        KSR.sl.sl_send_reply(200, tostring(loadstring("return " .. (asked or "nil"))()))
        return
    end
    if KSR.siputils.has_totag() > 0 then
        KSR.rr.loose_route()
        local cause = KSR.hdr.get("X-Release")
        if cause then
            local worth = KSR.ims_release.release(tonumber(cause), "By the script")
            KSR.info("LIVE release|call_id=" .. KSR.pv.get("$ci") .. "|worth=" .. worth .. "\n")
        end
    else
        KSR.rr.loose_route()
        KSR.rr.record_route()
        KSR.ims_release.track(KSR.hdr.get("X-Serves") or "orig", nil)
    end
    KSR.tm.t_relay()
end

function ksr_reply_route()
    local cause = KSR.hdr.get("X-Release")
    if cause then
        local worth = KSR.ims_release.release(tonumber(cause), "By the script")
        KSR.info("LIVE release|call_id=" .. KSR.pv.get("$ci") .. "|worth=" .. worth .. "\n")
    end
end

local function without_end() return 1 + without_end() end

local at_the_end = {
    [480] = function() error("the script is wrong") end,
    [481] = function() local nothing = nil; nothing() end,
    [482] = without_end,
    [483] = function() KSR.x.exit() end,
    [484] = function() KSR.x.drop() end,
    [485] = function() KSR.info("worth " .. KSR.ims_release.release(402, "Once more") .. "\n") end,
}

function told(event)
    local line = "LIVE done|event=" .. event .. "|pid=" .. KSR.pv.get("$pp")
    for name in ("call_id outcome cause text by job called_code calling_code called_attempts calling_attempts called_ms "
        .. "calling_ms duration"):gmatch("%S+") do
        line = line .. "|" .. name .. "=" .. KSR.pv.get("$ims_release(" .. name .. ")")
    end
    KSR.info(line .. "\n")
    local what = at_the_end[tonumber(KSR.pv.get("$ims_release(cause)"))]
    if what then what() end
end
"#;

/// A BYE that is to be lost is.
const DROP_UNSENT: &str = "event_route[tm:local-request] { if (is_method(\"BYE\") && $ru =~ \"live=unsent\") drop; }\n";

#[test]
fn all_variables_are_there_in_the_callback_and_nowhere_else() -> Trial {
    if left_out()? {
        return Ok(());
    }
    let host = host("lua", LUA, "")?;
    let mut pair = Pair::new(&host, Serves::Calling, "")?;
    host.release("call", &pair.call_id, CAUSE, TEXT)?.map_err(|fault| fault.text)?;
    pair.answer_byes(PROMPT)?;
    let done = host.outcome(&pair.call_id, PROMPT)?;
    let told = [
        ("event", "ims-release:done"),
        ("outcome", "completed"),
        ("cause", CAUSE),
        ("text", TEXT),
        ("by", "rpc"),
        ("job", "0"),
        ("called_code", "200"),
        ("calling_code", "200"),
        ("called_attempts", "1"),
        ("calling_attempts", "1"),
    ];
    for (name, value) in told {
        check(done.get(name) == value, || format!("{name}: {done:?}"))?;
    }
    let [called, calling, whole] = ["called_ms", "calling_ms", "duration"].map(|name| done.get(name).parse::<u64>());
    let fits = matches!((called, calling, whole), (Ok(called), Ok(calling), Ok(whole)) if called.max(calling) <= whole);
    check(fits, || format!("{done:?}"))?;
    let mut peer = Peer::new()?;
    for name in ["call_id", "cause", "nothing"] {
        let answer = answer(&host, &mut peer, &format!("X-Lua: KSR.pv.get(\"$ims_release({name})\")"))?;
        check(answer.start_line() == "SIP/2.0 200 nil", || format!("{name}: {answer:?}"))?;
    }
    Ok(check(host.log().contains("$ims_release(nothing): the names are call_id"), || host.log())?)
}

/// What is wrong is told, and changes nothing. One that the language's module finds wrong itself is `false`.
#[test]
fn a_wrong_argument_is_told_and_changes_nothing() -> Trial {
    const WRONG: [(&str, &str, &str); 23] = [
        ("release()", "false", "invalid number of parameters for: ims_release.release"),
        ("release(402)", "false", "not enough parameters for: ims_release.release"),
        ("release(nil, '')", "-1", "SIP status code"),
        ("release('gone', '')", "-1", "SIP status code"),
        ("release(-402, '')", "-1", "SIP status code"),
        ("release(99, '')", "-1", "SIP status code"),
        ("release(700, '')", "-1", "SIP status code"),
        ("release(402, nil)", "-1", "ims_release(): no value for the text of the cause"),
        ("release(402, {})", "-1", "ims_release(): no value for the text of the cause"),
        ("release(402, 'two\\r\\nlines')", "-1", "text"),
        ("release(402, ('x'):rep(600))", "-1", "text"),
        ("release_by('call', 'CALL-ID', 402)", "false", "not enough parameters for: ims_release.release_by"),
        ("release_by(nil, 'CALL-ID', 402, '')", "-1", "ims_release_by(): no value for the selector"),
        ("release_by('people', 'CALL-ID', 402, '')", "-1", "the selector is \"people\", expected call, dialog"),
        ("release_by('call', nil, 402, '')", "-1", "ims_release_by(): no value for the selector's value"),
        ("release_by('session', nil, 402, '')", "-1", "ims_release_by(): no value for the selector's value"),
        ("release_by('call', 'CALL-ID', 402, nil)", "-1", "ims_release_by(): no value for the text of the cause"),
        ("release_by('call', 'CALL-ID', 99, '')", "-1", "SIP status code"),
        ("release_by('all', 'CALL-ID', 402, '')", "-1", "ims_release_by(): no call is released"),
        ("release_by('all', '*', 99, '')", "-1", "SIP status code"),
        ("track(nil, '')", "-1", "ims_release_track(): no value for the served user"),
        ("track('nobody', '')", "-1", "the served user is \"nobody\", expected orig, term or neither"),
        ("track('term', '')", "-1", "ims_release_track(): the call is not tracked"),
    ];
    if left_out()? {
        return Ok(());
    }
    let host = host("lua", LUA, "")?;
    let mut pair = Pair::new(&host, Serves::Calling, "")?;
    let stored = || -> Result<(String, String)> {
        let listed = host.list()?;
        let kept = |name: &str| listed.iter().map(|one| one[name].to_string()).collect::<String>();
        let state = ["id", "state", "serves", "exempt"].map(kept).join(" ");
        let jobs = host.call("ims_release.jobs", &[])?.map_err(|fault| fault.text)?;
        Ok((state, jobs.to_string()))
    };
    let before = stored()?;
    let number = Cell::new(102);
    for (call, worth, error) in WRONG {
        let expression = format!("KSR.ims_release.{}", call.replace("CALL-ID", &pair.call_id));
        let errors = || {
            let told = |line: &&str| ["ERROR", "WARNING"].iter().any(|level| line.contains(level));
            host.log().lines().filter(told).filter(|line| line.contains(error)).count()
        };
        let errors_before = errors();
        let mut answered = String::new();
        // Of what the library refuses there is one line a second at most.
        let told = wait_until(PROMPT, || {
            answered = in_dialog(&host, &mut pair, number.replace(number.get() + 1), &expression)
                .unwrap_or_else(|error| error);
            errors() > errors_before
        });
        check(told && answered == format!("SIP/2.0 200 {worth}"), || {
            format!("{call}: {answered}, no line says {error}\n{}", host.log())
        })?;
    }
    let after = stored()?;
    check(after == before, || format!("{before:?}, then {after:?}"))?;
    let stats = host.stats()?;
    check(stats["started"] == "0", || stats.to_string())?;
    let byes = [Leg::Called, Leg::Calling].map(|leg| pair.listen(leg, Duration::from_millis(300)));
    check(!byes.concat().iter().any(|one| one.is("BYE")), || format!("{byes:?}"))?;
    // Right ones are true, with a number for a text as Lua has it.
    let good = format!("X-Lua: KSR.ims_release.release_by('call', '{}', 402, 17)", pair.call_id);
    let answered = answer(&host, &mut Peer::new()?, &good)?;
    check(answered.start_line() == "SIP/2.0 200 1", || format!("{answered:?}\n{}", host.log()))?;
    pair.answer_byes(PROMPT)?;
    let done = host.outcome(&pair.call_id, PROMPT)?;
    Ok(check((done.get("outcome"), done.get("text")) == ("completed", "17"), || format!("{done:?}"))?)
}

/// The first line of the answer to a request within the dialog, from the script, that asks for an expression.
fn in_dialog(host: &Kamailio, pair: &mut Pair, number: u32, expression: &str) -> Result<String> {
    let request = String::from_utf8_lossy(&pair.request(Leg::Calling, "MESSAGE", number)).into_owned();
    let request = request.replace("Max-Forwards", &format!("X-Lua: {expression}\r\nMax-Forwards"));
    let user = pair.user(Leg::Calling);
    user.send(host.address(), request.as_bytes())?;
    let meant = |one: &Message| one.status().is_some() && one.cseq() == (number.into(), "MESSAGE".to_owned());
    Ok(user.await_message(PROMPT, meant)?.start_line())
}

/// An error in the callback is the script's: the release has ended all the same, once, and the next one does too.
#[test]
fn an_error_in_the_callback_is_logged_and_harms_nothing() -> Trial {
    const ENDS: [(&str, &str); 6] = [
        ("480", "the script is wrong"),
        ("481", "attempt to call local 'nothing'"),
        ("482", "stack overflow"),
        ("483", ""),
        ("484", ""),
        ("485", "worth -1"),
    ];
    if left_out()? {
        return Ok(());
    }
    let host = host("lua", LUA, "")?;
    for (cause, error) in ENDS {
        // More than there are workers.
        for _ in 0..3 {
            let mut pair = Pair::new(&host, Serves::Calling, "")?;
            host.release("call", &pair.call_id, cause, TEXT)?.map_err(|fault| fault.text)?;
            pair.answer_byes(PROMPT)?;
            let done = host.outcome(&pair.call_id, PROMPT)?;
            check(done.get("outcome") == "completed", || format!("{cause}: {done:?}"))?;
        }
        check(wait_until(PROMPT, || host.log().contains(error)), || format!("{error} is not told\n{}", host.log()))?;
    }
    let ended = host.lines().iter().filter(|line| line.kind == "done").count();
    let stats = host.stats()?;
    let good = ended == 18 && stats["completed"] == "18" && stats["unconfirmed"] == "0" && host.list()?.is_empty();
    Ok(check(good, || format!("{ended} ends were told, {stats}"))?)
}

/// A call of users whom the proxy does not serve: both BYEs are direct.
fn of_neither(host: &Kamailio, live: &str) -> Result<Pair> {
    let mut pair = Pair::answered_to(host, "", live, &["X-Serves: neither"])?;
    pair.acknowledge()?;
    Ok(pair)
}

/// The release ends within the script that has asked for it: what the callback does, to drop included, is not done to the
/// message of that script, be it a request or a reply.
#[test]
fn a_callback_within_a_script_harms_neither() -> Trial {
    if left_out()? {
        return Ok(());
    }
    let host = host("lua", LUA, DROP_UNSENT)?;
    for (cause, in_reply) in [("480", false), ("484", false), ("480", true), ("484", true)] {
        let mut pair = of_neither(&host, "unsent")?;
        let asked = format!("X-Release: {cause}");
        let request = String::from_utf8_lossy(&pair.request(Leg::Calling, "MESSAGE", 102)).into_owned();
        let request = if in_reply { request } else { request.replace("Max-", &format!("{asked}\r\nMax-")) };
        pair.user(Leg::Calling).send(host.address(), request.as_bytes())?;
        let message = pair.user(Leg::Called).await_message(PROMPT, |one| one.is("MESSAGE"))?;
        let lines = if in_reply { vec![asked] } else { Vec::new() };
        pair.answer(Leg::Called, &message, 200, &lines)?;
        pair.user(Leg::Calling).await_message(PROMPT, |one| one.answers("MESSAGE", 200))?;
        let lines = host.lines().into_iter().filter(|line| line.get("call_id") == pair.call_id);
        let told: Vec<String> = lines.map(|line| format!("{} {}", line.kind, line.get("worth"))).collect();
        check(told == ["done ", "release 1"], || format!("{cause} {in_reply}: {told:?}\n{}", host.log()))?;
    }
    Ok(())
}

/// The script is called in whatever process sees the end.
#[test]
fn the_callback_is_heard_in_every_process() -> Trial {
    if left_out()? {
        return Ok(());
    }
    let host = host("lua", LUA, &format!("modparam(\"tm\", \"fr_timer\", 1000)\n{DROP_UNSENT}"))?;
    let heard = |pair: &Pair, process: &str| -> Result<()> {
        let (done, pid) = (host.outcome(&pair.call_id, PROMPT)?, host.process_named(process)?);
        check(done.get("pid") == pid.to_string(), || format!("{process} is {pid}: {done:?}"))
    };
    let silent = of_neither(&host, "")?;
    host.release("call", &silent.call_id, CAUSE, TEXT)?.map_err(|fault| fault.text)?;
    heard(&silent, "slow timer")?;
    let by_rpc = of_neither(&host, "unsent")?;
    host.release("call", &by_rpc.call_id, CAUSE, TEXT)?.map_err(|fault| fault.text)?;
    heard(&by_rpc, "JSONRPCS DATAGRAM")?;
    let by_job = of_neither(&host, "unsent")?;
    host.release("all", "*", CAUSE, TEXT)?.map_err(|fault| fault.text)?;
    Ok(heard(&by_job, "IMS RELEASE TIMER")?)
}

/// Where no function is named, the event route of the configuration is run, whatever language the script is in.
#[test]
fn an_event_route_is_run_beside_a_script_of_another_language() -> Trial {
    const ROUTE: &str = "event_route[ims-release:done] {
        xlog(\"LIVE done|call_id=$ims_release(call_id)|outcome=$ims_release(outcome)\\n\");
    }\n";
    if left_out()? {
        return Ok(());
    }
    let mut host = Kamailio::with_script("lua", LUA, ROUTE)?;
    host.start()?;
    let mut pair = Pair::new(&host, Serves::Calling, "")?;
    host.release("call", &pair.call_id, CAUSE, TEXT)?.map_err(|fault| fault.text)?;
    pair.answer_byes(PROMPT)?;
    let done = host.outcome(&pair.call_id, PROMPT)?;
    Ok(check(done.get("outcome") == "completed", || format!("{done:?}"))?)
}

/// A callback that would never be called stops the start.
#[test]
fn a_callback_that_is_never_called_is_refused() -> Trial {
    if left_out()? {
        return Ok(());
    }
    let set = "modparam(\"ims_release\", \"event_callback\", \"told\")\nmodparam(\"ims_release\", \"store\", STORE)\n";
    let lua = "loadmodule \"app_lua.so\"\ncfgengine \"lua\"\nevent_route[ims-release:done] { return; }\n";
    for (text, word) in [("request_route { exit; }\n", "cfgengine"), (lua, "event_route[ims_release:done]")] {
        let mut host = Kamailio::with_text(&format!("{AROUND}{set}{text}"))?;
        let log = host.refused_start()?;
        let told = |line: &str| line.contains("parameter event_callback") && line.contains(word);
        check(log.lines().any(told), || log.clone())?;
        check(!host.store().exists(), || "a store was made all the same".to_owned())?;
    }
    Ok(())
}
