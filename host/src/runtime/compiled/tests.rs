use std::os::unix::fs::PermissionsExt;

use super::*;

const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

fn loads(engine: &Engine, directory: &Path) -> bool {
    let cache = Cache::open(Some(directory.to_owned()));
    let wasm = Wasm::from(EMPTY.to_vec());
    cache.component(engine, "empty", &wasm).is_ok()
}

#[test]
fn what_is_kept_is_loaded_and_what_is_damaged_is_compiled_again() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::default();
    assert!(loads(&engine, directory.path()));
    let [kept] = &files(directory.path())[..] else {
        panic!("not one file is kept");
    };
    let whole = fs::read(kept).unwrap();
    let written = fs::metadata(kept).unwrap().modified().unwrap();
    assert!(loads(&engine, directory.path()));
    assert_eq!(fs::metadata(kept).unwrap().modified().unwrap(), written);
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for damaged in [&whole[..whole.len() / 2], &[], &flipped] {
        fs::write(kept, damaged).unwrap();
        assert!(loads(&engine, directory.path()));
        assert!(fs::read(kept).unwrap() == whole, "it is not as it was");
    }
}

#[test]
fn without_a_place_for_them_guests_are_compiled_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("no folder");
    fs::write(&file, "").unwrap();
    assert!(loads(&Engine::default(), &file));
}

#[test]
fn nothing_is_loaded_from_where_others_can_write() {
    let directory = tempfile::tempdir().unwrap();
    let open = fs::Permissions::from_mode(0o777);
    fs::set_permissions(directory.path(), open).unwrap();
    assert!(loads(&Engine::default(), directory.path()));
    assert_eq!(files(directory.path()), Vec::<PathBuf>::new());
}

#[test]
fn what_other_versions_left_goes_after_a_month() {
    let directory = tempfile::tempdir().unwrap();
    let named = |name: &str| directory.path().join(name);
    for (name, age) in [("a.cwasm", KEPT * 2), ("b.cwasm", KEPT / 2)] {
        let file = File::create(named(name)).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }
    assert!(loads(&Engine::default(), directory.path()));
    assert!(!named("a.cwasm").exists());
    assert!(named("b.cwasm").exists());
}
