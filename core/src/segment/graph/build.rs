//! Building a segment's graph.

use instant_distance::{Builder, Hnsw, Point, PointId};
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::BUILT_DEGREE;
use super::format::{header, node_bytes, put_node};
use super::lists::each_list;
use crate::objects::ObjectWriter;
use crate::segment::SegmentError;
use crate::segment::meta::GraphMeta;
use crate::segment::slab::CodeSlab;

/// Candidates kept while a node looks for its neighbours.
const EF_CONSTRUCTION: usize = 100;

/// Any fixed number: the same rows always give the same graph.
const SEED: u64 = 0x6461_7966_6c79;

/// A row of the slab, as the builder's points: they are copied around, so they hold no vector.
#[derive(Clone)]
struct RowPoint<'a> {
    slab: &'a CodeSlab,
    row: u32,
}

impl Point for RowPoint<'_> {
    fn distance(&self, other: &Self) -> f32 {
        1.0 - self.slab.similarity(self.row, other.row)
    }
}

/// The builder's serde form requires it; the points are never looked at.
impl Serialize for RowPoint<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

/// Builds the graph of the slab's rows and writes it; deterministic.
pub(in crate::segment) fn write(
    mut slab: CodeSlab,
    mut object: Box<dyn ObjectWriter>,
) -> Result<GraphMeta, SegmentError> {
    slab.seal();
    let (graph, nodes) = build(&slab)?;
    let rows = rows_of(&nodes);
    let mut hash = Sha256::new();
    let mut bytes = header(slab.dimension(), slab.rows());
    let mut node = 0;
    let mut failed = None;
    const FLUSH_BYTES: usize = 1 << 20;
    bytes.reserve(FLUSH_BYTES + node_bytes(slab.dimension()) as usize);
    let mut sink = |neighbours: &[u32; BUILT_DEGREE]| {
        let row = *rows.get(node).ok_or("the graph has more nodes than rows")?;
        let (code, scale) = slab.row(row);
        put_node(&mut bytes, row, scale, neighbours, code);
        node += 1;
        if bytes.len() >= FLUSH_BYTES {
            hash.update(&bytes);
            object.write(&bytes).map_err(|fault| {
                let text = fault.to_string();
                failed = Some(fault);
                text
            })?;
            bytes.clear();
        }
        Ok(())
    };
    let walked = each_list(&graph, &mut sink);
    if let Some(fault) = failed {
        return Err(fault.into());
    }
    walked.map_err(SegmentError::Build)?;
    if node != rows.len() {
        return Err(SegmentError::Build(
            "the graph has fewer nodes than rows".to_owned(),
        ));
    }
    hash.update(&bytes);
    object.write(&bytes)?;
    Ok(GraphMeta {
        bytes: object.finish()?,
        sha256: format!("{:x}", hash.finalize()),
    })
}

fn build(slab: &CodeSlab) -> Result<(Hnsw<RowPoint<'_>>, Vec<PointId>), SegmentError> {
    let points: Vec<RowPoint<'_>> = (0..slab.rows()).map(|row| RowPoint { slab, row }).collect();
    // The heuristic doubles the time and gains nothing here: entries are scanned, so no search
    // depends on long links.
    let builder = Builder::default()
        .ef_construction(EF_CONSTRUCTION)
        .select_heuristic(None)
        .seed(SEED);
    one_thread(move || builder.build_hnsw(points))
}

/// Several threads would insert in an order of their own each time.
#[cfg(not(target_family = "wasm"))]
fn one_thread<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, SegmentError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let pool = pool.map_err(|fault| SegmentError::Build(fault.to_string()))?;
    Ok(pool.install(work))
}

/// There are no threads in a guest.
#[cfg(target_family = "wasm")]
fn one_thread<T>(work: impl FnOnce() -> T) -> Result<T, SegmentError> {
    Ok(work())
}

/// The row of each node, from the node of each row.
fn rows_of(nodes: &[PointId]) -> Vec<u32> {
    let mut rows = vec![0; nodes.len()];
    for (row, node) in nodes.iter().enumerate() {
        if let Some(slot) = rows.get_mut(node.into_inner() as usize) {
            *slot = row as u32;
        }
    }
    rows
}
