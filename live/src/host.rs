// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the live tests ask of a proxy. The suite is written once against this; a proxy is an adapter.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::dump::Packet;
use crate::process::{Process, wait_until};

/// What goes wrong around a test, in words.
pub type Result<T> = std::result::Result<T, String>;

/// The refusal of a remote procedure call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its number.
    pub code: i64,
    /// Its text.
    pub text: String,
}

/// One line that the script of the proxy wrote about itself: "LIVE kind|name=value|...".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The word after LIVE.
    pub kind: String,
    fields: Vec<(String, String)>,
}

impl Line {
    /// Reads a log line; None when the script did not write it. The lines of the example configurations are known too.
    pub fn parse(line: &str) -> Option<Self> {
        if let Some((_, text)) = line.split_once("released call: ") {
            // Written only after has_totag(), loose_route() and is_ims_release() were true.
            let (call_id, target) = text.trim_end().split_once(" to ")?;
            let fields = [("call_id", call_id), ("ruri", target), ("totag", "1"), ("loose", "1"), ("ours", "1")];
            let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
            return Some(Self { kind: "bye".to_owned(), fields });
        }
        if let Some((_, text)) = line.split_once("ims_release: call_id=") {
            let text = format!("LIVE done|call_id={}", text.trim_end().replace(' ', "|"));
            return Self::parse(&text);
        }
        let (_, text) = line.split_once("LIVE ")?;
        let mut parts = text.trim_end().split('|');
        let kind = parts.next()?.to_owned();
        let fields = parts
            .filter_map(|part| part.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Some(Self { kind, fields })
    }

    /// The value of a field, empty when it is not there.
    pub fn get(&self, name: &str) -> &str {
        self.fields.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    /// When it was written, in seconds of the epoch.
    pub fn time(&self) -> f64 {
        self.get("time").parse().unwrap_or_default()
    }
}

/// A proxy with ims_release loaded, on loopback, in a directory of its own.
pub trait Host: Send + Sync {
    /// Starts it and waits until it answers.
    fn start(&mut self) -> Result<()>;
    /// Stops it in good order.
    fn stop(&mut self);
    /// SIGKILL to all of its processes.
    fn kill(&mut self);
    /// Starts it, expecting that it refuses; gives what it said.
    fn refused_start(&mut self) -> Result<String>;
    /// The words before its program, from the next start on.
    fn start_by(&mut self, launcher: Vec<String>);
    /// Other parameters of the module than those of the live tests, from the next start on.
    fn change_parameters(&mut self, parameters: &[(&str, u32)]) -> Result<()>;
    /// Where the store of the module is.
    fn store(&self) -> PathBuf;
    /// Another place for it than in its own directory.
    fn use_store(&mut self, store: PathBuf);
    /// From now on a dead worker is what the test wants.
    fn may_die(&mut self);
    /// Where the caller finds it.
    fn address(&self) -> SocketAddr;
    /// The socket that faces the called user: the second one if there are two.
    fn address_towards_called(&self) -> SocketAddr;
    /// Its directory.
    fn directory(&self) -> &Path;
    /// Its binary.
    fn program(&self) -> PathBuf;
    /// What it calls itself.
    fn version(&self) -> Result<String>;
    /// The pid of one of the processes that take what comes in.
    fn worker(&self) -> Result<i32>;
    /// A remote procedure call with text parameters.
    fn call(&self, method: &str, parameters: &[&str]) -> Result<std::result::Result<Value, Fault>>;
    /// The same through the proxy's other process for remote calls, as an operator does at the prompt: exit status 0,
    /// and what was printed.
    fn command(&self, words: &[&str]) -> Result<(bool, String)>;
    /// One of the figures that the module gives to the statistics of the proxy, as an operator sees it.
    fn statistic(&self, name: &str) -> Result<u64>;
    /// All of its log.
    fn log(&self) -> String;
    /// Where it is written down what is on the wire.
    fn captures(&self) -> PathBuf;
    /// What was on the wire, in order; the proxy's own looped datagrams included.
    fn wire(&self) -> Vec<Packet>;

    /// Stops and starts it on the same sockets and store.
    fn restart(&mut self) -> Result<()> {
        self.stop();
        self.start()
    }

    /// What the script said about itself.
    fn lines(&self) -> Vec<Line> {
        self.log().lines().filter_map(Line::parse).collect()
    }

    /// What the script said of one kind about one call.
    fn lines_of(&self, kind: &str, call_id: &str) -> Vec<Line> {
        self.lines().into_iter().filter(|line| line.kind == kind && line.get("call_id") == call_id).collect()
    }

    /// Releases by a selector ("call", "dialog", "id").
    fn release(
        &self,
        selector: &str,
        value: &str,
        cause: &str,
        text: &str,
    ) -> Result<std::result::Result<Value, Fault>> {
        self.call("ims_release.release", &[selector, value, cause, text])
    }

    /// All dialogs, page after page.
    fn list(&self) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut cursor = "0".to_owned();
        for _ in 0..10_000 {
            let page = self.call("ims_release.list", &[&cursor])?;
            let page = page.map_err(|fault| format!("list: {} {}", fault.code, fault.text))?;
            let entries = if let Value::Array(entries) = page { entries } else { vec![page] };
            let next = entries.iter().find_map(|entry| entry.get("next")).map(ToString::to_string);
            all.extend(entries.into_iter().filter(|entry| entry.get("next").is_none()));
            cursor = next.ok_or("list: no word about the next page")?.trim_matches('"').to_owned();
            if cursor == "0" {
                return Ok(all);
            }
        }
        Err("list: it has no end".to_owned())
    }

    /// One dialog in full.
    fn show(&self, selector: &str, value: &str) -> Result<std::result::Result<Value, Fault>> {
        self.call("ims_release.show", &[selector, value])
    }

    /// The counters.
    fn stats(&self) -> Result<Value> {
        self.call("ims_release.stats", &[])?.map_err(|fault| format!("stats: {} {}", fault.code, fault.text))
    }

    /// True when the list holds this call.
    fn holds(&self, call_id: &str) -> Result<bool> {
        Ok(self.list()?.iter().any(|entry| entry.get("call_id").and_then(Value::as_str) == Some(call_id)))
    }

    /// Waits for the end of a release and gives the script's line about it.
    fn outcome(&self, call_id: &str, limit: Duration) -> Result<Line> {
        let mut found = Vec::new();
        wait_until(limit, || {
            found = self.lines_of("done", call_id);
            !found.is_empty()
        });
        found.into_iter().next().ok_or_else(|| format!("no end of the release of {call_id} within {limit:?}"))
    }
}

/// What [`Host::refused_start`] gives of a process that was to end with an error within `limit`.
pub(crate) fn refusal(mut process: Process, limit: Duration, log: impl Fn() -> String) -> Result<String> {
    wait_until(limit, || process.ended().is_some());
    let code = process.ended().map(|status| status.code());
    process.stop();
    let log = log();
    match code {
        Some(Some(code)) if code != 0 && !log.contains("exited by a signal") => Ok(log),
        Some(Some(0)) => Err(format!("it ended well:\n{log}")),
        Some(_) => Err(format!("it crashed:\n{log}")),
        None => Err(format!("it started all the same:\n{log}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_script_gives_its_fields() {
        let line =
            Line::parse("3(12) INFO: {1 2 BYE} <script>: LIVE done|time=1.5|call_id=a@b|outcome=gone\n").expect("line");
        assert_eq!((line.kind.as_str(), line.get("outcome"), line.time()), ("done", "gone", 1.5));
        assert_eq!(Line::parse("anything else"), None);
    }
}
