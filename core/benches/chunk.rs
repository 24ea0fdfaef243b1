//! Throughput of chunking: in windows and, for comparison, of `text-splitter` on a whole
//! text; characters and tokens; text and Markdown. `cargo bench -p dayfly-core --bench chunk`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dayfly_core::chunk::{Chunker, ChunkingStrategy, Format};
use text_splitter::{ChunkConfig, MarkdownSplitter, TextSplitter};

fn document(bytes: usize) -> String {
    let section = "## On rivers\n\nA river is older than the names that people gave it. \
        It runs where it can, and where it cannot, it waits.\nThe second line of a \
        paragraph, with *stress* and `code`.\n\n- one\n- two\n\n```c\nint x = 1;\n```\n\n";
    section.repeat(bytes / section.len())
}

fn windowed(text: &str, strategy: ChunkingStrategy, format: Format) -> usize {
    let Ok(mut chunker) = Chunker::new(strategy, format) else {
        return 0;
    };
    let pieces = text.as_bytes().chunks(16 * 1024);
    let pushed = pieces.filter_map(|piece| std::str::from_utf8(piece).ok());
    let count: usize = pushed.map(|piece| chunker.push(piece).len()).sum();
    count + chunker.finish().len()
}

fn chunking(criterion: &mut Criterion) {
    let text = document(1 << 20);
    let tokens = ChunkingStrategy::Static {
        max_chunk_size_tokens: 800,
        chunk_overlap_tokens: 400,
    };
    let mut group = criterion.benchmark_group("chunk");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.sample_size(10);
    for (name, strategy, format) in [
        ("characters", ChunkingStrategy::Auto, Format::Text),
        ("tokens", tokens, Format::Text),
        ("markdown", ChunkingStrategy::Auto, Format::Markdown),
        ("markdown tokens", tokens, Format::Markdown),
    ] {
        group.bench_function(format!("windowed/{name}"), |bencher| {
            bencher.iter(|| windowed(black_box(&text), strategy, format));
        });
    }
    let config = || ChunkConfig::new(1000).with_overlap(150);
    if let (Ok(plain), Ok(markdown)) = (config(), config()) {
        let plain = TextSplitter::new(plain);
        let markdown = MarkdownSplitter::new(markdown);
        group.bench_function("whole/characters", |bencher| {
            bencher.iter(|| plain.chunks(black_box(&text)).count());
        });
        group.bench_function("whole/markdown", |bencher| {
            bencher.iter(|| markdown.chunks(black_box(&text)).count());
        });
    }
    group.finish();
}

criterion_group!(benches, chunking);
criterion_main!(benches);
