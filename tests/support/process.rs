// SPDX-License-Identifier: MIT OR Apache-2.0
//! Children that share what this process has open, and how they end.

#![allow(dead_code, unsafe_code)] // each test binary uses a part of it; fork, kill and wait have no safe face in std

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A child inherits every open store of this process, so the tests take turns.
pub fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A child that runs `work` on what it inherited, and is killed when this is dropped.
pub struct Child(libc::pid_t);

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, its work done.
    Done,
    /// By SIGKILL.
    Killed,
    /// By a panic, or another signal.
    Failed,
}

impl Child {
    pub fn start(work: impl FnOnce()) -> Self {
        // SAFETY: the child touches nothing that another thread of this process may hold; it leaves by _exit.
        match unsafe { libc::fork() } {
            0 => {
                // SAFETY: concerns this child alone. A child that works for ever must not outlive a test that failed.
                unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
                let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_ok();
                // SAFETY: ends the child without running the test harness's own clean-up.
                unsafe { libc::_exit(if done { 0 } else { 1 }) }
            }
            child => {
                assert!(child > 0, "fork failed");
                Self(child)
            }
        }
    }

    pub fn signal(&self, signal: i32) {
        // SAFETY: the process is a child of ours that was not waited for yet.
        assert_eq!(unsafe { libc::kill(self.0, signal) }, 0);
    }

    /// Gives it a process group of its own.
    pub fn lead(&self) {
        // SAFETY: the process is a child of ours that was not waited for yet and runs no other program.
        assert_eq!(unsafe { libc::setpgid(self.0, self.0) }, 0);
    }

    /// Puts it into the group of another child.
    pub fn follow(&self, leader: &Self) {
        // SAFETY: the process is a child of ours that was not waited for yet and runs no other program.
        assert_eq!(unsafe { libc::setpgid(self.0, leader.0) }, 0);
    }

    /// Puts this process, a sister, into the group of that child.
    pub fn join(&self) {
        // SAFETY: changes this process alone.
        assert_eq!(unsafe { libc::setpgid(0, self.0) }, 0);
    }

    /// Kills it and all that have joined its group.
    pub fn kill_group(&self) {
        // SAFETY: the group is that of a child of ours that was not waited for yet.
        assert_eq!(unsafe { libc::kill(-self.0, libc::SIGKILL) }, 0);
    }

    /// Waits for its end; whether it left by itself and well.
    pub fn wait(self) -> bool {
        self.end() == End::Done
    }

    /// Waits for its end.
    pub fn end(self) -> End {
        let mut status = 0;
        // SAFETY: `status` is writable.
        assert_eq!(unsafe { libc::waitpid(self.0, &raw mut status, 0) }, self.0);
        core::mem::forget(self);
        if libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGKILL {
            End::Killed
        } else if libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0 {
            End::Done
        } else {
            End::Failed
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // SAFETY: the child was not waited for yet.
        unsafe {
            libc::kill(self.0, libc::SIGKILL);
            libc::waitpid(self.0, core::ptr::null_mut(), 0);
        }
    }
}
