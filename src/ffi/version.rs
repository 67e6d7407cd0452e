// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which library is loaded.

use core::ffi::c_char;

/// Number of the ABI that this header describes. It is part of the SONAME (`libims_release.so.0`).
pub const IMS_RELEASE_ABI_VERSION: u32 = 0;

const VERSION: &core::ffi::CStr =
    match core::ffi::CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => panic!("the version holds a NUL"),
    };

/// Version of the loaded library, such as "0.1.0". Compare with IMS_RELEASE_VERSION of this header.
///
/// The text is static, ends with NUL, and must not be freed. From any thread, before and after a fork.
#[unsafe(no_mangle)]
pub extern "C" fn ims_release_version() -> *const c_char {
    VERSION.as_ptr()
}

/// ABI version of the loaded library. A host that opens the library by name refuses it when this is
/// not the IMS_RELEASE_ABI_VERSION it was compiled with.
///
/// From any thread, before and after a fork.
#[unsafe(no_mangle)]
pub extern "C" fn ims_release_abi_version() -> u32 {
    IMS_RELEASE_ABI_VERSION
}
