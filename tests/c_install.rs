// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `make install` leaves is enough for a C program: found by pkg-config, linked with the shared library and with
//! the static one. The program is `examples/release.c`.
#![cfg(target_os = "linux")]

mod c_support;
mod support;

use std::path::Path;

use c_support::{STRICT, command, libraries, read, run};
use support::judge;

/// Installs the libraries of this build below a directory of its own.
fn installed() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory for temporary files");
    run(command("make", ["install-library", "PREFIX=/usr", "LIBDIR=/usr/lib/here"])
        .arg(format!("DESTDIR={}", directory.path().display()))
        .arg(format!("LIBRARIES={}", libraries().display())));
    directory
}

fn pkg_config(root: &Path, arguments: &[&str]) -> Vec<String> {
    let words = run(command("pkg-config", arguments)
        .arg("ims_release")
        .env("PKG_CONFIG_PATH", root.join("usr/lib/here/pkgconfig"))
        .env("PKG_CONFIG_SYSROOT_DIR", root));
    words.split_whitespace().map(String::from).collect()
}

/// Compiles the example with these words behind it and runs it.
fn example(root: &Path, words: &[String]) -> String {
    let program = root.join("release");
    run(command("cc", STRICT).args(["-std=c99", "examples/release.c", "-o"]).arg(&program).args(words));
    run(command(program.to_str().expect("a plain path"), [""; 0]).env("LD_LIBRARY_PATH", root.join("usr/lib/here")))
}

/// Both messages as they should be, but for what is drawn at random.
fn check(printed: &str) {
    let lines: Vec<&str> = printed.split("\r\n").flat_map(|line| line.split('\n')).collect();
    let messages: Vec<usize> =
        lines.iter().enumerate().filter(|(_, line)| line.starts_with("BYE ")).map(|(at, _)| at).collect();
    let [called, calling] = messages[..] else { panic!("two messages, not {}:\n{printed}", messages.len()) };
    assert_eq!(
        lines[called - 1],
        "-- to the called user, through service control, next hop sip:mo@scscf1.home1.net;lr"
    );
    assert_eq!(lines[calling - 1], "-- to the calling user, directly, next hop sip:pcscf1.visited1.net;lr");
    let via = "Via: SIP/2.0/UDP scscf1.home1.net:5060;branch=z9hG4bK";
    assert!(lines[called + 1].starts_with(via) && lines[calling + 1].starts_with(via), "{printed}");
    assert_ne!(lines[called + 1], lines[calling + 1]);
    assert_eq!(
        lines[called..called + 11],
        [
            "BYE sip:bob@198.51.100.7:8805 SIP/2.0",
            lines[called + 1],
            "Route: <sip:mo@scscf1.home1.net;lr>, <sip:mt@scscf2.home2.net;lr>, <sip:pcscf2.visited2.net;lr>",
            "Max-Forwards: 70",
            "Reason: SIP;cause=503;text=\"Service Unavailable\"",
            "From: \"Alice\" <sip:user1_public1@home1.net>;tag=171828",
            "To: <tel:+1-212-555-2222>;tag=314159",
            "Call-ID: cb03a0s09a2sdfglkj490333",
            "CSeq: 130 BYE",
            "Content-Length: 0",
            "",
        ]
    );
    let cseq = lines[calling + 8].strip_prefix("CSeq: ").and_then(|cseq| cseq.strip_suffix(" BYE"));
    let cseq = cseq.and_then(|n| n.parse().ok()).unwrap_or(0);
    assert!((1..1 << 31).contains(&cseq), "{printed}");
    assert_eq!(lines[calling + 2], "Route: <sip:pcscf1.visited1.net;lr>");
    // Both as printed: the example writes nothing behind a message.
    let [called, calling] = ["called", "calling"].map(|user| {
        let behind = printed.split_once(&format!("-- to the {user} user")).expect("its line").1;
        let message = behind.split_once('\n').expect("the message").1;
        &message[..message.find("\r\n\r\n").expect("its end") + 4]
    });
    judge(called.as_bytes(), Some(b"171828"), Some(b"314159"), 130);
    judge(calling.as_bytes(), Some(b"314159"), Some(b"171828"), cseq);
}

#[test]
fn the_example_runs_with_the_shared_library() {
    let root = installed();
    let words = pkg_config(root.path(), &["--cflags", "--libs"]);
    assert!(words.contains(&"-lims_release".into()), "{words:?}");
    check(&example(root.path(), &words));
}

#[test]
fn the_example_runs_with_the_static_library() {
    let root = installed();
    let words: Vec<String> = pkg_config(root.path(), &["--static", "--cflags", "--libs"])
        .into_iter()
        .map(|word| if word == "-lims_release" { "-l:libims_release.a".into() } else { word })
        .collect();
    check(&example(root.path(), &words));
    let needed = run(command("readelf", ["--dynamic"]).arg(root.path().join("release")));
    assert!(!needed.contains("libims_release"), "{needed}");
}

#[test]
fn the_example_is_short() {
    assert!(read("examples/release.c").lines().count() < 60);
}

#[test]
fn the_version_is_the_same_everywhere() {
    let root = installed();
    assert_eq!(pkg_config(root.path(), &["--modversion"]), [env!("CARGO_PKG_VERSION")]);
    let real = std::fs::read_link(root.path().join("usr/lib/here/libims_release.so.0")).expect("a link");
    assert_eq!(real.to_str(), Some(concat!("libims_release.so.", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn uninstall_leaves_nothing() {
    let root = installed();
    run(command("make", ["uninstall-library", "PREFIX=/usr", "LIBDIR=/usr/lib/here"])
        .arg(format!("DESTDIR={}", root.path().display())));
    let left = run(command("find", [root.path()]).args(["-not", "-type", "d"]));
    assert_eq!(left, "");
}

#[cfg(feature = "cli")]
#[test]
fn the_command_is_installed_with_its_manual_and_completions() {
    let root = tempfile::tempdir().expect("a directory for temporary files");
    let make = |target: &str| {
        run(command("make", [target, "PREFIX=/usr"])
            .arg(format!("DESTDIR={}", root.path().display()))
            .arg(format!("COMMAND={}", env!("CARGO_BIN_EXE_ims-release"))))
    };
    make("install-command");
    let program = root.path().join("usr/bin/ims-release");
    assert!(run(&mut command(program.to_str().expect("a plain path"), ["--version"])).starts_with("ims-release "));
    for (file, text) in [
        ("man/man1/ims-release.1", ".TH IMS-RELEASE 1"),
        ("bash-completion/completions/ims-release", "--own-exact"),
        ("zsh/site-functions/_ims-release", "#compdef ims-release"),
        ("fish/vendor_completions.d/ims-release.fish", "own-exact"),
    ] {
        let text_of_file = std::fs::read_to_string(root.path().join("usr/share").join(file)).expect(file);
        assert!(text_of_file.contains(text), "{file}");
    }
    make("uninstall-command");
    assert_eq!(run(command("find", [root.path()]).args(["-not", "-type", "d"])), "");
}

#[test]
fn the_static_library_holds_nothing_of_the_command() {
    let names = run(command("nm", ["--defined-only", "--demangle"]).arg(libraries().join("libims_release.a")));
    for crate_name in ["clap_builder::", "serde_json::", "etherparse::", "pcap_parser::"] {
        assert!(!names.contains(crate_name), "{crate_name}");
    }
}
