//! Whether a token is good, and for what.

use std::sync::Arc;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use thiserror::Error;

use crate::header::Header;
use crate::key::Key;
use crate::{
    AUDIENCE, Claims, DEFAULT_TENANT, MaxLife, Principal, Revoked, Scope, Time, is_tenant,
};

/// Seconds by which the clock that `exp` and `nbf` come from may be off.
const LEEWAY: u64 = 5;

/// Seconds by which the issuer's clock may be ahead: one that is off by more would make tokens that
/// outlive their longest life, and pass a not-before of their future.
const ISSUER_LEEWAY: u64 = 300;

/// Why a credential was refused; the texts tell the caller what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AuthError {
    /// None was sent, and one is needed.
    #[error("{0}")]
    Missing(String),
    /// Malformed, not signed by a configured key, for another audience, or good for too long.
    #[error("{0}")]
    Invalid(String),
    /// Was good and is so no longer: it expired, or was revoked.
    #[error("{0}")]
    Expired(String),
}

/// Verifies `authorization` headers. Without keys everybody is the tenant `default`.
pub struct Verifier {
    keys: Vec<Key>,
    revoked: Arc<Revoked>,
    max_life: MaxLife,
    validation: Validation,
}

impl Verifier {
    /// Verifies with any of `keys`, which have to be Ed25519's. Until it is told otherwise, tokens
    /// may be good as long as they like, and none is revoked.
    ///
    /// A token that names its key ([`key_id`](crate::key_id) in the header's `kid`) is verified with
    /// that one alone.
    pub fn new(keys: Vec<DecodingKey>) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "aud"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY;
        Self {
            keys: keys.into_iter().map(Key::from).collect(),
            revoked: Arc::default(),
            max_life: MaxLife::NONE,
            validation,
        }
    }

    /// Refuses what `revoked` bars.
    #[must_use]
    pub fn revoking(mut self, revoked: Arc<Revoked>) -> Self {
        self.revoked = revoked;
        self
    }

    /// Refuses tokens that were issued to be good for longer.
    #[must_use]
    pub fn living_at_most(mut self, max_life: MaxLife) -> Self {
        self.max_life = max_life;
        self
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
        self.admit(self.signed(token)?)
    }

    /// The claims of a token that a key of ours has signed and whose time it is.
    fn signed(&self, token: &str) -> Result<Claims, AuthError> {
        let header = Header::of(token).ok_or_else(malformed)?;
        if header.is_critical {
            return Err(AuthError::Invalid(
                "The token's header has `crit`, which asks for extensions that this server does not have. Make one with `dayfly token issue`.".into(),
            ));
        }
        let mut refusal = None;
        for key in self.named(header.kid.as_deref())? {
            match jsonwebtoken::decode::<Claims>(token, &key.decoding, &self.validation) {
                Ok(data) => return Ok(data.claims),
                // Another key may have signed it; any other failure is about the token itself.
                Err(error) if matches!(error.kind(), ErrorKind::InvalidSignature) => {}
                Err(error) => refusal = Some(error),
            }
        }
        Err(refusal.map_or_else(
            || {
                AuthError::Invalid(
                    "The token is not signed by a key that this server knows. Ask its operator for one (`dayfly token issue`).".into(),
                )
            },
            |error| refused(&error),
        ))
    }

    fn named(&self, kid: Option<&str>) -> Result<Vec<&Key>, AuthError> {
        let named = |key: &&Key| kid.is_none_or(|kid| kid == key.id);
        let keys: Vec<_> = self.keys.iter().filter(named).collect();
        if keys.is_empty() {
            return Err(AuthError::Invalid(
                "The token is signed by a key that this server does not have, or has no longer (the header's `kid`). Ask its operator for a new one (`dayfly token issue`).".into(),
            ));
        }
        Ok(keys)
    }

    /// The principal of claims that are known to be signed and not to have expired: refuses them where
    /// they say too much or live too long, and where they are revoked.
    pub fn admit(&self, claims: Claims) -> Result<Principal, AuthError> {
        if claims.iat > Time::now().0.saturating_add(ISSUER_LEEWAY) {
            return Err(AuthError::Invalid(
                "The token was issued in the future; check the clocks of both machines.".into(),
            ));
        }
        let life = claims.exp.saturating_sub(claims.iat);
        if self.max_life.seconds().is_some_and(|most| life > most) {
            return Err(AuthError::Invalid(format!(
                "The token is good for longer than this server allows, which is {} from its issue. Ask the server's operator for one that expires earlier (`dayfly token issue --ttl {}`).",
                self.max_life, self.max_life
            )));
        }
        if let Some(why) = self.revoked.bars(&claims) {
            return Err(AuthError::Expired(why));
        }
        principal(claims)
    }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim())
        .filter(|token| !token.is_empty())
}

fn malformed() -> AuthError {
    AuthError::Invalid(
        "The token is not a JWT of this server (EdDSA). Make one with `dayfly token issue`.".into(),
    )
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
        _ => malformed(),
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
