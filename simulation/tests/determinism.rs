//! The same seed makes the same run, in this process and in another.

use std::process::Command;

use dayfly_core::mutants::Mutant;
use dayfly_core::objects::Objects;
use dayfly_simulation::model::CommitRule;
use dayfly_simulation::{Event, Failure, HOUR_MS, Options, Run, Scenario, Simulation};

#[test]
fn the_same_seed_makes_the_same_run_and_another_makes_another() {
    let hash = |seed| CommitRule.run(&Run::new(seed)).unwrap().trace_hash;
    let first: Vec<u64> = (1..40).map(hash).collect();
    let second: Vec<u64> = (1..40).map(hash).collect();
    assert_eq!(first, second);
    let mut different = first.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), first.len());
}

#[test]
fn another_process_makes_the_same_run() {
    let report = CommitRule.run(&Run::new(7)).unwrap();
    let program = env!("CARGO_BIN_EXE_dayfly-simulation");
    let output = Command::new(program)
        .args(["--scenario", "commit-rule", "--replay", "7", "--trace"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains(&format!("trace {:016x}", report.trace_hash)));
    assert!(text.contains("PutNew stores/s/manifest/00000000000000000002"));
}

#[test]
fn a_failing_seed_fails_again_in_the_same_way() {
    let run = |seed| Run {
        mutant: Some(Mutant::IgnoreIfNoneMatch),
        ..Run::new(seed)
    };
    let seed = (1..100).find(|seed| CommitRule.run(&run(*seed)).is_err());
    let again = || CommitRule.run(&run(seed.unwrap())).unwrap_err();
    assert_eq!(again(), again());
}

/// A run with every fault, crashes among them: its hash, and how many hosts crashed.
fn wild(seed: u64) -> Result<(u64, u32), Failure> {
    let mut simulation = Simulation::new(seed, Options::swarm(seed));
    for name in ["host-1", "host-2", "host-3"] {
        simulation.host_with(name, |boot| {
            boot.spawn_daemon("worker", |task| {
                loop {
                    let key = format!("key-{}", task.below(20));
                    let _ = task.objects().put_new(&key, key.as_bytes());
                    let _ = task.objects().delete(&key);
                    let _ = task.objects().list_all("key");
                }
            });
        });
    }
    let crashes = std::rc::Rc::new(std::cell::Cell::new(0));
    let counted = std::rc::Rc::clone(&crashes);
    simulation.auditor(move |_, event| {
        counted.set(counted.get() + u32::from(matches!(event, Event::Crashed(_))));
        Ok(())
    });
    simulation.run_for(HOUR_MS)?;
    Ok((simulation.report().trace_hash, crashes.get()))
}

#[test]
fn a_wild_run_is_the_same_each_time() {
    let runs = || (0..12).map(|seed| wild(seed).unwrap()).collect::<Vec<_>>();
    let (first, second) = (runs(), runs());
    assert_eq!(first, second);
    assert!(first.iter().map(|(_, crashes)| crashes).sum::<u32>() > 100);
}
