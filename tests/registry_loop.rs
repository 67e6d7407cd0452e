// SPDX-License-Identifier: MIT OR Apache-2.0
//! Our BYE on its way through the proxy's own socket: mended as the host has printed it, known for one pass, answered.

mod support;

use ims_release::dialog::Serves::{Called, Calling, Neither};
use ims_release::dialog::User;
use ims_release::pending::Final::Code;
use ims_release::registry::{Pass, RegistryError, Selector};
use ims_release::store::Id;
use support::proxy::{Proxy, both};
use support::{Built, judge};

const VIA: &str = "Via: SIP/2.0/UDP s:5060;branch=z9hG4bK1";
const FROM: &str = "From: \"Alice\" <sip:a@home1.net>;tag=a";

/// A BYE as a transaction layer prints it that puts a Via on top and takes From apart.
fn printed(bye: &str) -> String {
    bye.replacen("\r\n", &format!("\r\n{VIA}\r\n"), 1).replace(FROM, "From: Alice <sip:a@home1.net> ;tag=a")
}

/// Mends it; what comes of it goes to the judge.
fn adopt(proxy: &Proxy, id: Id, to: User, ours: &Built, printed: &str) -> Result<String, RegistryError> {
    let mut buffer = vec![0xaa; 4096];
    let (ours, cseq, printed) = (ours.message.as_bytes(), ours.cseq, printed.as_bytes());
    let length = proxy.registry.adopt(id, to, ours, printed, &mut buffer)?;
    assert!(buffer[length..].iter().all(|b| *b == 0xaa));
    let short = proxy.registry.adopt(id, to, ours, printed, &mut buffer[..length - 1]);
    let Err(RegistryError::BufferTooSmall { called, calling }) = short else { panic!("{short:?}") };
    assert_eq!((called, calling), if to == User::Called { (length, 0) } else { (0, length) });
    let [from, to] = if to == User::Called { [b"a", b"b"] } else { [b"b", b"a"] };
    judge(&buffer[..length], Some(from), Some(to), cseq);
    Ok(String::from_utf8(buffer[..length].to_vec()).unwrap())
}

#[test]
fn t56_our_bye_is_known_for_one_pass() {
    both(|proxy| {
        for (serves, marked) in [(Calling, User::Called), (Called, User::Calling)] {
            let id = proxy.call(&proxy.fresh(), &[serves], "");
            let early = proxy.registry.adopt(id, marked, b"", b"", &mut []).unwrap_err();
            assert!(matches!(early, RegistryError::NotReleasing), "{early:?}");
            let pair = proxy.start(id).unwrap();
            let (called, calling) = (pair.called.unwrap(), pair.calling.unwrap());
            let (looped, direct, other) = match marked {
                User::Called => (&called, &calling, User::Calling),
                User::Calling => (&calling, &called, User::Called),
            };
            let incomplete = adopt(proxy, id, marked, looped, &looped.message).unwrap_err();
            assert!(matches!(incomplete, RegistryError::Incomplete), "{incomplete:?}");

            let unmarked = adopt(proxy, id, other, direct, &printed(&direct.message)).unwrap();
            assert_eq!(unmarked.replace(&format!("{VIA}\r\n"), ""), direct.message);
            let bye = adopt(proxy, id, marked, looped, &printed(&looped.message)).unwrap();
            let mark = bye.lines().nth(1).unwrap().strip_prefix(VIA).unwrap().to_owned();
            assert_eq!((&mark[..13], mark.len()), (";ims-release=", 13 + 32));
            assert_eq!(bye.replace(&format!("{VIA}{mark}\r\n"), ""), looped.message);

            let recognise =
                |message: &str, own| proxy.registry.recognise(message.as_bytes(), own, proxy.now()).unwrap();
            let cseq = looped.cseq;
            let mut others = vec![
                unmarked.clone(),
                looped.message.clone(),
                // The mark is that of the other leg and its number.
                unmarked.replace(VIA, &format!("{VIA}{mark}")),
                bye.replace(&format!("CSeq: {cseq}"), &format!("CSeq: {}", cseq + 1)),
                bye.replace(VIA, &format!("Via: SIP/2.0/UDP x;branch=z9hG4bK2\r\n{VIA}")),
                bye.replace("BYE", "INFO"),
                bye.replace(&mark, &mark[..mark.len() - 1]),
                bye.replace(&mark, &format!("{mark}0")),
            ];
            for at in 13..mark.len() {
                let digit = if mark.as_bytes()[at] == b'0' { "1" } else { "0" };
                others.push(bye.replace(&mark, &format!("{}{digit}{}", &mark[..at], &mark[at + 1..])));
            }
            for other in others {
                assert_eq!(recognise(&other, true), Pass::NotOurs, "{other}");
            }
            // T56c: a copy from elsewhere is a user's request like any other.
            assert_eq!(recognise(&bye, false), Pass::Refused(id));

            assert_eq!(recognise(&bye, true), Pass::First(id));
            let later = bye.replace(VIA, "Via: SIP/2.0/TCP s;branch=z9hG4bK2");
            for copy in [&bye, &later] {
                assert_eq!(recognise(copy, true), Pass::Again { id, answered: 0 });
            }
            assert!(matches!(proxy.registry.answered(id, 99), Err(RegistryError::Code)));
            for code in [403, 480] {
                proxy.registry.answered(id, code).unwrap();
                assert_eq!(recognise(&bye, true), Pass::Again { id, answered: code });
            }

            proxy.note(id, marked, Code(480));
            let late = adopt(proxy, id, marked, looped, &printed(&looped.message)).unwrap_err();
            assert!(matches!(late, RegistryError::NotReleasing), "{late:?}");
            proxy.note(id, other, Code(200));
            assert_eq!(recognise(&bye, true), Pass::Again { id, answered: 0 });
            assert!(matches!(proxy.registry.answered(id, 403), Err(RegistryError::NotFound)));
        }
    });
}

#[test]
fn a_direct_bye_leaves_where_its_user_is() {
    let (mo, mt) = ("sip:mo@s;lr", "sip:mt@s;lr");
    let (tcp, udp) = ("sip:s;transport=tcp;r2=on;lr", "sip:s;r2=on;lr");
    let double = format!("< 200 INVITE 127 routes=<sip:pcscf2;lr>,<{tcp}>,<{udp}>,<sip:pcscf1;lr>; OK");
    both(|proxy| {
        for (serves, lines, called, calling) in [
            (Calling, "", mo, mo),
            (Called, "", mt, mt),
            (Neither, "", mt, mo),
            (Calling, &*double, tcp, udp),
            (Neither, &*double, tcp, udp),
        ] {
            let id = proxy.call(&proxy.fresh(), &[serves], lines);
            for (user, expected) in [(User::Called, called), (User::Calling, calling)] {
                assert_eq!(proxy.registry.own_hop(id, user).unwrap(), expected.as_bytes(), "{serves:?}");
            }
        }
        proxy.track("early", Calling, "> INVITE 127 tag=");
        let early = proxy.find(Selector::Call(b"early"))[0].id;
        for (id, expected) in [(early, "Dialog(NoOwnRoute)"), (Id(77), "NotFound")] {
            assert_eq!(format!("{:?}", proxy.registry.own_hop(id, User::Calling).unwrap_err()), expected);
        }
    });
}
