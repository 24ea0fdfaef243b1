//! The neighbour lists of a built graph. Crate `instant-distance` shows them through serde alone,
//! so this serializer hands the lists of the field `zero` (the bottom layer, which holds every
//! node) to a sink one by one, and never looks at the points or the upper layers.

use std::fmt::{self, Display};

use serde::ser::{self, Impossible, Serialize, Serializer};

use super::BUILT_DEGREE;
use super::format::NONE;

/// Calls `sink` with each node's list, nearest first, in the order of the nodes.
pub(super) fn each_list(
    graph: &impl Serialize,
    sink: &mut dyn FnMut(&[u32; BUILT_DEGREE]) -> Result<(), String>,
) -> Result<(), String> {
    let mut state = State {
        list: [NONE; BUILT_DEGREE],
        length: 0,
        sink,
    };
    graph
        .serialize(Walker(&mut state))
        .map_err(|Fault(what)| what)
}

const BOTTOM_LAYER: &str = "zero";

struct State<'a> {
    list: [u32; BUILT_DEGREE],
    length: usize,
    sink: &'a mut dyn FnMut(&[u32; BUILT_DEGREE]) -> Result<(), String>,
}

struct Walker<'s, 'a>(&'s mut State<'a>);

#[derive(Debug)]
struct Fault(String);

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

impl ser::Error for Fault {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

fn unknown<T>() -> Result<T, Fault> {
    Err(Fault("the graph has a form that is not known".to_owned()))
}

impl ser::SerializeStruct for Walker<'_, '_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        match name {
            BOTTOM_LAYER => value.serialize(Walker(self.0)),
            _ => Ok(()),
        }
    }

    fn end(self) -> Result<(), Fault> {
        Ok(())
    }
}

impl ser::SerializeSeq for Walker<'_, '_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, node: &T) -> Result<(), Fault> {
        node.serialize(Walker(self.0))
    }

    fn end(self) -> Result<(), Fault> {
        Ok(())
    }
}

impl ser::SerializeTuple for Walker<'_, '_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, neighbour: &T) -> Result<(), Fault> {
        neighbour.serialize(Walker(self.0))
    }

    fn end(self) -> Result<(), Fault> {
        (self.0.sink)(&self.0.list).map_err(Fault)
    }
}

macro_rules! refuse {
    ($($method:ident: $type:ty),* $(,)?) => {
        $(fn $method(self, _: $type) -> Result<(), Fault> {
            unknown()
        })*
    };
}

impl Serializer for Walker<'_, '_> {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Impossible<(), Fault>;
    type SerializeTupleVariant = Impossible<(), Fault>;
    type SerializeMap = Impossible<(), Fault>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Impossible<(), Fault>;

    refuse! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32,
        serialize_i64: i64, serialize_u8: u8, serialize_u16: u16, serialize_u64: u64,
        serialize_f32: f32, serialize_f64: f64, serialize_char: char, serialize_str: &str,
        serialize_bytes: &[u8], serialize_unit_struct: &'static str,
    }

    fn serialize_u32(self, neighbour: u32) -> Result<(), Fault> {
        let State { list, length, .. } = self.0;
        let Some(slot) = list.get_mut(*length) else {
            return unknown();
        };
        *slot = neighbour;
        *length += 1;
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        value.serialize(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Fault> {
        Ok(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Fault> {
        Ok(self)
    }

    fn serialize_tuple(self, length: usize) -> Result<Self, Fault> {
        if length != BUILT_DEGREE {
            return unknown();
        }
        self.0.length = 0;
        Ok(self)
    }

    fn serialize_none(self) -> Result<(), Fault> {
        unknown()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<(), Fault> {
        unknown()
    }

    fn serialize_unit(self) -> Result<(), Fault> {
        unknown()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Fault> {
        unknown()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Fault> {
        unknown()
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Fault> {
        unknown()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Fault> {
        unknown()
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Fault> {
        unknown()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Fault> {
        unknown()
    }
}
