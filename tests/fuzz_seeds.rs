// SPDX-License-Identifier: MIT OR Apache-2.0
//! The committed inputs of the fuzz targets, without a fuzzer: seeds, and whatever has ever made a target fail.

use std::path::Path;

#[path = "../fuzz/bodies/mod.rs"]
mod bodies;

/// Runs a target with its seeds, its regressions, and the messages of tests/data.
fn replay(target: &str, run: fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut inputs = 0;
    for directory in ["fuzz/seeds", "fuzz/regressions"].map(|d| root.join(d).join(target)) {
        inputs += replay_all(&directory, run);
    }
    assert!(inputs > 0, "{target} has seeds");
    for set in std::fs::read_dir(root.join("tests/data")).expect("tests/data can be listed") {
        replay_all(&set.expect("an entry").path(), run);
    }
    run(b"");
}

fn replay_all(directory: &Path, run: fn(&[u8])) -> usize {
    let Ok(files) = std::fs::read_dir(directory) else { return 0 };
    let mut inputs = 0;
    for file in files {
        let path = file.expect("an entry").path();
        println!("{}", path.display()); // shown when it fails
        run(&std::fs::read(&path).expect("an input can be read"));
        inputs += 1;
    }
    inputs
}

#[test]
fn splitter() {
    replay("splitter", bodies::splitter::run);
}

#[test]
fn capture() {
    replay("capture", bodies::capture::run);
}

#[test]
fn c_capture() {
    replay("c_capture", bodies::c_capture::run);
}
