// SPDX-License-Identifier: MIT OR Apache-2.0
//! Compiles the face of each parser and links the parser from Debian.

use std::process::exit;

/// C file, name for pkg-config, Debian package.
const PARSERS: [(&str, &str, &str); 2] =
    [("sofia", "sofia-sip-ua", "libsofia-sip-ua-dev"), ("osip", "libosip2", "libosip2-dev")];

fn main() {
    for (name, library, package) in PARSERS {
        let source = format!("src/{name}.c");
        println!("cargo:rerun-if-changed={source}");
        // Probed without a link line first: the archive of our C file must come before its library.
        let found = match pkg_config::Config::new().cargo_metadata(false).probe(library) {
            Ok(found) => found,
            Err(pkg_config::Error::Command { .. }) => missing("pkg-config"),
            Err(_) => missing(package),
        };
        let mut compiler = cc::Build::new();
        compiler.file(&source).std("c99").flag("-Wall").flag("-Wextra").flag("-Werror");
        compiler.define("_GNU_SOURCE", None); // both parsers' headers use u_short, struct timeval and the like
        for directory in &found.include_paths {
            // As system headers: our own lines are checked strictly, theirs are as they are.
            compiler.flag("-isystem").flag(directory.to_str().expect("a path of Debian's is ASCII"));
        }
        compiler.compile(&format!("oracle_{name}"));
        for directory in &found.link_paths {
            println!("cargo:rustc-link-search=native={}", directory.display());
        }
        for library in &found.libs {
            println!("cargo:rustc-link-lib={library}");
        }
    }
    println!("cargo:rerun-if-changed=src/oracle.h");
}

fn missing(package: &str) -> ! {
    eprintln!("oracle: Debian package {package} is missing; install it with: make deps");
    exit(1)
}
