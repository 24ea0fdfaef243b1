//! What instructions do with the values that lie on the stack and in the memo.

use super::Machine;
use crate::arena::{Id, Kind, Value};
use crate::classes::{self, Class};
use crate::error::PickleError;

impl<'a> Machine<'a> {
    pub(super) fn remembered(&self, number: u64) -> Result<Value<'a>, PickleError> {
        usize::try_from(number)
            .ok()
            .and_then(|number| self.memo.get(number))
            .copied()
            .ok_or_else(|| self.malformed("it takes from the memo what is not there"))
    }

    /// Python counts its memo up from 0, so a number out of turn, for which the memo would have to
    /// grow by any length, is not Python's.
    pub(super) fn remember(&mut self, number: u64) -> Result<(), PickleError> {
        if number != self.memo.len() as u64 {
            return Err(self.malformed("it puts into the memo out of turn"));
        }
        let [value] = self.above_mark()?;
        self.memo.push(value);
        Ok(())
    }

    /// The last values of the stack that a mark does not shield, without removing them.
    fn above_mark<const N: usize>(&self) -> Result<[Value<'a>; N], PickleError> {
        let from = self.marks.last().copied().unwrap_or(0);
        self.stack
            .get(from..)
            .and_then(|stack| stack.last_chunk().copied())
            .ok_or_else(|| self.malformed("it takes a value that is not there"))
    }

    fn pop<const N: usize>(&mut self) -> Result<[Value<'a>; N], PickleError> {
        let values = self.above_mark()?;
        self.stack.truncate(self.stack.len() - N);
        Ok(values)
    }

    /// How many values lie above the last mark, which goes.
    pub(super) fn unmark(&mut self) -> Result<usize, PickleError> {
        let mark = self
            .marks
            .pop()
            .ok_or_else(|| self.malformed("it takes a mark that is not there"))?;
        Ok(self.stack.len() - mark)
    }

    /// Moves the last `count` values of the stack into `into`.
    fn put_last(&mut self, into: Id, count: usize) -> Result<(), PickleError> {
        for value in self.stack.drain(self.stack.len() - count..) {
            self.arena.put(into, value, self.input.instruction)?;
        }
        Ok(())
    }

    pub(super) fn fill_from_mark(&mut self, kind: Kind) -> Result<(), PickleError> {
        let count = self.unmark()?;
        self.fill(kind, count)
    }

    /// Moves the last `count` values into the container of that kind below them.
    pub(super) fn fill(&mut self, kind: Kind, count: usize) -> Result<(), PickleError> {
        let from = self.marks.last().copied().unwrap_or(0);
        let into = self.stack.len().checked_sub(count + 1);
        let into = into.filter(|into| *into >= from);
        match into.and_then(|into| self.stack.get(into)) {
            Some(Value::Node(id)) if self.arena.get(*id).is_some_and(|node| node.kind == kind) => {
                if kind == Kind::Dict && count % 2 == 1 {
                    return Err(self.malformed("a key has no value"));
                }
                self.put_last(*id, count)
            }
            _ => Err(self.malformed("it fills what is no such container")),
        }
    }

    pub(super) fn tuple(&mut self, count: usize) -> Result<(), PickleError> {
        let from = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() - from < count {
            return Err(self.malformed("it takes a value that is not there"));
        }
        let id = self.arena.node(Kind::Tuple, self.input.instruction)?;
        self.put_last(id, count)?;
        self.stack.push(Value::Node(id));
        Ok(())
    }

    pub(super) fn stack_global(&mut self) -> Result<(), PickleError> {
        let [Value::Text(module), Value::Text(name)] = self.pop()? else {
            return Err(self.malformed("a class's name is not a text"));
        };
        let class = classes::class(module, name, self.input.instruction)?;
        self.stack.push(Value::Class(class));
        Ok(())
    }

    /// An object without its state.
    pub(super) fn new_object(&mut self) -> Result<(), PickleError> {
        let [class, arguments] = self.pop()?;
        let object = match (class, self.arena.container(arguments)) {
            (Value::Class(class @ (Class::Docstore | Class::Document)), Some(arguments))
                if arguments.kind == Kind::Tuple && arguments.items.is_empty() =>
            {
                self.container(Kind::Object(class))?
            }
            _ => return Err(self.malformed("it makes an object as LangChain's are not made")),
        };
        self.stack.push(object);
        Ok(())
    }

    /// A set of a list's items. Nothing else is called.
    pub(super) fn reduce(&mut self) -> Result<(), PickleError> {
        let [called, arguments] = self.pop()?;
        let items = match (called, self.arena.container(arguments)) {
            (Value::Class(Class::Set), Some(arguments)) if arguments.kind == Kind::Tuple => {
                match arguments.items.as_slice() {
                    [list] => self.arena.container(*list),
                    _ => None,
                }
            }
            _ => None,
        };
        // The items stay in the list, and the set only holds it: a copy of them at each call would
        // let a short pickle make much.
        let Some(Kind::List) = items.map(|list| list.kind) else {
            return Err(self.malformed("it calls a class as LangChain's stores do not"));
        };
        let set = self.arena.node(Kind::Set, self.input.instruction)?;
        self.arena.put(set, arguments, self.input.instruction)?;
        self.stack.push(Value::Node(set));
        Ok(())
    }

    /// Gives an object its state.
    pub(super) fn build(&mut self) -> Result<(), PickleError> {
        let [object, state] = self.above_mark()?;
        match object {
            Value::Node(id)
                if self.arena.get(id).is_some_and(|node| {
                    matches!(node.kind, Kind::Object(_)) && node.items.is_empty()
                }) =>
            {
                let _: [Value; 1] = self.pop()?;
                self.arena.put(id, state, self.input.instruction)
            }
            _ => Err(self.malformed("it gives a state to what has none, or has one")),
        }
    }
}
