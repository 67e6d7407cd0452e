// SPDX-License-Identifier: MIT OR Apache-2.0
//! The directory, the lock and the file: made, checked, taken over, or put aside. Every refusal says what is wrong,
//! where, and what to do.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, fchown, lchown};
use std::path::{Path, PathBuf};

use arrayvec::ArrayVec;
use rand::TryRng;
use rand::rngs::SysRng;

use super::super::StoreError;
use super::header::{self, Header};
use super::layout::{self, HEADER};
use super::{Level, SharedConfig, map};

/// The store's file, locked against other proxies.
pub(super) struct Opened {
    pub file: File,
    /// Keeps the lock.
    pub lock: File,
    pub header: Header,
    /// Things that were wrong and are mended.
    pub damaged: u64,
}

/// Finds or makes the store of a directory.
pub(super) fn open(config: &SharedConfig<'_>) -> Result<Opened, StoreError> {
    make_directory(config)?;
    let lock = take_lock(config)?;
    let path = config.directory.join("ims_release.store");
    let (file, header, damaged) = match existing(config, &path)? {
        Found::Store(file, header, damaged) => (file, header, damaged),
        Found::Foreign(why) => {
            put_aside(config, &path, why)?;
            let (file, header) = create(config, &path)?;
            (file, header, 1)
        }
        Found::Nothing => {
            let (file, header) = create(config, &path)?;
            (file, header, 0)
        }
    };
    // Also of a file that was there: a hole in it would be a signal when the disk is full.
    let size = layout::file_size(header.stripes);
    map::allocate(&file, size).map_err(|error| no_room(&path, size, error))?;
    let header = Header { boot: header::boot(), ..header };
    for page in [0, HEADER] {
        file.write_all_at(&header.encode(), page as u64).map_err(|e| refused("cannot write", &path, e))?;
    }
    Ok(Opened { file, lock, header, damaged })
}

fn make_directory(config: &SharedConfig<'_>) -> Result<(), StoreError> {
    let directory = config.directory;
    match DirBuilder::new().mode(0o700).create(directory) {
        Ok(()) => match config.owner {
            // Who may write to its parent may have put a link in its place by now: it is not followed.
            Some((user, group)) => lchown(directory, Some(user), Some(group)).map_err(|e| not_given(directory, e)),
            None => Ok(()),
        },
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let found = fs::metadata(directory).map_err(|e| refused("cannot look at", directory, e))?;
            if !found.is_dir() {
                return Err(StoreError::Io(format!(
                    "store {}: is not a directory; move it away, or set another directory",
                    directory.display()
                )));
            }
            trusted(config, directory, &found)
        }
        Err(error) if error.kind() == ErrorKind::NotFound && !directory.parent().is_some_and(Path::exists) => {
            let parent = directory.parent().unwrap_or(Path::new("/"));
            Err(StoreError::Io(format!(
                "store {}: cannot be made because {} does not exist; make that first, or set another directory",
                directory.display(),
                parent.display()
            )))
        }
        Err(error) => Err(StoreError::Io(format!(
            "store {}: cannot be made: {error}; make it and give it to the user the proxy runs as, or set another \
             directory",
            directory.display()
        ))),
    }
}

/// Gives a file to the user the proxy will run as.
fn give(config: &SharedConfig<'_>, path: &Path, file: &File) -> Result<(), StoreError> {
    match config.owner {
        Some((user, group)) => fchown(file, Some(user), Some(group)).map_err(|e| not_given(path, e)),
        None => Ok(()),
    }
}

fn not_given(path: &Path, error: io::Error) -> StoreError {
    refused("cannot be given to the proxy's user", path, error)
}

/// Refuses what belongs to a stranger, or what others may write: it could be changed under us, or we could not open it
/// after a restart. In a directory like /tmp (sticky) they can make files, and these are looked at, but take none away.
fn trusted(config: &SharedConfig<'_>, path: &Path, found: &Metadata) -> Result<(), StoreError> {
    let (user, group) = (map::effective_user(), map::effective_group());
    let (own, own_group) = config.owner.unwrap_or((user, group));
    if ![user, own].contains(&found.uid()) {
        return Err(StoreError::Io(format!(
            "store {}: belongs to user {}, the proxy runs as user {own}; chown it, or set another directory",
            path.display(),
            found.uid()
        )));
    }
    let mode = found.mode();
    let sticky = found.is_dir() && mode & libc::S_ISVTX != 0;
    let group_may = mode & libc::S_IWGRP != 0 && ![group, own_group].contains(&found.gid());
    if !sticky && (mode & libc::S_IWOTH != 0 || group_may) {
        return Err(StoreError::Io(format!(
            "store {}: other users may write to it (mode {:04o}); look whether they did, then chmod go-w",
            path.display(),
            mode & 0o7777
        )));
    }
    Ok(())
}

fn take_lock(config: &SharedConfig<'_>) -> Result<File, StoreError> {
    let path = config.directory.join("ims_release.lock");
    let lock = match open_options().create_new(true).open(&path) {
        Ok(lock) => {
            give(config, &path, &lock)?;
            lock
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let lock = open_options().open(&path).map_err(|e| not_opened(&path, e))?;
            let found = lock.metadata().map_err(|e| refused("cannot look at", &path, e))?;
            trusted(config, &path, &found)?;
            if !found.is_file() {
                return Err(StoreError::Io(format!("store {}: is not a file; remove it", path.display())));
            }
            lock
        }
        Err(error) => return Err(not_opened(&path, error)),
    };
    map::lock_file(&lock).map_err(|error| match error.kind() {
        ErrorKind::WouldBlock => StoreError::Io(format!(
            "store {}: another running proxy uses it; stop that one (also its last worker), or set another directory",
            config.directory.display()
        )),
        _ => refused("cannot lock", &path, error),
    })?;
    Ok(lock)
}

fn open_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    // std sets O_CLOEXEC itself.
    options.read(true).write(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
    options
}

fn not_opened(path: &Path, error: io::Error) -> StoreError {
    match error.raw_os_error() {
        Some(libc::ELOOP) => StoreError::Io(format!(
            "store {}: is a symbolic link, and none is followed; remove it, or set the directory it leads to",
            path.display()
        )),
        Some(libc::EISDIR) => {
            StoreError::Io(format!("store {}: is a directory, not a file; move it away", path.display()))
        }
        _ => refused("cannot open (is it writable for the proxy's user, and its directory?)", path, error),
    }
}

enum Found {
    /// And what was wrong with it as a whole.
    Store(File, Header, u64),
    Foreign(&'static str),
    Nothing,
}

fn existing(config: &SharedConfig<'_>, path: &Path) -> Result<Found, StoreError> {
    let file = match open_options().open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(not_opened(path, error)),
    };
    let found = file.metadata().map_err(|e| refused("cannot look at", path, e))?;
    trusted(config, path, &found)?;
    if !found.is_file() {
        return Ok(Found::Foreign("is not a file"));
    }
    let mut headers = ArrayVec::<Header, 2>::new();
    for at in [0, HEADER] {
        let mut page = [0; HEADER];
        if file.read_exact_at(&mut page, at as u64).is_ok() {
            headers.extend(Header::decode(&page));
        }
    }
    let Some(header) = headers.first().copied() else {
        return Ok(Found::Foreign("is not a store of this version of ims_release"));
    };
    let mut damaged = 0;
    if headers.len() == 1 {
        damaged += 1;
        (config.log)(Level::Error, &format!("store {}: one of its two headers was damaged, mended", path.display()));
    }
    let size = layout::file_size(header.stripes);
    if found.len() < size {
        damaged += 1;
        // Allocating makes it whole again; what was cut off is gone.
        (config.log)(
            Level::Error,
            &format!(
                "store {}: was cut to {} of {size} bytes; what it still holds is kept",
                path.display(),
                found.len()
            ),
        );
    }
    let wanted = layout::file_size(layout::stripes_in(config.size));
    if size != wanted {
        (config.log)(
            Level::Warning,
            &format!(
                "store {}: keeps its {size} bytes; for {wanted} bytes stop the proxy when no call is up and remove the \
                 file",
                path.display()
            ),
        );
    }
    Ok(Found::Store(file, header, damaged))
}

/// Renames what cannot be used, so that somebody may look at it.
fn put_aside(config: &SharedConfig<'_>, path: &Path, why: &str) -> Result<(), StoreError> {
    let free = (1..1000).map(|n| PathBuf::from(format!("{}.damaged-{n}", path.display()))).find(|p| !p.exists());
    let Some(aside) = free else {
        return Err(StoreError::Io(format!(
            "store {}: {why}, and 999 damaged files lie there already",
            path.display()
        )));
    };
    fs::rename(path, &aside).map_err(|e| refused("cannot be put aside", path, e))?;
    (config.log)(
        Level::Error,
        &format!("store {}: {why}; put aside as {}, starting empty", path.display(), aside.display()),
    );
    Ok(())
}

/// Makes the file beside its place, whole, and moves it there: a start that fails leaves nothing half-made.
fn create(config: &SharedConfig<'_>, path: &Path) -> Result<(File, Header), StoreError> {
    let mut secret = [0; 16];
    SysRng.try_fill_bytes(&mut secret).map_err(|error| StoreError::Io(format!("no random numbers: {error}")))?;
    let header = Header { stripes: layout::stripes_in(config.size), secret, boot: header::boot() };
    let size = layout::file_size(header.stripes);
    let new = PathBuf::from(format!("{}.new", path.display()));
    // A start that was killed may have left one. What cannot be removed is told when the new one is made.
    let _ = fs::remove_file(&new);
    let made = (|| {
        let mut file = open_options().create_new(true).open(&new).map_err(|e| refused("cannot make", &new, e))?;
        map::allocate(&file, size).map_err(|error| no_room(&new, size, error))?;
        file.write_all(&header.encode()).map_err(|e| refused("cannot write", &new, e))?;
        give(config, &new, &file)?;
        file.sync_all().map_err(|e| refused("cannot write", &new, e))?;
        fs::rename(&new, path).map_err(|e| refused("cannot be renamed", &new, e))?;
        Ok(file)
    })();
    if made.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&new);
    }
    Ok((made?, header))
}

fn no_room(path: &Path, size: u64, error: io::Error) -> StoreError {
    match error.raw_os_error() {
        Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG) => StoreError::Io(format!(
            "store {}: no room for {size} bytes ({error}); free some, or set a smaller size",
            path.display()
        )),
        _ => refused("cannot be allocated", path, error),
    }
}

fn refused(what: &str, path: &Path, error: io::Error) -> StoreError {
    StoreError::Io(format!("store {}: {what}: {error}", path.display()))
}
