//! A store of any number of files, made without ingesting them.

use std::cell::Cell;

use dayfly_core::chunk::ChunkingStrategy;
use dayfly_core::filter::AttributeValue;
use dayfly_core::home::Home;
use dayfly_core::platform::{Clock, Platform};
use dayfly_core::segment::{
    BasePlace, NewRow, SegmentMeta, SegmentSpec, SegmentWriter, write_list,
};
use dayfly_core::store::runs::{AttributeColumns, RunRef, RunWriter};
use dayfly_core::store::{
    self, Change, Embedding, FileEntry, IndexRef, Manifest, RowRange, SegmentRef, StoreError,
    StoreInfo,
};

use super::counting::Counting;

pub const STORE: &str = "vs_costs";
pub const DIMENSION: usize = 384;
/// Rows of each file.
pub const ROWS: u32 = 4;
/// Files whose rows are there to be found: those of the first segment.
pub const FOUND: u32 = 500;
/// As a rebuild makes them, at the least.
const SEGMENT_ROWS: u32 = 65_536;
/// A base has at most about so many.
const SEGMENTS: u32 = 48;

/// A clock that moves by a millisecond each time it is looked at.
pub struct Ticking {
    now_ms: Cell<u64>,
}

impl Ticking {
    /// Lets time pass.
    pub fn advance(&self, milliseconds: u64) {
        self.now_ms.set(self.now_ms.get() + milliseconds);
    }
}

impl Clock for Ticking {
    fn now_ms(&self) -> u64 {
        self.now_ms.set(self.now_ms.get() + 1);
        self.now_ms.get()
    }

    fn random(&self) -> u64 {
        self.now_ms().wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn pause(&self, milliseconds: u64) {
        self.advance(milliseconds);
    }
}

/// A tenant with one store.
pub struct Tenant {
    pub objects: Counting,
    pub clock: Ticking,
    pub home: Home,
}

impl Tenant {
    pub fn platform(&self) -> Platform<'_> {
        Platform::new(&self.objects, &self.clock)
    }

    pub fn newest(&self) -> Manifest {
        store::existing(self.platform(), STORE).unwrap()
    }

    /// With no files.
    pub fn empty() -> Self {
        let mut tenant = Self {
            objects: Counting::default(),
            clock: Ticking {
                now_ms: Cell::new(1_700_000_000_000),
            },
            home: Home::new(STORE, ""),
        };
        let first = Manifest::first(StoreInfo {
            id: STORE.to_owned(),
            name: None,
            created_at: 1,
            description: None,
            metadata: Default::default(),
            expires_after: None,
            embedding: Embedding {
                model: "m".to_owned(),
                dimension: Some(DIMENSION as u32),
                metric: "cosine".to_owned(),
            },
        });
        tenant.home = store::create(tenant.platform(), &first).unwrap().home();
        tenant
    }

    /// With so many files, rebuilt a while ago; a few changes came since.
    pub fn with(files: u32) -> Self {
        let tenant = Self::empty();
        let segments = tenant.segments(files);
        let run = tenant.run(files, &segments);
        store::change(tenant.platform(), STORE, |newest| {
            let mut next = newest.clone();
            next.totals.files = files.into();
            next.totals.rows = u64::from(files) * u64::from(ROWS);
            next.segments = segments
                .iter()
                .map(|meta| SegmentRef::new(meta.clone(), run.to))
                .collect();
            next.runs = vec![run.clone()];
            next.index = Some(index(files));
            Ok::<_, StoreError>(Some(next.into()))
        })
        .unwrap();
        tenant
    }

    /// The segments of a base, of which the first is there; the others are never read.
    fn segments(&self, files: u32) -> Vec<SegmentMeta> {
        let rows = files * ROWS;
        let most = SEGMENT_ROWS.max(rows / SEGMENTS / ROWS * ROWS);
        let first = self.first_segment(FOUND.min(files));
        let place = |number: u32, first_row: u32| BasePlace {
            id: "base".to_owned(),
            number,
            first_row: first_row.into(),
            list: None,
        };
        let mut segments = vec![SegmentMeta {
            base: Some(place(0, 0)),
            ..first.clone()
        }];
        let mut at = first.rows;
        while at < rows {
            let number = segments.len() as u32;
            let size = most.min(rows - at);
            segments.push(SegmentMeta {
                id: format!("rows-0000000001-{:027x}-{number:05}", 7),
                rows: size,
                bytes: u64::from(size) * 4_096,
                base: Some(place(number, at)),
                ..first.clone()
            });
            at += size;
        }
        write_list(&self.objects, &self.home, "base", &mut segments).unwrap();
        segments
    }

    fn first_segment(&self, files: u32) -> SegmentMeta {
        let spec = SegmentSpec {
            home: self.home.clone(),
            id: format!("rows-0000000001-{:027x}-00000", 7),
            model: "m".to_owned(),
            dimension: DIMENSION as u32,
            graph_min_rows: u32::MAX,
            base: Some(BasePlace {
                id: "base".to_owned(),
                number: 0,
                first_row: 0,
                list: None,
            }),
        };
        let mut writer = SegmentWriter::create(&self.objects, spec).unwrap();
        for file in 0..files {
            push_rows(&mut writer, &file_id(file), ROWS);
        }
        writer.finish(&self.objects).unwrap().meta
    }

    fn run(&self, files: u32, segments: &[SegmentMeta]) -> RunRef {
        let mut columns = AttributeColumns::default();
        columns.observe(&Change::Put(entry(0, segments)));
        let id = format!("{:027x}", 1);
        let mut writer = RunWriter::create(&self.objects, &self.home, &id, &columns).unwrap();
        for file in 0..files {
            writer.push(&Change::Put(entry(file, segments))).unwrap();
        }
        writer.finish(1, 2).unwrap()
    }
}

pub fn file_id(number: u32) -> String {
    format!(
        "file-{:011x}{:016x}",
        1_600_000_000_000_u64 + u64::from(number),
        number
    )
}

pub fn push_rows(writer: &mut SegmentWriter, file_id: &str, rows: u32) {
    let text = "About as many words as a passage of a usual size has. ".repeat(32);
    for chunk in 0..rows {
        let component = |at: usize| ((at as u32 * 31 + chunk * 17) % 97) as f32 - 48.0;
        let vector: Vec<f32> = (0..DIMENSION).map(component).collect();
        let row = NewRow {
            file_id,
            chunk,
            start: u64::from(chunk) * 1_700,
            end: u64::from(chunk + 1) * 1_700,
            text: &text,
            vector: &vector,
        };
        writer.push(&row).unwrap();
    }
}

/// An entry as most are: some attributes, rows in one segment.
fn entry(number: u32, segments: &[SegmentMeta]) -> FileEntry {
    let first = number * ROWS;
    let mut before = 0;
    let holding = segments.iter().find(|meta| {
        before += meta.rows;
        first < before
    });
    let segment = holding.unwrap();
    let text = |text: &str| AttributeValue::Text(text.to_owned());
    FileEntry {
        file_id: file_id(number),
        filename: format!("minutes of meeting {number}.md"),
        ingest_id: format!("{number:027x}"),
        created_at: 1_700_000_000,
        usage_bytes: 17_000,
        chunking: ChunkingStrategy::Auto,
        attributes: [
            ("author".to_owned(), text("somebody")),
            (
                "year".to_owned(),
                AttributeValue::Number(f64::from(2_000 + number % 26)),
            ),
            (
                "public".to_owned(),
                AttributeValue::Bool(number.is_multiple_of(3)),
            ),
        ]
        .into(),
        rows: vec![RowRange {
            segment: segment.id.clone(),
            first: first - (before - segment.rows),
            rows: ROWS,
        }],
    }
}

fn index(files: u32) -> IndexRef {
    IndexRef {
        base: "base".to_owned(),
        rows: u64::from(files) * u64::from(ROWS),
        bytes: 1,
        sha256: "0".repeat(64),
        factory: "HNSW32,SQ8".to_owned(),
        reason: "rows and memory".to_owned(),
        parameters: "efSearch=64".to_owned(),
        candidates: 4,
        recall: 0.99,
        built_ms: 1,
        legacy: false,
    }
}
