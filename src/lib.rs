// SPDX-License-Identifier: MIT OR Apache-2.0
//! Releases an existing SIP session from the network, the way 3GPP TS 24.229 5.4.5.1.2 says: one BYE for the called
//! user and one for the calling user, each built byte-exact from what was stored for the dialog; the one on the served
//! user's side goes through the proxy's own service control, the other directly; all is dropped when both are
//! answered.
//!
//! Read it in the order in which the data flows: [`message`] cuts a SIP message, [`dialog`] (with [`cseq`], [`route`],
//! [`reason`]) holds the stored information, [`release`] plans the two BYEs, [`bye`] writes them. Around that path:
//! [`capture`] makes the stored information from the messages a proxy sees, [`pending`] is the state of a release until
//! both BYEs are answered, [`registry`] keeps both in a [`store`] for all processes of the proxy; [`flow`] is the way by
//! which a user's messages came.

pub mod bye;
pub mod capture;
pub mod cseq;
pub mod dialog;
mod digits;
mod error;
pub mod ffi;
pub mod flow;
pub mod headers;
pub mod message;
mod out;
pub mod pending;
pub mod reason;
pub mod registry;
pub mod release;
pub mod route;
mod scan;
pub mod store;

pub use error::Error;
