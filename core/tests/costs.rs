//! Requests cost about the same in a store of a million files as in one of a thousand, and
//! a store takes little more than what is live in it.

#![allow(clippy::unwrap_used)]

#[path = "../benches/costs/counting.rs"]
mod counting;
#[path = "../benches/costs/space.rs"]
mod space;
#[path = "../benches/costs/store.rs"]
mod store;
#[path = "../benches/costs/work.rs"]
mod work;

#[test]
fn requests_cost_the_same_in_a_large_store_as_in_a_small_one() {
    let (small, large) = (work::measure(1_000), work::measure(1_000_000));
    for (small, large) in small.iter().zip(&large) {
        let bytes = |cost: &work::Cost| cost.read + cost.written;
        for of in [|cost: &work::Cost| cost.requests, bytes] {
            assert!(of(large) <= of(small) * 1.2, "{large:?} and {small:?}");
        }
        println!("{}: {:?} and {:?}", small.what, small.cpu, large.cpu);
    }
}

#[test]
fn an_hour_after_many_uploads_a_store_takes_at_most_half_more_than_what_is_live() {
    let space = space::measure(300);
    assert!(space.after_an_hour * 2 <= space.live * 3, "{space:?}");
    assert!(space.after_an_hour < space.after_uploads, "{space:?}");
    // The files' two objects and note each, and few of the store.
    assert!(space.objects < 300 * 3 + 128, "{space:?}");
}
