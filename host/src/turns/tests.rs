use futures::FutureExt;
use proptest::prelude::*;

use super::*;

type Taken = std::pin::Pin<Box<dyn Future<Output = Result<Place, Full>>>>;

/// Begins to wait, and does not have to be polled to get a place.
fn ask(turns: &Arc<Turns>, tenant: &'static str, urgency: Urgency) -> Taken {
    let (turns, tenant) = (Arc::clone(turns), Arc::from(tenant));
    let mut taken: Taken = Box::pin(async move { turns.take(&tenant, urgency).await });
    match (&mut taken).now_or_never() {
        Some(taken) => Box::pin(async { taken }),
        None => taken,
    }
}

fn now(taken: &mut Taken) -> Option<Result<Place, Full>> {
    taken.now_or_never()
}

fn place(taken: &mut Taken) -> Place {
    now(taken).expect("it waits").expect("it is full")
}

#[test]
fn a_place_that_becomes_free_goes_to_the_tenant_that_had_least() {
    let turns = Turns::new(1, 1, 10);
    let first = place(&mut ask(&turns, "a", Urgency::Later));
    let mut more = [
        ask(&turns, "a", Urgency::Later),
        ask(&turns, "a", Urgency::Later),
        ask(&turns, "b", Urgency::Later),
    ];
    drop(first);
    let second = place(&mut more[2]);
    assert!(now(&mut more[0]).is_none());
    drop(second);
    let third = place(&mut more[0]);
    assert!(now(&mut more[1]).is_none());
    drop(third);
    place(&mut more[1]);
}

#[test]
fn a_search_goes_before_what_its_tenant_has_waiting_and_not_before_other_tenants() {
    let turns = Turns::new(1, 1, 10);
    let first = place(&mut ask(&turns, "x", Urgency::Later));
    let mut a = ask(&turns, "a", Urgency::Later);
    let mut b = ask(&turns, "b", Urgency::Later);
    let mut search = ask(&turns, "b", Urgency::Now);
    drop(first);
    drop(place(&mut a));
    let found = place(&mut search);
    assert!(now(&mut b).is_none());
    drop(found);
    place(&mut b);
}

#[test]
fn who_spends_little_goes_before_who_spent_much() {
    let turns = Turns::by_cost(1);
    let held = place(&mut ask(&turns, "x", Urgency::Later));
    let mut greedy = [0, 1].map(|_| ask(&turns, "greedy", Urgency::Later));
    let mut modest = ask(&turns, "modest", Urgency::Later);
    drop(held);
    let turn = place(&mut greedy[0]);
    turn.spend(1_000);
    drop(turn);
    for _ in 0..10 {
        let turn = place(&mut modest);
        turn.spend(1);
        modest = ask(&turns, "modest", Urgency::Later);
    }
    assert!(now(&mut greedy[1]).is_none());
    place(&mut modest).spend(1_000);
    place(&mut greedy[1]);
}

#[test]
fn searches_do_not_keep_what_else_their_tenant_does_waiting_for_ever() {
    let turns = Turns::new(1, 1, 10);
    let held = place(&mut ask(&turns, "a", Urgency::Now));
    let mut later = ask(&turns, "a", Urgency::Later);
    let mut searches: Vec<Taken> = (0..4).map(|_| ask(&turns, "a", Urgency::Now)).collect();
    drop(held);
    // The first one was one of three.
    for search in &mut searches[..2] {
        assert!(now(&mut later).is_none());
        drop(place(search));
    }
    drop(place(&mut later));
    place(&mut searches[2]);
}

#[test]
fn what_else_a_tenant_does_leaves_a_place_for_its_search() {
    let turns = Turns::keeping_some(8, 4, 1);
    let held: Vec<Place> = (0..3)
        .map(|_| place(&mut ask(&turns, "a", Urgency::Later)))
        .collect();
    let mut waiting = ask(&turns, "a", Urgency::Later);
    assert!(now(&mut waiting).is_none());
    let search = place(&mut ask(&turns, "a", Urgency::Now));
    let mut second = ask(&turns, "a", Urgency::Now);
    assert!(matches!(now(&mut waiting), Some(Err(Full))));
    drop(search);
    place(&mut second);
    drop(held);
}

#[test]
fn greedy_tenants_leave_a_place_for_the_next_one() {
    let turns = Turns::new(64, 32, 1_000);
    let mut held = Vec::new();
    let mut waiting = Vec::new();
    let mut counts = Vec::new();
    for tenant in ["a", "b", "c"] {
        let before = held.len();
        for _ in 0..64 {
            let mut taken = ask(&turns, tenant, Urgency::Later);
            match now(&mut taken) {
                Some(place) => held.push(place),
                None => waiting.push(taken),
            }
        }
        counts.push(held.len() - before);
    }
    assert_eq!(counts, [32, 16, 8]);
    place(&mut ask(&turns, "d", Urgency::Later));
}

#[test]
fn who_may_have_all_gets_all() {
    let turns = Turns::new(4, 4, 0);
    let held: Vec<Place> = (0..4)
        .map(|_| place(&mut ask(&turns, "a", Urgency::Later)))
        .collect();
    assert!(matches!(
        now(&mut ask(&turns, "a", Urgency::Later)),
        Some(Err(Full))
    ));
    drop(held);
    assert!(turns.lock().tenants.is_empty());
}

#[test]
fn a_full_queue_has_room_for_who_has_less_in_it() {
    let turns = Turns::new(1, 1, 4);
    let held = place(&mut ask(&turns, "x", Urgency::Later));
    let mut greedy: Vec<Taken> = (0..5)
        .map(|_| ask(&turns, "greedy", Urgency::Later))
        .collect();
    assert!(matches!(now(&mut greedy[4]), Some(Err(Full))));
    let mut other = ask(&turns, "other", Urgency::Later);
    assert!(now(&mut other).is_none());
    assert!(matches!(now(&mut greedy[3]), Some(Err(Full))));
    assert!(now(&mut greedy[2]).is_none());
    drop(held);
    drop(place(&mut greedy[0]));
    place(&mut other);
}

#[test]
fn who_need_not_wait_does_not_care_how_many_do() {
    let turns = Turns::new(2, 1, 1);
    let _held = place(&mut ask(&turns, "a", Urgency::Later));
    let mut waiting = ask(&turns, "a", Urgency::Later);
    place(&mut ask(&turns, "b", Urgency::Later));
    assert!(now(&mut waiting).is_none());
}

#[test]
fn who_stops_waiting_holds_nothing() {
    let turns = Turns::new(1, 1, 1);
    let held = place(&mut ask(&turns, "a", Urgency::Later));
    let waiting = ask(&turns, "b", Urgency::Later);
    drop(waiting);
    assert_eq!(turns.lock().waiting, 0);
    let granted = ask(&turns, "c", Urgency::Later);
    drop(held);
    drop(granted);
    place(&mut ask(&turns, "d", Urgency::Later));
    let state = turns.lock();
    assert_eq!((state.held, state.waiting), (0, 0));
    assert!(state.tenants.is_empty());
}

#[derive(Debug, Clone)]
enum Step {
    Ask(usize, bool),
    Leave(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..4_usize, any::<bool>()).prop_map(|(tenant, search)| Step::Ask(tenant, search)),
        (0..64_usize).prop_map(Step::Leave),
    ];
    proptest::collection::vec(step, 1..200)
}

proptest! {
    #[test]
    fn places_are_never_lost_nor_kept_from_who_waits(
        steps in steps(), places in 1..9_usize, most in 1..9_usize, queue in 0..9_usize,
    ) {
        let turns = Turns::new(places, most, queue);
        let mut open: Vec<(usize, Taken)> = Vec::new();
        let mut held: Vec<(usize, Place)> = Vec::new();
        for step in steps {
            match step {
                Step::Ask(tenant, search) => {
                    let urgency = if search { Urgency::Now } else { Urgency::Later };
                    open.push((tenant, ask(&turns, ["a", "b", "c", "d"][tenant], urgency)));
                }
                Step::Leave(at) if at % 2 == 0 && !held.is_empty() => {
                    drop(held.swap_remove(at % held.len()));
                }
                Step::Leave(at) if !open.is_empty() => drop(open.swap_remove(at % open.len())),
                Step::Leave(_) => {}
            }
            let mut still = Vec::new();
            for (tenant, mut taken) in open {
                match now(&mut taken) {
                    Some(Ok(place)) => held.push((tenant, place)),
                    Some(Err(Full)) => {}
                    None => still.push((tenant, taken)),
                }
            }
            open = still;
            let state = turns.lock();
            prop_assert_eq!(state.held, held.len());
            prop_assert_eq!(state.waiting, open.len());
            prop_assert!(held.len() <= places && open.len() <= queue);
            for tenant in 0..4 {
                let own = held.iter().filter(|(other, _)| *other == tenant).count();
                prop_assert!(own <= turns.most);
            }
            // Nobody waits who holds nothing while a place is free.
            for (tenant, _) in &open {
                let holds = held.iter().any(|(other, _)| other == tenant);
                prop_assert!(holds || held.len() == places);
            }
        }
        drop(open);
        drop(held);
        prop_assert!(turns.lock().tenants.is_empty());
    }
}
