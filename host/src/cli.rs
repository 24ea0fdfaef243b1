//! The command line.

mod client;
mod direct;
mod doctor;
#[cfg(feature = "faiss")]
mod export;
mod faiss;
mod folder;
#[cfg(feature = "faiss")]
mod import;
mod indexing;
mod origin;
mod output;
mod rebuild;
mod search;
mod serve;
mod setup;
mod stores;
mod text;
mod token;
mod upload;
mod verify;
mod worker;

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::config::ConfigError;
use output::Output;

/// Upload documents and search them; every request runs in a fresh WebAssembly instance.
#[derive(Debug, Parser)]
#[command(name = "dayfly", version, arg_required_else_help = true)]
struct Cli {
    /// Answer in JSON
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the HTTP API
    Serve(Box<serve::Arguments>),
    /// Upload files and folders, and index them in a store
    Upload(upload::Arguments),
    /// Search a store
    Search(search::Arguments),
    /// List, show or delete stores
    Stores(stores::Arguments),
    /// Merge a store's rows into one large index, or do such rebuilds as a worker
    Rebuild(rebuild::Arguments),
    /// Serve large indexes to Spin applications over the same bucket, and rebuild them
    Faiss(Box<serve::Arguments>),
    /// Write a store for FAISS, LangChain or Arrow
    #[cfg(feature = "faiss")]
    Export(export::Arguments),
    /// Read a FAISS index with its texts, or a folder of LangChain's
    #[cfg(feature = "faiss")]
    Import(import::Arguments),
    #[cfg(feature = "faiss")]
    #[command(name = dayfly::rebuild::COMMAND, hide = true)]
    RebuildProcess,
    #[cfg(feature = "faiss")]
    #[command(name = dayfly::confined::COMMAND, hide = true)]
    FaissProcess { threads: usize, memory_mib: u64 },
    #[command(name = dayfly::runtime::compiled::COMMAND, hide = true)]
    GuestProcess {
        directory: PathBuf,
        memory_bytes: usize,
    },
    /// Check everything that a store has, or all of them, and list what belongs to nothing
    Verify(verify::Arguments),
    /// Make keys, and the tokens that name a tenant
    Token(token::Arguments),
    /// Fetch and verify the model of the built-in embedder
    Setup,
    /// Try out what a server would rely on: storage, disk, clock, embedder, model
    Doctor(Box<doctor::Arguments>),
}

/// Why a command did not succeed.
#[derive(Debug)]
enum Failure {
    /// It was asked for wrongly: exit code 2.
    Usage(anyhow::Error),
    /// It failed: exit code 1.
    Failed(anyhow::Error),
    /// It failed in part, and has said so itself: exit code 1.
    Told,
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        match error.downcast_ref::<ConfigError>() {
            Some(_) => Self::Usage(error),
            None => Self::Failed(error),
        }
    }
}

/// Runs the command that the process was started with. Exit codes: 0 done, 1 failed, 2 asked for
/// wrongly.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return origin::report(&error, &Cli::command()),
    };
    let output = Output::new(cli.json);
    match run(cli.command, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Told) => ExitCode::from(1),
        Err(Failure::Failed(error)) => {
            output.error(&error);
            ExitCode::from(1)
        }
        Err(Failure::Usage(error)) => {
            output.error(&error);
            ExitCode::from(2)
        }
    }
}

fn run(command: Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::Serve(arguments) => serve::run(&arguments, output),
        Command::Upload(arguments) => wait_for(upload::run(&arguments, output)),
        Command::Search(arguments) => wait_for(search::run(&arguments, output)),
        Command::Stores(arguments) => wait_for(stores::run(&arguments, output)),
        Command::Rebuild(arguments) => rebuild::run(&arguments, output),
        Command::Faiss(arguments) => faiss::run(&arguments, output),
        #[cfg(feature = "faiss")]
        Command::Export(arguments) => export::run(&arguments, output),
        #[cfg(feature = "faiss")]
        Command::Import(arguments) => import::run(&arguments, output),
        #[cfg(feature = "faiss")]
        Command::RebuildProcess => Ok(dayfly::rebuild::child::run()?),
        #[cfg(feature = "faiss")]
        Command::FaissProcess {
            threads,
            memory_mib,
        } => Ok(dayfly::confined::run(threads, memory_mib)?),
        Command::GuestProcess {
            directory,
            memory_bytes,
        } => Ok(dayfly::runtime::compiled::run(directory, memory_bytes)?),
        Command::Verify(arguments) => verify::run(&arguments, output),
        Command::Token(arguments) => token::run(&arguments, output),
        Command::Setup => setup::run(output),
        Command::Doctor(arguments) => doctor(&arguments, output),
    }
}

/// The built-in embedder and the storage's probe wait for each other's threads.
fn doctor(arguments: &doctor::Arguments, output: Output) -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(doctor::run(arguments, output))
}

/// A client needs one thread: it waits for the server.
fn wait_for(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn json_may_stand_behind_any_command() {
        for words in [
            vec!["dayfly", "serve", "--json"],
            vec!["dayfly", "upload", "a.txt", "--json"],
            vec!["dayfly", "search", "q", "--json"],
            vec!["dayfly", "stores", "--json"],
            vec!["dayfly", "stores", "get", "a", "--json"],
            vec!["dayfly", "token", "keygen", "--json"],
            vec!["dayfly", "token", "inspect", "-", "--json"],
            vec![
                "dayfly", "token", "revoke", "--file", "f", "--id", "a", "--json",
            ],
            vec!["dayfly", "rebuild", "a", "--json"],
            vec!["dayfly", "rebuild", "--worker", "--json"],
            vec!["dayfly", "faiss", "--json"],
            vec!["dayfly", "verify", "--json"],
            vec!["dayfly", "verify", "a", "--json"],
            vec!["dayfly", "setup", "--json"],
            vec!["dayfly", "doctor", "--json"],
        ] {
            assert!(
                Cli::try_parse_from(&words).is_ok_and(|cli| cli.json),
                "{words:?}"
            );
        }
    }

    #[test]
    fn a_wrong_configuration_is_a_usage_error() {
        let error = ConfigError::Unreadable {
            path: "x".into(),
            source: std::io::ErrorKind::NotFound.into(),
        };
        assert!(matches!(Failure::from(error), Failure::Usage(_)));
    }
}
