use dayfly_tests::rebuild::{path, rebuild, rebuilt};
use dayfly_tests::{Cli, wait};
use serde_json::json;

use super::*;

#[test]
fn every_kind_of_index_finds_what_segments_find() {
    let native = Native::of(3_000, |builder| builder);
    let client = &native.client;
    let queries: Vec<&String> = native.texts.iter().step_by(200).collect();
    let expected: Vec<_> = queries
        .iter()
        .map(|query| found(client, query, None))
        .collect();
    for (factory, parameters) in [
        (None, ""),
        (Some("SQ8"), ""),
        (Some("HNSW16,SQ8"), "efSearch"),
        (Some("IVF32,SQ8"), "nprobe"),
        (Some("OPQ48,IVF16,PQ48"), "nprobe"),
    ] {
        let request = factory.map_or(json!({}), |factory| json!({"factory": factory}));
        let state = rebuild(client, "s", &request);
        assert_eq!(state["status"], "idle", "{state}");
        let index = &state["index"];
        assert_eq!(index["factory"], factory.unwrap_or("Flat"));
        assert_eq!(index["rows"], 3_000);
        assert!(
            index["parameters"]
                .as_str()
                .unwrap()
                .starts_with(parameters),
            "{index}"
        );
        assert!(index["recall"].as_f64().unwrap() >= 0.95, "{index}");
        let (mut same, mut all) = (0, 0);
        for (query, expected) in queries.iter().zip(&expected) {
            let got = found(client, query, None);
            assert_eq!(got[0], **query);
            all += expected.len();
            same += expected.iter().filter(|text| got.contains(text)).count();
        }
        assert!(same * 100 >= all * 95, "{factory:?}: {same} of {all}");
    }
    let metrics = native.server.metrics();
    assert_eq!(metrics.sum("dayfly_rebuilds_total", &[]), 5.0);
    assert!(metrics.sum("dayfly_faiss_open_indexes", &[]) >= 1.0);
}

#[test]
fn after_a_rebuild_uploads_are_found_and_what_was_deleted_or_replaced_is_not() {
    let native = Native::of(600, |builder| builder);
    let client = &native.client;
    rebuild(client, "s", &json!({"factory": "HNSW16,SQ8"}));
    client.upload("s", "a heron that came late");
    assert_eq!(
        found(client, "a heron that came late", None)[0],
        "a heron that came late"
    );
    let gone = file_named(client, "file7");
    let store = client.get("/v1/vector_stores/s").ok()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    client
        .delete(&format!("/v1/vector_stores/{store}/files/{gone}"))
        .ok();
    for text in &native.texts[70..80] {
        assert!(
            !found(client, text, None).contains(text),
            "{text} came back"
        );
    }
    assert_eq!(found(client, &native.texts[81], None)[0], native.texts[81]);
    // Nor after a second rebuild, or a start.
    let state = rebuild(client, "s", &json!({}));
    assert_eq!(state["index"]["rows"], 591);
    let server = native.server.restart();
    let client = server.client();
    for text in &native.texts[70..80] {
        assert!(
            !found(&client, text, None).contains(text),
            "{text} came back"
        );
    }
    assert_eq!(
        found(&client, "a heron that came late", None)[0],
        "a heron that came late"
    );
    assert_eq!(
        found(&client, &native.texts[599], None)[0],
        native.texts[599]
    );
}

#[test]
fn filters_by_attribute_hold_natively_however_few_rows_pass() {
    let native = Native::of(15_000, |builder| builder);
    let client = &native.client;
    let query = &native.texts[4_211];
    let filters = [
        (json!({"type": "eq", "key": "parity", "value": 1}), 0.5),
        (json!({"type": "lt", "key": "n", "value": 100}), 0.06),
        (
            json!({"type": "in", "key": "n", "value": [3, 77, 421]}),
            0.002,
        ),
        (json!({"type": "eq", "key": "n", "value": -1}), 0.0),
    ];
    let expected: Vec<_> = filters
        .iter()
        .map(|(filter, _)| found(client, query, Some(filter.clone())))
        .collect();
    for factory in ["HNSW16,SQ8", "IVF64,SQ8"] {
        let state = rebuild(client, "s", &json!({"factory": factory}));
        assert_eq!(state["status"], "idle", "{state}");
        for ((filter, share), expected) in filters.iter().zip(&expected) {
            let got = found(client, query, Some(filter.clone()));
            let same = expected.iter().filter(|text| got.contains(text)).count();
            assert!(
                same * 10 >= expected.len() * 9,
                "{factory}, {share}: {same}"
            );
            assert_eq!(got.len(), expected.len(), "{factory}, {share}");
        }
    }
}

#[test]
fn a_store_that_outgrows_its_segments_is_rebuilt_by_itself() {
    let native = Native::of(400, |builder| builder.option("--rebuild-min-rows", 401));
    let client = &native.client;
    let idle = client.get(&path("s")).ok();
    assert_eq!(
        (&idle["status"], &idle["index"]),
        (&json!("idle"), &json!(null))
    );
    client.upload("s", "one more heron");
    let state = wait::until("a rebuild by itself", || {
        let state = rebuilt(client, "s");
        state["index"].is_object().then_some(state)
    });
    assert_eq!(state["index"]["rows"], 401);
    assert_eq!(found(client, "one more heron", None)[0], "one more heron");
}

#[test]
fn the_command_asks_and_says_what_was_built() {
    let native = Native::of(500, |builder| builder);
    let call = |words: &[&str]| {
        Cli::new()
            .arg("rebuild")
            .args(words)
            .args(["--url", native.client.base()])
            .run()
    };
    let said = call(&["s", "--factory", "IVF8,SQ8"]).success();
    assert!(
        said.contains("500 rows: IVF8,SQ8") && said.contains("recall"),
        "{said}"
    );
    let answer: serde_json::Value =
        serde_json::from_str(&call(&["s", "--json"]).success()).unwrap();
    assert_eq!(answer["index"]["factory"], "Flat");
    assert!(
        answer["index"]["reason"]
            .as_str()
            .unwrap()
            .contains("few rows"),
        "{answer}"
    );
    let refused = call(&["s", "--factory", "IVF1000000000,Flat"]).failure();
    assert!(refused.contains("HNSW<links>,SQ8"), "{refused}");
    let missing = call(&["nowhere"]).failure();
    assert!(missing.contains("No vector store found"), "{missing}");
}

#[test]
fn garbage_of_a_rebuild_goes_only_after_its_readers() {
    let native = Native::of(300, |builder| builder);
    let client = &native.client;
    rebuild(client, "s", &json!({}));
    let before = native.server.stored();
    rebuild(client, "s", &json!({}));
    let after = native.server.stored();
    let indexes = |keys: &[String]| {
        keys.iter()
            .filter(|key| key.ends_with("index.faiss"))
            .count()
    };
    assert_eq!((indexes(&before), indexes(&after)), (1, 2));
    for key in before
        .iter()
        .filter(|key| key.contains("/base/") || key.contains("/segments/"))
    {
        assert!(after.contains(key), "{key} went before its readers");
    }
}
