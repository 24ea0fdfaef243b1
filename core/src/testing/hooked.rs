//! Storage that fails, stalls and is interrupted as a test says.

use std::cell::{Cell, RefCell};
use std::ops::Range;

use super::nearest;
use crate::codes::{Candidate, CodeSpan, CodedQuery};
use crate::objects::{
    NearestError, NewObject, ObjectError, ObjectMeta, ObjectWriter, Objects, Part,
};

/// What is asked of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Get,
    Head,
    Put,
    PutNew,
    List,
    Delete,
    Create,
}

/// One call.
pub(crate) struct Call<'c> {
    pub op: Op,
    /// The key, the prefix, or the first of several keys.
    pub key: &'c str,
    /// What is to be written.
    pub data: &'c [u8],
}

impl Call<'_> {
    /// Whether it is to create a version of a store.
    pub fn is_commit(&self) -> bool {
        self.op == Op::PutNew && self.key.contains("/manifest/")
    }
}

type Hook<'a> = Box<dyn Fn(&Call<'_>) -> Result<(), ObjectError> + 'a>;

/// Objects where something happens before or after a call, or to its answer.
pub(crate) struct Hooked<'a> {
    inner: &'a dyn Objects,
    before: Hook<'a>,
    after: Hook<'a>,
    modified_ms: Option<u64>,
    looks: bool,
    creates_together: bool,
}

impl<'a> Hooked<'a> {
    pub fn new(inner: &'a dyn Objects) -> Self {
        Self {
            inner,
            before: Box::new(|_| Ok(())),
            after: Box::new(|_| Ok(())),
            modified_ms: None,
            looks: false,
            creates_together: false,
        }
    }

    /// Lists say of every object that it was written then.
    pub fn written_at(self, modified_ms: u64) -> Self {
        Self {
            modified_ms: Some(modified_ms),
            ..self
        }
    }

    /// Creations of one call are one call to the hooks, too.
    pub fn creating_together(self) -> Self {
        Self {
            creates_together: true,
            ..self
        }
    }

    /// It looks through codes for itself.
    pub fn looking(self) -> Self {
        Self {
            looks: true,
            ..self
        }
    }

    /// An error of `hook` is the answer, and nothing is done.
    pub fn before(self, hook: impl Fn(&Call<'_>) -> Result<(), ObjectError> + 'a) -> Self {
        Self {
            before: Box::new(hook),
            ..self
        }
    }

    /// An error of `hook` is the answer, although all is done.
    pub fn after(self, hook: impl Fn(&Call<'_>) -> Result<(), ObjectError> + 'a) -> Self {
        Self {
            after: Box::new(hook),
            ..self
        }
    }

    /// Something happens just before the first `op`.
    pub fn interrupted(inner: &'a dyn Objects, op: Op, interrupt: impl FnOnce() + 'a) -> Self {
        let interrupt = RefCell::new(Some(interrupt));
        Self::new(inner).before(move |call| {
            let due = match call.op == op {
                true => interrupt.borrow_mut().take(),
                false => None,
            };
            if let Some(interrupt) = due {
                interrupt();
            }
            Ok(())
        })
    }

    /// The first `put_new` is done, and says that it was not.
    pub fn denying(inner: &'a dyn Objects, answer: ObjectError) -> Self {
        let answer = RefCell::new(Some(answer));
        Self::new(inner).after(move |call| match call.op {
            Op::PutNew => answer.borrow_mut().take().map_or(Ok(()), Err),
            _ => Ok(()),
        })
    }

    /// Nothing is done any more after so many calls; `after_effect` tells whether the last of them
    /// is done.
    pub fn crashing(inner: &'a dyn Objects, calls: u32, after_effect: bool) -> Self {
        let spend = |left: &Cell<u32>| match left.get().checked_sub(1) {
            Some(some) => {
                left.set(some);
                Ok(())
            }
            None => Err(ObjectError::Unavailable("the network is down".to_owned())),
        };
        let (left, answers) = (Cell::new(calls), Cell::new(calls - u32::from(after_effect)));
        Self::new(inner)
            .before(move |_| spend(&left))
            .after(move |_| spend(&answers))
    }

    fn call<T>(
        &self,
        call: Call<'_>,
        answer: impl FnOnce(&dyn Objects) -> Result<T, ObjectError>,
    ) -> Result<T, ObjectError> {
        (self.before)(&call)?;
        let answer = answer(self.inner);
        (self.after)(&call)?;
        answer
    }
}

impl Objects for Hooked<'_> {
    fn get(&self, key: &str) -> Result<Vec<u8>, ObjectError> {
        self.call(read(Op::Get, key), |inner| inner.get(key))
    }

    fn get_range(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>, ObjectError> {
        self.call(read(Op::Get, key), |inner| inner.get_range(key, range))
    }

    fn get_many(&self, parts: &[Part]) -> Vec<Result<Vec<u8>, ObjectError>> {
        let first = parts.first().map_or("", |(key, _)| key.as_str());
        match self.call(read(Op::Get, first), |inner| Ok(inner.get_many(parts))) {
            Ok(answers) => answers,
            Err(error) => parts.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    fn nearest(
        &self,
        spans: &[CodeSpan],
        queries: &[CodedQuery],
        limit: usize,
    ) -> Option<Result<Vec<Vec<Candidate>>, NearestError>> {
        self.looks
            .then(|| nearest(self.inner, spans, queries, limit))
    }

    fn head(&self, key: &str) -> Result<ObjectMeta, ObjectError> {
        self.call(read(Op::Head, key), |inner| inner.head(key))
    }

    fn put(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        self.call(write(Op::Put, key, data), |inner| inner.put(key, data))
    }

    fn put_new(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        self.call(write(Op::PutNew, key, data), |inner| {
            inner.put_new(key, data)
        })
    }

    fn put_new_many(&self, objects: &[NewObject]) -> Vec<Result<(), ObjectError>> {
        let one_by_one = || objects.iter().map(|(key, data)| self.put_new(key, data));
        let Some((key, data)) = objects.first().filter(|_| self.creates_together) else {
            return one_by_one().collect();
        };
        let created = self.call(write(Op::PutNew, key, data), |inner| {
            Ok(inner.put_new_many(objects))
        });
        created.unwrap_or_else(|error| vec![Err(error); objects.len()])
    }

    fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ObjectMeta>, ObjectError> {
        let mut listed = self.call(read(Op::List, prefix), |inner| {
            inner.list(prefix, start_after, limit)
        })?;
        if let Some(modified_ms) = self.modified_ms {
            listed
                .iter_mut()
                .for_each(|meta| meta.modified_ms = modified_ms);
        }
        Ok(listed)
    }

    fn folders(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        self.call(read(Op::List, prefix), |inner| inner.folders(prefix))
    }

    fn delete(&self, key: &str) -> Result<(), ObjectError> {
        self.call(read(Op::Delete, key), |inner| inner.delete(key))
    }

    fn delete_many(&self, keys: &[String]) -> Result<(), ObjectError> {
        let first = keys.first().map_or("", String::as_str);
        self.call(read(Op::Delete, first), |inner| inner.delete_many(keys))
    }

    fn create(&self, key: &str) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        self.call(read(Op::Create, key), |inner| inner.create(key))
    }
}

fn read(op: Op, key: &str) -> Call<'_> {
    write(op, key, &[])
}

fn write<'c>(op: Op, key: &'c str, data: &'c [u8]) -> Call<'c> {
    Call { op, key, data }
}
