// SPDX-License-Identifier: MIT OR Apache-2.0
//! The release of many dialogs as a job.

use core::ffi::{c_int, c_void};

use super::by::{by_of_number, number_of_by};
use super::guard::guard;
use super::registry::{Registry, refused};
use super::sized::{Sized32, read};
use super::status::{
    self, IMS_RELEASE_ARGUMENT, IMS_RELEASE_BAD_REASON, IMS_RELEASE_BAD_REASON_TEXT, IMS_RELEASE_NULL, Status,
};
use super::str::Str;
use crate::reason::Reason;
use crate::registry::{Job, JobShown, JobState, Many};
use crate::store::Id;

/// `dialogs`: all.
pub const IMS_RELEASE_JOB_ALL: u32 = 1;
/// `dialogs`: those of a served user, `value` being one of its URIs, see ims_release_registry_track(). User part and host
/// are compared (RFC 3261 19.1.4), of a tel URI the number and its parameters, of another scheme the whole URI.
pub const IMS_RELEASE_JOB_USER: u32 = 2;
/// `dialogs`: those with a user whose Contact has the URI `value`; user part, host and port are compared.
pub const IMS_RELEASE_JOB_CONTACT: u32 = 3;
/// `dialogs`: those of the multimedia session with the icid-value `value` of P-Charging-Vector (RFC 7315), a token or a
/// quoted string.
pub const IMS_RELEASE_JOB_SESSION: u32 = 4;

/// `flags`: only count.
pub const IMS_RELEASE_JOB_DRY: u32 = 1;

/// `state`: it goes on.
pub const IMS_RELEASE_JOB_RUNNING: u32 = 1;
/// `state`: it was cancelled; what it has started ends as ever.
pub const IMS_RELEASE_JOB_CANCELLED: u32 = 2;
/// `state`: it has seen all dialogs; what it has started may still be under way.
pub const IMS_RELEASE_JOB_FINISHED: u32 = 3;

/// What a job is to do. Set all to zero first, then `struct_size`, `dialogs` and `cause`.
///
/// Lifetime: it and all it points at are read during the call only.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct JobRequest {
    /// sizeof(ims_release_job_request).
    pub struct_size: u32,
    /// Which dialogs: IMS_RELEASE_JOB_ALL, _USER, _CONTACT or _SESSION.
    pub dialogs: u32,
    /// The URI of the user or the Contact, or the icid-value.
    pub value: Str,
    /// SIP status code of the Reason, 100 to 699.
    pub cause: u32,
    /// IMS_RELEASE_JOB_DRY or 0.
    pub flags: u32,
    /// Text of the Reason; empty: none.
    pub text: Str,
    /// Releases started a second, at most, to 65,535; 0 for 200.
    pub rate: u32,
    /// Releases under way at a time, at most, to 65,535, those of others included; 0 for 500.
    pub in_flight: u32,
    /// Who asks: IMS_RELEASE_BY_HOST, _SCRIPT or _RPC.
    pub by: u32,
    /// Zero.
    pub reserved: u32,
}

// SAFETY: integers and pointers; zero is "not given".
unsafe impl Sized32 for JobRequest {}

/// A job as it is shown.
///
/// Lifetime: it and its texts end with the callback.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct JobEntry {
    /// sizeof(ims_release_job_entry) of the library: members are only ever added at the end.
    pub struct_size: u32,
    /// Its number, from 1 on.
    pub number: u32,
    /// IMS_RELEASE_JOB_RUNNING, _CANCELLED or _FINISHED.
    pub state: u32,
    /// IMS_RELEASE_JOB_ALL, _USER, _CONTACT or _SESSION.
    pub dialogs: u32,
    /// IMS_RELEASE_JOB_DRY or 0.
    pub flags: u32,
    /// SIP status code of the Reason.
    pub cause: u32,
    /// Text of the Reason.
    pub text: Str,
    /// The URI of the user or the Contact, or the icid-value.
    pub value: Str,
    /// When it was made, in Unix seconds.
    pub made_s: u64,
    /// Records seen.
    pub visited: u64,
    /// Dialogs that are meant, early ones included. After the death of a process 16 may be counted twice, here and in
    /// `refused`.
    pub matched: u64,
    /// Early ones: their INVITE is to be cancelled instead.
    pub early: u64,
    /// Releases started.
    pub started: u64,
    /// Releases refused: under way already, or not to be built.
    pub refused: u64,
    /// Outcomes of what it has started: see IMS_RELEASE_COMPLETED.
    pub completed: u64,
    /// See IMS_RELEASE_GONE.
    pub gone: u64,
    /// See IMS_RELEASE_PARTIAL.
    pub partial: u64,
    /// See IMS_RELEASE_FAILED.
    pub failed: u64,
    /// See IMS_RELEASE_EXPIRED.
    pub expired: u64,
    /// Exempt ones, see ims_release_registry_exempt().
    pub exempt: u64,
    /// Who has asked for it: IMS_RELEASE_BY_HOST, _SCRIPT or _RPC.
    pub by: u32,
    /// Zero.
    pub reserved: u32,
}

/// Starts the release of dialog `id` for job `job`, with this Reason: ims_release_registry_start() with the number in
/// `job` of the options. Returns 1 when it was started, else 0. No lock is held. It must not unwind.
pub type JobStartFn = Option<unsafe extern "C" fn(env: *mut c_void, id: u64, job: u32, cause: u32, text: Str) -> c_int>;

/// Takes one job. No lock is held: it may call the library. It must not unwind.
pub type JobFn = Option<unsafe extern "C" fn(env: *mut c_void, job: *const JobEntry)>;

/// Releases started a second when nothing else is said.
const RATE: u16 = 200;
/// Releases under way when nothing else is said.
const IN_FLIGHT: u16 = 500;

/// Makes a job, which the host then takes on with ims_release_registry_job_step(), and gives its number, from 1 on.
/// Jobs are kept in the store: they go on after a restart. Of eight at a time, the oldest that is over makes room; those
/// by scripts have five of these places. The number of one that is running is given where all but the text is the same,
/// and where a script asks (IMS_RELEASE_BY_SCRIPT) already where the dialogs are: it looks at all dialogs once more.
///
/// Consumes nothing. With an error nothing has changed. Errors: 1 to 3, 115, 116, 306 for a value that is no URI or
/// icid-value, 309, 311, 320 to 399. From any thread and process. No callback but the log.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_registry_job_make(
    registry: *const Registry,
    job: *const JobRequest,
    now_ms: u64,
    number: *mut u32,
) -> Status {
    guard("ims_release_registry_job_make", || {
        // SAFETY: the header asks the caller for an open registry and a valid struct.
        let (registry, job) = unsafe { (Registry::of(registry)?, read(job)?) };
        if number.is_null() {
            return Err(IMS_RELEASE_NULL);
        }
        if job.flags & !IMS_RELEASE_JOB_DRY != 0 || job.reserved != 0 {
            return Err(IMS_RELEASE_ARGUMENT);
        }
        // SAFETY: as above.
        let (value, text) =
            unsafe { (job.value.bytes(IMS_RELEASE_ARGUMENT)?, job.text.bytes(IMS_RELEASE_BAD_REASON_TEXT)?) };
        let dialogs = match (job.dialogs, value) {
            (IMS_RELEASE_JOB_ALL, b"") => Many::All,
            (IMS_RELEASE_JOB_USER, [_, ..]) => Many::User(value),
            (IMS_RELEASE_JOB_CONTACT, [_, ..]) => Many::Contact(value),
            (IMS_RELEASE_JOB_SESSION, [_, ..]) => Many::Session(value),
            _ => return Err(IMS_RELEASE_ARGUMENT),
        };
        let limit = |given: u32, default: u16| match u16::try_from(given) {
            Ok(0) => Ok(default),
            given => given.map_err(|_| IMS_RELEASE_ARGUMENT),
        };
        let cause = u16::try_from(job.cause).map_err(|_| IMS_RELEASE_BAD_REASON)?;
        let job = Job {
            dialogs,
            reason: Reason::sip(cause, text).map_err(status::of)?,
            rate: limit(job.rate, RATE)?,
            in_flight: limit(job.in_flight, IN_FLIGHT)?,
            dry: job.flags & IMS_RELEASE_JOB_DRY != 0,
            by: by_of_number(job.by, 0)?,
        };
        let made = registry.job_make(&job, now_ms).map_err(|error| refused(&error))?;
        // SAFETY: not NULL, and writable as the header asks.
        unsafe { number.write(made.into()) };
        Ok(())
    })
}

/// Cancels a job: it starts nothing more. What it has started ends as ever; of one that is over nothing changes.
///
/// Errors: 1, 3, 300, 320 to 399. From any thread and process. No callback but the log.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_registry_job_cancel(registry: *const Registry, number: u32) -> Status {
    guard("ims_release_registry_job_cancel", || {
        // SAFETY: the header asks the caller for an open registry.
        let registry = unsafe { Registry::of(registry) }?;
        let number = u8::try_from(number).map_err(|_| IMS_RELEASE_ARGUMENT)?;
        registry.job_cancel(number).map_err(|error| refused(&error))?;
        Ok(())
    })
}

/// Takes the running jobs a step on: calls `start` for each dialog that is to be released now. `*running` is 1 while
/// one goes on, else 0.
///
/// In the process that sweeps, after each ims_release_registry_sweep(): what is under way is known from that. At least
/// five times a second: what is left of more is not made up for. Nothing is started in the millisecond in which a job was
/// made: by when a release was started it is known to be of that job.
///
/// Errors: 1, 320 to 399. `start` is called during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_registry_job_step(
    registry: *const Registry,
    now_ms: u64,
    start: JobStartFn,
    env: *mut c_void,
    running: *mut u32,
) -> Status {
    guard("ims_release_registry_job_step", || {
        // SAFETY: the header asks the caller for an open registry.
        let registry = unsafe { Registry::of(registry) }?;
        let start = start.ok_or(IMS_RELEASE_NULL)?;
        if running.is_null() {
            return Err(IMS_RELEASE_NULL);
        }
        let mut ask = |id: Id, job: u8, reason: &Reason<'_>| {
            // SAFETY: the header asks for a function that takes these and does not unwind.
            unsafe { start(env, id.0, job.into(), reason.cause().into(), Str::of(reason.text())) != 0 }
        };
        let goes_on = registry.job_step(now_ms, &mut ask).map_err(|error| refused(&error))?;
        // SAFETY: not NULL, and writable as the header asks.
        unsafe { running.write(goes_on.into()) };
        Ok(())
    })
}

/// Calls `found` with each job, those that are over included.
///
/// Errors: 1, 320 to 399. From any thread and process. `found` is called during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_registry_jobs(
    registry: *const Registry,
    found: JobFn,
    env: *mut c_void,
) -> Status {
    guard("ims_release_registry_jobs", || {
        // SAFETY: the header asks the caller for an open registry.
        let registry = unsafe { Registry::of(registry) }?;
        let found = found.ok_or(IMS_RELEASE_NULL)?;
        let mut show = |job: &JobShown<'_>| {
            let entry = entry(job);
            // SAFETY: the header asks for a function that takes an entry and does not unwind.
            unsafe { found(env, &raw const entry) };
        };
        registry.jobs(&mut show).map_err(|error| refused(&error))
    })
}

/// Exempts the call of a message, an emergency or priority call, from the releases of jobs, for good: all dialogs of its
/// INVITE, those included that are still to come. `message` is the tracked INVITE, or any other message of the call,
/// whole. ims_release_registry_start() releases one of its dialogs all the same.
///
/// Consumes nothing. Errors: 1, 3, 200 to 299, 300 where the call is not tracked, 320 to 399. From any thread and
/// process. No callback but the log.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_registry_exempt(registry: *const Registry, message: Str) -> Status {
    guard("ims_release_registry_exempt", || {
        // SAFETY: the header asks the caller for an open registry and a valid text.
        let (registry, message) = unsafe { (Registry::of(registry)?, message.bytes(IMS_RELEASE_ARGUMENT)?) };
        registry.exempt(message).map_err(|error| refused(&error))
    })
}

fn entry(job: &JobShown<'_>) -> JobEntry {
    let (dialogs, value) = match job.dialogs {
        Many::All => (IMS_RELEASE_JOB_ALL, &b""[..]),
        Many::User(value) => (IMS_RELEASE_JOB_USER, value),
        Many::Contact(value) => (IMS_RELEASE_JOB_CONTACT, value),
        Many::Session(value) => (IMS_RELEASE_JOB_SESSION, value),
    };
    JobEntry {
        struct_size: size_of::<JobEntry>() as u32,
        number: job.number.into(),
        state: match job.state {
            JobState::Running => IMS_RELEASE_JOB_RUNNING,
            JobState::Cancelled => IMS_RELEASE_JOB_CANCELLED,
            JobState::Finished => IMS_RELEASE_JOB_FINISHED,
        },
        dialogs,
        flags: if job.dry { IMS_RELEASE_JOB_DRY } else { 0 },
        cause: job.cause.into(),
        text: Str::of(job.text),
        value: Str::of(value),
        made_s: job.made,
        visited: job.figures.visited,
        matched: job.figures.matched,
        early: job.figures.early,
        started: job.figures.started,
        refused: job.figures.refused,
        completed: job.figures.completed,
        gone: job.figures.gone,
        partial: job.figures.partial,
        failed: job.figures.failed,
        expired: job.figures.expired,
        exempt: job.figures.exempt,
        by: number_of_by(job.by).0,
        reserved: 0,
    }
}
