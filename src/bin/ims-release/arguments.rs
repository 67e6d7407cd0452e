// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line as it is written: names, places and help. What the values mean is checked in
//! [`crate::options`].

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

/// Shows which BYEs release the calls of a capture
#[derive(Debug, Parser)]
#[command(name = "ims-release", version, after_help = "`ims-release plan --help` says everything about it.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Prints for each dialog in a capture the two BYEs that would release it
    ///
    /// Reads SIP messages and prints for each dialog in them the two BYEs of 3GPP TS 24.229 5.4.5.1.2 as they would
    /// leave now, where each goes and why. Nothing is sent.
    #[command(after_long_help = AFTER)]
    Plan(Plan),
    /// Prints the manual page
    Man,
    /// Prints the completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// What `plan` is given.
#[derive(Debug, Args)]
pub struct Plan {
    /// Captures (pcap, pcapng) or text files of SIP messages; - is standard input
    ///
    /// A capture may hold Ethernet, VLAN, Linux cooked (v1 and v2), raw IP or loopback frames, UDP and TCP over IPv4
    /// and IPv6, in fragments too. A text file holds messages back to back, framed by Content-Length as on a TCP
    /// connection. Several files are read as one capture, in their order.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,

    /// Whom the proxy serves
    ///
    /// The BYE on the served user's side goes through service control, the other directly; serving neither user, both
    /// go directly.
    #[arg(long, value_enum, value_name = "USER")]
    pub serves: Serves,

    /// URI of an own Record-Route entry, at which the list is cut; may be repeated
    ///
    /// Host and port are compared, 5060 where none is given; a sips: entry without a port is found by 5061 too. Without
    /// it no BYE can be built for a dialog with a Record-Route.
    #[arg(long, value_name = "URI", allow_hyphen_values = true)]
    pub own: Vec<OsString>,

    /// Compare the whole URI of --own
    ///
    /// Scheme and host are compared without case, an IPv6 literal as an address, all else octet by octet: a proxy knows
    /// what it inserted, and nobody changes it. By RFC 3261 19.1.4 the entry of another pass could be equal.
    #[arg(long)]
    pub own_exact: bool,

    /// SIP status code of the Reason, from 100 to 699
    #[arg(long, value_name = "CODE", default_value = "503", allow_hyphen_values = true)]
    pub cause: OsString,

    /// Text of the Reason
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub text: Option<OsString>,

    /// Q.850 cause beside it, from 0 to 127
    #[arg(long, value_name = "CODE", allow_hyphen_values = true)]
    pub q850: Option<OsString>,

    /// Further header of both BYEs; may be repeated
    ///
    /// Headers that are written anyway, and those that may not stand in a BYE, are refused.
    #[arg(long, value_name = "NAME: VALUE", allow_hyphen_values = true)]
    pub header: Vec<OsString>,

    /// Whether the BYE through service control has the own entries on top of its Route
    #[arg(long, value_enum, value_name = "FORM", default_value = "loop")]
    pub form: Form,

    /// Only the dialogs with this Call-ID
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub call_id: Option<OsString>,

    /// Form of the output
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
}

/// The served user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Serves {
    /// The calling user
    Calling,
    /// The called user
    Called,
    /// Neither: a P-CSCF, a plain proxy
    Neither,
}

/// The form of the BYE through service control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// With them: the proxy sends it to itself
    Loop,
    /// Without: the proxy calls its routing itself
    Bare,
}

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: the call as captured, each line of the BYEs with its origin
    Text,
    /// One object
    Json,
}

/// What the options do not say; in the manual page too.
const AFTER: &str = "\
Messages: What begins like a request or status line of SIP (a token, and later on the line a word that begins with SIP/ \
and a digit; or SIP/ and a digit at once) and cannot be read is listed as rejected, and the rest goes on. All else in a \
capture, such as RTP, STUN and keep-alives, is passed over. In a text file everything is SIP; a message without a \
Content-Length goes on to where the next one begins. A reply counts for the request of its topmost Via branch and CSeq \
where the capture has that request, else by Call-ID, tags and CSeq. A call is known from its INVITE on.

Numbers: A dialog is confirmed from its 2xx on and terminated from a user's BYE on. Where the called user has sent no \
request, the CSeq to the calling user is drawn at random.

JSON: {\"dialogs\":[{\"call_id\",\"from_tag\",\"to_tag\",\"state\":\"early|confirmed|terminated\",\"serves\",\"called\":LEG,\
\"calling\":LEG}],\"rejected\":[{\"file\",\"offset\",\"kind\",\"detail\"}]}. LEG is {\"delivery\":\"service-control|direct\",\
\"request_uri\",\"next_hop\",\"cseq\",\"route\":[...],\"request\"} or {\"error\":{\"kind\",\"detail\"}} with the kind bad-contact, \
no-cseq, cseq-overflow, no-own-route, bad-route, bad-header, not-confirmed or terminated. The request is the message \
without Via; where it is not UTF-8 it is null and request_base64 holds it. The offset counts octets in a text file and \
frames, from 1, in a capture; of a message in several TCP segments it is the first frame.

Exit status: 0 when all files were read, 1 when one could not be, 2 when the command line is wrong.

Other commands: `ims-release man` prints this page for man, `ims-release completions SHELL` the completions for a shell.

Example: ims-release plan --serves calling --own sip:scscf1.home1.net --cause 402 --text 'Credit is gone' call.pcap";

/// Why there is no command to run.
#[derive(Debug)]
pub enum Stop {
    /// Help or version was asked for.
    Shown(String),
    /// One line that names the option.
    Wrong(String),
}

/// Reads the command line.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, Stop> {
    match Arguments::try_parse_from(arguments) {
        Ok(arguments) => Ok(arguments.command),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            use std::io::IsTerminal;
            let text = error.render();
            let colour = std::io::stdout().is_terminal();
            Err(Stop::Shown(if colour { text.ansi().to_string() } else { text.to_string() }))
        }
        Err(error) => Err(Stop::Wrong(line(&error))),
    }
}

/// The command line's grammar, for manual and completions.
pub fn grammar() -> clap::Command {
    Arguments::command()
}

/// What is wrong in one line, whatever the value holds.
fn line(error: &Error) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.escape_debug().to_string()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ").escape_debug().to_string()),
        _ => None,
    };
    let option = text(ContextKind::InvalidArg);
    match (error.kind(), option) {
        (ErrorKind::MissingRequiredArgument, Some(options)) => format!("{options}: required"),
        (ErrorKind::InvalidValue, Some(option)) => {
            let value = text(ContextKind::InvalidValue).unwrap_or_default();
            match (value.as_str(), text(ContextKind::ValidValue)) {
                ("", _) => format!("{option}: a value is required"),
                (value, Some(valid)) => format!("{option}: '{value}' is none of {valid}"),
                (value, None) => format!("{option}: '{value}' is not valid"),
            }
        }
        (ErrorKind::UnknownArgument, Some(option)) => format!("{option}: not known here"),
        (ErrorKind::ArgumentConflict, Some(option)) => format!("{option}: given twice"),
        (ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand, _) => {
            "a command is required: plan, man or completions; see --help".into()
        }
        _ => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            first.strip_prefix("error: ").unwrap_or(first).escape_debug().to_string()
        }
    }
}
