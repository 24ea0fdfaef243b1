use std::sync::Barrier;

use dayfly_core::objects::limits::MAX_ANSWER;

use super::*;
use crate::storage::durable_local::DurableLocal;

fn local() -> (tempfile::TempDir, Storage) {
    let root = tempfile::tempdir().unwrap();
    let store = DurableLocal::open(root.path()).unwrap();
    let place = root.path().display().to_string();
    let storage = Storage::in_directory(Arc::new(store), place, root.path());
    (root, storage)
}

async fn put(storage: &Storage, key: &str, data: &str) {
    storage
        .of("t")
        .put(key, data.into(), PutMode::Overwrite)
        .await
        .unwrap();
}

fn limit() -> AnswerLimit {
    AnswerLimit::new(MAX_ANSWER)
}

fn range(offset: u64, length: u64) -> Option<Range<u64>> {
    Some(offset..offset.saturating_add(length))
}

#[tokio::test]
async fn ranges_give_what_there_is() {
    let (_root, storage) = local();
    put(&storage, "a", "0123456789").await;
    let tenant = storage.of("t");
    for (wanted, found) in [
        (None, "0123456789"),
        (range(2, 3), "234"),
        (range(8, 100), "89"),
        (range(10, 1), ""),
        (range(99, 1), ""),
        (range(0, 0), ""),
        (range(5, u64::MAX), "56789"),
    ] {
        assert_eq!(
            tenant.get("a", wanted.clone(), &limit()).await.unwrap(),
            found,
            "{wanted:?}"
        );
    }
    assert_eq!(
        tenant.get("b", None, &limit()).await,
        Err(Failure::NotFound)
    );
    assert_eq!(
        tenant.get("b", range(0, 0), &limit()).await,
        Err(Failure::NotFound)
    );
    assert!(matches!(
        tenant.get("a", None, &AnswerLimit::new(9)).await,
        Err(Failure::TooLarge(_))
    ));
}

#[tokio::test]
async fn many_are_answered_in_order_wherever_they_are() {
    let (_root, storage) = local();
    let large = "x".repeat(5 << 20);
    put(&storage, "large", &large).await;
    put(&storage, "a", "0123").await;
    put(&storage, "b", "4567").await;
    let part = |key: &str, range| (key.to_owned(), range);
    let parts = [
        part("a", range(1, 2)),
        part("large", None),
        part("absent", None),
        part("b", None),
        part("../b", None),
        part("a", range(3, 9)),
    ];
    let answers = storage.of("t").get_many(&parts, &limit()).await;
    assert_eq!(answers[0].as_ref().unwrap(), "12");
    assert_eq!(answers[1].as_ref().unwrap(), large.as_bytes());
    assert_eq!(answers[2], Err(Failure::NotFound));
    assert_eq!(answers[3].as_ref().unwrap(), "4567");
    assert!(matches!(answers[4], Err(Failure::InvalidKey(_))));
    assert_eq!(answers[5].as_ref().unwrap(), "3");
    assert_eq!(answers.len(), 6);
    // Together they have a limit.
    let answers = storage.of("t").get_many(&parts, &AnswerLimit::new(7)).await;
    assert!(matches!(answers[1], Err(Failure::TooLarge(_))));
    assert_eq!(answers.iter().flatten().map(Bytes::len).sum::<usize>(), 7);
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let (root, storage) = local();
    put(&storage, "secret", "x").await;
    let other = storage.of("t2");
    assert_eq!(
        other.get("secret", None, &limit()).await,
        Err(Failure::NotFound)
    );
    for key in [
        "../t/secret",
        "..",
        "/t/secret",
        "a/../../t/secret",
        "",
        "%2e%2e/t/secret",
    ] {
        assert!(
            matches!(
                other.get(key, None, &limit()).await,
                Err(Failure::InvalidKey(_))
            ),
            "{key}"
        );
        let put = other.put(key, vec![], PutMode::Overwrite).await;
        assert!(matches!(put, Err(Failure::InvalidKey(_))), "{key}");
        assert!(
            other.list(&format!("{key}/"), None, 9).await.is_err(),
            "{key}"
        );
        assert!(other.create(key).is_err(), "{key}");
    }
    assert_eq!(other.list("", None, 9).await.unwrap().len(), 0);
    assert!(root.path().join("t/secret").exists());
}

#[tokio::test]
async fn listings_are_sorted_bounded_and_resume() {
    let (_root, storage) = local();
    for number in (0..25).rev() {
        put(&storage, &format!("m/{number:03}"), "x").await;
    }
    put(&storage, "m2/000", "x").await;
    let tenant = storage.of("t");
    let names = async |prefix: &str, after: Option<&str>, limit| -> Vec<String> {
        let found = tenant.list(prefix, after, limit).await.unwrap();
        found.into_iter().map(|meta| meta.key).collect()
    };
    assert_eq!(names("m/", None, 2).await, ["m/000", "m/001"]);
    assert_eq!(names("m/", Some("m/022"), 9).await, ["m/023", "m/024"]);
    assert_eq!(names("m/01", None, 2).await, ["m/010", "m/011"]);
    assert_eq!(names("m", None, 100).await.len(), 26);
    assert_eq!(names("m/", Some("m/zzz"), 9).await.len(), 0);
    assert_eq!(names("nothing/", None, 9).await.len(), 0);
    assert_eq!(names("m/", None, 0).await.len(), 0);
    assert_eq!(tenant.folders("").await.unwrap(), ["m", "m2"]);
    assert_eq!(tenant.folders("m/").await.unwrap().len(), 0);
    assert!(tenant.folders("m").await.is_err());
}

#[test]
fn of_many_that_create_an_object_exactly_one_wins() {
    let (_root, storage) = local();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let barrier = Barrier::new(32);
    let wins: usize = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..32_u8)
            .map(|racer| {
                let (storage, barrier, runtime) = (&storage, &barrier, &runtime);
                scope.spawn(move || {
                    barrier.wait();
                    let tenant = storage.of("t");
                    let put = tenant.put("stores/x/1", vec![racer; 100], PutMode::Create);
                    match runtime.block_on(put) {
                        Ok(()) => 1,
                        Err(failure) => {
                            assert_eq!(failure, Failure::AlreadyExists);
                            0
                        }
                    }
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).sum()
    });
    assert_eq!(wins, 1);
}

#[tokio::test]
async fn a_written_object_appears_whole_and_only_when_finished() {
    let (_root, storage) = local();
    let tenant = storage.of("t");
    let mut writer = tenant.create("big").unwrap();
    for byte in 0..20_u8 {
        writer.write(vec![byte; 1 << 20]).await.unwrap();
    }
    assert_eq!(
        tenant.get("big", None, &limit()).await,
        Err(Failure::NotFound)
    );
    assert_eq!(writer.finish().await, Ok(20 << 20));
    let found = tenant.get("big", None, &limit()).await.unwrap();
    assert!(
        found
            .chunks(1 << 20)
            .enumerate()
            .all(|(at, chunk)| chunk.iter().all(|b| *b == at as u8))
    );
    let small = tenant.create("empty").unwrap();
    assert_eq!(small.finish().await, Ok(0));
    assert_eq!(
        tenant
            .get("empty", None, &AnswerLimit::new(0))
            .await
            .unwrap(),
        ""
    );
}

#[tokio::test]
async fn a_dropped_writer_leaves_nothing() {
    let (root, storage) = local();
    let mut writer = storage.of("t").create("big").unwrap();
    writer.write(vec![1; 20 << 20]).await.unwrap();
    let mut unfinished = writer.inner.take().unwrap();
    unfinished.abort().await.unwrap();
    drop(unfinished);
    let names: Vec<_> = std::fs::read_dir(root.path().join("t"))
        .map(|entries| entries.map(|entry| entry.unwrap().file_name()).collect())
        .unwrap_or_default();
    assert!(names.is_empty(), "{names:?}");
}

#[tokio::test]
async fn deleting_is_repeatable() {
    let (_root, storage) = local();
    put(&storage, "a", "x").await;
    for _ in 0..2 {
        assert_eq!(storage.of("t").delete("a").await, Ok(()));
    }
}

#[tokio::test]
async fn many_are_deleted_of_one_tenant_alone() {
    let (_root, storage) = local();
    let keys: Vec<String> = (0..1_200).map(|number| format!("m/{number}")).collect();
    for key in ["m/0", "m/700", "m/1199", "kept"] {
        put(&storage, key, "x").await;
    }
    let other = storage.of("t2");
    other.put("m/0", vec![], PutMode::Overwrite).await.unwrap();
    for _ in 0..2 {
        storage.of("t").delete_many(&keys).await.unwrap();
    }
    let left = storage.of("t").list("", None, 9).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(other.list("", None, 9).await.unwrap().len(), 1);
    let bad = storage.of("t").delete_many(&["kept", "../t2/m/0"]).await;
    assert!(matches!(bad, Err(Failure::InvalidKey(_))), "{bad:?}");
    assert!(storage.of("t").head("kept").await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_goes_with_its_last_object_is_made_again_for_the_next() {
    const TIMES: usize = 300;
    let (_root, storage) = local();
    let coming_and_going = ["deep/down/a", "deep/down/b"].map(|key| {
        let storage = storage.clone();
        tokio::spawn(async move {
            for _ in 0..TIMES {
                put(&storage, key, "x").await;
                assert!(storage.of("t").head(key).await.is_ok());
                storage.of("t").delete(key).await.unwrap();
            }
        })
    });
    for task in coming_and_going {
        task.await.unwrap();
    }
    assert!(storage.of("t").list("", None, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_object_is_no_folder() {
    let (_root, storage) = local();
    put(&storage, "a", "x").await;
    let below = storage.of("t").put("a/b", vec![], PutMode::Overwrite).await;
    assert!(matches!(below, Err(Failure::InvalidKey(_))), "{below:?}");
}
