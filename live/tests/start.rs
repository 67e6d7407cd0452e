// SPDX-License-Identifier: MIT OR Apache-2.0
//! What stops the start, with a message that names it, and what does not: a store that is damaged.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use live::call::Serves;
use live::host::{Host, Result};
use live::kamailio::{Kamailio, repository};
use live::proxy::Proxy;
use live::scenario::Script;
use live::trial::{CAUSE, TEXT, Trial, call, check, opensips_can_not, proxy, release_to_the_end, released_by_rpc};

/// The start is refused, and one error line says all of these words.
fn refused(host: &mut dyn Host, words: &[&str]) -> Result<()> {
    let log = host.refused_start()?;
    let said = log.lines().any(|line| line.contains("ERROR") && words.iter().all(|word| line.contains(word)));
    check(said, || format!("no error line says {words:?}:\n{log}"))
}

/// A parameter that is given so is refused, by its name.
fn refused_value(name: &str, value: &str, words: &[&str]) -> Result<()> {
    let (parameter, value_define) = (format!("PARAMETER=\"{name}\""), format!("VALUE={value}"));
    let mut host = Proxy::for_tests(&[&parameter, &value_define])?;
    refused(&mut host, &[&[name], words].concat()).map_err(|error| format!("{name} {value}: {error}"))?;
    check(!host.store().exists(), || format!("{name} {value}: a store was made all the same"))
}

#[test]
fn a_bad_value_is_named() -> Trial {
    refused_value("default_cause", "99", &["99"])?;
    refused_value("default_cause", "700", &["700"])?;
    refused_value("default_cause", "-1", &["-1"])?;
    refused_value("header", "\"Via: SIP/2.0/UDP a;branch=z9hG4bK1\"", &["Via: SIP/2.0/UDP a"])?;
    refused_value("header", "\"Contact: <sip:a@b>\"", &["Contact: <sip:a@b>"])?;
    refused_value("header", "\"no colon here\"", &["no colon here"])?;
    refused_value("deadline", "0", &["0"])?;
    // Less than one attempt (tm's fr_timer, which is 5 seconds, and 10 more) after the longest wait for an ACK.
    refused_value("deadline", "14", &["14 seconds", "15000"])?;
    refused_value("deadline", "47", &["47 seconds", "15000", "33000", "hold"])?;
    refused_value("attempt", "3601", &["3601"])?;
    refused_value("linger", "-1", &["-1"])?;
    for name in ["retry", "bypass", "hold", "refuse_requests", "check_bye", "session_timer"] {
        refused_value(name, "2", &["2"])?;
    }
    refused_value("dialog_lifetime", "0", &["0"])?;
    refused_value("send_rate", "0", &["0"])?;
    refused_value("job_rate", "0", &["0"])?;
    refused_value("job_inflight", "65536", &["65536"])?;
    refused_value("store_size", "-1", &["-1"])?;
    refused_value("loop_address", "\"sip:192.0.2.1:5060\"", &["192.0.2.1"])?;
    refused_value("own", "\"two words\"", &[])?;
    refused_value("store", "\"relative/path\"", &["relative/path"])?;
    Ok(())
}

#[test]
fn a_parameter_that_does_not_exist_is_named() -> Trial {
    Ok(refused_value("no_such_parameter", "1", &[])?)
}

/// A copy of the module that says of itself to be built for version 4 of Kamailio.
fn module_of_version_4(host: &Kamailio) -> Result<PathBuf> {
    let original = host.module();
    let mut octets = fs::read(&original).map_err(|error| format!("{}: {error}", original.display()))?;
    let before = b"\0kamailio ";
    let found = octets.windows(before.len()).position(|part| part == before).ok_or("no version in the module")?;
    octets[found + before.len()] = b'4';
    let copy = host.directory().join("ims_release.so");
    fs::write(&copy, octets).map_err(|error| format!("{}: {error}", copy.display()))?;
    Ok(copy)
}

#[test]
fn a_module_for_another_version_says_so() -> Trial {
    if opensips_can_not("load a module that was built for another version: its core says so, before the module could")?
    {
        return Ok(());
    }
    let path = repository().join("live/hosts/kamailio.cfg");
    let configuration = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut host = Kamailio::with_text(&configuration)?;
    host.start()?;
    check(!host.log().contains("was built for"), || format!("the right module:\n{}", host.log()))?;
    host.stop();
    let module = module_of_version_4(&host)?;
    host.rewrite(&configuration.replace("\"ims_release.so\"", &format!("\"{}\"", module.display())))?;
    Ok(refused(&mut host, &["ims_release", "was built for kamailio 4.", "this is kamailio", "`make kamailio`"])?)
}

/// A header by configuration stands in both BYEs, once.
#[test]
fn a_good_header_is_in_both_byes() -> Trial {
    let header = "VALUE=\"P-Charging-Vector: icid-value=abc;orig-ioi=home1.net\"";
    let host = proxy(&["PARAMETER=\"header\"", header])?;
    let (call, call_id) = call(&host, "header", Script::new(&host, Serves::Calling)?)?;
    released_by_rpc(&host, &call, &call_id, Serves::Calling)?;
    for byes in [call.byes_to_called(), call.byes_to_calling()] {
        let values: Vec<String> = byes.iter().flat_map(|bye| bye.headers("P-Charging-Vector")).collect();
        check(values == ["icid-value=abc;orig-ioi=home1.net"], || format!("P-Charging-Vector: {values:?}"))?;
    }
    Ok(())
}

/// A store somewhere else than where the harness would put it.
fn with_store(path: impl Fn(&Path) -> PathBuf) -> Result<(Proxy, String)> {
    let mut host = Proxy::for_tests(&[])?;
    let store = path(host.directory());
    let text = store.display().to_string();
    host.use_store(store);
    Ok((host, text))
}

#[test]
fn a_store_whose_parent_is_missing() -> Trial {
    let (mut host, store) = with_store(|directory| directory.join("no/such/parent"))?;
    refused(&mut host, &[&store, "does not exist"])?;
    Ok(check(!host.store().exists(), || "it was made".to_owned())?)
}

#[test]
fn a_store_that_cannot_be_written() -> Trial {
    // Not even root can make a directory below a file.
    let (mut host, store) = with_store(|directory| directory.join("file/store"))?;
    fs::write(host.directory().join("file"), "").map_err(|error| error.to_string())?;
    refused(&mut host, &[&store])?;
    let (mut host, store) = with_store(|directory| directory.join("file"))?;
    fs::write(host.directory().join("file"), "").map_err(|error| error.to_string())?;
    refused(&mut host, &[&store, "directory"])?;
    // Nor a file in /proc.
    let (mut host, store) = with_store(|_| PathBuf::from("/proc/ims_release"))?;
    Ok(refused(&mut host, &[&store])?)
}

#[test]
fn a_store_that_another_live_proxy_uses() -> Trial {
    let first = proxy(&[])?;
    let (call, call_id) = call(&first, "first", Script::new(&first, Serves::Calling)?)?;
    let store = first.store();
    let mut second = Proxy::for_tests(&[])?;
    second.use_store(store.clone());
    refused(&mut second, &[&store.display().to_string(), "another"])?;
    // The first is not harmed.
    Ok(released_by_rpc(&first, &call, &call_id, Serves::Calling)?)
}

/// Sets a call up, stops the proxy, does something to the file of the store, starts again: that is said, and new calls
/// work.
fn damaged(damage: impl Fn(&fs::File, u64) -> std::io::Result<()>, words: &str, call_survives: bool) -> Trial {
    let mut host = proxy(&[])?;
    let (old, old_call_id) = call(&host, "old", Script::new(&host, Serves::Calling)?)?;
    host.stop();
    let path = host.store().join("ims_release.store");
    let file = OpenOptions::new().read(true).write(true).open(&path);
    let file = file.map_err(|error| format!("{}: {error}", path.display()))?;
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    damage(&file, length).map_err(|error| error.to_string())?;
    drop(file);
    host.start()?;
    check(host.log().contains(words), || format!("nothing says \"{words}\":\n{}", host.log()))?;
    let after = fs::metadata(&path).map_err(|error| error.to_string())?.len();
    check(after == length, || format!("the file has {after} of {length} octets"))?;
    let (call, call_id) = call(&host, "new", Script::new(&host, Serves::Called)?)?;
    released_by_rpc(&host, &call, &call_id, Serves::Called)?;
    if call_survives {
        released_by_rpc(&host, &old, &old_call_id, Serves::Calling)?;
    }
    Ok(())
}

#[test]
fn a_store_of_another_format_is_put_aside() -> Trial {
    let zeros = vec![0; 65_536];
    damaged(|file, _| file.write_all_at(&zeros, 0), "put aside", false)?;
    damaged(|file, _| file.set_len(0), "put aside", false)
}

#[test]
fn a_store_that_was_cut_is_made_whole() -> Trial {
    damaged(|file, length| file.set_len(length / 2), "was cut", false)?;
    damaged(|file, length| file.set_len(length - 1), "was cut", true)
}

/// Garbage all over the records: at worst those are lost.
#[test]
fn a_store_with_garbage_in_it() -> Trial {
    let garbage = |file: &fs::File, length: u64| {
        let (mut state, mut at) = (0x9e37_79b9_7f4a_7c15_u64, 16_384);
        while at + 8 < length {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            file.write_all_at(&state.to_le_bytes(), at)?;
            at += 200 + (state >> 33) % 4000;
        }
        Ok(())
    };
    damaged(garbage, "", false)
}

/// One of two headers is enough.
#[test]
fn a_store_with_one_damaged_header_keeps_its_calls() -> Trial {
    damaged(|file, _| file.write_all_at(b"damaged", 0), "", true)
}

/// The end of a proxy is reported to nobody: the store tells the next one.
#[test]
fn what_was_released_does_not_come_back() -> Trial {
    let mut host = proxy(&[])?;
    let (_call, call_id) = call(&host, "released", Script::new(&host, Serves::Neither)?)?;
    release_to_the_end(&host, &call_id)?;
    host.restart()?;
    check(host.list()?.is_empty(), || "a released call is in the list".to_owned())?;
    check(!host.log().contains("an earlier run has left"), || host.log())?;
    let fault = host.release("call", &call_id, CAUSE, TEXT)?.err().ok_or("released again")?;
    check(fault.code == 308, || format!("{fault:?}"))?;
    Ok(check(host.lines_of("done", &call_id).len() == 1, || "reported again".to_owned())?)
}
