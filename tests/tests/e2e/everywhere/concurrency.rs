//! Many at once.

use std::collections::BTreeSet;
use std::thread;

use dayfly_tests::Target;
use serde_json::json;

use crate::Setting;

/// Commits to a bucket take many times as long as to a directory, and meet as often.
fn fewer_far_away(times: usize) -> usize {
    match Target::of_this_run() {
        Target::Local => times,
        Target::S3 | Target::Composed => times / 3,
    }
}

#[test]
fn uploads_to_one_store_at_once_are_all_there() {
    const CALLERS: usize = 16;
    let each = fewer_far_away(12);
    let setting = Setting::new();
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let client = setting.client.clone();
            scope.spawn(move || {
                for n in 0..each {
                    client.upload("shared", &format!("heron caller{caller} upload{n}"));
                }
            });
        }
    });
    let store = setting.client.get("/v1/vector_stores/shared").ok();
    assert_eq!(store["file_counts"]["completed"], CALLERS * each, "{store}");
    for caller in 0..CALLERS {
        for n in 0..each {
            let text = format!("heron caller{caller} upload{n}");
            assert_eq!(setting.client.find("shared", &text)[0].text, text);
        }
    }
    let mut listed = BTreeSet::new();
    let mut path = "/v1/vector_stores/shared/files?limit=100".to_owned();
    loop {
        let ids = setting.client.ids(&path);
        let Some(last) = ids.last() else { break };
        path = format!("/v1/vector_stores/shared/files?limit=100&after={last}");
        listed.extend(ids);
    }
    assert_eq!(listed.len(), CALLERS * each);
}

#[test]
fn the_first_uploads_to_a_new_name_meet_in_one_store() {
    let setting = Setting::new();
    thread::scope(|scope| {
        for n in 0..12 {
            let client = setting.client.clone();
            scope.spawn(move || client.upload("new", &format!("heron number{n}")));
        }
    });
    assert_eq!(setting.client.ids("/v1/vector_stores").len(), 1);
    let all = json!({"query": "heron", "max_num_results": 50});
    assert_eq!(setting.client.search("new", &all).len(), 12);
}

#[test]
fn attachments_deletions_and_searches_at_once_leave_a_whole_store() {
    let setting = Setting::new();
    let store = setting.client.create_store("busy");
    let kept: BTreeSet<String> = thread::scope(|scope| {
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let client = setting.client.clone();
                let store = store.clone();
                scope.spawn(move || {
                    let mut kept = Vec::new();
                    for n in 0..fewer_far_away(12) {
                        let text = format!("heron writer{writer} text{n}");
                        let file = client.ingest(&store, "a.txt", &text, &json!({}));
                        if n % 2 == 0 {
                            let path = format!("/v1/vector_stores/{store}/files/{file}");
                            client.delete(&path).ok();
                        } else {
                            kept.push(file);
                        }
                    }
                    kept
                })
            })
            .collect();
        for _ in 0..4 {
            let client = setting.client.clone();
            let store = store.clone();
            scope.spawn(move || {
                for _ in 0..fewer_far_away(40) {
                    for hit in client.find(&store, "heron text") {
                        assert!(hit.text.starts_with("heron writer"), "{hit:?}");
                    }
                }
            });
        }
        writers
            .into_iter()
            .flat_map(|writer| writer.join().unwrap())
            .collect()
    });
    let all = json!({"query": "heron", "max_num_results": 50});
    let hits = setting.client.search(&store, &all);
    let found: BTreeSet<String> = hits.into_iter().map(|hit| hit.file).collect();
    assert_eq!(found, kept);
}
