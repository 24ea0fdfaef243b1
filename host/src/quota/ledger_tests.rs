use object_store::PutMode;
use object_store::memory::InMemory;

use super::*;

fn storage() -> Storage {
    Storage::new(Arc::new(InMemory::new()), "memory".into(), true)
}

async fn put(storage: &Storage, key: &str, size: usize) {
    let objects = storage.of("a");
    objects
        .put(key, vec![0; size], PutMode::Overwrite)
        .await
        .unwrap();
}

fn bytes(most: u64) -> Quota {
    Quota {
        stored_bytes: Some(most),
        ..Quota::NONE
    }
}

async fn more(ledger: &Arc<Ledger>, quota: &Quota, key: &str, size: u64) -> bool {
    let admitted = ledger.admit("a", quota, key, size, Kind::More).await;
    match &admitted {
        Err(Failure::OverQuota(text)) => assert!(text.contains("quota"), "{text}"),
        other => assert!(other.is_ok(), "{other:?}"),
    }
    admitted.is_ok()
}

#[tokio::test]
async fn what_is_there_and_what_comes_count_together() {
    let storage = storage();
    put(&storage, "files/f/content", 600).await;
    let ledger = Ledger::new(&storage);
    let quota = bytes(1_000);
    assert!(more(&ledger, &quota, "files/g/content", 300).await);
    assert!(!more(&ledger, &quota, "files/h/content", 200).await);
    assert!(
        ledger
            .admit("a", &quota, "x", 900, Kind::Upkeep)
            .await
            .is_ok()
    );
    let other = ledger
        .admit("b", &quota, "files/f/content", 900, Kind::More)
        .await;
    assert!(other.is_ok());
}

#[tokio::test]
async fn what_is_written_shows_once_and_what_is_under_way_is_not_forgotten() {
    let storage = storage();
    let ledger = Ledger::new(&storage);
    let quota = bytes(1_000);
    assert!(more(&ledger, &quota, "files/f/content", 600).await);
    assert!(!more(&ledger, &quota, "files/g/content", 500).await);
    put(&storage, "files/f/content", 600).await;
    ledger.done("a", "files/f/content", 600);
    assert!(!more(&ledger, &quota, "files/g/content", 500).await);
    assert!(more(&ledger, &quota, "files/g/content", 400).await);
}

#[tokio::test]
async fn what_was_deleted_makes_room() {
    let storage = storage();
    put(&storage, "files/f/content", 600).await;
    let ledger = Ledger::new(&storage);
    let quota = bytes(1_000);
    assert!(!more(&ledger, &quota, "files/g/content", 500).await);
    storage.of("a").delete("files/f/content").await.unwrap();
    assert!(more(&ledger, &quota, "files/g/content", 500).await);
}

#[tokio::test]
async fn what_was_deleted_makes_room_at_once_also_where_measuring_is_slow() {
    let storage = storage();
    put(&storage, "files/f/content", 600).await;
    let ledger = Ledger::new(&storage);
    let account = ledger.account("a");
    let found = measure(&storage, "a").await.unwrap();
    let began = Instant::now() - Duration::from_millis(500);
    account.settle(found, Usage::default(), began);
    storage.of("a").delete("files/f/content").await.unwrap();
    let begin = Instant::now();
    assert!(more(&ledger, &bytes(1_000), "files/g/content", 500).await);
    assert!(begin.elapsed() < PATIENCE);
}

#[tokio::test]
async fn all_who_ask_meanwhile_are_told_by_one_measurement() {
    let storage = storage();
    put(&storage, "files/f/content", 600).await;
    let ledger = Ledger::new(&storage);
    let quota = bytes(1_000);
    assert!(!more(&ledger, &quota, "files/g/content", 500).await);
    storage.of("a").delete("files/f/content").await.unwrap();
    let (one, other) = tokio::join!(
        more(&ledger, &quota, "files/g/content", 500),
        more(&ledger, &quota, "files/h/content", 500),
    );
    assert!(one && other);
}

#[tokio::test]
async fn storage_that_failed_long_is_asked_again_as_soon_as_it_is_well() {
    let ledger = Ledger::new(&storage());
    let account = ledger.account("a");
    for _ in 0..10 {
        account.fail(Instant::now() - Duration::from_secs(180));
        assert!(account.wait().is_zero());
    }
    assert!(ledger.measure_soon(&account, "a").await);
}

#[tokio::test]
async fn who_waited_for_a_measurement_that_failed_does_not_repeat_it() {
    let ledger = Ledger::new(&storage());
    let account = ledger.account("a");
    let asked = Instant::now();
    account.fail(Instant::now());
    assert!(!ledger.measure(&account, "a", asked).await);
    assert!(account.present().is_none());
    assert!(ledger.measure(&account, "a", Instant::now()).await);
}

#[tokio::test]
async fn files_and_stores_are_counted_by_what_makes_them_exist() {
    let ledger = Ledger::new(&storage());
    let quota = Quota {
        files: Some(1),
        stores: Some(1),
        ..Quota::NONE
    };
    assert!(more(&ledger, &quota, "files/f/content", 10).await);
    assert!(more(&ledger, &quota, "files/f/meta.json", 10).await);
    assert!(!more(&ledger, &quota, "files/g/meta.json", 10).await);
    assert!(more(&ledger, &quota, "catalog/1/vs_1/l", 10).await);
    assert!(!more(&ledger, &quota, "catalog/2/vs_2/l", 10).await);
    ledger.give_back("a", "files/f/meta.json", 10);
    assert!(more(&ledger, &quota, "files/g/meta.json", 10).await);
    assert!(!more(&ledger, &quota, "files/h/meta.json", 10).await);
}

#[tokio::test]
async fn another_host_begins_with_what_was_found() {
    let storage = storage();
    put(&storage, "files/f/content", 600).await;
    let first = Ledger::new(&storage);
    assert!(more(&first, &bytes(1_000), "files/g/content", 100).await);
    let second = Ledger::new(&storage);
    assert_eq!(second.last("a").await.unwrap().usage.stored_bytes, 600);
    assert!(!more(&second, &bytes(1_000), "files/g/content", 500).await);
}

#[tokio::test]
async fn who_is_not_limited_costs_nothing() {
    let ledger = Ledger::new(&storage());
    assert!(more(&ledger, &Quota::NONE, "files/f/content", u64::MAX).await);
    assert!(ledger.lock().known.is_empty());
}
