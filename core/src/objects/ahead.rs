//! Reading ahead: what several steps are going to read, in one round.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;

use super::{NearestError, ObjectError, ObjectMeta, ObjectWriter, Objects, Part};
use crate::codes::{Candidate, CodeSpan, CodedQuery};

/// Objects, some parts of which were read before they were asked for: over a network a round of reads costs
/// what dozens of reads do.
///
/// A part that was read ahead is answered once, to whoever asks for exactly that part: its bytes, or why they
/// could not be had. One for which the answer had no room is read when it is asked for.
pub(crate) struct ReadAhead<'a> {
    objects: &'a dyn Objects,
    held: RefCell<HashMap<Part, Answer>>,
}

type Answer = Result<Vec<u8>, ObjectError>;

impl<'a> ReadAhead<'a> {
    /// Of these objects, nothing of them yet.
    pub(crate) fn new(objects: &'a dyn Objects) -> Self {
        Self {
            objects,
            held: RefCell::default(),
        }
    }

    /// Reads these parts in one call, and drops what was read ahead before.
    pub(crate) fn fetch(&self, parts: Vec<Part>) {
        let mut held = self.held.borrow_mut();
        held.clear();
        // One round of reads either way.
        if parts.len() < 2 {
            return;
        }
        let read = self.objects.get_many(&parts);
        if read.len() != parts.len() {
            return;
        }
        let fits = |answer: &Answer| !matches!(answer, Err(ObjectError::TooLarge(_)));
        let read = parts.into_iter().zip(read);
        held.extend(read.filter(|(_, answer)| fits(answer)));
    }

    fn take(&self, part: &Part) -> Option<Answer> {
        self.held.borrow_mut().remove(part)
    }
}

impl Objects for ReadAhead<'_> {
    fn get_many(&self, parts: &[Part]) -> Vec<Answer> {
        let found: Vec<Option<Answer>> = parts.iter().map(|part| self.take(part)).collect();
        let away = parts.iter().zip(&found);
        let away = away.filter(|(_, found)| found.is_none());
        let away: Vec<Part> = away.map(|(part, _)| part.clone()).collect();
        let mut read = match away.is_empty() {
            true => Vec::new(),
            false => self.objects.get_many(&away),
        }
        .into_iter();
        let mut answers = Vec::with_capacity(parts.len());
        for found in found {
            // Fewer answers than parts are for the caller to notice.
            answers.extend(found.or_else(|| read.next()));
        }
        answers
    }

    fn get(&self, key: &str) -> Result<Vec<u8>, ObjectError> {
        self.objects.get(key)
    }

    fn get_range(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>, ObjectError> {
        self.objects.get_range(key, range)
    }

    fn nearest(
        &self,
        spans: &[CodeSpan],
        queries: &[CodedQuery],
        limit: usize,
    ) -> Option<Result<Vec<Vec<Candidate>>, NearestError>> {
        self.objects.nearest(spans, queries, limit)
    }

    fn head(&self, key: &str) -> Result<ObjectMeta, ObjectError> {
        self.objects.head(key)
    }

    fn put(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        self.objects.put(key, data)
    }

    fn put_new(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        self.objects.put_new(key, data)
    }

    fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ObjectMeta>, ObjectError> {
        self.objects.list(prefix, start_after, limit)
    }

    fn folders(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        self.objects.folders(prefix)
    }

    fn delete(&self, key: &str) -> Result<(), ObjectError> {
        self.objects.delete(key)
    }

    fn create(&self, key: &str) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        self.objects.create(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::MemoryObjects;

    #[test]
    fn what_was_read_ahead_is_answered_once_and_all_else_as_it_is() {
        let objects = MemoryObjects::default();
        objects.put("a", b"0123").unwrap();
        objects.put("b", b"4567").unwrap();
        let part = |key: &str, range: Range<u64>| (key.to_owned(), Some(range));
        let ahead = ReadAhead::new(&objects);
        ahead.fetch(vec![part("a", 0..2), part("b", 1..3), part("absent", 0..1)]);
        objects.put("a", b"abcd").unwrap();
        let wanted = [
            part("absent", 0..1),
            part("a", 0..2),
            part("a", 0..3),
            part("b", 1..3),
        ];
        let expected = |first: &[u8]| {
            [
                Err(ObjectError::NotFound),
                Ok(first.to_vec()),
                Ok(b"abc".to_vec()),
                Ok(b"56".to_vec()),
            ]
        };
        assert_eq!(ahead.get_many(&wanted), expected(b"01"));
        assert_eq!(ahead.get_many(&wanted), expected(b"ab"));
    }

    #[test]
    fn what_was_read_ahead_in_vain_is_not_kept() {
        let objects = MemoryObjects::default();
        objects.put("a", b"0123").unwrap();
        let part = |range: Range<u64>| ("a".to_owned(), Some(range));
        let ahead = ReadAhead::new(&objects);
        ahead.fetch(vec![part(0..1), part(1..2)]);
        ahead.fetch(vec![part(2..3), part(3..4)]);
        assert_eq!(ahead.held.borrow().len(), 2);
    }
}
