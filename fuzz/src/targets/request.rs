//! Bodies and queries of the API, each shape of them.

use dayfly_core::api::{
    AttachFile, CompleteUpload, CreateStore, CreateUpload, PageRequest, RebuildRequest,
    SearchRequest, StoreObject, UpdateAttributes, UpdateStore, purpose,
};
use dayfly_core::chunk::ChunkingStrategy;
use dayfly_core::filter::{Filter, parse_attributes};
use dayfly_core::ops::Counts;
use dayfly_core::rebuild::Factory;
use dayfly_core::store::{Embedding, MAX_MANIFEST_BYTES, Manifest, StoreInfo};
use dayfly_core::{files, ids};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::MIB;
use crate::{Input, Seed, Target};

pub const TARGET: Target = Target {
    name: "request",
    run,
    most_bytes: 16 * MIB,
    seeds,
};

/// What a version needs beside the settings that callers choose.
const ROOM: usize = MAX_MANIFEST_BYTES / 3;

fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let shape = input.u8();
    let body = input.rest();
    match shape {
        b'c' => with(body, create_store),
        b'u' => with(body, update_store),
        b's' => with(body, search),
        b'a' => with(body, attach),
        b't' => with(body, |asked: UpdateAttributes| attributes(asked.attributes)),
        b'b' => with(body, begin_upload),
        b'e' => with(body, |asked: CompleteUpload| drop(asked.validate())),
        b'r' => with(body, rebuild),
        b'p' => page(body),
        _ => names(body),
    }
}

fn with<T: DeserializeOwned>(body: &[u8], used: impl FnOnce(T)) {
    if let Ok(asked) = serde_json::from_slice(body) {
        used(asked);
    }
}

fn create_store(asked: CreateStore) {
    if asked.validate().is_err() {
        return;
    }
    chunking(asked.chunking_strategy);
    let mut first = plain();
    first.store.name = asked.name;
    first.store.metadata = asked.metadata.unwrap_or_default();
    first.store.expires_after = asked.expires_after;
    fits(&first);
}

fn update_store(asked: UpdateStore) {
    if asked.validate().is_ok() {
        fits(&asked.apply(&plain()));
    }
}

fn plain() -> Manifest {
    Manifest::first(StoreInfo {
        id: "vs_1".to_owned(),
        name: Some("n".to_owned()),
        description: None,
        created_at: 1,
        metadata: [("k".to_owned(), "v".to_owned())].into(),
        expires_after: None,
        embedding: Embedding {
            model: "m".to_owned(),
            dimension: None,
            metric: "cosine".to_owned(),
        },
    })
}

/// Whatever settings are accepted leave a version room, are read as they are written, and are told.
fn fits(manifest: &Manifest) {
    let bytes = serde_json::to_vec(manifest).unwrap();
    assert!(
        bytes.len() + ROOM <= MAX_MANIFEST_BYTES,
        "{} bytes",
        bytes.len()
    );
    assert_eq!(
        &serde_json::from_slice::<Manifest>(&bytes).unwrap(),
        manifest
    );
    let object = StoreObject::new(manifest, Counts::default(), 1);
    serde_json::to_vec(&object).unwrap();
}

fn search(asked: SearchRequest) {
    if let Ok(queries) = asked.queries() {
        assert!((1..=64).contains(&queries.len()));
        assert!(queries.iter().all(|query| !query.trim().is_empty()));
    }
    if let Ok(limit) = asked.limit() {
        assert!((1..=50).contains(&limit));
    }
    if let Ok(threshold) = asked.threshold() {
        assert!((0.0..=1.0).contains(&threshold));
    }
    if let Some(filters) = &asked.filters {
        let _ = Filter::parse(filters);
    }
}

fn attach(asked: AttachFile) {
    let _ = ids::is_file_id(&asked.file_id);
    chunking(asked.chunking_strategy);
    attributes(asked.attributes);
}

fn attributes(value: Option<Value>) {
    if let Ok(attributes) = parse_attributes(&value.unwrap_or_default()) {
        let written = serde_json::to_value(&attributes).unwrap();
        assert_eq!(parse_attributes(&written), Ok(attributes));
    }
}

fn chunking(value: Option<Value>) {
    let Some(value) = value else { return };
    if let Ok(strategy) = ChunkingStrategy::parse(&value) {
        strategy.validate().unwrap();
        assert_eq!(ChunkingStrategy::parse(&json!(strategy)), Ok(strategy));
    }
}

fn begin_upload(asked: CreateUpload) {
    const MOST: u64 = 512 << 20;
    if asked.validate(MOST).is_ok() {
        assert!((1..=MOST).contains(&asked.bytes));
        named(&asked.filename);
    }
}

fn rebuild(asked: RebuildRequest) {
    let written = serde_json::to_vec(&asked).unwrap();
    assert_eq!(
        serde_json::from_slice::<RebuildRequest>(&written).unwrap(),
        asked
    );
    if let Some(factory) = &asked.factory
        && let Ok(parsed) = factory.parse::<Factory>()
    {
        // FAISS is handed it as it is.
        assert!(parsed.as_str().is_ascii() && parsed.as_str().len() < 200);
    }
}

/// Pairs of a name and a value, as of a query.
fn page(body: &[u8]) {
    let Ok(text) = std::str::from_utf8(body) else {
        return;
    };
    let pairs: Vec<(&str, &str)> = text
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .collect();
    let query = |name: &str| {
        let found = pairs.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| *value)
    };
    let Ok(page) = PageRequest::parse(query, 20, 100) else {
        return;
    };
    assert!((1..=100).contains(&page.limit()));
    let place = |cursor: &str| Ok(cursor.len() as u32);
    let keys: Vec<u32> = (0..30).collect();
    let (items, has_more) = page.fill(keys, place, |keys| Ok(keys.to_vec())).unwrap();
    assert!(items.len() <= page.limit());
    assert!(!has_more || items.len() == page.limit());
    assert!(items.is_sorted() || items.is_sorted_by(|one, next| one > next));
}

fn names(body: &[u8]) {
    let text = String::from_utf8_lossy(body);
    named(&text);
    let _ = purpose(body);
    if let Some(id) = ids::store_id(&text) {
        assert!(
            dayfly_core::objects::keys::check_segment(&id).is_ok(),
            "{id:?}"
        );
    }
    if ids::is_file_id(&text) {
        assert!(
            dayfly_core::objects::keys::check_segment(&text).is_ok(),
            "{text:?}"
        );
    }
}

fn named(given: &str) {
    let kept = files::filename(given);
    assert!(kept.chars().count() <= 512 && !kept.chars().any(char::is_control));
}

fn seeds() -> Vec<Seed> {
    let of = |name: &str, shape: u8, body: Value| {
        Seed::new(name, [&[shape], body.to_string().as_bytes()].concat())
    };
    let fixed = json!({"type": "static", "static":
        {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400}});
    let characters = json!({"type": "characters", "characters":
        {"max_chunk_size_chars": 1, "chunk_overlap_chars": 0}});
    let expiry = json!({"anchor": "last_active_at", "days": 7});
    let filter = json!({"type": "eq", "key": "k", "value": 1});
    vec![
        of(
            "create-store",
            b'c',
            json!({"name": "é", "metadata": {"k": "v"}, "file_ids": ["file-1"],
            "expires_after": expiry, "chunking_strategy": fixed}),
        ),
        of(
            "update-store",
            b'u',
            json!({"name": null, "metadata": {"\u{1}": "\u{7f}"}}),
        ),
        of(
            "search",
            b's',
            json!({"query": ["a", "b"], "filters": filter, "max_num_results": 50,
            "ranking_options": {"score_threshold": 0.5}}),
        ),
        of("search-one", b's', json!({"query": "a"})),
        of(
            "attach",
            b'a',
            json!({"file_id": "file-1", "attributes": {"a": 1, "b": "x", "c": true},
            "chunking_strategy": characters}),
        ),
        of("attributes", b't', json!({"attributes": {"n": -1e300}})),
        of(
            "begin-upload",
            b'b',
            json!({"bytes": 9, "filename": "a\n.txt",
            "mime_type": "text/plain", "purpose": "assistants"}),
        ),
        of(
            "complete-upload",
            b'e',
            json!({"part_ids": ["part_1"], "md5": "0".repeat(32)}),
        ),
        of(
            "rebuild",
            b'r',
            json!({"factory": "OPQ48_192,IVF1024,PQ48", "automatic": false}),
        ),
        Seed::new(
            "page",
            "plimit=5&order=asc&after=abc&before=abcdefghijklmno",
        ),
        Seed::new("last-page", "porder=desc&before=ab"),
        Seed::new("name", "nvs_6a_-"),
    ]
}
