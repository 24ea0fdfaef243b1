use std::collections::HashMap;

use super::*;

/// A public key of Ed25519 (RFC 8410, section 10.1).
const KEY: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

#[derive(Clone)]
struct Given(HashMap<&'static str, String>);

impl Variables for Given {
    fn get(&self, name: &str) -> Result<Option<String>, String> {
        match name {
            "forbidden" => Err("the provider is down".to_owned()),
            _ => Ok(self.0.get(name).cloned()),
        }
    }
}

impl Given {
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.0.insert(name, value.to_owned());
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    fn read(&self) -> Config {
        Config::read(self).ok().unwrap()
    }

    fn error(&self) -> String {
        Config::read(self).err().unwrap()
    }
}

fn given() -> Given {
    let given = [
        ("s3_endpoint", "http://127.0.0.1:9000"),
        ("s3_bucket", "documents"),
        ("s3_access_key_id", "id"),
        ("s3_secret_access_key", "secret"),
        ("anonymous_tenant", "all"),
        ("embedding_model", "small"),
    ];
    Given(given.map(|(name, value)| (name, value.to_owned())).into())
}

#[test]
fn a_variable_that_was_not_given_has_its_default() {
    let config = given().read();
    let expected = Settings {
        embedding_model: "small".to_owned(),
        ..Settings::default()
    };
    assert_eq!(config.settings, expected);
    assert_eq!(config.storage.bucket.region(), "us-east-1");
    assert_eq!(config.storage.prefix, "");
}

#[test]
fn a_missing_variable_is_named() {
    for name in [
        "s3_endpoint",
        "s3_bucket",
        "s3_access_key_id",
        "s3_secret_access_key",
        "embedding_model",
    ] {
        let error = given().without(name).error();
        assert!(error.contains(&format!("`{name}` is not set")), "{error}");
        assert_eq!(given().with(name, " ").error(), error);
    }
}

#[test]
fn a_bad_number_is_named_with_what_it_should_be() {
    for (name, value) in [
        ("embedding_batch_inputs", "0"),
        ("embedding_batch_bytes", "many"),
        ("embedding_concurrency", "-1"),
        ("embedding_request_timeout_ms", "1.5"),
        ("embedding_deadline_ms", "99999999999999999999"),
        ("embedding_batch_inputs", "4294967296"),
        ("ingestion_step_ms", "20s"),
        ("max_file_bytes", "0"),
    ] {
        let error = given().with(name, value).error();
        assert!(error.contains(&format!("`{name}`")), "{error}");
        assert!(error.contains("a whole number of at least"), "{error}");
    }
}

#[test]
fn numbers_and_the_endpoint_are_taken() {
    let settings = given()
        .with("embedding_origin", "https://models.example/")
        .with("embedding_path", "/openai/embeddings")
        .with("embedding_api_key", "sk")
        .with("embedding_batch_inputs", "7")
        .with("embedding_headers", "api-key: sk:2\n\n x-team :birds\n")
        .with("embedding_dimensions", "256")
        .with("embedding_query_prefix", "query: ")
        .with("ingestion_step_ms", "20000")
        .read()
        .settings;
    let headers = [("api-key", "sk:2"), ("x-team", "birds")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(settings.embedding_headers, headers);
    assert_eq!(settings.embedding_dimensions, Some(256));
    assert_eq!(settings.query_prefix, "query: ");
    let wrong = given()
        .with("embedding_headers", "api-key sk-secret")
        .error();
    assert!(wrong.contains("`embedding_headers`"), "{wrong}");
    assert!(!wrong.contains("sk-secret"), "{wrong}");
    assert_eq!(
        settings.embedding_url,
        "https://models.example/openai/embeddings"
    );
    assert_eq!(
        settings.embedding_authorization.as_deref(),
        Some("Bearer sk")
    );
    assert_eq!(settings.batch_inputs, 7);
    assert_eq!(settings.step_ms, 20_000);
    let none = given().with("ingestion_step_ms", "0").read().settings;
    assert_eq!(none.step_ms, u64::MAX);
    assert!(
        given()
            .with("embedding_origin", "models")
            .error()
            .contains("`embedding_origin`")
    );
}

#[test]
fn an_endpoint_that_begins_with_the_bucket_addresses_it_by_host() {
    let url = |endpoint: &str| {
        let storage = given().with("s3_endpoint", endpoint).read().storage;
        storage.bucket.object_url("t/a").to_string()
    };
    assert_eq!(
        url("http://127.0.0.1:9000"),
        "http://127.0.0.1:9000/documents/t/a"
    );
    assert_eq!(
        url("https://documents.s3.example:8443/"),
        "https://documents.s3.example:8443/t/a"
    );
    for endpoint in ["s3.example", "ftp://s3.example", "http://s3.example/path"] {
        let error = given().with("s3_endpoint", endpoint).error();
        assert!(error.contains("`s3_endpoint`"), "{error}");
    }
}

#[test]
fn a_prefix_keeps_to_the_rules_of_keys() {
    let prefix = given().with("s3_prefix", "/teams/a/").read().storage.prefix;
    assert_eq!(prefix, "teams/a");
    for bad in ["a b", "../a", "a//b", &"a/".repeat(100)] {
        let error = given().with("s3_prefix", bad).error();
        assert!(error.contains("`s3_prefix`"), "{error}");
    }
}

#[test]
fn nobody_is_let_in_unless_the_operator_says_who() {
    let nobody = given().without("anonymous_tenant");
    assert!(nobody.error().contains("`token_keys`"));
    assert!(nobody.error().contains("`anonymous_tenant`"));
    let both = given().with("token_keys", KEY).error();
    assert!(both.contains("only one of them"), "{both}");
    let bad = given().with("anonymous_tenant", "../x").error();
    assert!(bad.contains("not a tenant name"), "{bad}");
}

#[test]
fn without_keys_everybody_is_the_named_tenant() {
    let access = given().read().access;
    for header in [None, Some("Bearer x")] {
        let principal = access.verify(header).unwrap();
        assert_eq!(principal, dayfly_identity::Principal::full("all"));
    }
}

#[test]
fn keys_stand_one_after_another_and_in_one_line() {
    let keys = |text: &str| given().without("anonymous_tenant").with("token_keys", text);
    let line = KEY.replace('\n', "\\n");
    for text in [
        KEY,
        &line,
        &format!("{KEY}{KEY}"),
        &format!("{line}\n{KEY}"),
    ] {
        let access = keys(text).read().access;
        assert!(
            matches!(
                access.verify(None),
                Err(dayfly_identity::AuthError::Missing(_))
            ),
            "{text}"
        );
    }
    for bad in [
        "nonsense",
        &KEY.replace("MCow", "MCox"),
        &KEY.replace("PUBLIC", "PRIVATE"),
        &KEY[..60],
        &format!("{KEY}{}", &KEY[..60]),
    ] {
        let error = keys(bad).error();
        assert!(error.contains("`token_keys`"), "{bad}: {error}");
    }
}

#[test]
fn what_is_revoked_and_how_long_tokens_live_stands_in_variables() {
    let with = |name: &'static str, text: &str| {
        let keys = given().without("anonymous_tenant").with("token_keys", KEY);
        keys.with(name, text)
    };
    for (name, good) in [
        ("token_revoked", r#"{"tokens": [{"jti": "a"}]}"#),
        ("token_revoked", ""),
        ("token_max_life", "90d"),
        ("token_max_life", "none"),
    ] {
        assert!(
            matches!(with(name, good).read().access, Access::Tokens(_)),
            "{name}"
        );
    }
    for (name, bad) in [
        ("token_revoked", r#"{"token": []}"#),
        ("token_revoked", "a, b"),
        ("token_max_life", "90"),
    ] {
        let error = with(name, bad).error();
        assert!(error.contains(&format!("`{name}`")), "{error}");
    }
}

#[test]
fn what_the_host_says_of_a_variable_is_told() {
    let given = given();
    let error = Source(&given).text("forbidden").unwrap_err();
    assert!(error.contains("the provider is down"), "{error}");
}
