//! A folder's rows, in.

use std::collections::BTreeMap;
use std::path::Path;

use dayfly_core::chunk::ChunkingStrategy;
use dayfly_core::files::{self, FileMeta};
use dayfly_core::filter::{AttributeValue, Attributes, validate_attributes};
use dayfly_core::home::Home;
use dayfly_core::ingestion::{RowWriter, Target, Written};
use dayfly_core::pending::PendingError;
use dayfly_core::platform::Platform;
use dayfly_core::store::{self, Embedding, FileEntry, Manifest, StoreError, StoreInfo, Upkeep};
use dayfly_core::{ids, ops};
use serde_json::Value;

use super::ExchangeError;
use super::source::Source;

/// Between the texts of a file: it is put together from its texts again.
const GAP: &str = "\n\n";

/// Brings a folder's rows into a store.
pub struct Importer<'a> {
    /// The tenant's objects, and a clock.
    pub platform: Platform<'a>,
    /// The store's name or id; one that is a name is made where there is none.
    pub store: &'a str,
    /// The embedding model that made the vectors: queries will be embedded with it.
    pub model: &'a str,
    /// Who keeps the store in few objects on the way.
    pub upkeep: &'a Upkeep,
}

/// A file that is there, but for its description and its place in the store.
struct Arrived {
    meta: FileMeta,
    entry: FileEntry,
    written: Written,
}

/// What was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Into which store.
    pub store: String,
    /// Rows.
    pub rows: u64,
    /// Files: one for each source that the texts name.
    pub files: u64,
    /// The vectors were compared otherwise than by their direction, so that the order of results
    /// may change.
    pub compared_otherwise: bool,
}

impl Importer<'_> {
    /// Imports a folder with `index.faiss` and LangChain's `index.pkl`, or `texts.jsonl`. Each
    /// source is a file, which is there as a whole or not at all. `seen` is called with the rows
    /// that are done.
    pub fn import(
        &self,
        folder: &Path,
        mut seen: impl FnMut(u64),
    ) -> Result<Imported, ExchangeError> {
        let source = Source::open(folder)?;
        let compared_otherwise = source.compares_otherwise()?;
        let home = self.store_for(&source)?.home();
        let mut rows = 0;
        for (name, group) in &source.groups {
            let arrived = self.write(&home, &source, name, group)?;
            let committed = self.commit(&home, &arrived)?;
            rows += group.len() as u64;
            seen(rows);
            ops::after_commit(self.platform, &committed, self.upkeep)?;
        }
        Ok(Imported {
            store: home.store,
            rows,
            files: source.groups.len() as u64,
            compared_otherwise,
        })
    }

    fn store_for(&self, source: &Source) -> Result<Manifest, ExchangeError> {
        let unusable = |text: String| Err(ExchangeError::Unusable(text));
        let Some(id) = ids::store_id(self.store) else {
            return unusable(format!("{:?} is no name of a store", self.store));
        };
        let manifest = match store::current(self.platform, &id)? {
            Some(present) => present,
            None if self.store.starts_with(ids::STORE_PREFIX) => {
                return unusable(format!("there is no store {}", self.store));
            }
            None => store::create(self.platform, &self.first(id))?,
        };
        let embedding = &manifest.store.embedding;
        if embedding.model != self.model {
            return unusable(format!(
                "the store was built with the model {}, and these vectors are said to be of {}: \
                 import into another store, or say --model {} if that is what made them",
                embedding.model, self.model, embedding.model
            ));
        }
        match embedding.dimension {
            Some(dimension) if dimension != source.dimension() => unusable(format!(
                "the store holds vectors of {dimension} components, and these have {}: import into \
                 another store",
                source.dimension()
            )),
            _ => Ok(manifest),
        }
    }

    fn first(&self, id: String) -> Manifest {
        let info = StoreInfo {
            id,
            name: Some(self.store.to_owned()),
            created_at: self.platform.now_ms() / 1_000,
            description: None,
            metadata: BTreeMap::new(),
            expires_after: None,
            embedding: Embedding {
                model: self.model.to_owned(),
                dimension: None,
                metric: "cosine".to_owned(),
            },
        };
        Manifest::first(info)
    }

    /// Writes a file and its rows.
    fn write(
        &self,
        home: &Home,
        source: &Source,
        name: &str,
        rows: &[u64],
    ) -> Result<Arrived, ExchangeError> {
        let objects = self.platform.objects;
        let created_at = self.platform.now_ms() / 1_000;
        let id = self.platform.new_id(ids::FILE_PREFIX);
        let ingest_id = self.platform.new_id("");
        let mut content = objects
            .create(&files::content_key(&id))
            .map_err(StoreError::from)?;
        let target = Target {
            platform: self.platform,
            home,
            model: self.model,
            indexing: self.upkeep.indexing,
            file_id: &id,
            ingest_id: &ingest_id,
        };
        let mut writer = RowWriter::new(target, Some(source.dimension()), 0);
        let mut written = Written::default();
        let (mut at, mut vector) = (0_u64, Vec::new());
        for row in rows {
            let text = &source.chunk(*row).text;
            source.vector(*row, &mut vector)?;
            let gap = if at == 0 { "" } else { GAP };
            let start = at + gap.len() as u64;
            let end = start + text.len() as u64;
            let bytes = [gap.as_bytes(), text.as_bytes()].concat();
            content.write(&bytes).map_err(StoreError::from)?;
            at = end;
            if writer.is_full() {
                written.segments.extend(writer.close()?);
            }
            writer.push(start..end, text, &vector)?;
        }
        written.segments.extend(writer.close()?);
        let bytes = content.finish().map_err(StoreError::from)?;
        let meta = FileMeta {
            id: id.clone(),
            bytes,
            created_at,
            filename: files::filename(name),
            purpose: "assistants".to_owned(),
            content_type: Some("text/plain".to_owned()),
            expires_at: None,
            parts: Vec::new(),
        };
        let attributes = common_attributes(source, rows);
        let chunking = ChunkingStrategy::Auto;
        Ok(Arrived {
            entry: written.entry(&meta, &ingest_id, created_at, chunking, attributes),
            meta,
            written,
        })
    }

    /// Makes a file exist, in the store and by itself, or not at all.
    fn commit(&self, home: &Home, arrived: &Arrived) -> Result<Manifest, ExchangeError> {
        let (platform, file) = (self.platform, &arrived.meta);
        files::write(platform.objects, file)?;
        files::note_store(platform.objects, &file.id, &home.store).map_err(StoreError::from)?;
        let committed = store::making_room(
            platform,
            &home.store,
            self.upkeep,
            PendingError::is_full,
            || ops::commit_upload(platform, home, &arrived.entry, &arrived.written.segments),
        );
        let error = match committed {
            Ok(committed) => return Ok(committed),
            Err(error) => error,
        };
        let ingest_id = &arrived.entry.ingest_id;
        match ops::take_back(platform, home, file, ingest_id, false) {
            // It had come in all the same.
            Ok(Some(committed)) => Ok(committed),
            Ok(None) | Err(_) => Err(error.into()),
        }
    }
}

/// What all rows of a file say alike, as far as it can be an attribute.
fn common_attributes(source: &Source, rows: &[u64]) -> Attributes {
    let mut common = Attributes::new();
    let Some((first, rest)) = rows.split_first() else {
        return common;
    };
    for (key, value) in source.chunk(*first).attributes() {
        let alike = |row: &u64| source.chunk(*row).metadata.get(key) == Some(value);
        if !rest.iter().all(alike) {
            continue;
        }
        let attribute = match value {
            Value::String(text) => AttributeValue::Text(text.clone()),
            Value::Bool(flag) => AttributeValue::Bool(*flag),
            Value::Number(number) => match number.as_f64() {
                Some(number) => AttributeValue::Number(number),
                None => continue,
            },
            _ => continue,
        };
        common.insert(key.clone(), attribute);
        if validate_attributes(&common).is_err() {
            common.remove(key);
        }
    }
    common
}
