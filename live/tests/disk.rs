// SPDX-License-Identifier: MIT OR Apache-2.0
//! A proxy on a full disk: it does not start without room for its store, and with it each call goes on and is released.
//! The disk is a tmpfs in a mount namespace of that proxy alone. Where not even a user namespace may be had, the kernel
//! instead refuses to make a file longer (RLIMIT_FSIZE).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use live::call::Serves;
use live::host::{Host, Result};
use live::pair::Pair;
use live::proxy::Proxy;
use live::scenario::Script;
use live::trial::{PROMPT, Trial, call, check, release, released_by_rpc};

/// The smallest store that there is, in kilobytes.
const STORE: u32 = 2 << 10;

/// What starts a program on a disk of its own.
enum Disk {
    /// With a tmpfs at a place: the words before its size and that place.
    Mounted(Vec<String>),
    /// No file may become longer than so.
    Limited,
}

impl Disk {
    fn new(place: &Path) -> Result<Self> {
        const MOUNT: &str = r#"mount -t tmpfs -o size="$1"k tmpfs "$2" && shift 2 && exec "$@""#;
        fs::create_dir(place).map_err(|error| error.to_string())?;
        let by_root = ["unshare", "--mount", "sh", "-c", MOUNT, "sh"];
        let by_others = [&["unshare", "--map-root-user"][..], &by_root[1..]].concat();
        for words in [&by_root[..], &by_others] {
            let mut tried = Command::new(words[0]);
            tried.args(&words[1..]).arg("100").arg(place).arg("true");
            if tried.output().is_ok_and(|output| output.status.success()) {
                return Ok(Self::Mounted(words.iter().map(|word| (*word).to_owned()).collect()));
            }
        }
        println!("no mount namespace: the size of files is limited instead");
        Ok(Self::Limited)
    }

    /// The launcher for so many kilobytes.
    fn of(&self, kilobytes: u32, place: &Path) -> Vec<String> {
        match self {
            Self::Mounted(words) => {
                let size = [kilobytes.to_string(), place.display().to_string()];
                words.iter().cloned().chain(size).collect()
            }
            // Blocks of 512 bytes. The signal would be the end of any program that writes.
            Self::Limited => {
                let limit = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", kilobytes * 2);
                ["sh", "-c", &limit, "sh"].map(str::to_owned).to_vec()
            }
        }
    }
}

/// A proxy whose store is at a place that can be mounted over.
fn prepared() -> Result<(Proxy, PathBuf)> {
    let mut host = Proxy::with_parameters(&[("store_size", STORE << 10)])?;
    let place = host.directory().join("disk");
    host.use_store(place.join("store"));
    Ok((host, place))
}

#[test]
fn without_room_for_the_store_it_does_not_start() -> Trial {
    let (mut host, place) = prepared()?;
    host.start_by(Disk::new(&place)?.of(STORE / 2, &place));
    let log = host.refused_start()?;
    let words = ["ERROR", "no room for", "free some, or set a smaller size"];
    let said = log.lines().any(|line| words.iter().all(|word| line.contains(word)));
    Ok(check(said, || format!("no line says {words:?}\n{log}"))?)
}

/// The store had all of its room from the start.
#[test]
fn a_disk_that_fills_up_ends_no_call_and_no_release() -> Trial {
    let (mut host, place) = prepared()?;
    let disk = Disk::new(&place)?;
    match &disk {
        Disk::Mounted(_) => host.start_by(disk.of(STORE * 2, &place)),
        Disk::Limited => {
            // A file that is there keeps its length.
            host.start()?;
            host.stop();
            host.start_by(disk.of(STORE / 2, &place));
        }
    }
    host.start()?;
    let (old, old_id) = call(&host, "old", Script::new(&host, Serves::Calling)?)?;
    if let Disk::Mounted(_) = disk {
        let inside = place.strip_prefix("/").unwrap_or(&place);
        let seen = PathBuf::from(format!("/proc/{}/root", host.worker()?)).join(inside);
        let full = fs::write(seen.join("fill"), vec![1; STORE as usize * 2048]).err();
        let full = full.and_then(|error| error.raw_os_error());
        check(full == Some(nix::errno::Errno::ENOSPC as i32), || format!("the disk is not full: {full:?}"))?;
    }
    let (new, new_id) = call(&host, "new", Script::new(&host, Serves::Called)?)?;
    released_by_rpc(&host, &new, &new_id, Serves::Called)?;
    released_by_rpc(&host, &old, &old_id, Serves::Calling)?;
    // Pages of the store that nothing was written to before.
    let mut pairs = Vec::new();
    for _ in 0..100 {
        pairs.push(Pair::new(&host, Serves::Neither, "")?);
    }
    for pair in &mut pairs {
        release(&host, &pair.call_id)?;
        pair.answer_byes(PROMPT)?;
        let done = host.outcome(&pair.call_id, PROMPT)?;
        check(done.get("outcome") == "completed", || format!("{done:?}"))?;
    }
    let stats = host.stats()?;
    for (name, value) in [("completed", "102"), ("store_failures", "0"), ("damaged", "0"), ("refused_full", "0")] {
        let figure = stats[name].to_string();
        check(figure.trim_matches('"') == value, || format!("{name} is not {value}: {stats}"))?;
    }
    let log = host.log();
    Ok(check(!log.contains("ERROR"), || log.clone())?)
}
