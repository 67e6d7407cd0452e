// SPDX-License-Identifier: MIT OR Apache-2.0
//! One message, cut into its headers, lists, addresses and URIs.
#![no_main]

#[path = "../bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::splitter::run(input));
