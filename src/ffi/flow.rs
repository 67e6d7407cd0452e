// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way by which a user's messages came: taken with them, and given for its BYE.

use core::ffi::c_char;

use super::bye::Buffer;
use super::guard::guard;
use super::registry::{Registry, refused};
use super::running::user;
use super::sized::{Output, Sized32};
use super::status::{IMS_RELEASE_ARGUMENT, IMS_RELEASE_BUFFER_TOO_SMALL, Status};
use super::str::Str;
use crate::flow::{self, MAX_FLOW, WayBack};
use crate::store::Id;

/// `leg` of ims_release_registry_way_back(): the BYE through service control, where the script sends it on.
pub const IMS_RELEASE_LEG_SERVICE_CONTROL: u32 = 3;

/// Octets that are enough for ims_release_registry_way_back().
pub const IMS_RELEASE_WAY_BACK_SIZE: usize = 256;

const _: () = assert!(IMS_RELEASE_WAY_BACK_SIZE >= 2 * MAX_FLOW);

/// The way back to a user. Set `struct_size` before.
///
/// Lifetime: the slices live as long as the caller's buffer.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WayBackTold {
    /// sizeof(ims_release_way_back), set by the caller.
    pub struct_size: u32,
    /// 1: a connection that was there when the user's message came. Where it is not any more, send as without a way
    /// back. Else 0.
    pub connection: u32,
    /// URI to send to, with an address, a port and a transport; empty: there is no way back, the BYE goes to its
    /// `next_hop`.
    pub destination: Str,
    /// Own socket to send from, as it was told: `transport:address:port`.
    pub local: Str,
}

// SAFETY: integers and pointers; zero is "not given".
unsafe impl Sized32 for WayBackTold {}

/// The flow that a host has given; empty: it did not tell.
///
/// # Safety
/// `flow` must be readable as the header asks.
pub(super) unsafe fn flow_of<'a>(flow: Str) -> Result<Option<flow::Flow<'a>>, Status> {
    // SAFETY: this function's own condition.
    match unsafe { flow.bytes(IMS_RELEASE_ARGUMENT) }? {
        b"" => Ok(None),
        text => flow::Flow::parse(text).map(Some).ok_or(IMS_RELEASE_ARGUMENT),
    }
}

/// Writes to `buffer` the way by which the user's own messages came, where its BYE is to go the same way back: its
/// Request-URI and its headers stay as they are, only where it is sent changes. For a direct BYE, and for that which the
/// script sends on where no Route is left and the script has not chosen a destination.
///
/// There is one only for a user before whom no proxy has recorded itself, whose messages came with a `flow`, and where
/// `policy` of ims_release_config says so.
///
/// Consumes nothing. Errors: 1 to 4, 105 to 110, 300, 320 to 399. From any thread and process. No callback but the log.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ims_release_registry_way_back(
    registry: *const Registry,
    id: u64,
    leg: u32,
    buffer: *mut c_char,
    capacity: usize,
    way_back: *mut WayBackTold,
) -> Status {
    guard("ims_release_registry_way_back", || {
        // SAFETY: the header asks the caller for an open registry and a valid struct.
        let (registry, output) = unsafe { (Registry::of(registry)?, Output::new(way_back)?) };
        // SAFETY: the header asks the caller for a valid buffer.
        let mut place = unsafe { Buffer::new(buffer, capacity) }?;
        let user = if leg == IMS_RELEASE_LEG_SERVICE_CONTROL { None } else { Some(user(leg)?) };
        let found = registry.way_back(Id(id), user).map_err(|error| refused(&error))?;
        let none = WayBack { destination: Vec::new(), local: Vec::new(), connection: false };
        let WayBack { destination, local, connection } = found.unwrap_or(none);
        let (at, end) = (destination.len(), destination.len() + local.len());
        let octets = place.octets().get_mut(..end).ok_or(IMS_RELEASE_BUFFER_TOO_SMALL)?;
        octets[..at].copy_from_slice(&destination);
        octets[at..].copy_from_slice(&local);
        let (destination, local) = octets.split_at(at);
        let (destination, local) = (Str::of(destination), Str::of(local));
        // SAFETY: `write` hands out a place for the struct.
        output.write(|way_back| unsafe {
            let struct_size = (*way_back).struct_size;
            way_back.write(WayBackTold { struct_size, connection: connection.into(), destination, local });
        });
        Ok(())
    })
}
