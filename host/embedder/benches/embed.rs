//! Chunks a second and the latency of one query, through the queue as a request takes it.
//!
//! `cargo bench -p dayfly-embedder`

#![allow(missing_docs)]

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dayfly_embedder::{Embedder, EmbedderConfig, locate};

const CHUNKS: usize = 64;
const CHUNK_CHARACTERS: usize = 1000;
const QUERY: &str = "How do I give back the memory that an upload has used?";

/// Made of words and seeded, so that every run embeds the same text.
fn chunk(seed: u64) -> String {
    const WORDS: &[&str] = &[
        "the",
        "of",
        "a",
        "to",
        "memory",
        "document",
        "which",
        "server",
        "is",
        "uploaded",
        "and",
        "vectors",
        "in",
        "index",
        "request",
        "its",
        "searchable",
        "when",
        "process",
        "for",
        "storage",
        "that",
        "segment",
        "with",
        "embedding",
        "not",
        "are",
        "becomes",
        "instance",
        "by",
        "quickly",
        "answered",
        "sandbox",
        "from",
        "customer",
        "report",
        "on",
        "quarterly",
    ];
    let mut state = seed;
    let mut text = String::new();
    while text.len() < CHUNK_CHARACTERS {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        text.push_str(WORDS[(state >> 33) as usize % WORDS.len()]);
        text.push_str(if state >> 60 == 0 { ". " } else { " " });
    }
    text
}

/// Resident memory in MB, where the system tells.
fn resident_mb(field: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    let kb: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kb / 1000)
}

fn report_memory(when: &str) {
    if let (Some(now), Some(peak)) = (resident_mb("VmRSS:"), resident_mb("VmHWM:")) {
        println!("resident {when}: {now} MB, highest {peak} MB");
    }
}

fn benches(criterion: &mut Criterion) {
    let files = locate(None).unwrap_or_else(|e| panic!("{e}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap_or_else(|e| panic!("{e}"));
    let start = Instant::now();
    let config = EmbedderConfig::default();
    let embedder = Embedder::load(files, config.clone()).unwrap_or_else(|e| panic!("{e}"));
    println!("loaded and verified in {:?}", start.elapsed());
    report_memory("after loading");

    let chunks: Vec<String> = (0..CHUNKS as u64).map(chunk).collect();
    let embed = |texts: Vec<String>| {
        let embedded = runtime.block_on(embedder.embed(texts));
        embedded.unwrap_or_else(|e| panic!("{e}"))
    };
    let tokens = embed(chunks.clone()).tokens as f64 / CHUNKS as f64;
    println!(
        "{} threads; chunks of {CHUNK_CHARACTERS} characters have {tokens:.0} tokens",
        config.threads
    );

    let mut group = criterion.benchmark_group("embed");
    group.sample_size(10);
    group.throughput(Throughput::Elements(CHUNKS as u64));
    group.bench_function("chunks", |b| b.iter(|| black_box(embed(chunks.clone()))));
    group.throughput(Throughput::Elements(1));
    group.sample_size(50);
    group.bench_function("query", |b| {
        b.iter(|| black_box(embed(vec![QUERY.to_owned()])));
    });
    group.finish();
    report_memory("after the benchmark");
}

criterion_group!(embed, benches);
criterion_main!(embed);
