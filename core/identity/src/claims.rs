//! What a token says.

use serde::{Deserialize, Serialize};

use crate::Quota;

/// The audience that every token has to name.
pub const AUDIENCE: &str = "dayfly";

/// What a token says. What it says besides is not looked at.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    /// Whom it was issued to, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// The tenant, valid by [`is_tenant`](crate::is_tenant).
    pub tenant: String,
    /// Names of scopes, parted by spaces.
    pub scope: String,
    /// [`AUDIENCE`].
    pub aud: String,
    /// When it was issued, in seconds since the Unix epoch.
    pub iat: u64,
    /// When it ends to be good, in seconds since the Unix epoch.
    pub exp: u64,
    /// Which token this is: by this it can be revoked alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// Limits of the tenant, as far as this token sets them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
}
