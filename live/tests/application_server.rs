// SPDX-License-Identifier: MIT OR Apache-2.0
//! An application server of the served user on the path: a second proxy, which the call goes to between two passes of
//! the proxy. The BYE on that user's side goes its whole way; where the server is dead it goes past it.

use live::call::{Call, Serves};
use live::dump::Packet;
use live::evidence::Leg;
use live::host::{Host, Result};
use live::proxy::Proxy;
use live::scenario::Script;
use live::trial::{CAUSE, PROMPT, TEXT, Trial, all_good, call, check, proxy, release};
use live::verdict::{Judge, reason};

/// The users whom the server may be there for.
const ROLES: [Serves; 2] = [Serves::Calling, Serves::Called];
/// Proxy, server, proxy.
const HOPS: usize = 3;

/// The leg whose BYE passes service control, and the other.
fn legs(serves: Serves) -> (Leg, Leg) {
    if serves == Serves::Calling { (Leg::Called, Leg::Calling) } else { (Leg::Calling, Leg::Called) }
}

/// A call through the server; `live` asks it for something.
fn through(host: &Proxy, server: &Proxy, serves: Serves, live: &str) -> Result<(Call, String)> {
    let mut script = Script::new(host, serves)?;
    script.passes = 2;
    script.application_server = Some(server.address());
    script.route += &format!(", <sip:{};lr>, <sip:{};lr>", server.address(), host.address());
    if !live.is_empty() {
        let far = if serves == Serves::Calling { &mut script.called } else { &mut script.calling };
        Script::ask_the_proxy(far, live);
    }
    call(host, serves.word(), script)
}

fn started() -> Result<Proxy> {
    let mut server = Proxy::application_server()?;
    server.start()?;
    Ok(server)
}

/// The BYEs that the server received, retransmissions aside.
fn at_the_server(server: &Proxy, call_id: &str) -> Vec<Packet> {
    let ours = |packet: &Packet| packet.message.is("BYE") && packet.message.call_id() == call_id;
    let mut found: Vec<Packet> = server.wire().into_iter().filter(|packet| !packet.sent && ours(packet)).collect();
    found.dedup_by_key(|packet| packet.message.branch());
    found
}

/// What the proxy's script saw of the BYEs: from where, and whether it was told that they are its own.
fn passes_of(host: &Proxy, call_id: &str) -> Vec<(String, String)> {
    let lines = host.lines_of("bye", call_id);
    lines.iter().map(|line| (line.get("source").to_owned(), line.get("ours").to_owned())).collect()
}

#[test]
fn a_bye_goes_through_the_server_and_comes_back() -> Trial {
    for serves in ROLES {
        let (host, server) = (proxy(&[])?, started()?);
        let (call, call_id) = through(&host, &server, serves, "")?;
        check(host.list()?.len() == 1, || "it is not one dialog".to_owned())?;
        release(&host, &call_id)?;
        host.outcome(&call_id, PROMPT)?;
        call.both_byes(PROMPT);
        let (looped, direct) = legs(serves);
        let mut judge = Judge::new(&host, &call, &call_id);
        judge.order();
        judge.bye(looped, HOPS, &reason(CAUSE, TEXT));
        judge.bye(direct, 0, &reason(CAUSE, TEXT));
        let through_it = at_the_server(&server, &call_id);
        judge.same("BYEs at the server", &through_it.len(), &1);
        // On its way back it is no user's request, which would be answered 481, and starts nothing.
        let wanted = [(host.address(), "1"), (server.address(), "0")];
        let wanted = wanted.map(|(source, ours)| (source.to_string(), ours.to_owned())).to_vec();
        judge.same("passes through the script", &passes_of(&host, &call_id), &wanted);
        judge.both_answered();
        judge.ended("completed", CAUSE, "200", "200");
        all_good(&host, &call, &call_id, &judge.verdicts)?;
        let stats = host.stats()?;
        let none = |name: &str| stats[name].to_string().trim_matches('"') == "0";
        check(none("refused_requests") && none("bypassed"), || stats.to_string())?;
    }
    Ok(())
}

#[test]
fn a_dead_server_keeps_nobody_connected() -> Trial {
    for serves in ROLES {
        let (host, mut server) = (proxy(&["FR_TIMER=2000"])?, started()?);
        let (call, call_id) = through(&host, &server, serves, "")?;
        server.kill();
        release(&host, &call_id)?;
        host.outcome(&call_id, PROMPT)?;
        call.both_byes(PROMPT);
        let (looped, direct) = legs(serves);
        let mut judge = Judge::new(&host, &call, &call_id);
        let kept_back: Vec<u64> =
            judge.wire().iter().filter(|one| one.looped() && one.sent).map(|one| one.message.cseq().0).collect();
        let numbers = judge.byes_of_a_bypass(looped, &reason(CAUSE, TEXT));
        judge.same("the next CSeq", &numbers, &vec![kept_back.first().map_or(0, |number| number + 1)]);
        judge.bye(direct, 0, &reason(CAUSE, TEXT));
        let wanted = vec![(host.address().to_string(), "1".to_owned())];
        judge.same("passes through the script", &passes_of(&host, &call_id), &wanted);
        judge.both_answered();
        judge.ended("completed", CAUSE, "200", "200");
        let attempts = if looped == Leg::Called { "2,1" } else { "1,2" };
        let told: Vec<String> =
            host.lines_of("done", &call_id).iter().map(|line| line.get("attempts").to_owned()).collect();
        judge.same("attempts", &told, &vec![attempts.to_owned()]);
        all_good(&host, &call, &call_id, &judge.verdicts)?;
        let stats = host.stats()?;
        check(stats["bypassed"].to_string().trim_matches('"') == "1", || stats.to_string())?;
    }
    Ok(())
}

/// That is its decision: the user stays connected, and this is reported.
#[test]
fn a_server_refuses_the_bye() -> Trial {
    for serves in ROLES {
        let (host, server) = (proxy(&[])?, started()?);
        let (call, call_id) = through(&host, &server, serves, "forbid")?;
        release(&host, &call_id)?;
        host.outcome(&call_id, PROMPT)?;
        let (looped, direct) = legs(serves);
        let mut judge = Judge::new(&host, &call, &call_id);
        judge.no_bye(looped);
        judge.bye(direct, 0, &reason(CAUSE, TEXT));
        judge.same("BYEs at the server", &at_the_server(&server, &call_id).len(), &1);
        let (called, calling) = if looped == Leg::Called { ("403", "200") } else { ("200", "403") };
        judge.ended("partial", CAUSE, called, calling);
        all_good(&host, &call, &call_id, &judge.verdicts)?;
    }
    Ok(())
}
