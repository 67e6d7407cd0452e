// SPDX-License-Identifier: MIT OR Apache-2.0
//! Dialogs captured from the messages that a host sees, in a store that its processes share.

use core::ffi::c_void;
use core::time::Duration;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::by::number_of_by;
use super::challenge::{CredentialsFn, on_challenge};
use super::dialog::{Own, owns, serves as number_of_side};
use super::flow::flow_of;
use super::guard::{guard, guard_unit};
use super::log::{IMS_RELEASE_LOG_ERROR, IMS_RELEASE_LOG_INFO, IMS_RELEASE_LOG_WARNING, log};
use super::sized::{Sized32, read};
use super::status::{self, IMS_RELEASE_ARGUMENT, IMS_RELEASE_NULL, Status};
use super::str::Str;
use crate::flow::UseFlow;
use crate::pending::{Outcome, Policy};
use crate::registry::{self, LONGEST_HOLD, Settings, What};
use crate::store::shared::{Level, SharedConfig, SharedStore};
use crate::store::{MemoryStore, Store, StoreError};

/// `engine`: one file, mapped and shared by all processes that are forked after the opening. Survives restarts.
pub const IMS_RELEASE_ENGINE_SHARED: u32 = 1;
/// `engine`: the memory of one process, for threaded hosts and tests.
pub const IMS_RELEASE_ENGINE_MEMORY: u32 = 2;

/// `uid`, `gid`: no change of owner.
pub const IMS_RELEASE_OWNER_NONE: u32 = u32::MAX;

/// `linger_ms`: not at all.
pub const IMS_RELEASE_LINGER_NONE: u32 = u32::MAX;

/// `policy`: a BYE answered 500 or 503 is not sent once more.
pub const IMS_RELEASE_NO_RETRY: u32 = 1;
/// `policy`: a BYE that service control keeps back does not go straight to the far user.
pub const IMS_RELEASE_NO_BYPASS: u32 = 2;
/// `policy`: a release before the ACK to the 2xx is refused with IMS_RELEASE_NOT_ACKNOWLEDGED. Else it starts, and its
/// BYE to the calling user waits for the ACK, for 32 seconds at most (RFC 3261 15).
pub const IMS_RELEASE_NO_HOLD: u32 = 4;
/// How long that is at most, by the clock of a store that knows the second of the 2xx.
pub const IMS_RELEASE_LONGEST_HOLD_MS: u32 = 33_000;
/// `policy`: requests of the users on a dialog under release are the script's as ever.
pub const IMS_RELEASE_NO_REFUSAL: u32 = 8;
/// `policy`: a session timer that the users do not refresh (RFC 4028) ends nothing. Else the dialog is forgotten then,
/// without a BYE, and can no longer be released.
pub const IMS_RELEASE_NO_SESSION_TIMER: u32 = 16;

/// `policy`: no BYE gets a P-Charging-Vector with the icid-value that was stored for its dialog.
pub const IMS_RELEASE_NO_CHARGING_VECTOR: u32 = 32;
/// `policy`: no BYE goes the way by which its user's own messages came, see ims_release_registry_way_back(). Else it does
/// where that is a connection, or where the user's Contact is an address behind NAT or a name below `.invalid`.
pub const IMS_RELEASE_NO_FLOW: u32 = 64;
/// `policy`: each does whose user's way is known.
pub const IMS_RELEASE_ALWAYS_FLOW: u32 = 128;

/// `policy`: a user's BYE ends the session wherever it goes, and so does the answer to a target refresh request change
/// the target. Else only where the request is on its way to the other user: its Request-URI is that user's Contact, and
/// its Route the rest of the route set; without that a user can send it to itself, answer it, and spare the other user
/// the BYE of a release. For a host that sees other Contacts than its users, because it rewrites them.
pub const IMS_RELEASE_NO_BYE_CHECK: u32 = 256;

const _: () = assert!(IMS_RELEASE_LONGEST_HOLD_MS as u64 == registry::LONGEST_HOLD);

const POLICY: u32 = IMS_RELEASE_NO_RETRY
    | IMS_RELEASE_NO_BYPASS
    | IMS_RELEASE_NO_HOLD
    | IMS_RELEASE_NO_REFUSAL
    | IMS_RELEASE_NO_SESSION_TIMER
    | IMS_RELEASE_NO_CHARGING_VECTOR
    | IMS_RELEASE_NO_FLOW
    | IMS_RELEASE_ALWAYS_FLOW
    | IMS_RELEASE_NO_BYE_CHECK;

/// `seen`: of no call that is tracked.
pub const IMS_RELEASE_SEEN_UNKNOWN: u32 = 0;
/// `seen`: of a tracked call, and nothing that matters.
pub const IMS_RELEASE_SEEN_NOTHING: u32 = 1;
/// `seen`: counted for its CSeq.
pub const IMS_RELEASE_SEEN_COUNTED: u32 = 2;
/// `seen`: an early dialog.
pub const IMS_RELEASE_SEEN_EARLY: u32 = 3;
/// `seen`: the 2xx to the INVITE: a dialog.
pub const IMS_RELEASE_SEEN_CONFIRMED: u32 = 4;
/// `seen`: the ACK to it.
pub const IMS_RELEASE_SEEN_ACKNOWLEDGED: u32 = 5;
/// `seen`: a Contact was kept, or became the remote target; or a user has shown first that it knows session timers.
pub const IMS_RELEASE_SEEN_REFRESHED: u32 = 6;
/// `seen`: the INVITE was refused.
pub const IMS_RELEASE_SEEN_REFUSED: u32 = 7;
/// `seen`: a user's BYE.
pub const IMS_RELEASE_SEEN_ENDING: u32 = 8;
/// `seen`: that BYE was refused: the dialog goes on.
pub const IMS_RELEASE_SEEN_NOT_ENDING: u32 = 9;
/// `seen`: that BYE was answered: the dialog was removed.
pub const IMS_RELEASE_SEEN_ENDED: u32 = 10;
/// `seen`: a BYE on a dialog that is being released, or the answer to one. Where that ends the release the next
/// ims_release_registry_sweep() tells it.
pub const IMS_RELEASE_SEEN_RELEASING: u32 = 11;
/// `seen`: a user's BYE or target refresh request that is not on its way to the other user: it ends nothing and changes
/// no target. See IMS_RELEASE_NO_BYE_CHECK.
pub const IMS_RELEASE_SEEN_MISDIRECTED: u32 = 12;

/// `outcome`: both BYEs were answered 2xx; or a user's own was, which was under way when the release started.
pub const IMS_RELEASE_COMPLETED: u32 = 1;
/// `outcome`: the session has ended at both users, at least at one not by a 2xx.
pub const IMS_RELEASE_GONE: u32 = 2;
/// `outcome`: it has ended at one; at the other it failed or could not be built.
pub const IMS_RELEASE_PARTIAL: u32 = 3;
/// `outcome`: it has ended at neither.
pub const IMS_RELEASE_FAILED: u32 = 4;
/// `outcome`: the deadline came first.
pub const IMS_RELEASE_EXPIRED: u32 = 5;

/// How a release ended; the content of the callbacks `ended` and `unconfirmed`.
///
/// Lifetime: it and its texts end with the callback.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// sizeof(ims_release_ended) of the library: members are only ever added at the end.
    pub struct_size: u32,
    /// IMS_RELEASE_COMPLETED, _GONE, _PARTIAL, _FAILED or _EXPIRED.
    pub outcome: u32,
    /// The id that the dialog had.
    pub id: u64,
    /// SIP status code of the Reason.
    pub cause: u32,
    /// Final code of the called user's BYE, where it was sent again that of the last one; 0 without one.
    pub called_code: u32,
    /// Final code of the calling user's BYE, where it was sent again that of the last one; 0 without one.
    pub calling_code: u32,
    /// Who has asked for it: IMS_RELEASE_BY_*.
    pub by: u32,
    /// From the start of the release to its end.
    pub duration_ms: u64,
    /// Call-ID.
    pub call_id: Str,
    /// Tag of the calling user.
    pub from_tag: Str,
    /// Tag of the called user.
    pub to_tag: Str,
    /// How often the called user's BYE was sent.
    pub called_attempts: u32,
    /// How often the calling user's BYE was sent.
    pub calling_attempts: u32,
    /// From the start to the called user's final reply, or where there is none to the end; to ten milliseconds.
    pub called_duration_ms: u64,
    /// From the start to the calling user's final reply, or where there is none to the end; to ten milliseconds.
    pub calling_duration_ms: u64,
    /// Text of the Reason; empty: none.
    pub text: Str,
    /// The job that has started it; 0: none.
    pub job: u32,
    /// 1 where `text` was too much to keep, the record or the store being full: the BYEs have said the cause alone. Else 0.
    pub text_lost: u32,
}

/// Takes the end of a release, once for each release, in the process whose call brought it about: during
/// ims_release_registry_note(), _next() or _sweep(). No lock is held: it may call the library. It must not unwind.
pub type EndedFn = Option<unsafe extern "C" fn(env: *mut c_void, ended: *const Ended)>;

/// How to open a registry. Set all to zero first, then `struct_size`, `engine`, and for the shared engine `directory`,
/// `uid` and `gid`; elsewhere zero is the default.
///
/// Lifetime: read during ims_release_registry_open() only, but `ended`, `unconfirmed`, `credentials` and `env` are used until
/// the registry is closed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Config {
    /// sizeof(ims_release_config).
    pub struct_size: u32,
    /// IMS_RELEASE_ENGINE_SHARED or IMS_RELEASE_ENGINE_MEMORY.
    pub engine: u32,
    /// Directory of the store. It is made when only its last part is missing. For the shared engine.
    pub directory: Str,
    /// Octets of the store, of the shared engine allocated in full when its file is made; 0 for 64 MiB.
    pub size: u64,
    /// User that the files are given to: the one that the processes run as. IMS_RELEASE_OWNER_NONE to leave
    /// them with whoever opens the registry.
    pub uid: u32,
    /// Group that the files are given to with `uid`. IMS_RELEASE_OWNER_NONE to leave that.
    pub gid: u32,
    /// Longest wait for a lock of the store; 0 for 100.
    pub lock_timeout_ms: u32,
    /// After this long a release is over whatever was answered; 0 for 120,000. Unless `policy` has IMS_RELEASE_NO_HOLD
    /// at least IMS_RELEASE_LONGEST_HOLD_MS and `attempt_ms`: a BYE that had to wait for the ACK needs its time as well.
    pub deadline_ms: u32,
    /// After this long an INVITE without 2xx is forgotten; 0 for 300.
    pub early_lifetime_s: u32,
    /// Zero.
    pub reserved: u32,
    /// How to tell the proxy's own Record-Route entries.
    pub own: *const Own,
    /// How many descriptions.
    pub own_count: usize,
    /// Called at the end of each release; NULL for none.
    pub ended: EndedFn,
    /// Given to `ended`, `unconfirmed` and `credentials`.
    pub env: *mut c_void,
    /// How long an ended release stays known for what comes late; 0 for 32,000, IMS_RELEASE_LINGER_NONE to drop its
    /// dialog at once.
    pub linger_ms: u32,
    /// After this long no reply to a BYE can come any more; 0 for 40,000. More than the host's transactions wait: those
    /// report their time-out themselves.
    pub attempt_ms: u32,
    /// A dialog of which nothing was seen for so long is forgotten; 0 for 43,200.
    pub dialog_lifetime_s: u32,
    /// IMS_RELEASE_NO_RETRY, _NO_BYPASS, _NO_HOLD, _NO_REFUSAL, _NO_SESSION_TIMER, _NO_CHARGING_VECTOR, _NO_BYE_CHECK, and
    /// _NO_FLOW or _ALWAYS_FLOW, added up.
    pub policy: u32,
    /// Asked for credentials when a user answers a BYE 401 or 407; NULL for none: then that leg has failed.
    pub credentials: CredentialsFn,
    /// Called with an outcome that a process was just telling when it died, by ims_release_registry_resume() or _sweep():
    /// nobody knows whether it was heard, and it is not told to `ended` again. NULL for none.
    pub unconfirmed: EndedFn,
}

// SAFETY: integers and pointers, and functions that may be absent; zero is "not given".
unsafe impl Sized32 for Config {}

/// Dialogs and releases over a store.
///
/// Thread rule: any number of threads may use it at once; only ims_release_registry_close() must be alone.
/// Fork rule: open it before the fork; all children then share it (engine SHARED). A child that exits closes nothing;
/// the first process closes it when all are done.
///
/// Time: `now_ms` is Unix time in milliseconds, the host's.
///
/// Methods: ims_release_registry_open(), _close(), _resume(), _track(), _observe(), _find(), _start(), _note(),
/// _next(), _adopt(), _own_hop(), _way_back(), _recognise(), _answered(), _sent_on(), _sweep(), _drop(), _list(), _stats(),
/// _job_make(), _job_step(), _job_cancel(), _job_items(), _jobs(), _exempt().
pub struct Registry(pub(super) registry::Registry<Box<dyn Store>>);

impl Registry {
    /// The registry behind a handle.
    ///
    /// # Safety
    /// `registry` must be NULL or made by ims_release_registry_open() and not closed.
    pub(super) unsafe fn of<'a>(registry: *const Self) -> Result<&'a registry::Registry<Box<dyn Store>>, Status> {
        // SAFETY: this function's own condition.
        unsafe { registry.as_ref() }.map(|registry| &registry.0).ok_or(IMS_RELEASE_NULL)
    }
}

/// The number of an outcome.
pub(super) fn outcome(outcome: Outcome) -> u32 {
    match outcome {
        Outcome::Completed => IMS_RELEASE_COMPLETED,
        Outcome::Gone => IMS_RELEASE_GONE,
        Outcome::Partial => IMS_RELEASE_PARTIAL,
        Outcome::Failed => IMS_RELEASE_FAILED,
        Outcome::Expired => IMS_RELEASE_EXPIRED,
    }
}

/// A host's function and what it wants to be given. The header asks that both may be used from any thread.
#[derive(Clone, Copy)]
struct Callback {
    function: unsafe extern "C" fn(env: *mut c_void, ended: *const Ended),
    env: *mut c_void,
}

// SAFETY: the header asks it of the host.
unsafe impl Send for Callback {}
// SAFETY: the header asks it of the host.
unsafe impl Sync for Callback {}

impl Callback {
    fn call(self, ended: &registry::Ended<'_>) {
        let outcome = outcome(ended.outcome);
        let (by, job) = number_of_by(ended.by);
        let ended = Ended {
            struct_size: size_of::<Ended>() as u32,
            outcome,
            id: ended.id.0,
            cause: ended.cause.into(),
            called_code: ended.called.code.into(),
            calling_code: ended.calling.code.into(),
            by,
            duration_ms: ended.duration,
            call_id: Str::of(ended.call_id),
            from_tag: Str::of(ended.from_tag),
            to_tag: Str::of(ended.to_tag),
            called_attempts: ended.called.attempts.into(),
            calling_attempts: ended.calling.attempts.into(),
            called_duration_ms: ended.called_duration,
            calling_duration_ms: ended.calling_duration,
            text: Str::of(ended.text),
            job,
            text_lost: ended.text_lost.into(),
        };
        // SAFETY: the host keeps function and `env` valid until the registry is closed.
        unsafe { (self.function)(self.env, &raw const ended) }
    }
}

/// Octets of a store when none are given.
const SIZE: u64 = 64 * 1024 * 1024;
/// Milliseconds that a call waits for a lock when none are given.
const LOCK_TIMEOUT: u64 = 100;
/// What a dialog takes in memory, about.
const RECORD: u64 = 2048;

/// # Safety
/// The directory must be readable as the header asks.
unsafe fn shared_store(config: &Config) -> Result<Result<Box<dyn Store>, StoreError>, Status> {
    // SAFETY: this function's own condition.
    let directory = unsafe { config.directory.bytes(IMS_RELEASE_ARGUMENT) }?;
    if directory.is_empty() || directory.contains(&0) {
        return Err(IMS_RELEASE_ARGUMENT);
    }
    let timeout = if config.lock_timeout_ms == 0 { LOCK_TIMEOUT } else { config.lock_timeout_ms.into() };
    let opened = SharedStore::open(&SharedConfig {
        directory: Path::new(OsStr::from_bytes(directory)),
        size: if config.size == 0 { SIZE } else { config.size },
        lock_timeout: Duration::from_millis(timeout),
        owner: (config.uid != IMS_RELEASE_OWNER_NONE).then_some((config.uid, config.gid)),
        log: &|level, text| {
            let level = match level {
                Level::Error => IMS_RELEASE_LOG_ERROR,
                Level::Warning => IMS_RELEASE_LOG_WARNING,
            };
            log(level, &format!("ims_release: {text}"));
        },
    });
    Ok(opened.map(|store| Box::new(store) as Box<dyn Store>))
}

fn memory_store(size: u64) -> Result<Box<dyn Store>, StoreError> {
    let records = if size == 0 { SIZE } else { size } / RECORD;
    Ok(Box::new(MemoryStore::new(usize::try_from(records).unwrap_or(usize::MAX).max(1))?))
}

/// Opens a registry for `*registry`, which the caller owns and closes.
///
/// The shared engine makes its files when they are missing, repairs what a killed process left, and takes dialogs up
/// where they were; ims_release_registry_resume() does the same for releases. A file that it cannot use is renamed
/// aside and reported to the log, never a reason to fail. Reasons to fail, with a line in the log that says what to do:
/// the directory cannot be made or written, the disk is full, another live host uses the store.
///
/// Consumes nothing. On an error `*registry` is untouched. Errors: 1 to 3, 5, 111, 300 to 399.
/// Before the fork. The log may be called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_registry_open(config: *const Config, registry: *mut *mut Registry) -> Status {
    guard("ims_release_registry_open", || {
        if registry.is_null() {
            return Err(IMS_RELEASE_NULL);
        }
        // SAFETY: the header asks the caller for a valid config.
        let c = unsafe { read(config) }?;
        if c.reserved != 0 || c.policy & !POLICY != 0 {
            return Err(IMS_RELEASE_ARGUMENT);
        }
        let allows = |flag| c.policy & flag == 0;
        let use_flow = match (allows(IMS_RELEASE_NO_FLOW), allows(IMS_RELEASE_ALWAYS_FLOW)) {
            (true, true) => UseFlow::Needed,
            (false, true) => UseFlow::Never,
            (true, false) => UseFlow::Always,
            (false, false) => return Err(IMS_RELEASE_ARGUMENT),
        };
        let or = |given: u32, default: u64| if given == 0 { default } else { given.into() };
        let (deadline, attempt) = (or(c.deadline_ms, 120_000), or(c.attempt_ms, 40_000));
        if allows(IMS_RELEASE_NO_HOLD) && deadline < LONGEST_HOLD + attempt {
            log(
                IMS_RELEASE_LOG_ERROR,
                &format!(
                    "ims_release: deadline_ms {deadline} is too short: a BYE may wait {LONGEST_HOLD} for the ACK, and \
                     an attempt takes {attempt}; with IMS_RELEASE_NO_HOLD none waits"
                ),
            );
            return Err(IMS_RELEASE_ARGUMENT);
        }
        // SAFETY: as above.
        let own = unsafe { owns(c.own, c.own_count) }?;
        let store = match c.engine {
            // SAFETY: as above.
            IMS_RELEASE_ENGINE_SHARED => unsafe { shared_store(&c) }?,
            IMS_RELEASE_ENGINE_MEMORY => memory_store(c.size),
            _ => return Err(IMS_RELEASE_ARGUMENT),
        }
        .map_err(|error| refused(&error.into()))?;
        let settings = Settings {
            own: &own,
            deadline,
            linger: if c.linger_ms == IMS_RELEASE_LINGER_NONE { 0 } else { or(c.linger_ms, 32_000) },
            attempt,
            dialog_lifetime: or(c.dialog_lifetime_s, 43_200) * 1_000,
            policy: Policy { retry: allows(IMS_RELEASE_NO_RETRY), bypass: allows(IMS_RELEASE_NO_BYPASS) },
            hold: allows(IMS_RELEASE_NO_HOLD),
            refuse_requests: allows(IMS_RELEASE_NO_REFUSAL),
            check_bye: allows(IMS_RELEASE_NO_BYE_CHECK),
            session_timer: allows(IMS_RELEASE_NO_SESSION_TIMER),
            charging_vector: allows(IMS_RELEASE_NO_CHARGING_VECTOR),
            use_flow,
            early_lifetime: or(c.early_lifetime_s, 300) * 1_000,
            ..Settings::default()
        };
        let tell = |function: EndedFn| -> registry::OnEnded {
            let callback = function.map(|function| Callback { function, env: c.env });
            Box::new(move |ended: &registry::Ended<'_>| {
                if let Some(callback) = callback {
                    callback.call(ended);
                }
            })
        };
        let opened =
            registry::Registry::new(store, &settings, tell(c.ended)).map_err(|error| refused(&error.into()))?;
        let opened = opened.with_unconfirmed(tell(c.unconfirmed)).with_idle_dropped(Box::new(log_idle_dropped));
        // SAFETY: as above.
        let opened = match unsafe { on_challenge(c.credentials, c.env) } {
            Some(credentials) => opened.with_credentials(credentials),
            None => opened,
        };
        if let Ok(stats) = opened.stats() {
            // An INVITE is one beside its dialog, until 64*T1 after the 2xx.
            log(
                IMS_RELEASE_LOG_INFO,
                &format!("ims_release: {} records of an earlier run, room for {}", stats.records, stats.usage.capacity),
            );
        }
        // SAFETY: not NULL, and writable as the header asks.
        unsafe { registry.write(Box::into_raw(Box::new(Registry(opened)))) };
        Ok(())
    })
}

/// Nobody has ended the call: whoever wants to release it later finds none, and must know why.
fn log_idle_dropped(dropped: &registry::IdleDropped<'_>) {
    let (what, parameter) = match dropped.session_timer {
        true => ("its session timer was not refreshed", "session_timer"),
        false => ("nothing was seen of it", "dialog_lifetime"),
    };
    log(
        IMS_RELEASE_LOG_WARNING,
        &format!(
            "ims_release: dialog d{} is tracked no more: {what} for {} seconds (see {parameter}), call_id={}",
            dropped.id.0,
            dropped.idle / 1_000,
            String::from_utf8_lossy(dropped.call_id)
        ),
    );
}

/// The number of an error. What a number cannot tell goes to the log.
pub(super) fn refused(error: &registry::RegistryError) -> Status {
    if let registry::RegistryError::Store(StoreError::Io(text)) = error {
        log(IMS_RELEASE_LOG_ERROR, &format!("ims_release: {text}"));
    }
    status::of_registry(error)
}

/// Closes a registry opened by ims_release_registry_open(); nothing for NULL. It consumes `registry`: do not use it any
/// more. Dialogs stay in the store of the shared engine. No other thread may be using it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_registry_close(registry: *mut Registry) {
    guard_unit("ims_release_registry_close", || {
        if !registry.is_null() {
            // SAFETY: made by Box::into_raw in ims_release_registry_open(), and given up by the caller.
            drop(unsafe { Box::from_raw(registry) });
        }
    });
}

/// Tracks the call of an initial INVITE, `message` as received or sent, whole. Call it again when the INVITE is seen
/// again: after a challenge, on another pass through the same proxy (both users served: both roles are kept).
///
/// `user` is the identity of the served user, by which IMS_RELEASE_JOB_USER finds the call: a URI or a name-addr, or
/// several with commas between, as in P-Asserted-Identity. Empty: what the INVITE tells, as TS 24.229 5.4.3.2 and
/// 5.4.3.3 say: P-Served-User, if its session case is that of this pass; else of a calling user P-Asserted-Identity, of a
/// called user the Request-URI; where there is none From or To.
///
/// `flow` tells how the message came, for ims_release_registry_way_back():
/// `transport:address:port;local=transport:address:port`, who has sent it and the own socket that has received it; the
/// transport is udp, tcp, tls, sctp, ws or wss, an IPv6 address stands in brackets. Empty: not told.
///
/// Consumes nothing. Errors: 1, 3, 112, 200 to 299, 310 for a `user` that is none, 320 to 399; the call itself is never
/// touched by one.
/// From any thread and process. No callback but the log.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_registry_track(
    registry: *const Registry,
    message: Str,
    serves: u32,
    user: Str,
    flow: Str,
    now_ms: u64,
) -> Status {
    guard("ims_release_registry_track", || {
        // SAFETY: the header asks the caller for an open registry and a valid text.
        let (registry, message, user) = unsafe {
            (Registry::of(registry)?, message.bytes(IMS_RELEASE_ARGUMENT)?, user.bytes(IMS_RELEASE_ARGUMENT)?)
        };
        // SAFETY: the header asks the caller for a valid text.
        let flow = unsafe { flow_of(flow) }?;
        registry.track_user(message, number_of_side(serves)?, user, flow, now_ms).map_err(|error| refused(&error))?;
        Ok(())
    })
}

/// Takes in any other message of a call, whole, in both directions: replies to the INVITE, the ACK, requests within the
/// dialog, before they are sent on, and their replies. Of the refusals of an INVITE that was forked hand in only the one
/// that is sent on: another branch may still answer (RFC 3261 16.7). `flow` is that of a message which a user has sent, as for
/// ims_release_registry_track(). `*seen` tells what it was: IMS_RELEASE_SEEN_*. A message of no tracked call
/// is fine, and so is one given twice.
///
/// Consumes nothing. Errors: 1, 3, 200 to 299, 320 to 399; the call itself is never touched by one.
/// From any thread and process. No callback but the log.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_registry_observe(
    registry: *const Registry,
    message: Str,
    flow: Str,
    now_ms: u64,
    seen: *mut u32,
) -> Status {
    guard("ims_release_registry_observe", || {
        // SAFETY: the header asks the caller for an open registry and a valid text.
        let (registry, message) = unsafe { (Registry::of(registry)?, message.bytes(IMS_RELEASE_ARGUMENT)?) };
        // SAFETY: as above.
        let flow = unsafe { flow_of(flow) }?;
        if seen.is_null() {
            return Err(IMS_RELEASE_NULL);
        }
        let what = match registry.observe_from(message, flow, now_ms).map_err(|error| refused(&error))?.what {
            What::Unknown => IMS_RELEASE_SEEN_UNKNOWN,
            What::Nothing => IMS_RELEASE_SEEN_NOTHING,
            What::Counted => IMS_RELEASE_SEEN_COUNTED,
            What::Early => IMS_RELEASE_SEEN_EARLY,
            What::Confirmed => IMS_RELEASE_SEEN_CONFIRMED,
            What::Acknowledged => IMS_RELEASE_SEEN_ACKNOWLEDGED,
            What::Refreshed => IMS_RELEASE_SEEN_REFRESHED,
            What::Refused => IMS_RELEASE_SEEN_REFUSED,
            What::Ending => IMS_RELEASE_SEEN_ENDING,
            What::NotEnding => IMS_RELEASE_SEEN_NOT_ENDING,
            What::Ended => IMS_RELEASE_SEEN_ENDED,
            What::Releasing => IMS_RELEASE_SEEN_RELEASING,
            What::Misdirected => IMS_RELEASE_SEEN_MISDIRECTED,
        };
        // SAFETY: not NULL, and writable as the header asks.
        unsafe { seen.write(what) };
        Ok(())
    })
}
