// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nothing grows: after very many calls that came and went, the file, the process and the room in the store are as after
//! few. 30,000 calls; 1,000,000 with IMS_RELEASE_SOAK=1.
#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::time::Duration;

use ims_release::Error;
use ims_release::dialog::{Serves, User};
use ims_release::pending::Final;
use ims_release::registry::{By, Registry, Settings, Start};
use ims_release::route::Own;
use ims_release::store::shared::SharedConfig;
use ims_release::store::{Id, Insert, Key, SharedStore, Store, WORDS};
use support::proxy::message;
use support::{judge, request};

/// Calls after which all is as it will stay.
const FEW: u64 = 10_000;

/// Kilobytes of this process in memory, without what it shares.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// How many records still fit; takes them out again.
fn room(store: &SharedStore) -> usize {
    let mut ids = Vec::new();
    for number in 0_u128.. {
        // Spread over all parts of the store.
        let group = number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        match store.insert(Key { group, member: group ^ 1 }, &[0xfd; 900], &[0; WORDS]) {
            Ok(Insert::New(id)) => ids.push(id),
            Ok(Insert::Exists(id)) => panic!("{id:?} is there"),
            Err(_) => break,
        }
    }
    ids.iter().for_each(|id: &Id| assert!(store.remove(*id).unwrap()));
    ids.len()
}

/// A call that is released, or ended by a user, refused, forgotten or dropped by time, in turn.
fn call(registry: &Registry<SharedStore>, number: u64, now: u64) {
    let call_id = format!("call-{number}");
    let see = |line: &str| registry.observe(message(&call_id, line).as_bytes(), now).unwrap();
    let invite = message(&call_id, "> INVITE 127 tag=");
    registry.track(invite.as_bytes(), Serves::Calling, now).unwrap();
    see("< 180 INVITE 127");
    if number % 5 == 1 {
        see("< 486 INVITE 127");
        return;
    }
    let id = see("< 200 INVITE 127").id.unwrap();
    see("> ACK 127");
    see("> UPDATE 128 contact=a2");
    see("< 200 UPDATE 128");
    match number % 5 {
        2 => {
            see("> BYE 129");
            see("< 200 BYE 129");
        }
        3 => assert!(registry.drop_dialog(id).unwrap()),
        _ => {
            let (mut called, mut calling) = (vec![0; 2048], vec![0; 2048]);
            let mut random = || Ok::<_, Error>(number);
            let start = Start { by: By::Host, request: &request(), now };
            let started = registry.start(id, &start, &mut random, &mut called, &mut calling).unwrap();
            for (to, bye, bytes) in [(User::Called, started.called, called), (User::Calling, started.calling, calling)]
            {
                let bye = bye.unwrap();
                // A million of them are alike.
                if number < 10 {
                    let tags: [&[u8]; 2] = if to == User::Called { [b"a", b"b"] } else { [b"b", b"a"] };
                    judge(&bytes[..bye.encoded.length], Some(tags[0]), Some(tags[1]), bye.cseq);
                }
                if number % 5 == 0 || to == User::Called {
                    registry.note(id, to, bye.cseq, Final::Code(200), b"", now).unwrap();
                }
            }
        }
    }
}

#[test]
fn nothing_grows() {
    let calls = if std::env::var_os("IMS_RELEASE_SOAK").is_some() { 1_000_000 } else { 3 * FEW };
    let directory = tempfile::tempdir().unwrap();
    let config = SharedConfig {
        directory: directory.path(),
        size: 4 * 1024 * 1024,
        lock_timeout: Duration::from_secs(5),
        owner: None,
        log: &|level, text| println!("{level:?}: {text}"),
    };
    let store = SharedStore::open(&config).unwrap();
    let own = [Own::host(b"s", b"").unwrap()];
    let registry = Registry::new(store, &Settings { own: &own, ..Settings::default() }, Box::new(|_| {})).unwrap();
    let file = || fs::metadata(directory.path().join("ims_release.store")).unwrap().len();
    let mut now = 1_800_000_000_000;
    let mut few = None;
    for number in 0..calls {
        call(&registry, number, now);
        now += 1_000;
        if number % 50 == 0 {
            while !registry.sweep(now, 10_000, &mut |_, _| ()).unwrap().finished {}
        }
        if number + 1 == FEW || number + 1 == calls {
            // All that waits is over by then.
            let later = now + 13 * 60 * 60 * 1_000;
            for at in [now, later, later + 200_000] {
                while !registry.sweep(at, 10_000, &mut |_, _| ()).unwrap().finished {}
            }
            assert_eq!(registry.stats().unwrap().records, 0);
            let as_now = (file(), room(registry.store()));
            let memory = resident();
            let (as_few, memory_then) = *few.get_or_insert((as_now, memory));
            assert_eq!(as_now, as_few);
            assert!(memory <= memory_then + 1024, "{memory_then} KB after {FEW} calls, {memory} KB after {calls}");
            println!("{} calls: {memory} KB, a file of {} octets, room for {}", number + 1, as_now.0, as_now.1);
        }
    }
    let usage = registry.store().usage();
    assert_eq!((usage.damaged, usage.lock_timeouts), (0, 0));
}
