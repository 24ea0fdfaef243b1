//! A storage that fails, lies low, loses answers or refuses: `dayfly serve` on a bucket and the
//! composed components alike.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use dayfly_tests::api::{file_part, last_boundary, multipart_type};
use dayfly_tests::s3::{Bucket, Credentials};
use dayfly_tests::s3_proxy::{Asked, S3Fault};
use dayfly_tests::text::Prose;
use dayfly_tests::{Client, FakeEmbedder, Server, Target, raw, wait};
use serde_json::json;

use crate::faulty::{Faulty, on_each};

/// Applies to the request with this number, counted from now on.
fn number(wanted: usize) -> impl Fn(&Asked) -> bool + Send + 'static {
    let passed = AtomicUsize::new(0);
    move |_| passed.fetch_add(1, Ordering::SeqCst) == wanted
}

fn changes(asked: &Asked) -> bool {
    asked.method != "GET" && asked.method != "HEAD"
}

/// Uploads to a store of two, each time with another one of its requests to the storage failing,
/// and finds every upload once.
fn each_request_of_an_upload_fails(target: Target, fault: &S3Fault) {
    let faulty = Faulty::on(target);
    let client = &faulty.client;
    client.upload("s", "heron first");
    let before = faulty.proxy.asked().len();
    client.upload("s", "heron second");
    let requests = faulty.proxy.asked().len() - before;
    for n in 0..requests {
        faulty.proxy.fail(1, fault.clone(), number(n));
        client.upload("s", &format!("heron upload{n}"));
    }
    assert!(
        faulty.proxy.faults() + 3 >= requests,
        "{} of {requests} requests failed",
        faulty.proxy.faults()
    );
    let store = client.get("/v1/vector_stores/s").ok();
    assert_eq!(store["file_counts"]["completed"], requests + 2, "{store}");
    assert_eq!(store["file_counts"]["total"], requests + 2, "{store}");
    let all = json!({"query": "heron", "max_num_results": 50});
    assert_eq!(client.search("s", &all).len(), (requests + 2).min(50));
    for n in 0..requests {
        let text = format!("heron upload{n}");
        assert_eq!(client.find("s", &text)[0].text, text);
    }
}

#[test]
fn a_server_error_of_any_request_is_not_noticed() {
    on_each(|target| {
        each_request_of_an_upload_fails(target, &S3Fault::Status(500, "InternalError"));
    });
}

#[test]
fn a_request_to_slow_down_is_heeded_and_not_noticed() {
    on_each(|target| each_request_of_an_upload_fails(target, &S3Fault::Status(503, "SlowDown")));
}

#[test]
fn a_connection_cut_before_any_request_is_not_noticed() {
    on_each(|target| each_request_of_an_upload_fails(target, &S3Fault::CutBefore));
}

#[test]
fn an_answer_lost_after_any_request_is_not_noticed() {
    on_each(|target| each_request_of_an_upload_fails(target, &S3Fault::CutAfter));
}

/// The life of a store and a file, to its end.
fn live(client: &Client) {
    let store = client.create_store("short-lived");
    let file = client.ingest(&store, "a.txt", "heron", &json!({"attributes": {"n": 1}}));
    assert_eq!(client.find(&store, "heron")[0].file, file);
    let path = format!("/v1/vector_stores/{store}/files/{file}");
    let more = json!({"attributes": {"n": 2}});
    assert_eq!(client.post_json(&path, &more).ok()["attributes"]["n"], 2);
    client.delete(&path).ok();
    assert!(client.find(&store, "heron").is_empty());
    client.delete(&format!("/v1/vector_stores/{store}")).ok();
    client.delete(&format!("/v1/files/{file}")).ok();
}

#[test]
fn an_answer_lost_at_any_time_of_a_stores_life_is_not_noticed() {
    on_each(|target| {
        let faulty = Faulty::on(target);
        live(&faulty.client);
        let asked = faulty.proxy.asked();
        let writes = asked.iter().filter(|asked| changes(asked)).count();
        for n in 0..writes {
            let numbered = number(n);
            faulty.proxy.fail(1, S3Fault::CutAfter, move |asked| {
                changes(asked) && numbered(asked)
            });
            live(&faulty.client);
            faulty.proxy.release();
        }
        assert!(faulty.client.ids("/v1/vector_stores").is_empty());
        assert!(faulty.client.ids("/v1/files").is_empty());
        assert!(faulty.proxy.faults() > writes / 2);
    });
}

#[test]
fn a_conflict_of_two_creations_is_tried_again() {
    on_each(|target| {
        let faulty = Faulty::on(target);
        let conflict = S3Fault::Status(409, "ConditionalRequestConflict");
        faulty.proxy.fail(2, conflict, |asked| asked.create);
        faulty.client.upload("s", "heron");
        assert_eq!(faulty.proxy.faults(), 2);
        assert_eq!(faulty.client.find("s", "heron").len(), 1);
    });
}

#[test]
fn content_cut_in_its_middle_is_read_again() {
    on_each(|target| {
        let faulty = Faulty::on(target);
        let client = &faulty.client;
        let text = Prose::text(1, 200_000);
        client.upload("s", &text);
        faulty.proxy.fail(3, S3Fault::CutBody, |asked| {
            asked.method == "GET" && !asked.key.is_empty()
        });
        let best = &client.find("s", &text[100_000..100_700])[0];
        assert!(best.score > 0.5, "{best:?}");
        assert_eq!(faulty.proxy.faults(), 3);
    });
}

#[test]
fn a_large_file_survives_faults_of_its_parts() {
    on_each(|target| {
        let faulty = Faulty::on(target);
        let of_part = |asked: &Asked| asked.query.contains("partNumber=");
        let faults = [
            S3Fault::Status(500, "InternalError"),
            S3Fault::CutBefore,
            S3Fault::CutAfter,
        ];
        for fault in faults {
            faulty.proxy.fail(1, fault, of_part);
        }
        let content = Prose::text(2, 20 << 20);
        let file = faulty.client.upload_file("large.txt", content.as_bytes());
        assert_eq!(faulty.proxy.faults(), 3);
        let back = faulty.client.get(&format!("/v1/files/{file}/content"));
        assert!(back.body == content.as_bytes(), "the content differs");
        assert!(faulty.bucket.unfinished().is_empty());
    });
}

#[test]
fn a_large_file_that_cannot_be_stored_leaves_no_parts() {
    on_each(|target| {
        let faulty = Faulty::on(target);
        let denied = S3Fault::Status(403, "AccessDenied");
        faulty.proxy.fail(usize::MAX, denied, |asked| {
            asked.query.contains("partNumber=")
        });
        let text = Prose::text(3, 20 << 20);
        let form = file_part("file", "large.txt", "text/plain") + &text + "\r\n" + &last_boundary();
        let head = format!(
            "POST /v1/files HTTP/1.1\r\nhost: localhost\r\ncontent-type: {}\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            multipart_type(),
            form.len(),
        );
        let mut body = form.as_bytes();
        let (status, text) = raw::exchange(faulty.client.base(), &head, &mut body);
        assert_eq!(status, 503, "{text}");
        faulty.proxy.release();
        wait::until("the parts to be given up", || {
            faulty.bucket.unfinished().is_empty().then_some(())
        });
        assert!(faulty.client.ids("/v1/files").is_empty());
    });
}

#[test]
fn a_storage_that_is_down_is_said_to_be_and_nothing_is_lost() {
    on_each(|target| {
        let faulty = Faulty::on(target);
        let client = &faulty.client;
        client.upload("s", "heron");
        let down = S3Fault::Status(503, "SlowDown");
        faulty.proxy.fail(usize::MAX, down, |_| true);
        thread::scope(|scope| {
            let calls: [fn(&Client) -> dayfly_tests::Answer; 3] = [
                |client| client.get("/v1/files"),
                |client| client.post_upload("s", &json!({"text": "more"})),
                |client| client.post_search("s", &json!({"query": "heron"})),
            ];
            for call in calls {
                scope.spawn(move || {
                    let answer = call(client);
                    assert!([503, 504].contains(&answer.status), "{}", answer.text());
                    answer.error(answer.status);
                });
            }
        });
        faulty.proxy.release();
        assert_eq!(client.find("s", "heron").len(), 1);
        client.upload("s", "another heron");
        assert_eq!(client.find("s", "heron").len(), 2);
    });
}

#[test]
fn a_server_whose_storage_is_down_is_alive_and_not_ready() {
    let faulty = Faulty::on(Target::S3);
    faulty.client.get("/readyz").ok();
    let down = S3Fault::Status(503, "SlowDown");
    faulty.proxy.fail(usize::MAX, down, |_| true);
    wait::until("the server to be unready", || {
        (faulty.client.get("/readyz").status == 503).then_some(())
    });
    faulty.client.get("/healthz").ok();
    faulty.proxy.release();
    wait::until("the server to be ready", || {
        (faulty.client.get("/readyz").status == 200).then_some(())
    });
}

#[test]
fn a_slow_request_holds_up_nobody_else() {
    on_each(|target| {
        let faulty = Faulty::on(target);
        let client = &faulty.client;
        client.upload("s", "heron");
        let before = faulty.proxy.faults();
        faulty
            .proxy
            .fail(1, S3Fault::Hold, |asked| asked.method == "PUT");
        thread::scope(|scope| {
            let slow = scope.spawn(|| client.upload("s", "slow heron"));
            wait::until("the upload to wait", || {
                (faulty.proxy.faults() > before).then_some(())
            });
            client.upload("s", "fast heron");
            assert_eq!(client.find("s", "fast heron")[0].text, "fast heron");
            faulty.proxy.release();
            slow.join().unwrap();
        });
        assert_eq!(client.find("s", "heron").len(), 3);
    });
}

#[test]
fn refused_credentials_are_for_the_operator() {
    on_each(|target| {
        for (id, secret) in [(None, "wrong"), (Some("AKIANOBODYATALL00000"), "wrong")] {
            let faulty = Faulty::on(target);
            let writer = faulty.bucket.writer();
            let credentials = Credentials {
                id: id.map_or_else(|| writer.id.clone(), str::to_owned),
                secret: secret.to_owned(),
            };
            if target == Target::S3 {
                let (status, said) = Server::builder()
                    .on(target)
                    .embedder(&faulty.embedder)
                    .bucket(&faulty.bucket)
                    .s3_credentials(credentials)
                    .run_to_end();
                assert!(!status.success() && said.contains("credentials"), "{said}");
                continue;
            }
            let server = faulty
                .server
                .restart_with(|builder| builder.s3_credentials(credentials.clone()));
            let client = server.client();
            for answer in [
                client.get("/v1/files"),
                client.post_upload("s", &json!({"text": "heron"})),
            ] {
                let error = answer.error(503);
                assert!(error.message.contains("credentials"), "{error:?}");
                assert!(!answer.text().contains(&credentials.id), "{error:?}");
            }
        }
    });
}

#[test]
fn credentials_that_may_only_read_let_everybody_read() {
    on_each(|target| {
        let faulty = Faulty::on(target);
        faulty.client.upload("s", "heron");
        let reader = faulty.bucket.reader();
        let server = faulty
            .server
            .restart_with(|builder| builder.s3_credentials(reader));
        let client = server.client();
        assert_eq!(client.find("s", "heron").len(), 1);
        let error = client.post_upload("s", &json!({"text": "more"})).error(503);
        assert!(error.message.contains("credentials"), "{error:?}");
        assert_eq!(client.find("s", "heron").len(), 1);
    });
}

#[test]
fn several_hosts_of_both_kinds_share_a_bucket() {
    const EACH: usize = 6;
    let embedder = FakeEmbedder::start();
    let bucket = Arc::new(Bucket::new());
    let targets = [Target::S3, Target::Composed, Target::S3, Target::Composed];
    let servers = targets.map(|target| {
        let builder = Server::builder().on(target).embedder(&embedder);
        builder.bucket(&bucket).start()
    });
    thread::scope(|scope| {
        for (host, server) in servers.iter().enumerate() {
            for caller in 0..2 {
                let client = server.client();
                scope.spawn(move || {
                    for n in 0..EACH {
                        client.upload("new", &format!("heron host{host} caller{caller} n{n}"));
                    }
                });
            }
        }
    });
    for server in &servers {
        let client = server.client();
        assert_eq!(client.ids("/v1/vector_stores").len(), 1);
        let store = client.get("/v1/vector_stores/new").ok();
        assert_eq!(store["file_counts"]["completed"], 8 * EACH, "{store}");
        let all = json!({"query": "heron", "max_num_results": 50});
        assert_eq!(client.search("new", &all).len(), 8 * EACH);
    }
}
