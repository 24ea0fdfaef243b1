//! Random histories of a store against what it should hold.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::filter::{AttributeValue, Attributes, Filter};
use crate::rebuild::{Order, rebuild};
use crate::search::{BaseIndex, Search, search};
use crate::segment::Query;
use crate::store::runs::{Bounds, Direction};
use crate::store::{
    Files, GRACE_MS, StoreError, add_file, collect_garbage, collect_noted_garbage, find, named,
    set_attributes, take_out, unreachable,
};
use crate::testing::{Maker, Stored, entry, keys, write_segment};

const FILES: u8 = 48;

#[derive(Debug, Clone)]
enum Step {
    Put { file: u8, parts: Vec<u8> },
    Burst { first: u8, count: u8 },
    TakeOut { file: u8 },
    TakeOutMany { first: u8, count: u8 },
    Tag { file: u8, even: bool, size: usize },
    Compact,
    CompactAll,
    Rebuild,
    Collect,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let file = || 0..FILES;
    let step = prop_oneof![
        6 => (file(), prop::collection::vec(1..4_u8, 1..3))
            .prop_map(|(file, parts)| Step::Put { file, parts }),
        2 => (file(), 1..40_u8).prop_map(|(first, count)| Step::Burst { first, count }),
        3 => file().prop_map(|file| Step::TakeOut { file }),
        1 => (file(), 1..20_u8).prop_map(|(first, count)| Step::TakeOutMany { first, count }),
        4 => (file(), any::<bool>(), prop::sample::select(&[0, 10, 5_000][..]))
            .prop_map(|(file, even, size)| Step::Tag { file, even, size }),
        2 => Just(Step::Compact),
        1 => Just(Step::CompactAll),
        1 => Just(Step::Rebuild),
        1 => Just(Step::Collect),
    ];
    prop::collection::vec(step, 1..50)
}

/// By file: its attributes and the texts of its rows, in order.
type Model = BTreeMap<String, (Attributes, Vec<String>)>;

struct Run {
    tenant: Tenant,
    home: Home,
    model: Model,
    ingestions: u32,
}

fn name(file: u8) -> String {
    format!("file-{:02}", file % FILES)
}

/// A vector that depends on the text alone.
fn vector(text: &str) -> Vec<f32> {
    let sum = text.bytes().fold(7_u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    });
    (0..DIMENSION)
        .map(|at| ((sum >> (at * 7)) % 101) as f32 - 50.5)
        .collect()
}

impl Run {
    fn new() -> Self {
        let (tenant, home) = store();
        Self {
            tenant,
            home,
            model: Model::new(),
            ingestions: 0,
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Put { file, parts } => self.put(file, &parts),
            Step::Burst { first, count } => {
                (0..count).for_each(|number| self.put(first + number, &[1]));
            }
            Step::TakeOut { file } => self.take_out(file),
            Step::TakeOutMany { first, count } => {
                (0..count).for_each(|number| self.take_out(first + number));
            }
            Step::Tag { file, even, size } => self.tag(file, even, size),
            Step::Compact => drop(compact_once(self.tenant.platform())),
            Step::CompactAll => self.compact_all(),
            Step::Rebuild => self.rebuild(),
            Step::Collect => self.collect(),
        }
    }

    fn put(&mut self, file: u8, parts: &[u8]) {
        let (platform, home, file) = (self.tenant.platform(), &self.home, name(file));
        self.ingestions += 1;
        let ingest = self.ingestions.to_string();
        let (mut segments, mut texts) = (Vec::new(), Vec::new());
        for (part, rows) in parts.iter().enumerate() {
            let first = texts.len();
            texts.extend((0..*rows).map(|row| format!("{file} {ingest} {part} {row}")));
            let rows: Rows = texts[first..]
                .iter()
                .map(|text| (text.clone(), vector(text)))
                .collect();
            let id = format!("seg-{ingest}-{part}");
            segments.push(write_segment(
                platform,
                home,
                &id,
                &file,
                first as u32,
                &rows,
            ));
        }
        let entry = entry(&file, &ingest, &segments);
        add_file(platform, home, &entry, &segments, |_| {
            Ok::<_, StoreError>(())
        })
        .unwrap();
        self.model.insert(file, (Attributes::new(), texts));
    }

    fn take_out(&mut self, file: u8) {
        let was_there = take_out(self.tenant.platform(), &self.home, &name(file)).unwrap();
        assert_eq!(was_there, self.model.remove(&name(file)).is_some());
    }

    fn tag(&mut self, file: u8, even: bool, size: usize) {
        let long = ("long".to_owned(), AttributeValue::Text("x".repeat(size)));
        let even = ("even".to_owned(), AttributeValue::Bool(even));
        let attributes: Attributes = [long, even].into();
        let set = set_attributes(self.tenant.platform(), &self.home, &name(file), &attributes);
        match self.model.get_mut(&name(file)) {
            Some(held) => held.0 = attributes,
            None => {
                let no_such = StoreError::NoSuchFile {
                    store: STORE.to_owned(),
                    file_id: name(file),
                };
                return assert_eq!(set, Err(no_such));
            }
        }
        set.unwrap();
    }

    fn compact_all(&self) {
        compact_all(self.tenant.platform());
        let newest = newest(&self.tenant);
        let entries: u64 = newest.runs.iter().map(|run| run.entries).sum();
        let most = 1 + entries.max(1).ilog2();
        assert!(newest.runs.len() as u32 <= most, "{:?}", newest.runs);
    }

    fn rebuild(&self) {
        let order = Order {
            rows_per_segment: 20,
            ..Order::new(STORE, worker("r", "1"), 1 << 30)
        };
        rebuild(
            self.tenant.platform(),
            &order,
            &Maker::new(|| ()),
            &mut |_| {},
        )
        .unwrap();
    }

    /// After the grace period nothing is left but what the newest version names.
    fn collect(&self) {
        let platform = self.tenant.platform();
        // The newest garbage is seen now, and goes when the grace has passed.
        collect_noted_garbage(platform, &newest(&self.tenant)).unwrap();
        self.tenant.clock.advance(GRACE_MS);
        let newest = newest(&self.tenant);
        while collect_garbage(platform, &newest).unwrap() {}
        collect_noted_garbage(platform, &newest).unwrap();
        let newest = check(platform, STORE).unwrap();
        assert!(newest.garbage.is_empty());
        let none = Default::default();
        assert_eq!(unreachable(platform, &newest, &none).unwrap(), []);
        let mut named: Vec<String> = named(&newest).into_iter().collect();
        named.sort();
        assert_eq!(keys(&self.tenant.objects, &self.home.folder()), named);
    }

    fn check(&self, number: usize) {
        let platform = self.tenant.platform();
        let newest = check(platform, STORE).unwrap();
        assert_eq!(newest.totals.files, self.model.len() as u64);
        self.check_files(&newest, number);
        let none = Default::default();
        assert_eq!(unreachable(platform, &newest, &none).unwrap(), []);
        let even = serde_json::json!({"type": "eq", "key": "even", "value": true});
        let even = Filter::parse(&even).unwrap();
        for natively in [false, true] {
            assert_eq!(self.found(&newest, None, natively), self.expected(None));
            let found = self.found(&newest, Some(&even), natively);
            assert_eq!(found, self.expected(Some(&even)));
        }
    }

    /// Both directions, between bounds that change from step to step.
    fn check_files(&self, newest: &Manifest, number: usize) {
        let platform = self.tenant.platform();
        let bounds = [(0, 255), (5, 40), (20, 21), (number as u8 % FILES, FILES)];
        for (after, before) in bounds {
            let (after, before) = (format!("file-{after:02}"), format!("file-{before:02}"));
            let bounds = Bounds {
                after: Some(&after),
                before: Some(&before),
            };
            let is_within = |id: &&String| after < **id && **id < before;
            let mut expected: Vec<&String> = self.model.keys().filter(is_within).collect();
            for direction in [Direction::Ascending, Direction::Descending] {
                let files = Files::of(platform, newest, &self.home, bounds, direction).unwrap();
                let ids = files.map(|file| file.unwrap().file_id);
                assert!(ids.eq(expected.iter().map(|id| (*id).clone())));
                expected.reverse();
            }
        }
        let id = name(number as u8);
        let found = find(platform, newest, &id).unwrap();
        let found = found.map(|file| (file.attributes.clone(), file.row_count()));
        let expected = self.model.get(&id);
        let expected = expected.map(|(held, texts)| (held.clone(), texts.len() as u64));
        assert_eq!(found, expected);
    }

    fn expected(&self, filter: Option<&Filter>) -> Vec<String> {
        let passes =
            |held: &&(Attributes, Vec<String>)| filter.is_none_or(|filter| filter.matches(&held.0));
        let held = self.model.values().filter(passes);
        let mut texts: Vec<String> = held.flat_map(|(_, texts)| texts.clone()).collect();
        texts.sort();
        texts
    }

    fn found(&self, newest: &Manifest, filter: Option<&Filter>, natively: bool) -> Vec<String> {
        let stored = Stored::of(&self.tenant.objects, newest).filter(|_| natively);
        let base = stored.as_ref().map(|one| one as &dyn BaseIndex<StoreError>);
        let wanted = Search {
            queries: &[Query::new(&[1.0, 0.5, 0.25, 0.1]).unwrap()],
            limit: 1_000,
            threshold: 0.0,
            filter,
            base,
        };
        let found = search(self.tenant.platform(), newest, &wanted).unwrap();
        assert!(found.is_sorted_by(|a, b| a.score >= b.score));
        for one in &found {
            assert_eq!(one.file.file_id, one.row.file_id);
            assert_eq!(one.file.attributes, self.model[&one.row.file_id].0);
            let texts = &self.model[&one.row.file_id].1;
            assert_eq!(texts[one.row.chunk as usize], one.row.text);
        }
        let mut texts: Vec<String> = found.into_iter().map(|one| one.row.text).collect();
        texts.sort();
        texts
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 48,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_store_holds_what_was_put_into_it_and_nothing_else(steps in steps()) {
        let mut run = Run::new();
        for (number, step) in steps.into_iter().enumerate() {
            run.step(step);
            run.check(number);
        }
        run.collect();
        run.check(0);
    }
}
