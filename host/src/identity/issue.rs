//! Making tokens.

use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use super::{AUDIENCE, Claims, IdentityError, Quota, Scope, Time, is_tenant, key_id};

/// The longest that a token may be made good for: ten years, in days of 24 hours.
pub const MAX_TTL: Duration = Duration::from_secs(3_653 * 86_400);

/// An Ed25519 key pair in PEM.
pub struct KeyPair {
    /// PKCS #8; signs tokens, so keep it off the server.
    pub private_pem: String,
    /// SubjectPublicKeyInfo; what `auth_keys` names.
    pub public_pem: String,
    /// What tokens name it by.
    pub kid: String,
}

/// Draws a new key pair.
pub fn keygen() -> Result<KeyPair, IdentityError> {
    let pair = Ed25519KeyPair::generate().map_err(|_| IdentityError::Random)?;
    let private: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| IdentityError::Random)?;
    let public: PublicKeyX509Der<'_> = pair
        .public_key()
        .as_der()
        .map_err(|_| IdentityError::Random)?;
    Ok(KeyPair {
        private_pem: pem("PRIVATE KEY", private.as_ref()),
        public_pem: pem("PUBLIC KEY", public.as_ref()),
        kid: key_id(pair.public_key().as_ref()),
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

/// A token that was issued, and what it says.
#[derive(Debug)]
pub struct Issued {
    /// The token: whoever has it may do what it grants.
    pub token: String,
    /// The name of the key that signed it.
    pub kid: String,
    /// What it says, among that the `jti` by which it can be revoked.
    pub claims: Claims,
}

/// Signs a token, good from now.
///
/// Fails when `private_pem` is no Ed25519 private key, when the tenant is no tenant name, when there is
/// no scope, and when it would be good for less than a second or more than [`MAX_TTL`].
pub fn issue(private_pem: &str, grant: &Grant<'_>) -> Result<Issued, IdentityError> {
    if !is_tenant(grant.tenant) {
        return Err(IdentityError::Claim(format!(
            "`{}` is not a tenant name: use [a-z0-9][a-z0-9_-]*, at most 63 characters",
            grant.tenant
        )));
    }
    if grant.scopes.is_empty() {
        return Err(IdentityError::Claim(
            "a token needs a scope: read, write or admin".into(),
        ));
    }
    let seconds = grant.ttl.as_secs();
    if seconds == 0 || grant.ttl > MAX_TTL {
        return Err(IdentityError::Claim(
            "a token is good for a second at least and ten years at most".into(),
        ));
    }
    let now = Time::now().0;
    let names: Vec<_> = grant.scopes.iter().map(|scope| scope.name()).collect();
    let claims = Claims {
        sub: None,
        tenant: grant.tenant.into(),
        scope: names.join(" "),
        aud: AUDIENCE.into(),
        iat: now,
        exp: now.saturating_add(seconds),
        jti: Some(token_id()?),
        quota: (grant.quota != Quota::NONE).then_some(grant.quota),
    };
    let kid = kid_of(private_pem)?;
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some(kid.clone());
    Ok(Issued {
        token: sign(private_pem, &header, &claims)?,
        kid,
        claims,
    })
}

/// Unlike any other: 128 random bits.
fn token_id() -> Result<String, IdentityError> {
    let mut bits = [0; 16];
    aws_lc_rs::rand::fill(&mut bits).map_err(|_| IdentityError::Random)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bits)))
}

fn kid_of(private_pem: &str) -> Result<String, IdentityError> {
    let pair = pem::parse(private_pem)
        .ok()
        .and_then(|pem| Ed25519KeyPair::from_pkcs8(pem.contents()).ok())
        .ok_or_else(wrong_key)?;
    Ok(key_id(pair.public_key().as_ref()))
}

pub(super) fn sign(
    private_pem: &str,
    header: &Header,
    claims: &impl Serialize,
) -> Result<String, IdentityError> {
    let key = EncodingKey::from_ed_pem(private_pem.as_bytes()).map_err(|_| wrong_key())?;
    jsonwebtoken::encode(header, claims, &key).map_err(|_| wrong_key())
}

fn wrong_key() -> IdentityError {
    IdentityError::Format("the private key".into())
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
