//! The container: its image and its service.

use dayfly_tests::cli::Cli;
use serde_json::{Value, json};

use crate::files::{Environment, mib, passes, path, python, seconds, text, variables, yaml};
use crate::service::{self, EXAMPLE, Service};

const COMPOSE: &str = "deploy/compose/compose.yaml";
const DOCKERFILE: &str = "deploy/compose/Dockerfile";

fn container() -> Value {
    yaml(COMPOSE)["services"]["dayfly"].clone()
}

/// The instructions of the Dockerfile, each with what follows it.
fn instructions() -> Vec<(String, String)> {
    let text = text(DOCKERFILE);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let instructions = joined.lines().filter_map(|line| line.split_once(' '));
    let own = |(name, rest): (&str, &str)| (name.to_owned(), rest.trim().to_owned());
    instructions.map(own).collect()
}

/// The instructions `name` of the last stage, which is the image.
fn of_the_image(name: &str) -> Vec<String> {
    let instructions = instructions();
    let start = instructions
        .iter()
        .rposition(|(name, _)| name == "FROM")
        .unwrap();
    let image = instructions.into_iter().skip(start);
    let named = image.filter(|(instruction, _)| instruction == name);
    named.map(|(_, rest)| rest).collect()
}

/// What the image sets.
pub fn image_environment() -> Environment {
    let lines = of_the_image("ENV");
    let set = lines.iter().map(|line| line.split_once('=').unwrap());
    set.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The numbers of the image's user and group.
pub fn user() -> (String, String) {
    let [user] = of_the_image("USER").try_into().unwrap();
    let (user, group) = user.split_once(':').unwrap();
    (user.to_owned(), group.to_owned())
}

/// What the image, the example and the service set, as Docker merges them.
fn environment() -> Environment {
    let own: Environment = serde_json::from_value(container()["environment"].clone()).unwrap();
    let image = image_environment().into_iter();
    image.chain(variables(EXAMPLE)).chain(own).collect()
}

#[test]
fn it_fits_the_schema_of_the_compose_specification() {
    let mut check = python("check-jsonschema");
    passes(
        check
            .args(["--builtin-schema", "vendor.compose-spec"])
            .arg(path(COMPOSE)),
    );
}

#[test]
fn dayfly_knows_every_variable() {
    service::knows("serve", &environment());
}

#[test]
fn the_memory_limit_holds_all_instances() {
    let container = container();
    let needed = service::needed_mib(&environment());
    assert!(
        mib(container["mem_limit"].as_str().unwrap()) >= needed,
        "{needed} MiB are needed"
    );
    assert_eq!(container["memswap_limit"], container["mem_limit"]);
}

#[test]
fn a_stop_waits_for_the_requests_under_way() {
    let grace = container()["stop_grace_period"]
        .as_str()
        .map(seconds)
        .unwrap();
    assert!(grace > service::grace_seconds(&environment()));
}

#[test]
fn the_container_may_do_little() {
    let container = container();
    assert_eq!(container["read_only"], true);
    assert_eq!(container["cap_drop"], json!(["ALL"]));
    assert_eq!(container["cap_add"], Value::Null);
    assert_eq!(container["privileged"], Value::Null);
    assert_eq!(container["user"], Value::Null);
    assert_eq!(container["security_opt"], json!(["no-new-privileges:true"]));
    let (user, group) = user();
    for id in [user, group] {
        assert_ne!(id.parse::<u32>().unwrap(), 0);
    }
    for port in container["ports"].as_array().unwrap() {
        assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{port}");
    }
}

#[test]
fn what_is_written_has_a_place_in_the_read_only_container() {
    let environment = environment();
    let cache = &environment["DAYFLY_CACHE"];
    assert_eq!(&environment["TMPDIR"], cache);
    assert_eq!(container()["volumes"], json!([format!("cache:{cache}")]));
    let made = of_the_image("RUN").concat();
    let (user, group) = user();
    let making = format!("install -d -o {user} -g {group} -m 0700 {cache}");
    assert!(made.contains(&making), "the image does not make {cache}");
}

#[test]
fn the_key_is_where_the_service_looks_for_it() {
    let compose = yaml(COMPOSE);
    let name = compose["services"]["dayfly"]["secrets"][0]
        .as_str()
        .unwrap();
    assert_eq!(
        environment()["DAYFLY_AUTH_KEYS"],
        format!("/run/secrets/{name}")
    );
    assert_eq!(compose["secrets"][name]["file"], "./public.pem");
}

/// The URL that Docker asks whether the service is well.
fn probe() -> String {
    let container = container();
    let words = container["healthcheck"]["test"].as_array().unwrap();
    assert_eq!(words[..2], [json!("CMD"), json!("curl")]);
    words.last().unwrap().as_str().unwrap().to_owned()
}

#[test]
fn the_port_is_the_same_in_every_place() {
    let port = environment()["DAYFLY_LISTEN"]
        .rsplit_once(':')
        .unwrap()
        .1
        .to_owned();
    assert_eq!(of_the_image("EXPOSE"), std::slice::from_ref(&port));
    assert_eq!(
        container()["ports"],
        json!([format!("127.0.0.1:{port}:{port}")])
    );
    assert!(probe().starts_with(&format!("http://127.0.0.1:{port}/")));
}

#[test]
fn the_image_is_built_from_what_the_repository_has() {
    let toolchain: toml::Table = text("rust-toolchain.toml").parse().unwrap();
    let channel = toolchain["toolchain"]["channel"]
        .as_str()
        .unwrap()
        .to_owned();
    let instructions = instructions();
    let mut stages = Vec::new();
    for (name, rest) in &instructions {
        match (name.as_str(), rest.split_once(" AS ")) {
            ("FROM", Some((image, stage))) => {
                assert!(
                    image.starts_with(&format!("rust:{channel}-")),
                    "{image} is not {channel}"
                );
                stages.push(stage.to_owned());
            }
            ("COPY", None) if rest.starts_with("--from=") => {
                let from = rest
                    .split(' ')
                    .next()
                    .unwrap()
                    .trim_start_matches("--from=");
                assert!(stages.iter().any(|stage| stage == from), "{rest}");
            }
            _ => {}
        }
    }
    let compose = yaml(COMPOSE);
    let build = &compose["services"]["dayfly"]["build"];
    assert_eq!(build["dockerfile"], DOCKERFILE);
    let context = path("deploy/compose").join(build["context"].as_str().unwrap());
    assert!(context.join(DOCKERFILE).is_file());
    assert!(context.join("Cargo.lock").is_file());
}

#[test]
fn what_building_needs_is_installed() {
    let source = text("xtask/src/machine.rs");
    let (_, needs) = source.split_once("const NEEDS:").unwrap();
    let (needs, _) = needs.split_once("];").unwrap();
    let packages: Vec<_> = needs
        .lines()
        .filter_map(|line| line.trim().strip_prefix("package: \"")?.strip_suffix("\","))
        .collect();
    assert!(packages.contains(&"build-essential"), "{packages:?}");
    let instructions = instructions();
    let (_, installs) = instructions.iter().find(|(name, _)| name == "RUN").unwrap();
    for package in packages {
        assert!(installs.contains(&format!(" {package} ")), "{package}");
    }
}

#[test]
fn the_image_has_the_version_of_the_program() {
    let version = Cli::new().arg("--version").run().success();
    let image = container()["image"].as_str().unwrap().replace(':', " ");
    assert_eq!(version.trim(), image);
}

#[test]
fn what_the_container_starts_serves() {
    let words = |name| -> Vec<String> {
        let [line] = of_the_image(name).try_into().unwrap();
        serde_json::from_str(&line).unwrap()
    };
    assert_eq!(words("ENTRYPOINT"), ["/usr/local/bin/dayfly"]);
    let service = Service {
        arguments: words("CMD"),
        environment: environment(),
    };
    let probe = probe();
    let (_, path) = probe.split_once("8787").unwrap();
    service::serves(service, path);
}
