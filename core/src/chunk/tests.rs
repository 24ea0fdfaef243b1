use std::collections::HashSet;

use proptest::prelude::*;

use super::tokens::Unit;
use super::*;
use text_splitter::ChunkSizer;

fn characters(max: u32, overlap: u32) -> ChunkingStrategy {
    ChunkingStrategy::Characters {
        max_chunk_size_chars: max,
        chunk_overlap_chars: overlap,
    }
}

fn tokens(max: u32, overlap: u32) -> ChunkingStrategy {
    ChunkingStrategy::Static {
        max_chunk_size_tokens: max,
        chunk_overlap_tokens: overlap,
    }
}

/// Chunks of `text`, pushed in pieces of about `piece` bytes.
fn chunks_of(mut chunker: Chunker, mut text: &str, piece: usize) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    while !text.is_empty() {
        let (now, later) = text.split_at(text.ceil_char_boundary(piece));
        chunks.extend(chunker.push(now));
        text = later;
    }
    chunks.extend(chunker.finish());
    chunks
}

fn windowed(text: &str, strategy: ChunkingStrategy, format: Format) -> Vec<Chunk> {
    chunks_of(Chunker::new(strategy, format).unwrap(), text, 10_000)
}

fn size(strategy: ChunkingStrategy, text: &str) -> usize {
    match strategy {
        ChunkingStrategy::Static { .. } => Unit::Tokens { limit: 1 << 20 }.size(text),
        _ => Unit::Characters.size(text),
    }
}

fn limit(strategy: ChunkingStrategy) -> usize {
    match strategy {
        ChunkingStrategy::Auto => AUTO_CHARACTERS as usize,
        ChunkingStrategy::Static {
            max_chunk_size_tokens: max,
            ..
        }
        | ChunkingStrategy::Characters {
            max_chunk_size_chars: max,
            ..
        } => max as usize,
    }
}

/// Panics unless the chunks keep every promise of [`Chunker`] about `text`.
fn check(text: &str, chunks: &[Chunk], strategy: ChunkingStrategy) {
    let (mut covered, mut last_first) = (0, 0);
    for (number, chunk) in chunks.iter().enumerate() {
        let (start, end) = (chunk.start as usize, chunk.end as usize);
        assert_eq!(chunk.number as usize, number);
        assert_eq!(&text[start..end], chunk.text);
        assert!(!chunk.text.trim().is_empty());
        assert!(size(strategy, &chunk.text) <= limit(strategy), "{chunk:?}");
        let first = end - chunk.text.trim_start().len();
        assert!(first >= last_first && end > covered, "{chunk:?}");
        if start > covered {
            assert_eq!(text[covered..start].trim(), "", "not covered");
        }
        (covered, last_first) = (end, first);
    }
    assert_eq!(text[covered..].trim(), "", "not covered");
}

/// Sentences and paragraphs of words of the usual lengths, always the same for a seed.
fn prose(bytes: usize, mut seed: u64, markdown: bool) -> String {
    let mut next = move |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let words = [
        "a",
        "of",
        "the",
        "tree",
        "river",
        "answer",
        "between",
        "standing",
        "mountains",
        "naïve",
        "understanding",
        "and",
        "to",
        "in",
        "it",
    ];
    let mut text = String::new();
    while text.len() < bytes {
        match (markdown, next(12)) {
            (true, 0) => text += &format!("## Heading {}\n\n", next(1000)),
            (true, 1) => text += "```rust\nlet x = 1;\n\nlet y = x + 1;\n```\n\n",
            (true, 2) => text += "- one item\n- another *item*\n  - nested\n\n",
            (true, 3) => text += "| a | b |\n|---|---|\n| 1 | 2 |\n\n",
            _ => {}
        }
        for _ in 0..2 + next(6) {
            for _ in 0..4 + next(16) {
                text += words[next(words.len() as u64) as usize];
                text += if next(9) == 0 { ", " } else { " " };
            }
            text += if next(3) == 0 { "end.\n" } else { "end. " };
        }
        text += "\n\n";
    }
    text
}

/// The share of windowed chunks that the whole-text split has, too.
fn agreement(text: &str, strategy: ChunkingStrategy, format: Format) -> f64 {
    let windowed = windowed(text, strategy, format);
    check(text, &windowed, strategy);
    let whole = Splitter::new(strategy, format).unwrap().split(text);
    let whole: HashSet<_> = whole.into_iter().collect();
    let found = windowed
        .iter()
        .filter(|chunk| whole.contains(&(chunk.start as usize..chunk.end as usize)));
    found.count() as f64 / windowed.len() as f64
}

#[test]
fn windows_cut_prose_as_the_whole_text_is_cut() {
    let text = prose(600_000, 1, false);
    for strategy in [
        ChunkingStrategy::Auto,
        characters(1000, 0),
        tokens(400, 100),
    ] {
        let agreement = agreement(&text, strategy, Format::Text);
        assert!(agreement > 0.99, "{strategy:?}: {agreement}");
    }
    let markdown = prose(300_000, 2, true);
    let agreement = agreement(&markdown, ChunkingStrategy::Auto, Format::Markdown);
    assert!(agreement > 0.99, "Markdown: {agreement}");
}

#[test]
fn hostile_texts_are_cut_in_bounded_windows() {
    let bytes = 1_000_000;
    let repeat = |unit: &str| unit.repeat(bytes / unit.len());
    for text in [
        repeat("a"),
        repeat(" "),
        repeat("\n"),
        repeat("a\n"),
        repeat("\r\n"),
        repeat("e\u{301}\u{302}\u{303}"),
        repeat("👩‍👩‍👧‍👦"),
        repeat("> "),
        repeat("*a "),
        repeat("[a]("),
        format!("a{}b", repeat(" ")),
        format!("a{}b", repeat(" \n")),
        format!("```\n{}```\n# End\n", repeat("let x = 1;\n\n")),
    ] {
        for format in [Format::Text, Format::Markdown] {
            let mut chunker = Chunker::new(ChunkingStrategy::Auto, format).unwrap();
            let mut chunks = chunker.push(&text);
            assert!(chunker.buffer.capacity() <= 2 * MAX_WINDOW_BYTES);
            chunks.extend(chunker.finish());
            check(&text, &chunks, ChunkingStrategy::Auto);
        }
    }
}

/// Counting the tokens of a window for every measure of it would take minutes.
#[test]
fn long_words_are_cut_by_tokens() {
    let strategy = tokens(800, 400);
    for unit in [".", "a", "xyzzy", "语", "-=~"] {
        let text = unit.repeat(300_000 / unit.len());
        check(&text, &windowed(&text, strategy, Format::Text), strategy);
    }
}

#[test]
fn a_code_block_longer_than_a_window_is_cut_as_code() {
    let code = "# no heading in code\n\n- no item in code\n\n".repeat(5000);
    let prose = prose(20_000, 4, true);
    let text = format!("```sh\n{code}```\n\n{prose}");
    assert_eq!(
        agreement(&text, ChunkingStrategy::Auto, Format::Markdown),
        1.0
    );

    // The test can tell: without the opening line the rest is cut elsewhere.
    let splitter = Splitter::new(ChunkingStrategy::Auto, Format::Markdown).unwrap();
    let within = text.len() / 2;
    let within = within + text[within..].find("# no heading").unwrap();
    let ends = |text: &str| -> HashSet<usize> {
        let ranges = splitter.split(text).into_iter();
        ranges.map(|range| text.len() - range.end).collect()
    };
    assert!(!ends(&text[within..]).is_subset(&ends(&text)));
}

#[test]
fn long_white_space_separates_chunks_and_short_does_not() {
    let texts = |space: &str| -> Vec<String> {
        let text = format!("one{space}two");
        let chunks = windowed(&text, ChunkingStrategy::Auto, Format::Text);
        check(&text, &chunks, ChunkingStrategy::Auto);
        chunks.into_iter().map(|chunk| chunk.text).collect()
    };
    assert_eq!(texts(&" ".repeat(255)).len(), 1);
    for space in [" ".repeat(256), "\u{3000}".repeat(90), "\n".repeat(100_000)] {
        assert_eq!(texts(&space), ["one", "two"]);
    }
}

#[test]
fn the_largest_sizes_work() {
    let text = prose(2_000_000, 3, false);
    for strategy in [characters(100_000, 50_000), tokens(4096, 2048)] {
        let chunks = windowed(&text, strategy, Format::Text);
        check(&text, &chunks, strategy);
    }
}

#[test]
fn nothing_but_white_space_has_no_chunks() {
    for text in ["", " \n\t ", "\u{3000}"] {
        assert_eq!(windowed(text, ChunkingStrategy::Auto, Format::Text), []);
        assert_eq!(windowed(text, ChunkingStrategy::Auto, Format::Markdown), []);
    }
}

#[test]
fn a_strategy_out_of_its_bounds_is_refused() {
    let Err(error) = Chunker::new(characters(10, 6), Format::Text) else {
        panic!("accepted");
    };
    assert_eq!(
        error.param,
        "chunking_strategy.characters.chunk_overlap_chars"
    );
}

fn any_text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        80 => "[a-z]{1,9}[.,!?]? ",
        20 => "[ \n\r\t]{1,9}",
        1 => "[ \n]{250,300}",
        20 => "(#{1,3} |- |> |```\n|~~~~\n|---\n|\\| a \\| b |    |\\*\\*|<b>|`)",
        10 => "[à-ÿ一-丕\u{300}-\u{304}😀-😂\u{200d}\u{3000}]{1,9}",
        10 => "[a-z0-9]{40,90}",
    ];
    prop::collection::vec(word, 0..200).prop_map(|words| words.concat())
}

fn any_strategy() -> impl Strategy<Value = ChunkingStrategy> {
    prop_oneof![
        (1u32..80, 0u32..40).prop_map(|(max, overlap)| characters(max, overlap.min(max / 2))),
        (0u32..50).prop_map(|overlap| tokens(100, overlap)),
    ]
}

fn any_format() -> impl Strategy<Value = Format> {
    prop::sample::select(&[Format::Text, Format::Markdown][..])
}

proptest! {
    // The failures are in the messages in full; no files beside the sources.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_promise_is_kept_for_any_text_window_and_piece(
        text in any_text(),
        strategy in any_strategy(),
        format in any_format(),
        window in 8usize..600,
        pieces in (1usize..50, 50usize..2000),
    ) {
        let chunker = || Chunker::with_window(strategy, format, window).unwrap();
        let chunks = chunks_of(chunker(), &text, pieces.0);
        check(&text, &chunks, strategy);
        prop_assert_eq!(&chunks, &chunks_of(chunker(), &text, pieces.1));
        prop_assert_eq!(&chunks, &chunks_of(chunker(), &text, usize::MAX));
    }

    #[test]
    fn a_chunker_that_goes_on_from_any_checkpoint_gives_the_same_chunks(
        text in any_text(),
        strategy in any_strategy(),
        format in any_format(),
        window in 8usize..600,
        stops in prop::collection::vec(1usize..700, 0..12),
    ) {
        let fresh = || Chunker::with_window(strategy, format, window).unwrap();
        let whole = chunks_of(fresh(), &text, usize::MAX);
        let (mut chunker, mut pushed) = (fresh(), 0);
        let mut chunks: Vec<Chunk> = Vec::new();
        for stop in stops {
            let end = text.ceil_char_boundary(pushed + stop);
            chunks.extend(chunker.push(&text[pushed..end]));
            let kept = serde_json::to_string(chunker.checkpoint()).unwrap();
            let checkpoint: Checkpoint = serde_json::from_str(&kept).unwrap();
            prop_assert_eq!(checkpoint.next_number as usize, chunks.len());
            prop_assert!(checkpoint.base as usize <= end);
            pushed = checkpoint.base as usize;
            chunker = fresh().resume(checkpoint);
        }
        chunks.extend(chunks_of(chunker, &text[pushed..], 100));
        prop_assert_eq!(chunks, whole);
    }

    #[test]
    fn a_text_within_one_window_is_cut_as_text_splitter_cuts_it(
        text in any_text(), strategy in any_strategy(), format in any_format(),
    ) {
        prop_assume!(long_space(&text).is_none());
        let ranges = Splitter::new(strategy, format).unwrap().split(&text);
        let chunks = windowed(&text, strategy, format);
        let own: Vec<_> = chunks.iter().map(|c| c.start as usize..c.end as usize).collect();
        prop_assert_eq!(own, ranges);
    }
}
