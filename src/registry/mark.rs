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

use crate::capture::{self, Captured};
use crate::dialog::User;
use crate::message::{Message, Name, StartLine, list, name_addr, uri};
use crate::pending::{LegState, Phase};
use crate::store::{Id, Store};

use super::mend::mended;
use super::observe::Member;
use super::pass::Pass;
use super::words::{DETAIL, Detail, Service};
use super::{Registry, RegistryError, other};

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
        let looped = self.counted(self.release(id))?.loops(to, leg);
        let mark = if looped { self.mark(id, to, leg.cseq) } else { Vec::new() };
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

    /// What a request is as a BYE of ours; `None`: it is none, or not any more.
    pub(super) fn pass_of_ours(&self, message: &[u8], from_own_socket: bool) -> Result<Option<Pass>, RegistryError> {
        let Ok(captured) = capture::read(message) else { return Ok(None) };
        if !matches!(captured.start, StartLine::Request { method: b"BYE", .. }) {
            return Ok(None);
        }
        let mut marks = marks(message).into_iter();
        if let Some(Some(mark)) = marks.next()
            && let Some((id, to)) = self.of_mark(mark, captured.cseq)
        {
            if !from_own_socket {
                return Ok(None);
            }
            return match self.pass(id, to, captured.cseq) {
                // Ours, but late: the release has ended. The script has had it.
                Err(RegistryError::NotFound) => Ok(Some(Pass::Again { id, answered: 0 })),
                pass => pass.map(Some),
            };
        }
        // Further down the stack it has come back from an application server, by a branch of that one.
        for mark in marks.flatten() {
            if let Some((id, to)) = self.of_mark(mark, captured.cseq)
                && self.awaits(id, to, captured.cseq)?
                && self.is_of_leg(&captured, id, to)?
            {
                return Ok(Some(Pass::NotOurs));
            }
        }
        Ok(None)
    }

    /// The dialog and the leg, where the digest is right.
    fn of_mark(&self, (id, digest): (Id, u64), cseq: u32) -> Option<(Id, User)> {
        let to = [User::Called, User::Calling].into_iter().find(|to| same(self.digest(id, *to, cseq), digest))?;
        Some((id, to))
    }

    /// Whether the BYE with this CSeq is out, through service control.
    fn awaits(&self, id: Id, to: User, cseq: u32) -> Result<bool, RegistryError> {
        let (release, leg) = match (self.release(id), self.leg(id, to)) {
            (Ok(release), Ok(leg)) => (release, leg),
            (Err(RegistryError::NotFound), _) | (_, Err(RegistryError::NotFound)) => return Ok(false),
            (Err(error), _) | (_, Err(error)) => return Err(error),
        };
        Ok(release.phase == Phase::UnderWay
            && release.loops(to, leg)
            && leg.state == LegState::Waiting
            && leg.cseq == cseq)
    }

    /// Whether a message has the tags of our BYE to a user. The mark alone does not tell: that user sees it, and may put
    /// it below the Via of a BYE of its own.
    fn is_of_leg(&self, message: &Captured<'_>, id: Id, to: User) -> Result<bool, RegistryError> {
        let member = self.member(message)?;
        Ok(member.is_some_and(|Member { id: of, sender }| of == id && sender == other(to)))
    }

    fn pass(&self, id: Id, to: User, cseq: u32) -> Result<Pass, RegistryError> {
        let attempt = self.leg(id, to)?.attempts;
        let first = self.awaits(id, to, cseq)?
            && self.change(id, DETAIL, |word| {
                let detail = Detail::from_word(word);
                let service = Service { attempt, ..Service::default() };
                (detail.service.attempt != attempt).then(|| Detail { service, ..detail }.to_word())
            })?;
        if first {
            return Ok(Pass::First(id));
        }
        let answered = Detail::from_word(self.word(id, DETAIL)?).service(attempt).answered;
        Ok(Pass::Again { id, answered })
    }

    /// The script answered our BYE without a transaction: a retransmission gets the same code.
    pub fn answered(&self, id: Id, code: u16) -> Result<(), RegistryError> {
        if !(100..700).contains(&code) {
            return Err(RegistryError::Code);
        }
        self.counted(self.change_service(id, |service| Service { answered: code, ..service }))
    }

    /// A request that this proxy has sent: where it is our BYE, with no own entry before it any more, it is on its way
    /// to the far user, and what comes back is that user's answer.
    pub fn sent_on(&self, message: &[u8]) -> Result<(), RegistryError> {
        if !may_be_marked(message) {
            return Ok(());
        }
        let Ok(captured) = capture::read(message) else { return Ok(()) };
        let own = self.own();
        let is_own = |entry: &[u8]| {
            let uri = name_addr::parse(entry).and_then(|entry| uri::cut(entry.uri));
            uri.is_some_and(|uri| own.iter().any(|own| own.matches(&uri)))
        };
        if captured.route.split(|b| *b == b'\n').flat_map(list::elements).flatten().any(is_own) {
            return Ok(());
        }
        for mark in marks(message).into_iter().flatten() {
            if let Some((id, to)) = self.of_mark(mark, captured.cseq)
                && self.counted(self.awaits(id, to, captured.cseq))?
                && self.counted(self.is_of_leg(&captured, id, to))?
            {
                self.counted(self.change_service(id, |service| Service { sent_on: true, ..service }))?;
            }
        }
        Ok(())
    }

    /// What is known of the present attempt at service control.
    fn change_service(&self, id: Id, change: impl Fn(Service) -> Service) -> Result<(), RegistryError> {
        let Some(to) = self.release(id)?.looped else { return Ok(()) };
        let attempt = self.leg(id, to)?.attempts;
        self.change(id, DETAIL, |word| {
            let detail = Detail::from_word(word);
            let service = Service { attempt, ..change(detail.service(attempt)) };
            Some(Detail { service, ..detail }.to_word())
        })?;
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

/// Whether there may be a mark in it: a quick look.
pub(super) fn may_be_marked(message: &[u8]) -> bool {
    memmem::find(message, PARAMETER).is_some()
}

/// The marks in the values of Via, from the topmost on.
fn marks(message: &[u8]) -> Vec<Option<(Id, u64)>> {
    let Ok(message) = Message::parse(message) else { return Vec::new() };
    let rows = message.headers().filter(|header| header.name == Name::Via);
    rows.flat_map(|row| list::elements(row.value)).flatten().map(read_mark).collect()
}

/// Number and digest of a value of Via that is marked.
fn read_mark(via: &[u8]) -> Option<(Id, u64)> {
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
    Some((Id(number(id)?), number(digest)?))
}
