//! Who is asking: bearer tokens (JWT, EdDSA), the tenants and scopes that they name, and which of
//! them are no longer accepted.
//!
//! The rules and texts are the same on every host; only what verifies signatures differs, which the
//! program chooses: a feature of `jsonwebtoken`, or its `CryptoProvider::install_default`.

mod claims;
mod header;
mod key;
mod life;
mod principal;
mod quota;
mod revoked;
mod tenant;
mod time;
mod verifier;

pub use claims::{AUDIENCE, Claims};
pub use key::{ed25519_of_spki, key_id};
pub use life::MaxLife;
pub use principal::{Principal, Scope};
pub use quota::Quota;
pub use revoked::{ALL_TENANTS, NotBefore, RevocationList, Revoked, RevokedToken};
pub use tenant::{DEFAULT_TENANT, is_tenant};
pub use time::Time;
pub use verifier::{AuthError, Verifier};
