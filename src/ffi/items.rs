// SPDX-License-Identifier: MIT OR Apache-2.0
//! What has become of each dialog of a job.

use core::ffi::c_void;

use super::guard::guard;
use super::list::{Entry, entry_of};
use super::registry::{Registry, refused};
use super::status::{self, IMS_RELEASE_ARGUMENT, IMS_RELEASE_NULL, IMS_RELEASE_OK, Status};
use crate::registry::{self, Item};

/// `stage`: the job has not started its release, and could now: it comes to it later, only counts, or had no success when
/// it did, for a reason that holds no more.
pub const IMS_RELEASE_ITEM_NOT_STARTED: u32 = 1;
/// `stage`: early; its INVITE is to be cancelled instead.
pub const IMS_RELEASE_ITEM_EARLY: u32 = 2;
/// `stage`: exempt, see ims_release_registry_exempt().
pub const IMS_RELEASE_ITEM_EXEMPT: u32 = 3;
/// `stage`: its release by this job is refused.
pub const IMS_RELEASE_ITEM_REFUSED: u32 = 4;
/// `stage`: its release by this job is under way.
pub const IMS_RELEASE_ITEM_RELEASING: u32 = 5;
/// `stage`: it was released by this job, see `outcome` of the entry.
pub const IMS_RELEASE_ITEM_RELEASED: u32 = 6;

/// Takes one dialog of a job: its entry, `stage`, one of IMS_RELEASE_ITEM_*, and of what is refused why, else
/// IMS_RELEASE_OK. No lock is held: it may call the library. It must not unwind.
pub type JobItemFn = Option<unsafe extern "C" fn(env: *mut c_void, entry: *const Entry, stage: u32, why: Status)>;

/// Calls `found` with what has become of each dialog of job `number` among the next `limit` records from `cursor` on: 0
/// for the first page, then what `*next` told. `*next` is 0 at the end. It is read from the dialogs themselves: one that
/// was released is shown while it lingers, what has left the store is not. Which are meant is asked now: of a dialog that
/// came later than the job it tells the same.
///
/// Consumes nothing. Errors: 1, 3, 300 where there is no such job, 320 to 399. From any thread and process. `found` is
/// called during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_registry_job_items(
    registry: *const Registry,
    number: u32,
    cursor: u64,
    limit: u32,
    now_ms: u64,
    found: JobItemFn,
    env: *mut c_void,
    next: *mut u64,
) -> Status {
    guard("ims_release_registry_job_items", || {
        // SAFETY: the header asks the caller for an open registry.
        let registry = unsafe { Registry::of(registry) }?;
        let found = found.ok_or(IMS_RELEASE_NULL)?;
        if next.is_null() {
            return Err(IMS_RELEASE_NULL);
        }
        let number = u8::try_from(number).map_err(|_| IMS_RELEASE_ARGUMENT)?;
        if limit == 0 {
            return Err(IMS_RELEASE_ARGUMENT);
        }
        let mut visit = |entry: &registry::Entry<'_>, item: &Item| {
            let entry = entry_of(entry);
            let (stage, why) = match item {
                Item::NotStarted => (IMS_RELEASE_ITEM_NOT_STARTED, IMS_RELEASE_OK),
                Item::Early => (IMS_RELEASE_ITEM_EARLY, IMS_RELEASE_OK),
                Item::Exempt => (IMS_RELEASE_ITEM_EXEMPT, IMS_RELEASE_OK),
                Item::Refused(error) => (IMS_RELEASE_ITEM_REFUSED, status::of_registry(error)),
                Item::Releasing => (IMS_RELEASE_ITEM_RELEASING, IMS_RELEASE_OK),
                Item::Released(_) => (IMS_RELEASE_ITEM_RELEASED, IMS_RELEASE_OK),
            };
            // SAFETY: the header asks for a function that takes these and does not unwind.
            unsafe { found(env, &raw const entry, stage, why) };
        };
        let items = registry.job_items(number, cursor, limit as usize, now_ms, &mut visit);
        let cursor = items.map_err(|error| refused(&error))?;
        // SAFETY: not NULL, and writable as the header asks.
        unsafe { next.write(cursor) };
        Ok(())
    })
}
