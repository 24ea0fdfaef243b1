//! `dayfly doctor`.

use clap::Args;
use dayfly::doctor::{Finding, State, examine};
use serde_json::json;

use super::output::Output;
use super::{Failure, text};
use crate::config::{self, Flags};

#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    flags: Flags,
}

/// Tries out what a server with this configuration would rely on, and prints what it found.
pub async fn run(arguments: &Arguments, output: Output) -> Result<(), Failure> {
    let options = config::load(&arguments.flags)?;
    let findings = examine(&options).await;
    let failed = findings
        .iter()
        .any(|finding| finding.state == State::Failed);
    let answer = json!({ "ok": !failed, "checks": findings });
    output.answer(&answer, || listing(&findings))?;
    match failed {
        true => Err(Failure::Told),
        false => Ok(()),
    }
}

fn listing(findings: &[Finding]) -> String {
    let widest = findings.iter().map(|finding| finding.check.len()).max();
    let widest = widest.unwrap_or_default();
    // Behind the state and the name.
    let indent = " ".repeat(widest + 10);
    let width = text::width();
    findings
        .iter()
        .map(|finding| {
            let head = format!("{:6}  {:widest$}  ", state(finding.state), finding.check);
            let detail = text::wrapped(&finding.detail, &indent, width);
            head + detail.trim_start() + if detail.is_empty() { "\n" } else { "" }
        })
        .collect()
}

fn state(state: State) -> &'static str {
    match state {
        State::Good => "ok",
        State::Warning => "warn",
        State::Failed => "FAILED",
        State::Skipped => "-",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_stand_under_each_other() {
        let finding = |check, state, detail: &str| Finding {
            check,
            state,
            detail: detail.to_owned(),
        };
        let text = listing(&[
            finding("node", State::Good, "one"),
            finding("permissions", State::Failed, "no\u{1b}[2J"),
            finding("clock", State::Skipped, ""),
        ]);
        assert_eq!(
            text,
            "ok      node         one\n\
             FAILED  permissions  no [2J\n\
             -       clock        \n"
        );
    }
}
