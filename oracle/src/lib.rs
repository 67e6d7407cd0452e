// SPDX-License-Identifier: MIT OR Apache-2.0
//! Shows a BYE to two independent SIP parsers (sofia-sip, libosip2) and returns what they read.
