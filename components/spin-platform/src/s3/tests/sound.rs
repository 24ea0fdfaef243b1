use std::future::Future;

use dayfly_core::objects::{ObjectError, Obstacle};
use futures::executor::block_on;

use super::client;
use super::storage::{Fate, Storage};
use crate::s3::Wait;

#[derive(Clone, Copy)]
struct Here;

impl Wait for Here {
    fn wait<F: Future>(&self, future: F) -> F::Output {
        block_on(future)
    }
}

#[test]
fn a_bucket_is_probed_once_and_known_from_its_marker() {
    let storage = Storage::default();
    client(&storage).ensure_sound(Here).unwrap();
    let keys: Vec<String> = storage.objects.borrow().keys().cloned().collect();
    assert_eq!(keys.len(), 1);
    assert!(keys[0].starts_with("p/.dayfly/probed/"), "{keys:?}");
    let before = storage.sent.get();
    let next = client(&storage);
    for _ in 0..3 {
        next.ensure_sound(Here).unwrap();
    }
    assert_eq!(storage.sent.get(), before + 1);
}

#[test]
fn a_bucket_that_ignores_conditional_writes_is_refused_each_time() {
    let storage = Storage::default();
    storage.ignores_conditions.set(true);
    let client = client(&storage);
    for _ in 0..2 {
        let error = client.ensure_sound(Here).unwrap_err();
        assert!(matches!(
            error,
            ObjectError::Unusable {
                obstacle: Obstacle::Unsupported,
                ..
            }
        ));
        assert!(error.to_string().contains("If-None-Match"), "{error}");
    }
    assert!(storage.objects.borrow().is_empty());
}

#[test]
fn a_bucket_that_is_missing_says_so() {
    let storage = Storage::default();
    let client = client(&storage);
    // An answer to HEAD has no body.
    storage.next(&[Fate::Answered(404, "")]);
    *storage.always.borrow_mut() = Some(Fate::Answered(404, "NoSuchBucket"));
    let error = client.ensure_sound(Here).unwrap_err();
    assert!(error.to_string().contains("s3_bucket"), "{error}");
}

#[test]
fn faults_that_pass_do_not_make_a_bucket_unsound() {
    let requests = {
        let storage = Storage::default();
        client(&storage).ensure_sound(Here).unwrap();
        storage.sent.get()
    };
    for fate in [
        Fate::LostBefore,
        Fate::LostAfter,
        Fate::Answered(503, "SlowDown"),
    ] {
        for at in 0..requests {
            let storage = Storage::default();
            storage.next(&vec![Fate::Passes; at]);
            storage.next(std::slice::from_ref(&fate));
            assert_eq!(client(&storage).ensure_sound(Here), Ok(()), "request {at}");
        }
    }
}
