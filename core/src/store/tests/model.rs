use proptest::prelude::*;

use super::*;
use crate::filter::{AttributeValue, Filter};
use crate::objects::MemoryObjects;
use crate::search::{Search, search};
use crate::segment::Query;
use crate::store::{Indexing, create, current, fold, take_out};

#[derive(Debug, Clone)]
enum Step {
    Add {
        file: u8,
        vectors: Vec<[f32; DIMENSION]>,
    },
    TakeOut {
        file: u8,
    },
    Tag {
        file: u8,
        even: bool,
    },
    Fold,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let vector = prop::array::uniform4(-1.0_f32..1.0).prop_filter("has a direction", |vector| {
        vector.iter().any(|x| x.abs() > 0.01)
    });
    let step = prop_oneof![
        4 => (0..6_u8, prop::collection::vec(vector, 1..4))
            .prop_map(|(file, vectors)| Step::Add { file, vectors }),
        2 => (0..6_u8).prop_map(|file| Step::TakeOut { file }),
        2 => (0..6_u8, any::<bool>()).prop_map(|(file, even)| Step::Tag { file, even }),
        1 => Just(Step::Fold),
    ];
    prop::collection::vec(step, 1..24)
}

/// What a store should hold: by file, its attribute and vectors.
type Model = BTreeMap<String, (Option<bool>, Vec<[f32; DIMENSION]>)>;

fn name(file: u8) -> String {
    format!("file-{file}")
}

fn run(objects: &MemoryObjects, model: &mut Model, step: Step, number: usize) {
    match step {
        Step::Add { file, vectors } => {
            add(objects, &name(file), &format!("i{number}"), &vectors).unwrap();
            model.insert(name(file), (None, vectors));
        }
        Step::TakeOut { file } => {
            take_out(objects, STORE, &name(file), 2_000).unwrap();
            model.remove(&name(file));
        }
        Step::Tag { file, even } => {
            let Some(held) = model.get_mut(&name(file)) else {
                return;
            };
            held.0 = Some(even);
            let attributes = BTreeMap::from([("even".to_owned(), AttributeValue::Bool(even))]);
            change(objects, STORE, 2_000, |newest| {
                Ok(Some(
                    newest.with_attributes(&name(file), attributes.clone()),
                ))
            })
            .unwrap();
        }
        Step::Fold => {
            let manifest = current(objects, STORE).unwrap().unwrap();
            let indexing = Indexing {
                graph_min_rows: u32::MAX,
                segment_max_rows: 8,
            };
            let mut ids = 0..;
            fold(objects, &manifest, indexing, 2_000, || {
                format!("f{number}x{}", ids.next().unwrap())
            })
            .unwrap();
        }
    }
}

fn expected(model: &Model, only_even: bool) -> Vec<(String, u32)> {
    let rows = model
        .iter()
        .filter(|(_, (even, _))| !only_even || *even == Some(true));
    rows.flat_map(|(file, (_, vectors))| {
        (0..vectors.len() as u32).map(move |number| (file.clone(), number))
    })
    .collect()
}

fn found(objects: &MemoryObjects, filter: Option<&Filter>) -> Vec<(String, u32)> {
    let manifest = current(objects, STORE).unwrap().unwrap();
    let table = Table::of(objects, &manifest).unwrap();
    let wanted = Search {
        queries: &[Query::new(&[1.0, 0.5, 0.25, 0.1]).unwrap()],
        limit: 50,
        threshold: 0.0,
        filter,
        base: None,
    };
    let results = search(objects, STORE, &table, &wanted).unwrap();
    let scores: Vec<f32> = results.iter().map(|result| result.score).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    let mut rows: Vec<_> = results
        .into_iter()
        .map(|result| (result.file_id, result.chunk.number))
        .collect();
    rows.sort();
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_search_finds_the_newest_rows_of_live_files_and_nothing_else(steps in steps()) {
        let objects = MemoryObjects::default();
        create(&objects, &first(), 1_000).unwrap();
        let mut model = Model::new();
        let only_even = Filter::parse(&serde_json::json!(
            {"type": "eq", "key": "even", "value": true}
        )).unwrap();
        for (number, step) in steps.into_iter().enumerate() {
            run(&objects, &mut model, step, number);
            prop_assert_eq!(found(&objects, None), expected(&model, false));
            prop_assert_eq!(found(&objects, Some(&only_even)), expected(&model, true));
        }
    }
}
