//! openai-python's own tests for what Dayfly serves, unmodified. They come from PyPI when this runs.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use dayfly_tests::{Server, binary, venv};

const VERSION: &str = "3.57.0";
/// What the tests import.
const PACKAGES: [&str; 10] = [
    "openai==3.57.0",
    "pytest==9.2.0",
    "pytest-asyncio==1.5.0",
    "pytest-xdist==3.8.0",
    "respx==0.23.1",
    "rich==15.0.0",
    "aiohttp==3.14.5",
    "httpx==0.28.1",
    "httpx-aiohttp==0.2.0",
    "httpx2==2.16.2",
];
const TESTS: [&str; 6] = [
    "test_vector_stores.py",
    "test_files.py",
    "test_uploads.py",
    "test_embeddings.py",
    "vector_stores",
    "uploads",
];
/// Those that no server can pass, or that ask for what is refused here, each with its reason.
const EXCEPTIONS: [(&str, &str); 2] = [
    (
        "Embeddings and with_all_params",
        "they ask for vectors of one dimension, and the model has 384",
    ),
    (
        "Embeddings and (strict or aiohttp)",
        "the client asks for base64 by itself, and then refuses all that is no list of numbers",
    ),
];

/// The folder of the client's sources, unpacked into the target directory once.
fn sources(python: &Path) -> PathBuf {
    let folder = binary::target_directory().join("openai-suite");
    let unpacked = folder.join(format!("openai-{VERSION}"));
    if unpacked.join("tests").is_dir() {
        return unpacked;
    }
    let archive = format!("openai=={VERSION}");
    run(Command::new(python)
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(["--no-deps", "--no-binary=openai", "--dest"])
        .arg(&folder)
        .arg(archive));
    run(Command::new("tar")
        .arg("xf")
        .arg(folder.join(format!("openai-{VERSION}.tar.gz")))
        .arg("-C")
        .arg(&folder));
    unpacked
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}\n{complaint}");
    said
}

/// Puts ids of things that exist in the place of those that the tests have written down.
struct Proxy {
    process: Child,
    port: String,
}

impl Proxy {
    fn start(python: &Path, base: &str) -> Self {
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/e2e/openai_suite/proxy.py"
        );
        let mut process = Command::new(python)
            .arg(script)
            .arg(format!("{base}/v1"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        let mut said = BufReader::new(process.stdout.take().unwrap());
        said.read_line(&mut port).unwrap();
        let port = port.trim().to_owned();
        Self { process, port }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn openais_own_tests_pass_but_for_those_that_are_listed() {
    let python = venv::with("openai-suite", &PACKAGES);
    let sources = sources(&python);
    let server = Server::builder()
        .option("--embed-alias", "text-embedding-3-small")
        .start();
    let proxy = Proxy::start(&python, server.client().base());
    let left_out: Vec<String> = EXCEPTIONS
        .iter()
        .map(|(one, _)| format!("not ({one})"))
        .collect();
    let said = run(Command::new(&python)
        .current_dir(&sources)
        .env(
            "TEST_API_BASE_URL",
            format!("http://127.0.0.1:{}", proxy.port),
        )
        .args(["-m", "pytest", "-q", "-n", "2", "--tb=short", "-k"])
        .arg(left_out.join(" and "))
        .args(TESTS.map(|test| format!("tests/api_resources/{test}"))));
    let last = said.lines().last().unwrap_or_default();
    assert!(last.contains(" passed"), "{said}");
    println!("{last}");
    for (one, reason) in EXCEPTIONS {
        println!("left out: {one}: {reason}");
    }
}
