// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command `ims-release`: which two BYEs would end the calls of a capture, and why those.
//!
//! In the order in which the data flows: [`arguments`] and [`options`] are the command line, [`input`] makes SIP
//! messages of files, [`calls`] hands them to the library and asks it for the BYEs, [`output`] prints them. What a
//! dialog is and how a BYE is built is the library's matter alone.

mod arguments;
mod calls;
mod input;
mod manual;
mod options;
mod output;

use std::io::{self, Write};
use std::process::ExitCode;

use arguments::{Command, Format};
use calls::Calls;
use options::Options;
use output::{json, text};

/// A file could not be read, or the output not be written.
const FAILED: u8 = 1;
/// The command line is wrong.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let command = match arguments::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(arguments::Stop::Shown(text)) => return print(|out| write!(out, "{text}")),
        Err(arguments::Stop::Wrong(line)) => return complain(&line, USAGE),
    };
    match command {
        Command::Plan(arguments) => {
            let options = match Options::check(&arguments) {
                Ok(options) => options,
                Err(line) => return complain(&line, USAGE),
            };
            match plan(&options) {
                Ok(calls) => {
                    warn_of_headless(&calls);
                    print(|out| match options.format {
                        Format::Json => json::write(out, &calls),
                        Format::Text => text::write(out, &calls),
                    })
                }
                Err(line) => complain(&line, FAILED),
            }
        }
        Command::Man => print(|out| manual::page(out)),
        Command::Completions { shell } => print(|out| manual::completions(out, shell)),
    }
}

fn plan(options: &Options) -> Result<Calls, String> {
    let input = input::read(&options.files)?;
    Calls::plan(input, options)
}

/// What is missing must not pass for what is not there.
fn warn_of_headless(calls: &Calls) {
    let Some(first) = calls.headless.first() else { return };
    let (number, first) = (calls.headless.len(), first.escape_ascii());
    let text = "passed over: their INVITE and its replies are not in the capture";
    let _ = writeln!(io::stderr(), "ims-release: {number} calls {text} (one is {first})");
}

fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> ExitCode {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader, say `head`, has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => complain(&format!("standard output: {error}"), FAILED),
    }
}

fn complain(line: &str, status: u8) -> ExitCode {
    // One line, whatever a file is called.
    let line: String =
        line.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect();
    // Where even that fails the status tells.
    let _ = writeln!(io::stderr(), "ims-release: {line}");
    ExitCode::from(status)
}
