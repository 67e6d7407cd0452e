// SPDX-License-Identifier: MIT OR Apache-2.0
//! All messages of RFC 4475, RFC 5118 and of a VoLTE subscriber go through capture: the verdict on each and what is
//! taken from it stand in `tests/data/expected.txt`.

mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use ims_release::capture::{Captured, read};
use ims_release::cseq::draw;
use ims_release::dialog::Serves::{Called, Calling, Neither};
use ims_release::dialog::User;
use ims_release::message::StartLine;
use ims_release::pending::Final;
use ims_release::registry::{Selector, Settings, What};
use support::proxy::both_with;

/// What `expected.txt` says of a message: one line for each value that is there, octets outside ASCII as `\xNN`.
fn described(message: &[u8]) -> String {
    let captured = match read(message) {
        Ok(captured) => captured,
        Err(refused) => return format!("  refused at {}: {}\n", refused.offset, refused.fault.text()),
    };
    let Captured { start, call_id, from, to, cseq, method, contact, record_route, route, reliable, session_id, .. } =
        &captured;
    let start = match start {
        StartLine::Request { uri, .. } => format!("to {}", uri.escape_ascii()),
        StartLine::Reply { code } => code.to_string(),
    };
    let mut lines = format!("  {} {cseq} {start}\n", method.escape_ascii());
    let mut line = |name: &str, value: &[u8]| _ = writeln!(lines, "  {name} {}", value.escape_ascii());
    line("Call-ID", call_id);
    line("From", from);
    line("  tag", captured.from_tag());
    line("To", to);
    line("  tag", captured.to_tag());
    contact.iter().for_each(|contact| line("Contact", contact));
    record_route.split(|b| *b == b'\n').filter(|row| !row.is_empty()).for_each(|row| line("Record-Route", row));
    route.split(|b| *b == b'\n').filter(|row| !row.is_empty()).for_each(|row| line("Route", row));
    Some(session_id).filter(|id| !id.is_empty()).iter().for_each(|id| line("Session-ID", id));
    if *reliable {
        line("RSeq", b"");
    }
    lines.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[test]
fn each_message_is_read_as_its_clause_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut files: Vec<String> = Vec::new();
    for folder in ["rfc4475", "rfc5118", "volte"] {
        let names =
            fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        files.extend(
            names
                .filter(|name| name.ends_with(".dat") || name.ends_with(".sip"))
                .map(|name| format!("{folder}/{name}")),
        );
    }
    files.sort();
    assert_eq!(files.len(), 49 + 12 + 26);
    let expected = fs::read_to_string(root.join("expected.txt")).unwrap();
    let mut blocks = expected.split("\n\n").filter(|block| !block.starts_with('#'));
    for file in files {
        let block = blocks.next().unwrap_or_default();
        let block: String =
            block.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
        let read = format!("{file}\n{}", described(&fs::read(root.join(&file)).unwrap()));
        assert_eq!(read, block);
    }
}

/// The own entry of the proxy between the two users of the VoLTE call.
const OWN: &str = "<sip:abcd_11_0_12345678@[2409:8015:8029:9:ffff::21]:5062;lr>";
const CALLING: &str = "<tel:12345678901;phone-context=+86;noa=subscriber;srvattri=national>;tag=12345678";
const CALLED: &str = "<sip:12345678901;phone-context=xx.ims.mnc000.mcc123.3gppnetwork.org@ims.mnc000.mcc123.\
                      3gppnetwork.org;user=phone>;tag=12345678-1234-1234-1234-12345678912";

/// The expected values are worked out by hand: To and the called user's Contact are those of the 200, the calling
/// user's Contact that of the UPDATE before it, each number is one more than the highest of its direction, and none was
/// seen from the called user. The only Record-Route entry is the proxy's own, so that no Route is left towards either
/// user. Its publisher has changed addresses: the requests of one side do not go to the Contacts of the other.
#[test]
fn the_volte_call_is_released_by_the_two_byes_of_its_messages() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/volte");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_str().is_some_and(|path| path.contains("_call_")));
    files.sort();
    let messages: Vec<Vec<u8>> = files.iter().map(|path| fs::read(path).unwrap()).collect();
    let (call, bye) = messages.split_at(12);

    let bye_to = |target: &str, route: &str, from: &str, to: &str, cseq: u32| {
        format!(
            "BYE {target} SIP/2.0\r\n{route}Max-Forwards: 70\r\nReason: SIP;cause=503;text=\"Service Unavailable\"\r\n\
             From: {from}\r\nTo: {to}\r\nCall-ID: 12345678901234567890123456789012@10.189.154.164\r\nCSeq: {cseq} BYE\r\n\
             Content-Length: 0\r\n\r\n"
        )
    };
    let called = "sip:123012345678901@[2409:8015:84e1:3555::1]:8904";
    let calling = "sip:10.189.154.164:5060;Dpt=1234_123";
    let own = format!("Route: {OWN}\r\n");
    let change = |settings: &mut Settings<'_>| settings.check_bye = false;
    both_with("[2409:8015:8029:9:ffff::21]:5062", change, |proxy| {
        for (serves, to_called, to_calling) in [(Calling, &*own, ""), (Called, "", &*own), (Neither, "", "")] {
            use What::{Acknowledged, Confirmed, Counted, Early, Nothing, Refreshed};
            let seen: Vec<What> = proxy.take(serves, call).into_iter().map(Result::unwrap).collect();
            assert_eq!(
                seen,
                [
                    Nothing,
                    Early,
                    Counted,
                    Counted,
                    Refreshed,
                    Refreshed,
                    Early,
                    Counted,
                    Counted,
                    Confirmed,
                    Acknowledged
                ]
            );
            let id = proxy.find(Selector::Message(&call[11]))[0].id;
            let pair = proxy.start(id).unwrap();
            let expected = bye_to(called, to_called, CALLING, CALLED, 12346);
            assert_eq!(pair.called.unwrap().message, expected);
            let expected = bye_to(calling, to_calling, CALLED, CALLING, draw(u64::MAX));
            assert_eq!(pair.calling.unwrap().message, expected);
            for user in [User::Called, User::Calling] {
                proxy.note(id, user, Final::Code(200));
            }
        }
        // Without a release the user's own BYE ends it.
        proxy.take(Calling, call);
        let seen: Vec<What> = proxy.take(Calling, bye).into_iter().map(Result::unwrap).collect();
        assert_eq!((seen, proxy.records()), (vec![What::Ending, What::Ended], 0));
    });
}
