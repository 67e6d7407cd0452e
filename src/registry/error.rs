// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why the registry refuses. Numbers for these belong to the C ABI.

use core::fmt;

use crate::capture::Refused;
use crate::error::Error;
use crate::store::StoreError;

/// Why the registry refused.
#[derive(Debug)]
#[non_exhaustive]
pub enum RegistryError {
    /// The message is malformed.
    Message(Refused),
    /// Only an INVITE can be tracked.
    NotAnInvite,
    /// A selector does not have its form.
    Selector,
    /// The identity of a served user is none.
    User,
    /// A reply code is not from 100 to 699.
    Code,
    /// There is no such dialog.
    NotFound,
    /// The dialog is early: it is for the host to cancel its INVITE (TS 24.229 5.4.5.1.1).
    Early,
    /// The 2xx was not acknowledged yet: a BYE to the calling user must wait for the ACK (RFC 3261 15).
    NotAcknowledged,
    /// Its release is under way.
    AlreadyReleasing,
    /// It was released: its outcome was told, or is just being told.
    Released,
    /// Over, or about to be: a user's own BYE was seen, or its INVITE was refused. Only for who reads a capture; a
    /// release waits for what comes of a user's BYE.
    Ending,
    /// Neither BYE can be built, for one reason that lies in the stored information.
    Dialog(Error),
    /// Neither BYE can be built, for a reason each.
    Legs {
        /// Why not the one to the called user.
        called: Error,
        /// Why not the one to the calling user.
        calling: Error,
    },
    /// The reason, a further header or the Via of the request for release is not right.
    Request(Error),
    /// A buffer is too small; the lengths needed (0 for a BYE that cannot be built). Nothing was started.
    BufferTooSmall {
        /// For the BYE to the called user.
        called: usize,
        /// For the BYE to the calling user.
        calling: usize,
    },
    /// No release of this dialog waits for that leg, or, where it is to be sent again, its time has not come.
    NotReleasing,
    /// The message that the host printed lacks Via, From or To, or the BYE lacks From or To, or one of the two is no
    /// message.
    Incomplete,
    /// So many jobs are running that there is room for no other.
    TooManyJobs,
    /// The value and the text of a job are longer than a place has room for.
    JobTooLarge,
    /// Its INVITE has as many dialogs as are kept of one.
    TooManyDialogs,
    /// The store refused.
    Store(StoreError),
}

impl RegistryError {
    /// What is wrong, in one line.
    pub fn text(&self) -> &'static str {
        match self {
            Self::Message(refused) => refused.fault.text(),
            Self::NotAnInvite => "Message: only an INVITE can be tracked",
            Self::Selector => {
                "Selector: give a Call-ID, CALL-ID,FROM-TAG,TO-TAG, the number of a dialog, a whole URI, or an icid-value"
            }
            Self::User => "Served user: give a SIP or tel URI, or a name-addr with one, in at most 512 bytes",
            Self::Code => "Reply code: must be from 100 to 699",
            Self::NotFound | Self::Store(StoreError::NotFound) => {
                "Dialog: not found; it has ended or was never tracked"
            }
            Self::Early => "Dialog: early, the call is not answered yet; cancel the INVITE instead",
            Self::NotAcknowledged => "Dialog: answered, but a release waits for the ACK, at most 32 seconds; try again",
            Self::AlreadyReleasing => "Dialog: already releasing",
            Self::Released => "Dialog: already released; it is only still known for what comes late",
            Self::Ending => "Dialog: over, by a user's own BYE or because its INVITE was refused",
            Self::Dialog(error) | Self::Request(error) => error.text(),
            Self::Legs { called, .. } => called.text(),
            Self::BufferTooSmall { .. } => Error::BufferTooSmall.text(),
            Self::NotReleasing => "Dialog: no release of it waits for this BYE",
            Self::Incomplete => "Message: the printed one lacks Via, From or To, or the BYE lacks From or To",
            Self::TooManyJobs => {
                "Job: eight are running, or five where a script asks; wait until one has finished, or cancel one"
            }
            Self::JobTooLarge => "Job: its value and the text of its Reason have more than 1052 bytes together",
            Self::TooManyDialogs => {
                "Dialog: its INVITE has 256 already; this one is not known here, nor can be released"
            }
            Self::Store(error) => match error {
                StoreError::Full => "Store: full; raise its size",
                StoreError::TooLarge => "Store: the dialog is larger than a store keeps",
                StoreError::Busy => "Store: busy, another process held a lock too long; try again",
                StoreError::Io(_) | StoreError::NotFound => {
                    "Store: the operating system refused something, see the log"
                }
            },
        }
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(refused) => refused.fmt(f),
            Self::Legs { called, calling } => write!(f, "{called}; {calling}"),
            Self::Store(error) => error.fmt(f),
            _ => f.write_str(self.text()),
        }
    }
}

impl std::error::Error for RegistryError {}

impl From<StoreError> for RegistryError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound,
            error => Self::Store(error),
        }
    }
}
