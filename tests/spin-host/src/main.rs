//! A small host of Spin applications, for tests: plain WASI components over HTTP, each request in
//! a fresh instance. It knows Spin's manifest, routes, variables and allowed hosts, and nothing of
//! what the components do. It listens on loopback only and reaches plain HTTP only.

mod app;
mod body;
mod engine;
mod grant;
mod hosts;
mod instance;
mod manifest;
mod outbound;
mod routes;
mod state;
mod variables;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use clap::Parser;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use app::{App, Limits};

/// Serves the composed components of a Spin application.
#[derive(Parser)]
#[command(name = "spin-host")]
pub struct Arguments {
    /// The application's spin.toml.
    #[arg(long, value_name = "FILE", default_value = "spin.toml")]
    manifest: PathBuf,
    /// The folder with each component, composed, as {name}.wasm; target/composed beside the
    /// manifest by default.
    #[arg(long, value_name = "FOLDER")]
    components: Option<PathBuf>,
    /// Where to listen: an address of loopback.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Sets a variable of the application.
    #[arg(long = "variable", value_name = "NAME=VALUE", value_parser = pair)]
    variables: Vec<(String, String)>,
    /// Sets an environment variable of all components.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = pair)]
    environment: Vec<(String, String)>,
    /// The most that each linear memory of an instance may have.
    #[arg(long, value_name = "MIB")]
    memory_mib: Option<usize>,
    /// How long an instance may live, the time after its response included.
    #[arg(long, value_name = "MS")]
    timeout_ms: Option<u64>,
    /// The largest body of a request.
    #[arg(long, value_name = "MIB")]
    body_mib: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let served = runtime
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(serve(arguments)));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: Arguments) -> anyhow::Result<()> {
    if !arguments.listen.ip().is_loopback() {
        bail!("this host is for tests and listens on loopback only");
    }
    let limits = Limits {
        memory_bytes: arguments.memory_mib.map(|mib| mib << 20),
        life: arguments.timeout_ms.map(Duration::from_millis),
        body_bytes: arguments.body_mib.map(|mib| mib << 20),
    };
    let beside = || arguments.manifest.with_file_name("target").join("composed");
    let components = arguments.components.clone().unwrap_or_else(beside);
    let app = Arc::new(App::load(
        &arguments.manifest,
        &components,
        &arguments.variables,
        &arguments.environment,
        limits,
    )?);
    let listener = TcpListener::bind(arguments.listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, Arc::clone(&app)))),
            Err(error) => {
                eprintln!("cannot accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, app: Arc<App>) {
    // Small answers should not wait for more.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let app = Arc::clone(&app);
        async move { Ok::<_, std::convert::Infallible>(app.answer(request).await) }
    });
    let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // A caller that breaks off is no news.
    let _ = served.await;
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
