//! The variants of the instruction set, and which of FAISS's files each compiles anew.

use std::env;

use crate::tools::Failure;
use crate::variable;

/// Says which variants to build: `native`, or `all`.
pub const CHOICE: &str = "DAYFLY_FAISS_VARIANTS";

/// FAISS for some machines.
pub struct Variant {
    /// As in the names of `src/cpu.rs`.
    pub name: &'static str,
    pub flags: &'static [&'static str],
    /// Of FAISS's files, those that are compiled anew where there is a variant before; below FAISS's
    /// folder `faiss`.
    pub sources: &'static [&'static str],
}

/// The variants to build, each of which has all instructions of the ones before: the best of those
/// that this machine can execute, or all, for a program that goes elsewhere.
///
/// # Errors
/// When the choice is none of the two.
pub fn chosen() -> Result<&'static [Variant], Failure> {
    let all = match variable("CARGO_CFG_TARGET_ARCH")?.as_str() {
        "x86_64" => VARIANTS,
        _ => &VARIANTS[..1],
    };
    let crosses = variable("TARGET")? != variable("HOST")?;
    match env::var(CHOICE).as_deref() {
        Ok("all") => Ok(all),
        _ if crosses => Ok(all),
        Err(_) | Ok("" | "native") => {
            let best = best().min(all.len() - 1);
            Ok(&all[best..=best])
        }
        Ok(other) => Err(Failure(format!(
            "{CHOICE} is native or all, and not {other}"
        ))),
    }
}

/// The last of the variants that this machine can execute.
fn best() -> usize {
    let has = |flag: &str| is_there(flag.trim_start_matches("-m"));
    let fits = |variant: &Variant| variant.flags.iter().all(|flag| has(flag));
    VARIANTS.iter().rposition(fits).unwrap_or(0)
}

#[cfg(target_arch = "x86_64")]
fn is_there(feature: &str) -> bool {
    use std::arch::is_x86_feature_detected as has;

    match feature {
        "avx2" => has!("avx2"),
        "fma" => has!("fma"),
        "f16c" => has!("f16c"),
        "popcnt" => has!("popcnt"),
        "avx512f" => has!("avx512f"),
        "avx512cd" => has!("avx512cd"),
        "avx512vl" => has!("avx512vl"),
        "avx512dq" => has!("avx512dq"),
        "avx512bw" => has!("avx512bw"),
        _ => false,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn is_there(_: &str) -> bool {
    false
}

/// What is in the names of files that searches and rebuilds do not spend time in: kinds of indexes that
/// `src/shape.rs` does not let pass, which FAISS's reader names all the same, and the reader itself.
const IDLE: &[&str] = &[
    "AdditiveQuantizer",
    "Binary",
    "FastScan",
    "Index2Layer",
    "IndexIVFSpectralHash",
    "IndexReplicas",
    "IndexShards",
    "LSH",
    "Lattice",
    "LocalSearchQuantizer",
    "NNDescent",
    "NSG",
    "NeuralNet",
    "RaBit",
    "ResidualQuantizer",
    "RowwiseMinMax",
    "clone_index",
    "index_factory",
    "index_read",
    "index_write",
    "lattice",
    "pq4_fast_scan",
    "residual_quantizer",
];

/// Whether a file is compiled in less time, to code that takes more.
pub fn is_idle(file: &str) -> bool {
    IDLE.iter().any(|part| file.contains(part))
}

// The flags are those of FAISS's own CMakeLists.txt.
const VARIANTS: &[Variant] = &[
    Variant {
        name: "generic",
        flags: &[],
        sources: &[],
    },
    Variant {
        name: "avx2",
        flags: &["-mavx2", "-mfma", "-mf16c", "-mpopcnt"],
        sources: AVX2,
    },
    Variant {
        name: "avx512",
        flags: &[
            "-mavx2",
            "-mfma",
            "-mf16c",
            "-mavx512f",
            "-mavx512cd",
            "-mavx512vl",
            "-mavx512dq",
            "-mavx512bw",
            "-mpopcnt",
        ],
        sources: AVX512,
    },
];

/// Every file that uses one of the types whose layout depends on the instructions (those of
/// `simdlib.h` and the Hamming computers), as all or none must be of a kind; and what searching
/// and adding spend their time in.
const AVX2: &[&str] = &[
    "IndexAdditiveQuantizerFastScan.cpp",
    "IndexBinaryHNSW.cpp",
    "IndexBinaryHash.cpp",
    "IndexBinaryIVF.cpp",
    "IndexFastScan.cpp",
    "IndexFlat.cpp",
    "IndexFlatCodes.cpp",
    "IndexHNSW.cpp",
    "IndexIVF.cpp",
    "IndexIVFAdditiveQuantizerFastScan.cpp",
    "IndexIVFFastScan.cpp",
    "IndexIVFFlat.cpp",
    "IndexIVFPQ.cpp",
    "IndexIVFPQFastScan.cpp",
    "IndexIVFRaBitQ.cpp",
    "IndexIVFSpectralHash.cpp",
    "IndexPQ.cpp",
    "IndexRaBitQ.cpp",
    "IndexRowwiseMinMax.cpp",
    "IndexScalarQuantizer.cpp",
    "Clustering.cpp",
    "VectorTransform.cpp",
    "impl/HNSW.cpp",
    "impl/LocalSearchQuantizer.cpp",
    "impl/ProductQuantizer.cpp",
    "impl/RaBitQuantizer.cpp",
    "impl/ScalarQuantizer.cpp",
    "impl/pq4_fast_scan.cpp",
    "impl/pq4_fast_scan_search_1.cpp",
    "impl/pq4_fast_scan_search_qbs.cpp",
    "impl/residual_quantizer_encode_steps.cpp",
    "utils/Heap.cpp",
    "utils/distances.cpp",
    "utils/distances_fused/avx512.cpp",
    "utils/distances_fused/distances_fused.cpp",
    "utils/distances_fused/simdlib_based.cpp",
    "utils/distances_simd.cpp",
    "utils/extra_distances.cpp",
    "utils/hamming.cpp",
    "utils/partitioning.cpp",
    "utils/quantize_lut.cpp",
    "utils/utils.cpp",
];

/// Distances between vectors and between a vector and its scalar codes, and what calls them. No
/// file that uses the Hamming computers, whose AVX-512 forms are others.
const AVX512: &[&str] = &[
    "IndexFlat.cpp",
    "IndexHNSW.cpp",
    "IndexIVFFlat.cpp",
    "IndexScalarQuantizer.cpp",
    "impl/HNSW.cpp",
    "impl/ProductQuantizer.cpp",
    "impl/ScalarQuantizer.cpp",
    "utils/distances.cpp",
    "utils/distances_fused/avx512.cpp",
    "utils/distances_fused/distances_fused.cpp",
    "utils/distances_fused/simdlib_based.cpp",
    "utils/distances_simd.cpp",
];
