//! Writes an `index.pkl` for the current LangChain.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::io::{self, BufWriter, Write};

use crate::model::Document;
use crate::opcode as op;
use crate::put;

/// The protocol that Python 3.8 to 3.13 writes unless told otherwise.
const PROTOCOL: u8 = 4;

/// How deep a document's metadata lies: below the pair of store and rows, the store, its state,
/// the dict of documents, the document, its state and its fields.
const METADATA_DEPTH: u32 = 8;

// The texts that every document names stand in the first one and are taken from the memo
// afterwards. The memo's numbers follow the order in which they stand there, after the id of the
// first document, which has number 0.
const TYPE_NAME: u32 = 1;
const CLASS: u32 = 2;
const DICT: u32 = 3;
const ID: u32 = 4;
const METADATA: u32 = 5;
const PAGE_CONTENT: u32 = 6;
const TYPE: u32 = 7;
const EXTRA: u32 = 8;
const FIELDS_SET: u32 = 9;
const PRIVATE: u32 = 10;

/// Writes an `index.pkl` document by document, in the order of the index's rows. Of what it has
/// written it keeps the ids only, so that none comes twice.
pub struct Writer<W: Write> {
    out: BufWriter<W>,
    ids: HashSet<String>,
}

/// Writes an `index.pkl` with these documents and their ids in the store, in the order of the
/// index's rows.
///
/// # Errors
///
/// Those of `out`, and those of [`Writer::push`].
pub fn write<D: Borrow<Document>>(
    documents: impl IntoIterator<Item = (String, D)>,
    out: impl Write,
) -> io::Result<()> {
    let mut writer = Writer::new(out)?;
    for (id, document) in documents {
        writer.push(id, document.borrow())?;
    }
    writer.finish().map(drop)
}

impl<W: Write> Writer<W> {
    /// Begins the file. `out` needs no buffer of its own.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn new(out: W) -> io::Result<Self> {
        let mut out = BufWriter::new(out);
        out.write_all(&[op::PROTO, PROTOCOL])?;
        put::text(&mut out, "langchain_community.docstore.in_memory")?;
        put::text(&mut out, "InMemoryDocstore")?;
        out.write_all(&[
            op::STACK_GLOBAL,
            op::EMPTY_TUPLE,
            op::NEWOBJ,
            op::EMPTY_DICT,
        ])?;
        put::text(&mut out, "_dict")?;
        out.write_all(&[op::EMPTY_DICT])?;
        Ok(Self {
            out,
            ids: HashSet::new(),
        })
    }

    /// Adds the document of the next row, under `id` in the store.
    ///
    /// # Errors
    ///
    /// Those of `out`, and [`io::ErrorKind::InvalidInput`], when the id has been there before or
    /// the metadata lies about 100 levels deep. What has been written is of no use then.
    pub fn push(&mut self, id: String, document: &Document) -> io::Result<()> {
        let row = self.ids.len() as u64;
        let number = id_number(row)?;
        if row.is_multiple_of(put::BATCH) {
            if row > 0 {
                self.out.write_all(&[op::SETITEMS])?;
            }
            self.out.write_all(&[op::MARK])?;
        }
        put::text(&mut self.out, &id)?;
        self.out.write_all(&[op::MEMOIZE])?;
        let shared_id = document.id.as_deref() == Some(id.as_str());
        self.document(document, row == 0, shared_id.then_some(number))?;
        if let Some(id) = self.ids.replace(id) {
            return Err(invalid(format!("two documents have the id {id:?}")));
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn finish(mut self) -> io::Result<W> {
        let rows = self.ids.len() as u64;
        if rows > 0 {
            self.out.write_all(&[op::SETITEMS])?;
        }
        self.out
            .write_all(&[op::SETITEM, op::BUILD, op::EMPTY_DICT])?;
        for row in 0..rows {
            if row.is_multiple_of(put::BATCH) {
                if row > 0 {
                    self.out.write_all(&[op::SETITEMS])?;
                }
                self.out.write_all(&[op::MARK])?;
            }
            put::unsigned(&mut self.out, row)?;
            put::get(&mut self.out, id_number(row)?)?;
        }
        if rows > 0 {
            self.out.write_all(&[op::SETITEMS])?;
        }
        self.out.write_all(&[op::TUPLE2, op::STOP])?;
        self.out
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
    }

    /// A document as pydantic pickles it. `first`: it is the first one. `id`: the memo's number of
    /// its id, if that is the one in the store.
    fn document(&mut self, document: &Document, first: bool, id: Option<u32>) -> io::Result<()> {
        let out = &mut self.out;
        let name = |out: &mut BufWriter<W>, number, text| {
            if first {
                put::text(out, text)?;
                out.write_all(&[op::MEMOIZE])
            } else {
                put::get(out, number)
            }
        };
        if first {
            put::text(out, "langchain_core.documents.base")?;
            name(out, TYPE_NAME, "Document")?;
            out.write_all(&[op::STACK_GLOBAL, op::MEMOIZE])?;
        } else {
            put::get(out, CLASS)?;
        }
        out.write_all(&[op::EMPTY_TUPLE, op::NEWOBJ, op::EMPTY_DICT, op::MARK])?;

        name(out, DICT, "__dict__")?;
        out.write_all(&[op::EMPTY_DICT, op::MARK])?;
        name(out, ID, "id")?;
        match (&document.id, id) {
            (_, Some(number)) => put::get(out, number)?,
            (Some(id), None) => put::text(out, id)?,
            (None, None) => out.write_all(&[op::NONE])?,
        }
        name(out, METADATA, "metadata")?;
        put::object(out, &document.metadata, METADATA_DEPTH)?;
        name(out, PAGE_CONTENT, "page_content")?;
        put::text(out, &document.page_content)?;
        name(out, TYPE, "type")?;
        put::get(out, TYPE_NAME)?;
        out.write_all(&[op::SETITEMS])?;

        name(out, EXTRA, "__pydantic_extra__")?;
        out.write_all(&[op::NONE])?;
        // Those fields that one would have given to make this document.
        name(out, FIELDS_SET, "__pydantic_fields_set__")?;
        out.write_all(&[op::EMPTY_SET, op::MARK])?;
        put::get(out, PAGE_CONTENT)?;
        put::get(out, METADATA)?;
        if document.id.is_some() {
            put::get(out, ID)?;
        }
        out.write_all(&[op::ADDITEMS])?;
        name(out, PRIVATE, "__pydantic_private__")?;
        out.write_all(&[op::NONE, op::SETITEMS, op::BUILD])
    }
}

/// The memo's number of a row's id.
fn id_number(row: u64) -> io::Result<u32> {
    match u32::try_from(row) {
        Ok(0) => Some(0),
        Ok(row) => row.checked_add(PRIVATE),
        Err(_) => None,
    }
    .ok_or_else(|| invalid("a pickle's memo holds 2^32 documents at most".into()))
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Docstore;
    use serde_json::{Value as Json, json};

    fn document(text: &str, metadata: Json) -> Document {
        Document {
            page_content: text.into(),
            metadata: metadata.as_object().unwrap().clone(),
            id: None,
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let rich = json!({
            "": null, "text": "naïve 😀\n", "yes": true, "no": false, "list": [1, [2.5, []], {}],
            "dict": {"a": {"b": -7}}, "least": i64::MIN, "most": u64::MAX,
        });
        let mut documents = vec![
            document("", json!({})),
            document(&"long ".repeat(20_000), rich),
            document("third", json!({"source": "x.txt"})),
        ];
        documents[1].id = Some("row 1".into());
        documents[2].id = Some("of its own".into());
        let bytes = written(&documents);
        let store = Docstore::read(&bytes).unwrap();
        assert_eq!(store.rows(), 3);
        for (row, document) in (0..).zip(&documents) {
            assert_eq!(store.id(row), Some(format!("row {row}").as_str()));
            assert_eq!(store.document(row).as_ref(), Some(document));
        }
    }

    #[test]
    fn many_documents_are_written_at_a_steady_cost() {
        let metadata = json!({"source": "a.txt", "long": (0..3_000).collect::<Vec<_>>()});
        let mut long = document("long", metadata);
        long.metadata
            .extend((0..2_500).map(|number| (number.to_string(), number.into())));
        let mut writer = Writer::new(Vec::new()).unwrap();
        writer.push("long".into(), &long).unwrap();
        let short = document("short", json!({"n": 1}));
        for row in 1..100_000 {
            writer.push(row.to_string(), &short).unwrap();
        }
        let bytes = writer.finish().unwrap();
        let store = Docstore::read(&bytes).unwrap();
        assert_eq!(store.rows(), 100_000);
        assert_eq!(store.document(0), Some(long));
        assert_eq!(store.document(99_999), Some(short));
        assert_eq!(store.id(99_999), Some("99999"));
        assert_eq!(store.document(100_000), None);
    }

    #[test]
    fn a_store_without_documents_is_one() {
        assert_eq!(Docstore::read(&written(&[])).unwrap().rows(), 0);
    }

    #[test]
    fn an_id_stands_for_one_document() {
        let mut writer = Writer::new(io::sink()).unwrap();
        writer.push("a".into(), &Document::default()).unwrap();
        let error = writer.push("a".into(), &Document::default()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn what_is_written_is_never_too_deep_to_be_read() {
        let mut deepest = Json::Null;
        let mut fits = 0;
        loop {
            let document = document("deep", json!({"deep": deepest}));
            let mut bytes = Vec::new();
            match write([("a".to_owned(), &document)], &mut bytes) {
                Ok(()) => assert_eq!(Docstore::read(&bytes).unwrap().document(0), Some(document)),
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
                    break;
                }
            }
            fits += 1;
            deepest = if fits % 2 == 0 {
                json!([deepest])
            } else {
                json!({"x": deepest})
            };
        }
        assert!(fits > 100, "{fits}");
    }

    fn written(documents: &[Document]) -> Vec<u8> {
        let named = (0..)
            .zip(documents)
            .map(|(row, d)| (format!("row {row}"), d));
        let mut bytes = Vec::new();
        write(named, &mut bytes).unwrap();
        bytes
    }
}
