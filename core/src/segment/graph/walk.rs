//! Searching by a segment's graph.

use std::collections::{BinaryHeap, HashSet};
use std::ops::Range;

use super::ENTRIES;
use super::format::{HEADER_BYTES, Node, check_header, node_bytes, nodes_at};
use crate::codes::{Candidate, Top, dot_codes};
use crate::objects::Objects;
use crate::objects::ranges::{Wanted, read_all};
use crate::segment::SegmentError;
use crate::segment::scope::Scope;
use crate::segment::vector::Query;

/// Nodes gone on from in one round of reads: rounds wait for storage, so they should be few.
const BEAM: usize = 8;
/// The fewest rows that a walk looks for; more are found than are asked for, for recall.
const LEAST_EF: usize = 64;

/// Rows and the products of their codes with a query's, best first.
pub(in crate::segment) type Found = Vec<(u32, f32)>;

/// The best live rows for each query with the products of their codes, about `limit` for each;
/// `None` when the walk would cost more than a scan or found too few.
///
/// Fails with [`SegmentError::Corrupt`] when the graph is not this segment's.
pub(in crate::segment) fn search(
    objects: &dyn Objects,
    scope: &Scope<'_>,
    queries: &[Query],
    limit: usize,
) -> Result<Option<Vec<Found>>, SegmentError> {
    let graph = Graph::open(objects, scope)?;
    let mut found = Vec::with_capacity(queries.len());
    for query in queries {
        match graph.walk(objects, query, limit)? {
            Some(rows) => found.push(rows),
            None => return Ok(None),
        }
    }
    Ok(Some(found))
}

/// A graph whose entries have been read.
struct Graph<'a> {
    key: &'a str,
    scope: &'a Scope<'a>,
    entries: Vec<u8>,
}

/// A walk of one query.
struct Walk<'a> {
    graph: &'a Graph<'a>,
    query: &'a Query,
    /// The best rows, live or not: how far the walk goes.
    reached: Top,
    /// The best live rows.
    live: Top,
    frontier: BinaryHeap<Candidate>,
    /// The neighbours of the frontier's nodes, by [`Candidate::segment`].
    lists: Vec<Vec<u32>>,
    /// A bit for each node that was read or is about to be.
    seen: Vec<u64>,
    seen_count: usize,
}

impl<'a> Graph<'a> {
    fn open(objects: &dyn Objects, scope: &'a Scope<'a>) -> Result<Self, SegmentError> {
        let segment = scope.segment;
        let (meta, key) = (segment.meta, segment.graph_key.as_str());
        let all = nodes_at(0..meta.rows, meta.dimension);
        if meta
            .graph
            .as_ref()
            .is_none_or(|graph| graph.bytes != all.end)
        {
            return Err(SegmentError::corrupt(
                key,
                "its size is not that of this segment's graph",
            ));
        }
        let head = 0..nodes_at(0..ENTRIES.min(meta.rows), meta.dimension).end;
        let mut entries = read_all(objects, &[Wanted { key, bytes: head }])?
            .pop()
            .unwrap_or_default();
        let nodes = entries.split_off((HEADER_BYTES as usize).min(entries.len()));
        check_header(&entries, meta, key)?;
        Ok(Self {
            key,
            scope,
            entries: nodes,
        })
    }

    fn walk(
        &self,
        objects: &dyn Objects,
        query: &Query,
        limit: usize,
    ) -> Result<Option<Found>, SegmentError> {
        let rows = self.scope.segment.meta.rows as usize;
        let most_seen = rows / 4;
        let mut walk = self.begin(query, limit.max(LEAST_EF));
        walk.judge(&self.entries)?;
        while let Some(next) = walk.next_nodes() {
            if walk.seen_count > most_seen {
                return Ok(None);
            }
            let runs = runs(next);
            let part = |run: &Range<u32>| Wanted {
                key: self.key,
                bytes: nodes_at(run.clone(), query.dimension()),
            };
            let wanted: Vec<Wanted<'_>> = runs.iter().map(part).collect();
            for data in read_all(objects, &wanted)? {
                walk.judge(&data)?;
            }
        }
        let mut rows = HashSet::new();
        let mut found = walk.live.into_sorted();
        found.retain(|candidate| rows.insert(candidate.row));
        let row = |candidate: Candidate| (candidate.row, candidate.score);
        Ok((found.len() >= limit).then(|| found.into_iter().map(row).collect()))
    }

    fn begin<'w>(&'w self, query: &'w Query, ef: usize) -> Walk<'w> {
        let rows = self.scope.segment.meta.rows as usize;
        let live = self.scope.live_count().max(1) as usize;
        Walk {
            graph: self,
            query,
            reached: Top::new(ef * rows.div_ceil(live)),
            live: Top::new(ef),
            frontier: BinaryHeap::new(),
            lists: Vec::new(),
            seen: vec![0; rows.div_ceil(64)],
            seen_count: 0,
        }
    }
}

impl Walk<'_> {
    /// Scores nodes that were read, and remembers those worth going on from.
    fn judge(&mut self, nodes: &[u8]) -> Result<(), SegmentError> {
        let dimension = self.query.dimension();
        for bytes in nodes.chunks_exact(node_bytes(dimension) as usize) {
            let Some(node) = Node::parse(bytes, dimension) else {
                return Err(self.corrupt("a node is cut off"));
            };
            let dot = dot_codes(node.code, &self.query.coded.code);
            let score = dot as f32 * (node.scale * self.query.coded.scale);
            if !score.is_finite() || node.row >= self.graph.scope.segment.meta.rows {
                return Err(self.corrupt("a node is no row of this segment"));
            }
            self.keep(&node, score);
        }
        Ok(())
    }

    fn keep(&mut self, node: &Node<'_>, score: f32) {
        let row = node.row;
        let candidate = Candidate {
            score,
            part: self.lists.len() as u32,
            row,
        };
        if is_live(&self.graph.scope.live, row) {
            self.live.offer(candidate);
        }
        if self.reached.offer(candidate) {
            self.lists.push(node.neighbours().collect());
            self.frontier.push(candidate);
        }
    }

    /// The nodes to read next: unseen neighbours of the best of the frontier. `None` at the end.
    fn next_nodes(&mut self) -> Option<Vec<u32>> {
        loop {
            let mut next = Vec::new();
            let mut expanded = 0;
            while expanded < BEAM {
                let Some(best) = self.frontier.pop() else {
                    break;
                };
                if best.score < self.live.threshold() {
                    self.frontier.clear();
                    break;
                }
                expanded += 1;
                let list = std::mem::take(&mut self.lists[best.part as usize]);
                next.extend(list.into_iter().filter(|&node| self.is_new(node)));
            }
            if expanded == 0 {
                return None;
            }
            if !next.is_empty() {
                return Some(next);
            }
        }
    }

    /// Whether a node exists and was not read yet; from now on it was.
    fn is_new(&mut self, node: u32) -> bool {
        if node < ENTRIES || node >= self.graph.scope.segment.meta.rows {
            return false;
        }
        let (word, bit) = (node as usize / 64, 1_u64 << (node % 64));
        let is_new = self.seen[word] & bit == 0;
        self.seen[word] |= bit;
        self.seen_count += usize::from(is_new);
        is_new
    }

    fn corrupt(&self, what: &str) -> SegmentError {
        SegmentError::corrupt(self.graph.key, what)
    }
}

fn is_live(live: &[Range<u32>], row: u32) -> bool {
    let after = live.partition_point(|range| range.start <= row);
    after
        .checked_sub(1)
        .is_some_and(|last| live[last].contains(&row))
}

/// Joins nodes that lie together into ranges, ascending.
fn runs(mut nodes: Vec<u32>) -> Vec<Range<u32>> {
    nodes.sort_unstable();
    let mut runs: Vec<Range<u32>> = Vec::new();
    for node in nodes {
        match runs.last_mut() {
            Some(last) if last.end == node => last.end = node + 1,
            _ => runs.push(node..node + 1),
        }
    }
    runs
}
