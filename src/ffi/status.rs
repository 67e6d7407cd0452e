// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers of the outcomes. A number is never used again for something else.

use core::ffi::{CStr, c_char};

use crate::Error;

/// Outcome of a call: IMS_RELEASE_OK or a code that says what was refused.
///
/// 1 to 99: the call itself. 100 to 199: a field of the dialog or an option. 200 to 299: a message.
/// 300 to 399: the registry and its store. A host passes on codes that it does not know with
/// ims_release_status_text().
pub type Status = u32;

/// Everything worked.
pub const IMS_RELEASE_OK: u32 = 0;
/// A pointer that must be given is NULL.
pub const IMS_RELEASE_NULL: u32 = 1;
/// `struct_size` of a struct is none that this library knows.
pub const IMS_RELEASE_STRUCT_SIZE: u32 = 2;
/// A number or a length is outside its range.
pub const IMS_RELEASE_ARGUMENT: u32 = 3;
/// A buffer cannot hold the BYE. Nothing was written to it; `length` tells what is needed.
pub const IMS_RELEASE_BUFFER_TOO_SMALL: u32 = 4;
/// A bug in the library, caught at its boundary; its text went to the log.
pub const IMS_RELEASE_PANIC: u32 = 5;
/// The operating system gave no random number.
pub const IMS_RELEASE_NO_RANDOM: u32 = 6;
/// The dialog exceeds a limit of the library.
pub const IMS_RELEASE_TOO_LARGE: u32 = 7;

/// Call-ID: empty, or holds a blank or a control character.
pub const IMS_RELEASE_BAD_CALL_ID: u32 = 100;
/// From of the INVITE: not one name-addr or addr-spec (RFC 3261 20.20).
pub const IMS_RELEASE_BAD_FROM: u32 = 101;
/// To of the 200: not one name-addr or addr-spec (RFC 3261 20.39).
pub const IMS_RELEASE_BAD_TO: u32 = 102;
/// Contact of the calling user: not exactly one SIP or SIPS URI (RFC 3261 8.1.1.8).
pub const IMS_RELEASE_BAD_CALLING_CONTACT: u32 = 103;
/// Contact of the called user: not exactly one SIP or SIPS URI (RFC 3261 12.1.1).
pub const IMS_RELEASE_BAD_CALLED_CONTACT: u32 = 104;
/// CSeq: not a number from 0 to 4294967295 nor IMS_RELEASE_CSEQ_NONE.
pub const IMS_RELEASE_BAD_CSEQ: u32 = 105;
/// CSeq calling to called: none stored. The INVITE has one; no number is drawn in this direction.
pub const IMS_RELEASE_NO_CSEQ: u32 = 106;
/// CSeq: the next number would not be below 2^31 (RFC 3261 8.1.1.5).
pub const IMS_RELEASE_CSEQ_OVERFLOW: u32 = 107;
/// Record-Route: an entry is not a SIP or SIPS URI in angle brackets (RFC 3261 20.30).
pub const IMS_RELEASE_BAD_RECORD_ROUTE: u32 = 108;
/// Route sets given apart: an entry is not a SIP or SIPS URI in angle brackets.
pub const IMS_RELEASE_BAD_ROUTE: u32 = 109;
/// Record-Route: no entry is the proxy's own, so the list cannot be cut.
pub const IMS_RELEASE_NO_OWN_ROUTE: u32 = 110;
/// Own entry: neither a SIP URI nor a host with an optional port.
pub const IMS_RELEASE_BAD_OWN: u32 = 111;
/// Serves: not IMS_RELEASE_SERVES_CALLING, _CALLED or _NEITHER.
pub const IMS_RELEASE_BAD_SERVES: u32 = 112;
/// Contact address of the served user: not a SIP or SIPS URI.
pub const IMS_RELEASE_BAD_CONTACT_ADDRESS: u32 = 113;
/// Via: the transport is no token or the sent-by no host with an optional port (RFC 3261 20.42).
pub const IMS_RELEASE_BAD_VIA: u32 = 114;
/// Reason: no SIP status code from 100 to 699, or a Q.850 cause above 127 (RFC 3326 2).
pub const IMS_RELEASE_BAD_REASON: u32 = 115;
/// Reason text: holds a control character.
pub const IMS_RELEASE_BAD_REASON_TEXT: u32 = 116;
/// Further header: not "Name: value" on one line.
pub const IMS_RELEASE_BAD_HEADER: u32 = 117;
/// Further header: given twice.
pub const IMS_RELEASE_DUPLICATE_HEADER: u32 = 118;
/// Further header: the library writes it itself, or it may not stand in a BYE.
pub const IMS_RELEASE_FORBIDDEN_HEADER: u32 = 119;
/// Session-ID: the UUID is no readable text. (One that is not 32 lower-case hex digits counts as unknown.)
pub const IMS_RELEASE_BAD_SESSION_ID: u32 = 120;

/// What a code means, in one English line that starts with the name of the field; for logs and operators.
///
/// The text is static, ends with NUL, and must not be freed. An unknown code gives "unknown status".
/// From any thread, before and after a fork.
#[unsafe(no_mangle)]
pub extern "C" fn ims_release_status_text(status: Status) -> *const c_char {
    text(status).as_ptr()
}

/// The number of an error of the core.
pub(super) const fn of(error: Error) -> Status {
    match error {
        Error::BadCallId => IMS_RELEASE_BAD_CALL_ID,
        Error::BadFrom => IMS_RELEASE_BAD_FROM,
        Error::BadTo => IMS_RELEASE_BAD_TO,
        Error::BadCallingContact => IMS_RELEASE_BAD_CALLING_CONTACT,
        Error::BadCalledContact => IMS_RELEASE_BAD_CALLED_CONTACT,
        Error::NoCseq => IMS_RELEASE_NO_CSEQ,
        Error::CseqOverflow => IMS_RELEASE_CSEQ_OVERFLOW,
        Error::BadRecordRoute => IMS_RELEASE_BAD_RECORD_ROUTE,
        Error::BadRoute => IMS_RELEASE_BAD_ROUTE,
        Error::NoOwnRoute => IMS_RELEASE_NO_OWN_ROUTE,
        Error::BadOwn => IMS_RELEASE_BAD_OWN,
        Error::BadContactAddress => IMS_RELEASE_BAD_CONTACT_ADDRESS,
        Error::BadVia => IMS_RELEASE_BAD_VIA,
        Error::BadReason => IMS_RELEASE_BAD_REASON,
        Error::BadReasonText => IMS_RELEASE_BAD_REASON_TEXT,
        Error::BadHeader => IMS_RELEASE_BAD_HEADER,
        Error::DuplicateHeader => IMS_RELEASE_DUPLICATE_HEADER,
        Error::ForbiddenHeader => IMS_RELEASE_FORBIDDEN_HEADER,
        Error::NoRandom => IMS_RELEASE_NO_RANDOM,
        Error::TooLarge => IMS_RELEASE_TOO_LARGE,
        Error::BufferTooSmall => IMS_RELEASE_BUFFER_TOO_SMALL,
    }
}

/// A text of the core as C reads it, made when the library is compiled.
macro_rules! c_text {
    ($text:expr) => {{
        const TEXT: &str = $text;
        const OCTETS: [u8; TEXT.len() + 1] = {
            let mut octets = [0; TEXT.len() + 1];
            let mut at = 0;
            while at < TEXT.len() {
                octets[at] = TEXT.as_bytes()[at];
                at += 1;
            }
            octets
        };
        const C_TEXT: &CStr = match CStr::from_bytes_with_nul(&OCTETS) {
            Ok(text) => text,
            Err(_) => panic!("a text holds a NUL"),
        };
        C_TEXT
    }};
}

fn text(status: Status) -> &'static CStr {
    match status {
        IMS_RELEASE_OK => c"ok",
        IMS_RELEASE_NULL => c"Argument: a pointer that must be given is NULL",
        IMS_RELEASE_STRUCT_SIZE => c"Argument: struct_size must be the size of the struct",
        IMS_RELEASE_ARGUMENT => c"Argument: a number or a length is outside its range",
        IMS_RELEASE_PANIC => c"Bug in the library, caught: its text is in the log",
        IMS_RELEASE_BAD_CSEQ => c"CSeq: must be a number from 0 to 4294967295, or none",
        IMS_RELEASE_BAD_SERVES => c"Served user: must be the calling user, the called user or neither",
        IMS_RELEASE_BAD_SESSION_ID => c"Session-ID: the text of a UUID cannot be read",
        IMS_RELEASE_BAD_CALL_ID => c_text!(Error::BadCallId.text()),
        IMS_RELEASE_BAD_FROM => c_text!(Error::BadFrom.text()),
        IMS_RELEASE_BAD_TO => c_text!(Error::BadTo.text()),
        IMS_RELEASE_BAD_CALLING_CONTACT => c_text!(Error::BadCallingContact.text()),
        IMS_RELEASE_BAD_CALLED_CONTACT => c_text!(Error::BadCalledContact.text()),
        IMS_RELEASE_NO_CSEQ => c_text!(Error::NoCseq.text()),
        IMS_RELEASE_CSEQ_OVERFLOW => c_text!(Error::CseqOverflow.text()),
        IMS_RELEASE_BAD_RECORD_ROUTE => c_text!(Error::BadRecordRoute.text()),
        IMS_RELEASE_BAD_ROUTE => c_text!(Error::BadRoute.text()),
        IMS_RELEASE_NO_OWN_ROUTE => c_text!(Error::NoOwnRoute.text()),
        IMS_RELEASE_BAD_OWN => c_text!(Error::BadOwn.text()),
        IMS_RELEASE_BAD_CONTACT_ADDRESS => c_text!(Error::BadContactAddress.text()),
        IMS_RELEASE_BAD_VIA => c_text!(Error::BadVia.text()),
        IMS_RELEASE_BAD_REASON => c_text!(Error::BadReason.text()),
        IMS_RELEASE_BAD_REASON_TEXT => c_text!(Error::BadReasonText.text()),
        IMS_RELEASE_BAD_HEADER => c_text!(Error::BadHeader.text()),
        IMS_RELEASE_DUPLICATE_HEADER => c_text!(Error::DuplicateHeader.text()),
        IMS_RELEASE_FORBIDDEN_HEADER => c_text!(Error::ForbiddenHeader.text()),
        IMS_RELEASE_NO_RANDOM => c_text!(Error::NoRandom.text()),
        IMS_RELEASE_TOO_LARGE => c_text!(Error::TooLarge.text()),
        IMS_RELEASE_BUFFER_TOO_SMALL => c_text!(Error::BufferTooSmall.text()),
        _ => c"unknown status",
    }
}
