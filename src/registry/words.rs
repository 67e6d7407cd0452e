// SPDX-License-Identifier: MIT OR Apache-2.0
//! The words of a dialog's cell in the store: what changes with every request or reply, each word by itself and
//! without a lock. A word has 48 bits and is 0 in the beginning.

use crate::cseq::CSeqs;
use crate::dialog::User;
use crate::pending::{Leg, LegState};
use crate::store::WORDS;

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

/// The word with the leg to `user`. Until a release starts there stands the BYE that the other user has sent.
pub(super) fn leg_to(user: User) -> usize {
    match user {
        User::Called => LEG_CALLED,
        User::Calling => LEG_CALLING,
    }
}

/// A user's own BYE, in the word of the leg to the other user while no release is under way. The one with the highest
/// CSeq counts: a BYE that is sent again with credentials has the next one, and what comes late of the first must not
/// undo the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UserBye {
    pub cseq: u32,
    /// The session goes on.
    pub refused: bool,
}

/// Leg states, as [`Leg::to_word`] has them, that no leg of a release is in.
const UNDER_WAY: u64 = 6 << STATE;
const REFUSED: u64 = 7 << STATE;
const STATE: u32 = 10;

impl UserBye {
    fn to_word(self) -> u64 {
        u64::from(self.cseq) << 16 | if self.refused { REFUSED } else { UNDER_WAY }
    }

    fn from_word(word: u64) -> Option<Self> {
        let refused = match word & REFUSED {
            UNDER_WAY => false,
            REFUSED => true,
            _ => return None,
        };
        Some(Self { cseq: (word >> 16) as u32, refused })
    }

    /// The word after this BYE, or its refusal, was seen; `None`: of a release, or nothing new.
    pub fn noted(self, word: u64) -> Option<u64> {
        let newer = match Self::from_word(word) {
            Some(known) => self.cseq > known.cseq || (self.cseq == known.cseq && self.refused && !known.refused),
            None => Leg::from_word(word).state == LegState::Idle,
        };
        newer.then(|| self.to_word())
    }
}

/// Whether a user has ended the session, by a BYE that was answered or that may still be.
pub(super) fn is_ending(words: &[u64; WORDS]) -> bool {
    let under_way = |word: u64| UserBye::from_word(word).is_some_and(|bye| !bye.refused);
    Seen::from_word(words[SEEN]).has(Seen::ENDED) || under_way(words[LEG_CALLED]) || under_way(words[LEG_CALLING])
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
    /// A user's BYE was answered.
    pub const ENDED: u8 = 1 << 1;
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
    fn the_last_bye_of_a_user_counts() {
        let bye = |cseq| UserBye { cseq, refused: false };
        let refusal = |cseq| UserBye { cseq, refused: true };
        let after = |byes: &[UserBye]| {
            let word = byes.iter().fold(0, |word, bye| bye.noted(word).unwrap_or(word));
            assert!(word < 1 << 48);
            assert_eq!(Leg::from_word(word), Leg::default());
            UserBye::from_word(word)
        };
        assert_eq!(after(&[]), None);
        for (seen, left) in [
            (&[bye(0)][..], bye(0)),
            (&[bye(u32::MAX), refusal(u32::MAX)], refusal(u32::MAX)),
            // A copy of the BYE after its refusal, and a refusal before its BYE.
            (&[bye(2), refusal(2), bye(2)], refusal(2)),
            (&[refusal(2), bye(2)], refusal(2)),
            // Sent again with credentials; what comes late of the first changes nothing.
            (&[bye(2), refusal(2), bye(3), refusal(2), bye(2)], bye(3)),
            (&[bye(2), bye(3), refusal(2)], bye(3)),
        ] {
            assert_eq!(after(seen), Some(left), "{seen:?}");
        }
        let leg = Leg::waiting(7, true).to_word();
        assert_eq!((bye(8).noted(leg), UserBye::from_word(leg)), (None, None));
    }

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
