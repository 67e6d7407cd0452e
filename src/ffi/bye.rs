// SPDX-License-Identifier: MIT OR Apache-2.0
//! A built BYE: its bytes in the caller's buffer, and where its parts lie in them.

use core::ffi::c_char;
use core::ops::Range;

use super::sized::{Output, Sized32};
use super::status::{
    self, IMS_RELEASE_ARGUMENT, IMS_RELEASE_BUFFER_TOO_SMALL, IMS_RELEASE_NULL, IMS_RELEASE_OK, Status,
};
use super::str::Str;
use crate::Error;
use crate::bye::{Encoded, LARGE};
use crate::release::{Delivery, Leg, Plan};

/// `delivery`: through internal service control, as if the served user had sent it.
pub const IMS_RELEASE_SERVICE_CONTROL: u32 = 1;
/// `delivery`: straight to the user.
pub const IMS_RELEASE_DIRECT: u32 = 2;

/// `flags`: above 1300 octets. Send it over TCP unless the path MTU is known (RFC 3261 18.1.1).
pub const IMS_RELEASE_LARGE: u32 = 1;
/// `flags`: From or To has no tag (an RFC 2543 peer); others may answer 481.
pub const IMS_RELEASE_NO_TAG: u32 = 2;

/// One built BYE: what it is, and its parts as slices of the caller's buffer.
///
/// A host that sends bytes takes `message`. One whose transaction layer builds the message itself takes the parts.
/// Parts are empty where the message has none, and all of them when `status` is not IMS_RELEASE_OK.
///
/// Thread rule: the caller's own. Lifetime: the slices live as long as the caller's buffer.
///
/// Filled in by: ims_release_build(), ims_release_dialog_build().
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Bye {
    /// sizeof(ims_release_bye), set by the caller.
    pub struct_size: u32,
    /// IMS_RELEASE_OK, or why this BYE was not built: IMS_RELEASE_BUFFER_TOO_SMALL, _BAD_CALLING_CONTACT,
    /// _BAD_CALLED_CONTACT, _NO_CSEQ, _CSEQ_OVERFLOW, _NO_RANDOM.
    pub status: Status,
    /// IMS_RELEASE_SERVICE_CONTROL or IMS_RELEASE_DIRECT; 0 when `status` tells an error other than the buffer's.
    pub delivery: u32,
    /// CSeq number. A transaction layer that adds one by itself is given one less.
    pub cseq: u32,
    /// IMS_RELEASE_LARGE, IMS_RELEASE_NO_TAG.
    pub flags: u32,
    /// Zero.
    pub reserved: u32,
    /// Octets of the message; what the buffer must hold when it was too small; 0 for another error.
    pub length: usize,
    /// The whole message.
    pub message: Str,
    /// Request-URI.
    pub request_uri: Str,
    /// URI to send to: that of the topmost Route, else the Request-URI (RFC 3261 8.1.2). In the loop form it is the
    /// host's own.
    pub next_hop: Str,
    /// Call-ID value.
    pub call_id: Str,
    /// From value.
    pub from: Str,
    /// From up to the ';' before its tag; the whole value without a tag.
    pub from_before_tag: Str,
    /// From from the tag on: the tag, then what follows it. `before ";tag=" onward` is the value again.
    pub from_tag_onward: Str,
    /// To value.
    pub to: Str,
    /// The same part of To.
    pub to_before_tag: Str,
    /// The same part of To.
    pub to_tag_onward: Str,
    /// The lines from Route to the last further header, each with its line end: Route, Max-Forwards, Reason,
    /// Session-ID, further headers.
    pub headers: Str,
    /// The Route line alone, with its line end. It stands at the head of `headers`.
    pub route: Str,
}

// SAFETY: integers and pointers; zero is "not given".
unsafe impl Sized32 for Bye {}

const _: () = assert!(size_of::<usize>() != 8 || size_of::<Bye>() == 224);

const NOTHING: Bye = Bye {
    struct_size: size_of::<Bye>() as u32,
    status: IMS_RELEASE_OK,
    delivery: 0,
    cseq: 0,
    flags: 0,
    reserved: 0,
    length: 0,
    message: Str::EMPTY,
    request_uri: Str::EMPTY,
    next_hop: Str::EMPTY,
    call_id: Str::EMPTY,
    from: Str::EMPTY,
    from_before_tag: Str::EMPTY,
    from_tag_onward: Str::EMPTY,
    to: Str::EMPTY,
    to_before_tag: Str::EMPTY,
    to_tag_onward: Str::EMPTY,
    headers: Str::EMPTY,
    route: Str::EMPTY,
};

/// The caller's two buffers and the descriptions of what is in them.
#[derive(Clone, Copy)]
pub(super) struct Outputs {
    called: (Buffer, Output<Bye>),
    calling: (Buffer, Output<Bye>),
}

#[derive(Clone, Copy)]
struct Buffer {
    start: *mut c_char,
    capacity: usize,
}

impl Buffer {
    fn new(start: *mut c_char, capacity: usize) -> Result<Self, Status> {
        if start.is_null() && capacity > 0 {
            Err(IMS_RELEASE_NULL)
        } else if isize::try_from(capacity).is_err() {
            Err(IMS_RELEASE_ARGUMENT)
        } else {
            Ok(Self { start, capacity })
        }
    }
}

impl Outputs {
    /// Checks the pointers and sizes.
    ///
    /// # Safety
    /// The buffers must be NULL or writable, the structs NULL or as the header asks, until the last `write`.
    pub(super) unsafe fn new(
        called_buffer: *mut c_char,
        called_capacity: usize,
        calling_buffer: *mut c_char,
        calling_capacity: usize,
        called: *mut Bye,
        calling: *mut Bye,
    ) -> Result<Self, Status> {
        // SAFETY: this function's own condition.
        let (called, calling) = unsafe { (Output::new(called)?, Output::new(calling)?) };
        Ok(Self {
            called: (Buffer::new(called_buffer, called_capacity)?, called),
            calling: (Buffer::new(calling_buffer, calling_capacity)?, calling),
        })
    }

    /// Writes both BYEs, each as far as it could be planned.
    #[inline]
    pub(super) fn write(self, plan: &Plan<'_>) {
        let called = write(&plan.called, self.called.0);
        let calling = write(&plan.calling, self.calling.0);
        self.called.1.write(&called);
        self.calling.1.write(&calling);
    }
}

fn write(leg: &Result<Leg<'_>, Error>, buffer: Buffer) -> Bye {
    let leg = match leg {
        Ok(leg) => leg,
        Err(error) => return Bye { status: status::of(*error), ..NOTHING },
    };
    let delivery = match leg.delivery() {
        Delivery::ServiceControl => IMS_RELEASE_SERVICE_CONTROL,
        Delivery::Direct => IMS_RELEASE_DIRECT,
    };
    let bytes = if buffer.capacity == 0 {
        &mut []
    } else {
        // SAFETY: not NULL, and writable for `capacity` octets, as `Outputs::new` was promised.
        unsafe { core::slice::from_raw_parts_mut(buffer.start.cast::<u8>(), buffer.capacity) }
    };
    let encoded = match leg.encode_into(bytes) {
        Ok(encoded) => encoded,
        Err(Error::BufferTooSmall) => {
            let length = leg.encoded_len();
            return Bye { status: IMS_RELEASE_BUFFER_TOO_SMALL, delivery, cseq: leg.cseq(), length, ..NOTHING };
        }
        Err(error) => return Bye { status: status::of(error), ..NOTHING },
    };
    describe(&encoded, bytes, delivery, leg.cseq())
}

/// Where the parts lie. The core's ranges are within the message.
#[inline]
fn describe(encoded: &Encoded, bytes: &[u8], delivery: u32, cseq: u32) -> Bye {
    let part = |range: &Range<usize>| Str {
        s: bytes.as_ptr().wrapping_add(range.start).cast(),
        len: (range.end - range.start) as core::ffi::c_int,
    };
    let split = |value: &Range<usize>, tag: Option<(usize, usize)>| match tag {
        Some((semicolon, tag)) => (part(&(value.start..semicolon)), part(&(tag..value.end))),
        None => (part(value), Str::EMPTY),
    };
    let (from_before_tag, from_tag_onward) = split(&encoded.from, encoded.from_tag);
    let (to_before_tag, to_tag_onward) = split(&encoded.to, encoded.to_tag);
    let mut flags = 0;
    if encoded.length > LARGE {
        flags |= IMS_RELEASE_LARGE;
    }
    if encoded.from_tag.is_none() || encoded.to_tag.is_none() {
        flags |= IMS_RELEASE_NO_TAG;
    }
    Bye {
        struct_size: size_of::<Bye>() as u32,
        status: IMS_RELEASE_OK,
        delivery,
        cseq,
        flags,
        reserved: 0,
        length: encoded.length,
        message: part(&(0..encoded.length)),
        request_uri: part(&encoded.request_uri),
        next_hop: part(&encoded.next_hop),
        call_id: part(&encoded.call_id),
        from: part(&encoded.from),
        from_before_tag,
        from_tag_onward,
        to: part(&encoded.to),
        to_before_tag,
        to_tag_onward,
        headers: part(&encoded.headers),
        route: part(&encoded.route),
    }
}
