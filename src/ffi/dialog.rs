// SPDX-License-Identifier: MIT OR Apache-2.0
//! The stored information of a dialog, as fields and as a handle that holds them checked.

use core::ffi::c_char;

use arrayvec::ArrayVec;

use super::bye::{Bye, Outputs};
use super::guard::{guard, guard_unit};
use super::release::Options;
use super::sized::{Sized32, read};
use super::status::{
    self, IMS_RELEASE_ARGUMENT, IMS_RELEASE_BAD_CALL_ID, IMS_RELEASE_BAD_CALLED_CONTACT,
    IMS_RELEASE_BAD_CALLING_CONTACT, IMS_RELEASE_BAD_CONTACT_ADDRESS, IMS_RELEASE_BAD_CSEQ, IMS_RELEASE_BAD_FROM,
    IMS_RELEASE_BAD_HEADER, IMS_RELEASE_BAD_OWN, IMS_RELEASE_BAD_RECORD_ROUTE, IMS_RELEASE_BAD_ROUTE,
    IMS_RELEASE_BAD_SERVES, IMS_RELEASE_BAD_SESSION_ID, IMS_RELEASE_BAD_TO, IMS_RELEASE_NULL, IMS_RELEASE_TOO_LARGE,
    Status,
};
use super::str::{Str, read_texts};
use crate::cseq::CSeqs;
use crate::dialog::{DialogBuf, Routes, Serves};
use crate::route::{self, MAX_ROUTES};

/// The proxy serves the calling user: the BYE to the called user goes through service control.
pub const IMS_RELEASE_SERVES_CALLING: u32 = 1;
/// The proxy serves the called user: the BYE to the calling user goes through service control.
pub const IMS_RELEASE_SERVES_CALLED: u32 = 2;
/// The proxy serves neither (a P-CSCF, a plain proxy): both BYEs go directly.
pub const IMS_RELEASE_SERVES_NEITHER: u32 = 3;

/// `routes`: the Record-Route rows of the 2xx are given, to be cut at the own entries.
pub const IMS_RELEASE_ROUTES_RECORD_ROUTE: u32 = 0;
/// `routes`: both route sets and the own entries are given apart.
pub const IMS_RELEASE_ROUTES_APART: u32 = 1;

/// Instead of a CSeq: no request was seen in that direction. (Zero is a number like any other.)
// As a difference, because cbindgen puts that in parentheses.
pub const IMS_RELEASE_CSEQ_NONE: i64 = 0 - 1;

/// Rows of each route list, at most; entries too, when the rows are cut.
pub const IMS_RELEASE_MAX_ROUTES: usize = 128;
/// Descriptions of own entries, at most.
pub const IMS_RELEASE_MAX_OWN: usize = 32;
/// Further headers, at most: of the dialog, and of the options.
pub const IMS_RELEASE_MAX_HEADERS: usize = 32;

const _: () = assert!(IMS_RELEASE_MAX_ROUTES == MAX_ROUTES);

/// How to tell the proxy's own Record-Route entries. Give `uri`, or else `host` and, if wished, `cookie`.
///
/// Lifetime: read during the call only.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Own {
    /// The exact URI, with or without angle brackets. Host and scheme are compared without case, an IPv6 literal as an
    /// address, all else byte by byte.
    pub uri: Str,
    /// "host" or "host:port". Without a port 5060 counts, here and in the entry; a sips: entry without one is found by
    /// 5061 too.
    pub host: Str,
    /// With `host`: what the entry must also hold, its user part or a URI parameter ("mo", "did", "did=7a1").
    pub cookie: Str,
}

/// All that TS 24.229 5.4.5.1.2 has the S-CSCF store of a dialog. Set all to zero first, then `struct_size`.
///
/// Values are whole header values, as received and unfolded; they come out byte by byte the same.
///
/// Thread rule: the library only reads it. Lifetime: it and all it points at are read during the call only.
///
/// Used by: ims_release_build(), ims_release_dialog_new().
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Fields {
    /// sizeof(ims_release_fields).
    pub struct_size: u32,
    /// The user that the proxy serves: IMS_RELEASE_SERVES_*. There is no default.
    pub serves: u32,
    /// Which of the route members count: IMS_RELEASE_ROUTES_*.
    pub routes: u32,
    /// Zero.
    pub reserved: u32,
    /// Call-ID of the initial INVITE.
    pub call_id: Str,
    /// From of the initial INVITE.
    pub from: Str,
    /// To of the 200 to the initial INVITE.
    pub to: Str,
    /// Contact that the calling user gave last: in the INVITE, a re-INVITE or an UPDATE (RFC 3261 12.2).
    pub calling_contact: Str,
    /// Contact that the called user gave last.
    pub called_contact: Str,
    /// Highest CSeq that the calling user used, ACK and CANCEL apart: 0 to 4294967295. The INVITE itself gives one.
    pub cseq_to_called: i64,
    /// Highest CSeq that the called user used, or IMS_RELEASE_CSEQ_NONE: then a random one is drawn.
    pub cseq_to_calling: i64,
    /// IMS_RELEASE_ROUTES_RECORD_ROUTE: the Record-Route rows of the 2xx in their order; a row may be a comma list. An
    /// entry that is not a SIP or SIPS URI in angle brackets refuses only the BYE that needs it; a quote or bracket
    /// that nothing closes makes one such entry of the rest of its row.
    pub record_route: *const Str,
    /// How many rows.
    pub record_route_count: usize,
    /// How to tell the own entries among them. At least one entry that can be read must be own.
    pub own: *const Own,
    /// How many descriptions.
    pub own_count: usize,
    /// IMS_RELEASE_ROUTES_APART: the route set towards the called user without own entries, as a Route header has it.
    pub routes_to_called: *const Str,
    /// How many rows.
    pub routes_to_called_count: usize,
    /// The route set towards the calling user.
    pub routes_to_calling: *const Str,
    /// How many rows.
    pub routes_to_calling_count: usize,
    /// The own entries as they shall stand on top of the service-control BYE. Needed unless neither user is served.
    pub routes_own: *const Str,
    /// How many rows.
    pub routes_own_count: usize,
    /// SIP URI under which the served user is reached if its Contact is a GRUU (RFC 5627); empty if not known.
    pub contact_address: Str,
    /// The calling user's Session-ID UUID (RFC 7989), 32 lower-case hex digits; anything else counts as unknown.
    pub calling_session_id: Str,
    /// The called user's Session-ID UUID.
    pub called_session_id: Str,
    /// Further headers for both BYEs by local policy, such as P-Charging-Vector: each "Name: value", no line end.
    pub headers: *const Str,
    /// How many headers.
    pub header_count: usize,
}

// SAFETY: integers and pointers; zero is "not given".
unsafe impl Sized32 for Fields {}

/// A checked dialog, made by ims_release_dialog_new() from the fields.
///
/// Building from it costs a fraction of ims_release_build(), which checks the fields each time.
///
/// Thread rule: it never changes after it was made, so any number of threads may use it at once; one of them
/// frees it. Fork rule: a child has its own copy and frees that. Lifetime: until ims_release_dialog_free().
///
/// Methods: ims_release_dialog_new(), ims_release_dialog_build(), ims_release_dialog_free().
#[derive(Debug)]
pub struct Dialog {
    dialog: DialogBuf,
    cseqs: CSeqs,
}

/// The rows of a list of routes.
type Rows<'a> = ArrayVec<&'a [u8], MAX_ROUTES>;

/// Calls `then` with the fields as the core takes them. The lists live on the stack: nothing is allocated.
///
/// # Safety
/// `fields` and all it points at must be readable as the header asks.
pub(super) unsafe fn with_fields<R>(
    fields: *const Fields,
    then: impl FnOnce(&crate::dialog::Fields<'_>, CSeqs) -> Result<R, Status>,
) -> Result<R, Status> {
    // SAFETY: this function's own condition, here and in each call below.
    let f = unsafe { read(fields) }?;
    if f.reserved != 0 {
        return Err(IMS_RELEASE_ARGUMENT);
    }
    let serves = serves(f.serves)?;
    let cseqs = CSeqs { to_called: cseq(f.cseq_to_called)?, to_calling: cseq(f.cseq_to_calling)? };
    let mut headers = ArrayVec::<_, IMS_RELEASE_MAX_HEADERS>::new();
    // SAFETY: as above.
    unsafe { read_texts(&mut headers, f.headers, f.header_count, IMS_RELEASE_BAD_HEADER) }?;
    let rest = |routes| -> Result<_, Status> {
        // SAFETY: as above.
        let bytes = |text: Str, fault| unsafe { text.bytes(fault) };
        Ok(crate::dialog::Fields {
            serves,
            call_id: bytes(f.call_id, IMS_RELEASE_BAD_CALL_ID)?,
            from: bytes(f.from, IMS_RELEASE_BAD_FROM)?,
            to: bytes(f.to, IMS_RELEASE_BAD_TO)?,
            calling_contact: bytes(f.calling_contact, IMS_RELEASE_BAD_CALLING_CONTACT)?,
            called_contact: bytes(f.called_contact, IMS_RELEASE_BAD_CALLED_CONTACT)?,
            routes,
            contact_address: bytes(f.contact_address, IMS_RELEASE_BAD_CONTACT_ADDRESS)?,
            calling_session_id: bytes(f.calling_session_id, IMS_RELEASE_BAD_SESSION_ID)?,
            called_session_id: bytes(f.called_session_id, IMS_RELEASE_BAD_SESSION_ID)?,
            headers: &headers,
        })
    };
    let (mut first, mut second, mut third) = (Rows::new(), Rows::new(), Rows::new());
    // SAFETY: as above.
    let read = |into: &mut Rows<'_>, rows, count, fault| unsafe { read_texts(into, rows, count, fault) };
    match f.routes {
        IMS_RELEASE_ROUTES_RECORD_ROUTE => {
            read(&mut first, f.record_route, f.record_route_count, IMS_RELEASE_BAD_RECORD_ROUTE)?;
            // SAFETY: as above.
            let own = unsafe { owns(f.own, f.own_count) }?;
            then(&rest(Routes::RecordRoute { rows: &first, own: &own })?, cseqs)
        }
        IMS_RELEASE_ROUTES_APART => {
            read(&mut first, f.routes_to_called, f.routes_to_called_count, IMS_RELEASE_BAD_ROUTE)?;
            read(&mut second, f.routes_to_calling, f.routes_to_calling_count, IMS_RELEASE_BAD_ROUTE)?;
            read(&mut third, f.routes_own, f.routes_own_count, IMS_RELEASE_BAD_ROUTE)?;
            then(&rest(Routes::Sets { to_called: &first, to_calling: &second, own: &third })?, cseqs)
        }
        _ => Err(IMS_RELEASE_ARGUMENT),
    }
}

/// The served user of its number.
pub(super) fn serves(number: u32) -> Result<Serves, Status> {
    match number {
        IMS_RELEASE_SERVES_CALLING => Ok(Serves::Calling),
        IMS_RELEASE_SERVES_CALLED => Ok(Serves::Called),
        IMS_RELEASE_SERVES_NEITHER => Ok(Serves::Neither),
        _ => Err(IMS_RELEASE_BAD_SERVES),
    }
}

fn cseq(number: i64) -> Result<Option<u32>, Status> {
    if number == IMS_RELEASE_CSEQ_NONE {
        return Ok(None);
    }
    u32::try_from(number).map(Some).map_err(|_| IMS_RELEASE_BAD_CSEQ)
}

/// The descriptions of own entries.
///
/// # Safety
/// `own` must be readable for `count` items, and all they point at as the header asks.
pub(super) unsafe fn owns<'a>(
    own: *const Own,
    count: usize,
) -> Result<ArrayVec<route::Own<'a>, IMS_RELEASE_MAX_OWN>, Status> {
    if count > 0 && own.is_null() {
        return Err(IMS_RELEASE_NULL);
    }
    if count > IMS_RELEASE_MAX_OWN {
        return Err(IMS_RELEASE_TOO_LARGE);
    }
    let mut owns = ArrayVec::new();
    for index in 0..count {
        // SAFETY: within the array by this function's own condition.
        let Own { uri, host, cookie } = unsafe { own.add(index).read() };
        // SAFETY: as above.
        let part = |text: Str| unsafe { text.bytes(IMS_RELEASE_BAD_OWN) };
        let (uri, host, cookie) = (part(uri)?, part(host)?, part(cookie)?);
        let own = match (uri.is_empty(), host.is_empty()) {
            (false, true) if cookie.is_empty() => route::Own::uri(uri),
            (true, false) => route::Own::host(host, cookie),
            _ => return Err(IMS_RELEASE_BAD_OWN),
        };
        owns.push(own.map_err(status::of)?);
    }
    Ok(owns)
}

/// Checks the fields and makes a dialog of them for `*dialog`, which the caller owns and frees. Allocates.
///
/// Consumes nothing: the fields may be freed after the call. On an error `*dialog` is untouched. A Contact that is
/// not one SIP URI does not refuse the dialog but, later, the BYE to that user; a Record-Route entry that cannot be
/// read the BYE that needs it.
///
/// Errors: 1 to 3, 7 and 100 to 120. From any thread, before and after a fork. No callback but the log.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_dialog_new(fields: *const Fields, dialog: *mut *mut Dialog) -> Status {
    guard("ims_release_dialog_new", || {
        if fields.is_null() || dialog.is_null() {
            return Err(IMS_RELEASE_NULL);
        }
        // SAFETY: the header asks the caller for valid fields.
        let made = unsafe {
            with_fields(fields, |fields, cseqs| {
                Ok(Dialog { dialog: DialogBuf::new(fields).map_err(status::of)?, cseqs })
            })
        }?;
        // SAFETY: not NULL, and writable as the header asks.
        unsafe { dialog.write(Box::into_raw(Box::new(made))) };
        Ok(())
    })
}

/// Frees a dialog made by ims_release_dialog_new(); nothing for NULL. It consumes `dialog`: do not use it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_dialog_free(dialog: *mut Dialog) {
    guard_unit("ims_release_dialog_free", || {
        if !dialog.is_null() {
            // SAFETY: made by Box::into_raw in ims_release_dialog_new(), and given up by the caller.
            drop(unsafe { Box::from_raw(dialog) });
        }
    });
}

/// Builds both BYEs from a checked dialog. Else like ims_release_build(), except that no field can be refused.
///
/// Consumes nothing. No allocation, no lock. From any thread, before and after a fork.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_dialog_build(
    dialog: *const Dialog,
    options: *const Options,
    called_buffer: *mut c_char,
    called_capacity: usize,
    calling_buffer: *mut c_char,
    calling_capacity: usize,
    called: *mut Bye,
    calling: *mut Bye,
) -> Status {
    guard("ims_release_dialog_build", || {
        // SAFETY: not NULL, then a dialog of ims_release_dialog_new() that nobody has freed.
        let dialog = unsafe { dialog.as_ref() }.ok_or(IMS_RELEASE_NULL)?;
        // SAFETY: the header asks the caller for valid buffers and structs.
        let outputs =
            unsafe { Outputs::new(called_buffer, called_capacity, calling_buffer, calling_capacity, called, calling) }?;
        // SAFETY: as above.
        unsafe { super::release::build(&dialog.dialog.as_dialog(), dialog.cseqs, options, outputs) }
    })
}
