// SPDX-License-Identifier: MIT OR Apache-2.0
//! The messages of calls, captured, and the release of every dialog that comes of them.
#![no_main]

#[path = "../bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::capture::run(input));
