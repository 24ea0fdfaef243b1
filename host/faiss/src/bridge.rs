//! The C++ side, mirrored field by field from `bridge/bridge.hpp`, and what its answers mean.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{self, NonNull};

use crate::cpu::table;
use crate::error::{Error, Result};

/// Moves bytes between FAISS and a stream; returns how many.
pub(crate) type Transfer = unsafe extern "C" fn(*mut c_void, *mut c_void, usize) -> usize;

/// An index on the C++ side.
#[repr(C)]
pub(crate) struct RawHandle {
    _opaque: [u8; 0],
}

#[repr(C)]
pub(crate) struct Failure {
    text: [c_char; 512],
}

#[repr(C)]
#[derive(Default)]
pub(crate) struct Facts {
    pub rows: u64,
    pub dimension: u32,
    pub lists: u32,
    pub kind: i32,
    pub metric: i32,
    pub trained: i32,
}

pub(crate) const KIND_FLAT: i32 = 1;
pub(crate) const KIND_HNSW: i32 = 2;
pub(crate) const KIND_IVF: i32 = 3;

#[repr(C)]
pub(crate) struct SearchCall {
    pub queries: *const f32,
    pub count: u64,
    pub k: u64,
    pub bitmap: *const u8,
    pub bitmap_bytes: u64,
    pub nprobe: u32,
    pub ef_search: u32,
    pub threads: u32,
    pub exhaustive: i32,
    pub scores: *mut f32,
    pub rows: *mut i64,
}

/// The functions of one variant of the instruction set. None lets an exception through.
#[repr(C)]
pub(crate) struct Table {
    from_factory:
        unsafe extern "C" fn(u32, *const c_char, *mut *mut RawHandle, *mut Failure) -> i32,
    release: unsafe extern "C" fn(*mut RawHandle),
    pub set_ef_construction: unsafe extern "C" fn(*mut RawHandle, u32, *mut Failure) -> i32,
    pub train: unsafe extern "C" fn(*mut RawHandle, u64, *const f32, *mut Failure) -> i32,
    pub add: unsafe extern "C" fn(*mut RawHandle, u64, *const f32, *mut Failure) -> i32,
    pub facts: unsafe extern "C" fn(*const RawHandle, *mut Facts),
    pub describe: unsafe extern "C" fn(*const RawHandle, *mut c_char, usize, *mut Failure) -> i32,
    pub search: unsafe extern "C" fn(*const RawHandle, *const SearchCall, *mut Failure) -> i32,
    pub reconstruct:
        unsafe extern "C" fn(*const RawHandle, u64, u64, *mut f32, *mut Failure) -> i32,
    pub write: unsafe extern "C" fn(*const RawHandle, Transfer, *mut c_void, *mut Failure) -> i32,
    read: unsafe extern "C" fn(Transfer, *mut c_void, *mut *mut RawHandle, *mut Failure) -> i32,
    map: unsafe extern "C" fn(c_int, u64, *mut *mut RawHandle, *mut Failure) -> i32,
    pub nearest: unsafe extern "C" fn(
        *const f32,
        u64,
        *const f32,
        u64,
        u32,
        u64,
        *mut f32,
        *mut i64,
        *mut Failure,
    ) -> i32,
    pub set_threads: unsafe extern "C" fn(u32),
}

/// What a call that failed says.
pub(crate) enum Refusal {
    /// FAISS does not accept what it was given.
    Refused(String),
    Memory,
    Internal(String),
    /// The transfer function has moved less than it was asked to.
    Transfer,
}

impl Refusal {
    /// For calls whose arguments come from the caller.
    pub fn invalid(self) -> Error {
        match self {
            Self::Refused(text) => Error::Invalid(text),
            Self::Memory => Error::OutOfMemory,
            Self::Internal(text) => Error::Internal(text),
            Self::Transfer => Error::Internal("a stream failed where there is none".into()),
        }
    }

    /// For calls that read a file.
    pub fn corrupt(self) -> Error {
        match self {
            Self::Refused(text) => Error::Corrupt(text),
            Self::Transfer => Error::Corrupt("it ends too soon".into()),
            other => other.invalid(),
        }
    }
}

/// Calls a function that returns a status.
pub(crate) fn checked(call: impl FnOnce(*mut Failure) -> i32) -> std::result::Result<(), Refusal> {
    let mut failure = Failure { text: [0; 512] };
    let status = call(&raw mut failure);
    if status == 0 {
        return Ok(());
    }
    // SAFETY: the text ends with a zero byte, from the start and by every writer.
    let text = unsafe { CStr::from_ptr(failure.text.as_ptr()) };
    let text = explanation(&text.to_string_lossy());
    Err(match status {
        1 => Refusal::Refused(text),
        2 => Refusal::Memory,
        4 => Refusal::Transfer,
        _ => Refusal::Internal(text),
    })
}

/// What FAISS says, without where in its sources it says so.
fn explanation(text: &str) -> String {
    let at_source = text.starts_with("Error in ");
    let (_, rest) = match at_source.then(|| text.split_once("Error: ")).flatten() {
        Some(parts) => parts,
        None => (
            "",
            text.split_once(": ")
                .filter(|_| at_source)
                .map_or(text, |(_, rest)| rest),
        ),
    };
    rest.trim().to_owned()
}

/// An index, freed with its owner.
pub(crate) struct Handle {
    /// The variant that it was made by, and that alone may touch it.
    table: &'static Table,
    raw: NonNull<RawHandle>,
}

// SAFETY: an index belongs to no thread.
unsafe impl Send for Handle {}
// SAFETY: what takes `&self` is const on the C++ side and changes nothing but FAISS's counters of
// searches, which nobody reads, and what std::call_once guards.
unsafe impl Sync for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle came from this table and is not used any more.
        unsafe { (self.table.release)(self.raw.as_ptr()) }
    }
}

impl Handle {
    pub fn from_factory(dimension: u32, text: &CStr) -> Result<Self> {
        let table = table()?;
        // SAFETY: the text ends with a zero byte; the other pointers are to live values.
        Self::make(table, |out, failure| unsafe {
            (table.from_factory)(dimension, text.as_ptr(), out, failure)
        })
        .map_err(Refusal::invalid)
    }

    /// # Safety
    /// `transfer` must accept `context`, and write as many bytes as it is asked for or fewer.
    pub unsafe fn read(
        transfer: Transfer,
        context: *mut c_void,
    ) -> Result<std::result::Result<Self, Refusal>> {
        let table = table()?;
        // SAFETY: by this function's own contract.
        Ok(Self::make(table, |out, failure| unsafe {
            (table.read)(transfer, context, out, failure)
        }))
    }

    /// `file` is an open file of `length` bytes, and may be closed afterwards.
    pub fn map(file: c_int, length: u64) -> Result<Self> {
        let table = table()?;
        // SAFETY: the pointers are to live values; a file that is none is refused.
        Self::make(table, |out, failure| unsafe {
            (table.map)(file, length, out, failure)
        })
        .map_err(Refusal::corrupt)
    }

    fn make(
        table: &'static Table,
        call: impl FnOnce(*mut *mut RawHandle, *mut Failure) -> i32,
    ) -> std::result::Result<Self, Refusal> {
        let mut handle = ptr::null_mut();
        checked(|failure| call(&raw mut handle, failure))?;
        NonNull::new(handle)
            .map(|raw| Self { table, raw })
            .ok_or_else(|| Refusal::Internal("no index and no error".into()))
    }

    pub fn table(&self) -> &'static Table {
        self.table
    }

    pub fn as_ptr(&self) -> *const RawHandle {
        self.raw.as_ptr()
    }

    pub fn as_mut_ptr(&mut self) -> *mut RawHandle {
        self.raw.as_ptr()
    }
}
