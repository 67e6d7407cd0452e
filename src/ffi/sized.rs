// SPDX-License-Identifier: MIT OR Apache-2.0
//! Structs that cross the boundary and can grow: the first member says how large the caller's header made it.

use core::mem::MaybeUninit;

use super::status::{IMS_RELEASE_NULL, IMS_RELEASE_STRUCT_SIZE, Status};

/// A `repr(C)` struct of integers and pointers whose first member is `struct_size: u32`.
///
/// # Safety
/// All bits zero must be a legal value that means "not given" for each member.
pub(super) unsafe trait Sized32: Copy {
    /// The size in each released header, oldest first. Members are only ever added at the end.
    const SIZES: &'static [u32] = &[size_of::<Self>() as u32];
}

/// The size that the caller's header gave to the struct.
///
/// # Safety
/// `pointer` must be NULL or lead to a struct as the header asks.
unsafe fn size_of_caller<T: Sized32>(pointer: *const T) -> Result<usize, Status> {
    if pointer.is_null() {
        return Err(IMS_RELEASE_NULL);
    }
    // SAFETY: not NULL, and every such struct begins with its size.
    let size = unsafe { pointer.cast::<u32>().read() };
    if T::SIZES.contains(&size) { Ok(size as usize) } else { Err(IMS_RELEASE_STRUCT_SIZE) }
}

/// Copies an input in; members that the caller's header does not know are zero.
///
/// # Safety
/// `pointer` must be NULL or lead to a struct as the header asks.
#[inline]
pub(super) unsafe fn read<T: Sized32>(pointer: *const T) -> Result<T, Status> {
    // SAFETY: this function's own condition.
    let size = unsafe { size_of_caller(pointer) }?;
    if size == size_of::<T>() {
        // SAFETY: the caller says that the struct is this large.
        return Ok(unsafe { pointer.read() });
    }
    // SAFETY: all bits zero are legal, says the trait.
    let mut value: T = unsafe { core::mem::zeroed() };
    // SAFETY: `size` is one of SIZES, so at most that of `T`, and the caller's struct is that large.
    unsafe { core::ptr::copy_nonoverlapping(pointer.cast::<u8>(), (&raw mut value).cast::<u8>(), size) };
    Ok(value)
}

/// An output of a known size, to be written when all else has worked.
#[derive(Clone, Copy)]
pub(super) struct Output<T> {
    pointer: *mut T,
    size: usize,
}

impl<T: Sized32> Output<T> {
    /// Checks the pointer and its `struct_size`.
    ///
    /// # Safety
    /// `pointer` must be NULL or lead to a struct as the header asks, writable until the last `write`.
    #[inline]
    pub(super) unsafe fn new(pointer: *mut T) -> Result<Self, Status> {
        // SAFETY: this function's own condition.
        let size = unsafe { size_of_caller(pointer.cast_const()) }?;
        Ok(Self { pointer, size })
    }

    /// Where all members but `struct_size`, which stays as the caller set it, are to be written before
    /// [`Output::finish`]: in the caller's struct, or in `spare` where an older header made that one smaller.
    #[inline(always)]
    pub(super) fn place(&self, spare: &mut MaybeUninit<T>) -> *mut T {
        if self.size == size_of::<T>() {
            return self.pointer;
        }
        *spare = MaybeUninit::zeroed();
        spare.as_mut_ptr()
    }

    /// Gives a caller with an older header the members that it knows.
    ///
    /// # Safety
    /// All members of the place were written.
    #[inline(always)]
    pub(super) unsafe fn finish(self, spare: &MaybeUninit<T>) {
        if self.size == size_of::<T>() {
            return;
        }
        let first = size_of::<u32>();
        // SAFETY: `new` was promised a writable struct of `size` octets, and `size` is at most that of `T`.
        unsafe {
            core::ptr::copy_nonoverlapping(
                spare.as_ptr().cast::<u8>().add(first),
                self.pointer.cast::<u8>().add(first),
                self.size - first,
            );
        }
    }

    /// Has `fill` write all members but `struct_size`.
    #[inline]
    pub(super) fn write(self, fill: impl FnOnce(*mut T)) {
        let mut spare = MaybeUninit::uninit();
        fill(self.place(&mut spare));
        // SAFETY: `fill` has written them.
        unsafe { self.finish(&spare) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Grown {
        struct_size: u32,
        old: u32,
        new: u32,
    }

    // SAFETY: integers only.
    unsafe impl Sized32 for Grown {
        const SIZES: &'static [u32] = &[8, 12];
    }

    #[test]
    fn an_older_header_gives_and_gets_the_members_it_knows() {
        let mut old = Grown { struct_size: 8, old: 1, new: 0xbad };
        // SAFETY: a live struct.
        let read = unsafe { read(&raw const old) };
        assert_eq!(read, Ok(Grown { struct_size: 8, old: 1, new: 0 }));
        // SAFETY: a live struct.
        let output = unsafe { Output::new(&raw mut old) }.expect("the size is known");
        // SAFETY: `write` hands out a place for the struct.
        output.write(|grown| unsafe {
            (*grown).old = 2;
            (*grown).new = 3;
        });
        assert_eq!(old, Grown { struct_size: 8, old: 2, new: 0xbad });
    }

    #[test]
    fn an_unknown_size_is_refused() {
        for size in [0, 4, 9, 13, u32::MAX] {
            let unknown = Grown { struct_size: size, old: 0, new: 0 };
            // SAFETY: a live struct.
            assert_eq!(unsafe { read(&raw const unknown) }, Err(IMS_RELEASE_STRUCT_SIZE));
        }
        // SAFETY: NULL is allowed.
        assert_eq!(unsafe { read(core::ptr::null::<Grown>()) }, Err(IMS_RELEASE_NULL));
    }
}
