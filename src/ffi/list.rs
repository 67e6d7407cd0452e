// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an operator or a script sees of a registry: dialogs by selector, pages of all dialogs, figures.

use core::ffi::c_void;

use super::by::number_of_by;
use super::dialog::IMS_RELEASE_CSEQ_NONE;
use super::guard::guard;
use super::registry::{Registry, outcome, refused};
use super::sized::{Output, Sized32};
use super::status::{IMS_RELEASE_ARGUMENT, IMS_RELEASE_BAD_SELECTOR, IMS_RELEASE_NOT_FOUND, IMS_RELEASE_NULL, Status};
use super::str::Str;
use crate::pending::{Leg, LegState};
use crate::registry::{self, Selector, State, parse_id};

/// `selector`: all dialogs of a Call-ID.
pub const IMS_RELEASE_SELECT_CALL: u32 = 1;
/// `selector`: the dialog "CALL-ID,FROM-TAG,TO-TAG".
pub const IMS_RELEASE_SELECT_DIALOG: u32 = 2;
/// `selector`: the internal id in decimal, as entries show it.
pub const IMS_RELEASE_SELECT_ID: u32 = 3;
/// `selector`: the dialog that a raw message belongs to.
pub const IMS_RELEASE_SELECT_MESSAGE: u32 = 4;

/// `state`: the INVITE is not yet answered.
pub const IMS_RELEASE_STATE_EARLY: u32 = 1;
/// `state`: answered, the ACK not yet seen.
pub const IMS_RELEASE_STATE_CONFIRMED: u32 = 2;
/// `state`: answered and acknowledged.
pub const IMS_RELEASE_STATE_ACKNOWLEDGED: u32 = 3;
/// `state`: one of the users has sent BYE.
pub const IMS_RELEASE_STATE_ENDING: u32 = 4;
/// `state`: a release is under way.
pub const IMS_RELEASE_STATE_RELEASING: u32 = 5;
/// `state`: it was released, and is still known for what comes late: ims_release_registry_find() shows it,
/// ims_release_registry_list() does not.
pub const IMS_RELEASE_STATE_RELEASED: u32 = 6;

/// `leg_state`: no release is under way; of one that is, the BYE is not sent yet, or is to be sent again.
pub const IMS_RELEASE_LEG_IDLE: u32 = 0;
/// `leg_state`: the BYE is out, no final reply yet.
pub const IMS_RELEASE_LEG_WAITING: u32 = 1;
/// `leg_state`: answered 2xx.
pub const IMS_RELEASE_LEG_DONE: u32 = 2;
/// `leg_state`: no session at that end any more: 481, 408, time-out, or not sent (RFC 3261 15.1.1), or another code
/// that ends the dialog or its INVITE usage (RFC 5057 5.1: 404 405 410 416 480 482-485 489 501 502 604).
pub const IMS_RELEASE_LEG_GONE: u32 = 3;
/// `leg_state`: any other final reply.
pub const IMS_RELEASE_LEG_FAILED: u32 = 4;
/// `leg_state`: the BYE could not be built.
pub const IMS_RELEASE_LEG_NOT_BUILT: u32 = 5;

/// One dialog of a registry.
///
/// Lifetime: it and its texts end with the callback.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// sizeof(ims_release_entry) of the library: members are only ever added at the end.
    pub struct_size: u32,
    /// IMS_RELEASE_STATE_*.
    pub state: u32,
    /// Internal id: what IMS_RELEASE_SELECT_ID takes.
    pub id: u64,
    /// Roles of the proxy in it: 1 serves the calling user, 2 the called user, 4 neither; added up.
    pub roles: u32,
    /// SIP status code of the Reason of its release; 0 without one.
    pub cause: u32,
    /// IMS_RELEASE_LEG_* of the called user's BYE.
    pub called_state: u32,
    /// IMS_RELEASE_LEG_* of the calling user's BYE.
    pub calling_state: u32,
    /// Final code of the called user's BYE, where it is sent again that of the last one; 0 without one.
    pub called_code: u32,
    /// Final code of the calling user's BYE, where it is sent again that of the last one; 0 without one.
    pub calling_code: u32,
    /// Unix time in seconds of the last message.
    pub seen_s: u64,
    /// Unix time in seconds of the start of the release; 0 without one.
    pub started_s: u64,
    /// Highest CSeq towards the called user, or IMS_RELEASE_CSEQ_NONE.
    pub cseq_to_called: i64,
    /// Highest CSeq towards the calling user, or IMS_RELEASE_CSEQ_NONE.
    pub cseq_to_calling: i64,
    /// Call-ID.
    pub call_id: Str,
    /// Tag of the calling user.
    pub from_tag: Str,
    /// Tag of the called user; empty while there is none.
    pub to_tag: Str,
    /// From of the INVITE.
    pub from: Str,
    /// To of the 200; of the INVITE before.
    pub to: Str,
    /// How often the called user's BYE was sent.
    pub called_attempts: u32,
    /// How often the calling user's BYE was sent.
    pub calling_attempts: u32,
    /// CSeq of the initial INVITE, which whoever wants to cancel it needs.
    pub invite_cseq: u32,
    /// Of a dialog that was released: IMS_RELEASE_COMPLETED to _EXPIRED; else 0.
    pub outcome: u32,
    /// 1 where a process died while it told that outcome: nobody knows whether it was heard. Else 0.
    pub unconfirmed: u32,
    /// Who has asked for its release: IMS_RELEASE_BY_*.
    pub by: u32,
    /// The job that has started its release; 0: none.
    pub job: u32,
    /// 1 where no job releases it, see ims_release_registry_exempt(); else 0.
    pub exempt: u32,
    /// The URIs by which a served calling user is known, with blanks between; empty where From is all that tells.
    pub calling_user: Str,
    /// The same of a served called user and To.
    pub called_user: Str,
    /// The icid-value of its session, as written; empty without one.
    pub icid: Str,
    /// The text of the Reason of its release; empty: none.
    pub text: Str,
    /// 1 where that was too much to keep, the record or the store being full: its BYEs say the cause alone. Else 0.
    pub text_lost: u32,
    /// Zero.
    pub reserved: u32,
}

/// Takes one dialog. No lock is held: it may call the library. It must not unwind.
pub type EntryFn = Option<unsafe extern "C" fn(env: *mut c_void, entry: *const Entry)>;

/// Figures of a registry. Set `struct_size` before. The first ones count since the store was made.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Stats {
    /// sizeof(ims_release_stats), set by the caller.
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// Initial INVITEs tracked.
    pub tracked: u64,
    /// Dialogs confirmed by a 2xx.
    pub confirmed: u64,
    /// Dialogs ended by a user's BYE.
    pub ended_by_user: u64,
    /// Releases started.
    pub started: u64,
    /// Releases by outcome.
    pub completed: u64,
    /// See IMS_RELEASE_GONE.
    pub gone: u64,
    /// See IMS_RELEASE_PARTIAL.
    pub partial: u64,
    /// See IMS_RELEASE_FAILED.
    pub failed: u64,
    /// See IMS_RELEASE_EXPIRED.
    pub expired: u64,
    /// Messages that were refused as malformed.
    pub refused_messages: u64,
    /// INVITEs and early dialogs dropped because no 2xx came.
    pub early_dropped: u64,
    /// Operations that the store refused.
    pub store_failures: u64,
    /// Records in the store now: INVITEs, early dialogs, dialogs, also those that were released and linger.
    pub records: u64,
    /// Records of the usual size that fit.
    pub capacity: u64,
    /// Damages found: records dropped, words mended, a file that was cut or put aside.
    pub damaged: u64,
    /// Repairs after the death of a process, or at start.
    pub repairs: u64,
    /// Calls that gave up on a lock.
    pub lock_timeouts: u64,
    /// Records refused because the store was full.
    pub refused_full: u64,
    /// Records refused because they were too large.
    pub refused_large: u64,
    /// BYEs sent again because of a 500 or 503, or because nobody told what came of them.
    pub retried: u64,
    /// BYEs that service control had kept back, sent straight to the far user.
    pub bypassed: u64,
    /// Requests of users on dialogs under release, to be refused.
    pub refused_requests: u64,
    /// Outcomes that nobody may have heard: a process died while it told them.
    pub unconfirmed: u64,
    /// Dialogs dropped because nothing was seen of them for long.
    pub idle_dropped: u64,
    /// Legs of ended releases by result, see IMS_RELEASE_LEG_DONE.
    pub legs_done: u64,
    /// See IMS_RELEASE_LEG_GONE.
    pub legs_gone: u64,
    /// See IMS_RELEASE_LEG_FAILED.
    pub legs_failed: u64,
    /// See IMS_RELEASE_LEG_NOT_BUILT.
    pub legs_not_built: u64,
    /// Releases under way, as the last round of ims_release_registry_sweep() has found.
    pub pending: u64,
    /// When the oldest of these was started, in Unix seconds; 0: there is none.
    pub oldest_s: u64,
    /// Users' BYEs and target refresh requests that were not on their way to the other user, see
    /// IMS_RELEASE_NO_BYE_CHECK.
    pub misdirected: u64,
}

// SAFETY: integers.
unsafe impl Sized32 for Stats {}

fn state(state: State) -> u32 {
    match state {
        State::Early => IMS_RELEASE_STATE_EARLY,
        State::Confirmed => IMS_RELEASE_STATE_CONFIRMED,
        State::Acknowledged => IMS_RELEASE_STATE_ACKNOWLEDGED,
        State::Ending => IMS_RELEASE_STATE_ENDING,
        State::Releasing => IMS_RELEASE_STATE_RELEASING,
        State::Released => IMS_RELEASE_STATE_RELEASED,
    }
}

fn leg(leg: Leg) -> u32 {
    match leg.state {
        LegState::Idle => IMS_RELEASE_LEG_IDLE,
        LegState::Waiting => IMS_RELEASE_LEG_WAITING,
        LegState::Done => IMS_RELEASE_LEG_DONE,
        LegState::Gone => IMS_RELEASE_LEG_GONE,
        LegState::Failed => IMS_RELEASE_LEG_FAILED,
        LegState::NotBuilt => IMS_RELEASE_LEG_NOT_BUILT,
    }
}

/// An entry as the host sees it.
pub(super) fn entry_of(entry: &registry::Entry<'_>) -> Entry {
    let cseq = |number: Option<u32>| number.map_or(IMS_RELEASE_CSEQ_NONE, i64::from);
    let (by, job) = number_of_by(entry.by);
    Entry {
        struct_size: size_of::<Entry>() as u32,
        state: state(entry.state),
        id: entry.id.0,
        roles: entry.roles.bits().into(),
        cause: entry.release.cause.into(),
        called_state: leg(entry.called),
        calling_state: leg(entry.calling),
        called_code: entry.called.code.into(),
        calling_code: entry.calling.code.into(),
        seen_s: entry.seen,
        started_s: entry.release.started,
        cseq_to_called: cseq(entry.cseqs.to_called),
        cseq_to_calling: cseq(entry.cseqs.to_calling),
        call_id: Str::of(entry.call_id),
        from_tag: Str::of(entry.from_tag),
        to_tag: Str::of(entry.to_tag),
        from: Str::of(entry.from),
        to: Str::of(entry.to),
        called_attempts: entry.called.attempts.into(),
        calling_attempts: entry.calling.attempts.into(),
        invite_cseq: entry.invite_cseq,
        outcome: entry.outcome.map_or(0, outcome),
        unconfirmed: entry.release.unconfirmed.into(),
        by,
        job,
        exempt: entry.exempt.into(),
        calling_user: Str::of(entry.calling_identities),
        called_user: Str::of(entry.called_identities),
        icid: Str::of(entry.icid),
        text: Str::of(entry.text),
        text_lost: entry.text_lost.into(),
        reserved: 0,
    }
}

/// Hands an entry to the host's function.
fn visitor(found: EntryFn, env: *mut c_void) -> Result<impl FnMut(&registry::Entry<'_>), Status> {
    let found = found.ok_or(IMS_RELEASE_NULL)?;
    Ok(move |entry: &registry::Entry<'_>| {
        let entry = entry_of(entry);
        // SAFETY: the header asks for a function that takes an entry and does not unwind.
        unsafe { found(env, &raw const entry) };
    })
}

/// Calls `found` with each dialog that `value` means by `selector`, one of IMS_RELEASE_SELECT_*, by rising numbers. An
/// INVITE counts as an early dialog while there is none of it.
///
/// Consumes nothing. Errors: IMS_RELEASE_NOT_FOUND when there is none; 1, 3, 200 to 399. From any thread and process.
/// `found` is called during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_registry_find(
    registry: *const Registry,
    selector: u32,
    value: Str,
    found: EntryFn,
    env: *mut c_void,
) -> Status {
    guard("ims_release_registry_find", || {
        // SAFETY: the header asks the caller for an open registry and a valid text.
        let (registry, value) = unsafe { (Registry::of(registry)?, value.bytes(IMS_RELEASE_ARGUMENT)?) };
        let mut visit = visitor(found, env)?;
        let selector = match selector {
            IMS_RELEASE_SELECT_CALL => Selector::Call(value),
            IMS_RELEASE_SELECT_DIALOG => Selector::Dialog(value),
            IMS_RELEASE_SELECT_ID => Selector::Id(parse_id(value).ok_or(IMS_RELEASE_BAD_SELECTOR)?),
            IMS_RELEASE_SELECT_MESSAGE => Selector::Message(value),
            _ => return Err(IMS_RELEASE_ARGUMENT),
        };
        match registry.find(selector, &mut visit).map_err(|error| refused(&error))? {
            0 => Err(IMS_RELEASE_NOT_FOUND),
            _ => Ok(()),
        }
    })
}

/// Calls `found` with the dialogs among the next `limit` records from `cursor` on: 0 for the first page, then what
/// `*next` told. `*next` is 0 at the end. A dialog that is there all the time is shown once.
///
/// Consumes nothing. Errors: 1, 3, 320 to 399. From any thread and process. `found` is called during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_registry_list(
    registry: *const Registry,
    cursor: u64,
    limit: u32,
    found: EntryFn,
    env: *mut c_void,
    next: *mut u64,
) -> Status {
    guard("ims_release_registry_list", || {
        // SAFETY: the header asks the caller for an open registry.
        let registry = unsafe { Registry::of(registry) }?;
        let mut visit = visitor(found, env)?;
        if next.is_null() {
            return Err(IMS_RELEASE_NULL);
        }
        if limit == 0 {
            return Err(IMS_RELEASE_ARGUMENT);
        }
        let cursor = registry.list(cursor, limit as usize, &mut visit).map_err(|error| refused(&error))?;
        // SAFETY: not NULL, and writable as the header asks.
        unsafe { next.write(cursor) };
        Ok(())
    })
}

/// Tells the figures of a registry.
///
/// Errors: 1, 2, 320 to 399. From any thread and process. No callback but the log.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_registry_stats(registry: *const Registry, stats: *mut Stats) -> Status {
    guard("ims_release_registry_stats", || {
        // SAFETY: the header asks the caller for an open registry and a valid struct.
        let (registry, output) = unsafe { (Registry::of(registry)?, Output::new(stats)?) };
        let registry::Stats { counts, records, usage } = registry.stats().map_err(|error| refused(&error))?;
        // SAFETY: `write` hands out a place for the struct.
        output.write(|stats| unsafe {
            let struct_size = (*stats).struct_size;
            stats.write(Stats {
                struct_size,
                reserved: 0,
                tracked: counts.tracked,
                confirmed: counts.confirmed,
                ended_by_user: counts.ended_by_user,
                started: counts.started,
                completed: counts.completed,
                gone: counts.gone,
                partial: counts.partial,
                failed: counts.failed,
                expired: counts.expired,
                refused_messages: counts.refused_messages,
                early_dropped: counts.early_dropped,
                store_failures: counts.store_failures,
                records,
                capacity: usage.capacity,
                damaged: usage.damaged,
                repairs: usage.repairs,
                lock_timeouts: usage.lock_timeouts,
                refused_full: usage.refused_full,
                refused_large: usage.refused_large,
                retried: counts.retried,
                bypassed: counts.bypassed,
                refused_requests: counts.refused_requests,
                unconfirmed: counts.unconfirmed,
                idle_dropped: counts.idle_dropped,
                legs_done: counts.legs_done,
                legs_gone: counts.legs_gone,
                legs_failed: counts.legs_failed,
                legs_not_built: counts.legs_not_built,
                pending: counts.pending,
                oldest_s: counts.oldest,
                misdirected: counts.misdirected,
            });
        });
        Ok(())
    })
}
