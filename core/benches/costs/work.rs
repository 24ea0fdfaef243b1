//! What requests do, each measured.

use std::time::Duration;

use dayfly_core::chunk::ChunkingStrategy;
use dayfly_core::files::{self, FileMeta};
use dayfly_core::ops::{self, Wanted};
use dayfly_core::search::{BaseHit, BaseIndex, Search, search};
use dayfly_core::segment::{Query, SegmentSpec, SegmentWriter};
use dayfly_core::store::{self, FileEntry, Manifest, RowRange, StoreError};
use rustix::time::{ClockId, clock_gettime};

use super::counting::Counts;
use super::store::{DIMENSION, FOUND, ROWS, STORE, Tenant, file_id, push_rows};

/// What one request costs, on average.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    pub what: &'static str,
    pub requests: f64,
    pub read: f64,
    pub written: f64,
    /// Of the processor; the middle one.
    pub cpu: Duration,
}

/// Rows of a file that is uploaded: about 100 KB of text.
const UPLOADED_ROWS: u32 = 56;
/// Each is done so often.
const TIMES: u32 = 32;

/// All requests, one after the other, in a store of so many files.
pub fn measure(files: u32) -> Vec<Cost> {
    let tenant = Tenant::with(files);
    let uploads = measure_one(&tenant, "upload", |number| {
        upload(&tenant, number);
    });
    vec![
        uploads,
        measure_one(&tenant, "search", |_| find(&tenant)),
        measure_one(&tenant, "attach", |number| attach(&tenant, number)),
        measure_one(&tenant, "delete", |number| {
            delete(&tenant, number * (files / TIMES) + 3);
        }),
        measure_one(&tenant, "page", |number| {
            page(&tenant, number * (files / TIMES) + 3);
        }),
    ]
}

fn measure_one(tenant: &Tenant, what: &'static str, mut work: impl FnMut(u32)) -> Cost {
    let mut all = Counts::default();
    let mut times = Vec::new();
    for number in 0..TIMES {
        tenant.objects.take();
        let began = cpu();
        work(number);
        times.push(cpu() - began);
        all += tenant.objects.take();
    }
    times.sort();
    let mean = |sum: u64| sum as f64 / f64::from(TIMES);
    Cost {
        what,
        requests: mean(all.requests),
        read: mean(all.read),
        written: mean(all.written),
        cpu: times[times.len() / 2],
    }
}

/// What this thread has taken of the processor.
fn cpu() -> Duration {
    let taken = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(taken.tv_sec as u64, taken.tv_nsec as u32)
}

fn meta(id: &str) -> FileMeta {
    FileMeta {
        id: id.to_owned(),
        bytes: 100_000,
        created_at: 1,
        filename: "a.txt".to_owned(),
        purpose: "assistants".to_owned(),
        content_type: None,
        expires_at: None,
        parts: Vec::new(),
    }
}

/// One file of 100 KB; the version that has it, and the bytes of its segment.
pub fn upload(tenant: &Tenant, number: u32) -> (Manifest, u64) {
    let (platform, home) = (tenant.platform(), &tenant.home);
    let id = platform.new_id("file-");
    let objects = platform.objects;
    objects
        .put(&files::content_key(&id), &vec![b'x'; 100_000])
        .unwrap();
    files::write(objects, &meta(&id)).unwrap();
    files::note_store(objects, &id, STORE).unwrap();
    store::existing(platform, STORE).unwrap();
    let spec = SegmentSpec {
        home: home.clone(),
        id: format!("seg-{id}-{number}"),
        model: "m".to_owned(),
        dimension: DIMENSION as u32,
        graph_min_rows: u32::MAX,
        base: None,
    };
    let mut writer = SegmentWriter::create(objects, spec).unwrap();
    push_rows(&mut writer, &id, UPLOADED_ROWS);
    let segment = writer.finish(objects).unwrap().meta;
    let bytes = segment.bytes;
    let entry = FileEntry {
        file_id: id.clone(),
        filename: "a.txt".to_owned(),
        ingest_id: id,
        created_at: 1,
        usage_bytes: segment.bytes,
        chunking: ChunkingStrategy::Auto,
        attributes: Default::default(),
        rows: vec![RowRange {
            segment: segment.id.clone(),
            first: 0,
            rows: segment.rows,
        }],
    };
    let committed = ops::commit_upload(platform, home, &entry, &[segment]).unwrap();
    (committed, bytes)
}

/// Finds rows of the first segment, as an index in the host's memory does.
struct Known;

impl BaseIndex<StoreError> for Known {
    fn nearest(&self, _: &[f32], limit: usize) -> Result<Option<Vec<BaseHit>>, StoreError> {
        let rows = u64::from(FOUND * ROWS);
        let hit = |number: u64| BaseHit {
            row: number * 97 % rows,
            score: 0.9 - number as f32 / 1_000.0,
        };
        Ok(Some((0..limit as u64 * 4).map(hit).collect()))
    }
}

fn find(tenant: &Tenant) {
    let newest = tenant.newest();
    let vector: Vec<f32> = (0..DIMENSION).map(|at| (at % 7) as f32 - 3.0).collect();
    let wanted = Search {
        queries: &[Query::new(&vector).unwrap()],
        limit: 10,
        threshold: 0.0,
        filter: None,
        base: Some(&Known),
    };
    let found = search(tenant.platform(), &newest, &wanted).unwrap();
    assert_eq!(found.len(), 10);
}

fn attach(tenant: &Tenant, number: u32) {
    let platform = tenant.platform();
    tenant.newest();
    let meta = meta(&platform.new_id("file-"));
    let chunking = ChunkingStrategy::Auto;
    let attached = ops::attach(platform, &tenant.home, &meta, Default::default(), chunking);
    // It ends at once, so that the next one finds as much as this one.
    let ticket = attached.unwrap().pending.ticket(&tenant.home);
    let counted = tenant.objects.take();
    assert!(counted.requests > 0, "{number}");
    platform.objects.delete(&ticket.key()).unwrap();
    tenant.objects.take();
    tenant.objects.add(counted);
}

fn delete(tenant: &Tenant, number: u32) {
    tenant.newest();
    let ended = ops::detach(tenant.platform(), &tenant.home, &file_id(number)).unwrap();
    assert!(ended.is_empty());
}

fn page(tenant: &Tenant, number: u32) {
    let after = file_id(number);
    let wanted = Wanted {
        after: Some(&after),
        before: None,
        ascending: true,
        limit: 20,
        status: None,
    };
    let (page, _) = ops::files_of(tenant.platform(), &tenant.home, &wanted).unwrap();
    assert_eq!(page.len(), 20);
}
