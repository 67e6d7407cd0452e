// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is counted of releases: their legs, and what is under way.

mod support;

use ims_release::dialog::Serves::Calling;
use ims_release::dialog::User;
use ims_release::pending::Final::{Code, NotSent};
use ims_release::pending::Outcome;
use ims_release::registry::Noted;
use ims_release::store::Store;
use support::proxy::{both, both_with};

#[test]
fn legs_are_counted_by_their_result() {
    both(|proxy| {
        let legs = || {
            let counts = proxy.registry.stats().unwrap().counts;
            [counts.legs_done, counts.legs_gone, counts.legs_failed, counts.legs_not_built]
        };
        let mut expected = [0; 4];
        for (called, calling, results) in [
            (Code(200), Code(200), [2, 0, 0, 0]),
            (Code(202), Code(481), [1, 1, 0, 0]),
            (NotSent, Code(603), [0, 1, 1, 0]),
        ] {
            let id = proxy.call(&proxy.fresh(), &[Calling], "");
            proxy.start(id).unwrap();
            proxy.registry.sent_on(b"").unwrap();
            // Its own answer, where it did not pass service control, says nothing of the far user.
            proxy.note(id, User::Calling, calling);
            assert_eq!(legs(), expected);
            match called {
                NotSent => {
                    proxy.note(id, User::Called, NotSent);
                    proxy.sweep();
                    proxy.next(id, User::Called).unwrap();
                    proxy.note(id, User::Called, NotSent);
                }
                reply => _ = proxy.note(id, User::Called, reply),
            }
            for (sum, result) in expected.iter_mut().zip(results) {
                *sum += result;
            }
            assert_eq!(legs(), expected, "{called:?} {calling:?}");
        }
        // Of a leg that cannot be built.
        let id = proxy.call(&proxy.fresh(), &[Calling], "< 200 INVITE 127 contact=*; > ACK 127; OK");
        proxy.start(id).unwrap();
        proxy.note(id, User::Calling, Code(200));
        assert_eq!(legs(), [expected[0] + 1, expected[1], expected[2], 1]);
    });
}

#[test]
fn what_is_under_way_is_what_the_sweep_finds() {
    both_with(
        "s",
        |settings| settings.linger = 32_000,
        |proxy| {
            let now = || proxy.now() / 1_000;
            let pending = || {
                proxy.sweep();
                let counts = proxy.registry.stats().unwrap().counts;
                (counts.pending, counts.oldest)
            };
            let ids: Vec<_> = (0..3).map(|_| proxy.plain(&proxy.fresh())).collect();
            assert_eq!(pending(), (0, 0));
            proxy.start(ids[0]).unwrap();
            let first = now();
            proxy.wait(5_000);
            proxy.start(ids[1]).unwrap();
            assert_eq!(pending(), (2, first));
            for user in [User::Called, User::Calling] {
                proxy.note(ids[0], user, Code(200));
            }
            assert_eq!(pending(), (1, now()));
            // Whatever the counters say: a process may die between a release and its count.
            proxy.wait(200_000);
            assert_eq!(pending(), (0, 0));
        },
    );
}

/// The counters are lost to damage: calls are tracked and released all the same, and the next round of the sweep has
/// new ones.
#[test]
fn lost_counters_hinder_no_release() {
    both(|proxy| {
        let counts = || proxy.registry.stats().unwrap().counts;
        let id = proxy.plain("x");
        let store = proxy.registry.store();
        let (mut ids, mut bytes, mut lost) = (Vec::new(), Vec::new(), 0);
        store.scan(0, usize::MAX, &mut |id| ids.push(id)).unwrap();
        for counters in ids {
            if store.read(counters, &mut bytes).unwrap().is_some() && bytes == [0xff] {
                assert!(store.remove(counters).unwrap());
                lost += 1;
            }
        }
        assert_eq!(lost, 4);
        proxy.start(id).unwrap();
        assert_eq!(counts().started, 0);
        proxy.registry.sent_on(b"").unwrap();
        proxy.note(id, User::Called, Code(200));
        assert_eq!(proxy.note(id, User::Calling, Code(200)), Noted::Ended(Outcome::Completed));
        proxy.sweep();
        let next = proxy.plain("y");
        proxy.start(next).unwrap();
        let stats = counts();
        assert_eq!((stats.tracked, stats.started, stats.pending), (1, 1, 0));
        proxy.sweep();
        assert_eq!(counts().pending, 1);
    });
}
