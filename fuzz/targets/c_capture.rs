// SPDX-License-Identifier: MIT OR Apache-2.0
//! The same through the C interface, with arbitrary lengths, pointers and struct contents.
#![no_main]

#[path = "../bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::c_capture::run(input));
