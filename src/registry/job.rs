// SPDX-License-Identifier: MIT OR Apache-2.0
//! The release of many dialogs as a job: so many a second, so many at once, and it goes on after a restart.
//!
//! A job is a record of the store. What it asks for is in the record; how far it has come is in the words of its cell,
//! so that a process that dies leaves nothing half done: the place is written behind the dialogs that it stands for,
//! and a dialog that is met twice is under release already.

use core::sync::atomic::Ordering;

use crate::capture::{Record, Stage};
use crate::message::{name_addr, uri};
use crate::pending::{Outcome, Phase, Release};
use crate::reason::Reason;
use crate::store::{Id, Insert, Store, StoreError, WORDS};

use super::words::{RELEASE, SEEN, Seen};
use super::{MILLIS, Registry, RegistryError};

/// Jobs that are known at a time, the finished ones included.
pub const MAX_JOBS: u8 = 8;

/// Which dialogs a job is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Many<'a> {
    /// All.
    All,
    /// Those of a served user: its URI is that of From where the calling user is served, of To where the called user
    /// is. User part and host are compared, of another scheme than SIP the whole URI.
    User(&'a [u8]),
    /// Those with a user whose Contact has this URI: user part, host and port are compared.
    Contact(&'a [u8]),
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

const STATE: usize = 0;
const CURSOR: usize = 1;
/// Words of two numbers each. [`RELEASE`] is not among them: a job is under no release.
const PAIRS: [usize; 5] = [2, 3, 4, 5, 7];
const HALF: u32 = 24;

/// The place of a number: its word, and whether it is the upper half.
#[derive(Clone, Copy)]
enum Number {
    Matched = 0,
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
const VERSION: u8 = 1;
const HEAD: usize = 12;

impl Job<'_> {
    fn encode(&self) -> Result<Vec<u8>, RegistryError> {
        let (kind, value) = match self.dialogs {
            Many::All => (0, &b""[..]),
            Many::User(value) => (1, value),
            Many::Contact(value) => (2, value),
        };
        let text = self.reason.text();
        let length = u16::try_from(text.len()).map_err(|_| StoreError::TooLarge)?;
        let mut bytes = vec![RECORD, VERSION, kind, self.dry.into()];
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
        _ => return None,
    };
    let reason = Reason::sip(number(4), text).ok()?;
    Some(Job { dialogs, reason, rate: number(6), in_flight: number(8), dry: head[3] != 0 })
}

impl Many<'_> {
    fn means(self, record: &Record<'_>) -> bool {
        match self {
            Self::All => true,
            Self::User(wanted) => {
                let (calling, called) = (record.roles.serves_calling(), record.roles.serves_called());
                (calling && is_of(record.from, wanted, false)) || (called && is_of(record.to, wanted, false))
            }
            Self::Contact(wanted) => {
                is_of(record.calling.contact, wanted, true) || is_of(record.called.contact, wanted, true)
            }
        }
    }
}

/// Whether it has a scheme, and is a URI alone: what no dialog can match would pass for a job that found none.
fn is_uri(uri: &[u8]) -> bool {
    let scheme = memchr::memchr(b':', uri).map_or(&b""[..], |colon| &uri[..colon]);
    let odd = |b: &u8| matches!(b, 0..=b' ' | b'<' | b'>' | b'"' | 0x7f);
    scheme.first().is_some_and(u8::is_ascii_alphabetic) && !uri.iter().any(odd)
}

/// Whether a value of From, To or Contact has this URI.
fn is_of(value: &[u8], wanted: &[u8], with_port: bool) -> bool {
    let Some(value) = name_addr::parse(value) else { return false };
    match (uri::cut(value.uri), uri::cut(wanted)) {
        (Some(one), Some(other)) => {
            let same_port = !with_port || one.port == other.port;
            same_port && one.user == other.user && one.host.eq_ignore_ascii_case(other.host)
        }
        _ => value.uri == wanted,
    }
}

impl<S: Store> Registry<S> {
    /// Makes a job and gives its number. Nothing is released before [`Registry::job_step`]. `now` is in milliseconds.
    ///
    /// Errors: [`RegistryError::Selector`] for what is no URI; [`RegistryError::TooManyJobs`] while so many are running;
    /// those of the store.
    pub fn job_make(&self, job: &Job<'_>, now: u64) -> Result<u8, RegistryError> {
        self.counted(self.make_job(job, now))
    }

    fn make_job(&self, job: &Job<'_>, now: u64) -> Result<u8, RegistryError> {
        if let Many::User(uri) | Many::Contact(uri) = job.dialogs
            && !is_uri(uri)
        {
            return Err(RegistryError::Selector);
        }
        let bytes = job.encode()?;
        let mut words = [0; WORDS];
        words[STATE] = 1 | (now / MILLIS) << 2;
        for number in 1..=MAX_JOBS {
            match self.store.insert(self.keys.job(number), &bytes, &words)? {
                Insert::New(_) => return Ok(number),
                Insert::Exists(_) => {}
            }
        }
        // The place of one that is over: the oldest.
        let mut over = Vec::new();
        for number in 1..=MAX_JOBS {
            if let Some(id) = self.store.find(self.keys.job(number))?
                && let Some(state) = self.store.word(id, STATE)?
                && state & 3 != 1
            {
                over.push((state >> 2, number, id));
            }
        }
        over.sort_unstable_by_key(|(made, number, _)| (*made, *number));
        for (_, number, id) in over {
            self.store.remove(id)?;
            if let Insert::New(_) = self.store.insert(self.keys.job(number), &bytes, &words)? {
                return Ok(number);
            }
        }
        Err(RegistryError::TooManyJobs)
    }

    /// Cancels a job: it starts nothing more. What it has started ends as ever. `false`: it was over.
    ///
    /// Errors: [`RegistryError::NotFound`]; those of the store.
    pub fn job_cancel(&self, number: u8) -> Result<bool, RegistryError> {
        let id = self.counted(self.job_id(number))?.ok_or(RegistryError::NotFound)?;
        self.counted(self.change(id, STATE, |word| (word & 3 == 1).then_some(word & !3 | 2)))
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
                state: match stored.words[STATE] & 3 {
                    1 => JobState::Running,
                    2 => JobState::Cancelled,
                    _ => JobState::Finished,
                },
                dialogs: job.dialogs,
                dry: job.dry,
                cause: job.reason.cause(),
                text: job.reason.text(),
                made: stored.words[STATE] >> 2,
                figures: figures(&stored.words),
            });
        }
        Ok(())
    }

    /// Takes the running jobs a step on: calls `start` for each dialog that is to be released now, which releases it
    /// with this Reason and [tells](Registry::start_for) for which job, and says whether it did. No lock is held.
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
        if stored.words[STATE] & 3 != 1 {
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
            if page == 0 || seen >= STEP || self.word(id, STATE)? & 3 != 1 {
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
                page_figures[Number::Matched as usize] += 1;
                let outcome = match outcome {
                    Number::Started if !job.dry => {
                        tokens -= 1;
                        let started = start(dialog, number, &job.reason);
                        self.under_way.fetch_add(started.into(), Ordering::Relaxed);
                        if started { Number::Started } else { Number::Refused }
                    }
                    // What is only counted is started by nobody.
                    Number::Started => continue,
                    other => other,
                };
                page_figures[outcome as usize] += 1;
            }
            self.add_figures(id, &page_figures)?;
            // Behind what it stands for.
            self.change(id, CURSOR, |_| Some(cursor))?;
            if cursor == 0 {
                self.change(id, STATE, |word| (word & 3 == 1).then_some(word & !3 | 3))?;
                return Ok(false);
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
        if self.word(id, STATE)? >> 2 > started {
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
        Stage::Confirmed => Some(Number::Started),
        Stage::Early if !seen.has(Seen::FADING) => Some(Number::Early),
        Stage::Invite if !seen.has(Seen::FADING | Seen::HAS_DIALOG) => Some(Number::Early),
        Stage::Early | Stage::Invite => None,
    }
}

fn figures(words: &[u64; WORDS]) -> Figures {
    let get = |number: Number| {
        let word = words[PAIRS[number as usize / 2]];
        if number as usize % 2 == 0 { word & ((1 << HALF) - 1) } else { word >> HALF }
    };
    Figures {
        visited: get(Number::Visited),
        matched: get(Number::Matched),
        early: get(Number::Early),
        started: get(Number::Started),
        refused: get(Number::Refused),
        completed: get(Number::Completed),
        gone: get(Number::Gone),
        partial: get(Number::Partial),
        failed: get(Number::Failed),
        expired: get(Number::Expired),
    }
}
