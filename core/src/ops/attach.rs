//! Accepting a file into a store.

use std::collections::BTreeMap;

use crate::chunk::ChunkingStrategy;
use crate::files::FileMeta;
use crate::filter::AttributeValue;
use crate::home::Home;
use crate::pending::{self, OfFile, Pending, PendingError};
use crate::platform::Platform;
use crate::store::{self, Manifest};

/// An attachment that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Attached {
    /// The ingestion.
    pub pending: Pending,
    /// Whether this request began it; another one was under way otherwise.
    pub is_new: bool,
}

/// Accepts a file into a store, durably: it ends completed, failed or cancelled. Where one of the same
/// file is under way, that one goes on. It takes the place of those that have failed.
pub fn attach(
    platform: Platform<'_>,
    home: &Home,
    file: &FileMeta,
    attributes: BTreeMap<String, AttributeValue>,
    chunking: ChunkingStrategy,
) -> Result<Attached, PendingError> {
    let known = pending::of_file(platform, home, &file.id)?;
    let attached = asked(platform, file, attributes, chunking, known);
    match attached.is_new {
        true => Ok(Attached {
            pending: pending::accept(platform, home, attached.pending)?,
            is_new: true,
        }),
        false => Ok(attached),
    }
}

/// Accepts files into a store that was just made, so nothing is under way in it. After an error the store is
/// gone, too: who is told that there is none asks again, and its name is to mean what he gets then.
pub fn attach_first(
    platform: Platform<'_>,
    made: &Manifest,
    files: &[FileMeta],
    chunking: ChunkingStrategy,
) -> Result<Vec<Pending>, PendingError> {
    let pending = |file: &FileMeta| Pending {
        chunking,
        ..Pending::new(file, platform.new_id(""))
    };
    let asked = files.iter().map(pending).collect();
    pending::accept_all(platform, &made.home(), asked).inspect_err(|_| {
        // What was told stays true where it cannot be deleted: there is none that is of use.
        let _ = store::delete(platform, made);
    })
}

/// What [`attach`] accepts where it is new.
pub(super) fn asked(
    platform: Platform<'_>,
    file: &FileMeta,
    attributes: BTreeMap<String, AttributeValue>,
    chunking: ChunkingStrategy,
    known: OfFile,
) -> Attached {
    if let Some(pending) = known.under_way {
        return Attached {
            pending,
            is_new: false,
        };
    }
    // Whoever ends lets go of failures with smaller ids, whoever's clock made them: those before it, also
    // where it was cancelled and somebody still has to remove what is left of it.
    let ingest_id = match known.failed.iter().chain(&known.last).max() {
        Some(last) => platform.new_id_after(last, ""),
        None => platform.new_id(""),
    };
    let pending = Pending {
        attributes,
        chunking,
        earlier: known.failed,
        ..Pending::new(file, ingest_id)
    };
    Attached {
        pending,
        is_new: true,
    }
}
