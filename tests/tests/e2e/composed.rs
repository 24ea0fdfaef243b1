//! The guests composed with their platform: what they import, what `spin.toml` lets them do, and
//! that hosts which know nothing of Dayfly serve them.

use std::path::{Path, PathBuf};
use std::process::Command;

use dayfly_tests::plain_host::{COMPONENTS, PlainHost, composed, manifest, spin_host, variables};
use dayfly_tests::s3::Bucket;
use dayfly_tests::{Client, FakeEmbedder, wait};
use serde_json::json;
use wasmparser::{Parser, Payload};

/// Beside `wasi:`, all that a component may import of Spin.
const VARIABLES: &str = "fermyon:spin/variables@2.0.0";
/// The newest WASI 0.2 that Spin 3 and 4 have.
const NEWEST_WASI: u32 = 6;

/// The names that a component imports, and those that it exports, its nested components' left out.
fn names(path: &Path) -> (Vec<String>, Vec<String>) {
    let component = std::fs::read(path).unwrap();
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(&component) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                imports.extend(
                    section
                        .into_iter()
                        .map(|each| each.unwrap().name.name.to_owned()),
                );
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                exports.extend(
                    section
                        .into_iter()
                        .map(|each| each.unwrap().name.name.to_owned()),
                );
            }
            _ => {}
        }
    }
    (imports, exports)
}

/// Whether Spin 3 and 4 have this interface of WASI, and a guest may want it.
fn in_spins_world(name: &str) -> bool {
    let (interface, version) = name.split_once('@').unwrap_or((name, ""));
    let package = interface
        .split_once('/')
        .map_or(interface, |(package, _)| package);
    let known = [
        "wasi:cli",
        "wasi:clocks",
        "wasi:filesystem",
        "wasi:http",
        "wasi:io",
        "wasi:random",
        "wasi:sockets",
    ];
    let patch = version
        .strip_prefix("0.2.")
        .and_then(|patch| patch.parse::<u32>().ok());
    known.contains(&package) && patch.is_some_and(|patch| patch <= NEWEST_WASI)
}

#[test]
fn composed_components_import_what_spin_has_and_nothing_else() {
    for name in COMPONENTS {
        let path = composed("").join(name).with_extension("wasm");
        let (imports, exports) = names(&path);
        assert!(
            imports.len() > 5,
            "{name} imports hardly anything: {imports:?}"
        );
        assert!(imports.iter().any(|import| import == VARIABLES), "{name}");
        for import in imports.iter().filter(|import| *import != VARIABLES) {
            assert!(in_spins_world(import), "{name} imports {import}");
        }
        assert!(
            matches!(exports.as_slice(), [only] if only.starts_with("wasi:http/incoming-handler@0.2.")),
            "{name} exports {exports:?}"
        );
    }
}

#[test]
fn components_for_hosts_without_spin_import_wasi_alone() {
    for name in COMPONENTS {
        let path = composed("env").join(name).with_extension("wasm");
        let (imports, _) = names(&path);
        assert!(
            imports
                .iter()
                .any(|import| import.starts_with("wasi:cli/environment@"))
        );
        for import in &imports {
            assert!(in_spins_world(import), "{name} imports {import}");
        }
    }
}

/// A bucket, a provider, and `spin-host` between them.
struct Setting {
    bucket: Bucket,
    embedder: FakeEmbedder,
}

impl Setting {
    fn new() -> Self {
        Self {
            bucket: Bucket::new(),
            embedder: FakeEmbedder::start(),
        }
    }

    fn host(&self, manifest: &Path, folder: &Path, arguments: &[&str]) -> PlainHost {
        let mut command = spin_host(manifest, folder, &variables(&self.bucket, &self.embedder));
        command.args(arguments);
        PlainHost::start(command)
    }

    fn hostile(&self, arguments: &[&str]) -> PlainHost {
        self.host(&manifest(), &composed("hostile"), arguments)
    }
}

/// `spin.toml` with `from` replaced.
fn changed_manifest(from: &str, to: &str) -> (tempfile::TempDir, PathBuf) {
    let text = std::fs::read_to_string(manifest()).unwrap();
    assert!(text.contains(from), "spin.toml does not have {from}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spin.toml");
    std::fs::write(&path, text.replace(from, to)).unwrap();
    (folder, path)
}

/// Uploads, finds, and deletes.
fn serves(client: &Client) {
    client.upload("default", "herons wait for fish");
    assert_eq!(client.find("default", "herons").len(), 1);
    let file = client.upload_file("a.txt", b"cranes dance");
    let store = client.create_store("cranes");
    client.attach(&store, &file, &json!({}));
    client.completed(&store, &file);
    assert_eq!(client.find(&store, "cranes")[0].filename, "a.txt");
    client.delete(&format!("/v1/vector_stores/{store}")).ok();
    let gone = client.get(&format!("/v1/vector_stores/{store}"));
    assert_eq!(gone.status, 404, "{}", gone.text());
}

#[test]
fn a_plain_host_serves_the_composed_components() {
    let setting = Setting::new();
    let host = setting.host(&manifest(), &composed(""), &[]);
    serves(host.client());
    assert!(!setting.bucket.keys().is_empty());
    let credentials = setting
        .embedder
        .seen()
        .into_iter()
        .map(|seen| seen.authorization);
    for credential in credentials {
        assert_eq!(credential.as_deref(), Some("Bearer of-the-operator"));
    }
}

#[test]
fn variables_from_the_environment_serve_as_well() {
    let setting = Setting::new();
    let environment: Vec<String> = environment(&setting);
    let mut arguments = Vec::new();
    for each in &environment {
        arguments.extend(["--env", each]);
    }
    let host = setting.host(&manifest(), &composed("env"), &arguments);
    serves(host.client());
}

fn environment(setting: &Setting) -> Vec<String> {
    let variables = variables(&setting.bucket, &setting.embedder).into_iter();
    variables
        .map(|(name, value)| format!("SPIN_VARIABLE_{}={value}", name.to_uppercase()))
        .collect()
}

#[test]
fn a_variable_that_a_component_is_not_given_is_named() {
    let setting = Setting::new();
    let (_folder, path) = changed_manifest("s3_bucket = \"{{ s3_bucket }}\"\n", "");
    let host = setting.host(&path, &composed(""), &[]);
    let answer = host.client().get("/v1/vector_stores");
    let said = answer.text();
    assert_eq!(answer.status, 503, "{said}");
    assert!(!said.contains("s3_bucket"), "told to anybody: {said}");
    let log = host.log();
    assert!(log.contains("`s3_bucket` is not set"), "{log}");
    let mut keys = setting.bucket.keys();
    // The platform's own, below every guest: that it tried out the bucket.
    keys.retain(|key| !key.contains(".dayfly/probed/"));
    assert_eq!(keys, [""; 0]);
}

#[test]
fn a_required_variable_without_a_value_stops_the_start() {
    let setting = Setting::new();
    let mut some = variables(&setting.bucket, &setting.embedder);
    some.retain(|(name, _)| *name != "s3_bucket");
    let (status, said) = PlainHost::refuse(spin_host(&manifest(), &composed(""), &some));
    assert!(!status.success());
    assert!(said.contains("variable s3_bucket is required"), "{said}");
}

#[test]
fn a_destination_that_the_manifest_does_not_list_is_not_reached() {
    let setting = Setting::new();
    let (_folder, path) = changed_manifest(", \"{{ embedding_origin }}\"", "");
    let host = setting.host(
        &path,
        &composed(""),
        &["--variable", "embedding_deadline_ms=300"],
    );
    let refused = host
        .client()
        .post_upload("default", &json!({"text": "herons"}));
    assert!(refused.status >= 500, "{}", refused.text());
    assert_eq!(setting.embedder.requests(), 0);
    assert!(host.log().contains("is not in allowed_outbound_hosts"));
    // What needs no embedding goes on.
    host.client().create_store("herons");
}

const STORES: &str = "/v1/files";
const INGEST: &str = "/v1/vector_stores/s/files";

fn attempt(host: &PlainHost, component: &str, name: &str) -> String {
    let answer = host.client().get(&format!("{component}/{name}"));
    assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    answer.text()
}

#[test]
fn each_component_reaches_what_spin_toml_lists_and_nothing_else() {
    let setting = Setting::new();
    let host = setting.hostile(&[]);
    let outbound = |component, url: &str| attempt(&host, component, &format!("outbound?url={url}"));
    let refused = |component, url: &str| {
        let before = host.log().matches("refused: ").count();
        let told = outbound(component, url);
        assert!(told.starts_with("failed"), "{url}: {told}");
        assert_eq!(host.log().matches("refused: ").count(), before + 1, "{url}");
    };
    let embedder = setting.embedder.url();
    refused(STORES, &embedder);
    assert_eq!(setting.embedder.requests(), 0);
    // `{}` is a bad request.
    let told = outbound(INGEST, &embedder);
    assert!(told.starts_with("400"), "{told}");
    assert_eq!(setting.embedder.requests(), 1);
    for component in [STORES, INGEST] {
        let told = attempt(&host, component, "key?key=left");
        assert!(told.contains("put Ok"), "{told}");
        refused(component, "http://127.0.0.1:9");
        refused(component, "http://localhost:80");
        refused(component, "https://127.0.0.1");
    }
}

#[test]
fn the_component_for_files_and_stores_does_not_know_the_providers_key() {
    let setting = Setting::new();
    let host = setting.hostile(&[]);
    let told = attempt(&host, INGEST, "settings");
    assert!(told.contains("of-the-operator"), "{told}");
    assert!(told.contains(&setting.embedder.url()), "{told}");
    let told = attempt(&host, STORES, "settings");
    assert!(told.contains("model: \"fake\""), "{told}");
    assert!(!told.contains("of-the-operator"), "{told}");
    assert!(!told.contains("/v1/embeddings"), "{told}");
}

#[test]
fn a_composed_guest_keeps_nothing_and_escapes_nowhere() {
    let setting = Setting::new();
    let host = setting.hostile(&[]);
    for _ in 0..3 {
        assert_eq!(attempt(&host, STORES, "count"), "1");
    }
    let told = attempt(&host, STORES, "socket");
    assert!(!told.contains("allowed"), "{told}");
    let told = attempt(&host, STORES, "fs");
    assert!(!told.contains("allowed"), "{told}");
    assert_eq!(attempt(&host, STORES, "env"), "[] []");
    // Before it has authenticated, and then beyond its tenant.
    let told = attempt(&host, STORES, "unauthenticated");
    assert_eq!(told.matches("Err(Error::Denied").count(), 7, "{told}");
    for key in ["../other/x", "/x", "a//b", "a/../../x"] {
        let told = attempt(&host, STORES, &format!("key?key={key}"));
        assert_eq!(
            told.matches("Err(Error::InvalidKey").count(),
            7,
            "{key}: {told}"
        );
    }
    // That the bucket was probed is noted beside the tenants.
    let mut keys = setting.bucket.keys();
    keys.retain(|key| !key.starts_with(".dayfly/probed/"));
    assert!(keys.is_empty(), "{keys:?}");
}

#[test]
fn the_hosts_limits_end_one_instance_and_no_other() {
    let setting = Setting::new();
    let host = setting.hostile(&[
        "--memory-mib",
        "32",
        "--timeout-ms",
        "1000",
        "--body-mib",
        "1",
    ]);
    let get = |name: &str| host.client().get(&format!("{STORES}/{name}"));
    assert_eq!(get("memory").status, 500);
    assert_eq!(get("spin").status, 504);
    assert_eq!(get("sleep").status, 504);
    assert_eq!(attempt(&host, STORES, "late"), "answered");
    wait::until("the late instance to be ended", || {
        (host.log().matches("its time was over").count() == 3).then_some(())
    });
    let post = |size: usize| {
        let path = format!("{STORES}/echo");
        host.client().post(&path, "text/plain", vec![b'x'; size])
    };
    assert_eq!(post(1 << 20).text(), (1 << 20).to_string());
    assert_eq!(post((1 << 20) + 1).status, 413);
    assert_eq!(attempt(&host, STORES, "count"), "1");
}

/// A program of the machine, or nothing where it has none: then it says so.
fn on_path(name: &str) -> Option<Command> {
    let there = Command::new(name).arg("--version").output();
    if there.is_ok_and(|output| output.status.success()) {
        return Some(Command::new(name));
    }
    eprintln!("SKIPPED: there is no `{name}` on the PATH");
    None
}

#[test]
fn spin_serves_the_application() {
    let Some(mut spin) = on_path("spin") else {
        return;
    };
    composed("");
    let setting = Setting::new();
    let state = tempfile::tempdir().unwrap();
    spin.args(["up", "--listen", "127.0.0.1:0", "--from"])
        .arg(manifest())
        .arg("--state-dir")
        .arg(state.path());
    for (name, value) in variables(&setting.bucket, &setting.embedder) {
        spin.arg("--variable").arg(format!("{name}={value}"));
    }
    let host = PlainHost::start(spin);
    serves(host.client());
}

#[test]
fn wasmtime_serves_a_component() {
    let Some(mut wasmtime) = on_path("wasmtime") else {
        return;
    };
    let setting = Setting::new();
    wasmtime.args(["serve", "-S", "cli", "--addr", "127.0.0.1:0"]);
    for each in environment(&setting) {
        wasmtime.args(["--env", &each]);
    }
    wasmtime.arg(composed("env").join("stores.wasm"));
    let host = PlainHost::start(wasmtime);
    let store = host.client().create_store("herons");
    assert_eq!(host.client().ids("/v1/vector_stores"), [store]);
    assert!(!setting.bucket.keys().is_empty());
}
