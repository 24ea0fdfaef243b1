//! The `dayfly` binary.

mod cli;
mod config;

use tikv_jemallocator::Jemalloc;

/// glibc keeps what each of many threads once needed, an arena for each: the memory of a server
/// climbs with its uploads, though nothing is held. How this one is set up, `.cargo/config.toml` says.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
