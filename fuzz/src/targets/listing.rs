//! The list of a base's segments, beside a segment that it may list.

use std::sync::OnceLock;

use dayfly_core::objects::{MemoryObjects, Objects};
use dayfly_core::segment::{BasePlace, ListRef, SegmentMeta, open, verify, write_list};
use serde_json::Value;

use super::MIB;
use super::json::field;
use super::store::{Plan, home, sha256};
use crate::{Seed, Target};

pub const TARGET: Target = Target {
    name: "listing",
    run,
    most_bytes: 8 * MIB,
    seeds,
};

const NUMBER: u32 = 3;

fn run(list: &[u8]) {
    static WRITTEN: OnceLock<(SegmentMeta, Vec<u8>)> = OnceLock::new();
    let (written, segment) = WRITTEN.get_or_init(|| plan().bytes());
    let mut meta = written.clone();
    let (tail_sha256, whole_sha256) = (
        std::mem::take(&mut meta.tail_sha256),
        std::mem::take(&mut meta.sha256),
    );
    let place = meta.base.as_mut().unwrap();
    place.list = Some(ListRef {
        bytes: list.len() as u64,
        sha256: sha256(list),
    });
    let objects = MemoryObjects::default();
    objects.put(&home().base_list("b"), list).unwrap();
    objects.put(&meta.rows_key(&home()), segment).unwrap();

    let opened = open(&objects, &home(), &[&meta]).is_ok();
    let verified = verify(&objects, &home(), &meta).is_ok();
    let listed = listed(list, &meta);
    if opened {
        assert_eq!(field(&listed, "tail_sha256", 3), tail_sha256.as_str());
    }
    if verified {
        assert_eq!(field(&listed, "sha256", 4), whole_sha256.as_str());
    }
}

/// What a list says of the segment, read without knowing its shape.
fn listed(list: &[u8], meta: &SegmentMeta) -> Value {
    // What is passed over need not be UTF-8.
    let list = serde_json::from_str(&String::from_utf8_lossy(list)).unwrap_or_default();
    let segments = field(&list, "segments", 0).as_array().cloned();
    let is_it = |one: &Value| {
        let number = |name: &str, place: usize| field(one, name, place).as_u64();
        number("number", 0) == Some(NUMBER.into())
            && number("rows", 1) == Some(meta.rows.into())
            && number("bytes", 2) == Some(meta.bytes)
    };
    let found = segments.and_then(|segments| segments.into_iter().find(is_it));
    found.unwrap_or_default()
}

fn plan() -> Plan {
    Plan {
        base: Some(BasePlace {
            id: "b".to_owned(),
            number: NUMBER,
            first_row: 100,
            list: None,
        }),
        ..Plan::of(5, 4)
    }
}

fn seeds() -> Vec<Seed> {
    let objects = MemoryObjects::default();
    let mut metas = [plan().write(&objects), plan().write(&objects)];
    metas[1].base.as_mut().unwrap().number = NUMBER + 1;
    let list_of = |name: &str, metas: &mut [SegmentMeta]| {
        write_list(&objects, &home(), "b", metas).unwrap();
        Seed::new(name, objects.get(&home().base_list("b")).unwrap())
    };
    let two = list_of("two", &mut metas.clone());
    vec![
        two,
        list_of("other", &mut metas[1..]),
        list_of("none", &mut []),
    ]
}
