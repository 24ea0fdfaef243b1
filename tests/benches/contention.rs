//! Prints what 64 uploads at once to one store take on a bucket as far away as S3 is, beside 64 to
//! stores of their own: `cargo bench -p dayfly-tests --bench contention`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use dayfly_tests::s3::Bucket;
use dayfly_tests::s3_proxy::{Asked, S3Fault, S3Proxy};
use dayfly_tests::{FakeEmbedder, Server, Target};

const AT_ONCE: usize = 64;
/// As S3 answers from within a region: reads and lists in some 15 ms, writes in some 30.
const READ: Duration = Duration::from_millis(15);
const WRITE: Duration = Duration::from_millis(30);

fn main() {
    let scene = Scene::new();
    scene.client().upload("warm", "heron");
    println!("{AT_ONCE} uploads at once   s    median s  slowest s  tries per commit");
    let apart = scene.run("to a store each", |n| format!("apart{n}"));
    let together = scene.run("to one store", |_| "together".to_owned());
    println!(
        "one store takes {:.2} times as long as {AT_ONCE}",
        together.as_secs_f64() / apart.as_secs_f64()
    );
    let store = scene.client().get("/v1/vector_stores/together").ok();
    assert_eq!(store["file_counts"]["completed"], AT_ONCE, "{store}");
}

struct Scene {
    proxy: S3Proxy,
    server: Server,
    _embedder: FakeEmbedder,
}

impl Scene {
    fn new() -> Self {
        let embedder = FakeEmbedder::start();
        let bucket = Arc::new(Bucket::new());
        let proxy = S3Proxy::before(&bucket);
        let reads = |asked: &Asked| asked.method == "GET" || asked.method == "HEAD";
        proxy.fail(usize::MAX, S3Fault::Slow(READ), reads);
        proxy.fail(usize::MAX, S3Fault::Slow(WRITE), move |asked| !reads(asked));
        let server = Server::builder()
            .on(Target::S3)
            .embedder(&embedder)
            .bucket(&bucket)
            .s3_endpoint(&proxy.endpoint())
            .start();
        Self {
            proxy,
            server,
            _embedder: embedder,
        }
    }

    fn client(&self) -> dayfly_tests::Client {
        self.server.client().patient()
    }

    /// The uploads, of which each must succeed; how long all of them took.
    fn run(&self, what: &str, store_of: impl Fn(usize) -> String + Sync) -> Duration {
        let before = self.commits();
        let began = Instant::now();
        let mut each: Vec<Duration> = thread::scope(|scope| {
            let running: Vec<_> = (0..AT_ONCE)
                .map(|n| {
                    let store_of = &store_of;
                    scope.spawn(move || {
                        let client = self.client();
                        client.upload(&store_of(n), &format!("heron number{n}"));
                        began.elapsed()
                    })
                })
                .collect();
            running.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let took = began.elapsed();
        each.sort();
        self.server.wait_until_idle();
        println!(
            "{what:<20} {:>5.2} {:>10.2} {:>10.2} {:>10.2}",
            took.as_secs_f64(),
            each[AT_ONCE / 2].as_secs_f64(),
            each[AT_ONCE - 1].as_secs_f64(),
            (self.commits() - before) as f64 / AT_ONCE as f64,
        );
        took
    }

    /// Versions that somebody tried to create.
    fn commits(&self) -> usize {
        let asked = self.proxy.asked();
        let commits = asked
            .iter()
            .filter(|asked| asked.create && asked.key.contains("/manifest/"));
        commits.count()
    }
}
