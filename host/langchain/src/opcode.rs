//! Pickle's opcodes, with the names that Python's `pickletools` gives them.

macro_rules! opcodes {
    ($($name:ident = $code:literal,)*) => {
        $(pub(crate) const $name: u8 = $code;)*

        /// The name of an opcode, or its number where it has none.
        pub(crate) fn name(code: u8) -> String {
            match code {
                $($name => stringify!($name).to_owned(),)*
                _ => other(code).map_or_else(|| format!("{code:#04x}"), str::to_owned),
            }
        }
    };
}

// Those that Python writes for LangChain's document store in the protocols 2 to 5.
opcodes! {
    PROTO = 0x80,
    FRAME = 0x95,
    STOP = b'.',
    MARK = b'(',
    NONE = b'N',
    NEWTRUE = 0x88,
    NEWFALSE = 0x89,
    BININT = b'J',
    BININT1 = b'K',
    BININT2 = b'M',
    LONG1 = 0x8a,
    LONG4 = 0x8b,
    BINFLOAT = b'G',
    SHORT_BINUNICODE = 0x8c,
    BINUNICODE = b'X',
    BINUNICODE8 = 0x8d,
    EMPTY_LIST = b']',
    APPEND = b'a',
    APPENDS = b'e',
    EMPTY_TUPLE = b')',
    TUPLE1 = 0x85,
    TUPLE2 = 0x86,
    TUPLE3 = 0x87,
    TUPLE = b't',
    EMPTY_DICT = b'}',
    SETITEM = b's',
    SETITEMS = b'u',
    EMPTY_SET = 0x8f,
    ADDITEMS = 0x90,
    GLOBAL = b'c',
    STACK_GLOBAL = 0x93,
    NEWOBJ = 0x81,
    REDUCE = b'R',
    BUILD = b'b',
    BINPUT = b'q',
    LONG_BINPUT = b'r',
    MEMOIZE = 0x94,
    BINGET = b'h',
    LONG_BINGET = b'j',
}

/// The names of those that are refused, for the message.
fn other(code: u8) -> Option<&'static str> {
    Some(match code {
        b'0' => "POP",
        b'1' => "POP_MARK",
        b'2' => "DUP",
        b'I' => "INT",
        b'L' => "LONG",
        b'F' => "FLOAT",
        b'S' => "STRING",
        b'T' => "BINSTRING",
        b'U' => "SHORT_BINSTRING",
        b'V' => "UNICODE",
        b'B' => "BINBYTES",
        b'C' => "SHORT_BINBYTES",
        0x8e => "BINBYTES8",
        0x96 => "BYTEARRAY8",
        0x97 => "NEXT_BUFFER",
        0x98 => "READONLY_BUFFER",
        b'l' => "LIST",
        b'd' => "DICT",
        0x91 => "FROZENSET",
        b'p' => "PUT",
        b'g' => "GET",
        b'P' => "PERSID",
        b'Q' => "BINPERSID",
        0x82 => "EXT1",
        0x83 => "EXT2",
        0x84 => "EXT4",
        b'i' => "INST",
        b'o' => "OBJ",
        0x92 => "NEWOBJ_EX",
        _ => return None,
    })
}

/// Whether an opcode makes a value that Python has and JSON has not.
pub(crate) fn makes_bytes_or_frozen_set(code: u8) -> bool {
    matches!(
        code,
        b'T' | b'U' | b'S' | b'B' | b'C' | 0x8e | 0x96..=0x98 | 0x91
    )
}
