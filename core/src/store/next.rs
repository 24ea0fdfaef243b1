//! The version that is to come next.

use super::error::StoreError;
use super::manifest::Manifest;

/// What should come next, and what was written for it alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Next {
    /// The next version; its number, nonce and time are set by the commit.
    pub manifest: Manifest,
    /// Objects that only this try names: removed where it certainly came to nothing.
    pub written: Vec<String>,
    /// Whether nobody asked for it, so that the store counts as unused all the same.
    pub is_upkeep: bool,
}

impl Next {
    /// A version that changes nothing of what a store's users see.
    pub fn upkeep(manifest: Manifest) -> Self {
        Self {
            is_upkeep: true,
            ..manifest.into()
        }
    }
}

impl From<Manifest> for Next {
    fn from(manifest: Manifest) -> Self {
        Self {
            manifest,
            written: Vec::new(),
            is_upkeep: false,
        }
    }
}

/// A version as it is kept.
///
/// Errors: [`StoreError::Full`] where it would leave less than `left` bytes of its bound.
pub(super) fn encode(manifest: &Manifest, left: usize) -> Result<Vec<u8>, StoreError> {
    let data = serde_json::to_vec(manifest)
        .map_err(|fault| StoreError::Unwritable(format!("The manifest: {fault}.")))?;
    match data.len() + left <= manifest.most_bytes() {
        true => Ok(data),
        false => Err(StoreError::Full),
    }
}
