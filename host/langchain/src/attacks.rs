//! Pickles that were made to do harm.

use crate::Docstore;
use crate::fixtures::{pickle, with_field, with_metadata};

fn refusal(bytes: &[u8]) -> String {
    Docstore::read(bytes).unwrap_err().to_string()
}

#[test]
fn nothing_is_called() {
    for (instructions, says) in [
        (
            b"cos\nsystem\n\x8c\x02id\x85R.".as_slice(),
            "\"os\".\"system\" at byte 2",
        ),
        (
            b"\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.",
            "\"posix\".\"system\" at byte 17",
        ),
        (b"cbuiltins\neval\n\x8c\x011\x85R.", "\"builtins\".\"eval\""),
        (b"c__builtin__\neval\n\x8c\x011\x85R.", "\"eval\""),
        (b"cbuiltins\ngetattr\ncos\nsystem\n.", "\"getattr\""),
        (b"csubprocess\nPopen\n).", "\"Popen\""),
        (b"ccopyreg\n_reconstructor\n.", "\"_reconstructor\""),
        (b"(S'id'\nios\nsystem\n.", "STRING"),
        (b"(\x8c\x02idios\nsystem\n.", "the opcode INST at byte 7"),
        (b"(cbuiltins\nset\n]o.", "OBJ"),
        (b"P1\n.", "PERSID"),
        (b"\x8c\x011Q.", "BINPERSID"),
        (b"\x82\x01.", "EXT1"),
        (b"\x83\x01\x00.", "EXT2"),
        (b"\x84\x01\x00\x00\x00.", "EXT4"),
        (b"clangchain.schema\nDocument\n)}\x92.", "NEWOBJ_EX"),
        (b"clangchain.schema\nDocument\n)R.", "calls a class"),
        (b"clangchain.schema\nDocument\n]\x85R.", "calls a class"),
        (b"cbuiltins\nset\n\x8c\x01a\x85R.", "calls a class"),
        (b"cbuiltins\nset\n)R.", "calls a class"),
        (b"cbuiltins\nset\n)\x81.", "makes an object"),
        (
            b"clangchain.schema\nDocument\n\x8c\x01a\x85\x81.",
            "makes an object",
        ),
        (b"}}b.", "gives a state"),
        (b"cbuiltins\nset\n]\x85R}b.", "gives a state"),
        (b"clangchain.schema\nDocument\n}b.", "gives a state"),
        (b"clangchain.schema\nDocument\n)\x81}b}b.", "gives a state"),
    ] {
        let text = refusal(&pickle(&[instructions]));
        assert!(text.contains(says), "{says}: {text}");
    }
}

#[test]
fn names_are_whole_lines() {
    for (instructions, says) in [
        (
            b"c langchain.schema\nDocument\n.".as_slice(),
            "\" langchain.schema\"",
        ),
        (
            b"clangchain.schema\r\nDocument\n.",
            "\"langchain.schema\\r\"",
        ),
        (b"clangchain.schema\nDocument\r\n.", "\"Document\\r\""),
        (
            b"clangchain.schema\n\nDocument\n.",
            "\"langchain.schema\".\"\"",
        ),
        (b"clangchain.schema Document\nos\nsystem\n.", "\"os\""),
        (
            b"\x8c\x11langchain.schema\n\x8c\x08Document\x93.",
            "\"langchain.schema\\n\"",
        ),
        (
            b"\x8c\x10langchain.schema\x8c\x11Document.__init__\x93.",
            "__init__",
        ),
        (b"clangchain.schema\nDocument", "cut short"),
        (b"K\x01K\x02\x93.", "name is not a text"),
    ] {
        let text = refusal(&pickle(&[instructions]));
        assert!(text.contains(says), "{says}: {text}");
    }
}

#[test]
fn other_protocols_are_refused() {
    for (bytes, says) in [
        (b"".as_slice(), "empty file"),
        (b"(dp0\n.", "protocol 0 or 1"),
        (b"\x80\x01}.", "protocol 1"),
        (b"\x80\x06}.", "protocol 6"),
        (b"\x80", "another kind"),
        (b"\x80\x04\x80\x04}.", "PROTO"),
        (b"PK\x03\x04", "another kind"),
    ] {
        let text = refusal(bytes);
        assert!(text.contains(says), "{says}: {text}");
    }
}

#[test]
fn a_stated_length_is_not_believed() {
    for instructions in [
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff.".as_slice(),
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.",
        b"X\xff\xff\xff\xff.",
        b"\x8c\xff.",
        b"\x8b\xff\xff\xff\x7f.",
        b"\x8b\xff\xff\xff\xff.",
        b"\x8a\xff.",
        b"\x95\xff\xff\xff\xff\xff\xff\xff\xff.",
        b"G\x00",
        b"J\x00",
        b"",
    ] {
        let text = refusal(&pickle(&[instructions]));
        assert!(text.contains("cut short"), "{text}");
    }
    for instructions in [
        b"Nr\xff\xff\xff\xff.".as_slice(),
        b"Nr\x01\x00\x00\x00.",
        b"Nq\x01.",
        b"Nj\xff\xff\xff\xff.",
        b"Nh\x00.",
        b"Nq\x00q\x00.",
    ] {
        let text = refusal(&pickle(&[instructions]));
        assert!(text.contains("the memo"), "{text}");
    }
}

#[test]
fn nothing_holds_itself() {
    for instructions in [
        // A list, a dict, a tuple within its list, and a document in its own state.
        b"]\x94h\x00a".as_slice(),
        b"}\x94\x8c\x01ah\x00s",
        b"]\x94]\x94h\x00ah\x01a",
        b"]\x94h\x00\x85a",
        b"clangchain.schema\nDocument\n)\x81\x94}\x8c\x01ah\x00sb",
        // Filled after it was given away.
        b"]\x94\x85h\x00K\x01a\x86",
    ] {
        let text = refusal(&with_metadata(instructions));
        assert!(text.contains("holds itself"), "{text}");
    }
}

#[test]
fn depth_is_bounded() {
    let text = refusal(&with_metadata(
        &[b"]".repeat(100_000), b"a".repeat(99_999)].concat(),
    ));
    assert!(text.contains("deep"), "{text}");
    let text = refusal(&with_metadata(
        &[b"N".as_slice(), &b"\x85".repeat(100_000)].concat(),
    ));
    assert!(text.contains("deep"), "{text}");
    let text = refusal(&with_metadata(&b"(".repeat(1_000_000)));
    assert!(text.contains("fills what is no such container"), "{text}");
}

/// `levels` lists of ten, each holding the one before ten times.
fn laughs(levels: usize) -> Vec<u8> {
    let mut instructions = b"\x8c\x03lol\x94".to_vec();
    for level in 0..levels {
        let get = [b'h', u8::try_from(level).unwrap()];
        instructions.extend([b"](".as_slice(), &get.repeat(10), b"e\x94"].concat());
    }
    // All of them in one list.
    [b"](".as_slice(), &instructions, b"e"].concat()
}

#[test]
fn a_billion_laughs_are_counted() {
    for levels in [7, 9, 20, 100] {
        let text = refusal(&with_metadata(&laughs(levels)));
        assert!(text.contains("more than 64 MB"), "{levels}: {text}");
    }
    // Shared a little, as by LangChain's text splitters.
    let bytes = with_metadata(&laughs(3));
    let document = Docstore::read(&bytes).unwrap().document(0).unwrap();
    assert_eq!(document.metadata["m"][3][0][0][0], "lol");
}

/// Looking at a million fields for each of a million documents would take hours.
#[test]
fn one_long_state_for_many_documents_is_refused_at_once() {
    const MANY: usize = 1_000_000;
    let ids: Vec<u8> = (1..MANY)
        .flat_map(|id| format!("\x08{id:08}").into_bytes())
        .collect();
    let others: Vec<u8> = ids
        .chunks(9)
        .flat_map(|id| [b"\x8c", id, b"h\x00)\x81h\x01b"].concat())
        .collect();
    let bytes = pickle(&[
        b"clangchain.docstore.in_memory\nInMemoryDocstore\n)\x81}\x8c\x05_dict}(",
        b"\x8c\x01xclangchain.schema\nDocument\n\x94)\x81}\x94(",
        &b"\x8c\x08__dict__}".repeat(MANY),
        b"ub",
        &others,
        b"usb}\x86.",
    ]);
    let text = refusal(&bytes);
    assert!(text.contains("\"x\": its state is not"), "{text}");
}

#[test]
fn metadata_is_plain() {
    for (instructions, says) in [
        (b"C\x01a".as_slice(), "SHORT_BINBYTES"),
        (b"B\x01\x00\x00\x00a", "BINBYTES"),
        (b"\x96\x01\x00\x00\x00\x00\x00\x00\x00a", "BYTEARRAY8"),
        (b"(\x91", "FROZENSET"),
        (b"\x8f", "holds a set"),
        (b"]\x8fa", "holds a set"),
        (b"clangchain.schema\nDocument\n", "holds a class"),
        (
            b"clangchain.schema\nDocument\n)\x81",
            "an object of LangChain",
        ),
        (b"}K\x01Ns", "key is not a string"),
        (
            b"\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01",
            "not within -2^63",
        ),
        (
            b"\x8a\x09\xff\xff\xff\xff\xff\xff\xff\x7f\xff",
            "not within -2^63",
        ),
        (b"G\x7f\xf8\x00\x00\x00\x00\x00\x00", "JSON has no NaN"),
        (b"G\x7f\xf0\x00\x00\x00\x00\x00\x00", "JSON has no inf"),
        (b"\x8c\x03\xed\xa0\x80", "surrogate"),
        (b"cdatetime\ndatetime\n", "isoformat"),
        (b"cnumpy._core.multiarray\nscalar\n", ".item()"),
        (b"ccollections\nOrderedDict\n", "dict()"),
    ] {
        let text = refusal(&with_metadata(instructions));
        assert!(text.contains(says), "{says}: {text}");
        assert!(text.contains("sav"), "{text}");
    }
}

#[test]
fn documents_have_their_fields() {
    assert!(Docstore::read(&with_field(b"")).is_ok());
    for (instructions, says) in [
        (b"\x8c\x08metadata]s".as_slice(), "metadata is not a dict"),
        (
            b"\x8c\x08metadataNs",
            "metadata has a value of another type",
        ),
        (b"\x8c\x08metadata}K\x01Nss", "key is not a string"),
        (b"\x8c\x02idK\x01s", "id has a value"),
        (b"\x8c\x0cpage_contentNs", "page_content has a value"),
        (b"\x8c\x05otherNs", "\"other\" is unknown"),
        (b"K\x01Ns", "state is not"),
    ] {
        let text = refusal(&with_field(instructions));
        assert!(text.contains(says), "{says}: {text}");
        assert!(text.contains("document \"a\""), "{text}");
    }
}

#[test]
fn the_stack_holds_what_is_taken_from_it() {
    for instructions in [
        b".".as_slice(),
        b"\x94.",
        b"a.",
        b"s.",
        b"e.",
        b"u.",
        b"t.",
        b"\x85.",
        b"N\x86.",
        b"NN\x87.",
        b"\x93.",
        b"R.",
        b"\x81.",
        b"b.",
        b"](a.",
        b"]N(a.",
        b"}NN(s.",
        b"}(Nu.",
        b"](N\x94(e.",
        b"NN.",
        b"(N.",
        b"N.N",
        b"}Na.",
        b"NNa.",
        b"N(Ne.",
        b"](N\x90.",
    ] {
        let text = refusal(&pickle(&[instructions]));
        assert!(text.contains("malformed"), "{instructions:?}: {text}");
    }
}
