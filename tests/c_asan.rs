// SPDX-License-Identifier: MIT OR Apache-2.0
//! The C harnesses of `c_tests/` under AddressSanitizer, which watches the library as well as the C side: valgrind does
//! not see an access that stays within a block of the heap or on the stack. Not instrumented: the standard library.
//!
//! `make asan` runs this file alone. The library is built apart, in `asan` of the target directory: the sanitizer is an
//! option that a stable compiler takes with RUSTC_BOOTSTRAP=1 only.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod c_support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use c_support::{command, libraries, root, run};

const TARGET: &str = "x86_64-unknown-linux-gnu";
const FLAGS: &str = "-g -O1 -fsanitize=address -fno-omit-frame-pointer";

/// Where the library with the sanitizer is.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let target = libraries().ancestors().nth(2).expect("target/debug/deps").join("asan");
        let cargo = std::env::var("CARGO").expect("cargo runs the tests");
        run(command(
            &cargo,
            ["build", "--quiet", "--locked", "-p", "ims_release", "--lib", "--no-default-features", "--target", TARGET],
        )
        .arg("--target-dir")
        .arg(&target)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Zsanitizer=address")
        .env_remove("CARGO_ENCODED_RUSTFLAGS"));
        target.join(TARGET).join("debug")
    })
}

/// Compiles the harness of that name in `directory` by the rule of `c_tests/Makefile`.
fn make(directory: &Path, name: &str) -> PathBuf {
    let program = directory.join(name);
    run(command("make", ["-C", "c_tests", program.to_str().expect("a plain path")])
        .arg(format!("LIBRARIES={}", library().display()))
        .arg(format!("OUT={}", directory.display()))
        .arg(format!("CFLAGS={FLAGS}")));
    program
}

fn has_sanitizer(file: &Path) -> bool {
    run(command("nm", ["-D"]).arg(file)).contains("__asan_init")
}

#[test]
fn every_harness_is_clean() {
    let directory = tempfile::tempdir().expect("a directory for temporary files");
    let directory = directory.path();
    for file in std::fs::read_dir(root().join("c_tests")).expect("c_tests can be listed") {
        let name = file.expect("an entry").file_name().into_string().expect("a plain name");
        let Some(name) = name.strip_suffix(".c") else { continue };
        let program = make(directory, name);
        // Both sides, or the run proves nothing.
        assert!(has_sanitizer(&program) && has_sanitizer(&directory.join("libims_release.so.0")), "{name}");
        let out = run(Command::new(program).env("LD_LIBRARY_PATH", directory));
        assert_eq!(out.matches(" test(s) run.").count(), 1, "{out}");
        assert_eq!(out.matches("[  SKIPPED ]").count(), 0, "{out}");
    }
}

/// Runs a program that has a bug; what the sanitizer said.
fn report(body: &str) -> String {
    let directory = tempfile::tempdir().expect("a directory for temporary files");
    let directory = directory.path();
    let (source, program) = (directory.join("bug.c"), directory.join("bug"));
    let shared = directory.join("libims_release.so.0");
    let main = format!("#include \"support.h\"\nint main(void) {{ {body} return 0; }}\n");
    std::fs::write(&source, main).expect("the source can be written");
    std::os::unix::fs::symlink(library().join("libims_release.so"), &shared).expect("a link can be made");
    run(command("cc", ["-std=c99", "-D_POSIX_C_SOURCE=200809L", "-Iinclude", "-Ic_tests"])
        .args(FLAGS.split(' '))
        .arg("-o")
        .args([&program, &source, &shared])
        .arg("-lcmocka"));
    let output = Command::new(program).env("LD_LIBRARY_PATH", directory).output().expect("it runs");
    assert!(!output.status.success(), "the bug was not noticed");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The function that made the access which the sanitizer stopped.
fn culprit(said: &str) -> &str {
    said.lines().find(|line| line.trim_start().starts_with("#0 ")).unwrap_or_else(|| panic!("a stack: {said}"))
}

const DIALOG: &str = "static struct pair pair; ims_release_fields fields = base_a(); \
    ims_release_options options = reason_r(); ims_release_dialog *dialog = NULL; \
    pair.called.struct_size = pair.calling.struct_size = sizeof(ims_release_bye); \
    if (ims_release_dialog_new(&fields, &dialog) != IMS_RELEASE_OK) return 0;";

#[test]
fn a_use_after_free_inside_the_library_is_found() {
    let said = report(&format!(
        "{DIALOG} ims_release_dialog_free(dialog); \
         ims_release_dialog_build(dialog, &options, pair.called_buffer, sizeof pair.called_buffer, \
                                  pair.calling_buffer, sizeof pair.calling_buffer, &pair.called, &pair.calling);"
    ));
    assert!(said.contains("heap-use-after-free"), "{said}");
    assert!(culprit(&said).contains("ims_release"), "the library itself is watched: {said}");
}

#[test]
fn a_read_over_the_end_inside_the_library_is_found() {
    let said = report(
        "char *octets = malloc(8); memset(octets, 'x', 8); \
         ims_release_fields fields = base_a(); fields.call_id.s = octets; fields.call_id.len = 9; \
         ims_release_dialog *dialog = NULL; ims_release_dialog_new(&fields, &dialog);",
    );
    assert!(said.contains("heap-buffer-overflow"), "{said}");
    assert!(culprit(&said).contains("ims_release"), "the library itself is watched: {said}");
}

#[test]
fn a_read_over_the_end_in_c_is_found() {
    let said = report("volatile char *octets = malloc(8); volatile int at = 8; return octets[at] == 1;");
    assert!(said.contains("heap-buffer-overflow"), "{said}");
    assert!(culprit(&said).contains("main"), "{said}");
}

#[test]
fn a_leak_is_found() {
    let said = report(&format!("{DIALOG} dialog = NULL;"));
    assert!(said.contains("LeakSanitizer: detected memory leaks"), "{said}");
    assert!(said.contains("ims_release_dialog_new"), "{said}");
}
