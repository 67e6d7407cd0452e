// SPDX-License-Identifier: MIT OR Apache-2.0
//! The C harnesses of `c_tests/`, plain and under valgrind, by the rules of `c_tests/Makefile`.
#![cfg(target_os = "linux")]

mod c_support;
mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use c_support::{command, libraries, root, run};
use ims_release::message::name_addr;
use support::judge;

/// One test for each harness, so that they run side by side and a failure has a name.
macro_rules! harnesses {
    ($($name:ident),*) => {
        const HARNESSES: &[&str] = &[$(stringify!($name)),*];
        $(#[test] fn $name() { check(stringify!($name)); })*
    };
}

harnesses!(abi, cseq, golden, null, registry, registry_fork, sizing);

fn check(name: &str) {
    let [directory, byes] = [(); 2].map(|()| tempfile::tempdir().expect("a directory for temporary files"));
    let out = run(command("make", ["-C", "c_tests", &format!("check-{name}")])
        .arg(format!("LIBRARIES={}", libraries().display()))
        .arg(format!("OUT={}", directory.path().display()))
        .env("IMS_RELEASE_BYES", byes.path()));
    // Once plain, once under valgrind, and no test left out.
    assert_eq!(out.matches(" test(s) run.").count(), 2, "{out}");
    assert_eq!(out.matches("[  SKIPPED ]").count(), 0, "{out}");
    let judged = judge_all(byes.path());
    println!("{name}: {judged} BYEs judged");
    assert_eq!(judged > 0, name != "abi");
}

/// Takes every BYE that a harness has left (`judge` of support.h) to the judge of all tests; how many there were.
fn judge_all(directory: &Path) -> usize {
    let mut judged = 0;
    for file in std::fs::read_dir(directory).expect("the directory can be listed") {
        let bytes = std::fs::read(file.expect("an entry").path()).expect("the file can be read");
        let mut rest = &bytes[..];
        while let Some(line) = rest.iter().position(|b| *b == b'\n') {
            let numbers = std::str::from_utf8(&rest[..line]).expect("numbers").split(' ');
            let numbers: Vec<usize> = numbers.map(|number| number.parse().expect("a number")).collect();
            let [from, to, cseq, message] = numbers[..] else { panic!("four numbers, not {numbers:?}") };
            rest = &rest[line + 1..];
            let [from, to, message] = [from, to, message].map(|length| {
                let (part, behind) = rest.split_at(length);
                rest = behind;
                part
            });
            judge(message, tag(from), tag(to), u32::try_from(cseq).expect("32 bits"));
            judged += 1;
        }
        assert_eq!(rest, b"", "a whole BYE");
    }
    judged
}

/// The tag that a From or To value has in the eyes of the library; the parsers look for it in the BYE.
fn tag(value: &[u8]) -> Option<&[u8]> {
    let tag = name_addr::tag(value, &name_addr::parse(value)?)?;
    Some(&value[tag.start..tag.end])
}

#[test]
fn no_harness_is_forgotten() {
    let files = std::fs::read_dir(root().join("c_tests")).expect("c_tests can be listed");
    let sources: BTreeSet<String> = files
        .filter_map(|file| file.ok()?.file_name().into_string().ok()?.strip_suffix(".c").map(String::from))
        .collect();
    assert_eq!(sources, HARNESSES.iter().map(|name| String::from(*name)).collect());
}

/// Compiles a program that is no harness: one that must fail, or that is measured.
fn compile(directory: &Path, body: &str) -> PathBuf {
    let (source, program) = (directory.join("program.c"), directory.join("program"));
    std::fs::write(&source, format!("#include \"support.h\"\n{body}\n")).expect("the source can be written");
    let library = libraries().join("libims_release.so");
    std::os::unix::fs::symlink(&library, directory.join("libims_release.so.0")).expect("a link can be made");
    run(command("cc", ["-std=c99", "-Iinclude", "-Ic_tests", "-o"])
        .args([&program, &source, &library])
        .arg("-lcmocka"));
    program
}

/// Runs a program under valgrind: its exit code and what valgrind said.
fn valgrind(program: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = command("valgrind", ["--error-exitcode=42", "--leak-check=full"])
        .arg(program)
        .args(arguments)
        .env("LD_LIBRARY_PATH", program.parent().expect("the program lies in a directory"))
        .output()
        .expect("valgrind runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_leak_is_found() {
    // Were a lost dialog not noticed, the runs under valgrind would prove nothing.
    let directory = tempfile::tempdir().expect("a directory for temporary files");
    let body = "int main(void) { ims_release_fields fields = base_a(); ims_release_dialog *dialog = NULL; \
                return ims_release_dialog_new(&fields, &dialog) != IMS_RELEASE_OK || (dialog = NULL) != NULL; }";
    let (code, said) = valgrind(&compile(directory.path(), body), &[]);
    assert_eq!(code, Some(42), "{said}");
}

#[test]
fn building_allocates_nothing() {
    let directory = tempfile::tempdir().expect("a directory for temporary files");
    let body = "int main(int argc, char **argv) { (void)argc; static struct pair pair; \
                ims_release_fields fields = base_a(); ims_release_options options = reason_r(); \
                options.via_sent_by = text_of(\"192.0.2.30\"); \
                for (int i = atoi(argv[1]); i > 0; i--) if (build(&fields, &options, &pair) != IMS_RELEASE_OK) return 1; \
                return 0; }";
    let program = compile(directory.path(), body);
    let byes = tempfile::tempdir().expect("a directory for temporary files");
    run(command(program.to_str().expect("a plain path"), ["1"])
        .env("LD_LIBRARY_PATH", directory.path())
        .env("IMS_RELEASE_BYES", byes.path()));
    assert_eq!(judge_all(byes.path()), 2);
    let allocations = |pairs: &str| {
        let (code, said) = valgrind(&program, &[pairs]);
        assert_eq!(code, Some(0), "{said}");
        let usage = said.split_once("total heap usage: ").map(|(_, usage)| usage.split(' ').next().map(String::from));
        usage.flatten().unwrap_or_else(|| panic!("valgrind tells the allocations: {said}"))
    };
    assert_eq!(allocations("0"), allocations("500"));
}
