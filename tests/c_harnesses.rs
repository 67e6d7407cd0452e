// SPDX-License-Identifier: MIT OR Apache-2.0
//! The C harnesses of `c_tests/`, plain and under valgrind, by the rules of `c_tests/Makefile`.
#![cfg(target_os = "linux")]

mod c_support;

use std::collections::BTreeSet;

use c_support::{command, libraries, root, run};

/// One test for each harness, so that they run side by side and a failure has a name.
macro_rules! harnesses {
    ($($name:ident),*) => {
        const HARNESSES: &[&str] = &[$(stringify!($name)),*];
        $(#[test] fn $name() { check(stringify!($name)); })*
    };
}

harnesses!(abi, cseq, golden, null, sizing);

fn check(name: &str) {
    let directory = tempfile::tempdir().expect("a directory for temporary files");
    let out = run(command("make", ["-C", "c_tests", &format!("check-{name}")])
        .arg(format!("LIBRARIES={}", libraries().display()))
        .arg(format!("OUT={}", directory.path().display())));
    // Once plain, once under valgrind, and no test left out.
    assert_eq!(out.matches(" test(s) run.").count(), 2, "{out}");
    assert_eq!(out.matches("[  SKIPPED ]").count(), 0, "{out}");
}

#[test]
fn no_harness_is_forgotten() {
    let files = std::fs::read_dir(root().join("c_tests")).expect("c_tests can be listed");
    let sources: BTreeSet<String> = files
        .filter_map(|file| file.ok()?.file_name().into_string().ok()?.strip_suffix(".c").map(String::from))
        .collect();
    assert_eq!(sources, HARNESSES.iter().map(|name| String::from(*name)).collect());
}

#[test]
fn a_leak_is_found() {
    // A harness that loses a dialog must not pass, or the runs under valgrind would prove nothing.
    let directory = tempfile::tempdir().expect("a directory for temporary files");
    let source = directory.path().join("leak.c");
    let body = "#include \"support.h\"\nint main(void) { ims_release_fields fields = base_a(); \
                ims_release_dialog *dialog = NULL; \
                return ims_release_dialog_new(&fields, &dialog) != IMS_RELEASE_OK || (dialog = NULL) != NULL; }\n";
    std::fs::write(&source, body).expect("the source can be written");
    let library = libraries().join("libims_release.so");
    std::os::unix::fs::symlink(&library, directory.path().join("libims_release.so.0")).expect("a link can be made");
    let program = directory.path().join("leak");
    run(command("cc", ["-Iinclude", "-Ic_tests", "-std=c99", "-o"])
        .arg(&program)
        .arg(&source)
        .arg(library)
        .arg("-lcmocka"));
    let checked = command("valgrind", ["-q", "--error-exitcode=42", "--leak-check=full"])
        .arg(&program)
        .env("LD_LIBRARY_PATH", directory.path())
        .output()
        .expect("valgrind runs");
    assert_eq!(checked.status.code(), Some(42), "{}", String::from_utf8_lossy(&checked.stderr));
}
