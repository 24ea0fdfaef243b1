//! `POST /v1/vector_stores/{id}/search`.

use dayfly_tests::text::Prose;
use serde_json::{Value, json};

use crate::Setting;

/// A store with one file for each year from 2018 to 2022, in turn by ann and bob.
fn reports(setting: &Setting) -> String {
    let store = setting.client.create_store("reports");
    for year in 2018..2023 {
        let by = if year % 2 == 0 { "ann" } else { "bob" };
        let more = json!({"attributes": {
            "year": year, "by": by, "final": year < 2021, "score": f64::from(year) / 4.0,
        }});
        let text = format!("The annual report of {year}.");
        setting
            .client
            .ingest(&store, &format!("{year}.txt"), &text, &more);
    }
    let nameless = "The annual report without attributes.";
    setting
        .client
        .ingest(&store, "none.txt", nameless, &json!({}));
    store
}

fn found(setting: &Setting, store: &str, filters: &Value) -> Vec<String> {
    let body = json!({"query": "annual report", "filters": filters, "max_num_results": 50});
    let hits = setting.client.search(store, &body);
    let mut names: Vec<String> = hits
        .into_iter()
        .map(|hit| hit.filename.replace(".txt", ""))
        .collect();
    names.sort();
    names
}

#[test]
fn filters_compare_attributes() {
    let setting = Setting::new();
    let store = reports(&setting);
    let by = |kind: &str, key: &str, value: Value| {
        found(
            &setting,
            &store,
            &json!({"type": kind, "key": key, "value": value}),
        )
    };
    assert_eq!(by("eq", "year", json!(2020)), ["2020"]);
    assert_eq!(by("eq", "year", json!(2020.0)), ["2020"]);
    assert_eq!(by("eq", "by", json!("bob")), ["2019", "2021"]);
    assert_eq!(by("eq", "final", json!(false)), ["2021", "2022"]);
    assert_eq!(by("gt", "year", json!(2020)), ["2021", "2022"]);
    assert_eq!(by("gte", "year", json!(2020)), ["2020", "2021", "2022"]);
    assert_eq!(by("lt", "year", json!(2020)), ["2018", "2019"]);
    assert_eq!(by("lte", "score", json!(504.75)), ["2018", "2019"]);
    assert_eq!(
        by("in", "year", json!([2018, 2022, 1999])),
        ["2018", "2022"]
    );
    assert_eq!(by("in", "by", json!(["ann"])), ["2018", "2020", "2022"]);
    assert!(by("eq", "nothing", json!(1)).is_empty());
    assert!(by("eq", "year", json!("2020")).is_empty());
    let not_ann = by("ne", "by", json!("ann"));
    assert!(
        not_ann.contains(&"2019".to_owned()) && !not_ann.contains(&"2018".to_owned()),
        "{not_ann:?}"
    );
    let not_in = by("nin", "year", json!([2018, 2019]));
    assert!(
        not_in.contains(&"2022".to_owned()) && !not_in.contains(&"2018".to_owned()),
        "{not_in:?}"
    );
}

#[test]
fn filters_nest() {
    let setting = Setting::new();
    let store = reports(&setting);
    let ann = json!({"type": "eq", "key": "by", "value": "ann"});
    let late = json!({"type": "gte", "key": "year", "value": 2020});
    let first = json!({"type": "eq", "key": "year", "value": 2018});
    let both = json!({"type": "and", "filters": [ann, late]});
    assert_eq!(found(&setting, &store, &both), ["2020", "2022"]);
    let either = json!({"type": "or", "filters": [both, first]});
    assert_eq!(found(&setting, &store, &either), ["2018", "2020", "2022"]);
}

#[test]
fn a_filter_never_hides_what_matches_behind_what_does_not() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    // The best 300 chunks are of the file that the filter excludes.
    let noise = "heron ".repeat(60) + "\n\n";
    let strategy = json!({"type": "characters", "characters": {"max_chunk_size_chars": 400, "chunk_overlap_chars": 0}});
    let loud = json!({"attributes": {"kind": "loud"}, "chunking_strategy": strategy});
    client.ingest(&store, "loud.txt", &noise.repeat(300), &loud);
    let quiet = "One heron among very many other words about boats, weather, bread and history.";
    client.ingest(
        &store,
        "quiet.txt",
        quiet,
        &json!({"attributes": {"kind": "quiet"}}),
    );
    let body = json!({
        "query": "heron", "max_num_results": 1,
        "filters": {"type": "eq", "key": "kind", "value": "quiet"},
    });
    let hits = client.search(&store, &body);
    assert_eq!(hits.len(), 1);
    assert_eq!(hits[0].filename, "quiet.txt");
}

#[test]
fn results_are_as_many_as_asked_for_and_best_first() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    client.ingest(&store, "long.txt", &Prose::text(21, 100_000), &json!({}));
    let query = Prose::text(21, 900);
    for count in [1, 10, 50] {
        let hits = client.search(&store, &json!({"query": query, "max_num_results": count}));
        assert_eq!(hits.len(), count);
        assert!(hits.windows(2).all(|pair| pair[0].score >= pair[1].score));
        assert!(
            hits.iter().all(|hit| (0.0..=1.0).contains(&hit.score)),
            "{hits:?}"
        );
    }
    assert_eq!(client.find(&store, &query).len(), 10);
}

#[test]
fn a_threshold_cuts_the_weaker_results_off() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    client.ingest(&store, "a.txt", "herons wait for fish", &json!({}));
    client.ingest(&store, "b.txt", "glaciers carve valleys", &json!({}));
    let with = |threshold: f64| {
        let options = json!({"ranker": "auto", "score_threshold": threshold});
        client.search(
            &store,
            &json!({"query": "herons wait for fish", "ranking_options": options}),
        )
    };
    assert_eq!(with(0.0).len(), 2);
    let best = with(0.9);
    assert_eq!(best.len(), 1);
    assert_eq!(best[0].filename, "a.txt");
    assert!(
        best[0].score > 0.99,
        "the same text has a score of one: {best:?}"
    );
}

#[test]
fn several_queries_are_searched_together_without_repeats() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    client.ingest(&store, "a.txt", "herons wait for fish", &json!({}));
    client.ingest(&store, "b.txt", "glaciers carve valleys", &json!({}));
    client.ingest(&store, "c.txt", "bakers knead their dough", &json!({}));
    let body =
        json!({"query": ["herons wait for fish", "glaciers carve valleys"], "max_num_results": 2});
    let page = client.post_search(&store, &body).ok();
    assert_eq!(
        page["search_query"],
        json!(["herons wait for fish", "glaciers carve valleys"])
    );
    assert_eq!(page["has_more"], false);
    assert_eq!(page["next_page"], Value::Null);
    let mut names: Vec<String> = client
        .search(&store, &body)
        .into_iter()
        .map(|hit| hit.filename)
        .collect();
    names.sort();
    assert_eq!(names, ["a.txt", "b.txt"]);
    let one = client.post_search(&store, &json!({"query": "herons"})).ok();
    assert_eq!(one["search_query"], json!(["herons"]));
}

#[test]
fn what_was_replaced_or_deleted_never_returns() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    let files: Vec<String> = (0..20)
        .map(|n| {
            client.ingest(
                &store,
                &format!("{n}.txt"),
                &format!("heron number{n}"),
                &json!({}),
            )
        })
        .collect();
    for file in files.iter().step_by(2) {
        client
            .delete(&format!("/v1/vector_stores/{store}/files/{file}"))
            .ok();
    }
    for (n, file) in files.iter().enumerate() {
        let body = json!({"query": format!("heron number{n}"), "max_num_results": 50});
        let hits = client.search(&store, &body);
        assert_eq!(hits.len(), 10);
        assert_eq!(
            hits.iter().any(|hit| hit.file == *file),
            n % 2 == 1,
            "file {n}"
        );
    }
    // Attached again, it is there again, once.
    client.attach(&store, &files[0], &json!({}));
    client.completed(&store, &files[0]);
    let body = json!({"query": "heron number0", "max_num_results": 50});
    let hits = client.search(&store, &body);
    assert_eq!(hits.len(), 11);
    assert_eq!(hits[0].file, files[0]);
}

#[test]
fn a_store_of_many_uploads_is_searched_whole() {
    let setting = Setting::new();
    let client = &setting.client;
    for n in 0..150 {
        client.upload("many", &format!("heron number{n} in the reeds"));
    }
    for n in [0, 1, 63, 64, 100, 149] {
        let hits = client.find("many", &format!("number{n}"));
        assert_eq!(hits[0].text, format!("heron number{n} in the reeds"));
    }
    let all = client.search("many", &json!({"query": "heron", "max_num_results": 50}));
    assert_eq!(all.len(), 50);
}

#[test]
fn an_empty_store_has_no_results() {
    let setting = Setting::new();
    let store = setting.client.create_store("empty");
    assert!(setting.client.find(&store, "anything").is_empty());
}
