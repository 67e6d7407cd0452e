// SPDX-License-Identifier: MIT OR Apache-2.0
//! The dialogs of a proxy and their releases, in a store that all its processes share.
//!
//! A host hands in what it sees ([`Registry::track`], [`Registry::observe`]), starts releases ([`Registry::find`],
//! [`Registry::start`]), reports what came of the BYEs ([`Registry::note`]) and calls [`Registry::sweep`] from a timer.
//! Nothing here waits without a bound, and no lock is held while the host is called back: it may call the registry from
//! there.

mod by;
mod challenge;
mod charging;
mod counters;
mod crossing;
mod error;
mod exempt;
mod find;
mod flow;
mod hop;
mod items;
mod job;
mod keys;
mod list;
mod mark;
mod mend;
mod next;
mod observe;
mod pass;
mod places;
mod plan;
mod release;
mod resume;
mod retry_after;
mod sweep;
mod track;
mod words;

use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU64};

use crate::capture::{Captured, Record, Stage, read};
use crate::dialog::User;
use crate::flow::UseFlow;
use crate::pending::{Leg, Outcome, Phase, Policy, Release};
use crate::route::Own;
use crate::store::{Entry as Stored, Id, Store, StoreError};

pub use by::By;
pub use challenge::{Challenge, MAX_CREDENTIALS, OnChallenge};
pub use counters::Counts;
pub use error::RegistryError;
pub use find::{Selector, parse_id};
pub use items::Item;
pub use job::{Figures, Job, JobShown, JobState, MAX_JOB, MAX_JOBS, MAX_JOBS_OF_SCRIPTS, Many};
pub use list::{Entry, State, Stats};
pub use observe::{Seen, What};
pub use pass::Pass;
pub use release::{Bye, Noted, Start, Started};
pub use resume::Resumed;
pub use sweep::{IdleDropped, OnIdleDropped, Swept, TOLD_A_SECOND};
pub use track::Tracked;

use counters::{Counter, Counters};
use keys::Keys;
use words::{SEEN, cseq_of, cseq_to, cseq_word};

/// How a registry works.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// The proxy's own Record-Route entries.
    pub own: &'a [Own<'a>],
    /// A release that has not ended by then is over, in milliseconds. Two attempts of a BYE must fit, and with `hold`
    /// one after [`LONGEST_HOLD`].
    pub deadline: u64,
    /// How long an ended release stays known, for what comes late, in milliseconds; 0: its dialog is dropped at once.
    pub linger: u64,
    /// When no reply to a BYE can come any more, in milliseconds: longer than the host's transactions wait, which
    /// report their time-out themselves.
    pub attempt: u64,
    /// Whether a release before the ACK to the 2xx starts, and only its BYE to the calling user waits for the ACK, or
    /// for 64*T1 (RFC 3261 15); else it is refused.
    pub hold: bool,
    /// When a BYE is sent again.
    pub policy: Policy,
    /// Whether the requests of users are refused on a dialog under release (TS 24.229 5.4.5.1.3).
    pub refuse_requests: bool,
    /// Whether a user's BYE ends the session, and the answer to a target refresh request changes the other user's target,
    /// only where the request [was on its way to that user](Record::is_addressed). For a proxy, which sees each request
    /// before its reply; off for one that sees other Contacts than its users.
    pub check_bye: bool,
    /// Whether each BYE carries the icid-value that was stored for its dialog, in a P-Charging-Vector (RFC 7315).
    pub charging_vector: bool,
    /// When a BYE takes the way by which its user's own messages came.
    pub use_flow: UseFlow,
    /// A dialog of which nothing was seen for so long is dropped, in milliseconds.
    pub dialog_lifetime: u64,
    /// Whether a dialog is dropped when its session timer (RFC 4028) runs out.
    pub session_timer: bool,
    /// An INVITE or early dialog without a 2xx is dropped after this time without a message, in milliseconds.
    pub early_lifetime: u64,
    /// Whether an ended dialog stays, as [`State::Ending`], and is never swept: for reading a capture, where what a
    /// call was matters after it is over, and messages may be missing: `check_bye` is off with it. A proxy leaves it off.
    pub keep_ended: bool,
}

impl Default for Settings<'_> {
    fn default() -> Self {
        Self {
            own: &[],
            deadline: 120_000,
            linger: 32_000,
            attempt: 40_000,
            hold: true,
            policy: Policy::default(),
            refuse_requests: true,
            check_bye: true,
            session_timer: true,
            charging_vector: true,
            use_flow: UseFlow::default(),
            dialog_lifetime: 12 * 60 * 60 * 1_000,
            early_lifetime: 300_000,
            keep_ended: false,
        }
    }
}

/// How a release ended, for the host: told at most once for each release, by whichever process saw the last reply.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// The dialog's number.
    pub id: Id,
    /// How it ended.
    pub outcome: Outcome,
    /// Who has asked for it.
    pub by: By,
    /// The SIP status code of its Reason.
    pub cause: u16,
    /// The text of that; empty for none, and when the record was damaged.
    pub text: &'a [u8],
    /// Whether that was too much to keep: the BYEs have said the cause alone.
    pub text_lost: bool,
    /// The leg to the called user.
    pub called: Leg,
    /// The leg to the calling user.
    pub calling: Leg,
    /// Call-ID; empty, as the tags are, when the record was damaged.
    pub call_id: &'a [u8],
    /// The calling user's tag.
    pub from_tag: &'a [u8],
    /// The called user's tag.
    pub to_tag: &'a [u8],
    /// From start to end, in milliseconds.
    pub duration: u64,
    /// From the start to the final reply of the called user, in milliseconds; of that leg where there is none, to the
    /// end.
    pub called_duration: u64,
    /// The same of the calling user.
    pub calling_duration: u64,
}

/// What the host does when a release has ended.
pub type OnEnded = Box<dyn Fn(&Ended<'_>) + Send + Sync>;

/// The dialogs of a proxy.
pub struct Registry<S> {
    store: S,
    keys: Keys,
    counters: Counters,
    own: Vec<OwnEntry>,
    deadline: u64,
    linger: u64,
    attempt: u64,
    hold: bool,
    policy: Policy,
    refuse_requests: bool,
    check_bye: bool,
    charging_vector: bool,
    use_flow: UseFlow,
    dialog_lifetime: u64,
    session_timer: bool,
    early_lifetime: u64,
    keep_ended: bool,
    ended: OnEnded,
    unconfirmed: Option<OnEnded>,
    idle_dropped: Option<OnIdleDropped>,
    /// The second in which it was told of a dropped dialog last, and how often in that second.
    idle_told: AtomicU64,
    credentials: Option<OnChallenge>,
    /// Where the sweep of this process goes on.
    swept_to: AtomicU64,
    /// What this round of it has found: until when a dialog is under release or known for one, in seconds.
    active_until: AtomicU64,
    /// Releases under way, as far as this process has counted: those of the last round, and what its jobs have started.
    under_way: AtomicU64,
    /// Those of this round.
    counting: AtomicU64,
    /// When the oldest of those was started, in seconds.
    oldest: AtomicU64,
    /// Whether this round has met a BYE from before a restart that has not had its turn.
    waiting: AtomicBool,
    /// When jobs were taken a step on.
    stepped: AtomicU64,
}

impl<S: fmt::Debug> fmt::Debug for Registry<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("store", &self.store).field("own", &self.own).finish_non_exhaustive()
    }
}

/// [`Own`], kept.
#[derive(Clone, Debug)]
enum OwnEntry {
    Uri(Box<[u8]>),
    Host { host: Box<[u8]>, port: Option<u16>, cookie: Box<[u8]> },
}

impl From<&Own<'_>> for OwnEntry {
    fn from(own: &Own<'_>) -> Self {
        match *own {
            Own::Uri(uri) => Self::Uri(uri.into()),
            Own::Host { host, port, cookie } => Self::Host { host: host.into(), port, cookie: cookie.into() },
        }
    }
}

impl OwnEntry {
    fn as_own(&self) -> Own<'_> {
        match self {
            Self::Uri(uri) => Own::Uri(uri),
            Self::Host { host, port, cookie } => Own::Host { host, port: *port, cookie },
        }
    }
}

/// How often an operation is tried again when another process changed the same dialog in between.
const TRIES: usize = 32;

/// 64*T1 of RFC 3261 17.1.1.2: how long a 2xx, an ACK or a fork's further 2xx may still come, in milliseconds.
const TIMER_B: u64 = 32_000;

const MILLIS: u64 = 1_000;

/// How long a BYE waits for the ACK at most, in milliseconds: RFC 3261 15 allows none before it, or before 64*T1 have
/// gone by. When the 2xx came is known by its second.
pub const LONGEST_HOLD: u64 = TIMER_B + MILLIS;

impl<S: Store> Registry<S> {
    /// A registry over `store`. `ended` is called from whichever of the other calls ends a release.
    pub fn new(store: S, settings: &Settings<'_>, ended: OnEnded) -> Result<Self, StoreError> {
        let keys = Keys::new(store.secret());
        let counters = Counters::open(&store, &keys)?;
        places::reserve(&store, &keys)?;
        Ok(Self {
            keys,
            counters,
            own: settings.own.iter().map(OwnEntry::from).collect(),
            deadline: settings.deadline,
            linger: settings.linger,
            attempt: settings.attempt,
            hold: settings.hold,
            policy: settings.policy,
            refuse_requests: settings.refuse_requests,
            check_bye: settings.check_bye && !settings.keep_ended,
            charging_vector: settings.charging_vector,
            use_flow: settings.use_flow,
            dialog_lifetime: settings.dialog_lifetime,
            session_timer: settings.session_timer,
            early_lifetime: settings.early_lifetime,
            keep_ended: settings.keep_ended,
            ended,
            unconfirmed: None,
            idle_dropped: None,
            idle_told: AtomicU64::new(0),
            credentials: None,
            swept_to: AtomicU64::new(0),
            active_until: AtomicU64::new(0),
            under_way: AtomicU64::new(0),
            counting: AtomicU64::new(0),
            oldest: AtomicU64::new(u64::MAX),
            waiting: AtomicBool::new(false),
            stepped: AtomicU64::new(0),
            store,
        })
    }

    /// The same registry, which calls `unconfirmed` when it finds an outcome that a process was just telling when it died:
    /// nobody knows whether it was heard, and it is not told again.
    #[must_use]
    pub fn with_unconfirmed(self, unconfirmed: OnEnded) -> Self {
        Self { unconfirmed: Some(unconfirmed), ..self }
    }

    /// The same registry, which calls `idle_dropped` when a sweep has dropped a dialog of which nothing was seen for too
    /// long.
    #[must_use]
    pub fn with_idle_dropped(self, idle_dropped: OnIdleDropped) -> Self {
        Self { idle_dropped: Some(idle_dropped), ..self }
    }

    /// The store.
    pub fn store(&self) -> &S {
        &self.store
    }

    fn own(&self) -> Vec<Own<'_>> {
        self.own.iter().map(OwnEntry::as_own).collect()
    }

    fn read_message<'m>(&self, message: &'m [u8]) -> Result<Captured<'m>, RegistryError> {
        read(message).map_err(|refused| {
            self.counters.add(&self.store, Counter::RefusedMessages);
            RegistryError::Message(refused)
        })
    }

    /// Counts what the store refused.
    fn counted<T>(&self, result: Result<T, RegistryError>) -> Result<T, RegistryError> {
        if matches!(result, Err(RegistryError::Store(_))) {
            self.counters.add(&self.store, Counter::StoreFailures);
        }
        result
    }

    /// Changes one word of a cell without a lock. `Ok(false)`: `next` wants no change. Bounded: so many collisions in a
    /// row do not happen unless something is broken.
    fn change(&self, id: Id, word: usize, next: impl Fn(u64) -> Option<u64>) -> Result<bool, RegistryError> {
        for _ in 0..TRIES * 8 {
            let current = self.store.word(id, word)?.ok_or(RegistryError::NotFound)?;
            match next(current) {
                Some(new) if new != current => {
                    if self.store.compare_exchange(id, word, current, new)? {
                        return Ok(true);
                    }
                }
                _ => return Ok(false),
            }
        }
        Err(RegistryError::Store(StoreError::Busy))
    }

    /// The highest CSeq counts, whatever the order in which messages are seen.
    fn count_cseq(&self, id: Id, to: User, cseq: u32) -> Result<(), RegistryError> {
        self.change(id, cseq_to(to), |word| {
            cseq_of(word).is_none_or(|known| known < cseq).then(|| cseq_word(Some(cseq)))
        })?;
        Ok(())
    }

    fn touch(&self, id: Id, now: u64, set: u8, clear: u8) -> Result<(), RegistryError> {
        self.change(id, SEEN, |word| {
            let seen = words::Seen::from_word(word);
            let flags = seen.flags & !clear | set;
            Some(words::Seen { at: seen.at.max(now / MILLIS), flags, ..seen }.to_word())
        })?;
        Ok(())
    }

    /// The 2xx to an INVITE or UPDATE says how long the session lasts without another (RFC 4028 7.2); without a word of
    /// it there is no session timer any more.
    fn set_session_timer(&self, id: Id, interval: usize) -> Result<(), RegistryError> {
        self.change(id, SEEN, |word| {
            let session = words::Seen::session(interval);
            Some(words::Seen { session, ..words::Seen::from_word(word) }.to_word())
        })?;
        Ok(())
    }

    /// Stores the record of `id` anew, as `encode` writes it.
    fn rewrite(
        &self,
        id: Id,
        encode: impl Fn(&Record<'_>, &mut Vec<u8>) -> Result<(), RegistryError>,
    ) -> Result<(), RegistryError> {
        let (mut bytes, mut next) = (Vec::new(), Vec::new());
        for _ in 0..TRIES {
            let (stored, record) = self.load(id, &mut bytes)?.ok_or(RegistryError::NotFound)?;
            encode(&record, &mut next)?;
            if self.store.replace(id, stored.version, &next)? {
                return Ok(());
            }
        }
        Err(StoreError::Busy.into())
    }

    /// The record of `id`, in `bytes`; `None` when it is gone or is no dialog.
    fn load<'b>(&self, id: Id, bytes: &'b mut Vec<u8>) -> Result<Option<(Stored, Record<'b>)>, RegistryError> {
        Ok(match self.store.read(id, bytes)? {
            Some(stored) => Record::decode(bytes).map(|record| (stored, record)),
            None => None,
        })
    }

    /// Calls `visit` with the INVITE records and early dialogs of one INVITE; tells whether a dialog of it is
    /// confirmed.
    fn siblings(
        &self,
        call_id: &[u8],
        from_tag: &[u8],
        except: Option<Id>,
        mut visit: impl FnMut(Id, &Stored, &Record<'_>),
    ) -> Result<bool, RegistryError> {
        let mut ids = Vec::with_capacity(GROUP);
        self.store.group(self.keys.group(call_id), &mut ids)?;
        let mut confirmed = false;
        let mut bytes = Vec::new();
        for id in ids.into_iter().filter(|id| Some(*id) != except) {
            if let Some((stored, record)) = self.load(id, &mut bytes)?
                && record.call_id == call_id
                && record.from_tag() == from_tag
            {
                confirmed |= record.stage == Stage::Confirmed;
                if record.stage != Stage::Confirmed {
                    visit(id, &stored, &record);
                }
            }
        }
        Ok(confirmed)
    }

    /// Drops a dialog, or what a release has left of it, without any SIP: nobody is told, and the session goes on
    /// unless it is over. `false`: another process was first.
    ///
    /// Errors: [`RegistryError::NotFound`]; [`RegistryError::AlreadyReleasing`] while its release is under way.
    pub fn drop_dialog(&self, id: Id) -> Result<bool, RegistryError> {
        let mut bytes = Vec::new();
        let (stored, record) = self.counted(self.load(id, &mut bytes))?.ok_or(RegistryError::NotFound)?;
        let over = Release::from_word(stored.words[words::RELEASE]).phase == Phase::Told;
        if !over && !self.counted(self.close(id, 0))? {
            return Err(RegistryError::AlreadyReleasing);
        }
        self.counted(self.forget(id, record.call_id, record.from_tag()))
    }

    /// Takes a dialog that has ended without a release out of the reach of one: what is removed from under a release that
    /// another process has just started would leave that without an outcome. `false`: it is under release. Who dies
    /// before he removes it leaves it to the sweep.
    fn close(&self, id: Id, now: u64) -> Result<bool, RegistryError> {
        let closed = Release { phase: Phase::Told, started: now / MILLIS, ..Release::default() };
        Ok(self.store.compare_exchange(id, words::RELEASE, 0, closed.to_word())?)
    }

    /// Removes an ended dialog, and its INVITE and early siblings unless another dialog of that INVITE lives. `true`
    /// for the one caller that removed it.
    fn forget(&self, id: Id, call_id: &[u8], from_tag: &[u8]) -> Result<bool, RegistryError> {
        // The siblings first: a process that dies in between leaves the dialog, which is swept, not a ghost.
        let mut siblings = Vec::new();
        let others = self.siblings(call_id, from_tag, Some(id), |id, stored, _| siblings.push((id, stored.version)))?;
        if !others {
            for (sibling, version) in siblings {
                // A 2xx may make a dialog of it at this moment.
                self.store.remove_version(sibling, version)?;
            }
        }
        Ok(self.store.remove(id)?)
    }

    fn word(&self, id: Id, word: usize) -> Result<u64, RegistryError> {
        self.store.word(id, word)?.ok_or(RegistryError::NotFound)
    }

    fn leg(&self, id: Id, user: User) -> Result<Leg, RegistryError> {
        Ok(Leg::from_word(self.word(id, words::leg_to(user))?))
    }

    fn release(&self, id: Id) -> Result<Release, RegistryError> {
        Ok(Release::from_word(self.word(id, words::RELEASE)?))
    }
}

/// Records of one Call-ID for which there is room at once, so that a list of them hardly ever grows under a lock.
const GROUP: usize = 256;

fn other(user: User) -> User {
    match user {
        User::Called => User::Calling,
        User::Calling => User::Called,
    }
}
