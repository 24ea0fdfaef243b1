//! A message on the socket: its lengths, a head in JSON, a body of plain numbers, and perhaps an open
//! file that is handed over with it.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// Of the head, then of the body, both little-endian.
const LENGTHS: usize = 4 + 8;
/// More than any head has.
const MOST_HEAD: u32 = 1 << 20;
/// Read at once.
const PIECE: usize = 4 << 20;

/// What was received.
pub struct Frame {
    /// JSON.
    pub head: Vec<u8>,
    /// Numbers, little-endian.
    pub body: Vec<u8>,
    /// A file that was handed over.
    pub file: Option<OwnedFd>,
}

/// Sends a message, whose body is these parts one after the other.
pub fn send(
    mut stream: &UnixStream,
    head: &[u8],
    body: &[&[u8]],
    file: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let length: usize = body.iter().map(|part| part.len()).sum();
    let mut lengths = [0; LENGTHS];
    let (of_head, of_body) = lengths.split_at_mut(4);
    let head_bytes = u32::try_from(head.len()).map_err(io::Error::other)?;
    of_head.copy_from_slice(&head_bytes.to_le_bytes());
    of_body.copy_from_slice(&(length as u64).to_le_bytes());
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let files: Vec<BorrowedFd<'_>> = file.into_iter().collect();
    if !files.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(&files));
    }
    let pieces = [IoSlice::new(&lengths)];
    let sent = loop {
        match sendmsg(stream, &pieces, &mut ancillary, SendFlags::NOSIGNAL) {
            Err(rustix::io::Errno::INTR) => {}
            other => break other?,
        }
    };
    stream.write_all(&lengths[sent..])?;
    stream.write_all(head)?;
    body.iter().try_for_each(|part| stream.write_all(part))
}

/// The next message; `None` where the other side is gone. What its head says decides how long its
/// body may be.
pub fn receive(
    mut stream: &UnixStream,
    most_body: impl FnOnce(&[u8]) -> u64,
) -> io::Result<Option<Frame>> {
    let mut lengths = [0; LENGTHS];
    let mut file = None;
    let mut got = 0;
    while got < LENGTHS {
        let (count, handed) = receive_some(stream, &mut lengths[got..])?;
        if count == 0 {
            return Ok(None);
        }
        got += count;
        file = file.or(handed);
    }
    let (of_head, of_body) = lengths.split_at(4);
    let head_bytes = u32::from_le_bytes(of_head.try_into().map_err(io::Error::other)?);
    let body_bytes = u64::from_le_bytes(of_body.try_into().map_err(io::Error::other)?);
    let too_long = || io::Error::other("a message that is too long");
    if head_bytes > MOST_HEAD {
        return Err(too_long());
    }
    let head = read(&mut stream, u64::from(head_bytes))?;
    if body_bytes > most_body(&head) {
        return Err(too_long());
    }
    let body = read(&mut stream, body_bytes)?;
    Ok(Some(Frame { head, body, file }))
}

/// So many bytes, in memory that is taken at once: what grows would take twice as much.
fn read(stream: &mut &UnixStream, length: u64) -> io::Result<Vec<u8>> {
    let length = usize::try_from(length).map_err(io::Error::other)?;
    let mut data = Vec::new();
    data.try_reserve_exact(length).map_err(io::Error::other)?;
    while data.len() < length {
        let before = data.len();
        data.resize(before + PIECE.min(length - before), 0);
        stream.read_exact(&mut data[before..])?;
    }
    Ok(data)
}

fn receive_some(stream: &UnixStream, into: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut pieces = [IoSliceMut::new(into)];
    let received = loop {
        match recvmsg(stream, &mut pieces, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => {}
            other => break other?,
        }
    };
    let mut files = ancillary.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(files) => Some(files),
        _ => None,
    });
    let file = files.next().and_then(|mut files| files.next());
    Ok((received.bytes, file))
}
