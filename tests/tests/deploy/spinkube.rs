//! The objects for Kubernetes and the SpinKube operator.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::cluster::{Folder, Object, are_known};
use crate::files::{mib, text};

pub const FOLDER: Folder = Folder("deploy/spinkube");

/// Fields of the operator's `core.spinkube.dev/v1alpha1` (0.6), as far as the files use them.
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

fn typed<Spec: for<'a> Deserialize<'a>>(file: &str, kind: &str) -> Object<Spec> {
    FOLDER.typed(file, "core.spinkube.dev/v1alpha1", kind)
}

fn app() -> Object<SpinApp> {
    typed("spinapp.yaml", "SpinApp")
}

/// The image of the application.
pub fn image() -> String {
    app().spec.image
}

fn declared() -> BTreeMap<String, Declared> {
    let manifest: toml::Table = text("spin.toml").parse().unwrap();
    manifest["variables"].clone().try_into().unwrap()
}

#[test]
fn kubernetes_knows_every_field_of_its_own_objects() {
    let own = ["namespace", "settings", "secret.example", "autoscaler"];
    are_known(&own.map(|name| FOLDER.object(&format!("{name}.yaml"))));
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
    let (settings, _) = FOLDER.held("settings.yaml", "data");
    let (secret, _) = FOLDER.held("secret.example.yaml", "stringData");
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
    let (_, settings) = FOLDER.held("settings.yaml", "data");
    let (_, secret) = FOLDER.held("secret.example.yaml", "stringData");
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
fn what_the_settings_suggest_is_known() {
    let declared = declared();
    let suggested = FOLDER.suggested("settings.yaml");
    assert!(suggested.contains_key("faiss_origin"), "{suggested:?}");
    for name in suggested.keys() {
        assert!(
            declared.get(name).is_some_and(|known| !known.secret),
            "{name}"
        );
    }
}

#[test]
fn the_example_holds_no_secret() {
    FOLDER.holds_no_secret();
}

#[test]
fn the_autoscaler_scales_the_app() {
    let target = FOLDER.object("autoscaler.yaml")["spec"]["scaleTargetRef"].clone();
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
    FOLDER.is_applied_as_a_whole();
}
