// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the fuzz targets do with an input. `make fuzz` gives them new ones; `tests/fuzz_seeds.rs` the committed ones.

#![allow(dead_code, reason = "a target takes one of them")]

pub mod c_capture;
mod c_input;
pub mod capture;
mod output;
mod pieces;
pub mod splitter;
