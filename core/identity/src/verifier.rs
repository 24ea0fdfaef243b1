use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{DEFAULT_TENANT, Principal, Quota, Scope, is_tenant};

/// The audience that every token has to name.
pub const AUDIENCE: &str = "dayfly";

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

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
pub struct Claims {
    /// Whom it was issued to, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// The tenant, valid by [`is_tenant`].
    pub tenant: String,
    /// Names of scopes, parted by spaces.
    pub scope: String,
    /// [`AUDIENCE`].
    pub aud: String,
    /// When it was issued, in seconds since the Unix epoch.
    pub iat: u64,
    /// When it ends to be good, in seconds since the Unix epoch.
    pub exp: u64,
    /// Which token this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// Limits of the tenant, as far as this token sets them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
}

/// Verifies `authorization` headers. Without keys everybody is the tenant `default`.
pub struct Verifier {
    keys: Vec<DecodingKey>,
    validation: Validation,
}

impl Verifier {
    /// Verifies with any of `keys`, which have to be Ed25519's.
    pub fn new(keys: Vec<DecodingKey>) -> Self {
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
        ErrorKind::Json(error) if error.is_data() => AuthError::Invalid(format!(
            "The token says what this server does not understand: {error}. Make one with `dayfly token issue`."
        )),
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
    let scopes: Vec<_> = Scope::ALL.into_iter().filter(|scope| has(*scope)).collect();
    if scopes.is_empty() {
        return Err(AuthError::Invalid(
            "The token's `scope` names none of `read`, `write` and `admin`.".into(),
        ));
    }
    Ok(Principal {
        tenant: claims.tenant,
        scopes,
        quota: claims.quota.unwrap_or_default(),
    })
}
