//! Who may do what, from the application's variables.

use std::sync::Arc;

use dayfly_identity::{
    AuthError, MaxLife, Principal, RevocationList, Revoked, Verifier, is_tenant,
};
use jsonwebtoken::DecodingKey;

use super::{Source, wrong};
use crate::ed25519;

/// Who may do what.
pub enum Access {
    /// Whoever has a token signed by one of these keys.
    Tokens(Box<Verifier>),
    /// Everybody, as this tenant.
    Anonymous(String),
}

impl Access {
    pub(super) fn read(source: &Source<'_>) -> Result<Self, String> {
        let keys = source.text("token_keys")?;
        let tenant = source.text("anonymous_tenant")?;
        match (keys.is_empty(), tenant.is_empty()) {
            (false, true) => {
                let verifier = Verifier::new(parse(&keys)?)
                    .revoking(Arc::new(revoked(source)?))
                    .living_at_most(max_life(source)?);
                Ok(Self::Tokens(Box::new(verifier)))
            }
            (true, false) if is_tenant(&tenant) => Ok(Self::Anonymous(tenant)),
            (true, false) => Err(wrong(
                "anonymous_tenant",
                "is not a tenant name ([a-z0-9][a-z0-9_-]*, at most 63)",
            )),
            (true, true) => Err(wrong(
                "token_keys",
                "is not set, so nobody is let in; give it the public keys of `dayfly token keygen`, or name in `anonymous_tenant` the tenant that everybody is",
            )),
            (false, false) => Err(wrong(
                "anonymous_tenant",
                "is set beside `token_keys`, and only one of them may be",
            )),
        }
    }

    /// The principal behind the value of an `authorization` header.
    pub fn verify(&self, authorization: Option<&str>) -> Result<Principal, AuthError> {
        match self {
            Self::Tokens(verifier) => verifier.verify(authorization),
            Self::Anonymous(tenant) => Ok(Principal::full(tenant)),
        }
    }
}

/// What the file of `dayfly token revoke` says; empty for nothing.
fn revoked(source: &Source<'_>) -> Result<Revoked, String> {
    let text = source.text("token_revoked")?;
    if text.is_empty() {
        return Ok(Revoked::default());
    }
    RevocationList::parse(text.as_bytes())
        .map(Revoked::from)
        .map_err(|why| {
            let what = format!(
                "is not a list as `dayfly token revoke` writes it, so nobody is let in: {why}"
            );
            wrong("token_revoked", &what)
        })
}

fn max_life(source: &Source<'_>) -> Result<MaxLife, String> {
    let text = source.text("token_max_life")?;
    if text.is_empty() {
        return Ok(MaxLife::default());
    }
    text.parse()
        .map_err(|why| wrong("token_max_life", &format!("is wrong: {why}")))
}

/// Reads public keys, PEM after PEM. Where a variable cannot hold line breaks, `\n` stands for one.
fn parse(text: &str) -> Result<Vec<DecodingKey>, String> {
    let format = || {
        let what = "is not PEM after PEM of Ed25519 public keys (`dayfly token keygen` makes them; `\\n` may stand for a line break)";
        wrong("token_keys", what)
    };
    let text = text.replace("\\n", "\n");
    let pems = pem::parse_many(&text).map_err(|_| format())?;
    if pems.is_empty() || pems.len() != text.matches("-----BEGIN").count() {
        return Err(format());
    }
    let keys = pems.iter().map(|pem| match pem.tag() {
        "PUBLIC KEY" => ed25519::public_key(pem.contents()),
        _ => None,
    });
    keys.collect::<Option<_>>().ok_or_else(format)
}
