// SPDX-License-Identifier: MIT OR Apache-2.0
//! Emergency and priority calls, which no release of many calls ends.

use crate::store::{Id, Store, StoreError};

use super::track::encode;
use super::{GROUP, Registry, RegistryError, TRIES};

impl<S: Store> Registry<S> {
    /// Exempts the call of a message from the releases of [jobs](Registry::job_make), for good: all dialogs of its
    /// INVITE, those included that are still to come. Who releases one of its dialogs by itself is not hindered.
    ///
    /// Errors: [`RegistryError::NotFound`] where the call is not tracked; those of the message and the store.
    pub fn exempt(&self, message: &[u8]) -> Result<(), RegistryError> {
        let message = self.read_message(message)?;
        let (mut ids, mut found) = (Vec::with_capacity(GROUP), false);
        self.counted(self.store.group(self.keys.group(&message.call_id), &mut ids).map_err(RegistryError::from))?;
        for id in ids {
            // From is who sent the request; of the called user's it is To that names the INVITE.
            found |= self.counted(self.exempt_one(id, &message.call_id, [message.from_tag(), message.to_tag()]))?;
        }
        if found { Ok(()) } else { Err(RegistryError::NotFound) }
    }

    fn exempt_one(&self, id: Id, call_id: &[u8], tags: [&[u8]; 2]) -> Result<bool, RegistryError> {
        let (mut bytes, mut next) = (Vec::new(), Vec::new());
        for _ in 0..TRIES {
            let Some((stored, mut record)) = self.load(id, &mut bytes)? else { return Ok(false) };
            if record.call_id != call_id || !tags.contains(&record.from_tag()) {
                return Ok(false);
            }
            if record.exempt {
                return Ok(true);
            }
            record.exempt = true;
            encode(&record, &mut next)?;
            if self.store.replace(id, stored.version, &next)? {
                return Ok(true);
            }
        }
        Err(StoreError::Busy.into())
    }
}
