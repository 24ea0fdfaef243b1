//! Threads, and the variants of the instruction set.

use std::process::Command;

use super::*;
use crate::cpu::choose;
use crate::{Cpu, cpu};

const CHILD: &str = "DAYFLY_FAISS_TEST_CHILD";

/// Runs one test of this file alone in a process, with a variant.
fn child(test: &str, variant: &str) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "--test-threads=1", test])
        .env(CHILD, "1")
        .env("DAYFLY_FAISS_CPU", variant)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

#[test]
fn one_query_starts_no_thread() {
    if !is_child() {
        child("tests::machine::one_query_starts_no_thread", "avx512");
        return;
    }
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = threads();
    for (factory, _) in KINDS {
        let index = built(factory);
        let path = std::env::temp_dir().join(format!("dayfly-faiss-{}", std::process::id()));
        index
            .write(&mut std::fs::File::create(&path).unwrap())
            .unwrap();
        let mapped = Index::map(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // One for this thread, whose own number of threads nobody has set.
                for index in [&index, &mapped] {
                    for queries in [1, 30] {
                        index.search(&vectors(queries, 2), 3, &options()).unwrap();
                    }
                    let exhaustive = SearchOptions {
                        exhaustive: true,
                        ..options()
                    };
                    index.search(&vectors(1, 2), 3, &exhaustive).unwrap();
                    index.reconstruct(0..ROWS as u64, &mut vec![]).unwrap();
                }
                assert_eq!(threads(), before + 1, "{factory}");
            });
        });
        // A thread is listed for a moment after it was joined.
        while threads() > before {
            std::thread::yield_now();
        }
    }
}

#[test]
fn the_environment_lowers_the_variant() {
    if is_child() {
        println!("variant={:?}", cpu().unwrap());
        return;
    }
    let test = "tests::machine::the_environment_lowers_the_variant";
    let most = cpu().unwrap();
    for (wanted, expected) in Cpu::BUILT
        .iter()
        .map(|built| (built.name(), *built.min(&most)))
        .chain([("something", most)])
    {
        let said = format!("variant={expected:?}");
        assert!(child(test, wanted).contains(&said), "{wanted}: {said}");
    }
}

#[test]
fn a_program_for_newer_machines_has_no_variant_for_this_one() {
    use Cpu::{Avx2, Avx512, Generic};

    let all = [Generic, Avx2, Avx512];
    assert_eq!(choose(&all, Avx2, None), Some(Avx2));
    assert_eq!(choose(&all, Avx512, Some("generic")), Some(Generic));
    assert_eq!(choose(&all, Avx2, Some("avx512")), Some(Avx2));
    assert_eq!(choose(&[Avx2], Avx512, None), Some(Avx2));
    assert_eq!(choose(&[Avx2], Avx512, Some("generic")), Some(Avx2));
    assert_eq!(choose(&[Avx512], Avx2, None), None);
}

#[test]
fn all_variants_find_the_same() {
    let report = || -> Vec<String> {
        let line = |(factory, _): &(&str, f64)| {
            let index = built(factory);
            let found = index.search(&vectors(20, 2), 10, &options()).unwrap();
            let rows: Vec<String> = rows_of(&found)
                .concat()
                .iter()
                .map(u64::to_string)
                .collect();
            format!("found {factory} {}", rows.join(" "))
        };
        KINDS.iter().map(line).collect()
    };
    if is_child() {
        println!("{}", report().join("\n"));
        return;
    }
    let here = report();
    for variant in Cpu::BUILT.iter().map(|built| built.name()) {
        let text = child("tests::machine::all_variants_find_the_same", variant);
        let there: Vec<&str> = text
            .lines()
            .filter_map(|line| line.find("found ").map(|at| &line[at..]))
            .collect();
        assert_eq!(there.len(), KINDS.len());
        for (here, there) in here.iter().zip(there) {
            // Sums in another order round otherwise, and now and then make another graph.
            let (here, there) = (words(here), words(there));
            let same = here.iter().filter(|word| there.contains(word)).count();
            let least = if here[1].contains("PQ") { 0.6 } else { 0.9 };
            assert!(
                same as f64 >= least * here.len() as f64,
                "{variant} {here:?} {there:?}"
            );
        }
    }
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}
