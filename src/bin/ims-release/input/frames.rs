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
    /// What the frame begins with: a LINKTYPE_ value.
    pub link: u32,
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

/// Whether a file with these first octets is a capture.
pub fn is_capture(magic: &[u8]) -> bool {
    const PCAPNG: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
    // In microseconds, in nanoseconds, and with longer record headers (which is then refused, and no text).
    const PCAP: [u32; 3] = [0xa1b2_c3d4, 0xa1b2_3c4d, 0xa1b2_cd34];
    let Ok(magic) = <[u8; 4]>::try_from(magic) else { return false };
    magic == PCAPNG || PCAP.contains(&u32::from_le_bytes(magic)) || PCAP.contains(&u32::from_be_bytes(magic))
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
                if let Some(frame) = state.frame(&block, number) {
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

impl State {
    fn frame<'b>(&mut self, block: &'b PcapBlockOwned<'_>, number: u64) -> Option<Frame<'b>> {
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                self.link = (header.network.0 & LINK) as u32;
                self.nanoseconds = header.is_nanosecond_precision();
                None
            }
            PcapBlockOwned::Legacy(record) => {
                let fraction = u64::from(record.ts_usec) / if self.nanoseconds { 1_000 } else { 1 };
                let time = u64::from(record.ts_sec) * MICROS + fraction;
                let whole = record.caplen >= record.origlen;
                Some(Frame { number, time, link: self.link, data: record.data, whole })
            }
            // Interfaces are numbered anew in each section.
            PcapBlockOwned::NG(Block::SectionHeader(_)) => {
                self.interfaces.clear();
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
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                let interface = self.interfaces.get(packet.if_id as usize)?;
                let units = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                let micros = u128::from(units) * u128::from(MICROS) / u128::from(interface.resolution);
                let time = (micros as i128 + i128::from(interface.offset) * i128::from(MICROS)).max(0) as u64;
                let data = packet.data.get(..packet.caplen as usize).unwrap_or(packet.data);
                Some(Frame { number, time, link: interface.link, data, whole: packet.caplen >= packet.origlen })
            }
            PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
                let interface = self.interfaces.first()?;
                let longest = if interface.longest == 0 { usize::MAX } else { interface.longest };
                let length = (packet.origlen as usize).min(longest);
                let data = packet.data.get(..length).unwrap_or(packet.data);
                let whole = data.len() >= packet.origlen as usize;
                Some(Frame { number, time: 0, link: interface.link, data, whole })
            }
            PcapBlockOwned::NG(_) => None,
        }
    }
}
