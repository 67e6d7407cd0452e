// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every example of the module's README, tried: Kamailio starts with each configuration, each command at the prompt
//! works.

use std::fs;

use live::call::{Call, Serves};
use live::host::{Host, Result};
use live::kamailio::{Kamailio, repository};
use live::pair::Pair;
use live::scenario::Script;
use live::trial::{PROMPT, Trial, check, kamailio_of};

const README: &str = "modules/kamailio/ims_release/README.md";

/// The blocks of one language.
fn blocks(language: &str) -> Result<Vec<String>> {
    let file = repository().join(README);
    let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let fence = format!("```{language}\n");
    let found = text.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect();
    Ok(found)
}

/// The first example is a whole script; a call is released with it by each command of the README.
#[test]
fn the_overview_and_all_commands() -> Trial {
    let script = blocks("kamailio")?.into_iter().next().ok_or("the README shows no configuration")?;
    let host = kamailio_of(|_| format!("modparam(\"ims_release\", \"store\", STORE)\n{script}"))?;
    let mut commands = 0;
    for line in blocks("sh")?.iter().flat_map(|block| block.lines()).filter_map(|line| line.strip_prefix("kamcmd ")) {
        let mut played = Script::new(&host, Serves::Calling)?;
        played.route = format!("<sip:{};lr>", host.address());
        let call = Call::start(&host, &format!("document{commands}"), played)?;
        let call_id = call.established()?;
        let found = host.list()?;
        let entry = found.iter().find(|one| one["call_id"] == call_id.as_str()).ok_or("the call is not listed")?;
        let value = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let words: Vec<String> = words(line)
            .into_iter()
            .map(|word| match word.as_str() {
                "ID" => value("id"),
                word => word
                    .replace("ICID", "1234bc9876e")
                    .replace("CALL-ID", &call_id)
                    .replace("FROM-TAG", &value("from_tag"))
                    .replace("TO-TAG", &value("to_tag")),
            })
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (worked, said) = host.command(&words)?;
        check(worked && !said.contains("error:"), || format!("kamcmd {line}: {said}"))?;
        let is_job = words[0] == "ims_release.release" && said.contains("job: ");
        if words[0] == "ims_release.forget" {
            check(said.contains("dropped: 1"), || format!("kamcmd {line}: {said}"))?;
        } else if is_job && words.contains(&"dry") {
            check(said.contains("dry: 1"), || format!("kamcmd {line}: {said}"))?;
            host.release("id", &value("id"), "503", "")?.map_err(|fault| fault.text)?;
        } else if words[0] == "ims_release.release" {
            check(is_job || said.contains("releasing"), || format!("kamcmd {line}: {said}"))?;
            check(call.both_byes(PROMPT), || format!("kamcmd {line}: {}", call.transcript()))?;
            let line = format!("released {call_id}: completed");
            check(live::process::wait_until(PROMPT, || host.log().contains(&line)), || host.log())?;
        } else {
            host.release("id", &value("id"), "503", "")?.map_err(|fault| fault.text)?;
        }
        commands += 1;
    }
    Ok(check(commands >= 14, || format!("only {commands} commands are in the README"))?)
}

/// Words of a shell line; double quotes hold one together.
fn words(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (index, part) in line.split('"').enumerate() {
        match index % 2 {
            1 => found.push(part.to_owned()),
            _ => found.extend(part.split_whitespace().map(str::to_owned)),
        }
    }
    found
}

/// Without it tm of 6.1 is warned of.
const REPLY_MATCHING: &str = "#!ifdef REPLY_MATCHING
modparam(\"tm\", \"reply_matching\", 0)
#!endif
";

/// All other examples fit together into one configuration.
#[test]
fn all_parameters_functions_and_routes() -> Trial {
    let all: String = blocks("kamailio")?.split_off(1).concat();
    let host = kamailio_of(|host| {
        let examples = all
            .replace("/var/lib/kamailio/ims_release", &host.store().display().to_string())
            .replace("127.0.0.1:5060", &host.address().to_string())
            .replace("134217728", "4194304");
        format!(
            "{examples}\n{REPLY_MATCHING}request_route {{ route(ORIGINATING); route(TERMINATING); route(EMERGENCY); route(CREDIT); route(WITHIN_DIALOG); }}"
        )
    })?;
    check(host.store().exists(), || format!("the store is elsewhere\n{all}"))?;
    let log = host.log();
    Ok(check(!log.contains("ERROR") && !log.contains("WARNING: ims_release"), || log.clone())?)
}

/// The callback in Lua beside a script that does no more than it must.
#[test]
fn the_callback_of_a_script_in_lua() -> Trial {
    const ROUTE: &str = "function ksr_request_route()
    KSR.rr.loose_route()
    if KSR.is_INVITE() then
        KSR.rr.record_route()
        KSR.ims_release.track('orig', '')
    end
    KSR.tm.t_relay()
end
";
    let callback = blocks("lua")?.concat();
    check(callback.contains("function ims_release_done("), || callback.clone())?;
    let readme = fs::read_to_string(repository().join(README)).map_err(|error| error.to_string())?;
    let parameter = readme.lines().find(|line| line.starts_with("    modparam(") && line.contains("event_callback"));
    let parameter = parameter.ok_or("the README sets no event_callback")?;
    let mut host = Kamailio::with_script("lua", &format!("{ROUTE}{callback}"), parameter)?;
    host.start()?;
    let mut pair = Pair::new(&host, Serves::Calling, "")?;
    host.release("call", &pair.call_id, "503", "")?.map_err(|fault| fault.text)?;
    pair.answer_byes(PROMPT)?;
    let line = format!("ims-release:done {}: completed", pair.call_id);
    Ok(check(live::process::wait_until(PROMPT, || host.log().contains(&line)), || host.log())?)
}
