// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is left when all processes of a host have died: releases whose BYEs nobody waits for any more.

use crate::dialog::User;
use crate::pending::{self, ATTEMPTS, Leg, LegState, Outcome, Phase, Release};
use crate::store::{Id, Store};

use super::counters::{Counter, Moment};
use super::release::ended;
use super::words::{DETAIL, Detail, RELEASE, TIMES, Times, leg_to};
use super::{MILLIS, Registry, RegistryError};

/// What was taken up again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resumed {
    /// Releases under way.
    pub releases: u64,
    /// Their BYEs that are sent again.
    pub byes: u64,
    /// Releases whose outcome was just being told: nobody knows whether it was heard, and it is not told twice.
    pub unconfirmed: u64,
}

/// Records looked at in one step.
const PAGE: usize = 1024;

impl<S: Store> Registry<S> {
    /// Takes up what an earlier run of the host has left: a BYE whose reply nobody can receive any more is due again,
    /// with the next CSeq, and the deadline counts from now; where a host has more of them than it can send until then,
    /// from when all have had their turn, and at most for ten times as long. A user who has had the first answers 481,
    /// which ends the leg. `now` is in milliseconds.
    ///
    /// Once, when the registry was opened, and before any other process uses it: another one may be waiting for the
    /// replies. What kills it half-way is mended by the next one.
    pub fn resume(&self, now: u64) -> Result<Resumed, RegistryError> {
        for moment in [Moment::Resumed, Moment::Restarted] {
            self.counters.put_off(&self.store, moment, now.div_ceil(MILLIS))?;
        }
        self.stay_active(now)?;
        let mut resumed = Resumed::default();
        let mut cursor = 0;
        loop {
            let mut ids = Vec::with_capacity(PAGE);
            cursor = self.store.scan(cursor, PAGE, &mut |id| ids.push(id))?;
            for id in ids.into_iter().filter(|id| !self.counters.holds(*id)) {
                match self.resume_one(id, now, &mut resumed) {
                    Ok(()) | Err(RegistryError::NotFound) => {}
                    Err(error) => return self.counted(Err(error)),
                }
            }
            if cursor == 0 {
                return Ok(resumed);
            }
        }
    }

    fn resume_one(&self, id: Id, now: u64, resumed: &mut Resumed) -> Result<(), RegistryError> {
        let release = self.release(id)?;
        match release.phase {
            Phase::None | Phase::Told => {}
            Phase::UnderWay => {
                resumed.releases += 1;
                for to in [User::Called, User::Calling] {
                    resumed.byes += u64::from(self.resume_leg(id, to, Times::now(now, release.started))?);
                }
            }
            Phase::Telling => resumed.unconfirmed += u64::from(self.give_up_telling(id, release)?),
        }
        Ok(())
    }

    /// Whether its BYE is to be sent.
    fn resume_leg(&self, id: Id, to: User, elapsed: u64) -> Result<bool, RegistryError> {
        let leg = self.leg(id, to)?;
        if leg.state == LegState::Idle {
            return Ok(true);
        }
        if leg.state != LegState::Waiting {
            return Ok(false);
        }
        let again = leg.attempts < ATTEMPTS;
        let next = if again { leg.again() } else { Leg { state: LegState::Failed, ..leg } };
        self.change(id, leg_to(to), |_| Some(next.to_word()))?;
        self.set_time(id, to, elapsed)?;
        Ok(again)
    }

    /// The process that told this outcome has died, or is lost: it stays as it is. `true` for the one that notes it.
    pub(super) fn give_up_telling(&self, id: Id, release: Release) -> Result<bool, RegistryError> {
        let mut bytes = Vec::new();
        let record = self.load(id, &mut bytes)?.map(|(_, record)| record);
        let legs = (self.leg(id, User::Called)?, self.leg(id, User::Calling)?);
        let (detail, times) = (Detail::from_word(self.word(id, DETAIL)?), Times::from_word(self.word(id, TIMES)?));
        let told = Release { phase: Phase::Told, unconfirmed: true, ..release };
        let noted = self.store.compare_exchange(id, RELEASE, release.to_word(), told.to_word())?;
        if noted {
            self.counters.add(&self.store, Counter::Unconfirmed);
            if let Some(unconfirmed) = &self.unconfirmed {
                let outcome = pending::outcome(legs.0, legs.1).filter(|_| !release.expired).unwrap_or(Outcome::Expired);
                let until = release.started * MILLIS + times.of(User::Called).max(times.of(User::Calling));
                unconfirmed(&ended(id, outcome, release, record.as_ref(), legs, (detail, times), until));
            }
        }
        Ok(noted)
    }
}
