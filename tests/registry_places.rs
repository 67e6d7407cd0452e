// SPDX-License-Identifier: MIT OR Apache-2.0
//! The places of jobs: what is refused changes nothing, whoever makes a job dies or is overtaken at whichever step.

#[path = "support/stepped.rs"]
mod stepped;
mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use ims_release::dialog::Serves;
use ims_release::reason::Reason;
use ims_release::registry::{By, Job, MAX_JOB, MAX_JOBS, Many, Registry, RegistryError, Settings};
use ims_release::store::{MemoryStore, Store};

use stepped::{BETWEEN, STEPS_LEFT, Stepped};
use support::proxy::{both, message};

const NOW: u64 = 1_800_000_000_000;

fn job(value: &[u8]) -> Job<'_> {
    let reason = Reason::sip(480, b"Maintenance").unwrap();
    Job { dialogs: Many::Contact(value), reason, rate: 100, in_flight: 1_000, dry: true, by: By::Rpc }
}

/// All that is shown of all jobs.
fn shown<S: Store>(registry: &Registry<S>) -> Vec<String> {
    let mut all = Vec::new();
    registry.jobs(&mut |job| all.push(format!("{job:?}"))).unwrap();
    all
}

/// Takes all jobs to their end.
fn finish<S: Store>(registry: &Registry<S>, now: u64) {
    while registry.job_step(now, &mut |_, _, _| unreachable!()).unwrap() {}
}

fn uri(length: usize) -> Vec<u8> {
    [&b"sip:"[..], &vec![b'h'; length - 4]].concat()
}

#[test]
fn a_refused_job_changes_nothing() {
    both(|proxy| {
        let registry = &proxy.registry;
        // The store is full.
        loop {
            let invite = message(&proxy.fresh(), "> INVITE 127 tag=");
            if registry.track(invite.as_bytes(), Serves::Calling, NOW).is_err() {
                break;
            }
        }
        for number in 1..=MAX_JOBS {
            assert_eq!(registry.job_make(&job(&uri(10 + usize::from(number))), NOW).unwrap(), number);
        }
        finish(registry, NOW + 1_500);
        let before = shown(registry);
        assert_eq!(before.len(), usize::from(MAX_JOBS));
        assert!(before.iter().all(|one| one.contains("Finished") && !one.contains("visited: 0")), "{before:?}");

        let text = [b'x'; 512];
        let long = |value: &'static [u8]| Job { reason: Reason::sip(480, &text).unwrap(), ..job(value) };
        let most: &'static [u8] = uri(MAX_JOB - text.len()).leak();
        let too_long: &'static [u8] = uri(MAX_JOB - text.len() + 1).leak();
        for bad in [long(too_long), job(uri(MAX_JOB).leak()), job(b"sip:")] {
            let refused = registry.job_make(&bad, NOW + 2_000);
            assert!(matches!(refused, Err(RegistryError::JobTooLarge | RegistryError::Selector)), "{refused:?}");
            assert_eq!(shown(registry), before);
        }
        let taken = registry.job_make(&long(most), NOW + 2_000).unwrap();
        let after = shown(registry);
        assert_eq!(after.len(), before.len());
        for (number, (before, after)) in (1..).zip(before.iter().zip(&after)) {
            assert_eq!(number == taken, before != after, "{after}");
        }
        assert!(after[usize::from(taken) - 1].contains("figures: Figures { visited: 0, matched: 0,"), "{after:?}");
    });
}

fn stepped() -> Rc<Registry<Stepped>> {
    let store = Stepped(MemoryStore::new(900).unwrap());
    Rc::new(Registry::new(store, &Settings::default(), Box::new(|_| ())).unwrap())
}

/// All places were had once, and one runs.
fn used(registry: &Registry<Stepped>) -> Vec<String> {
    for number in 1..=MAX_JOBS {
        registry.job_make(&job(&uri(10 + usize::from(number))), NOW).unwrap();
        if number < MAX_JOBS {
            finish(registry, NOW + 1_500);
        }
    }
    shown(registry)
}

/// In front of each step of the store in turn.
fn at_each_step(mut test: impl FnMut(u32) -> bool) {
    let steps = (1..).take_while(|step| test(*step)).count();
    assert!(steps > 20, "{steps}");
}

#[test]
fn who_dies_while_he_makes_a_job_leaves_at_most_one_place_unseen() {
    at_each_step(|step| {
        let registry = stepped();
        let before = used(&registry);
        BETWEEN.set(Some(Rc::new(|| panic!("killed"))));
        STEPS_LEFT.set(step);
        let made = catch_unwind(AssertUnwindSafe(|| registry.job_make(&job(b"sip:new"), NOW + 2_000)));
        STEPS_LEFT.set(0);
        BETWEEN.set(None);

        let after = shown(&registry);
        let lost = before.iter().filter(|one| !after.contains(one)).count();
        let new = after.iter().filter(|one| !before.contains(one)).count();
        assert!(lost <= 1 && new <= lost, "step {step}: {after:?}");
        assert!(after.iter().filter(|one| !before.contains(one)).all(|one| one.contains("visited: 0")), "{after:?}");
        // Each place can be had again.
        finish(&registry, NOW + 3_500);
        for number in 0..MAX_JOBS {
            let number = usize::from(number);
            registry.job_make(&job(&uri(100 + number)), NOW + 13_000).unwrap_or_else(|error| {
                panic!("step {step}, job {number}: {error}, {:?}", shown(&registry));
            });
        }
        made.is_err()
    });
}

/// The second comes at once, or when the first passes for dead.
#[test]
fn two_who_make_a_job_at_once_have_one_each() {
    for later in [0, 11_000] {
        at_each_step(|step| {
            let registry = stepped();
            used(&registry);
            let second = Rc::clone(&registry);
            BETWEEN.set(Some(Rc::new(move || {
                second.job_make(&job(b"sip:second"), NOW + 2_000 + later).unwrap();
            })));
            STEPS_LEFT.set(step);
            registry.job_make(&job(b"sip:first"), NOW + 2_000).unwrap();
            let reached = BETWEEN.take().is_none();
            STEPS_LEFT.set(0);
            let all = shown(&registry).join("\n");
            for new in [&b"sip:first"[..], b"sip:second"].iter().take(1 + usize::from(reached)) {
                let new = format!("state: Running, dialogs: {:?}", Many::Contact(new));
                assert_eq!(all.matches(&new).count(), 1, "step {step}: {all}");
            }
            reached
        });
    }
}

/// No record is the one that was read: each place is put back.
#[test]
fn a_place_that_cannot_be_replaced_is_left_as_it_was() {
    at_each_step(|step| {
        let registry = stepped();
        let before = used(&registry);
        let second = Rc::clone(&registry);
        BETWEEN.set(Some(Rc::new(move || {
            let (store, mut ids, mut record) = (&second.store().0, Vec::new(), Vec::new());
            store.scan(0, 900, &mut |id| ids.push(id)).unwrap();
            for id in ids {
                let version = store.read(id, &mut record).unwrap().unwrap().version;
                assert!(store.replace(id, version, &record).unwrap());
            }
        })));
        STEPS_LEFT.set(step);
        let made = registry.job_make(&job(b"sip:new"), NOW + 2_000);
        let reached = BETWEEN.take().is_none();
        STEPS_LEFT.set(0);
        let after = shown(&registry);
        let changed: Vec<usize> = (0..before.len()).filter(|one| after.get(*one) != before.get(*one)).collect();
        let expected = match made {
            Ok(number) => vec![usize::from(number) - 1],
            Err(RegistryError::TooManyJobs) => vec![],
            Err(error) => panic!("step {step}: {error}"),
        };
        assert_eq!((changed, after.len()), (expected, before.len()), "step {step}: {after:?}");
        reached
    });
}

/// A job that is cancelled and made anew while a step of it goes on leaves nothing out.
#[test]
fn a_step_of_the_job_before_moves_no_other() {
    both(|proxy| {
        let calls: Vec<_> = (0..40).map(|_| proxy.plain(&proxy.fresh())).collect();
        let all = || Job { dialogs: Many::All, dry: false, ..job(b"") };
        let number = proxy.registry.job_make(&all(), proxy.now()).unwrap();
        for other in 1..MAX_JOBS {
            let dry = proxy.registry.job_make(&job(&uri(10 + usize::from(other))), proxy.now()).unwrap();
            assert_ne!(dry, number);
        }
        proxy.wait(100);
        proxy.sweep();
        let mut started = Vec::new();
        let mut again = false;
        let mut step = || {
            let now = proxy.now();
            proxy.registry.job_step(now, &mut |id, of, reason| {
                let released = proxy.start_for(By::Job(of), id, reason).is_ok();
                started.extend(released.then_some(id));
                if !core::mem::replace(&mut again, true) {
                    proxy.registry.job_cancel(of).unwrap();
                    assert_eq!(proxy.registry.job_make(&all(), now).unwrap(), number);
                }
                released
            })
        };
        while step().unwrap() {
            proxy.wait(100);
            proxy.sweep();
        }
        assert_eq!(started.len(), calls.len());
    });
}
