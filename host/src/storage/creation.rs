//! Creating an object only where it is absent, also when the answer is lost.

use std::io::ErrorKind;

use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Error, GetOptions, ObjectStore, PutMode, PutOptions, PutPayload, Result,
};

use super::chance::random_id;
use super::failure::io_kind;

/// How often a creation is repeated of which nothing came.
const REPEATS: u32 = 3;
/// Metadata that says which creation an object is of.
const MARK: &str = "creation";

/// Creates an object in a bucket where there is none, and knows its own: a store's answer may get
/// lost, and the repeated request then meets the object that the first one made.
pub async fn create(store: &dyn ObjectStore, path: &Path, payload: PutPayload) -> Result<()> {
    let mark = random_id().map_err(|error| Error::Generic {
        store: "creation",
        source: error.into(),
    })?;
    let mut repeats = 0;
    loop {
        let options = PutOptions {
            mode: PutMode::Create,
            attributes: marked(&mark),
            ..PutOptions::default()
        };
        let error = match store.put_opts(path, payload.clone(), options).await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        match &error {
            Error::AlreadyExists { .. } => match mark_of(store, path).await? {
                Some(found) if found == mark => return Ok(()),
                Some(_) => return Err(error),
                // Two creations met, or the object is deleted again.
                None => {}
            },
            other if !broke_off(other) => return Err(error),
            _ => {}
        }
        if repeats == REPEATS {
            return Err(error);
        }
        repeats += 1;
    }
}

fn marked(mark: &str) -> Attributes {
    Attributes::from_iter([(Attribute::Metadata(MARK.into()), mark.to_owned())])
}

/// The mark of the object, empty where it has none; `None` where there is no object.
async fn mark_of(store: &dyn ObjectStore, path: &Path) -> Result<Option<String>> {
    let options = GetOptions {
        head: true,
        ..GetOptions::default()
    };
    let found = match store.get_opts(path, options).await {
        Err(Error::NotFound { .. }) => return Ok(None),
        found => found?,
    };
    let mark = found.attributes.get(&Attribute::Metadata(MARK.into()));
    Ok(Some(
        mark.map_or_else(String::new, |mark| mark.as_ref().to_owned()),
    ))
}

/// The store's client does not repeat a creation whose connection broke.
fn broke_off(error: &Error) -> bool {
    matches!(
        io_kind(error),
        Some(
            ErrorKind::BrokenPipe
                | ErrorKind::ConnectionAborted
                | ErrorKind::ConnectionReset
                | ErrorKind::UnexpectedEof
        )
    )
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn of_two_creations_the_first_wins() {
        let (store, path) = (InMemory::new(), Path::from("a"));
        create(&store, &path, "one".into()).await.unwrap();
        let second = create(&store, &path, "one".into()).await;
        assert!(matches!(second, Err(Error::AlreadyExists { .. })));
    }

    #[tokio::test]
    async fn an_object_that_was_not_created_is_somebody_elses() {
        let (store, path) = (InMemory::new(), Path::from("a"));
        store.put(&path, "one".into()).await.unwrap();
        let second = create(&store, &path, "one".into()).await;
        assert!(matches!(second, Err(Error::AlreadyExists { .. })));
    }
}
