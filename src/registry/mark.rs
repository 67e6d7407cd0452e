// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the proxy knows its own BYE when it comes in through its own socket for service control.
//!
//! The topmost Via, which the host's transaction layer writes, gets a parameter: the number of the dialog, and a keyed
//! digest of it, the leg and the CSeq. Nobody without the store's secret can make one. A copy of it (the far user sees
//! the whole Via stack) does not help: it counts only in the topmost Via, from the own socket, for one pass; any later
//! one is a retransmission.

use core::hash::Hasher;

use memchr::memmem;
use siphasher::sip::SipHasher24;

use crate::capture;
use crate::dialog::User;
use crate::message::{Message, StartLine};
use crate::pending::{LegState, Phase};
use crate::store::{Id, Store};

use super::mend::{mended, topmost_via};
use super::words::{LOOP, Loop};
use super::{Registry, RegistryError};

/// What a request is to the proxy's script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Not a BYE of this library.
    NotOurs,
    /// Our BYE, for the first time: the script routes it.
    First(Id),
    /// Our BYE again: its transaction or the stateless answer is sent again, the script does not run.
    Again {
        /// The dialog.
        id: Id,
        /// The code of the stateless answer that the script gave; 0: it gave none.
        answered: u16,
    },
}

const PARAMETER: &[u8] = b";ims-release=";
/// Number and digest in hexadecimal.
const DIGITS: usize = 32;

impl<S: Store> Registry<S> {
    /// Mends our BYE as the host has `printed` it: the values of its first From and To become those of `ours`, byte by
    /// byte, and where it goes through the own socket its topmost Via gets the mark. All else stays as printed, so what
    /// the host or its operator added is kept, and the host's transaction knows its replies. `ours` is the BYE as
    /// [`Registry::start`] built it; a Via in it does not matter. Writes the message into `buffer` and returns its
    /// length.
    ///
    /// Errors: [`RegistryError::NotReleasing`] where no reply to that leg is awaited, [`RegistryError::Incomplete`]
    /// where one of these headers is missing, [`RegistryError::BufferTooSmall`] with the length needed and nothing
    /// written.
    pub fn adopt(
        &self,
        id: Id,
        to: User,
        ours: &[u8],
        printed: &[u8],
        buffer: &mut [u8],
    ) -> Result<usize, RegistryError> {
        let leg = self.counted(self.leg(id, to))?;
        if leg.state != LegState::Waiting {
            return Err(RegistryError::NotReleasing);
        }
        let mark = if leg.looped { self.mark(id, to, leg.cseq) } else { Vec::new() };
        let pieces = mended(ours, printed, &mark).ok_or(RegistryError::Incomplete)?;
        let length = pieces.iter().map(|p| p.len()).sum();
        let Some(buffer) = buffer.get_mut(..length) else {
            let (called, calling) = if to == User::Called { (length, 0) } else { (0, length) };
            return Err(RegistryError::BufferTooSmall { called, calling });
        };
        let mut at = 0;
        for piece in pieces {
            buffer[at..at + piece.len()].copy_from_slice(piece);
            at += piece.len();
        }
        Ok(length)
    }

    /// Whether a request is our BYE on its way through service control. The first pass is given once.
    pub fn recognise(&self, message: &[u8], from_own_socket: bool) -> Result<Pass, RegistryError> {
        if !from_own_socket || memmem::find(message, PARAMETER).is_none() {
            return Ok(Pass::NotOurs);
        }
        let Some((id, digest, cseq)) = read_mark(message) else {
            return Ok(Pass::NotOurs);
        };
        let Some(to) = [User::Called, User::Calling].into_iter().find(|to| same(self.digest(id, *to, cseq), digest))
        else {
            return Ok(Pass::NotOurs);
        };
        match self.pass(id, to, cseq) {
            // Ours, but late: the release has ended. The script has had it.
            Err(RegistryError::NotFound) => Ok(Pass::Again { id, answered: 0 }),
            pass => self.counted(pass),
        }
    }

    fn pass(&self, id: Id, to: User, cseq: u32) -> Result<Pass, RegistryError> {
        let leg = self.leg(id, to)?;
        let awaited = self.release(id)?.phase == Phase::UnderWay && leg.looped && leg.cseq == cseq;
        let first = awaited
            && self.change(id, LOOP, |word| {
                let state = Loop::from_word(word);
                (!state.seen).then(|| Loop { seen: true, ..state }.to_word())
            })?;
        if first {
            return Ok(Pass::First(id));
        }
        let word = self.store.word(id, LOOP)?.ok_or(RegistryError::NotFound)?;
        Ok(Pass::Again { id, answered: Loop::from_word(word).answered })
    }

    /// The script answered our BYE without a transaction: a retransmission gets the same code.
    pub fn answered(&self, id: Id, code: u16) -> Result<(), RegistryError> {
        if !(100..700).contains(&code) {
            return Err(RegistryError::Code);
        }
        self.counted(self.change(id, LOOP, |word| Some(Loop { answered: code, ..Loop::from_word(word) }.to_word())))?;
        Ok(())
    }

    fn mark(&self, id: Id, to: User, cseq: u32) -> Vec<u8> {
        let digest = self.digest(id, to, cseq);
        let mut mark = PARAMETER.to_vec();
        mark.extend_from_slice(format!("{:016x}{digest:016x}", id.0).as_bytes());
        mark
    }

    fn digest(&self, id: Id, to: User, cseq: u32) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.store.secret());
        hasher.write(b"via");
        hasher.write(&id.0.to_le_bytes());
        hasher.write(&[u8::from(to == User::Calling)]);
        hasher.write(&cseq.to_le_bytes());
        hasher.finish()
    }
}

/// Compared in constant time: how long it takes does not tell how much of a guess is right.
fn same(a: u64, b: u64) -> bool {
    core::hint::black_box(a ^ b) == 0
}

/// Number, digest and CSeq of a BYE that is marked in its topmost Via.
fn read_mark(message: &[u8]) -> Option<(Id, u64, u32)> {
    let captured = capture::read(message).ok()?;
    if !matches!(captured.start, StartLine::Request { method: b"BYE", .. }) {
        return None;
    }
    let via = topmost_via(&Message::parse(message).ok()?)?;
    let start = memmem::find(via, PARAMETER)? + PARAMETER.len();
    let digits = via.get(start..start + DIGITS)?;
    if !matches!(via.get(start + DIGITS), None | Some(b';' | b' ' | b'\t' | b'\r' | b'\n')) {
        return None;
    }
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0u64, |n, d| match d {
            b'0'..=b'9' => Some(n << 4 | u64::from(d - b'0')),
            b'a'..=b'f' => Some(n << 4 | u64::from(d - b'a' + 10)),
            _ => None,
        })
    };
    let (id, digest) = digits.split_at(DIGITS / 2);
    Some((Id(number(id)?), number(digest)?, captured.cseq))
}
