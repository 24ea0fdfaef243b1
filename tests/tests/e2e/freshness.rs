//! Every request has an instance of its own, which dies with it.

use std::collections::BTreeMap;

use dayfly_tests::Client;
use dayfly_tests::key::KeyPair;
use serde_json::json;

use crate::Setting;

const TENANTS: [&str; 4] = ["acme", "bolt", "crane", "delta"];

#[test]
fn a_thousand_requests_of_mixed_tenants_see_only_their_own() {
    const CALLERS: usize = 8;
    const EACH: usize = 125;
    let keys = KeyPair::new();
    let setting = Setting::with(|builder| builder.auth_key(keys.public()));
    let clients: Vec<Client> = TENANTS
        .iter()
        .map(|tenant| {
            setting
                .client
                .with_token(&keys.token(tenant, &["read", "write"]))
        })
        .collect();
    for (tenant, client) in TENANTS.iter().zip(&clients) {
        client.upload("default", &format!("heron of {tenant}"));
    }
    let started = |setting: &Setting| setting.server.metrics().sum("dayfly_instances_total", &[]);
    let before = started(&setting);
    std::thread::scope(|scope| {
        for caller in 0..CALLERS {
            let clients = &clients;
            scope.spawn(move || {
                for n in 0..EACH {
                    let which = (caller + n * 7) % TENANTS.len();
                    one_request(&clients[which], TENANTS[which], n, caller);
                }
            });
        }
    });
    assert_eq!(
        started(&setting) - before,
        (CALLERS * EACH) as f64,
        "an instance answered more than one request"
    );
    let metrics = setting.server.metrics();
    assert_eq!(metrics.sum("dayfly_instances", &[]), 0.0);
    assert_eq!(metrics.sum("dayfly_guest_kills_total", &[]), 0.0);
}

/// One of the kinds of requests; its answer names no other tenant.
fn one_request(client: &Client, tenant: &str, n: usize, caller: usize) {
    let answer = match n % 5 {
        0 => client.post_upload(
            "default",
            &json!({"text": format!("heron of {tenant} {caller} {n}")}),
        ),
        1 => client.post_search("default", &json!({"query": "heron", "max_num_results": 50})),
        2 => client.get("/v1/vector_stores/default/files?limit=100"),
        3 => client.post_file(
            &format!("{tenant}.txt"),
            format!("file of {tenant}").as_bytes(),
        ),
        _ => client.get("/v1/files?limit=100"),
    };
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.text();
    for other in TENANTS.iter().filter(|other| **other != tenant) {
        assert!(
            !text.contains(other),
            "{tenant} was told of {other}: {text}"
        );
    }
}

#[test]
fn requests_are_counted_by_guest_and_outcome() {
    let setting = Setting::new();
    setting.client.upload("default", "heron");
    setting.client.find("default", "heron");
    setting.client.find("default", "heron");
    setting.client.get("/v1/files").ok();
    setting.client.get("/v1/files/file-0").error(404);
    let metrics = setting.server.metrics();
    let started: BTreeMap<&str, f64> = ["ingest", "search", "stores"]
        .into_iter()
        .map(|guest| {
            (
                guest,
                metrics.sum("dayfly_instances_total", &[("guest", guest)]),
            )
        })
        .collect();
    assert_eq!(
        started,
        BTreeMap::from([("ingest", 1.0), ("search", 2.0), ("stores", 2.0)])
    );
    for (guest, count) in started {
        assert_eq!(
            metrics.sum("dayfly_requests_total", &[("guest", guest)]),
            count,
            "{guest}"
        );
        assert!(metrics.sum("dayfly_guest_memory_peak_bytes", &[("guest", guest)]) > 100_000.0);
    }
    let resident = metrics.sum("process_resident_memory_bytes", &[]);
    let real = setting.server.resident_bytes() as f64;
    assert!(
        (resident - real).abs() < real * 0.2,
        "{resident} and really {real}"
    );
}
