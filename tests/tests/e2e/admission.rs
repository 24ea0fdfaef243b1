//! Who gets an instance when there are not enough.

use std::thread;

use serde_json::json;

use crate::Setting;

#[test]
fn a_full_server_says_when_to_come_again_and_recovers() {
    let setting = Setting::with(|builder| {
        builder
            .option("--limit-instances", 2)
            .option("--limit-queue", 2)
            .option("--limit-queue-wait-ms", 500)
    });
    setting.embedder.hold();
    let statuses: Vec<u16> = thread::scope(|scope| {
        let callers: Vec<_> = (0..10)
            .map(|n| {
                let client = setting.client.clone();
                scope.spawn(move || {
                    let text = format!("heron number{n}");
                    let answer = client.post_upload("default", &json!({"text": text}));
                    if answer.status != 200 {
                        let error = answer.error(503);
                        assert_eq!(error.code.as_deref(), Some("overloaded"));
                        let seconds = answer.header("retry-after").unwrap();
                        assert!(seconds.parse::<u32>().unwrap() >= 1);
                    }
                    answer.status
                })
            })
            .collect();
        // The two that got in wait for the provider, all others are turned away.
        dayfly_tests::wait::until("eight callers to be turned away", || {
            (callers.iter().filter(|caller| caller.is_finished()).count() == 8).then_some(())
        });
        setting.embedder.release();
        callers
            .into_iter()
            .map(|caller| caller.join().unwrap())
            .collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 2);
    let all = json!({"query": "heron", "max_num_results": 50});
    assert_eq!(setting.client.search("default", &all).len(), 2);
}

#[test]
fn a_tenant_that_takes_all_it_can_leaves_room_for_others() {
    let keys = dayfly_tests::key::KeyPair::new();
    let setting = Setting::with(|builder| {
        builder
            .auth_key(keys.public())
            .option("--limit-instances", 8)
            .option("--limit-instances-per-tenant", 2)
            .option("--limit-queue-wait-ms", 30_000)
    });
    let greedy = setting
        .client
        .with_token(&keys.token("greedy", &["read", "write"]));
    let modest = setting
        .client
        .with_token(&keys.token("modest", &["read", "write"]));
    setting.embedder.hold();
    thread::scope(|scope| {
        let callers: Vec<_> = (0..6)
            .map(|n| {
                let client = greedy.clone();
                scope.spawn(move || {
                    client
                        .post_upload("default", &json!({"text": format!("t{n}")}))
                        .status
                })
            })
            .collect();
        dayfly_tests::wait::until("two requests of the greedy tenant", || {
            (setting.embedder.in_flight() == 2).then_some(())
        });
        // Needs no provider, and gets an instance.
        modest.upload_file("a.txt", b"some text");
        setting.embedder.release();
        for caller in callers {
            let status = caller.join().unwrap();
            assert!([200, 503].contains(&status), "{status}");
        }
    });
    assert!(setting.embedder.most_in_flight() <= 2);
}
