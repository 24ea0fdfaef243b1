//! The systemd unit.

use std::path::Path;
use std::process::Command;

use crate::files::{Environment, mib, passes_if_there, seconds, text, variables};
use crate::service::{self, EXAMPLE, HOST_MIB, Place, Service};

const UNIT: &str = "deploy/systemd/dayfly.service";
/// What makes the unit a worker.
const WORKER: &str = "deploy/systemd/worker.conf";
const PROGRAM: &str = "/usr/local/bin/dayfly";

/// The values of a setting of a file, in order; an empty one takes back those before it.
fn settings_of(file: &str, name: &str) -> Vec<String> {
    let text = text(file);
    let lines = text.lines().filter_map(|line| line.split_once('='));
    let named = lines.filter(|(setting, _)| *setting == name);
    named.map(|(_, value)| value.to_owned()).collect()
}

/// The values of a setting of the unit, in order.
fn settings(name: &str) -> Vec<String> {
    settings_of(UNIT, name)
}

/// The value of a setting that stands once.
fn setting(name: &str) -> String {
    let [value] = settings(name)
        .try_into()
        .unwrap_or_else(|values| panic!("{name}: {values:?}"));
    value
}

/// What the unit and the example set, as systemd merges them.
fn environment() -> Environment {
    let own = settings("Environment");
    let own = own.iter().map(|setting| setting.split_once('=').unwrap());
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    own.chain(variables(EXAMPLE)).collect()
}

/// Runs a verb of `systemd-analyze` on the unit, with a program that this machine has, and on the
/// unit with its drop-in.
fn analyze(arguments: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("dayfly.service");
    let here = dayfly_tests::binary::dayfly().display().to_string();
    let write = |file: &Path, name| {
        std::fs::write(file, text(name).replace(PROGRAM, &here)).unwrap();
    };
    write(&unit, UNIT);
    analyzed(arguments, &unit);
    let drop_ins = folder.path().join("dayfly.service.d");
    std::fs::create_dir(&drop_ins).unwrap();
    write(&drop_ins.join("worker.conf"), WORKER);
    analyzed(arguments, &unit);
}

fn analyzed(arguments: &[&str], unit: &Path) {
    let said = passes_if_there(Command::new("systemd-analyze").args(arguments).arg(unit));
    // It ends well where it ignores what it does not know.
    let said = said.unwrap_or_default();
    let complaints: Vec<_> = said
        .lines()
        .filter(|line| line.contains("dayfly.service:") || line.contains("worker.conf:"))
        .collect();
    assert!(
        complaints
            .iter()
            .all(|line| line.contains("Overall exposure")),
        "{said}"
    );
}

#[test]
fn systemd_knows_every_setting() {
    analyze(&["verify"]);
}

#[test]
fn systemd_finds_little_that_the_service_could_harm() {
    // Tenths: 0 is the least exposure, 100 the most; a unit without hardening has 96.
    analyze(&["security", "--offline=true", "--no-pager", "--threshold=20"]);
}

#[test]
fn dayfly_knows_every_variable() {
    service::knows("serve", &environment());
}

#[test]
fn the_unit_does_not_undo_what_the_operator_sets() {
    let operators = variables(EXAMPLE);
    for setting in settings("Environment") {
        let (name, _) = setting.split_once('=').unwrap();
        assert!(!operators.contains_key(name), "{name} is set twice");
    }
}

#[test]
fn the_memory_limit_holds_all_instances() {
    let needed = service::needed_mib(&environment());
    assert!(
        mib(&setting("MemoryMax")) >= needed,
        "{needed} MiB are needed"
    );
}

#[test]
fn a_stop_waits_for_the_requests_under_way() {
    assert!(seconds(&setting("TimeoutStopSec")) > service::grace_seconds(&environment()));
}

#[test]
fn secrets_come_from_files_that_root_alone_reads() {
    let (name, source) = setting("LoadCredential").split_once(':').map(own).unwrap();
    assert!(source.starts_with("/etc/dayfly/"));
    assert_eq!(environment()["DAYFLY_AUTH_KEYS"], format!("%d/{name}"));
    let file = setting("EnvironmentFile");
    let readme = text("deploy/README.md");
    for path in [
        format!("install -m 0600 deploy/dayfly.example.env {file}"),
        "install -m 0600 keys/public.pem /etc/dayfly/".to_owned(),
    ] {
        assert!(readme.contains(&path), "README.md does not say: {path}");
    }
}

fn own((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn what_the_unit_starts_serves() {
    let command = setting("ExecStart");
    let mut words = command.split(' ').map(str::to_owned);
    assert_eq!(words.next().as_deref(), Some(PROGRAM));
    let service = Service {
        arguments: words.collect(),
        environment: environment(),
    };
    service::serves(service, "/healthz");
}

#[test]
fn the_drop_in_starts_a_worker_and_has_room_for_it() {
    let [none, command] = settings_of(WORKER, "ExecStart").try_into().unwrap();
    assert_eq!(none, "", "the unit's own command stays");
    let mut words = command.split(' ').map(str::to_owned);
    assert_eq!(words.next().as_deref(), Some(PROGRAM));
    let once = words.chain(["--once".to_owned()]);
    let worker = Service {
        arguments: once.collect(),
        environment: environment(),
    };
    worker.filled_in(&Place::new()).ends_well();

    assert_eq!(settings_of(WORKER, "LoadCredential"), [""]);
    let [limit] = settings_of(WORKER, "MemoryMax").try_into().unwrap();
    let needed = HOST_MIB + service::rebuild_mib(&environment());
    assert!(mib(&limit) >= needed, "{needed} MiB are needed");
    let place = "/etc/systemd/system/dayfly.service.d/worker.conf";
    let line = format!("install -D -m 0644 {WORKER} {place}");
    assert!(text("deploy/README.md").contains(&line), "{line}");
}
