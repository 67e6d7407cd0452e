// SPDX-License-Identifier: MIT OR Apache-2.0
//! For people: each call as it was captured, then the two BYEs of each dialog with the origin of each line.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use ims_release::capture::Captured;
use ims_release::dialog::{Serves, User};
use ims_release::message::StartLine;
use ims_release::release::Delivery;

use super::ladder::{self, Row};
use super::origin::{self, Origins, describe};
use crate::calls::{Calls, Dialog, Leg};
use crate::input::Message;

/// Writes everything. Colours only where a person looks.
pub fn write(out: &mut dyn Write, calls: &Calls) -> io::Result<()> {
    let paint = Paint { on: io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() };
    let mut drawn: HashSet<&[u8]> = HashSet::new();
    for dialog in &calls.dialogs {
        if drawn.insert(&dialog.call_id) {
            writeln!(out, "{}\n", paint.head(&format!("Call {}", printable(&dialog.call_id))))?;
            for line in ladder(calls, dialog) {
                writeln!(out, "{line}")?;
            }
            writeln!(out)?;
        }
        write_dialog(out, calls, dialog, paint)?;
    }
    if calls.dialogs.is_empty() {
        writeln!(out, "No dialog.")?;
    }
    if !calls.input.rejected.is_empty() {
        writeln!(out, "{}", paint.head("Rejected"))?;
    }
    for rejected in &calls.input.rejected {
        let place = calls.place(rejected.place);
        writeln!(out, "  {place}: {}", paint.bad(&printable(rejected.detail.as_bytes())))?;
    }
    Ok(())
}

fn write_dialog(out: &mut dyn Write, calls: &Calls, dialog: &Dialog, paint: Paint) -> io::Result<()> {
    let title = format!(
        "Dialog from-tag {} to-tag {}: {}, {}",
        printable(&dialog.from_tag),
        printable(&dialog.to_tag),
        super::state(dialog.state),
        match calls.serves {
            Serves::Calling => "the calling user is served",
            Serves::Called => "the called user is served",
            Serves::Neither => "neither user is served",
        }
    );
    writeln!(out, "{}\n", paint.head(&title))?;
    for (to, leg) in [(User::Called, &dialog.called), (User::Calling, &dialog.calling)] {
        write_leg(out, calls, dialog, to, leg, paint)?;
    }
    Ok(())
}

fn write_leg(out: &mut dyn Write, calls: &Calls, dialog: &Dialog, to: User, leg: &Leg, paint: Paint) -> io::Result<()> {
    let user = origin::name(to);
    let bye = match leg {
        Ok(bye) => bye,
        Err(refusal) => {
            return writeln!(out, "No BYE to the {user}: {}\n", paint.bad(refusal.detail));
        }
    };
    let how = match (bye.delivery, calls.serves) {
        (Delivery::ServiceControl, Serves::Called) => {
            "through service control, as if the served called user had sent it"
        }
        (Delivery::ServiceControl, _) => "through service control, as if the served calling user had sent it",
        (Delivery::Direct, Serves::Neither) => "directly, because neither user is served",
        (Delivery::Direct, _) => "directly, because it goes to the served user",
    };
    let title = format!("BYE to the {user} (TS 24.229 5.4.5.1.2):");
    writeln!(out, "{} {how}\n    next hop {}", paint.head(&title), printable(&bye.next_hop))?;
    let origins = Origins::new(calls, dialog, bye, to);
    let lines: Vec<(String, String)> = bye
        .message
        .split(|b| *b == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.is_empty())
        .map(|line| (printable(line), origins.of(line)))
        .collect();
    // A line that is longer than most has its origin right behind it.
    let width = lines.iter().map(|(line, _)| line.chars().count()).filter(|width| *width <= WIDE).max().unwrap_or(0);
    for (line, origin) in lines {
        writeln!(out, "    {line:<width$}  {}", paint.aside(&format!("<- {origin}")))?;
    }
    writeln!(out)
}

/// Origins stand in a column up to this one.
const WIDE: usize = 76;

/// The messages of the dialog's call.
fn ladder(calls: &Calls, dialog: &Dialog) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    let mut column = |name: String| {
        columns.iter().position(|known| *known == name).unwrap_or_else(|| {
            columns.push(name);
            columns.len() - 1
        })
    };
    let mut begun = None;
    let mut rows = Vec::new();
    for (message, captured, _) in calls.messages(&dialog.call_id) {
        let (from, to) = ends(message, &captured, dialog);
        let (from, to) = (column(from), column(to));
        rows.push(Row { margin: margin(calls, message, &mut begun), from, to, what: describe(&captured) });
    }
    ladder::draw(&columns, &rows)
}

/// A text file does not say who sent a message, but its tags do.
fn ends(message: &Message, captured: &Captured<'_>, dialog: &Dialog) -> (String, String) {
    if let Some((from, to)) = message.ends {
        return (from.to_string(), to.to_string());
    }
    let request = matches!(captured.start, StartLine::Request { .. });
    let users = [User::Calling, User::Called].map(|user| origin::name(user).to_string());
    let [calling, called] = users;
    if (captured.from_tag() == dialog.from_tag) == request { (calling, called) } else { (called, calling) }
}

fn margin(calls: &Calls, message: &Message, begun: &mut Option<u64>) -> String {
    let mut margin = format!("{:>6}", message.place.offset);
    if calls.input.files.len() > 1 {
        margin = format!("{}:{margin}", message.place.file + 1);
    }
    if let Some(time) = message.time {
        let begun = *begun.get_or_insert(time);
        let _ = write!(margin, " {:>9.3}", time.saturating_sub(begun) as f64 / 1e6);
    }
    margin
}

/// Text that a terminal shows and does not obey: control characters and what is not UTF-8 as `\x` and two digits.
fn printable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() {
                let _ = write!(text, "{}", character.escape_default());
            } else {
                text.push(character);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Colours, on a terminal.
#[derive(Clone, Copy)]
struct Paint {
    on: bool,
}

impl Paint {
    fn paint(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.into() }
    }

    fn head(self, text: &str) -> String {
        self.paint("1", text)
    }

    fn aside(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }
}
