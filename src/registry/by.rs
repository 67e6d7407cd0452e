// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who has asked for a release.

/// Who has asked for a release, or for a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum By {
    /// The host, which does not say who.
    #[default]
    Host,
    /// A script of the host.
    Script,
    /// An operator.
    Rpc,
    /// The job of this number.
    Job(u8),
}

impl By {
    /// Bits for [`By::from_bits`], and the number of the job.
    pub(super) fn to_bits(self) -> (u8, u8) {
        match self {
            Self::Host => (0, 0),
            Self::Script => (1, 0),
            Self::Rpc => (2, 0),
            Self::Job(number) => (0, number),
        }
    }

    pub(super) fn from_bits(bits: u8, job: u8) -> Self {
        match (bits, job) {
            (1, 0) => Self::Script,
            (2, 0) => Self::Rpc,
            (_, 0) => Self::Host,
            (_, number) => Self::Job(number),
        }
    }
}
