// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a release would send now, without starting one: for who reads a capture or wants to look first.

use crate::capture::Stage;
use crate::dialog::{Routes, Scratch};
use crate::error::Error;
use crate::pending::{Phase, Release};
use crate::release::Request;
use crate::store::{Id, Store};

use super::release::{fitting, write};
use super::words::{RELEASE, SEEN, Seen, cseqs, is_ending};
use super::{Registry, RegistryError, Started};

impl<S: Store> Registry<S> {
    /// Builds both BYEs of a dialog into the buffers as [`Registry::start`] would, and changes nothing: no number is
    /// taken, no release is under way. `random` gives 64 random bits where a CSeq must be drawn, so two plans of a
    /// dialog may differ in that.
    ///
    /// A release waits for the ACK (RFC 3261 15), a plan does not: the dialog is confirmed from its 2xx on. Each leg
    /// has its own result, also where neither can be built. Where no proxy is in the path and no own entry is
    /// configured, no BYE has a Route.
    ///
    /// Errors: [`RegistryError::NotFound`]; [`RegistryError::Early`] before the 2xx; [`RegistryError::Ending`] from a
    /// user's BYE on, and where the INVITE was refused; [`RegistryError::AlreadyReleasing`];
    /// [`RegistryError::Released`]; [`RegistryError::Request`]; [`RegistryError::BufferTooSmall`] with the lengths
    /// needed.
    pub fn plan(
        &self,
        id: Id,
        request: &Request<'_>,
        random: &mut dyn FnMut() -> Result<u64, Error>,
        called: &mut [u8],
        calling: &mut [u8],
    ) -> Result<Started, RegistryError> {
        let mut bytes = Vec::new();
        let (stored, record) = self.counted(self.load(id, &mut bytes))?.ok_or(RegistryError::NotFound)?;
        let phase = Release::from_word(stored.words[RELEASE]).phase;
        if phase.is_over() {
            return Err(RegistryError::Released);
        }
        if phase != Phase::None {
            return Err(RegistryError::AlreadyReleasing);
        }
        if is_ending(&stored.words) || Seen::from_word(stored.words[SEEN]).has(Seen::REFUSED) {
            return Err(RegistryError::Ending);
        }
        if record.stage != Stage::Confirmed {
            return Err(RegistryError::Early);
        }
        let mut charging = Vec::new();
        let headers = self.further_headers(&record, request.headers, &mut charging);
        let request = &Request { headers: &headers, ..*request };
        let own = self.own();
        let mut scratch = Scratch::default();
        let dialog = if own.is_empty() && record.record_route.is_empty() {
            record.with_routes(Routes::Empty, &mut scratch)
        } else {
            record.dialog(&own, &mut scratch)
        };
        let dialog = match dialog {
            Ok(dialog) => dialog,
            Err(error) => return Ok(Started { called: Err(error), calling: Err(error) }),
        };
        let plan = fitting(&dialog, cseqs(&stored.words), request, random, (called.len(), calling.len()))?;
        Ok(Started { called: write(plan.called, called), calling: write(plan.calling, calling) })
    }
}
