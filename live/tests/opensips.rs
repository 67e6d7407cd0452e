// SPDX-License-Identifier: MIT OR Apache-2.0
//! What OpenSIPS alone has: its module dialog, which ends a dialog before the users have answered, local_route, and
//! workers that come and go.

use std::fs;

use live::call::{Call, Serves};
use live::evidence::Leg;
use live::host::{Host, Result};
use live::kamailio::repository;
use live::opensips::Opensips;
use live::proxy::Kind;
use live::scenario::{Answer, Script, Step};
use live::trial::{CAUSE, PROMPT, TEXT, Trial, all_good, call, check, proxy, release, released_by_rpc};
use live::verdict::{Judge, reason};
use serde_json::Value;

const ROLES: [Serves; 3] = [Serves::Calling, Serves::Called, Serves::Neither];

fn is_kamailio() -> Result<bool> {
    let other = Kind::wanted()? == Kind::Kamailio;
    if other {
        println!("only on OpenSIPS");
    }
    Ok(other)
}

fn released(defines: &[&str]) -> Trial {
    let host = proxy(defines)?;
    for serves in ROLES {
        let (call, call_id) = call(&host, serves.word(), Script::new(&host, serves)?)?;
        released_by_rpc(&host, &call, &call_id, serves)?;
    }
    Ok(())
}

#[test]
fn beside_the_module_dialog() -> Trial {
    if is_kamailio()? {
        return Ok(());
    }
    released(&["WITH_DIALOG"])
}

/// With two workers to begin with, and up to four.
#[test]
fn with_workers_that_come_and_go() -> Trial {
    if is_kamailio()? {
        return Ok(());
    }
    released(&["WITH_AUTO_SCALING"])
}

/// The module dialog has ended its dialog when our BYE has passed; the call is known here until its user has answered.
#[test]
fn a_call_is_known_until_both_have_answered() -> Trial {
    if is_kamailio()? {
        return Ok(());
    }
    let host = proxy(&["WITH_DIALOG"])?;
    let mut script = Script::new(&host, Serves::Calling)?;
    script.called.steps = vec![Step::Bye(Answer::Late(1200))];
    let (call, call_id) = call(&host, "late", script)?;
    release(&host, &call_id)?;
    check(live::process::wait_until(PROMPT, || !call.byes_to_called().is_empty()), || call.transcript())?;
    let state = host.show("call", &call_id)?.map_err(|fault| fault.text)?;
    let state = state.get(0).and_then(|one| one.get("state")?.as_str()).unwrap_or_default().to_owned();
    check(state == "releasing", || format!("the call is {state:?}"))?;
    host.outcome(&call_id, PROMPT)?;
    let mut judge = Judge::new(&host, &call, &call_id);
    judge.repeated_bye(Leg::Called, 1, &reason(CAUSE, TEXT));
    judge.bye(Leg::Calling, 0, &reason(CAUSE, TEXT));
    judge.ended("completed", CAUSE, "200", "200");
    Ok(all_good(&host, &call, &call_id, &judge.verdicts)?)
}

/// It sees who the BYE is from and for, and what it adds goes out; From and To are those of the dialog all the same.
#[test]
fn local_route_runs_for_both() -> Trial {
    if is_kamailio()? {
        return Ok(());
    }
    let host = proxy(&["WITH_LOCAL_ROUTE"])?;
    for serves in ROLES {
        let (call, call_id) = call(&host, serves.word(), Script::new(&host, serves)?)?;
        released_by_rpc(&host, &call, &call_id, serves)?;
        let operator: Vec<String> = [call.byes_to_called(), call.byes_to_calling()]
            .iter()
            .flatten()
            .flat_map(|bye| bye.headers("X-Operator"))
            .collect();
        check(operator == ["was here", "was here"], || format!("{operator:?}\n{}", call.transcript()))?;
        let lines = host.lines_of("local", &call_id);
        let mut seen: Vec<[&str; 2]> = lines.iter().map(|line| [line.get("from"), line.get("to")]).collect();
        seen.sort_unstable();
        let users = ["sip:alice@home1.net", "sip:bob@home1.net"];
        check(seen == [users, [users[1], users[0]]], || format!("local_route saw {seen:?}"))?;
    }
    Ok(())
}

/// The names of 3.x are there in 4.0 too, where the module's own come first.
#[test]
fn the_names_of_the_commands() -> Trial {
    if is_kamailio()? {
        return Ok(());
    }
    let host = proxy(&[])?;
    let which = host.call("which", &[])?.map_err(|fault| fault.text)?;
    let names: Vec<&str> = which.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let style = if names.iter().any(|name| name.starts_with("tm:")) { "ims_release:" } else { "ims_release_" };
    for command in ["release", "list", "show", "forget", "stats", "jobs"] {
        let name = format!("{style}{command}");
        check(names.contains(&name.as_str()), || format!("no {name} among {names:?}"))?;
    }
    host.call("ims_release.stats", &[])?.map_err(|fault| fault.text)?;
    if style == "ims_release:" {
        host.call("ims_release:stats", &[])?.map_err(|fault| fault.text)?;
    }
    Ok(())
}

/// The figures of the module are statistics of OpenSIPS.
#[test]
fn statistics() -> Trial {
    if is_kamailio()? {
        return Ok(());
    }
    let host = proxy(&[])?;
    let (call, call_id) = call(&host, "figures", Script::new(&host, Serves::Calling)?)?;
    released_by_rpc(&host, &call, &call_id, Serves::Calling)?;
    std::thread::sleep(std::time::Duration::from_millis(150));
    for (name, value) in [("tracked", 1), ("releases_completed", 1), ("releases_pending", 0)] {
        let seen = host.statistic(name)?;
        check(seen == value, || format!("{name}: {seen}"))?;
    }
    Ok(())
}

/// What an operator's own configuration has around the examples of the README.
const AROUND: &str = "log_level=3
xlog_level=3
stderror_enabled=yes
syslog_enabled=no
udp_workers=2
socket=udp:@LISTEN_ONE@
mpath=\"@MODULES@/\"
loadmodule \"proto_udp.so\"
loadmodule \"tm/tm.so\"
loadmodule \"sl/sl.so\"
loadmodule \"rr/rr.so\"
loadmodule \"sipmsgops/sipmsgops.so\"
loadmodule \"textops/textops.so\"
loadmodule \"mi_datagram/mi_datagram.so\"
loadmodule \"mi_fifo/mi_fifo.so\"
#!ifdef EVENT_ROUTE
loadmodule \"event_route/event_route.so\"
#!endif
loadmodule \"@OURS@/live_capture.so\"
loadmodule \"@OURS@/ims_release.so\"
modparam(\"live_capture\", \"file\", \"@CAPTURES@/opensips.data\")
modparam(\"mi_datagram\", \"socket_name\", \"@RPC_SOCKET@\")
modparam(\"mi_fifo\", \"fifo_name\", \"@FIFO@\")
modparam(\"mi_fifo\", \"reply_dir\", \"@DIRECTORY@/\")
";

/// The blocks of one language in the README of the module.
fn blocks(language: &str) -> Result<Vec<String>> {
    let file = repository().join("modules/opensips/ims_release/README.md");
    let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let fence = format!("```{language}\n");
    let found = text.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect();
    Ok(found)
}

/// The first example is a whole script; each command of the README does with it what it says.
#[test]
fn the_overview_and_all_commands_of_the_readme() -> Trial {
    if is_kamailio()? {
        return Ok(());
    }
    let script = blocks("opensips")?.into_iter().next().ok_or("the README shows no configuration")?;
    let script: String =
        script.lines().filter(|line| !line.starts_with("loadmodule")).map(|line| format!("{line}\n")).collect();
    let store = "modparam(\"ims_release\", \"store\", \"@STORE@\")\n";
    let mut host = Opensips::with_text(&format!("{AROUND}{store}{script}"))?;
    host.start()?;
    let mut commands = 0;
    for line in blocks("sh")?.iter().flat_map(|block| block.lines()) {
        let line = line.strip_prefix("opensips-cli -x mi ").ok_or_else(|| format!("not a command: {line}"))?;
        let mut played = Script::new(&host, Serves::Calling)?;
        played.route = format!("<sip:{};lr>", host.address());
        let call = Call::start(&host, &format!("document{commands}"), played)?;
        let call_id = call.established()?;
        let found = host.list()?;
        let entry = found.iter().find(|one| one["call_id"] == call_id.as_str()).ok_or("the call is not listed")?;
        let value = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let line = line.replace("=ID", &format!("={}", value("id")));
        let line = line.replace("CALL-ID", &call_id).replace("FROM-TAG", &value("from_tag"));
        let words = words(&line.replace("TO-TAG", &value("to_tag")));
        let (command, parameters) = words.split_first().ok_or("no command")?;
        let parameters: Vec<(&str, &str)> = parameters.iter().filter_map(|word| word.split_once('=')).collect();
        let said = host.named(command, &parameters)?.map_err(|fault| format!("{line}: {}", fault.text))?.to_string();
        let is_dry = said.contains("\"dry\":1") && command == "ims_release_release";
        if command == "ims_release_forget" {
            check(said.contains("\"dropped\":1"), || format!("{line}: {said}"))?;
        } else if command == "ims_release_release" && !is_dry {
            check(said.contains("\"job\":") || said.contains("releasing"), || format!("{line}: {said}"))?;
        } else {
            host.release("id", &value("id"), "503", "")?.map_err(|fault| fault.text)?;
        }
        if command != "ims_release_forget" {
            check(call.both_byes(PROMPT), || format!("{line}: {}", call.transcript()))?;
            let end = format!("released {call_id}: completed");
            check(live::process::wait_until(PROMPT, || host.log().contains(&end)), || host.log())?;
        }
        commands += 1;
    }
    Ok(check(commands >= 14, || format!("only {commands} commands are in the README"))?)
}

/// Words of a shell line; double quotes hold one together.
fn words(line: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match (letter, found.last_mut()) {
            ('"', _) => quoted = !quoted,
            (' ', _) if !quoted => found.push(String::new()),
            (_, Some(last)) => last.push(letter),
            (_, None) => {}
        }
    }
    found
}

/// All other examples fit together into one configuration.
#[test]
fn all_parameters_functions_and_routes_of_the_readme() -> Trial {
    if is_kamailio()? {
        return Ok(());
    }
    let mut host = Opensips::with_text("")?;
    let address = host.address().to_string();
    let store = host.store().display().to_string();
    let examples: String = blocks("opensips")?.split_off(1).concat();
    let examples = examples
        .replace("/var/lib/opensips/ims_release", &store)
        .replace("127.0.0.1:5060", &address)
        .replace("134217728", "4194304");
    check(examples.contains(&store) && examples.contains(&address), || examples.clone())?;
    host.rewrite(&format!(
        "{AROUND}{examples}\nroute {{ route(ORIGINATING); route(CREDIT); route(BLOCKED); route(WITHIN_DIALOG); }}"
    ))?;
    host.start()?;
    let log = host.log();
    Ok(check(!log.contains("ERROR") && !log.contains("WARNING:ims_release"), || log.clone())?)
}
