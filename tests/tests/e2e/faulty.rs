//! A server on a bucket whose requests fail, stall and are lost as a test says.

use std::sync::Arc;
use std::thread;

use dayfly_tests::s3::Bucket;
use dayfly_tests::s3_proxy::S3Proxy;
use dayfly_tests::{Builder, Client, FakeEmbedder, Server, Target};

/// A server on a bucket, with a faulty way to it.
pub(crate) struct Faulty {
    pub embedder: FakeEmbedder,
    pub bucket: Arc<Bucket>,
    pub proxy: S3Proxy,
    pub server: Server,
    pub client: Client,
}

impl Faulty {
    pub fn on(target: Target) -> Self {
        Self::with(target, |builder| builder)
    }

    pub fn with(target: Target, change: impl FnOnce(Builder) -> Builder) -> Self {
        let embedder = FakeEmbedder::start();
        let bucket = Arc::new(Bucket::new());
        let proxy = S3Proxy::before(&bucket);
        let builder = Server::builder()
            .on(target)
            .embedder(&embedder)
            .bucket(&bucket)
            .s3_endpoint(&proxy.endpoint());
        let server = change(builder).start();
        let client = server.client();
        Self {
            embedder,
            bucket,
            proxy,
            server,
            client,
        }
    }

    /// Another host on the same bucket, with a way to it of its own.
    pub fn another(
        &self,
        target: Target,
        change: impl FnOnce(Builder) -> Builder,
    ) -> (S3Proxy, Server) {
        let proxy = S3Proxy::before(&self.bucket);
        let builder = Server::builder()
            .on(target)
            .embedder(&self.embedder)
            .bucket(&self.bucket)
            .s3_endpoint(&proxy.endpoint());
        (proxy, change(builder).start())
    }
}

/// The same on every kind of host that has a bucket.
pub(crate) fn on_each(scenario: impl Fn(Target) + Sync) {
    let scenario = &scenario;
    thread::scope(|scope| {
        let targets = [Target::S3, Target::Composed];
        let running = targets.map(|target| (target, scope.spawn(move || scenario(target))));
        for (target, scenario) in running {
            assert!(scenario.join().is_ok(), "failed on {target:?}");
        }
    });
}
