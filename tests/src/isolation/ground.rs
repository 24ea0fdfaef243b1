//! The server that is attacked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::{ATTACKER, VICTIM};
use crate::key::KeyPair;
use crate::s3::Bucket;
use crate::s3_proxy::S3Proxy;
use crate::{Builder, Client, FakeEmbedder, Server, Target, binary, process};

/// The server that an attack is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `dayfly serve` on a directory, with an embedder that takes no time.
    Plain,
    /// With the embedder that it has in it.
    Embedded,
    /// On a bucket, whose requests can be delayed.
    Bucket,
    /// With a hostile guest in the place of the one for files and stores, which has little CPU time and
    /// memory.
    Hostile,
}

/// A server with keys, and what it needs.
pub struct Ground {
    /// The server.
    pub server: Server,
    /// Its embedder, unless that is its own.
    pub embedder: Option<FakeEmbedder>,
    /// Before its bucket, where it has one.
    pub proxy: Option<S3Proxy>,
    keys: KeyPair,
    tokens: Mutex<HashMap<(String, bool), String>>,
}

impl Ground {
    /// Starts the server.
    ///
    /// # Panics
    /// When it does not start.
    pub fn new(place: Place) -> Self {
        Self::with(place, |builder| builder)
    }

    /// Starts the server with some things otherwise.
    ///
    /// # Panics
    /// When it does not start.
    pub fn with(place: Place, change: impl FnOnce(Builder) -> Builder) -> Self {
        let keys = KeyPair::new();
        let builder = Server::builder().auth_key(keys.public());
        let embedder = (place != Place::Embedded).then(FakeEmbedder::start);
        let builder = match &embedder {
            Some(embedder) => builder.embedder(embedder),
            None => builder,
        };
        let (builder, proxy) = placed(place, builder);
        Self {
            server: change(builder).start(),
            embedder,
            proxy,
            keys,
            tokens: Mutex::default(),
        }
    }

    /// The server's address.
    pub fn base(&self) -> String {
        self.server.client().base().to_owned()
    }

    /// What a tenant shows who may read and write.
    pub fn token(&self, tenant: &str) -> String {
        self.issue(tenant, true)
    }

    /// What a tenant shows who may only read.
    pub fn read_token(&self, tenant: &str) -> String {
        self.issue(tenant, false)
    }

    /// A tenant, who may read and write.
    pub fn client(&self, tenant: &str) -> Client {
        self.server.client().with_token(&self.token(tenant))
    }

    /// The one who attacks.
    pub fn attacker(&self) -> Client {
        self.client(ATTACKER)
    }

    /// The one who should not notice.
    pub fn victim(&self) -> Client {
        self.client(VICTIM)
    }

    /// Instances of guests that live now.
    pub fn instances(&self) -> usize {
        self.server.metrics().sum("dayfly_instances", &[]) as usize
    }

    /// Memory of the server.
    pub fn resident_bytes(&self) -> u64 {
        self.server.resident_bytes()
    }

    /// The most memory that the server ever had.
    pub fn peak_bytes(&self) -> u64 {
        process::peak_resident_bytes(self.server.pid())
    }

    fn issue(&self, tenant: &str, writes: bool) -> String {
        let mut tokens = self.tokens.lock().unwrap();
        let token = tokens.entry((tenant.to_owned(), writes));
        let scopes = if writes {
            &["read", "write"][..]
        } else {
            &["read"]
        };
        token
            .or_insert_with(|| self.keys.token(tenant, scopes))
            .clone()
    }
}

fn placed(place: Place, builder: Builder) -> (Builder, Option<S3Proxy>) {
    match place {
        Place::Plain | Place::Embedded => (builder.on(Target::Local), None),
        Place::Bucket => {
            let bucket = Arc::new(Bucket::new());
            let proxy = S3Proxy::before(&bucket);
            let builder = builder.on(Target::S3).bucket(&bucket);
            (builder.s3_endpoint(&proxy.endpoint()), Some(proxy))
        }
        Place::Hostile => {
            let limits = json!({"limits": {"memory_mib": 64, "cpu_ms": 400, "wall_ms": 2_000}});
            let builder = builder.env("HOSTILE_OPTIONS", &limits.to_string());
            (builder.program(binary::hostile_host()), None)
        }
    }
}
