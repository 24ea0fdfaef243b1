//! Tokens by whoever may hold them: issued, foreign, crafted.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dayfly_identity::Verifier;
use jsonwebtoken::{Algorithm, DecodingKey, Header};
use serde_json::{Value, json};

use super::issue::sign;
use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn decoding(pair: &KeyPair) -> DecodingKey {
    DecodingKey::from_ed_pem(pair.public_pem.as_bytes()).unwrap()
}

fn pair() -> (KeyPair, Verifier) {
    let pair = keygen().unwrap();
    let verifier = Verifier::new(vec![decoding(&pair)]);
    (pair, verifier)
}

fn grant<'a>(tenant: &'a str, scopes: &'a [Scope], ttl: Duration) -> Grant<'a> {
    Grant {
        tenant,
        scopes,
        ttl,
        quota: Quota::NONE,
    }
}

fn token(pair: &KeyPair, tenant: &str, scopes: &[Scope]) -> String {
    let issued = issue(&pair.private_pem, &grant(tenant, scopes, HOUR)).unwrap();
    format!("Bearer {}", issued.token)
}

/// What an issued token says, changed as `change` does; whatever is `null` then is left out.
fn claims(change: Value) -> Value {
    let now = Time::now().0;
    let mut claims = json!({
        "tenant": "acme", "scope": "read", "aud": AUDIENCE, "iat": now, "exp": now + 3_600,
    });
    let fields = claims.as_object_mut().unwrap();
    for (name, value) in change.as_object().unwrap() {
        fields.insert(name.clone(), value.clone());
    }
    fields.retain(|_, value| !value.is_null());
    claims
}

fn plain() -> Header {
    Header::new(Algorithm::EdDSA)
}

fn signed(pair: &KeyPair, claims: &Value) -> String {
    let token = sign(&pair.private_pem, &plain(), claims).unwrap();
    format!("Bearer {token}")
}

/// With a header of any text, rightly signed.
fn crafted(pair: &KeyPair, header: &str, claims: &str) -> String {
    let message = [header, claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let pem = pem::parse(&pair.private_pem).unwrap();
    let key = aws_lc_rs::signature::Ed25519KeyPair::from_pkcs8(pem.contents()).unwrap();
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()));
    format!("Bearer {message}.{signature}")
}

#[track_caller]
fn invalid(verifier: &Verifier, header: &str, why: &str) {
    match verifier.verify(Some(header)) {
        Err(AuthError::Invalid(text)) => assert!(text.contains(why), "{header}: {text}"),
        other => panic!("{header}: {other:?}"),
    }
}

#[test]
fn an_issued_token_names_its_tenant_and_scopes() {
    let (pair, verifier) = pair();
    let header = token(&pair, "acme", &[Scope::Read]);
    let principal = verifier.verify(Some(&header)).unwrap();
    assert_eq!(principal.tenant, "acme");
    assert_eq!(principal.scopes, [Scope::Read]);
}

#[test]
fn an_issued_token_has_a_name_of_its_own_and_names_its_key() {
    let (pair, _) = pair();
    let both =
        [(); 2].map(|()| issue(&pair.private_pem, &grant("acme", &[Scope::Read], HOUR)).unwrap());
    let names = both
        .each_ref()
        .map(|issued| issued.claims.jti.clone().unwrap());
    assert_ne!(names[0], names[1]);
    assert!(names.iter().all(|name| name.len() == 32), "{names:?}");
    let kid = key_id(decoding(&pair).try_get_as_bytes().unwrap());
    for issued in both {
        let header = jsonwebtoken::decode_header(&issued.token).unwrap();
        assert_eq!(header.kid.as_ref(), Some(&kid));
        assert_eq!(issued.kid, kid);
        assert_eq!(issued.claims.exp - issued.claims.iat, 3_600);
    }
}

#[test]
fn what_no_token_may_say_is_not_issued() {
    let (pair, _) = pair();
    let second = Duration::from_secs(1);
    let refused = |grant: &Grant<'_>| issue(&pair.private_pem, grant).is_err();
    for ttl in [
        Duration::ZERO,
        Duration::from_millis(999),
        MAX_TTL + Duration::from_nanos(1),
        Duration::MAX,
    ] {
        assert!(refused(&grant("acme", &[Scope::Read], ttl)), "{ttl:?}");
    }
    for ttl in [second, MAX_TTL] {
        assert!(!refused(&grant("acme", &[Scope::Read], ttl)), "{ttl:?}");
    }
    assert!(refused(&grant("Acme", &[Scope::Read], HOUR)));
    assert!(refused(&grant("acme", &[], HOUR)));
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
        quota,
        ..grant("acme", &[Scope::Admin], HOUR)
    };
    let header = format!("Bearer {}", issue(&pair.private_pem, &grant).unwrap().token);
    let principal = verifier.verify(Some(&header)).unwrap();
    assert_eq!(principal.quota, quota);
    assert_eq!(principal.scopes, [Scope::Admin]);
}

#[test]
fn a_limit_of_an_unknown_name_is_invalid_and_named() {
    let (pair, verifier) = pair();
    let header = signed(&pair, &claims(json!({"quota": {"file": 3}})));
    invalid(&verifier, &header, "unknown field `file`");
}

#[test]
fn any_of_several_keys_is_accepted() {
    let (first, second) = (keygen().unwrap(), keygen().unwrap());
    let verifier = Verifier::new([&first, &second].map(decoding).to_vec());
    for pair in [first, second] {
        for header in [
            token(&pair, "a", &[Scope::Write]),
            signed(&pair, &claims(json!({}))),
        ] {
            assert!(verifier.verify(Some(&header)).is_ok());
        }
    }
}

#[test]
fn a_token_is_verified_with_the_key_that_it_names_alone() {
    let (first, second) = (keygen().unwrap(), keygen().unwrap());
    let verifier = Verifier::new([&first, &second].map(decoding).to_vec());
    let id = |pair: &KeyPair| key_id(decoding(pair).try_get_as_bytes().unwrap());
    let naming = |pair: &KeyPair, kid: &str| {
        let mut header = plain();
        header.kid = Some(kid.into());
        let token = sign(&pair.private_pem, &header, &claims(json!({}))).unwrap();
        format!("Bearer {token}")
    };
    assert!(
        verifier
            .verify(Some(&naming(&second, &id(&second))))
            .is_ok()
    );
    invalid(
        &verifier,
        &naming(&first, &id(&second)),
        "not signed by a key",
    );
    for kid in ["", "/etc/passwd", &id(&keygen().unwrap())] {
        invalid(&verifier, &naming(&first, kid), "has no longer");
    }
}

#[test]
fn an_expired_token_is_expired_and_says_how_to_get_another() {
    let (pair, verifier) = pair();
    let header = signed(
        &pair,
        &claims(json!({"iat": 1_000_000_000, "exp": 1_000_000_060})),
    );
    match verifier.verify(Some(&header)) {
        Err(AuthError::Expired(text)) => assert!(text.contains("dayfly token issue")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn foreign_keys_audiences_algorithms_and_tenants_are_invalid() {
    let (pair, verifier) = pair();
    let good = signed(&pair, &claims(json!({})));
    assert!(verifier.verify(Some(&good)).is_ok());
    // {"alg":"none"} with an otherwise good payload.
    let unsigned = format!(
        "Bearer eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.",
        good.split('.').nth(1).unwrap()
    );
    let cases = [
        token(&keygen().unwrap(), "acme", &[Scope::Read]),
        signed(&keygen().unwrap(), &claims(json!({}))),
        unsigned,
        signed(&pair, &claims(json!({"aud": "elsewhere"}))),
        signed(&pair, &claims(json!({"tenant": "../acme"}))),
        signed(&pair, &claims(json!({"tenant": "Acme"}))),
        signed(&pair, &claims(json!({"tenant": "*"}))),
        signed(&pair, &claims(json!({"scope": "owner"}))),
        signed(&pair, &claims(json!({"jti": 7}))),
        signed(&pair, &claims(json!({"exp": null}))),
        signed(&pair, &claims(json!({"iat": null}))),
        "Bearer".into(),
        "Basic YWJj".into(),
        "Bearer a.b.c".into(),
        "Bearer ..".into(),
    ];
    for header in cases {
        invalid(&verifier, &header, "");
    }
    assert!(matches!(verifier.verify(None), Err(AuthError::Missing(_))));
}

#[test]
fn a_header_that_asks_for_more_than_there_is_is_refused() {
    let (pair, verifier) = pair();
    let claims = claims(json!({})).to_string();
    let good = r#"{"alg":"EdDSA"}"#;
    assert!(
        verifier
            .verify(Some(&crafted(&pair, good, &claims)))
            .is_ok()
    );
    for header in [
        r#"{"alg":"EdDSA","crit":["exp"],"exp":1}"#,
        r#"{"alg":"EdDSA","crit":["b64"],"b64":true}"#,
        r#"{"alg":"EdDSA","crit":["x"]}"#,
        r#"{"alg":"EdDSA","crit":[]}"#,
        r#"{"alg":"EdDSA","crit":null}"#,
        r#"{"alg":"EdDSA","crit":"x"}"#,
        r#"{"alg":"EdDSA","\u0063rit":["x"]}"#,
    ] {
        invalid(&verifier, &crafted(&pair, header, &claims), "`crit`");
    }
}

#[test]
fn a_header_that_can_be_read_in_two_ways_is_refused() {
    let (pair, verifier) = pair();
    let claims = claims(json!({})).to_string();
    for header in [
        r#"{"alg":"EdDSA","alg":"EdDSA"}"#,
        r#"{"alg":"none","alg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","kid":"a","kid":null}"#,
        r#"{"alg":"EdDSA","crit":["x"],"crit":["x"]}"#,
        r#"{"alg":"EdDSA","kid":7}"#,
        r#"{"alg":"EdDSA"} {}"#,
        r#"{"alg":["EdDSA"]}"#,
        r#"{"alg":"eddsa"}"#,
        r#"["EdDSA"]"#,
        "",
    ] {
        invalid(&verifier, &crafted(&pair, header, &claims), "");
    }
    let twice = claims.replacen('{', r#"{"tenant":"evil","#, 1);
    invalid(
        &verifier,
        &crafted(&pair, r#"{"alg":"EdDSA"}"#, &twice),
        "duplicate field `tenant`",
    );
}

#[test]
fn keys_that_a_token_brings_along_are_not_used() {
    let (_, verifier) = pair();
    let own = keygen().unwrap();
    let x = URL_SAFE_NO_PAD.encode(decoding(&own).try_get_as_bytes().unwrap());
    let header = format!(
        r#"{{"alg":"EdDSA","jwk":{{"kty":"OKP","crv":"Ed25519","x":"{x}"}},"jku":"http://127.0.0.1/keys"}}"#
    );
    let header = crafted(&own, &header, &claims(json!({})).to_string());
    invalid(&verifier, &header, "not signed by a key");
}

#[test]
fn a_token_that_lives_too_long_is_refused_and_told_how_long_it_may() {
    let (pair, verifier) = pair();
    let verifier = verifier.living_at_most("90d".parse().unwrap());
    let now = Time::now().0;
    let of_life = |life: u64| signed(&pair, &claims(json!({"iat": now, "exp": now + life})));
    assert!(verifier.verify(Some(&of_life(90 * 86_400))).is_ok());
    invalid(&verifier, &of_life(90 * 86_400 + 1), "90d");
    let for_ever = signed(&pair, &claims(json!({"exp": u64::MAX})));
    invalid(&verifier, &for_ever, "90d");
    let (pair, unlimited) = self::pair();
    let for_ever = signed(&pair, &claims(json!({"iat": 0, "exp": u64::MAX})));
    assert!(unlimited.verify(Some(&for_ever)).is_ok());
}

#[test]
fn a_token_of_the_future_is_refused() {
    let (pair, verifier) = pair();
    let exp = Time::now().0 + 86_400;
    let issued = |iat: u64| signed(&pair, &claims(json!({"iat": iat, "exp": exp})));
    invalid(&verifier, &issued(exp - 1), "issued in the future");
    invalid(&verifier, &issued(u64::MAX), "issued in the future");
    let ahead = Time::now().0 + 60;
    assert!(verifier.verify(Some(&issued(ahead))).is_ok());
}

#[test]
fn a_revoked_token_is_refused_whether_by_name_or_by_time() {
    let (pair, verifier) = pair();
    let now = Time::now().0;
    let time = Time(now - 10);
    let list = format!(
        r#"{{"tokens":[{{"jti":"x"}}],"not_before":[{{"tenant":"acme","time":"{time}"}}]}}"#
    );
    let list = RevocationList::parse(list.as_bytes()).unwrap();
    let verifier = verifier.revoking(Arc::new(list.into()));
    let verify = |change| verifier.verify(Some(&signed(&pair, &claims(change))));
    for revoked in [
        json!({"jti": "x"}),
        json!({"iat": now - 11}),
        json!({"iat": now - 11, "jti": "y"}),
    ] {
        match verify(revoked) {
            Err(AuthError::Expired(text)) => assert!(text.contains("revoked"), "{text}"),
            other => panic!("{other:?}"),
        }
    }
    for good in [
        json!({}),
        json!({"jti": "y"}),
        json!({"jti": "X"}),
        json!({"iat": now - 10}),
        json!({"tenant": "bolt", "iat": now - 11}),
    ] {
        assert!(verify(good.clone()).is_ok(), "{good}");
    }
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
