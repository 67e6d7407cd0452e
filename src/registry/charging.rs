// SPDX-License-Identifier: MIT OR Apache-2.0
//! The P-Charging-Vector of a BYE: the icid-value that was stored for the dialog, and no other (RFC 7315 4.6).

use crate::capture::Record;
use crate::headers;
use crate::store::Store;

use super::Registry;

const NAME: &[u8] = b"P-Charging-Vector";

impl<S: Store> Registry<S> {
    /// The further headers of a BYE: those of the request, and the P-Charging-Vector of the dialog, which is written
    /// into `line`, unless the request has one.
    pub(super) fn further_headers<'h>(
        &self,
        record: &Record<'_>,
        given: &[&'h [u8]],
        line: &'h mut Vec<u8>,
    ) -> Vec<&'h [u8]> {
        let mut all = given.to_vec();
        let has = given.iter().any(|header| headers::name_of(header).eq_ignore_ascii_case(NAME));
        if self.charging_vector && !has && !record.icid.is_empty() {
            *line = [NAME, b": icid-value=", record.icid].concat();
            all.push(line);
        }
        all
    }
}
