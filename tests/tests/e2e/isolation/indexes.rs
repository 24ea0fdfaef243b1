use std::path::Path;

use dayfly_tests::isolation::ATTACKER;
use dayfly_tests::isolation::attacks::{DEADLY_INDEX, REBUILD_QUEUE, REBUILD_SPACES};
use dayfly_tests::rebuild::{Worker, path, rebuilt};
use dayfly_tests::{Builder, Cli};
use serde_json::json;

use super::*;

#[test]
fn a_kind_of_index_with_a_megabyte_of_spaces_is_refused() {
    let attacked = attacked(&REBUILD_SPACES);
    attacked.tally.is_only(&["400", "413"]);
    attacked.stays_within(64 * MIB);
}

#[test]
fn a_rebuild_does_not_wait_for_all_that_another_tenant_asked_for() {
    let alone = |builder: Builder| builder.option("--rebuild-concurrency", 0);
    let ground = Ground::with(REBUILD_QUEUE.place, alone);
    let (attacker, victim) = (ground.attacker(), ground.victim());
    victim.upload("own", "a heron");
    let ((), tally) = Stage::new(Scale::Test).run(&REBUILD_QUEUE, &ground, || {
        victim.post_json(&path("own"), &json!({})).ok();
        let _worker = Worker::start(&ground.server.data());
        rebuilt(&victim, "own");
        attacker.get(&path("store11")).ok();
    });
    tally.is_only(&["200"]);
}

#[test]
fn an_index_that_kills_who_searches_it_costs_its_owner_alone() {
    let ground = Ground::new(DEADLY_INDEX.place);
    let victim = Victim::settle(&ground, DEADLY_INDEX.work, 64);
    victim.index();
    let attacked = attacked_on(&DEADLY_INDEX, &ground);
    attacked.tally.is_only(&["503"]);
    let metrics = ground.server.metrics();
    assert!(metrics.sum("dayfly_faiss_processes_total", &[]) >= 2.0);
}

/// An index as a file: vectors of four components behind a transformation that picks components.
fn crafted(picked: [i32; 4]) -> Vec<u8> {
    let header = |index: &mut Vec<u8>| {
        index.extend_from_slice(&4_i32.to_le_bytes());
        for number in [1_i64, 1 << 20, 1 << 20] {
            index.extend_from_slice(&number.to_le_bytes());
        }
        index.push(1);
        index.extend_from_slice(&0_i32.to_le_bytes());
    };
    let mut index = b"IxPT".to_vec();
    header(&mut index);
    index.extend_from_slice(&1_i32.to_le_bytes());
    index.extend_from_slice(b"RmDT");
    index.extend_from_slice(&4_u64.to_le_bytes());
    index.extend(picked.iter().flat_map(|at| at.to_le_bytes()));
    for number in [4_i32, 4] {
        index.extend_from_slice(&number.to_le_bytes());
    }
    index.push(1);
    index.extend_from_slice(b"IxFI");
    header(&mut index);
    index.extend_from_slice(&4_u64.to_le_bytes());
    index.extend(
        [1.0_f32, 2.0, 3.0, 4.0]
            .iter()
            .flat_map(|x| x.to_le_bytes()),
    );
    index
}

fn import(folder: &Path, data: &Path) -> dayfly_tests::cli::Ended {
    let call = Cli::new()
        .arg("import")
        .arg(folder)
        .args(["--store", "s", "--model", "fake"]);
    call.args(["--tenant", ATTACKER, "--data"]).arg(data).run()
}

#[test]
fn a_crafted_index_is_refused_and_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let data = tempfile::tempdir().unwrap();
    let texts = "{\"text\":\"x\",\"metadata\":{\"source\":\"a\"}}\n";
    std::fs::write(folder.path().join("texts.jsonl"), texts).unwrap();
    let index = folder.path().join("index.faiss");
    for far in [0x1000_0000, i32::MAX, -2, i32::MIN] {
        std::fs::write(&index, crafted([far, 1, 2, 3])).unwrap();
        let said = import(folder.path(), data.path()).failure();
        assert!(said.contains("index.faiss"), "{said}");
    }
    // The same file is good where it picks what there is.
    std::fs::write(&index, crafted([3, 2, 1, 0])).unwrap();
    import(folder.path(), data.path()).success();
}
