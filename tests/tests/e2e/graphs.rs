//! Segments with a graph.

use dayfly_tests::text::Prose;
use serde_json::json;

use crate::Setting;

#[test]
fn a_graph_finds_what_a_scan_finds() {
    // The same documents once below the size for a graph and once above it.
    let scanned = Setting::with(|builder| builder.option("--index-graph-min-rows", 1_000_000));
    let graphed = Setting::with(|builder| builder.option("--index-graph-min-rows", 64));
    let text = Prose::text(31, 1_000_000);
    for setting in [&scanned, &graphed] {
        setting.client.upload("s", &text);
    }
    let mut same = 0;
    let mut all = 0;
    for place in (0..40).map(|n| n * 24_000) {
        let body = json!({"query": &text[place..place + 300], "max_num_results": 5});
        let texts = |setting: &Setting| {
            let hits = setting.client.search("s", &body);
            hits.into_iter().map(|hit| hit.text).collect::<Vec<_>>()
        };
        let (expected, got) = (texts(&scanned), texts(&graphed));
        assert_eq!(expected[0], got[0], "the best hit at {place} differs");
        all += expected.len();
        same += expected.iter().filter(|text| got.contains(text)).count();
    }
    assert!(
        same * 100 >= all * 95,
        "{same} of {all} results are the same"
    );
}
