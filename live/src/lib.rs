// SPDX-License-Identifier: MIT OR Apache-2.0
//! Drives a real proxy, SIPp and their captures for the live tests and the demo.
