//! LangChain's pickles.

use dayfly_langchain::{Docstore, Document, MAX_DOCUMENT_BYTES, Writer};
use serde_json::json;

use super::MIB;
use crate::{Seed, Target};

pub const TARGET: Target = Target {
    name: "pickle",
    run,
    // A document may take so much, and is there twice.
    most_bytes: 3 * MAX_DOCUMENT_BYTES as usize + 32 * MIB,
    seeds,
};

/// All documents of a file may take much more than the file, which may hold what they share once.
const ROWS: u64 = 16;

/// What is read is written, and read again as it was.
fn run(bytes: &[u8]) {
    let store = match Docstore::read(bytes) {
        Ok(store) => store,
        Err(error) => {
            assert!(error.to_string().len() < 1_500, "{error}");
            return;
        }
    };
    let rows = store.rows().min(ROWS);
    assert!(store.document(store.rows()).is_none());
    for row in 0..rows {
        let document = store.document(row).unwrap();
        let mut writer = Writer::new(Vec::new()).unwrap();
        writer
            .push(store.id(row).unwrap().to_owned(), &document)
            .unwrap();
        let written = writer.finish().unwrap();
        let again = Docstore::read(&written).unwrap();
        assert_eq!((again.rows(), again.id(0)), (1, store.id(row)));
        assert_eq!(again.document(0), Some(document));
    }
}

fn seeds() -> Vec<Seed> {
    let mut writer = Writer::new(Vec::new()).unwrap();
    for (id, text) in [("a", "A"), ("b", "naïve 😀"), ("c", "")] {
        let metadata = json!({"source": id, "n": [1, -2.5, null, {"deep": [[]]}], "big": u64::MAX});
        let document = Document {
            page_content: text.to_owned(),
            metadata: metadata.as_object().unwrap().clone(),
            id: (id == "b").then(|| id.to_owned()),
        };
        writer.push(id.to_owned(), &document).unwrap();
    }
    let empty = Writer::new(Vec::new()).unwrap().finish().unwrap();
    let shared = b"\x80\x04clangchain.docstore.in_memory\nInMemoryDocstore\n)\x81}\x8c\x05_dict}\
        \x8c\x01aclangchain.schema\nDocument\n)\x81}\x8c\x08__dict__}\
        \x8c\x0cpage_content\x8c\x01As\x8c\x08metadata}\x8c\x01m](K\x01K\x02ess\x94sbsb}K\x00\x8c\x01as\x86.";
    vec![
        Seed::new("written", writer.finish().unwrap()),
        Seed::new("empty", empty),
        Seed::new("by-hand", shared),
        // As LangChain's own versions write them.
        Seed::new(
            "community-0.4.2",
            include_bytes!("../../../host/langchain/tests/data/community-0.4.2.pkl"),
        ),
        Seed::new(
            "community-0.4.2-2",
            include_bytes!("../../../host/langchain/tests/data/community-0.4.2-2.pkl"),
        ),
        Seed::new(
            "langchain-0.0.100",
            include_bytes!("../../../host/langchain/tests/data/langchain-0.0.100.pkl"),
        ),
    ]
}
