// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers of the outcomes. A number is never used again for something else.

use core::ffi::{CStr, c_char};

use crate::Error;
use crate::capture::{Fault, Field, Problem};
use crate::registry::RegistryError;
use crate::store::StoreError;

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
/// A buffer cannot hold the BYE or the text. Nothing was written to it; `length` tells what is needed.
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
/// Record-Route: an entry that the BYE needs is not a SIP or SIPS URI in angle brackets (RFC 3261 20.30). For the
/// dialog as a whole: a row is no readable text, or holds a line end or NUL.
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

/// Message: start line: neither a request line nor a status line of SIP/2.0.
pub const IMS_RELEASE_MESSAGE_START_LINE: u32 = 200;
/// Message: header line: no name and colon.
pub const IMS_RELEASE_MESSAGE_HEADER_LINE: u32 = 201;
/// Message: headers: no empty line ends them.
pub const IMS_RELEASE_MESSAGE_END_OF_HEADERS: u32 = 202;
/// Message: Content-Length: not one number, or more than what follows the headers.
pub const IMS_RELEASE_MESSAGE_CONTENT_LENGTH: u32 = 203;
/// Message: CSeq: its method is not that of the request line.
pub const IMS_RELEASE_MESSAGE_METHOD: u32 = 204;
/// Message: too long to be read or kept.
pub const IMS_RELEASE_MESSAGE_TOO_LARGE: u32 = 205;
/// Message: only an initial INVITE can be tracked.
pub const IMS_RELEASE_MESSAGE_NOT_AN_INVITE: u32 = 206;
/// Message: the printed one lacks Via, From or To, or the BYE lacks From or To, or one of the two is no message.
pub const IMS_RELEASE_MESSAGE_INCOMPLETE: u32 = 207;
/// Message: Call-ID: missing.
pub const IMS_RELEASE_MESSAGE_CALL_ID_MISSING: u32 = 208;
/// Message: Call-ID: given twice.
pub const IMS_RELEASE_MESSAGE_CALL_ID_DOUBLED: u32 = 209;
/// Message: Call-ID: its value does not follow its grammar.
pub const IMS_RELEASE_MESSAGE_CALL_ID_UNREADABLE: u32 = 210;
/// Message: From: missing.
pub const IMS_RELEASE_MESSAGE_FROM_MISSING: u32 = 211;
/// Message: From: given twice.
pub const IMS_RELEASE_MESSAGE_FROM_DOUBLED: u32 = 212;
/// Message: From: its value does not follow its grammar.
pub const IMS_RELEASE_MESSAGE_FROM_UNREADABLE: u32 = 213;
/// Message: To: missing.
pub const IMS_RELEASE_MESSAGE_TO_MISSING: u32 = 214;
/// Message: To: given twice.
pub const IMS_RELEASE_MESSAGE_TO_DOUBLED: u32 = 215;
/// Message: To: its value does not follow its grammar.
pub const IMS_RELEASE_MESSAGE_TO_UNREADABLE: u32 = 216;
/// Message: CSeq: missing.
pub const IMS_RELEASE_MESSAGE_CSEQ_MISSING: u32 = 217;
/// Message: CSeq: given twice.
pub const IMS_RELEASE_MESSAGE_CSEQ_DOUBLED: u32 = 218;
/// Message: CSeq: its value does not follow its grammar.
pub const IMS_RELEASE_MESSAGE_CSEQ_UNREADABLE: u32 = 219;

/// Dialog: there is none such.
pub const IMS_RELEASE_NOT_FOUND: u32 = 300;
/// Dialog: early; its INVITE is to be cancelled instead (TS 24.229 5.4.5.1.1).
pub const IMS_RELEASE_EARLY: u32 = 301;
/// Dialog: answered, but not acknowledged yet; a BYE to the calling user must wait for the ACK (RFC 3261 15). With
/// IMS_RELEASE_NO_HOLD alone.
pub const IMS_RELEASE_NOT_ACKNOWLEDGED: u32 = 302;
/// Dialog: its release is under way.
pub const IMS_RELEASE_ALREADY_RELEASING: u32 = 303;
/// Dialog: no release of it waits for this leg; or its BYE is not due, or not any more.
pub const IMS_RELEASE_NOT_RELEASING: u32 = 305;
/// Selector: its value does not have the form that it asks for.
pub const IMS_RELEASE_BAD_SELECTOR: u32 = 306;
/// BYE: not to be sent yet. It waits for the ACK of the calling user, for the answer to a user's own BYE, or for its time
/// to be sent again; ims_release_registry_sweep() tells when it is due.
pub const IMS_RELEASE_HELD: u32 = 307;
/// Dialog: it was released, and is only still known for what comes late.
pub const IMS_RELEASE_RELEASED: u32 = 308;
/// Job: too many are running.
pub const IMS_RELEASE_TOO_MANY_JOBS: u32 = 309;
/// The identity of the served user is none.
pub const IMS_RELEASE_BAD_USER: u32 = 310;
/// The value and the text of a job have more than 1,052 octets together.
pub const IMS_RELEASE_JOB_TOO_LARGE: u32 = 311;
/// The INVITE has 256 dialogs already: the one that the reply makes is not kept.
pub const IMS_RELEASE_TOO_MANY_DIALOGS: u32 = 312;
/// Store: full. Raise its size.
pub const IMS_RELEASE_STORE_FULL: u32 = 320;
/// Store: the record is larger than a store keeps.
pub const IMS_RELEASE_STORE_TOO_LARGE: u32 = 321;
/// Store: another process held a lock too long. Nothing was changed.
pub const IMS_RELEASE_STORE_BUSY: u32 = 322;
/// Store: the operating system refused something; the log says what and where.
pub const IMS_RELEASE_STORE_IO: u32 = 323;

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
        Error::Held => IMS_RELEASE_HELD,
    }
}

/// The number of what is wrong with a message.
pub(super) const fn of_fault(fault: Fault) -> Status {
    match fault {
        Fault::StartLine => IMS_RELEASE_MESSAGE_START_LINE,
        Fault::HeaderLine => IMS_RELEASE_MESSAGE_HEADER_LINE,
        Fault::EndOfHeaders => IMS_RELEASE_MESSAGE_END_OF_HEADERS,
        Fault::ContentLength => IMS_RELEASE_MESSAGE_CONTENT_LENGTH,
        Fault::MethodMismatch => IMS_RELEASE_MESSAGE_METHOD,
        Fault::TooLarge => IMS_RELEASE_MESSAGE_TOO_LARGE,
        Fault::Header(Field::CallId, Problem::Missing) => IMS_RELEASE_MESSAGE_CALL_ID_MISSING,
        Fault::Header(Field::CallId, Problem::Doubled) => IMS_RELEASE_MESSAGE_CALL_ID_DOUBLED,
        Fault::Header(Field::CallId, Problem::Unreadable) => IMS_RELEASE_MESSAGE_CALL_ID_UNREADABLE,
        Fault::Header(Field::From, Problem::Missing) => IMS_RELEASE_MESSAGE_FROM_MISSING,
        Fault::Header(Field::From, Problem::Doubled) => IMS_RELEASE_MESSAGE_FROM_DOUBLED,
        Fault::Header(Field::From, Problem::Unreadable) => IMS_RELEASE_MESSAGE_FROM_UNREADABLE,
        Fault::Header(Field::To, Problem::Missing) => IMS_RELEASE_MESSAGE_TO_MISSING,
        Fault::Header(Field::To, Problem::Doubled) => IMS_RELEASE_MESSAGE_TO_DOUBLED,
        Fault::Header(Field::To, Problem::Unreadable) => IMS_RELEASE_MESSAGE_TO_UNREADABLE,
        Fault::Header(Field::CSeq, Problem::Missing) => IMS_RELEASE_MESSAGE_CSEQ_MISSING,
        Fault::Header(Field::CSeq, Problem::Doubled) => IMS_RELEASE_MESSAGE_CSEQ_DOUBLED,
        Fault::Header(Field::CSeq, Problem::Unreadable) => IMS_RELEASE_MESSAGE_CSEQ_UNREADABLE,
    }
}

/// The number of an error of the registry.
pub(super) const fn of_registry(error: &RegistryError) -> Status {
    match error {
        RegistryError::Message(refused) => of_fault(refused.fault),
        RegistryError::NotAnInvite => IMS_RELEASE_MESSAGE_NOT_AN_INVITE,
        RegistryError::Selector => IMS_RELEASE_BAD_SELECTOR,
        RegistryError::User => IMS_RELEASE_BAD_USER,
        RegistryError::Code => IMS_RELEASE_ARGUMENT,
        // What has ended is kept for who reads a capture alone, and not in C.
        RegistryError::NotFound | RegistryError::Ending => IMS_RELEASE_NOT_FOUND,
        RegistryError::Early => IMS_RELEASE_EARLY,
        RegistryError::NotAcknowledged => IMS_RELEASE_NOT_ACKNOWLEDGED,
        RegistryError::AlreadyReleasing => IMS_RELEASE_ALREADY_RELEASING,
        RegistryError::Released => IMS_RELEASE_RELEASED,
        RegistryError::Dialog(error) | RegistryError::Request(error) | RegistryError::Legs { called: error, .. } => {
            of(*error)
        }
        RegistryError::BufferTooSmall { .. } => IMS_RELEASE_BUFFER_TOO_SMALL,
        RegistryError::NotReleasing => IMS_RELEASE_NOT_RELEASING,
        RegistryError::Incomplete => IMS_RELEASE_MESSAGE_INCOMPLETE,
        RegistryError::TooManyJobs => IMS_RELEASE_TOO_MANY_JOBS,
        RegistryError::JobTooLarge => IMS_RELEASE_JOB_TOO_LARGE,
        RegistryError::TooManyDialogs => IMS_RELEASE_TOO_MANY_DIALOGS,
        RegistryError::Store(StoreError::Full) => IMS_RELEASE_STORE_FULL,
        RegistryError::Store(StoreError::TooLarge) => IMS_RELEASE_STORE_TOO_LARGE,
        RegistryError::Store(StoreError::Busy) => IMS_RELEASE_STORE_BUSY,
        RegistryError::Store(StoreError::NotFound) => IMS_RELEASE_NOT_FOUND,
        RegistryError::Store(StoreError::Io(_)) => IMS_RELEASE_STORE_IO,
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
        IMS_RELEASE_MESSAGE_START_LINE => c_text!(Fault::StartLine.text()),
        IMS_RELEASE_MESSAGE_HEADER_LINE => c_text!(Fault::HeaderLine.text()),
        IMS_RELEASE_MESSAGE_END_OF_HEADERS => c_text!(Fault::EndOfHeaders.text()),
        IMS_RELEASE_MESSAGE_CONTENT_LENGTH => c_text!(Fault::ContentLength.text()),
        IMS_RELEASE_MESSAGE_METHOD => c_text!(Fault::MethodMismatch.text()),
        IMS_RELEASE_MESSAGE_TOO_LARGE => c_text!(Fault::TooLarge.text()),
        IMS_RELEASE_MESSAGE_CALL_ID_MISSING => c_text!(Fault::Header(Field::CallId, Problem::Missing).text()),
        IMS_RELEASE_MESSAGE_CALL_ID_DOUBLED => c_text!(Fault::Header(Field::CallId, Problem::Doubled).text()),
        IMS_RELEASE_MESSAGE_CALL_ID_UNREADABLE => c_text!(Fault::Header(Field::CallId, Problem::Unreadable).text()),
        IMS_RELEASE_MESSAGE_FROM_MISSING => c_text!(Fault::Header(Field::From, Problem::Missing).text()),
        IMS_RELEASE_MESSAGE_FROM_DOUBLED => c_text!(Fault::Header(Field::From, Problem::Doubled).text()),
        IMS_RELEASE_MESSAGE_FROM_UNREADABLE => c_text!(Fault::Header(Field::From, Problem::Unreadable).text()),
        IMS_RELEASE_MESSAGE_TO_MISSING => c_text!(Fault::Header(Field::To, Problem::Missing).text()),
        IMS_RELEASE_MESSAGE_TO_DOUBLED => c_text!(Fault::Header(Field::To, Problem::Doubled).text()),
        IMS_RELEASE_MESSAGE_TO_UNREADABLE => c_text!(Fault::Header(Field::To, Problem::Unreadable).text()),
        IMS_RELEASE_MESSAGE_CSEQ_MISSING => c_text!(Fault::Header(Field::CSeq, Problem::Missing).text()),
        IMS_RELEASE_MESSAGE_CSEQ_DOUBLED => c_text!(Fault::Header(Field::CSeq, Problem::Doubled).text()),
        IMS_RELEASE_MESSAGE_CSEQ_UNREADABLE => c_text!(Fault::Header(Field::CSeq, Problem::Unreadable).text()),
        IMS_RELEASE_MESSAGE_NOT_AN_INVITE => c"Message: only an INVITE can be tracked",
        IMS_RELEASE_MESSAGE_INCOMPLETE => {
            c"Message: the printed one lacks Via, From or To, or the BYE lacks From or To"
        }
        IMS_RELEASE_NOT_FOUND => c"Dialog: not found; it has ended or was never tracked",
        IMS_RELEASE_EARLY => c"Dialog: early, the call is not answered yet; cancel the INVITE instead",
        IMS_RELEASE_NOT_ACKNOWLEDGED => {
            c"Dialog: answered, but a release waits for the ACK, at most 32 seconds; try again"
        }
        IMS_RELEASE_ALREADY_RELEASING => c"Dialog: already releasing",
        IMS_RELEASE_NOT_RELEASING => c"Dialog: no release of it waits for this BYE",
        IMS_RELEASE_HELD => c_text!(Error::Held.text()),
        IMS_RELEASE_RELEASED => c"Dialog: already released; it is only still known for what comes late",
        IMS_RELEASE_BAD_SELECTOR => {
            c"Selector: give a Call-ID, CALL-ID,FROM-TAG,TO-TAG, the number of a dialog, a whole URI, or an icid-value"
        }
        IMS_RELEASE_BAD_USER => c"Served user: give a SIP or tel URI, or a name-addr with one, in at most 512 bytes",
        IMS_RELEASE_TOO_MANY_JOBS => {
            c"Job: eight are running, or five where a script asks; wait until one has finished, or cancel one"
        }
        IMS_RELEASE_JOB_TOO_LARGE => c"Job: its value and the text of its Reason have more than 1052 bytes together",
        IMS_RELEASE_TOO_MANY_DIALOGS => {
            c"Dialog: its INVITE has 256 already; this one is not known here, nor can be released"
        }
        IMS_RELEASE_STORE_FULL => c"Store: full; raise its size",
        IMS_RELEASE_STORE_TOO_LARGE => c"Store: the dialog is larger than a store keeps",
        IMS_RELEASE_STORE_BUSY => c"Store: busy, another process held a lock too long; try again",
        IMS_RELEASE_STORE_IO => c"Store: the operating system refused something, see the log",
        _ => c"unknown status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_and_rust_say_the_same() {
        for error in [
            RegistryError::NotAnInvite,
            RegistryError::Selector,
            RegistryError::User,
            RegistryError::NotFound,
            RegistryError::Early,
            RegistryError::NotAcknowledged,
            RegistryError::AlreadyReleasing,
            RegistryError::Released,
            RegistryError::Dialog(Error::NoOwnRoute),
            RegistryError::BufferTooSmall { called: 1, calling: 1 },
            RegistryError::NotReleasing,
            RegistryError::Incomplete,
            RegistryError::TooManyJobs,
            RegistryError::JobTooLarge,
            RegistryError::Store(StoreError::Full),
            RegistryError::Store(StoreError::TooLarge),
            RegistryError::Store(StoreError::Busy),
            RegistryError::Store(StoreError::NotFound),
            RegistryError::Store(StoreError::Io(String::new())),
        ] {
            assert_eq!(text(of_registry(&error)).to_str(), Ok(error.text()), "{error:?}");
        }
    }
}
