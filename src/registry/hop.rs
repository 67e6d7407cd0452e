// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a direct BYE leaves a proxy with several sockets.

use crate::dialog::{Scratch, User};
use crate::error::Error;
use crate::store::{Id, Store};

use super::{Registry, RegistryError};

impl<S: Store> Registry<S> {
    /// The URI of the own entry that faces `user`, see [`crate::dialog::Dialog::own_hop`].
    ///
    /// Errors: [`RegistryError::NotFound`]; [`RegistryError::Dialog`] with [`Error::NoOwnRoute`] where none is known,
    /// as before the 2xx, or with the reason for which no BYE could be built either.
    pub fn own_hop(&self, id: Id, user: User) -> Result<Vec<u8>, RegistryError> {
        let mut bytes = Vec::new();
        let (_, record) = self.counted(self.load(id, &mut bytes))?.ok_or(RegistryError::NotFound)?;
        let own = self.own();
        let mut scratch = Scratch::default();
        let dialog = record.dialog(&own, &mut scratch).map_err(RegistryError::Dialog)?;
        dialog.own_hop(user).map(<[u8]>::to_vec).ok_or(RegistryError::Dialog(Error::NoOwnRoute))
    }
}
