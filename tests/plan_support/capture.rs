// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes captures octet by octet, so that each trap in one is there to be seen.

/// A link layer, by its number in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Link {
    Null = 0,
    Ethernet = 1,
    Raw = 101,
    LinuxCooked = 113,
    LinuxCooked2 = 276,
}

/// Addresses and ports from which a packet goes and to which.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    pub from: (std::net::IpAddr, u16),
    pub to: (std::net::IpAddr, u16),
}

impl Ends {
    pub fn new(from: &str, to: &str) -> Self {
        let [from, to] = [from, to].map(|end| end.parse::<std::net::SocketAddr>().expect("an address"));
        Self { from: (from.ip(), from.port()), to: (to.ip(), to.port()) }
    }

    pub fn back(self) -> Self {
        Self { from: self.to, to: self.from }
    }
}

const UDP: u8 = 17;
const TCP: u8 = 6;

/// A whole UDP packet.
pub fn udp(ends: Ends, payload: &[u8]) -> Vec<u8> {
    ip(ends, UDP, &datagram(ends, payload), None)
}

fn datagram(ends: Ends, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() + 8) as u16;
    [&ends.from.1.to_be_bytes()[..], &ends.to.1.to_be_bytes(), &length.to_be_bytes(), &[0, 0], payload].concat()
}

/// A UDP packet in fragments with `size` octets of payload each, a multiple of 8.
pub fn udp_fragments(ends: Ends, identification: u32, size: usize, payload: &[u8]) -> Vec<Vec<u8>> {
    let datagram = datagram(ends, payload);
    let last = datagram.len().div_ceil(size) - 1;
    let pieces = datagram.chunks(size).enumerate();
    pieces.map(|(i, piece)| ip(ends, UDP, piece, Some((identification, (i * size) as u16, i != last)))).collect()
}

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const PUSH_ACK: u8 = 0x18;

/// A TCP segment.
pub fn tcp(ends: Ends, sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let (from, to) = (ends.from.1.to_be_bytes(), ends.to.1.to_be_bytes());
    let head = [&from[..], &to, &sequence.to_be_bytes(), &[0; 4], &[0x50, flags, 0xff, 0xff, 0, 0, 0, 0]].concat();
    ip(ends, TCP, &[&head, payload].concat(), None)
}

/// An IP packet; `fragment` is identification, offset in octets, and whether more follow.
fn ip(ends: Ends, protocol: u8, payload: &[u8], fragment: Option<(u32, u16, bool)>) -> Vec<u8> {
    use std::net::IpAddr::{V4, V6};
    match (ends.from.0, ends.to.0) {
        (V4(from), V4(to)) => {
            let (identification, offset, more) = fragment.unwrap_or((7, 0, false));
            let bits = (offset / 8) | if more { 0x2000 } else { 0 };
            let mut packet = vec![0x45, 0];
            packet.extend(((payload.len() + 20) as u16).to_be_bytes());
            packet.extend((identification as u16).to_be_bytes());
            packet.extend(bits.to_be_bytes());
            packet.extend([64, protocol, 0, 0]);
            packet.extend(from.octets());
            packet.extend(to.octets());
            packet.extend(payload);
            packet
        }
        (V6(from), V6(to)) => {
            let header = fragment.map(|(identification, offset, more)| {
                let mut header = vec![protocol, 0];
                header.extend((offset | u16::from(more)).to_be_bytes());
                header.extend(identification.to_be_bytes());
                header
            });
            let next = if header.is_some() { 44 } else { protocol };
            let payload = [&header.unwrap_or_default()[..], payload].concat();
            let mut packet = vec![0x60, 0, 0, 0];
            packet.extend((payload.len() as u16).to_be_bytes());
            packet.extend([next, 64]);
            packet.extend(from.octets());
            packet.extend(to.octets());
            packet.extend(payload);
            packet
        }
        mixed => panic!("{mixed:?}"),
    }
}

/// A packet in its frame.
pub fn frame(link: Link, packet: &[u8]) -> Vec<u8> {
    let kind: [u8; 2] = if packet[0] >> 4 == 4 { [0x08, 0x00] } else { [0x86, 0xdd] };
    let head = match link {
        Link::Null => vec![2, 0, 0, 0],
        Link::Ethernet => [&[2; 6][..], &[4; 6], &kind].concat(),
        Link::Raw => vec![],
        Link::LinuxCooked => [&[0, 0, 0, 1, 0, 6][..], &[2; 6], &[0, 0], &kind].concat(),
        Link::LinuxCooked2 => [&kind[..], &[0, 0, 0, 0, 0, 1, 0, 1, 0, 6], &[2; 6], &[0, 0]].concat(),
    };
    [&head[..], packet].concat()
}

/// An Ethernet frame with two VLAN tags.
pub fn vlan_frame(packet: &[u8]) -> Vec<u8> {
    let plain = frame(Link::Ethernet, packet);
    [&plain[..12], &[0x88, 0xa8, 0, 7, 0x81, 0x00, 0, 8], &plain[12..]].concat()
}

/// The magic of the usual pcap file, in microseconds.
const MICROSECONDS: u32 = 0xa1b2_c3d4;
pub const NANOSECONDS: u32 = 0xa1b2_3c4d;
/// Of a pcap file with eight octets more in front of each frame, as some Linux systems wrote.
pub const LONGER_HEADERS: u32 = 0xa1b2_cd34;

/// A pcap file in microseconds, of the other byte order if `swapped`. A frame comes 20 ms after the one before.
pub fn pcap(link: Link, frames: &[Vec<u8>], swapped: bool) -> Vec<u8> {
    pcap_of(MICROSECONDS, link, frames, swapped)
}

/// The same with another magic.
pub fn pcap_of(magic: u32, link: Link, frames: &[Vec<u8>], swapped: bool) -> Vec<u8> {
    let word = |word: u32| if swapped { word.to_be_bytes() } else { word.to_le_bytes() };
    let half = |half: u16| if swapped { half.to_be_bytes() } else { half.to_le_bytes() };
    let mut file = word(magic).to_vec();
    file.extend([half(2), half(4)].concat());
    file.extend([word(0), word(0), word(262_144), word(link as u32)].concat());
    let unit = if magic == NANOSECONDS { 1_000 } else { 1 };
    for (index, frame) in frames.iter().enumerate() {
        let length = word(frame.len() as u32);
        file.extend([word(1_700_000_000), word(20_000 * unit * index as u32), length, length].concat());
        if magic == LONGER_HEADERS {
            file.extend([0xff; 8]);
        }
        file.extend(frame);
    }
    file
}

/// A pcapng file: the links of its interfaces, then for each frame its interface.
pub fn pcapng(links: &[Link], frames: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut file = block(0x0a0d_0d0a, &[&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat());
    for link in links {
        let head = [&(*link as u16).to_le_bytes()[..], &[0, 0], &[0; 4]].concat();
        file.extend(block(1, &head));
    }
    for (index, (interface, frame)) in frames.iter().enumerate() {
        let time = 1_700_000_000_000_000 + 20_000 * index as u64;
        let length = frame.len() as u32;
        let mut body = Vec::new();
        for word in [*interface, (time >> 32) as u32, time as u32, length, length] {
            body.extend(word.to_le_bytes());
        }
        body.extend(frame);
        file.extend(block(6, &body));
    }
    file
}

/// A pcapng file with the obsolete Packet Block for each frame, of the other byte order if `swapped`.
pub fn pcapng_of_packet_blocks(link: Link, frames: &[Vec<u8>], swapped: bool) -> Vec<u8> {
    let word = |word: u32| if swapped { word.to_be_bytes() } else { word.to_le_bytes() };
    let half = |half: u16| if swapped { half.to_be_bytes() } else { half.to_le_bytes() };
    let block = |kind: u32, body: &[u8]| block_of(word, kind, body);
    let version = [half(1), half(0)].concat();
    let mut file = block(0x0a0d_0d0a, &[&word(0x1a2b_3c4d)[..], &version, &[0xff; 8]].concat());
    file.extend(block(1, &[&half(link as u16)[..], &[0; 6]].concat()));
    for (index, frame) in frames.iter().enumerate() {
        let time = 1_700_000_000_000_000 + 20_000 * index as u64;
        let length = word(frame.len() as u32);
        // Interface 0, 3 frames lost. One option at the end, of which the length is told nowhere: a comment.
        let head = [half(0), half(3)].concat();
        let times = [word((time >> 32) as u32), word(time as u32)].concat();
        let padding = vec![0; frame.len().next_multiple_of(4) - frame.len()];
        let comment = [&half(1)[..], &half(4), b"SIP/", &[0; 4]].concat();
        file.extend(block(2, &[&head[..], &times, &length, &length, frame, &padding, &comment].concat()));
    }
    file
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    block_of(u32::to_le_bytes, kind, body)
}

fn block_of(word: impl Fn(u32) -> [u8; 4], kind: u32, body: &[u8]) -> Vec<u8> {
    let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
    let length = word((body.len() + padding.len() + 12) as u32);
    [&word(kind)[..], &length, body, &padding, &length].concat()
}
