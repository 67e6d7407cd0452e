// SPDX-License-Identifier: MIT OR Apache-2.0
//! A release under way: started once, its BYEs on the host's wire, its replies noted.

use core::ffi::c_char;

use super::bye::{Buffer, Bye, Outputs};
use super::guard::guard;
use super::random::random;
use super::registry::{Registry, refused};
use super::release::{Options, by_of, with_request};
use super::status::{IMS_RELEASE_ARGUMENT, IMS_RELEASE_BUFFER_TOO_SMALL, IMS_RELEASE_NULL, Status};
use super::str::Str;
use crate::dialog::User;
use crate::pending::Final;
use crate::registry::{Pass, RegistryError, Start};
use crate::store::Id;

/// `leg`: the BYE for the called user.
pub const IMS_RELEASE_LEG_CALLED: u32 = 1;
/// `leg`: the BYE for the calling user.
pub const IMS_RELEASE_LEG_CALLING: u32 = 2;

/// `code`: the BYE could not be sent: nobody can be reached there.
pub const IMS_RELEASE_NOT_SENT: u32 = 0;
/// `code`: the host has no room to send it now, say no memory. It is due again within two seconds, as
/// long as there is time.
pub const IMS_RELEASE_LATER: u32 = 1;

/// `pass`: the script's as ever: no BYE of ours, or ours on its way back from an application server; or a user's BYE from
/// before the release, sent again while it holds ours.
pub const IMS_RELEASE_PASS_NOT_OURS: u32 = 0;
/// `pass`: our BYE, seen for the first time: run the script.
pub const IMS_RELEASE_PASS_FIRST: u32 = 1;
/// `pass`: our BYE again: do not run the script. `answered` tells the code of a stateless answer, to be sent again.
pub const IMS_RELEASE_PASS_AGAIN: u32 = 2;
/// `pass`: a user's request on a dialog under release: answer it 481, do not run the script (TS 24.229 5.4.5.1.3). A
/// copy of our BYE that somebody else sent is one. The leg of a user who sends a BYE has ended with whatever is answered
/// to ours.
pub const IMS_RELEASE_PASS_REFUSED: u32 = 3;
/// `pass`: an ACK on such a dialog, other than that to the 2xx of the INVITE: drop it.
pub const IMS_RELEASE_PASS_SWALLOWED: u32 = 4;

pub(super) fn user(leg: u32) -> Result<User, Status> {
    match leg {
        IMS_RELEASE_LEG_CALLED => Ok(User::Called),
        IMS_RELEASE_LEG_CALLING => Ok(User::Calling),
        _ => Err(IMS_RELEASE_ARGUMENT),
    }
}

/// A reply code, 100 to 699.
fn reply_code(code: u32) -> Result<u16, Status> {
    u16::try_from(code).ok().filter(|code| (100..700).contains(code)).ok_or(IMS_RELEASE_ARGUMENT)
}

/// Starts the release of dialog `id`: builds both BYEs like ims_release_build(), and from then on the dialog is under
/// release. However many processes try, one gets IMS_RELEASE_OK, the others IMS_RELEASE_ALREADY_RELEASING.
///
/// After IMS_RELEASE_OK the host sends each BYE whose `status` is IMS_RELEASE_OK, the called user's first, and reports
/// what comes of it with ims_release_registry_note(). IMS_RELEASE_HELD: that one is due later, see
/// ims_release_registry_sweep(): the one to a calling user who has not acknowledged the 2xx, and both while a user's own
/// BYE is under way. An answer to that which ends the session settles both legs with its code; a refusal frees both BYEs
/// at once, and so do 64*T1 (32 seconds) from the start. One BYE that cannot be built does not stop the other; when neither can, nothing is
/// started. A dialog that was released before, and lingers, gives IMS_RELEASE_RELEASED.
///
/// IMS_RELEASE_EARLY: cancel the INVITE instead. A 2xx that crosses the CANCEL makes a dialog all the same, to be handed to
/// ims_release_registry_observe() and released at once: the called user's BYE goes. Where the host has answered the INVITE
/// itself the ACK is its own as well: with Request-URI, Route, From, To and Call-ID of that BYE, and the CSeq number that
/// `invite_cseq` of the entry tells. Who sends it hands it in too; else the BYE to the calling user waits.
///
/// A buffer that is too small starts nothing: the call returns IMS_RELEASE_BUFFER_TOO_SMALL, and `length` of both,
/// then also written, tells what is needed.
///
/// Consumes nothing. Errors: 1 to 7, 100 to 120, 300 to 399. From any thread and process. No callback but the log.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_registry_start(
    registry: *const Registry,
    id: u64,
    options: *const Options,
    now_ms: u64,
    called_buffer: *mut c_char,
    called_capacity: usize,
    calling_buffer: *mut c_char,
    calling_capacity: usize,
    called: *mut Bye,
    calling: *mut Bye,
) -> Status {
    guard("ims_release_registry_start", || {
        // SAFETY: the header asks the caller for an open registry.
        let registry = unsafe { Registry::of(registry) }?;
        // SAFETY: the header asks the caller for valid buffers and structs.
        let mut outputs =
            unsafe { Outputs::new(called_buffer, called_capacity, calling_buffer, calling_capacity, called, calling) }?;
        // SAFETY: as above.
        unsafe {
            with_request(options, |request| {
                let (called, calling) = outputs.buffers();
                let start = Start { by: by_of(options)?, request, now: now_ms };
                match registry.start(Id(id), &start, &mut random, called, calling) {
                    Ok(started) => {
                        outputs.describe_started(&started);
                        Ok(())
                    }
                    Err(RegistryError::BufferTooSmall { called, calling }) => {
                        outputs.describe_lengths(called, calling);
                        Err(IMS_RELEASE_BUFFER_TOO_SMALL)
                    }
                    Err(error) => Err(refused(&error)),
                }
            })
        }
    })
}

/// Notes what came of the BYE with this CSeq, which is `cseq` of its ims_release_bye: the code of a reply, 408 for a
/// time-out, IMS_RELEASE_NOT_SENT or IMS_RELEASE_LATER. `reply` is the reply as received, whole, from which Retry-After and
/// challenges are read; empty where there is none. Provisional, late and repeated replies, and those to another CSeq, change nothing.
///
/// A BYE is sent again, when ims_release_registry_sweep() tells: once after 500 or 503, with a higher CSeq, unless
/// Retry-After asks for more than 32 seconds or leaves no time for an answer before the deadline; once after a user's 401
/// or 407 where the `credentials` callback has some for it; once where nothing was noted of it for `attempt_ms`, because
/// the process that had it has died; straight to the far user where service control has kept it back, that is answered 408 or 5xx or not at all before
/// ims_release_registry_sent_on() saw it leave. Else the leg is final. With the last final leg the release has ended,
/// and `ended` is called.
///
/// Consumes nothing. Errors: 1, 3, 320 to 399. From any thread and process. `ended` and `credentials` may be called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_registry_note(
    registry: *const Registry,
    id: u64,
    leg: u32,
    cseq: u32,
    code: u32,
    reply: Str,
    now_ms: u64,
) -> Status {
    guard("ims_release_registry_note", || {
        // SAFETY: the header asks the caller for an open registry and a valid text.
        let (registry, reply) = unsafe { (Registry::of(registry)?, reply.bytes(IMS_RELEASE_ARGUMENT)?) };
        let heard = match code {
            IMS_RELEASE_NOT_SENT => Final::NotSent,
            IMS_RELEASE_LATER => Final::Later,
            code => Final::Code(reply_code(code)?),
        };
        registry.note(Id(id), user(leg)?, cseq, heard, reply, now_ms).map_err(|error| refused(&error))?;
        Ok(())
    })
}

/// For a host whose transaction layer prints the request itself: writes the message that the host has `printed` with
/// what such a layer cannot print of our BYE, `ours`. The values of the first From and To row become those of `ours`,
/// byte by byte. On the leg that goes through the own socket the topmost Via gets the mark that
/// ims_release_registry_recognise() knows. All else stays as printed, with its line ends: what the host or its operator
/// added goes out, and the host knows its replies.
///
/// `ours` is `message` of the ims_release_bye; a Via in it does not matter. In `printed` the three headers may have
/// their compact names, and values that do not follow their grammar; it is IMS_RELEASE_MESSAGE_INCOMPLETE where one is
/// missing. IMS_RELEASE_NOT_RELEASING: no reply to this leg is awaited.
///
/// `*length` is the length of the message; with IMS_RELEASE_BUFFER_TOO_SMALL what is needed, and nothing is written to
/// `buffer`. On other errors both are untouched. `buffer` must not overlap the texts.
///
/// Consumes nothing. Errors: 1, 3, 4, 207, 300 to 399. From any thread and process. No callback but the log.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_registry_adopt(
    registry: *const Registry,
    id: u64,
    leg: u32,
    ours: Str,
    printed: Str,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> Status {
    guard("ims_release_registry_adopt", || {
        // SAFETY: the header asks the caller for an open registry and valid texts.
        let (registry, ours, printed) = unsafe {
            (Registry::of(registry)?, ours.bytes(IMS_RELEASE_ARGUMENT)?, printed.bytes(IMS_RELEASE_ARGUMENT)?)
        };
        if length.is_null() {
            return Err(IMS_RELEASE_NULL);
        }
        // SAFETY: the header asks the caller for a valid buffer.
        let mut buffer = unsafe { Buffer::new(buffer, capacity) }?;
        let (needed, outcome) = match registry.adopt(Id(id), user(leg)?, ours, printed, buffer.octets()) {
            Ok(length) => (length, Ok(())),
            Err(RegistryError::BufferTooSmall { called, calling }) => {
                (called.max(calling), Err(IMS_RELEASE_BUFFER_TOO_SMALL))
            }
            Err(error) => return Err(refused(&error)),
        };
        // SAFETY: not NULL, and writable as the header asks.
        unsafe { length.write(needed) };
        outcome
    })
}

/// Writes the URI of the own Record-Route entry that faces the user of `leg` to `buffer`: a host with several sockets
/// sends a BYE whose `delivery` is IMS_RELEASE_DIRECT from that one. Of a double Record-Route (`r2=on`) it is the half
/// on that user's side; where neither user is served, the outermost own entry there. For the BYE that goes through
/// service control it only informs: that one begins at the host itself. The dialog need not be under release.
///
/// IMS_RELEASE_NO_OWN_ROUTE: no own entry is known, as before the 2xx.
///
/// `*length` is the length of the URI; with IMS_RELEASE_BUFFER_TOO_SMALL what is needed, and nothing is written to
/// `buffer`. On other errors both are untouched.
///
/// Consumes nothing. Errors: 1, 3, 4, 7, 100 to 110, 300 to 399. From any thread and process. No callback but the log.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_registry_own_hop(
    registry: *const Registry,
    id: u64,
    leg: u32,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> Status {
    guard("ims_release_registry_own_hop", || {
        // SAFETY: the header asks the caller for an open registry.
        let registry = unsafe { Registry::of(registry) }?;
        if length.is_null() {
            return Err(IMS_RELEASE_NULL);
        }
        // SAFETY: the header asks the caller for a valid buffer.
        let mut buffer = unsafe { Buffer::new(buffer, capacity) }?;
        let hop = registry.own_hop(Id(id), user(leg)?).map_err(|error| refused(&error))?;
        let outcome = match buffer.octets().get_mut(..hop.len()) {
            Some(octets) => {
                octets.copy_from_slice(&hop);
                Ok(())
            }
            None => Err(IMS_RELEASE_BUFFER_TOO_SMALL),
        };
        // SAFETY: not NULL, and writable as the header asks.
        unsafe { length.write(hop.len()) };
        outcome
    })
}

/// Tells in `*pass` what a request that came in, of whatever method, is to the releases of this proxy:
/// IMS_RELEASE_PASS_*. `from_own_socket` is 1 when it came from an address of the proxy itself, else 0. The first pass
/// of our own BYE is given once, to one process; no copy that anybody sends gets it. Where nothing is under release
/// nothing is read.
///
/// `*id` is the dialog, 0 for IMS_RELEASE_PASS_NOT_OURS. `*answered` is, of a BYE that came again, the code that
/// ims_release_registry_answered() noted, 0 for none.
///
/// Consumes nothing. Errors: 1, 3, 320 to 399. From any thread and process. No callback but the log.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_registry_recognise(
    registry: *const Registry,
    message: Str,
    from_own_socket: u32,
    now_ms: u64,
    pass: *mut u32,
    id: *mut u64,
    answered: *mut u32,
) -> Status {
    guard("ims_release_registry_recognise", || {
        // SAFETY: the header asks the caller for an open registry and a valid text.
        let (registry, message) = unsafe { (Registry::of(registry)?, message.bytes(IMS_RELEASE_ARGUMENT)?) };
        if pass.is_null() || id.is_null() || answered.is_null() {
            return Err(IMS_RELEASE_NULL);
        }
        if from_own_socket > 1 {
            return Err(IMS_RELEASE_ARGUMENT);
        }
        let pass_of = registry.recognise(message, from_own_socket == 1, now_ms).map_err(|error| refused(&error))?;
        let found = match pass_of {
            Pass::NotOurs => (IMS_RELEASE_PASS_NOT_OURS, 0, 0),
            Pass::Refused(id) => (IMS_RELEASE_PASS_REFUSED, id.0, 0),
            Pass::Swallowed(id) => (IMS_RELEASE_PASS_SWALLOWED, id.0, 0),
            Pass::First(id) => (IMS_RELEASE_PASS_FIRST, id.0, 0),
            Pass::Again { id, answered } => (IMS_RELEASE_PASS_AGAIN, id.0, u32::from(answered)),
        };
        // SAFETY: not NULL, and writable as the header asks.
        unsafe {
            pass.write(found.0);
            id.write(found.1);
            answered.write(found.2);
        }
        Ok(())
    })
}

/// Notes that the script has answered our BYE without a transaction, with `code`: a retransmission gets it again.
///
/// Errors: 1, 3, 300, 320 to 399. From any thread and process. No callback but the log.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_registry_answered(registry: *const Registry, id: u64, code: u32) -> Status {
    guard("ims_release_registry_answered", || {
        // SAFETY: the header asks the caller for an open registry.
        let registry = unsafe { Registry::of(registry) }?;
        registry.answered(Id(id), reply_code(code)?).map_err(|error| refused(&error))
    })
}
