//! Writes single values as pickle.

use std::io::{self, Write};

use serde_json::{Map, Value as Json};

use crate::arena::MAX_DEPTH;
use crate::opcode as op;

/// How many items Python's own pickler hands over at once.
pub(crate) const BATCH: u64 = 1_000;

pub(crate) fn text(out: &mut impl Write, text: &str) -> io::Result<()> {
    let length = text.len();
    if let Ok(length) = u8::try_from(length) {
        out.write_all(&[op::SHORT_BINUNICODE, length])?;
    } else if let Ok(length) = u32::try_from(length) {
        out.write_all(&[op::BINUNICODE])?;
        out.write_all(&length.to_le_bytes())?;
    } else {
        out.write_all(&[op::BINUNICODE8])?;
        out.write_all(&(length as u64).to_le_bytes())?;
    }
    out.write_all(text.as_bytes())
}

pub(crate) fn unsigned(out: &mut impl Write, number: u64) -> io::Result<()> {
    match i64::try_from(number) {
        Ok(number) => signed(out, number),
        Err(_) => {
            // Two's complement: one byte more keeps it positive.
            out.write_all(&[op::LONG1, 9])?;
            out.write_all(&number.to_le_bytes())?;
            out.write_all(&[0])
        }
    }
}

fn signed(out: &mut impl Write, number: i64) -> io::Result<()> {
    if let Ok(number) = u8::try_from(number) {
        out.write_all(&[op::BININT1, number])
    } else if let Ok(number) = u16::try_from(number) {
        out.write_all(&[op::BININT2])?;
        out.write_all(&number.to_le_bytes())
    } else if let Ok(number) = i32::try_from(number) {
        out.write_all(&[op::BININT])?;
        out.write_all(&number.to_le_bytes())
    } else {
        out.write_all(&[op::LONG1, 8])?;
        out.write_all(&number.to_le_bytes())
    }
}

/// Takes from the memo.
pub(crate) fn get(out: &mut impl Write, number: u32) -> io::Result<()> {
    if let Ok(number) = u8::try_from(number) {
        out.write_all(&[op::BINGET, number])
    } else {
        out.write_all(&[op::LONG_BINGET])?;
        out.write_all(&number.to_le_bytes())
    }
}

/// A value of metadata that lies `depth` deep.
pub(crate) fn json(out: &mut impl Write, value: &Json, depth: u32) -> io::Result<()> {
    match value {
        Json::Null => out.write_all(&[op::NONE]),
        Json::Bool(true) => out.write_all(&[op::NEWTRUE]),
        Json::Bool(false) => out.write_all(&[op::NEWFALSE]),
        Json::Number(number) => {
            if let Some(number) = number.as_i64() {
                signed(out, number)
            } else if let Some(number) = number.as_u64() {
                unsigned(out, number)
            } else {
                out.write_all(&[op::BINFLOAT])?;
                out.write_all(&number.as_f64().unwrap_or(f64::NAN).to_be_bytes())
            }
        }
        Json::String(string) => text(out, string),
        Json::Array(items) => {
            not_too_deep(depth)?;
            out.write_all(&[op::EMPTY_LIST])?;
            for batch in items.chunks(BATCH as usize) {
                out.write_all(&[op::MARK])?;
                for item in batch {
                    json(out, item, depth + 1)?;
                }
                out.write_all(&[op::APPENDS])?;
            }
            Ok(())
        }
        Json::Object(map) => object(out, map, depth),
    }
}

/// A dict that lies `depth` deep.
pub(crate) fn object(out: &mut impl Write, map: &Map<String, Json>, depth: u32) -> io::Result<()> {
    not_too_deep(depth)?;
    out.write_all(&[op::EMPTY_DICT])?;
    let mut entries = map.iter().peekable();
    while entries.peek().is_some() {
        out.write_all(&[op::MARK])?;
        for (key, value) in entries.by_ref().take(BATCH as usize) {
            text(out, key)?;
            json(out, value, depth + 1)?;
        }
        out.write_all(&[op::SETITEMS])?;
    }
    Ok(())
}

/// What is deeper, [`Docstore::read`](crate::Docstore::read) would refuse; and each level is one
/// of recursion here.
fn not_too_deep(depth: u32) -> io::Result<()> {
    if depth <= MAX_DEPTH {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "the metadata's arrays and objects lie too deep in each other: flatten them",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arena::Value;
    use crate::machine;

    #[test]
    fn numbers_come_back_as_they_went() {
        for number in [
            0,
            255,
            256,
            65_535,
            65_536,
            i64::from(i32::MAX),
            1 << 31,
            i64::MAX,
            -1,
            i64::from(i32::MIN),
            i64::from(i32::MIN) - 1,
            i64::MIN,
        ] {
            let bytes = pickled(&number.into());
            assert_eq!(machine::run(&bytes).unwrap().0, Value::Int(number));
        }
        for number in [1 << 63, u64::MAX] {
            let bytes = pickled(&number.into());
            assert_eq!(machine::run(&bytes).unwrap().0, Value::BigInt(number));
        }
        let bytes = pickled(&(-1.5e300).into());
        assert_eq!(machine::run(&bytes).unwrap().0, Value::Float(-1.5e300));
    }

    #[test]
    fn texts_of_all_lengths_come_back() {
        for length in [0, 1, 255, 256, 70_000] {
            let string = "é".repeat(length / 2) + &"x".repeat(length % 2);
            let bytes = pickled(&Json::from(string.as_str()));
            assert_eq!(machine::run(&bytes).unwrap().0, Value::Text(&string));
        }
    }

    fn pickled(value: &Json) -> Vec<u8> {
        let mut bytes = vec![op::PROTO, 4];
        json(&mut bytes, value, 0).unwrap();
        bytes.push(op::STOP);
        bytes
    }
}
