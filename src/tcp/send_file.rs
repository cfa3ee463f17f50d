//! Sending files without copying them through this process.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use super::connection::{Inner, TcpConnection};
use crate::error::{Error, ErrorKind, Operation, PartialTransfer, Result};
use crate::wait::{self, WaitLimit};

/// The size of a read where the OS has no call to send files.
const CHUNK: usize = 64 * 1024;

impl TcpConnection {
    /// Sends a file from its current position to its end, and returns the number of bytes. The file
    /// position is the end then.
    ///
    /// Blocks until the OS has accepted all bytes. The write timeout applies to the whole call. On
    /// Linux, the kernel copies the bytes (sendfile(2)), which `std::io::copy` from a file to a
    /// `TcpStream` does not use.
    ///
    /// # Errors
    ///
    /// This returns an error if the file cannot be read, or if [`send`](Self::send) would. The file
    /// position is after the bytes that were sent, and [`PartialTransfer`] has their number.
    ///
    /// # Platform-specific behavior
    ///
    /// sendfile(2) on Linux and Android. Elsewhere, and for files that it does not support, 64 KiB
    /// are read and written at a time.
    ///
    /// With sendfile(2), the OS send buffer refers to the pages of the file. Do not change the sent
    /// part of the file until the peer has received it: the peer may receive the changed bytes,
    /// although this call has returned. A file that is replaced by another of the same name (a
    /// rename) does not change.
    ///
    /// A disconnected peer is an error and not a `SIGPIPE`, as
    /// everywhere in this crate: sendfile(2) has no flag for that, so the signal is blocked in the
    /// thread during the call.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::{TcpClient, TcpServer};
    /// use std::fs::File;
    ///
    /// # let path = std::env::temp_dir().join(format!("socketry-doc-{}", std::process::id()));
    /// std::fs::write(&path, "a page")?;
    /// let server = TcpServer::bind("127.0.0.1:0")?;
    /// let client = TcpClient::new().connect(server.local_addr())?;
    /// assert_eq!(server.accept()?.send_file(&File::open(&path)?)?, 6);
    /// assert_eq!(client.recv_to_end(1024)?, b"a page");
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "sendfile")]
    #[doc(alias = "TransmitFile")]
    pub fn send_file(&self, file: &File) -> Result<u64> {
        self.inner.send_file(file, None, u64::MAX)
    }

    /// Sends `length` bytes of a file from `offset`, or fewer if the file ends before.
    ///
    /// Blocks as [`send_file`](Self::send_file) does, and as there, the sent part of the file must not
    /// be changed until the peer has received it. On Linux the file position does not change;
    /// elsewhere it is after the bytes that were sent.
    ///
    /// # Errors
    ///
    /// This returns an error if [`send_file`](Self::send_file) would.
    pub fn send_file_range(&self, file: &File, offset: u64, length: u64) -> Result<u64> {
        self.inner.send_file(file, Some(offset), length)
    }
}

impl Inner {
    fn send_file(&self, file: &File, mut offset: Option<u64>, length: u64) -> Result<u64> {
        let limit = self.write_limit();
        // sendfile(2) has no flag for one call.
        let is_limited = limit.is_limited() || self.timeouts.limits_writing();
        let _nonblocking = is_limited.then(|| self.nonblocking.hold(&*self.stream));
        let mut sent = 0;
        while sent < length {
            let part = self.checked(&limit, sent).and_then(|()| {
                self.stalling(Operation::SendFile, &limit, |limit| {
                    let part = wait::send_file_within(&self.stream, limit, file, &mut offset, length - sent)?;
                    Ok((part.unwrap_or(0), part))
                })
            });
            match part {
                Ok(Some(0)) => return Ok(sent),
                Ok(Some(count)) => sent += count as u64,
                Ok(None) => return self.copy_file(file, offset, length - sent, sent, &limit),
                Err(error) => return Err(self.partial_file(error, sent, length)),
            }
        }
        Ok(sent)
    }

    /// Checks the limit before a part that is not the first: a peer that always reads a little does
    /// not extend the call.
    fn checked(&self, limit: &WaitLimit<'_>, sent: u64) -> Result<()> {
        match limit.check() {
            Err(error) if sent > 0 => Err(self.wait_error(Operation::SendFile, error, limit)),
            _ => Ok(()),
        }
    }

    fn copy_file(
        &self,
        mut file: &File,
        offset: Option<u64>,
        length: u64,
        mut sent: u64,
        limit: &WaitLimit<'_>,
    ) -> Result<u64> {
        let total = length.saturating_add(sent);
        let failed = |error| self.failure(Operation::SendFile, error);
        if let Some(offset) = offset {
            file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        }
        let mut chunk = vec![0; CHUNK];
        while sent < total {
            let wanted = usize::try_from(total - sent).unwrap_or(CHUNK).min(CHUNK);
            let count = match file.read(&mut chunk[..wanted]) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.partial_file(failed(error), sent, total)),
            };
            let mut done = 0;
            while done < count {
                let part = [std::io::IoSlice::new(&chunk[done..count])];
                let written = self
                    .checked(limit, sent + done as u64)
                    .and_then(|()| self.write_within(Operation::SendFile, &part, limit));
                match written {
                    Ok(written) => done += written,
                    Err(error) => {
                        // The file position is after the bytes that were sent.
                        let _ = file.seek(SeekFrom::Current(done as i64 - count as i64));
                        return Err(self.partial_file(error, sent + done as u64, total));
                    }
                }
            }
            sent += count as u64;
        }
        Ok(sent)
    }

    #[cold]
    fn partial_file(&self, error: Error, sent: u64, wanted: u64) -> Error {
        let kind = match error.kind() {
            _ if self.is_aborted() => ErrorKind::Cancelled,
            kind => kind,
        };
        let (elapsed, limit) = (error.elapsed(), error.limit());
        let as_size = |count| usize::try_from(count).unwrap_or(usize::MAX);
        let partial = PartialTransfer::new(kind, as_size(sent), as_size(wanted), Some(error));
        let error = self.with_addrs(Error::detailed(Operation::SendFile, kind, partial));
        error.with_elapsed(elapsed).with_limit(limit)
    }
}
