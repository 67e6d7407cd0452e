// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the README shows of the example is the example that the tests run.

use std::fs;

#[test]
fn the_c_of_the_readme_is_that_of_the_example() {
    let root = env!("CARGO_MANIFEST_DIR");
    let readme = fs::read_to_string(format!("{root}/README.md")).expect("README.md");
    let example = fs::read_to_string(format!("{root}/examples/release.c")).expect("examples/release.c");
    let shown = readme.split("```c\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block of C");
    assert!(example.contains(shown), "not in examples/release.c:\n{shown}");
}
