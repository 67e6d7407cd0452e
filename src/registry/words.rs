// SPDX-License-Identifier: MIT OR Apache-2.0
//! The words of a dialog's cell in the store: what changes with every request or reply, each word by itself and
//! without a lock. A word has 48 bits and is 0 in the beginning.

use crate::cseq::CSeqs;
use crate::dialog::User;

/// Highest CSeq from the calling to the called user; bit 32: there is one.
pub(super) const CSEQ_TO_CALLED: usize = 0;
/// The same from the called to the calling user.
pub(super) const CSEQ_TO_CALLING: usize = 1;
/// [`Seen`].
pub(super) const SEEN: usize = 2;
/// [`crate::pending::Leg`] to the called user.
pub(super) const LEG_CALLED: usize = 3;
/// The same to the calling user.
pub(super) const LEG_CALLING: usize = 4;
/// [`Loop`].
pub(super) const LOOP: usize = 5;
/// [`crate::pending::Release`].
pub(super) const RELEASE: usize = 6;

const PRESENT: u64 = 1 << 32;

/// A CSeq as a word.
pub(super) fn cseq_word(cseq: Option<u32>) -> u64 {
    cseq.map_or(0, |number| PRESENT | u64::from(number))
}

/// A CSeq from a word.
pub(super) fn cseq_of(word: u64) -> Option<u32> {
    (word & PRESENT != 0).then_some(word as u32)
}

/// Both directions.
pub(super) fn cseqs(words: &[u64]) -> CSeqs {
    CSeqs { to_called: cseq_of(words[CSEQ_TO_CALLED]), to_calling: cseq_of(words[CSEQ_TO_CALLING]) }
}

/// The word with the CSeq of requests to `user`.
pub(super) fn cseq_to(user: User) -> usize {
    match user {
        User::Called => CSEQ_TO_CALLED,
        User::Calling => CSEQ_TO_CALLING,
    }
}

/// The word with the leg to `user`.
pub(super) fn leg_to(user: User) -> usize {
    match user {
        User::Called => LEG_CALLED,
        User::Calling => LEG_CALLING,
    }
}

/// When the last message was seen, and what was seen of the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// In seconds.
    pub at: u64,
    /// Bits of the constants below.
    pub flags: u8,
}

impl Seen {
    /// The ACK to the 2xx of the initial INVITE came.
    pub const ACKNOWLEDGED: u8 = 1;
    /// A user's BYE came.
    pub const ENDING: u8 = 1 << 1;
    /// The INVITE or early dialog has no future (refused, or another branch was answered), short of a late 2xx.
    pub const FADING: u8 = 1 << 2;
    /// Of an INVITE: a dialog with a To tag stands for it.
    pub const HAS_DIALOG: u8 = 1 << 3;
    /// The 2xx came. The record says the same; this saves the sweep from reading it.
    pub const CONFIRMED: u8 = 1 << 4;
    /// Of what is fading: its INVITE was refused, which ends its early dialogs (RFC 3261 12.3).
    pub const REFUSED: u8 = 1 << 5;
    /// Of an INVITE: its final reply is on the way to the calling user, no further branch will come.
    pub const FINAL: u8 = 1 << 6;

    pub fn to_word(self) -> u64 {
        (self.at & SECONDS) << 8 | u64::from(self.flags)
    }

    pub fn from_word(word: u64) -> Self {
        Self { at: word >> 8 & SECONDS, flags: word as u8 }
    }

    pub fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

const SECONDS: u64 = (1 << 40) - 1;

/// What became of the looped BYE at the proxy's own socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Loop {
    /// The script has had its first pass.
    pub seen: bool,
    /// The code of the script's stateless answer; 0: none.
    pub answered: u16,
    /// Milliseconds of the second in which the release started.
    pub millis: u16,
}

impl Loop {
    pub fn to_word(self) -> u64 {
        u64::from(self.seen) | u64::from(self.answered & CODES) << 1 | u64::from(self.millis & CODES) << 11
    }

    pub fn from_word(word: u64) -> Self {
        Self { seen: word & 1 == 1, answered: (word >> 1) as u16 & CODES, millis: (word >> 11) as u16 & CODES }
    }
}

const CODES: u16 = 1023;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_back() {
        let seen = Seen { at: 1_800_000_000, flags: 0x7f };
        assert_eq!(Seen::from_word(seen.to_word()), seen);
        let seen_loop = Loop { seen: true, answered: 699, millis: 999 };
        assert_eq!(Loop::from_word(seen_loop.to_word()), seen_loop);
        for cseq in [None, Some(0), Some(u32::MAX)] {
            assert_eq!(cseq_of(cseq_word(cseq)), cseq);
        }
        assert!((Seen { at: u64::MAX, flags: 255 }).to_word() < 1 << 48);
        assert_eq!((Seen::default().to_word(), Loop::default().to_word(), cseq_word(None)), (0, 0, 0));
    }
}
