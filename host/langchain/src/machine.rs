//! Runs the instructions of a pickle over plain values.

mod combine;

use crate::arena::{Arena, Kind, Value};
use crate::classes;
use crate::error::{PLAIN, PickleError, SAVE_AGAIN};
use crate::input::Input;
use crate::opcode as op;

/// The value that the pickle in `bytes` makes, and the containers in it.
pub(crate) fn run(bytes: &[u8]) -> Result<(Value<'_>, Arena<'_>), PickleError> {
    let mut machine = Machine {
        input: Input::new(bytes),
        arena: Arena::default(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
    };
    machine.protocol()?;
    let value = machine.steps()?;
    Ok((value, machine.arena))
}

struct Machine<'a> {
    input: Input<'a>,
    arena: Arena<'a>,
    stack: Vec<Value<'a>>,
    /// Heights of the stack at which lists of items begin.
    marks: Vec<usize>,
    memo: Vec<Value<'a>>,
}

impl<'a> Machine<'a> {
    fn protocol(&mut self) -> Result<(), PickleError> {
        let found = match (self.input.opcode(), self.input.opcode()) {
            (Ok(op::PROTO), Ok(2..=5)) => return Ok(()),
            (Ok(op::PROTO), Ok(version)) => format!("this is a pickle of protocol {version}"),
            (Ok(_), _) => "this is a file of another kind, or a pickle of protocol 0 or 1".into(),
            _ => "this is an empty file".into(),
        };
        Err(PickleError::Protocol { found })
    }

    fn steps(&mut self) -> Result<Value<'a>, PickleError> {
        loop {
            let code = self.input.opcode()?;
            if code == op::STOP {
                return self.stop();
            }
            if let Some(value) = self.made(code)? {
                self.stack.push(value);
            } else {
                self.combine(code)?;
            }
        }
    }

    fn stop(&mut self) -> Result<Value<'a>, PickleError> {
        match (
            self.stack.as_slice(),
            self.marks.as_slice(),
            self.input.left(),
        ) {
            ([value], [], 0) => Ok(*value),
            ([_], [], _) => Err(self.malformed("more follows the pickle's end")),
            _ => Err(self.malformed("it ends with values left over")),
        }
    }

    /// The value that an instruction makes from the file alone, if it is one of those.
    fn made(&mut self, code: u8) -> Result<Option<Value<'a>>, PickleError> {
        Ok(Some(match code {
            op::NONE => Value::None,
            op::NEWTRUE => Value::Bool(true),
            op::NEWFALSE => Value::Bool(false),
            op::BININT => Value::Int(i32::from_le_bytes(self.input.array()?).into()),
            op::BININT1 => Value::Int(u8::from_le_bytes(self.input.array()?).into()),
            op::BININT2 => Value::Int(u16::from_le_bytes(self.input.array()?).into()),
            op::LONG1 => {
                let length = self.input.number::<1>()?;
                self.long(length)?
            }
            op::LONG4 => {
                let length = self.input.number::<4>()?;
                self.long(length)?
            }
            op::BINFLOAT => Value::Float(f64::from_be_bytes(self.input.array()?)),
            op::SHORT_BINUNICODE => {
                let length = self.input.number::<1>()?;
                Value::Text(self.input.text(length)?)
            }
            op::BINUNICODE => {
                let length = self.input.number::<4>()?;
                Value::Text(self.input.text(length)?)
            }
            op::BINUNICODE8 => {
                let length = self.input.number::<8>()?;
                Value::Text(self.input.text(length)?)
            }
            op::EMPTY_LIST => self.container(Kind::List)?,
            op::EMPTY_TUPLE => self.container(Kind::Tuple)?,
            op::EMPTY_DICT => self.container(Kind::Dict)?,
            op::EMPTY_SET => self.container(Kind::Set)?,
            op::GLOBAL => {
                let (module, name) = (self.input.line()?, self.input.line()?);
                Value::Class(classes::class(module, name, self.input.instruction)?)
            }
            op::BINGET => {
                let number = self.input.number::<1>()?;
                self.remembered(number)?
            }
            op::LONG_BINGET => {
                let number = self.input.number::<4>()?;
                self.remembered(number)?
            }
            _ => return Ok(None),
        }))
    }

    /// Carries out an instruction on what has been made before.
    fn combine(&mut self, code: u8) -> Result<(), PickleError> {
        match code {
            op::FRAME => {
                // Frames tell a reader how much to fetch at once; the whole file is here.
                if self.input.number::<8>()? > self.input.left() as u64 {
                    return Err(PickleError::Truncated {
                        offset: self.input.instruction,
                    });
                }
                Ok(())
            }
            op::MARK => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            op::APPEND => self.fill(Kind::List, 1),
            op::SETITEM => self.fill(Kind::Dict, 2),
            op::APPENDS => self.fill_from_mark(Kind::List),
            op::SETITEMS => self.fill_from_mark(Kind::Dict),
            op::ADDITEMS => self.fill_from_mark(Kind::Set),
            op::TUPLE1 => self.tuple(1),
            op::TUPLE2 => self.tuple(2),
            op::TUPLE3 => self.tuple(3),
            op::TUPLE => {
                let count = self.unmark()?;
                self.tuple(count)
            }
            op::STACK_GLOBAL => self.stack_global(),
            op::NEWOBJ => self.new_object(),
            op::REDUCE => self.reduce(),
            op::BUILD => self.build(),
            op::MEMOIZE => self.remember(self.memo.len() as u64),
            op::BINPUT => {
                let number = self.input.number::<1>()?;
                self.remember(number)
            }
            op::LONG_BINPUT => {
                let number = self.input.number::<4>()?;
                self.remember(number)
            }
            _ => Err(self.refused(code)),
        }
    }

    fn refused(&self, code: u8) -> PickleError {
        PickleError::Opcode {
            offset: self.input.instruction,
            name: op::name(code),
            advice: if op::makes_bytes_or_frozen_set(code) {
                format!(
                    "bytes and sets are no metadata: {PLAIN}. Change it and save the store again"
                )
            } else {
                format!("LangChain's stores do not hold it; {SAVE_AGAIN}")
            },
        }
    }

    fn malformed(&self, what: &str) -> PickleError {
        PickleError::malformed(self.input.instruction, what)
    }

    /// An integer of any length: little-endian, in two's complement.
    fn long(&mut self, length: u64) -> Result<Value<'a>, PickleError> {
        let bytes = self.input.take(length)?;
        let negative = bytes.last().is_some_and(|last| *last >= 0x80);
        let fill = if negative { 0xff } else { 0 };
        let mut low = [fill; 8];
        let mut rest = bytes.iter();
        for (to, from) in low.iter_mut().zip(&mut rest) {
            *to = *from;
        }
        let fits = rest.all(|byte| *byte == fill);
        match (fits, i64::from_le_bytes(low)) {
            (true, number) if (number < 0) == negative => Ok(Value::Int(number)),
            (true, number) if !negative => Ok(Value::BigInt(number.cast_unsigned())),
            _ => Err(self.malformed(
                "an integer is not within -2^63 to 2^64-1: make it a float or a string and save \
                 the store again",
            )),
        }
    }

    fn container(&mut self, kind: Kind) -> Result<Value<'a>, PickleError> {
        self.arena
            .node(kind, self.input.instruction)
            .map(Value::Node)
    }
}
