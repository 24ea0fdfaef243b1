//! The objects for Kubernetes and the SpinKube operator.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

use crate::files::{mib, passes, passes_if_there, path, python, text, yaml};

const FOLDER: &str = "deploy/spinkube";

/// Fields of the operator's `core.spinkube.dev/v1alpha1` (0.6), as far as the files use them: an
/// API server drops a field that the definition lacks without a word.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Object<Spec> {
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SpinApp {
    image: String,
    executor: String,
    #[serde(default)]
    replicas: u32,
    #[serde(default)]
    enable_autoscaling: bool,
    resources: Resources,
    invocation_limits: BTreeMap<String, String>,
    checks: Checks,
    variables: Vec<Variable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resources {
    requests: BTreeMap<String, String>,
    limits: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Checks {
    readiness: Check,
    liveness: Check,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Check {
    http_get: HttpGet,
    #[serde(rename = "initialDelaySeconds")]
    _initial_delay_seconds: u32,
    period_seconds: u32,
    timeout_seconds: u32,
    #[serde(default = "one")]
    failure_threshold: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpGet {
    path: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Variable {
    name: String,
    value_from: Source,
}

/// One of the two.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Source {
    ConfigMapKeyRef(Key),
    SecretKeyRef(Key),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    name: String,
    key: String,
    #[serde(default)]
    optional: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Executor {
    create_deployment: bool,
    deployment_config: DeploymentConfig,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DeploymentConfig {
    runtime_class_name: String,
    #[serde(rename = "installDefaultCACerts")]
    install_default_ca_certs: bool,
}

/// A variable as spin.toml declares it.
#[derive(Deserialize)]
struct Declared {
    #[serde(default)]
    required: bool,
    #[serde(default)]
    secret: bool,
}

fn one() -> u32 {
    1
}

fn object(file: &str) -> Value {
    yaml(&format!("{FOLDER}/{file}"))
}

fn typed<Spec: for<'a> Deserialize<'a>>(file: &str, kind: &str) -> Object<Spec> {
    let object: Object<Spec> =
        serde_json::from_value(object(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert_eq!(object.api_version, "core.spinkube.dev/v1alpha1");
    assert_eq!(object.kind, kind);
    object
}

fn app() -> Object<SpinApp> {
    typed("spinapp.yaml", "SpinApp")
}

fn declared() -> BTreeMap<String, Declared> {
    let manifest: toml::Table = text("spin.toml").parse().unwrap();
    manifest["variables"].clone().try_into().unwrap()
}

/// The name of a ConfigMap or Secret, and what it holds.
fn held(file: &str, field: &str) -> (String, BTreeMap<String, String>) {
    let object = object(file);
    let name = object["metadata"]["name"].as_str().unwrap().to_owned();
    (name, serde_json::from_value(object[field].clone()).unwrap())
}

#[test]
fn kubernetes_knows_every_field_of_its_own_objects() {
    let own = ["namespace", "settings", "secret.example", "autoscaler"];
    let files = own.map(|name| path(FOLDER).join(name).with_added_extension("yaml"));
    let said = passes(python("kubernetes-validate").arg("--strict").args(&files));
    assert_eq!(
        said.matches(" passed for resource ").count(),
        own.len(),
        "{said}"
    );
}

#[test]
fn the_operator_admits_the_app() {
    let app = app().spec;
    assert!(
        app.enable_autoscaling,
        "autoscaler.yaml would have nothing to say"
    );
    assert_eq!(
        app.replicas, 0,
        "with autoscaling on, the operator refuses replicas"
    );
    let limit = mib(&app.resources.limits["memory"]);
    assert!(mib(&app.resources.requests["memory"]) <= limit);
    assert!(
        app.resources.requests.contains_key("cpu"),
        "autoscaler.yaml measures by it"
    );
    assert!(mib(&app.invocation_limits["memory"]) <= limit);
    let executor: Object<Executor> = typed("executor.yaml", "SpinAppExecutor");
    assert_eq!(app.executor, executor.metadata.name);
    assert!(executor.spec.create_deployment);
    let deployment = executor.spec.deployment_config;
    assert_eq!(deployment.runtime_class_name, "wasmtime-spin-v2");
    assert!(
        deployment.install_default_ca_certs,
        "S3 and the embedder are called by https"
    );
}

#[test]
fn a_pod_that_starts_or_works_hard_is_not_ended() {
    let Checks {
        readiness,
        liveness,
    } = app().spec.checks;
    assert_eq!(
        [&readiness.http_get.path, &liveness.http_get.path],
        ["/healthz"; 2]
    );
    assert!(readiness.timeout_seconds <= readiness.period_seconds);
    assert!(liveness.period_seconds * liveness.failure_threshold >= 30);
}

#[test]
fn the_app_has_every_variable_of_the_manifest_and_no_other() {
    let app = app().spec;
    let given: BTreeSet<&str> = app
        .variables
        .iter()
        .map(|given| given.name.as_str())
        .collect();
    assert_eq!(given.len(), app.variables.len(), "one is given twice");
    let declared = declared();
    assert_eq!(given, declared.keys().map(String::as_str).collect());
}

#[test]
fn secrets_come_from_the_secret_and_the_rest_from_the_settings() {
    let (settings, _) = held("settings.yaml", "data");
    let (secret, _) = held("secret.example.yaml", "stringData");
    let declared = declared();
    for Variable { name, value_from } in app().spec.variables {
        let declared = &declared[&name];
        let (key, holder) = match (declared.secret, value_from) {
            (true, Source::SecretKeyRef(key)) => (key, &secret),
            (false, Source::ConfigMapKeyRef(key)) => (key, &settings),
            _ => panic!("{name} comes from the wrong place"),
        };
        assert_eq!((&key.key, &key.name), (&name, holder));
        assert_eq!(key.optional, !declared.required, "{name}");
    }
}

#[test]
fn what_is_required_is_there_and_what_is_there_is_known() {
    let (_, settings) = held("settings.yaml", "data");
    let (_, secret) = held("secret.example.yaml", "stringData");
    let declared = declared();
    for (
        name,
        Declared {
            required,
            secret: is_secret,
        },
    ) in &declared
    {
        let holder = if *is_secret { &secret } else { &settings };
        assert!(!required || holder.contains_key(name), "{name} is required");
    }
    for name in secret.keys() {
        assert!(
            declared.get(name).is_some_and(|known| known.secret),
            "{name}"
        );
    }
    for name in settings.keys() {
        assert!(
            declared.get(name).is_some_and(|known| !known.secret),
            "{name}"
        );
    }
    assert!(
        settings.contains_key("token_keys"),
        "nobody would be let in"
    );
}

#[test]
fn the_example_holds_no_secret() {
    let (_, secret) = held("secret.example.yaml", "stringData");
    assert!(secret.values().all(|value| value == "REPLACE-ME"));
    let ignored = text("deploy/.gitignore");
    assert!(ignored.lines().any(|line| line == "/spinkube/secret.yaml"));
}

#[test]
fn the_autoscaler_scales_the_app() {
    let target = object("autoscaler.yaml")["spec"]["scaleTargetRef"].clone();
    assert_eq!(target["kind"], "Deployment");
    assert_eq!(target["name"], app().metadata.name);
}

#[test]
fn the_image_has_the_version_of_the_manifest() {
    let manifest: toml::Table = text("spin.toml").parse().unwrap();
    let version = manifest["application"]["version"].as_str().unwrap();
    let image = app().spec.image;
    assert!(image.ends_with(&format!(":{version}")), "{image}");
    assert!(text("deploy/spinkube/README.md").contains(&format!("spin registry push {image}")));
}

#[test]
fn the_folder_is_applied_as_a_whole_once_the_secret_is_made() {
    let kustomization = object("kustomization.yaml");
    let resources: Vec<String> =
        serde_json::from_value(kustomization["resources"].clone()).unwrap();
    let copy = tempfile::tempdir().unwrap();
    for resource in resources
        .iter()
        .map(String::as_str)
        .chain(["kustomization.yaml"])
    {
        let source = match resource {
            "secret.yaml" => "secret.example.yaml",
            other => other,
        };
        fs::copy(path(FOLDER).join(source), copy.path().join(resource)).unwrap();
    }
    let (name, namespace) = (object("namespace.yaml"), &kustomization["namespace"]);
    assert_eq!(&name["metadata"]["name"], namespace);
    let built = passes_if_there(Command::new("kubectl").arg("kustomize").arg(copy.path()));
    if let Some(built) = built {
        assert_eq!(
            built.matches("\nkind: ").count(),
            resources.len(),
            "{built}"
        );
        let placed = built.matches("\n  namespace: dayfly\n").count();
        assert_eq!(placed, resources.len() - 1, "{built}");
    }
}
