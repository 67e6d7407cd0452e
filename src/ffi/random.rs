// SPDX-License-Identifier: MIT OR Apache-2.0
//! Randomness for the core, which takes it as an argument: safe across forks, without a lock.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rand::rand_core::TryRng;
use rand::rngs::SysRng;

use crate::Error;
use crate::release::Branch;

/// 64 bits from the operating system. A generator in user space would give all forked workers the same numbers.
pub(super) fn random() -> Result<u64, Error> {
    SysRng.try_next_u64().map_err(|_| Error::NoRandom)
}

static PREFIX: AtomicU64 = AtomicU64::new(0);
static PREFIX_OF: AtomicU32 = AtomicU32::new(0);
static COUNTER: AtomicU32 = AtomicU32::new(0);

/// Two Via branches that no process has used. The prefix belongs to one process: a child draws its own.
// Inlined, the digits of the prefix that both have are made once.
#[inline(always)]
pub(super) fn branches() -> Result<(Branch, Branch), Error> {
    let process = std::process::id();
    if PREFIX_OF.load(Ordering::Acquire) != process {
        // Two threads may both draw here; either prefix is new, and the counter keeps their branches apart.
        PREFIX.store(random()?, Ordering::Relaxed);
        PREFIX_OF.store(process, Ordering::Release);
    }
    let prefix = PREFIX.load(Ordering::Relaxed);
    let counter = COUNTER.fetch_add(2, Ordering::Relaxed);
    Ok((Branch { prefix, counter }, Branch { prefix, counter: counter.wrapping_add(1) }))
}
