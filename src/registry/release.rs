// SPDX-License-Identifier: MIT OR Apache-2.0
//! One release: started exactly once however many processes try, its final replies noted without a lock, its outcome
//! told at most once.

use crate::bye::Encoded;
use crate::capture::{Credentials, ReasonTexts, Record, Stage};
use crate::cseq::CSeqs;
use crate::dialog::{Dialog, Scratch, Serves, User};
use crate::error::Error;
use crate::pending::{self, Around, Final, Leg, Next, Outcome, Phase, Release};
use crate::release::{self, Delivery, Form, Plan, Request};
use crate::store::{Id, Store, StoreError, WORDS};

use super::challenge::Asked;
use super::counters::{Counter, Moment};
use super::retry_after::retry_after;
use super::track::encode;
use super::words::{DETAIL, Detail, LEG_CALLED, LEG_CALLING, RELEASE, SEEN, Seen, TIMES, Times, cseqs, leg_to};
use super::{By, Ended, MILLIS, Registry, RegistryError, TIMER_B, TRIES};

/// How a release is started.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// Who has asked for it.
    pub by: By,
    /// Why, and how the BYEs shall look.
    pub request: &'a Request<'a>,
    /// When, in milliseconds.
    pub now: u64,
}

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
    /// The BYE is to be sent again, see [`Registry::sweep`].
    Again,
    /// It was the last one. The host was told.
    Ended(Outcome),
}

/// What came of a BYE.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    reply: Final,
    /// For how long the receiver wants to be left alone, in milliseconds.
    retry_after: u64,
    /// The host has credentials for it, and they are kept.
    credentials: bool,
}

impl From<Final> for Heard {
    fn from(reply: Final) -> Self {
        Self { reply, retry_after: 0, credentials: false }
    }
}

impl<S: Store> Registry<S> {
    /// Starts the release of a dialog: both BYEs are built into the buffers, and the dialog is under release from then
    /// on. `random` gives 64 random bits where a CSeq must be drawn.
    ///
    /// One BYE that cannot be built does not stop the other. The BYE to a calling user who has not acknowledged the 2xx
    /// is [`Error::Held`]: it is due later, see [`Registry::sweep`]. So are both while a user's own BYE is under way: an
    /// answer to it that ends the session settles both legs with its code, a refusal frees both BYEs at once, and so
    /// do 64*T1 from the start. With an error of the call nothing has changed.
    pub fn start(
        &self,
        id: Id,
        start: &Start<'_>,
        random: &mut dyn FnMut() -> Result<u64, Error>,
        called: &mut [u8],
        calling: &mut [u8],
    ) -> Result<Started, RegistryError> {
        self.counted(self.try_start(id, start, random, called, calling))
    }

    fn try_start(
        &self,
        id: Id,
        start: &Start<'_>,
        random: &mut dyn FnMut() -> Result<u64, Error>,
        called: &mut [u8],
        calling: &mut [u8],
    ) -> Result<Started, RegistryError> {
        let Start { by, request, now } = *start;
        let mut bytes = Vec::new();
        let (stored, record) = self.load(id, &mut bytes)?.ok_or(RegistryError::NotFound)?;
        self.may_start(&record, &stored.words, now)?;
        let mut charging = Vec::new();
        let headers = self.further_headers(&record, request.headers, &mut charging);
        let request = &Request { headers: &headers, ..*request };
        let own = self.own();
        let mut scratch = Scratch::default();
        let dialog = record.dialog(&own, &mut scratch).map_err(RegistryError::Dialog)?;
        // What cannot be built, or does not fit, is said before anything changes.
        buildable(&dialog, cseqs(&stored.words), request, random, (called.len(), calling.len()))?;

        self.stay_active(now)?;
        let looped = looped(record.roles.serves()).filter(|_| request.form == Form::Loop);
        let claim = Release {
            phase: Phase::UnderWay,
            looped,
            cause: request.reason.cause(),
            started: now / MILLIS,
            ..Release::default()
        };
        if !self.store.compare_exchange(id, RELEASE, 0, claim.to_word())? {
            return Err(RegistryError::AlreadyReleasing);
        }
        // It is under way, whatever becomes of this process: what is not sent below is found due by the sweep.
        self.counters.add(&self.store, Counter::Started);
        let held = is_held(&record, stored.words[SEEN], now);
        // A process that stood still here may be late: what the BYEs have brought meanwhile stays.
        let millis = (now % MILLIS) as u16;
        // What was read before the claim may be too old: from here on no further BYE of a user counts.
        let crossed = self.counted(self.is_ending(id)).unwrap_or_default();
        let detail = |word| Detail { millis, by, held, crossed, ..Detail::from_word(word) }.to_word();
        let _ = self.counted(self.change(id, DETAIL, |word| Some(detail(word))));
        if self.counted(self.keep_reason(id, request)).is_err() {
            let lost = |word| Detail { text_lost: true, ..Detail::from_word(word) }.to_word();
            let _ = self.counted(self.change(id, DETAIL, |word| Some(lost(word))));
        }
        let mut send = |to, buffer: &mut [u8]| match self.send(id, to, request, now, random, buffer) {
            Ok(bye) => Ok(bye),
            Err(RegistryError::Dialog(error)) => Err(error),
            // The timer sends it, or another process has done so.
            Err(_) => Err(Error::Held),
        };
        Ok(Started { called: send(User::Called, called), calling: send(User::Calling, calling) })
    }

    /// A BYE that is sent again shall say the same. Where that is too much to keep, it says the cause alone.
    fn keep_reason(&self, id: Id, request: &Request<'_>) -> Result<(), RegistryError> {
        let mut q850 = Vec::new();
        if let Some((cause, text)) = request.reason.q850() {
            q850.push(cause);
            q850.extend_from_slice(text);
        }
        let reason = ReasonTexts { text: request.reason.text(), q850: &q850 };
        if reason == ReasonTexts::default() {
            return Ok(());
        }
        self.rewrite(id, |record, next| {
            let mut record = *record;
            record.reason = reason;
            encode(&record, next)
        })
    }

    /// Notes what came of the BYE to `to` that has this CSeq; what comes late of an earlier one changes nothing.
    /// `message` is the reply as received, from which Retry-After and challenges are read, empty where there is none;
    /// `now` is in milliseconds. The process that notes the last reply tells the host, from within this call.
    pub fn note(
        &self,
        id: Id,
        to: User,
        cseq: u32,
        reply: Final,
        message: &[u8],
        now: u64,
    ) -> Result<Noted, RegistryError> {
        if matches!(reply, Final::Code(code) if !(100..700).contains(&code)) {
            return Err(RegistryError::Code);
        }
        let noted = self.heard(id, (to, cseq), reply, message, now).and_then(|heard| match heard {
            Some(heard) => self.try_note(id, to, cseq, heard, now),
            None => Ok(Noted::Nothing),
        });
        match noted {
            // The release has ended, and the dialog is gone with it: later replies change nothing.
            Err(RegistryError::NotFound) => Ok(Noted::Nothing),
            result => self.counted(result),
        }
    }

    /// What a reply says beside its code; `None` where another process sees to that.
    fn heard(
        &self,
        id: Id,
        (to, cseq): (User, u32),
        reply: Final,
        message: &[u8],
        now: u64,
    ) -> Result<Option<Heard>, RegistryError> {
        let heard = Heard::from(reply);
        Ok(Some(match reply {
            Final::Code(500 | 503) => {
                let seconds = retry_after(message).unwrap_or(0);
                Heard { retry_after: u64::from(seconds) * MILLIS, ..heard }
            }
            Final::Code(code @ (401 | 407)) => match self.ask(id, (to, cseq), code, message, now)? {
                Asked::Given => Heard { credentials: true, ..heard },
                Asked::Nothing => heard,
                Asked::Elsewhere => return Ok(None),
            },
            _ => heard,
        }))
    }

    pub(super) fn try_note(&self, id: Id, to: User, cseq: u32, heard: Heard, now: u64) -> Result<Noted, RegistryError> {
        let Heard { reply, retry_after, credentials } = heard;
        for _ in 0..TRIES * 8 {
            let release = self.release(id)?;
            let word = self.word(id, leg_to(to))?;
            let leg = Leg::from_word(word);
            if release.phase != Phase::UnderWay || leg.cseq != cseq {
                return Ok(Noted::Nothing);
            }
            let detail = Detail::from_word(self.word(id, DETAIL)?);
            let loops = release.loops(to, leg);
            let sent_on = loops && detail.service(leg.attempts).sent_on;
            let around = Around {
                kept_back: loops && !sent_on,
                sent_on,
                retried: detail.retried(to),
                hung_up: detail.hung_up(to),
                retry_after,
                left: self.deadline_of(release, detail)?.saturating_sub(now),
                attempt: self.attempt,
                credentials,
            };
            let elapsed = Times::now(now, release.started);
            match leg.after(reply, &around, self.policy) {
                Next::Nothing => return Ok(Noted::Nothing),
                Next::Final(next) => {
                    if self.store.compare_exchange(id, leg_to(to), word, next.to_word())? {
                        self.set_time(id, to, elapsed)?;
                        return Ok(self.settle(id, now)?.map_or(Noted::Leg, Noted::Ended));
                    }
                }
                Next::Again { leg: next, wait } => {
                    let due = elapsed + wait;
                    // The later of two times shows, see `Times`.
                    let known = Times::from_word(self.word(id, TIMES)?).of(to);
                    let later = due > known;
                    if later {
                        self.put_off(id, to, due)?;
                    }
                    if self.store.compare_exchange(id, leg_to(to), word, next.to_word())? {
                        if !later {
                            self.change(id, TIMES, |word| {
                                let times = Times::from_word(word);
                                // Another time is that of a BYE which was sent meanwhile.
                                (times.of(to) == known).then(|| times.with(to, due).to_word())
                            })?;
                        }
                        let retried = next.bypass == leg.bypass && reply != Final::Later;
                        if retried && !credentials {
                            self.change(id, DETAIL, |word| Some(Detail::from_word(word).with_retried(to).to_word()))?;
                        }
                        if retried || next.bypass != leg.bypass {
                            let counter = if retried { Counter::Retried } else { Counter::Bypassed };
                            self.counters.add(&self.store, counter);
                        }
                        return Ok(Noted::Again);
                    }
                }
            }
        }
        Err(StoreError::Busy.into())
    }

    pub(super) fn set_time(&self, id: Id, of: User, time: u64) -> Result<(), RegistryError> {
        self.change(id, TIMES, |word| Some(Times::from_word(word).with(of, time).to_word()))?;
        Ok(())
    }

    /// The same where that is later: who was stopped on his way to it does not take the time of a BYE that another has
    /// sent since.
    pub(super) fn put_off(&self, id: Id, of: User, time: u64) -> Result<(), RegistryError> {
        self.change(id, TIMES, |word| {
            let times = Times::from_word(word);
            let later = times.with(of, time);
            (later.of(of) > times.of(of)).then(|| later.to_word())
        })?;
        Ok(())
    }

    /// Ends the release if both legs are final and no other process does.
    pub(super) fn settle(&self, id: Id, now: u64) -> Result<Option<Outcome>, RegistryError> {
        match pending::outcome(self.leg(id, User::Called)?, self.leg(id, User::Calling)?) {
            Some(outcome) => self.end(id, outcome, now),
            None => Ok(None),
        }
    }

    /// Claims the outcome with one step and tells the host. `None`: another process was first.
    pub(super) fn end(&self, id: Id, outcome: Outcome, now: u64) -> Result<Option<Outcome>, RegistryError> {
        // Before the claim: the host is told once, so it must be told all. Where the store is busy the sweep comes
        // again.
        let mut bytes = Vec::new();
        let record = self.load(id, &mut bytes)?.map(|(_, record)| record);
        let release = self.release(id)?;
        if release.phase != Phase::UnderWay {
            return Ok(None);
        }
        let telling = Release { phase: Phase::Telling, expired: outcome == Outcome::Expired, ..release };
        if !self.store.compare_exchange(id, RELEASE, release.to_word(), telling.to_word())? {
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
        let (called, calling) = (self.leg(id, User::Called)?, self.leg(id, User::Calling)?);
        for (user, leg) in [(User::Called, called), (User::Calling, calling)] {
            if !leg.is_final() {
                self.set_time(id, user, Times::now(now, release.started))?;
            }
        }
        for leg in [called, calling] {
            self.counters.add_leg(&self.store, leg);
        }
        let times = Times::from_word(self.word(id, TIMES)?);
        let detail = Detail::from_word(self.word(id, DETAIL)?);
        if let By::Job(number) = detail.by {
            let _ = self.counted(self.job_outcome(number, detail.begun(release), outcome));
        }
        (self.ended)(&ended(id, outcome, release, record.as_ref(), (called, calling), (detail, times), now));
        let told = Release { phase: Phase::Told, ..telling };
        let _ = self.counted(
            self.store.compare_exchange(id, RELEASE, telling.to_word(), told.to_word()).map_err(RegistryError::from),
        );
        if record.is_some_and(|record| record.credentials != Credentials::default()) && self.linger > 0 {
            let dropped = self.rewrite(id, |record, next| {
                let mut record = *record;
                record.credentials = Credentials::default();
                encode(&record, next)
            });
            let _ = self.counted(dropped);
        }
        if self.linger == 0 {
            let removed = match record {
                Some(record) => self.forget(id, record.call_id, record.from_tag()),
                None => self.store.remove(id).map_err(Into::into),
            };
            let _ = self.counted(removed);
        }
        Ok(Some(outcome))
    }

    /// All processes know from here on that a release may be under way, for as long as one can last.
    pub(super) fn stay_active(&self, now: u64) -> Result<(), RegistryError> {
        let until = now.saturating_add(self.deadline + self.linger).div_ceil(MILLIS) + 1;
        Ok(self.counters.put_off(&self.store, Moment::ActiveUntil, until)?)
    }

    /// When a release is over whatever was answered, in milliseconds: so long after it began, or was taken up again.
    pub(super) fn deadline_of(&self, release: Release, detail: Detail) -> Result<u64, RegistryError> {
        let begun = detail.begun(release);
        let moment = |moment| Ok::<_, RegistryError>(self.counters.moment(&self.store, moment)? * MILLIS);
        let from = if begun < moment(Moment::Restarted)? { begun.max(moment(Moment::Resumed)?) } else { begun };
        Ok(from.saturating_add(self.deadline))
    }

    /// Whether a release may start now.
    pub(super) fn may_start(&self, record: &Record<'_>, words: &[u64; WORDS], now: u64) -> Result<(), RegistryError> {
        let phase = Release::from_word(words[RELEASE]).phase;
        if phase.is_over() {
            return Err(RegistryError::Released);
        }
        // Without a phase, and yet with a leg: the word of the release was damaged. One pair is enough.
        let has_leg = |word| Leg::from_word(word) != Leg::default();
        if phase != Phase::None || has_leg(words[LEG_CALLED]) || has_leg(words[LEG_CALLING]) {
            return Err(RegistryError::AlreadyReleasing);
        }
        if record.stage != Stage::Confirmed {
            return Err(RegistryError::Early);
        }
        if Seen::from_word(words[SEEN]).has(Seen::ENDED) {
            return Err(RegistryError::Ending);
        }
        if !self.hold && is_held(record, words[SEEN], now) {
            return Err(RegistryError::NotAcknowledged);
        }
        Ok(())
    }
}

/// How a release has ended, at `now`.
pub(super) fn ended<'r>(
    id: Id,
    outcome: Outcome,
    release: Release,
    record: Option<&Record<'r>>,
    (called, calling): (Leg, Leg),
    (detail, times): (Detail, Times),
    now: u64,
) -> Ended<'r> {
    let millis = u64::from(detail.millis);
    let duration = now.saturating_sub(detail.begun(release));
    // No longer than the whole: a time is rounded up, or is not written yet by the process that noted that reply.
    let of = |user| times.of(user).saturating_sub(millis).min(duration);
    Ended {
        id,
        outcome,
        by: detail.by,
        cause: release.cause,
        text: record.map_or(b"", |r| r.reason.text),
        text_lost: detail.text_lost,
        called,
        calling,
        call_id: record.map_or(b"", |r| r.call_id),
        from_tag: record.map_or(b"", |r| r.from_tag()),
        to_tag: record.map_or(b"", |r| r.to_tag()),
        duration,
        called_duration: of(User::Called),
        calling_duration: of(User::Calling),
    }
}

/// RFC 3261 15: no BYE to the calling user before its ACK, or before 64*T1 have gone by without one.
pub(super) fn is_held(record: &Record<'_>, seen: u64, now: u64) -> bool {
    // The second in which the 2xx came is not over with its beginning.
    let until = record.answered.saturating_add(1).saturating_mul(MILLIS).saturating_add(TIMER_B);
    !Seen::from_word(seen).has(Seen::ACKNOWLEDGED) && now < until
}

/// The user whose BYE goes through service control.
fn looped(serves: Serves) -> Option<User> {
    match serves {
        Serves::Calling => Some(User::Called),
        Serves::Called => Some(User::Calling),
        Serves::Neither => None,
    }
}

/// Whether at least one BYE can be built, and what can be built fits the buffers.
pub(super) fn buildable(
    dialog: &Dialog<'_>,
    known: CSeqs,
    request: &Request<'_>,
    random: &mut dyn FnMut() -> Result<u64, Error>,
    capacity: (usize, usize),
) -> Result<(), RegistryError> {
    let plan = fitting(dialog, known, request, random, capacity)?;
    match (&plan.called, &plan.calling) {
        (Err(called), Err(calling)) => Err(RegistryError::Legs { called: *called, calling: *calling }),
        _ => Ok(()),
    }
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
