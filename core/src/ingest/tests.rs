use proptest::prelude::*;

use super::*;
use crate::objects::MemoryObjects;

fn stored(objects: &MemoryObjects, content: &[u8], format: Format) -> Source {
    let file = FileMeta {
        id: "file-a".to_owned(),
        bytes: content.len() as u64,
        created_at: 1,
        filename: "a.txt".to_owned(),
        purpose: "assistants".to_owned(),
        content_type: None,
        expires_at: None,
        parts: Vec::new(),
    };
    objects.put(&files::content_key(&file.id), content).unwrap();
    Source {
        file,
        format,
        chunking: ChunkingStrategy::Characters {
            max_chunk_size_chars: 60,
            chunk_overlap_chars: 15,
        },
    }
}

/// A reader whose windows and pieces are small, so that short texts have many.
fn small<'a>(
    objects: &'a MemoryObjects,
    source: &Source,
    from: &Position,
    first: u32,
    piece: u64,
) -> Batches<'a> {
    let chunker = Chunker::with_window(source.chunking, source.format, 300).unwrap();
    let batcher = Batcher::new(3, 10_000);
    Batches {
        piece,
        ..Batches::with(objects, source, from, first, batcher, chunker)
    }
}

fn next_batch(batches: &mut Batches<'_>) -> Result<Option<Vec<Chunk>>, IngestError> {
    loop {
        match batches.advance()? {
            Next::Batch(batch) => return Ok(Some(batch)),
            Next::Later => {}
            Next::End => return Ok(None),
        }
    }
}

fn rest(mut batches: Batches<'_>) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    while let Some(batch) = next_batch(&mut batches).unwrap() {
        chunks.extend(batch);
    }
    chunks
}

fn any_content() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        60 => "[a-z]{1,9}[.,!?]? ",
        10 => "[ \n]{1,4}",
        3 => "(#{1,3} |- |```\n|~~~\n)",
        10 => "[à-ÿ一-丕😀-😂]{1,9} ",
    ];
    let words = prop::collection::vec(word, 0..400);
    (any::<bool>(), words).prop_map(|(marked, words)| {
        let mark = if marked { "\u{feff}" } else { "" };
        mark.to_owned() + &words.concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_stops_gives_the_chunks_of_one_go(
        content in any_content(),
        format in prop::sample::select(&[Format::Text, Format::Markdown][..]),
        piece in 1u64..400,
        // Batches taken in a step, and how many of their chunks were written when it stopped.
        steps in prop::collection::vec((1usize..8, 0usize..4), 0..20),
    ) {
        let objects = MemoryObjects::default();
        let source = stored(&objects, content.as_bytes(), format);
        let whole = rest(small(&objects, &source, &Position::default(), 0, u64::MAX >> 1));
        let mut written: Vec<Chunk> = Vec::new();
        let mut from = Position::default();
        for (taken, lost) in steps {
            let mut batches = small(&objects, &source, &from, written.len() as u32, piece);
            let mut got = Vec::new();
            for _ in 0..taken {
                got.extend(next_batch(&mut batches).unwrap().unwrap_or_default());
            }
            got.truncate(got.len().saturating_sub(lost));
            written.extend(got);
            let place = batches.position_before(written.len() as u32);
            prop_assert!(place.chunker.next_number as usize <= written.len());
            prop_assert!(place.source >= from.source);
            let kept = serde_json::to_vec(&place).unwrap();
            from = serde_json::from_slice(&kept).unwrap();
        }
        written.extend(rest(small(&objects, &source, &from, written.len() as u32, piece)));
        prop_assert_eq!(written, whole);
    }

    #[test]
    fn steps_that_stop_as_soon_as_they_may_come_to_an_end(
        content in any_content(),
        format in prop::sample::select(&[Format::Text, Format::Markdown][..]),
        piece in 1u64..400,
    ) {
        let objects = MemoryObjects::default();
        let source = stored(&objects, content.as_bytes(), format);
        let whole = rest(small(&objects, &source, &Position::default(), 0, piece));
        let mut written: Vec<Chunk> = Vec::new();
        let mut from = Position::default();
        loop {
            let first = written.len() as u32;
            let mut batches = small(&objects, &source, &from, first, piece);
            let next = loop {
                match batches.advance().unwrap() {
                    Next::Later if !batches.has_moved(first) => {}
                    next => break next,
                }
            };
            let writes = match next {
                Next::End => break,
                Next::Later => false,
                Next::Batch(chunks) => {
                    written.extend(chunks);
                    true
                }
            };
            let place = batches.position_before(written.len() as u32);
            prop_assert!(writes || place.source > from.source, "it is where it was");
            from = place;
        }
        prop_assert_eq!(written, whole);
    }
}

#[test]
fn a_reader_that_goes_on_does_not_read_what_it_has_again() {
    let objects = MemoryObjects::default();
    let content = format!("\u{feff}{}", "herons wait for fish. ".repeat(2_000));
    let source = stored(&objects, content.as_bytes(), Format::Text);
    let mut batches = small(&objects, &source, &Position::default(), 0, 500);
    let mut written = 0;
    for _ in 0..200 {
        written += next_batch(&mut batches).unwrap().unwrap().len() as u32;
    }
    let place = batches.position_before(written);
    let behind = written - place.chunker.next_number;
    assert!(behind < 30, "{behind} chunks are read again");
    let mark = "\u{feff}".len() as u64;
    assert_eq!(place.source, place.chunker.base + mark);
}

#[test]
fn an_invalid_byte_after_a_stop_is_named_by_its_place_in_the_file() {
    let objects = MemoryObjects::default();
    let mut content = format!("\u{feff}{}", "herons wait. ".repeat(500)).into_bytes();
    let fault = content.len();
    content.push(0xff);
    let source = stored(&objects, &content, Format::Text);
    let mut batches = small(&objects, &source, &Position::default(), 0, 500);
    let mut written = 0;
    for _ in 0..20 {
        written += next_batch(&mut batches).unwrap().unwrap().len() as u32;
    }
    let from = batches.position_before(written);
    assert!(from.source > 0);
    let mut batches = small(&objects, &source, &from, written, 500);
    let error = loop {
        match next_batch(&mut batches) {
            Ok(batch) => assert!(batch.is_some(), "the fault was passed over"),
            Err(error) => break error,
        }
    };
    assert!(
        error.to_string().contains(&format!("at byte {fault}")),
        "{error}"
    );
}

#[test]
fn a_text_without_chunks_is_read_piece_by_piece_and_can_be_left_on_the_way() {
    let objects = MemoryObjects::default();
    let content = format!("{}herons wait", " ".repeat(10_000));
    let source = stored(&objects, content.as_bytes(), Format::Text);
    let mut batches = small(&objects, &source, &Position::default(), 0, 1_000);
    for _ in 0..5 {
        assert_eq!(batches.advance().unwrap(), Next::Later);
    }
    assert!(batches.has_moved(0));
    let from = batches.position_before(0);
    assert!(from.source > 4_000, "{from:?}");
    let batches = small(&objects, &source, &from, 0, 1_000);
    assert!(!batches.has_moved(0));
    let chunks = rest(batches);
    let starts: Vec<u64> = chunks.iter().map(|chunk| chunk.start).collect();
    assert_eq!(starts, [10_000]);
}

#[test]
fn places_are_those_in_the_file_also_behind_a_byte_order_mark() {
    let text = "A heron waits in the shallow water. ".repeat(40);
    let objects = MemoryObjects::default();
    let content = format!("\u{feff}{text}").into_bytes();
    let source = stored(&objects, &content, Format::Text);
    let mut batches = small(&objects, &source, &Position::default(), 0, 100);
    let mut chunks = Vec::new();
    let mut place = Position::default();
    while let Some(batch) = next_batch(&mut batches).unwrap() {
        chunks.extend(batch);
        place = batches.position_before(chunks.len() as u32);
    }
    assert!(chunks.len() > 10);
    let in_file = |chunk: &Chunk| {
        let place = chunk.start as usize..chunk.end as usize;
        assert_eq!(&content[place], chunk.text.as_bytes());
    };
    chunks.iter().for_each(in_file);
    let late = rest(small(
        &objects,
        &source,
        &place,
        chunks.len() as u32 - 2,
        100,
    ));
    assert_eq!(late, chunks[chunks.len() - 2..]);
}
