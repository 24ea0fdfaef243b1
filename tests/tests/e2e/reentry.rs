//! A guest serves one request, also on a host that would reuse it.

use std::pin::pin;

use bytes::Bytes;
use dayfly::guests::Guests;
use futures::future::{Either, select};
use http_body_util::{BodyExt, Empty};
use hyper::{Request, Response};
use tokio::sync::oneshot;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, ResourceTable, ResourceType};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::Proxy;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

type Worker = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// A plain WASI host, with nothing of the product in it.
struct PlainHost {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    outbound: NoOutbound,
}

struct NoOutbound;

impl WasiHttpHooks for NoOutbound {
    fn send_request(
        &mut self,
        _request: Request<WasiBody>,
        _options: Option<RequestOptions>,
        _processed: Worker,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Worker), Error>> + Send> {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}

impl WasiView for PlainHost {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for PlainHost {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.outbound,
        }
    }
}

/// Enters the instance with a request that is refused before the platform is asked for anything;
/// the answer's status, or `None` for a trap.
async fn enter(proxy: &Proxy, store: &mut Store<PlainHost>) -> Option<u16> {
    let request = Request::get("http://localhost/%FF")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let request = store
        .data_mut()
        .http()
        .new_incoming_request(Scheme::Http, request)
        .unwrap();
    let (sender, answer) = oneshot::channel();
    let out = store
        .data_mut()
        .http()
        .new_response_outparam(sender)
        .unwrap();
    let handler = proxy.wasi_http_incoming_handler();
    let handle = handler.call_handle(&mut *store, request, out);
    // The guest writes its body while the answer is read.
    let read = async {
        let response = answer.await.ok()?.ok()?;
        let status = response.status().as_u16();
        response.into_body().collect().await.ok()?;
        Some(status)
    };
    match select(pin!(handle), pin!(read)).await {
        // A trap keeps the sender in the store, so there is nothing to wait for.
        Either::Left((Err(_), _)) => None,
        Either::Left((Ok(()), read)) => read.await,
        Either::Right((status, handle)) => handle.await.ok().and(status),
    }
}

/// Defines `dayfly:platform` so that every call of it traps.
fn refuse_the_platform(linker: &mut Linker<PlainHost>, component: &Component) {
    let engine = linker.engine().clone();
    for (name, import) in component.component_type().imports(&engine) {
        let ComponentItem::ComponentInstance(instance) = import.ty else {
            continue;
        };
        if !name.starts_with("dayfly:platform/") {
            continue;
        }
        let mut platform = linker.instance(name).unwrap();
        for (name, export) in instance.exports(&engine) {
            match export.ty {
                ComponentItem::ComponentFunc(_) => platform
                    .func_new(name, |_, _, _, _| {
                        wasmtime::bail!("the platform was called")
                    })
                    .unwrap(),
                ComponentItem::Resource(_) => platform
                    .resource(name, ResourceType::host::<()>(), |_, _| Ok(()))
                    .unwrap(),
                _ => {}
            }
        }
    }
}

async fn enter_twice(component: &[u8]) -> [Option<u16>; 2] {
    let engine = Engine::new(Config::new().concurrency_support(false)).unwrap();
    let component = Component::new(&engine, component).unwrap();
    let mut linker = Linker::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).unwrap();
    refuse_the_platform(&mut linker, &component);
    let host = PlainHost {
        wasi: WasiCtx::builder().build(),
        http: WasiHttpCtx::new(),
        table: ResourceTable::new(),
        outbound: NoOutbound,
    };
    let mut store = Store::new(&engine, host);
    let proxy = Proxy::instantiate_async(&mut store, &component, &linker)
        .await
        .unwrap();
    let first = enter(&proxy, &mut store).await;
    [first, enter(&proxy, &mut store).await]
}

#[test]
fn a_guest_that_is_entered_a_second_time_traps() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let guests = Guests::built_in();
    let components: [(&str, &[u8]); 3] = [
        ("stores", &guests.stores),
        ("ingest", &guests.ingest),
        ("search", &guests.search),
    ];
    for (guest, component) in components {
        let entered = runtime.block_on(enter_twice(component));
        assert_eq!(entered, [Some(400), None], "{guest}");
    }
}
