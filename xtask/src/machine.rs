//! What the machine needs beside cargo.

use crate::cargo::{WASM, program};
use crate::run::{Failure, command, run, succeeds};

/// Something that a Debian package brings.
struct Need {
    what: &'static str,
    probe: &'static [&'static str],
    package: &'static str,
}

const NEEDS: &[Need] = &[
    Need {
        what: "a C compiler and linker",
        probe: &["cc", "--version"],
        package: "build-essential",
    },
    Need {
        what: "a C++ compiler, for FAISS",
        probe: &["c++", "--version"],
        package: "build-essential",
    },
    Need {
        what: "OpenBLAS without threads of its own, for FAISS",
        probe: &["sh", "-c", "ls /usr/lib/*/openblas-openmp/libopenblas.a"],
        package: "libopenblas-openmp-dev",
    },
    Need {
        what: "pip, which fetches the embedding model",
        probe: &["python3", "-m", "pip", "--version"],
        package: "python3-pip",
    },
];

/// What only tests need.
const TEST_NEEDS: &[Need] = &[Need {
    what: "Python's venv, in which tests run other clients",
    probe: &["python3", "-c", "import ensurepip, venv"],
    package: "python3-venv",
}];

/// Installs what is missing for tests, beside what [`prepare`] does.
///
/// # Errors
/// As [`prepare`].
pub fn prepare_for_tests() -> Result<(), Failure> {
    install_missing(TEST_NEEDS)
}

fn install_missing(needs: &[Need]) -> Result<(), Failure> {
    let missing: Vec<&Need> = needs.iter().filter(|need| !is_there(need)).collect();
    match missing.is_empty() {
        true => Ok(()),
        false => install(&missing),
    }
}

/// Installs what is missing, as far as it may.
///
/// # Errors
/// When something is missing and cannot be installed; the text says how to do it by hand.
pub fn prepare() -> Result<(), Failure> {
    install_missing(NEEDS)?;
    // A toolchain from elsewhere than rustup brings its targets itself.
    if succeeds(command("rustup").arg("--version")) && !has_target() {
        run(command("rustup").args(["target", "add", WASM]))?;
    }
    Ok(())
}

/// Adds the formatter and the linter to the toolchain, where they are missing.
///
/// # Errors
/// When rustup cannot add them.
pub fn add_linters() -> Result<(), Failure> {
    let linters = [("fmt", "rustfmt"), ("clippy", "clippy")];
    for (subcommand, component) in linters {
        if !succeeds(command(program()).args([subcommand, "--version"])) {
            run(command("rustup").args(["component", "add", component]))?;
        }
    }
    Ok(())
}

fn is_there(need: &Need) -> bool {
    let [program, arguments @ ..] = need.probe else {
        return false;
    };
    succeeds(command(program).args(arguments))
}

fn has_target() -> bool {
    let listed = command("rustup")
        .args(["target", "list", "--installed"])
        .output();
    listed.is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .any(|line| line == WASM)
    })
}

fn install(missing: &[&Need]) -> Result<(), Failure> {
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    let whats: Vec<&str> = missing.iter().map(|need| need.what).collect();
    let by_hand = Failure(format!(
        "this machine lacks {}; on Debian: apt-get install {}",
        whats.join(" and "),
        packages.join(" ")
    ));
    let Some(prefix) = privilege() else {
        return Err(by_hand);
    };
    eprintln!(
        "installing {} for {}",
        packages.join(" "),
        whats.join(" and ")
    );
    apt(prefix, &["update", "--quiet"])
        .and_then(|()| {
            let flags = ["install", "--yes", "--quiet", "--no-install-recommends"];
            apt(prefix, &[&flags[..], &packages].concat())
        })
        .map_err(|Failure(text)| Failure(format!("{text}; {}", by_hand.0)))?;
    match missing.iter().find(|need| !is_there(need)) {
        Some(_) => Err(by_hand),
        None => Ok(()),
    }
}

/// What to put before apt-get to be allowed to install; `None` when nothing helps.
fn privilege() -> Option<&'static [&'static str]> {
    if !succeeds(command("apt-get").arg("--version")) {
        return None;
    }
    let root = command("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout == b"0\n");
    if root {
        return Some(&["env", "DEBIAN_FRONTEND=noninteractive"]);
    }
    succeeds(command("sudo").args(["-n", "true"])).then_some(&[
        "sudo",
        "-n",
        "env",
        "DEBIAN_FRONTEND=noninteractive",
    ])
}

fn apt(prefix: &[&str], arguments: &[&str]) -> Result<(), Failure> {
    let words = [prefix, &["apt-get"], arguments].concat();
    let [program, rest @ ..] = words.as_slice() else {
        return Ok(());
    };
    run(command(program).args(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_missed() {
        let need = |probe| Need {
            what: "x",
            probe,
            package: "x",
        };
        assert!(is_there(&need(&["true"])));
        assert!(!is_there(&need(&["false"])));
        assert!(!is_there(&need(&["no-such-program-at-all"])));
    }
}
