//! Looking files up by their ids.

use std::collections::BTreeMap;
use std::ops::Range;

use arrow_buffer::Buffer;

use super::RunError;
use super::decode::{Details, Entries, decode};
use super::index::{LeafRef, Node, PageRef};
use super::open::{Run, open};
use super::reference::RunRef;
use crate::home::Home;
use crate::objects::ranges::{Wanted, read_all};
use crate::objects::{Objects, Part};
use crate::store::entry::Change;

/// A round of reads holds at most about so many bytes; what is over goes into another round.
const ROUND_BYTES: u64 = 16 << 20;

/// The newest change of each of these files, where the runs (newest first) have one; a deletion
/// as well.
///
/// Reads the roots of the runs that may hold one of them, then, level by level, the pages and the
/// leaves that may: one call for all runs and files each time (several only where they are over
/// 16 MiB together). That are two rounds for runs of up to 256 leaves, which is 16,384 entries
/// where they are small, and three for runs of up to 65,536 leaves.
pub fn find(
    objects: &dyn Objects,
    home: &Home,
    runs: &[RunRef],
    ids: &[&str],
) -> Result<BTreeMap<String, Change>, RunError> {
    Finding::begin(objects, home, runs, ids)?.finish(objects)
}

/// A lookup that has read the roots: what [`find`] does, for who reads more in its rounds.
pub struct Finding<'a> {
    runs: Vec<Run>,
    wanted: Vec<Visit<'a>>,
}

impl<'a> Finding<'a> {
    /// Reads the roots of the runs that may hold one of the files.
    pub fn begin(
        objects: &dyn Objects,
        home: &Home,
        runs: &[RunRef],
        ids: &[&'a str],
    ) -> Result<Self, RunError> {
        let mut ids: Vec<&str> = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let spanning: Vec<&RunRef> = runs
            .iter()
            .filter(|run| ids.iter().any(|id| run.spans(id)))
            .collect();
        let opened = open(objects, home, &spanning)?;
        let mut wanted = Vec::new();
        for (number, (run, reference)) in opened.iter().zip(&spanning).enumerate() {
            let own = ids.iter().copied().filter(|id| reference.spans(id));
            wanted.extend(below(number, &run.root.node, own));
        }
        Ok(Self {
            runs: opened,
            wanted,
        })
    }

    /// What its next round reads.
    pub fn reading(&self) -> Vec<Part> {
        let round = &self.wanted[..within_round(&self.wanted).min(self.wanted.len())];
        round
            .iter()
            .map(|visit| visit.wanted(&self.runs).part())
            .collect()
    }

    /// The newest change of each file that has one.
    pub fn finish(self, objects: &dyn Objects) -> Result<BTreeMap<String, Change>, RunError> {
        let Self { runs, mut wanted } = self;
        let mut search = Search::default();
        while !wanted.is_empty() {
            let mut next = Vec::new();
            let mut rest = wanted.as_slice();
            while !rest.is_empty() {
                let (round, after) = rest.split_at(within_round(rest));
                search.round(objects, &runs, round, &mut next)?;
                rest = after;
            }
            wanted = next;
        }
        let newest = search.found.into_iter();
        Ok(newest.map(|(id, (_, change))| (id, change)).collect())
    }
}

/// A page or a leaf of a run, and the files that may be below it.
struct Visit<'a> {
    run: usize,
    child: Child,
    ids: Vec<&'a str>,
}

impl Visit<'_> {
    fn wanted<'a>(&self, runs: &'a [Run]) -> Wanted<'a> {
        Wanted {
            key: &runs[self.run].key,
            bytes: self.child.range(),
        }
    }
}

enum Child {
    Page(PageRef),
    Leaf(LeafRef),
}

/// The change of each file and the number of the run that has it: the lowest, which is newest.
#[derive(Default)]
struct Search {
    found: BTreeMap<String, (usize, Change)>,
}

impl Search {
    fn round<'a>(
        &mut self,
        objects: &dyn Objects,
        runs: &[Run],
        visits: &[Visit<'a>],
        next: &mut Vec<Visit<'a>>,
    ) -> Result<(), RunError> {
        let wanted: Vec<Wanted<'_>> = visits.iter().map(|visit| visit.wanted(runs)).collect();
        for (visit, bytes) in visits.iter().zip(read_all(objects, &wanted)?) {
            let run = &runs[visit.run];
            match &visit.child {
                Child::Leaf(leaf) => self.leaf(visit, run, leaf, &bytes)?,
                Child::Page(page) => {
                    let node = run.node(page, &bytes)?;
                    next.extend(below(visit.run, &node, visit.ids.iter().copied()));
                }
            }
        }
        Ok(())
    }

    fn leaf(
        &mut self,
        visit: &Visit<'_>,
        run: &Run,
        leaf: &LeafRef,
        bytes: &[u8],
    ) -> Result<(), RunError> {
        run.check_leaf(leaf, bytes)?;
        let (head, body) = bytes
            .split_at_checked(leaf.head as usize)
            .ok_or_else(|| run.corrupt("a leaf is shorter than its head"))?;
        let batch = decode(run, leaf, head, &Buffer::from(body), None)?;
        let entries = Entries::of(run, &batch)?;
        let details = Details::of(run, &batch)?;
        for id in &visit.ids {
            let newer = self.found.get(*id).is_some_and(|(run, _)| *run < visit.run);
            if newer {
                continue;
            }
            if let Some(entry) = entries.find(id) {
                let change = entries.change(&details, entry)?;
                self.found.insert((*id).to_owned(), (visit.run, change));
            }
        }
        Ok(())
    }
}

impl Child {
    fn range(&self) -> Range<u64> {
        match self {
            Self::Page(page) => page.at..page.at + u64::from(page.bytes),
            Self::Leaf(leaf) => leaf.at..leaf.end(),
        }
    }
}

/// The children of a node that may hold these files, which are in order.
fn below<'a>(run: usize, node: &Node, ids: impl Iterator<Item = &'a str>) -> Vec<Visit<'a>> {
    let mut children: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for id in ids {
        if let Some(child) = node.child_of(id) {
            children.entry(child).or_default().push(id);
        }
    }
    let visit = |(child, ids): (usize, Vec<&'a str>)| Visit {
        run,
        child: match node {
            Node::Pages(pages) => Child::Page(pages[child].clone()),
            Node::Leaves(leaves) => Child::Leaf(leaves[child].clone()),
        },
        ids,
    };
    children.into_iter().map(visit).collect()
}

/// How many of the visits go into one round, at least one.
fn within_round(visits: &[Visit<'_>]) -> usize {
    let mut sum = 0;
    let fits = |visit: &&Visit<'_>| {
        let range = visit.child.range();
        sum += range.end - range.start;
        sum <= ROUND_BYTES
    };
    visits.iter().take_while(fits).count().max(1)
}
