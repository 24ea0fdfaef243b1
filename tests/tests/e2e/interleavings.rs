//! What once lost data because two things met: requests to the storage stand still until the other
//! thing is done.

use std::thread;

use dayfly_tests::client::Client;
use dayfly_tests::rebuild::{children, path, rebuilt};
use dayfly_tests::s3_proxy::{Asked, S3Fault, S3Proxy};
use dayfly_tests::{Target, wait};
use serde_json::json;

use crate::faulty::{Faulty, on_each};

/// The next such request stands still until the proxy is released; and that it does.
fn hold(proxy: &S3Proxy, applies: impl Fn(&Asked) -> bool + Send + 'static) -> impl Fn() {
    let before = proxy.faults();
    proxy.fail(1, S3Fault::Hold, applies);
    move || {
        wait::until("the request to stand still", || {
            (proxy.faults() > before).then_some(())
        });
    }
}

fn commits(asked: &Asked) -> bool {
    asked.create && asked.key.contains("/manifest/")
}

fn texts_found(client: &Client, store: &str) -> Vec<String> {
    let body = json!({"query": "heron", "max_num_results": 50});
    let hits = client.search(store, &body).into_iter();
    let mut texts: Vec<String> = hits.map(|hit| hit.text).collect();
    texts.sort_unstable();
    texts
}

#[test]
fn a_rebuild_that_was_cut_off_does_not_commit_over_its_successors() {
    const FILES: usize = 12;
    // The second host bears the first one's name, as one that was started in its place does.
    let faulty = Faulty::with(Target::S3, |builder| {
        builder
            .option("--node", "h")
            .option("--rebuild-min-rows", 0)
    });
    let client = &faulty.client;
    for n in 0..FILES {
        client.upload("s", &format!("heron number{n}"));
    }
    let writes = hold(&faulty.proxy, |asked| {
        asked.key.contains("/base/") && asked.key.ends_with("index.faiss")
    });
    client.post_json(&path("s"), &json!({})).ok();
    writes();
    let stale = children(faulty.server.pid());
    assert_eq!(stale.len(), 1, "{stale:?}");
    faulty.proxy.fail(usize::MAX, S3Fault::Hold, |_| true);

    let (_way, second) = faulty.another(Target::S3, |builder| {
        builder
            .option("--node", "h")
            .option("--rebuild-min-rows", 0)
    });
    let elsewhere = second.client();
    let good = rebuilt(&elsewhere, "s");
    assert_eq!(good["index"]["rows"], FILES, "{good}");
    // What is taken out now died in the rows that the first one copied.
    let gone = elsewhere.find("s", "heron number0")[0].file.clone();
    elsewhere
        .delete(&format!("/v1/vector_stores/s/files/{gone}"))
        .ok();
    let all = texts_found(&elsewhere, "s");
    assert_eq!(all.len(), FILES - 1);

    faulty.proxy.release();
    wait::until("the first rebuild to end", || {
        let still = children(faulty.server.pid());
        (!still.contains(&stale[0])).then_some(())
    });
    for client in [client, &elsewhere] {
        assert_eq!(
            rebuilt(client, "s")["index"]["built_at"],
            good["index"]["built_at"]
        );
        assert_eq!(texts_found(client, "s"), all);
    }
    faulty.server.verify();
}

#[test]
fn uploads_that_stall_while_many_versions_pass_are_there_once() {
    const MEANWHILE: usize = 40;
    on_each(|target| {
        let faulty = Faulty::on(target);
        let (_way, other) = faulty.another(target, |builder| builder);
        let client = &faulty.client;
        client.upload("s", "heron before");
        thread::scope(|scope| {
            for n in 0..2 {
                let stalled = hold(&faulty.proxy, commits);
                scope.spawn(move || client.upload("s", &format!("heron stalled{n}")));
                stalled();
            }
            let other = other.client();
            for n in 0..MEANWHILE {
                other.upload("s", &format!("heron meanwhile{n}"));
            }
            faulty.proxy.release();
        });
        let texts = texts_found(client, "s");
        assert_eq!(texts.len(), MEANWHILE + 3, "{texts:?}");
        assert_eq!(
            texts.iter().filter(|text| text.contains("stalled")).count(),
            2
        );
        let counts = &client.get("/v1/vector_stores/s").ok()["file_counts"];
        assert_eq!(counts["total"], MEANWHILE + 3);
    });
}

#[test]
fn a_store_that_is_made_again_while_the_old_one_goes_keeps_what_it_is_given() {
    on_each(|target| {
        let faulty = Faulty::on(target);
        let (way, other) = faulty.another(target, |builder| builder);
        let elsewhere = other.client();
        faulty.client.upload("notes", "first heron");
        let old: Vec<String> = faulty.server.stored();
        let old: Vec<String> = old
            .into_iter()
            .filter(|key| key.contains("/segments/"))
            .collect();
        assert_eq!(old.len(), 1, "{old:?}");

        let removal = hold(&faulty.proxy, |asked| asked.deletes("/segments/"));
        faulty.client.delete("/v1/vector_stores/notes").ok();
        removal();
        thread::scope(|scope| {
            let commit = hold(&way, commits);
            let upload = scope.spawn(|| elsewhere.upload("notes", "second heron"));
            commit();
            faulty.proxy.release();
            wait::until("the old store to go", || {
                let stored = other.stored();
                (!stored.contains(&old[0])).then_some(())
            });
            way.release();
            upload.join().unwrap();
        });
        for client in [&faulty.client, &elsewhere] {
            assert_eq!(texts_found(client, "notes"), ["second heron"]);
        }
        faulty.client.upload("notes", "third heron");
        assert_eq!(
            texts_found(&elsewhere, "notes"),
            ["second heron", "third heron"]
        );
    });
}

#[test]
fn an_attachment_outlives_the_late_end_of_the_one_before_it() {
    on_each(|target| {
        let faulty = Faulty::on(target);
        let client = &faulty.client;
        let store = client.create_store("s");
        let file = client.upload_file("a.txt", b"heron words");
        let late = hold(&faulty.proxy, |asked| asked.deletes("/queue/"));
        client.attach(&store, &file, &json!({}));
        late();
        client
            .delete(&format!("/v1/vector_stores/{store}/files/{file}"))
            .ok();
        client.attach(&store, &file, &json!({"attributes": {"v": 2}}));
        faulty.proxy.release();

        let done = client.completed(&store, &file);
        assert_eq!(done["attributes"], json!({"v": 2}));
        assert_eq!(texts_found(client, &store), ["heron words"]);
        let counts = &client.get(&format!("/v1/vector_stores/{store}")).ok()["file_counts"];
        assert_eq!(
            (&counts["completed"], &counts["total"]),
            (&json!(1), &json!(1))
        );
    });
}
