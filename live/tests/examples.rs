// SPDX-License-Identifier: MIT OR Apache-2.0
//! The configurations under examples/: each starts as it is, and releases a call.

use live::call::{Call, Serves};
use live::host::{Host, Result};
use live::proxy::Proxy;
use live::scenario::{Answer, Script, Step};
use live::trial::{CAUSE, PROMPT, TEXT, Trial, released_by_rpc, was_released};

fn example(name: &str) -> Result<Proxy> {
    let mut host = Proxy::with_example(name)?;
    host.start()?;
    Ok(host)
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
    let host = example("s-cscf.cfg")?;
    released(&host, Serves::Calling)?;
    Ok(released(&host, Serves::Called)?)
}

#[test]
fn an_s_cscf_whose_script_releases() -> Trial {
    let host = example("s-cscf.cfg")?;
    let mut script = script(&host, Serves::Calling)?;
    let ask = Step::AskForRelease { cseq: script.cseq + 1, header: "X-Credit: gone" };
    script.calling.steps = vec![ask, Step::Bye(Answer::Code(200))];
    script.called.steps = vec![Step::TakeBesideBye { method: "INFO" }];
    let call = Call::start(&host, "credit", script)?;
    let call_id = call.established()?;
    host.outcome(&call_id, PROMPT)?;
    Ok(was_released(&host, &call, &call_id, Serves::Calling, (CAUSE, TEXT))?)
}

#[test]
fn a_proxy_that_serves_neither() -> Trial {
    Ok(released(&example("proxy.cfg")?, Serves::Neither)?)
}
