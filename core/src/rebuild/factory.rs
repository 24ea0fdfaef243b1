//! FAISS's factory strings: those that are taken, and what they need.

use std::str::FromStr;

use thiserror::Error;

/// Cells of an inverted file that training can still place: more take hours.
const MOST_LISTS: u32 = 1 << 20;
/// Neighbours of a node; FAISS keeps twice as many on the lowest layer.
const MOST_LINKS: u32 = 128;

/// A kind of index, in FAISS's words: `Flat`, `SQ8`, `HNSW32,SQ8`, `IVF1024,PQ48`,
/// `OPQ48,IVF4096,PQ48` and the like.
///
/// Only kinds that Dayfly searches well are taken, and only sizes that no small request can turn
/// into large work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factory {
    text: String,
    /// How rows are found.
    pub search: Structure,
    /// Bytes of a row's code that the words name, where they do (product quantisation).
    pub code_bytes: Option<u32>,
}

/// How an index narrows its search down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Structure {
    /// Not at all: every row is looked at.
    Flat,
    /// By a graph with so many links of a node.
    Graph(u32),
    /// By cells, of which the nearest are looked at.
    Cells(u32),
}

/// A kind of index that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{text}` is no kind of index that can be built here ({what}): use Flat, SQ8, HNSW<links>,SQ8, \
     IVF<cells>,SQ8, IVF<cells>,PQ<bytes> or OPQ<bytes>,IVF<cells>,PQ<bytes>"
)]
pub struct FactoryError {
    text: String,
    what: String,
}

impl Factory {
    /// As FAISS takes it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether its codes are so coarse that many candidates have to be rescored.
    pub fn is_coarse(&self) -> bool {
        self.code_bytes.is_some()
    }
}

impl FromStr for Factory {
    type Err = FactoryError;

    fn from_str(text: &str) -> Result<Self, FactoryError> {
        let wrong = |what: &str| FactoryError {
            text: text.chars().take(80).collect(),
            what: what.to_owned(),
        };
        let mut words: Vec<&str> = text.split(',').map(str::trim).collect();
        let rotated = words.first().and_then(|word| number(word, "OPQ"));
        if rotated.is_some() {
            words.remove(0);
        }
        let (search, codes) = match words.as_slice() {
            [codes] => match number(codes, "HNSW") {
                Some(links) => (Structure::Graph(links), "Flat"),
                None => (Structure::Flat, *codes),
            },
            [first, codes] => match (number(first, "HNSW"), number(first, "IVF")) {
                (Some(links), _) => (Structure::Graph(links), *codes),
                (_, Some(cells)) => (Structure::Cells(cells), *codes),
                _ => return Err(wrong("its first word is unknown")),
            },
            _ => return Err(wrong("it has too many words")),
        };
        match search {
            Structure::Graph(links) if !(2..=MOST_LINKS).contains(&links) => {
                return Err(wrong("HNSW has 2 to 128 links"));
            }
            Structure::Cells(cells) if !(1..=MOST_LISTS).contains(&cells) => {
                return Err(wrong("IVF has 1 to 1048576 cells"));
            }
            _ => {}
        }
        // FAISS filters rows of product codes in cells alone.
        let product = match search {
            Structure::Cells(_) => number(codes, "PQ"),
            _ => None,
        };
        let plain = matches!(codes, "Flat" | "SQ8" | "SQ4" | "SQ6" | "SQfp16" | "SQbf16");
        if !plain && product.is_none_or(|bytes| !(1..=512).contains(&bytes)) {
            return Err(wrong("its codes are unknown"));
        }
        if rotated.is_some() && rotated != product {
            return Err(wrong("OPQ goes with PQ of as many bytes"));
        }
        Ok(Self {
            text: text.split_whitespace().collect(),
            search,
            code_bytes: product,
        })
    }
}

fn number(word: &str, prefix: &str) -> Option<u32> {
    let digits = word.strip_prefix(prefix)?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_that_faiss_and_we_know_are_taken() {
        for (text, search, coarse) in [
            ("Flat", Structure::Flat, false),
            ("SQ8", Structure::Flat, false),
            ("HNSW32", Structure::Graph(32), false),
            ("HNSW32,SQ8", Structure::Graph(32), false),
            ("IVF1024,SQ8", Structure::Cells(1024), false),
            ("IVF64,Flat", Structure::Cells(64), false),
            ("IVF4096,PQ48", Structure::Cells(4096), true),
            ("OPQ48,IVF4096,PQ48", Structure::Cells(4096), true),
        ] {
            let factory: Factory = text.parse().unwrap();
            assert_eq!(
                (factory.search, factory.is_coarse()),
                (search, coarse),
                "{text}"
            );
            assert_eq!(factory.as_str(), text);
        }
        assert_eq!(
            "IVF16, SQ8".parse::<Factory>().unwrap().as_str(),
            "IVF16,SQ8"
        );
    }

    #[test]
    fn what_could_do_harm_is_refused_with_what_to_use() {
        for text in [
            "",
            "IVF",
            "IVF1000000000,Flat",
            "IVF-1,Flat",
            "HNSW1000000,Flat",
            "HNSW0",
            "PQ100000",
            "PQ0",
            "PQ48",
            "HNSW32,PQ48",
            "OPQ8,IVF16,PQ16",
            "OPQ8,IVF16,SQ8",
            "IVF16,SQ8,RFlat",
            "Nonsense",
            "IVF16(HNSW32),SQ8",
            "PCA100000,Flat",
            "IVF99999999999999999999,SQ8",
        ] {
            let error = text.parse::<Factory>().unwrap_err().to_string();
            assert!(error.contains("HNSW<links>,SQ8"), "{error}");
        }
    }
}
