// SPDX-License-Identifier: MIT OR Apache-2.0
//! The C interface. Each file wraps one file of the core; there is no logic here.
//!
//! The documentation comments are the manual of the C reader: cbindgen makes `include/ims_release.h` from them.
//! Every export is a plain function whose body runs under the guard: a panic becomes a status. It checks NULL and
//! `struct_size` first, takes integers and never enums, and writes its outputs last and only on success.
#![allow(unsafe_code, reason = "this folder is the boundary to C")]
#![allow(clippy::missing_safety_doc, reason = "the header states once, and in each function, what a caller promises")]
#![allow(clippy::too_many_arguments, reason = "two buffers, their sizes and what is in them")]

mod guard;
mod random;
mod sized;

pub mod by;
pub mod bye;
pub mod challenge;
pub mod dialog;
pub mod due;
pub mod flow;
pub mod items;
pub mod job;
pub mod list;
pub mod log;
pub mod message;
pub mod registry;
pub mod release;
pub mod running;
pub mod status;
pub mod str;
pub mod version;
