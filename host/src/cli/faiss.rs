//! `dayfly faiss`.

use dayfly::serve::faiss_alone;
use serde_json::json;

use super::Failure;
use super::output::Output;
use super::serve::{Arguments, Stop};
use crate::config;

/// Serves native indexes, and does rebuilds, until SIGINT or SIGTERM.
pub fn run(arguments: &Arguments, output: Output) -> Result<(), Failure> {
    let options = config::load(&arguments.flags)?;
    super::serve::log_to_stderr(&arguments.log, output)?;
    super::serve::allow_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut stop = Stop::new()?;
        let mut running = faiss_alone::start(&options).await?;
        let url = format!("http://{}", running.addr);
        let answer = json!({"url": url, "data": options.data, "auth_keys": options.auth_keys});
        output.answer(&answer, || {
            format!("listening on {url}\ndata      {}\n", options.data)
        })?;
        tokio::select! {
            ended = running.wait() => ended?,
            () = stop.asked() => running.shutdown().await?,
        }
        Ok(())
    })
}
