//! One request in one instance.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use http::Request;
use http_body_util::BodyExt;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use super::body::{Limited, Overflow};
use super::limits::{MemoryLimiter, Usage};
use super::metered::{Metered, Share};
use super::outbound::Outbound;
use super::{Call, Death, Guarded, InstanceLimits, Reply, Runtime, State};
use crate::guests::Guest;
use crate::metrics::{Metrics, Outcome};
use crate::turns::Urgency;

type Head = Result<http::Response<HyperOutgoingBody>, ErrorCode>;

impl Runtime {
    /// Answers a request with a fresh instance, and returns when the response's head is there.
    ///
    /// Dropping the future before that ends the instance; from then on it lives until it ends by
    /// itself or by a limit. Fails with the instance's death where there is no response.
    pub async fn call(&self, call: Call) -> Result<Reply, Death> {
        let usage = Arc::new(Usage::default());
        let overflow = Arc::new(Overflow::default());
        let died = Arc::new(AtomicBool::new(false));
        let memory = MemoryLimiter::new(call.limits.memory_bytes, Arc::clone(&usage));
        let (tenant, urgency) = (call.platform.tenant(), Urgency::of(call.guest));
        let share = Share::new(&self.processors, tenant, urgency);
        let outbound = Outbound::new(
            Arc::clone(&self.destination),
            call.limits.outbound_requests,
            tenant,
            urgency,
        )
        .at(call.platform.pace());
        let state = State::new(&call.request_id, memory, outbound, call.platform);
        let (head_sender, head) = oneshot::channel::<Head>();
        let (end_sender, end) = oneshot::channel();
        let record = Record::begin(&self.metrics, call.guest, Arc::clone(&usage));
        let instance = Instance {
            pre: self.guests[call.guest.index()].clone(),
            state,
            request: limited(call.request, call.body_limit, Arc::clone(&overflow)),
            head: head_sender,
            limits: call.limits,
            usage,
            share,
        };
        let (held, permit, shared_died) = (self.ticker.hold(), call.permit, Arc::clone(&died));
        let mut task = Abandoned(Some(tokio::spawn(async move {
            let _kept = (held, permit);
            let mut record = record;
            let death = instance.run(&shared_died).await.err();
            if let Some(death) = &death {
                tracing::warn!(request_id = &*call.request_id, guest = call.guest.name(), %death, "an instance was ended");
            }
            record.kill = death.as_ref().map(Death::outcome);
            drop(record);
            // Nobody has to wait for it.
            let _ = end_sender.send(death);
        })));
        let head = tokio::select! {
            biased;
            () = overflow.wait() => return Err(Death::TooLarge),
            head = head => head,
        };
        if overflow.seen() {
            return Err(Death::TooLarge);
        }
        match head {
            Ok(Ok(response)) => {
                task.0 = None;
                let response = response.map(|body| Guarded::new(body, died));
                Ok(Reply { response, end })
            }
            Ok(Err(code)) => Err(Death::Trap(format!("the guest answered with {code:?}"))),
            Err(_) => {
                let death = end.await.ok().flatten();
                Err(death.unwrap_or_else(|| Death::Trap("it ended without a response".into())))
            }
        }
    }
}

fn limited(request: Request<WasiBody>, limit: u64, overflow: Arc<Overflow>) -> Request<WasiBody> {
    request.map(|body| Limited::new(body, limit, overflow).boxed_unsync())
}

struct Instance {
    pre: ProxyPre<State>,
    state: State,
    request: Request<WasiBody>,
    head: oneshot::Sender<Head>,
    limits: InstanceLimits,
    usage: Arc<Usage>,
    share: Share,
}

impl Instance {
    /// `died` is set before the store is dropped, which is what ends the response's body.
    async fn run(self, died: &AtomicBool) -> Result<(), Death> {
        let mut store = Store::new(self.pre.engine(), self.state);
        store.limiter(|state| &mut state.memory);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        let handled = async {
            let request = store
                .data_mut()
                .http()
                .new_incoming_request(Scheme::Http, self.request)?;
            let out = store.data_mut().http().new_response_outparam(self.head)?;
            let proxy = self.pre.instantiate_async(&mut store).await?;
            proxy
                .wasi_http_incoming_handler()
                .call_handle(&mut store, request, out)
                .await
        };
        let metered = Metered::new(
            handled,
            self.limits.cpu,
            Arc::clone(&self.usage),
            self.share,
        );
        let ended = match tokio::time::timeout(self.limits.wall, metered).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(_))) if self.usage.memory_refused() => Err(Death::Memory),
            Ok(Ok(Err(error))) => Err(Death::Trap(cause(&error))),
            Ok(Err(_)) => Err(Death::Cpu),
            Err(_) => Err(Death::Wall),
        };
        died.store(ended.is_err(), SeqCst);
        drop(store);
        ended
    }
}

/// The trap itself, without the guest's stack.
fn cause(error: &wasmtime::Error) -> String {
    tracing::debug!(?error, "a guest trapped");
    error.root_cause().to_string()
}

/// Ends the task unless it is taken out.
struct Abandoned(Option<JoinHandle<()>>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// Counts an instance, also one whose task is aborted.
struct Record {
    metrics: Arc<Metrics>,
    guest: Guest,
    usage: Arc<Usage>,
    kill: Option<Outcome>,
}

impl Record {
    fn begin(metrics: &Arc<Metrics>, guest: Guest, usage: Arc<Usage>) -> Self {
        metrics.instance_begins(guest);
        Self {
            metrics: Arc::clone(metrics),
            guest,
            usage,
            kill: None,
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let (peak, cpu) = (self.usage.memory_peak(), self.usage.cpu_ns());
        self.metrics.instance_ends(self.guest, peak, cpu, self.kill);
    }
}
