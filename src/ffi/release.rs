// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why the session is released and how the BYEs shall look; the way from fields to both BYEs in one call.

use core::ffi::c_char;

use arrayvec::ArrayVec;

use super::by::{by_of_number, is_by};
use super::bye::{Bye, Outputs};
use super::dialog::{Fields, IMS_RELEASE_MAX_HEADERS, with_fields};
use super::guard::guard;
use super::random::{branches, random};
use super::sized::{Sized32, read};
use super::status::{
    self, IMS_RELEASE_ARGUMENT, IMS_RELEASE_BAD_HEADER, IMS_RELEASE_BAD_REASON, IMS_RELEASE_BAD_REASON_TEXT,
    IMS_RELEASE_BAD_VIA, Status,
};
use super::str::{Str, read_texts};
use crate::cseq::CSeqs;
use crate::dialog::{Dialog, Scratch};
use crate::reason::Reason;
use crate::registry::By;
use crate::release::{Form, Request, UDP, Via, plan};

/// `form`: own Record-Route entries on top of the service-control BYE. The host sends it to its own socket, and its
/// script sees a request of the served user like any other.
pub const IMS_RELEASE_FORM_LOOP: u32 = 0;
/// `form`: without own entries. The host calls its routing for requests of the served user itself.
pub const IMS_RELEASE_FORM_BARE: u32 = 1;

/// `flags`: a served user whose Contact is a GRUU is addressed by it even where a contact address is known, as in the
/// older text of TS 24.229 5.4.5.1.2.
pub const IMS_RELEASE_KEEP_GRUU: u32 = 1;

/// The reason and the looks of both BYEs. Set all to zero first, then `struct_size` and `cause`.
///
/// Thread rule: the library only reads it. Lifetime: it and all it points at are read during the call only.
///
/// Used by: ims_release_build(), ims_release_dialog_build(), ims_release_registry_start(), _next().
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// sizeof(ims_release_options).
    pub struct_size: u32,
    /// Form of the service-control BYE: IMS_RELEASE_FORM_*.
    pub form: u32,
    /// SIP status code for the Reason header, 100 to 699 (RFC 3326). There is no default: the clause asks for one.
    pub cause: u32,
    /// Q.850 cause beside it, 1 to 127; 0 for none.
    pub q850_cause: u32,
    /// Text for the SIP cause, unquoted; quotes and backslashes are escaped. Empty: none.
    pub text: Str,
    /// Text for the Q.850 cause.
    pub q850_text: Str,
    /// Further headers, beside those of the dialog: each "Name: value", no line end, no name twice.
    pub headers: *const Str,
    /// How many headers.
    pub header_count: usize,
    /// "host" or "host:port" for a Via with a unique branch. Empty: no Via, the host's transaction layer adds it.
    pub via_sent_by: Str,
    /// Transport of that Via; empty for "UDP".
    pub via_transport: Str,
    /// IMS_RELEASE_KEEP_GRUU or 0.
    pub flags: u32,
    /// The job that ims_release_registry_start() starts the release for; 0: none.
    pub job: u32,
    /// Where there is none, who has asked for the release: IMS_RELEASE_BY_HOST, _SCRIPT or _RPC.
    pub by: u32,
    /// Zero.
    pub reserved: u32,
}

// SAFETY: integers and pointers; zero is "not given".
unsafe impl Sized32 for Options {}

/// Further headers of the options, as the core takes them.
type Headers<'a> = ArrayVec<&'a [u8], IMS_RELEASE_MAX_HEADERS>;

/// Calls `then` with the options as the core takes them. Nothing is allocated.
///
/// # Safety
/// `options` and all it points at must be readable as the header asks.
#[inline]
pub(super) unsafe fn with_request<R>(
    options: *const Options,
    then: impl FnOnce(&Request<'_>) -> Result<R, Status>,
) -> Result<R, Status> {
    let mut headers = Headers::new();
    // SAFETY: this function's own condition.
    then(&unsafe { request(options, &mut headers) }?)
}

/// The options as the core takes them; `headers` is where their list lives.
///
/// # Safety
/// `options` and all it points at must be readable as the header asks.
#[inline(always)]
unsafe fn request<'a>(options: *const Options, headers: &'a mut Headers<'_>) -> Result<Request<'a>, Status> {
    // SAFETY: this function's own condition, here and in each call below.
    let o = unsafe { read(options) }?;
    if !is_by(o.by, o.job) | (o.reserved != 0) | (o.flags & !IMS_RELEASE_KEEP_GRUU != 0) {
        return Err(IMS_RELEASE_ARGUMENT);
    }
    let form = match o.form {
        IMS_RELEASE_FORM_LOOP => Form::Loop,
        IMS_RELEASE_FORM_BARE => Form::Bare,
        _ => return Err(IMS_RELEASE_ARGUMENT),
    };
    // SAFETY: as above.
    let (text, q850_text, sent_by, transport) = unsafe {
        (
            o.text.bytes(IMS_RELEASE_BAD_REASON_TEXT)?,
            o.q850_text.bytes(IMS_RELEASE_BAD_REASON_TEXT)?,
            o.via_sent_by.bytes(IMS_RELEASE_BAD_VIA)?,
            o.via_transport.bytes(IMS_RELEASE_BAD_VIA)?,
        )
    };
    // SAFETY: as above.
    unsafe { read_texts(headers, o.headers, o.header_count, IMS_RELEASE_BAD_HEADER) }?;

    let cause = u16::try_from(o.cause).map_err(|_| IMS_RELEASE_BAD_REASON)?;
    let mut reason = Reason::sip(cause, text).map_err(status::of)?;
    if o.q850_cause != 0 {
        let cause = u8::try_from(o.q850_cause).map_err(|_| IMS_RELEASE_BAD_REASON)?;
        reason = reason.with_q850(cause, q850_text).map_err(status::of)?;
    }
    let via = if sent_by.is_empty() {
        None
    } else {
        let transport = if transport.is_empty() { UDP } else { transport };
        let (called, calling) = branches().map_err(status::of)?;
        Some(Via::new(transport, sent_by, called, calling).map_err(status::of)?)
    };
    let keep_gruu = o.flags & IMS_RELEASE_KEEP_GRUU != 0;
    Ok(Request { reason, headers, form, keep_gruu, via })
}

/// Who asks, by options that [`with_request`] has found to be sound.
///
/// # Safety
/// `options` must be readable as the header asks.
pub(super) unsafe fn by_of(options: *const Options) -> Result<By, Status> {
    // SAFETY: this function's own condition.
    let options = unsafe { read(options) }?;
    by_of_number(options.by, options.job)
}

/// Builds both BYEs of a checked dialog into the outputs.
///
/// # Safety
/// `options` must be as the header asks.
#[inline]
pub(super) unsafe fn build(
    dialog: &Dialog<'_>,
    cseqs: CSeqs,
    options: *const Options,
    outputs: Outputs,
) -> Result<(), Status> {
    let mut headers = Headers::new();
    // SAFETY: this function's own condition.
    let request = unsafe { request(options, &mut headers) }?;
    outputs.write(&plan(dialog, cseqs, &request, &mut random).map_err(status::of)?);
    Ok(())
}

/// Builds the two BYEs of TS 24.229 5.4.5.1.2 from what a host has stored of a dialog: the called user's into
/// `called_buffer`, the calling user's into `calling_buffer`. `called` and `calling` tell how each is delivered and
/// where its parts lie. Set `struct_size` of both before.
///
/// IMS_RELEASE_OK says that `called` and `calling` were filled in. Look at the `status` of each: one BYE that cannot
/// be built does not stop the other. Any other return value leaves `called` and `calling` untouched.
///
/// Sizes: with NULL and 0 for a buffer, or with one that is too small, `status` is IMS_RELEASE_BUFFER_TOO_SMALL,
/// `length` what is needed, and no octet is written. The buffers must not overlap each other nor any input.
///
/// Send the called user's BYE first, and none before both are built. Of a random CSeq and a Via branch each call
/// makes new ones: keep the bytes for retransmissions.
///
/// Consumes nothing. No allocation, no lock, no callback but the log. Errors: 1 to 7 and 100 to 120. From any thread,
/// before and after a fork: random numbers are never the same in two processes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_build(
    fields: *const Fields,
    options: *const Options,
    called_buffer: *mut c_char,
    called_capacity: usize,
    calling_buffer: *mut c_char,
    calling_capacity: usize,
    called: *mut Bye,
    calling: *mut Bye,
) -> Status {
    guard("ims_release_build", || {
        // SAFETY: the header asks the caller for valid buffers and structs.
        let outputs =
            unsafe { Outputs::new(called_buffer, called_capacity, calling_buffer, calling_capacity, called, calling) }?;
        // SAFETY: as above.
        unsafe {
            with_fields(fields, |fields, cseqs| {
                let mut scratch = Scratch::default();
                let dialog = Dialog::new(fields, &mut scratch).map_err(status::of)?;
                build(&dialog, cseqs, options, outputs)
            })
        }
    })
}
