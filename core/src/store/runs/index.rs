//! The index over a run's leaves: a tree of nodes with up to [`FANOUT`] children.

use serde::{Deserialize, Serialize};

use super::columns::{AttributeColumns, Column};
use super::encode::{PLACE_BYTES, Place, to_bytes};
use super::packed::Packed;
use super::{FANOUT, LEAF_ENTRIES, RunError};

/// A leaf: an encoded record batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeafRef {
    /// Greater than every file id before it, and not greater than any in it.
    pub first: String,
    /// Where it begins in the object.
    pub at: u64,
    /// Bytes of the message that describes the body.
    pub head: u32,
    pub body: u32,
    pub rows: u32,
    /// Checksum of head and body.
    pub crc: u32,
}

/// A page: a node as JSON, and behind it, where it describes leaves, their block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PageRef {
    /// As that of the first leaf below it.
    pub first: String,
    /// Where it begins in the object.
    pub at: u64,
    pub bytes: u32,
    pub crc: u32,
    /// Empty where it describes pages.
    pub block: Block,
}

/// The places of the columns of a node's leaves: one leaf after the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Block {
    pub bytes: u32,
    pub crc: u32,
}

/// Children, in the order of their files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Packed", into = "Packed")]
pub(super) enum Node {
    Leaves(Vec<LeafRef>),
    Pages(Vec<PageRef>),
}

/// What a run's tail holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Root {
    pub format: u32,
    /// The attributes' columns, by name and type.
    pub columns: Vec<Column>,
    /// Names that have columns, and yet a value of another type in the JSON.
    pub spilled: Vec<String>,
    /// How many files have attributes in the JSON.
    pub rest: u64,
    /// How many files have each attribute, for the commonest of them.
    pub counts: AttributeColumns,
    /// Of the node's leaves; directly before the root. Empty where the node has pages.
    pub block: Block,
    pub node: Node,
}

impl Block {
    fn of(bytes: &[u8]) -> Result<Self, RunError> {
        Ok(Self {
            bytes: length(bytes)?,
            crc: crc32fast::hash(bytes),
        })
    }
}

impl LeafRef {
    /// Where it ends in the object; nowhere, for one that cannot be.
    pub(super) fn end(&self) -> u64 {
        let bytes = u64::from(self.head) + u64::from(self.body);
        self.at.saturating_add(bytes)
    }

    fn is_sound(&self, before: u64) -> bool {
        let rows = 1..=LEAF_ENTRIES as u32;
        rows.contains(&self.rows) && self.head >= 8 && self.end() <= before
    }
}

impl PageRef {
    /// Where it ends in the object, its block included; nowhere, for one that cannot be.
    pub(super) fn end(&self) -> u64 {
        let bytes = u64::from(self.bytes) + u64::from(self.block.bytes);
        self.at.saturating_add(bytes)
    }
}

impl Node {
    /// Whether its children are in order and lie before `before`, and a block of so many bytes
    /// has room for just their columns.
    pub(super) fn is_sound(&self, before: u64, block: Block, width: usize) -> bool {
        let count = self.firsts().count();
        let places = match self {
            Self::Leaves(leaves) => {
                if !leaves.iter().all(|leaf| leaf.is_sound(before)) {
                    return false;
                }
                count * (width + 1) * PLACE_BYTES
            }
            Self::Pages(pages) => {
                if !pages.iter().all(|page| page.end() <= before) {
                    return false;
                }
                0
            }
        };
        let ordered = self.firsts().is_sorted_by(|one, next| one < next);
        (1..=FANOUT).contains(&count) && ordered && block.bytes as usize == places
    }

    /// What separates its children from those before.
    pub(super) fn firsts(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Self::Leaves(leaves) => Box::new(leaves.iter().map(|leaf| leaf.first.as_str())),
            Self::Pages(pages) => Box::new(pages.iter().map(|page| page.first.as_str())),
        }
    }

    /// The only child that may hold the file.
    pub(super) fn child_of(&self, file_id: &str) -> Option<usize> {
        let after = match self {
            Self::Leaves(leaves) => leaves.partition_point(|leaf| leaf.first.as_str() <= file_id),
            Self::Pages(pages) => pages.partition_point(|page| page.first.as_str() <= file_id),
        };
        after.checked_sub(1)
    }
}

/// Collects leaves, and writes the index over them.
///
/// Holds about a hundred bytes for each leaf, and eight for each of its columns.
#[derive(Default)]
pub(super) struct IndexBuilder {
    leaves: Vec<LeafRef>,
    block: Vec<u8>,
    full: Vec<Page>,
}

/// A page that is not written yet.
struct Page {
    first: String,
    node: Vec<u8>,
    block: Vec<u8>,
}

impl IndexBuilder {
    /// Appends a leaf, and the places of its columns.
    pub(super) fn push(&mut self, leaf: LeafRef, places: &[Place]) -> Result<(), RunError> {
        if self.leaves.len() == FANOUT {
            self.close()?;
        }
        self.leaves.push(leaf);
        self.block.extend(to_bytes(places));
        Ok(())
    }

    /// Sends the pages, the first of which will lie at `at`, then the root's block; answers that
    /// and the root's node.
    pub(super) fn finish(
        mut self,
        mut at: u64,
        mut send: impl FnMut(&[u8]) -> Result<(), RunError>,
    ) -> Result<(Block, Node), RunError> {
        if self.full.is_empty() {
            send(&self.block)?;
            return Ok((Block::of(&self.block)?, Node::Leaves(self.leaves)));
        }
        self.close()?;
        let mut level = self.full;
        loop {
            let mut refs = Vec::with_capacity(level.len());
            for page in level {
                send(&page.node)?;
                send(&page.block)?;
                let placed = page.placed(at)?;
                at = placed.end();
                refs.push(placed);
            }
            if refs.len() <= FANOUT {
                return Ok((Block::default(), Node::Pages(refs)));
            }
            let upper = refs.chunks(FANOUT).map(|pages| {
                let first = pages[0].first.clone();
                Page::of(first, Node::Pages(pages.to_vec()), Vec::new())
            });
            level = upper.collect::<Result<_, _>>()?;
        }
    }

    fn close(&mut self) -> Result<(), RunError> {
        let leaves = std::mem::take(&mut self.leaves);
        let block = std::mem::take(&mut self.block);
        let Some(first) = leaves.first().map(|leaf| leaf.first.clone()) else {
            return Ok(());
        };
        self.full
            .push(Page::of(first, Node::Leaves(leaves), block)?);
        Ok(())
    }
}

impl Page {
    fn of(first: String, node: Node, block: Vec<u8>) -> Result<Self, RunError> {
        Ok(Self {
            first,
            node: serde_json::to_vec(&node).map_err(RunError::build)?,
            block,
        })
    }

    fn placed(self, at: u64) -> Result<PageRef, RunError> {
        Ok(PageRef {
            at,
            bytes: length(&self.node)?,
            crc: crc32fast::hash(&self.node),
            block: Block::of(&self.block)?,
            first: self.first,
        })
    }
}

fn length(bytes: &[u8]) -> Result<u32, RunError> {
    u32::try_from(bytes.len()).map_err(RunError::build)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 10_000_000;

    /// The leaves below a node, in order, each level checked; and how many levels there are.
    fn walk(stored: &[u8], node: &Node, block: Block, before: u64) -> (Vec<LeafRef>, usize) {
        assert!(node.is_sound(before, block, 0));
        let pages = match node {
            Node::Leaves(leaves) => return (leaves.clone(), 1),
            Node::Pages(pages) => pages,
        };
        let mut leaves = Vec::new();
        let mut levels = 0;
        for page in pages {
            let at = (page.at - START) as usize;
            let bytes = &stored[at..at + page.bytes as usize];
            assert_eq!(crc32fast::hash(bytes), page.crc);
            let node = serde_json::from_slice(bytes).unwrap();
            let (below, depth) = walk(stored, &node, page.block, page.at);
            leaves.extend(below);
            levels = depth + 1;
        }
        (leaves, levels)
    }

    #[test]
    fn the_index_gets_a_level_where_a_node_would_be_too_wide() {
        for (count, expected) in [(1, 1), (256, 1), (257, 2), (65_536, 2), (65_537, 3)] {
            let leaf = |number: u64| LeafRef {
                first: format!("{number:08}"),
                at: number * 100,
                head: 8,
                body: 92,
                rows: 1,
                crc: 0,
            };
            let mut index = IndexBuilder::default();
            for number in 0..count {
                index
                    .push(leaf(number), &[Place { end: 8, crc: 0 }])
                    .unwrap();
            }
            let mut stored = Vec::new();
            let send = |bytes: &[u8]| {
                stored.extend_from_slice(bytes);
                Ok(())
            };
            let (block, root) = index.finish(START, send).unwrap();
            let end = START + stored.len() as u64;
            let (leaves, levels) = walk(&stored, &root, block, end);
            assert_eq!((leaves.len() as u64, levels), (count, expected));
            assert!(leaves.into_iter().eq((0..count).map(leaf)));
        }
    }
}
