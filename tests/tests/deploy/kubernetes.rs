//! The objects for Kubernetes and KEDA.

use dayfly_tests::cli::Cli;
use dayfly_tests::metrics::Metrics;
use dayfly_tests::{rebuild, wait};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cluster::{Folder, Object, are_known};
use crate::compose;
use crate::files::{Environment, mib, text};
use crate::service::{self, Place, Service};
use crate::spinkube;

const FOLDER: Folder = Folder("deploy/kubernetes");

/// What a pod needs beside the indexes that it maps or builds: code, connections, and what it knows
/// of stores.
const REST_MIB: u64 = 512;

/// Fields of KEDA's `keda.sh/v1alpha1` (2.14), as far as the file uses them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ScaledJob {
    polling_interval: u32,
    max_replica_count: u32,
    successful_jobs_history_limit: u32,
    failed_jobs_history_limit: u32,
    rollout: Rollout,
    triggers: Vec<Trigger>,
    job_target_ref: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rollout {
    strategy: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Trigger {
    #[serde(rename = "type")]
    kind: String,
    metadata: MetricsApi,
}

/// All of them text, as KEDA wants them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MetricsApi {
    url: String,
    format: String,
    value_location: String,
    target_value: String,
}

fn scaled_job() -> ScaledJob {
    let object: Object<ScaledJob> = FOLDER.typed("scaledjob.yaml", "keda.sh/v1alpha1", "ScaledJob");
    object.spec
}

fn trigger() -> MetricsApi {
    let [trigger] = scaled_job()
        .triggers
        .try_into()
        .unwrap_or_else(|triggers: Vec<_>| panic!("{} triggers", triggers.len()));
    assert_eq!(trigger.kind, "metrics-api");
    trigger.metadata
}

/// The pods of the service.
fn service_pod() -> Value {
    FOLDER.object("deployment.yaml")["spec"]["template"]["spec"].clone()
}

/// The pod of a worker.
fn worker_pod() -> Value {
    FOLDER.object("job.yaml")["spec"]["template"]["spec"].clone()
}

/// The one container of a pod.
fn container(pod: &Value) -> Value {
    let containers = pod["containers"].as_array().unwrap();
    assert_eq!(containers.len(), 1);
    containers[0].clone()
}

/// What the image, the settings, the secret and the container itself set, as Kubernetes merges them.
fn environment(container: &Value) -> Environment {
    let mut environment = compose::image_environment();
    for source in container["envFrom"].as_array().unwrap() {
        let (reference, (name, held)) = match source.get("configMapRef") {
            Some(reference) => (reference, FOLDER.held("settings.yaml", "data")),
            None => (
                &source["secretRef"],
                FOLDER.held("secret.example.yaml", "stringData"),
            ),
        };
        assert_eq!(reference["name"], name);
        environment.extend(held);
    }
    let own = container["env"].as_array().into_iter().flatten();
    environment.extend(own.map(|variable| {
        let text = |field: &str| variable[field].as_str().unwrap().to_owned();
        (text("name"), text("value"))
    }));
    environment
}

/// What the container of a pod starts.
fn started(pod: &Value) -> Service {
    let container = container(pod);
    assert_eq!(container["command"], Value::Null, "the image has it");
    Service {
        arguments: serde_json::from_value(container["args"].clone()).unwrap(),
        environment: environment(&container),
    }
}

/// A number that is set for a pod.
fn set(pod: &Value, name: &str) -> u64 {
    environment(&container(pod))[name].parse().unwrap()
}

/// The volume of a pod that is named `temporary`.
fn temporary(pod: &Value) -> Value {
    let volumes = pod["volumes"].as_array().unwrap();
    let named = volumes.iter().find(|volume| volume["name"] == "temporary");
    named.unwrap()["emptyDir"].clone()
}

/// Where other pods of the cluster find the service.
fn origin() -> String {
    let service = FOLDER.object("service.yaml");
    let name = service["metadata"]["name"].as_str().unwrap();
    assert_eq!(service["spec"]["ports"][0]["port"], 80);
    format!("http://{name}.{}.svc", FOLDER.namespace())
}

#[test]
fn kubernetes_knows_every_field_of_its_own_objects() {
    let own = [
        "namespace",
        "settings",
        "keys",
        "secret.example",
        "deployment",
        "service",
    ];
    let mut objects: Vec<_> = own
        .iter()
        .map(|name| FOLDER.object(&format!("{name}.yaml")))
        .collect();
    // The validator wants names where the API server makes them.
    let named = |spec: &Value| {
        json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "dayfly-rebuild-x"},
            "spec": spec,
        })
    };
    let job = FOLDER.object("job.yaml");
    assert_eq!([&job["apiVersion"], &job["kind"]], ["batch/v1", "Job"]);
    assert_eq!(job["metadata"], json!({"generateName": "dayfly-rebuild-"}));
    objects.push(named(&job["spec"]));
    objects.push(named(&scaled_job().job_target_ref));
    are_known(&objects);
}

#[test]
fn keda_starts_a_worker_for_each_rebuild() {
    let job = scaled_job();
    assert!(job.polling_interval >= 10 && job.max_replica_count >= 1);
    assert!(
        job.successful_jobs_history_limit
            .max(job.failed_jobs_history_limit)
            <= 10
    );
    assert_eq!(
        job.rollout.strategy, "gradual",
        "a change would end rebuilds under way"
    );
    let trigger = trigger();
    assert_eq!(trigger.format, "prometheus");
    assert_eq!(trigger.target_value, "1");
    assert_eq!(trigger.url, format!("{}/metrics", origin()));
}

#[test]
fn the_scaled_job_is_the_job() {
    let (job, scaled) = (FOLDER.object("job.yaml"), scaled_job().job_target_ref);
    for field in ["template", "activeDeadlineSeconds"] {
        assert_eq!(job["spec"][field], scaled[field], "{field}");
    }
    assert_eq!(worker_pod()["restartPolicy"], "Never");
    assert_eq!(scaled["backoffLimit"], 0, "KEDA starts the next one");
    let rule = &job["spec"]["podFailurePolicy"]["rules"][0]["onExitCodes"];
    assert_eq!(rule["containerName"], container(&worker_pod())["name"]);
}

#[test]
fn dayfly_knows_every_variable() {
    for pod in [service_pod(), worker_pod()] {
        let Service {
            arguments,
            environment,
        } = started(&pod);
        service::knows(&arguments[0], &environment);
    }
    let (settings, _) = FOLDER.held("settings.yaml", "data");
    assert_ne!(settings, FOLDER.held("keys.yaml", "data").0);
}

#[test]
fn the_pods_may_do_little() {
    let enforced = &FOLDER.object("namespace.yaml")["metadata"]["labels"];
    assert_eq!(enforced["pod-security.kubernetes.io/enforce"], "restricted");
    let (user, group) = compose::user();
    for pod in [service_pod(), worker_pod()] {
        assert_eq!(pod["automountServiceAccountToken"], false);
        assert_eq!(pod["enableServiceLinks"], false);
        let context = &pod["securityContext"];
        assert_eq!(context["runAsNonRoot"], true);
        assert_eq!(context["runAsUser"].to_string(), user);
        assert_eq!(context["runAsGroup"].to_string(), group);
        assert_eq!(context["seccompProfile"]["type"], "RuntimeDefault");
        let expected = json!({
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        });
        assert_eq!(container(&pod)["securityContext"], expected);
    }
}

#[test]
fn what_is_written_has_a_place_on_a_disk() {
    for pod in [service_pod(), worker_pod()] {
        let container = container(&pod);
        let mounts = container["volumeMounts"].as_array().unwrap();
        let writable: Vec<_> = mounts
            .iter()
            .filter(|mount| mount["readOnly"] != true)
            .collect();
        let folder = &environment(&container)["TMPDIR"];
        assert_eq!(
            writable,
            [&json!({"name": "temporary", "mountPath": folder})]
        );
        assert_eq!(temporary(&pod)["medium"], Value::Null);
    }
}

#[test]
fn the_memory_limits_hold_what_is_built_and_what_is_mapped() {
    for (pod, setting) in [
        (service_pod(), "DAYFLY_REBUILD_OPEN_MIB"),
        (worker_pod(), "DAYFLY_REBUILD_MEMORY_MIB"),
    ] {
        let resources = container(&pod)["resources"].clone();
        let limit = mib(resources["limits"]["memory"].as_str().unwrap());
        let needed = set(&pod, setting) + REST_MIB;
        assert!(limit >= needed, "{needed} MiB are needed");
        // So a node that gets the pod has the memory.
        assert_eq!(
            resources["requests"]["memory"],
            resources["limits"]["memory"]
        );
    }
    assert_eq!(
        set(&service_pod(), "DAYFLY_REBUILD_CONCURRENCY"),
        0,
        "its memory has no room for rebuilds"
    );
}

#[test]
fn the_disk_holds_an_index_that_is_fetched_beside_those_that_are_open() {
    let pod = service_pod();
    let needed = 2 * set(&pod, "DAYFLY_REBUILD_OPEN_MIB");
    let volume = mib(temporary(&pod)["sizeLimit"].as_str().unwrap());
    let requests = container(&pod)["resources"]["requests"].clone();
    let sure = mib(requests["ephemeral-storage"].as_str().unwrap());
    assert!(volume >= sure && sure >= needed, "{needed} MiB are needed");
}

#[test]
fn the_port_is_the_same_in_every_place() {
    let container = container(&service_pod());
    let listen = environment(&container)["DAYFLY_LISTEN"].clone();
    let port = &container["ports"][0];
    assert_eq!(listen, format!("0.0.0.0:{}", port["containerPort"]));
    let service = FOLDER.object("service.yaml");
    let name = &port["name"];
    assert_eq!(&service["spec"]["ports"][0]["targetPort"], name);
    for probe in ["readinessProbe", "livenessProbe"] {
        assert_eq!(&container[probe]["httpGet"]["port"], name);
    }
    let deployment = FOLDER.object("deployment.yaml");
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    assert_eq!(&deployment["spec"]["selector"]["matchLabels"], labels);
    assert_eq!(&service["spec"]["selector"], labels);
}

#[test]
fn a_pod_that_works_hard_is_not_ended() {
    let container = container(&service_pod());
    let seconds = |probe: &str, field: &str| container[probe][field].as_u64().unwrap();
    let ready = "readinessProbe";
    assert!(seconds(ready, "timeoutSeconds") <= seconds(ready, "periodSeconds"));
    let live = "livenessProbe";
    assert!(seconds(live, "periodSeconds") * seconds(live, "failureThreshold") >= 30);
}

#[test]
fn the_key_is_where_the_service_looks_for_it() {
    let pod = service_pod();
    let (name, keys) = FOLDER.held("keys.yaml", "data");
    let volumes = pod["volumes"].as_array().unwrap();
    let volume = volumes
        .iter()
        .find(|volume| volume["configMap"]["name"] == name)
        .unwrap();
    let container = container(&pod);
    let mounts = container["volumeMounts"].as_array().unwrap();
    let mount = mounts
        .iter()
        .find(|mount| mount["name"] == volume["name"])
        .unwrap();
    let places: Vec<_> = keys
        .keys()
        .map(|key| format!("{}/{key}", mount["mountPath"].as_str().unwrap()))
        .collect();
    assert_eq!(
        environment(&container)["DAYFLY_AUTH_KEYS"],
        places.join(",")
    );
}

#[test]
fn the_bucket_and_the_address_are_those_of_the_application() {
    let (_, own) = FOLDER.held("settings.yaml", "data");
    let (_, application) = spinkube::FOLDER.held("settings.yaml", "data");
    assert_eq!(
        own["DAYFLY_DATA"],
        format!("s3://{}", application["s3_bucket"])
    );
    assert_eq!(own["AWS_ENDPOINT_URL"], application["s3_endpoint"]);
    assert_eq!(own["AWS_REGION"], application["s3_region"]);
    let suggested = spinkube::FOLDER.suggested("settings.yaml");
    assert_eq!(suggested["faiss_origin"], origin());
}

#[test]
fn the_image_is_that_of_the_program_and_not_that_of_the_components() {
    let image = container(&service_pod())["image"].clone();
    assert_eq!(container(&worker_pod())["image"], image);
    let image = image.as_str().unwrap();
    assert_ne!(image, spinkube::image());
    let version = Cli::new().arg("--version").run().success();
    let (_, version) = version.trim().rsplit_once(' ').unwrap();
    assert!(image.ends_with(&format!(":{version}")), "{image}");
    let readme = text("deploy/README.md");
    for line in [
        format!("docker build -f deploy/compose/Dockerfile -t {image} ."),
        format!("docker push {image}"),
    ] {
        assert!(readme.contains(&line), "README.md does not say: {line}");
    }
}

#[test]
fn the_example_holds_no_secret() {
    FOLDER.holds_no_secret();
}

#[test]
fn the_folder_is_applied_as_a_whole_once_the_secret_is_made() {
    FOLDER.is_applied_as_a_whole();
    let resources = FOLDER.object("kustomization.yaml")["resources"].clone();
    let resources: Vec<String> = serde_json::from_value(resources).unwrap();
    assert!(
        !resources.contains(&"job.yaml".to_owned()),
        "it is created by hand"
    );
}

#[test]
fn a_worker_ends_well_where_nothing_waits() {
    let place = Place::new();
    started(&worker_pod()).filled_in(&place).ends_well();
}

#[test]
fn what_is_asked_of_the_service_is_done_by_a_worker() {
    let place = Place::new();
    let worker = started(&worker_pod()).filled_in(&place);
    let store = filled_store(&place, &worker);
    let running = started(&service_pod()).filled_in(&place).start();
    let readiness = container(&service_pod())["readinessProbe"].clone();
    let probe = readiness["httpGet"]["path"].as_str().unwrap();
    assert_eq!(running.client.get(probe).status, 200);

    let counted = trigger().value_location;
    let count = |name: &str| {
        let metrics = Metrics::read(&running.client);
        assert!(metrics.has(name), "{}", metrics.text());
        metrics.sum(name, &[])
    };
    let counts = |expected: f64| {
        wait::until(&format!("{counted} to be {expected}"), || {
            (count(&counted) == expected).then_some(())
        });
    };
    counts(0.0);
    let path = rebuild::path(&store);
    assert_eq!(running.client.get(&path).status, 401);
    let token = place.keys.token("acme", &["read", "write"]);
    let client = running.client.with_token(&token);
    client.post_json(&path, &json!({})).ok();
    counts(1.0);

    worker.ends_well();
    counts(0.0);
    assert_eq!(count("dayfly_rebuild_jobs_failed"), 0.0);
    let keys = place.bucket.keys();
    assert!(
        keys.iter().any(|key| key.ends_with("/index.faiss")),
        "{keys:?}"
    );
}

/// Imports a store of the tenant `acme`; its id.
fn filled_store(place: &Place, worker: &Service) -> String {
    let folder = place.folder.path().join("texts");
    let texts: Vec<_> = (0..200).map(|n| format!("Text number {n}")).collect();
    rebuild::folder_of(&folder, &texts, 50);
    let folder = folder.display().to_string();
    let words = [
        "import", &folder, "--store", "notes", "--model", "fake", "--tenant", "acme",
    ];
    let import = Service {
        arguments: words.map(str::to_owned).to_vec(),
        environment: worker.environment.clone(),
    };
    import.ends_well();
    let keys = place.bucket.keys();
    let id = keys
        .iter()
        .find_map(|key| key.strip_prefix("dayfly/acme/stores/")?.split('/').next());
    id.unwrap_or_else(|| panic!("no store among {keys:?}"))
        .to_owned()
}
