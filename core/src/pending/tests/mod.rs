mod ends;
mod late;
mod races;
mod steps;
mod turns;

use super::*;
use crate::files::{self, FileMeta};
use crate::home::Home;
use crate::objects::{MemoryObjects, Objects};
use crate::platform::{Platform, Worker};
use crate::testing::{Op, Tenant, worker};

const STORE: &str = "vs_test";

fn home() -> Home {
    Home::new(STORE, "i1")
}

/// Accepts an ingestion of `file-a`, which exists.
fn accept_one(platform: Platform<'_>, home: &Home, ingest_id: &str) -> Pending {
    let file = FileMeta {
        id: "file-a".to_owned(),
        bytes: 6,
        created_at: 1,
        filename: "a.txt".to_owned(),
        purpose: "assistants".to_owned(),
        content_type: None,
        expires_at: None,
        parts: Vec::new(),
    };
    files::write(platform.objects, &file).unwrap();
    accept(platform, home, Pending::new(&file, ingest_id.to_owned())).unwrap()
}

fn under_way(platform: Platform<'_>, home: &Home) -> Option<Pending> {
    of_file(platform, home, "file-a").unwrap().under_way
}

fn try_claim(objects: &MemoryObjects, worker: &Worker, now_ms: u64, lost: Option<Lost>) -> Claim {
    claim_at(objects, worker, now_ms, lost, 0)
}

fn claim_at(
    objects: &MemoryObjects,
    worker: &Worker,
    now_ms: u64,
    lost: Option<Lost>,
    progress: u32,
) -> Claim {
    claim(objects, "attempts/1/", worker, now_ms, lost, progress).unwrap()
}

fn granted(claim: Claim) -> Attempt {
    match claim {
        Claim::Granted(attempt) => attempt,
        other => panic!("not granted: {other:?}"),
    }
}

fn held_until(claim: &Claim) -> Option<u64> {
    match claim {
        Claim::Held { until_ms } => Some(*until_ms),
        _ => None,
    }
}

fn is_granted(claim: &Claim) -> bool {
    matches!(claim, Claim::Granted(_))
}

#[test]
fn of_many_claims_at_once_one_is_granted() {
    let objects = MemoryObjects::default();
    let granted = std::thread::scope(|scope| {
        let claims: Vec<_> = (0..16)
            .map(|number| {
                let objects = objects.clone();
                scope.spawn(move || try_claim(&objects, &worker(&number.to_string(), "b"), 0, None))
            })
            .collect();
        claims
            .into_iter()
            .map(|claim| claim.join().unwrap())
            .filter(is_granted)
            .count()
    });
    assert_eq!(granted, 1);
}

#[test]
fn an_attempt_is_held_for_its_lease_and_renewed_by_its_holder() {
    let objects = MemoryObjects::default();
    let mut attempt = granted(try_claim(&objects, &worker("a", "1"), 0, None));
    let other = worker("b", "1");
    let held = |now_ms| held_until(&try_claim(&objects, &other, now_ms, None));
    assert_eq!(held(1), Some(LEASE_MS));
    assert!(attempt.renew(&objects, LEASE_MS - 1).unwrap());
    let until_ms = 2 * LEASE_MS - 1;
    assert_eq!(held(LEASE_MS), Some(until_ms));
    assert!(is_granted(&try_claim(&objects, &other, until_ms, None)));
    assert!(
        !attempt.renew(&objects, until_ms + 1).unwrap(),
        "it is not its holder's any more"
    );
}

#[test]
fn a_host_that_was_started_again_need_not_wait_for_its_own_lease() {
    let objects = MemoryObjects::default();
    assert!(is_granted(&try_claim(&objects, &worker("a", "1"), 0, None)));
    assert!(is_granted(&try_claim(&objects, &worker("a", "2"), 1, None)));
}

#[test]
fn what_would_end_the_same_way_again_is_not_tried_again() {
    let objects = MemoryObjects::default();
    let worker = worker("a", "1");
    assert!(is_granted(&try_claim(&objects, &worker, 0, None)));
    let lost = Some(Lost::Deterministic("too large".to_owned()));
    let Claim::Exhausted(reason) = try_claim(&objects, &worker, 1, lost) else {
        panic!("tried again");
    };
    assert_eq!(reason, "too large");
}

#[test]
fn a_trap_is_tried_again_a_few_times_and_then_reported() {
    let objects = MemoryObjects::default();
    let worker = worker("a", "1");
    let mut granted = 0;
    let reason = loop {
        let lost = (granted > 0).then(|| Lost::Chance("it trapped".to_owned()));
        match try_claim(&objects, &worker, 0, lost) {
            Claim::Granted(_) => granted += 1,
            Claim::Exhausted(reason) => break reason,
            Claim::Held { .. } => panic!("the holder is gone"),
        }
    };
    assert_eq!(granted, 5);
    assert!(
        reason.contains("it trapped") && reason.contains("Attach the file again"),
        "{reason}"
    );
}
