//! The entries of one run in order, read ahead in ever larger groups of leaves.

use std::collections::VecDeque;
use std::ops::Range;

use super::RunError;
use super::direction::Direction;
use super::encode::{PLACE_BYTES, Place, from_bytes};
use super::index::{LeafRef, Node, PageRef};
use super::join::{Pieces, join};
use super::open::Run;

/// Leaves are read in groups of at most about so many bytes.
pub(super) const GROUP_BYTES: u64 = 1 << 20;
/// And of so many leaves, which bounds the reads of a round.
const GROUP_LEAVES: usize = 256;
/// At most so many pages are read ahead.
const GROUP_PAGES: usize = 8;

/// What is wanted of each leaf, and what becomes of it.
pub(super) trait Lens {
    /// What an entry becomes.
    type Item;
    /// Whether the leaves' columns have to be known.
    const SINGLE_COLUMNS: bool;
    /// The file that an item is about.
    fn id(item: &Self::Item) -> &str;
    /// The bytes that are needed of a leaf, in order.
    fn wanted(&self, run: &Run, leaf: &Leaf) -> Result<Vec<Range<u64>>, RunError>;
    /// The leaf's entries, out of the bytes that were wanted.
    fn items(&self, run: &Run, leaf: &Leaf, pieces: &Pieces) -> Result<Vec<Self::Item>, RunError>;
}

/// A leaf, and where its columns are, if the lens wants to know.
pub(super) struct Leaf {
    pub at: LeafRef,
    pub places: Vec<Place>,
}

/// Excludes files up to one and from one on.
#[derive(Debug, Clone, Default)]
pub(super) struct Span {
    pub after: Option<String>,
    pub before: Option<String>,
}

impl Span {
    /// Whether the file lies within.
    fn holds(&self, id: &str) -> bool {
        self.ends_after(id) && self.begins_before(id)
    }

    fn begins_before(&self, id: &str) -> bool {
        self.after.as_deref().is_none_or(|after| after < id)
    }

    fn ends_after(&self, id: &str) -> bool {
        self.before.as_deref().is_none_or(|before| id < before)
    }
}

enum Step {
    Page(PageRef),
    Leaf(Leaf),
}

/// Tells which bytes it needs next ([`wants`](Self::wants)) and takes them
/// ([`take`](Self::take)), so that several streams are read in one round.
pub(super) struct Stream<L: Lens> {
    pub run: Run,
    lens: L,
    span: Span,
    direction: Direction,
    steps: VecDeque<Step>,
    /// How many steps the bytes that were asked for belong to.
    asked: usize,
    group_bytes: u64,
    group_pages: usize,
    ready: VecDeque<L::Item>,
}

impl<L: Lens> Stream<L> {
    /// Begins with the root, whose block is there if the lens needs it. The first group has at
    /// most `group_bytes`, or one leaf.
    pub(super) fn new(
        run: Run,
        block: Option<Vec<u8>>,
        lens: L,
        span: Span,
        direction: Direction,
        group_bytes: u64,
    ) -> Self {
        let mut stream = Self {
            lens,
            span,
            direction,
            steps: VecDeque::new(),
            asked: 0,
            group_bytes,
            group_pages: 1,
            ready: VecDeque::new(),
            run,
        };
        let root = stream.run.root.node.clone();
        stream.steps = stream
            .children(root, block.as_deref().unwrap_or_default())
            .into();
        stream
    }

    /// The next entry, if it was read; `None` for ever when nothing more is wanted.
    pub(super) fn peek(&self) -> Option<&L::Item> {
        self.ready.front()
    }

    pub(super) fn pop(&mut self) -> Option<L::Item> {
        self.ready.pop_front()
    }

    /// What has to be read before there is a next entry; nothing if there is one, or none at all.
    pub(super) fn wants(&mut self) -> Result<Vec<Range<u64>>, RunError> {
        if !self.ready.is_empty() {
            return Ok(Vec::new());
        }
        match self.steps.front() {
            None => Ok(Vec::new()),
            Some(Step::Page(_)) => Ok(self.want_pages()),
            Some(Step::Leaf(_)) => self.want_leaves(),
        }
    }

    /// Takes what it wanted, with where each read begins.
    pub(super) fn take(&mut self, read: Vec<(u64, Vec<u8>)>) -> Result<(), RunError> {
        let pieces = Pieces::new(read);
        let steps: Vec<Step> = self.steps.drain(..self.asked).collect();
        let mut pages = Vec::new();
        for step in steps {
            match step {
                Step::Leaf(leaf) => self.take_leaf(&leaf, &pieces)?,
                Step::Page(page) => pages.push(page),
            }
        }
        for page in pages.iter().rev() {
            for step in self.take_page(page, &pieces)?.into_iter().rev() {
                self.steps.push_front(step);
            }
        }
        Ok(())
    }

    fn want_pages(&mut self) -> Vec<Range<u64>> {
        let pages = self.steps.iter().map_while(|step| match step {
            Step::Page(page) => Some(page_range::<L>(page)),
            Step::Leaf(_) => None,
        });
        let ranges: Vec<Range<u64>> = pages.take(self.group_pages).collect();
        self.asked = ranges.len();
        self.group_pages = (self.group_pages * 2).min(GROUP_PAGES);
        self.join(ranges)
    }

    fn want_leaves(&mut self) -> Result<Vec<Range<u64>>, RunError> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        let mut bytes = 0;
        self.asked = 0;
        for step in self.steps.iter().take(GROUP_LEAVES) {
            let Step::Leaf(leaf) = step else { break };
            let wanted = self.lens.wanted(&self.run, leaf)?;
            let more: u64 = wanted.iter().map(|range| range.end - range.start).sum();
            if self.asked > 0 && bytes + more > self.group_bytes {
                break;
            }
            bytes += more;
            self.asked += 1;
            ranges.extend(wanted);
        }
        self.group_bytes = (self.group_bytes.max(bytes) * 2).min(GROUP_BYTES);
        Ok(self.join(ranges))
    }

    fn join(&self, mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
        if self.direction == Direction::Descending {
            ranges.sort_by_key(|range| range.start);
        }
        join(ranges)
    }

    fn take_leaf(&mut self, leaf: &Leaf, pieces: &Pieces) -> Result<(), RunError> {
        let mut items = self.lens.items(&self.run, leaf, pieces)?;
        if self.direction == Direction::Descending {
            items.reverse();
        }
        let inside = items
            .into_iter()
            .filter(|item| self.span.holds(L::id(item)));
        self.ready.extend(inside);
        Ok(())
    }

    fn take_page(&self, page: &PageRef, pieces: &Pieces) -> Result<Vec<Step>, RunError> {
        let missing = || self.run.corrupt("a page lies outside what was read");
        let bytes = pieces.get(&page_range::<L>(page)).ok_or_else(missing)?;
        let (node, block) = bytes
            .split_at_checked(page.bytes as usize)
            .ok_or_else(missing)?;
        let node = self.run.node(page, node)?;
        if L::SINGLE_COLUMNS {
            self.run.check_block(block, page.block)?;
        }
        Ok(self.children(node, block))
    }

    /// The children within the span, in the order of the direction.
    fn children(&self, node: Node, block: &[u8]) -> Vec<Step> {
        let firsts: Vec<String> = node.firsts().map(str::to_owned).collect();
        let inside = |child: usize| {
            let ends = firsts.get(child + 1);
            self.span.ends_after(&firsts[child])
                && ends.is_none_or(|end| self.span.begins_before(end))
        };
        let bytes = (self.run.shape.width() + 1) * PLACE_BYTES;
        let mut blocks = block.chunks(bytes);
        let all: Vec<Step> = match node {
            Node::Pages(pages) => pages.into_iter().map(Step::Page).collect(),
            Node::Leaves(leaves) => leaves
                .into_iter()
                .map(|at| {
                    let places = blocks.next().map(from_bytes).unwrap_or_default();
                    Step::Leaf(Leaf { at, places })
                })
                .collect(),
        };
        let mut steps: Vec<Step> = all
            .into_iter()
            .enumerate()
            .filter_map(|(child, step)| inside(child).then_some(step))
            .collect();
        if self.direction == Direction::Descending {
            steps.reverse();
        }
        steps
    }
}

fn page_range<L: Lens>(page: &PageRef) -> Range<u64> {
    if L::SINGLE_COLUMNS {
        return page.at..page.end();
    }
    page.at..page.at + u64::from(page.bytes)
}
