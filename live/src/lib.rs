// SPDX-License-Identifier: MIT OR Apache-2.0
//! Drives a real proxy, SIPp and their captures for the live tests and the demo.
//!
//! A [`host::Host`] is a proxy with ims_release loaded; [`kamailio`] is the adapter for Kamailio,
//! [`opensips`] that for OpenSIPS; [`proxy`] is the one that the environment names. [`scenario`] and
//! [`call`] set calls up with SIPp, [`peer`] is a user played by hand where SIPp cannot play it,
//! [`pair`] a call between two such; [`user`] is one over any transport; [`agent`] is one of many calls, behind a [`relay`] that loses datagrams.
//! [`evidence`] tells what a BYE must say, [`verdict`] judges a release by what both ends received, what was on the wire
//! and what the script logged, [`ladder`] draws it. [`trial`] is what the tests have in common.

pub mod agent;
pub mod call;
pub mod dump;
pub mod evidence;
pub mod host;
pub mod kamailio;
pub mod ladder;
pub mod loopback;
pub mod message;
pub mod opensips;
pub mod pair;
pub mod peer;
pub mod process;
pub mod proxy;
pub mod relay;
pub mod scenario;
pub mod sipp;
pub mod trial;
pub mod user;
pub mod verdict;
