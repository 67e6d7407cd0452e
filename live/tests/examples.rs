// SPDX-License-Identifier: MIT OR Apache-2.0
//! The configurations under examples/: each starts as it is, and releases a call.

use live::call::{Call, Serves};
use live::evidence::Leg;
use live::host::{Host, Result};
use live::message::Message;
use live::pair::Pair;
use live::peer::Peer;
use live::proxy::Proxy;
use live::scenario::{Answer, Script, Step};
use live::trial::{
    CAUSE, PROMPT, TEXT, Trial, check, log_of, opensips_can_not, release, released_by_rpc, was_released,
};

fn example(name: &str) -> Result<Proxy> {
    let mut host = Proxy::with_example(name)?;
    host.start()?;
    Ok(host)
}

/// The S-CSCF in each language that the host runs: the same proxy.
fn each_s_cscf(test: impl Fn(&Proxy) -> Result<()>) -> Trial {
    let mut names = vec!["s-cscf.cfg"];
    if !opensips_can_not("run scripts of other languages in place of its own")? {
        names.push("s-cscf-lua.cfg");
    }
    for name in names {
        test(&example(name)?).map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(())
}

/// A call by way of the Route that makes the example serve so.
fn script(host: &Proxy, serves: Serves) -> Result<Script> {
    let mut script = Script::new(host, serves)?;
    let parameter = if serves == Serves::Calling { ";orig" } else { "" };
    script.route = format!("<sip:{};lr{parameter}>", host.address());
    Ok(script)
}

fn released(host: &Proxy, serves: Serves) -> Result<()> {
    let call = Call::start(host, serves.word(), script(host, serves)?)?;
    let call_id = call.established()?;
    released_by_rpc(host, &call, &call_id, serves)
}

#[test]
fn an_s_cscf() -> Trial {
    each_s_cscf(|host| {
        released(host, Serves::Calling)?;
        released(host, Serves::Called)
    })
}

#[test]
fn an_s_cscf_whose_script_releases() -> Trial {
    each_s_cscf(|host| {
        let mut script = script(host, Serves::Calling)?;
        let ask = Step::AskForRelease { cseq: script.cseq + 1, header: "X-Credit: gone" };
        script.calling.steps = vec![ask, Step::Bye(Answer::Code(200))];
        script.called.steps = vec![Step::TakeBesideBye { method: "INFO" }];
        let call = Call::start(host, "credit", script)?;
        let call_id = call.established()?;
        host.outcome(&call_id, PROMPT)?;
        was_released(host, &call, &call_id, Serves::Calling, (CAUSE, TEXT))
    })
}

/// The proxy serves the calling user of a call between users who are played by hand.
fn pair(host: &Proxy) -> Result<Pair> {
    let mut pair = Pair::answered_to(host, "served;orig", "", &[])?;
    pair.acknowledge()?;
    Ok(pair)
}

/// The BYE that went through service control, as it left for the own socket.
fn looped_bye(host: &Proxy, call_id: &str) -> Result<Message> {
    let ours = |one: &live::dump::Packet| one.sent && one.looped() && one.message.call_id() == call_id;
    let found = host.wire().into_iter().find(|packet| ours(packet) && packet.message.is("BYE"));
    found.map(|packet| packet.message).ok_or_else(|| format!("no BYE on the loop\n{}", host.log()))
}

/// The script takes no BYE for the network's that is not: neither a user's, nor a copy of the network's.
#[test]
fn an_s_cscf_knows_its_own_bye() -> Trial {
    each_s_cscf(|host| {
        let mut hung_up = pair(host)?;
        hung_up.send(Leg::Calling, "BYE", 102)?;
        let bye = hung_up.bye(Leg::Called, PROMPT)?;
        hung_up.answer(Leg::Called, &bye, 200, &[])?;
        hung_up.user(Leg::Calling).await_message(PROMPT, |one| one.answers("BYE", 200))?;

        let mut released = pair(host)?;
        release(host, &released.call_id)?;
        let byes = [Leg::Called, Leg::Calling].map(|leg| released.bye(leg, PROMPT));
        let copy = looped_bye(host, &released.call_id)?;
        Peer::new()?.send(host.address(), copy.bytes())?;
        for (leg, bye) in [Leg::Called, Leg::Calling].into_iter().zip(byes) {
            released.answer(leg, &bye?, 200, &[])?;
        }
        let done = host.outcome(&released.call_id, PROMPT)?;
        check(done.get("outcome") == "completed", || format!("{done:?}"))?;
        // All that was sent has come to the proxy: the wire is read to the end.
        host.wire();
        for (pair, lines) in [(&hung_up, 0), (&released, 1)] {
            for kind in ["bye", "done"] {
                let said = host.lines_of(kind, &pair.call_id).len();
                check(said == lines, || format!("{kind}: {said}, not {lines}\n{}", log_of(host, &pair.call_id)))?;
            }
        }
        Ok(())
    })
}

#[test]
fn a_proxy_that_serves_neither() -> Trial {
    Ok(released(&example("proxy.cfg")?, Serves::Neither)?)
}
