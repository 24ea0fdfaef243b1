//! Tokens, scopes, and one tenant's blindness for another.

use dayfly_tests::key::KeyPair;
use dayfly_tests::{Cli, Client};
use serde_json::json;

use crate::Setting;

fn with_keys(keys: &KeyPair) -> Setting {
    Setting::with(|builder| builder.auth_key(keys.public()))
}

fn client_of(setting: &Setting, keys: &KeyPair, tenant: &str, scopes: &[&str]) -> Client {
    setting.client.with_token(&keys.token(tenant, scopes))
}

#[test]
fn a_tenant_sees_nothing_of_another() {
    let keys = KeyPair::new();
    let setting = with_keys(&keys);
    let acme = client_of(&setting, &keys, "acme", &["read", "write"]);
    let bolt = client_of(&setting, &keys, "bolt", &["read", "write"]);
    let store = acme.create_store("secret");
    let file = acme.ingest(&store, "a.txt", "the secret of acme", &json!({}));
    acme.upload("default", "the other secret of acme");

    assert!(bolt.ids("/v1/files").is_empty());
    assert!(bolt.ids("/v1/vector_stores").is_empty());
    bolt.get(&format!("/v1/files/{file}")).error(404);
    bolt.get(&format!("/v1/files/{file}/content")).error(404);
    bolt.delete(&format!("/v1/files/{file}")).error(404);
    bolt.get(&format!("/v1/vector_stores/{store}")).error(404);
    bolt.delete(&format!("/v1/vector_stores/{store}"))
        .error(404);
    bolt.post_search(&store, &json!({"query": "secret"}))
        .error(404);
    bolt.post_search("default", &json!({"query": "secret"}))
        .error(404);
    let own = bolt.create_store("own");
    let stolen = bolt.post_json(
        &format!("/v1/vector_stores/{own}/files"),
        &json!({"file_id": file}),
    );
    stolen.error(404);

    bolt.upload("default", "bolts are of steel");
    let hits = bolt.find("default", "secret");
    assert_eq!(hits.len(), 1);
    assert_eq!(hits[0].text, "bolts are of steel");
    assert_eq!(
        acme.find("default", "secret")[0].text,
        "the other secret of acme"
    );
    assert_eq!(acme.find(&store, "secret")[0].file, file);
}

#[test]
fn scopes_allow_what_they_say_and_no_more() {
    let keys = KeyPair::new();
    let setting = with_keys(&keys);
    let reader = client_of(&setting, &keys, "acme", &["read"]);
    let writer = client_of(&setting, &keys, "acme", &["write"]);

    writer.upload("default", "some text");
    // Whose path ends as that of a search does.
    writer.upload("search", "some text");
    assert_eq!(reader.find("default", "text").len(), 1);
    reader.ids("/v1/files");
    for refused in [
        reader.post_upload("default", &json!({"text": "more"})),
        reader.post_json("/v1/vector_stores", &json!({})),
        reader.post_file("a.txt", b"text"),
        reader.delete("/v1/vector_stores/default"),
        reader.delete("/v1/vector_stores/search"),
        reader.post_json("/v1/vector_stores/search", &json!({"name": "mine"})),
        reader.delete("/v1/vector_stores/default/files/search"),
        writer.get("/v1/files"),
        writer.get("/v1/vector_stores"),
        writer.post_search("default", &json!({"query": "text"})),
    ] {
        let error = refused.error(403);
        assert_eq!(error.code.as_deref(), Some("insufficient_permissions"));
    }
    assert_eq!(reader.find("default", "text").len(), 1);
}

#[test]
fn a_request_without_a_good_token_is_refused() {
    let keys = KeyPair::new();
    let others = KeyPair::new();
    let setting = with_keys(&keys);
    let good = keys.token("acme", &["read", "write"]);
    let (head, rest) = good.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let foreign = keys.token("bolt", &["read", "write"]);
    let foreign_claims = foreign.split('.').nth(1).unwrap();
    // {"alg":"none","typ":"JWT"}
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}.");
    let mut tokens = vec![
        others.token("acme", &["read", "write"]),
        format!("{head}.{foreign_claims}.{signature}"),
        format!(
            "{head}.{claims}.{}",
            signature.chars().rev().collect::<String>()
        ),
        unsigned,
        "sk-something".to_owned(),
        String::new(),
        "a.b.c".to_owned(),
    ];
    tokens.push(good.repeat(50));
    for token in tokens {
        let answer = setting.client.with_token(&token).get("/v1/files");
        let error = answer.error(401);
        assert_eq!(error.code.as_deref(), Some("invalid_api_key"), "{token}");
    }
    let error = setting.client.get("/v1/files").error(401);
    assert!(
        error.message.to_lowercase().contains("token") || error.message.contains("Authorization"),
        "{error:?}"
    );
    setting.client.with_token(&good).get("/v1/files").ok();
}

#[test]
fn an_expired_token_says_so() {
    let keys = KeyPair::new();
    let setting = with_keys(&keys);
    let token = keys.token_for("acme", &["read"], "1s");
    let client = setting.client.with_token(&token);
    let error = dayfly_tests::wait::until("the token to expire", || {
        let answer = client.get("/v1/files");
        (answer.status != 200).then(|| answer.error(401))
    });
    assert_eq!(error.code.as_deref(), Some("invalid_api_key"));
    assert!(error.message.contains("expired"), "{error:?}");
}

#[test]
fn every_configured_key_is_good() {
    let (first, second) = (KeyPair::new(), KeyPair::new());
    let setting =
        Setting::with(|builder| builder.auth_key(first.public()).auth_key(second.public()));
    for keys in [&first, &second] {
        client_of(&setting, keys, "acme", &["read"])
            .get("/v1/files")
            .ok();
    }
}

#[test]
fn what_is_revoked_is_refused_and_nothing_else() {
    let keys = KeyPair::new();
    let list = keys.directory().join("revoked.json");
    let [revoked, older, good] = [("acme", "1h"), ("bolt", "2h"), ("acme", "3h")]
        .map(|(tenant, life)| keys.token_for(tenant, &["read"], life));
    let revoke = |what: &[&str]| {
        let cli = Cli::new().args(["token", "revoke", "--file"]).arg(&list);
        cli.args(what).run().success()
    };
    revoke(&["--token", &revoked]);
    revoke(&["--tenant", "bolt"]);
    let newer = keys.token("bolt", &["read"]);
    let setting = Setting::with(|builder| builder.auth_key(keys.public()).auth_revoked(&list));
    for token in [&revoked, &older] {
        let error = setting.client.with_token(token).get("/v1/files").error(401);
        assert_eq!(error.code.as_deref(), Some("invalid_api_key"));
        assert!(error.message.contains("revoked"), "{error:?}");
    }
    for token in [&good, &newer] {
        setting.client.with_token(token).get("/v1/files").ok();
    }
}

#[test]
fn a_token_may_live_as_long_as_the_server_says() {
    let keys = KeyPair::new();
    let setting = Setting::with(|builder| {
        builder
            .auth_key(keys.public())
            .option("--auth-max-life", "1d")
    });
    let client = |life: &str| {
        let token = keys.token_for("acme", &["read"], life);
        setting.client.with_token(&token)
    };
    client("1d").get("/v1/files").ok();
    let error = client("25h").get("/v1/files").error(401);
    assert!(error.message.contains("1d"), "{error:?}");
}

#[test]
fn whoever_may_only_read_figures_gets_at_no_documents() {
    let keys = KeyPair::new();
    let setting = with_keys(&keys);
    client_of(&setting, &keys, "acme", &["read", "write"]).upload("default", "some text");
    let admin = client_of(&setting, &keys, "acme", &["admin"]);
    for refused in [
        admin.get("/v1/files"),
        admin.get("/v1/vector_stores"),
        admin.get("/v1/vector_stores/default"),
        admin.post_search("default", &json!({"query": "text"})),
        admin.post_upload("default", &json!({"text": "more"})),
        admin.post_file("a.txt", b"text"),
        admin.delete("/v1/vector_stores/default"),
        admin.post_json("/v1/vector_stores/default/rebuild", &json!({})),
    ] {
        let error = refused.error(403);
        assert_eq!(error.code.as_deref(), Some("insufficient_permissions"));
    }
}

#[test]
fn a_hostile_tenant_name_is_not_issued() {
    let keys = KeyPair::new();
    for tenant in ["", "..", "a/b", "../acme", "a b", "A\u{0}"] {
        if tenant.contains('\0') {
            continue;
        }
        dayfly_tests::cli::Cli::new()
            .args(["token", "issue", "--key"])
            .arg(keys.private())
            .args(["--tenant", tenant, "--scope", "read"])
            .run()
            .failure();
    }
}
