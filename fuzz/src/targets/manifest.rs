//! Versions of a store, of today's format and of the older ones: read, asked, and changed.

use std::sync::OnceLock;

use dayfly_core::api::StoreObject;
use dayfly_core::chunk::ChunkingStrategy;
use dayfly_core::filter::AttributeValue;
use dayfly_core::home::Home;
use dayfly_core::objects::{MemoryObjects, Objects};
use dayfly_core::ops;
use dayfly_core::platform::Platform;
use dayfly_core::rebuild;
use dayfly_core::segment::{NewRow, SegmentMeta, SegmentSpec, SegmentWriter};
use dayfly_core::store::runs::{Bounds, Direction};
use dayfly_core::store::{
    self, Change, Embedding, FileEntry, Files, Indexing, MAX_MANIFEST_BYTES, Manifest, RowRange,
    StoreError, StoreInfo, manifest_key,
};

use super::MIB;
use super::store::vector;
use crate::clock::Still;
use crate::{Input, Seed, Target};

pub const TARGET: Target = Target {
    name: "manifest",
    run,
    most_bytes: 24 * MIB,
    seeds,
};

const STORE: &str = "vs_1";
const VERSION: u64 = 7;
const DIMENSION: u32 = 2;
const INDEXING: Indexing = Indexing {
    graph_min_rows: u32::MAX,
    segment_max_rows: 1_000,
};

fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let version = input.until(0);
    let objects = stored();
    objects.put(&manifest_key(STORE, VERSION), version).unwrap();
    // The table of files that an old format kept apart.
    let table = format!("stores/{STORE}/base/b/files.json");
    objects.put(&table, input.rest()).unwrap();
    let clock = Still::default();
    let platform = Platform::new(&objects, &clock);
    let Ok(Some(manifest)) = store::at(platform, STORE, VERSION) else {
        return;
    };
    asked(platform, &manifest);
    if !manifest.segments.iter().any(|one| one.known_dead.is_some()) {
        written_again(platform, &manifest);
    }
    changed(platform);
}

/// Questions get an answer or an error, and answers fit each other.
fn asked(platform: Platform<'_>, manifest: &Manifest) {
    let home = manifest.home();
    let _ = store::named(manifest);
    if let Ok(live) = store::live_rows(platform, manifest, None) {
        let rows = store::live_in_base(manifest, &live, "b");
        assert!(rows.is_sorted_by_key(|range| range.start));
    }
    let _ = store::find_many(platform, manifest, &["file-1", "file-2", "file-9"]);
    let _ = store::garbage_due_ms(platform, manifest);
    let _ = rebuild::is_due(manifest, 1);
    let _ = store::is_compaction_due(manifest, INDEXING, platform.now_ms());
    let (bounds, ascending) = (Bounds::default(), Direction::Ascending);
    if let Ok(files) = Files::of(platform, manifest, &home, bounds, ascending) {
        let files: Vec<FileEntry> = files.map_while(Result::ok).collect();
        let is_known = |change: &&Change| change.file().is_some();
        let in_tail = manifest.tail.iter().filter(is_known).count();
        assert!(files.len() >= in_tail || !manifest.runs.is_empty());
    }
    if let Ok((counts, newest)) = ops::count_of(platform, STORE) {
        let object = StoreObject::new(&newest, counts, platform.now_ms());
        serde_json::to_vec(&object).unwrap();
    }
}

fn written_again(platform: Platform<'_>, manifest: &Manifest) {
    let bytes = serde_json::to_vec(manifest).unwrap();
    let key = manifest_key(STORE, VERSION);
    platform.objects.put(&key, &bytes).unwrap();
    let again = store::at(platform, STORE, VERSION).unwrap();
    assert!(again.as_ref() == Some(manifest), "it is read as another");
}

/// A change is refused, or leaves a version that is read again and is no larger than one may be.
fn changed(platform: Platform<'_>) {
    let Ok(Some(newest)) = store::current(platform, STORE) else {
        return;
    };
    let home = newest.home();
    let attributes = [("k".to_owned(), AttributeValue::Number(1.0))].into();
    let _ = store::set_attributes(platform, &home, "file-1", &attributes);
    let _ = store::take_out(platform, &home, "file-2");
    let renamed = store::change(platform, STORE, |newest| {
        let mut next = newest.clone();
        next.store.name = Some("renamed".to_owned());
        Ok::<_, StoreError>(Some(next.into()))
    });
    let Ok(renamed) = renamed else { return };
    let bytes = serde_json::to_vec(&renamed).unwrap();
    assert!(bytes.len() <= renamed.most_bytes());
    let read = store::current(platform, STORE).unwrap().unwrap();
    assert!(read == renamed, "it is read as another");
    asked(platform, &read);
}

/// The objects of a store, but for its versions.
fn stored() -> MemoryObjects {
    static STORED: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
    let stored = STORED.get_or_init(|| {
        let (objects, _) = made();
        let all = objects.list_all("").unwrap().into_iter();
        all.filter(|meta| !meta.key.contains("/manifest/"))
            .map(|meta| (meta.key.clone(), objects.get(&meta.key).unwrap()))
            .collect()
    });
    let objects = MemoryObjects::default();
    for (key, bytes) in stored {
        objects.put(key, bytes).unwrap();
    }
    objects
}

/// A store with a run, a tail, dead rows and garbage, and its versions.
fn made() -> (MemoryObjects, Vec<Manifest>) {
    let objects = MemoryObjects::default();
    let clock = Still::default();
    let platform = Platform::new(&objects, &clock);
    let first = Manifest::first(StoreInfo {
        id: STORE.to_owned(),
        name: Some("fuzzed".to_owned()),
        description: None,
        created_at: 1,
        metadata: [("k".to_owned(), "v".to_owned())].into(),
        expires_after: None,
        embedding: Embedding {
            model: "m".to_owned(),
            dimension: Some(DIMENSION),
            metric: "cosine".to_owned(),
        },
    });
    let created = store::create(platform, &first).unwrap();
    let home = created.home();
    let mut versions = vec![created];
    // One file more than a tail takes.
    for number in 0..=store::TAIL_CHANGES + 1 {
        versions.push(added(platform, &home, number));
    }
    store::take_out(platform, &home, "file-1").unwrap();
    versions.push(store::existing(platform, STORE).unwrap());
    (objects, versions)
}

fn added(platform: Platform<'_>, home: &Home, number: usize) -> Manifest {
    let file_id = format!("file-{number}");
    let segments = [written(platform, home, &file_id, number as u32)];
    let file = FileEntry {
        filename: format!("{file_id}.txt"),
        ingest_id: format!("ingest-{number}"),
        created_at: 1,
        usage_bytes: segments[0].bytes,
        chunking: ChunkingStrategy::Auto,
        attributes: [("n".to_owned(), AttributeValue::Number(number as f64))].into(),
        rows: vec![RowRange {
            segment: segments[0].id.clone(),
            first: 0,
            rows: segments[0].rows,
        }],
        file_id,
    };
    let added = store::add_file(
        platform,
        home,
        &file,
        &segments,
        |_| Ok::<_, StoreError>(()),
    );
    added.unwrap()
}

fn written(platform: Platform<'_>, home: &Home, file_id: &str, number: u32) -> SegmentMeta {
    let spec = SegmentSpec {
        home: home.clone(),
        id: format!("seg-{number}"),
        model: "m".to_owned(),
        dimension: DIMENSION,
        graph_min_rows: u32::MAX,
        base: None,
    };
    let mut writer = SegmentWriter::create(platform.objects, spec).unwrap();
    for chunk in 0..2 {
        let row = NewRow {
            file_id,
            chunk,
            start: u64::from(chunk),
            end: u64::from(chunk) + 1,
            text: "t",
            vector: &vector(number + chunk, DIMENSION),
        };
        writer.push(&row).unwrap();
    }
    writer.finish(platform.objects).unwrap().meta
}

fn seeds() -> Vec<Seed> {
    let (_, versions) = made();
    let of = |name: &str, version: &Manifest| {
        let version = Manifest {
            version: VERSION,
            ..version.clone()
        };
        let bytes = serde_json::to_vec(&version).unwrap();
        assert!(bytes.len() < MAX_MANIFEST_BYTES);
        Seed::new(name, bytes)
    };
    let small = &versions[2];
    let mut based = small.clone();
    based.segments = grouped(&versions[4]);
    based.index = Some(store::IndexRef {
        base: "b".to_owned(),
        rows: 6,
        bytes: 100,
        sha256: "00".repeat(32),
        factory: "SQ8".to_owned(),
        reason: "r".to_owned(),
        parameters: String::new(),
        candidates: 40,
        recall: 0.5,
        built_ms: 1,
        legacy: false,
    });
    let mut deleted = versions[0].clone();
    deleted.deleted = true;
    vec![
        of("empty", &versions[0]),
        of("small", small),
        of("run-and-tail", versions.last().unwrap()),
        of("based", &based),
        of("deleted", &deleted),
        Seed::new("format-2", old(2)),
        Seed::new("format-1", old(1)),
    ]
}

/// Its segments, as those of a base.
fn grouped(version: &Manifest) -> Vec<store::SegmentRef> {
    use dayfly_core::segment::{BasePlace, ListRef};

    let mut segments = version.segments.clone();
    for (number, segment) in (0..).zip(&mut segments) {
        segment.born = 1;
        let meta = &mut segment.meta;
        meta.id = format!("rows-b-{number:05}");
        meta.tail_sha256.clear();
        meta.sha256.clear();
        meta.base = Some(BasePlace {
            id: "b".to_owned(),
            number,
            first_row: u64::from(number) * u64::from(meta.rows),
            list: Some(ListRef {
                bytes: 100,
                sha256: "00".repeat(32),
            }),
        });
    }
    segments
}

/// A version as older formats had it, and the table of its files.
fn old(format: u32) -> Vec<u8> {
    let segment = serde_json::json!({
        "id": "s", "rows": 4, "bytes": 900, "dimension": DIMENSION, "tail_bytes": 300,
        "tail_sha256": "", "sha256": "",
        "files": [{"file_id": "file-1", "rows": 3}, {"file_id": "file-2", "rows": 1}],
    });
    let file = |id: &str| {
        serde_json::json!({
            "file_id": id, "filename": "a.txt", "ingest_id": "i", "created_at": 1,
            "usage_bytes": 900, "chunking": {"type": "auto"}, "segments": ["s"],
        })
    };
    let version = serde_json::json!({
        "format": format, "version": VERSION, "committed_ms": 5,
        "store": {
            "id": STORE, "name": null, "created_at": 1, "expires_after": null,
            "embedding": {"model": "m", "dimension": DIMENSION, "metric": "cosine"},
        },
        "base": {"id": "b"},
        "tail": [
            {"type": "add", "file": file("file-2"), "segments": [segment.clone()]},
            {"type": "delete", "file_id": "file-3"},
            {"type": "set_attributes", "file_id": "file-1", "attributes": {"k": true}},
        ],
        "garbage": [{"key": "stores/vs_1/segments/t.arrow", "since_ms": 3}],
    });
    let table = serde_json::json!({
        "files": {"file-1": file("file-1"), "file-3": file("file-3")},
        "segments": {"s": segment},
    });
    [version.to_string(), "\0".to_owned(), table.to_string()]
        .concat()
        .into()
}
