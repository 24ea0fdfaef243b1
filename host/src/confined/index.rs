//! An index in the confined process, as a rebuild sees it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use super::client::{Client, SOON};
use super::process::copied;
use super::protocol::{Call, Facts, Failure, Search};

/// Bytes of an index that are handed on at once.
const PIECE: usize = 1 << 20;

/// A row that was found, and its score.
pub type Hit = (u64, f32);

/// An index in a process of FAISS's, for who builds or reads one. It is closed with this.
pub struct Index {
    client: Arc<Client>,
    number: u64,
    facts: Facts,
}

impl Index {
    /// A new one of a kind in FAISS's words, trained and filled by so many threads.
    pub fn make(
        client: &Arc<Client>,
        dimension: u32,
        factory: &str,
        threads: usize,
    ) -> Result<Self, Failure> {
        let call = |index| Call::Make {
            index,
            dimension,
            factory: factory.to_owned(),
            threads,
        };
        Self::of(client, call, None)
    }

    /// The index in a file, read into memory and looked at to its last link.
    ///
    /// # Errors
    /// [`Failure::Corrupt`] where it is none that can be used.
    pub fn read(client: &Arc<Client>, file: &File) -> Result<Self, Failure> {
        let call = |index| Call::Open { index, whole: true };
        Self::of(client, call, Some(file.as_fd()))
    }

    fn of(
        client: &Arc<Client>,
        call: impl FnOnce(u64) -> Call,
        file: Option<BorrowedFd<'_>>,
    ) -> Result<Self, Failure> {
        let number = client.number();
        let (facts, _) = client.call(call(number), &[], file, (None, 0))?;
        Ok(Self {
            client: Arc::clone(client),
            number,
            facts,
        })
    }

    /// What it is; its rows are those that it began with.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Has it learn from vectors.
    pub fn train(&mut self, vectors: &[f32]) -> Result<(), Failure> {
        let index = self.number;
        self.do_with(Call::Train { index }, vectors, 0).map(drop)
    }

    /// Adds vectors, which get the next numbers.
    pub fn add(&mut self, vectors: &[f32]) -> Result<(), Failure> {
        let index = self.number;
        self.do_with(Call::Add { index }, vectors, 0).map(drop)
    }

    /// The rows nearest to one vector.
    pub fn search(&self, query: &[f32], k: usize, parameters: &str) -> Result<Vec<Hit>, Failure> {
        let how = Search {
            k,
            parameters: parameters.to_owned(),
            ..Search::default()
        };
        let index = self.number;
        let most = bytes_of_hits(1, k);
        let found = self.do_with(Call::Search { index, how }, query, most)?;
        Ok(hits(&found)?.pop().unwrap_or_default())
    }

    /// The vectors of so many rows, in the place of what `vectors` held.
    pub fn reconstruct(
        &self,
        first: u64,
        count: u64,
        vectors: &mut Vec<f32>,
    ) -> Result<(), Failure> {
        let call = Call::Reconstruct {
            index: self.number,
            first,
            count,
        };
        let length = count.saturating_mul(self.facts.dimension.into());
        *vectors = copied(&self.do_with(call, &[], length.saturating_mul(4))?)?;
        match vectors.len() as u64 == length {
            true => Ok(()),
            false => Err(unfit()),
        }
    }

    /// Writes it in FAISS's format.
    pub fn write(&self, sink: &mut dyn Write) -> Result<(), Failure> {
        let (mut read, written) = io::pipe()?;
        std::thread::scope(|scope| {
            let call = Call::Write { index: self.number };
            let writing = scope.spawn(move || {
                let file = Some(written.as_fd());
                let done = self.client.call(call, &[], file, (None, 0));
                // The pipe ends when nobody has it any more.
                drop(written);
                done
            });
            let handed_on = hand_on(&mut read, sink);
            // Where that failed, the process is told by the pipe.
            drop(read);
            let done = writing.join().map_err(|_| unfit())?;
            handed_on?;
            done.map(drop)
        })
    }

    fn do_with(&self, call: Call, vectors: &[f32], most: u64) -> Result<Vec<u8>, Failure> {
        let body = [bytemuck::cast_slice(vectors)];
        Ok(self.client.call(call, &body, None, (None, most))?.1)
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        let numbers = vec![self.number];
        let forget = Call::Forget { numbers };
        let _ = self.client.call(forget, &[], None, (Some(SOON), 0));
    }
}

/// The vectors nearest to each query, exactly.
pub fn nearest(
    client: &Client,
    queries: &[f32],
    vectors: &[f32],
    (dimension, k, threads): (u32, usize, usize),
) -> Result<Vec<Vec<Hit>>, Failure> {
    let count = queries.len() as u64 / u64::from(dimension.max(1));
    let call = Call::Nearest {
        dimension,
        queries: count,
        k,
        threads,
    };
    let body = [bytemuck::cast_slice(queries), bytemuck::cast_slice(vectors)];
    let most = bytes_of_hits(count, k);
    hits(&client.call(call, &body, None, (None, most))?.1)
}

/// The most that an answer of so many lists of so many hits has.
pub(super) fn bytes_of_hits(queries: u64, k: usize) -> u64 {
    queries.saturating_mul(4 + 12 * k as u64)
}

/// What was found for each query.
pub(super) fn hits(mut bytes: &[u8]) -> Result<Vec<Vec<Hit>>, Failure> {
    let mut found = Vec::new();
    while let Some((count, rest)) = bytes.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*count) as usize * 12;
        let (own, rest) = rest.split_at_checked(length).ok_or_else(unfit)?;
        let (own, _) = own.as_chunks::<12>();
        found.push(own.iter().map(hit).collect());
        bytes = rest;
    }
    match bytes.is_empty() {
        true => Ok(found),
        false => Err(unfit()),
    }
}

fn hit(bytes: &[u8; 12]) -> Hit {
    let [a, b, c, d, e, f, g, h, score @ ..] = *bytes;
    let row = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    (row, f32::from_le_bytes(score))
}

fn hand_on(from: &mut impl Read, to: &mut dyn Write) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece)? {
            0 => return Ok(()),
            count => to.write_all(&piece[..count])?,
        }
    }
}

fn unfit() -> Failure {
    Failure::Io("the process that runs FAISS answered what is no answer".to_owned())
}
