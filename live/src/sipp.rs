// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs SIPp with a scenario and reads what it sent and received from its message trace.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::message::Message;
use crate::process::Process;

/// One message in a trace.
#[derive(Clone, Debug)]
pub struct Traced {
    /// Seconds since midnight, local time, as SIPp stamps it.
    pub time: f64,
    /// True when SIPp sent it, false when it received it.
    pub sent: bool,
    /// The message.
    pub message: Message,
}

/// A running SIPp.
#[derive(Debug)]
pub struct Sipp {
    process: Process,
    trace: PathBuf,
    output: PathBuf,
    errors: PathBuf,
}

/// How many calls a SIPp makes and how fast.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Calls in all.
    pub calls: u32,
    /// Calls per second.
    pub rate: u32,
}

impl Sipp {
    /// Starts SIPp on `address`. With `remote` and a load it calls, without it waits for calls.
    pub fn start(
        directory: &Path,
        name: &str,
        scenario: &str,
        address: SocketAddr,
        remote: Option<(SocketAddr, Load)>,
        call_id: Option<&str>,
    ) -> io::Result<Self> {
        let file = directory.join(format!("{name}.xml"));
        fs::write(&file, scenario)?;
        let trace = directory.join(format!("{name}.messages"));
        let errors = directory.join(format!("{name}.errors"));
        let output = directory.join(format!("{name}.output"));
        let mut arguments: Vec<String> = Vec::new();
        let mut add = |words: &[&str]| arguments.extend(words.iter().map(|word| (*word).to_owned()));
        add(&["-sf", &file.to_string_lossy(), "-i", &address.ip().to_string(), "-p", &address.port().to_string()]);
        // -nd: a message that the scenario does not expect is reported, and the call goes on.
        add(&["-t", "u1", "-nostdin", "-nd", "-skip_rlimit", "-timer_resol", "5", "-buff_size", "4194304"]);
        add(&["-trace_msg", "-message_file", &trace.to_string_lossy()]);
        add(&["-trace_err", "-error_file", &errors.to_string_lossy()]);
        if let Some(text) = call_id {
            add(&["-cid_str", text]);
        }
        if let Some((proxy, load)) = remote {
            let (calls, rate) = (load.calls.to_string(), load.rate.to_string());
            add(&["-m", &calls, "-l", &calls, "-r", &rate, &proxy.to_string()]);
        }
        let process = Process::start(Path::new("/usr/bin/sipp"), &arguments, directory, &output)?;
        Ok(Self { process, trace, output, errors })
    }

    /// All messages so far, in order.
    pub fn messages(&self) -> Vec<Traced> {
        fs::read(&self.trace).map(|bytes| parse(&bytes)).unwrap_or_default()
    }

    /// Bytes in the trace, a cheap sign of progress.
    pub fn trace_bytes(&self) -> u64 {
        fs::metadata(&self.trace).map_or(0, |data| data.len())
    }

    /// Messages received.
    pub fn received(&self) -> Vec<Message> {
        self.messages().into_iter().filter(|one| !one.sent).map(|one| one.message).collect()
    }

    /// Messages sent.
    pub fn sent(&self) -> Vec<Message> {
        self.messages().into_iter().filter(|one| one.sent).map(|one| one.message).collect()
    }

    /// What SIPp complained about, for the text of a failed test.
    pub fn complaints(&self) -> String {
        let errors = fs::read_to_string(&self.errors).unwrap_or_default();
        let output = fs::read(&self.output).unwrap_or_default();
        let output = String::from_utf8_lossy(&output);
        let tail: String = output.lines().filter(|line| line.contains("rror")).take(5).collect();
        format!("{errors}{tail}")
    }

    /// Stops it.
    pub fn stop(&mut self) {
        self.process.kill();
    }
}

/// Splits a trace: a line of dashes with the time, a line with direction and length, an empty line, the message.
fn parse(bytes: &[u8]) -> Vec<Traced> {
    const RULE: &[u8] = b"----------------------------------------------- ";
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some(start) = find(rest, RULE) {
        rest = &rest[start + RULE.len()..];
        let Some((stamp, after)) = line(rest) else { break };
        let Some((kind, after)) = line(after) else { break };
        let Some((_, after)) = line(after) else { break };
        let length = kind
            .split(|character: char| !character.is_ascii_digit())
            .find(|word| !word.is_empty())
            .and_then(|word| word.parse::<usize>().ok());
        let Some(body) = length.and_then(|length| after.get(..length)) else { continue };
        found.push(Traced { time: seconds(&stamp), sent: kind.contains("sent"), message: Message::new(body) });
        rest = &after[body.len()..];
    }
    found
}

fn line(bytes: &[u8]) -> Option<(String, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((String::from_utf8_lossy(&bytes[..end]).into_owned(), &bytes[end + 1..]))
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

/// "2026-01-02 03:04:05.678901" or with a `T` and a time zone: the seconds since midnight.
fn seconds(stamp: &str) -> f64 {
    let clock = stamp.split([' ', '\t', 'T']).find(|word| word.contains(':')).unwrap_or_default();
    clock.split(':').filter_map(|word| word.parse::<f64>().ok()).fold(0.0, |sum, part| sum * 60.0 + part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_gives_direction_time_and_bytes() {
        let body = "BYE sip:a@b SIP/2.0\r\nCSeq: 2 BYE\r\n\r\n";
        let rule = "-".repeat(47);
        let text = format!(
            "{rule} 2026-01-02 01:00:01.500000\nUDP message received [{}] bytes :\n\n{body}\n{rule} 2026-01-02 01:00:02.000000\nUDP message sent ({} bytes):\n\n{body}\n",
            body.len(),
            body.len()
        );
        let trace = parse(text.as_bytes());
        assert_eq!(trace.len(), 2);
        assert!((trace[0].time - 3601.5).abs() < 1e-9);
        assert!(!trace[0].sent && trace[1].sent);
        assert_eq!(trace[1].message.bytes(), body.as_bytes());
    }
}
