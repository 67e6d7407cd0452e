// SPDX-License-Identifier: MIT OR Apache-2.0
//! The C header is what `src/ffi` says, and compiles alone, as C99 and as C++, and in two units of one program.

mod c_support;

use std::fs;

use c_support::{STRICT, command, read, root, run};

const HEADER: &str = "include/ims_release.h";

#[test]
fn the_committed_header_is_made_from_the_source() {
    let made = fs::read_to_string(concat!(env!("OUT_DIR"), "/ims_release.h")).expect("build.rs makes the header");
    if std::env::var_os("IMS_RELEASE_UPDATE").is_some() {
        fs::write(root().join(HEADER), &made).expect("the header can be written");
    }
    let committed = read(HEADER);
    let differs = committed.lines().zip(made.lines()).position(|(old, new)| old != new);
    assert!(
        committed == made,
        "{HEADER} is out of date from line {}: run `make header`",
        differs.map_or(committed.lines().count().min(made.lines().count()), |line| line) + 1
    );
}

#[test]
fn the_header_compiles_alone() {
    for (compiler, language) in [("cc", "-std=c99"), ("cc", "-std=c11"), ("c++", "-std=c++11"), ("c++", "-std=c++17")] {
        let kind = if compiler == "cc" { "c" } else { "c++" };
        run(command(compiler, STRICT).args([language, "-fsyntax-only", "-x", kind, HEADER]));
    }
}

#[test]
fn the_header_may_stand_in_two_units_and_twice_in_one() {
    let directory = tempfile::tempdir().expect("a directory for temporary files");
    let unit = |name: &str, body: &str| {
        let path = directory.path().join(name);
        let include = "#include <ims_release.h>\n#include <ims_release.h>\n";
        fs::write(&path, format!("{include}{body}\n")).expect("a unit can be written");
        path
    };
    for (compiler, language, suffix) in [("cc", "-std=c99", "c"), ("c++", "-std=c++11", "cpp")] {
        let one = unit(
            &format!("one.{suffix}"),
            "int other(ims_release_str); int main(void) { ims_release_str text = { 0, 0 }; return other(text); }",
        );
        let two = unit(
            &format!("two.{suffix}"),
            "int other(ims_release_str); int other(ims_release_str text) { return text.len; }",
        );
        let program = directory.path().join("program");
        run(command(compiler, STRICT).args([language, "-Iinclude", "-o"]).arg(&program).args([&one, &two]));
        run(&mut command(program.to_str().expect("a plain path"), [""; 0]));
    }
}
