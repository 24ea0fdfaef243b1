//! Ed25519 for tokens, in portable code: what `jsonwebtoken` comes with is either native or
//! brings every other algorithm along.

use ed25519_dalek::ed25519::signature::{Error as SignatureError, Verifier};
use ed25519_dalek::pkcs8::DecodePublicKey;
use ed25519_dalek::{PUBLIC_KEY_LENGTH, Signature, VerifyingKey};
use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::{Algorithm, DecodingKey};

/// For `CryptoProvider::install_default`. It verifies EdDSA and nothing else.
pub static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// The key of a SubjectPublicKeyInfo (RFC 8410), in DER.
pub fn public_key(der: &[u8]) -> Option<DecodingKey> {
    let key = VerifyingKey::from_public_key_der(der).ok()?;
    Some(DecodingKey::from_ed_der(key.as_bytes()))
}

struct EdDsa(VerifyingKey);

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    if *algorithm != Algorithm::EdDSA {
        return Err(ErrorKind::UnsupportedAlgorithm.into());
    }
    let bytes: &[u8; PUBLIC_KEY_LENGTH] = key
        .try_get_as_bytes()?
        .try_into()
        .map_err(|_| ErrorKind::InvalidEddsaKey)?;
    let key = VerifyingKey::from_bytes(bytes).map_err(|_| ErrorKind::InvalidEddsaKey)?;
    Ok(Box::new(EdDsa(key)))
}

impl Verifier<Vec<u8>> for EdDsa {
    fn verify(
        &self,
        message: &[u8],
        signature: &Vec<u8>,
    ) -> std::result::Result<(), SignatureError> {
        self.0
            .verify_strict(message, &Signature::from_slice(signature)?)
    }
}

impl JwtVerifier for EdDsa {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use dayfly_identity::{AuthError, Principal, Verifier as Tokens};
    use ed25519_dalek::pkcs8::EncodePublicKey;
    use ed25519_dalek::{Signer, SigningKey};

    use super::*;

    const HEADER: &str = r#"{"typ":"JWT","alg":"EdDSA"}"#;
    const CLAIMS: &str =
        r#"{"tenant":"acme","scope":"read write","aud":"dayfly","iat":0,"exp":4294967295}"#;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn token(key: &SigningKey, header: &str, claims: &str) -> String {
        let message = [header, claims]
            .map(|part| URL_SAFE_NO_PAD.encode(part))
            .join(".");
        let signature = key.sign(message.as_bytes()).to_bytes();
        format!("Bearer {message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn tokens() -> Tokens {
        // Only the first of the tests' threads can.
        let _ = PROVIDER.install_default();
        let keys = [1, 2].map(|seed| {
            let der = key(seed).verifying_key().to_public_key_der().unwrap();
            public_key(der.as_bytes()).unwrap()
        });
        Tokens::new(keys.into())
    }

    #[test]
    fn a_token_of_any_of_the_keys_is_good() {
        for seed in [1, 2] {
            let token = token(&key(seed), HEADER, CLAIMS);
            assert_eq!(tokens().verify(Some(&token)), Ok(Principal::full("acme")));
        }
    }

    #[test]
    fn a_token_is_verified_with_the_key_that_it_names_alone() {
        let id = |seed| dayfly_identity::key_id(key(seed).verifying_key().as_bytes());
        let naming = |kid: &str| HEADER.replace('{', &format!(r#"{{"kid":"{kid}","#));
        let verify =
            |seed, kid: &str| tokens().verify(Some(&token(&key(seed), &naming(kid), CLAIMS)));
        assert_eq!(verify(2, &id(2)), Ok(Principal::full("acme")));
        for (seed, kid) in [(1, id(2)), (9, id(9)), (1, "x".to_owned())] {
            let answer = verify(seed, &kid);
            assert!(matches!(answer, Err(AuthError::Invalid(_))), "{answer:?}");
        }
    }

    #[test]
    fn extensions_revocations_and_a_longest_life_hold_here_too() {
        let critical = HEADER.replace('{', r#"{"crit":["exp"],"#);
        let answer = tokens().verify(Some(&token(&key(1), &critical, CLAIMS)));
        assert!(matches!(answer, Err(AuthError::Invalid(_))), "{answer:?}");
        let short = tokens().living_at_most("90d".parse().unwrap());
        let answer = short.verify(Some(&token(&key(1), HEADER, CLAIMS)));
        assert!(matches!(answer, Err(AuthError::Invalid(_))), "{answer:?}");
        let list = br#"{"not_before":[{"tenant":"*","time":"1970-01-01T00:00:01Z"}]}"#;
        let list = dayfly_identity::RevocationList::parse(list).unwrap();
        let strict = tokens().revoking(std::sync::Arc::new(list.into()));
        let answer = strict.verify(Some(&token(&key(1), HEADER, CLAIMS)));
        assert!(matches!(answer, Err(AuthError::Expired(_))), "{answer:?}");
    }

    #[test]
    fn whatever_was_changed_after_it_was_signed_is_invalid() {
        let good = token(&key(1), HEADER, CLAIMS);
        let other = CLAIMS.replace("acme", "evil");
        let forged = token(&key(9), HEADER, &other);
        let mixed = format!(
            "{}.{}",
            forged.rsplit_once('.').unwrap().0,
            good.rsplit_once('.').unwrap().1
        );
        let header = |algorithm: &str| HEADER.replace("EdDSA", algorithm);
        for bad in [
            forged,
            mixed,
            token(&key(1), &header("HS256"), CLAIMS),
            token(&key(1), &header("none"), CLAIMS),
            good[..good.len() - 4].to_owned(),
            format!("{good}AAAA"),
        ] {
            let answer = tokens().verify(Some(&bad));
            assert!(
                matches!(answer, Err(AuthError::Invalid(_))),
                "{bad}: {answer:?}"
            );
        }
    }

    #[test]
    fn times_and_audience_are_checked() {
        let expired = CLAIMS.replace("4294967295", "1000000000");
        let answer = tokens().verify(Some(&token(&key(1), HEADER, &expired)));
        assert!(matches!(answer, Err(AuthError::Expired(_))), "{answer:?}");
        for claims in [
            CLAIMS.replace(r#""iat":0"#, r#""iat":0,"nbf":4294967290"#),
            CLAIMS.replace("dayfly", "elsewhere"),
            CLAIMS.replace("acme", "../acme"),
            CLAIMS.replace("read write", "owner"),
            CLAIMS.replace(r#","exp":4294967295"#, ""),
        ] {
            let answer = tokens().verify(Some(&token(&key(1), HEADER, &claims)));
            assert!(
                matches!(answer, Err(AuthError::Invalid(_))),
                "{claims}: {answer:?}"
            );
        }
    }

    #[test]
    fn what_is_no_public_key_is_none() {
        let der = key(1).verifying_key().to_public_key_der().unwrap();
        let der = der.as_bytes();
        assert!(public_key(&der[..der.len() - 1]).is_none());
        assert!(public_key(&[der, &[0]].concat()).is_none());
        assert!(public_key(&[]).is_none());
    }
}
