// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the shared library gives to others: its SONAME and exactly the functions of `exports.txt`, each declared in
//! the header and called with NULL by `c_tests/null.c`.
#![cfg(target_os = "linux")]

mod c_support;

use std::collections::BTreeSet;

use c_support::{command, libraries, read, run};

fn written() -> BTreeSet<String> {
    read("exports.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(String::from).collect()
}

#[test]
fn the_exported_symbols_are_the_written_list() {
    let library = libraries().join("libims_release.so");
    let symbols = run(command("nm", ["-D", "--defined-only", "--format=posix"]).arg(library));
    let exported: BTreeSet<String> =
        symbols.lines().filter_map(|line| line.split_whitespace().next()).map(String::from).collect();
    assert_eq!(exported, written());
}

#[test]
fn the_header_declares_the_written_list() {
    let header = read("include/ims_release.h");
    let declared: BTreeSet<String> = header
        .lines()
        .filter(|line| !line.starts_with("//") && !line.starts_with(' ') && !line.starts_with("typedef"))
        .filter_map(|line| line.split_once('(')?.0.split([' ', '*']).next_back())
        .filter(|name| name.starts_with("ims_release_"))
        .map(String::from)
        .collect();
    assert_eq!(declared, written());
}

#[test]
fn every_export_is_called_with_null() {
    let harness = read("c_tests/null.c");
    let missing: Vec<_> = written().into_iter().filter(|name| !harness.contains(&format!("{name}("))).collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn the_soname_carries_the_abi_version() {
    let library = libraries().join("libims_release.so");
    let dynamic = run(command("readelf", ["--dynamic", "--wide"]).arg(library));
    let soname =
        dynamic.lines().find_map(|line| line.split_once("soname: [")).map(|(_, name)| name.trim_end_matches(']'));
    let abi = ims_release::ffi::version::IMS_RELEASE_ABI_VERSION;
    assert_eq!(soname, Some(format!("libims_release.so.{abi}").as_str()));
    assert!(read("Makefile").contains(&format!("ABI     := {abi}\n")));
}
