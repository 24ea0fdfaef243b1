//! Opening a run.

use sha2::{Digest, Sha256};

use super::columns::AttributeColumns;
use super::index::{Block, LeafRef, Node, PageRef, Root};
use super::reference::RunRef;
use super::schema::Shape;
use super::{FORMAT_VERSION, RunError};
use crate::home::Home;
use crate::objects::ranges::{Wanted, read_all};
use crate::objects::{Objects, Part};

/// More than any root has: 256 children, and the counts of 128 names of 64 characters.
const MAX_TAIL_BYTES: u32 = 1 << 20;

/// A run whose root was read and checked.
#[derive(Debug)]
pub(super) struct Run {
    pub key: String,
    pub shape: Shape,
    pub root: Root,
    tail_at: u64,
}

/// Opens runs, in order, with one read of each, all at once.
pub(super) fn open(
    objects: &dyn Objects,
    home: &Home,
    runs: &[&RunRef],
) -> Result<Vec<Run>, RunError> {
    let keys: Vec<String> = runs.iter().map(|run| run.key(home)).collect();
    let tail = |(run, key)| tail_of(run, key);
    let wanted: Vec<Wanted<'_>> = runs
        .iter()
        .copied()
        .zip(&keys)
        .map(tail)
        .collect::<Result<_, _>>()?;
    let tails = read_all(objects, &wanted)?;
    let opened = runs.iter().zip(keys.iter().zip(tails));
    opened
        .map(|(run, (key, tail))| Run::of_tail(home, run, key, &tail))
        .collect()
}

/// What is read of these runs first, whatever is looked for in them.
pub fn reading(home: &Home, runs: &[RunRef]) -> Result<Vec<Part>, RunError> {
    let part = |run: &RunRef| Ok(tail_of(run, &run.key(home))?.part());
    runs.iter().map(part).collect()
}

/// The attributes of these runs and how many files have them, for a run that they are merged
/// into. One read of each run, all at once.
pub fn attribute_columns(
    objects: &dyn Objects,
    home: &Home,
    runs: &[RunRef],
) -> Result<AttributeColumns, RunError> {
    let runs: Vec<&RunRef> = runs.iter().collect();
    let mut columns = AttributeColumns::default();
    for run in open(objects, home, &runs)? {
        columns.merge(&run.root.counts);
    }
    Ok(columns)
}

/// The blocks of the roots that have leaves, in order, with one read of each, all at once.
pub(super) fn root_blocks(
    objects: &dyn Objects,
    runs: &[Run],
) -> Result<Vec<Option<Vec<u8>>>, RunError> {
    let has_block = |run: &&Run| matches!(run.root.node, Node::Leaves(_));
    let wanted: Vec<Wanted<'_>> = runs
        .iter()
        .filter(has_block)
        .map(|run| Wanted {
            key: &run.key,
            bytes: run.tail_at - u64::from(run.root.block.bytes)..run.tail_at,
        })
        .collect();
    let mut blocks = read_all(objects, &wanted)?.into_iter();
    let block = |run: &Run| {
        let Some(block) = has_block(&run).then(|| blocks.next()).flatten() else {
            return Ok(None);
        };
        run.check_block(&block, run.root.block)?;
        Ok(Some(block))
    };
    runs.iter().map(block).collect()
}

/// Whether these bytes have that checksum. No fuzzer finds such: it is told that all have.
pub(super) fn has_crc(bytes: &[u8], crc: u32) -> bool {
    cfg!(fuzzing) || crc32fast::hash(bytes) == crc
}

fn tail_of<'a>(run: &RunRef, key: &'a String) -> Result<Wanted<'a>, RunError> {
    let end = run.tail_at.checked_add(u64::from(run.tail_bytes));
    let end = end.filter(|end| *end <= run.bytes && run.tail_bytes <= MAX_TAIL_BYTES);
    let Some(end) = end else {
        return Err(RunError::corrupt(key, "its root cannot be where it should"));
    };
    Ok(Wanted {
        key,
        bytes: run.tail_at..end,
    })
}

impl Run {
    fn of_tail(home: &Home, run: &RunRef, key: &str, tail: &[u8]) -> Result<Self, RunError> {
        let broken = |what: &str| RunError::corrupt(key, what);
        if format!("{:x}", Sha256::digest(tail)) != run.tail_sha256 {
            return Err(broken("its root has another checksum"));
        }
        let root: Root =
            serde_json::from_slice(tail).map_err(|_| broken("its root does not parse"))?;
        if root.format != FORMAT_VERSION {
            return Err(broken("its format is not known"));
        }
        let shape = Shape::new(home, root.columns.clone());
        let before = run.tail_at.checked_sub(u64::from(root.block.bytes));
        let sound = before.is_some_and(|before| {
            let ordered = root.columns.is_sorted_by(|one, next| one < next);
            ordered && root.node.is_sound(before, root.block, shape.width())
        });
        if !sound {
            return Err(broken("its root names bytes that it cannot have"));
        }
        Ok(Self {
            key: key.to_owned(),
            shape,
            root,
            tail_at: run.tail_at,
        })
    }

    /// Whether values of the attribute may be in the JSON.
    pub(super) fn may_spill(&self, name: &str) -> bool {
        let spilled = || self.root.spilled.iter().any(|spilled| spilled == name);
        self.root.rest > 0 && (!self.shape.has_name(name) || spilled())
    }

    /// The node that a page holds, checked.
    pub(super) fn node(&self, page: &PageRef, bytes: &[u8]) -> Result<Node, RunError> {
        if !has_crc(bytes, page.crc) {
            return Err(self.corrupt("a page has another checksum"));
        }
        let node: Node =
            serde_json::from_slice(bytes).map_err(|_| self.corrupt("a page does not parse"))?;
        if !node.is_sound(page.at, page.block, self.shape.width()) {
            return Err(self.corrupt("a page names bytes that it cannot have"));
        }
        Ok(node)
    }

    pub(super) fn check_block(&self, bytes: &[u8], block: Block) -> Result<(), RunError> {
        if !has_crc(bytes, block.crc) {
            return Err(self.corrupt("a block has another checksum"));
        }
        Ok(())
    }

    /// Fails where the leaf, head and body, is not what was written.
    pub(super) fn check_leaf(&self, leaf: &LeafRef, bytes: &[u8]) -> Result<(), RunError> {
        if !has_crc(bytes, leaf.crc) {
            return Err(self.corrupt("a leaf has another checksum"));
        }
        Ok(())
    }

    pub(super) fn corrupt(&self, what: &str) -> RunError {
        RunError::corrupt(&self.key, what)
    }
}
