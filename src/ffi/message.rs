// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the library sees in a text: for a host that wants to show why a message is refused, or prints From and To itself.

use super::guard::guard;
use super::status::{self, IMS_RELEASE_ARGUMENT, IMS_RELEASE_NULL, Status};
use super::str::Str;
use crate::capture;
use crate::message::name_addr;

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

/// Cuts a From or To value, as it stands in an ims_release_bye, for a host whose transaction layer prints
/// `<uri>;tag=tag` itself: `*uri` is the URI without its brackets, `*tag` the tag, empty where there is none. What is
/// lost that way ims_release_registry_adopt() puts back.
///
/// Both point into `value`. IMS_RELEASE_ARGUMENT: the value is none; then both are untouched.
///
/// Consumes nothing. Errors: 1, 3. From any thread, before and after a fork. No callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_address_parts(value: Str, uri: *mut Str, tag: *mut Str) -> Status {
    guard("ims_release_address_parts", || {
        // SAFETY: the header asks the caller for a valid text.
        let value = unsafe { value.bytes(IMS_RELEASE_ARGUMENT) }?;
        if uri.is_null() || tag.is_null() {
            return Err(IMS_RELEASE_NULL);
        }
        let address = name_addr::parse(value).ok_or(IMS_RELEASE_ARGUMENT)?;
        let found = name_addr::tag(value, &address);
        // SAFETY: neither is NULL, and both are writable as the header asks.
        unsafe {
            uri.write(Str::of(address.uri));
            tag.write(found.map_or(Str::EMPTY, |found| Str::of(&value[found.start..found.end])));
        }
        Ok(())
    })
}
