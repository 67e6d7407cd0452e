// SPDX-License-Identifier: MIT OR Apache-2.0
//! Text that crosses the C boundary: a pointer and a length.

use core::ffi::{c_char, c_int};

use arrayvec::ArrayVec;

use super::status::{IMS_RELEASE_NULL, IMS_RELEASE_TOO_LARGE, Status};

/// Some octets: `len` of them from `s`. Not terminated by NUL.
///
/// It has the layout of `str` in Kamailio and OpenSIPS, so a host's text passes without a copy.
/// `s` may be NULL when `len` is 0: an empty text, which everywhere means "not given".
/// A negative `len`, or NULL with a positive one, is refused with the code of the field it stands in.
///
/// Lifetime: as an input it is read during the call only and never kept. As an output it points into
/// the caller's own buffer, into static text, or, in a callback, at octets that end with the callback.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Str {
    /// The first octet.
    pub s: *const c_char,
    /// How many octets there are.
    pub len: c_int,
}

const _: () = {
    assert!(size_of::<Str>() == 2 * size_of::<*const c_char>());
    assert!(core::mem::offset_of!(Str, len) == size_of::<*const c_char>());
};

impl Str {
    /// No text at all.
    pub const EMPTY: Self = Self { s: core::ptr::null(), len: 0 };

    /// The octets of a slice that outlives every use of the result.
    pub(super) fn of(bytes: &[u8]) -> Self {
        match c_int::try_from(bytes.len()) {
            Ok(len) => Self { s: bytes.as_ptr().cast(), len },
            // Nothing that the library hands out comes near 2 GiB; an empty text is the safe answer.
            Err(_) => Self::EMPTY,
        }
    }

    /// The octets as a slice; `fault` when this is no text at all.
    ///
    /// # Safety
    /// `s` must be readable for `len` octets as long as `'a` lasts, as the header asks of every caller.
    #[inline]
    pub(super) unsafe fn bytes<'a>(self, fault: Status) -> Result<&'a [u8], Status> {
        let len = usize::try_from(self.len).map_err(|_| fault)?;
        if len == 0 {
            Ok(&[])
        } else if self.s.is_null() {
            Err(fault)
        } else {
            // SAFETY: not NULL, and readable for `len` octets by this function's own condition.
            Ok(unsafe { core::slice::from_raw_parts(self.s.cast(), len) })
        }
    }
}

/// Puts the texts of an array into `texts`, in place, because a list is large; `fault` when one of them is no text.
///
/// # Safety
/// `items` must be readable for `count` items, and each of them as [`Str::bytes`] asks.
#[inline]
pub(super) unsafe fn read_texts<const MOST: usize>(
    texts: &mut ArrayVec<&[u8], MOST>,
    items: *const Str,
    count: usize,
    fault: Status,
) -> Result<(), Status> {
    if count > 0 && items.is_null() {
        return Err(IMS_RELEASE_NULL);
    }
    if count > MOST {
        return Err(IMS_RELEASE_TOO_LARGE);
    }
    for index in 0..count {
        // SAFETY: within the array by this function's own condition.
        let text = unsafe { items.add(index).read().bytes(fault) }?;
        texts.push(text);
    }
    Ok(())
}
