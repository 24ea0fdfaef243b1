//! Listing objects and folders.

use std::collections::BTreeMap;
use std::sync::Arc;

use dayfly_core::objects::ObjectMeta;
use dayfly_core::objects::keys::split_prefix;
use futures::TryStreamExt;
use object_store::path::Path;

use super::failure::explain;
use super::objects::{TenantObjects, described, parse};
use super::{Failure, walk};

/// The most entries of one listing that a guest asks for.
const MAX_LISTING: usize = 1_000;

impl TenantObjects<'_> {
    /// As the platform's `list`.
    pub async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ObjectMeta>, Failure> {
        let limit = MAX_LISTING.min(limit as usize);
        self.list_up_to(prefix, start_after, limit).await
    }

    /// As [`list`](Self::list), of any number.
    pub async fn list_up_to(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectMeta>, Failure> {
        let (folder, _) = split_prefix(prefix)?;
        let start_after = start_after.map(|after| self.offset(after)).transpose()?;
        match &self.storage.root {
            _ if limit == 0 => Ok(Vec::new()),
            Some(root) => self.walk(root, prefix, start_after, limit).await,
            None => self.ask(folder, prefix, start_after, limit).await,
        }
    }

    async fn walk(
        &self,
        root: &Arc<std::path::Path>,
        prefix: &str,
        start_after: Option<Offset<'_>>,
        limit: usize,
    ) -> Result<Vec<ObjectMeta>, Failure> {
        let root = root.join(self.tenant);
        let prefix = prefix.to_owned();
        let after = start_after.map(|after| after.key.to_owned());
        let work = move || walk::list(&root, &prefix, after.as_deref(), limit);
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| {
            let store = "local";
            let error = object_store::Error::Generic { store, source };
            explain(&error, self.storage.place())
        };
        let walked = tokio::task::spawn_blocking(work).await;
        walked
            .map_err(|error| failed(error.into()))?
            .map_err(|error| failed(error.into()))
    }

    async fn ask(
        &self,
        folder: &str,
        prefix: &str,
        start_after: Option<Offset<'_>>,
        limit: usize,
    ) -> Result<Vec<ObjectMeta>, Failure> {
        let root = format!("{}/", self.tenant);
        let below = parse(&format!("{root}{folder}"))?;
        let store = &self.storage.store;
        let mut entries = match &start_after {
            Some(after) => store.list_with_offset(Some(&below), &after.path),
            None => store.list(Some(&below)),
        };
        let is_after = |key: &str| start_after.as_ref().is_none_or(|after| key > after.key);
        let mut found = BTreeMap::new();
        while let Some(meta) = entries
            .try_next()
            .await
            .map_err(|error| self.storage.explain(&error))?
        {
            let Some(key) = meta.location.as_ref().strip_prefix(&root) else {
                continue;
            };
            if !key.starts_with(prefix) || !is_after(key) {
                continue;
            }
            found.insert(key.to_owned(), meta);
            if found.len() > limit {
                found.pop_last();
            }
            // A bucket lists by key.
            if found.len() == limit && self.storage.remote {
                break;
            }
        }
        Ok(found
            .into_iter()
            .map(|(key, meta)| described(key, &meta))
            .collect())
    }

    /// As the platform's `folders`.
    pub async fn folders(&self, prefix: &str) -> Result<Vec<String>, Failure> {
        let (folder, rest) = split_prefix(prefix)?;
        if !rest.is_empty() {
            return Err(Failure::InvalidKey(
                "the prefix of folders ends in `/`".into(),
            ));
        }
        self.storage
            .folders_anywhere(format!("{}/{folder}", self.tenant).trim_end_matches('/'))
            .await
    }

    fn offset<'a>(&self, after: &'a str) -> Result<Offset<'a>, Failure> {
        // `a/` stands before everything in `a`, just as `a` does.
        let path = match after.trim_end_matches('/') {
            "" => parse(self.tenant)?,
            key => self.path(key)?,
        };
        Ok(Offset { key: after, path })
    }
}

/// Where a listing starts: after this key.
struct Offset<'a> {
    key: &'a str,
    path: Path,
}
