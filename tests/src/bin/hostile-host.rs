//! `dayfly serve` with a hostile guest in the place of the one for files and stores, in a
//! process of its own, so that its memory is its own. Takes `serve`'s arguments for the address,
//! the data, the keys and the embedder, and the rest as JSON in `HOSTILE_OPTIONS`. `HOSTILE_COMPONENT`
//! names another guest's file.

use std::path::PathBuf;
use std::process::ExitCode;

use dayfly::guests::Guests;
use dayfly::options::ServeOptions;
use dayfly::serve::start;
use dayfly_tests::binary;
use tikv_jemallocator::Jemalloc;

/// As `dayfly` has it: its memory is what is measured here.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let served = runtime
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(serve()));
    if let Err(message) = served {
        eprintln!("{message}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

async fn serve() -> Result<(), String> {
    let options = options()?;
    let given = std::env::var_os("HOSTILE_COMPONENT").map(PathBuf::from);
    let path = given.unwrap_or_else(binary::hostile_guest);
    let component = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let guests = Guests {
        stores: component.into(),
        ..Guests::built_in()
    };
    let mut running = start(options, guests)
        .await
        .map_err(|error| format!("{error:#}"))?;
    println!("listening on http://{}", running.addr);
    running.wait().await;
    Ok(())
}

fn options() -> Result<ServeOptions, String> {
    let json = std::env::var("HOSTILE_OPTIONS").unwrap_or_else(|_| "{}".to_owned());
    let mut options: ServeOptions =
        serde_json::from_str(&json).map_err(|error| error.to_string())?;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "serve" {
            continue;
        }
        let value = arguments
            .next()
            .ok_or_else(|| format!("{argument} has no value"))?;
        match argument.as_str() {
            "--listen" => options.listen = value,
            "--data" => options.data = value,
            "--auth-key" => options.auth_keys.push(value.into()),
            "--embed-url" => options.embed.url = Some(value),
            "--embed-model" => options.embed.model = Some(value),
            other => return Err(format!("unknown argument {other}")),
        }
    }
    Ok(options)
}
