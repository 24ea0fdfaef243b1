//! Who is asking: bearer tokens (JWT, EdDSA), the tenants and scopes that they name.
//!
//! The rules and texts are the same on every host; only the cryptography differs, which the
//! program chooses: a feature of `jsonwebtoken`, or its `CryptoProvider::install_default`.

mod principal;
mod quota;
mod tenant;
mod verifier;

pub use principal::{Principal, Scope};
pub use quota::Quota;
pub use tenant::{DEFAULT_TENANT, is_tenant};
pub use verifier::{AUDIENCE, AuthError, Claims, Verifier};
