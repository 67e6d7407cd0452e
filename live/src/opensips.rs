// SPDX-License-Identifier: MIT OR Apache-2.0
//! OpenSIPS as a host: the binary of a source tree that was built, our module from target/opensips, never in the
//! background.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::dump::{self, Packet};
use crate::host::{Fault, Host, Result, refusal};
use crate::kamailio::repository;
use crate::loopback::{free_port, own_loopback_address};
use crate::process::{Directory, Process, processes_of, wait_until};
use crate::verdict::unread_byes;

const START_LIMIT: Duration = Duration::from_secs(15);
const STOP_LIMIT: Duration = Duration::from_secs(3);

/// A source tree of OpenSIPS that was built, and where our module for it is.
#[derive(Clone, Debug)]
pub struct Tree {
    source: PathBuf,
    ours: PathBuf,
    /// Such as "3.6.8".
    pub version: String,
}

impl Tree {
    /// The tree that OPENSIPS_SRC names.
    pub fn given() -> Result<Self> {
        let source = std::env::var_os("OPENSIPS_SRC").map(PathBuf::from).ok_or("OPENSIPS_SRC names no source tree")?;
        let output = Command::new(repository().join("scripts/opensips-source"))
            .arg(&source)
            .output()
            .map_err(|error| format!("scripts/opensips-source: {error}"))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
        }
        let printed = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let (source, version) = printed.rsplit_once(' ').ok_or("scripts/opensips-source told no version")?;
        let ours = repository().join("target/opensips").join(version);
        for name in ["ims_release.so", "live_capture.so"] {
            if !ours.join(name).exists() {
                return Err(format!(
                    "{}/{name} is missing: run `make opensips-test OPENSIPS_SRC={source}`",
                    ours.display()
                ));
            }
        }
        Ok(Self { source: source.into(), ours, version: version.to_owned() })
    }

    fn program(&self) -> PathBuf {
        self.source.join("opensips")
    }
}

/// One OpenSIPS with its sockets, directory and log.
pub struct Opensips {
    tree: Tree,
    configuration: PathBuf,
    defines: HashMap<String, String>,
    one: SocketAddr,
    two: Option<SocketAddr>,
    process: Option<Process>,
    store: Option<PathBuf>,
    parameters: String,
    launcher: Vec<String>,
    may_die: bool,
    // Last, so that it is removed after the process.
    directory: Directory,
}

impl Opensips {
    /// Prepares one with the configuration of the live tests; `defines` as for [`crate::kamailio::Kamailio::for_tests`].
    pub fn for_tests(defines: &[&str]) -> Result<Self> {
        Self::with_configuration(&repository().join("live/hosts/opensips.cfg"), defines)
    }

    /// Prepares an application server, which has nothing to do with ims_release.
    pub fn application_server() -> Result<Self> {
        Self::with_configuration(&repository().join("live/hosts/opensips-application-server.cfg"), &[])
    }

    /// Prepares one with any configuration that takes what `values` gives.
    pub fn with_configuration(configuration: &Path, defines: &[&str]) -> Result<Self> {
        let tree = Tree::given()?;
        let directory = Directory::new().map_err(|error| format!("no temporary directory: {error}"))?;
        fs::create_dir(directory.path().join("captures")).map_err(|error| format!("captures: {error}"))?;
        let address = if defines.contains(&"WITH_IPV6") { Ipv6Addr::LOCALHOST.into() } else { own_loopback_address() };
        let wildcard = defines.contains(&"WITH_WILDCARD");
        let one = if wildcard {
            SocketAddr::new(address, free_port(Ipv4Addr::UNSPECIFIED.into())?.port())
        } else {
            free_port(address)?
        };
        let two = if defines.contains(&"WITH_TWO_SOCKETS") { Some(free_port(address)?) } else { None };
        let defines = defines
            .iter()
            .map(|define| define.split_once('=').unwrap_or((define, "")))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Ok(Self {
            tree,
            configuration: configuration.to_owned(),
            defines,
            one,
            two,
            process: None,
            store: None,
            parameters: String::new(),
            launcher: Vec::new(),
            may_die: false,
            directory,
        })
    }

    /// Prepares one with a configuration given as text, which takes what `values` gives.
    pub fn with_text(text: &str) -> Result<Self> {
        let mut prepared = Self::with_configuration(Path::new(""), &[])?;
        prepared.configuration = prepared.directory.path().join("template.cfg");
        prepared.rewrite(text)?;
        Ok(prepared)
    }

    /// Prepares one with a configuration of examples/opensips, captured. What an operator puts in is put in: socket, paths.
    pub fn with_example(name: &str) -> Result<Self> {
        let path = repository().join("examples/opensips").join(name);
        let mut text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        for (written, ours) in [
            ("mpath=\"/usr/lib/x86_64-linux-gnu/opensips/modules/\"\n", "mpath=\"@MODULES@/\"\n"),
            ("socket=udp:127.0.0.1:5060\n", "socket=udp:@LISTEN_ONE@\n"),
            ("\"ims_release.so\"", "\"@OURS@/ims_release.so\""),
            (
                "\"/run/opensips/opensips_fifo\")\n",
                "\"@FIFO@\")\nmodparam(\"mi_fifo\", \"reply_dir\", \"@DIRECTORY@/\")\n",
            ),
            ("\"/var/lib/opensips/ims_release\"", "\"@STORE@\""),
        ] {
            if text.matches(written).count() != 1 {
                return Err(format!("{}: {written:?} does not stand in it once", path.display()));
            }
            text = text.replace(written, ours);
        }
        Self::with_text(&format!("{CAPTURED}{text}"))
    }

    /// Another text for the configuration of [`Opensips::with_text`], before it is started.
    pub fn rewrite(&self, text: &str) -> Result<()> {
        fs::write(&self.configuration, text).map_err(|error| format!("template.cfg: {error}"))
    }

    /// A command of the management interface in its own words, with named parameters.
    pub fn named(&self, command: &str, parameters: &[(&str, &str)]) -> Result<std::result::Result<Value, Fault>> {
        let parameters: Map<String, Value> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let mut request = json!({"jsonrpc": "2.0", "id": next_number(), "method": command});
        if !parameters.is_empty() {
            request["params"] = Value::Object(parameters);
        }
        let reply = self.by_fifo(&request.to_string()).map_err(|error| format!("{command}: {error}"))?;
        Self::read_reply(command, &reply)
    }

    /// What stands in place of @NAME@ in a configuration.
    fn values(&self) -> HashMap<String, String> {
        let path = |path: PathBuf| path.display().to_string();
        let mut values = self.defines.clone();
        let mut add = |name: &str, value: String| values.insert(name.to_owned(), value);
        let listen = match self.defines.contains_key("WITH_WILDCARD") {
            true => format!("0.0.0.0:{} as {}", self.one.port(), self.one),
            false => self.one.to_string(),
        };
        add("LISTEN_ONE", listen);
        add("ONE", self.one.to_string());
        if let Some(two) = self.two {
            add("LISTEN_TWO", two.to_string());
        }
        add("MODULES", path(self.tree.source.join("modules")));
        add("OURS", path(self.tree.ours.clone()));
        add("STORE", path(self.store()));
        add("PARAMETERS", self.parameters.clone());
        add("CAPTURES", path(self.captures()));
        add("DIRECTORY", path(self.directory.path().to_owned()));
        add("RPC_SOCKET", path(self.rpc_socket()));
        add("FIFO", path(self.fifo()));
        if self.tree.source.join("modules/event_route/event_route.so").exists() {
            add("EVENT_ROUTE", String::new());
        }
        // tm's timers are in seconds here.
        let milliseconds = self.defines.get("FR_TIMER").and_then(|text| text.parse::<u64>().ok()).unwrap_or(5000);
        add("FR_TIMEOUT", milliseconds.div_ceil(1000).to_string());
        values
    }

    /// The configuration as OpenSIPS reads it.
    fn write_configuration(&self) -> Result<PathBuf> {
        let text = fs::read_to_string(&self.configuration)
            .map_err(|error| format!("{}: {error}", self.configuration.display()))?;
        let written = self.directory.path().join("opensips.cfg");
        let text = expanded(&text, &self.values())?;
        fs::write(&written, text).map_err(|error| format!("{}: {error}", written.display()))?;
        Ok(written)
    }

    fn rpc_socket(&self) -> PathBuf {
        self.directory.path().join("rpc.sock")
    }

    fn fifo(&self) -> PathBuf {
        self.directory.path().join("fifo")
    }

    fn log_file(&self) -> PathBuf {
        self.directory.path().join("opensips.log")
    }

    fn spawn(&self) -> Result<Process> {
        let configuration = self.write_configuration()?.display().to_string();
        let mut words = self.launcher.clone();
        words.push(self.tree.program().display().to_string());
        words.extend(["-F", "-m", "64", "-M", "8", "-f"].map(str::to_owned));
        words.push(configuration);
        words.extend(["-w".to_owned(), self.directory.path().display().to_string()]);
        words.extend(["-P".to_owned(), self.directory.path().join("opensips.pid").display().to_string()]);
        Process::start(Path::new(&words[0]), &words[1..], self.directory.path(), &self.log_file())
            .map_err(|error| format!("{}: {error}", words[0]))
    }

    /// Its processes: what each is, and its pid.
    fn processes(&self) -> Result<Vec<(String, i32)>> {
        let reply = self.call("ps", &[])?.map_err(|fault| fault.text)?;
        let all = reply.get("Processes").and_then(Value::as_array).cloned().unwrap_or_default();
        let read = |process: &Value| {
            let kind = process.get("Type")?.as_str()?.to_owned();
            Some((kind, i32::try_from(process.get("PID")?.as_i64()?).ok()?))
        };
        Ok(all.iter().filter_map(read).collect())
    }

    /// Those of the modules answer before there is one that takes what comes in.
    fn last_process_is_there(&self) -> bool {
        self.processes().is_ok_and(|all| all.iter().any(|(kind, _)| kind == "Timer handler"))
    }

    /// What must not be there after a test, in words: workers that died, processes, sockets.
    fn remains(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        if !self.may_die {
            let bad = ["exited by a signal", "CRITICAL", "ims_release: bug in"];
            let log = self.log();
            found.extend(log.lines().filter(|line| bad.iter().any(|bad| line.contains(bad))).map(str::to_owned));
        }
        found.extend(unread_byes(&dump::read(&self.captures())));
        if !wait_until(STOP_LIMIT, || processes_of(self.directory.path()).is_empty()) {
            found.push(format!("processes {:?}", processes_of(self.directory.path())));
        }
        for socket in [Some(self.one), self.two].into_iter().flatten() {
            if !wait_until(STOP_LIMIT, || UdpSocket::bind(socket).is_ok()) {
                found.push(format!("a socket on {socket}"));
            }
        }
        found
    }

    /// What OpenSIPS answers to a request, through one of its interfaces.
    fn read_reply(method: &str, reply: &[u8]) -> Result<std::result::Result<Value, Fault>> {
        let value: Value = serde_json::from_slice(reply)
            .map_err(|error| format!("{method}: {error}: {}", String::from_utf8_lossy(reply)))?;
        if let Some(error) = value.get("error") {
            let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
            let text = error.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
            return Ok(Err(Fault { code, text }));
        }
        Ok(Ok(value.get("result").cloned().unwrap_or(Value::Null)))
    }

    fn by_datagram(&self, request: &str) -> std::io::Result<Vec<u8>> {
        let path = self.directory.path().join(format!("client{}.sock", next_number()));
        let reply = (|| {
            let socket = UnixDatagram::bind(&path)?;
            socket.set_read_timeout(Some(Duration::from_secs(5)))?;
            socket.send_to(request.as_bytes(), self.rpc_socket())?;
            let mut buffer = vec![0; 1 << 18];
            let length = socket.recv(&mut buffer)?;
            buffer.truncate(length);
            Ok(buffer)
        })();
        let _ = fs::remove_file(&path);
        reply
    }

    fn by_fifo(&self, request: &str) -> std::io::Result<Vec<u8>> {
        let name = format!("reply{}", next_number());
        let path = self.directory.path().join(&name);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU)?;
        let reply = (|| {
            // Open for both, so that opening does not wait for the other side.
            let mut answer = fs::OpenOptions::new().read(true).write(true).custom_flags(NONBLOCK).open(&path)?;
            let mut fifo = fs::OpenOptions::new().write(true).open(self.fifo())?;
            fifo.write_all(format!(":{name}:{request}\n").as_bytes())?;
            let mut text = Vec::new();
            wait_until(Duration::from_secs(5), || {
                let mut part = [0; 65536];
                while let Ok(length @ 1..) = answer.read(&mut part) {
                    text.extend_from_slice(&part[..length]);
                }
                serde_json::from_slice::<Value>(&text).is_ok()
            });
            Ok(text)
        })();
        let _ = fs::remove_file(&path);
        reply
    }
}

/// What stands before an operator's configuration, so that it is captured and can be asked.
const CAPTURED: &str = "stderror_enabled=yes
syslog_enabled=no
log_level=2
xlog_level=2
loadmodule \"@OURS@/live_capture.so\"
loadmodule \"@MODULES@/mi_datagram/mi_datagram.so\"
#!ifdef EVENT_ROUTE
loadmodule \"@MODULES@/event_route/event_route.so\"
#!endif
modparam(\"live_capture\", \"file\", \"@CAPTURES@/opensips.data\")
modparam(\"mi_datagram\", \"socket_name\", \"@RPC_SOCKET@\")
";

/// O_NONBLOCK of Linux.
const NONBLOCK: i32 = 0o4000;

fn next_number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The text without the lines that do not apply, and with the values.
fn expanded(text: &str, values: &HashMap<String, String>) -> Result<String> {
    let mut open: Vec<bool> = Vec::new();
    let mut kept = String::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (word, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        match word {
            "#!ifdef" => open.push(values.contains_key(name)),
            "#!ifndef" => open.push(!values.contains_key(name)),
            "#!else" => {
                let last = open.last_mut().ok_or("#!else without #!ifdef")?;
                *last = !*last;
            }
            "#!endif" => drop(open.pop().ok_or("#!endif without #!ifdef")?),
            _ if open.iter().all(|applies| *applies) => {
                kept.push_str(line);
                kept.push('\n');
            }
            _ => {}
        }
    }
    for (name, value) in values {
        kept = kept.replace(&format!("@{name}@"), value);
    }
    Ok(kept)
}

/// The names of the parameters, which this host asks for, in the order in which the other takes their values.
fn parameter_names(command: &str) -> &'static [&'static str] {
    match command {
        "release" => &["selector", "value", "cause", "text", "options"],
        "list" => &["cursor"],
        "show" => &["selector", "value", "cursor"],
        "forget" => &["selector", "value"],
        _ => &[],
    }
}

/// A request of the suite, "ims_release.release" and the like, in the words of this host.
fn request(method: &str, parameters: &[&str]) -> String {
    let command = method.strip_prefix("ims_release.");
    let name = command.map_or_else(|| method.to_owned(), |command| format!("ims_release_{command}"));
    let mut named = Map::new();
    match (command, parameters) {
        (Some("jobs"), [word, rest @ ..]) => {
            named.insert((*word).to_owned(), json!(rest.first().unwrap_or(&"")));
            if let Some(cursor) = rest.get(1) {
                named.insert("cursor".to_owned(), json!(cursor));
            }
        }
        (Some(command), _) => {
            for (name, value) in parameter_names(command).iter().zip(parameters) {
                named.insert((*name).to_owned(), json!(value));
            }
        }
        (None, []) => {}
        (None, [dialog]) if method == "dlg_end_dlg" => {
            named.insert("dialog_id".to_owned(), json!(dialog));
        }
        // The core's own take lists.
        (None, _) => {
            named.insert("statistics".to_owned(), json!(parameters));
        }
    }
    let mut request = json!({"jsonrpc": "2.0", "id": next_number(), "method": name});
    if !named.is_empty() {
        request["params"] = Value::Object(named);
    }
    request.to_string()
}

/// A reply as one reads it at a prompt: a member on a line.
fn shown(reply: &Value) -> String {
    match reply {
        Value::Array(items) => items.iter().map(shown).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| {
                format!("{name}: {}\n", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            })
            .collect(),
        other => format!("{other}\n"),
    }
}

/// Every test ends here: none may leave a dead worker, a process or a socket behind.
impl Drop for Opensips {
    fn drop(&mut self) {
        self.process = None;
        let remains = self.remains();
        if remains.is_empty() {
            return;
        }
        let text = format!("OpenSIPS leaves behind:\n{}", remains.join("\n"));
        if std::thread::panicking() { eprintln!("{text}") } else { panic!("{text}") }
    }
}

impl Host for Opensips {
    fn refused_start(&mut self) -> Result<String> {
        let process = self.spawn()?;
        self.may_die();
        refusal(process, START_LIMIT, || self.log())
    }

    fn start_by(&mut self, launcher: Vec<String>) {
        self.launcher = launcher;
    }

    fn change_parameters(&mut self, parameters: &[(&str, u32)]) -> Result<()> {
        self.parameters = parameters
            .iter()
            .map(|(name, value)| format!("modparam(\"ims_release\", \"{name}\", {value})\n"))
            .collect();
        Ok(())
    }

    fn store(&self) -> PathBuf {
        self.store.clone().unwrap_or_else(|| self.directory.path().join("store"))
    }

    fn use_store(&mut self, store: PathBuf) {
        self.store = Some(store);
    }

    fn start(&mut self) -> Result<()> {
        let _ = fs::remove_file(self.rpc_socket());
        // The children of one that was killed hold the sockets until the kernel is done with them.
        wait_until(STOP_LIMIT, || UdpSocket::bind(self.one).is_ok());
        let mut process = self.spawn()?;
        let ready = wait_until(START_LIMIT, || process.ended().is_some() || self.last_process_is_there());
        if !ready || process.ended().is_some() {
            self.may_die();
            return Err(format!("OpenSIPS did not start:\n{}", self.log()));
        }
        self.process = Some(process);
        Ok(())
    }

    fn stop(&mut self) {
        self.process = None;
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    fn address(&self) -> SocketAddr {
        self.one
    }

    fn address_towards_called(&self) -> SocketAddr {
        self.two.unwrap_or(self.one)
    }

    fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn worker(&self) -> Result<i32> {
        let processes = self.processes()?;
        let worker = processes.iter().find(|(kind, _)| kind.starts_with("SIP receiver"));
        worker.map(|(_, pid)| *pid).ok_or_else(|| format!("no worker: {processes:?}"))
    }

    fn program(&self) -> PathBuf {
        self.tree.program()
    }

    fn version(&self) -> Result<String> {
        let reply = self.call("version", &[])?.map_err(|fault| fault.text)?;
        Ok(reply.get("Server").and_then(Value::as_str).unwrap_or("OpenSIPS").to_owned())
    }

    fn captures(&self) -> PathBuf {
        self.directory.path().join("captures")
    }

    fn may_die(&mut self) {
        self.may_die = true;
    }

    fn call(&self, method: &str, parameters: &[&str]) -> Result<std::result::Result<Value, Fault>> {
        let reply = self.by_datagram(&request(method, parameters)).map_err(|error| format!("{method}: {error}"))?;
        Self::read_reply(method, &reply)
    }

    fn command(&self, words: &[&str]) -> Result<(bool, String)> {
        let (method, parameters) = words.split_first().ok_or("no command")?;
        // kamcmd's word for a text that looks like a number.
        let parameters: Vec<&str> = parameters.iter().map(|word| word.strip_prefix("s:").unwrap_or(word)).collect();
        let reply = self.by_fifo(&request(method, &parameters)).map_err(|error| format!("{method}: {error}"))?;
        Ok(match Self::read_reply(method, &reply)? {
            Ok(value) => (true, shown(&value)),
            Err(fault) => (false, format!("error: {} - {}", fault.code, fault.text)),
        })
    }

    fn statistic(&self, name: &str) -> Result<u64> {
        let all = self.call("get_statistics", &["ims_release:"])?.map_err(|fault| fault.text)?;
        let value = all.get(format!("ims_release:{name}")).map(|one| one.to_string().trim_matches('"').to_owned());
        value.and_then(|text| text.parse().ok()).ok_or_else(|| format!("no {name} in {all}"))
    }

    fn log(&self) -> String {
        fs::read(self.log_file()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    fn wire(&self) -> Vec<Packet> {
        // Each process writes down what it has read or sends before it goes on.
        dump::read(&self.captures())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_cut_and_filled_in() {
        let values = HashMap::from([("ONE".to_owned(), "127.0.0.1".to_owned())]);
        let text = "a @ONE@\n#!ifdef TWO\nb\n#!else\nc\n#!endif\n#!ifndef TWO\nd\n#!endif\n";
        assert_eq!(expanded(text, &values).as_deref(), Ok("a 127.0.0.1\nc\nd\n"));
        assert!(expanded("#!endif\n", &values).is_err());
    }

    #[test]
    fn parameters_have_names() {
        let request: Value = serde_json::from_str(&request("ims_release.show", &["call", "a@b"])).unwrap_or_default();
        assert_eq!(request["method"], "ims_release_show");
        assert_eq!(request["params"], json!({"selector": "call", "value": "a@b"}));
    }
}
