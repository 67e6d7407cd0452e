// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an operator sees: refusals with a number and a text to understand, the selectors, lists in pages, digits at the
//! prompt.

use live::call::{Call, Serves};
use live::evidence::Leg;
use live::host::{Fault, Host, Result};
use live::pair::Pair;
use live::peer::{Peer, reply};
use live::process::wait_until;
use live::scenario::{Answer, Script, Step};
use live::sipp::Load;
use live::trial::{CAUSE, PROMPT, TEXT, Trial, call, check, proxy, release, released_by_rpc, results, was_released};
use serde_json::Value;

fn text_of(entry: &Value, name: &str) -> String {
    match entry.get(name) {
        Some(Value::String(text)) => text.clone(),
        other => other.map(Value::to_string).unwrap_or_default(),
    }
}

/// The refusal of a call with these parameters has one of the numbers and says one of the words.
fn refused(host: &dyn Host, parameters: &[&str], numbers: &[i64], words: &[&str]) -> Result<Fault> {
    let fault =
        host.call("ims_release.release", parameters)?.err().ok_or_else(|| format!("{parameters:?} was not refused"))?;
    let text = fault.text.to_lowercase();
    let good = numbers.contains(&fault.code) && words.iter().any(|word| text.contains(word));
    check(good, || format!("{parameters:?}: {fault:?}, expected {numbers:?} and one of {words:?}"))?;
    Ok(fault)
}

/// The state that the list shows of a call.
fn state(host: &dyn Host, call_id: &str) -> String {
    let list = host.list().unwrap_or_default();
    list.iter().find(|entry| text_of(entry, "call_id") == call_id).map_or_else(String::new, |one| text_of(one, "state"))
}

#[test]
fn what_is_not_there_is_not_found() -> Trial {
    let host = proxy(&[])?;
    refused(&host, &["call", "nobody@nowhere"], &[300], &["not found"])?;
    refused(&host, &["call", "nobody@nowhere", CAUSE, TEXT], &[300], &["not found"])?;
    refused(&host, &["dialog", "nobody@nowhere,one,two"], &[300], &["not found"])?;
    refused(&host, &["id", "4711"], &[300], &["not found"])?;
    let fault = host.show("call", "nobody@nowhere")?.err().ok_or("show shows a stranger")?;
    check(fault.code == 300 && fault.text.contains("not found"), || format!("{fault:?}"))?;
    Ok(check(host.list()?.is_empty(), || "the list is not empty".to_owned())?)
}

#[test]
fn what_cannot_be_understood_is_refused() -> Trial {
    let host = proxy(&[])?;
    let (call, call_id) = call(&host, "words", Script::new(&host, Serves::Calling)?)?;
    for cause in ["99", "700", "abc", "4o2", "-402", "1e3"] {
        refused(&host, &["call", &call_id, cause], &[3, 115], &["reason", "cause", "status code"])?;
    }
    refused(&host, &["call", &call_id, CAUSE, "two\r\nlines"], &[116], &["text"])?;
    refused(&host, &["person", &call_id], &[306], &["selector"])?;
    refused(&host, &["", &call_id], &[306], &["selector"])?;
    refused(&host, &["dialog", &call_id], &[306], &["selector"])?;
    refused(&host, &["id", "twelve"], &[306], &["selector"])?;
    refused(&host, &["call"], &[3, 306], &["selector", "expected"])?;
    refused(&host, &[], &[3, 306], &["selector", "expected"])?;
    let fault = host.show("person", &call_id)?.err().ok_or("show understands anything")?;
    check(fault.code == 306, || format!("{fault:?}"))?;
    let fault = host.call("ims_release.list", &["page two"])?.err().ok_or("list understands anything")?;
    check(fault.code == 3 && fault.text.contains("cursor"), || format!("{fault:?}"))?;
    // After all that the call is as it was.
    check(state(&host, &call_id) == "acknowledged", || host.log())?;
    let byes = call.byes_to_called().len() + call.byes_to_calling().len();
    check(byes == 0, || format!("{byes} BYEs went out"))?;
    Ok(released_by_rpc(&host, &call, &call_id, Serves::Calling)?)
}

#[test]
fn an_early_dialog_is_to_be_cancelled() -> Trial {
    let host = proxy(&[])?;
    let mut script = Script::new(&host, Serves::Calling)?;
    script.ringing = 60_000;
    let call = Call::start(&host, "early", script)?;
    let ringing = || call.calling.received().iter().any(|one| one.answers("INVITE", 180));
    check(wait_until(PROMPT, ringing), || format!("it does not ring\n{}", call.transcript()))?;
    let call_id = call.call_id();
    check(state(&host, &call_id) == "early", || format!("state {}", state(&host, &call_id)))?;
    refused(&host, &["call", &call_id, CAUSE, TEXT], &[301], &["cancel"])?;
    // With what that takes.
    let list = host.list()?;
    let entry = list.iter().find(|one| text_of(one, "call_id") == call_id).ok_or("not in the list")?;
    let invite = call.calling.sent().into_iter().find(|one| one.is("INVITE")).ok_or("no INVITE was sent")?;
    let cseq = invite.header("CSeq");
    let shown = text_of(entry, "invite_cseq");
    check(cseq.starts_with(&format!("{shown} ")), || format!("{cseq} is shown as {shown}"))?;
    let byes = call.byes_to_called().len() + call.byes_to_calling().len();
    Ok(check(byes == 0, || format!("{byes} BYEs went out"))?)
}

/// Of a selection with an answered call it is told apart, with what it takes to cancel it.
#[test]
fn an_early_dialog_among_others_is_told_apart() -> Trial {
    let host = proxy(&[])?;
    let mut pair = Pair::new(&host, Serves::Calling, "")?;
    // Another INVITE of the same Call-ID.
    let again = String::from_utf8_lossy(&pair.request(Leg::Calling, "INVITE", 103)).into_owned();
    let (before, to) = again.split_once("\r\nTo: ").ok_or("no To")?;
    let (to, behind) = to.split_once("\r\n").ok_or("no end")?;
    let to = to.split(';').next().unwrap_or_default();
    let again = format!("{before}\r\nTo: {to}\r\n{behind}");
    let again = again.replace(";tag=a-pair", ";tag=a-second").replace(";lr>", ";lr;role=orig>");
    pair.user(Leg::Calling).send(host.address(), again.as_bytes())?;
    check(wait_until(PROMPT, || host.list().is_ok_and(|list| list.len() == 2)), || host.log())?;

    let told = host.release("call", &pair.call_id, CAUSE, TEXT)?.map_err(|fault| fault.text)?;
    let entries = told.as_array().ok_or_else(|| told.to_string())?;
    let results: Vec<String> = entries.iter().map(|entry| text_of(entry, "result")).collect();
    check(results == ["releasing", "early"], || told.to_string())?;
    let early = (text_of(&entries[1], "from_tag"), text_of(&entries[1], "invite_cseq"));
    check(early == ("a-second".to_owned(), "103".to_owned()), || told.to_string())?;
    pair.answer_byes(PROMPT)?;
    host.outcome(&pair.call_id, PROMPT)?;
    Ok(check(state(&host, &pair.call_id) == "early", || host.log())?)
}

/// The BYE to the calling user waits for the ACK; the other one does not.
#[test]
fn of_an_answer_that_is_not_acknowledged_one_bye_is_held() -> Trial {
    let host = proxy(&[])?;
    let mut pair = Pair::answered(&host, Serves::Called, "")?;
    let call_id = pair.call_id.clone();
    check(state(&host, &call_id) == "confirmed", || format!("state {}", state(&host, &call_id)))?;
    let told = host.release("call", &call_id, CAUSE, TEXT)?.map_err(|fault| fault.text)?;
    let entry = told.as_array().and_then(|all| all.first()).cloned().unwrap_or_else(|| told.clone());
    check(text_of(&entry, "bye_to_calling") == "held", || format!("told {told}"))?;
    check(entry.get("bye_to_called").is_none(), || format!("told {told}"))?;
    let bye = pair.bye(Leg::Called, PROMPT)?;
    pair.answer(Leg::Called, &bye, 200, &[])?;
    let shown = || host.show("call", &call_id).map(|one| format!("{one:?}")).unwrap_or_default();
    let noted = || ["releasing", "done", "idle"].iter().all(|word| shown().contains(word));
    check(wait_until(PROMPT, noted), shown)?;
    refused(&host, &["call", &call_id, CAUSE, TEXT], &[303], &["already releasing"])?;
    check(host.lines_of("done", &call_id).is_empty(), || "it is over without the calling user".to_owned())?;
    pair.acknowledge()?;
    let bye = pair.bye(Leg::Calling, PROMPT)?;
    pair.answer(Leg::Calling, &bye, 200, &[])?;
    let done = host.outcome(&call_id, PROMPT)?;
    check(done.get("outcome") == "completed", || format!("{done:?}"))?;
    let over = wait_until(PROMPT, || shown().contains("released"));
    check(over, shown)?;
    refused(&host, &["call", &call_id, CAUSE, TEXT], &[308], &["released"]).map(|_| ())?;
    Ok(())
}

#[test]
fn a_release_under_way_is_shown_and_not_begun_again() -> Trial {
    let host = proxy(&[])?;
    let mut script = Script::new(&host, Serves::Calling)?;
    script.called.steps = vec![Step::Bye(Answer::Late(1500))];
    let (call, call_id) = call(&host, "under-way", script)?;
    release(&host, &call_id)?;
    refused(&host, &["call", &call_id, CAUSE, TEXT], &[303], &["already releasing"])?;
    check(wait_until(PROMPT, || !call.byes_to_calling().is_empty()), || call.transcript())?;
    wait_until(PROMPT, || call.calling.sent().iter().any(|one| one.answers("BYE", 200)));
    check(state(&host, &call_id) == "releasing", || format!("state {}", state(&host, &call_id)))?;
    let shown = || -> Result<Value> {
        let shown = host.show("call", &call_id)?.map_err(|fault| fault.text)?;
        Ok(shown.as_array().and_then(|all| all.first()).cloned().unwrap_or(shown))
    };
    let plain = |value: &Value, name: &str| {
        value.get(name).map(|one| one.to_string().trim_matches('"').to_owned()).unwrap_or_default()
    };
    let half = || shown().is_ok_and(|one| plain(&one, "calling_code") == "200");
    check(wait_until(PROMPT, half), || format!("show: {:?}", shown()))?;
    let one = shown()?;
    let good = plain(&one, "state") == "releasing"
        && plain(&one, "cause") == CAUSE
        && plain(&one, "called_code") == "0"
        && one.get("started").is_some()
        && !text_of(&one, "called_leg").is_empty()
        && text_of(&one, "called_leg") != text_of(&one, "calling_leg");
    check(good, || format!("show: {one}"))?;
    let done = host.outcome(&call_id, PROMPT)?;
    Ok(check(done.get("outcome") == "completed", || format!("{done:?}"))?)
}

#[test]
fn a_call_is_shown_in_full() -> Trial {
    let host = proxy(&[])?;
    let mut script = Script::new(&host, Serves::Called)?;
    script.calling.identity = r#""A \"q\"" <sip:alice@home1.net> ;p=1;tag=a-shown"#.to_owned();
    let (call, call_id) = call(&host, "shown", script)?;
    let shown = host.show("call", &call_id)?.map_err(|fault| fault.text)?;
    let one = shown.as_array().and_then(|all| all.first()).cloned().unwrap_or(shown);
    for (name, value) in [
        ("call_id", call_id.as_str()),
        ("from_tag", "a-shown"),
        ("to_tag", "b"),
        ("state", "acknowledged"),
        ("serves", "called"),
        ("from", &call.script.calling.identity),
        ("to", &call.script.called.identity),
    ] {
        check(text_of(&one, name) == value, || format!("{name} is not {value} in {one}"))?;
    }
    check(one.get("cseq_to_calling").is_none(), || format!("a CSeq that nobody sent: {one}"))?;
    let number = one.get("cseq_to_called").map(|value| value.to_string().trim_matches('"').to_owned());
    check(number.as_deref() == Some("101"), || format!("cseq_to_called in {one}"))?;
    check(one.get("cause").is_none() && one.get("started").is_none(), || format!("not released: {one}"))?;
    Ok(())
}

#[test]
fn each_selector_finds_its_call() -> Trial {
    let host = proxy(&[])?;
    for selector in ["call", "dialog", "id"] {
        let (call, call_id) = call(&host, selector, Script::new(&host, Serves::Calling)?)?;
        let list = host.list()?;
        let entry = list.iter().find(|entry| text_of(entry, "call_id") == call_id).ok_or("not in the list")?;
        let value = match selector {
            "call" => call_id.clone(),
            "dialog" => format!("{call_id},{},{}", text_of(entry, "from_tag"), text_of(entry, "to_tag")),
            _ => text_of(entry, "id"),
        };
        let shown = host.show(selector, &value)?.map_err(|fault| fault.text)?;
        check(shown.to_string().contains(&call_id), || format!("{selector} {value} shows {shown}"))?;
        let told = host.release(selector, &value, CAUSE, TEXT)?.map_err(|fault| fault.text)?;
        check(results(&told) == ["releasing"], || format!("{selector} {value} told {told}"))?;
        host.outcome(&call_id, PROMPT)?;
        was_released(&host, &call, &call_id, Serves::Calling, (CAUSE, TEXT))?;
    }
    Ok(())
}

/// kamcmd takes digits for a number; more than a number holds would be cut.
#[test]
fn a_call_id_of_digits_at_the_prompt() -> Trial {
    let host = proxy(&[])?;
    for digits in ["90210", "123456789012345678901234567890"] {
        let script = Script::new(&host, Serves::Calling)?;
        let load = Load { calls: 1, rate: 50 };
        let call = Call::start_many(&host, &format!("digits{}", digits.len()), script, load, Some(digits))?;
        let call_id = call.established()?;
        check(call_id == digits, || format!("Call-ID {call_id}"))?;
        let (good, text) = host.command(&["ims_release.show", "call", &format!("s:{digits}")])?;
        check(good && text.contains(digits), || format!("kamcmd shows: {text}"))?;
        let (good, text) = host.command(&["ims_release.release", "call", &format!("s:{digits}"), CAUSE, TEXT])?;
        check(good && text.contains("releasing"), || format!("kamcmd says: {text}"))?;
        host.outcome(&call_id, PROMPT)?;
        was_released(&host, &call, &call_id, Serves::Calling, (CAUSE, TEXT))?;
    }
    Ok(())
}

/// A refusal at the prompt shows its number and text.
#[test]
fn a_refusal_at_the_prompt() -> Trial {
    let host = proxy(&[])?;
    let (_, text) = host.command(&["ims_release.release", "call", "s:4711"])?;
    Ok(check(text.contains("300") && text.contains("not found"), || format!("kamcmd says: {text}"))?)
}

/// More than one reply has room for.
#[test]
fn the_branches_of_a_call_are_shown_in_pages() -> Trial {
    // As many as are kept.
    const BRANCHES: usize = 64;
    let host = proxy(&[])?;
    let (mut calling, mut called) = (Peer::new()?, Peer::new()?);
    let (here, there, proxy) = (calling.address(), called.address(), host.address());
    let call_id = format!("branches-{}@{}", here.port(), here.ip());
    let invite = format!(
        "INVITE sip:bob@{there} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK-branches\r\n\
         Route: <sip:{proxy};lr;role=orig>\r\nFrom: <sip:alice@home1.net>;tag=a\r\nTo: <sip:bob@home1.net>\r\n\
         Call-ID: {call_id}\r\nCSeq: 1 INVITE\r\nContact: <sip:alice@{here}>\r\nMax-Forwards: 70\r\n\
         Content-Length: 0\r\n\r\n"
    );
    calling.send(proxy, invite.as_bytes())?;
    let received = called.await_message(PROMPT, |one| one.is("INVITE"))?;
    let contact = [format!("Contact: <sip:bob@{there}>")];
    for branch in 0..BRANCHES {
        let to = format!("<sip:bob@home1.net>;tag=b-{branch}");
        called.send(proxy, &reply(&received, 180, Some(&to), &contact))?;
        calling.await_message(PROMPT, |one| one.answers("INVITE", 180) && one.header("To").ends_with(&to[19..]))?;
    }
    let (mut next, mut pages, mut shown) = (String::new(), 0, Vec::new());
    while pages == 0 || !next.is_empty() {
        let all = ["call", &call_id, &next];
        let page = host.call("ims_release.show", if pages == 0 { &all[..2] } else { &all })?;
        let page = page.map_err(|fault| format!("page {pages}: {fault:?}"))?;
        let entries = page.as_array().ok_or_else(|| page.to_string())?;
        let tags = entries.iter().map(|entry| text_of(entry, "to_tag")).filter(|tag| !tag.is_empty());
        shown.extend(tags);
        let last = entries.last().ok_or("an empty page")?;
        let left = BRANCHES - shown.len();
        let more = text_of(last, "more");
        check(more == if left == 0 { String::new() } else { left.to_string() }, || format!("{left} are left: {last}"))?;
        next = text_of(last, "next");
        pages += 1;
    }
    shown.sort();
    shown.dedup();
    check(shown.len() == BRANCHES && pages > 2, || format!("{} branches in {pages} pages", shown.len()))?;
    let (good, said) = host.command(&["ims_release.show", "call", &call_id])?;
    check(good && said.contains("next: d"), || format!("kamcmd says: {said}"))?;
    let fault = host.call("ims_release.show", &["call", &call_id, "page two"])?.err().ok_or("any page is shown")?;
    Ok(check(fault.code == 3 && fault.text.contains("cursor"), || format!("{fault:?}"))?)
}

#[test]
fn many_calls_are_listed_in_pages() -> Trial {
    const CALLS: u32 = 150;
    let host = proxy(&[])?;
    let script = Script::new(&host, Serves::Neither)?;
    let call = Call::start_many(&host, "pages", script, Load { calls: CALLS, rate: 150 }, None)?;
    let acknowledged = || call.called.received().iter().filter(|one| one.is("ACK")).count();
    let ready = wait_until(2 * PROMPT, || acknowledged() >= CALLS as usize);
    check(ready, || format!("{} of {CALLS} calls\n{}", acknowledged(), call.called.complaints()))?;
    let mut listed: Vec<String> = host.list()?.iter().map(|entry| text_of(entry, "call_id")).collect();
    listed.sort();
    listed.dedup();
    check(listed.len() == CALLS as usize, || format!("{} calls are listed", listed.len()))?;
    // The same at the prompt, whose replies are small.
    let (mut cursor, mut pages, mut shown) = ("0".to_owned(), 0, Vec::new());
    while pages == 0 || cursor != "0" {
        let (good, text) = host.command(&["ims_release.list", &format!("s:{cursor}")])?;
        check(good, || format!("kamcmd says: {text}"))?;
        let of = |name: &str| -> Vec<String> {
            let values = text.lines().filter_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": "));
            values.map(str::to_owned).collect()
        };
        shown.extend(of("call_id"));
        cursor = of("next").pop().ok_or_else(|| format!("no next page is told: {text}"))?;
        pages += 1;
        check(pages < 1000, || "the list has no end".to_owned())?;
    }
    shown.sort();
    check(shown == listed && pages > 1, || format!("{} calls in {pages} pages at the prompt", shown.len()))?;
    Ok(())
}
