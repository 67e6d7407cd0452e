// SPDX-License-Identifier: MIT OR Apache-2.0
//! Selectors: the dialogs that an operator or a script means.

use crate::capture::{Record, Stage};
use crate::message::StartLine;
use crate::store::{Entry as Stored, Id, Store};

use super::list::Entry;
use super::words::{SEEN, Seen};
use super::{GROUP, Registry, RegistryError};

/// Which dialogs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selector<'a> {
    /// All dialogs of a Call-ID.
    Call(&'a [u8]),
    /// One dialog, `CALL-ID,FROM-TAG,TO-TAG`. A Call-ID may hold commas: the last two divide. Either user's tag may
    /// stand first.
    Dialog(&'a [u8]),
    /// One dialog by its number.
    Id(Id),
    /// The dialog of a message, which may be a request or a reply, of either user.
    Message(&'a [u8]),
}

/// A dialog's number as an operator types it, in decimal.
pub fn parse_id(text: &[u8]) -> Option<Id> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = text.iter().try_fold(0u64, |n, d| n.checked_mul(10)?.checked_add(u64::from(d - b'0')))?;
    (number != 0).then_some(Id(number))
}

impl<S: Store> Registry<S> {
    /// Calls `visit` with each dialog that is meant, by rising numbers, and says how many. An INVITE counts while no
    /// dialog has come of it.
    pub fn find(&self, selector: Selector<'_>, visit: &mut dyn FnMut(&Entry<'_>)) -> Result<usize, RegistryError> {
        self.counted(match selector {
            Selector::Call(call_id) => self.find_call(call_id, visit),
            Selector::Dialog(text) => self.find_dialog(text, visit),
            Selector::Id(id) => self.visit_one(id, visit),
            Selector::Message(message) => self.find_message(message, visit),
        })
    }

    fn find_call(&self, call_id: &[u8], visit: &mut dyn FnMut(&Entry<'_>)) -> Result<usize, RegistryError> {
        let mut ids = Vec::with_capacity(GROUP);
        self.store.group(self.keys.group(call_id), &mut ids)?;
        // So that who shows them in pages knows where to go on.
        ids.sort_unstable();
        let mut count = 0;
        let mut bytes = Vec::new();
        for id in ids {
            if let Some((stored, record)) = self.load(id, &mut bytes)?
                && record.call_id == call_id
                && is_shown(&record, &stored)
            {
                visit(&Entry::new(id, &record, &stored.words));
                count += 1;
            }
        }
        Ok(count)
    }

    fn find_dialog(&self, text: &[u8], visit: &mut dyn FnMut(&Entry<'_>)) -> Result<usize, RegistryError> {
        let mut parts = text.rsplitn(3, |b| *b == b',');
        let (Some(to_tag), Some(from_tag), Some(call_id)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(RegistryError::Selector);
        };
        for (from_tag, to_tag) in [(from_tag, to_tag), (to_tag, from_tag)] {
            if let Some(id) = self.store.find(self.keys.dialog(call_id, from_tag, to_tag))? {
                return self.visit_one(id, visit);
            }
        }
        Ok(0)
    }

    fn find_message(&self, message: &[u8], visit: &mut dyn FnMut(&Entry<'_>)) -> Result<usize, RegistryError> {
        let message = self.read_message(message)?;
        if let Some(id) = self.member(&message)? {
            return self.visit_one(id.id, visit);
        }
        // A request with a To tag belongs to that dialog or to none.
        let of_invite = match message.start {
            StartLine::Request { .. } => message.to_tag().is_empty(),
            StartLine::Reply { .. } => message.method == b"INVITE",
        };
        let invite = self.store.find(self.keys.invite(&message.call_id, message.from_tag()))?;
        match invite.filter(|_| of_invite) {
            Some(id) => self.visit_one(id, visit),
            None => Ok(0),
        }
    }

    fn visit_one(&self, id: Id, visit: &mut dyn FnMut(&Entry<'_>)) -> Result<usize, RegistryError> {
        let mut bytes = Vec::new();
        Ok(match self.load(id, &mut bytes)? {
            Some((stored, record)) => {
                visit(&Entry::new(id, &record, &stored.words));
                1
            }
            None => 0,
        })
    }
}

/// Whether it is listed: not what has no future, nor an INVITE that a dialog stands for.
pub(super) fn is_shown(record: &Record<'_>, stored: &Stored) -> bool {
    let seen = Seen::from_word(stored.words[SEEN]);
    match record.stage {
        Stage::Confirmed => true,
        Stage::Early => !seen.has(Seen::FADING),
        Stage::Invite => !seen.has(Seen::FADING | Seen::HAS_DIALOG),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(parse_id(b"18446744073709551615"), Some(Id(u64::MAX)));
        for bad in [&b""[..], b"0", b"-1", b"18446744073709551616", b"0x1", b"1 "] {
            assert_eq!(parse_id(bad), None);
        }
    }
}
