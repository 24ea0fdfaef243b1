//! wasmtime as it is configured.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread::{self, Thread};
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::Notify;
use wasmtime::{Config, Enabled, Engine, EngineWeak};
use wasmtime::{InstanceAllocationStrategy, PoolingAllocationConfig};

/// Also the longest that a guest computes before others get their turn.
const TICK: Duration = Duration::from_millis(2);
/// Linear memory that a slot keeps for its next instance instead of giving it back; it is zeroed.
const KEEP_RESIDENT: usize = 256 << 10;
const TABLE_ELEMENTS: usize = 65_536;
const MEMORIES_PER_INSTANCE: u32 = 2;
const TABLES_PER_INSTANCE: u32 = 4;
const CORE_INSTANCES_PER_COMPONENT: u32 = 16;

/// An engine with room for `slots` instances of `memory_bytes` each.
pub fn build(slots: u32, memory_bytes: usize) -> anyhow::Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots * CORE_INSTANCES_PER_COMPONENT)
        .total_memories(slots * MEMORIES_PER_INSTANCE)
        .total_tables(slots * TABLES_PER_INSTANCE)
        .total_stacks(slots)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(MEMORIES_PER_INSTANCE)
        .max_tables_per_component(TABLES_PER_INSTANCE)
        .max_memory_size(memory_bytes)
        .table_elements(TABLE_ELEMENTS)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .max_unused_warm_slots(slots.min(16))
        .pagemap_scan(Enabled::Auto);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .epoch_interruption(true)
        // Nothing here runs several tasks of one component at once, and the bookkeeping for it
        // costs 40 % of a small request.
        .concurrency_support(false)
        // Of use to profilers alone, and read as a whole when a guest is loaded.
        .native_unwind_info(false);
    Engine::new(&config).map_err(plain).context("wasmtime cannot reserve address space for the instances: lower limits.instances or lift the limit on virtual memory (ulimit -v)")
}

/// Keeps the chain of causes, which is all that is ever shown.
pub fn plain(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}

/// The engine's clock for interrupting guests. It stands still while there is none.
#[derive(Clone)]
pub struct Ticker {
    live: Arc<AtomicUsize>,
    idle: Arc<Notify>,
    thread: Thread,
}

/// The clock goes while one of these lives.
pub struct Ticking(Ticker);

impl Ticker {
    /// Starts the clock's thread, which ends with the engine.
    pub fn start(engine: &Engine) -> std::io::Result<Self> {
        let live = Arc::new(AtomicUsize::new(0));
        let (weak, counter) = (engine.weak(), Arc::clone(&live));
        let handle = thread::Builder::new()
            .name("epoch".into())
            .spawn(move || tick(&weak, &counter))?;
        Ok(Self {
            live,
            idle: Arc::default(),
            thread: handle.thread().clone(),
        })
    }

    /// Keeps the clock going.
    pub fn hold(&self) -> Ticking {
        if self.live.fetch_add(1, SeqCst) == 0 {
            self.thread.unpark();
        }
        Ticking(self.clone())
    }

    /// Resolves when nobody holds the clock.
    pub async fn idle(&self) {
        loop {
            let changed = self.idle.notified();
            if self.live.load(SeqCst) == 0 {
                return;
            }
            changed.await;
        }
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        if self.0.live.fetch_sub(1, SeqCst) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}

fn tick(engine: &EngineWeak, live: &AtomicUsize) {
    loop {
        if live.load(SeqCst) == 0 {
            // The timeout notices that the engine is gone.
            thread::park_timeout(Duration::from_secs(5));
        } else {
            thread::sleep(TICK);
        }
        let Some(engine) = engine.upgrade() else {
            return;
        };
        engine.increment_epoch();
    }
}
