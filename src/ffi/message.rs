// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a message is refused, and where: for a host that wants to show it.

use super::guard::guard;
use super::status::{self, IMS_RELEASE_ARGUMENT, IMS_RELEASE_NULL, Status};
use super::str::Str;
use crate::capture;

/// Reads one message, whole, as ims_release_registry_track() and _observe() do, and tells what they would say of its
/// form. It needs no registry and changes nothing.
///
/// `*offset` is where the line begins that is wrong, in octets from the start of `message`: 0 where a header is
/// missing, and with IMS_RELEASE_OK. It is written with IMS_RELEASE_OK and with 200 to 299, else it is untouched.
///
/// Consumes nothing. Errors: 1, 3, 200 to 299. From any thread, before and after a fork. No callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_message_check(message: Str, offset: *mut usize) -> Status {
    guard("ims_release_message_check", || {
        // SAFETY: the header asks the caller for a valid text.
        let message = unsafe { message.bytes(IMS_RELEASE_ARGUMENT) }?;
        if offset.is_null() {
            return Err(IMS_RELEASE_NULL);
        }
        let (outcome, at) = match capture::read(message) {
            Ok(_) => (Ok(()), 0),
            Err(refused) => (Err(status::of_fault(refused.fault)), refused.offset),
        };
        // SAFETY: not NULL, and writable as the header asks.
        unsafe { offset.write(at) };
        outcome
    })
}
