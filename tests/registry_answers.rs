// SPDX-License-Identifier: MIT OR Apache-2.0
//! What each final answer to a BYE makes of its leg and of the release, and a 2xx that crosses the CANCEL.

mod support;

use ims_release::dialog::Serves::{Calling, Neither};
use ims_release::dialog::User;
use ims_release::pending::Final::{self, Code, NotSent};
use ims_release::pending::LegState::{self, Done, Failed, Gone};
use ims_release::registry::{Noted, RegistryError, Selector, Settings, State, What};
use ims_release::store::Id;
use support::proxy::{Proxy, both, both_with, summary};

const USERS: [(User, User); 2] = [(User::Called, User::Calling), (User::Calling, User::Called)];

/// The record stays for what is asked of it here.
fn lingering(settings: &mut Settings<'_>) {
    settings.linger = 32_000;
}

fn leg(proxy: &Proxy, id: Id, to: User) -> (LegState, u16, u8) {
    let shown = proxy.find(Selector::Id(id)).remove(0);
    let leg = if to == User::Called { shown.called } else { shown.calling };
    (leg.state, leg.code, leg.attempts)
}

/// A release of which both BYEs are direct, so that each answer is that of the user.
fn started(proxy: &Proxy) -> Id {
    let id = proxy.call(&proxy.fresh(), &[Neither], "");
    let pair = proxy.start(id).unwrap();
    assert!(pair.called.is_ok() && pair.calling.is_ok());
    id
}

/// The outcome and its codes, told once.
fn told(proxy: &Proxy) -> String {
    let told = proxy.told();
    assert_eq!(told.len(), 1, "{told:?}");
    told[0].1.split(' ').take(4).collect::<Vec<_>>().join(" ")
}

/// One user answers so, the other 200. No BYE is due after that, whatever time goes by.
fn answered(proxy: &Proxy, to: User, other: User, reply: Final, rows: &str, state: LegState, outcome: &str) {
    let id = started(proxy);
    let shown = proxy.find(Selector::Id(id)).remove(0);
    let cseq = if to == User::Called { shown.called.cseq } else { shown.calling.cseq };
    assert_eq!(proxy.note_reply(id, to, cseq, reply, rows), Noted::Leg, "{reply:?}");
    let code = if let Code(code) = reply { code } else { 0 };
    assert_eq!(leg(proxy, id, to), (state, code, 1), "{reply:?}");
    proxy.wait(5_000);
    assert_eq!((proxy.sweep_due().1, proxy.told()), (vec![], vec![]), "{reply:?}");
    assert!(matches!(proxy.next(id, to), Err(RegistryError::NotReleasing)), "{reply:?}");
    assert!(matches!(proxy.note(id, other, Code(200)), Noted::Ended(_)));
    let codes = if to == User::Called { format!("{code} 200") } else { format!("200 {code}") };
    assert_eq!(told(proxy), format!("{outcome} 503 {codes}"));
    assert_eq!(proxy.dialog(&shown.name).state, State::Released);
    // Late ones, and the same again.
    for late in [reply, Code(200), Code(481)] {
        assert_eq!((proxy.note(id, to, late), proxy.told()), (Noted::Nothing, vec![]));
    }
}

#[test]
fn t54_a_2xx_that_crosses_the_cancel_is_released_at_once() {
    both_with("s", lingering, |proxy| {
        // The host is told to cancel, and what: Call-ID and CSeq of the INVITE. Nobody has answered that, or the host has
        // (TS 24.229 5.4.5.1.1), when the 2xx comes.
        for refused in [None, Some("< 503 INVITE 127 tag=s"), Some("< 487 INVITE 127")] {
            for acknowledged in [false, true] {
                let call = proxy.fresh();
                proxy.track(&call, Calling, "> INVITE 127 tag=");
                proxy.see(&call, "< 180 INVITE 127");
                let early = proxy.dialog(&format!("{call},a,b"));
                assert!(matches!(proxy.start(early.id), Err(RegistryError::Early)));
                assert!(early.all.contains("invite_cseq: 127"), "{}", early.all);
                for line in ["> CANCEL 127 tag=", "< 200 CANCEL 127"].into_iter().chain(refused) {
                    proxy.see(&call, line);
                }
                assert_eq!(proxy.see(&call, "< 200 INVITE 127"), What::Confirmed);
                if acknowledged {
                    // Of the calling user, or of the host in its place.
                    assert_eq!(proxy.see(&call, "> ACK 127"), What::Acknowledged);
                }
                let id = proxy.dialog(&format!("{call},a,b")).id;
                let pair = proxy.start(id).unwrap();
                assert_eq!(summary(&pair), if acknowledged { "128 b1 | drawn a1" } else { "128 b1 | Held" });
                // A host that has to acknowledge for the calling user has all of it: the INVITE's CSeq, the rest is that
                // of this BYE.
                assert_eq!(proxy.find(Selector::Id(id))[0].called.cseq, 128);
                proxy.note(id, User::Called, Code(200));
                if !acknowledged {
                    proxy.wait(33_000);
                    assert_eq!(proxy.sweep_due().1, [(id, User::Calling)]);
                    proxy.next(id, User::Calling).unwrap();
                }
                // He has no such session.
                proxy.note(id, User::Calling, Code(481));
                assert_eq!(told(proxy), "gone 503 200 481");
            }
        }
    });
}

#[test]
fn t58_normal_answers() {
    both(|proxy| {
        for (first, second) in USERS {
            let id = started(proxy);
            for code in [100, 183] {
                assert_eq!(proxy.note(id, first, Code(code)), Noted::Nothing);
            }
            assert_eq!((leg(proxy, id, first).0, proxy.told()), (LegState::Waiting, vec![]));
            assert_eq!(proxy.note(id, first, Code(200)), Noted::Leg);
            // A retransmission: one is still missing, and the dialog is kept.
            assert_eq!(proxy.note(id, first, Code(200)), Noted::Nothing);
            assert_eq!((leg(proxy, id, first), leg(proxy, id, second).0), ((Done, 200, 1), LegState::Waiting));
            assert_eq!((proxy.records() > 0, proxy.told()), (true, vec![]));
            assert!(matches!(proxy.note(id, second, Code(200)), Noted::Ended(_)));
            assert_eq!(told(proxy), "completed 503 200 200");
            assert_eq!((proxy.records(), proxy.note(id, second, Code(200))), (0, Noted::Nothing));
        }
    });
}

#[test]
fn t59_a_user_that_is_gone() {
    both_with("s", lingering, |proxy| {
        for (to, other) in USERS {
            // The host's transaction tells 408 of a time-out.
            for reply in [Code(481), Code(408), NotSent] {
                answered(proxy, to, other, reply, "", Gone, "gone");
            }
            let id = started(proxy);
            proxy.note(id, to, Code(481));
            proxy.wait(32_000);
            proxy.note(id, other, Code(408));
            let codes = if to == User::Called { "481 408" } else { "408 481" };
            assert_eq!(told(proxy), format!("gone 503 {codes}"));
        }
    });
}

#[test]
fn t60_answers_that_end_the_dialog_or_its_session() {
    both_with("s", lingering, |proxy| {
        for (to, other) in USERS {
            // RFC 5057 5.1, table 1: the dialog, then the usage.
            for code in [404, 410, 416, 482, 483, 484, 485, 502, 604, 405, 480, 489, 501] {
                answered(proxy, to, other, Code(code), "", Gone, "gone");
            }
        }
        assert_eq!(proxy.registry.stats().unwrap().counts.retried, 0);
    });
}

#[test]
fn t60_answers_that_end_nothing() {
    both_with("s", lingering, |proxy| {
        for (to, other) in USERS {
            for code in [300, 301, 302, 305, 380] {
                // The Contact of a redirection is not followed (RFC 5057: "not well understood").
                answered(proxy, to, other, Code(code), "Contact: <sip:x@192.0.2.66>\r\n", Failed, "partial");
            }
            for code in [401, 407] {
                let challenge = "WWW-Authenticate: Digest realm=\"x\", nonce=\"y\"\r\n";
                answered(proxy, to, other, Code(code), challenge, Failed, "partial");
            }
            for code in [400, 403, 406, 413, 414, 420, 486, 487, 488, 491, 493, 504, 505, 513, 580, 600, 603, 606, 699]
            {
                answered(proxy, to, other, Code(code), "", Failed, "partial");
            }
        }
        assert_eq!(proxy.registry.stats().unwrap().counts.retried, 0);
    });
}
