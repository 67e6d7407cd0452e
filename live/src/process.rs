// SPDX-License-Identifier: MIT OR Apache-2.0
//! Child processes that never outlive us: each is killed by its pid in `Drop`, when we are interrupted, and by the
//! kernel when we die without a word.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// What must be gone when the program ends early.
#[derive(Default)]
struct Leftovers {
    groups: BTreeSet<i32>,
    directories: BTreeSet<PathBuf>,
}

static LEFTOVERS: Mutex<Option<Leftovers>> = Mutex::new(None);
static HANDLER: Once = Once::new();

fn leftovers() -> MutexGuard<'static, Option<Leftovers>> {
    LEFTOVERS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn with_leftovers(change: impl FnOnce(&mut Leftovers)) {
    change(leftovers().get_or_insert_with(Leftovers::default));
}

/// From now on SIGINT, SIGTERM and SIGHUP stop the children and remove the directories before the program ends.
pub fn clean_up_on_signals() {
    HANDLER.call_once(|| {
        let set = ctrlc::set_handler(|| {
            // The guard is kept until the exit: nobody starts a child that would be missed.
            let mut guard = leftovers();
            if let Some(found) = guard.take() {
                for group in &found.groups {
                    let _ = killpg(Pid::from_raw(*group), Signal::SIGKILL);
                }
                for directory in &found.directories {
                    let _ = std::fs::remove_dir_all(directory);
                }
            }
            eprintln!("interrupted: everything that was started is stopped");
            std::process::exit(130);
        });
        if let Err(error) = set {
            eprintln!("no clean-up on signals: {error}");
        }
    });
}

/// A directory of our own under the system's temporary one, removed with the value.
#[derive(Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// Makes the directory.
    pub fn new() -> io::Result<Self> {
        clean_up_on_signals();
        let path = tempfile::Builder::new().prefix("ims_release-live-").tempdir()?.keep();
        with_leftovers(|all| {
            all.directories.insert(path.clone());
        });
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if std::env::var_os("IMS_RELEASE_KEEP").is_some() {
            eprintln!("kept: {}", self.0.display());
            return;
        }
        let removed = std::fs::remove_dir_all(&self.0);
        with_leftovers(|all| {
            all.directories.remove(&self.0);
        });
        if !std::thread::panicking() {
            assert!(removed.is_ok(), "{} is left behind: {removed:?}", self.0.display());
        }
    }
}

/// The child leads a group of its own, so its pid names both. A pid always fits.
fn group_of(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX))
}

/// A child in a process group of its own.
#[derive(Debug)]
pub struct Process {
    child: Child,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts `program`; what it prints goes to `output`.
    pub fn start(program: &Path, arguments: &[String], directory: &Path, output: &Path) -> io::Result<Self> {
        clean_up_on_signals();
        let out = File::options().create(true).append(true).open(output)?;
        let error = out.try_clone()?;
        // Under the guard, so that an interrupt either sees the child or prevents it.
        let mut guard = leftovers();
        // setpriv replaces itself by the program: the pid stays. The kernel ends the child when we are killed.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(program)
            .args(arguments)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(error)
            .process_group(0)
            .spawn()?;
        guard.get_or_insert_with(Leftovers::default).groups.insert(group_of(&child).as_raw());
        Ok(Self { child, ended: None })
    }

    /// The process group, which is its pid too.
    pub fn group(&self) -> Pid {
        group_of(&self.child)
    }

    /// The exit status, once it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended
    }

    /// Asks it to end, and kills what is left of its group.
    pub fn stop(&mut self) {
        if self.ended().is_none() {
            let _ = kill(group_of(&self.child), Signal::SIGTERM);
            let _ = wait_until(Duration::from_secs(3), || self.ended().is_some());
        }
        self.kill();
    }

    /// SIGKILL to the whole group: nothing in it can tidy up.
    pub fn kill(&mut self) {
        let group = group_of(&self.child);
        if leftovers().as_mut().is_some_and(|all| all.groups.remove(&group.as_raw())) {
            let _ = killpg(group, Signal::SIGKILL);
            if self.ended.is_none() {
                self.ended = self.child.wait().ok();
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The processes whose command line names a directory.
pub fn processes_of(directory: &Path) -> Vec<i32> {
    let name = directory.as_os_str().as_encoded_bytes();
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.windows(name.len()).any(|part| part == name)
    })
    .collect()
}

/// Looks every few milliseconds whether `condition` holds; false when `limit` is over.
pub fn wait_until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
