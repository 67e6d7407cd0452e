// SPDX-License-Identifier: MIT OR Apache-2.0
//! A store that stops in front of a step, so that something else can happen there.

#![allow(dead_code)] // each test binary uses a part of it

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use ims_release::store::{Entry, Id, Insert, Key, MemoryStore, Store, StoreError, Usage, WORDS};

thread_local! {
    /// In front of which step of the store something else happens, and what.
    pub static BETWEEN: RefCell<Option<Rc<dyn Fn()>>> = const { RefCell::new(None) };
    pub static STEPS_LEFT: Cell<u32> = const { Cell::new(0) };
    /// Records that were read.
    pub static READ: Cell<u32> = const { Cell::new(0) };
}

fn step() {
    let left = STEPS_LEFT.get();
    STEPS_LEFT.set(left.saturating_sub(1));
    if left == 1
        && let Some(other) = BETWEEN.take()
    {
        other();
    }
}

/// A store that lets others in.
pub struct Stepped(pub MemoryStore);

impl Store for Stepped {
    fn secret(&self) -> [u8; 16] {
        self.0.secret()
    }

    fn insert(&self, key: Key, record: &[u8], words: &[u64; WORDS]) -> Result<Insert, StoreError> {
        step();
        self.0.insert(key, record, words)
    }

    fn find(&self, key: Key) -> Result<Option<Id>, StoreError> {
        step();
        self.0.find(key)
    }

    fn group(&self, group: u128, ids: &mut Vec<Id>) -> Result<(), StoreError> {
        step();
        self.0.group(group, ids)
    }

    fn read(&self, id: Id, record: &mut Vec<u8>) -> Result<Option<Entry>, StoreError> {
        step();
        READ.set(READ.get() + 1);
        self.0.read(id, record)
    }

    fn replace(&self, id: Id, version: u64, record: &[u8]) -> Result<bool, StoreError> {
        step();
        self.0.replace(id, version, record)
    }

    fn remove(&self, id: Id) -> Result<bool, StoreError> {
        step();
        self.0.remove(id)
    }

    fn remove_version(&self, id: Id, version: u64) -> Result<bool, StoreError> {
        step();
        self.0.remove_version(id, version)
    }

    fn word(&self, id: Id, word: usize) -> Result<Option<u64>, StoreError> {
        step();
        self.0.word(id, word)
    }

    fn compare_exchange(&self, id: Id, word: usize, current: u64, new: u64) -> Result<bool, StoreError> {
        step();
        self.0.compare_exchange(id, word, current, new)
    }

    fn scan(&self, cursor: u64, limit: usize, visit: &mut dyn FnMut(Id)) -> Result<u64, StoreError> {
        step();
        self.0.scan(cursor, limit, visit)
    }

    fn usage(&self) -> Usage {
        self.0.usage()
    }
}
