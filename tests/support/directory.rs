// SPDX-License-Identifier: MIT OR Apache-2.0
//! Directories for stores that are opened by the thousand.

use std::fs;
use std::path::Path;

/// In memory where there is room for it: a disk would be what is measured.
pub fn fresh() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// A directory with a copy of all that is in another. A mapping shows in it what was written up to now.
pub fn copy(of: &Path) -> tempfile::TempDir {
    let directory = fresh();
    for file in fs::read_dir(of).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), directory.path().join(file.file_name())).unwrap();
    }
    directory
}
