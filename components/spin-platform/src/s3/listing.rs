//! Listing objects and folders.

use dayfly_core::objects::keys::{check_key, split_prefix};
use dayfly_core::objects::{ObjectError, ObjectMeta};
use jiff::Timestamp;
use rusty_s3::actions::ListObjectsV2;
use rusty_s3::actions::list_objects_v2::{ListObjectsContent, ListObjectsV2Response};

use super::attempts::{Parcel, Patience};
use super::objects::SMALL;
use super::{Room, TenantObjects, Transport};

/// The most entries of one listing.
const MAX_LISTING: usize = 1_000;

struct Page<'a> {
    prefix: &'a str,
    delimiter: bool,
    start_after: Option<&'a str>,
    most: usize,
}

impl<T: Transport> TenantObjects<'_, T> {
    /// As the platform's `list`.
    pub async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ObjectMeta>, ObjectError> {
        split_prefix(prefix)?;
        let limit = MAX_LISTING.min(limit as usize);
        if limit == 0 {
            return Ok(Vec::new());
        }
        let start_after = start_after.map(|after| self.offset(after)).transpose()?;
        let prefix = format!("{}{prefix}", self.root);
        let patience = self.client.patience();
        let mut found: Vec<ObjectMeta> = Vec::new();
        let mut token = None;
        loop {
            let page = Page {
                prefix: &prefix,
                delimiter: false,
                start_after: start_after.as_deref(),
                most: limit - found.len(),
            };
            let page = self.page(page, token, patience).await?;
            for entry in page.contents {
                found.extend(self.described(entry)?);
            }
            found.truncate(limit);
            token = page.next_continuation_token;
            if token.is_none() || found.len() == limit {
                return Ok(found);
            }
        }
    }

    /// As the platform's `folders`.
    pub async fn folders(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        let (_, rest) = split_prefix(prefix)?;
        if !rest.is_empty() {
            return Err(ObjectError::InvalidKey(
                "the prefix of folders ends in `/`".to_owned(),
            ));
        }
        let prefix = format!("{}{prefix}", self.root);
        let patience = self.client.patience();
        let mut names = Vec::new();
        let mut token = None;
        loop {
            let page = Page {
                prefix: &prefix,
                delimiter: true,
                start_after: None,
                most: MAX_LISTING,
            };
            let page = self.page(page, token, patience).await?;
            let folders = page.common_prefixes.iter().filter_map(|folder| {
                let name = folder.prefix.strip_prefix(&prefix)?;
                name.strip_suffix('/')
            });
            names.extend(folders.map(str::to_owned));
            token = page.next_continuation_token;
            if token.is_none() {
                names.sort_unstable();
                return Ok(names);
            }
        }
    }

    async fn page(
        &self,
        page: Page<'_>,
        token: Option<String>,
        patience: Patience,
    ) -> Result<ListObjectsV2Response, ObjectError> {
        let config = &self.client.config;
        let mut action: ListObjectsV2<'_> =
            config.bucket.list_objects_v2(Some(&config.credentials));
        action.with_prefix(page.prefix);
        action.with_max_keys(page.most);
        if page.delimiter {
            action.with_delimiter("/");
        }
        match (token, page.start_after) {
            (Some(token), _) => action.with_continuation_token(token),
            (None, Some(after)) => action.with_start_after(after),
            (None, None) => {}
        }
        let room = Room::new(SMALL);
        let sent = self.client.send(action, Parcel::default(), &room, patience);
        let response = sent.await.answer?;
        if !response.is_success() {
            return Err(match self.client.explain(&response) {
                ObjectError::NotFound => self.client.nonsense("404 to a listing"),
                error => error,
            });
        }
        ListObjectsV2::parse_response(response.text())
            .map_err(|error| self.client.nonsense(&format!("a listing: {error}")))
    }

    /// `None` for what is not the tenant's own to see: a folder's mark that some tools leave.
    fn described(&self, entry: ListObjectsContent) -> Result<Option<ObjectMeta>, ObjectError> {
        let Some(key) = entry.key.strip_prefix(&self.root) else {
            return Ok(None);
        };
        if check_key(key).is_err() {
            return Ok(None);
        }
        let modified: Option<Timestamp> = entry.last_modified.and_then(|text| text.parse().ok());
        let (Some(size), Some(modified)) = (entry.size, modified) else {
            return Err(self.client.nonsense("no size or date of an object"));
        };
        Ok(Some(ObjectMeta {
            key: key.to_owned(),
            size,
            modified_ms: u64::try_from(modified.as_millisecond()).unwrap_or_default(),
        }))
    }

    /// `a/` stands before everything in `a`, just as `a` does.
    fn offset(&self, after: &str) -> Result<String, ObjectError> {
        let key = after.trim_end_matches('/');
        if !key.is_empty() {
            check_key(key)?;
        }
        Ok(format!("{}{after}", self.root))
    }
}
