// SPDX-License-Identifier: MIT OR Apache-2.0
//! A user who answers a BYE 401 or 407: the host may have credentials for it.

use core::ffi::{c_char, c_void};

use super::running::{IMS_RELEASE_LEG_CALLED, IMS_RELEASE_LEG_CALLING};
use super::str::Str;
use crate::dialog::User;
use crate::registry::{self, MAX_CREDENTIALS, OnChallenge};

/// Octets that the `credentials` callback may write.
pub const IMS_RELEASE_MAX_CREDENTIALS: usize = 2048;

const _: () = assert!(IMS_RELEASE_MAX_CREDENTIALS == MAX_CREDENTIALS);

/// A BYE that a user has answered 401 or 407 (RFC 3261 22). Its method is BYE, it has no body, and the one that is sent
/// again has the same Request-URI.
///
/// Lifetime: it and its texts end with the callback.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Challenge {
    /// sizeof(ims_release_challenge) of the library: members are only ever added at the end.
    pub struct_size: u32,
    /// Who has challenged it: IMS_RELEASE_LEG_CALLED or _CALLING.
    pub leg: u32,
    /// The dialog.
    pub id: u64,
    /// 401 or 407.
    pub code: u32,
    /// Zero.
    pub reserved: u32,
    /// Request-URI of the BYE.
    pub request_uri: Str,
    /// The rows of WWW-Authenticate and Proxy-Authenticate of the reply, each "Name: value" on one line; at least one.
    pub rows: *const Str,
    /// How many rows.
    pub row_count: usize,
}

/// Gives credentials for a BYE: writes "Authorization: ...", "Proxy-Authorization: ..." or both into `buffer`, each
/// with a line end, CR LF or LF, and returns how many octets that is; 0 for none. `capacity` is
/// IMS_RELEASE_MAX_CREDENTIALS. More than that, another header, one of them twice, or one that would break its line is
/// as good as none.
///
/// Called once for each user of a release, with the first 401 or 407 that has a challenge, by the process that notes it
/// with ims_release_registry_note(). No lock is held: it may call the library. It must not unwind, and while it waits so
/// does the caller of that.
pub type CredentialsFn = Option<
    unsafe extern "C" fn(env: *mut c_void, challenge: *const Challenge, buffer: *mut c_char, capacity: usize) -> usize,
>;

/// A host's function and what it wants to be given. The header asks that both may be used from any thread.
#[derive(Clone, Copy)]
struct Callback {
    credentials: unsafe extern "C" fn(*mut c_void, *const Challenge, *mut c_char, usize) -> usize,
    env: *mut c_void,
}

// SAFETY: the header asks it of the host.
unsafe impl Send for Callback {}
// SAFETY: the header asks it of the host.
unsafe impl Sync for Callback {}

impl Callback {
    fn call(self, challenge: &registry::Challenge<'_>, text: &mut Vec<u8>) {
        let rows: Vec<Str> = challenge.rows.iter().map(|row| Str::of(row)).collect();
        let challenge = Challenge {
            struct_size: size_of::<Challenge>() as u32,
            leg: match challenge.to {
                User::Called => IMS_RELEASE_LEG_CALLED,
                User::Calling => IMS_RELEASE_LEG_CALLING,
            },
            id: challenge.id.0,
            code: challenge.code.into(),
            reserved: 0,
            request_uri: Str::of(challenge.request_uri),
            rows: rows.as_ptr(),
            row_count: rows.len(),
        };
        let mut buffer = [0; IMS_RELEASE_MAX_CREDENTIALS];
        // SAFETY: the host keeps function and `env` valid until the registry is closed; the buffer has that capacity.
        let length =
            unsafe { (self.credentials)(self.env, &raw const challenge, buffer.as_mut_ptr().cast(), buffer.len()) };
        text.extend_from_slice(buffer.get(..length).unwrap_or_default());
    }
}

/// What the library calls; `None` where the host has no such function.
///
/// # Safety
/// Function and `env` must be as the header asks, until the registry is closed.
pub(super) unsafe fn on_challenge(credentials: CredentialsFn, env: *mut c_void) -> Option<OnChallenge> {
    let callback = Callback { credentials: credentials?, env };
    Some(Box::new(move |challenge, text| callback.call(challenge, text)))
}
