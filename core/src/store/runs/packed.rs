//! A node of the index as it is stored: column by column, as the children of a node are alike.
//!
//! Children lie one after the other, so one place tells them all. Their least file ids have most of
//! their characters in common.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};

use super::index::{Block, LeafRef, Node, PageRef};
use super::{FANOUT, MAX_FILE_ID_BYTES};

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Packed {
    Leaves {
        at: u64,
        firsts: Firsts,
        heads: Numbers,
        bodies: Numbers,
        rows: Numbers,
        crcs: Numbers,
    },
    Pages {
        at: u64,
        firsts: Firsts,
        bytes: Numbers,
        crcs: Numbers,
        block_bytes: Numbers,
        block_crcs: Numbers,
    },
}

/// What all begin with, and how each goes on.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Firsts(String, Vec<String>);

/// One number of each child: one for all, or in base64 the little-endian bytes of each.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Numbers {
    Same(u32),
    Each(String),
}

/// The columns are not of one length, or are not what they should be.
#[derive(Debug, thiserror::Error)]
#[error("its columns do not fit together")]
pub(super) struct Torn;

impl Firsts {
    /// Whether no node has more children, and no file id is longer: nothing is allocated on its word.
    fn is_modest(&self) -> bool {
        let fits = |rest: &String| self.0.len() + rest.len() <= MAX_FILE_ID_BYTES;
        self.1.len() <= FANOUT && self.1.iter().all(fits)
    }

    fn of<'a>(all: impl Iterator<Item = &'a str> + Clone) -> Self {
        let common = |one: &'a str, other: &'a str| &one[..common_bytes(one, other)];
        let prefix = all.clone().reduce(common).unwrap_or_default();
        let rest = all.map(|first| first[prefix.len()..].to_owned());
        Self(prefix.to_owned(), rest.collect())
    }

    fn all(&self) -> impl Iterator<Item = String> {
        self.1.iter().map(|rest| format!("{}{rest}", self.0))
    }
}

impl Numbers {
    fn of(all: impl Iterator<Item = u32> + Clone) -> Self {
        let mut distinct = all.clone();
        match distinct.next() {
            Some(first) if distinct.all(|number| number == first) => Self::Same(first),
            _ => {
                let bytes: Vec<u8> = all.flat_map(u32::to_le_bytes).collect();
                Self::Each(STANDARD_NO_PAD.encode(bytes))
            }
        }
    }

    fn all(&self, count: usize) -> Result<Arc<[u32]>, Torn> {
        let text = match self {
            Self::Same(number) => return Ok(std::iter::repeat_n(*number, count).collect()),
            Self::Each(text) => text,
        };
        let bytes = STANDARD_NO_PAD.decode(text).map_err(|_| Torn)?;
        let (numbers, rest) = bytes.as_chunks::<4>();
        match numbers.len() == count && rest.is_empty() {
            true => Ok(numbers.iter().copied().map(u32::from_le_bytes).collect()),
            false => Err(Torn),
        }
    }
}

impl From<Node> for Packed {
    fn from(node: Node) -> Self {
        match node {
            Node::Leaves(leaves) => {
                let each = |number: fn(&LeafRef) -> u32| Numbers::of(leaves.iter().map(number));
                Self::Leaves {
                    at: leaves.first().map_or(0, |leaf| leaf.at),
                    firsts: Firsts::of(leaves.iter().map(|leaf| leaf.first.as_str())),
                    heads: each(|leaf| leaf.head),
                    bodies: each(|leaf| leaf.body),
                    rows: each(|leaf| leaf.rows),
                    crcs: each(|leaf| leaf.crc),
                }
            }
            Node::Pages(pages) => {
                let each = |number: fn(&PageRef) -> u32| Numbers::of(pages.iter().map(number));
                Self::Pages {
                    at: pages.first().map_or(0, |page| page.at),
                    firsts: Firsts::of(pages.iter().map(|page| page.first.as_str())),
                    bytes: each(|page| page.bytes),
                    crcs: each(|page| page.crc),
                    block_bytes: each(|page| page.block.bytes),
                    block_crcs: each(|page| page.block.crc),
                }
            }
        }
    }
}

impl TryFrom<Packed> for Node {
    type Error = Torn;

    fn try_from(packed: Packed) -> Result<Self, Torn> {
        match packed {
            Packed::Leaves {
                mut at,
                firsts,
                heads,
                bodies,
                rows,
                crcs,
            } => {
                let [heads, bodies, rows, crcs] = columns(&firsts, [heads, bodies, rows, crcs])?;
                let leaf = |(child, first)| {
                    let leaf = LeafRef {
                        first,
                        at,
                        head: heads[child],
                        body: bodies[child],
                        rows: rows[child],
                        crc: crcs[child],
                    };
                    at = leaf.end();
                    leaf
                };
                Ok(Self::Leaves(firsts.all().enumerate().map(leaf).collect()))
            }
            Packed::Pages {
                mut at,
                firsts,
                bytes,
                crcs,
                block_bytes,
                block_crcs,
            } => {
                let all = [bytes, crcs, block_bytes, block_crcs];
                let [bytes, crcs, block_bytes, block_crcs] = columns(&firsts, all)?;
                let page = |(child, first)| {
                    let page = PageRef {
                        first,
                        at,
                        bytes: bytes[child],
                        crc: crcs[child],
                        block: Block {
                            bytes: block_bytes[child],
                            crc: block_crcs[child],
                        },
                    };
                    at = page.end();
                    page
                };
                Ok(Self::Pages(firsts.all().enumerate().map(page).collect()))
            }
        }
    }
}

fn columns(firsts: &Firsts, columns: [Numbers; 4]) -> Result<[Arc<[u32]>; 4], Torn> {
    if !firsts.is_modest() {
        return Err(Torn);
    }
    let count = firsts.1.len();
    let [one, two, three, four] = columns;
    Ok([
        one.all(count)?,
        two.all(count)?,
        three.all(count)?,
        four.all(count)?,
    ])
}

/// The shortest text that comes after `before` and not after `first`, which comes after it.
pub(super) fn separator(before: &str, first: &str) -> String {
    let common = common_bytes(before, first);
    let more = first[common..].chars().next().map_or(0, char::len_utf8);
    first[..common + more].to_owned()
}

/// How many bytes two texts have in common at their beginning, in whole characters.
fn common_bytes(one: &str, other: &str) -> usize {
    let pairs = one.char_indices().zip(other.chars());
    let common = pairs.take_while(|((_, one), other)| one == other);
    common
        .last()
        .map_or(0, |((at, one), _)| at + one.len_utf8())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_separator_separates(one in "[ab€-]{0,6}", other in "[ab€-]{0,6}") {
            prop_assume!(one != other);
            let (before, first) = match one < other {
                true => (one, other),
                false => (other, one),
            };
            let separator = separator(&before, &first);
            prop_assert!(before < separator && separator <= first);
        }

        #[test]
        fn what_was_packed_is_unpacked(
            leaves in prop::collection::vec(("[ab€]{0,4}", 8..12u32, 0..3u32, any::<u32>()), 1..9),
            start in 0..u64::from(u32::MAX),
        ) {
            let mut at = start;
            let leaf = |(first, head, body, crc): (String, u32, u32, u32)| {
                let leaf = LeafRef { first, at, head, body, rows: 64, crc };
                at = leaf.end();
                leaf
            };
            let node = Node::Leaves(leaves.into_iter().map(leaf).collect());
            let stored = serde_json::to_vec(&node).unwrap();
            prop_assert_eq!(serde_json::from_slice::<Node>(&stored).unwrap(), node);
        }
    }

    #[test]
    fn columns_of_different_lengths_are_no_node() {
        let stored = |crcs: &str| {
            format!(
                r#"{{"leaves":{{"at":1,"firsts":["a",["","b"]],"heads":8,"bodies":9,"rows":1,"crcs":{crcs}}}}}"#
            )
        };
        let read = |crcs: &str| serde_json::from_str::<Node>(&stored(crcs));
        assert!(read("7").is_ok());
        assert!(read(r#""AAAAAAAAAAA""#).is_ok());
        assert!(read(r#""AAAAAA""#).is_err());
        assert!(read(r#""AAAAAAAAAAB""#).is_err());
        assert!(read(r#""?""#).is_err());
        let long = stored("7").replace(r#"["a","#, &format!(r#"["{}","#, "a".repeat(400)));
        assert!(serde_json::from_str::<Node>(&long).is_err());
        let many = stored("7").replace(r#"["","b"]"#, &format!("[\"\"{}]", ",\"b\"".repeat(300)));
        assert!(serde_json::from_str::<Node>(&many).is_err());
    }
}
