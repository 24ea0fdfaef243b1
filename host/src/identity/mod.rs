//! Who is asking: bearer tokens (JWT, EdDSA), the keys behind them, and which are revoked.

mod inspect;
mod issue;
mod keys;
mod live;
pub mod revocations;

use std::path::PathBuf;

pub use dayfly_identity::{
    ALL_TENANTS, AUDIENCE, AuthError, Claims, DEFAULT_TENANT, MaxLife, NotBefore, Principal, Quota,
    RevocationList, RevokedToken, Scope, Time, is_tenant, key_id,
};
use thiserror::Error;

pub use inspect::{Against, Inspection, inspect, read};
pub use issue::{Grant, Issued, KeyPair, MAX_TTL, issue, keygen};
pub use live::Verifier;

/// Keys, tokens or revocations that cannot be used.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The file of a key, or its folder, cannot be read.
    #[error("cannot read the key {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not an Ed25519 key of the kind that is needed here.
    #[error(
        "{0} is not the PEM of an Ed25519 key of the right kind (public to verify, private to issue): `dayfly token keygen` makes a pair"
    )]
    Format(String),
    /// Folders without a key: without one, everybody would be let in.
    #[error(
        "there is no public key (*.pem) where `auth_keys` says: `dayfly token keygen` makes a pair"
    )]
    NoKey,
    /// The system gave no randomness.
    #[error("the system's source of randomness failed")]
    Random,
    /// Text that is no token.
    #[error("this is no token: one is three parts of base64url with dots between them")]
    NoToken,
    /// A claim that no token may carry.
    #[error("{0}")]
    Claim(String),
    /// A list of revocations that cannot be read, understood or written.
    #[error("the list of revoked tokens {path} cannot be used: {why}")]
    Revocations {
        /// The file.
        path: PathBuf,
        /// Why, and where in it.
        why: String,
    },
    /// A list of revocations on a server that asks for no tokens.
    #[error(
        "there is a list of revoked tokens (--auth-revoked) and no key: without --auth-key no token is asked for"
    )]
    NothingToRevoke,
    /// The system gave no thread.
    #[error("the files of keys and revoked tokens cannot be watched: {0}")]
    Thread(std::io::Error),
}

#[cfg(test)]
mod tests;
