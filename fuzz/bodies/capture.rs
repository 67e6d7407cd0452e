// SPDX-License-Identifier: MIT OR Apache-2.0
//! The messages of calls, captured one by one, then the release of every dialog that came of them.
//!
//! Commands: `c`, `d`, `n` track the INVITE as that of a served calling user, called user, or neither; `o` observes;
//! `f` looks the dialog of the message up; `w` and a number lets so many seconds pass, sweeps, and sends what is due;
//! `r` releases all dialogs; `a` and a code notes it for all BYEs, with the text as the reply; `u` takes releases up
//! again; `e` sends the message on. Without a command an INVITE is tracked and all else observed.

use std::borrow::Cow;

use ims_release::Error;
use ims_release::capture::{Captured, Record, Stage, read};
use ims_release::cseq::CSeqs;
use ims_release::dialog::{Scratch, Serves, User};
use ims_release::message::{list, name_addr};
use ims_release::pending::{Final, Leg};
use ims_release::reason::Reason;
use ims_release::registry::{By, Entry, Pass, Registry, RegistryError, Selector, Settings, Start, State};
use ims_release::release::{Form, Request, plan};
use ims_release::route::Own;
use ims_release::store::{Id, MemoryStore, Store, WORDS};

use super::output::{Expected, check};
use super::pieces::{Piece, number, pieces};

/// What a store holds of a dialog.
type Stored = (Id, Vec<u8>, [u64; WORDS]);

struct Proxy<'a> {
    registry: Registry<MemoryStore>,
    now: u64,
    seen: Vec<Captured<'a>>,
}

/// Runs the target once.
pub fn run(input: &[u8]) {
    // Few records, so that a full store is seen too.
    let store = MemoryStore::new(24).expect("the system has random numbers");
    let own = owns();
    let settings = Settings { own: &own, ..Settings::default() };
    let registry = Registry::new(store, &settings, Box::new(|_| ())).expect("an empty store has room");
    let mut proxy = Proxy { registry, now: 1_800_000_000_000, seen: Vec::new() };
    for piece in pieces(input).take(64) {
        proxy.take_in(&piece);
    }
    proxy.now += 40_000; // no ACK is awaited any more
    proxy.plan_all();
    proxy.release_all();
    proxy.note_all(200, b"");
    // Whatever is due or waits by then, no release outlives its deadline, nor what is known of it its time.
    for left in [State::Released, State::Ending] {
        // After a restart ten deadlines.
        proxy.now += 2_000_000;
        // A sweep among the pieces may have gone half the way: the first ends that round, the second is a whole one.
        for _ in 0..2 {
            while !proxy.sweep(64) {}
        }
        for (id, bytes, _) in proxy.dialogs() {
            assert!(Record::decode(&bytes).is_some_and(|r| r.stage == Stage::Confirmed));
            let state = proxy.shown(id).0;
            assert!(state != State::Releasing && (state != State::Released || left == State::Released));
        }
    }
}

fn owns() -> [Own<'static>; 3] {
    [
        Own::uri(b"<sip:mo@scscf1.home1.net;lr;did=7a1.3>").expect("a URI"),
        Own::host(b"scscf2.home2.net", b"did").expect("a host"),
        Own::host(b"s", b"").expect("a host"),
    ]
}

fn random() -> Result<u64, Error> {
    Ok(0x1234_5678)
}

fn request(form: Form) -> Request<'static> {
    let reason = Reason::sip(503, b"Service Unavailable").expect("a reason");
    Request { reason, headers: &[], form, keep_gruu: false, via: None }
}

impl<'a> Proxy<'a> {
    fn take_in(&mut self, piece: &Piece<'a>) {
        let Piece { command, text } = piece;
        let serves = match command.first() {
            Some(b'c') => Some(Serves::Calling),
            Some(b'd') => Some(Serves::Called),
            Some(b'n') => Some(Serves::Neither),
            None if text.starts_with(b"INVITE ") => Some(Serves::Calling),
            Some(b'w') => {
                self.now = self.now.saturating_add(number(&command[1..]).0.min(1 << 32) * 1_000);
                self.sweep(7);
                return;
            }
            Some(b'r') => return self.release_all(),
            Some(b'a') => return self.note_all(number(&command[1..]).0 as u16, text),
            Some(b'u') => {
                let resumed = self.registry.resume(self.now).expect("a store in memory works");
                assert!(resumed.byes <= 2 * resumed.releases && resumed.unconfirmed == 0);
                return;
            }
            Some(b'e') => return self.registry.sent_on(text).expect("a store in memory works"),
            Some(b'f') => {
                _ = self.registry.find(Selector::Message(text), &mut |_| ());
                _ = self.registry.find(Selector::Dialog(text), &mut |_| ());
                return;
            }
            _ => None,
        };
        let before = self.dialogs();
        // Nobody but the library can make a mark, and none is made here.
        let pass = self.registry.recognise(text, false, self.now).expect("a store in memory works");
        assert!(!matches!(pass, Pass::First(_) | Pass::Again { .. }));
        let (after, record) = (self.dialogs(), |(id, bytes, _): &Stored| (*id, bytes.clone()));
        if matches!(pass, Pass::Refused(_)) {
            // Of a user's BYE it is kept that the user has ended the session.
            assert!(after.iter().map(record).eq(before.iter().map(record)), "what is refused changes no record");
        } else {
            assert_eq!(after, before, "what is recognised changes nothing");
        }
        let refused = match serves {
            Some(serves) => self.registry.track(text, serves, self.now).err(),
            None => self.registry.observe(text, self.now).err(),
        };
        match (read(text), &refused) {
            (Ok(read), None) => self.seen.push(read),
            (Err(fault), Some(RegistryError::Message(refused))) => assert_eq!(fault, *refused),
            (Ok(_), Some(RegistryError::Message(_) | RegistryError::NotAnInvite | RegistryError::Store(_))) => {}
            (read, refused) => panic!("{read:?} and {refused:?}"),
        }
        if let Some(RegistryError::Message(_) | RegistryError::NotAnInvite) = refused {
            assert_eq!(self.dialogs(), before, "a refused message changes nothing");
        }
    }

    /// All dialogs, byte by byte.
    fn dialogs(&self) -> Vec<Stored> {
        let (store, mut all) = (self.registry.store(), Vec::new());
        store.scan(0, usize::MAX, &mut |id| all.push(id)).expect("a store in memory works");
        let stored = all.into_iter().filter_map(|id| {
            let mut bytes = Vec::new();
            let entry = store.read(id, &mut bytes).expect("a store in memory works")?;
            // The counters are a record, too.
            Record::decode(&bytes).is_some().then_some((id, bytes, entry.words))
        });
        stored.collect()
    }

    /// Plans every dialog as it is stored, in both forms.
    fn plan_all(&self) {
        let own = owns();
        for (_, bytes, _) in self.dialogs() {
            let record = Record::decode(&bytes).expect("a dialog");
            let mut scratch = Scratch::default();
            let Ok(dialog) = record.dialog(&own, &mut scratch) else { continue };
            // A copy of its own is the same dialog.
            let kept = dialog.to_owned();
            let dialog = kept.as_dialog();
            for form in [Form::Loop, Form::Bare] {
                let (cseqs, request) = (CSeqs { to_called: Some(record.invite_cseq), to_calling: None }, request(form));
                let plan = plan(&dialog, cseqs, &request, &mut random).expect("the request is sound");
                for leg in [plan.called, plan.calling].into_iter().flatten() {
                    let mut bye = vec![0; leg.encoded_len()];
                    leg.encode_into(&mut bye).expect("the length is known");
                    self.judge(&bye, &record, leg.to(), leg.cseq());
                }
            }
        }
    }

    fn release_all(&self) {
        for (id, bytes, words) in self.dialogs() {
            let record = Record::decode(&bytes).expect("a dialog");
            let [mut called, mut calling] = [(); 2].map(|()| vec![0; 40_000]);
            let form = request(Form::Loop);
            let start = Start { by: By::Host, request: &form, now: self.now };
            let started = self.registry.start(id, &start, &mut random, &mut called, &mut calling);
            let Ok(started) = started else {
                let now = self.dialogs().into_iter().find(|(other, ..)| *other == id);
                assert_eq!(now, Some((id, bytes, words)), "what is not started changes nothing");
                continue;
            };
            for (to, bye, buffer) in
                [(User::Called, started.called, &called), (User::Calling, started.calling, &calling)]
            {
                if let Ok(bye) = bye {
                    self.judge(&buffer[..bye.encoded.length], &record, to, bye.cseq);
                }
            }
        }
    }

    fn note_all(&self, code: u16, reply: &[u8]) {
        for (id, ..) in self.dialogs() {
            let (_, called, calling) = self.shown(id);
            for (to, leg) in [(User::Called, called), (User::Calling, calling)] {
                let what = if code == 0 { Final::NotSent } else { Final::Code(code) };
                let noted = self.registry.note(id, to, leg.cseq, what, reply, self.now);
                assert_eq!(noted.is_err(), code != 0 && !(100..700).contains(&code));
            }
        }
    }

    /// How far a dialog and its legs are.
    fn shown(&self, id: Id) -> (State, Leg, Leg) {
        let mut shown = None;
        let visit = &mut |entry: &Entry<'_>| shown = Some((entry.state, entry.called, entry.calling));
        self.registry.find(Selector::Id(id), visit).expect("a store in memory works");
        shown.expect("a dialog that is stored is found")
    }

    /// Sends what a sweep finds due, as a host does; whether the sweep came to the end.
    fn sweep(&self, limit: usize) -> bool {
        let mut due = Vec::new();
        let tell = &mut |id, to| due.push((id, to));
        let swept = self.registry.sweep(self.now, limit, tell).expect("a store in memory works");
        assert_eq!(swept.due, due.len());
        for (id, to) in due {
            let (state, called, calling) = self.shown(id);
            let before = if to == User::Called { called } else { calling };
            let bytes = self.dialogs().into_iter().find(|(other, ..)| *other == id).expect("it is due").1;
            let record = Record::decode(&bytes).expect("a dialog");
            let mut buffer = vec![0; 40_000];
            match self.registry.next(id, to, &request(Form::Loop), self.now, &mut random, &mut buffer) {
                Ok(bye) => {
                    assert!(state == State::Releasing && (before.attempts == 0 || bye.cseq > before.cseq));
                    self.judge(&buffer[..bye.encoded.length], &record, to, bye.cseq);
                }
                Err(RegistryError::Dialog(_)) => {}
                // The other leg could not be built, which has ended the release.
                Err(RegistryError::NotReleasing) => assert_ne!(self.shown(id).0, State::Releasing),
                Err(error) => panic!("what is due can be sent: {error:?}"),
            }
        }
        swept.finished
    }

    /// A BYE has the identifiers of its dialog, and the targets and routes of messages that were seen.
    fn judge(&self, bye: &[u8], record: &Record<'_>, to: User, cseq: u32) {
        let calling = (record.from, record.from_tag());
        let called = (record.to, record.to_tag());
        let ((from, from_tag), (to, to_tag)) = match to {
            User::Called => (calling, called),
            User::Calling => (called, calling),
        };
        let expected = Expected { call_id: record.call_id, from, to, from_tag, to_tag, cseq };
        let (uri, routes) = check(bye, &expected);
        assert!(self.seen.iter().any(|m| m.from == record.from), "From is one that was seen");
        assert!(self.seen.iter().any(|m| m.to == record.to), "To is one that was seen");

        let contacts = || self.seen.iter().filter_map(|m| m.contact.as_deref());
        let rows = || self.seen.iter().flat_map(|m| m.record_route.split(|b| *b == b'\n'));
        let entries = || rows().flat_map(list::elements).flatten();
        let is_contact = |uri: &[u8]| contacts().flat_map(list::elements).flatten().any(|c| holds(c, uri));
        for route in &routes {
            let cut = name_addr::parse(route).expect("a Route entry can be read");
            assert!(
                entries().any(|entry| entry == *route) || is_contact(cut.uri),
                "a Route entry is one that was seen"
            );
        }
        assert!(is_contact(uri) || entries().any(|entry| holds(entry, uri)), "the Request-URI is one that was seen");
    }
}

/// Whether `uri` is that of the value, without the parts that no Request-URI has.
fn holds(value: &[u8], uri: &[u8]) -> bool {
    let Some(cut) = name_addr::parse(value) else { return false };
    let stripped = match ims_release::message::uri::parse(cut.uri) {
        Some(parsed) => Cow::Owned(
            ims_release::message::uri::without_method_and_headers(cut.uri, &parsed).collect::<Vec<_>>().concat(),
        ),
        None => Cow::Borrowed(cut.uri),
    };
    cut.uri == uri || *stripped == *uri
}
