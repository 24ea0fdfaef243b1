//! Whom the files name.

use std::fs;
use std::path::{Path, PathBuf};

use crate::files::path;

/// Where a reader finds more, and whom none of the files calls.
const READ_ABOUT: [&str; 2] = ["www.spinkube.dev", "keda.sh"];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => files(&entry.path(), found),
            false => found.push(entry.path()),
        }
    }
}

fn is_anybodys(host: &str) -> bool {
    let of_the_cluster = host.ends_with(".svc");
    host == "127.0.0.1" || of_the_cluster || host == "example.com" || host.ends_with(".example.com")
}

#[test]
fn no_host_is_named_but_those_that_the_operator_replaces() {
    let mut found = Vec::new();
    files(&path("deploy"), &mut found);
    assert!(!found.is_empty());
    for file in found {
        let text = fs::read_to_string(&file).unwrap();
        for scheme in ["https://", "http://"] {
            for rest in text.split(scheme).skip(1) {
                let end = |letter: char| !letter.is_ascii_alphanumeric() && !"-.".contains(letter);
                let host = rest.split(end).next().unwrap_or_default();
                let known = is_anybodys(host) || READ_ABOUT.contains(&host) || host.is_empty();
                assert!(known, "{} names {host}", file.display());
            }
        }
    }
}
