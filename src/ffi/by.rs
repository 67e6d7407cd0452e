// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who has asked for a release, in numbers.

use super::status::{IMS_RELEASE_ARGUMENT, Status};
use crate::registry::{By, MAX_JOBS};

/// `by`: the host, which does not say who.
pub const IMS_RELEASE_BY_HOST: u32 = 0;
/// `by`: a script of the host.
pub const IMS_RELEASE_BY_SCRIPT: u32 = 1;
/// `by`: an operator.
pub const IMS_RELEASE_BY_RPC: u32 = 2;
/// `by`: a job, whose number is beside it. The library tells it, and is not told it.
pub const IMS_RELEASE_BY_JOB: u32 = 3;

/// Who, and the number of the job.
pub(super) fn number_of_by(by: By) -> (u32, u32) {
    match by {
        By::Host => (IMS_RELEASE_BY_HOST, 0),
        By::Script => (IMS_RELEASE_BY_SCRIPT, 0),
        By::Rpc => (IMS_RELEASE_BY_RPC, 0),
        By::Job(number) => (IMS_RELEASE_BY_JOB, number.into()),
    }
}

/// Whether it is anybody by these numbers. In the path of each BYE: without a branch.
#[inline]
pub(super) fn is_by(by: u32, job: u32) -> bool {
    (by <= IMS_RELEASE_BY_RPC) & (job <= MAX_JOBS as u32) & ((by == 0) | (job == 0))
}

/// Who it is by these numbers.
pub(super) fn by_of_number(by: u32, job: u32) -> Result<By, Status> {
    match (by, u8::try_from(job)) {
        (IMS_RELEASE_BY_HOST, Ok(0)) => Ok(By::Host),
        (IMS_RELEASE_BY_SCRIPT, Ok(0)) => Ok(By::Script),
        (IMS_RELEASE_BY_RPC, Ok(0)) => Ok(By::Rpc),
        (IMS_RELEASE_BY_HOST, Ok(number @ 1..=MAX_JOBS)) => Ok(By::Job(number)),
        _ => Err(IMS_RELEASE_ARGUMENT),
    }
}
