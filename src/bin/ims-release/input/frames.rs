// SPDX-License-Identifier: MIT OR Apache-2.0
//! The frames of a pcap or pcapng file.

use std::io::{self, Read};

use pcap_parser::{Block, PcapBlockOwned, PcapError, create_reader};

/// One frame as it was captured.
#[derive(Debug)]
pub struct Frame<'a> {
    /// Counted from 1, as the usual viewers do.
    pub number: u64,
    /// In microseconds since 1970.
    pub time: u64,
    /// What the frame begins with: a LINKTYPE_ value. `None`: of an interface that the file does not describe.
    pub link: Option<u32>,
    /// The octets kept.
    pub data: &'a [u8],
    /// The whole frame was kept.
    pub whole: bool,
}

/// How a capture ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With its last frame.
    Whole,
    /// Within the frame of this number.
    CutOff(u64),
    /// At the frame of this number the file is damaged: what follows cannot be read.
    Damaged(u64),
}

/// Whether a file with these first octets is a capture. An error is that it is one of a kind that is not read.
pub fn is_capture(magic: &[u8]) -> Result<bool, String> {
    const PCAPNG: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
    // In microseconds, in nanoseconds, and with longer record headers.
    const PCAP: [u32; 3] = [0xa1b2_c3d4, 0xa1b2_3c4d, LONGER_HEADERS];
    const LONGER_HEADERS: u32 = 0xa1b2_cd34;
    let Ok(magic) = <[u8; 4]>::try_from(magic) else { return Ok(false) };
    if u32::from_be_bytes(magic) == LONGER_HEADERS {
        return Err("a pcap file with longer record headers (a1b2cd34) in big-endian order, which is not read; \
                    `editcap -F pcap` makes a usual one of it"
            .to_string());
    }
    Ok(magic == PCAPNG || PCAP.contains(&u32::from_le_bytes(magic)) || PCAP.contains(&u32::from_be_bytes(magic)))
}

/// Usual frames fit many times.
const BUFFER: usize = 1 << 20;
/// No frame is larger: more is a damaged length.
const LARGEST: usize = 1 << 26;

/// Calls `visit` with each frame. An error is that the file cannot be read at all.
pub fn each(source: impl Read + Send, visit: &mut dyn FnMut(&Frame<'_>)) -> Result<Ending, String> {
    let mut reader = create_reader(BUFFER, Full(source)).map_err(|error| match error {
        PcapError::ReadError => "cannot be read".to_string(),
        _ => "not a pcap or pcapng file that can be read".to_string(),
    })?;
    let (mut number, mut capacity) = (1, BUFFER);
    let mut state = State::default();
    loop {
        match reader.next() {
            Ok((length, block)) => {
                let Ok(frame) = state.frame(&block, number) else { return Ok(Ending::Damaged(number)) };
                if let Some(frame) = frame {
                    visit(&frame);
                    number += 1;
                }
                reader.consume(length);
            }
            Err(PcapError::Eof) => return Ok(Ending::Whole),
            Err(PcapError::UnexpectedEof) => {
                return Ok(if reader.data().is_empty() { Ending::Whole } else { Ending::CutOff(number) });
            }
            Err(PcapError::Incomplete(_)) => {
                reader.refill().map_err(|_| "cannot be read".to_string())?;
            }
            Err(PcapError::BufferTooSmall) if capacity < LARGEST => {
                capacity *= 2;
                reader.grow(capacity);
                reader.refill().map_err(|_| "cannot be read".to_string())?;
            }
            Err(_) => return Ok(Ending::Damaged(number)),
        }
    }
}

/// Reads until the buffer is full: a pipe gives less at a time, which the reader would take for a file without a head.
struct Full<R>(R);

impl<R: Read> Read for Full<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut at = 0;
        while at < buffer.len() {
            match self.0.read(&mut buffer[at..]) {
                Ok(0) => break,
                Ok(length) => at += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(at)
    }
}

/// What the blocks before a frame say of it.
#[derive(Debug, Default)]
struct State {
    link: u32,
    nanoseconds: bool,
    big_endian: bool,
    interfaces: Vec<Interface>,
}

#[derive(Debug)]
struct Interface {
    link: u32,
    /// Units per second.
    resolution: u64,
    /// In seconds.
    offset: i64,
    /// The longest frame that is kept; 0: any.
    longest: usize,
}

const MICROS: u64 = 1_000_000;
/// The upper bits of the field say how long the frame check sequence is.
const LINK: i32 = 0xffff;
/// The block that was there before the Enhanced Packet Block. It is obsolete, and old files hold it
/// (draft-ietf-opsawg-pcapng, appendix A). `pcap_parser` does not take it apart.
const PACKET_BLOCK: u32 = 2;

/// A frame as a block of a pcapng file tells it.
struct Packet<'b> {
    interface: usize,
    /// In the units of the interface.
    time: u64,
    /// How long the frame was, and how much of it was kept.
    lengths: (u32, u32),
    /// What was kept, and perhaps padding.
    data: &'b [u8],
}

/// A block that cannot be taken apart.
struct Damaged;

impl State {
    fn frame<'b>(&mut self, block: &'b PcapBlockOwned<'_>, number: u64) -> Result<Option<Frame<'b>>, Damaged> {
        Ok(match block {
            PcapBlockOwned::LegacyHeader(header) => {
                self.link = (header.network.0 & LINK) as u32;
                self.nanoseconds = header.is_nanosecond_precision();
                None
            }
            PcapBlockOwned::Legacy(record) => {
                let fraction = u64::from(record.ts_usec) / if self.nanoseconds { 1_000 } else { 1 };
                let time = u64::from(record.ts_sec) * MICROS + fraction;
                let whole = record.caplen >= record.origlen;
                Some(Frame { number, time, link: Some(self.link), data: record.data, whole })
            }
            // Interfaces are numbered anew in each section.
            PcapBlockOwned::NG(Block::SectionHeader(section)) => {
                self.interfaces.clear();
                self.big_endian = section.big_endian();
                None
            }
            PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                self.interfaces.push(Interface {
                    link: (interface.linktype.0 & LINK) as u32,
                    resolution: interface.ts_resolution().unwrap_or(MICROS).max(1),
                    offset: interface.ts_offset(),
                    longest: interface.snaplen as usize,
                });
                None
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => Some(self.packet(
                number,
                Packet {
                    interface: packet.if_id as usize,
                    time: u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low),
                    lengths: (packet.origlen, packet.caplen),
                    data: packet.data,
                },
            )),
            PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
                let interface = self.interfaces.first();
                let longest = interface.map_or(0, |interface| interface.longest);
                let longest = if longest == 0 { usize::MAX } else { longest };
                let length = (packet.origlen as usize).min(longest);
                let data = packet.data.get(..length).unwrap_or(packet.data);
                let whole = data.len() >= packet.origlen as usize;
                Some(Frame { number, time: 0, link: interface.map(|interface| interface.link), data, whole })
            }
            // The crate reads the type in little-endian order, whatever that of the section is.
            PcapBlockOwned::NG(Block::Unknown(block))
                if block.block_type == if self.big_endian { PACKET_BLOCK.swap_bytes() } else { PACKET_BLOCK } =>
            {
                let packet = packet_block(block.data, self.big_endian).ok_or(Damaged)?;
                Some(self.packet(number, packet))
            }
            PcapBlockOwned::NG(_) => None,
        })
    }

    fn packet<'b>(&self, number: u64, packet: Packet<'b>) -> Frame<'b> {
        let (length, kept) = packet.lengths;
        let data = packet.data.get(..kept as usize).unwrap_or(packet.data);
        let interface = self.interfaces.get(packet.interface);
        let time = interface.map_or(0, |interface| {
            let micros = u128::from(packet.time) * u128::from(MICROS) / u128::from(interface.resolution);
            (micros as i128 + i128::from(interface.offset) * i128::from(MICROS)).max(0) as u64
        });
        Frame { number, time, link: interface.map(|interface| interface.link), data, whole: kept >= length }
    }
}

/// What a Packet Block holds: interface and how many were lost, time, length kept, length, the frame. `None` where the
/// frame is longer than the block.
fn packet_block(block: &[u8], big_endian: bool) -> Option<Packet<'_>> {
    let half = |at: usize| {
        let octets = block.get(at..at + 2)?.try_into().ok()?;
        Some(if big_endian { u16::from_be_bytes(octets) } else { u16::from_le_bytes(octets) })
    };
    let word = |at: usize| {
        let octets = block.get(at..at + 4)?.try_into().ok()?;
        Some(if big_endian { u32::from_be_bytes(octets) } else { u32::from_le_bytes(octets) })
    };
    let (kept, length) = (word(12)?, word(16)?);
    Some(Packet {
        interface: half(0)?.into(),
        time: u64::from(word(4)?) << 32 | u64::from(word(8)?),
        lengths: (length, kept),
        data: block.get(20..)?.get(..kept as usize)?,
    })
}
