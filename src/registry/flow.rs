// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way by which a user's own messages came, where its BYE is to go the same way back.

use crate::dialog::{Scratch, Serves, User};
use crate::flow::{Flow, UseFlow, WayBack};
use crate::store::{Id, Store};

use super::{Registry, RegistryError};

impl<S: Store> Registry<S> {
    /// Where the BYE for `user` goes instead of its next hop; `None`: it goes there. Of `user` `None` it is the BYE
    /// through service control, when that leaves for its user.
    ///
    /// Only a user without a Route before it has a way back: what stands in Record-Route wants to be in the path, and
    /// can be reached. A connection may be gone: that the host knows.
    ///
    /// Errors: [`RegistryError::NotFound`]; [`RegistryError::Dialog`] with the reason for which no BYE could be built
    /// either.
    pub fn way_back(&self, id: Id, user: Option<User>) -> Result<Option<WayBack>, RegistryError> {
        if self.use_flow == UseFlow::Never {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let (_, record) = self.counted(self.load(id, &mut bytes))?.ok_or(RegistryError::NotFound)?;
        let user = match (user, record.roles.serves()) {
            (Some(user), _) => user,
            (None, Serves::Calling) => User::Called,
            (None, Serves::Called) => User::Calling,
            (None, Serves::Neither) => return Ok(None),
        };
        let party = if user == User::Called { &record.called } else { &record.calling };
        let Some(flow) = Flow::parse(party.flow) else { return Ok(None) };
        let mut routed = record;
        if self.leg(id, user)?.bypass {
            // The way past service control, see `Registry::next`.
            routed.roles = Serves::Neither.into();
        }
        let own = self.own();
        let mut scratch = Scratch::default();
        let dialog = routed.dialog(&own, &mut scratch).map_err(RegistryError::Dialog)?;
        let is_for = |target| !dialog.has_route(user) && flow.is_for(target, self.use_flow);
        Ok(dialog.remote_target(user).is_some_and(is_for).then(|| flow.back()))
    }
}
