//! Who is asking: bearer tokens (JWT, EdDSA) and the keys behind them.

mod keys;
mod tenant;

use std::path::{Path, PathBuf};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use keys::{KeyPair, issue, keygen};
pub use tenant::{DEFAULT_TENANT, is_tenant};

/// The audience that every token has to name.
pub const AUDIENCE: &str = "dayfly";

/// What a principal may do. Neither implies the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// List, read and search.
    Read,
    /// Upload, change and delete.
    Write,
}

impl Scope {
    /// Its name in a token.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// A tenant, and what the token's holder may do there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Valid by [`is_tenant`].
    pub tenant: String,
    /// At least one.
    pub scopes: Vec<Scope>,
}

impl Principal {
    /// May do everything within `tenant`.
    pub fn full(tenant: impl Into<String>) -> Self {
        Self {
            tenant: tenant.into(),
            scopes: vec![Scope::Read, Scope::Write],
        }
    }
}

/// Why a credential was refused; the texts tell the caller what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AuthError {
    /// None was sent, and one is needed.
    #[error("{0}")]
    Missing(String),
    /// Malformed, not signed by a configured key, or for another audience.
    #[error("{0}")]
    Invalid(String),
    /// Was good and is so no longer.
    #[error("{0}")]
    Expired(String),
}

/// A public key that cannot be used.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The file cannot be read.
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
    /// The system gave no randomness.
    #[error("the system's source of randomness failed")]
    Random,
    /// A claim that no token may carry.
    #[error("{0}")]
    Claim(String),
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    tenant: String,
    scope: String,
    aud: String,
    iat: u64,
    exp: u64,
}

/// Verifies `authorization` headers. Without keys everybody is the tenant `default`.
pub struct Verifier {
    keys: Vec<DecodingKey>,
    validation: Validation,
}

impl Verifier {
    /// Reads public keys (PEM). Fails when one cannot be read or is of another kind.
    pub fn from_files(paths: &[PathBuf]) -> Result<Self, KeyError> {
        let keys: Result<Vec<_>, _> = paths.iter().map(|path| read_key(path)).collect();
        Ok(Self::new(keys?))
    }

    fn new(keys: Vec<DecodingKey>) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "aud"]);
        validation.validate_nbf = true;
        validation.leeway = 5;
        Self { keys, validation }
    }

    /// Whether a credential is needed.
    pub fn needs_token(&self) -> bool {
        !self.keys.is_empty()
    }

    /// The principal behind the value of an `authorization` header.
    pub fn verify(&self, authorization: Option<&str>) -> Result<Principal, AuthError> {
        if !self.needs_token() {
            return Ok(Principal::full(DEFAULT_TENANT));
        }
        let header = authorization.ok_or_else(|| {
            AuthError::Missing(
                "No token was sent. Send `Authorization: Bearer TOKEN`; `dayfly token issue` makes one.".into(),
            )
        })?;
        let token = bearer(header).ok_or_else(|| {
            AuthError::Invalid("The authorization header must be `Bearer TOKEN`.".into())
        })?;
        let mut refusal = None;
        for key in &self.keys {
            match jsonwebtoken::decode::<Claims>(token, key, &self.validation) {
                Ok(data) => return principal(data.claims),
                // Another key may have signed it; any other failure is about the token itself.
                Err(error) if matches!(error.kind(), ErrorKind::InvalidSignature) => {}
                Err(error) => refusal = Some(error),
            }
        }
        Err(refusal.map_or_else(|| AuthError::Invalid(
            "The token is not signed by a key that this server knows. Ask its operator for one (`dayfly token issue`).".into(),
        ), |error| refused(&error)))
    }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim())
        .filter(|token| !token.is_empty())
}

fn refused(error: &jsonwebtoken::errors::Error) -> AuthError {
    match error.kind() {
        ErrorKind::ExpiredSignature => AuthError::Expired(
            "The token has expired. Ask the server's operator for a new one (`dayfly token issue`).".into(),
        ),
        ErrorKind::ImmatureSignature => {
            AuthError::Invalid("The token is not valid yet; check the clocks of both machines.".into())
        }
        ErrorKind::InvalidAudience => AuthError::Invalid(format!(
            "The token is for another service: its `aud` must be `{AUDIENCE}`."
        )),
        ErrorKind::MissingRequiredClaim(claim) => {
            AuthError::Invalid(format!("The token lacks the claim `{claim}`."))
        }
        _ => AuthError::Invalid(
            "The token is not a JWT of this server (EdDSA). Make one with `dayfly token issue`.".into(),
        ),
    }
}

fn principal(claims: Claims) -> Result<Principal, AuthError> {
    if !is_tenant(&claims.tenant) {
        return Err(AuthError::Invalid(
            "The token's `tenant` is not a tenant name ([a-z0-9][a-z0-9_-]*, at most 63).".into(),
        ));
    }
    let has = |scope: Scope| claims.scope.split(' ').any(|name| name == scope.name());
    let scopes: Vec<_> = [Scope::Read, Scope::Write]
        .into_iter()
        .filter(|scope| has(*scope))
        .collect();
    if scopes.is_empty() {
        return Err(AuthError::Invalid(
            "The token's `scope` names neither `read` nor `write`.".into(),
        ));
    }
    Ok(Principal {
        tenant: claims.tenant,
        scopes,
    })
}

fn read_key(path: &Path) -> Result<DecodingKey, KeyError> {
    let pem = std::fs::read(path).map_err(|source| KeyError::Read {
        path: path.into(),
        source,
    })?;
    DecodingKey::from_ed_pem(&pem).map_err(|_| KeyError::Format(path.display().to_string()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn pair() -> (KeyPair, Verifier) {
        let pair = keygen().unwrap();
        let key = DecodingKey::from_ed_pem(pair.public_pem.as_bytes()).unwrap();
        let verifier = Verifier::new(vec![key]);
        (pair, verifier)
    }

    fn token(pair: &KeyPair, tenant: &str, scopes: &[Scope], ttl: Duration) -> String {
        let token = issue(&pair.private_pem, tenant, scopes, ttl).unwrap();
        format!("Bearer {token}")
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn an_issued_token_names_its_tenant_and_scopes() {
        let (pair, verifier) = pair();
        let header = token(&pair, "acme", &[Scope::Read], HOUR);
        let principal = verifier.verify(Some(&header)).unwrap();
        assert_eq!(principal.tenant, "acme");
        assert_eq!(principal.scopes, [Scope::Read]);
    }

    #[test]
    fn any_of_several_keys_is_accepted() {
        let (first, second) = (keygen().unwrap(), keygen().unwrap());
        let keys = [&first, &second]
            .map(|pair| DecodingKey::from_ed_pem(pair.public_pem.as_bytes()).unwrap());
        let verifier = Verifier::new(keys.to_vec());
        for pair in [first, second] {
            assert!(
                verifier
                    .verify(Some(&token(&pair, "a", &[Scope::Write], HOUR)))
                    .is_ok()
            );
        }
    }

    #[test]
    fn an_expired_token_is_expired_and_says_how_to_get_another() {
        let (pair, verifier) = pair();
        let claims = Claims {
            sub: None,
            tenant: "acme".into(),
            scope: "read".into(),
            aud: AUDIENCE.into(),
            iat: 1_000_000_000,
            exp: 1_000_000_060,
        };
        let expired = keys::sign(&pair.private_pem, &claims).unwrap();
        match verifier.verify(Some(&format!("Bearer {expired}"))) {
            Err(AuthError::Expired(text)) => assert!(text.contains("dayfly token issue")),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn foreign_keys_audiences_algorithms_and_tenants_are_invalid() {
        let (pair, verifier) = pair();
        let foreign = token(&keygen().unwrap(), "acme", &[Scope::Read], HOUR);
        let claims = |aud: &str, tenant: &str, scope: &str| Claims {
            sub: None,
            tenant: tenant.into(),
            scope: scope.into(),
            aud: aud.into(),
            iat: 0,
            exp: u64::from(u32::MAX),
        };
        let signed =
            |claims: Claims| format!("Bearer {}", keys::sign(&pair.private_pem, &claims).unwrap());
        // {"alg":"none"} with an otherwise good payload.
        let unsigned = format!(
            "Bearer eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.",
            signed(claims(AUDIENCE, "acme", "read"))
                .split('.')
                .nth(1)
                .unwrap()
        );
        let cases = [
            foreign,
            unsigned,
            signed(claims("elsewhere", "acme", "read")),
            signed(claims(AUDIENCE, "../acme", "read")),
            signed(claims(AUDIENCE, "Acme", "read")),
            signed(claims(AUDIENCE, "acme", "admin")),
            "Bearer".into(),
            "Basic YWJj".into(),
            "Bearer a.b.c".into(),
        ];
        for header in cases {
            let answer = verifier.verify(Some(&header));
            assert!(
                matches!(answer, Err(AuthError::Invalid(_))),
                "{header}: {answer:?}"
            );
        }
        assert!(matches!(verifier.verify(None), Err(AuthError::Missing(_))));
    }

    #[test]
    fn without_keys_everybody_is_the_default_tenant() {
        let verifier = Verifier::new(Vec::new());
        for header in [None, Some("Bearer whatever"), Some("nonsense")] {
            assert_eq!(
                verifier.verify(header).unwrap(),
                Principal::full(DEFAULT_TENANT)
            );
        }
    }
}
