// SPDX-License-Identifier: MIT OR Apache-2.0
//! A user's own BYE that was on its way when the release started. It holds both of ours until it is answered. An
//! answer that ends the session settles both legs, and no BYE of ours goes out; a refusal frees them at once.

use crate::capture::Captured;
use crate::capture::change::ends_session;
use crate::dialog::User;
use crate::message::StartLine;
use crate::pending::{Leg, LegState, Phase, Release};
use crate::store::{Id, Store, WORDS};

use super::words::{LEG_CALLED, LEG_CALLING, RELEASE, Times, UserBye, bye_is_under_way, leg_to};
use super::{MILLIS, Registry, RegistryError, TIMER_B, TRIES, other};

impl<S: Store> Registry<S> {
    /// Whether a user's BYE holds ours back: for 64*T1 from the start of the release, whatever BYEs come meanwhile, and
    /// never so long that no attempt fits before the deadline.
    pub(super) fn is_crossed(&self, words: &[u64; WORDS], now: u64) -> bool {
        let hold = TIMER_B.min(self.deadline.saturating_sub(self.attempt + MILLIS));
        // The second in which the release started is not over with its beginning.
        let begun = Release::from_word(words[RELEASE]).started.saturating_add(1).saturating_mul(MILLIS);
        bye_is_under_way(words) && now < begun.saturating_add(hold)
    }

    /// Takes in the answer to a BYE of `sender` on a dialog under release; that of another than the one which holds
    /// ours changes nothing. Both legs have then ended with its code, and the sweep tells it: this may be called under
    /// a lock of the host.
    pub(super) fn crossing_answered(
        &self,
        id: Id,
        sender: User,
        reply: &Captured<'_>,
        now: u64,
    ) -> Result<(), RegistryError> {
        let StartLine::Reply { code: code @ 200.. } = reply.start else { return Ok(()) };
        let to = other(sender);
        let release = self.release(id)?;
        if release.phase != Phase::UnderWay || !self.is_under_way(id, sender, reply.cseq)? {
            return Ok(());
        }
        let state = match code {
            ..300 => LegState::Done,
            _ if ends_session(code) => LegState::Gone,
            _ => {
                let refused = UserBye { cseq: reply.cseq, refused: true };
                self.change(id, leg_to(to), |word| refused.noted(word))?;
                return Ok(());
            }
        };
        let elapsed = Times::now(now, release.started);
        // The sender's first: as long as the other one holds it no BYE of ours goes out.
        for user in [sender, to] {
            self.end_unsent(id, user, Leg { state, code, ..Leg::default() }, elapsed)?;
        }
        Ok(())
    }

    /// Does what a process that was killed in the middle of that has left.
    pub(super) fn finish_crossing(&self, id: Id, elapsed: u64) -> Result<(), RegistryError> {
        let (called, calling) = (self.word(id, LEG_CALLED)?, self.word(id, LEG_CALLING)?);
        for (word, to, sender) in [(called, User::Called, calling), (calling, User::Calling, called)] {
            let sender = Leg::from_word(sender);
            let ended_unsent = sender.has_ended() && sender.attempts == 0;
            if ended_unsent && UserBye::from_word(word).is_some_and(|bye| !bye.refused) {
                self.end_unsent(id, to, sender, elapsed)?;
            }
        }
        Ok(())
    }

    /// Ends a leg, unless a BYE of ours was sent there: that one gets its own answer.
    fn end_unsent(&self, id: Id, to: User, leg: Leg, elapsed: u64) -> Result<(), RegistryError> {
        for _ in 0..TRIES {
            let word = self.word(id, leg_to(to))?;
            if Leg::from_word(word) != Leg::default() {
                return Ok(());
            }
            if self.store.compare_exchange(id, leg_to(to), word, leg.to_word())? {
                return self.set_time(id, to, elapsed);
            }
        }
        Ok(())
    }
}
