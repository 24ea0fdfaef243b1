mod properties;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::state::{BRIEF, Next, OWN_TURN, PATIENCE, State, TURN};
use super::tenant::MOST;
use super::{Figures, Job, JobQueue, Need, Progress, job};

/// A queue whose time passes when a test says so.
struct Bench {
    state: RefCell<State>,
    now: Cell<Instant>,
    sleeping: RefCell<Vec<(Instant, Job)>>,
}

struct Turn {
    job: Job,
    lost: Option<String>,
    number: u64,
    queue: Rc<Bench>,
}

fn queue(places: usize) -> Rc<Bench> {
    let mut state = State::default();
    state.places = places;
    Rc::new(Bench {
        state: RefCell::new(state),
        now: Cell::new(Instant::now()),
        sleeping: RefCell::default(),
    })
}

fn schedule(queue: &Bench, jobs: &[(&str, &str)]) {
    for (tenant, file) in jobs {
        let mut state = queue.state.borrow_mut();
        state.schedule(job(tenant, "s", file), queue.now.get());
    }
}

fn next(queue: &Rc<Bench>) -> Option<Turn> {
    let (number, job, lost) = queue.state.borrow_mut().take(queue.now.get())?;
    Some(Turn {
        job,
        lost,
        number,
        queue: Rc::clone(queue),
    })
}

/// A turn that begins now, of that file.
fn begins(queue: &Rc<Bench>, file: &str) -> Turn {
    let turn = next(queue).expect("nothing begins");
    assert_eq!(turn.job.file, file);
    turn
}

fn needed(turn: &Turn) -> Need {
    let mut state = turn.queue.state.borrow_mut();
    state.needed(turn.number, turn.queue.now.get())
}

fn is_awaited(turn: &Turn) -> bool {
    needed(turn) > Need::None
}

fn figures(queue: &Bench) -> Figures {
    queue.state.borrow().figures(queue.now.get())
}

fn is_empty(queue: &Bench) -> bool {
    queue.state.borrow().is_empty()
}

impl Turn {
    fn finish(self, progress: Progress) {
        let queue = self.queue;
        let now = queue.now.get();
        let next = queue.state.borrow_mut().settle(self.number, progress, now);
        if let Next::In(pause) = next {
            queue.sleeping.borrow_mut().push((now + pause, self.job));
        }
    }
}

fn pass(queue: &Bench, time: Duration) {
    let now = queue.now.get() + time;
    queue.now.set(now);
    let mut sleeping = queue.sleeping.borrow_mut();
    for (_, job) in sleeping.extract_if(.., |(until, _)| *until <= now) {
        queue.state.borrow_mut().wake(job, now);
    }
}

#[test]
fn tenants_take_turns_and_a_job_is_queued_once() {
    let queue = queue(1);
    schedule(
        &queue,
        &[("a", "a1"), ("a", "a2"), ("a", "a1"), ("a", "a3")],
    );
    schedule(&queue, &[("b", "b1"), ("c", "c1")]);
    let mut order = Vec::new();
    while let Some(turn) = next(&queue) {
        pass(&queue, Duration::from_millis(10));
        order.push(turn.job.file.clone());
        turn.finish(Progress::Done);
    }
    assert_eq!(order, ["a1", "b1", "c1", "a2", "a3"]);
    assert!(is_empty(&queue));
}

#[test]
fn it_is_the_time_in_places_that_is_shared_and_not_their_number() {
    let queue = queue(1);
    for number in 0..100 {
        schedule(&queue, &[("slow", &format!("slow{number}"))]);
        schedule(&queue, &[("quick", &format!("quick{number}"))]);
    }
    let (mut slow, mut quick) = (0, 0);
    for _ in 0..44 {
        let turn = next(&queue).unwrap();
        let (time, count) = match &*turn.job.tenant {
            "slow" => (Duration::from_millis(1_000), &mut slow),
            _ => (Duration::from_millis(100), &mut quick),
        };
        *count += 1;
        pass(&queue, time);
        turn.finish(Progress::Done);
    }
    assert_eq!((slow, quick), (4, 40));
}

#[test]
fn what_comes_begins_beside_long_jobs_at_once() {
    let queue = queue(2);
    schedule(&queue, &[("a", "big1"), ("a", "big2"), ("a", "big3")]);
    let (big1, big2) = (begins(&queue, "big1"), begins(&queue, "big2"));
    let big3 = begins(&queue, "big3");
    assert!(next(&queue).is_none());
    assert!(!is_awaited(&big3));
    pass(&queue, BRIEF);
    // Its time beside the places is over, whoever waits.
    assert!(is_awaited(&big3));
    big3.finish(Progress::Step);
    assert!(next(&queue).is_none());
    pass(&queue, TURN * 3);
    schedule(&queue, &[("b", "small")]);
    let small = begins(&queue, "small");
    assert!(!is_awaited(&big1) && !is_awaited(&big2));
    small.finish(Progress::Done);
    schedule(&queue, &[("a", "small too")]);
    begins(&queue, "small too");
}

#[test]
fn beside_the_places_no_job_waits_for_long() {
    let queue = queue(1);
    schedule(&queue, &[("a", "big"), ("a", "stuck")]);
    let (big, stuck) = (begins(&queue, "big"), begins(&queue, "stuck"));
    schedule(&queue, &[("b", "small")]);
    pass(&queue, BRIEF);
    assert_eq!(needed(&stuck), Need::Some);
    pass(&queue, PATIENCE - BRIEF);
    assert_eq!(needed(&stuck), Need::Urgent);
    stuck.finish(Progress::Step);
    begins(&queue, "small").finish(Progress::Done);
    // In a place it waits as long as it takes.
    pass(&queue, TURN * 10);
    big.finish(Progress::Done);
    let stuck = begins(&queue, "stuck");
    schedule(&queue, &[("b", "other")]);
    let other = begins(&queue, "other");
    pass(&queue, TURN * 10);
    assert_eq!(needed(&other), Need::Urgent);
    other.finish(Progress::Step);
    pass(&queue, TURN * 10);
    assert_eq!(needed(&stuck), Need::Some);
}

#[test]
fn a_lone_tenants_jobs_go_on_to_their_end() {
    let queue = queue(2);
    schedule(&queue, &[("a", "big1"), ("a", "big2")]);
    let turns = [begins(&queue, "big1"), begins(&queue, "big2")];
    for _ in 0..100 {
        pass(&queue, TURN);
        assert!(!turns.iter().any(is_awaited));
    }
    assert_eq!(figures(&queue).gave_way, 0);
}

#[test]
fn a_job_that_finds_a_place_free_goes_on_in_it() {
    let queue = queue(1);
    schedule(&queue, &[("a", "big"), ("b", "other")]);
    let (big, other) = (begins(&queue, "big"), begins(&queue, "other"));
    big.finish(Progress::Done);
    pass(&queue, BRIEF);
    assert!(!is_awaited(&other));
    schedule(&queue, &[("a", "next")]);
    let beside = begins(&queue, "next");
    pass(&queue, BRIEF);
    assert!(is_awaited(&beside) && !is_awaited(&other));
}

/// A job of `b` that was beside the places, and waits for one.
fn b_waits(queue: &Rc<Bench>) {
    schedule(queue, &[("b", "medium")]);
    let medium = begins(queue, "medium");
    pass(queue, BRIEF);
    assert!(is_awaited(&medium));
    medium.finish(Progress::Step);
    assert!(next(queue).is_none());
}

#[test]
fn a_tenant_with_all_places_gives_one_of_them_up() {
    let queue = queue(2);
    schedule(&queue, &[("a", "big1"), ("a", "big2")]);
    let (big1, big2) = (begins(&queue, "big1"), begins(&queue, "big2"));
    pass(&queue, Duration::from_secs(3_600));
    b_waits(&queue);
    assert!(!is_awaited(&big1));
    // Two places: it gains on the other by two seconds in one.
    pass(&queue, TURN / 2);
    assert!(is_awaited(&big1));
    assert!(is_awaited(&big1), "once it should it always does");
    assert!(!is_awaited(&big2), "one is enough");
    big1.finish(Progress::Step);
    let medium = begins(&queue, "medium");
    for _ in 0..5 {
        // One place each: nobody gains.
        pass(&queue, TURN);
        assert!(!is_awaited(&medium) && !is_awaited(&big2));
    }
    medium.finish(Progress::Done);
    begins(&queue, "big1");
}

#[test]
fn long_jobs_of_two_tenants_take_turns_in_one_place() {
    let queue = queue(1);
    schedule(&queue, &[("a", "a1")]);
    let first = begins(&queue, "a1");
    pass(&queue, Duration::from_secs(600));
    b_waits(&queue);
    let mut turn = first;
    let mut order = Vec::new();
    for _ in 0..6 {
        let mut held = Duration::ZERO;
        while !is_awaited(&turn) {
            pass(&queue, Duration::from_secs(1));
            held += Duration::from_secs(1);
            assert!(held < TURN * 3, "{order:?}");
        }
        order.push((turn.job.file.clone(), held.as_secs()));
        turn.finish(Progress::Step);
        turn = next(&queue).unwrap();
    }
    let files: Vec<&str> = order.iter().map(|(file, _)| file.as_str()).collect();
    assert_eq!(files, ["a1", "medium", "a1", "medium", "a1", "medium"]);
    assert!(order[1..].iter().all(|(_, held)| *held >= TURN.as_secs()));
}

#[test]
fn jobs_of_one_tenant_give_way_to_one_another_after_a_minute() {
    let queue = queue(1);
    schedule(&queue, &[("a", "big"), ("a", "medium")]);
    let (big, medium) = (begins(&queue, "big"), begins(&queue, "medium"));
    pass(&queue, BRIEF);
    assert!(is_awaited(&medium));
    medium.finish(Progress::Step);
    pass(&queue, OWN_TURN - BRIEF);
    assert!(!is_awaited(&big));
    pass(&queue, BRIEF);
    assert!(is_awaited(&big));
    big.finish(Progress::Step);
    begins(&queue, "medium");
}

#[test]
fn who_comes_anew_has_neither_saved_nor_lost_anything() {
    let queue = queue(1);
    schedule(
        &queue,
        &[("a", "a1"), ("b", "b1"), ("a", "a2"), ("b", "b2")],
    );
    let turn = begins(&queue, "a1");
    pass(&queue, Duration::from_secs(100));
    turn.finish(Progress::Done);
    // Waiting for long earns `b` no more than the next turns.
    let turn = begins(&queue, "b1");
    pass(&queue, Duration::from_secs(1));
    schedule(&queue, &[("c", "c1"), ("c", "c2")]);
    turn.finish(Progress::Done);
    let turn = begins(&queue, "b2");
    pass(&queue, Duration::from_secs(2));
    turn.finish(Progress::Done);
    let turn = begins(&queue, "c1");
    turn.finish(Progress::Done);
    // `b` has ended, and comes back with what it had.
    schedule(&queue, &[("b", "b3")]);
    let turn = begins(&queue, "c2");
    turn.finish(Progress::Done);
    begins(&queue, "b3");
}

#[test]
fn idle_tenants_are_forgotten() {
    let queue = queue(2);
    for number in 0..50 {
        schedule(&queue, &[(&format!("t{number}"), "f")]);
        let turn = begins(&queue, "f");
        pass(&queue, Duration::from_secs(1));
        turn.finish(Progress::Done);
    }
    assert!(is_empty(&queue));
    assert_eq!(figures(&queue), Figures::default());
}

#[test]
fn a_job_scheduled_while_it_runs_runs_once_more() {
    let queue = queue(1);
    schedule(&queue, &[("a", "f")]);
    let turn = begins(&queue, "f");
    schedule(&queue, &[("a", "f")]);
    assert!(next(&queue).is_none(), "never twice at once");
    turn.finish(Progress::Done);
    begins(&queue, "f").finish(Progress::Done);
    assert!(next(&queue).is_none() && is_empty(&queue));
}

#[test]
fn a_lost_job_comes_back_ever_later_and_says_why_once() {
    let queue = queue(1);
    schedule(&queue, &[("a", "f")]);
    let turn = begins(&queue, "f");
    assert_eq!(turn.lost, None);
    turn.finish(Progress::Lost("memory".into()));
    assert_eq!(figures(&queue).sleeping, 1);
    let mut pauses = Vec::new();
    for number in 0..12 {
        let mut pause = 0;
        let turn = loop {
            if let Some(turn) = next(&queue) {
                break turn;
            }
            pass(&queue, Duration::from_secs(1));
            pause += 1;
        };
        let said = (number == 0).then_some("memory");
        assert_eq!(turn.lost.as_deref(), said);
        pauses.push(pause);
        turn.finish(Progress::Later);
    }
    assert!(pauses.is_sorted() && pauses[0] < pauses[1], "{pauses:?}");
    assert_eq!(pauses[11], 300);
}

#[test]
fn a_job_that_came_further_waits_anew_when_it_fails() {
    let queue = queue(1);
    schedule(&queue, &[("a", "f")]);
    begins(&queue, "f").finish(Progress::Later);
    pass(&queue, Duration::from_secs(1));
    begins(&queue, "f").finish(Progress::Step);
    begins(&queue, "f").finish(Progress::Later);
    pass(&queue, Duration::from_secs(1));
    begins(&queue, "f");
}

#[test]
fn a_tenants_known_jobs_are_bounded_and_the_others_not_touched_by_that() {
    let queue = queue(1);
    for number in 0..2 * MOST {
        schedule(&queue, &[("a", &number.to_string())]);
    }
    schedule(&queue, &[("b", "b1")]);
    let figures = figures(&queue);
    assert_eq!((figures.waiting, figures.overflowing), (MOST + 1, 1));
    let turn = begins(&queue, "0");
    pass(&queue, Duration::from_secs(1));
    turn.finish(Progress::Done);
    begins(&queue, "b1");
}

#[test]
fn jobs_that_fail_take_no_room_from_the_others() {
    let queue = queue(1);
    for number in 0..MOST {
        schedule(&queue, &[("a", &number.to_string())]);
        next(&queue).unwrap().finish(Progress::Later);
    }
    schedule(&queue, &[("a", "more")]);
    // The bucket has it; more than so many are not kept in mind.
    begins(&queue, "more").finish(Progress::Later);
    assert_eq!(figures(&queue).sleeping, MOST);
    schedule(&queue, &[("a", "and more")]);
    begins(&queue, "and more");
}

#[test]
fn figures_tell_how_long_the_oldest_waits() {
    let queue = queue(0);
    schedule(&queue, &[("a", "a1")]);
    pass(&queue, Duration::from_secs(5));
    schedule(&queue, &[("b", "b1")]);
    let figures = figures(&queue);
    assert_eq!((figures.waiting, figures.running), (2, 0));
    assert_eq!(figures.oldest, Duration::from_secs(5));
}

#[tokio::test]
async fn a_waiting_worker_gets_the_job_that_comes() {
    let queue = Arc::new(JobQueue::default());
    queue.open(1);
    let (turn, ()) = tokio::join!(queue.next(), async { queue.schedule("a", "s", "f") });
    assert_eq!(turn.job.file, "f");
    turn.finish(Progress::Step);
    assert_eq!(queue.next().await.job.file, "f");
}
