// SPDX-License-Identifier: MIT OR Apache-2.0
//! The demo: four live calls through Kamailio or OpenSIPS, released, drawn and judged.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use live::call::{Call, Serves};
use live::host::{Host, Result};
use live::ladder::{self, Names};
use live::process::{clean_up_on_signals, wait_until};
use live::proxy::{Kind, Proxy};
use live::scenario::{Answer, Script, Step};
use live::verdict::{self, Verdict};

const HELP: &str = "\
Releases live calls through Kamailio or OpenSIPS on this machine and shows what was on the wire.

usage: make demo            (or: cargo run -p live --bin demo, after `make kamailio`)
       make demo HOST=opensips OPENSIPS_SRC=DIRECTORY      with the OpenSIPS of a source tree that was built

Starts Debian's Kamailio with examples/kamailio/s-cscf.cfg, or that OpenSIPS with examples/opensips/s-cscf.cfg, and the
module from target/ on loopback, sets four calls up with SIPp on both ends and releases them: serving the calling user and serving the called user, each once
from the routing script and once by RPC. Prints a ladder for each and a table of verdicts. Ports are free ones;
nothing is left behind, also when it is interrupted. IMS_RELEASE_KEEP=1 keeps the temporary directory with all logs.

exit status: 0 all verdicts are good, 1 one is not or something did not start, 130 interrupted";

#[derive(Clone, Copy)]
enum Trigger {
    Script,
    Rpc,
}

struct Release {
    title: &'static str,
    column: &'static str,
    serves: Serves,
    trigger: Trigger,
}

const RELEASES: [Release; 4] = [
    Release {
        title: "serving the calling user, released from the routing script",
        column: "calling, script",
        serves: Serves::Calling,
        trigger: Trigger::Script,
    },
    Release {
        title: "serving the calling user, released by RPC",
        column: "calling, RPC",
        serves: Serves::Calling,
        trigger: Trigger::Rpc,
    },
    Release {
        title: "serving the called user, released from the routing script",
        column: "called, script",
        serves: Serves::Called,
        trigger: Trigger::Script,
    },
    Release {
        title: "serving the called user, released by RPC",
        column: "called, RPC",
        serves: Serves::Called,
        trigger: Trigger::Rpc,
    },
];

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--help" || argument == "-h") {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    if let Some(unknown) = std::env::args().nth(1) {
        eprintln!("demo: unknown argument {unknown}; see --help");
        return ExitCode::FAILURE;
    }
    clean_up_on_signals();
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("\ndemo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool> {
    let start = Instant::now();
    step(if Kind::wanted()? == Kind::Opensips { "starting OpenSIPS" } else { "starting Kamailio" });
    let mut host = Proxy::with_example("s-cscf.cfg")?;
    host.start()?;
    done(&format!("{} on {}", host.version()?, host.address()));
    let mut columns = Vec::new();
    for (number, release) in RELEASES.iter().enumerate() {
        println!("\n--- {} of {}: {} ---", number + 1, RELEASES.len(), release.title);
        columns.push(one(&host, number, release)?);
    }
    let good = table(&columns);
    println!("\nall in {:.1} s", start.elapsed().as_secs_f64());
    Ok(good)
}

fn step(text: &str) {
    print!("{text} ... ");
    let _ = std::io::stdout().flush();
}

fn done(text: &str) {
    println!("{text}");
}

/// Sets one call up, releases it, draws it, judges it.
fn one(host: &Proxy, number: usize, release: &Release) -> Result<Vec<Verdict>> {
    step("setting the call up with SIPp at both ends");
    let mut script = Script::new(host, release.serves)?;
    // As in TS 24.229, an originating request carries ";orig" in the Route entry of its S-CSCF.
    let parameter = if release.serves == Serves::Calling { ";orig" } else { "" };
    script.route = format!("<sip:{};lr{parameter}>", host.address());
    let mut info = Vec::new();
    if let Trigger::Script = release.trigger {
        info.push(Step::AskForRelease { cseq: script.cseq + 1, header: "X-Credit: gone" });
        script.called.steps.insert(0, Step::Take { method: "INFO", contact: None });
    }
    info.push(Step::Bye(Answer::Code(200)));
    script.calling.steps = info;
    let call = Call::start(host, &format!("demo{number}"), script)?;
    let call_id = call.established()?;
    done(&call_id);
    let (cause, text) = ("402", "Credit is gone");
    match release.trigger {
        Trigger::Script => step("an INFO says that the credit is gone; the script calls ims_release()"),
        Trigger::Rpc => {
            step("ims_release.release call CALL-ID 402");
            host.release("call", &call_id, cause, text)?.map_err(|fault| format!("{} {}", fault.code, fault.text))?;
        }
    }
    let outcome = host.outcome(&call_id, Duration::from_secs(10))?;
    if !wait_until(Duration::from_secs(3), || call.both_byes(Duration::ZERO)) {
        return Err(format!("no BYE at one of the users\n{}", call.transcript()));
    }
    done(outcome.get("outcome"));
    let verdicts = verdict::of_a_release(host, &call, &call_id, release.serves, cause, text);
    let names =
        Names { calling: call.script.calling.address, proxy: vec![host.address()], called: call.script.called.address };
    let wire: Vec<_> = host.wire().into_iter().filter(|packet| packet.message.call_id() == call_id).collect();
    println!("\n{}", ladder::draw(&wire, &names));
    Ok(verdicts)
}

/// Prints the verdicts of all releases side by side; true when all are good.
fn table(columns: &[Vec<Verdict>]) -> bool {
    // Rows in the order of the first release that has them, "called: X" and "calling: X" as they are.
    let mut names: Vec<&str> = Vec::new();
    for verdict in columns.iter().flatten() {
        if !names.contains(&verdict.name.as_str()) {
            names.push(&verdict.name);
        }
    }
    println!("\n--- verdicts ---");
    print!("{:<54}", "");
    for release in &RELEASES {
        print!("{:>17}", release.column);
    }
    println!();
    let mut wrong = Vec::new();
    for name in names {
        print!("{name:<54}");
        for (column, release) in columns.iter().zip(&RELEASES) {
            let word = match column.iter().find(|verdict| verdict.name == name) {
                None => "-",
                Some(verdict) if verdict.good => "ok",
                Some(verdict) => {
                    wrong.push(format!("{} ({}): {}", name, release.column, verdict.seen));
                    "WRONG"
                }
            };
            print!("{word:>17}");
        }
        println!();
    }
    let count = columns.iter().flatten().count();
    if wrong.is_empty() {
        println!("\n{count} verdicts, all good");
    } else {
        println!("\n{count} verdicts, {} wrong:\n{}", wrong.len(), wrong.join("\n"));
    }
    wrong.is_empty()
}
