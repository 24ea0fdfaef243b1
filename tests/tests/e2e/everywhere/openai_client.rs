//! OpenAI's own Python client, unchanged, with another `base_url`.

use std::path::PathBuf;
use std::process::Command;

use crate::Setting;

/// Python with the client, installed once into the target directory.
fn python() -> PathBuf {
    dayfly_tests::venv::with("openai", &["openai==3.54.0"])
}

#[test]
fn the_official_python_client_works_unchanged() {
    let python = python();
    let setting = Setting::new();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/openai_client.py");
    let output = Command::new(python)
        .arg(script)
        .arg(format!("{}/v1", setting.client.base()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complaint}");
    assert_eq!(said.trim(), "all well");
}
