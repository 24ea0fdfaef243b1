//! Who is asking: bearer tokens (JWT, EdDSA) and the keys behind them.

mod keys;

use std::path::{Path, PathBuf};

pub use dayfly_identity::{
    AUDIENCE, AuthError, DEFAULT_TENANT, Principal, Quota, Scope, Verifier, is_tenant,
};
use jsonwebtoken::DecodingKey;
use thiserror::Error;

pub use keys::{Grant, KeyPair, issue, keygen};

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

/// A verifier with the public keys (PEM) of `paths`; without any, everybody is the default tenant.
/// Fails when one cannot be read or is of another kind.
pub fn verifier(paths: &[PathBuf]) -> Result<Verifier, KeyError> {
    let keys: Result<Vec<_>, _> = paths.iter().map(|path| read_key(path)).collect();
    Ok(Verifier::new(keys?))
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

    use dayfly_identity::Claims;
    use serde_json::json;

    use super::*;

    fn pair() -> (KeyPair, Verifier) {
        let pair = keygen().unwrap();
        let key = DecodingKey::from_ed_pem(pair.public_pem.as_bytes()).unwrap();
        let verifier = Verifier::new(vec![key]);
        (pair, verifier)
    }

    fn token(pair: &KeyPair, tenant: &str, scopes: &[Scope], ttl: Duration) -> String {
        let grant = Grant {
            tenant,
            scopes,
            ttl,
            quota: Quota::NONE,
        };
        let token = issue(&pair.private_pem, &grant).unwrap();
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
    fn an_issued_token_carries_the_limits_that_it_was_given() {
        let (pair, verifier) = pair();
        let quota = Quota {
            files: Some(3),
            requests_per_second: Some(0.5),
            ..Quota::NONE
        };
        let grant = Grant {
            tenant: "acme",
            scopes: &[Scope::Admin],
            ttl: HOUR,
            quota,
        };
        let token = issue(&pair.private_pem, &grant).unwrap();
        let header = format!("Bearer {token}");
        let principal = verifier.verify(Some(&header)).unwrap();
        assert_eq!(principal.quota, quota);
        assert_eq!(principal.scopes, [Scope::Admin]);
    }

    #[test]
    fn a_limit_of_an_unknown_name_is_invalid_and_named() {
        let (pair, verifier) = pair();
        let claims = json!({
            "tenant": "acme", "scope": "read", "aud": AUDIENCE, "iat": 0, "exp": u32::MAX,
            "quota": {"file": 3},
        });
        let token = keys::sign(&pair.private_pem, &claims).unwrap();
        match verifier.verify(Some(&format!("Bearer {token}"))) {
            Err(AuthError::Invalid(text)) => {
                assert!(text.contains("unknown field `file`"), "{text}")
            }
            other => panic!("{other:?}"),
        }
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
            jti: None,
            quota: None,
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
            jti: None,
            quota: None,
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
            signed(claims(AUDIENCE, "acme", "owner")),
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
