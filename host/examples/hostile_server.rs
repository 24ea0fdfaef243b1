//! Temporary: serves one component as all guests.
use dayfly::{guests::Guests, options::ServeOptions, serve::start};
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).with_writer(std::io::stderr).init();
    let mut args = std::env::args().skip(1);
    let options: ServeOptions = toml::from_str(&std::fs::read_to_string(args.next().unwrap())?)?;
    let guests = match args.next() { Some(path) => Guests::same(std::fs::read(path)?), None => Guests::built_in() };
    let begun = std::time::Instant::now();
    let mut running = start(options, guests).await?;
    println!("listening on http://{} after {:?}", running.addr, begun.elapsed());
    tokio::select! { () = running.wait() => {}, _ = tokio::signal::ctrl_c() => {} }
    running.shutdown().await;
    Ok(())
}
