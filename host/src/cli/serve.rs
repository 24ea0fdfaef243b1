//! `dayfly serve`.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;

use anyhow::anyhow;
use clap::Args;
use dayfly::guests::Guests;
use dayfly::options::ServeOptions;
use dayfly::runtime::compiled::compile_apart;
use dayfly::serve::Running;
use dayfly::serve::provider::shown;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::Failure;
use super::output::Output;
use crate::config::{self, Flags};

#[derive(Args, Debug)]
pub struct Arguments {
    /// What goes to the log on standard error: off, error, warn, info, debug, trace, or one for
    /// each module (tracing's filter)
    #[arg(
        long,
        env = "DAYFLY_LOG",
        value_name = "FILTER",
        default_value = "info",
        value_parser = filter
    )]
    pub log: String,

    #[command(flatten)]
    pub flags: Flags,
}

/// Has the system give out as many open files as it may: connections, indexes and requests to storage
/// take one each, and most shells are given few.
pub fn allow_open_files() {
    const ENOUGH: u64 = 65_536;
    let given = getrlimit(Resource::Nofile);
    let wanted = given.maximum.map_or(ENOUGH, |most| most.min(ENOUGH));
    if given.current.is_none_or(|current| current >= wanted) {
        return;
    }
    let raised = Rlimit {
        current: Some(wanted),
        ..given
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "no more files can be opened than the system gives out by itself");
    }
}

/// Serves until SIGINT or SIGTERM; then requests under way may end. A second signal ends them.
pub fn run(arguments: &Arguments, output: Output) -> Result<(), Failure> {
    let options = config::load(&arguments.flags)?;
    log_to_stderr(&arguments.log, output)?;
    allow_open_files();
    compile_apart(&options, &Guests::built_in());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let served = runtime.block_on(serve(options, output));
    // Upkeep may be under way, which goes on wherever it was broken off.
    runtime.shutdown_background();
    served
}

async fn serve(options: ServeOptions, output: Output) -> Result<(), Failure> {
    let mut stop = Stop::new()?;
    let mut running = dayfly::serve::start(options.clone(), Guests::built_in()).await?;
    announce(running.addr, &options, output)?;
    tokio::select! {
        () = running.wait() => return Err(anyhow!("the server ended by itself; its log says why").into()),
        () = stop.asked() => {}
    }
    end(running, &mut stop).await;
    Ok(())
}

async fn end(running: Running, stop: &mut Stop) {
    tracing::info!("stopping; a second signal breaks off what is under way");
    tokio::select! {
        () = running.shutdown() => {}
        () = stop.asked() => {}
    }
}

/// The signals that ask a server to end.
pub struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    /// Listens for them from here on.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one.
    pub async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Checks a log filter before anything starts.
pub fn filter(text: &str) -> Result<String, tracing_subscriber::filter::ParseError> {
    EnvFilter::builder().parse(text).map(|_| text.to_owned())
}

/// Logs what passes the filter, in JSON where answers are.
pub fn log_to_stderr(filter: &str, output: Output) -> Result<(), Failure> {
    let filter = EnvFilter::builder().parse(filter)?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    if output.is_json() {
        log.json().init();
    } else {
        log.init();
    }
    Ok(())
}

fn announce(addr: SocketAddr, options: &ServeOptions, output: Output) -> io::Result<()> {
    let answer = json!({
        "url": format!("http://{addr}"),
        "data": options.data,
        "embedder": embedder(options),
        "auth_keys": options.auth_keys,
    });
    output.answer(&answer, || greeting(addr, options))
}

fn embedder(options: &ServeOptions) -> String {
    match (&options.embed.url, &options.embed.model) {
        (Some(url), Some(model)) => format!("{model} at {}", shown(url)),
        _ => format!("{}, built in", dayfly_embedder::MODEL_ID),
    }
}

fn greeting(addr: SocketAddr, options: &ServeOptions) -> String {
    let (tenants, token) = match options.auth_keys.is_empty() {
        true => ("one, `default`; no token is asked for", ""),
        false => (
            "named by tokens",
            " -H \"authorization: Bearer $DAYFLY_TOKEN\"",
        ),
    };
    format!(
        "listening on http://{addr}\n\
         data      {data}\n\
         embedder  {embedder}\n\
         tenants   {tenants}\n\
         \n\
         Try it:\n\
         \x20 curl http://{addr}/upload{token} -H 'content-type: application/json' \\\n\
         \x20      -d '{{\"text\": \"Mayflies live for a day.\"}}'\n\
         \x20 dayfly search 'How long does a mayfly live?' --url http://{addr}\n",
        data = options.data,
        embedder = embedder(options),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeted(options: &ServeOptions) -> String {
        greeting(SocketAddr::from(([127, 0, 0, 1], 8787)), options)
    }

    #[test]
    fn the_address_is_the_first_line_alone() {
        let text = greeted(&ServeOptions::default());
        assert_eq!(
            text.lines().next(),
            Some("listening on http://127.0.0.1:8787")
        );
        assert_eq!(text.matches("listening on").count(), 1);
    }

    #[test]
    fn whoever_embeds_is_named() {
        let mut options = ServeOptions::default();
        assert!(greeted(&options).contains("all-MiniLM-L6-v2, built in"));
        options.embed.url = Some("http://127.0.0.1:9/v1/embeddings".to_owned());
        options.embed.model = Some("fake".to_owned());
        let mut secret = options.clone();
        secret.embed.url = Some("http://user:hunter2@127.0.0.1:9/v1".to_owned());
        let greeting = greeted(&secret);
        assert!(
            greeting.contains("fake at http://127.0.0.1:9/v1") && !greeting.contains("hunter2"),
            "{greeting}"
        );
        assert!(greeted(&options).contains("fake at http://127.0.0.1:9/v1/embeddings"));
    }

    #[test]
    fn a_token_is_part_of_the_example_where_one_is_needed() {
        let mut options = ServeOptions::default();
        assert!(!greeted(&options).contains("Bearer"));
        options.auth_keys.push("public.pem".into());
        assert!(greeted(&options).contains("Bearer"));
    }

    #[test]
    fn a_log_filter_is_checked_before_anything_starts() {
        assert!(filter("info").is_ok());
        assert!(filter("warn,dayfly=debug").is_ok());
        assert!(filter("dayfly=loud").is_err());
    }
}
