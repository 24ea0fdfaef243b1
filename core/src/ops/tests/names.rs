use super::*;
use std::cell::Cell;

use crate::ids;
use crate::ops::names::scrub_names;
use crate::ops::{Named, find_or_make_store, find_store, make_store, note_name};
use crate::testing::{Hooked, Op, first};

fn called(name: &str) -> impl Fn(String) -> Manifest {
    let name = name.to_owned();
    move |id| {
        let mut first = first(&id, None);
        first.store.name = Some(name.clone());
        first
    }
}

fn id_of(named: Named) -> String {
    match named {
        Named::One(manifest) => manifest.store.id.clone(),
        other => panic!("{other:?}"),
    }
}

fn rename(platform: Platform<'_>, store: &str, name: &str) {
    note_name(platform, store, Some(name)).unwrap();
    let renamed = store::change(platform, store, |newest| {
        let mut next = newest.clone();
        next.store.name = Some(name.to_owned());
        Ok::<_, StoreError>(Some(next.into()))
    });
    renamed.unwrap();
}

#[test]
fn whoever_makes_the_first_store_of_a_name_makes_the_one_that_it_means() {
    let tenant = Tenant::default();
    let platform = tenant.platform();
    let made = make_store(platform, Some("handbook"), called("handbook")).unwrap();
    let found = find_or_make_store(platform, "handbook", called("handbook")).unwrap();
    assert_eq!(id_of(found), made.store.id);
    let second = make_store(platform, Some("handbook"), called("handbook")).unwrap();
    assert_ne!(second.store.id, made.store.id);
    let found = id_of(find_store(platform, "handbook").unwrap());
    assert_eq!(found, made.store.id, "the first keeps the name");
    assert_eq!(
        id_of(find_store(platform, &second.store.id).unwrap()),
        second.store.id
    );
}

#[test]
fn a_name_goes_with_its_store() {
    let tenant = Tenant::default();
    let platform = tenant.platform();
    let first = make_store(platform, Some("old"), called("old")).unwrap();
    rename(platform, &first.store.id, "new");
    assert_eq!(find_store(platform, "old").unwrap(), Named::None);
    assert_eq!(id_of(find_store(platform, "new").unwrap()), first.store.id);
    let found = find_or_make_store(platform, "new", called("new")).unwrap();
    assert_eq!(id_of(found), first.store.id);
    let other = id_of(find_or_make_store(platform, "old", called("old")).unwrap());
    assert_ne!(other, first.store.id);
    assert_eq!(id_of(find_store(platform, "old").unwrap()), other);
}

/// Makes a store of a name that another one makes just before, where `op` is asked for.
fn made_at_once(platform: Platform<'_>, tenant: &Tenant, name: &str) -> (String, String) {
    let first = Cell::new(None);
    let make = |platform| id_of(find_or_make_store(platform, name, called(name)).unwrap());
    let rival = tenant.elsewhere(7);
    let racing = Hooked::interrupted(&tenant.objects, Op::PutNew, || {
        first.set(Some(make(rival.through(&tenant.objects))));
    });
    let second = make(tenant.through(&racing));
    assert_eq!(make(platform), second);
    (first.take().unwrap(), second)
}

#[test]
fn two_that_make_the_store_of_a_name_at_once_make_one() {
    let tenant = Tenant::default();
    let platform = tenant.platform();
    let (one, other) = made_at_once(platform, &tenant, "old");
    assert_eq!(one, other);
    // Also where the name's own id is taken, and the one after it.
    for new in ["new", "newer"] {
        rename(platform, &other, new);
        let (one, other) = made_at_once(platform, &tenant, "old");
        assert_eq!(one, other);
        rename(platform, &other, new);
    }
}

#[test]
fn a_name_is_given_on_when_its_store_has_expired() {
    let tenant = Tenant::default();
    let platform = tenant.platform();
    let short = |id| {
        let mut first = called("notes")(id);
        first.store.expires_after = Some(store::ExpiresAfter {
            anchor: "last_active_at".to_owned(),
            days: 1,
        });
        first
    };
    let first = make_store(platform, Some("notes"), short).unwrap();
    tenant.clock.advance(86_400_000);
    let expired = id_of(find_store(platform, "notes").unwrap());
    assert_eq!(expired, first.store.id, "nothing else is called so");
    let second = id_of(find_or_make_store(platform, "notes", called("notes")).unwrap());
    assert_ne!(second, first.store.id);
    assert_eq!(id_of(find_store(platform, "notes").unwrap()), second);
    let same = id_of(find_or_make_store(platform, "notes", called("notes")).unwrap());
    assert_eq!(same, second);
}

#[test]
fn a_name_that_several_were_given_says_which() {
    let tenant = Tenant::default();
    let platform = tenant.platform();
    let mut ids: Vec<String> = ["one", "two"]
        .map(|name| {
            make_store(platform, Some(name), called(name))
                .unwrap()
                .store
                .id
        })
        .to_vec();
    ids.sort();
    for id in &ids {
        rename(platform, id, "both");
    }
    assert_eq!(find_store(platform, "both").unwrap(), Named::Several(ids));
}

#[test]
fn what_is_no_name_means_nothing_and_a_store_without_one_has_its_id() {
    let tenant = Tenant::default();
    let platform = tenant.platform();
    let nameless = make_store(platform, None, |id| first(&id, None)).unwrap();
    assert!(nameless.store.id.starts_with(ids::STORE_PREFIX));
    assert_eq!(
        id_of(find_store(platform, &nameless.store.id).unwrap()),
        nameless.store.id
    );
    for nothing in ["", "vs_", "vs_nothing", "a\nb"] {
        assert_eq!(
            find_store(platform, nothing).unwrap(),
            Named::None,
            "{nothing:?}"
        );
    }
}

#[test]
fn a_scrub_leaves_what_was_noted_while_it_stood_still() {
    let tenant = Tenant::default();
    let platform = tenant.platform();
    let made = make_store(platform, Some("a"), called("a")).unwrap();
    rename(platform, &made.store.id, "b");
    rename(platform, &made.store.id, "c");
    let noted_ms = platform.now_ms();
    tenant.clock.advance(store::SCRUB_AFTER_MS);
    let paused = Hooked::interrupted(&tenant.objects, Op::Delete, || {
        rename(platform, &made.store.id, "b");
    });
    let paused = paused.written_at(noted_ms);
    scrub_names(tenant.through(&paused)).unwrap();
    assert_eq!(id_of(find_store(platform, "b").unwrap()), made.store.id);
}

#[test]
fn notes_of_names_that_no_store_has_any_more_go() {
    let tenant = Tenant::default();
    let platform = tenant.platform();
    let made = make_store(platform, Some("a"), called("a")).unwrap();
    rename(platform, &made.store.id, "b");
    rename(platform, &made.store.id, "c");
    let notes = |count| assert_eq!(keys(&tenant.objects, "names/").len(), count);
    let written = crate::testing::Hooked::new(&tenant.objects).written_at(platform.now_ms());
    scrub_names(tenant.through(&written)).unwrap();
    notes(2);
    tenant.clock.advance(store::SCRUB_AFTER_MS);
    scrub_names(tenant.through(&written)).unwrap();
    notes(1);
    assert_eq!(id_of(find_store(platform, "c").unwrap()), made.store.id);
}
