// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages that stand in a capture before what they belong to: two interfaces are not one clock, and packets overtake
//! each other. For who reads a capture; a proxy has let the reply that makes a dialog pass before anybody can know it.

use std::collections::HashMap;

use crate::message::StartLine;

use super::Captured;

/// The numbers of messages that belong to nothing yet, each list in the order in which they were put there.
#[derive(Clone, Debug, Default)]
pub struct Unplaced {
    of_invites: HashMap<[Box<[u8]>; 2], Vec<usize>>,
    of_dialogs: HashMap<Pair, Vec<usize>>,
}

impl Unplaced {
    /// Keeps the number of a message. The reply to an INVITE waits for that INVITE, all else for its dialog.
    pub fn put(&mut self, number: usize, message: &Captured<'_>) {
        match message.start {
            StartLine::Reply { .. } if message.method == b"INVITE" => {
                let key = invite(&message.call_id, message.from_tag());
                self.of_invites.entry(key).or_default().push(number);
            }
            _ => self.put_of_dialog(number, message),
        }
    }

    /// Keeps the number of a message that waits for its dialog, whatever it is.
    pub fn put_of_dialog(&mut self, number: usize, message: &Captured<'_>) {
        let key = pair(&message.call_id, message.from_tag(), message.to_tag());
        self.of_dialogs.entry(key).or_default().push(number);
    }

    /// Gives up what waits for an INVITE.
    pub fn take_of_invite(&mut self, call_id: &[u8], from_tag: &[u8]) -> Vec<usize> {
        self.of_invites.remove(&invite(call_id, from_tag)).unwrap_or_default()
    }

    /// What waits for the dialog with these tags; either user's may stand first.
    pub fn of_dialog(&self, call_id: &[u8], tag: &[u8], other_tag: &[u8]) -> &[usize] {
        self.of_dialogs.get(&pair(call_id, tag, other_tag)).map(Vec::as_slice).unwrap_or_default()
    }

    /// Gives it up.
    pub fn take_of_dialog(&mut self, call_id: &[u8], tag: &[u8], other_tag: &[u8]) -> Vec<usize> {
        self.of_dialogs.remove(&pair(call_id, tag, other_tag)).unwrap_or_default()
    }

    /// Gives up all replies whose INVITE never came, in order.
    pub fn take_of_invites(&mut self) -> Vec<usize> {
        let mut all: Vec<usize> = self.of_invites.drain().flat_map(|(_, numbers)| numbers).collect();
        all.sort_unstable();
        all
    }
}

fn invite(call_id: &[u8], from_tag: &[u8]) -> [Box<[u8]>; 2] {
    [call_id, from_tag].map(Into::into)
}

/// Call-ID and both tags, in one order.
pub type Pair = [Box<[u8]>; 3];

/// The same for both users.
pub fn pair(call_id: &[u8], tag: &[u8], other_tag: &[u8]) -> Pair {
    [call_id, tag.min(other_tag), tag.max(other_tag)].map(Into::into)
}
