// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses of this machine alone.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::host::Result;

/// A loopback address that no other test or run is likely to use: 127.x.y.z out of pid and a counter.
pub fn own_loopback_address() -> IpAddr {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let counter = NEXT.fetch_add(1, Ordering::Relaxed);
    let pid = std::process::id();
    let [.., high, low] = pid.to_be_bytes();
    let number = u8::try_from(counter % 250 + 2).unwrap_or(2);
    IpAddr::V4(Ipv4Addr::new(127, high.clamp(1, 254), low, number))
}

/// A free UDP port of `address`, found by binding.
pub fn free_port(address: IpAddr) -> Result<SocketAddr> {
    UdpSocket::bind((address, 0))
        .and_then(|socket| socket.local_addr())
        .map_err(|error| format!("no free port: {error}"))
}
