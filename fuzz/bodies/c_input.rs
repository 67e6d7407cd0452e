// SPDX-License-Identifier: MIT OR Apache-2.0
//! Struct contents for the C interface from lines `name=value`, each text in an allocation of its own, so that one
//! octet read behind it is noticed.

use core::cell::RefCell;
use core::ffi::c_int;
use core::ptr;

use ims_release::ffi::dialog::{Fields, Own};
use ims_release::ffi::registry::Config;
use ims_release::ffi::release::Options;
use ims_release::ffi::str::Str;

use super::pieces::number;

/// Texts and arrays that structs point at; they live as long as this does.
#[derive(Default)]
pub struct Memory {
    texts: RefCell<Vec<Box<[u8]>>>,
    rows: RefCell<Vec<Box<[Str]>>>,
    owns: RefCell<Vec<Box<[Own]>>>,
}

impl Memory {
    /// A text, or what is none: an octet 1 in front makes the pointer NULL, a 2 the length negative, too.
    pub fn text(&self, text: &[u8]) -> Str {
        let length = |text: &[u8]| c_int::try_from(text.len()).expect("inputs are small");
        match text {
            [b'\x01', rest @ ..] => Str { s: ptr::null(), len: length(rest) },
            [b'\x02', rest @ ..] => Str { s: ptr::null(), len: -1 - length(rest) },
            text => {
                let kept: Box<[u8]> = text.into();
                let str = Str { s: kept.as_ptr().cast(), len: length(text) };
                self.texts.borrow_mut().push(kept);
                str
            }
        }
    }

    fn rows(&self, texts: Vec<Str>) -> *const Str {
        let kept: Box<[Str]> = texts.into();
        let start = kept.as_ptr();
        self.rows.borrow_mut().push(kept);
        start
    }

    fn owns(&self, owns: Vec<Own>) -> *const Own {
        let kept: Box<[Own]> = owns.into();
        let start = kept.as_ptr();
        self.owns.borrow_mut().push(kept);
        start
    }
}

/// Lines `name=value`.
pub struct Lines<'a> {
    text: &'a [u8],
    memory: &'a Memory,
}

impl<'a> Lines<'a> {
    pub fn new(text: &'a [u8], memory: &'a Memory) -> Self {
        Self { text, memory }
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> + use<'a, '_> {
        let name = name.to_owned();
        self.text
            .split(|b| *b == b'\n')
            .filter_map(move |line| line.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"=")))
    }

    fn text(&self, name: &str) -> Str {
        self.values(name).next().map_or(Str::EMPTY, |value| self.memory.text(value))
    }

    /// The number of that name, of any size and sign, or else `usual`.
    pub fn number(&self, name: &str, usual: i64) -> i64 {
        self.values(name).next().map_or(usual, |value| match value {
            [b'-', digits @ ..] => (number(digits).0 as i64).wrapping_neg(),
            digits => number(digits).0 as i64,
        })
    }

    /// An array and how many it holds. NULL with any number where `name` with a `!` is there.
    fn rows(&self, name: &str) -> (*const Str, usize) {
        let given: Vec<Str> = self.values(name).map(|value| self.memory.text(value)).collect();
        match self.number(&format!("{name}!"), -1) {
            -1 => {
                let count = given.len();
                (self.memory.rows(given), count)
            }
            count => (ptr::null(), count as usize),
        }
    }

    fn owns(&self) -> (*const Own, usize) {
        let own = |uri, host, cookie| Own { uri, host, cookie };
        let mut owns: Vec<Own> =
            self.values("own").map(|uri| own(self.memory.text(uri), Str::EMPTY, Str::EMPTY)).collect();
        owns.extend(self.values("host").map(|host| own(Str::EMPTY, self.memory.text(host), self.text("cookie"))));
        let count = owns.len();
        (self.memory.owns(owns), count)
    }

    /// The size that a struct says of itself: that of its type unless the lines say otherwise.
    fn size<T>(&self) -> u32 {
        self.number("size", size_of::<T>() as i64) as u32
    }

    pub fn config(&self) -> Config {
        let (own, own_count) = self.owns();
        Config {
            struct_size: self.size::<Config>(),
            // The other engine would make files wherever the input says.
            engine: match self.number("engine", 2) as u32 {
                ims_release::ffi::registry::IMS_RELEASE_ENGINE_SHARED => 0,
                engine => engine,
            },
            directory: Str::EMPTY,
            size: self.number("octets", 64 * 1024) as u64,
            uid: 0,
            gid: 0,
            lock_timeout_ms: self.number("timeout", 0) as u32,
            deadline_ms: self.number("deadline", 0) as u32,
            early_lifetime_s: self.number("lifetime", 0) as u32,
            reserved: self.number("reserved", 0) as u32,
            own,
            own_count,
            ended: None,
            env: ptr::null_mut(),
            linger_ms: self.number("linger", 0) as u32,
            attempt_ms: self.number("attempt", 0) as u32,
            dialog_lifetime_s: self.number("dialog-lifetime", 0) as u32,
            policy: self.number("policy", 0) as u32,
            credentials: None,
            unconfirmed: None,
        }
    }

    pub fn fields(&self) -> Fields {
        let (record_route, record_route_count) = self.rows("record-route");
        let (routes_to_called, routes_to_called_count) = self.rows("to-called");
        let (routes_to_calling, routes_to_calling_count) = self.rows("to-calling");
        let (routes_own, routes_own_count) = self.rows("routes-own");
        let (headers, header_count) = self.rows("header");
        let (own, own_count) = self.owns();
        Fields {
            struct_size: self.size::<Fields>(),
            serves: self.number("serves", 1) as u32,
            routes: self.number("routes", 0) as u32,
            reserved: self.number("reserved", 0) as u32,
            call_id: self.text("call-id"),
            from: self.text("from"),
            to: self.text("to"),
            calling_contact: self.text("calling"),
            called_contact: self.text("called"),
            cseq_to_called: self.number("cseq-to-called", 1),
            cseq_to_calling: self.number("cseq-to-calling", -1),
            record_route,
            record_route_count,
            own,
            own_count,
            routes_to_called,
            routes_to_called_count,
            routes_to_calling,
            routes_to_calling_count,
            routes_own,
            routes_own_count,
            contact_address: self.text("address"),
            calling_session_id: self.text("calling-id"),
            called_session_id: self.text("called-id"),
            headers,
            header_count,
        }
    }

    pub fn options(&self) -> Options {
        let (headers, header_count) = self.rows("option-header");
        Options {
            struct_size: self.number("option-size", size_of::<Options>() as i64) as u32,
            form: self.number("form", 0) as u32,
            cause: self.number("cause", 503) as u32,
            q850_cause: self.number("q850", 0) as u32,
            text: self.text("text"),
            q850_text: self.text("q850-text"),
            headers,
            header_count,
            via_sent_by: self.text("via"),
            via_transport: self.text("transport"),
            flags: self.number("flags", 0) as u32,
            job: self.number("option-job", 0) as u32,
            by: 0,
            reserved: 0,
        }
    }
}
