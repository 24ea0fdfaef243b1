//! Why a file is refused.

/// What metadata may hold, in Python's words.
pub(crate) const PLAIN: &str =
    "only strings, numbers, booleans, None, lists, tuples and dicts are metadata";
pub(crate) const SAVE_AGAIN: &str = "if you trust the file, load its folder with a current \
     LangChain and save it again with FAISS.save_local";

/// How much of a text of the file an error quotes.
const QUOTED_CHARACTERS: usize = 80;

/// Why an `index.pkl` cannot be read. Each message says where or in which document, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PickleError {
    /// The file is not a pickle of a protocol that LangChain writes.
    #[error("{found}, not a pickle of protocol 2 to 5; {SAVE_AGAIN}")]
    Protocol {
        /// What the file begins with.
        found: String,
    },
    /// The file ends too early.
    #[error(
        "the pickle is cut short: what begins at byte {offset} goes beyond the file's end; copy \
         the file again"
    )]
    Truncated {
        /// Where that begins of which the rest is missing.
        offset: usize,
    },
    /// The file holds an instruction that is not run.
    #[error("the opcode {name} at byte {offset} is refused: {advice}")]
    Opcode {
        /// Where it stands.
        offset: usize,
        /// Its name in Python's `pickletools`.
        name: String,
        /// What to do.
        advice: String,
    },
    /// The file names a class or function that is not one of LangChain's document store.
    #[error("{module}.{name} at byte {offset} is refused: {advice}")]
    Class {
        /// Where it is named.
        offset: usize,
        /// The module, shortened when it is long.
        module: String,
        /// The class or function, shortened when it is long.
        name: String,
        /// What to do.
        advice: String,
    },
    /// The instructions do not fit each other, or go beyond a limit.
    #[error("the pickle is malformed at byte {offset}: {what}")]
    Malformed {
        /// Where.
        offset: usize,
        /// How.
        what: String,
    },
    /// The pickle does not hold a document store and the rows' document ids.
    #[error("this is not the index.pkl of a LangChain FAISS store: {what}")]
    Structure {
        /// What is missing or in the wrong place.
        what: String,
    },
    /// A document cannot be taken over.
    #[error("the document {id}: {what}")]
    Document {
        /// The document's id in the store, quoted.
        id: String,
        /// What is wrong with it, and what to do.
        what: String,
    },
    /// The rows of the index and the documents do not belong together.
    #[error("row {row} of the index: {what}")]
    Row {
        /// The row.
        row: u64,
        /// What is wrong with it.
        what: String,
    },
}

impl PickleError {
    pub(crate) fn malformed(offset: usize, what: impl Into<String>) -> Self {
        Self::Malformed {
            offset,
            what: what.into(),
        }
    }

    pub(crate) fn structure(what: impl Into<String>) -> Self {
        Self::Structure { what: what.into() }
    }
}

/// A text of the file for an error message: escaped, so that it cannot forge a log line, and of
/// bounded length.
pub(crate) fn quoted(text: &str) -> String {
    let mut start: String = text.chars().take(QUOTED_CHARACTERS).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    format!("{start:?}")
}
