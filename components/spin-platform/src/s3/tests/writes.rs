use dayfly_core::objects::ObjectError;
use futures::executor::block_on;

use super::client;
use super::storage::{Fate, Storage};

#[test]
fn of_several_creators_one_wins() {
    let storage = Storage::default();
    let client = client(&storage);
    let tenant = client.of("t");
    assert_eq!(block_on(tenant.put_new("a", b"x")), Ok(()));
    let second = block_on(tenant.put_new("a", b"x"));
    assert_eq!(second, Err(ObjectError::AlreadyExists));
}

#[test]
fn a_creation_whose_answer_is_lost_knows_its_own_object() {
    for fate in [
        Fate::LostAfter,
        Fate::AnsweredAfter(500),
        Fate::AnsweredAfter(504),
    ] {
        let storage = Storage::default();
        let client = client(&storage);
        storage.next(&[fate]);
        assert_eq!(block_on(client.of("t").put_new("a", b"x")), Ok(()));
        assert_eq!(storage.objects.borrow()["p/t/a"].data, b"x");
    }
}

#[test]
fn a_creation_whose_answer_is_lost_does_not_take_anothers_equal_bytes_for_its_own() {
    let storage = Storage::default();
    let client = client(&storage);
    storage.next(&[Fate::Overtaken]);
    let answer = block_on(client.of("t").put_new("a", b"x"));
    assert_eq!(answer, Err(ObjectError::AlreadyExists));
}

#[test]
fn a_creation_that_cannot_be_told_is_unavailable() {
    let storage = Storage::default();
    let client = client(&storage);
    storage.next(&[
        Fate::LostBefore,
        Fate::Answered(412, "PreconditionFailed"),
        Fate::Answered(404, ""),
    ]);
    let answer = block_on(client.of("t").put_new("a", b"x"));
    assert!(matches!(answer, Err(ObjectError::Unavailable(_))));
}

#[test]
fn a_conflict_is_decided_by_trying_again() {
    let storage = Storage::default();
    let client = client(&storage);
    storage.next(&[Fate::Answered(409, "ConditionalRequestConflict")]);
    assert_eq!(block_on(client.of("t").put_new("a", b"x")), Ok(()));
}
