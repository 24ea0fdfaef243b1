//! Bearer tokens. The signature is that of a key whose signing is plain, so that a fuzzer gets past
//! it: what a token says is what is looked at here.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dayfly_identity::{Verifier, is_tenant};
use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::signature::{self, Error};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Value, json};

use super::MIB;
use crate::{Input, Seed, Target};

pub const TARGET: Target = Target {
    name: "token",
    run,
    most_bytes: 4 * MIB,
    seeds,
};

const HEADER: &str = r#"{"alg":"EdDSA","typ":"JWT"}"#;
const SIGNATURE: &[u8] = b"signed";

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| unreachable!("nothing is signed here"),
    verifier_factory: |_, _| Ok(Box::new(Plain)),
    key_utils: KeyUtils::new_unimplemented(),
};

struct Plain;

impl signature::Verifier<Vec<u8>> for Plain {
    fn verify(&self, _: &[u8], signature: &Vec<u8>) -> Result<(), Error> {
        match signature == SIGNATURE {
            true => Ok(()),
            false => Err(Error::new()),
        }
    }
}

impl JwtVerifier for Plain {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    PROVIDER.install_default().expect("no other is installed");
    Verifier::new(vec![DecodingKey::from_ed_der(&[7; 32])])
});

fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    match input.u8() {
        b'h' => header(input.rest()),
        b'c' => claims(HEADER.as_bytes(), input.rest()),
        _ => {
            let header = input.until(0);
            claims(header, input.rest());
        }
    }
}

/// The header's text as it comes.
fn header(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    if VERIFIER.verify(Some(text)).is_ok() {
        let signature = text.trim_end().rsplit('.').next().unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(signature).unwrap(), SIGNATURE);
    }
}

/// A token of these parts is refused, or says in so many words what it is taken for.
fn claims(header: &[u8], claims: &[u8]) {
    let signed = [header, claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let token = |signature: &[u8]| format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    assert!(VERIFIER.verify(Some(&token(b"forged"))).is_err());
    let Ok(principal) = VERIFIER.verify(Some(&token(SIGNATURE))) else {
        return;
    };
    // What is passed over need not be UTF-8.
    let parsed = |part| serde_json::from_str::<Value>(&String::from_utf8_lossy(part)).unwrap();
    let header = parsed(header);
    assert_eq!(header["alg"], "EdDSA");
    assert!(is_tenant(&principal.tenant));
    assert!(!principal.scopes.is_empty());
    let claims = parsed(claims);
    // The claims may also come as the array of their fields.
    if claims.is_object() {
        assert_eq!(claims["tenant"], principal.tenant.as_str());
        assert!(is_for(&claims["aud"]), "{claims}");
        let scopes: Vec<&str> = claims["scope"].as_str().unwrap().split(' ').collect();
        for scope in &principal.scopes {
            assert!(scopes.contains(&scope.name()));
        }
    }
}

fn is_for(audience: &Value) -> bool {
    match audience {
        Value::Array(several) => several.iter().any(is_for),
        one => one == "dayfly",
    }
}

fn seeds() -> Vec<Seed> {
    let of = |name: &str, claims: Value| Seed::new(name, format!("c{claims}"));
    let claims = json!({"tenant": "acme", "scope": "read write", "aud": "dayfly", "iat": 0,
        "exp": 4_294_967_295_u64});
    let with = |more: Value| {
        let mut claims = claims.clone();
        let claims_map = claims.as_object_mut().unwrap();
        claims_map.extend(more.as_object().unwrap().clone());
        claims
    };
    let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let whole = format!(
        "hBearer {}.{}.{}",
        encoded(HEADER),
        encoded(&claims.to_string()),
        URL_SAFE_NO_PAD.encode(SIGNATURE)
    );
    vec![
        Seed::new("header", whole),
        of("good", claims.clone()),
        of(
            "several-audiences",
            with(json!({"aud": ["other", "dayfly"]})),
        ),
        of("expired", with(json!({"exp": 1}))),
        of("early", with(json!({"nbf": 4_294_967_294_u64}))),
        of(
            "all",
            with(json!({"sub": "x", "jti": "j", "scope": "admin",
            "quota": {"files": 1, "requests_per_second": 0.5}})),
        ),
        of("wrong-tenant", with(json!({"tenant": "../other"}))),
        Seed::new(
            "own-header",
            format!(
                "o{}\0{claims}",
                r#"{"alg":"EdDSA","kid":"k","crit":["x"],"jwk":{"kty":"OKP","crv":"Ed25519","x":"AA"}}"#
            ),
        ),
    ]
}
