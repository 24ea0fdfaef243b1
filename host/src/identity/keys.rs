use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dayfly_identity::Claims;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use super::{AUDIENCE, KeyError, Quota, Scope, is_tenant};

/// An Ed25519 key pair in PEM.
pub struct KeyPair {
    /// PKCS #8; signs tokens, so keep it off the server.
    pub private_pem: String,
    /// SubjectPublicKeyInfo; what `auth_keys` names.
    pub public_pem: String,
}

/// Draws a new key pair.
pub fn keygen() -> Result<KeyPair, KeyError> {
    let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::Random)?;
    let private: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyError::Random)?;
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| KeyError::Random)?;
    Ok(KeyPair {
        private_pem: pem("PRIVATE KEY", private.as_ref()),
        public_pem: pem("PUBLIC KEY", public.as_ref()),
    })
}

/// What a token is to grant.
#[derive(Debug, Clone)]
pub struct Grant<'a> {
    /// Whose data it opens.
    pub tenant: &'a str,
    /// What its holder may do there: at least one.
    pub scopes: &'a [Scope],
    /// How long it is good.
    pub ttl: Duration,
    /// The tenant's limits, over those of the server's configuration.
    pub quota: Quota,
}

/// Signs a token, good from now.
///
/// Fails when `private_pem` is no Ed25519 private key, when the tenant is no tenant name and when
/// there is no scope.
pub fn issue(private_pem: &str, grant: &Grant<'_>) -> Result<String, KeyError> {
    if !is_tenant(grant.tenant) {
        return Err(KeyError::Claim(format!(
            "`{}` is not a tenant name: use [a-z0-9][a-z0-9_-]*, at most 63 characters",
            grant.tenant
        )));
    }
    if grant.scopes.is_empty() {
        return Err(KeyError::Claim(
            "a token needs a scope: read, write or admin".into(),
        ));
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let names: Vec<_> = grant.scopes.iter().map(|scope| scope.name()).collect();
    let claims = Claims {
        sub: None,
        tenant: grant.tenant.into(),
        scope: names.join(" "),
        aud: AUDIENCE.into(),
        iat: now,
        exp: now.saturating_add(grant.ttl.as_secs()),
        jti: None,
        quota: (grant.quota != Quota::NONE).then_some(grant.quota),
    };
    sign(private_pem, &claims)
}

pub(super) fn sign(private_pem: &str, claims: &impl Serialize) -> Result<String, KeyError> {
    let format = || KeyError::Format("the private key".into());
    let key = EncodingKey::from_ed_pem(private_pem.as_bytes()).map_err(|_| format())?;
    jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), claims, &key).map_err(|_| format())
}

fn pem(label: &str, der: &[u8]) -> String {
    // RFC 7468: lines of 64 characters.
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(64)
        .map(String::from_utf8_lossy)
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}
