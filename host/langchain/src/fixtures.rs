//! Pickles for the tests: LangChain's own, and ones made by hand.

use serde_json::json;

use crate::{Docstore, Document};

/// What `tests/data/make.py` wrote with LangChain's versions.
pub(crate) const REAL: [&[u8]; 8] = [
    include_bytes!("../tests/data/community-0.4.2.pkl"),
    include_bytes!("../tests/data/community-0.4.2-2.pkl"),
    include_bytes!("../tests/data/community-0.4.2-3.pkl"),
    include_bytes!("../tests/data/community-0.4.2-5.pkl"),
    include_bytes!("../tests/data/community-0.2.19.pkl"),
    include_bytes!("../tests/data/langchain-0.0.330.pkl"),
    include_bytes!("../tests/data/langchain-0.0.150.pkl"),
    include_bytes!("../tests/data/langchain-0.0.100.pkl"),
];

/// The instructions that make a store of the documents `a` with the text `A`, and `b` with `B`.
pub(crate) const STORE_OF_A_AND_B: &[u8] = b"\
    clangchain.docstore.in_memory\nInMemoryDocstore\n)\x81}\x8c\x05_dict}(\
    \x8c\x01aclangchain.schema\nDocument\n)\x81}\x8c\x08__dict__}\x8c\x0cpage_content\x8c\x01Assb\
    \x8c\x01bclangchain.schema\nDocument\n)\x81}\x8c\x08__dict__}\x8c\x0cpage_content\x8c\x01Bssb\
    usb";

/// A pickle of these instructions.
pub(crate) fn pickle(parts: &[&[u8]]) -> Vec<u8> {
    [b"\x80\x04".as_slice(), &parts.concat()].concat()
}

/// A store with one document, in whose metadata `m` is what the instructions make.
pub(crate) fn with_metadata(instructions: &[u8]) -> Vec<u8> {
    with_field(&[b"\x8c\x08metadata}\x8c\x01m", instructions, b"ss"].concat())
}

/// A store with one document, whose fields the instructions fill.
pub(crate) fn with_field(instructions: &[u8]) -> Vec<u8> {
    pickle(&[
        b"clangchain.docstore.in_memory\nInMemoryDocstore\n)\x81}\x8c\x05_dict}\x8c\x01a",
        b"clangchain.schema\nDocument\n)\x81}\x8c\x08__dict__}\x8c\x0cpage_content\x8c\x01As",
        instructions,
        b"sbssb}K\x00\x8c\x01as\x86.",
    ])
}

#[test]
fn the_stores_of_all_versions_are_read() {
    let source = format!("folder/{}", "x".repeat(300));
    let expected = [
        (
            "apple".to_owned(),
            json!({
                "none": null,
                "yes": true,
                "no": false,
                "integers": [0, 255, 65_536, -1, 1_i64 << 31, i64::MIN, u64::MAX],
                "floats": [1.5, -0.0],
                "tuples": [[], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4]],
                "dict": {"empty": {}, "inner": {"a": "b"}},
                "many": (0..1_001).collect::<Vec<_>>(),
            }),
        ),
        (
            "naïve 😀".to_owned(),
            json!({"source": source, "page": 70_000}),
        ),
        (String::new(), json!({"source": source, "page": 70_000})),
        ("x".repeat(300), json!({"source": source})),
    ];
    for (file, bytes) in REAL.iter().enumerate() {
        let store = Docstore::read(bytes).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(store.rows(), 4);
        for (row, (text, metadata)) in (0..).zip(&expected) {
            let Document {
                id,
                page_content,
                metadata: found,
            } = store.document(row).unwrap();
            assert_eq!(&page_content, text);
            assert_eq!(&serde_json::Value::Object(found), metadata);
            // LangChain gives documents an id of their own since 0.3.
            assert_eq!(id.as_deref(), store.id(row).filter(|_| file < 4));
        }
    }
}
