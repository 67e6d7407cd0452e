// SPDX-License-Identifier: MIT OR Apache-2.0
//! The room in the shared store: records of any mix of sizes that come, grow and go leave it as it was, what few records
//! keep of it is there for others, and whoever floods it leaves room for ordinary calls and for what is there to grow.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use ims_release::store::shared::SharedConfig;
use ims_release::store::{Id, Insert, Key, MAX_RECORD, SharedStore, Store, StoreError, WORDS};

fn open(directory: &Path, size: u64) -> SharedStore {
    let lock_timeout = Duration::from_secs(5);
    SharedStore::open(&SharedConfig { directory, size, lock_timeout, owner: None, log: &|_, _| () }).unwrap()
}

/// A store, and what is asked of it.
struct Room {
    store: SharedStore,
    next: u128,
    state: u64,
    _directory: tempfile::TempDir,
}

impl Room {
    fn new(size: u64) -> Self {
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        Self { store: open(directory.path(), size), next: 0, state: 0x1234_5678_9abc_def1, _directory: directory }
    }

    /// Each call is a number of xorshift64.
    fn random(&mut self, below: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 16) as usize % below
    }

    fn insert(&mut self, length: usize) -> Option<Id> {
        self.next += 1;
        let group = self.next.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        match self.store.insert(Key { group, member: group ^ 1 }, &vec![length as u8; length], &[0; WORDS]) {
            Ok(Insert::New(id)) => Some(id),
            Err(StoreError::Full) => None,
            other => panic!("{other:?}"),
        }
    }

    /// Whether there was room for a version of that length; the one before is there if not.
    fn replace(&self, id: Id, length: usize) -> bool {
        let mut found = Vec::new();
        let version = self.store.read(id, &mut found).unwrap().expect("nothing that is there gets lost").version;
        match self.store.replace(id, version, &vec![length as u8; length]) {
            Ok(replaced) => {
                assert!(replaced);
                self.is_whole(id, length);
                true
            }
            Err(StoreError::Full) => {
                self.is_whole(id, found.len());
                false
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn is_whole(&self, id: Id, length: usize) {
        let mut found = Vec::new();
        self.store.read(id, &mut found).unwrap().expect("nothing that is there gets lost");
        assert_eq!(found, vec![length as u8; length]);
    }

    fn remove(&self, id: Id) {
        assert!(self.store.remove(id).unwrap());
    }

    /// Inserts records of one length until one is refused.
    fn fill(&mut self, length: usize) -> Vec<Id> {
        core::iter::from_fn(|| self.insert(length)).collect()
    }

    /// How many records of one length fit; takes them out again.
    fn fits(&mut self, length: usize) -> usize {
        let ids = self.fill(length);
        ids.iter().for_each(|id| self.remove(*id));
        ids.len()
    }

    fn assert_sound(&self, records: usize) {
        let usage = self.store.usage();
        assert_eq!((usage.records as usize, usage.damaged, usage.repairs), (records, 0, 0));
    }
}

/// Lengths of all classes, most of them usual ones.
fn any_length(room: &mut Room) -> usize {
    let (from, to) =
        [(0, 600), (600, 1100), (600, 1100), (600, 1100), (1100, 2400), (2400, MAX_RECORD)][room.random(6)];
    from + room.random(to - from + 1)
}

#[test]
fn what_comes_grows_and_goes_leaves_the_room_there_was() {
    let records = if std::env::var_os("IMS_RELEASE_SOAK").is_some() { 1_000_000 } else { 20_000 };
    let mut room = Room::new(2 << 20);
    let lengths = [100, 900, 2000, 4000, MAX_RECORD];
    let first = lengths.map(|length| room.fits(length));
    let mut there = Vec::new();
    let (mut refused, mut moved) = (0, 0);
    for _ in 0..records {
        let length = any_length(&mut room);
        match room.insert(length) {
            Some(id) => there.push(id),
            None => {
                refused += 1;
                // The store is full: some go, in no order.
                for _ in 0..1 + room.random(there.len()) {
                    let gone = there.swap_remove(room.random(there.len()));
                    room.remove(gone);
                }
            }
        }
        if !there.is_empty() && room.random(3) == 0 {
            let id = there[room.random(there.len())];
            let length = any_length(&mut room);
            moved += u32::from(room.replace(id, length));
        }
    }
    room.assert_sound(there.len());
    there.into_iter().for_each(|id| room.remove(id));
    let last = lengths.map(|length| room.fits(length));
    println!(
        "{records} records, {refused} refused, {moved} replaced; of {lengths:?} octets fit {first:?}, then {last:?}"
    );
    assert_eq!(first, last);
    room.assert_sound(0);
}

#[test]
fn few_records_that_are_left_in_many_pages_keep_them_from_nobody() {
    let mut room = Room::new(1);
    let lengths = [100, 900, 1000, 2000, 4000, MAX_RECORD];
    let empty = lengths.map(|length| room.fits(length));
    for small in [500, 700, 900, 1000, 1500] {
        let ids = room.fill(small);
        // One of 25 is left, in any page.
        let (left, gone): (Vec<_>, Vec<_>) = ids.into_iter().enumerate().partition(|(number, _)| number % 25 == 7);
        gone.iter().for_each(|(_, id)| room.remove(*id));
        for (length, empty) in lengths.into_iter().zip(empty) {
            let fit = room.fits(length);
            assert!(fit * 10 >= empty * 9, "{fit} of {length} octets beside {} of {small}, {empty} alone", left.len());
        }
        for (_, id) in left {
            room.is_whole(id, small);
            room.remove(id);
        }
    }
    room.assert_sound(0);
}

#[test]
fn records_of_a_full_store_grow_as_long_as_their_octets_fit() {
    // From a length to one that needs the next class, and how many of a hundred may grow: all that the pages hold.
    for (from, to, least) in [(500, 700, 100), (700, 900, 25), (900, 1000, 18), (1000, 1500, 5)] {
        let mut room = Room::new(1);
        let mut ids = room.fill(from);
        let all = ids.len();
        // In no order: whole pages do not become empty by themselves.
        for last in (1..all).rev() {
            let other = room.random(last + 1);
            ids.swap(last, other);
        }
        let grown = ids.iter().filter(|id| room.replace(**id, to)).count();
        println!("of {all} records of {from} octets in a full store {grown} grew to {to}");
        assert!(grown * 100 >= all * least, "{grown} of {all} from {from} to {to}");
        // What could not grow can still be replaced by one of its length.
        let mut found = Vec::new();
        for id in &ids {
            room.store.read(*id, &mut found).unwrap().unwrap();
            assert!(room.replace(*id, found.len()), "a record of {} octets in a full store", found.len());
        }
        assert_eq!(room.store.usage().refused_full as usize, 1 + all - grown);
        room.assert_sound(all);
    }
}

#[test]
fn under_too_many_calls_new_ones_are_refused_and_those_there_are_go_on() {
    // A call as the registry keeps it: a record of its INVITE, one of its early dialog, which grows with the 2xx, again
    // with a re-INVITE, and with the reason of its release.
    let mut room = Room::new(1);
    let mut calls: VecDeque<(Id, Id, usize)> = VecDeque::new();
    let (mut taken, mut refused, mut cut) = (0, 0, 0);
    for _ in 0..20_000 {
        let invite = 640 + room.random(200);
        if let Some(invite_id) = room.insert(invite) {
            match room.insert(invite + 60) {
                Some(dialog) => calls.push_back((invite_id, dialog, invite + 60)),
                None => room.remove(invite_id),
            }
            taken += 1;
        } else {
            refused += 1;
        }
        // More calls come than go, each of those there is changes three times.
        for _ in 0..2 {
            let at = room.random(calls.len().max(1));
            if let Some((_, dialog, length)) = calls.get(at).copied() {
                let longer = if length > 1300 { length } else { length + 20 + room.random(180) };
                match room.replace(dialog, longer) {
                    true => calls[at].2 = longer,
                    false => cut += 1,
                }
            }
        }
        if room.random(10) < 6 && calls.len() > 300 {
            let at = room.random(calls.len());
            let (invite, dialog, _) = calls.swap_remove_back(at).unwrap();
            room.remove(invite);
            room.remove(dialog);
        }
    }
    println!("{taken} calls taken, {refused} refused, {cut} changes refused, {} there", calls.len());
    assert!(refused > 1000, "the store was never full");
    assert_eq!(cut, 0, "changes of calls that were taken");
}

#[test]
fn a_flood_of_large_records_leaves_room_for_ordinary_calls() {
    let mut room = Room::new(1);
    let (mut large, mut refused) = (0, 0);
    while refused < 2000 {
        let length = 2401 + room.random(MAX_RECORD - 2400);
        match room.insert(length) {
            Some(_) => large += 1,
            None => refused += 1,
        }
    }
    let ordinary = room.fits(1056);
    println!("{ordinary} ordinary records beside a flood of {large} large ones");
    assert!(ordinary >= 640, "{ordinary} beside {large} large ones");
}
