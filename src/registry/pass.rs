// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a request that comes in is to the releases of this proxy: our own BYE, a user's request on a dialog under
//! release, which is refused (TS 24.229 5.4.5.1.3), or the script's.

use crate::capture;
use crate::dialog::User;
use crate::message::StartLine;
use crate::pending::{LegState, Phase, Release};
use crate::store::{Id, Store};

use super::counters::Counter;
use super::mark::may_be_marked;
use super::observe::Member;
use super::words::{DETAIL, Detail};
use super::{Registry, RegistryError, other};

/// What a request is to the proxy's script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// The script's: no BYE of this library, or one on its way back from an application server; or a user's BYE from
    /// before the release, sent again while it holds ours.
    NotOurs,
    /// Our BYE, for the first time: the script routes it.
    First(Id),
    /// A request of a user on a dialog under release: it is to be answered 481 (TS 24.229 5.4.5.1.3).
    Refused(Id),
    /// An ACK on such a dialog: it is dropped, because no ACK is answered.
    Swallowed(Id),
    /// Our BYE again: its transaction or the stateless answer is sent again, the script does not run.
    Again {
        /// The dialog.
        id: Id,
        /// The code of the stateless answer that the script gave; 0: it gave none.
        answered: u16,
    },
}

impl<S: Store> Registry<S> {
    /// What a request is to the releases of this proxy. The first pass of our BYE through service control is given
    /// once. `now` is in milliseconds.
    pub fn recognise(&self, message: &[u8], from_own_socket: bool, now: u64) -> Result<Pass, RegistryError> {
        if may_be_marked(message)
            && let Some(pass) = self.counted(self.pass_of_ours(message, from_own_socket))?
        {
            return Ok(pass);
        }
        // What this proxy has sent itself must not fail on it.
        if from_own_socket || !self.refuse_requests || !self.counted(self.is_active(now))? {
            return Ok(Pass::NotOurs);
        }
        match self.refusal(message) {
            Err(RegistryError::NotFound | RegistryError::Message(_)) => Ok(Pass::NotOurs),
            pass => self.counted(pass),
        }
    }

    /// A user's request on a dialog under release.
    fn refusal(&self, message: &[u8]) -> Result<Pass, RegistryError> {
        let request = capture::read(message).map_err(RegistryError::Message)?;
        let StartLine::Request { method, .. } = request.start else { return Ok(Pass::NotOurs) };
        let Some(Member { id, sender }) = self.member(&request)? else { return Ok(Pass::NotOurs) };
        let release = self.release(id)?;
        if release.phase == Phase::None {
            return Ok(Pass::NotOurs);
        }
        let pass = match method {
            b"CANCEL" => Pass::NotOurs,
            b"ACK" => {
                let mut bytes = Vec::new();
                let acknowledged = self.load(id, &mut bytes)?.is_some_and(|(_, r)| r.invite_cseq == request.cseq);
                // The called user acknowledges nothing with a number that is the calling user's.
                if acknowledged && sender == User::Calling { Pass::NotOurs } else { Pass::Swallowed(id) }
            }
            // It was sent on before the release started, once more: it belongs to that one's transaction.
            b"BYE" if self.is_under_way(id, sender, request.cseq)? => Pass::NotOurs,
            // Where ours does not end the session at the other user, this one may.
            b"BYE" if !self.ends_at(id, other(sender), release)? => Pass::NotOurs,
            _ => Pass::Refused(id),
        };
        if method == b"BYE" && pass == Pass::Refused(id) && !may_be_marked(message) {
            // Whatever it answers to ours: it has ended the session itself. A late copy of ours is none of its.
            self.change(id, DETAIL, |word| Some(Detail::from_word(word).with_hung_up(sender).to_word()))?;
        }
        if matches!(pass, Pass::Refused(_)) {
            self.counters.add(&self.store, Counter::RefusedRequests);
        }
        Ok(pass)
    }

    /// Whether the session ends, or has ended, at a user by our BYE.
    fn ends_at(&self, id: Id, user: User, release: Release) -> Result<bool, RegistryError> {
        let leg = self.leg(id, user)?;
        Ok(match leg.state {
            LegState::Failed | LegState::NotBuilt => false,
            LegState::Done => true,
            LegState::Gone => leg.code != 0,
            LegState::Idle | LegState::Waiting => !release.phase.is_over(),
        })
    }
}
