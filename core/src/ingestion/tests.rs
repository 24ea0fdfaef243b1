//! An ingestion whose embedder, time and neighbours a test decides.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::time::Duration;

use futures::executor::block_on;

use super::*;
use crate::chunk::{Chunk, ChunkingStrategy, Format};
use crate::embedding::{Batcher, EmbeddingError, Embeddings};
use crate::files::{self, FileMeta};
use crate::home::Home;
use crate::ingest::Source;
use crate::objects::Objects;
use crate::pending::{PendingError, Progress};
use crate::segment::{self, SegmentMeta};
use crate::store::{self, Indexing, Manifest};
use crate::testing::{Tenant, make};

const STORE: &str = "vs_test";
const INDEXING: Indexing = Indexing {
    graph_min_rows: u32::MAX,
    segment_max_rows: 4,
};

/// Vectors that tell texts apart; fails from the given request on.
struct Model {
    fails_from: usize,
    error: Option<EmbeddingError>,
    requests: Cell<usize>,
    width: u32,
}

impl Model {
    fn sound() -> Self {
        Self {
            fails_from: usize::MAX,
            error: None,
            requests: Cell::new(0),
            width: 2,
        }
    }

    fn failing_from(request: usize, error: EmbeddingError) -> Self {
        Self {
            fails_from: request,
            error: Some(error),
            ..Self::sound()
        }
    }
}

impl Embed for Model {
    fn batcher(&self) -> Batcher<Chunk> {
        Batcher::new(2, 1 << 20)
    }

    fn concurrency(&self) -> usize {
        3
    }

    async fn embed(
        &self,
        texts: &[&str],
        dimension: Option<u32>,
    ) -> Result<Embeddings, EmbeddingError> {
        let request = self.requests.replace(self.requests.get() + 1);
        if let Some(error) = self.error.as_ref().filter(|_| request >= self.fails_from) {
            return Err(error.clone());
        }
        assert!(dimension.is_none_or(|dimension| dimension == self.width));
        let vector = |text: &&str| [1.0, text.len() as f32];
        Ok(Embeddings {
            dimension: self.width,
            values: texts.iter().flat_map(vector).collect(),
        })
    }
}

/// Time that passes by a millisecond whenever it is asked for.
struct World {
    now_ms: Cell<u64>,
    need: Cell<Need>,
}

impl World {
    fn idle() -> Self {
        Self {
            now_ms: Cell::new(0),
            need: Cell::new(Need::None),
        }
    }
}

impl Surroundings for &World {
    fn monotonic(&self) -> Duration {
        let now_ms = self.now_ms.replace(self.now_ms.get() + 1);
        Duration::from_millis(now_ms)
    }

    fn needed(&self) -> Need {
        self.need.get()
    }

    async fn timeout<F: Future>(&self, _: Duration, future: F) -> Option<F::Output> {
        Some(future.await)
    }
}

/// Takes down what it is told, and has had enough after so many questions.
struct Caller {
    recorded: RefCell<Vec<Progress>>,
    patience: Cell<usize>,
}

impl Caller {
    fn patient() -> Self {
        Self {
            recorded: RefCell::default(),
            patience: Cell::new(usize::MAX),
        }
    }
}

impl Requester for Caller {
    fn still_wanted(&mut self) -> Result<(), PendingError> {
        let left = self.patience.get().checked_sub(1);
        self.patience.set(left.ok_or(PendingError::Cancelled)?);
        Ok(())
    }

    fn record(&mut self, progress: &Progress) -> Result<(), PendingError> {
        self.recorded.borrow_mut().push(progress.clone());
        Ok(())
    }
}

/// A file of `paragraphs`, each a chunk.
fn source(tenant: &Tenant, paragraphs: usize) -> Source {
    let text: String = (0..paragraphs)
        .map(|number| format!("Paragraph {number} {}.\n\n", "of many words ".repeat(200)))
        .collect();
    source_of(tenant, &text)
}

fn source_of(tenant: &Tenant, text: &str) -> Source {
    let key = files::content_key("file-a");
    tenant.objects.put(&key, text.as_bytes()).unwrap();
    let file = FileMeta {
        id: "file-a".to_owned(),
        bytes: text.len() as u64,
        created_at: 1,
        filename: "a.txt".to_owned(),
        purpose: "assistants".to_owned(),
        content_type: None,
        expires_at: None,
        parts: Vec::new(),
    };
    files::write(&tenant.objects, &file).unwrap();
    Source {
        file,
        format: Format::Text,
        chunking: ChunkingStrategy::Auto,
    }
}

struct Scene {
    tenant: Tenant,
    home: Home,
    manifest: Manifest,
    source: Source,
    is_queued: bool,
}

fn scene(paragraphs: usize) -> Scene {
    let tenant = Tenant::default();
    let home = make(tenant.platform(), STORE);
    let manifest = store::existing(tenant.platform(), STORE).unwrap();
    let source = source(&tenant, paragraphs);
    Scene {
        tenant,
        home,
        manifest,
        source,
        is_queued: false,
    }
}

impl Scene {
    fn run(
        &self,
        model: &Model,
        progress: Progress,
        budget: &mut Budget<&World>,
        caller: &mut Caller,
    ) -> Result<Ended, IngestionError> {
        let ingestion = Ingestion {
            platform: self.tenant.platform(),
            manifest: &self.manifest,
            indexing: INDEXING,
            ingest_id: "1",
            source: &self.source,
            keeps_parts: budget.is_limited() || self.is_queued,
            embedder: model,
        };
        block_on(ingestion.run(progress, budget, caller))
    }

    fn texts(&self, segments: &[SegmentMeta]) -> Vec<String> {
        let metas: Vec<&SegmentMeta> = segments.iter().collect();
        let opened = segment::open(&self.tenant.objects, &self.home, &metas).unwrap();
        let all = opened
            .iter()
            .flat_map(|segment| (0..segment.meta().rows).map(move |row| (segment, row)));
        let rows = segment::read_rows(&self.tenant.objects, &all.collect::<Vec<_>>()).unwrap();
        rows.into_iter().map(|row| row.text).collect()
    }
}

fn endless(world: &World) -> Budget<&World> {
    Budget::new(world, Duration::ZERO, None)
}

fn whole(ended: Result<Ended, IngestionError>) -> Written {
    match ended {
        Ok(Ended::Whole(written)) => written,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_chunk_becomes_a_row_in_order_and_full_segments_are_recorded() {
    let scene = scene(9);
    let (world, mut caller) = (World::idle(), Caller::patient());
    let ended = scene.run(
        &Model::sound(),
        Progress::default(),
        &mut endless(&world),
        &mut caller,
    );
    let written = whole(ended);
    let texts = scene.texts(&written.segments);
    assert!(texts.len() >= 9, "{texts:?}");
    let first = texts.iter().position(|text| text.contains("Paragraph 0 "));
    let last = texts.iter().position(|text| text.contains("Paragraph 8 "));
    assert!(first < last, "{texts:?}");
    assert!(written.segments.iter().all(|segment| segment.rows <= 4));
    // The last one is not full, or there is nothing after it to record it for.
    let recorded = caller.recorded.borrow();
    assert_eq!(recorded.len(), written.segments.len() - 1);
    for (number, progress) in recorded.iter().enumerate() {
        assert_eq!(progress.segments, written.segments[..=number]);
    }
    let entry = written.entry(
        &scene.source.file,
        "1",
        7,
        ChunkingStrategy::Auto,
        Default::default(),
    );
    let rows: u32 = entry.rows.iter().map(|range| range.rows).sum();
    assert_eq!(rows as usize, texts.len());
    assert!(entry.usage_bytes > 0 && entry.created_at == 7);
}

#[test]
fn steps_however_short_give_the_rows_of_one_that_never_stopped() {
    let scene = scene(9);
    let world = World::idle();
    let at_once = whole(scene.run(
        &Model::sound(),
        Progress::default(),
        &mut endless(&world),
        &mut Caller::patient(),
    ));
    let mut progress = Progress::default();
    for step in 0..100 {
        // A millisecond is over when it is asked for the second time.
        let begun = world.now_ms.get();
        let mut budget = Budget::new(&world, Duration::from_millis(begun), Some(1));
        let ended = scene.run(
            &Model::sound(),
            progress.clone(),
            &mut budget,
            &mut Caller::patient(),
        );
        match ended.unwrap() {
            Ended::Step(further) => {
                assert!(further.chunks > progress.chunks, "nothing came of it");
                progress = further;
            }
            Ended::Whole(written) => {
                assert!(step > 2, "{step}");
                let (found, wanted) = (&written.segments, &at_once.segments);
                assert_eq!(scene.texts(found), scene.texts(wanted));
                return;
            }
        }
    }
    panic!("it never ends");
}

#[test]
fn where_it_is_urgent_it_stops_wherever_it_stands() {
    let scene = scene(3);
    let world = World::idle();
    world.need.set(Need::Urgent);
    let model = Model::sound();
    let ended = scene.run(
        &model,
        Progress::default(),
        &mut endless(&world),
        &mut Caller::patient(),
    );
    assert_eq!(model.requests.get(), 0);
    match ended.unwrap() {
        Ended::Step(progress) => assert_eq!(progress.chunks, 0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn where_nobody_wants_it_any_more_nothing_else_is_embedded() {
    let scene = scene(40);
    let world = World::idle();
    let (model, mut caller) = (Model::sound(), Caller::patient());
    caller.patience.set(1);
    let ended = scene.run(
        &model,
        Progress::default(),
        &mut endless(&world),
        &mut caller,
    );
    assert!(matches!(
        ended,
        Err(IngestionError::Requester(PendingError::Cancelled))
    ));
    assert!(model.requests.get() < 10, "{}", model.requests.get());
}

#[test]
fn what_may_pass_ends_a_step_that_came_further_and_fails_any_other() {
    let scene = scene(20);
    let world = World::idle();
    let passing = EmbeddingError::unreachable("models.test", "no answer");
    let step = |model: &Model, step_ms: Option<u64>| {
        let begun = Duration::from_millis(world.now_ms.get());
        let mut budget = Budget::new(&world, begun, step_ms);
        scene.run(
            model,
            Progress::default(),
            &mut budget,
            &mut Caller::patient(),
        )
    };
    let hour = Some(3_600_000);
    let late = step(&Model::failing_from(4, passing.clone()), hour);
    assert!(matches!(late, Ok(Ended::Step(progress)) if progress.chunks > 0));
    for (request, step_ms) in [(0, hour), (4, None)] {
        let ended = step(&Model::failing_from(request, passing.clone()), step_ms);
        assert_eq!(
            ended.err(),
            Some(IngestionError::Embedding(passing.clone()))
        );
    }
    let queued = Scene {
        is_queued: true,
        ..self::scene(20)
    };
    let mut endless = Budget::new(&world, Duration::ZERO, None);
    let model = Model::failing_from(4, passing.clone());
    let (nothing, mut caller) = (Progress::default(), Caller::patient());
    let kept = queued.run(&model, nothing, &mut endless, &mut caller);
    assert!(matches!(kept, Ok(Ended::Step(progress)) if progress.chunks > 0));
    let lasting = EmbeddingError::forbidden("models.test", "not allowed");
    let ended = step(&Model::failing_from(4, lasting.clone()), hour);
    assert_eq!(ended.err(), Some(IngestionError::Embedding(lasting)));
}

#[test]
fn a_file_without_text_says_so() {
    for text in ["", " \n\t\n "] {
        let scene = scene(1);
        let scene = Scene {
            source: source_of(&scene.tenant, text),
            ..scene
        };
        let world = World::idle();
        let ended = scene.run(
            &Model::sound(),
            Progress::default(),
            &mut endless(&world),
            &mut Caller::patient(),
        );
        assert_eq!(ended.err(), Some(IngestionError::NoText));
    }
}
