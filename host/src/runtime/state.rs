//! What an instance has on the host's side.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::limits::MemoryLimiter;
use super::log::GuestLog;
use super::outbound::Outbound;
use crate::platform::{Instance, View};

/// Handles that one instance may hold at once. Each may cost the host up to `FIELDS_BYTES`.
const MAX_HANDLES: usize = 4_096;
const FIELDS_BYTES: usize = 64 << 10;
/// What one call for random bytes may ask for.
const MAX_RANDOM_BYTES: u64 = 64 << 10;

/// What the host knows of one instance.
pub struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    outbound: Outbound,
    /// Its memory.
    pub memory: MemoryLimiter,
    platform: Instance,
}

impl State {
    /// An instance without files, environment, arguments and sockets.
    pub fn new(
        request_id: &Arc<str>,
        memory: MemoryLimiter,
        outbound: Outbound,
        platform: Instance,
    ) -> Self {
        let log = GuestLog::new(Arc::clone(request_id));
        let wasi = WasiCtx::builder()
            .stdout(log.clone())
            .stderr(log)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .max_random_size(MAX_RANDOM_BYTES)
            .build();
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(FIELDS_BYTES);
        Self {
            wasi,
            http,
            table,
            outbound,
            memory,
            platform,
        }
    }

    /// What the platform's functions work on.
    pub fn platform(&mut self) -> View<'_> {
        View {
            instance: &mut self.platform,
            table: &mut self.table,
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.outbound,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}
