//! Which kind of index, and how hard it has to be searched.

use super::RebuildError;
use super::factory::{Factory, Structure};

/// The share of the ten nearest rows that a search has to find, or the index is not used.
pub const RECALL_TARGET: f32 = 0.95;

/// Below so many rows vectors are kept whole: they are few.
const FLAT_ROWS: u64 = 10_000;
/// Below so many rows looking at every code takes about as long as walking a graph.
const SCAN_ROWS: u64 = 50_000;
/// From so many rows on building a graph takes too long: its cost grows faster than the rows.
const GRAPH_ROWS: u64 = 1_000_000;
/// Links of a node of the graph, FAISS's usual number.
const LINKS: u32 = 32;
/// Rows to learn each cell from: FAISS warns below 39, and more than 256 teach it nothing.
const ROWS_PER_CELL: u64 = 64;
/// Rows to learn the range of each component or a product quantiser's codebooks from.
const CODE_ROWS: u64 = 65_536;
/// What a rebuild takes beside its index: the process, batches of rows, what is being written.
const OWN_BYTES: u64 = 160 << 20;

/// Which index to build, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Its kind.
    pub factory: Factory,
    /// Why that one, for people.
    pub reason: String,
    /// How many rows to learn from.
    pub train_rows: u64,
    /// How widely to search: texts in FAISS's words, cheapest first. The first with which the
    /// recall is reached is kept.
    pub parameters: Vec<String>,
    /// Candidates to rescore for each result.
    pub candidates: u32,
}

/// Chooses an index for so many rows by their number, their dimension and the memory that a rebuild
/// may use; `wanted` overrides the kind.
///
/// Fails where no kind fits in the memory, with what to do.
pub fn choose(
    rows: u64,
    dimension: u32,
    memory_bytes: u64,
    wanted: Option<&Factory>,
) -> Result<Choice, RebuildError> {
    let room = memory_bytes.saturating_sub(OWN_BYTES);
    if let Some(factory) = wanted {
        let reason = "asked for".to_owned();
        return Ok(complete(factory.clone(), reason, rows, dimension, room));
    }
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let all = preferences(rows, dimension);
    let mut passed_over = String::new();
    for (text, why) in all {
        let factory: Factory = text
            .parse()
            .map_err(|error: super::FactoryError| RebuildError::GiveUp(error.to_string()))?;
        let needed = index_bytes(&factory, rows, dimension);
        if needed <= room {
            let reason = format!(
                "{rows} rows of {dimension} components: {why}; needs about {} of {} MiB{passed_over}",
                mib(needed),
                mib(memory_bytes),
            );
            return Ok(complete(factory, reason, rows, dimension, room));
        }
        passed_over = format!("; {text} would need {} MiB", mib(needed));
    }
    Err(RebuildError::GiveUp(format!(
        "no index over {rows} rows of {dimension} components fits in the {} MiB that a rebuild may \
         use{passed_over}: raise rebuild.memory_mib",
        mib(memory_bytes)
    )))
}

/// Kinds for so many rows, the best first.
fn preferences(rows: u64, dimension: u32) -> Vec<(String, &'static str)> {
    let flat = "few rows, all of them looked at";
    let scan = "so few rows that looking at all codes is as fast as a graph";
    let graph = "a graph finds more with less work than cells";
    let cells = "so many rows that building a graph takes too long";
    let coarse = "codes of one byte a component do not fit in memory";
    let lists = cells_for(rows);
    let sq = "SQ8".to_owned();
    let by_cells = (format!("IVF{lists},SQ8"), cells);
    let by_product = match product_bytes(dimension) {
        Some(bytes) => (format!("OPQ{bytes},IVF{lists},PQ{bytes}"), coarse),
        None => (format!("IVF{lists},SQ4"), coarse),
    };
    match rows {
        ..FLAT_ROWS => vec![("Flat".to_owned(), flat), (sq, scan)],
        FLAT_ROWS..SCAN_ROWS => vec![(sq, scan), by_product],
        SCAN_ROWS..GRAPH_ROWS => vec![(format!("HNSW{LINKS},SQ8"), graph), by_cells, by_product],
        _ => vec![by_cells, by_product],
    }
}

/// Four times the root of the rows, as FAISS's guidelines say, to a power of two that leaves
/// enough rows to learn each cell from.
fn cells_for(rows: u64) -> u64 {
    let wanted = 4 * rows.isqrt();
    let most = (rows / ROWS_PER_CELL).max(1);
    let power = wanted.clamp(1, most).ilog2();
    (1 << power).clamp(1, 1 << 18)
}

/// The most bytes of a product code, each for four components at least, that divide the dimension;
/// `None` where each would stand for more than sixteen.
fn product_bytes(dimension: u32) -> Option<u32> {
    let fewest = dimension.div_ceil(16).max(1);
    (fewest..=dimension.div_ceil(4).min(512))
        .rev()
        .find(|bytes| dimension.is_multiple_of(*bytes))
}

/// What an index of that kind takes in memory while it is built, its growth included.
fn index_bytes(factory: &Factory, rows: u64, dimension: u32) -> u64 {
    let dimension = u64::from(dimension);
    let code = factory.code_bytes.map(u64::from).unwrap_or_else(|| {
        let codes = factory.as_str().rsplit(',').next().unwrap_or_default();
        match codes {
            "SQ8" => dimension,
            "SQ4" => dimension.div_ceil(2),
            "SQ6" => dimension * 6 / 8,
            "SQfp16" | "SQbf16" => dimension * 2,
            _ => dimension * 4,
        }
    });
    let row = match factory.search {
        Structure::Flat => code,
        // Twice the links on the lowest layer, four bytes each, some for the layers above.
        Structure::Graph(links) => code + u64::from(links) * 9 + 16,
        Structure::Cells(_) => code + 8,
    };
    let lists = match factory.search {
        Structure::Cells(lists) => u64::from(lists) * dimension * 4,
        _ => 0,
    };
    // Lists that grow are copied, and the old ones stay until that is done.
    let grown = rows * row * 2;
    grown + lists + fewest_training_rows(factory, rows) * dimension * 4
}

/// What training cannot do without: 39 rows a cell, or FAISS warns.
fn fewest_training_rows(factory: &Factory, rows: u64) -> u64 {
    let fewest = match factory.search {
        Structure::Cells(lists) => u64::from(lists) * 39,
        _ => 16_384,
    };
    fewest.min(rows)
}

fn training_rows(factory: &Factory, rows: u64) -> u64 {
    let wanted = match factory.search {
        Structure::Cells(lists) => (u64::from(lists) * ROWS_PER_CELL).max(CODE_ROWS),
        _ => CODE_ROWS,
    };
    wanted.min(rows)
}

fn complete(factory: Factory, reason: String, rows: u64, dimension: u32, room: u64) -> Choice {
    let parameters = match factory.search {
        Structure::Flat => vec![String::new()],
        Structure::Graph(_) => doubling("efSearch", 48, 1_536),
        Structure::Cells(lists) => doubling("nprobe", (lists / 128).max(1), lists),
    };
    let affordable = (room / 2) / (u64::from(dimension) * 4).max(1);
    Choice {
        train_rows: training_rows(&factory, rows).min(affordable.max(1_024)),
        candidates: if factory.is_coarse() { 24 } else { 4 },
        parameters,
        reason,
        factory,
    }
}

fn doubling(name: &str, first: u32, last: u32) -> Vec<String> {
    std::iter::successors(Some(first), |value| value.checked_mul(2))
        .take_while(|value| *value < last)
        .chain([last])
        .map(|value| format!("{name}={value}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn chosen(rows: u64, dimension: u32, memory: u64) -> String {
        let choice = choose(rows, dimension, memory, None).unwrap();
        assert!(!choice.reason.is_empty() && !choice.parameters.is_empty());
        choice.factory.as_str().to_owned()
    }

    #[test]
    fn the_kind_follows_the_rows_and_the_memory() {
        assert_eq!(chosen(100, 384, 2 * GIB), "Flat");
        assert_eq!(chosen(30_000, 384, 2 * GIB), "SQ8");
        assert_eq!(chosen(100_000, 384, 2 * GIB), "HNSW32,SQ8");
        assert_eq!(chosen(100_000, 384, GIB / 4), "OPQ96,IVF1024,PQ96");
        assert_eq!(chosen(2_000_000, 384, 4 * GIB), "IVF4096,SQ8");
        assert_eq!(chosen(5_000_000, 384, 3 * GIB), "OPQ96,IVF8192,PQ96");
        assert_eq!(chosen(2_000_000, 386, GIB * 3 / 2), "IVF4096,SQ4");
    }

    #[test]
    fn what_fits_nowhere_is_said_with_what_to_do() {
        let error = choose(100_000_000, 1_536, GIB, None).unwrap_err();
        assert!(
            matches!(&error, RebuildError::GiveUp(text) if text.contains("rebuild.memory_mib")),
            "{error}"
        );
    }

    #[test]
    fn searches_widen_until_they_look_at_everything() {
        let wanted: Factory = "IVF64,SQ8".parse().unwrap();
        let choice = choose(10_000, 32, GIB, Some(&wanted)).unwrap();
        assert_eq!(choice.reason, "asked for");
        assert_eq!(choice.parameters.first().unwrap(), "nprobe=1");
        assert_eq!(choice.parameters.last().unwrap(), "nprobe=64");
    }
}
