//! Refuses a storage that would lose data, before anything is written to it.

use std::time::Duration;

use dayfly_core::objects::ObjectError;
use dayfly_core::probe::{self, Check, Contest, ProbeError, Report};
use futures::future::join_all;
use object_store::PutMode;
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::clock::SystemClock;
use super::{Blocking, OWN_FOLDER, Storage};

/// A storage that has not passed by then is not there.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why the data cannot be kept where they were to be.
#[derive(Debug, Error)]
#[error("the data at {place} cannot be used: {error}")]
pub struct Unsound {
    /// Names the storage for people.
    pub place: String,
    /// What is wrong, and what to do.
    #[source]
    pub error: ProbeError,
}

impl Contest for Blocking {
    fn put_new_at_once(&self, key: &str, contents: &[Vec<u8>]) -> Vec<Result<(), ObjectError>> {
        let objects = self.objects();
        let writers = contents
            .iter()
            .map(|content| objects.put(key, content.clone(), PutMode::Create));
        self.runtime().block_on(join_all(writers))
    }
}

/// Probes, and logs what is worth a warning. Credentials that may read and not write are let pass:
/// whoever cannot write cannot lose anything, either.
///
/// # Errors
/// When the storage failed a check, or does not answer.
pub async fn ensure_sound(storage: &Storage) -> Result<(), Unsound> {
    let (passed, result) = try_out(storage).await;
    match result {
        Ok(report) => {
            if let Some(warning) = report.warning() {
                tracing::warn!("{warning}");
            }
            Ok(())
        }
        Err(error @ ProbeError::Denied { .. }) if passed == [Check::Reach] => {
            tracing::warn!(%error, "the storage can only be read: everything that writes will fail");
            Ok(())
        }
        Err(error) => Err(Unsound {
            place: storage.place().to_owned(),
            error,
        }),
    }
}

/// Probes, and tells which checks it passed, in their order.
pub async fn try_out(storage: &Storage) -> (Vec<Check>, Result<Report, ProbeError>) {
    let objects = Blocking::new(storage, OWN_FOLDER, &Handle::current());
    let (told, ended) = oneshot::channel();
    // A thread that nobody has to wait for, as the runtime would at its end.
    std::thread::spawn(move || {
        let mut passed = Vec::new();
        let mut note = |check| passed.push(check);
        let result = probe::probe(&objects, &objects, &SystemClock, &mut note);
        // Whoever asked may have gone.
        drop(told.send((passed, result)));
    });
    let silent = || ProbeError::Unavailable {
        what: "the probe",
        text: format!("no end within {} seconds", PATIENCE.as_secs()),
    };
    match tokio::time::timeout(PATIENCE, ended).await {
        Ok(Ok(tried)) => tried,
        Ok(Err(_)) | Err(_) => (Vec::new(), Err(silent())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;

    use super::*;
    use crate::options::ServeOptions;
    use crate::storage::Data;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_directory_passes_and_is_left_empty() {
        let root = tempfile::tempdir().unwrap();
        let options = ServeOptions {
            data: root.path().display().to_string(),
            ..ServeOptions::default()
        };
        let data = Data::open(&options).unwrap();
        let (passed, report) = try_out(&data.storage).await;
        assert_eq!(passed, Check::ALL);
        assert_eq!(report.unwrap().warning(), None);
        ensure_sound(&data.storage).await.unwrap();
        assert!(!root.path().join(OWN_FOLDER).join("probe").exists());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn any_sound_store_passes() {
        let storage = Storage::new(Arc::new(InMemory::new()), "memory".into(), true);
        ensure_sound(&storage).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_directory_that_is_gone_is_refused_by_name() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().display().to_string();
        let storage = Data::beside(&path).unwrap();
        drop(root);
        std::fs::write(&path, "a file in its place").unwrap();
        let error = ensure_sound(&storage).await.unwrap_err().to_string();
        assert!(error.contains(&path), "{error}");
        std::fs::remove_file(&path).unwrap();
    }
}
