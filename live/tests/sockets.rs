// SPDX-License-Identifier: MIT OR Apache-2.0
//! A proxy with two sockets records itself twice. The BYE through service control carries both entries, the direct one
//! none, and each leaves from the socket that faces its user.

use live::call::Serves;
use live::evidence::{Leg, entries};
use live::host::Host;
use live::scenario::Script;
use live::trial::{CAUSE, PROMPT, TEXT, Trial, all_good, call, check, proxy, release_to_the_end};
use live::verdict::{self, Judge};

fn released(serves: Serves) -> Trial {
    let host = proxy(&["WITH_TWO_SOCKETS"])?;
    let (call, call_id) = call(&host, "two", Script::new(&host, serves)?)?;
    release_to_the_end(&host, &call_id)?;
    let mut judge = Judge::new(&host, &call, &call_id);
    judge.both_byes(serves, &verdict::reason(CAUSE, TEXT));
    judge.both_answered();
    let (one, two) = (host.address(), host.address_towards_called());
    judge.left_from(Leg::Calling, call.script.calling.address, one);
    judge.left_from(Leg::Called, call.script.called.address, two);
    // The list must really have two entries of the proxy, or nothing was shown.
    let own = |entry: &&String| entry.contains("r2=on");
    let answer = judge.evidence().calling_received.iter().find(|one| one.answers("INVITE", 200));
    let recorded = answer.map(|answer| entries(&answer.headers("Record-Route"))).unwrap_or_default();
    judge.same("own entries in Record-Route", &recorded.iter().filter(own).count(), &2);
    let looped = judge.wire().iter().find(|packet| packet.sent && packet.looped() && packet.message.is("BYE"));
    let arrived = looped.map(|packet| packet.destination);
    let carried = looped.map(|packet| entries(&packet.message.headers("Route"))).unwrap_or_default();
    let wanted = if serves == Serves::Neither { 0 } else { 2 };
    judge.same("own entries on the loop", &carried.iter().filter(own).count(), &wanted);
    // As from the served user: at the socket that faces it.
    let faced = match serves {
        Serves::Calling => Some(one),
        Serves::Called => Some(two),
        Serves::Neither => None,
    };
    judge.same("socket of the loop", &arrived, &faced);
    judge.ended("completed", CAUSE, "200", "200");
    Ok(all_good(&host, &call, &call_id, &judge.verdicts)?)
}

#[test]
fn serving_the_calling_user() -> Trial {
    released(Serves::Calling)
}

#[test]
fn serving_the_called_user() -> Trial {
    released(Serves::Called)
}

#[test]
fn serving_neither() -> Trial {
    released(Serves::Neither)
}

/// On all addresses, as in a container: no socket has the address that the loop comes from. The script sleeps, so that
/// the BYE is sent over the own socket more than once.
#[test]
fn one_socket_on_all_addresses() -> Trial {
    for serves in [Serves::Calling, Serves::Called] {
        let host = proxy(&["WITH_WILDCARD"])?;
        let mut script = Script::new(&host, serves)?;
        let looped = if serves == Serves::Called { &mut script.calling } else { &mut script.called };
        Script::ask_the_proxy(looped, "sleep");
        let (call, call_id) = call(&host, "wildcard", script)?;
        let end = release_to_the_end(&host, &call_id)?;
        check(end.get("outcome") == "completed", || host.log())?;
        check(call.both_byes(PROMPT), || call.transcript())?;
        let passes: Vec<bool> = host.lines_of("bye", &call_id).iter().map(|line| line.get("ours") == "1").collect();
        check(passes == [true], || format!("the script ran for a BYE of ours: {passes:?}\n{}", host.log()))?;
    }
    Ok(())
}
