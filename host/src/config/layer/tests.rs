use super::*;

/// Set to something other than its default, each of them.
pub const EVERY_SETTING: &str = r#"
    listen = "0.0.0.0:80"
    data = "s3://bucket/prefix"
    auth_keys = ["a.pem"]
    auth_revoked = "r.json"
    auth_max_life = "90d"
    cors_origins = ["https://app.example"]
    node = "n"
    cache = "c"
    shutdown_grace_ms = 3
    [embed]
    url = "http://127.0.0.1:9/v1/embeddings"
    model = "m"
    aliases = ["a"]
    key_env = "KEY"
    headers = ["api-key=KEY"]
    dimensions = 4
    query_prefix = "q: "
    passage_prefix = "p: "
    batch_inputs = 1
    batch_bytes = 2
    concurrency = 3
    request_timeout_ms = 5
    deadline_ms = 6
    [limits]
    memory_mib = 1
    cpu_ms = 2
    wall_ms = 3
    body_mib = 4
    file_mib = 10
    outbound_requests = 5
    instances = 6
    instances_per_tenant = 7
    queue = 0
    queue_wait_ms = 9
    [quota]
    stored_bytes = 1
    files = 2
    stores = 3
    requests_per_second = 4.5
    concurrent_requests = 5
    embedded_tokens_per_minute = 6
    [jobs]
    concurrency = 0
    memory_mib = 2
    cpu_ms = 3
    wall_ms = 4
    step_ms = 5
    patience_ms = 6
    [index]
    graph_min_rows = 11
    segment_max_rows = 12
    [rebuild]
    concurrency = 0
    memory_mib = 13
    threads = 14
    min_rows = 15
    open_mib = 16
    "#;

fn layer(text: &str) -> Layer {
    toml::from_str(text).unwrap()
}

#[test]
fn the_upper_layer_wins_and_the_lower_fills_in() {
    let upper = layer("data = 'up'\n[limits]\ncpu_ms = 5");
    let lower = layer("data = 'low'\nlisten = '127.0.0.1:1'\n[limits]\ncpu_ms = 9\nwall_ms = 9");
    let merged = upper.over(&lower).unwrap();
    assert_eq!(merged.data, "up");
    assert_eq!(merged.listen, "127.0.0.1:1");
    assert_eq!(merged.limits.cpu_ms, 5);
    assert_eq!(merged.limits.wall_ms, 9);
}

#[test]
fn a_list_is_replaced_as_a_whole() {
    let upper = layer("auth_keys = ['a.pem']");
    let lower = layer("auth_keys = ['b.pem', 'c.pem']");
    assert_eq!(
        upper.over(&lower).unwrap().auth_keys,
        [PathBuf::from("a.pem")]
    );
}

#[test]
fn what_no_layer_says_has_its_default() {
    let options = Layer::default().over(&Layer::default()).unwrap();
    assert_eq!(options, ServeOptions::default());
}

#[test]
fn a_tenant_has_limits_of_its_own() {
    let options = layer("[quota]\nfiles = 1\n[tenants.acme]\nfiles = 2")
        .over(&Layer::default())
        .unwrap();
    assert_eq!(options.quota.files, Some(1));
    assert_eq!(options.tenants["acme"].files, Some(2));
    assert!(toml::from_str::<Layer>("[tenants.acme]\nfile = 2").is_err());
}

#[test]
fn every_option_can_be_set() {
    let written: toml::Table = EVERY_SETTING.parse().unwrap();
    let options = layer(EVERY_SETTING).over(&Layer::default()).unwrap();
    assert_eq!(toml::Table::try_from(&options).unwrap(), written);
}
