//! What befalls hosts and requests is what the options and the test say.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use dayfly_core::objects::{ObjectError, Objects};
use dayfly_core::platform::Clock;
use dayfly_simulation::{
    Action, ENDS, EPOCH_MS, Event, HOUR_MS, MINUTE_MS, NO_PANIC, Options, Outcome, Simulation,
    Violation,
};

fn calm() -> (Simulation, dayfly_simulation::HostId) {
    let mut simulation = Simulation::new(11, Options::calm());
    let host = simulation.host("host");
    (simulation, host)
}

fn always(change: impl FnOnce(&mut Options)) -> (Simulation, dayfly_simulation::HostId) {
    let mut options = Options::calm();
    change(&mut options);
    let mut simulation = Simulation::new(11, options);
    let host = simulation.host("host");
    (simulation, host)
}

#[test]
fn a_request_fails_before_or_after_its_effect() {
    for (before, there) in [(1.0, false), (0.0, true)] {
        let (mut simulation, host) = always(|options| {
            options.fail_before = before;
            options.fail_after = 1.0;
        });
        simulation.spawn(host, "task", |task| {
            let result = task.objects().put("key", b"value");
            assert!(matches!(result, Err(ObjectError::Unavailable(_))));
        });
        simulation.run_until_idle(MINUTE_MS).unwrap();
        assert_eq!(simulation.world().storage().get("key").is_some(), there);
    }
}

#[test]
fn a_late_effect_comes_after_the_client_gave_up() {
    let (mut simulation, host) = always(|options| options.late_effect = 1.0);
    simulation.spawn(host, "task", |task| {
        let result = task.objects().put("key", b"value");
        assert!(matches!(result, Err(ObjectError::Unavailable(_))));
    });
    simulation.run_until_idle(2 * MINUTE_MS).unwrap();
    simulation.run_for(2 * HOUR_MS).unwrap();
    assert!(simulation.world().storage().get("key").is_some());
}

#[test]
fn a_late_duplicate_creates_again_what_was_deleted() {
    let (mut simulation, host) = always(|options| {
        options.duplicate = 1.0;
        options.latency_ms = 1..=1;
    });
    simulation.spawn(host, "task", |task| {
        task.objects().put_new("key", b"value").unwrap();
        task.objects().delete("key").unwrap();
    });
    simulation.run_for(2 * HOUR_MS).unwrap();
    let log = simulation.world().log();
    let again = log
        .iter()
        .find(|effect| effect.duplicate && effect.action == Action::PutNew);
    assert_eq!(again.unwrap().outcome, Outcome::Done);
}

#[test]
fn a_crash_drops_tasks_where_they_wait_and_the_host_starts_again() {
    let mut simulation = Simulation::new(3, Options::calm());
    let starts = Rc::new(Cell::new(0));
    let destructors = Rc::new(RefCell::new(Vec::new()));
    struct Last(Rc<RefCell<Vec<ObjectError>>>);
    impl Drop for Last {
        fn drop(&mut self) {
            let result = dayfly_simulation::SimObjects::default().delete("key");
            self.0.borrow_mut().extend(result.err());
        }
    }
    let (counted, seen) = (Rc::clone(&starts), Rc::clone(&destructors));
    let host = simulation.host_with("host", move |boot| {
        counted.set(counted.get() + 1);
        let last = Last(Rc::clone(&seen));
        boot.spawn_daemon("worker", move |task| {
            let _last = last;
            loop {
                task.pause(1_000);
            }
        });
    });
    simulation.run_for(10_000).unwrap();
    simulation.crash(host).unwrap();
    assert!(matches!(
        destructors.borrow()[..],
        [ObjectError::Unavailable(_)]
    ));
    simulation.run_for(HOUR_MS).unwrap();
    assert_eq!(starts.get(), 2);
    assert!(!simulation.world().host(host).unwrap().is_down());
}

#[test]
fn nothing_of_a_frozen_host_runs_though_its_requests_happen() {
    let (mut simulation, host) = calm();
    let ended = Rc::new(Cell::new(0));
    let told = Rc::clone(&ended);
    simulation.spawn(host, "task", move |task| {
        task.objects().put("key", b"value").unwrap();
        told.set(task.true_ms());
    });
    simulation.auditor(|world, event| match event {
        Event::Effect(effect) if effect.time_ms > 1_000 => {
            Err(Violation::new("soon", world.now_ms()))
        }
        _ => Ok(()),
    });
    let asked = |simulation: &Simulation| simulation.world().counts().puts == 1;
    while !asked(&simulation) {
        simulation.run_for(1).unwrap();
    }
    simulation.freeze(host, HOUR_MS).unwrap();
    simulation.run_until_idle(2 * HOUR_MS).unwrap();
    assert!(ended.get() >= EPOCH_MS + HOUR_MS);
    assert!(simulation.world().storage().get("key").is_some());
}

#[test]
fn a_host_that_is_cut_off_times_out_and_reaches_storage_again_later() {
    let (mut simulation, host) = calm();
    simulation.spawn(host, "task", |task| {
        let result = task.objects().get("key");
        assert!(matches!(result, Err(ObjectError::Unavailable(_))));
        task.pause(HOUR_MS);
        assert_eq!(task.objects().get("key"), Err(ObjectError::NotFound));
    });
    simulation.partition(host, HOUR_MS).unwrap();
    simulation.run_until_idle(3 * HOUR_MS).unwrap();
}

#[test]
fn clocks_differ_and_jump() {
    let (mut simulation, host) = calm();
    simulation.spawn(host, "task", |task| {
        assert_eq!(task.clock().now_ms(), task.true_ms() + 5_000);
    });
    simulation.jump_clock(host, 5_000).unwrap();
    simulation.run_until_idle(MINUTE_MS).unwrap();
}

#[test]
fn an_upload_in_parts_is_seen_when_it_is_finished_and_all_is_counted() {
    let (mut simulation, host) = calm();
    simulation.spawn(host, "task", |task| {
        let cost = {
            let mut writer = task.objects().create("key").unwrap();
            writer.write(&[7; 100_000]).unwrap();
            writer.write(&[7; 10]).unwrap();
            assert_eq!(task.objects().get("key"), Err(ObjectError::NotFound));
            assert_eq!(writer.finish(), Ok(100_010));
            task.counts()
        };
        assert_eq!((cost.puts, cost.gets, cost.bytes_written), (3, 1, 100_010));
        let parts = ["key", "none"].map(|key| (key.to_owned(), Some(0..2)));
        let many = task.objects().get_many(&parts);
        assert_eq!(many, [Ok(vec![7, 7]), Err(ObjectError::NotFound)]);
    });
    simulation.run_until_idle(MINUTE_MS).unwrap();
}

#[test]
fn work_that_does_not_end_and_panics_fail_the_run() {
    let (mut simulation, host) = calm();
    simulation.spawn(host, "endless", |task| {
        loop {
            task.pause(1_000);
        }
    });
    let failure = simulation.run_until_idle(MINUTE_MS).unwrap_err();
    assert_eq!(failure.promise, ENDS);
    assert!(failure.message.contains("host/endless"), "{failure}");

    let (mut simulation, host) = calm();
    simulation.spawn(host, "wrong", |_| panic!("as expected"));
    let failure = simulation.run_until_idle(MINUTE_MS).unwrap_err();
    assert_eq!(failure.promise, NO_PANIC);
}

#[test]
fn a_storage_that_ignores_conditions_creates_twice() {
    let (mut simulation, host) = always(|options| options.ignore_if_none_match = true);
    simulation.spawn(host, "task", |task| {
        task.objects().put_new("key", b"1").unwrap();
        task.objects().put_new("key", b"2").unwrap();
    });
    simulation.run_until_idle(MINUTE_MS).unwrap();
}

#[test]
fn healing_ends_every_fault() {
    let mut simulation = Simulation::new(5, Options::wild());
    let host = simulation.host_with("host", |boot| {
        boot.spawn_daemon("worker", |task| {
            loop {
                let _ = task.objects().put("key", b"value");
            }
        });
    });
    simulation.run_for(6 * HOUR_MS).unwrap();
    simulation.heal();
    simulation.run_for(6 * HOUR_MS).unwrap();
    let since = simulation.world().step();
    simulation.spawn(host, "task", |task| {
        for _ in 0..100 {
            task.objects().put("key", b"value").unwrap();
        }
    });
    simulation.run_until_idle(MINUTE_MS).unwrap();
    assert!(simulation.world().step() > since);
}
