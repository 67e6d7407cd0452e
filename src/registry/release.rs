// SPDX-License-Identifier: MIT OR Apache-2.0
//! One release: started exactly once however many processes try, its final replies noted without a lock, its outcome
//! told at most once.

use crate::bye::Encoded;
use crate::capture::{Record, Stage};
use crate::cseq::CSeqs;
use crate::dialog::{Dialog, Scratch, User};
use crate::error::Error;
use crate::pending::{self, Final, Leg, Outcome, Phase, Release};
use crate::release::{self, Delivery, Form, Plan, Request};
use crate::store::{Id, Store, StoreError, WORDS};

use super::counters::Counter;
use super::words::{LOOP, Loop, RELEASE, SEEN, Seen, cseq_of, cseq_to, cseq_word, cseqs, is_ending, leg_to};
use super::{Ended, MILLIS, Registry, RegistryError, TIMER_B, TRIES};

/// A release that was started: both BYEs are in the buffers, none is sent.
#[derive(Clone, Debug)]
pub struct Started {
    /// The BYE to the called user, or why there is none.
    pub called: Result<Bye, Error>,
    /// The BYE to the calling user.
    pub calling: Result<Bye, Error>,
}

/// A BYE in its buffer.
#[derive(Clone, Debug)]
pub struct Bye {
    /// Where it goes.
    pub delivery: Delivery,
    /// Its CSeq.
    pub cseq: u32,
    /// Its parts.
    pub encoded: Encoded,
}

/// What a reply did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// Nothing: provisional, late, or of no release.
    Nothing,
    /// The leg is final, the other is awaited (or another process has the outcome).
    Leg,
    /// It was the last one. The host was told, the dialog is gone.
    Ended(Outcome),
}

impl<S: Store> Registry<S> {
    /// Starts the release of a dialog: both BYEs are built into the buffers, and the dialog is under release from then
    /// on. `now` is in milliseconds; `random` gives 64 random bits where a CSeq must be drawn.
    ///
    /// One BYE that cannot be built does not stop the other. With an error nothing has changed.
    pub fn start(
        &self,
        id: Id,
        request: &Request<'_>,
        now: u64,
        random: &mut dyn FnMut() -> Result<u64, Error>,
        called: &mut [u8],
        calling: &mut [u8],
    ) -> Result<Started, RegistryError> {
        self.counted(self.try_start(id, request, now, random, called, calling))
    }

    fn try_start(
        &self,
        id: Id,
        request: &Request<'_>,
        now: u64,
        random: &mut dyn FnMut() -> Result<u64, Error>,
        called: &mut [u8],
        calling: &mut [u8],
    ) -> Result<Started, RegistryError> {
        let mut bytes = Vec::new();
        let (stored, record) = self.load(id, &mut bytes)?.ok_or(RegistryError::NotFound)?;
        may_start(&record, &stored.words, now)?;
        let own = self.own();
        let mut scratch = Scratch::default();
        let dialog = record.dialog(&own, &mut scratch).map_err(RegistryError::Dialog)?;
        let capacity = (called.len(), calling.len());
        let known = cseqs(&stored.words);
        let plan = plan(&dialog, known, request, random, capacity)?;

        let claim = Release { phase: Phase::UnderWay, cause: request.reason.cause(), started: now / MILLIS }.to_word();
        if !self.store.compare_exchange(id, RELEASE, 0, claim)? {
            return Err(RegistryError::AlreadyReleasing);
        }
        // From here on this process alone works on the release.
        let plan = self.take_numbers(id, &dialog, known, plan, request, random, capacity).inspect_err(|_| {
            let _ = self.store.compare_exchange(id, RELEASE, claim, 0);
        })?;
        let begun = Loop { seen: false, answered: 0, millis: (now % MILLIS) as u16 }.to_word();
        self.change(id, LOOP, |_| Some(begun))?;
        for (user, planned) in [(User::Called, &plan.called), (User::Calling, &plan.calling)] {
            let leg = planned.as_ref().map_or(Leg::not_built(), |leg| {
                let looped = leg.delivery() == Delivery::ServiceControl && request.form == Form::Loop;
                Leg::waiting(leg.cseq(), looped)
            });
            self.change(id, leg_to(user), |_| Some(leg.to_word()))?;
        }
        self.counters.add(&self.store, Counter::Started);
        Ok(Started { called: write(plan.called, called), calling: write(plan.calling, calling) })
    }

    /// The numbers of the BYEs become the stored ones. Where a user's request took one in between, the next is taken.
    #[allow(clippy::too_many_arguments)]
    fn take_numbers<'d>(
        &self,
        id: Id,
        dialog: &'d Dialog<'d>,
        mut known: CSeqs,
        mut planned: Plan<'d>,
        request: &'d Request<'d>,
        random: &mut dyn FnMut() -> Result<u64, Error>,
        capacity: (usize, usize),
    ) -> Result<Plan<'d>, RegistryError> {
        let (mut called_taken, mut calling_taken) = (false, false);
        for _ in 0..TRIES {
            let mut raced = false;
            for (user, leg, stored, taken) in [
                (User::Called, &planned.called, &mut known.to_called, &mut called_taken),
                (User::Calling, &planned.calling, &mut known.to_calling, &mut calling_taken),
            ] {
                let Ok(leg) = leg else { continue };
                if *taken || raced {
                    continue;
                }
                let (current, next) = (cseq_word(*stored), cseq_word(Some(leg.cseq())));
                if self.store.compare_exchange(id, cseq_to(user), current, next)? {
                    *taken = true;
                } else {
                    *stored = cseq_of(self.store.word(id, cseq_to(user))?.ok_or(RegistryError::NotFound)?);
                    raced = true;
                }
            }
            if !raced {
                return Ok(planned);
            }
            planned = plan(dialog, known, request, random, capacity)?;
        }
        Err(StoreError::Busy.into())
    }

    /// Notes what came of the BYE to `to`. `now` is in milliseconds. The process that notes the last reply tells the
    /// host, from within this call.
    pub fn note(&self, id: Id, to: User, reply: Final, now: u64) -> Result<Noted, RegistryError> {
        if matches!(reply, Final::Code(code) if !(100..700).contains(&code)) {
            return Err(RegistryError::Code);
        }
        let noted = self.change(id, leg_to(to), |word| Leg::from_word(word).after(reply).map(Leg::to_word));
        let result = match noted {
            Ok(true) => self.settle(id, now).map(|outcome| outcome.map_or(Noted::Leg, Noted::Ended)),
            Ok(false) => Ok(Noted::Nothing),
            Err(error) => Err(error),
        };
        match result {
            // The release has ended, and the dialog is gone with it: later replies change nothing.
            Err(RegistryError::NotFound) => Ok(Noted::Nothing),
            result => self.counted(result),
        }
    }

    /// Ends the release if both legs are final and no other process does.
    pub(super) fn settle(&self, id: Id, now: u64) -> Result<Option<Outcome>, RegistryError> {
        match pending::outcome(self.leg(id, User::Called)?, self.leg(id, User::Calling)?) {
            Some(outcome) => self.end(id, outcome, now),
            None => Ok(None),
        }
    }

    /// Claims the outcome with one step, tells the host, and drops the dialog. `None`: another process was first.
    pub(super) fn end(&self, id: Id, outcome: Outcome, now: u64) -> Result<Option<Outcome>, RegistryError> {
        let release = self.release(id)?;
        if release.phase != Phase::UnderWay {
            return Ok(None);
        }
        let ended = Release { phase: Phase::Ended, ..release };
        if !self.store.compare_exchange(id, RELEASE, release.to_word(), ended.to_word())? {
            return Ok(None);
        }
        self.counters.add(
            &self.store,
            match outcome {
                Outcome::Completed => Counter::Completed,
                Outcome::Gone => Counter::Gone,
                Outcome::Partial => Counter::Partial,
                Outcome::Failed => Counter::Failed,
                Outcome::Expired => Counter::Expired,
            },
        );
        let begun = self.begun(id, release)?;
        let mut bytes = Vec::new();
        let record = self.load(id, &mut bytes).ok().flatten().map(|(_, record)| record);
        (self.ended)(&Ended {
            id,
            outcome,
            cause: release.cause,
            called: self.leg(id, User::Called)?,
            calling: self.leg(id, User::Calling)?,
            call_id: record.map_or(b"", |r| r.call_id),
            from_tag: record.map_or(b"", |r| r.from_tag()),
            to_tag: record.map_or(b"", |r| r.to_tag()),
            duration: now.saturating_sub(begun),
        });
        // Where the store is busy the sweep removes it.
        let removed = match record {
            Some(record) => self.forget(id, record.call_id, record.from_tag()),
            None => self.store.remove(id).map_err(Into::into),
        };
        let _ = self.counted(removed);
        Ok(Some(outcome))
    }

    /// When a release began, in milliseconds.
    pub(super) fn begun(&self, id: Id, release: Release) -> Result<u64, RegistryError> {
        let millis = self.store.word(id, LOOP)?.map_or(0, |word| Loop::from_word(word).millis.into());
        Ok(release.started * MILLIS + millis)
    }
}

/// Whether a release may start now.
fn may_start(record: &Record<'_>, words: &[u64; WORDS], now: u64) -> Result<(), RegistryError> {
    let seen = Seen::from_word(words[SEEN]);
    if Release::from_word(words[RELEASE]).phase != Phase::None {
        return Err(RegistryError::AlreadyReleasing);
    }
    if record.stage != Stage::Confirmed {
        return Err(RegistryError::Early);
    }
    if is_ending(words) {
        return Err(RegistryError::Ending);
    }
    // RFC 3261 15: no BYE to the calling user before its ACK, or before 64*T1 have gone by without one.
    // The second in which the 2xx came is not over with its beginning.
    if !seen.has(Seen::ACKNOWLEDGED) && now < ((record.answered + 1) * MILLIS).saturating_add(TIMER_B) {
        return Err(RegistryError::NotAcknowledged);
    }
    Ok(())
}

/// The plan, if at least one BYE can be built and what can be built fits the buffers.
fn plan<'d>(
    dialog: &'d Dialog<'d>,
    known: CSeqs,
    request: &'d Request<'d>,
    random: &mut dyn FnMut() -> Result<u64, Error>,
    capacity: (usize, usize),
) -> Result<Plan<'d>, RegistryError> {
    let plan = fitting(dialog, known, request, random, capacity)?;
    if let (Err(called), Err(calling)) = (&plan.called, &plan.calling) {
        return Err(RegistryError::Legs { called: *called, calling: *calling });
    }
    Ok(plan)
}

/// The plan, if what can be built fits the buffers.
pub(super) fn fitting<'d>(
    dialog: &'d Dialog<'d>,
    known: CSeqs,
    request: &'d Request<'d>,
    random: &mut dyn FnMut() -> Result<u64, Error>,
    capacity: (usize, usize),
) -> Result<Plan<'d>, RegistryError> {
    let plan = release::plan(dialog, known, request, random).map_err(RegistryError::Request)?;
    let length = |leg: &Result<release::Leg<'_>, Error>| leg.as_ref().map_or(0, release::Leg::encoded_len);
    let (called, calling) = (length(&plan.called), length(&plan.calling));
    if called > capacity.0 || calling > capacity.1 {
        return Err(RegistryError::BufferTooSmall { called, calling });
    }
    Ok(plan)
}

pub(super) fn write(leg: Result<release::Leg<'_>, Error>, buffer: &mut [u8]) -> Result<Bye, Error> {
    let leg = leg?;
    Ok(Bye { delivery: leg.delivery(), cseq: leg.cseq(), encoded: leg.encode_into(buffer)? })
}
