// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests of users on a dialog under release (TS 24.229 5.4.5.1.3), and our own BYE, which is none of them.

mod support;

use ims_release::dialog::Serves::{Calling, Neither};
use ims_release::dialog::User;
use ims_release::pending::Final::{Code, NotSent};
use ims_release::registry::{Noted, Pass, Selector, Settings};
use ims_release::store::Id;
use support::proxy::{Proxy, both, both_with, message};

fn lingering(settings: &mut Settings<'_>) {
    settings.linger = 32_000;
}

fn pass(proxy: &Proxy, call: &str, line: &str) -> Pass {
    proxy.registry.recognise(message(call, line).as_bytes(), false, proxy.now()).unwrap()
}

/// What each request of the users is.
fn check(proxy: &Proxy, call: &str, id: Option<Id>) {
    let refused = id.map_or(Pass::NotOurs, Pass::Refused);
    let swallowed = id.map_or(Pass::NotOurs, Pass::Swallowed);
    for method in ["UPDATE", "INFO", "INVITE", "OPTIONS", "BYE", "PRACK", "REFER", "SUBSCRIBE", "X"] {
        for way in [">", "<"] {
            assert_eq!(pass(proxy, call, &format!("{way} {method} 300")), refused, "{way} {method}");
        }
    }
    // Nor is the called user's with the number of the INVITE an ACK to the 2xx.
    for line in ["> ACK 300", "< ACK 300", "< ACK 127"] {
        assert_eq!(pass(proxy, call, line), swallowed, "{line}");
    }
    // The ACK of the 2xx is on its way to the called user, and the INVITE that it belongs to is still to be cancelled.
    for line in ["> ACK 127", "> CANCEL 127", "> INFO 300 tag=other", "> INVITE 127 tag=", "> OPTIONS 1 tag="] {
        assert_eq!(pass(proxy, call, line), Pass::NotOurs, "{line}");
    }
    assert_eq!(pass(proxy, "another", "> INFO 300"), Pass::NotOurs);
    // No reply is, nor what cannot be read: that is for the proxy to refuse.
    assert_eq!(pass(proxy, call, "< 200 INFO 300"), Pass::NotOurs);
    let broken = message(call, "> INFO 300").replace("CSeq: ", "CSeq ");
    assert_eq!(proxy.registry.recognise(broken.as_bytes(), false, proxy.now()).unwrap(), Pass::NotOurs);
    // What comes from the proxy itself: it must not fail on its own requests.
    let own = proxy.registry.recognise(message(call, "> INFO 300").as_bytes(), true, proxy.now()).unwrap();
    assert_eq!(own, Pass::NotOurs);
}

#[test]
fn t56_requests_of_users_are_refused_from_the_start_until_nothing_comes_late_any_more() {
    both_with("s", lingering, |proxy| {
        let id = proxy.plain("x");
        check(proxy, "x", None);
        proxy.start(id).unwrap();
        check(proxy, "x", Some(id));
        proxy.note(id, User::Called, Code(200));
        check(proxy, "x", Some(id));
        proxy.note(id, User::Calling, Code(481));
        check(proxy, "x", Some(id));
        assert!(proxy.registry.stats().unwrap().counts.refused_requests > 50);
        proxy.wait(31_000);
        proxy.sweep();
        check(proxy, "x", Some(id));
        proxy.wait(2_000);
        proxy.sweep();
        check(proxy, "x", None);
    });
    let change = |settings: &mut Settings<'_>| settings.refuse_requests = false;
    both_with("s", change, |proxy| {
        proxy.start(proxy.plain("x")).unwrap();
        check(proxy, "x", None);
    });
}

#[test]
fn where_nothing_is_under_release_nothing_is_read() {
    both_with("s", lingering, |proxy| {
        // A store that is new: nobody knows, until all of it was seen.
        assert!(proxy.registry.is_active(proxy.now()).unwrap());
        proxy.sweep();
        assert!(!proxy.registry.is_active(proxy.now()).unwrap());
        let id = proxy.plain("x");
        proxy.start(id).unwrap();
        assert!(proxy.registry.is_active(proxy.now()).unwrap());
        proxy.note(id, User::Called, Code(200));
        proxy.note(id, User::Calling, Code(200));
        proxy.sweep();
        assert!(proxy.registry.is_active(proxy.now()).unwrap());
        // The longest that a release can last, whatever became of this one.
        proxy.wait(120_000 + 32_000 + 3_000);
        proxy.sweep();
        assert!(!proxy.registry.is_active(proxy.now()).unwrap());
    });
}

#[test]
fn a_bye_passes_where_ours_does_not_end_the_session() {
    both_with("s", lingering, |proxy| {
        // Each: what comes of our BYE to the called user; the calling user's own is its last chance, or of no use.
        for (reply, passes) in
            [(Code(200), false), (Code(481), false), (Code(408), false), (Code(403), true), (NotSent, false)]
        {
            let call = proxy.fresh();
            let id = proxy.call(&call, &[Neither], "");
            proxy.start(id).unwrap();
            assert_eq!(pass(proxy, &call, "> BYE 300"), Pass::Refused(id));
            proxy.note(id, User::Called, reply);
            let expected = if passes { Pass::NotOurs } else { Pass::Refused(id) };
            // One that could not be sent has told the user nothing.
            let expected = if reply == NotSent { Pass::NotOurs } else { expected };
            assert_eq!(pass(proxy, &call, "> BYE 300"), expected, "{reply:?}");
            assert_eq!(pass(proxy, &call, "< BYE 300"), Pass::Refused(id));
            proxy.note(id, User::Calling, Code(200));
            assert_eq!(pass(proxy, &call, "> BYE 300"), expected, "{reply:?}");
            assert_eq!(pass(proxy, &call, "> INFO 300"), Pass::Refused(id));
        }
        let id = proxy.call("one", &[Calling], "< 200 INVITE 127 contact=*; OK");
        proxy.start(id).unwrap();
        assert_eq!(
            (pass(proxy, "one", "> BYE 300"), pass(proxy, "one", "< BYE 300")),
            (Pass::NotOurs, Pass::Refused(id))
        );
    });
    // Nothing was answered by the deadline.
    let change = |settings: &mut Settings<'_>| (settings.linger, settings.attempt) = (32_000, 1_000_000);
    both_with("s", change, |proxy| {
        let id = proxy.plain("x");
        proxy.start(id).unwrap();
        proxy.wait(120_000);
        proxy.sweep();
        assert_eq!((pass(proxy, "x", "> BYE 300"), pass(proxy, "x", "< BYE 300")), (Pass::NotOurs, Pass::NotOurs));
    });
}

/// A release, and its BYE as it comes to the proxy's own socket.
fn looped(proxy: &Proxy, call: &str) -> (Id, String) {
    let id = proxy.plain(call);
    let bye = proxy.start(id).unwrap().called.unwrap();
    let via = "Via: SIP/2.0/UDP s:5060;branch=z9hG4bK1";
    let printed = bye.message.replacen("\r\n", &format!("\r\n{via}\r\n"), 1);
    let mut buffer = vec![0; 4096];
    let ours = bye.message.as_bytes();
    let length = proxy.registry.adopt(id, User::Called, ours, printed.as_bytes(), &mut buffer).unwrap();
    (id, String::from_utf8(buffer[..length].to_vec()).unwrap())
}

/// It has the From of the calling user, who has sent nothing.
#[test]
fn our_bye_that_comes_back_late_says_nothing_of_a_user() {
    both(|proxy| {
        let (id, looped) = looped(proxy, "x");
        proxy.note(id, User::Called, Code(200));
        assert_eq!(proxy.registry.recognise(looped.as_bytes(), false, proxy.now()).unwrap(), Pass::Refused(id));
        proxy.note(id, User::Calling, Code(403));
        assert!(proxy.told()[0].1.starts_with("partial 503 200 403 "));
    });
}

#[test]
fn t56b_our_bye_passes_again_after_an_application_server() {
    both(|proxy| {
        let (id, looped) = looped(proxy, "x");
        let recognise = |message: &str, own| proxy.registry.recognise(message.as_bytes(), own, proxy.now()).unwrap();
        assert_eq!(recognise(&looped, true), Pass::First(id));
        // Its own branch on top, as it comes back; rows and lists are the same.
        let back =
            looped.replacen("\r\n", "\r\nVia: SIP/2.0/UDP as;branch=z9hG4bKas, SIP/2.0/UDP s;branch=z9hG4bK3\r\n", 1);
        let list = looped.replace("Via: ", "Via: SIP/2.0/UDP as;branch=z9hG4bKas, ");
        for copy in [&back, &list] {
            assert_eq!(recognise(copy, false), Pass::NotOurs);
        }
        // T56c: not one that has another number, nor another mark, nor none.
        let digit = looped.split(";ims-release=").nth(1).unwrap().as_bytes()[20];
        let other = if digit == b'0' { '1' } else { '0' };
        let mark = looped.split(";ims-release=").nth(1).unwrap().split("\r\n").next().unwrap();
        let forged = format!("{}{other}{}", &mark[..20], &mark[21..]);
        for copy in [
            back.replace("CSeq: 128", "CSeq: 129"),
            back.replace(mark, &forged),
            back.replace(&format!(";ims-release={mark}"), ""),
            looped.clone(),
        ] {
            assert_eq!(recognise(&copy, false), Pass::Refused(id), "{copy}");
        }
        // Answered, it is over.
        proxy.note(id, User::Called, Code(200));
        assert_eq!(recognise(&back, false), Pass::Refused(id));
    });
}

/// The called user has seen the mark, and puts it below the Via of a BYE of its own with the number of ours.
#[test]
fn a_mark_in_a_bye_of_the_user_to_whom_ours_goes_is_no_mark() {
    both(|proxy| {
        let (id, looped) = looped(proxy, "x");
        let cseq = proxy.find(Selector::Id(id))[0].called.cseq;
        let marked = looped.lines().find(|line| line.contains(";ims-release=")).unwrap();
        let forged = message("x", &format!("< BYE {cseq}")).replace("\r\nFrom: ", &format!("\r\n{marked}\r\nFrom: "));
        assert!(forged.contains(marked));
        assert_eq!(proxy.registry.recognise(forged.as_bytes(), false, proxy.now()).unwrap(), Pass::Refused(id));
        // Nor has ours come out of service control by it: unanswered there, it takes the way past it.
        proxy.registry.sent_on(forged.as_bytes()).unwrap();
        assert_eq!(proxy.note(id, User::Called, Code(408)), Noted::Again);
    });
}
