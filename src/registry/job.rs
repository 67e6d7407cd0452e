// SPDX-License-Identifier: MIT OR Apache-2.0
//! The release of many dialogs as a job: so many a second, so many at once, and it goes on after a restart.
//!
//! A job is a record of the store. What it asks for is in the record; how far it has come is in the words of its cell,
//! so that a process that dies leaves nothing half done: the place is written behind the dialogs that it stands for,
//! and a dialog that is met twice is under release already.

use core::sync::atomic::Ordering;

use crate::capture::identity::{is_icid, is_uri, same_user};
use crate::capture::{Record, Stage};
use crate::message::{name_addr, uri};
use crate::pending::{Outcome, Phase, Release};
use crate::reason::Reason;
use crate::store::{Id, Insert, Store, StoreError, WORDS};

use super::keys::Keys;
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

/// Milliseconds.
const FIRST: u64 = 100;

/// In this word: how far it is, when it was made, and whether it was asked for again meanwhile.
const STATE: usize = 0;
const STATES: u64 = 3;
const RUNNING: u64 = 1;
const CANCELLED: u64 = 2;
const FINISHED: u64 = 3;
const AGAIN: u64 = 1 << 47;
const CURSOR: usize = 1;
/// Words of two numbers each. [`RELEASE`] is not among them: a job is under no release.
const PAIRS: [usize; 5] = [2, 3, 4, 5, 7];
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

const RECORD: u8 = 0xfe;
const VERSION: u8 = 2;
const HEAD: usize = 12;

impl Job<'_> {
    fn encode(&self) -> Result<Vec<u8>, RegistryError> {
        let (kind, value) = match self.dialogs {
            Many::All => (0, &b""[..]),
            Many::User(value) => (1, value),
            Many::Contact(value) => (2, value),
            Many::Session(value) => (3, value),
        };
        let text = self.reason.text();
        let length = u16::try_from(text.len()).map_err(|_| StoreError::TooLarge)?;
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
fn decode(bytes: &[u8]) -> Option<Job<'_>> {
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

/// Keeps the places of the jobs in a store that has none of them yet, as jobs that are over: calls are to be released
/// from a full store too. A store of few records needs all its room for dialogs.
pub(super) fn reserve<S: Store>(store: &S, keys: &Keys) -> Result<(), StoreError> {
    const LEAST: u64 = 64 * MAX_JOBS as u64;
    if store.usage().capacity < LEAST {
        return Ok(());
    }
    let mut words = [0; WORDS];
    words[STATE] = FINISHED;
    for number in 1..=MAX_JOBS {
        match store.insert(keys.job(number), &[RECORD], &words) {
            Ok(_) | Err(StoreError::Full) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn made(state: u64) -> u64 {
    (state & !AGAIN) >> 2
}

impl Many<'_> {
    fn means(self, record: &Record<'_>) -> bool {
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
    let Some(value) = name_addr::parse(contact) else { return false };
    let port = |uri| uri::cut(uri).and_then(|uri| uri.port);
    same_user(value.uri, wanted) && port(value.uri) == port(wanted)
}

impl<S: Store> Registry<S> {
    /// Makes a job and gives its number. Nothing is released before [`Registry::job_step`]. `now` is in milliseconds.
    ///
    /// One that is running and the same but for the text and who has asked is joined: it looks at all dialogs once more,
    /// so that none is left out that came behind it.
    ///
    /// Errors: [`RegistryError::Selector`] for what is no URI, or no icid-value; [`RegistryError::TooManyJobs`] while so
    /// many are running; those of the store.
    pub fn job_make(&self, job: &Job<'_>, now: u64) -> Result<u8, RegistryError> {
        self.counted(self.make_job(job, now))
    }

    fn make_job(&self, job: &Job<'_>, now: u64) -> Result<u8, RegistryError> {
        let sound = match job.dialogs {
            Many::All => true,
            Many::User(uri) | Many::Contact(uri) => is_uri(uri),
            Many::Session(icid) => is_icid(icid),
        };
        if !sound {
            return Err(RegistryError::Selector);
        }
        if let Some(number) = self.join_job(job)? {
            return Ok(number);
        }
        let bytes = job.encode()?;
        let mut words = [0; WORDS];
        words[STATE] = RUNNING | (now / MILLIS) << 2;
        let first = if job.by == By::Script { MAX_JOBS - MAX_JOBS_OF_SCRIPTS + 1 } else { 1 };
        let mut places = Vec::new();
        for number in first..=MAX_JOBS {
            let id = self.job_id(number)?;
            let state = id.map(|id| self.store.word(id, STATE)).transpose()?.flatten().unwrap_or(FINISHED);
            if state & STATES != RUNNING {
                places.push((made(state), number, id));
            }
        }
        // The place of one that was never made, else of the oldest that is over.
        places.sort_unstable_by_key(|(made, number, _)| (*made, *number));
        let mut refusal = RegistryError::TooManyJobs;
        for (_, number, id) in places {
            if let Some(id) = id {
                self.store.remove(id)?;
            }
            match self.store.insert(self.keys.job(number), &bytes, &words) {
                Ok(Insert::New(_)) => return Ok(number),
                Ok(Insert::Exists(_)) => {}
                // A call has taken the room that was just given up.
                Err(StoreError::Full) => refusal = StoreError::Full.into(),
                Err(error) => return Err(error.into()),
            }
        }
        Err(refusal)
    }

    fn join_job(&self, job: &Job<'_>) -> Result<Option<u8>, RegistryError> {
        let mut bytes = Vec::new();
        for number in 1..=MAX_JOBS {
            let Some(id) = self.job_id(number)? else { continue };
            let Some(stored) = self.store.read(id, &mut bytes)? else { continue };
            let same = decode(&bytes).is_some_and(|known| {
                let asked = |job: &Job<'_>| (job.rate.max(1), job.in_flight.max(1), job.dry, job.reason.cause());
                known.dialogs == job.dialogs && asked(&known) == asked(job)
            });
            let running = |state: u64| state & STATES == RUNNING;
            if same && running(stored.words[STATE]) {
                self.change(id, STATE, |state| running(state).then_some(state | AGAIN))?;
                if running(self.word(id, STATE)?) {
                    return Ok(Some(number));
                }
            }
        }
        Ok(None)
    }

    /// Cancels a job: it starts nothing more. What it has started ends as ever. `false`: it was over.
    ///
    /// Errors: [`RegistryError::NotFound`]; those of the store.
    pub fn job_cancel(&self, number: u8) -> Result<bool, RegistryError> {
        let id = self.counted(self.job_id(number))?.ok_or(RegistryError::NotFound)?;
        let mut bytes = Vec::new();
        let known = self.counted(self.store.read(id, &mut bytes).map_err(RegistryError::from))?;
        known.and_then(|_| decode(&bytes)).ok_or(RegistryError::NotFound)?;
        let cancel = |state: u64| (state & STATES == RUNNING).then_some(state & !STATES | CANCELLED);
        self.counted(self.change(id, STATE, cancel))
    }

    /// Calls `visit` with each job.
    pub fn jobs(&self, visit: &mut dyn FnMut(&JobShown<'_>)) -> Result<(), RegistryError> {
        let mut bytes = Vec::new();
        for number in 1..=MAX_JOBS {
            let Some(id) = self.counted(self.job_id(number))? else { continue };
            let Some(stored) = self.counted(self.store.read(id, &mut bytes).map_err(RegistryError::from))? else {
                continue;
            };
            let Some(job) = decode(&bytes) else { continue };
            visit(&JobShown {
                number,
                state: match stored.words[STATE] & STATES {
                    RUNNING => JobState::Running,
                    CANCELLED => JobState::Cancelled,
                    _ => JobState::Finished,
                },
                dialogs: job.dialogs,
                dry: job.dry,
                by: job.by,
                cause: job.reason.cause(),
                text: job.reason.text(),
                made: made(stored.words[STATE]),
                figures: figures(&stored.words, job.dry),
            });
        }
        Ok(())
    }

    /// Takes the running jobs a step on: calls `start` for each dialog that is to be released now, which releases it
    /// with this Reason and [tells](super::Start::by) for which job, and says whether it did. No lock is held.
    ///
    /// From the process that [sweeps](Registry::sweep), after each sweep: what is under way is known from that. Returns
    /// whether a job is running. `now` is in milliseconds.
    pub fn job_step(
        &self,
        now: u64,
        start: &mut dyn FnMut(Id, u8, &Reason<'_>) -> bool,
    ) -> Result<bool, RegistryError> {
        let since = match self.stepped.swap(now, Ordering::Relaxed) {
            // The first step of this process: as after one of a timer.
            0 => now.saturating_sub(FIRST),
            last => last.clamp(now.saturating_sub(MILLIS), now),
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
        let stored = self.store.read(id, &mut bytes)?.ok_or(RegistryError::NotFound)?;
        let Some(job) = decode(&bytes) else { return Ok(false) };
        if stored.words[STATE] & STATES != RUNNING {
            return Ok(false);
        }
        // A step may come at any pace, and what is left of one is not saved up; rounded so that many steps start no more
        // than the rate.
        let until = |time: u64| u128::from(time) * u128::from(job.rate) / u128::from(MILLIS);
        let mut tokens = u64::try_from(until(now) - until(since)).unwrap_or(u64::MAX);
        let mut cursor = stored.words[CURSOR];
        let mut seen = 0;
        while job.dry || tokens > 0 {
            let free = u64::from(job.in_flight).saturating_sub(self.under_way.load(Ordering::Relaxed));
            let page = if job.dry { PAGE } else { PAGE.min(tokens.min(free) as usize) };
            if page == 0 || seen >= STEP || self.word(id, STATE)? & STATES != RUNNING {
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
                        if self.word(id, STATE)? & STATES != RUNNING {
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
            self.add_figures(id, &page_figures)?;
            // Behind what it stands for.
            self.change(id, CURSOR, |_| Some(cursor))?;
            if cursor == 0 {
                let all = |bits: u64| move |state: u64| state & (STATES | AGAIN) == bits;
                let again = all(RUNNING | AGAIN);
                if self.change(id, STATE, |state| again(state).then_some(state & !AGAIN))? {
                    continue;
                }
                let over = all(RUNNING);
                self.change(id, STATE, |state| over(state).then_some(state & !STATES | FINISHED))?;
                // Asked for again at this moment.
                return Ok(self.word(id, STATE)? & STATES == RUNNING);
            }
        }
        Ok(true)
    }

    fn add_figures(&self, id: Id, figures: &[u64; 10]) -> Result<(), RegistryError> {
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

    /// Counts the outcome of a release that a job has started. One that is over and forgotten needs it no more, and
    /// another that has its number now is younger than the release.
    pub(super) fn job_outcome(&self, number: u8, started: u64, outcome: Outcome) -> Result<(), RegistryError> {
        let Some(id) = self.job_id(number)? else { return Ok(()) };
        if made(self.word(id, STATE)?) > started {
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
        self.add_figures(id, &figures)
    }

    /// How many records the jobs take, with the places that are kept for them.
    pub(super) fn job_records(&self) -> Result<u64, RegistryError> {
        let mut count = 0;
        for number in 1..=MAX_JOBS {
            count += u64::from(self.job_id(number)?.is_some());
        }
        Ok(count)
    }

    fn job_id(&self, number: u8) -> Result<Option<Id>, RegistryError> {
        Ok(self.store.find(self.keys.job(number))?)
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
