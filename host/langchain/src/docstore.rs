//! The document store: documents by their ids, and the ids of the index's rows.

use std::collections::HashMap;

use crate::arena::{Arena, Kind, Node, Value};
use crate::classes::Class;
use crate::error::{PickleError, quoted};
use crate::machine;
use crate::metadata::{Checked, pairs};
use crate::model::{Document, Pickled, fields, state};

/// The documents of an `index.pkl`, all of them checked. Their texts and what they share stay
/// where they lie in the file's bytes until a document is asked for.
#[derive(Debug)]
pub struct Docstore<'a> {
    arena: Arena<'a>,
    /// Id and document of each row of the index.
    rows: Vec<(&'a str, Pickled<'a>)>,
}

impl<'a> Docstore<'a> {
    /// Reads the bytes of an `index.pkl`, and runs nothing that stands in them.
    ///
    /// The memory that this takes grows with the number of values in the file and not with the
    /// length of its texts. A file made for that takes about a hundred times its size.
    ///
    /// # Errors
    ///
    /// [`PickleError`], when they are anything but what LangChain's `FAISS.save_local` writes, or
    /// hold metadata that is not JSON.
    pub fn read(bytes: &'a [u8]) -> Result<Self, PickleError> {
        let (value, arena) = machine::run(bytes)?;
        let saved = arena.container(value).filter(|n| n.kind == Kind::Tuple);
        let Some([store, ids]) = saved.map(|saved| saved.items.as_slice()) else {
            return Err(PickleError::structure(
                "it does not hold a document store and the rows' document ids",
            ));
        };
        let documents = documents(&arena, *store)?;
        let ids = arena
            .container(*ids)
            .filter(|ids| ids.kind == Kind::Dict)
            .ok_or_else(|| PickleError::structure("index_to_docstore_id is not a dict"))?;
        let rows = rows(ids)?
            .into_iter()
            .zip(0..)
            .map(|(id, row)| match documents.get(id) {
                Some(document) => Ok((id, *document)),
                None => Err(PickleError::Row {
                    row,
                    what: format!("the store does not have its document {}", quoted(id)),
                }),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { arena, rows })
    }

    /// How many rows the index has, by this file: they are numbered from 0 without a gap.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows.len() as u64
    }

    /// The document of a row of the index. It takes about [`MAX_DOCUMENT_BYTES`] at most; all
    /// documents together can take much more than the file, which may hold what they share once.
    ///
    /// [`MAX_DOCUMENT_BYTES`]: crate::MAX_DOCUMENT_BYTES
    #[must_use]
    pub fn document(&self, row: u64) -> Option<Document> {
        let (_, document) = self.row(row)?;
        Some(document.document(&self.arena))
    }

    /// The id under which the store has the document of a row.
    #[must_use]
    pub fn id(&self, row: u64) -> Option<&'a str> {
        self.row(row).map(|(id, _)| *id)
    }

    fn row(&self, row: u64) -> Option<&(&'a str, Pickled<'a>)> {
        self.rows.get(usize::try_from(row).ok()?)
    }
}

fn documents<'a>(
    arena: &Arena<'a>,
    store: Value<'a>,
) -> Result<HashMap<&'a str, Pickled<'a>>, PickleError> {
    let state = state(arena, store, Class::Docstore)
        .ok_or_else(|| PickleError::structure("its document store is not an InMemoryDocstore"))?;
    let mut fields = fields(state).map_err(PickleError::structure)?;
    let by_id = match (fields.next(), fields.next()) {
        (Some(("_dict", by_id)), None) => arena.container(by_id),
        _ => None,
    };
    let by_id = by_id
        .filter(|by_id| by_id.kind == Kind::Dict)
        .ok_or_else(|| PickleError::structure("its InMemoryDocstore has not one dict"))?;
    let mut checked = Checked::new(arena);
    pairs(&by_id.items)
        .map(|(id, document)| {
            let Value::Text(id) = id else {
                return Err(PickleError::structure(
                    "the id of a document is not a string: give strings as ids and save it again",
                ));
            };
            Pickled::parse(arena, &mut checked, document)
                .map(|document| (id, document))
                .map_err(|what| PickleError::Document {
                    id: quoted(id),
                    what,
                })
        })
        .collect()
}

/// The ids in the order of their rows.
fn rows<'a>(ids: &Node<'a>) -> Result<Vec<&'a str>, PickleError> {
    let count = ids.items.len() / 2;
    let mut rows = vec![None; count];
    for (row, id) in pairs(&ids.items) {
        let (Value::Int(row), Value::Text(id)) = (row, id) else {
            return Err(PickleError::structure(
                "index_to_docstore_id has more than integers as its keys and strings as its values",
            ));
        };
        let place = usize::try_from(row).ok().and_then(|row| rows.get_mut(row));
        match place {
            Some(place @ None) => *place = Some(id),
            Some(Some(_)) => {
                return Err(PickleError::structure(format!(
                    "index_to_docstore_id has row {row} twice"
                )));
            }
            None => {
                return Err(PickleError::structure(format!(
                    "index_to_docstore_id has {count} rows, and among them number {row}: they are \
                     not 0, 1, 2 and so on. Make the store anew with FAISS.from_documents"
                )));
            }
        }
    }
    // As many keys as places, each within them and none twice: no place is empty.
    Ok(rows.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{self, pickle};

    /// A store with the documents "a" and "b", and rows as given.
    fn rows_of(rows: &[u8]) -> Result<Vec<String>, PickleError> {
        let bytes = pickle(&[fixtures::STORE_OF_A_AND_B, b"}(", rows, b"u\x86."]);
        let store = Docstore::read(&bytes)?;
        Ok((0..store.rows())
            .map(|row| store.document(row).unwrap().page_content)
            .collect())
    }

    #[test]
    fn rows_are_in_the_order_of_their_numbers() {
        assert_eq!(
            rows_of(b"K\x00\x8c\x01bK\x01\x8c\x01a").unwrap(),
            ["B", "A"]
        );
        assert_eq!(
            rows_of(b"K\x01\x8c\x01bK\x00\x8c\x01a").unwrap(),
            ["A", "B"]
        );
        assert_eq!(
            rows_of(b"K\x00\x8c\x01bK\x01\x8c\x01b").unwrap(),
            ["B", "B"]
        );
        assert!(rows_of(b"").unwrap().is_empty());
    }

    #[test]
    fn rows_that_do_not_fit_are_refused() {
        for (rows, says) in [
            (b"K\x00\x8c\x01aK\x02\x8c\x01b".as_slice(), "number 2"),
            (b"K\x01\x8c\x01a", "number 1"),
            (b"J\xff\xff\xff\xff\x8c\x01a", "number -1"),
            (b"K\x00\x8c\x01aK\x00\x8c\x01b", "row 0 twice"),
            (b"K\x00\x8c\x01c", "does not have its document \"c\""),
            (b"\x8c\x010\x8c\x01a", "more than integers"),
            (b"K\x00K\x00", "more than integers"),
        ] {
            let error = rows_of(rows).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn what_is_not_a_store_is_refused() {
        for bytes in [
            b"\x80\x04N.".as_slice(),
            b"\x80\x04)}\x86.",
            b"\x80\x04}}\x86.",
            b"\x80\x04clangchain.docstore.in_memory\nInMemoryDocstore\n)\x81}\x86.",
            b"\x80\x04clangchain.schema\nDocument\n)\x81}b}\x86.",
            b"\x80\x04clangchain.docstore.in_memory\nInMemoryDocstore\n)\x81}b}\x86.",
            b"\x80\x04clangchain.docstore.in_memory\nInMemoryDocstore\n)\x81)b}\x86.",
        ] {
            let error = Docstore::read(bytes).unwrap_err();
            assert!(matches!(error, PickleError::Structure { .. }), "{error}");
        }
    }

    #[test]
    fn a_row_beyond_the_last_has_no_document() {
        let bytes = pickle(&[fixtures::STORE_OF_A_AND_B, b"}\x86."]);
        let store = Docstore::read(&bytes).unwrap();
        assert_eq!(store.document(0), None);
        assert_eq!(store.id(u64::MAX), None);
    }
}
