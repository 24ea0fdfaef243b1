//! What other programs can read.

/// What to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `index.faiss`, and `texts.jsonl` with a line for each of its rows.
    Faiss,
    /// What LangChain's `FAISS.load_local` opens: `index.faiss` and `index.pkl`.
    LangChain,
    /// `rows.arrow`: texts, vectors, metadata.
    Arrow,
}
