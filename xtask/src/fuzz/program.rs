//! The programs that the targets are in, and how they are built.

use std::path::PathBuf;
use std::process::Command;

use super::campaign::Campaign;
use crate::cargo::{cargo, natives, root, target};
use crate::instrument::MARK;
use crate::run::{Failure, command, run};

/// Below the folder of all builds.
const SANITIZED: &str = "sanitized";

/// A program, and the seeds of the targets in it.
pub struct Program {
    pub binary: &'static str,
    seeds: &'static str,
    /// Whether our crates report where they come by.
    pub is_instrumented: bool,
}

/// FAISS is one for all builds, as compiling it takes minutes; only `--sanitize` has its own.
pub const PROGRAMS: [Program; 2] = [
    Program {
        binary: "fuzz",
        seeds: "fuzz/seeds",
        is_instrumented: true,
    },
    Program {
        binary: "fuzz-faiss",
        seeds: "fuzz/faiss/seeds",
        is_instrumented: false,
    },
];

impl Program {
    /// Builds it.
    ///
    /// # Errors
    /// When the build fails.
    pub fn build(&self, sanitizes: bool) -> Result<(), Failure> {
        match (self.is_instrumented, sanitizes) {
            (true, _) => {
                let this = std::env::current_exe()
                    .map_err(|error| Failure(format!("this program cannot be found: {error}")))?;
                run(self
                    .beside_the_tests()
                    .env("RUSTC_WORKSPACE_WRAPPER", this)
                    .env(MARK, "1"))
            }
            (false, false) => run(&mut self.beside_the_tests()),
            (false, true) => run(&mut self.sanitized()),
        }
    }

    /// All packages are named, as for the tests: so both use the same dependencies.
    fn beside_the_tests(&self) -> Command {
        let mut build = cargo("build");
        build
            .args(["--workspace", "--bin", self.binary])
            .args(natives());
        build
    }

    /// Its C++ reports where it comes by, and stops where it touches memory that is not its own. It
    /// shares nothing with other builds, and none of them waits for it.
    fn sanitized(&self) -> Command {
        let mut build = cargo("build");
        build
            .args(["--package", "dayfly-fuzz-faiss", "--target-dir"])
            .arg(target().join(SANITIZED))
            .env("CXX", root().join("fuzz/faiss/c++"))
            .env("DAYFLY_SANITIZE", "1");
        build
    }

    fn path(&self, sanitizes: bool) -> PathBuf {
        let folder = match sanitizes && !self.is_instrumented {
            true => target().join(SANITIZED),
            false => target(),
        };
        folder.join("release").join(self.binary)
    }

    /// Makes the seeds of its targets anew.
    ///
    /// # Errors
    /// When it cannot be built, or the files cannot be written.
    pub fn make_seeds(&self) -> Result<(), Failure> {
        self.build(false)?;
        let folder = root().join(self.seeds);
        run(command(self.path(false)).env("DAYFLY_FUZZ_SEEDS", folder))
    }

    /// The targets in it, by their folders of seeds.
    ///
    /// # Errors
    /// When these cannot be listed.
    pub fn campaigns(&self, sanitizes: bool) -> Result<Vec<Campaign>, Failure> {
        let folder = root().join(self.seeds);
        let program = self.path(sanitizes);
        let unread = |error| Failure(format!("{}: {error}", folder.display()));
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(unread)? {
            let name = entry.map_err(unread)?.file_name();
            names.push(name.to_string_lossy().into_owned());
        }
        names.sort();
        let campaign = |name| Campaign {
            binary: self.binary,
            program: program.clone(),
            seeds: folder.join(&name),
            name,
        };
        Ok(names.into_iter().map(campaign).collect())
    }
}
