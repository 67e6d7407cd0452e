// SPDX-License-Identifier: MIT OR Apache-2.0
//! From files to SIP messages, in the order in which they were complete.
//!
//! A capture: [`frames`] reads the file, [`link`] takes the frame's wrapping off, [`packets`] finds UDP and TCP in it
//! and puts fragments together ([`fragments`]), [`streams`] puts TCP segments in order. A text file is one stream.
//! [`framing`] cuts a stream into messages.

mod fragments;
mod frames;
mod framing;
mod link;
mod packets;
mod streams;
mod text;

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use packets::Packets;

/// Where something stands in the input. The order is that of the files, and in each that of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which file.
    pub file: usize,
    /// Its number of the frame, from 1, or of the octet, from 0.
    pub offset: u64,
}

/// One SIP message, not yet looked into.
#[derive(Clone, Debug)]
pub struct Message {
    /// Where it begins.
    pub place: Place,
    /// Where it was complete.
    complete: Place,
    /// When, in microseconds; `None` in a text file.
    pub time: Option<u64>,
    /// Who sent it and to whom; `None` in a text file.
    pub ends: Option<(SocketAddr, SocketAddr)>,
    /// The message.
    pub bytes: Vec<u8>,
}

/// What looks like a SIP message and is none.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// Where it begins.
    pub place: Place,
    /// What is wrong, in a word.
    pub kind: &'static str,
    /// What is wrong, in one line.
    pub detail: String,
}

/// Everything that the files hold.
#[derive(Debug, Default)]
pub struct Input {
    /// Names of the files as they were given.
    pub files: Vec<PathBuf>,
    /// Whether a file is a capture, where places count frames.
    pub captures: Vec<bool>,
    /// The messages.
    pub messages: Vec<Message>,
    /// What could not be read.
    pub rejected: Vec<Rejected>,
}

impl Input {
    fn reject(&mut self, place: Place, kind: &'static str, detail: impl Into<String>) {
        self.rejected.push(Rejected { place, kind, detail: detail.into() });
    }

    /// What a datagram or stream breaks off in.
    fn cut_off(&mut self, place: Place, detail: &str) {
        self.reject(place, "cut-off", format!("Message: cut off, {detail}"));
    }
}

/// Reads the files as one capture. An error is one line and names the file that could not be read.
pub fn read(files: &[PathBuf]) -> Result<Input, String> {
    let mut input = Input { files: files.to_vec(), ..Input::default() };
    let mut packets = Packets::default();
    for (file, path) in files.iter().enumerate() {
        read_file(file, path, &mut packets, &mut input).map_err(|what| format!("{}: {what}", path.display()))?;
    }
    packets.finish(&mut input);
    input.messages.sort_by_key(|message| message.complete);
    Ok(input)
}

fn read_file(file: usize, path: &Path, packets: &mut Packets, input: &mut Input) -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    let mut source: Box<dyn Read + Send> = match path.as_os_str().as_encoded_bytes() {
        b"-" => Box::new(io::stdin()),
        _ => Box::new(File::open(path).map_err(text)?),
    };
    let mut magic = Vec::new();
    source.by_ref().take(4).read_to_end(&mut magic).map_err(text)?;
    let capture = frames::is_capture(&magic)?;
    input.captures.push(capture);
    let mut source = Cursor::new(magic).chain(source);
    if capture {
        packets.read(file, source, input)
    } else {
        let mut bytes = Vec::new();
        source.read_to_end(&mut bytes).map_err(text)?;
        text::read(file, &bytes, input);
        Ok(())
    }
}
