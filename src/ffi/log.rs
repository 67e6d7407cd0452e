// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the library has to say to the host's log: rare, never in the path that builds a BYE.

use core::ffi::c_void;
use core::sync::atomic::{AtomicPtr, Ordering};

use super::guard::guard_unit;
use super::str::Str;

/// A call that cannot be served, a damaged store, a bug (a caught panic).
pub const IMS_RELEASE_LOG_ERROR: u32 = 1;
/// Something to look at: a repaired store, an expired release, a dialog that was dropped for idleness.
pub const IMS_RELEASE_LOG_WARNING: u32 = 2;
/// A fact of normal work, such as the opening of a store.
pub const IMS_RELEASE_LOG_INFO: u32 = 3;
/// For the search of errors.
pub const IMS_RELEASE_LOG_DEBUG: u32 = 4;

/// Takes one line for the host's log, without a line end.
///
/// `env` is what was given to ims_release_set_log(). `level` is one of IMS_RELEASE_LOG_*. `text` ends
/// with the callback. It may run in any thread or process that calls the library, during that call.
/// It must not call the library and must not unwind (no C++ exception, no longjmp).
pub type LogFn = Option<unsafe extern "C" fn(env: *mut c_void, level: u32, text: Str)>;

// Two words and no lock: the pair is set before other threads and processes use the library.
static LOG: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());
static ENV: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());

/// Sets the function that takes the library's log lines; NULL for none, as at the start.
///
/// Call it before the first fork and before other threads use the library; children inherit it.
/// `log` and `env` must stay valid until another call replaces them.
#[unsafe(no_mangle)]
pub extern "C" fn ims_release_set_log(log: LogFn, env: *mut c_void) {
    guard_unit("ims_release_set_log", || {
        LOG.store(core::ptr::null_mut(), Ordering::Release);
        ENV.store(env, Ordering::Release);
        let log = log.map_or(core::ptr::null_mut(), |log| log as *mut c_void);
        LOG.store(log, Ordering::Release);
    });
}

/// Hands one line to the host. Nothing when no function is set.
pub(super) fn log(level: u32, text: &str) {
    let log = LOG.load(Ordering::Acquire);
    if log.is_null() {
        return;
    }
    let env = ENV.load(Ordering::Acquire);
    // SAFETY: only ims_release_set_log() stores here, a function of exactly this type; not NULL.
    let log: unsafe extern "C" fn(*mut c_void, u32, Str) = unsafe { core::mem::transmute(log) };
    // SAFETY: the header asks the host that function and `env` stay valid until they are replaced.
    unsafe { log(env, level, Str::of(text.as_bytes())) };
}
