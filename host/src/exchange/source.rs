//! A folder that is to be imported.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::chunk::Chunk;
use super::{ExchangeError, INDEX, PICKLE, TEXTS, at, langchain, texts};
use crate::confined::{Client, Index, Limits, Metric};

/// Rows whose vectors are asked for at once.
const AHEAD: u64 = 1_024;

/// A folder to import: its texts, and the index that holds their vectors.
pub struct Source {
    index: Index,
    chunks: Vec<Chunk>,
    /// The vectors that were asked for last, and of which rows they are.
    vectors: RefCell<(Range<u64>, Vec<f32>)>,
    /// The rows of each source, in the order in which they first appear.
    pub groups: Vec<(String, Vec<u64>)>,
}

impl Source {
    /// Reads a folder with `index.faiss` and `index.pkl` or `texts.jsonl`. Texts that name no
    /// source are one file, called after the folder.
    pub fn open(folder: &Path) -> Result<Self, ExchangeError> {
        let chunks = match (folder.join(PICKLE), folder.join(TEXTS)) {
            (pickle, _) if pickle.is_file() => langchain::read(&pickle)?,
            (_, lines) if lines.is_file() => texts::read(&lines)?,
            _ => {
                return Err(ExchangeError::Unusable(format!(
                    "{} has neither {PICKLE} (LangChain's) nor {TEXTS}: name a folder with one of \
                     them beside {INDEX}",
                    folder.display()
                )));
            }
        };
        let path = folder.join(INDEX);
        let file = std::fs::File::open(&path).map_err(at(&path))?;
        let client = Arc::new(Client::start(Limits::default())?);
        let index = Index::read(&client, &file)?;
        let rows = index.facts().rows;
        if rows != chunks.len() as u64 {
            return Err(ExchangeError::Unusable(format!(
                "{INDEX} has {rows} rows, and there are {} texts: they do not belong together",
                chunks.len()
            )));
        }
        let default = folder
            .file_name()
            .map_or("imported".into(), |name| name.to_string_lossy());
        let groups = grouped(&chunks, &default);
        Ok(Self {
            index,
            chunks,
            vectors: RefCell::default(),
            groups,
        })
    }

    /// How many rows.
    pub fn rows(&self) -> u64 {
        self.index.facts().rows
    }

    /// Components of each vector.
    pub fn dimension(&self) -> u32 {
        self.index.facts().dimension
    }

    /// Whether rows are compared otherwise than by their direction, which is all that stays.
    pub fn compares_otherwise(&self) -> Result<bool, ExchangeError> {
        const LOOKED_AT: u64 = 1_000;
        if self.index.facts().metric == Metric::Other {
            return Ok(true);
        }
        let mut vector = Vec::new();
        for row in 0..self.rows().min(LOOKED_AT) {
            self.vector(row, &mut vector)?;
            let length: f32 = vector.iter().map(|x| x * x).sum();
            // Coarse codes leave vectors that were of length 1 a little longer or shorter.
            if (length - 1.0).abs() > 0.1 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A row's text.
    pub fn chunk(&self, row: u64) -> &Chunk {
        &self.chunks[row as usize]
    }

    /// A row's vector, in the place of what `vector` held.
    pub fn vector(&self, row: u64, vector: &mut Vec<f32>) -> Result<(), ExchangeError> {
        let mut ahead = self.vectors.borrow_mut();
        let (rows, vectors) = &mut *ahead;
        if !rows.contains(&row) {
            let count = AHEAD.min(self.rows().saturating_sub(row));
            self.index.reconstruct(row, count, vectors)?;
            *rows = row..row + count;
        }
        let width = self.dimension() as usize;
        let at = (row - rows.start) as usize * width;
        vector.clear();
        vector.extend_from_slice(vectors.get(at..at + width).unwrap_or_default());
        Ok(())
    }
}

fn grouped(chunks: &[Chunk], default: &str) -> Vec<(String, Vec<u64>)> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut groups: Vec<(String, Vec<u64>)> = Vec::new();
    for (row, chunk) in chunks.iter().enumerate() {
        let source = chunk.source(default).into_owned();
        let place = *places.entry(source.clone()).or_insert_with(|| {
            groups.push((source, Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(row as u64);
    }
    groups
}
