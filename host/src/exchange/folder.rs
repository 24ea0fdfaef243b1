//! The folder that an export fills.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use dayfly_core::segment::NewRow;
use dayfly_langchain::{Document, Writer as PickleWriter};

use super::arrow::ArrowRows;
use super::chunk::Chunk;
use super::format::Format;
use super::{ExchangeError, PICKLE, ROWS, TEXTS, at, texts};

/// Where the rows of an export go, beside their index.
pub struct Sink {
    path: PathBuf,
    kind: Kind,
}

enum Kind {
    Texts(BufWriter<File>),
    Pickle(PickleWriter<BufWriter<File>>),
    Arrow(Box<ArrowRows>),
}

impl Sink {
    /// Begins the format's file.
    pub fn create(
        folder: &Path,
        format: Format,
        model: &str,
        dimension: u32,
    ) -> Result<Self, ExchangeError> {
        let path = folder.join(match format {
            Format::Faiss => TEXTS,
            Format::LangChain => PICKLE,
            Format::Arrow => ROWS,
        });
        let file = BufWriter::new(File::create(&path).map_err(at(&path))?);
        let kind = match format {
            Format::Faiss => Kind::Texts(file),
            Format::LangChain => Kind::Pickle(PickleWriter::new(file).map_err(at(&path))?),
            Format::Arrow => Kind::Arrow(Box::new(
                ArrowRows::new(file, model, dimension).map_err(at(&path))?,
            )),
        };
        Ok(Self { path, kind })
    }

    /// Appends a row.
    pub fn push(&mut self, chunk: Chunk, row: &NewRow<'_>) -> Result<(), ExchangeError> {
        let pushed = match &mut self.kind {
            Kind::Texts(file) => texts::write(file, &chunk),
            Kind::Pickle(pickle) => {
                let id = chunk.id.clone().unwrap_or_default();
                pickle.push(id, &Document::from(chunk))
            }
            Kind::Arrow(rows) => rows.push(&chunk, row),
        };
        pushed.map_err(at(&self.path))
    }

    /// Completes the file, durably.
    pub fn finish(self) -> Result<(), ExchangeError> {
        let Self { path, kind } = self;
        let file = match kind {
            Kind::Texts(file) => Ok(file),
            Kind::Pickle(pickle) => pickle.finish(),
            Kind::Arrow(rows) => rows.finish(),
        };
        let file = file.map_err(at(&path))?;
        let file = file
            .into_inner()
            .map_err(|error| at(&path)(error.into_error()))?;
        file.sync_all().map_err(at(&path))
    }
}
