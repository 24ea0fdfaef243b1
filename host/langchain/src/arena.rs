//! The values that a pickle makes: containers lie in one arena and name each other by number, so
//! that what the pickle shares stays shared, and dropping them needs no recursion.

use crate::classes::Class;
use crate::error::PickleError;

/// How deep containers may lie in each other, the store's own seven levels included. Text in JSON
/// is read by most programs to a depth of about 128.
pub(crate) const MAX_DEPTH: u32 = 120;

// An estimate, from above, of what a value takes in memory as JSON.
const VALUE_BYTES: u64 = 64;
const DICT_BYTES: u64 = 640;

/// A value. Texts lie in the file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// An integer above `i64`'s.
    BigInt(u64),
    Float(f64),
    Text(&'a str),
    Class(Class),
    Node(Id),
}

/// A container's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id(u32);

impl Id {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    List,
    Tuple,
    /// Its items are keys and values by turns.
    Dict,
    Set,
    /// Its only item, once there is one, is its state.
    Object(Class),
}

#[derive(Debug)]
pub(crate) struct Node<'a> {
    pub kind: Kind,
    /// It has been put into another one.
    contained: bool,
    depth: u32,
    bytes: u64,
    pub items: Vec<Value<'a>>,
}

#[derive(Debug, Default)]
pub(crate) struct Arena<'a> {
    nodes: Vec<Node<'a>>,
}

impl<'a> Arena<'a> {
    pub fn node(&mut self, kind: Kind, offset: usize) -> Result<Id, PickleError> {
        let id = u32::try_from(self.nodes.len())
            .map_err(|_| PickleError::malformed(offset, "it holds more than 2^32 containers"))?;
        let bytes = match kind {
            Kind::Dict => DICT_BYTES,
            _ => VALUE_BYTES,
        };
        self.nodes.push(Node {
            kind,
            contained: false,
            depth: 1,
            bytes,
            items: Vec::new(),
        });
        Ok(Id(id))
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn get(&self, id: Id) -> Option<&Node<'a>> {
        self.nodes.get(id.index())
    }

    /// The container that a value is.
    pub fn container(&self, value: Value<'a>) -> Option<&Node<'a>> {
        match value {
            Value::Node(id) => self.get(id),
            _ => None,
        }
    }

    /// Puts `value` into the container `into`.
    ///
    /// Python fills a container before it puts it into another one, unless the container holds
    /// itself. So one that is contained is closed, and no chain of containers can come back to its
    /// beginning: its last link would have to go into a container that is contained.
    pub fn put(&mut self, into: Id, value: Value<'a>, offset: usize) -> Result<(), PickleError> {
        let mut depth = 1;
        if let Value::Node(id) = value
            && let Some(node) = self.nodes.get_mut(id.index())
        {
            node.contained = true;
            depth = node.depth + 1;
        }
        let bytes = self.bytes(value);
        let Some(node) = self.nodes.get_mut(into.index()) else {
            return Err(PickleError::malformed(offset, "a container is missing"));
        };
        if node.contained {
            return Err(PickleError::malformed(
                offset,
                "a container holds itself, or is filled after it has been put into another one",
            ));
        }
        if depth > MAX_DEPTH {
            return Err(PickleError::malformed(
                offset,
                format!("its values lie more than {MAX_DEPTH} deep in each other: flatten them"),
            ));
        }
        node.depth = node.depth.max(depth);
        node.bytes = node.bytes.saturating_add(bytes);
        node.items.push(value);
        Ok(())
    }

    /// About how much memory a value takes once nothing in it is shared any more. A few bytes of
    /// pickle can stand for more than any memory holds.
    pub fn bytes(&self, value: Value<'a>) -> u64 {
        match value {
            Value::Text(text) => VALUE_BYTES + text.len() as u64,
            Value::Node(id) => self.get(id).map_or(0, |node| node.bytes),
            _ => VALUE_BYTES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_cannot_hold_itself() {
        let mut arena = Arena::default();
        let outer = arena.node(Kind::List, 0).unwrap();
        let inner = arena.node(Kind::Dict, 0).unwrap();
        assert!(arena.put(inner, Value::Node(inner), 0).is_err());
        let inner = arena.node(Kind::Dict, 0).unwrap();
        arena.put(outer, Value::Node(inner), 0).unwrap();
        assert!(arena.put(inner, Value::Node(outer), 0).is_err());
        assert!(arena.put(inner, Value::None, 0).is_err());
    }

    #[test]
    fn what_is_shared_counts_as_often_as_it_is_held() {
        let mut arena = Arena::default();
        let mut laugh = Value::Text("ha");
        for _ in 0..MAX_DEPTH {
            let list = arena.node(Kind::List, 0).unwrap();
            for _ in 0..10 {
                arena.put(list, laugh, 0).unwrap();
            }
            laugh = Value::Node(list);
        }
        assert_eq!(arena.bytes(laugh), u64::MAX);
        let list = arena.node(Kind::List, 0).unwrap();
        assert!(arena.put(list, laugh, 0).is_err());
    }
}
