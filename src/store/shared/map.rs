// SPDX-License-Identifier: MIT OR Apache-2.0
//! The only unsafe code of the store: mapped memory behind checked offsets, locks between processes, and the calls of
//! the operating system that std does not have.
//!
//! Nothing here knows what the bytes mean. Each access is checked against the length of the mapping, so that a wrong
//! offset from a damaged file is a `None` and never a stray access.

#![allow(unsafe_code)]

use core::ffi::c_int;
use core::ptr::NonNull;
use core::time::Duration;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

#[cfg(not(feature = "kill-points"))]
pub(super) use core::sync::atomic::{AtomicU32 as Half, AtomicU64 as Word};

#[cfg(feature = "kill-points")]
pub(super) use super::kill_points::{Half, Word};

unsafe extern "C" {
    // POSIX 2024, glibc 2.30; the libc crate does not have it yet.
    fn pthread_mutex_clocklock(
        mutex: *mut libc::pthread_mutex_t,
        clock: libc::clockid_t,
        until: *const libc::timespec,
    ) -> c_int;
}

/// Memory shared by this process and its children.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the memory is shared between processes anyway. Words are only touched as atomics; bytes only under the lock
// of their stripe, or as copies that are verified before they are used.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

/// What taking a lock found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// The lock is held and what it guards is sound.
    Sound,
    /// The lock is held; its last owner died with it. Repair, then [`Mapping::mark_sound`].
    OwnerDied,
    /// The time is over; the lock is not held.
    TimedOut,
}

impl Mapping {
    /// The whole of a file, which must have `length` bytes.
    pub(super) fn of_file(file: &File, length: usize) -> io::Result<Self> {
        Self::map(length, libc::MAP_SHARED, file.as_raw_fd())
    }

    /// Zeros, shared with children.
    pub(super) fn anonymous(length: usize) -> io::Result<Self> {
        Self::map(length, libc::MAP_SHARED | libc::MAP_ANONYMOUS, -1)
    }

    fn map(length: usize, flags: c_int, fd: c_int) -> io::Result<Self> {
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let start =
            unsafe { libc::mmap(core::ptr::null_mut(), length, libc::PROT_READ | libc::PROT_WRITE, flags, fd, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::from_raw_os_error(libc::ENOMEM))?;
        Ok(Self { start, length })
    }

    fn at<T>(&self, offset: usize, count: usize) -> Option<*mut T> {
        let end = offset.checked_add(count.checked_mul(size_of::<T>())?)?;
        // SAFETY: the offset is within the mapping.
        (end <= self.length && offset % align_of::<T>() == 0).then(|| unsafe { self.start.as_ptr().add(offset).cast() })
    }

    /// A word of 64 bits.
    pub(super) fn word(&self, offset: usize) -> Option<&Word> {
        // SAFETY: within the mapping, aligned, alive as long as the mapping, and only used as an atomic.
        self.at::<Word>(offset, 1).map(|word| unsafe { &*word })
    }

    /// A word of 32 bits.
    pub(super) fn half(&self, offset: usize) -> Option<&Half> {
        // SAFETY: as in `word`.
        self.at::<Half>(offset, 1).map(|half| unsafe { &*half })
    }

    /// A copy of `N` bytes.
    pub(super) fn copy<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        // SAFETY: within the mapping; a byte array may lie anywhere. As to other writers see `copy_out`.
        self.at::<[u8; N]>(offset, 1).map(|bytes| unsafe { bytes.read() })
    }

    /// Appends `length` bytes to `bytes`; `false` when they are not all there.
    pub(super) fn copy_out(&self, offset: usize, length: usize, bytes: &mut Vec<u8>) -> bool {
        let Some(start) = self.at::<u8>(offset, length) else {
            return false;
        };
        bytes.reserve(length);
        // SAFETY: the source is within the mapping, the target was just reserved, and they cannot overlap. Another
        // process may write the source meanwhile against the rules; the copy is verified by its checksum.
        unsafe {
            core::ptr::copy_nonoverlapping(start, bytes.as_mut_ptr().add(bytes.len()), length);
            bytes.set_len(bytes.len() + length);
        }
        true
    }

    /// Writes bytes; `false` when there is no room for them.
    pub(super) fn copy_in(&self, offset: usize, bytes: &[u8]) -> bool {
        let Some(start) = self.at::<u8>(offset, bytes.len()) else {
            return false;
        };
        #[cfg(feature = "kill-points")]
        if bytes.len() > 8 {
            return bytes.chunks(8).enumerate().all(|(word, part)| self.copy_in(offset + 8 * word, part));
        } else {
            super::kill_points::step();
        }
        // SAFETY: the target is within the mapping; the caller holds the lock of the stripe, so nobody else writes it.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), start, bytes.len()) };
        true
    }

    /// Makes a lock at `offset` that may be used by all processes that share the mapping.
    pub(super) fn make_lock(&self, offset: usize) -> io::Result<()> {
        let mutex = self.mutex(offset)?;
        let mut attributes = core::mem::MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
        let attributes = attributes.as_mut_ptr();
        let told = |code: c_int| if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) };
        // SAFETY: `attributes` is initialised by the first call before the others use it; `mutex` is within the
        // mapping, aligned, and no lock yet.
        unsafe {
            told(libc::pthread_mutexattr_init(attributes))?;
            told(libc::pthread_mutexattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED))?;
            told(libc::pthread_mutexattr_setrobust(attributes, libc::PTHREAD_MUTEX_ROBUST))?;
            told(libc::pthread_mutex_init(mutex, attributes))?;
            told(libc::pthread_mutexattr_destroy(attributes))
        }
    }

    fn mutex(&self, offset: usize) -> io::Result<*mut libc::pthread_mutex_t> {
        self.at(offset, 1).ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))
    }

    /// Takes the lock at `offset`, waiting up to `patience`.
    pub(super) fn lock(&self, offset: usize, patience: Duration) -> io::Result<Taken> {
        let mutex = self.mutex(offset)?;
        // SAFETY: `make_lock` made a mutex here before the mapping was given to anybody.
        let code = match unsafe { libc::pthread_mutex_trylock(mutex) } {
            libc::EBUSY => {
                let until = monotonic_in(patience);
                // SAFETY: as above; `until` lives over the call.
                unsafe { pthread_mutex_clocklock(mutex, libc::CLOCK_MONOTONIC, &raw const until) }
            }
            code => code,
        };
        match code {
            0 => Ok(Taken::Sound),
            libc::EOWNERDEAD => Ok(Taken::OwnerDied),
            libc::ETIMEDOUT => Ok(Taken::TimedOut),
            code => Err(io::Error::from_raw_os_error(code)),
        }
    }

    /// Says that what the lock at `offset` guards was repaired. The caller holds it.
    pub(super) fn mark_sound(&self, offset: usize) {
        if let Ok(mutex) = self.mutex(offset) {
            #[cfg(feature = "kill-points")]
            super::kill_points::step();
            // SAFETY: the caller holds this mutex.
            unsafe { libc::pthread_mutex_consistent(mutex) };
        }
    }

    /// Gives the lock at `offset` back. The caller holds it.
    pub(super) fn unlock(&self, offset: usize) {
        if let Ok(mutex) = self.mutex(offset) {
            #[cfg(feature = "kill-points")]
            super::kill_points::step();
            // SAFETY: the caller holds this mutex.
            unsafe { libc::pthread_mutex_unlock(mutex) };
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: nothing borrowed from the mapping outlives it.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
    }
}

/// The moment `patience` from now on the clock that nobody sets.
fn monotonic_in(patience: Duration) -> libc::timespec {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is writable; the clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    let nanoseconds = now.tv_nsec + libc::c_long::from(patience.subsec_nanos() as i32);
    libc::timespec {
        tv_sec: now.tv_sec + patience.as_secs().min(3600) as libc::time_t + nanoseconds / 1_000_000_000,
        tv_nsec: nanoseconds % 1_000_000_000,
    }
}

/// Gives the file `length` bytes on the disk, so that a full disk shows now and not as a signal later.
pub(super) fn allocate(file: &File, length: u64) -> io::Result<()> {
    let length = libc::off_t::try_from(length).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG))?;
    // SAFETY: the descriptor is open.
    match unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, length) } {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

/// Locks the file against other proxies. The lock belongs to the open file, which children inherit: it ends with the
/// last of them, where an fcntl lock would end with the first process.
pub(super) fn lock_file(file: &File) -> io::Result<()> {
    // SAFETY: the descriptor is open.
    match unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Ends this process, or all of its group, as a crash or the kernel would: nothing is cleaned up.
#[cfg(feature = "kill-points")]
pub(super) fn kill(group: bool) {
    // SAFETY: has no memory to get wrong. The signal is delivered before the call returns.
    unsafe { libc::kill(if group { 0 } else { libc::getpid() }, libc::SIGKILL) };
}

/// The user this process acts as.
pub(super) fn effective_user() -> u32 {
    // SAFETY: always succeeds.
    unsafe { libc::geteuid() }
}

/// The group this process acts as.
pub(super) fn effective_group() -> u32 {
    // SAFETY: always succeeds.
    unsafe { libc::getegid() }
}
