// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kamailio as a host, never in the background: the distribution's binary and our module from target/kamailio, or what
//! IMS_RELEASE_KAMAILIO names (see `Binaries`).

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpgid};
use serde_json::{Value, json};

use crate::dump::{self, Packet};
use crate::host::{Fault, Host, Result, refusal};
use crate::loopback::{free_port, own_loopback_address};
use crate::process::{Directory, Process, processes_of, wait_until};
use crate::verdict::unread_byes;

const START_LIMIT: Duration = Duration::from_secs(15);
const STOP_LIMIT: Duration = Duration::from_secs(3);
const WRITE_LIMIT: Duration = Duration::from_secs(5);

/// What stands around a script that a test writes itself.
pub const AROUND: &str = include_str!("../hosts/around.cfg");

/// One Kamailio with its sockets, directory and log.
pub struct Kamailio {
    binaries: Binaries,
    configuration: PathBuf,
    defines: Vec<String>,
    one: SocketAddr,
    two: Option<SocketAddr>,
    /// It listens on all addresses and advertises the first one.
    wildcard: bool,
    /// Shared memory in megabytes.
    memory: u32,
    /// The program that starts it, and its first arguments, where something else does.
    launcher: Vec<String>,
    process: Option<Process>,
    /// The process that writes down what was on the wire.
    writer: Option<i32>,
    /// How often it was started.
    starts: u32,
    store: Option<PathBuf>,
    may_die: bool,
    // Last, so that it is removed after the process.
    directory: Directory,
}

/// The repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// The C file of the module that was changed after the module was built.
fn changed_since(module: &Path) -> Option<PathBuf> {
    let changed = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    let built = changed(module)?;
    let folders = ["modules/kamailio/ims_release", "modules/common"].map(|folder| repository().join(folder));
    let files = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let is_c = |path: &PathBuf| path.extension().is_some_and(|one| one == "c" || one == "h");
    files.map(|file| file.path()).filter(is_c).find(|path| changed(path).is_some_and(|time| time > built))
}

/// The files of one version of Kamailio. A directory that IMS_RELEASE_KAMAILIO names has `kamailio`, `kamcmd`, `modules`,
/// `ims_release.so`, `tables` (those of db_text), and `loader` where the binaries run only with libraries of their own.
struct Binaries {
    program: PathBuf,
    kamcmd: PathBuf,
    /// What starts a program: nothing, or the loader of its libraries.
    loader: Option<PathBuf>,
    modules: PathBuf,
    tables: PathBuf,
    ours: PathBuf,
}

impl Binaries {
    fn wanted() -> Result<Self> {
        let given = std::env::var_os("IMS_RELEASE_KAMAILIO").map(PathBuf::from);
        let found = match given.clone() {
            Some(all) => Self {
                program: all.join("kamailio"),
                kamcmd: all.join("kamcmd"),
                loader: Some(all.join("loader")).filter(|loader| loader.exists()),
                modules: all.join("modules"),
                tables: all.join("tables"),
                ours: all,
            },
            None => Self::installed()?,
        };
        let module = found.ours.join("ims_release.so");
        for file in [&found.program, &found.kamcmd, &module] {
            if !file.exists() {
                return Err(format!("{} is missing: run `make deps kamailio`", file.display()));
            }
        }
        if let Some(file) = changed_since(&module).filter(|_| given.is_none()) {
            return Err(format!("{} is older than {}: run `make kamailio`", module.display(), file.display()));
        }
        Ok(found)
    }

    fn installed() -> Result<Self> {
        let machine = std::env::consts::ARCH;
        let modules =
            [format!("/usr/lib/{machine}-linux-gnu/kamailio/modules"), "/usr/lib/kamailio/modules".to_owned()]
                .into_iter()
                .map(PathBuf::from)
                .find(|path| path.join("tm.so").exists())
                .ok_or("Kamailio's own modules are not installed: run `make deps`")?;
        Ok(Self {
            program: PathBuf::from("/usr/sbin/kamailio"),
            kamcmd: PathBuf::from("/usr/sbin/kamcmd"),
            loader: None,
            modules,
            tables: PathBuf::from("/usr/share/kamailio/dbtext/kamailio"),
            ours: repository().join("target/kamailio"),
        })
    }

    /// Does tm have this parameter?
    fn tm_knows(&self, parameter: &str) -> bool {
        let tm =
            ["tm.so", "tm/tm.so"].iter().find_map(|file| fs::read(self.modules.join(file)).ok()).unwrap_or_default();
        let text = format!("\0{parameter}\0");
        tm.windows(text.len()).any(|part| part == text.as_bytes())
    }

    /// The words that start a program of these.
    fn words(&self, program: &Path) -> Vec<String> {
        self.loader.iter().map(PathBuf::as_path).chain([program]).map(|word| word.display().to_string()).collect()
    }
}

impl Kamailio {
    /// Prepares one with the configuration of the live tests; `defines` as for `-A`.
    pub fn for_tests(defines: &[&str]) -> Result<Self> {
        Self::with_configuration(&repository().join("live/hosts/kamailio.cfg"), defines)
    }

    /// Prepares one with any configuration that takes LISTEN_ONE, STORE, RPC_SOCKET, CTL_SOCKET and CAPTURES by `-A`.
    pub fn with_configuration(configuration: &Path, defines: &[&str]) -> Result<Self> {
        let directory = Directory::new().map_err(|error| format!("no temporary directory: {error}"))?;
        for name in ["captures", "run"] {
            fs::create_dir(directory.path().join(name)).map_err(|error| format!("{name}: {error}"))?;
        }
        let address = if defines.contains(&"WITH_IPV6") { Ipv6Addr::LOCALHOST.into() } else { own_loopback_address() };
        let wildcard = defines.contains(&"WITH_WILDCARD");
        let one = if wildcard {
            SocketAddr::new(address, free_port(Ipv4Addr::UNSPECIFIED.into())?.port())
        } else {
            free_port(address)?
        };
        let with_two = ["WITH_TWO_SOCKETS", "WITH_TLS"].iter().any(|define| defines.contains(define));
        let two = if with_two { Some(free_port(address)?) } else { None };
        let defines = defines.iter().map(|define| (*define).to_owned()).collect();
        Ok(Self {
            binaries: Binaries::wanted()?,
            configuration: configuration.to_owned(),
            defines,
            one,
            two,
            wildcard,
            memory: 32,
            launcher: Vec::new(),
            process: None,
            writer: None,
            starts: 0,
            store: None,
            may_die: false,
            directory,
        })
    }

    /// Prepares an application server, which has nothing to do with ims_release.
    pub fn application_server() -> Result<Self> {
        Self::with_configuration(&repository().join("live/hosts/application-server.cfg"), &[])
    }

    /// Prepares one with the configuration of the live tests and these parameters of the module.
    pub fn with_parameters(parameters: &[(&str, u32)]) -> Result<Self> {
        let mut prepared = Self::with_text("")?;
        prepared.change_parameters(parameters)?;
        Ok(prepared)
    }

    /// Prepares one with a configuration of examples/kamailio, captured.
    pub fn with_example(name: &str) -> Result<Self> {
        let capture = repository().join("live/hosts/capture.cfg");
        let text = fs::read_to_string(&capture).map_err(|error| format!("{}: {error}", capture.display()))?;
        let example = repository().join("examples/kamailio").join(name);
        // Kamailio expands no definition in the name of an included file.
        let included = format!("include_file \"{}\"", example.display());
        let mut prepared = Self::with_text(&text.replace("include_file EXAMPLE", &included))?;
        let script = repository().join("examples/kamailio/s-cscf.lua");
        prepared.defines.push(format!("SCRIPT=\"{}\"", script.display()));
        Ok(prepared)
    }

    /// Prepares one with a configuration given as text, which takes what [`Kamailio::with_configuration`] gives.
    pub fn with_text(text: &str) -> Result<Self> {
        let mut prepared = Self::with_configuration(Path::new(""), &[])?;
        prepared.configuration = prepared.directory.path().join("kamailio.cfg");
        prepared.rewrite(text)?;
        Ok(prepared)
    }

    /// Prepares one whose script is in another language (lua, jsdt); `further` stands in its configuration too.
    pub fn with_script(language: &str, script: &str, further: &str) -> Result<Self> {
        let prepared = Self::with_text("")?;
        let file = prepared.directory.path().join("script");
        fs::write(&file, script).map_err(|error| format!("{}: {error}", file.display()))?;
        prepared.rewrite(&format!(
            "{AROUND}loadmodule \"app_{language}.so\"\nmodparam(\"app_{language}\", \"load\", \"{}\")\n\
             modparam(\"ims_release\", \"store\", STORE)\n{further}\ncfgengine \"{language}\"\n",
            file.display()
        ))?;
        Ok(prepared)
    }

    /// Another text for the configuration of [`Kamailio::with_text`], before it is started.
    pub fn rewrite(&self, text: &str) -> Result<()> {
        fs::write(&self.configuration, text).map_err(|error| format!("kamailio.cfg: {error}"))
    }

    /// Gives it more shared memory than the little that most tests need, in megabytes.
    pub fn with_memory(mut self, memory: u32) -> Self {
        self.memory = memory;
        self
    }

    /// The pid of one of its processes, by what it calls itself.
    pub fn process_named(&self, name: &str) -> Result<i32> {
        let processes = self.call("core.psx", &[])?.map_err(|fault| fault.text)?;
        let named = |process: &&Value| process.get("DSC").and_then(Value::as_str).is_some_and(|one| one.contains(name));
        let found = processes.as_array().into_iter().flatten().find(named);
        let pid = found.and_then(|process| process.get("PID")?.as_i64()).and_then(|pid| i32::try_from(pid).ok());
        pid.ok_or_else(|| format!("no process is named {name}: {processes}"))
    }

    /// Where the tables of the module db_text for this Kamailio are.
    pub fn tables(&self) -> &Path {
        &self.binaries.tables
    }

    /// The file of the module under test.
    pub fn module(&self) -> PathBuf {
        self.binaries.ours.join("ims_release.so")
    }

    fn rpc_socket(&self) -> PathBuf {
        self.directory.path().join("rpc.sock")
    }

    fn ctl_socket(&self) -> String {
        format!("unix:{}/ctl.sock", self.directory.path().display())
    }

    fn log_file(&self) -> PathBuf {
        self.directory.path().join("kamailio.log")
    }

    fn arguments(&self) -> Vec<String> {
        let directory = self.directory.path().display();
        let mut arguments: Vec<String> = ["-DD", "-E", "-M", "8", "-f"].map(str::to_owned).to_vec();
        arguments.push(self.configuration.display().to_string());
        let mut add = |option: &str, value: String| arguments.extend([option.to_owned(), value]);
        add("-m", self.memory.to_string());
        add("-L", format!("{}:{}", self.binaries.modules.display(), self.binaries.ours.display()));
        add("-Y", format!("{directory}/run"));
        add("-P", format!("{directory}/run/kamailio.pid"));
        add("-w", directory.to_string());
        add(
            "-A",
            match self.wildcard {
                true => format!("LISTEN_ONE=udp:0.0.0.0:{} advertise {}", self.one.port(), self.one),
                false => format!("LISTEN_ONE=udp:{}", self.one),
            },
        );
        // The same address for each transport, and TLS at the second one.
        add("-A", format!("LISTEN_TCP=tcp:{}", self.one));
        match self.two {
            Some(two) if self.defines.iter().any(|define| define == "WITH_TLS") => {
                add("-A", format!("LISTEN_TLS=tls:{two}"));
                let file = |kind| format!("\"{}\"", self.directory.path().join(kind).display());
                add("-A", format!("CERTIFICATE={}", file("certificate.pem")));
                add("-A", format!("KEY={}", file("key.pem")));
            }
            Some(two) => add("-A", format!("LISTEN_TWO=udp:{two}")),
            None => {}
        }
        add("-A", format!("STORE=\"{}\"", self.store().display()));
        add("-A", format!("CAPTURES=\"{}\"", self.captures().display()));
        add("-A", format!("RPC_SOCKET=\"{}\"", self.rpc_socket().display()));
        add("-A", format!("CTL_SOCKET=\"{}\"", self.ctl_socket()));
        if self.binaries.tm_knows("reply_matching") {
            add("-A", "REPLY_MATCHING".to_owned());
        }
        for define in &self.defines {
            add("-A", define.clone());
        }
        arguments
    }

    /// What must not be there after a test, in words: workers that died, processes, sockets.
    fn remains(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        if !self.may_die {
            let bad = ["exited by a signal", "CRITICAL", "ims_release: bug in"];
            let log = self.log();
            // What its process for TCP says when the others have ended before it.
            let is_end = |line: &&str| line.contains("receive_fd(): EOF on");
            let is_bad = |line: &&str| bad.iter().any(|bad| line.contains(bad)) && !is_end(line);
            found.extend(log.lines().filter(is_bad).map(str::to_owned));
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

    /// Waits until all that was on the wire is written down. sipdump writes from a process of its own, which sleeps when
    /// nothing is left: so nothing is left when it went to sleep again and again and the files are as long as before.
    fn wait_until_written(&self) {
        const SLEEPS: u64 = 4;
        let sleeps = || {
            let status = fs::read_to_string(format!("/proc/{}/status", self.writer?)).ok()?;
            status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")?.trim().parse::<u64>().ok())
        };
        let length = || dump::files(&self.captures()).iter().flat_map(fs::metadata).map(|file| file.len()).sum::<u64>();
        let Some(mut since) = sleeps() else { return };
        let mut written = length();
        wait_until(WRITE_LIMIT, || {
            let now = sleeps();
            if length() > written {
                (since, written) = (now.unwrap_or(since), length());
            }
            now.is_none_or(|now| now >= since + SLEEPS)
        });
    }

    /// SIGSTOP to all but the process that writes down what was on the wire. To the one that watches the others first:
    /// it would end them.
    fn freeze(&self, process: &Process) {
        let main = process.group();
        let mut group: Vec<Pid> = processes_of(self.directory.path()).into_iter().map(Pid::from_raw).collect();
        group.retain(|pid| getpgid(Some(*pid)) == Ok(main) && Some(pid.as_raw()) != self.writer);
        group.sort_by_key(|pid| *pid != main);
        for pid in group {
            let _ = kill(pid, Signal::SIGSTOP);
        }
    }

    /// Captures are named after the second in which they begin: the next run would write over one of the same second.
    fn keep_captures(&self) -> Result<()> {
        for file in dump::files(&self.captures()) {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let kept = file.with_file_name(format!("run{}-{name}", self.starts));
            if !name.starts_with("run") {
                fs::rename(&file, &kept).map_err(|error| format!("{}: {error}", file.display()))?;
            }
        }
        Ok(())
    }

    fn spawn(&self) -> Result<Process> {
        let words = [self.launcher.clone(), self.binaries.words(&self.binaries.program), self.arguments()].concat();
        Process::start(Path::new(&words[0]), &words[1..], self.directory.path(), &self.log_file())
            .map_err(|error| format!("{}: {error}", words[0]))
    }
}

/// Every test ends here: none may leave a dead worker, a process or a socket behind.
impl Drop for Kamailio {
    fn drop(&mut self) {
        self.stop();
        let remains = self.remains();
        if remains.is_empty() {
            return;
        }
        let text = format!("Kamailio leaves behind:\n{}", remains.join("\n"));
        if std::thread::panicking() { eprintln!("{text}") } else { panic!("{text}") }
    }
}

impl Host for Kamailio {
    fn start(&mut self) -> Result<()> {
        let _ = fs::remove_file(self.rpc_socket());
        // The children of one that was killed hold the sockets until the kernel is done with them.
        wait_until(STOP_LIMIT, || UdpSocket::bind(self.one).is_ok());
        self.keep_captures()?;
        self.starts += 1;
        let mut process = self.spawn()?;
        let ready = wait_until(START_LIMIT, || {
            process.ended().is_some() || matches!(self.call("core.version", &[]), Ok(Ok(_)))
        });
        if !ready || process.ended().is_some() {
            self.may_die();
            return Err(format!("Kamailio did not start:\n{}", self.log()));
        }
        self.process = Some(process);
        self.writer = self.process_named("SIPDUMP WRITE").ok();
        Ok(())
    }

    fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            self.wait_until_written();
            process.stop();
        }
    }

    /// As it stands in one moment; what was on the wire until then is still written down.
    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            self.freeze(&process);
            self.wait_until_written();
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

    fn refused_start(&mut self) -> Result<String> {
        let process = self.spawn()?;
        self.may_die();
        refusal(process, START_LIMIT, || self.log())
    }

    fn start_by(&mut self, launcher: Vec<String>) {
        self.launcher = launcher;
    }

    fn change_parameters(&mut self, parameters: &[(&str, u32)]) -> Result<()> {
        let path = repository().join("live/hosts/kamailio.cfg");
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let lines: String = parameters
            .iter()
            .map(|(name, value)| format!("modparam(\"ims_release\", \"{name}\", {value})\n"))
            .collect();
        self.rewrite(&text.replacen("\nrequest_route {", &format!("\n{lines}\nrequest_route {{"), 1))
    }

    fn store(&self) -> PathBuf {
        self.store.clone().unwrap_or_else(|| self.directory.path().join("store"))
    }

    fn use_store(&mut self, store: PathBuf) {
        self.store = Some(store);
    }

    fn may_die(&mut self) {
        self.may_die = true;
    }

    fn program(&self) -> PathBuf {
        self.binaries.program.clone()
    }

    fn version(&self) -> Result<String> {
        let version = self.call("core.version", &[])?.map_err(|fault| fault.text)?;
        Ok(version.as_str().unwrap_or("Kamailio").to_owned())
    }

    fn worker(&self) -> Result<i32> {
        self.process_named("udp receiver")
    }

    fn captures(&self) -> PathBuf {
        self.directory.path().join("captures")
    }

    fn call(&self, method: &str, parameters: &[&str]) -> Result<std::result::Result<Value, Fault>> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = self.directory.path().join(format!("client{number}.sock"));
        let parameters: Vec<Value> = parameters
            .iter()
            .map(|text| text.parse::<u16>().map_or_else(|_| json!(text), |number| json!(number)))
            .collect();
        let request = json!({"jsonrpc": "2.0", "id": number, "method": method, "params": parameters});
        let reply = (|| {
            let socket = UnixDatagram::bind(&path)?;
            socket.set_read_timeout(Some(Duration::from_secs(5)))?;
            socket.send_to(request.to_string().as_bytes(), self.rpc_socket())?;
            let mut buffer = vec![0; 1 << 18];
            let length = socket.recv(&mut buffer)?;
            buffer.truncate(length);
            Ok::<_, std::io::Error>(buffer)
        })();
        let _ = fs::remove_file(&path);
        let reply = reply.map_err(|error| format!("{method}: {error}"))?;
        let value: Value = serde_json::from_slice(&reply)
            .map_err(|error| format!("{method}: {error}: {}", String::from_utf8_lossy(&reply)))?;
        if let Some(error) = value.get("error") {
            let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
            let text = error.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
            return Ok(Err(Fault { code, text }));
        }
        Ok(Ok(value.get("result").cloned().unwrap_or(Value::Null)))
    }

    fn command(&self, words: &[&str]) -> Result<(bool, String)> {
        let command = self.binaries.words(&self.binaries.kamcmd);
        let output = Command::new(&command[0])
            .args(&command[1..])
            .args(["-s", &self.ctl_socket()])
            .args(words)
            .output()
            .map_err(|error| format!("kamcmd: {error}"))?;
        let text = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
    }

    fn statistic(&self, name: &str) -> Result<u64> {
        let (good, text) = self.command(&["stats.get_statistics", "ims_release:"])?;
        let line = format!("ims_release:{name} = ");
        let value = text.lines().find_map(|one| one.trim().strip_prefix(&line)?.parse().ok());
        value.filter(|_| good).ok_or_else(|| format!("no {name} in {text}"))
    }

    fn log(&self) -> String {
        fs::read(self.log_file()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    fn wire(&self) -> Vec<Packet> {
        if self.process.is_some() {
            self.wait_until_written();
        }
        dump::read(&self.captures())
    }
}
