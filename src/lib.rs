// SPDX-License-Identifier: MIT OR Apache-2.0
//! Releases an existing SIP session from the network, the way 3GPP TS 24.229 5.4.5.1.2 says.
