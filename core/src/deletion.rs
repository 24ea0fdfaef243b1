//! Deletions that were begun: recorded durably before anything is removed, so that whoever finds
//! the record goes on where another stopped, however often.

use serde::Deserialize;

use crate::mutants::{Mutant, active};
use crate::objects::{ObjectError, Objects};
use crate::platform::Platform;

/// How long a deletion is remembered: as long as a request to the storage may take that was sent
/// before it began.
const REMEMBERED_MS: u64 = 3_600_000;

/// The deletions of one kind of thing, by name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deletions {
    folder: &'static str,
}

/// Of files, by id.
pub(crate) const OF_FILES: Deletions = Deletions {
    folder: "work/delete-file/",
};

/// Of stores, by id and incarnation.
pub(crate) const OF_STORES: Deletions = Deletions {
    folder: "work/delete-store/",
};

/// A deletion that is remembered.
#[derive(Debug, Deserialize)]
pub(crate) struct Deletion {
    began_ms: u64,
}

impl Deletions {
    /// Records a deletion; one that was begun before begins anew.
    pub(crate) fn begin(self, platform: Platform<'_>, name: &str) -> Result<(), ObjectError> {
        if active(Mutant::DeleteBeforeRecording) {
            return Ok(());
        }
        let began_ms = platform.now_ms();
        let record = format!("{{\"began_ms\":{began_ms}}}");
        platform.objects.put(&self.key(name), record.as_bytes())
    }

    /// Whether a deletion was begun and is remembered.
    pub(crate) fn is_begun(self, objects: &dyn Objects, name: &str) -> Result<bool, ObjectError> {
        objects.exists(&self.key(name))
    }

    /// The deletion to go on with; `None` where none is remembered. One whose record is damaged
    /// begins anew, which removes nothing that it would not have removed.
    pub(crate) fn get(
        self,
        platform: Platform<'_>,
        name: &str,
    ) -> Result<Option<Deletion>, ObjectError> {
        let data = match platform.objects.get(&self.key(name)) {
            Ok(data) => data,
            Err(ObjectError::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        if let Ok(deletion) = serde_json::from_slice(&data) {
            return Ok(Some(deletion));
        }
        self.begin(platform, name)?;
        Ok(Some(Deletion {
            began_ms: platform.now_ms(),
        }))
    }

    /// Forgets a deletion when its time is over. Until then it stays, so that what late writers
    /// leave is removed, too.
    pub(crate) fn forget_when_over(
        self,
        platform: Platform<'_>,
        name: &str,
        deletion: &Deletion,
    ) -> Result<(), ObjectError> {
        match deletion.began_ms.saturating_add(REMEMBERED_MS) <= platform.now_ms() {
            true => platform.objects.delete(&self.key(name)),
            false => Ok(()),
        }
    }

    /// The names of at most `limit` deletions that are remembered.
    pub(crate) fn names(
        self,
        objects: &dyn Objects,
        limit: u32,
    ) -> Result<Vec<String>, ObjectError> {
        let listed = objects.list(self.folder, None, limit)?.into_iter();
        let name = |key: &str| Some(key.strip_prefix(self.folder)?.strip_suffix(".json")?.into());
        Ok(listed.filter_map(|meta| name(&meta.key)).collect())
    }

    fn key(self, name: &str) -> String {
        format!("{}{name}.json", self.folder)
    }
}
