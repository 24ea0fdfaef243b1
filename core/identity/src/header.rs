//! What a token's header may say.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

/// What decides, before any signature is looked at, how a token is verified. A name that is there
/// twice makes it unreadable (RFC 7515, section 4).
#[derive(Deserialize)]
pub struct Header {
    /// Which key signed it.
    pub kid: Option<String>,
    /// Whether it names extensions that have to be understood, of which there are none here.
    #[serde(default, rename = "crit", deserialize_with = "present")]
    pub is_critical: bool,
}

impl Header {
    /// The header of a token; none where there is none that can be read.
    pub fn of(token: &str) -> Option<Self> {
        let (encoded, _) = token.split_once('.')?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()
    }
}

/// Also `null`, which is no list of names and so no less wrong.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(from).map(|_| true)
}
