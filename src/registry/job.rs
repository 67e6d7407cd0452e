// SPDX-License-Identifier: MIT OR Apache-2.0
//! The release of many dialogs as a job: so many a second, so many at once, and it goes on after a restart.
//!
//! A job is a record of the store. What it asks for is in the record; how far it has come is in the words of its cell,
//! so that a process that dies leaves nothing half done: the place is written behind the dialogs that it stands for,
//! and a dialog that is met twice is under release already.

use core::sync::atomic::Ordering;

use crate::capture::identity::{same_icid, same_user};
use crate::capture::{Record, Stage};
use crate::message::{name_addr, uri};
use crate::pending::{Outcome, Phase, Release};
use crate::reason::Reason;
use crate::store::{Id, Store, WORDS};

use super::places::AHEAD;
use super::words::{RELEASE, SEEN, Seen};
use super::{By, MILLIS, Registry, RegistryError};

/// Jobs that are known at a time, the finished ones included.
pub const MAX_JOBS: u8 = 8;
/// The last so many of these are for the jobs of scripts as well, the others for operators alone: a script may ask
/// for jobs as often as it runs.
pub const MAX_JOBS_OF_SCRIPTS: u8 = 5;

/// Which dialogs a job is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Many<'a> {
    /// All.
    All,
    /// Those of a served user, see [`Record::is_of_user`] and [`same_user`].
    User(&'a [u8]),
    /// Those with a user whose Contact has this URI: user part, host and port are compared.
    Contact(&'a [u8]),
    /// Those of the multimedia session with this icid-value (RFC 7315), a token or a quoted string.
    Session(&'a [u8]),
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// Which dialogs.
    pub dialogs: Many<'a>,
    /// The Reason of their BYEs; a Q.850 value is not kept.
    pub reason: Reason<'a>,
    /// Releases that are started a second, at most; at least one.
    pub rate: u16,
    /// Releases under way at a time, at most, those of others included; at least one.
    pub in_flight: u16,
    /// Whether it only counts.
    pub dry: bool,
    /// Who has asked for it.
    pub by: By,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobState {
    /// It goes on.
    Running,
    /// It was cancelled; what it had started ends as ever.
    Cancelled,
    /// It has seen all dialogs; what it has started may still be under way.
    Finished,
}

/// A job as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobShown<'a> {
    /// Its number, from 1 on.
    pub number: u8,
    /// How far it is.
    pub state: JobState,
    /// Which dialogs.
    pub dialogs: Many<'a>,
    /// Whether it only counts.
    pub dry: bool,
    /// Who has asked for it.
    pub by: By,
    /// The SIP status code of the Reason.
    pub cause: u16,
    /// Its text.
    pub text: &'a [u8],
    /// When it was made, in Unix seconds.
    pub made: u64,
    /// What it has done.
    pub figures: Figures,
}

/// What a job has done. After the death of a process sixteen dialogs may be counted twice as matched, and once as
/// refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Records seen.
    pub visited: u64,
    /// Dialogs that are meant, early ones included.
    pub matched: u64,
    /// Early ones: their INVITE is to be cancelled instead.
    pub early: u64,
    /// Exempt ones, see [`Registry::exempt`].
    pub exempt: u64,
    /// Releases started.
    pub started: u64,
    /// Releases refused: under way already, or not to be built.
    pub refused: u64,
    /// Outcomes of those that it has started.
    pub completed: u64,
    /// See [`Outcome::Gone`].
    pub gone: u64,
    /// See [`Outcome::Partial`].
    pub partial: u64,
    /// See [`Outcome::Failed`].
    pub failed: u64,
    /// See [`Outcome::Expired`].
    pub expired: u64,
}

/// Records that are seen between two writings of the place.
pub const PAGE: usize = 16;
/// Records that are seen in one step, at most.
const STEP: usize = 4_096;

/// What the first step of a process counts for, in milliseconds: as one of a timer.
const FIRST: u64 = 100;
/// What a step counts for at most, in milliseconds: one that comes late is no reason for a burst.
const LONGEST_STEP: u64 = 200;

/// In this word: how far it is, when it was made, in milliseconds, and whether it was asked for again meanwhile. Two
/// jobs that have had one place after each other were not made in the same millisecond: by that they are told apart.
pub(super) const STATE: usize = 0;
pub(super) const STATES: u64 = 3;
/// Somebody has taken the place for another, and has not written it whole yet.
pub(super) const BEING_MADE: u64 = 0;
pub(super) const RUNNING: u64 = 1;
pub(super) const CANCELLED: u64 = 2;
pub(super) const FINISHED: u64 = 3;
pub(super) const AGAIN: u64 = 1 << 47;
/// Where it goes on, in the lower half; above the last bits of when it was made, so that who was stopped in a step of
/// the job before does not make this one leave anything out.
pub(super) const CURSOR: usize = 1;
/// Words of two numbers each. [`RELEASE`] is not among them: a job is under no release.
pub(super) const PAIRS: [usize; 5] = [2, 3, 4, 5, 7];
const HALF: u32 = 24;

/// The place of a number: its word, and whether it is the upper half. What matched is the sum of the first four; a dry
/// job counts as started what it would start.
#[derive(Clone, Copy)]
enum Number {
    Exempt = 0,
    Started = 1,
    Early = 2,
    Refused = 3,
    Completed = 4,
    Gone = 5,
    Partial = 6,
    Failed = 7,
    Expired = 8,
    Visited = 9,
}

pub(super) const RECORD: u8 = 0xfe;
const VERSION: u8 = 3;
const HEAD: usize = 12;
/// Octets of the value and of the text of a job together, at most: what a place has room for in a full store.
pub const MAX_JOB: usize = 1_052;

impl Job<'_> {
    pub(super) fn encode(&self) -> Result<Vec<u8>, RegistryError> {
        let (kind, value) = match self.dialogs {
            Many::All => (0, &b""[..]),
            Many::User(value) => (1, value),
            Many::Contact(value) => (2, value),
            Many::Session(value) => (3, value),
        };
        let text = self.reason.text();
        let length = u16::try_from(text.len()).map_err(|_| RegistryError::JobTooLarge)?;
        if text.len() + value.len() > MAX_JOB {
            return Err(RegistryError::JobTooLarge);
        }
        let mut bytes = vec![RECORD, VERSION, kind, u8::from(self.dry) | self.by.to_bits().0 << 1];
        for number in [self.reason.cause(), self.rate.max(1), self.in_flight.max(1), length] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(text);
        bytes.extend_from_slice(value);
        Ok(bytes)
    }
}

/// What [`Job::encode`] wrote.
pub(super) fn decode(bytes: &[u8]) -> Option<Job<'_>> {
    let (head, texts) = bytes.split_at_checked(HEAD)?;
    let number = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
    let (text, value) = texts.split_at_checked(number(10).into())?;
    let dialogs = match (head[0], head[1], head[2]) {
        (RECORD, VERSION, 0) => Many::All,
        (RECORD, VERSION, 1) => Many::User(value),
        (RECORD, VERSION, 2) => Many::Contact(value),
        (RECORD, VERSION, 3) => Many::Session(value),
        _ => return None,
    };
    let reason = Reason::sip(number(4), text).ok()?;
    let (dry, by) = (head[3] & 1 == 1, By::from_bits(head[3] >> 1, 0));
    Some(Job { dialogs, reason, rate: number(6), in_flight: number(8), dry, by })
}

/// When a job of this state was made, in milliseconds.
pub(super) fn made(state: u64) -> u64 {
    (state & !AGAIN) >> 2
}

/// Whether it is the job that was made then, and runs.
pub(super) fn runs(state: u64, since: u64) -> bool {
    state & STATES == RUNNING && made(state) == since
}

fn cursor_word(made: u64, cursor: u64) -> u64 {
    (made & CURSOR_TAG) << CURSOR_BITS | cursor & CURSOR_MOST
}

/// 0 for what a job before has written.
fn cursor_of(word: u64, made: u64) -> u64 {
    if word >> CURSOR_BITS == made & CURSOR_TAG { word & CURSOR_MOST } else { 0 }
}

/// A cursor is the index of a cell, see [`Id`].
const CURSOR_BITS: u32 = 32;
const CURSOR_MOST: u64 = u32::MAX as u64;
const CURSOR_TAG: u64 = u16::MAX as u64;

impl Many<'_> {
    /// Whether both mean the same dialogs, however they are written.
    pub(super) fn same(self, other: Many<'_>) -> bool {
        match (self, other) {
            (Self::All, Many::All) => true,
            (Self::User(one), Many::User(other)) => same_user(one, other),
            (Self::Contact(one), Many::Contact(other)) => same_address(one, other),
            (Self::Session(one), Many::Session(other)) => same_icid(one, other),
            _ => false,
        }
    }

    pub(super) fn means(self, record: &Record<'_>) -> bool {
        match self {
            Self::All => true,
            Self::User(wanted) => record.is_of_user(wanted),
            Self::Contact(wanted) => is_at(record.calling.contact, wanted) || is_at(record.called.contact, wanted),
            Self::Session(icid) => record.is_of_session(icid),
        }
    }
}

/// Whether a Contact has this URI.
fn is_at(contact: &[u8], wanted: &[u8]) -> bool {
    name_addr::parse(contact).is_some_and(|value| same_address(value.uri, wanted))
}

fn same_address(one: &[u8], other: &[u8]) -> bool {
    let port = |uri| uri::cut(uri).and_then(|uri| uri.port);
    same_user(one, other) && port(one) == port(other)
}

impl<S: Store> Registry<S> {
    /// Calls `visit` with each job.
    pub fn jobs(&self, visit: &mut dyn FnMut(&JobShown<'_>)) -> Result<(), RegistryError> {
        let mut bytes = Vec::new();
        for number in 1..=MAX_JOBS {
            let Some(id) = self.counted(self.job_id(number))? else { continue };
            let Some((job, words)) = self.counted(self.read_job(id, &mut bytes))? else { continue };
            visit(&JobShown {
                number,
                state: match words[STATE] & STATES {
                    RUNNING => JobState::Running,
                    CANCELLED => JobState::Cancelled,
                    _ => JobState::Finished,
                },
                dialogs: job.dialogs,
                dry: job.dry,
                by: job.by,
                cause: job.reason.cause(),
                text: job.reason.text(),
                made: made(words[STATE]) / MILLIS,
                figures: figures(&words, job.dry),
            });
        }
        Ok(())
    }

    /// Takes the running jobs a step on: calls `start` for each dialog that is to be released now, which releases it
    /// with this Reason and [tells](super::Start::by) for which job, and says whether it did. No lock is held.
    ///
    /// From the process that [sweeps](Registry::sweep), after each sweep: what is under way is known from that. At least
    /// five times a second: what is left of more is not made up for. Returns whether a job is running. `now` is the Unix
    /// time in milliseconds, by which an outcome is known to be of a job or of one before it: nothing is started in the
    /// millisecond in which the job was made.
    pub fn job_step(
        &self,
        now: u64,
        start: &mut dyn FnMut(Id, u8, &Reason<'_>) -> bool,
    ) -> Result<bool, RegistryError> {
        let since = match self.stepped.swap(now, Ordering::Relaxed) {
            0 => now.saturating_sub(FIRST),
            last => last.clamp(now.saturating_sub(LONGEST_STEP), now),
        };
        let mut running = false;
        for number in 1..=MAX_JOBS {
            let Some(id) = self.counted(self.job_id(number))? else { continue };
            match self.step(id, number, (since, now), start) {
                Ok(goes_on) => running |= goes_on,
                Err(RegistryError::NotFound) => {}
                // The other jobs go on, and this one the next time.
                Err(error) => {
                    let _ = self.counted::<()>(Err(error));
                    running = true;
                }
            }
        }
        Ok(running)
    }

    fn step(
        &self,
        id: Id,
        number: u8,
        (since, now): (u64, u64),
        start: &mut dyn FnMut(Id, u8, &Reason<'_>) -> bool,
    ) -> Result<bool, RegistryError> {
        let (mut bytes, mut record_bytes) = (Vec::new(), Vec::new());
        let Some((job, words)) = self.read_job(id, &mut bytes)? else { return Ok(false) };
        if words[STATE] & STATES != RUNNING {
            return Ok(false);
        }
        let made = made(words[STATE]);
        // What it starts is to be younger than the job itself.
        if !job.dry && made.checked_sub(now).is_some_and(|ahead| ahead < AHEAD) {
            return Ok(true);
        }
        // A step may come at any pace, and what is left of one is not saved up; rounded so that many steps start no more
        // than the rate.
        let until = |time: u64| u128::from(time) * u128::from(job.rate) / u128::from(MILLIS);
        let mut tokens = u64::try_from(until(now) - until(since)).unwrap_or(u64::MAX);
        let mut cursor = cursor_of(words[CURSOR], made);
        let mut seen = 0;
        while job.dry || tokens > 0 {
            let free = u64::from(job.in_flight).saturating_sub(self.under_way.load(Ordering::Relaxed));
            let page = if job.dry { PAGE } else { PAGE.min(tokens.min(free) as usize) };
            if page == 0 || seen >= STEP || !runs(self.word(id, STATE)?, made) {
                break;
            }
            let mut ids = Vec::with_capacity(page);
            cursor = self.store.scan(cursor, page, &mut |id| ids.push(id))?;
            seen += ids.len();
            let mut page_figures = [0; 10];
            page_figures[Number::Visited as usize] = ids.len() as u64;
            for dialog in ids {
                // One that the store is busy with costs itself, and not the figures of the others.
                let Ok(Some((stored, record))) = self.counted(self.load(dialog, &mut record_bytes)) else { continue };
                let Some(outcome) = met(&job, &stored.words, &record) else { continue };
                let outcome = match outcome {
                    Number::Started if !job.dry => {
                        // Cancelled meanwhile: what is not started yet is not.
                        if !runs(self.word(id, STATE)?, made) {
                            break;
                        }
                        tokens -= 1;
                        let started = start(dialog, number, &job.reason);
                        self.under_way.fetch_add(started.into(), Ordering::Relaxed);
                        if started { Number::Started } else { Number::Refused }
                    }
                    other => other,
                };
                page_figures[outcome as usize] += 1;
            }
            self.add_figures(id, made, &page_figures)?;
            // Behind what it stands for.
            self.change(id, CURSOR, |_| Some(cursor_word(made, cursor)))?;
            if cursor == 0 {
                let again = |state: u64| runs(state, made) && state & AGAIN != 0;
                if self.change(id, STATE, |state| again(state).then_some(state & !AGAIN))? {
                    continue;
                }
                let over = |state: u64| runs(state, made) && state & AGAIN == 0;
                self.change(id, STATE, |state| over(state).then_some(state & !STATES | FINISHED))?;
                // Asked for again at this moment.
                return Ok(runs(self.word(id, STATE)?, made));
            }
        }
        Ok(true)
    }

    /// Adds to the figures of the job that was made then.
    fn add_figures(&self, id: Id, since: u64, figures: &[u64; 10]) -> Result<(), RegistryError> {
        if made(self.word(id, STATE)?) != since {
            return Ok(());
        }
        let most = (1 << HALF) - 1;
        for (word, pair) in PAIRS.into_iter().zip(figures.chunks_exact(2)) {
            if pair != [0, 0] {
                self.change(id, word, |known| {
                    let (low, high) = ((known & most) + pair[0], (known >> HALF) + pair[1]);
                    Some(low.min(most) | high.min(most) << HALF)
                })?;
            }
        }
        Ok(())
    }

    /// Counts the outcome of a release that a job has started, at `started` in milliseconds. One that is over and
    /// forgotten needs it no more, and another that has its number now was made no earlier than that.
    pub(super) fn job_outcome(&self, number: u8, started: u64, outcome: Outcome) -> Result<(), RegistryError> {
        let Some(id) = self.job_id(number)? else { return Ok(()) };
        let made = made(self.word(id, STATE)?);
        if made >= started {
            return Ok(());
        }
        let number = match outcome {
            Outcome::Completed => Number::Completed,
            Outcome::Gone => Number::Gone,
            Outcome::Partial => Number::Partial,
            Outcome::Failed => Number::Failed,
            Outcome::Expired => Number::Expired,
        };
        let mut figures = [0; 10];
        figures[number as usize] = 1;
        self.add_figures(id, made, &figures)
    }
}

/// What a dialog is to a job; `None`: it is not meant, or stands for nothing any more.
fn met(job: &Job<'_>, words: &[u64; WORDS], record: &Record<'_>) -> Option<Number> {
    let seen = Seen::from_word(words[SEEN]);
    let phase = Release::from_word(words[RELEASE]).phase;
    if phase.is_over() || !job.dialogs.means(record) {
        return None;
    }
    match record.stage {
        Stage::Confirmed if phase != Phase::None => Some(Number::Refused),
        Stage::Early if seen.has(Seen::FADING) => None,
        Stage::Invite if seen.has(Seen::FADING | Seen::HAS_DIALOG) => None,
        _ if record.exempt => Some(Number::Exempt),
        Stage::Confirmed => Some(Number::Started),
        Stage::Early | Stage::Invite => Some(Number::Early),
    }
}

fn figures(words: &[u64; WORDS], dry: bool) -> Figures {
    let get = |number: Number| {
        let word = words[PAIRS[number as usize / 2]];
        if number as usize % 2 == 0 { word & ((1 << HALF) - 1) } else { word >> HALF }
    };
    Figures {
        visited: get(Number::Visited),
        matched: [Number::Exempt, Number::Started, Number::Early, Number::Refused].map(get).iter().sum(),
        early: get(Number::Early),
        exempt: get(Number::Exempt),
        started: if dry { 0 } else { get(Number::Started) },
        refused: get(Number::Refused),
        completed: get(Number::Completed),
        gone: get(Number::Gone),
        partial: get(Number::Partial),
        failed: get(Number::Failed),
        expired: get(Number::Expired),
    }
}
