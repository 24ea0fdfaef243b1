//! Indexes in streams and files.

use std::any::Any;
use std::ffi::c_void;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

use crate::bridge::{Handle, Refusal, checked};
use crate::error::{Error, Result};
use crate::index::Index;
use crate::shape;

impl Index {
    /// Writes the index in FAISS's file format, which `faiss.read_index` reads. Many of the
    /// writes are of a few bytes: a file wants a `BufWriter`, and who made it flushes it.
    ///
    /// # Errors
    /// [`Error::Io`] where the sink fails.
    pub fn write(&self, sink: &mut dyn Write) -> Result<()> {
        let mut stream = Stream::new(|bytes: &mut [u8]| sink.write_all(bytes));
        let (transfer, context) = stream.as_transfer();
        let handle = self.handle.as_ptr();
        // SAFETY: the handle and the stream are live, and the context is what the function takes.
        let done = checked(|failure| unsafe {
            (self.handle.table().write)(handle, transfer, context, failure)
        });
        stream.finish()?;
        done.map_err(Refusal::invalid)
    }

    /// Reads an index in FAISS's file format into memory, from where the source stands to the byte
    /// where it ends. Many of the reads are of a few bytes: a file wants a `BufReader`.
    ///
    /// A file that is cut short, or whose parts do not fit each other, is found out before FAISS sees
    /// it, and so are graphs that lead outside of their rows, but not every flipped bit: the caller
    /// has to check a hash of a file that others could have changed, before.
    ///
    /// # Errors
    /// [`Error::Io`] where the source fails, [`Error::Corrupt`] where it holds no index.
    pub fn read(source: &mut (impl Read + Seek)) -> Result<Self> {
        let start = source.stream_position()?;
        let end = source.seek(SeekFrom::End(0))?;
        source.seek(SeekFrom::Start(start))?;
        shape::check(source, end.saturating_sub(start))?;
        source.seek(SeekFrom::Start(start))?;
        let mut stream = Stream::new(|bytes: &mut [u8]| source.read_exact(bytes));
        let (transfer, context) = stream.as_transfer();
        // SAFETY: the stream is live, and the context is what the function takes.
        let handle = unsafe { Handle::read(transfer, context) }?;
        match stream.finish() {
            Err(Error::Io(e)) if e.kind() == io::ErrorKind::UnexpectedEof => {}
            other => other?,
        }
        Ok(Self {
            handle: handle.map_err(Refusal::corrupt)?,
            mapped: false,
        })
    }

    /// Opens an index in a file without loading it: its pages come as searches touch them, and
    /// the system may drop them again. The index cannot be changed.
    ///
    /// Mapped are the vectors or codes of flat indexes, the links and codes of graphs, and the
    /// lists of inverted indexes with their row numbers, under transformations as well. Read
    /// into memory are the trained parts (centroids of a product quantizer, ranges of a scalar
    /// quantizer, matrices), 12 bytes for each row of a graph, and 16 bytes for each list.
    ///
    /// The file may be renamed or unlinked afterwards, but its bytes must not change, and it must
    /// not be cut: a page that is no longer there ends the program with SIGBUS. A file that is
    /// cut short already is found out, or whose parts do not fit each other, but links and the
    /// numbers of rows in lists are not looked at, as this would read them all: the caller has to
    /// check a hash of the file before.
    ///
    /// # Errors
    /// [`Error::Io`] where the file cannot be opened, [`Error::Corrupt`] where it is no index.
    pub fn map(path: &Path) -> Result<Self> {
        Self::map_file(&File::open(path)?)
    }

    /// As [`map`](Self::map), of a file that is open.
    ///
    /// # Errors
    /// As there.
    pub fn map_file(file: &File) -> Result<Self> {
        let length = file.metadata()?.len();
        if length == 0 {
            return Err(Error::Corrupt("an empty file".into()));
        }
        shape::check(&mut BufReader::new(Positioned { file, at: 0 }), length)?;
        Ok(Self {
            handle: Handle::map(file.as_raw_fd(), length)?,
            mapped: true,
        })
    }
}

/// A file that is read without moving the place that its other readers share.
struct Positioned<'a> {
    file: &'a File,
    at: u64,
}

impl Read for Positioned<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(bytes, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Positioned<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.file.metadata()?.len().checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// A reader or writer as the C++ side calls it.
struct Stream<F> {
    transfer: F,
    error: Option<io::Error>,
    panic: Option<Box<dyn Any + Send>>,
}

impl<F: FnMut(&mut [u8]) -> io::Result<()>> Stream<F> {
    fn new(transfer: F) -> Self {
        Self {
            transfer,
            error: None,
            panic: None,
        }
    }

    fn as_transfer(&mut self) -> (crate::bridge::Transfer, *mut c_void) {
        (transfer::<F>, (&raw mut *self).cast())
    }

    /// What has stopped the stream.
    fn finish(self) -> Result<()> {
        if let Some(panic) = self.panic {
            resume_unwind(panic);
        }
        self.error.map_or(Ok(()), |error| Err(Error::Io(error)))
    }
}

/// # Safety
/// `context` is a live [`Stream`] of the same type that nobody else borrows; `bytes` are `length`
/// live bytes. Those of a writer are not written to.
unsafe extern "C" fn transfer<F: FnMut(&mut [u8]) -> io::Result<()>>(
    context: *mut c_void,
    bytes: *mut c_void,
    length: usize,
) -> usize {
    // SAFETY: by this function's own contract.
    let stream = unsafe { &mut *context.cast::<Stream<F>>() };
    // SAFETY: as above.
    let bytes = unsafe { std::slice::from_raw_parts_mut(bytes.cast::<u8>(), length) };
    // A panic must not pass through C++.
    match catch_unwind(AssertUnwindSafe(|| (stream.transfer)(bytes))) {
        Ok(Ok(())) => return length,
        Ok(Err(error)) => stream.error = Some(error),
        Err(panic) => stream.panic = Some(panic),
    }
    0
}
