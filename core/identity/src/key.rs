//! Public keys, and the names that tokens give them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use sha2::{Digest, Sha256};

/// The SubjectPublicKeyInfo of an Ed25519 key, but for the key (RFC 8410, section 4).
const SPKI: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// What a token's header names a public key by: the JWK thumbprint (RFC 7638, with SHA-256) of the
/// Ed25519 key with these bytes, 43 characters of base64url.
pub fn key_id(public: &[u8]) -> String {
    let x = URL_SAFE_NO_PAD.encode(public);
    let jwk = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(jwk))
}

/// The 32 bytes of an Ed25519 key whose SubjectPublicKeyInfo is `der`; none where it is of another kind.
pub fn ed25519_of_spki(der: &[u8]) -> Option<&[u8; 32]> {
    der.strip_prefix(&SPKI)?.try_into().ok()
}

/// A public key with its name.
pub(crate) struct Key {
    pub id: String,
    pub decoding: DecodingKey,
}

impl From<DecodingKey> for Key {
    fn from(decoding: DecodingKey) -> Self {
        // Those of other kinds have no bytes, and verify nothing.
        let id = key_id(decoding.try_get_as_bytes().unwrap_or_default());
        Self { id, decoding }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_as_the_rfc_does() {
        // RFC 8037, appendices A.2 and A.3.
        let x = URL_SAFE_NO_PAD.decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(
            key_id(&x.unwrap()),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn only_the_encoding_of_an_ed25519_key_has_one() {
        let key = [7; 32];
        let der = [&SPKI[..], &key].concat();
        assert_eq!(ed25519_of_spki(&der), Some(&key));
        // X25519, whose keys have the same length.
        let mut other = der.clone();
        other[8] = 0x6e;
        for bad in [&der[..43], &[&der[..], &[0]].concat(), &other, &[]] {
            assert_eq!(ed25519_of_spki(bad), None);
        }
    }
}
