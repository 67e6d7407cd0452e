// SPDX-License-Identifier: MIT OR Apache-2.0
//! From frames to datagrams and segments. What is neither UDP nor TCP is passed over, and so is each datagram that does
//! not look like SIP.

use std::collections::HashMap;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};

use etherparse::{IpNumber, Ipv6ExtensionSlice, LaxNetSlice, LaxSlicedPacket, TcpSlice, UdpSlice};

use super::fragments::{Fragment, Fragments, Name};
use super::frames::{self, Ending, Frame};
use super::streams::Stream;
use super::{Input, Message, Place, framing, link};

/// What is not complete yet. It goes on from one file to the next: captures are often kept in several.
#[derive(Debug, Default)]
pub struct Packets {
    fragments: Fragments,
    streams: HashMap<(SocketAddr, SocketAddr), Stream>,
}

/// When and where a packet was seen.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Its frame.
    pub place: Place,
    /// In microseconds.
    pub time: u64,
}

/// The payload of an IP packet.
struct Payload<'a> {
    addresses: (IpAddr, IpAddr),
    protocol: IpNumber,
    bytes: &'a [u8],
    /// Not all of it is there.
    cut: bool,
}

impl Packets {
    /// Reads a capture. An error is that it cannot be read.
    pub fn read(&mut self, file: usize, source: impl Read + Send, input: &mut Input) -> Result<(), String> {
        let mut unknown: Vec<Option<u32>> = Vec::new();
        let mut known = false;
        let kind = |link: Option<u32>| match link {
            Some(link) => format!("of link type {link}, which is not read"),
            None => "of an interface that the file does not describe".to_string(),
        };
        let ending = frames::each(source, &mut |frame| {
            let place = Place { file, offset: frame.number };
            match self.frame(place, frame, input) {
                Ok(()) => known = true,
                Err(link::Unknown) if !unknown.contains(&frame.link) => {
                    unknown.push(frame.link);
                    let detail = format!("Frame: {}; such frames are left out", kind(frame.link));
                    input.reject(place, "link-type", detail);
                }
                Err(link::Unknown) => {}
            }
        })?;
        if let (false, Some(link)) = (known, unknown.first()) {
            return Err(format!("holds frames {}", kind(*link)));
        }
        match ending {
            Ending::Whole => {}
            Ending::CutOff(offset) => input.cut_off(Place { file, offset }, "the file ends within this frame"),
            Ending::Damaged(offset) => {
                let detail = "Capture: damaged here, what follows cannot be read";
                input.reject(Place { file, offset }, "capture", detail);
            }
        }
        Ok(())
    }

    fn frame(&mut self, place: Place, frame: &Frame<'_>, input: &mut Input) -> Result<(), link::Unknown> {
        let moment = Moment { place, time: frame.time };
        if let Some(packet) = link::packet(frame.link.ok_or(link::Unknown)?, frame.data)? {
            self.packet(moment, &packet, frame.whole, input);
        }
        Ok(())
    }

    fn packet(&mut self, moment: Moment, packet: &LaxSlicedPacket<'_>, whole: bool, input: &mut Input) {
        let (addresses, fragment, payload): ((IpAddr, IpAddr), _, _) = match &packet.net {
            Some(LaxNetSlice::Ipv4(ip)) => {
                let header = ip.header();
                let fragment = (header.identification().into(), header.fragments_offset(), header.more_fragments());
                ((header.source_addr().into(), header.destination_addr().into()), Some(fragment), ip.payload())
            }
            Some(LaxNetSlice::Ipv6(ip)) => {
                let header = ip.header();
                let fragment = ip.extensions().clone().into_iter().find_map(|extension| match extension {
                    Ipv6ExtensionSlice::Fragment(fragment) => {
                        Some((fragment.identification(), fragment.fragment_offset(), fragment.more_fragments()))
                    }
                    _ => None,
                });
                ((header.source_addr().into(), header.destination_addr().into()), fragment, ip.payload())
            }
            _ => return,
        };
        let protocol = payload.ip_number;
        let cut = payload.incomplete || !whole;
        if let (true, Some((identification, offset, more))) = (payload.fragmented, fragment) {
            let name = Name { addresses, identification, protocol };
            let fragment = Fragment { offset, more, bytes: payload.payload };
            if let Some(bytes) = self.fragments.add(name, moment, &fragment, input) {
                self.payload(moment, &Payload { addresses, protocol, bytes: &bytes, cut: false }, input);
            }
        } else {
            self.payload(moment, &Payload { addresses, protocol, bytes: payload.payload, cut }, input);
        }
    }

    fn payload(&mut self, moment: Moment, payload: &Payload<'_>, input: &mut Input) {
        let ends = |source, destination| {
            let (from, to) = payload.addresses;
            (SocketAddr::new(from, source), SocketAddr::new(to, destination))
        };
        match payload.protocol {
            IpNumber::UDP => {
                let Ok(datagram) = UdpSlice::from_slice_lax(payload.bytes) else { return };
                let ends = ends(datagram.source_port(), datagram.destination_port());
                udp(moment, ends, datagram.payload(), payload.cut, input);
            }
            IpNumber::TCP => {
                let Ok(segment) = TcpSlice::from_slice(payload.bytes) else { return };
                let ends = ends(segment.source_port(), segment.destination_port());
                let stream = self.streams.entry(ends).or_insert_with(|| Stream::new(ends));
                stream.segment(moment, &segment, input);
            }
            _ => {}
        }
    }

    /// Nothing more comes.
    pub fn finish(self, input: &mut Input) {
        self.fragments.finish(input);
        for stream in self.streams.into_values() {
            stream.finish(input);
        }
        input.rejected.sort_by_key(|rejected| rejected.place);
    }
}

/// One datagram is one message; what follows it by its Content-Length is no matter (RFC 3261 18.3).
fn udp(moment: Moment, ends: (SocketAddr, SocketAddr), payload: &[u8], cut: bool, input: &mut Input) {
    if !framing::looks_like_sip(payload) {
        return;
    }
    if cut && framing::is_cut_off(payload) {
        return input.cut_off(moment.place, "the capture holds only the beginning of its datagram");
    }
    let Moment { place, time } = moment;
    input.messages.push(Message {
        place,
        complete: place,
        time: Some(time),
        ends: Some(ends),
        bytes: payload.to_vec(),
    });
}
