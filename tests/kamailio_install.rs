// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `make install` adds for Kamailio and what `make uninstall` leaves, and the comparison that decides whether a
//! Kamailio will load the module.
#![cfg(target_os = "linux")]

mod c_support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use c_support::command;

/// A root to install below, and something to install: neither Kamailio nor the built module is needed.
struct Root {
    directory: tempfile::TempDir,
}

impl Root {
    fn new() -> Self {
        let root = Self { directory: tempfile::tempdir().expect("a directory for temporary files") };
        root.write("built/ims_release.so", b"the module");
        root.write("built/README.md", b"the manual");
        root
    }

    fn path(&self, below: &str) -> PathBuf {
        self.directory.path().join(below)
    }

    fn write(&self, below: &str, content: &[u8]) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().expect("a file has a parent")).expect("a directory can be made");
        fs::write(path, content).expect("a file can be written");
    }

    /// Runs a target of make; its success and all that it said.
    fn make(&self, target: &str, variables: &[&str]) -> (bool, String) {
        let built = self.path("built");
        let output = command("make", ["--no-print-directory", target, "PREFIX=/usr", "KAMAILIO_SRC="])
            .arg(format!("DESTDIR={}", self.path("root").display()))
            .arg(format!("MODULE_DIR={}", built.display()))
            .arg(format!("KAMAILIO_MODULE={}", built.join("ims_release.so").display()))
            .args(variables)
            .env_remove("MAKEFLAGS")
            .env_remove("KAMAILIO_MODULES")
            .output()
            .expect("make runs");
        said(&output)
    }

    /// Every file and directory below the root, without the directories above others.
    fn installed(&self) -> Vec<String> {
        let root = self.path("root");
        let mut found = Vec::new();
        let mut open = vec![root.clone()];
        while let Some(directory) = open.pop() {
            let Ok(entries) = fs::read_dir(&directory) else { continue };
            let paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
            if paths.is_empty() {
                found.push(directory.clone());
            }
            let (directories, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_dir());
            open.extend(directories);
            found.extend(files);
        }
        let mut names: Vec<String> = found
            .iter()
            .map(|path| format!("/{}", path.strip_prefix(&root).expect("below the root").display()))
            .collect();
        names.sort();
        names
    }

    fn mode(&self, below: &str) -> u32 {
        fs::metadata(self.path("root").join(below)).expect("it is there").permissions().mode() & 0o7777
    }
}

fn said(output: &Output) -> (bool, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}

/// A Kamailio that is there, with its modules in a folder that only the root has.
const HERE: [&str; 2] = ["KAMAILIO=/bin/sh", "KAMAILIO_MODULES=/usr/lib/here/kamailio/modules"];
const MODULE: &str = "/usr/lib/here/kamailio/modules/ims_release.so";
const STORE: &str = "/var/lib/kamailio/ims_release";

#[test]
fn the_module_its_manual_and_the_directory_of_the_store_are_installed() {
    let root = Root::new();
    let (well, output) = root.make("install-kamailio", &HERE);
    assert!(well, "{output}");
    assert_eq!(root.installed(), [MODULE, "/usr/share/doc/ims_release/kamailio/README.md", STORE]);
    assert_eq!(fs::read(root.path("root").join(&MODULE[1..])).expect("readable"), b"the module");
    assert_eq!(root.mode(&MODULE[1..]), 0o644);
    assert_eq!(root.mode(&STORE[1..]), 0o700);
    assert_eq!(root.mode("var/lib/kamailio"), 0o755);
}

#[test]
fn the_module_goes_where_the_installed_kamailio_has_its_own() {
    let root = Root::new();
    let (well, output) = root.make("install-kamailio", &[]);
    assert!(well, "{output}");
    let installed = root.installed();
    let module = installed.iter().find(|name| name.ends_with("/ims_release.so")).expect("the module");
    assert!(Path::new(module).with_file_name("tm.so").exists(), "{module}");
}

#[test]
fn a_directory_of_the_store_that_is_there_stays_as_it_is() {
    let root = Root::new();
    root.write("root/srv/calls/release.store", b"calls");
    fs::set_permissions(root.path("root/srv/calls"), PermissionsExt::from_mode(0o750)).expect("it is ours");
    let (well, output) = root.make("install-kamailio", &[HERE[0], HERE[1], "STORE_DIR=/srv/calls"]);
    assert!(well, "{output}");
    assert_eq!(root.mode("srv/calls"), 0o750);
}

#[test]
fn without_kamailio_the_module_is_left_out() {
    let root = Root::new();
    let (well, output) = root.make("install-kamailio", &["KAMAILIO=/nonexistent/kamailio"]);
    assert!(well, "{output}");
    assert!(output.contains("no Kamailio here (/nonexistent/kamailio)"), "{output}");
    assert!(root.installed().is_empty(), "{:?}", root.installed());
}

#[test]
fn uninstall_leaves_nothing_but_a_store_with_calls() {
    let root = Root::new();
    assert!(root.make("install-kamailio", &HERE).0);
    let (well, output) = root.make("uninstall-kamailio", &HERE);
    assert!(well && output.is_empty(), "{output}");
    let left: Vec<String> = root.installed().into_iter().filter(|name| name.contains("ims_release")).collect();
    assert!(left.is_empty(), "{left:?}");

    assert!(root.make("install-kamailio", &HERE).0);
    root.write("root/var/lib/kamailio/ims_release/release.store", b"calls");
    let (well, output) = root.make("uninstall-kamailio", &HERE);
    assert!(well && output.contains("it is not empty"), "{output}");
    let left: Vec<String> = root.installed().into_iter().filter(|name| name.contains("ims_release")).collect();
    assert_eq!(left, ["/var/lib/kamailio/ims_release/release.store"]);
}

#[test]
fn a_module_of_another_kamailio_is_told_apart() {
    let root = Root::new();
    let check = |ours: &str, stock: &str| {
        root.write("ours.so", ours.as_bytes());
        root.write("tm.so", stock.as_bytes());
        said(
            &command("scripts/kamailio-check", [root.path("ours.so"), root.path("tm.so")])
                .output()
                .expect("the script runs"),
        )
    };
    let stock = "\0kamailio 5.6.3 (x86_64/linux)\0USE_TCP, USE_TLS\0";
    assert_eq!(check(&format!("\x7f\0more\0{stock}"), stock), (true, String::new()));

    let (same, output) = check("\0kamailio 5.6.2 (x86_64/linux)\0USE_TCP, USE_TLS\0", stock);
    assert!(!same && output.contains("module_version differs") && !output.contains("module_flags"), "{output}");
    let (same, output) = check("\0kamailio 5.6.3 (x86_64/linux)\0USE_TCP\0", stock);
    assert!(!same && output.contains("module_flags differs") && !output.contains("module_version"), "{output}");
    // Two files that are no modules are not two of the same Kamailio.
    let (same, output) = check("nothing", "nothing");
    assert!(!same && output.contains(": none"), "{output}");
}
