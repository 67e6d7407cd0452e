// SPDX-License-Identifier: MIT OR Apache-2.0
//! The boundary that no panic crosses: a panic in an export becomes a status and a line in the host's
//! log. Without it the process would abort, and the host ends with its first dead worker.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::log::{IMS_RELEASE_LOG_ERROR, log};
use super::status::{IMS_RELEASE_OK, IMS_RELEASE_PANIC, Status};

/// Runs the body of a fallible export. `name` is that of the export, for the log.
#[inline]
pub(super) fn guard(name: &str, body: impl FnOnce() -> Result<(), Status>) -> Status {
    // Unwind safe: outputs are written last, so a caught panic leaves the caller's memory as it was.
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => IMS_RELEASE_OK,
        Ok(Err(status)) => status,
        Err(panic) => {
            report(name, panic);
            IMS_RELEASE_PANIC
        }
    }
}

/// Runs the body of an export that returns nothing.
#[inline]
pub(super) fn guard_unit(name: &str, body: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(body)) {
        report(name, panic);
    }
}

#[cold]
fn report(name: &str, panic: Box<dyn Any + Send>) {
    // Neither the message nor the drop of the payload may panic again across the boundary.
    let said = catch_unwind(AssertUnwindSafe(|| {
        let text = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no text");
        log(IMS_RELEASE_LOG_ERROR, &format!("ims_release: bug in {name}(): {text}"));
        drop(panic);
    }));
    if let Err(second) = said {
        std::mem::forget(second);
    }
}

#[cfg(test)]
mod tests {
    use core::ffi::c_void;
    use std::sync::Mutex;

    use super::super::log::ims_release_set_log;
    use super::super::str::Str;
    use super::*;

    unsafe extern "C" fn keep(env: *mut c_void, level: u32, text: Str) {
        assert_eq!(level, IMS_RELEASE_LOG_ERROR);
        // SAFETY: the test gave a Mutex<String> that lives until the log is unset.
        let lines = unsafe { &*env.cast::<Mutex<String>>() };
        // SAFETY: the library gives a valid text for the time of the callback.
        let text = unsafe { text.bytes(1) }.expect("text is valid");
        lines.lock().expect("not poisoned").push_str(&String::from_utf8_lossy(text));
    }

    #[test]
    fn a_panic_becomes_a_status_and_a_log_line() {
        let lines = Mutex::new(String::new());
        ims_release_set_log(Some(keep), (&raw const lines).cast_mut().cast());
        let status = guard("ims_release_example", || panic!("index {} is out", 7));
        guard_unit("ims_release_other", || std::panic::panic_any(3_u8));
        ims_release_set_log(None, core::ptr::null_mut());
        assert_eq!(status, IMS_RELEASE_PANIC);
        assert_eq!(
            *lines.lock().expect("not poisoned"),
            "ims_release: bug in ims_release_example(): index 7 is out\
             ims_release: bug in ims_release_other(): no text"
        );
    }
}
