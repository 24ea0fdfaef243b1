//! Tokens that are revoked, keys that are rotated, and what the command line tells of both: all beside
//! a server that runs.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use dayfly_tests::key::KeyPair;
use dayfly_tests::{Cli, Client, Server, wait};
use serde_json::{Value, json};

use crate::Setting;

/// A server over a folder of public keys and a list of what is revoked.
struct Live {
    folder: tempfile::TempDir,
    setting: Setting,
}

impl Live {
    fn of(keys: &KeyPair) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("revoked.json");
        std::fs::create_dir(folder.path().join("keys")).unwrap();
        std::fs::copy(keys.public(), folder.path().join("keys/1.pem")).unwrap();
        std::fs::write(&list, "{}").unwrap();
        let setting = Setting::with(|builder| {
            builder
                .auth_key(folder.path().join("keys"))
                .auth_revoked(list)
        });
        Self { folder, setting }
    }

    fn list(&self) -> PathBuf {
        self.folder.path().join("revoked.json")
    }

    fn key(&self, name: &str) -> PathBuf {
        self.folder.path().join("keys").join(name)
    }

    fn client(&self, token: &str) -> Client {
        self.setting.client.with_token(token)
    }

    /// Does `work`, while requests with this token come without a pause, and are all answered.
    fn answering(&self, token: &str, work: impl FnOnce()) {
        let client = self.client(token);
        let is_done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_done.load(Ordering::Relaxed) {
                    client.get("/v1/files").ok();
                }
            });
            let done = Done(&is_done);
            work();
            drop(done);
        });
    }

    /// Waits for the refusal, and gives its text.
    fn refused(&self, token: &str) -> String {
        let client = self.client(token);
        wait::until("the token to be refused", || {
            let answer = client.get("/v1/files");
            (answer.status != 200).then(|| answer.error(401).message)
        })
    }

    fn accepted(&self, token: &str) {
        let client = self.client(token);
        wait::until("the token to be accepted", || {
            (client.get("/v1/files").status == 200).then_some(())
        });
    }
}

/// Ends the requests also where the work panics.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn revoke(list: &Path, what: &[&str]) -> String {
    let cli = Cli::new().args(["token", "revoke", "--file"]).arg(list);
    cli.args(what).run().success()
}

/// The id of a token, as `dayfly token inspect` tells it.
fn id(token: &str) -> String {
    let said = Cli::new()
        .args(["token", "inspect", token, "--json"])
        .run()
        .success();
    let said: Value = serde_json::from_str(&said).unwrap();
    said["claims"]["jti"].as_str().unwrap().to_owned()
}

#[test]
fn a_token_that_is_revoked_is_refused_by_a_server_that_runs() {
    let keys = KeyPair::new();
    let live = Live::of(&keys);
    let [leaked, other] = [(); 2].map(|()| keys.token("acme", &["read", "write"]));
    live.client(&leaked).upload("default", "some text");
    revoke(&live.list(), &["--id", &id(&leaked)]);
    let said = live.refused(&leaked);
    assert!(
        said.contains("revoked") && said.contains("dayfly token issue"),
        "{said}"
    );
    assert_eq!(live.client(&other).find("default", "text").len(), 1);
}

#[test]
fn all_older_tokens_are_revoked_at_once_and_newer_ones_are_good() {
    let keys = KeyPair::new();
    let live = Live::of(&keys);
    let older = ["acme", "bolt"].map(|tenant| keys.token(tenant, &["read"]));
    older.iter().for_each(|token| live.accepted(token));
    revoke(&live.list(), &["--all-tenants"]);
    let newer = keys.token("acme", &["read"]);
    for token in older {
        assert!(live.refused(&token).contains("issued before"));
    }
    live.client(&newer).get("/v1/files").ok();
}

#[test]
fn a_list_that_is_broken_leaves_the_last_one_in_force_and_is_told_in_the_log() {
    let keys = KeyPair::new();
    let live = Live::of(&keys);
    let [first, second] = [(); 2].map(|()| keys.token("acme", &["read"]));
    revoke(&live.list(), &["--id", &id(&first)]);
    live.refused(&first);
    std::fs::write(live.list(), "{\n  \"tokens\": [}\n").unwrap();
    wait::until("the error to be logged", || {
        let log = live.setting.server.log();
        let line = log.lines().find(|line| line.contains("ERROR"))?.to_owned();
        assert!(
            line.contains("revoked.json") && line.contains("line 2"),
            "{line}"
        );
        Some(())
    });
    live.client(&first).get("/v1/files").error(401);
    live.client(&second).get("/v1/files").ok();
    std::fs::write(
        live.list(),
        json!({"tokens": [{"jti": id(&second)}]}).to_string(),
    )
    .unwrap();
    live.refused(&second);
    live.accepted(&first);
}

#[test]
fn keys_are_rotated_by_the_steps_of_the_readme_and_no_request_is_refused() {
    let (old, new) = (KeyPair::new(), KeyPair::new());
    let live = Live::of(&old);
    let before = old.token("acme", &["read"]);
    live.client(&before).get("/v1/files").ok();
    let after = new.token("acme", &["read"]);
    assert!(live.refused(&after).contains("`kid`"));

    live.answering(&before, || {
        std::fs::copy(new.public(), live.key("2.pem")).unwrap();
        live.accepted(&after);
    });
    live.client(&before).get("/v1/files").ok();
    live.answering(&after, || {
        std::fs::remove_file(live.key("1.pem")).unwrap();
        assert!(live.refused(&before).contains("has no longer"));
    });
    live.client(&after).get("/v1/files").ok();
}

#[test]
fn a_list_that_cannot_be_used_stops_the_start_and_is_named_with_the_line() {
    let keys = KeyPair::new();
    let list = keys.directory().join("revoked.json");
    let start = || {
        Server::builder()
            .embed_url("http://127.0.0.1:9/v1/embeddings")
            .auth_revoked(&list)
    };
    let said = |builder: dayfly_tests::Builder| {
        let (status, said) = builder.run_to_end();
        assert!(!status.success());
        said
    };
    let missing = said(start().auth_key(keys.public()));
    assert!(missing.contains("revoked.json"), "{missing}");
    std::fs::write(&list, "{\n  \"token\": []\n}\n").unwrap();
    let wrong = said(start().auth_key(keys.public()));
    assert!(
        wrong.contains("revoked.json") && wrong.contains("`token`") && wrong.contains("line 2"),
        "{wrong}"
    );
    std::fs::write(&list, "{}").unwrap();
    let keyless = said(start());
    assert!(keyless.contains("--auth-key"), "{keyless}");
}

#[test]
fn a_folder_without_a_public_key_lets_nobody_in_as_it_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let (status, said) = Server::builder()
        .embed_url("http://127.0.0.1:9/v1/embeddings")
        .auth_key(folder.path())
        .run_to_end();
    assert!(!status.success());
    assert!(said.contains("no public key"), "{said}");
}

#[test]
fn what_a_token_says_is_shown_and_whether_it_is_good() {
    let (keys, others) = (KeyPair::new(), KeyPair::new());
    let list = keys.directory().join("revoked.json");
    std::fs::write(&list, "{}").unwrap();
    let token = keys.token("acme", &["read"]);
    let signature = token.rsplit('.').next().unwrap();
    let inspect = |options: &[&Path]| {
        let cli = Cli::new().args(["token", "inspect", &token]);
        let names = ["--key", "--revoked"].iter().zip(options);
        names
            .fold(cli, |cli, (name, path)| cli.arg(name).arg(path))
            .run()
    };
    let unverified = inspect(&[]).success();
    assert!(
        unverified.contains("acme") && unverified.contains("not verified"),
        "{unverified}"
    );
    assert!(
        unverified.contains("ago") || unverified.contains("in 0 seconds"),
        "{unverified}"
    );
    let good = inspect(&[&keys.public(), &list]).success();
    assert!(
        good.contains("verified by") && good.contains(" minutes\n"),
        "{good}"
    );
    let foreign = inspect(&[&others.public()]);
    foreign.failure();
    assert!(
        foreign.stdout().contains("of none of these keys"),
        "{}",
        foreign.stdout()
    );
    revoke(&list, &["--token", &token]);
    let revoked = inspect(&[&keys.public(), &list]);
    revoked.failure();
    assert!(
        revoked.stdout().contains("The token was revoked"),
        "{}",
        revoked.stdout()
    );
    for said in [unverified, good, foreign.stdout(), revoked.stdout()] {
        assert!(!said.contains(signature), "{said}");
    }
}

#[test]
fn what_would_be_no_revocation_is_refused() {
    let keys = KeyPair::new();
    let list = keys.directory().join("revoked.json");
    for bad in [
        &["--id", ""][..],
        &["--tenant", "Acme"],
        &["--tenant", "acme", "--before", "9999-01-01T00:00:00Z"],
        &["--tenant", "acme", "--before", "yesterday"],
        &["--tenant", "acme", "--id", "a"],
        &["--token", "a.b.c"],
        &[],
    ] {
        let cli = Cli::new().args(["token", "revoke", "--file"]).arg(&list);
        cli.args(bad).run().failure();
        assert!(!list.exists(), "{bad:?}");
    }
}
