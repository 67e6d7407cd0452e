// SPDX-License-Identifier: MIT OR Apache-2.0
//! A built BYE: its bytes in the caller's buffer, and where its parts lie in them.

use core::ffi::c_char;
use core::mem::MaybeUninit;
use core::ops::Range;

use super::sized::{Output, Sized32};
use super::status::{
    self, IMS_RELEASE_ARGUMENT, IMS_RELEASE_BUFFER_TOO_SMALL, IMS_RELEASE_NULL, IMS_RELEASE_OK, Status,
};
use super::str::Str;
use crate::Error;
use crate::bye::{Encoded, LARGE, Marks};
use crate::registry::Started;
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
/// Filled in by: ims_release_build(), ims_release_dialog_build(), ims_release_registry_start(), _next().
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Bye {
    /// sizeof(ims_release_bye), set by the caller.
    pub struct_size: u32,
    /// IMS_RELEASE_OK, or why this BYE was not built: IMS_RELEASE_BUFFER_TOO_SMALL, _BAD_CALLING_CONTACT,
    /// _BAD_CALLED_CONTACT, _NO_CSEQ, _CSEQ_OVERFLOW, _NO_RANDOM. IMS_RELEASE_HELD: it is due later.
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

/// The caller's two buffers and the descriptions of what is in them.
#[derive(Clone, Copy)]
pub(super) struct Outputs {
    called: BufferAndBye,
    calling: BufferAndBye,
}

/// A buffer of the caller.
#[derive(Clone, Copy)]
pub(super) struct Buffer {
    start: *mut c_char,
    capacity: usize,
}

impl Buffer {
    /// Checks pointer and size.
    ///
    /// # Safety
    /// `start` must be NULL or writable for `capacity` octets until the last use.
    pub(super) unsafe fn new(start: *mut c_char, capacity: usize) -> Result<Self, Status> {
        if start.is_null() && capacity > 0 {
            Err(IMS_RELEASE_NULL)
        } else if isize::try_from(capacity).is_err() {
            Err(IMS_RELEASE_ARGUMENT)
        } else {
            Ok(Self { start, capacity })
        }
    }

    /// The octets that may be written.
    pub(super) fn octets(&mut self) -> &mut [u8] {
        if self.capacity == 0 {
            &mut []
        } else {
            // SAFETY: not NULL, and writable for `capacity` octets, as `Outputs::new` was promised.
            unsafe { core::slice::from_raw_parts_mut(self.start.cast::<u8>(), self.capacity) }
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
        unsafe {
            let (called, calling) = (Output::new(called)?, Output::new(calling)?);
            Ok(Self {
                called: (Buffer::new(called_buffer, called_capacity)?, called),
                calling: (Buffer::new(calling_buffer, calling_capacity)?, calling),
            })
        }
    }

    /// Writes both BYEs, each as far as it could be planned.
    #[inline]
    pub(super) fn write(&self, plan: &Plan<'_>) {
        // Both messages first: should one panic, neither description was touched.
        let called = write(&plan.called, self.called.0);
        let calling = write(&plan.calling, self.calling.0);
        describe(self.called, &plan.called, &called);
        describe(self.calling, &plan.calling, &calling);
    }

    /// Both buffers, writable as far as the caller said.
    pub(super) fn buffers(&mut self) -> (&mut [u8], &mut [u8]) {
        (self.called.0.octets(), self.calling.0.octets())
    }

    /// Describes what a registry has written into the buffers.
    pub(super) fn describe_started(self, started: &Started) {
        for (output, bye) in [(self.called, &started.called), (self.calling, &started.calling)] {
            match bye {
                Ok(bye) => describe_written(output, bye.delivery, bye.cseq, &bye.encoded),
                Err(error) => describe_refused(output, status::of(*error), 0, 0, 0),
            }
        }
    }

    /// Tells how large the buffers must be; 0 for a BYE that cannot be built.
    pub(super) fn describe_lengths(self, called: usize, calling: usize) {
        for (output, length) in [(self.called, called), (self.calling, calling)] {
            describe_refused(output, IMS_RELEASE_BUFFER_TOO_SMALL, 0, 0, length);
        }
    }
}

/// Where one BYE of a registry goes.
pub(super) struct OneOutput(BufferAndBye);

impl OneOutput {
    /// Checks pointers and size.
    ///
    /// # Safety
    /// As for [`Outputs::new`].
    pub(super) unsafe fn new(buffer: *mut c_char, capacity: usize, bye: *mut Bye) -> Result<Self, Status> {
        // SAFETY: this function's own condition.
        unsafe {
            let output = Output::new(bye)?;
            Ok(Self((Buffer::new(buffer, capacity)?, output)))
        }
    }

    /// The octets that may be written.
    pub(super) fn octets(&mut self) -> &mut [u8] {
        self.0.0.octets()
    }

    /// Describes what a registry has written into the buffer.
    pub(super) fn describe(self, bye: &crate::registry::Bye) {
        describe_written(self.0, bye.delivery, bye.cseq, &bye.encoded);
    }

    /// Tells how large the buffer must be.
    pub(super) fn describe_length(self, length: usize) {
        describe_refused(self.0, IMS_RELEASE_BUFFER_TOO_SMALL, 0, 0, length);
    }
}

type BufferAndBye = (Buffer, Output<Bye>);

#[inline]
fn write(leg: &Result<Leg<'_>, Error>, mut buffer: Buffer) -> Result<Marks, Error> {
    leg.as_ref().map_err(|error| *error)?.write_into(buffer.octets())
}

#[inline(always)]
fn describe(output: BufferAndBye, leg: &Result<Leg<'_>, Error>, marks: &Result<Marks, Error>) {
    match (leg, marks) {
        (Ok(leg), Ok(marks)) => describe_written(output, leg.delivery(), leg.cseq(), &leg.parts(marks)),
        (Ok(leg), Err(Error::BufferTooSmall)) => {
            let (delivery, length) = (number(leg.delivery()), leg.encoded_len());
            describe_refused(output, IMS_RELEASE_BUFFER_TOO_SMALL, delivery, leg.cseq(), length);
        }
        (_, Err(error)) | (Err(error), _) => describe_refused(output, status::of(*error), 0, 0, 0),
    }
}

/// Fills in all members but `struct_size`. The ranges of the core lie within the message, and that in the buffer.
#[inline(always)]
fn describe_written((buffer, output): BufferAndBye, delivery: Delivery, cseq: u32, encoded: &Encoded) {
    let part = |range: &Range<usize>| Str {
        s: buffer.start.cast_const().wrapping_add(range.start),
        len: (range.end - range.start) as core::ffi::c_int,
    };
    let split = |value: &Range<usize>, tag: Option<(usize, usize)>| match tag {
        Some((semicolon, tag)) => (part(&(value.start..semicolon)), part(&(tag..value.end))),
        None => (part(value), Str::EMPTY),
    };
    let no_tag = encoded.from_tag.is_none() || encoded.to_tag.is_none();
    let flags =
        if encoded.length > LARGE { IMS_RELEASE_LARGE } else { 0 } | if no_tag { IMS_RELEASE_NO_TAG } else { 0 };
    let mut spare = MaybeUninit::uninit();
    let bye = output.place(&mut spare);
    // SAFETY: the place is one for the struct and may hold anything; members are written one by one, so that none is
    // copied twice. All are written before the end.
    unsafe {
        (*bye).status = IMS_RELEASE_OK;
        (*bye).delivery = number(delivery);
        (*bye).cseq = cseq;
        (*bye).flags = flags;
        (*bye).reserved = 0;
        (*bye).length = encoded.length;
        (*bye).message = part(&(0..encoded.length));
        (*bye).request_uri = part(&encoded.request_uri);
        (*bye).next_hop = part(&encoded.next_hop);
        (*bye).call_id = part(&encoded.call_id);
        (*bye).from = part(&encoded.from);
        ((*bye).from_before_tag, (*bye).from_tag_onward) = split(&encoded.from, encoded.from_tag);
        (*bye).to = part(&encoded.to);
        ((*bye).to_before_tag, (*bye).to_tag_onward) = split(&encoded.to, encoded.to_tag);
        (*bye).headers = part(&encoded.headers);
        (*bye).route = part(&encoded.route);
        output.finish(&spare);
    }
}

/// The same for a BYE that was not written: all parts empty.
#[cold]
fn describe_refused((_, output): BufferAndBye, status: Status, delivery: u32, cseq: u32, length: usize) {
    // SAFETY: `write` hands out a place for the struct; zeros are "nothing" in every member.
    output.write(|bye| unsafe {
        let struct_size = (*bye).struct_size;
        bye.write_bytes(0, 1);
        (*bye).struct_size = struct_size;
        (*bye).status = status;
        (*bye).delivery = delivery;
        (*bye).cseq = cseq;
        (*bye).length = length;
    });
}

fn number(delivery: Delivery) -> u32 {
    match delivery {
        Delivery::ServiceControl => IMS_RELEASE_SERVICE_CONTROL,
        Delivery::Direct => IMS_RELEASE_DIRECT,
    }
}
