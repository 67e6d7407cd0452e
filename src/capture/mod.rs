// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the messages that a proxy sees to the stored information of a dialog: the INVITE, its replies, the ACK,
//! requests inside the dialog both ways and their replies. Pure: no storage, no clock.
//!
//! [`read`] takes from one message what may matter, or refuses it with the place of the fault; [`change`] says what it
//! does to the stored information, of a request also where that [goes](Record::is_addressed); [`Record`] is that
//! information, and the bytes that a store keeps; [`identity`] tells who is served, and which session it is. For a
//! capture, [`branches`] tells which replies belong to the requests in it, and [`unplaced`] keeps what came too early.

mod address;
pub mod branches;
pub mod change;
pub mod identity;
mod read;
mod record;
pub mod unplaced;

pub use read::{Captured, Fault, Field, MAX_MESSAGE, Problem, Refused, read};
pub use record::{Credentials, Party, Pending, ReasonTexts, Record, Refreshes, Roles, Stage};
