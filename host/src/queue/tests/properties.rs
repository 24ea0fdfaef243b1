use std::collections::HashSet;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Schedule(usize, usize),
    Take,
    Pass(u64),
    Finish(usize, Progress),
    Ask(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let progress = prop_oneof![
        4 => Just(Progress::Done),
        3 => Just(Progress::Step),
        1 => Just(Progress::Later),
        1 => Just(Progress::Lost("cpu".into())),
    ];
    let step = prop_oneof![
        3 => (0..4usize, 0..6usize).prop_map(|(tenant, file)| Step::Schedule(tenant, file)),
        3 => Just(Step::Take),
        2 => (0..15_000u64).prop_map(Step::Pass),
        3 => (0..8usize, progress).prop_map(|(turn, progress)| Step::Finish(turn, progress)),
        2 => (0..8usize).prop_map(Step::Ask),
    ];
    prop::collection::vec(step, 0..150)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_job_is_lost_or_runs_twice_and_no_place_stays_empty(steps in steps(), places in 1..4usize) {
        let queue = queue(places);
        let mut turns: Vec<Turn> = Vec::new();
        let mut open = HashSet::new();
        for step in steps {
            match step {
                Step::Schedule(tenant, file) => {
                    let (tenant, file) = (format!("t{tenant}"), file.to_string());
                    schedule(&queue, &[(&tenant, &file)]);
                    open.insert(job(&tenant, "s", &file));
                }
                Step::Take => {
                    match next(&queue) {
                        Some(turn) => {
                            open.remove(&turn.job);
                            turns.push(turn);
                        }
                        None => assert!(turns.len() >= places || figures(&queue).waiting == 0),
                    }
                }
                Step::Pass(ms) => pass(&queue, Duration::from_millis(ms)),
                Step::Ask(at) if !turns.is_empty() => {
                    let _ = is_awaited(&turns[at % turns.len()]);
                }
                Step::Finish(at, progress) if !turns.is_empty() => {
                    let turn = turns.swap_remove(at % turns.len());
                    turn.finish(progress);
                }
                Step::Ask(_) | Step::Finish(..) => {}
            }
            assert!(turns.len() <= places + 1);
            let running: HashSet<&Job> = turns.iter().map(|turn| &turn.job).collect();
            assert_eq!(running.len(), turns.len());
            assert_eq!(figures(&queue).running, turns.len());
        }
        // All that was asked for comes, and in the end nothing is remembered.
        for turn in turns {
            turn.finish(Progress::Step);
        }
        for _ in 0..2_000 {
            match next(&queue) {
                Some(turn) => {
                    open.remove(&turn.job);
                    turn.finish(Progress::Done);
                }
                None => pass(&queue, Duration::from_secs(1)),
            }
        }
        assert!(open.is_empty(), "{open:?}");
        assert!(is_empty(&queue));
    }
}
