// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a registry does with time: BYEs that are sent later or again, what an earlier run has left, what is over.

use core::ffi::{c_char, c_void};

use super::bye::{Bye, OneOutput};
use super::guard::guard;
use super::random::random;
use super::registry::{Registry, refused};
use super::release::{Options, with_request};
use super::running::{IMS_RELEASE_LEG_CALLED, IMS_RELEASE_LEG_CALLING, user};
use super::sized::{Output, Sized32};
use super::status::{IMS_RELEASE_ARGUMENT, IMS_RELEASE_BUFFER_TOO_SMALL, Status};
use super::str::Str;
use crate::dialog::User;
use crate::registry::RegistryError;
use crate::store::Id;

/// What ims_release_registry_resume() has taken up again. Set `struct_size` before.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Resumed {
    /// sizeof(ims_release_resumed), set by the caller.
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// Releases under way.
    pub releases: u64,
    /// Their BYEs that are due.
    pub byes: u64,
    /// Releases whose outcome was just being told: it is not told again.
    pub unconfirmed: u64,
}

// SAFETY: integers.
unsafe impl Sized32 for Resumed {}

/// What ims_release_registry_sweep() has done. Set `struct_size` before.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Swept {
    /// sizeof(ims_release_swept), set by the caller.
    pub struct_size: u32,
    /// 1 when it came to the end of the store; the next one begins again. Else 0.
    pub finished: u32,
    /// 1 while a dialog is under release, or still known for one; else 0.
    pub active: u32,
    /// Zero.
    pub reserved: u32,
    /// Records looked at.
    pub visited: u64,
    /// BYEs that are due.
    pub due: u64,
    /// Releases that it ended.
    pub ended: u64,
    /// INVITEs and dialogs that it dropped.
    pub dropped: u64,
}

// SAFETY: integers.
unsafe impl Sized32 for Swept {}

/// Takes a BYE that is due: `leg` of dialog `id`, to be fetched with ims_release_registry_next() at once or after the
/// sweep. `env` is what was given to the sweep. No lock is held: it may call the library. It must not unwind.
pub type DueFn = Option<unsafe extern "C" fn(env: *mut c_void, id: u64, leg: u32)>;

/// Takes up the releases that an earlier run of the host has left under way: their BYEs are due again, with the next
/// CSeq, and the deadline counts from now; where there are more than the host can send until then, from when all have had
/// their turn, and at most for ten times as long. A user who has had the first answers 481, which ends that leg. An outcome
/// that was just being told when its process died is not told again: entries and figures call it unconfirmed.
///
/// Once after ims_release_registry_open(), before the fork and before any other call. On an error some releases may not
/// have been taken up: those end with their deadline.
///
/// Consumes nothing. Errors: 1, 2, 320 to 399. No callback but the log.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_registry_resume(
    registry: *const Registry,
    now_ms: u64,
    resumed: *mut Resumed,
) -> Status {
    guard("ims_release_registry_resume", || {
        // SAFETY: the header asks the caller for an open registry and a valid struct.
        let (registry, output) = unsafe { (Registry::of(registry)?, Output::new(resumed)?) };
        let done = registry.resume(now_ms).map_err(|error| refused(&error))?;
        // SAFETY: `write` hands out a place for the struct.
        output.write(|resumed| unsafe {
            let struct_size = (*resumed).struct_size;
            resumed.write(Resumed {
                struct_size,
                reserved: 0,
                releases: done.releases,
                byes: done.byes,
                unconfirmed: done.unconfirmed,
            });
        });
        Ok(())
    })
}

/// Looks at the next `limit` records, goes on there next time, and begins again at the end. Ends what time ends:
/// releases past their deadline, BYEs that no reply can come to any more, dialogs past their lifetime, what a killed
/// process left. Calls `due` (NULL for none) with `env` for each BYE that is to be sent now: one that waited for the
/// ACK, one that is sent again, one whose process has died before it sent it. A BYE that is not fetched is told in each
/// round.
///
/// For the host's timer, in one process and one thread of it: ten times a second while `active`, once a second else.
/// How long a whole round takes is how late such a BYE may be.
///
/// Consumes nothing. Errors: 1 to 3, 320 to 399. `due` and `ended` may be called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_registry_sweep(
    registry: *const Registry,
    now_ms: u64,
    limit: u32,
    due: DueFn,
    env: *mut c_void,
    swept: *mut Swept,
) -> Status {
    guard("ims_release_registry_sweep", || {
        // SAFETY: the header asks the caller for an open registry and a valid struct.
        let (registry, output) = unsafe { (Registry::of(registry)?, Output::new(swept)?) };
        if limit == 0 {
            return Err(IMS_RELEASE_ARGUMENT);
        }
        let mut tell = |id: Id, to: User| {
            let leg = match to {
                User::Called => IMS_RELEASE_LEG_CALLED,
                User::Calling => IMS_RELEASE_LEG_CALLING,
            };
            if let Some(due) = due {
                // SAFETY: the header asks for a function that takes these and does not unwind.
                unsafe { due(env, id.0, leg) };
            }
        };
        let done = registry.sweep(now_ms, limit as usize, &mut tell).map_err(|error| refused(&error))?;
        let active = registry.is_active(now_ms).map_err(|error| refused(&error))?;
        // SAFETY: `write` hands out a place for the struct.
        output.write(|swept| unsafe {
            let struct_size = (*swept).struct_size;
            swept.write(Swept {
                struct_size,
                finished: done.finished.into(),
                active: active.into(),
                reserved: 0,
                visited: done.visited as u64,
                due: done.due as u64,
                ended: done.ended as u64,
                dropped: done.dropped as u64,
            });
        });
        Ok(())
    })
}

/// Builds a BYE that is due, and takes it to be sent: no other process gets this one. It has the next CSeq, and the
/// Reason with which the release was started, its cause alone where the store had no room for the text; of `options`
/// the form, the headers, the Via and the flags count, and `cause` must be one all the same. After IMS_RELEASE_OK the host sends it and reports what comes of it with
/// ims_release_registry_note(), as after ims_release_registry_start(). Set `struct_size` of `bye` before.
///
/// IMS_RELEASE_NOT_RELEASING: it is not due yet, or not any more; another process may have it.
/// IMS_RELEASE_BUFFER_TOO_SMALL: `length` of `bye`, then also written, tells what is needed, and the BYE is still due.
/// Codes from 100 to 110: it cannot be built, and the leg has ended. On other errors `bye` is untouched.
///
/// Consumes nothing. Errors: 1 to 7, 100 to 120, 300 to 399. From any thread and process. `ended` may be called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_registry_next(
    registry: *const Registry,
    id: u64,
    leg: u32,
    options: *const Options,
    now_ms: u64,
    buffer: *mut c_char,
    capacity: usize,
    bye: *mut Bye,
) -> Status {
    guard("ims_release_registry_next", || {
        // SAFETY: the header asks the caller for an open registry.
        let registry = unsafe { Registry::of(registry) }?;
        // SAFETY: the header asks the caller for a valid buffer and struct.
        let mut output = unsafe { OneOutput::new(buffer, capacity, bye) }?;
        let to = user(leg)?;
        // SAFETY: as above.
        unsafe {
            with_request(options, |request| {
                match registry.next(Id(id), to, request, now_ms, &mut random, output.octets()) {
                    Ok(built) => {
                        output.describe(&built);
                        Ok(())
                    }
                    Err(RegistryError::BufferTooSmall { called, calling }) => {
                        output.describe_length(called.max(calling));
                        Err(IMS_RELEASE_BUFFER_TOO_SMALL)
                    }
                    Err(error) => Err(refused(&error)),
                }
            })
        }
    })
}

/// Drops a dialog, or what a release has left of it, without any SIP: nobody is told, and the session goes on unless it
/// is over. For an operator who knows better.
///
/// Errors: 1, 300, 303 while its release is under way, 320 to 399. From any thread and process. No callback but the
/// log.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_registry_drop(registry: *const Registry, id: u64) -> Status {
    guard("ims_release_registry_drop", || {
        // SAFETY: the header asks the caller for an open registry.
        let registry = unsafe { Registry::of(registry) }?;
        registry.drop_dialog(Id(id)).map_err(|error| refused(&error))?;
        Ok(())
    })
}

/// Takes a request that the host sends on, whole, as its transaction layer has printed it: our BYE that leaves for the
/// far user, with no own entry before it any more, is no longer service control's, and what comes back is that user's
/// answer. Any other message is no matter, not even one that cannot be read.
///
/// Consumes nothing. Errors: 1, 3, 320 to 399. From any thread and process. No callback but the log.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_registry_sent_on(registry: *const Registry, message: Str) -> Status {
    guard("ims_release_registry_sent_on", || {
        // SAFETY: the header asks the caller for an open registry and a valid text.
        let (registry, message) = unsafe { (Registry::of(registry)?, message.bytes(IMS_RELEASE_ARGUMENT)?) };
        registry.sent_on(message).map_err(|error| refused(&error))
    })
}
