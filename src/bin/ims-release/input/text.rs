// SPDX-License-Identifier: MIT OR Apache-2.0
//! A text file: SIP messages back to back, and nothing else.

use ims_release::capture::Fault;

use super::framing::{Step, step};
use super::{Input, Message, Place};

/// What some editors begin a file with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Cuts the file into its messages. What is none is rejected, once up to where the next begins.
pub fn read(file: usize, bytes: &[u8], input: &mut Input) {
    let mut at = if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    // Behind what was rejected junk is part of that.
    let mut in_step = true;
    while at < bytes.len() {
        let place = Place { file, offset: at as u64 };
        at += match step(&bytes[at..], true, in_step) {
            Step::More => return,
            Step::KeepAlive(length) => length,
            Step::Message(length) => {
                let bytes = bytes[at..at + length].to_vec();
                input.messages.push(Message { place, complete: place, time: None, ends: None, bytes });
                in_step = true;
                length
            }
            Step::Junk(length) => {
                if in_step {
                    input.reject(place, "start-line", Fault::StartLine.text());
                }
                in_step = false;
                length
            }
            Step::CutOff(length) => {
                input.cut_off(place, "the file ends within it");
                in_step = false;
                length
            }
            Step::TooLong(length) => {
                input.reject(place, "too-large", Fault::TooLarge.text());
                in_step = false;
                length
            }
        };
    }
}
