// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a dialog or one of its BYEs is refused. Numbers for these belong to the C ABI.

use core::fmt;

/// Why an input was refused. Each variant names the field; nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// The Call-ID is empty or holds a blank or a control character.
    BadCallId,
    /// The From value of the INVITE is not a name-addr or addr-spec.
    BadFrom,
    /// The To value of the 200 is not a name-addr or addr-spec.
    BadTo,
    /// The calling user's Contact is missing or is not exactly one SIP or SIPS URI.
    BadCallingContact,
    /// The called user's Contact is missing or is not exactly one SIP or SIPS URI.
    BadCalledContact,
    /// No CSeq is stored for calling to called, where the INVITE itself gives one.
    NoCseq,
    /// The next CSeq would not be below 2^31.
    CseqOverflow,
    /// An entry of the Record-Route list that the BYE needs is not a name-addr with a SIP or SIPS URI, or a row would
    /// break its line.
    BadRecordRoute,
    /// An entry of a given route set is not a name-addr with a SIP or SIPS URI.
    BadRoute,
    /// No entry of the Record-Route list is the proxy's own.
    NoOwnRoute,
    /// A description of the own entries is neither a URI nor a host.
    BadOwn,
    /// The contact address for the served user is not a SIP or SIPS URI.
    BadContactAddress,
    /// The transport or sent-by for the Via is not well formed.
    BadVia,
    /// The Reason has no SIP status code from 100 to 699, or a Q.850 cause above 127.
    BadReason,
    /// The Reason text holds a control character, or is longer than 512 bytes.
    BadReasonText,
    /// A further header is not `Name: value` on one line.
    BadHeader,
    /// A further header is given twice.
    DuplicateHeader,
    /// A further header is written by the library itself, or may not stand in a BYE.
    ForbiddenHeader,
    /// The dialog exceeds a limit of the library: 16 KiB in all, 128 routes.
    TooLarge,
    /// The buffer cannot hold the BYE; the length needed is told.
    BufferTooSmall,
    /// The operating system gave no random number.
    NoRandom,
    /// The BYE is not sent yet, only later.
    Held,
}

impl Error {
    /// What is wrong and what would be right, in one line.
    pub const fn text(self) -> &'static str {
        match self {
            Self::BadCallId => "Call-ID: must not be empty nor hold a blank or control character",
            Self::BadFrom => "From: must be one name-addr or addr-spec with balanced quotes and brackets",
            Self::BadTo => "To: must be one name-addr or addr-spec with balanced quotes and brackets",
            Self::BadCallingContact => "Contact of the calling user: must be exactly one SIP or SIPS URI",
            Self::BadCalledContact => "Contact of the called user: must be exactly one SIP or SIPS URI",
            Self::NoCseq => "CSeq calling to called: none stored; the INVITE has one, a number is never drawn here",
            Self::CseqOverflow => "CSeq: the next number would not be below 2147483648",
            Self::BadRecordRoute => "Record-Route: each entry must be a SIP or SIPS URI in angle brackets",
            Self::BadRoute => "Route set: each entry must be a SIP or SIPS URI in angle brackets",
            Self::NoOwnRoute => "Record-Route: no entry is the proxy's own; the list cannot be cut",
            Self::BadOwn => "Own entry: give a SIP URI, or a host with an optional port",
            Self::BadContactAddress => "Contact address of the served user: must be a SIP or SIPS URI",
            Self::BadVia => "Via: transport must be a token and sent-by a host with an optional port",
            Self::BadReason => "Reason: a SIP status code from 100 to 699 is required; a Q.850 cause is 0 to 127",
            Self::BadReasonText => "Reason text: must not hold a control character, nor be longer than 512 bytes",
            Self::BadHeader => "Further header: must be 'Name: value' on one line",
            Self::DuplicateHeader => "Further header: given twice",
            Self::ForbiddenHeader => "Further header: the library writes it itself, or it may not stand in a BYE",
            Self::TooLarge => "Dialog: larger than 16384 bytes or more than 128 routes",
            Self::BufferTooSmall => "Buffer: too small for what is to be written",
            Self::NoRandom => "Random number: the operating system gave none",
            Self::Held => {
                "BYE: not to be sent yet; it is due when the ACK, the answer to a user's BYE or its time has come"
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Error {}
