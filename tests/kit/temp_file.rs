//! Files of a test.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A file in the temporary directory, which is removed when the value is dropped.
pub struct TempFile(PathBuf);

impl TempFile {
    /// Creates a file with this content.
    pub fn with(content: &[u8]) -> TempFile {
        let file = TempFile::empty();
        std::fs::write(&file.0, content).unwrap();
        file
    }

    /// Creates a file of zero bytes, which takes no space on disk.
    pub fn zeros(length: u64) -> TempFile {
        let file = TempFile::empty();
        File::options().write(true).open(&file.0).unwrap().set_len(length).unwrap();
        file
    }

    fn empty() -> TempFile {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("socketry-test-{}-{number}", std::process::id()));
        File::create(&path).unwrap();
        TempFile(path)
    }

    pub fn path(&self) -> &std::path::Path {
        &self.0
    }

    /// Replaces the content of the file, which stays the same file.
    pub fn write(&self, content: &str) {
        std::fs::write(&self.0, content).unwrap();
    }

    pub fn open(&self) -> File {
        File::open(&self.0).unwrap()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
