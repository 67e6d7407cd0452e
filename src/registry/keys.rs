// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a dialog is found: digests of its Call-ID and of Call-ID and tags, under the store's secret, so that a peer
//! that picks its own Call-IDs cannot pick collisions.

use core::hash::Hasher;

use arrayvec::ArrayVec;
use siphasher::sip128::{Hasher128, SipHasher24};

use crate::store::Key;

/// Makes the keys of one store.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    secret: [u8; 16],
}

impl Keys {
    pub fn new(secret: [u8; 16]) -> Self {
        Self { secret }
    }

    /// All records of a Call-ID.
    pub fn group(&self, call_id: &[u8]) -> u128 {
        self.digest(b'c', &[call_id])
    }

    /// The keys of one Call-ID, whose digest is made once.
    pub fn call<'a>(&'a self, call_id: &'a [u8]) -> CallKeys<'a> {
        CallKeys { keys: self, call_id, group: self.group(call_id) }
    }

    /// See [`CallKeys::invite`].
    pub fn invite(&self, call_id: &[u8], from_tag: &[u8]) -> Key {
        self.call(call_id).invite(from_tag)
    }

    /// See [`CallKeys::dialog`].
    pub fn dialog(&self, call_id: &[u8], from_tag: &[u8], to_tag: &[u8]) -> Key {
        self.call(call_id).dialog(from_tag, to_tag)
    }

    /// The job of this number.
    pub fn job(&self, number: u8) -> Key {
        self.own(&[b'j', number])
    }

    /// A record of the registry's own.
    pub fn own(&self, name: &[u8]) -> Key {
        Key { group: self.digest(b'o', &[]), member: self.digest(b'o', &[name]) }
    }

    fn digest(&self, kind: u8, parts: &[&[u8]]) -> u128 {
        // Hashing many small pieces takes longer than putting them together first.
        let mut text: ArrayVec<u8, 512> = ArrayVec::new();
        let mut hasher = SipHasher24::new_with_key(&self.secret);
        let mut write = |bytes: &[u8]| {
            if text.try_extend_from_slice(bytes).is_err() {
                hasher.write(&text);
                text.clear();
                hasher.write(bytes);
            }
        };
        write(&[kind]);
        for part in parts {
            // With its length first no two lists of parts give the same bytes.
            write(&(part.len() as u64).to_le_bytes());
            write(part);
        }
        hasher.write(&text);
        hasher.finish128().into()
    }
}

/// The keys of one Call-ID.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallKeys<'a> {
    keys: &'a Keys,
    call_id: &'a [u8],
    group: u128,
}

impl CallKeys<'_> {
    /// An initial INVITE. It is no dialog with an empty To tag: RFC 2543 peers make those.
    pub fn invite(&self, from_tag: &[u8]) -> Key {
        Key { group: self.group, member: self.keys.digest(b'i', &[self.call_id, from_tag]) }
    }

    /// A dialog, early or not.
    pub fn dialog(&self, from_tag: &[u8], to_tag: &[u8]) -> Key {
        Key { group: self.group, member: self.keys.digest(b'd', &[self.call_id, from_tag, to_tag]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t44_every_byte_and_every_border_counts() {
        let keys = Keys::new([7; 16]);
        let dialog = |a: &[u8], b: &[u8], c: &[u8]| keys.dialog(a, b, c).member;
        assert_ne!(dialog(b"aB%41@x", b"1", b"2"), dialog(b"ab%41@x", b"1", b"2"));
        assert_ne!(dialog(b"ab", b"c", b"d"), dialog(b"a", b"bc", b"d"));
        assert_ne!(dialog(b"a", b"c", b""), dialog(b"a", b"", b"c"));
        assert_ne!(dialog(b"a", b"c", b""), keys.invite(b"a", b"c").member);
        assert_eq!(keys.dialog(b"a", b"b", b"c").group, keys.invite(b"a", b"z").group);
        assert_ne!(Keys::new([8; 16]).group(b"a"), keys.group(b"a"));
    }
}
