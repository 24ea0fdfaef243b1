//! What this instance is bound to: its configuration, and its one tenant.

use std::cell::{Cell, OnceCell};

use dayfly_core::objects::ObjectError;
use dayfly_identity::{AuthError, Principal, Scope};
use url::Url;

use super::http::WasiHttp;
use super::variables::SpinVariables;
use crate::config::{Config, Settings};
use crate::ed25519;
use crate::s3::{Client, TenantObjects};

/// This instance's side: nothing before it has authenticated, then one tenant.
pub struct Instance {
    config: Result<Config, String>,
    client: Option<Client<WasiHttp>>,
    bound: OnceCell<Principal>,
    authorization: OnceCell<Option<String>>,
    /// Objects in the making; each buffers a part.
    pub writers: Cell<u32>,
    /// This start of this host, as far as an instance can know: drawn.
    pub name: String,
}

thread_local! {
    /// Lives as long as the instance does, which has one thread.
    static INSTANCE: &'static Instance = Box::leak(Box::new(Instance::new()));
}

impl Instance {
    /// The one of this component.
    pub fn get() -> &'static Self {
        INSTANCE.with(|instance| *instance)
    }

    fn new() -> Self {
        // It was installed already only if this ran twice, and then it is the same.
        let _ = ed25519::PROVIDER.install_default();
        let config = Config::read(&SpinVariables);
        let client = config
            .as_ref()
            .ok()
            .map(|config| Client::new(config.storage.clone(), WasiHttp));
        Self {
            config,
            client,
            bound: OnceCell::new(),
            authorization: OnceCell::new(),
            writers: Cell::new(0),
            name: format!("{:016x}", dayfly_clock::random()),
        }
    }

    /// Binds the instance to whom `authorization` names. The outer error is for the operator.
    pub fn authenticate(
        &self,
        authorization: Option<&str>,
    ) -> Result<Result<&Principal, AuthError>, String> {
        let config = self.config.as_ref().map_err(String::clone)?;
        let principal = match config.access.verify(authorization) {
            Ok(principal) => principal,
            Err(error) => return Ok(Err(error)),
        };
        let bound = self.bound.get_or_init(|| principal.clone());
        if *bound == principal {
            self.authorization
                .get_or_init(|| authorization.map(str::to_owned));
            return Ok(Ok(bound));
        }
        Ok(Err(AuthError::Invalid(
            "This instance serves another principal; present the token of the request.".to_owned(),
        )))
    }

    /// What guests get to know. Defaults where the variables are wrong: `authenticate` says so, and
    /// nothing answers before it.
    pub fn settings(&self) -> Settings {
        self.config
            .as_ref()
            .map(|config| config.settings.clone())
            .unwrap_or_default()
    }

    /// Where the FAISS service is, if anywhere, and what it gets to know of the caller.
    pub fn faiss(&self) -> Result<(Option<&Url>, Option<&str>), String> {
        let not_authenticated = || "the instance has not authenticated".to_owned();
        let authorization = self.authorization.get().ok_or_else(not_authenticated)?;
        let config = self.config.as_ref().map_err(String::clone)?;
        Ok((config.faiss.as_ref(), authorization.as_deref()))
    }

    /// The way to the storage.
    pub fn client(&self) -> Result<&Client<WasiHttp>, ObjectError> {
        self.client.as_ref().ok_or_else(not_authenticated)
    }

    /// For reading. Whoever may write has to read, too: which answers a token without the scope
    /// `read` gets is decided by the request, before anything is read for it.
    pub fn readable(&self) -> Result<TenantObjects<'_, WasiHttp>, ObjectError> {
        let principal = self.bound.get().ok_or_else(not_authenticated)?;
        Ok(self.client()?.of(&principal.tenant))
    }

    /// For writing.
    pub fn writable(&self) -> Result<TenantObjects<'_, WasiHttp>, ObjectError> {
        let objects = self.readable()?;
        let scopes = self.bound.get().map(|principal| &principal.scopes);
        if scopes.is_some_and(|scopes| scopes.contains(&Scope::Write)) {
            return Ok(objects);
        }
        Err(ObjectError::Denied(
            "the token lacks the scope `write`: `dayfly token issue --scope write` gives it"
                .to_owned(),
        ))
    }
}

fn not_authenticated() -> ObjectError {
    ObjectError::Denied("the instance has not authenticated".to_owned())
}
