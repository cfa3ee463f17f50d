//! Which file a path leads to.

use std::fs::Metadata;

/// The identity of a file, which changes with its contents and its mode: the device, the inode and
/// the time of the last change on Unix, which a program cannot set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileIdentity {
    #[cfg(unix)]
    device: u64,
    #[cfg(unix)]
    number: u64,
    #[cfg(unix)]
    changed: (i64, i64),
}

impl FileIdentity {
    #[cfg(unix)]
    pub(crate) fn of(file: &Metadata) -> FileIdentity {
        use std::os::unix::fs::MetadataExt;
        let changed = (file.ctime(), file.ctime_nsec());
        FileIdentity { device: file.dev(), number: file.ino(), changed }
    }

    #[cfg(not(unix))]
    pub(crate) fn of(_: &Metadata) -> FileIdentity {
        FileIdentity {}
    }
}
