//! Vectors agree with a double-precision implementation of the model that shares no code with
//! this one, and with the similarities that the model's authors publish.

#![allow(clippy::unwrap_used)]

use dayfly_embedder::{DIMENSION, Embedder, EmbedderConfig, Embeddings, locate};

const TOLERANCE: f32 = 1e-4;

const TEXTS: [&str; 6] = [
    "The weather is lovely today.",
    "It's so sunny outside!",
    "He drove to the stadium.",
    "Füße, naïve café — 東京タワー and emoji 🦋!",
    " ",
    "Every request runs in a WebAssembly instance of its own, which dies with the request.",
];

/// First components of the vectors of [`TEXTS`], the last repeated six times with a space after
/// each, and of "word " 400 times, which is cut off at 256 tokens.
const FIRST: [[f32; 8]; 7] = [
    [
        0.019196, 0.120085, 0.159598, 0.067066, 0.050075, -0.025919, 0.056468, -0.092858,
    ],
    [
        -0.018690, 0.041519, 0.074315, 0.078433, 0.075570, -0.012508, 0.088357, -0.069789,
    ],
    [
        0.136502, 0.082273, -0.025262, 0.030451, 0.053312, 0.050809, 0.086164, 0.099992,
    ],
    [
        0.018702, 0.049347, 0.064061, -0.036020, -0.039828, 0.038846, 0.104022, -0.053821,
    ],
    [
        -0.118838, 0.048299, -0.002548, -0.011011, 0.051951, 0.010292, 0.115433, 0.000701,
    ],
    [
        0.004395, -0.037977, 0.004377, -0.037429, 0.003752, -0.074984, 0.048256, -0.053758,
    ],
    [
        -0.008124, -0.095586, -0.038673, 0.049662, -0.043794, 0.023720, -0.018142, -0.020207,
    ],
];

/// Cosine similarities between the same texts, in the same order.
const SIMILARITIES: [[f32; 7]; 7] = [
    [
        1.000000, 0.665955, 0.104584, 0.202727, 0.096619, -0.028793, 0.032737,
    ],
    [
        0.665955, 1.000000, 0.141145, 0.223095, 0.126300, 0.015493, 0.040899,
    ],
    [
        0.104584, 0.141145, 1.000000, 0.100349, 0.167167, -0.016493, -0.002944,
    ],
    [
        0.202727, 0.223095, 0.100349, 1.000000, 0.207238, 0.021099, 0.121018,
    ],
    [
        0.096619, 0.126300, 0.167167, 0.207238, 1.000000, 0.066758, 0.101199,
    ],
    [
        -0.028793, 0.015493, -0.016493, 0.021099, 0.066758, 1.000000, 0.059857,
    ],
    [
        0.032737, 0.040899, -0.002944, 0.121018, 0.101199, 0.059857, 1.000000,
    ],
];

const TOKENS: [u64; 7] = [8, 9, 8, 19, 2, 122, 256];

fn texts() -> Vec<String> {
    let mut texts: Vec<String> = TEXTS.iter().map(|text| (*text).to_owned()).collect();
    texts[5] = format!("{} ", TEXTS[5]).repeat(6);
    texts.push("word ".repeat(400));
    texts
}

fn embedder() -> Embedder {
    let files = locate(None).unwrap_or_else(|e| panic!("{e}"));
    Embedder::load(files, EmbedderConfig::default()).unwrap_or_else(|e| panic!("{e}"))
}

fn similarity(embeddings: &Embeddings, a: usize, b: usize) -> f32 {
    let rows: Vec<&[f32]> = embeddings.rows().collect();
    rows[a].iter().zip(rows[b]).map(|(x, y)| x * y).sum()
}

#[tokio::test]
async fn vectors_agree_with_the_reference() {
    let embeddings = embedder().embed(texts()).await.unwrap();
    assert_eq!(embeddings.rows().len(), FIRST.len());
    assert_eq!(embeddings.tokens, TOKENS.iter().sum::<u64>());
    for (number, (row, first)) in embeddings.rows().zip(FIRST).enumerate() {
        assert_eq!(row.len(), DIMENSION);
        for (got, want) in row.iter().zip(first) {
            assert!((got - want).abs() < TOLERANCE, "{number}: {got} {want}");
        }
    }
    for (a, row) in SIMILARITIES.iter().enumerate() {
        for (b, want) in row.iter().enumerate() {
            let got = similarity(&embeddings, a, b);
            assert!((got - want).abs() < TOLERANCE, "{a} {b}: {got} {want}");
        }
    }
}

/// A text's vector may not depend on what it was packed with.
#[tokio::test]
async fn a_text_has_the_same_vector_alone_and_among_others() {
    let embedder = embedder();
    let together = embedder.embed(texts()).await.unwrap();
    for (number, text) in texts().into_iter().enumerate() {
        let alone = embedder.embed(vec![text]).await.unwrap();
        assert_eq!(alone.tokens, TOKENS[number]);
        let packed = together.rows().nth(number).unwrap();
        for (a, b) in alone.vectors.iter().zip(packed) {
            assert!((a - b).abs() < 1e-6, "{number}: {a} {b}");
        }
    }
}

/// The similarities of the quick start of the Sentence Transformers documentation, to its four
/// digits.
#[tokio::test]
async fn similarities_are_the_published_ones() {
    let quick_start = TEXTS[..3].iter().map(|text| (*text).to_owned()).collect();
    let embeddings = embedder().embed(quick_start).await.unwrap();
    for (a, b, want) in [(0, 1, 0.6660), (0, 2, 0.1046), (1, 2, 0.1411)] {
        let got = similarity(&embeddings, a, b);
        assert!((got - want).abs() < TOLERANCE, "{a} {b}: {got} {want}");
    }
}
