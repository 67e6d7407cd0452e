// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is told of each dialog of a job, and of a Reason that could not be kept.

mod support;

use std::collections::BTreeMap;

use ims_release::dialog::Serves::{Calling, Neither};
use ims_release::dialog::User;
use ims_release::pending::Final::Code;
use ims_release::reason::Reason;
use ims_release::registry::{By, Job, Many, RegistryError, Selector};
use support::proxy::{LIST, Proxy, both, both_with, message};

fn job(dialogs: Many<'_>) -> Job<'_> {
    let reason = Reason::sip(480, b"Maintenance").unwrap();
    Job { dialogs, reason, rate: 1_000, in_flight: 1_000, dry: false, by: By::Rpc }
}

fn make(proxy: &Proxy, job: &Job<'_>) -> u8 {
    proxy.registry.job_make(job, proxy.now()).unwrap()
}

fn step(proxy: &Proxy) {
    proxy.wait(100);
    proxy.sweep();
    let start = &mut |id, number, reason: &Reason<'_>| proxy.start_for(By::Job(number), id, reason).is_ok();
    proxy.registry.job_step(proxy.now(), start).unwrap();
}

/// All items by Call-ID, read in pages.
fn items(proxy: &Proxy, number: u8) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut cursor = 0;
    loop {
        let mut count = 0;
        let visit = &mut |entry: &ims_release::registry::Entry<'_>, item: &ims_release::registry::Item| {
            count += 1;
            let codes = (entry.called.code, entry.calling.code);
            let name = String::from_utf8_lossy(entry.call_id).into_owned();
            assert_eq!(all.insert(name, format!("{item:?} {codes:?}")), None);
        };
        cursor = proxy.registry.job_items(number, cursor, 3, proxy.now(), visit).unwrap();
        assert!(count <= 3);
        if cursor == 0 {
            return all;
        }
    }
}

#[test]
fn each_dialog_of_a_job_is_told_with_what_has_become_of_it() {
    both_with(
        "s",
        |settings| settings.linger = 32_000,
        |proxy| {
            let failed = proxy.registry.job_items(1, 0, 9, proxy.now(), &mut |_, _| ());
            assert!(matches!(failed, Err(RegistryError::NotFound)), "{failed:?}");
            for call in ["done", "pending", "other"] {
                proxy.plain(call);
            }
            proxy.plain("exempt");
            proxy.registry.exempt(message("exempt", "> INFO 200").as_bytes()).unwrap();
            proxy.track("early", Calling, "> INVITE 127 tag=");
            proxy.see("early", "< 180 INVITE 127");
            proxy.call("of-nobody", &[Neither], "");
            // No own entry: neither BYE can be built.
            proxy.track("unroutable", Calling, "> INVITE 127 tag=");
            proxy.see("unroutable", "< 200 INVITE 127 routes=<sip:elsewhere;lr>");
            proxy.see("unroutable", "> ACK 127");
            proxy.start(proxy.dialog("other,a,b").id).unwrap();

            let user = Many::User(b"sip:a@home1.net");
            let dry = make(proxy, &Job { dry: true, ..job(user) });
            step(proxy);
            let expected = |stages: [&str; 6]| -> BTreeMap<String, String> {
                let calls = ["done", "pending", "other", "exempt", "early", "unroutable"];
                calls.iter().zip(stages).map(|(call, stage)| ((*call).to_owned(), stage.to_owned())).collect()
            };
            const UNROUTABLE: &str = "Refused(Dialog(NoOwnRoute)) (0, 0)";
            const OTHER: &str = "Refused(AlreadyReleasing) (0, 0)";
            let counted = expected([
                "NotStarted (0, 0)",
                "NotStarted (0, 0)",
                OTHER,
                "Exempt (0, 0)",
                "Early (0, 0)",
                UNROUTABLE,
            ]);
            assert_eq!(items(proxy, dry), counted);

            let number = make(proxy, &job(user));
            assert_eq!(items(proxy, number), counted);
            step(proxy);
            proxy.note(proxy.dialog("done,a,b").id, User::Called, Code(200));
            proxy.note(proxy.dialog("done,a,b").id, User::Calling, Code(481));
            let at_work = expected([
                "Released(Gone) (200, 481)",
                "Releasing (0, 0)",
                OTHER,
                "Exempt (0, 0)",
                "Early (0, 0)",
                UNROUTABLE,
            ]);
            assert_eq!(items(proxy, number), at_work);
            // To the job that only counts they are under the release of another, or gone.
            let of_dry = items(proxy, dry);
            assert_eq!((of_dry.get("done"), &*of_dry["pending"]), (None, OTHER));

            // What has ended is told while it lingers.
            proxy.note(proxy.dialog("pending,a,b").id, User::Calling, Code(404));
            proxy.note(proxy.dialog("pending,a,b").id, User::Called, Code(200));
            assert_eq!(items(proxy, number)["pending"], "Released(Gone) (200, 404)");
            proxy.wait(33_000);
            proxy.sweep();
            let left = items(proxy, number);
            assert_eq!((left.get("done"), left.get("pending")), (None, None));
            assert_eq!(left["unroutable"], UNROUTABLE);
        },
    );
}

/// A job of the same number that was made later has nothing of it.
#[test]
fn items_are_of_one_job() {
    both_with(
        "s",
        |settings| settings.linger = 32_000,
        |proxy| {
            let id = proxy.plain("x");
            for number in 1..8 {
                make(proxy, &Job { rate: 1_000 + number, ..job(Many::User(b"sip:nobody@x")) });
            }
            let number = make(proxy, &job(Many::All));
            step(proxy);
            assert_eq!(&*items(proxy, number)["x"], "Releasing (0, 0)");
            assert_eq!(make(proxy, &job(Many::Contact(b"sip:nobody@x"))), 1);
            step(proxy);
            let again = (1..9).find_map(|_| {
                let made = make(proxy, &job(Many::Session(b"none")));
                step(proxy);
                (made == number).then_some(made)
            });
            assert_eq!((again, items(proxy, number)), (Some(number), BTreeMap::new()));
            assert_eq!(proxy.find(Selector::Id(id)).len(), 1);
        },
    );
}

/// Its BYEs say the cause alone, and that is said.
#[test]
fn a_text_that_is_too_much_to_keep_is_not_lost_silently() {
    both(|proxy| {
        let mut lost = 0;
        for length in (15_000..16_600).step_by(8) {
            let call = proxy.fresh();
            proxy.track(&call, Calling, "> INVITE 127 tag=");
            let routes = format!("{LIST},<sip:{};lr>", "h".repeat(length)).replace(' ', "");
            let answer = message(&call, &format!("< 200 INVITE 127 routes={routes}"));
            if proxy.registry.observe(answer.as_bytes(), proxy.now()).is_err() {
                break;
            }
            proxy.see(&call, "> ACK 127");
            let id = proxy.dialog(&format!("{call},a,b")).id;
            let byes = proxy.start_raw(id);
            assert_eq!(byes.len(), 2);
            let shown = proxy.find(Selector::Id(id)).remove(0).all;
            let is_lost = shown.contains("text_lost: true");
            for bye in &byes {
                let text = String::from_utf8_lossy(&bye.message).into_owned();
                assert_eq!(!text.contains(";text="), is_lost, "{length}");
            }
            lost += usize::from(is_lost);
            proxy.note(id, User::Called, Code(200));
            proxy.note(id, User::Calling, Code(200));
            let told = proxy.told();
            assert_eq!((told.len(), told[0].1.ends_with(", text lost")), (1, is_lost), "{told:?}");
        }
        assert!(lost > 0);
    });
}
