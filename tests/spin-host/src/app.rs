//! The application: its components, and which of them answers.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body as _, Incoming};
use wasmtime::component::{Component, Linker};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::body::{Body, text};
use crate::engine;
use crate::grant::Grant;
use crate::hosts::AllowedHosts;
use crate::instance;
use crate::manifest::Manifest;
use crate::outbound::{self, HttpClient};
use crate::routes::Routes;
use crate::state::State;
use crate::variables::Variables;

/// What every instance may use; unlimited where nothing is said.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// Each of its linear memories.
    pub memory_bytes: Option<usize>,
    /// From its request on until it ends.
    pub life: Option<Duration>,
    /// The body of its request.
    pub body_bytes: Option<u64>,
}

/// A loaded application.
pub struct App {
    routes: Routes,
    components: BTreeMap<String, Loaded>,
    client: HttpClient,
    limits: Limits,
}

struct Loaded {
    pre: ProxyPre<State>,
    grant: Arc<Grant>,
}

impl App {
    /// Loads what `manifest` describes from `folder`, `{name}.wasm` each. Fails where a component
    /// is missing, imports what this host lacks, or a variable has no value.
    pub fn load(
        manifest: &Path,
        folder: &Path,
        given: &[(String, String)],
        environment: &[(String, String)],
        limits: Limits,
    ) -> anyhow::Result<Self> {
        let manifest = Manifest::read(manifest)?;
        let variables = Variables::new(&manifest.variables, given)?;
        let engine = engine::build(&folder.join("compiled"))?;
        let linker = engine::link(&engine)?;
        let _turn = engine::turn_to_compile(folder)?;
        let mut components = BTreeMap::new();
        for (name, component) in &manifest.component {
            let path = folder.join(name).with_extension("wasm");
            let pre = compile(&linker, &path).with_context(|| path.display().to_string())?;
            let grant = grant(component, &variables, environment)
                .with_context(|| format!("component {name}"))?;
            let grant = Arc::new(grant);
            components.insert(name.clone(), Loaded { pre, grant });
        }
        Ok(Self {
            routes: Routes::new(&manifest.trigger.http)?,
            components,
            client: outbound::client(),
            limits,
        })
    }

    /// Answers with a fresh instance of the component that the path leads to.
    pub async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let component = self.routes.component(request.uri().path());
        let Some(loaded) = component.and_then(|name| self.components.get(name)) else {
            return text(StatusCode::NOT_FOUND, "no route leads there");
        };
        let request = match self.within_limits(request) {
            Ok(request) => request,
            Err(body) => {
                // Read to its end: to a caller that is still sending, the answer could be lost.
                discard(body).await;
                return text(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large");
            }
        };
        let state = State::new(
            Arc::clone(&loaded.grant),
            self.client.clone(),
            self.limits.memory_bytes,
        );
        instance::answer(loaded.pre.clone(), state, request, self.limits.life).await
    }

    /// The body where it says that it is too large.
    fn within_limits(&self, request: Request<Incoming>) -> Result<Request<WasiBody>, Incoming> {
        let Some(limit) = self.limits.body_bytes else {
            return Ok(request.map(|body| body.map_err(Error::from).boxed_unsync()));
        };
        if request.body().size_hint().lower() > limit {
            return Err(request.into_body());
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(request.map(|body| {
            Limited::new(body, limit)
                .map_err(|_| Error::HttpRequestBodySize(None))
                .boxed_unsync()
        }))
    }
}

async fn discard(mut body: Incoming) {
    while let Some(Ok(_)) = body.frame().await {}
}

fn compile(linker: &Linker<State>, path: &Path) -> anyhow::Result<ProxyPre<State>> {
    let bytes = std::fs::read(path).context("`cargo xtask compose` makes it")?;
    Component::new(linker.engine(), bytes)
        .and_then(|component| linker.instantiate_pre(&component))
        .and_then(ProxyPre::new)
        .map_err(engine::plain)
}

fn grant(
    component: &crate::manifest::Component,
    variables: &Variables,
    environment: &[(String, String)],
) -> anyhow::Result<Grant> {
    let expanded = |template: &String| variables.expand(template);
    let hosts: Vec<String> = component
        .allowed_outbound_hosts
        .iter()
        .map(expanded)
        .collect::<anyhow::Result<_>>()?;
    let values = component.variables.iter();
    let values =
        values.map(|(name, template)| anyhow::Ok((name.clone(), variables.expand(template)?)));
    let own = component.environment.clone().into_iter();
    Ok(Grant {
        hosts: AllowedHosts::new(&hosts)?,
        variables: values.collect::<anyhow::Result<_>>()?,
        environment: own.chain(environment.iter().cloned()).collect(),
    })
}
