// SPDX-License-Identifier: MIT OR Apache-2.0
//! A BYE that a user answers 401 or 407: sent once more where the host has credentials for it, failed where it has none.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use ims_release::dialog::Serves::{Calling, Neither};
use ims_release::dialog::User;
use ims_release::pending::Final::Code;
use ims_release::pending::LegState;
use ims_release::registry::{Challenge, MAX_CREDENTIALS, Noted, Selector, Settings};
use ims_release::store::Id;
use support::Built;
use support::proxy::{Proxy, both_challenged};

const ROWS: &str = "WWW-Authenticate: Digest realm=\"home1.net\",\r\n nonce=\"1\"\r\n";
const LINES: &str = "Authorization: Digest username=\"a\", nonce=\"1\"\r\nproxy-authorization : Basic x\r\n";

/// Runs a test with proxies whose host gives these lines, and counts how often it was asked.
fn given(lines: &'static str, test: impl Fn(&Proxy, &AtomicUsize)) {
    let asked = Arc::new(AtomicUsize::new(0));
    let change = |settings: &mut Settings<'_>| settings.linger = 32_000;
    let count = Arc::clone(&asked);
    let credentials = move |_: &Challenge<'_>, text: &mut Vec<u8>| {
        count.fetch_add(1, SeqCst);
        text.extend_from_slice(lines.as_bytes());
    };
    both_challenged(change, credentials, |proxy| {
        asked.store(0, SeqCst);
        test(proxy, &asked);
    });
}

fn leg(proxy: &Proxy, id: Id, to: User) -> (LegState, u16, u8) {
    let shown = proxy.find(Selector::Id(id)).remove(0);
    let leg = if to == User::Called { shown.called } else { shown.calling };
    (leg.state, leg.code, leg.attempts)
}

fn challenged(proxy: &Proxy, id: Id, to: User, code: u16) -> Noted {
    let shown = proxy.find(Selector::Id(id)).remove(0);
    let cseq = if to == User::Called { shown.called.cseq } else { shown.calling.cseq };
    proxy.note_reply(id, to, cseq, Code(code), ROWS)
}

fn credentials(bye: &Built) -> Vec<&str> {
    bye.message.lines().filter(|line| line.to_ascii_lowercase().contains("authorization")).collect()
}

/// What was kept of the lines for a dialog.
fn is_kept(proxy: &Proxy, id: Id) -> bool {
    let mut record = Vec::new();
    proxy.registry.store().read(id, &mut record).unwrap();
    record.windows(6).any(|octets| octets == b"Digest")
}

#[test]
fn a_challenged_bye_is_sent_once_more_with_the_credentials_of_the_host() {
    given(LINES, |proxy, asked| {
        for (code, to) in [(401, User::Called), (407, User::Calling)] {
            asked.store(0, SeqCst);
            let id = proxy.call(&proxy.fresh(), &[Neither], "> UPDATE 129; < INFO 7");
            let pair = proxy.start(id).unwrap();
            let (called, calling) = (pair.called.unwrap(), pair.calling.unwrap());
            let (first, other) = if to == User::Called { (called, User::Calling) } else { (calling, User::Called) };
            assert_eq!(credentials(&first), Vec::<&str>::new());
            assert_eq!(challenged(proxy, id, to, code), Noted::Again);
            assert_eq!((asked.load(SeqCst), leg(proxy, id, to)), (1, (LegState::Idle, code, 1)));
            // A restart: another process sends it.
            proxy.registry.resume(proxy.now()).unwrap();
            proxy.wait(10);
            assert!(proxy.sweep_due().1.contains(&(id, to)));
            let again = proxy.next(id, to).unwrap();
            assert_eq!(
                (again.cseq, credentials(&again)),
                (
                    first.cseq + 1,
                    vec!["Authorization: Digest username=\"a\", nonce=\"1\"", "proxy-authorization : Basic x"]
                )
            );
            assert_eq!(again.request_uri, first.request_uri);
            // Only at the user who has asked for them, and with each further BYE to him.
            assert_eq!(credentials(&proxy.next(id, other).unwrap()), Vec::<&str>::new());
            assert_eq!(proxy.note(id, to, Code(500)), Noted::Again);
            proxy.wait(10);
            assert_eq!(credentials(&proxy.next(id, to).unwrap()).len(), 2);
            assert!(is_kept(proxy, id));
            proxy.note(id, to, Code(200));
            assert!(matches!(proxy.note(id, other, Code(200)), Noted::Ended(_)));
            assert!(!is_kept(proxy, id));
            assert!(proxy.told()[0].1.starts_with("completed 503 200 200 "));
        }
        assert_eq!(proxy.registry.stats().unwrap().counts.retried, 4);
    });
}

#[test]
fn a_second_challenge_has_failed() {
    given(LINES, |proxy, asked| {
        let id = proxy.call("x", &[Neither], "");
        proxy.start(id).unwrap();
        assert_eq!(challenged(proxy, id, User::Called, 401), Noted::Again);
        proxy.wait(10);
        proxy.next(id, User::Called).unwrap();
        assert_eq!(challenged(proxy, id, User::Called, 407), Noted::Leg);
        assert_eq!((asked.load(SeqCst), leg(proxy, id, User::Called)), (1, (LegState::Failed, 407, 2)));
        // The other user is another one.
        assert_eq!(challenged(proxy, id, User::Calling, 407), Noted::Again);
        assert_eq!(asked.load(SeqCst), 2);
    });
}

#[test]
fn of_many_that_note_a_challenge_one_asks() {
    given(LINES, |proxy, asked| {
        for _ in 0..20 {
            asked.store(0, SeqCst);
            let id = proxy.call(&proxy.fresh(), &[Neither], "");
            let cseq = proxy.start(id).unwrap().called.unwrap().cseq;
            let noted: Vec<Noted> = std::thread::scope(|scope| {
                let note = || proxy.note_reply(id, User::Called, cseq, Code(401), ROWS);
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(note)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(noted.iter().filter(|noted| **noted == Noted::Again).count(), 1, "{noted:?}");
            assert!(noted.iter().all(|noted| matches!(noted, Noted::Again | Noted::Nothing)), "{noted:?}");
            assert_eq!((asked.load(SeqCst), leg(proxy, id, User::Called)), (1, (LegState::Idle, 401, 1)));
        }
    });
}

#[test]
fn what_is_no_credentials_changes_nothing() {
    let long: &'static str = format!("Authorization: {}", "x".repeat(MAX_CREDENTIALS)).leak();
    for lines in
        ["", "Authorization: x\r\nRoute: <sip:evil>\r\n", "Authorization: x\r\n\r\nBYE", "Subject: x\n", "x", long]
    {
        given(lines, |proxy, asked| {
            let id = proxy.call("x", &[Neither], "");
            proxy.start(id).unwrap();
            assert_eq!(challenged(proxy, id, User::Called, 401), Noted::Leg);
            assert_eq!((asked.load(SeqCst), leg(proxy, id, User::Called)), (1, (LegState::Failed, 401, 1)));
            assert_eq!(proxy.registry.stats().unwrap().counts.retried, 0);
        });
    }
}

/// No challenge in the reply; one of service control, whose decision it is; one that is too late or of another BYE.
#[test]
fn the_host_is_asked_for_a_users_challenge_alone() {
    given(LINES, |proxy, asked| {
        let id = proxy.call(&proxy.fresh(), &[Neither], "");
        let cseq = proxy.start(id).unwrap().called.unwrap().cseq;
        assert_eq!(proxy.note_reply(id, User::Called, cseq + 1, Code(401), ROWS), Noted::Nothing);
        assert_eq!(proxy.note(id, User::Called, Code(401)), Noted::Leg);
        proxy.wait(120_000);
        assert_eq!(challenged(proxy, id, User::Calling, 401), Noted::Ended(ims_release::pending::Outcome::Failed));
        let id = proxy.call(&proxy.fresh(), &[Calling], "");
        proxy.start(id).unwrap();
        assert_eq!(challenged(proxy, id, User::Called, 407), Noted::Leg);
        assert_eq!((asked.load(SeqCst), leg(proxy, id, User::Called)), (0, (LegState::Failed, 407, 1)));
        assert_eq!(challenged(proxy, id, User::Calling, 407), Noted::Again);
    });
}

#[test]
fn the_host_is_told_what_it_answers() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let credentials = move |challenge: &Challenge<'_>, _: &mut Vec<u8>| {
        let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
        let rows: Vec<String> = challenge.rows.iter().map(|row| text(row)).collect();
        tell.lock().unwrap().push((challenge.id, challenge.to, challenge.code, text(challenge.request_uri), rows));
    };
    both_challenged(
        |_| {},
        credentials,
        |proxy| {
            let id = proxy.plain(&proxy.fresh());
            let uri = proxy.start(id).unwrap().calling.unwrap().request_uri;
            challenged(proxy, id, User::Calling, 407);
            let rows = vec!["WWW-Authenticate: Digest realm=\"home1.net\", nonce=\"1\"".to_owned()];
            assert_eq!(core::mem::take(&mut *told.lock().unwrap()), [(id, User::Calling, 407, uri, rows)]);
        },
    );
}
