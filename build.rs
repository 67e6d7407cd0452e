// SPDX-License-Identifier: MIT OR Apache-2.0
//! Gives the shared library its SONAME and makes the C header from `src/ffi`.
//!
//! The header is written to `OUT_DIR` only. The committed `include/ims_release.h` is compared with it by
//! `tests/c_header.rs` and renewed by `make header`.

use std::path::Path;

/// Major number of the ABI: part of the SONAME, equal to `IMS_RELEASE_ABI_VERSION`.
const ABI: u32 = 0;

/// The files that make up the C interface, in the order in which their items stand in the header.
const INTERFACE: &[&str] = &[
    "version.rs",
    "str.rs",
    "status.rs",
    "log.rs",
    "dialog.rs",
    "by.rs",
    "release.rs",
    "bye.rs",
    "message.rs",
    "challenge.rs",
    "registry.rs",
    "list.rs",
    "running.rs",
    "due.rs",
    "flow.rs",
    "job.rs",
    "items.rs",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=cbindgen.toml");
    println!("cargo::rerun-if-changed=src/ffi");

    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libims_release.so.{ABI}");
    }

    let root = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let out = std::env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    let root = Path::new(&root);
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml must be readable");
    let mut builder = cbindgen::Builder::new().with_config(config).with_after_include(version());
    for file in INTERFACE {
        builder = builder.with_src(root.join("src/ffi").join(file));
    }
    builder
        .generate()
        .expect("src/ffi must be a C interface that cbindgen understands")
        .write_to_file(Path::new(&out).join("ims_release.h"));
}

/// The version of the header, as text and as a number for `#if`.
fn version() -> String {
    let part = |name: &str| std::env::var(name).expect("cargo sets the version");
    let number = ["CARGO_PKG_VERSION_MAJOR", "CARGO_PKG_VERSION_MINOR", "CARGO_PKG_VERSION_PATCH"]
        .iter()
        .fold(0_u32, |number, name| number << 8 | part(name).parse::<u32>().expect("a number"));
    format!(
        "\n// Version of this header; ims_release_version() tells that of the loaded library.\n\
         #define IMS_RELEASE_VERSION \"{}\"\n\n\
         // The same as a number for #if: major << 16 | minor << 8 | patch.\n\
         #define IMS_RELEASE_VERSION_NUMBER {number:#08x}",
        part("CARGO_PKG_VERSION")
    )
}
