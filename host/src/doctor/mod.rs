//! Whether a configuration would serve: everything that a server relies on, tried out.

mod disk;
mod embedder;
mod storage;

use serde::Serialize;

use crate::options::ServeOptions;

/// What came of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// How it is.
    pub state: State,
    /// For people: what was seen and, where it is not well, what to do.
    pub detail: String,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Good,
    /// Worth knowing, and no reason not to serve.
    Warning,
    /// A server would not start, or not work.
    Failed,
    /// Not looked at, because there is nothing to look at or because of another failure.
    Skipped,
}

impl Finding {
    fn good(check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(check, State::Good, detail)
    }

    fn warning(check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(check, State::Warning, detail)
    }

    fn failed(check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(check, State::Failed, detail)
    }

    fn skipped(check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(check, State::Skipped, detail)
    }

    fn new(check: &'static str, state: State, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self {
            check,
            state,
            detail,
        }
    }
}

/// Looks at everything, whatever fails on the way. May run beside a server on the same data; leaves
/// nothing there but a data directory where there was none.
pub async fn examine(options: &ServeOptions) -> Vec<Finding> {
    let mut findings = storage::examine(options).await;
    findings.extend(embedder::examine(&options.embed).await);
    findings.push(faiss());
    findings
}

#[cfg(feature = "faiss")]
fn faiss() -> Finding {
    use crate::confined::{Client, Confinement, Limits};

    let variant = match dayfly_faiss::cpu() {
        Ok(dayfly_faiss::Cpu::Generic) => {
            "generic code: this machine has no AVX2, or was told to do without"
        }
        Ok(dayfly_faiss::Cpu::Avx2) => "AVX2",
        Ok(dayfly_faiss::Cpu::Avx512) => "AVX-512",
        Err(error) => return Finding::failed("FAISS", error.to_string()),
    };
    let told = Client::start(Limits::default()).and_then(|client| client.confinement());
    let walls = match told {
        Err(failure) => {
            let text =
                format!("its process cannot be started ({failure}): large stores are scanned");
            return Finding::failed("FAISS", text);
        }
        Ok(Confinement {
            landlock: true,
            seccomp: true,
        }) => "behind landlock and seccomp",
        Ok(Confinement { landlock: true, .. }) => "behind landlock, without seccomp",
        Ok(Confinement { seccomp: true, .. }) => "behind seccomp, without landlock",
        Ok(_) => "without landlock or seccomp, which this kernel lacks",
    };
    Finding::good(
        "FAISS",
        format!("{variant}; in a process of its own, {walls}"),
    )
}

#[cfg(not(feature = "faiss"))]
fn faiss() -> Finding {
    Finding::skipped("FAISS", crate::rebuild::NO_FAISS)
}
