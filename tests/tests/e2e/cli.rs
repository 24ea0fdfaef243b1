//! The commands that speak to a server.

use dayfly_tests::cli::Cli;
use dayfly_tests::key::KeyPair;
use serde_json::Value;

use crate::Setting;

fn dayfly(setting: &Setting, words: &[&str]) -> Cli {
    Cli::new()
        .args(words)
        .args(["--url", setting.client.base()])
}

fn json(cli: Cli) -> Value {
    let said = cli.arg("--json").run().success();
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

#[test]
fn files_and_folders_are_uploaded_and_found() {
    let setting = Setting::new();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("birds")).unwrap();
    std::fs::write(
        folder.path().join("birds/heron.md"),
        "# Herons\n\nHerons wait for fish.",
    )
    .unwrap();
    std::fs::write(folder.path().join("glacier.txt"), "Glaciers carve valleys.").unwrap();
    let path = folder.path().to_str().unwrap();

    dayfly(&setting, &["upload", path]).run().success();
    let said = dayfly(&setting, &["search", "herons fish"]).run().success();
    let first = said.find("Herons wait").unwrap();
    assert!(said.contains("heron.md"), "{said}");
    assert!(
        said.find("Glaciers").is_none_or(|second| first < second),
        "{said}"
    );

    let page = json(dayfly(&setting, &["search", "glaciers", "--limit", "1"]));
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
    assert_eq!(
        page["data"][0]["content"][0]["text"],
        "Glaciers carve valleys."
    );
}

#[test]
fn stores_are_listed_shown_and_deleted() {
    let setting = Setting::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.txt");
    std::fs::write(&file, "Some text.").unwrap();
    let file = file.to_str().unwrap();
    dayfly(&setting, &["upload", file, "--store", "one"])
        .run()
        .success();
    dayfly(&setting, &["upload", file, "--store", "two"])
        .run()
        .success();
    let said = dayfly(&setting, &["stores"]).run().success();
    assert!(said.contains("one") && said.contains("two"), "{said}");
    let one = json(dayfly(&setting, &["stores", "get", "one"]));
    assert_eq!(one["name"], "one");
    assert_eq!(one["file_counts"]["completed"], 1);
    dayfly(&setting, &["stores", "delete", "one"])
        .run()
        .success();
    let left = json(dayfly(&setting, &["stores", "list"]));
    assert_eq!(left["data"].as_array().unwrap().len(), 1);
    assert_eq!(left["data"][0]["name"], "two");
}

#[test]
fn failures_are_told_with_what_to_do() {
    let setting = Setting::new();
    let said = dayfly(&setting, &["search", "anything", "--store", "nowhere"])
        .run()
        .failure();
    assert!(said.contains("nowhere"), "{said}");
    let said = dayfly(&setting, &["upload", "/nowhere/at/all.txt"])
        .run()
        .failure();
    assert!(said.contains("/nowhere/at/all.txt"), "{said}");
    let said = Cli::new()
        .args(["search", "anything", "--url", "http://127.0.0.1:9"])
        .run()
        .failure();
    assert!(said.contains("dayfly serve"), "{said}");
    let said = Cli::new()
        .args(["serve", "--limit-wall-ms", "soon"])
        .run()
        .failure();
    assert!(said.contains("--limit-wall-ms"), "{said}");
}

#[test]
fn a_file_that_is_no_text_fails_alone() {
    let setting = Setting::new();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("good.txt"), "Herons wait for fish.").unwrap();
    std::fs::write(folder.path().join("bad.txt"), b"\xff\xfe\x00\x01").unwrap();
    let good = folder.path().join("good.txt");
    let bad = folder.path().join("bad.txt");
    let words = ["upload", good.to_str().unwrap(), bad.to_str().unwrap()];
    let said = dayfly(&setting, &words).run().failure();
    assert!(
        said.contains("bad.txt") && !said.contains("good.txt:"),
        "{said}"
    );
    let said = dayfly(&setting, &["search", "herons"]).run().success();
    assert!(said.contains("Herons wait"), "{said}");
}

#[test]
fn a_token_comes_from_a_flag_or_the_environment() {
    let keys = KeyPair::new();
    let setting = Setting::with(|builder| builder.auth_key(keys.public()));
    let token = keys.token("acme", &["read"]);
    dayfly(&setting, &["stores", "--token", &token])
        .run()
        .success();
    dayfly(&setting, &["stores"])
        .env("DAYFLY_TOKEN", &token)
        .run()
        .success();
    let said = dayfly(&setting, &["stores"]).run().failure();
    assert!(said.contains("token"), "{said}");
    let again = Cli::new()
        .args(["token", "keygen", "--out"])
        .arg(keys.directory())
        .run()
        .failure();
    assert!(again.contains("never overwritten"), "{again}");
}

#[test]
fn settings_come_from_flags_before_the_environment_before_the_file() {
    let embedder = dayfly_tests::FakeEmbedder::start();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("dayfly.toml");
    let text = format!(
        "[embed]\nurl = \"{}\"\nmodel = \"from-the-file\"\nbatch_inputs = 3\n\n[limits]\nbody_mib = 1\n",
        embedder.url()
    );
    std::fs::write(&config, text).unwrap();
    let model_of = |server: &dayfly_tests::Server| {
        server.client().upload("default", "herons wait");
        embedder.seen().last().unwrap().model.clone()
    };
    let start = || dayfly_tests::Server::builder().env("DAYFLY_CONFIG", config.to_str().unwrap());
    let server = start().start();
    assert_eq!(model_of(&server), "from-the-file");
    server.client().upload("other", &"herons ".repeat(2000));
    assert!(embedder.seen().iter().all(|request| request.inputs <= 3));
    let server = start()
        .env("DAYFLY_EMBED_MODEL", "from-the-environment")
        .start();
    assert_eq!(model_of(&server), "from-the-environment");
    let server = start()
        .env("DAYFLY_EMBED_MODEL", "from-the-environment")
        .option("--embed-model", "from-a-flag")
        .start();
    assert_eq!(model_of(&server), "from-a-flag");

    std::fs::write(&config, "[limits]\nbody_mb = 1\n").unwrap();
    let (status, said) = start().run_to_end();
    assert!(!status.success());
    assert!(
        said.contains("body_mb") && said.contains("dayfly.toml"),
        "{said}"
    );
}
