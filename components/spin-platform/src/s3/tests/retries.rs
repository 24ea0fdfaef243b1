use std::time::Duration;

use dayfly_core::objects::{ObjectError, Obstacle};
use futures::executor::block_on;

use super::client;
use super::storage::{Fate, Storage};

#[test]
fn what_passes_is_tried_again() {
    for fate in [
        Fate::NotSent,
        Fate::LostBefore,
        Fate::LostAfter,
        Fate::Answered(500, "InternalError"),
        Fate::Answered(503, "SlowDown"),
        Fate::Answered(429, "TooManyRequests"),
        Fate::Answered(409, "OperationAborted"),
        Fate::AnsweredAfter(504),
    ] {
        let storage = Storage::default();
        let client = client(&storage);
        let tenant = client.of("t");
        let twice = [fate.clone(), fate];
        storage.next(&twice);
        assert_eq!(block_on(tenant.put("a", b"x")), Ok(()));
        storage.next(&twice);
        assert_eq!(block_on(tenant.get("a", None)), Ok(b"x".to_vec()));
        storage.next(&twice);
        assert_eq!(block_on(tenant.list("", None, 9)).unwrap().len(), 1);
        storage.next(&twice);
        assert_eq!(block_on(tenant.delete("a")), Ok(()));
        assert!(storage.objects.borrow().is_empty());
        assert_eq!(storage.sent.get(), 12);
    }
}

#[test]
fn no_call_goes_on_for_ever() {
    for fate in [
        Fate::NotSent,
        Fate::LostBefore,
        Fate::Answered(503, "SlowDown"),
    ] {
        let storage = Storage::default();
        let client = client(&storage);
        *storage.always.borrow_mut() = Some(fate);
        let tenant = client.of("t");
        let unavailable = |error: ObjectError| matches!(error, ObjectError::Unavailable(_));
        let start = storage.clock.get();
        assert!(block_on(tenant.get("a", None)).is_err_and(unavailable));
        assert!(storage.clock.get() - start < Duration::from_secs(20));
        let start = storage.clock.get();
        assert!(block_on(tenant.put_new("a", b"x")).is_err_and(unavailable));
        assert!(storage.clock.get() - start < Duration::from_secs(26));
    }
}

#[test]
fn refusals_tell_the_operator_what_to_do() {
    for (status, code, expected) in [
        (403, "AccessDenied", "s3_secret_access_key"),
        (403, "InvalidAccessKeyId", "InvalidAccessKeyId"),
        (400, "ExpiredToken", "s3_session_token"),
        (404, "NoSuchBucket", "s3_bucket"),
        (301, "PermanentRedirect", "s3_region"),
        (400, "AuthorizationHeaderMalformed", "s3_region"),
        (400, "InvalidRequest", "InvalidRequest"),
    ] {
        let storage = Storage::default();
        let client = client(&storage);
        let tenant = client.of("t");
        *storage.always.borrow_mut() = Some(Fate::Answered(status, code));
        for error in [
            block_on(tenant.get("a", None)).unwrap_err(),
            block_on(tenant.put_new("a", b"")).unwrap_err(),
            block_on(tenant.delete("a")).unwrap_err(),
            block_on(tenant.folders("a/")).unwrap_err(),
        ] {
            let kind = matches!(
                error,
                ObjectError::Unavailable(_) | ObjectError::Unusable { .. }
            );
            assert!(
                kind && error.to_string().contains(expected),
                "{status} {code}: {error:?}"
            );
        }
        assert_eq!(storage.sent.get(), 4, "{code} is not tried again");
    }
}

#[test]
fn what_only_the_operator_can_mend_is_told_apart() {
    for (status, code, obstacle) in [
        (403, "AccessDenied", Obstacle::Refused),
        (404, "NoSuchBucket", Obstacle::NoSuchBucket),
        (501, "NotImplemented", Obstacle::Unsupported),
        (405, "MethodNotAllowed", Obstacle::Unsupported),
    ] {
        let storage = Storage::default();
        let client = client(&storage);
        storage.next(&[Fate::Answered(status, code)]);
        let error = block_on(client.of("t").put_new("a", b"x")).unwrap_err();
        assert!(
            matches!(error, ObjectError::Unusable { obstacle: found, .. } if found == obstacle),
            "{error:?}"
        );
        let conditional = error.to_string().contains("conditional writes");
        assert_eq!(conditional, obstacle == Obstacle::Unsupported, "{error}");
        assert_eq!(storage.sent.get(), 1, "{code} is not tried again");
    }
}

#[test]
fn a_full_storage_is_out_of_space() {
    for (status, code) in [
        (507, ""),
        (403, "QuotaExceeded"),
        (507, "XMinioStorageFull"),
    ] {
        let storage = Storage::default();
        let client = client(&storage);
        storage.next(&[Fate::Answered(status, code)]);
        let error = block_on(client.of("t").put("a", b"x")).unwrap_err();
        assert!(matches!(error, ObjectError::OutOfSpace(_)), "{error:?}");
    }
}
