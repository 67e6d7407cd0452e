// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sending one BYE of a release, for the first time or again: one process gets it, with a CSeq of its own.

use crate::capture::Record;
use crate::cseq::CSeqs;
use crate::dialog::{Scratch, Serves, User};
use crate::error::Error;
use crate::pending::{Leg, LegState, Phase, Release};
use crate::reason::Reason;
use crate::release::Request;
use crate::store::{Entry as Stored, Id, Store, StoreError};

use super::challenge::with_credentials;
use super::release::{fitting, is_held, write};
use super::words::{DETAIL, Detail, RELEASE, SEEN, TIMES, Times, cseq_to, cseq_word, cseqs, leg_to};
use super::{Bye, MILLIS, Registry, RegistryError, TRIES};

/// By how much the CSeq of a BYE that was answered 500 rises: the receiver knows a higher one, and not how much higher
/// (RFC 3261 12.2.2).
const JUMP: u32 = 100;

/// The process that starts a release sends its BYEs; only when it has not for so long, in milliseconds, does another.
const STARTING: u64 = 2_000;

impl<S: Store> Registry<S> {
    /// Builds a BYE that is due, see [`Registry::sweep`], into `buffer`, and takes it to be sent: no other process gets
    /// this one. It has the next CSeq, and the Reason with which the release was started; that of `request` does not
    /// matter. `now` is in milliseconds.
    ///
    /// Errors: [`RegistryError::NotReleasing`] where the BYE is not due any more, or not yet;
    /// [`RegistryError::Dialog`] where it cannot be built, which ends the leg; [`RegistryError::Request`];
    /// [`RegistryError::BufferTooSmall`] with the length needed, and nothing has changed.
    pub fn next(
        &self,
        id: Id,
        to: User,
        request: &Request<'_>,
        now: u64,
        random: &mut dyn FnMut() -> Result<u64, Error>,
        buffer: &mut [u8],
    ) -> Result<Bye, RegistryError> {
        let sent = self.send(id, to, request, now, random, buffer);
        if matches!(sent, Err(RegistryError::Dialog(_))) {
            // Nothing more comes of this leg; the other may have waited for that.
            self.counted(self.settle(id, now))?;
        }
        self.counted(sent)
    }

    pub(super) fn send(
        &self,
        id: Id,
        to: User,
        request: &Request<'_>,
        now: u64,
        random: &mut dyn FnMut() -> Result<u64, Error>,
        buffer: &mut [u8],
    ) -> Result<Bye, RegistryError> {
        let mut bytes = Vec::new();
        // Until when this call has put the leg off, before a BYE that nobody has sent since: it does not wait for that
        // itself.
        let mut own_time = None;
        for _ in 0..TRIES {
            let (mut stored, record) = self.load(id, &mut bytes)?.ok_or(RegistryError::NotFound)?;
            let release = Release::from_word(stored.words[RELEASE]);
            let word = stored.words[leg_to(to)];
            let leg = Leg::from_word(word);
            if own_time == Some((leg.attempts, Times::from_word(stored.words[TIMES]).of(to))) {
                stored.words[TIMES] = Times::default().to_word();
            }
            if release.phase != Phase::UnderWay || !self.is_due(&record, &stored, to, now) {
                return Err(RegistryError::NotReleasing);
            }
            // The way past service control is the one that a proxy which serves neither user would take.
            let mut routed = record;
            if leg.bypass {
                routed.roles = Serves::Neither.into();
            }
            let own = self.own();
            let mut scratch = Scratch::default();
            let reason = stored_reason(&record, release.cause).map_err(RegistryError::Request)?;
            let mut charging = Vec::new();
            let headers = self.further_headers(&record, request.headers, &mut charging);
            let headers = with_credentials(&record, to, headers);
            let request = Request { reason, headers: &headers, ..*request };
            let known = cseqs(&stored.words);
            let raised = if leg.code == 500 { raised(known, to) } else { known };
            let dialog = routed.dialog(&own, &mut scratch);
            let planned = dialog.as_ref().map_err(|error| *error).map(|dialog| {
                let capacity = if to == User::Called { (buffer.len(), usize::MAX) } else { (usize::MAX, buffer.len()) };
                fitting(dialog, raised, &request, random, capacity)
            });
            let planned = match planned {
                Ok(Ok(plan)) => {
                    if to == User::Called {
                        plan.called
                    } else {
                        plan.calling
                    }
                }
                Ok(Err(RegistryError::BufferTooSmall { called, calling })) => {
                    let (called, calling) = if to == User::Called { (called, 0) } else { (0, calling) };
                    return Err(RegistryError::BufferTooSmall { called, calling });
                }
                Ok(Err(error)) => return Err(error),
                Err(error) => Err(error),
            };
            let planned = match planned {
                // Random numbers may come again.
                Err(Error::NoRandom) => return Err(RegistryError::Request(Error::NoRandom)),
                Err(error) => {
                    if self.store.compare_exchange(id, leg_to(to), word, leg.not_built().to_word())? {
                        self.set_time(id, to, Times::now(now, release.started))?;
                    }
                    return Err(RegistryError::Dialog(error));
                }
                Ok(planned) => planned,
            };
            // A user's request may take the number in between: then the next one is ours.
            let stored_cseq = if to == User::Called { known.to_called } else { known.to_calling };
            let (current, next) = (cseq_word(stored_cseq), cseq_word(Some(planned.cseq())));
            if !self.store.compare_exchange(id, cseq_to(to), current, next)? {
                continue;
            }
            let until = Times::default().with(to, Times::now(now, release.started) + self.attempt);
            self.put_off(id, to, until.of(to))?;
            own_time = Some((leg.attempts, until.of(to)));
            if !self.store.compare_exchange(id, leg_to(to), word, leg.sent(planned.cseq()).to_word())? {
                continue;
            }
            return write(Ok(planned), buffer).map_err(RegistryError::Dialog);
        }
        Err(StoreError::Busy.into())
    }

    /// Whether the BYE to a user is to be sent now.
    fn is_due(&self, record: &Record<'_>, stored: &Stored, to: User, now: u64) -> bool {
        let leg = Leg::from_word(stored.words[leg_to(to)]);
        let release = Release::from_word(stored.words[RELEASE]);
        let time = Times::from_word(stored.words[TIMES]).of(to);
        let held = to == User::Calling && is_held(record, stored.words[SEEN], now);
        let held = held || self.is_crossed(&stored.words, now);
        leg.state == LegState::Idle && Times::now(now, release.started) >= time && !held
    }

    /// Whether it is, and nobody is about to send it.
    pub(super) fn is_overdue(&self, record: &Record<'_>, stored: &Stored, to: User, now: u64) -> bool {
        let release = Release::from_word(stored.words[RELEASE]);
        let first = Leg::from_word(stored.words[leg_to(to)]).attempts == 0;
        // One that was held is not among those that it sends.
        let starting = first && !was_held(stored, to) && now < release.started * MILLIS + STARTING;
        !starting && self.is_due(record, stored, to, now)
    }
}

/// Whether the first BYE to a user was not for the process to send that started the release: since when it is due is
/// not known.
pub(super) fn was_held(stored: &Stored, to: User) -> bool {
    let detail = Detail::from_word(stored.words[DETAIL]);
    let first = Leg::from_word(stored.words[leg_to(to)]).attempts == 0;
    first && (detail.crossed || to == User::Calling && detail.held)
}

/// The numbers with room for what the receiver may know.
fn raised(known: CSeqs, to: User) -> CSeqs {
    let raise = |number: Option<u32>| number.map(|n| n.checked_add(JUMP - 1).filter(|n| *n < 1 << 31).unwrap_or(n));
    match to {
        User::Called => CSeqs { to_called: raise(known.to_called), ..known },
        User::Calling => CSeqs { to_calling: raise(known.to_calling), ..known },
    }
}

/// The Reason that the release was started with.
fn stored_reason<'a>(record: &Record<'a>, cause: u16) -> Result<Reason<'a>, Error> {
    let reason = Reason::sip(cause, record.reason.text)?;
    match record.reason.q850.split_first() {
        Some((cause, text)) => reason.with_q850(*cause, text),
        None => Ok(reason),
    }
}
