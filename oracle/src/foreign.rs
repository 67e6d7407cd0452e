// SPDX-License-Identifier: MIT OR Apache-2.0
//! The two C files, called safely: each thing that a parser tells becomes a field of a [`Reading`].
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::Once;

use crate::Reading;

type Tell = unsafe extern "C" fn(*mut c_void, c_int, *const c_char);
type Read = unsafe extern "C" fn(*const c_char, usize, Tell, *mut c_void);

unsafe extern "C" {
    fn oracle_sofia(message: *const c_char, length: usize, tell: Tell, env: *mut c_void);
    fn oracle_osip(message: *const c_char, length: usize, tell: Tell, env: *mut c_void);
    fn oracle_osip_start();
}

/// What sofia-sip reads.
pub fn sofia(message: &[u8]) -> Reading {
    read(oracle_sofia, message)
}

/// What libosip2 reads.
pub fn osip(message: &[u8]) -> Reading {
    static START: Once = Once::new();
    // SAFETY: it takes nothing, and Once lets no parser run before it is done.
    START.call_once(|| unsafe { oracle_osip_start() });
    read(oracle_osip, message)
}

fn read(read: Read, message: &[u8]) -> Reading {
    let mut reading = Reading::default();
    // Both take a length, but libosip2 looks at the octet behind the message.
    let mut terminated = message.to_vec();
    terminated.push(0);
    // SAFETY: the message is readable for its length and one NUL more; `env` is a Reading that only `tell` touches,
    // and only during the call.
    unsafe { read(terminated.as_ptr().cast(), message.len(), tell, (&raw mut reading).cast()) };
    reading
}

/// The numbers are those of oracle.h. It does not panic: it is called from C.
unsafe extern "C" fn tell(env: *mut c_void, field: c_int, value: *const c_char) {
    // SAFETY: both C files hand back the `env` that read() gave them and a text that ends with NUL.
    let (reading, value) = unsafe { (&mut *env.cast::<Reading>(), CStr::from_ptr(value)) };
    let value = value.to_string_lossy().into_owned();
    match field {
        0 => reading.method = Some(value),
        1 => reading.request_uri = Some(value),
        2 => reading.from = Some(value),
        3 => reading.from_tag = Some(value),
        4 => reading.to = Some(value),
        5 => reading.to_tag = Some(value),
        6 => reading.call_id = Some(value),
        7 => reading.cseq = Some(value),
        8 => reading.cseq_method = Some(value),
        9 => reading.routes.push(value),
        10 => reading.reasons.push(value),
        11 => reading.max_forwards = Some(value),
        12 => reading.content_length = Some(value),
        _ => reading.refused = Some(value),
    }
}
