//! A rebuild's process: reads its order, builds, commits, ends.

use std::io::{self, BufRead, Write};

use dayfly_core::platform::Worker;
use dayfly_core::rebuild::{self, Factory, Progress, RebuildError};
use rustix::process::nice;

use super::indexer::Faiss;
use super::protocol::{Ended, Line, Order};
use crate::confined::limit_memory;
use crate::storage::{Blocking, Data};

/// What this process takes beside FAISS's, whatever it rebuilds.
const LEAST_MIB: u32 = 128;
/// Requests yield to searches.
const NICENESS: i32 = 5;

/// Does what the order on standard input says, and tells of it on standard output. Ends the whole
/// process when standard input does: then nobody waits for it any more.
///
/// # Errors
/// When standard input holds no order.
pub fn run() -> anyhow::Result<()> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let order: Order = serde_json::from_str(&line)?;
    std::thread::spawn(|| {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        std::process::exit(1);
    });
    let _ = nice(NICENESS);
    let ended = match start(&order).and_then(|faiss| build(&order, &faiss)) {
        Ok(()) => Ended::Done,
        Err(error) => error.into(),
    };
    tell(&Line::Ended(ended));
    Ok(())
}

fn retry(error: &dyn std::fmt::Display) -> RebuildError {
    RebuildError::Retry(error.to_string())
}

/// Starts FAISS, then limits this process: what it may have is not what FAISS's needs to start.
fn start(order: &Order) -> Result<Faiss, RebuildError> {
    let threads = match order.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads as usize,
    };
    let faiss = Faiss::start(threads, order.memory_mib).map_err(|error| retry(&error))?;
    if let Some(pid) = faiss.pid() {
        tell(&Line::Helper(pid));
    }
    let most = u64::from(order.memory_mib.max(LEAST_MIB)) << 20;
    limit_memory(most).map_err(|error| retry(&error))?;
    Ok(faiss)
}

fn build(order: &Order, faiss: &Faiss) -> Result<(), RebuildError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| retry(&error))?;
    let storage = Data::beside(&order.data).map_err(|error| retry(&error))?;
    let objects = Blocking::new(&storage, &order.tenant, runtime.handle());
    let factory: Option<Factory> = order
        .factory
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|error: rebuild::FactoryError| RebuildError::GiveUp(error.to_string()))?;
    let worker = Worker {
        node: order.node.clone(),
        boot: order.boot.clone(),
    };
    let wanted = rebuild::Order {
        factory,
        ..rebuild::Order::new(&order.store, worker, u64::from(order.memory_mib) << 20)
    };
    let mut report = |progress: &Progress| tell(&Line::Progress(*progress));
    rebuild::rebuild(objects.platform(), &wanted, faiss, &mut report)?;
    Ok(())
}

/// A parent that does not listen any more is gone, and the process ends by its standard input.
fn tell(line: &Line) {
    let Ok(mut text) = serde_json::to_vec(line) else {
        return;
    };
    text.push(b'\n');
    let mut out = io::stdout().lock();
    let _ = out.write_all(&text).and_then(|()| out.flush());
}
