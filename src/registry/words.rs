// SPDX-License-Identifier: MIT OR Apache-2.0
//! The words of a dialog's cell in the store: what changes with every request or reply, each word by itself and
//! without a lock. A word has 48 bits and is 0 in the beginning.

use crate::cseq::CSeqs;
use crate::dialog::User;
use crate::pending::{Leg, Release};
use crate::store::WORDS;

use super::{By, MILLIS};

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
/// [`Detail`].
pub(super) const DETAIL: usize = 5;
/// [`crate::pending::Release`].
pub(super) const RELEASE: usize = 6;
/// [`Times`].
pub(super) const TIMES: usize = 7;

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

/// A user's own BYE, in the word of the leg to the other user until a BYE of a release goes there. The one with the highest
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
    pub fn to_word(self) -> u64 {
        u64::from(self.cseq) << 16 | if self.refused { REFUSED } else { UNDER_WAY }
    }

    pub fn from_word(word: u64) -> Option<Self> {
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
            None => Leg::from_word(word) == Leg::default(),
        };
        newer.then(|| self.to_word())
    }
}

/// Whether a user has ended the session, by a BYE that was answered or that may still be.
pub(super) fn is_ending(words: &[u64; WORDS]) -> bool {
    Seen::from_word(words[SEEN]).has(Seen::ENDED) || bye_is_under_way(words)
}

/// Whether a user's BYE is on its way.
pub(super) fn bye_is_under_way(words: &[u64; WORDS]) -> bool {
    let under_way = |word: u64| UserBye::from_word(word).is_some_and(|bye| !bye.refused);
    under_way(words[LEG_CALLED]) || under_way(words[LEG_CALLING])
}

/// When the last message was seen, and what was seen of the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// In seconds.
    pub at: u64,
    /// Bits of the constants below.
    pub flags: u8,
    /// After how long without a message the session is over by its session timer, see [`Seen::session`].
    pub session: u8,
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
        (self.at & SECONDS) << 15 | u64::from(self.session & SESSION) << 8 | u64::from(self.flags)
    }

    pub fn from_word(word: u64) -> Self {
        Self { at: word >> 15 & SECONDS, session: (word >> 8) as u8 & SESSION, flags: word as u8 }
    }

    /// A session interval (RFC 4028) of so many seconds, in units that are rounded up; 0 for none, and for one that is
    /// too long to matter.
    pub fn session(seconds: usize) -> u8 {
        u8::try_from(seconds.div_ceil(SESSION_UNIT)).ok().filter(|units| *units <= SESSION).unwrap_or(0)
    }

    /// That interval in seconds.
    pub fn session_interval(self) -> Option<u64> {
        (self.session != 0).then(|| u64::from(self.session) * SESSION_UNIT as u64)
    }

    pub fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// 33 bits: until the year 2242.
const SECONDS: u64 = (1 << 33) - 1;
/// Seven bits, of five minutes each: up to ten hours.
const SESSION: u8 = 127;
const SESSION_UNIT: usize = 300;

/// What is known of a release beside its legs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Detail {
    /// What became of the BYE for service control.
    pub service: Service,
    /// Milliseconds of the second in which the release started.
    pub millis: u16,
    /// The BYE to the called user was sent again, because of a 500 or 503 or because nobody told of it.
    pub called_retried: bool,
    /// The same of the BYE to the calling user.
    pub calling_retried: bool,
    /// Who has asked for it.
    pub by: By,
    /// The BYE to the calling user was held for the ACK when it started.
    pub held: bool,
    /// A user's BYE was under way when it started: both of ours were held.
    pub crossed: bool,
    /// The called user has sent a BYE after the start.
    pub called_hung_up: bool,
    /// The calling user has.
    pub calling_hung_up: bool,
    /// The text of its Reason was too much to keep.
    pub text_lost: bool,
    /// For which attempt at the called user credentials were asked for; 0: for none.
    pub called_challenged: u8,
    /// The same of the calling user.
    pub calling_challenged: u8,
}

/// What became of a BYE in service control, at the proxy's own socket. It holds for one attempt alone, so that nothing
/// has to be cleared before the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Service {
    /// Of which attempt it tells; 0: the script has not had the BYE.
    pub attempt: u8,
    /// The code of the script's stateless answer; 0: none.
    pub answered: u16,
    /// It was seen leaving for the far user.
    pub sent_on: bool,
}

impl Detail {
    /// What is known of this attempt.
    pub fn service(self, attempt: u8) -> Service {
        if self.service.attempt == attempt { self.service } else { Service::default() }
    }

    /// Whether the BYE to `user` was sent again for such a reason.
    pub fn retried(self, user: User) -> bool {
        match user {
            User::Called => self.called_retried,
            User::Calling => self.calling_retried,
        }
    }

    /// It was.
    pub fn with_retried(self, user: User) -> Self {
        match user {
            User::Called => Self { called_retried: true, ..self },
            User::Calling => Self { calling_retried: true, ..self },
        }
    }

    /// Whether this user has sent a BYE after the start.
    pub fn hung_up(self, user: User) -> bool {
        match user {
            User::Called => self.called_hung_up,
            User::Calling => self.calling_hung_up,
        }
    }

    /// It has.
    pub fn with_hung_up(self, user: User) -> Self {
        match user {
            User::Called => Self { called_hung_up: true, ..self },
            User::Calling => Self { calling_hung_up: true, ..self },
        }
    }

    /// For which attempt at `user` credentials were asked for; 0: for none.
    pub fn challenged(self, user: User) -> u8 {
        match user {
            User::Called => self.called_challenged,
            User::Calling => self.calling_challenged,
        }
    }

    /// For this one.
    pub fn with_challenged(self, user: User, attempt: u8) -> Self {
        match user {
            User::Called => Self { called_challenged: attempt, ..self },
            User::Calling => Self { calling_challenged: attempt, ..self },
        }
    }

    /// When the release whose detail this is started, in milliseconds.
    pub fn begun(self, release: Release) -> u64 {
        release.started * MILLIS + u64::from(self.millis)
    }

    pub fn to_word(self) -> u64 {
        let (by, job) = self.by.to_bits();
        u64::from(self.service.attempt & 7)
            | u64::from(self.service.answered & CODES) << 3
            | u64::from(self.service.sent_on) << 13
            | u64::from(self.millis & CODES) << 14
            | u64::from(self.called_retried) << 24
            | u64::from(self.calling_retried) << 25
            | u64::from(job & 15) << 26
            | u64::from(self.held) << 30
            | u64::from(self.crossed) << 31
            | u64::from(self.called_hung_up) << 32
            | u64::from(self.calling_hung_up) << 33
            | u64::from(self.called_challenged & 7) << 34
            | u64::from(self.calling_challenged & 7) << 37
            | u64::from(self.text_lost) << 40
            | u64::from(by) << 46
    }

    pub fn from_word(word: u64) -> Self {
        Self {
            service: Service {
                attempt: word as u8 & 7,
                answered: (word >> 3) as u16 & CODES,
                sent_on: word >> 13 & 1 == 1,
            },
            millis: (word >> 14) as u16 & CODES,
            called_retried: word >> 24 & 1 == 1,
            calling_retried: word >> 25 & 1 == 1,
            by: By::from_bits((word >> 46) as u8 & 3, (word >> 26) as u8 & 15),
            held: word >> 30 & 1 == 1,
            crossed: word >> 31 & 1 == 1,
            called_hung_up: word >> 32 & 1 == 1,
            calling_hung_up: word >> 33 & 1 == 1,
            text_lost: word >> 40 & 1 == 1,
            called_challenged: (word >> 34) as u8 & 7,
            calling_challenged: (word >> 37) as u8 & 7,
        }
    }
}

const CODES: u16 = 1023;

/// A time for each leg, counted from the second in which the release started: when the BYE is due, while one is out
/// when no reply can come any more, of a leg that is final when it became so. At any instant the later of two times
/// shows: too late is mended by the next look, too early sends a BYE twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Times {
    called: u32,
    calling: u32,
}

impl Times {
    /// Ten milliseconds: 24 bits of them are 46 hours, and later is as late as that.
    pub const UNIT: u64 = 10;
    const MOST: u64 = (1 << 24) - 1;

    /// In milliseconds from the start.
    pub fn of(self, user: User) -> u64 {
        Self::UNIT
            * u64::from(match user {
                User::Called => self.called,
                User::Calling => self.calling,
            })
    }

    /// With another time, in milliseconds from the start; rounded up, so never too early.
    pub fn with(self, user: User, time: u64) -> Self {
        let time = time.div_ceil(Self::UNIT).min(Self::MOST) as u32;
        match user {
            User::Called => Self { called: time, ..self },
            User::Calling => Self { calling: time, ..self },
        }
    }

    /// What counts as now: no time is later.
    pub fn now(now: u64, started: u64) -> u64 {
        now.saturating_sub(started * super::MILLIS).min(Self::MOST * Self::UNIT)
    }

    pub fn to_word(self) -> u64 {
        u64::from(self.called) | u64::from(self.calling) << 24
    }

    pub fn from_word(word: u64) -> Self {
        let most = Self::MOST as u32;
        Self { called: word as u32 & most, calling: (word >> 24) as u32 & most }
    }
}

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
        let leg = Leg::waiting(7).to_word();
        assert_eq!((bye(8).noted(leg), UserBye::from_word(leg)), (None, None));
    }

    #[test]
    fn words_and_back() {
        let seen = Seen { at: 8_000_000_000, flags: 0x7f, session: 127 };
        assert_eq!(Seen::from_word(seen.to_word()), seen);
        for (seconds, units) in [(0, 0), (1, 1), (300, 1), (301, 2), (38_100, 127), (38_101, 0), (usize::MAX, 0)] {
            assert_eq!(Seen::session(seconds), units, "{seconds}");
        }
        assert_eq!((seen.session_interval(), Seen::default().session_interval()), (Some(38_100), None));
        for service in
            [Service { attempt: 7, answered: 0, sent_on: true }, Service { attempt: 1, answered: 699, sent_on: false }]
        {
            let detail = Detail {
                service,
                millis: 999,
                called_retried: service.sent_on,
                calling_retried: true,
                by: By::Job(8),
                held: true,
                crossed: true,
                called_hung_up: !service.sent_on,
                calling_hung_up: true,
                text_lost: service.sent_on,
                called_challenged: service.attempt,
                calling_challenged: 3,
            };
            for by in [detail.by, By::Host, By::Script, By::Rpc] {
                let detail = Detail { by, ..detail };
                assert!(detail.to_word() < 1 << 48);
                assert_eq!(Detail::from_word(detail.to_word()), detail);
            }
            assert_eq!((detail.service(service.attempt), detail.service(2)), (service, Service::default()));
            assert_eq!((detail.retried(User::Called), detail.retried(User::Calling)), (service.sent_on, true));
            assert_eq!((detail.challenged(User::Called), detail.challenged(User::Calling)), (service.attempt, 3));
            assert_eq!((detail.hung_up(User::Called), detail.hung_up(User::Calling)), (!service.sent_on, true));
        }
        let times = Times::default().with(User::Called, u64::MAX).with(User::Calling, 11);
        assert_eq!(Times::from_word(times.to_word()), times);
        assert_eq!((times.of(User::Called), times.of(User::Calling)), (167_772_150, 20));
        assert_eq!((Times::now(u64::MAX, 1), Times::now(999, 1)), (167_772_150, 0));
        for cseq in [None, Some(0), Some(u32::MAX)] {
            assert_eq!(cseq_of(cseq_word(cseq)), cseq);
        }
        assert!((Seen { at: u64::MAX, flags: 255, session: 255 }).to_word() < 1 << 48);
        assert_eq!((Seen::default().to_word(), Detail::default().to_word(), cseq_word(None)), (0, 0, 0));
    }
}
