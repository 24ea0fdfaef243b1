//! A store as formats 1 and 2 kept it.

use serde_json::{Value, json};

use super::super::*;
use crate::segment::{NewRow, SegmentSpec, SegmentWriter};

pub const BASE: &str = "b1";

/// A segment of rows of several files at the place of old formats; answers what its manifest said.
/// A part of a base where `base` is its number and the number of its first row.
fn segment(tenant: &Tenant, id: &str, runs: &[(&str, u32)], base: Option<(u32, u64)>) -> Value {
    let aside = Home::new("vs_aside", "i1");
    let spec = SegmentSpec {
        home: aside.clone(),
        id: id.to_owned(),
        model: "m".to_owned(),
        dimension: DIMENSION as u32,
        graph_min_rows: u32::MAX,
        base: None,
    };
    let objects = &tenant.objects;
    let mut writer = SegmentWriter::create(objects, spec).unwrap();
    for (file_id, rows) in runs {
        for chunk in 0..*rows {
            let row = NewRow {
                file_id,
                chunk,
                start: chunk.into(),
                end: u64::from(chunk) + 1,
                text: &format!("{id} {file_id} {chunk}"),
                vector: &[1.0, chunk as f32, 0.5, runs.len() as f32],
            };
            writer.push(&row).unwrap();
        }
    }
    let meta = writer.finish(objects).unwrap().meta;
    let key = match base {
        None => format!("stores/{STORE}/segments/{id}.arrow"),
        Some((number, _)) => format!("stores/{STORE}/base/{BASE}/rows-{number:05}.arrow"),
    };
    let from = aside.segment(id);
    let data = objects.get(&from).unwrap();
    objects.put(&key, &data).unwrap();
    objects.delete(&from).unwrap();
    let mut meta = serde_json::to_value(meta).unwrap();
    let files: Vec<Value> = runs
        .iter()
        .map(|(file_id, rows)| json!({"file_id": file_id, "rows": rows}))
        .collect();
    meta["files"] = files.into();
    if let Some((number, first_row)) = base {
        meta["base"] = json!({"id": BASE, "number": number, "first_row": first_row});
    }
    meta
}

fn file(id: &str, ingest: &str, segments: &[&str]) -> Value {
    json!({
        "file_id": id, "filename": format!("{id}.txt"), "ingest_id": ingest, "created_at": 7,
        "usage_bytes": 100, "chunking": crate::chunk::ChunkingStrategy::Auto,
        "segments": segments,
    })
}

fn pending(id: &str, ingest: &str, status: &str) -> Value {
    json!({
        "file_id": id, "filename": format!("{id}.txt"), "ingest_id": ingest, "created_at": 7,
        "attributes": {"even": false}, "chunking": crate::chunk::ChunkingStrategy::Auto,
        "status": status,
        "last_error": match status {
            "failed" => json!({"code": "server_error", "message": "no"}),
            _ => Value::Null,
        },
    })
}

pub fn put(tenant: &Tenant, rest: &str, value: &Value) {
    let key = format!("stores/{STORE}/{rest}");
    tenant
        .objects
        .put(&key, value.to_string().as_bytes())
        .unwrap();
}

fn manifest(tenant: &Tenant, version: u64, format: u32) -> Value {
    let mut manifest = json!({
        "format": format, "version": version, "committed_ms": tenant.clock.now(),
        "store": first(STORE, Some(DIMENSION as u32)).store,
        "base": null, "tail": [], "garbage": [],
    });
    if format == 2 {
        manifest["deleted"] = false.into();
    }
    manifest
}

/// A store with a table and a tail, dead rows, garbage, and ingestions under way; with `is_indexed`
/// some of its rows are those of a native index.
pub fn old_store(format: u32, is_indexed: bool) -> Tenant {
    let tenant = Tenant::default();
    put(
        &tenant,
        &format!("manifest/{:020}.json", 6),
        &manifest(&tenant, 6, format),
    );
    let base = is_indexed.then_some((0, 0));
    let merged = [
        ("file-a", 2),
        ("file-gone", 2),
        ("file-b", 1),
        ("file-e", 1),
    ];
    let merged = segment(&tenant, "seg-m1", &merged, base);
    let c = segment(&tenant, "seg-c1", &[("file-c", 2)], None);
    let table = json!({
        "files": {
            "file-a": file("file-a", "a", &["seg-m1"]),
            "file-b": file("file-b", "b", &["seg-m1"]),
            "file-c": file("file-c", "c", &["seg-c1"]),
            "file-e": file("file-e", "e", &["seg-m1"]),
        },
        "segments": { "seg-m1": merged, "seg-c1": c },
    });
    put(&tenant, &format!("base/{BASE}/files.json"), &table);
    let again = segment(&tenant, "seg-b2", &[("file-b", 3)], None);
    let d = [
        segment(&tenant, "seg-d1", &[("file-d", 2)], None),
        segment(&tenant, "seg-d2", &[("file-d", 1)], None),
    ];
    segment(&tenant, "seg-p-0", &[("file-p", 2)], None);
    segment(&tenant, "seg-old", &[("file-b", 2)], None);
    let mut newest = manifest(&tenant, 7, format);
    newest["base"] = json!({"id": BASE, "files": 4});
    newest["tail"] = json!([
        {"type": "add", "file": file("file-b", "b2", &["seg-b2"]), "segments": [again]},
        {"type": "set_attributes", "file_id": "file-a", "attributes": {"even": true}},
        {"type": "delete", "file_id": "file-c"},
        {"type": "add", "file": file("file-d", "d", &["seg-d1", "seg-d2"]), "segments": d},
    ]);
    newest["garbage"] = json!([{
        "key": format!("stores/{STORE}/segments/seg-old.arrow"),
        "version": 5, "since_ms": tenant.clock.now(),
    }]);
    if is_indexed {
        index(&tenant, &mut newest);
    }
    put(&tenant, &format!("manifest/{:020}.json", 7), &newest);
    put(
        &tenant,
        "pending/file-p.json",
        &pending("file-p", "p", "in_progress"),
    );
    put(
        &tenant,
        "pending/file-q.json",
        &pending("file-q", "q", "failed"),
    );
    put(&tenant, "attempts/p/00000001.json", &json!({}));
    put(&tenant, "progress/p/00000001.json", &json!({}));
    tenant
}

fn index(tenant: &Tenant, newest: &mut Value) {
    let vector = |chunk: f32| {
        let vector = [1.0, chunk, 0.5, 4.0_f32];
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vector.map(|x| (x / length).to_le_bytes()).concat()
    };
    let rows = [0.0, 1.0, 0.0, 1.0, 0.0, 0.0].map(vector).concat();
    let folder = format!("stores/{STORE}/base/{BASE}/");
    tenant
        .objects
        .put(&format!("{folder}index.faiss"), &rows)
        .unwrap();
    tenant
        .objects
        .put(&format!("{folder}files.arrow"), b"x")
        .unwrap();
    newest["index"] = json!({
        "base": BASE, "rows": 6, "bytes": rows.len(), "sha256": "", "factory": "Flat",
        "reason": "", "parameters": "", "candidates": 4, "recall": 1.0, "built_ms": 1,
    });
}

/// A store whose table has so many files, so many of them in each segment.
pub fn large_store(files: u32, per_segment: usize) -> Tenant {
    let tenant = Tenant::default();
    let (mut table, mut segments) = (serde_json::Map::new(), serde_json::Map::new());
    let ids: Vec<String> = (0..files)
        .map(|number| format!("file-{number:05}"))
        .collect();
    for (number, group) in ids.chunks(per_segment).enumerate() {
        let segment_id = format!("seg-{number}");
        let runs: Vec<(&str, u32)> = group.iter().map(|id| (id.as_str(), 1)).collect();
        segments.insert(
            segment_id.clone(),
            segment(&tenant, &segment_id, &runs, None),
        );
        for id in group {
            table.insert(id.clone(), file(id, id, &[&segment_id]));
        }
    }
    let table = json!({"files": table, "segments": segments});
    put(&tenant, &format!("base/{BASE}/files.json"), &table);
    let mut newest = manifest(&tenant, 7, 2);
    newest["base"] = json!({"id": BASE, "files": files});
    put(&tenant, &format!("manifest/{:020}.json", 7), &newest);
    tenant
}
