//! Requests a second on one core, of tasks that do nothing but ask.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dayfly_core::objects::Objects;
use dayfly_simulation::{HOUR_MS, Options, Simulation};

const TASKS: u32 = 8;
const ROUNDS: u64 = 5_000;

fn requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("simulation");
    group.throughput(Throughput::Elements(u64::from(TASKS) * ROUNDS * 2));
    for (name, options) in [("calm", Options::calm()), ("faults", faults())] {
        group.bench_function(name, |bencher| bencher.iter(|| run(options.clone())));
    }
    group.finish();
}

/// As wild as it gets without tasks that are killed.
fn faults() -> Options {
    Options {
        crash: 0.0,
        ..Options::wild()
    }
}

fn run(options: Options) -> u64 {
    let mut simulation = Simulation::new(1, options);
    for number in 0..TASKS {
        let host = simulation.host("host");
        simulation.spawn(host, "task", move |task| {
            for round in 0..ROUNDS {
                let key = format!("stores/s/manifest/{number}/{:020}", round % 64);
                let _ = task.objects().put(&key, &[7; 200]);
                let _ = task.objects().get(&key);
            }
        });
    }
    let _ = simulation.run_until_idle(1_000_000 * HOUR_MS);
    simulation.report().trace_hash
}

criterion_group!(benches, requests);
criterion_main!(benches);
