use std::collections::BTreeMap;
use std::path::Path;

use dayfly_core::chunk::ChunkingStrategy;
use dayfly_core::error::ApiError;
use dayfly_core::files::{self, FileMeta};
use dayfly_core::filter::{AttributeValue, Attributes, validate_attributes};
use dayfly_core::ids;
use dayfly_core::objects::Objects;
use dayfly_core::segment::{
    DEFAULT_SEGMENT_MAX_ROWS, NewRow, SegmentMeta, SegmentSpec, SegmentWriter, max_rows,
};
use dayfly_core::store::{self, Embedding, FileEntry, Indexing, Manifest, StoreInfo};
use serde_json::Value;

use super::ExchangeError;
use super::source::Source;

/// Between the texts of a file: it is put together from its texts again.
const GAP: &str = "\n\n";

/// Brings a folder's rows into a store.
pub struct Importer<'a> {
    /// The tenant's objects.
    pub objects: &'a dyn Objects,
    /// The store's name or id; one that is a name is made where there is none.
    pub store: &'a str,
    /// The embedding model that made the vectors: queries will be embedded with it.
    pub model: &'a str,
    /// Milliseconds since the Unix epoch.
    pub clock: &'a dyn Fn() -> u64,
    /// 64 random bits at each call.
    pub random: &'a dyn Fn() -> u64,
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
        let manifest = self.store_for(&source)?;
        let store = manifest.store.id;
        let mut rows = 0;
        for (name, group) in &source.groups {
            let committed = self.file(&store, &source, name, group)?;
            rows += group.len() as u64;
            seen(rows);
            if committed.is_fold_due() {
                self.fold(&committed)?;
            }
        }
        Ok(Imported {
            store,
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
        let manifest = match store::current(self.objects, &id)? {
            Some(present) => present,
            None if self.store.starts_with(ids::STORE_PREFIX) => {
                return unusable(format!("there is no store {}", self.store));
            }
            None => store::create(self.objects, &self.first(id), (self.clock)())?,
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
        let now_ms = (self.clock)();
        let info = StoreInfo {
            id,
            name: Some(self.store.to_owned()),
            created_at: now_ms / 1_000,
            metadata: BTreeMap::new(),
            expires_after: None,
            embedding: Embedding {
                model: self.model.to_owned(),
                dimension: None,
                metric: "cosine".to_owned(),
            },
        };
        Manifest::first(info, now_ms)
    }

    /// Writes a file, its rows, and commits them.
    fn file(
        &self,
        store: &str,
        source: &Source,
        name: &str,
        rows: &[u64],
    ) -> Result<Manifest, ExchangeError> {
        let now_ms = (self.clock)();
        let id = ids::time_ordered(ids::FILE_PREFIX, now_ms, (self.random)());
        let ingest_id = ids::time_ordered("", now_ms, (self.random)());
        let mut content = self
            .objects
            .create(&files::content_key(&id))
            .map_err(ApiError::from)?;
        let mut at = 0_u64;
        let mut segments: Vec<SegmentMeta> = Vec::new();
        let most = max_rows(DEFAULT_SEGMENT_MAX_ROWS, source.dimension());
        let mut vector = Vec::new();
        for (part, group) in rows.chunks(most as usize).enumerate() {
            let spec = SegmentSpec {
                store: store.to_owned(),
                id: format!("seg-{ingest_id}-{part}"),
                model: self.model.to_owned(),
                dimension: source.dimension(),
                graph_min_rows: u32::MAX,
                base: None,
            };
            let mut writer = SegmentWriter::create(self.objects, spec)?;
            for (number, row) in group.iter().enumerate() {
                let text = &source.chunk(*row).text;
                source.vector(*row, &mut vector)?;
                let gap = if at == 0 { "" } else { GAP };
                let start = at + gap.len() as u64;
                let end = start + text.len() as u64;
                let bytes = [gap.as_bytes(), text.as_bytes()].concat();
                content.write(&bytes).map_err(ApiError::from)?;
                at = end;
                writer.push(&NewRow {
                    file_id: &id,
                    chunk: (part * most as usize + number) as u32,
                    start,
                    end,
                    text,
                    vector: &vector,
                })?;
            }
            segments.push(writer.finish(self.objects)?);
        }
        let bytes = content.finish().map_err(ApiError::from)?;
        let meta = FileMeta {
            id: id.clone(),
            bytes,
            created_at: now_ms / 1_000,
            filename: files::filename(name),
            purpose: "assistants".to_owned(),
            content_type: Some("text/plain".to_owned()),
            parts: Vec::new(),
        };
        files::write(self.objects, &meta)?;
        files::note_store(self.objects, &id, store)?;
        let entry = FileEntry {
            file_id: id,
            filename: meta.filename,
            ingest_id,
            created_at: now_ms / 1_000,
            usage_bytes: segments.iter().map(|meta| meta.bytes).sum(),
            chunking: ChunkingStrategy::Auto,
            attributes: common_attributes(source, rows),
            segments: segments.iter().map(|meta| meta.id.clone()).collect(),
        };
        Ok(store::add_file(
            self.objects,
            store,
            &entry,
            &segments,
            now_ms,
            || Ok(()),
        )?)
    }

    fn fold(&self, committed: &Manifest) -> Result<(), ExchangeError> {
        let indexing = Indexing {
            graph_min_rows: u32::MAX,
            segment_max_rows: DEFAULT_SEGMENT_MAX_ROWS,
        };
        let now_ms = (self.clock)();
        let new_id = || ids::time_ordered("", (self.clock)(), (self.random)());
        Ok(store::fold(
            self.objects,
            committed,
            indexing,
            now_ms,
            new_id,
        )?)
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
