//! What there is to say of a token.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dayfly_identity::Revoked;
use jsonwebtoken::{Algorithm, crypto};
use serde_json::Value;

use super::keys::KeyFiles;
use super::{AUDIENCE, Claims, IdentityError, MaxLife, Time, Verifier, revocations};

/// What a token is compared with.
#[derive(Debug, Default)]
pub struct Against {
    /// Public keys (PEM) and folders of them; without any, its signature is not looked at.
    pub keys: Vec<PathBuf>,
    /// The list of revoked tokens.
    pub revoked: Option<PathBuf>,
    /// How long it may be good.
    pub max_life: MaxLife,
}

/// What a token says, and what a server would say of it.
#[derive(Debug)]
pub struct Inspection {
    /// Its header.
    pub header: Value,
    /// Its claims.
    pub claims: Value,
    /// Whether one of the keys signed it; none without keys.
    pub is_signed: Option<bool>,
    /// Which of the keys did, or the folder that holds it.
    pub signed_by: Option<PathBuf>,
    /// Whether the list bars it; none without a list, and where that cannot be told.
    pub is_revoked: Option<bool>,
    /// Why a server would refuse it, as far as can be told from what it is compared with.
    pub refusal: Option<String>,
}

/// Reads a token, whoever made it.
///
/// Fails where it is no JWT, and where what it is compared with cannot be read.
pub fn inspect(token: &str, against: &Against) -> Result<Inspection, IdentityError> {
    let (header, claims) = read(token)?;
    let typed = serde_json::from_value::<Claims>(claims.clone());
    let revoked = match &against.revoked {
        Some(path) => Some(Revoked::from(revocations::open(path)?)),
        None => None,
    };
    let is_revoked = match (&revoked, &typed) {
        (Some(revoked), Ok(claims)) => Some(revoked.bars(claims).is_some()),
        _ => None,
    };
    let signed_by = signer(token, &against.keys)?;
    let refusal = match against.keys.is_empty() {
        false => {
            let revoked = against.revoked.clone();
            let server = Verifier::open(&against.keys, revoked, against.max_life)?;
            let answer = server.verify(Some(&format!("Bearer {token}")));
            answer.err().map(|error| error.to_string())
        }
        true => unsigned_refusal(typed, revoked.unwrap_or_default(), against.max_life),
    };
    Ok(Inspection {
        header,
        claims,
        is_signed: (!against.keys.is_empty()).then_some(signed_by.is_some()),
        signed_by,
        is_revoked,
        refusal,
    })
}

/// The header and the claims of a token, which nobody has verified.
///
/// Fails where it is no JWT.
pub fn read(token: &str) -> Result<(Value, Value), IdentityError> {
    let parts: Vec<_> = token.split('.').collect();
    let [header, claims, _] = parts[..] else {
        return Err(IdentityError::NoToken);
    };
    Ok((object(header)?, object(claims)?))
}

fn object(part: &str) -> Result<Value, IdentityError> {
    let json = URL_SAFE_NO_PAD.decode(part).ok();
    json.and_then(|json| serde_json::from_slice::<Value>(&json).ok())
        .filter(Value::is_object)
        .ok_or(IdentityError::NoToken)
}

fn signer(token: &str, paths: &[PathBuf]) -> Result<Option<PathBuf>, IdentityError> {
    let Some((message, signature)) = token.rsplit_once('.') else {
        return Ok(None);
    };
    let signs = |path: &Path| -> Result<bool, IdentityError> {
        let keys = KeyFiles::read(&[path.into()])?.keys()?;
        Ok(keys.iter().any(|key| {
            crypto::verify(signature, message.as_bytes(), key, Algorithm::EdDSA).unwrap_or(false)
        }))
    };
    for path in paths {
        if signs(path)? {
            return Ok(Some(path.clone()));
        }
    }
    Ok(None)
}

fn unsigned_refusal(
    claims: serde_json::Result<Claims>,
    revoked: Revoked,
    max_life: MaxLife,
) -> Option<String> {
    let claims = match claims {
        Ok(claims) => claims,
        Err(error) => return Some(format!("It says what no server understands: {error}.")),
    };
    if claims.aud != AUDIENCE {
        return Some(format!(
            "It is for another service: its `aud` is not `{AUDIENCE}`."
        ));
    }
    if claims.exp <= Time::now().0 {
        return Some("The token has expired.".into());
    }
    let rules = dayfly_identity::Verifier::new(Vec::new())
        .revoking(Arc::new(revoked))
        .living_at_most(max_life);
    rules.admit(claims).err().map(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::super::{Grant, KeyPair, Quota, Scope, issue, keygen};
    use super::*;

    struct Setting {
        folder: tempfile::TempDir,
        token: String,
        jti: String,
    }

    fn issued(pair: &KeyPair) -> (String, String) {
        let grant = Grant {
            tenant: "acme",
            scopes: &[Scope::Read],
            ttl: Duration::from_secs(3_600),
            quota: Quota::NONE,
        };
        let issued = issue(&pair.private_pem, &grant).unwrap();
        (issued.token, issued.claims.jti.unwrap())
    }

    impl Setting {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let pair = keygen().unwrap();
            fs::write(folder.path().join("own.pem"), &pair.public_pem).unwrap();
            fs::write(
                folder.path().join("other.pem"),
                keygen().unwrap().public_pem,
            )
            .unwrap();
            let (token, jti) = issued(&pair);
            Self { folder, token, jti }
        }

        fn against(&self, keys: &[&str], list: Option<String>) -> Inspection {
            let at = |name: &&str| self.folder.path().join(name);
            let revoked = list.map(|list| {
                let path = at(&"list");
                fs::write(&path, list).unwrap();
                path
            });
            let against = Against {
                keys: keys.iter().map(at).collect(),
                revoked,
                max_life: MaxLife::default(),
            };
            inspect(&self.token, &against).unwrap()
        }
    }

    #[test]
    fn a_good_token_has_nothing_against_it() {
        let setting = Setting::new();
        for keys in [&["own.pem"][..], &["other.pem", "own.pem"], &["."], &[]] {
            let seen = setting.against(keys, Some("{}".into()));
            assert_eq!(seen.refusal, None);
            assert_eq!(seen.is_signed, (!keys.is_empty()).then_some(true));
            assert_eq!(seen.is_revoked, Some(false));
            assert_eq!(seen.claims["tenant"], "acme");
            assert_eq!(seen.header["alg"], "EdDSA");
        }
        let seen = setting.against(&["other.pem", "own.pem"], None);
        assert!(seen.signed_by.unwrap().ends_with("own.pem"));
        assert_eq!(seen.is_revoked, None);
    }

    #[test]
    fn a_foreign_signature_a_revocation_and_a_long_life_are_told() {
        let setting = Setting::new();
        let seen = setting.against(&["other.pem"], None);
        assert_eq!(seen.is_signed, Some(false));
        assert!(seen.refusal.unwrap().contains("key"));
        let list = format!(r#"{{"tokens":[{{"jti":"{}"}}]}}"#, setting.jti);
        for keys in [&["own.pem"][..], &[]] {
            let seen = setting.against(keys, Some(list.clone()));
            assert_eq!(seen.is_revoked, Some(true));
            assert!(seen.refusal.unwrap().contains("revoked"));
        }
        let against = Against {
            max_life: "10m".parse().unwrap(),
            ..Against::default()
        };
        let seen = inspect(&setting.token, &against).unwrap();
        assert!(seen.refusal.unwrap().contains("10m"));
    }

    #[test]
    fn what_is_no_token_is_none() {
        let good = Setting::new().token;
        for bad in [
            "",
            "a",
            "a.b",
            "..",
            "e30.e30",
            &format!("{good}.x"),
            "W10.W10.",
        ] {
            let read = inspect(bad, &Against::default());
            assert!(matches!(read, Err(IdentityError::NoToken)), "{bad}");
        }
    }
}
