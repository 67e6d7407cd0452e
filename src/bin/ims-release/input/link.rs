// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a frame begins with, by the LINKTYPE_ values of the pcap formats.

use etherparse::{EtherType, LaxSlicedPacket};

const NULL: u32 = 0;
const ETHERNET: u32 = 1;
/// Raw IP under the number that it has on some systems.
const RAW_ALSO: [u32; 2] = [12, 14];
const RAW: u32 = 101;
const LOOP: u32 = 108;
const LINUX_COOKED: u32 = 113;
const IPV4: u32 = 228;
const IPV6: u32 = 229;
const LINUX_COOKED_2: u32 = 276;

/// A frame that cannot be taken apart because of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown;

/// The frame down to its IP packet; `None` where it holds none or is damaged.
pub fn packet(link: u32, frame: &[u8]) -> Result<Option<LaxSlicedPacket<'_>>, Unknown> {
    Ok(match link {
        ETHERNET => LaxSlicedPacket::from_ethernet(frame).ok(),
        // The address family differs between systems; the version in the packet does not.
        NULL | LOOP => frame.get(4..).and_then(|packet| LaxSlicedPacket::from_ip(packet).ok()),
        RAW | IPV4 | IPV6 => LaxSlicedPacket::from_ip(frame).ok(),
        link if RAW_ALSO.contains(&link) => LaxSlicedPacket::from_ip(frame).ok(),
        LINUX_COOKED => typed(frame, 14, 16),
        LINUX_COOKED_2 => typed(frame, 0, 20),
        _ => return Err(Unknown),
    })
}

/// A frame with its ether type at `at`, and a header of `length` octets.
fn typed(frame: &[u8], at: usize, length: usize) -> Option<LaxSlicedPacket<'_>> {
    let kind = EtherType(u16::from_be_bytes([*frame.get(at)?, *frame.get(at + 1)?]));
    Some(LaxSlicedPacket::from_ether_type(kind, frame.get(length..)?))
}
