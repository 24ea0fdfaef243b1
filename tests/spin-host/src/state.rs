//! What the host knows of one instance.

use std::sync::Arc;

use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::grant::Grant;
use crate::outbound::{HttpClient, Outbound};

mod bindings {
    #![allow(missing_docs)]
    wasmtime::component::bindgen!({
        inline: "
            package fermyon:spin@2.0.0;

            interface variables {
                get: func(name: string) -> result<string, error>;
                variant error {
                    invalid-name(string),
                    undefined(string),
                    provider(string),
                    other(string),
                }
            }

            world variables-world {
                import variables;
            }
        ",
    });
}

pub use bindings::VariablesWorld;
use bindings::fermyon::spin::variables::{Error, Host};

/// One instance's state.
pub struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    outbound: Outbound,
    grant: Arc<Grant>,
    /// Its memories' limit.
    pub memory: MemoryLimit,
}

/// The most bytes of each linear memory, as Spin has it.
#[derive(Debug)]
pub struct MemoryLimit(Option<usize>);

impl State {
    /// An instance with `grant`, without files, arguments and sockets.
    pub fn new(grant: Arc<Grant>, client: HttpClient, memory_bytes: Option<usize>) -> Self {
        let wasi = WasiCtx::builder()
            .inherit_stdout()
            .inherit_stderr()
            .envs(&grant.environment)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        Self {
            wasi,
            http: WasiHttpCtx::new(),
            table: ResourceTable::new(),
            outbound: Outbound::new(client, Arc::clone(&grant)),
            grant,
            memory: MemoryLimit(memory_bytes),
        }
    }
}

impl Host for State {
    fn get(&mut self, name: String) -> Result<String, Error> {
        let value = self.grant.variables.get(&name).cloned();
        value.ok_or_else(|| Error::Undefined(format!("this component is not given {name}")))
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.0.is_none_or(|limit| desired <= limit))
    }

    fn table_growing(
        &mut self,
        _current: usize,
        _desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(true)
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
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.outbound,
        }
    }
}
