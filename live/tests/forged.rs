// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nothing that a user agent sends makes is_ims_release() true, not even our own BYE copied byte by byte while it is
//! still unanswered.

use std::net::SocketAddr;
use std::time::Duration;

use live::call::Serves;
use live::dump::{self, Packet};
use live::host::{Host, Line, Result};
use live::message::Message;
use live::peer::Peer;
use live::process::wait_until;
use live::proxy::Proxy;
use live::scenario::{Answer, Script, Step};
use live::trial::{PROMPT, Trial, call, check, log_of, proxy, release};

/// The BYE as it left for the own socket, as soon as it has.
fn looped_bye(host: &Proxy, call_id: &str) -> Result<Packet> {
    let mut found = None;
    let ours = |packet: &Packet| {
        packet.sent && packet.looped() && packet.message.is("BYE") && packet.message.call_id() == call_id
    };
    wait_until(PROMPT, || {
        found = dump::read(&host.captures()).into_iter().find(ours);
        found.is_some()
    });
    let bye = found.ok_or_else(|| format!("no BYE on the loop\n{}", host.log()))?;
    // Else it is no copy, and shows nothing.
    check(bye.message.bytes().ends_with(b"\r\n\r\n"), || format!("not captured in full: {}", bye.message.text()))?;
    check(bye.message.header("Via").contains(";ims-release="), || format!("no mark: {}", bye.message.text()))?;
    Ok(bye)
}

/// What the script said of the requests from somewhere.
fn runs(host: &dyn Host, call_id: &str, source: SocketAddr) -> Vec<Line> {
    let lines = host.lines_of("request", call_id).into_iter();
    lines.filter(|line| line.get("method") == "BYE" && line.get("source") == source.to_string()).collect()
}

/// A mark below another Via may have come back from an application server: the script routes it, as nobody's.
const BELOW: &str = "z9hG4bKtwo";

/// Whether the proxy has all that the forgers sent.
fn arrived(host: &Proxy, call_id: &str, forgers: &[&Peer]) -> bool {
    let wire = dump::read(&host.captures());
    forgers.iter().all(|forger| {
        let from_it = |packet: &&Packet| !packet.sent && packet.source == forger.address() && packet.message.is("BYE");
        wire.iter().filter(from_it).filter(|one| one.message.call_id() == call_id).count() >= forger.sent().len()
    })
}

/// What the forgers sent in the name of the proxy was dropped, without an answer that would come to the proxy itself,
/// and the script saw nothing of it. What might be back from an application server it saw as a stranger's.
fn strangers(host: &Proxy, call_id: &str, forgers: &[&Peer]) -> Result<()> {
    let log = || log_of(host, call_id);
    check(wait_until(PROMPT, || arrived(host, call_id, forgers)), || "not all came in".to_owned())?;
    std::thread::sleep(Duration::from_millis(200));
    for forger in forgers {
        let below = forger.sent().iter().filter(|one| one.branch() == BELOW).count();
        let (seen, from) = (runs(host, call_id, forger.address()), forger.address());
        check(seen.len() == below, || format!("the script saw {} from {from}, not {below}\n{}", seen.len(), log()))?;
        check(seen.iter().all(|line| line.get("ours") == "0"), || format!("a forgery counts as ours\n{}", log()))?;
    }
    let refusals = host.wire().iter().filter(|one| one.sent && one.message.answers("BYE", 481)).count();
    check(refusals == 0, || format!("{refusals} forgeries were answered 481\n{}", log()))
}

/// The same, and the script saw the BYE of the proxy itself as ours, once.
fn told_apart(host: &Proxy, call_id: &str, forgers: &[&Peer]) -> Result<()> {
    let log = || log_of(host, call_id);
    strangers(host, call_id, forgers)?;
    let ours = host.lines_of("request", call_id).into_iter().filter(|line| line.get("ours") == "1").count();
    check(ours == 1, || format!("{ours} requests count as ours\n{}", log()))?;
    let own = runs(host, call_id, host.address());
    check(own.len() == 1 && own[0].get("ours") == "1", || format!("our own BYE: {own:?}\n{}", log()))
}

/// Forgers elsewhere, on the proxy's own address, and where the called user is.
fn forgers(host: &dyn Host, called: SocketAddr) -> Result<[Peer; 3]> {
    Ok([Peer::new()?, Peer::at(host.address().ip())?, Peer::at(called.ip())?])
}

/// What a user agent that knows a mark could try with it: in a transaction of its own, below another Via, changed, with
/// another CSeq. The forger sends it to itself, so that the called user answers our BYE and nothing else.
fn variations(bye: &Message, own: SocketAddr, forger: SocketAddr) -> Vec<Vec<u8>> {
    let via = bye.header("Via");
    let mark = via.split(';').find(|part| part.starts_with("ims-release=")).unwrap_or_default();
    let [from, to, call_id] = ["From", "To", "Call-ID"].map(|name| bye.header(name));
    let number = bye.cseq().0;
    let fresh = |branch: &str, parameter: &str| format!("Via: SIP/2.0/UDP {own};branch=z9hG4bK{branch}{parameter}\r\n");
    let written = |vias: &str, number: u64| {
        format!(
            "BYE sip:forger@{forger} SIP/2.0\r\n{vias}Route: <sip:{own};lr>\r\nFrom: {from}\r\nTo: {to}\r\n\
             Call-ID: {call_id}\r\nCSeq: {number} BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
    };
    let marked = format!(";{mark}");
    [
        written(&fresh("one", &marked), number),
        written(&format!("{}Via: {via}\r\n", fresh("two", "")), number),
        written(&fresh("three", &marked.replace('0', "1")), number),
        written(&fresh("four", &marked), number + 1),
        written(&fresh("five", &format!("{marked}{marked}")), number),
    ]
    .map(String::into_bytes)
    .to_vec()
}

/// Copies while the called user has not answered yet, and after the end.
#[test]
fn a_copy_is_not_ours_while_the_user_is_slow_nor_afterwards() -> Trial {
    let host = proxy(&[])?;
    let mut script = Script::new(&host, Serves::Calling)?;
    script.called.steps = vec![Step::Bye(Answer::Late(1500))];
    let (call, call_id) = call(&host, "slow", script)?;
    let mut forgers = forgers(&host, call.script.called.address)?;
    release(&host, &call_id)?;
    let bye = looped_bye(&host, &call_id)?.message;
    for forger in &mut forgers {
        forger.send(host.address(), bye.bytes())?;
        for variation in variations(&bye, host.address(), forger.address()) {
            forger.send(host.address(), &variation)?;
        }
    }
    check(host.lines_of("done", &call_id).is_empty(), || "the release was over too soon".to_owned())?;
    let done = host.outcome(&call_id, PROMPT)?;
    check(done.get("outcome") == "completed", || format!("{done:?}\n{}", log_of(&host, &call_id)))?;
    for forger in &mut forgers {
        forger.send(host.address(), bye.bytes())?;
    }
    let [one, two, three] = &forgers;
    told_apart(&host, &call_id, &[one, two, three])?;
    check(host.lines_of("done", &call_id).len() == 1, || "reported twice".to_owned())?;
    Ok(())
}

/// Copies while the script sleeps on the first pass of ours: its transaction is not made yet.
#[test]
fn a_copy_is_not_ours_while_the_script_sleeps() -> Trial {
    let host = proxy(&[])?;
    let mut script = Script::new(&host, Serves::Calling)?;
    Script::ask_the_proxy(&mut script.called, "sleep");
    let (call, call_id) = call(&host, "asleep", script)?;
    let mut forgers = forgers(&host, call.script.called.address)?;
    release(&host, &call_id)?;
    let bye = looped_bye(&host, &call_id)?.message;
    wait_until(PROMPT, || !runs(&host, &call_id, host.address()).is_empty());
    for forger in &mut forgers {
        forger.send(host.address(), bye.bytes())?;
    }
    let done = host.outcome(&call_id, PROMPT)?;
    check(done.get("outcome") == "completed", || format!("{done:?}\n{}", log_of(&host, &call_id)))?;
    let [one, two, three] = &forgers;
    Ok(told_apart(&host, &call_id, &[one, two, three])?)
}

/// Copies that come in before ours does: the first datagram of ours is lost in the proxy.
#[test]
fn a_copy_that_comes_first_is_not_ours() -> Trial {
    let host = proxy(&[])?;
    let mut script = Script::new(&host, Serves::Calling)?;
    Script::ask_the_proxy(&mut script.called, "lost");
    let (call, call_id) = call(&host, "first", script)?;
    let mut forgers = forgers(&host, call.script.called.address)?;
    release(&host, &call_id)?;
    let bye = looped_bye(&host, &call_id)?.message;
    for forger in &mut forgers {
        forger.send(host.address(), bye.bytes())?;
    }
    let [one, two, three] = &forgers;
    let in_time = wait_until(Duration::from_millis(400), || arrived(&host, &call_id, &[one, two, three]));
    check(in_time, || "not seen in time".to_owned())?;
    check(runs(&host, &call_id, host.address()).is_empty(), || "ours was not lost".to_owned())?;
    host.outcome(&call_id, PROMPT)?;
    let [one, two, three] = &forgers;
    told_apart(&host, &call_id, &[one, two, three])?;
    Ok(live::trial::was_released(&host, &call, &call_id, Serves::Calling, (live::trial::CAUSE, live::trial::TEXT))?)
}

/// The far user sees the whole Via stack, and sends the marked BYE back into the proxy as its own.
#[test]
fn the_called_user_sends_our_bye_back() -> Trial {
    let host = proxy(&[])?;
    let mut script = Script::new(&host, Serves::Calling)?;
    script.called.steps = vec![Step::Bye(Answer::Late(1200))];
    let (call, call_id) = call(&host, "back", script)?;
    release(&host, &call_id)?;
    check(wait_until(PROMPT, || !call.byes_to_called().is_empty()), || call.transcript())?;
    let received = call.byes_to_called().remove(0);
    let vias = received.headers("Via");
    // Without the Via that the proxy put on top, as the loop had it; once more with the Route of the loop.
    let below = received.text().replacen(&format!("Via: {}\r\n", vias[0]), "", 1);
    let route = format!("Route: <sip:{};lr>\r\nMax-Forwards:", host.address());
    let mut back = Peer::at(call.script.called.address.ip())?;
    back.send(host.address(), received.bytes())?;
    back.send(host.address(), below.as_bytes())?;
    back.send(host.address(), below.replacen("Max-Forwards:", &route, 1).as_bytes())?;
    host.outcome(&call_id, PROMPT)?;
    // The one as it came has the Via of the proxy on top of the marked one.
    let seen = runs(&host, &call_id, back.address());
    check(seen.len() == 1 && seen[0].get("ours") == "0", || format!("{seen:?}\n{}", log_of(&host, &call_id)))?;
    let own = runs(&host, &call_id, host.address());
    Ok(check(own.len() == 1 && own[0].get("ours") == "1", || format!("our own BYE: {own:?}"))?)
}
