//! Reading the files, and the programs that check them.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use dayfly_tests::venv;
use serde_json::Value;

const PACKAGES: [&str; 3] = [
    "check-jsonschema==0.39.0",
    "kubernetes-validate==1.37.0",
    "ruamel.yaml==0.19.1",
];

/// Refuses what occurs twice, which a later reader would silently take the last of.
const TO_JSON: &str = "import json, sys; from ruamel.yaml import YAML; \
    print(json.dumps(list(YAML(typ='safe', pure=True).load_all(sys.stdin.buffer))))";

/// What a name has for a value.
pub type Environment = BTreeMap<String, String>;

/// A path in the repository.
pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

/// The text of a file of the repository.
pub fn text(name: &str) -> String {
    let path = path(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The one document of a YAML file of the repository.
pub fn yaml(name: &str) -> Value {
    let mut child = python("python")
        .args(["-c", TO_JSON])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(text(name).as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{name} is not YAML");
    let documents: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let [document] = documents.try_into().unwrap();
    document
}

/// The variables that a file of `NAME=value` lines sets.
pub fn variables(name: &str) -> Environment {
    assignments(text(name).lines())
}

/// The variables of such a file that stand in a comment, ready to be set.
pub fn suggestions(name: &str) -> Environment {
    assignments(text(name).lines().filter_map(|line| line.strip_prefix('#')))
}

fn assignments<'a>(lines: impl Iterator<Item = &'a str>) -> Environment {
    let is_name = |name: &str| {
        let mut letters = name.chars();
        !name.is_empty() && letters.all(|letter| letter.is_ascii_uppercase() || letter == '_')
    };
    lines
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| is_name(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A program of the virtual environment.
pub fn python(program: &str) -> Command {
    let python = venv::with("deploy", &PACKAGES);
    Command::new(python.with_file_name(program))
}

/// Runs a check to its end.
///
/// # Panics
/// When it fails; the message has all that it said.
pub fn passes(command: &mut Command) -> String {
    let output = command.output().unwrap();
    said(command, &output)
}

/// Like [`passes`], where there may be no such program: says so and gives `None`.
pub fn passes_if_there(command: &mut Command) -> Option<String> {
    match command.output() {
        Ok(output) => Some(said(command, &output)),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let program = command.get_program().display();
            eprintln!("skipped: there is no {program} on the PATH");
            None
        }
        Err(error) => panic!("{command:?}: {error}"),
    }
}

fn said(command: &Command, output: &Output) -> String {
    let said = [&output.stdout[..], &output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

/// MiB of `3G`, `3g`, `128Mi`, `2Gi`: systemd, Docker and Kubernetes, whose letters here all
/// stand for powers of 1024.
pub fn mib(size: &str) -> u64 {
    let digits = size.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let number: u64 = digits
        .parse()
        .unwrap_or_else(|_| panic!("`{size}` is no size"));
    match size.strip_prefix(digits) {
        Some("M" | "m" | "Mi") => number,
        Some("G" | "g" | "Gi") => number << 10,
        _ => panic!("`{size}` has no unit that is known here"),
    }
}

/// Seconds of `30s`.
pub fn seconds(time: &str) -> u64 {
    let number = time
        .strip_suffix('s')
        .and_then(|number| number.parse().ok());
    number.unwrap_or_else(|| panic!("`{time}` is not in seconds"))
}

#[test]
fn units_are_read_as_their_readers_do() {
    assert_eq!([mib("3G"), mib("128Mi"), mib("512m")], [3 << 10, 128, 512]);
    assert_eq!(seconds("30s"), 30);
    let lines = ["# Text with a = in it", "A_B=c=d", "x=1"];
    assert_eq!(
        assignments(lines.into_iter()),
        Environment::from([("A_B".to_owned(), "c=d".to_owned())])
    );
}
