// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state machine of one release: two legs, their final replies, the outcome. Pure; each state packs into a word of
//! 48 bits, so that whoever sees a reply changes it with one compare-and-swap.

use crate::dialog::User;

/// What has come of a BYE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Final {
    /// A reply, or the code that a transaction layer gives a time-out (408).
    Code(u16),
    /// It could not be sent.
    NotSent,
    /// The host has no room to send it now: nobody was told anything.
    Later,
    /// Nobody has said what came of it for so long that no reply can come any more: the process that had it has died,
    /// perhaps before it sent it.
    Unreported,
}

/// Whether a refusal of a BYE says that its receiver has no such session any more: 481 and 408 (RFC 3261 15.1.1), and
/// the codes that end the dialog or the usage (RFC 5057 5.1, table 1).
pub fn ends_session(code: u16) -> bool {
    matches!(code, 404 | 405 | 408 | 410 | 416 | 480..=485 | 489 | 501 | 502 | 604)
}

/// How far a leg is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LegState {
    /// No release is under way; of one that is, the BYE is not sent yet, or is to be sent again.
    #[default]
    Idle,
    /// The BYE is out, no final reply yet.
    Waiting,
    /// Answered 2xx.
    Done,
    /// There is no session at that end: 481, 408, time-out, or not sent (RFC 3261 15.1.1), or another code that ends
    /// it, see [`ends_session`].
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
    /// The final code; 0 without one. Of a BYE that is sent again the code for which it is.
    pub code: u16,
    /// How often the BYE was sent.
    pub attempts: u8,
    /// CSeq of the BYE sent last, below 2^31.
    pub cseq: u32,
    /// Whether it goes past service control, straight to the far user, because it was not sent on there.
    pub bypass: bool,
}

/// What is known of a BYE beside its reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Around {
    /// It went to service control, and was not seen leaving for the far user.
    pub kept_back: bool,
    /// It was seen leaving service control for the far user.
    pub sent_on: bool,
    /// It was sent again already, because of a 500 or 503, or because nobody said what came of it.
    pub retried: bool,
    /// Milliseconds that the receiver wants to be left alone (RFC 3261 20.33).
    pub retry_after: u64,
    /// Milliseconds to the deadline of the release.
    pub left: u64,
    /// Milliseconds after which no reply to a BYE can come any more.
    pub attempt: u64,
    /// Its receiver has sent a BYE of its own after the start, which was refused.
    pub hung_up: bool,
    /// The host has given credentials for its challenge.
    pub credentials: bool,
}

/// What a host leaves to the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// A BYE answered 500 or 503 is sent once more, with a higher CSeq (RFC 3261 12.2.2, 21.5.4).
    pub retry: bool,
    /// A BYE that service control has kept back goes straight to the far user.
    pub bypass: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { retry: true, bypass: true }
    }
}

/// What a reply makes of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it is provisional, late, or of no release.
    Nothing,
    /// The leg is final.
    Final(Leg),
    /// The BYE is to be sent again, after so many milliseconds.
    Again {
        /// The leg until then.
        leg: Leg,
        /// How long.
        wait: u64,
    },
}

/// How long a host without room is left alone, in milliseconds.
const LATER: u64 = 1_000;

/// For how long a receiver is left alone at most that asks for it, in milliseconds: 64*T1. Who asks for longer would
/// hold the release up, and the others that wait for its end.
const REST: u64 = 32_000;

/// The code of a transaction that got no reply.
const TIME_OUT: u16 = 408;

/// How often a BYE is sent at most, whatever happens.
pub const ATTEMPTS: u8 = 7;

impl Leg {
    /// A leg whose BYE is about to be sent.
    pub fn waiting(cseq: u32) -> Self {
        Self::default().sent(cseq)
    }

    /// The leg with its BYE sent once more.
    pub fn sent(self, cseq: u32) -> Self {
        Self { state: LegState::Waiting, attempts: self.attempts + 1, cseq, ..self }
    }

    /// A leg whose BYE could not be built.
    pub fn not_built(self) -> Self {
        Self { state: LegState::NotBuilt, ..self }
    }

    /// The leg with its BYE to be sent again.
    pub fn again(self) -> Self {
        Self { state: LegState::Idle, ..self }
    }

    /// The leg after a reply.
    pub fn after(self, reply: Final, around: &Around, policy: Policy) -> Next {
        if self.state != LegState::Waiting {
            return Next::Nothing;
        }
        let code = match reply {
            Final::Code(..200) => return Next::Nothing,
            Final::Code(code) => code.min(CODES),
            Final::NotSent | Final::Later => 0,
            Final::Unreported => TIME_OUT,
        };
        let ended = |state| Next::Final(Self { state, code, ..self });
        let again = |bypass, wait| match (self.attempts < ATTEMPTS, wait < around.left) {
            (true, true) => Next::Again { leg: Self { code, bypass, ..self.again() }, wait },
            _ => ended(LegState::Failed),
        };
        let rests = around.retry_after <= REST
            && (around.retry_after == 0 || around.retry_after + around.attempt < around.left);
        if reply == Final::Later {
            // Nothing was sent: it does not count as an attempt, and only the deadline bounds it.
            let leg = Self { attempts: self.attempts.saturating_sub(1), ..self.again() };
            let in_time = LATER < around.left;
            return if in_time { Next::Again { leg, wait: LATER } } else { ended(LegState::Failed) };
        }
        match code {
            200..=299 => ended(LegState::Done),
            // Whatever it says: the session was over for it with its own BYE (RFC 3261 15.1.1).
            _ if around.hung_up => ended(LegState::Gone),
            // Nobody told the far user. What service control refuses with another code is its decision.
            0 | 408 | 500..=599 if around.kept_back && policy.bypass => again(true, 0),
            _ if around.kept_back => ended(LegState::Failed),
            500 | 503 if policy.retry && !around.retried && rests => again(self.bypass, around.retry_after),
            _ if reply == Final::Unreported && !around.retried && !around.sent_on && around.attempt < around.left => {
                again(self.bypass, 0)
            }
            401 | 407 if around.credentials => again(self.bypass, 0),
            0 => ended(LegState::Gone),
            code if ends_session(code) => ended(LegState::Gone),
            _ => ended(LegState::Failed),
        }
    }

    /// Nothing more is awaited.
    pub fn is_final(self) -> bool {
        !matches!(self.state, LegState::Idle | LegState::Waiting)
    }

    /// The session has ended at that user.
    pub fn has_ended(self) -> bool {
        matches!(self.state, LegState::Done | LegState::Gone)
    }

    /// As a word: code 10 bits, state 3, attempts 3, CSeq 31, bypass 1.
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
            | u64::from(self.attempts.min(ATTEMPTS)) << 13
            | u64::from(self.cseq & (u32::MAX >> 1)) << 16
            | u64::from(self.bypass) << 47
    }

    /// From a word; no leg where it holds something else.
    pub fn from_word(word: u64) -> Self {
        let state = match word >> 10 & 7 {
            0 => LegState::Idle,
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
            bypass: word >> 47 & 1 == 1,
        }
    }
}

/// A code fits ten bits.
const CODES: u16 = 1023;

/// How a release ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Both BYEs were answered 2xx; or a user's own was, which was under way when the release started.
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

/// The release itself: claimed by the one process that starts it, and once more by the one that tells its outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Release {
    /// How far it is.
    pub phase: Phase,
    /// The deadline came before both replies.
    pub expired: bool,
    /// A process died while it told the outcome: nobody knows whether it was heard.
    pub unconfirmed: bool,
    /// The BYE to this user goes to the proxy's own socket, for service control.
    pub looped: Option<User>,
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
    /// BYEs are out or due.
    UnderWay,
    /// Its outcome is being told.
    Telling,
    /// It was told. The dialog stays known a while for what comes late.
    Told,
}

impl Phase {
    /// Whether the outcome is settled.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Telling | Self::Told)
    }
}

impl Release {
    /// Whether the BYE of this leg to `to` goes through the proxy's own socket.
    pub fn loops(self, to: User, leg: Leg) -> bool {
        self.looped == Some(to) && !leg.bypass
    }

    /// As a word: phase 2 bits, expired 1, unconfirmed 1, looped 2, cause 10, start 32.
    pub fn to_word(self) -> u64 {
        let phase = match self.phase {
            Phase::None => 0,
            Phase::UnderWay => 1,
            Phase::Telling => 2,
            Phase::Told => 3,
        };
        let looped = match self.looped {
            None => 0,
            Some(User::Called) => 1,
            Some(User::Calling) => 2,
        };
        phase
            | u64::from(self.expired) << 2
            | u64::from(self.unconfirmed) << 3
            | looped << 4
            | u64::from(self.cause & CODES) << 6
            | (self.started & SECONDS) << 16
    }

    /// From a word.
    pub fn from_word(word: u64) -> Self {
        let phase = match word & 3 {
            0 => Phase::None,
            1 => Phase::UnderWay,
            2 => Phase::Telling,
            _ => Phase::Told,
        };
        Self {
            phase,
            expired: word >> 2 & 1 == 1,
            unconfirmed: word >> 3 & 1 == 1,
            looped: match word >> 4 & 3 {
                1 => Some(User::Called),
                2 => Some(User::Calling),
                _ => None,
            },
            cause: (word >> 6) as u16 & CODES,
            started: word >> 16 & SECONDS,
        }
    }
}

const SECONDS: u64 = (1 << 32) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: Around = Around {
        kept_back: false,
        sent_on: false,
        retried: false,
        retry_after: 0,
        left: 60_000,
        attempt: 0,
        hung_up: false,
        credentials: false,
    };

    fn ended(leg: Leg, reply: Final) -> Leg {
        match leg.after(reply, &Around { retried: true, ..LEFT }, Policy::default()) {
            Next::Final(leg) => leg,
            other => panic!("{other:?}"),
        }
    }

    /// What a reply to the first BYE makes of it, in a word.
    fn after(reply: Final, around: &Around, policy: Policy) -> String {
        match Leg::waiting(1).after(reply, around, policy) {
            Next::Nothing => "nothing".into(),
            Next::Final(leg) => format!("{:?}", leg.state),
            Next::Again { leg, wait } => {
                assert_eq!((leg.state, leg.attempts, leg.cseq), (LegState::Idle, 1, 1));
                format!("{} after {wait}", if leg.bypass { "bypass" } else { "again" })
            }
        }
    }

    #[test]
    fn t58_t59_t60_t61_each_code() {
        let kept_back = Around { kept_back: true, ..LEFT };
        for code in 100..700 {
            let (direct, in_service_control) = match code {
                100..=199 => ("nothing", "nothing"),
                200..=299 => ("Done", "Done"),
                404 | 405 | 410 | 416 | 480..=485 | 489 => ("Gone", "Failed"),
                408 | 501 | 502 => ("Gone", "bypass after 0"),
                500 | 503 => ("again after 0", "bypass after 0"),
                504..=599 => ("Failed", "bypass after 0"),
                604 => ("Gone", "Failed"),
                _ => ("Failed", "Failed"),
            };
            assert_eq!(after(Final::Code(code), &LEFT, Policy::default()), direct, "{code}");
            assert_eq!(after(Final::Code(code), &kept_back, Policy::default()), in_service_control, "{code}");
        }
        let mut leg = Leg::default();
        for _ in 0..20 {
            let next = leg.sent(7).after(Final::Later, &kept_back, Policy { retry: false, bypass: false });
            let Next::Again { leg: again, wait: 1_000 } = next else { panic!("{next:?}") };
            leg = again;
            assert_eq!((leg.state, leg.attempts, leg.bypass), (LegState::Idle, 0, false));
        }
        assert_eq!(after(Final::Later, &Around { left: 1_000, ..LEFT }, Policy::default()), "Failed");
        assert_eq!(after(Final::NotSent, &LEFT, Policy::default()), "Gone");
        assert_eq!(after(Final::NotSent, &kept_back, Policy::default()), "bypass after 0");
    }

    #[test]
    fn t57_who_has_hung_up_has_no_session() {
        let hung_up = Around { hung_up: true, kept_back: true, ..LEFT };
        for code in [401, 403, 408, 481, 500, 503, 603] {
            assert_eq!(after(Final::Code(code), &hung_up, Policy::default()), "Gone", "{code}");
        }
        assert_eq!(after(Final::Code(200), &hung_up, Policy::default()), "Done");
    }

    #[test]
    fn t60_a_challenge_is_answered_where_the_host_can() {
        let given = Around { credentials: true, ..LEFT };
        let no_retry = Policy { retry: false, bypass: false };
        for code in [401, 407] {
            for (around, expected) in [
                (LEFT, "Failed"),
                (given, "again after 0"),
                (Around { retried: true, ..given }, "again after 0"),
                (Around { left: 0, ..given }, "Failed"),
                (Around { kept_back: true, ..given }, "Failed"),
                (Around { hung_up: true, ..given }, "Gone"),
            ] {
                assert_eq!(after(Final::Code(code), &around, no_retry), expected, "{around:?}");
            }
        }
        assert_eq!(after(Final::Code(403), &given, no_retry), "Failed");
    }

    #[test]
    fn t61_once_more_and_only_in_time() {
        let all = Policy::default();
        let (no_retry, no_bypass) = (Policy { retry: false, ..all }, Policy { bypass: false, ..all });
        let later = Around { retry_after: 10_000, ..LEFT };
        let kept_back = Around { kept_back: true, ..LEFT };
        for (code, around, policy, expected) in [
            (500, LEFT, all, "again after 0"),
            (503, later, all, "again after 10000"),
            (500, Around { retried: true, ..LEFT }, all, "Failed"),
            (503, Around { left: 10_000, ..later }, all, "Failed"),
            (503, Around { left: 10_001, ..later }, all, "again after 10000"),
            (500, LEFT, no_retry, "Failed"),
            // There is time for an answer, and for those who wait for the end of this release.
            (503, Around { left: 50_000, attempt: 40_000, ..later }, all, "Failed"),
            (503, Around { left: 50_001, attempt: 40_000, ..later }, all, "again after 10000"),
            (503, Around { retry_after: 32_000, ..LEFT }, all, "again after 32000"),
            (503, Around { retry_after: 33_000, ..LEFT }, all, "Failed"),
            (500, Around { left: 1, attempt: 40_000, ..LEFT }, all, "again after 0"),
            // The BYE that goes past service control is another one: it has its own second try.
            (500, kept_back, all, "bypass after 0"),
            (408, kept_back, no_bypass, "Failed"),
            (481, kept_back, no_bypass, "Failed"),
            (408, Around { left: 0, ..kept_back }, all, "Failed"),
        ] {
            assert_eq!(after(Final::Code(code), &around, policy), expected, "{code} {around:?} {policy:?}");
        }
        let mut leg = Leg::default();
        for attempt in 1..=ATTEMPTS {
            leg = leg.sent(attempt.into());
            match leg.after(Final::Code(500), &LEFT, all) {
                Next::Again { leg: again, .. } => leg = again,
                Next::Final(last) => assert_eq!((last.state, attempt), (LegState::Failed, ATTEMPTS)),
                Next::Nothing => panic!("a final reply"),
            }
        }
    }

    #[test]
    fn t59_what_nobody_tells_of_is_sent_once_more() {
        let attempt = Around { attempt: 40_000, ..LEFT };
        for (around, expected) in [
            (attempt, "again after 0"),
            (Around { retried: true, ..attempt }, "Gone"),
            (Around { left: 40_000, ..attempt }, "Gone"),
            // It has left for the far user, so it was sent.
            (Around { sent_on: true, ..attempt }, "Gone"),
            (Around { kept_back: true, ..attempt }, "bypass after 0"),
            (Around { hung_up: true, ..attempt }, "Gone"),
        ] {
            let never = Policy { retry: false, ..Policy::default() };
            for policy in [Policy::default(), never] {
                assert_eq!(after(Final::Unreported, &around, policy), expected, "{around:?}");
            }
        }
    }

    #[test]
    fn t58_later_replies_change_nothing() {
        for first in [200, 481, 403] {
            let leg = ended(Leg::waiting(1), Final::Code(first));
            for second in [Final::Code(200), Final::Code(500), Final::NotSent] {
                assert_eq!(leg.after(second, &LEFT, Policy::default()), Next::Nothing);
            }
        }
        assert_eq!(Leg::default().after(Final::Code(200), &LEFT, Policy::default()), Next::Nothing);
        assert_eq!(Leg::default().not_built().after(Final::Code(200), &LEFT, Policy::default()), Next::Nothing);
    }

    #[test]
    fn outcomes_of_every_pair() {
        use Outcome::{Completed, Failed, Gone, Partial};
        let leg = |text: &str| match text {
            "not built" => Leg::default().not_built(),
            "not sent" => ended(Leg::waiting(1), Final::NotSent),
            "waiting" => Leg::waiting(1),
            code => ended(Leg::waiting(1), Final::Code(code.parse().unwrap())),
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
        use LegState::{Done, Failed, Gone, Idle, NotBuilt, Waiting};
        for state in [Idle, Waiting, Done, Gone, Failed, NotBuilt] {
            for (code, attempts, cseq, bypass) in [(0, 0, 0, false), (699, ATTEMPTS, (1 << 31) - 1, true)] {
                let leg = Leg { state, code, attempts, cseq, bypass };
                assert!(leg.to_word() < 1 << 48);
                assert_eq!(Leg::from_word(leg.to_word()), leg);
            }
        }
        for phase in [Phase::None, Phase::UnderWay, Phase::Telling, Phase::Told] {
            for (expired, unconfirmed, looped) in
                [(false, false, None), (false, true, Some(User::Called)), (true, false, Some(User::Calling))]
            {
                let release = Release { phase, expired, unconfirmed, looped, cause: 699, started: SECONDS };
                assert!(release.to_word() < 1 << 48);
                assert_eq!(Release::from_word(release.to_word()), release);
            }
        }
        assert_eq!((Leg::default().to_word(), Release::default().to_word()), (0, 0));
    }
}
