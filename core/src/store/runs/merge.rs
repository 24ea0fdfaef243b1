//! Several runs as one: each file once, as the newest run that tells of it has it.

use super::RunError;
use super::direction::Direction;
use super::stream::{Lens, Stream};
use crate::objects::Objects;
use crate::objects::ranges::{Wanted, read_all};

/// The streams of runs, newest first.
pub(super) struct Merge<'a, L: Lens> {
    objects: &'a dyn Objects,
    streams: Vec<Stream<L>>,
    direction: Direction,
}

impl<'a, L: Lens> Merge<'a, L> {
    pub(super) fn new(
        objects: &'a dyn Objects,
        streams: Vec<Stream<L>>,
        direction: Direction,
    ) -> Self {
        Self {
            objects,
            streams,
            direction,
        }
    }

    /// The next file's newest entry.
    pub(super) fn next(&mut self) -> Result<Option<L::Item>, RunError> {
        self.fill()?;
        let mut best: Option<(usize, &str)> = None;
        let mut same = Vec::new();
        for (number, stream) in self.streams.iter().enumerate() {
            let Some(id) = stream.peek().map(L::id) else {
                continue;
            };
            match best {
                Some((_, least)) if id == least => same.push(number),
                Some((_, least)) if !self.direction.precedes(id, least) => {}
                _ => {
                    best = Some((number, id));
                    same.clear();
                }
            }
        }
        let Some((newest, _)) = best else {
            return Ok(None);
        };
        for older in same {
            self.streams[older].pop();
        }
        Ok(self.streams[newest].pop())
    }

    /// Reads until every stream has a next entry, or none for ever; each round is one call for
    /// all streams.
    fn fill(&mut self) -> Result<(), RunError> {
        loop {
            let mut asking = Vec::new();
            for (number, stream) in self.streams.iter_mut().enumerate() {
                let ranges = stream.wants()?;
                if !ranges.is_empty() {
                    asking.push((number, ranges));
                }
            }
            if asking.is_empty() {
                return Ok(());
            }
            let wanted: Vec<Wanted<'_>> = asking
                .iter()
                .flat_map(|(number, ranges)| {
                    let key = self.streams[*number].run.key.as_str();
                    ranges.iter().map(move |bytes| Wanted {
                        key,
                        bytes: bytes.clone(),
                    })
                })
                .collect();
            let mut answers = read_all(self.objects, &wanted)?.into_iter();
            for (number, ranges) in asking {
                let starts = ranges.iter().map(|range| range.start);
                let read = starts.zip(answers.by_ref()).collect();
                self.streams[number].take(read)?;
            }
        }
    }
}
