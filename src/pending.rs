// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state machine of one release: two legs, their final replies, the outcome. Pure; each state packs into a word of
//! 48 bits, so that whoever sees a reply changes it with one compare-and-swap.

/// What has come of a BYE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Final {
    /// A reply, or the code that a transaction layer gives a time-out (408).
    Code(u16),
    /// It could not be sent.
    NotSent,
}

/// Whether a refusal of a BYE says that its receiver has no such session any more: 481 and 408 (RFC 3261 15.1.1), and
/// the codes that end the dialog or the usage (RFC 5057 5.1, table 1).
pub fn ends_session(code: u16) -> bool {
    matches!(code, 404 | 405 | 408 | 410 | 416 | 480..=485 | 489 | 501 | 502 | 604)
}

/// How far a leg is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LegState {
    /// No release is under way.
    #[default]
    Idle,
    /// The BYE is out, no final reply yet.
    Waiting,
    /// Answered 2xx.
    Done,
    /// There is no session at that end: 481, 408, time-out, or not sent (RFC 3261 15.1.1), or another code that ends it,
    /// see [`ends_session`].
    Gone,
    /// Any other final reply.
    Failed,
    /// The BYE could not be built.
    NotBuilt,
}

/// One leg of a release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Leg {
    /// How far it is.
    pub state: LegState,
    /// The final code; 0 without one.
    pub code: u16,
    /// How often the BYE was sent.
    pub attempts: u8,
    /// CSeq of the BYE, below 2^31.
    pub cseq: u32,
    /// Whether the BYE goes through the proxy's own socket and is marked there.
    pub looped: bool,
}

impl Leg {
    /// A leg whose BYE is about to be sent.
    pub fn waiting(cseq: u32, looped: bool) -> Self {
        Self { state: LegState::Waiting, code: 0, attempts: 1, cseq, looped }
    }

    /// A leg whose BYE could not be built.
    pub fn not_built() -> Self {
        Self { state: LegState::NotBuilt, ..Self::default() }
    }

    /// The leg after a reply; `None` when the reply changes nothing: provisional, late, or no release.
    pub fn after(self, reply: Final) -> Option<Self> {
        if self.state != LegState::Waiting {
            return None;
        }
        let (state, code) = match reply {
            Final::Code(..200) => return None,
            Final::Code(code @ 200..=299) => (LegState::Done, code),
            Final::Code(code) if ends_session(code) => (LegState::Gone, code),
            Final::Code(code) => (LegState::Failed, code.min(CODES)),
            Final::NotSent => (LegState::Gone, 0),
        };
        Some(Self { state, code, ..self })
    }

    /// Nothing more is awaited.
    pub fn is_final(self) -> bool {
        !matches!(self.state, LegState::Idle | LegState::Waiting)
    }

    /// The session has ended at that user.
    pub fn has_ended(self) -> bool {
        matches!(self.state, LegState::Done | LegState::Gone)
    }

    /// As a word: code 10 bits, state 3, attempts 3, CSeq 31, looped 1.
    pub fn to_word(self) -> u64 {
        let state = match self.state {
            LegState::Idle => 0,
            LegState::Waiting => 1,
            LegState::Done => 2,
            LegState::Gone => 3,
            LegState::Failed => 4,
            LegState::NotBuilt => 5,
        };
        u64::from(self.code.min(CODES))
            | state << 10
            | u64::from(self.attempts.min(7)) << 13
            | u64::from(self.cseq & (u32::MAX >> 1)) << 16
            | u64::from(self.looped) << 47
    }

    /// From a word; no leg where it holds something else.
    pub fn from_word(word: u64) -> Self {
        let state = match word >> 10 & 7 {
            1 => LegState::Waiting,
            2 => LegState::Done,
            3 => LegState::Gone,
            4 => LegState::Failed,
            5 => LegState::NotBuilt,
            _ => return Self::default(),
        };
        Self {
            state,
            code: (word & u64::from(CODES)) as u16,
            attempts: (word >> 13 & 7) as u8,
            cseq: (word >> 16) as u32 & (u32::MAX >> 1),
            looped: word >> 47 & 1 == 1,
        }
    }
}

/// A code fits ten bits.
const CODES: u16 = 1023;

/// How a release ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Both BYEs were answered 2xx.
    Completed,
    /// The session has ended at both users, at least at one not by a 2xx.
    Gone,
    /// It has ended at one; at the other it failed or could not be built.
    Partial,
    /// It has ended at neither.
    Failed,
    /// The deadline came first.
    Expired,
}

impl Outcome {
    /// In one word, as the host's scripts see it.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Gone => "gone",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }
}

/// The outcome of both legs; `None` while one is awaited.
pub fn outcome(called: Leg, calling: Leg) -> Option<Outcome> {
    if !called.is_final() || !calling.is_final() {
        return None;
    }
    let done = |leg: Leg| leg.state == LegState::Done;
    Some(match (called.has_ended(), calling.has_ended()) {
        (true, true) if done(called) && done(calling) => Outcome::Completed,
        (true, true) => Outcome::Gone,
        (false, false) => Outcome::Failed,
        _ => Outcome::Partial,
    })
}

/// The release itself: claimed by the one process that starts it, and once more by the one that reports its outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Release {
    /// How far it is.
    pub phase: Phase,
    /// The SIP status code of its Reason.
    pub cause: u16,
    /// When it started, in seconds.
    pub started: u64,
}

/// How far a release is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Phase {
    /// None was asked for.
    #[default]
    None,
    /// The BYEs are out.
    UnderWay,
    /// Its outcome is being reported, or was.
    Ended,
}

impl Release {
    /// As a word: phase 3 bits, cause 10, start 34.
    pub fn to_word(self) -> u64 {
        let phase = match self.phase {
            Phase::None => 0,
            Phase::UnderWay => 1,
            Phase::Ended => 2,
        };
        phase | u64::from(self.cause & CODES) << 3 | (self.started & SECONDS) << 13
    }

    /// From a word.
    pub fn from_word(word: u64) -> Self {
        let phase = match word & 7 {
            1 => Phase::UnderWay,
            2 => Phase::Ended,
            _ => Phase::None,
        };
        Self { phase, cause: (word >> 3) as u16 & CODES, started: word >> 13 & SECONDS }
    }
}

const SECONDS: u64 = (1 << 34) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn after(code: u16) -> LegState {
        Leg::waiting(1, false).after(Final::Code(code)).map_or(LegState::Waiting, |leg| leg.state)
    }

    #[test]
    fn t58_t59_t60_each_code() {
        for code in 100..200 {
            assert_eq!(after(code), LegState::Waiting);
        }
        for code in [200, 202, 299] {
            assert_eq!(after(code), LegState::Done);
        }
        for code in [404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 502, 604] {
            assert_eq!(after(code), LegState::Gone);
        }
        for code in [300, 302, 401, 403, 407, 409, 415, 486, 488, 491, 500, 503, 603, 699] {
            assert_eq!(after(code), LegState::Failed);
        }
        assert_eq!(Leg::waiting(1, false).after(Final::NotSent).unwrap().state, LegState::Gone);
    }

    #[test]
    fn t58_later_replies_change_nothing() {
        for first in [200, 481, 403] {
            let leg = Leg::waiting(1, false).after(Final::Code(first)).unwrap();
            for second in [Final::Code(200), Final::Code(500), Final::NotSent] {
                assert_eq!(leg.after(second), None);
            }
        }
        assert_eq!(Leg::default().after(Final::Code(200)), None);
        assert_eq!(Leg::not_built().after(Final::Code(200)), None);
    }

    #[test]
    fn outcomes_of_every_pair() {
        use Outcome::{Completed, Failed, Gone, Partial};
        let leg = |text: &str| match text {
            "not built" => Leg::not_built(),
            "not sent" => Leg::waiting(1, false).after(Final::NotSent).unwrap(),
            "waiting" => Leg::waiting(1, false),
            code => Leg::waiting(1, false).after(Final::Code(code.parse().unwrap())).unwrap(),
        };
        for (called, calling, expected) in [
            ("200", "200", Some(Completed)),
            ("200", "202", Some(Completed)),
            ("200", "481", Some(Gone)),
            ("408", "200", Some(Gone)),
            ("not sent", "200", Some(Gone)),
            ("481", "408", Some(Gone)),
            ("200", "403", Some(Partial)),
            ("500", "481", Some(Partial)),
            ("200", "not built", Some(Partial)),
            ("not built", "408", Some(Partial)),
            ("403", "500", Some(Failed)),
            ("403", "not built", Some(Failed)),
            ("200", "waiting", None),
            ("waiting", "not built", None),
        ] {
            assert_eq!(outcome(leg(called), leg(calling)), expected, "{called} {calling}");
            assert_eq!(outcome(leg(calling), leg(called)), expected, "{calling} {called}");
        }
        assert_eq!(outcome(Leg::default(), Leg::default()), None);
    }

    #[test]
    fn words_and_back() {
        for state in [LegState::Waiting, LegState::Done, LegState::Gone, LegState::Failed, LegState::NotBuilt] {
            for (code, attempts, cseq, looped) in [(0, 0, 0, false), (699, 7, (1 << 31) - 1, true)] {
                let leg = Leg { state, code, attempts, cseq, looped };
                assert!(leg.to_word() < 1 << 48);
                assert_eq!(Leg::from_word(leg.to_word()), leg);
            }
        }
        for phase in [Phase::None, Phase::UnderWay, Phase::Ended] {
            let release = Release { phase, cause: 699, started: SECONDS };
            assert!(release.to_word() < 1 << 48);
            assert_eq!(Release::from_word(release.to_word()), release);
        }
        assert_eq!((Leg::default().to_word(), Release::default().to_word()), (0, 0));
    }
}
