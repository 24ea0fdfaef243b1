use dayfly_tests::isolation::attacks::HOSTILE_GUESTS;
use dayfly_tests::{Builder, FakeEmbedder, Server, binary, process};
use serde_json::json;

use super::*;

#[test]
fn guests_that_do_all_that_they_must_not_do_are_no_others_concern() {
    let attacked = attacked(&HOSTILE_GUESTS);
    attacked.tally.is_only(&[
        "200",
        "413 memory_limit_exceeded",
        "413 cpu_limit_exceeded",
        "500 internal_error",
        "503 overloaded",
        "504 timeout",
        // A trap in the middle of an answer.
        "closed",
    ]);
    // Twelve of 64 MiB.
    attacked.stays_within(12 * 64 * MIB);
}

/// A guest of two modules, of which the second has `fields`; called, it does `body`, which may have the
/// `$other` grow its memory by so many pages. It never answers by itself.
fn guest(fields: &str, body: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
            (import "wasi:http/types@0.2.0" (instance $types
                (export "incoming-request" (type (sub resource)))
                (export "response-outparam" (type (sub resource)))))
            (alias export $types "incoming-request" (type $request))
            (alias export $types "response-outparam" (type $out))
            (core module $first
                (memory 1)
                (func (export "grow") (param i32)
                    (drop (memory.grow (local.get 0)))))
            (core module $second
                (import "first" "grow" (func $other (param i32)))
                {fields}
                (func $handle (export "handle") (param i32 i32) {body}))
            (core instance $first (instantiate $first))
            (core instance $second (instantiate $second (with "first" (instance $first))))
            (func $handle (param "request" (own $request)) (param "response-out" (own $out))
                (canon lift (core func $second "handle")))
            (instance $handler (export "handle" (func $handle)))
            (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#
    );
    wat::parse_str(text).unwrap()
}

/// A server whose guest for files is this one, and the file that it is in.
fn serving(component: &[u8]) -> (Builder, FakeEmbedder, tempfile::NamedTempFile) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), component).unwrap();
    let embedder = FakeEmbedder::start();
    let limits = json!({"limits": {"memory_mib": 32, "cpu_ms": 2_000, "wall_ms": 10_000}});
    let builder = Server::builder()
        .program(binary::hostile_host())
        .embedder(&embedder)
        .env("HOSTILE_OPTIONS", &limits.to_string())
        .env("HOSTILE_COMPONENT", file.path().to_str().unwrap());
    (builder, embedder, file)
}

/// Calls it eight times at once; all get this error, and the host's memory grows by no more than that.
fn all_get(component: &[u8], status: u16, code: &str, bytes: u64) {
    let (builder, _embedder, _file) = serving(component);
    let server = builder.start();
    let client = server.client();
    client.upload("s", "a heron");
    let before = server.resident_bytes();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let error = client.get("/v1/files/file-1").error(status);
                assert_eq!(error.code.as_deref(), Some(code), "{}", error.message);
            });
        }
        assert_eq!(client.find("s", "a heron")[0].text, "a heron");
    });
    let grown = process::peak_resident_bytes(server.pid()).saturating_sub(before);
    assert!(grown <= bytes, "grown by {} MiB", grown / MIB);
    client.get("/readyz").ok();
    client.upload("s", "another heron");
}

#[test]
fn a_guest_whose_calls_have_no_end_gets_no_further_than_its_stack() {
    let guest = guest("", "(call $handle (local.get 0) (local.get 1))");
    all_get(&guest, 500, "internal_error", 64 * MIB);
}

#[test]
fn a_table_without_end_ends() {
    // It grows as long as it may, a thousand elements at a time.
    let grow = "(loop $more (br_if $more (i32.ne (i32.const -1)
        (table.grow $table (ref.null func) (i32.const 1000)))))
        (unreachable)";
    let guest = guest("(table $table 1 funcref)", grow);
    all_get(&guest, 500, "internal_error", 64 * MIB);
}

#[test]
fn memories_count_together() {
    // Each has more than half of what an instance may have.
    let body = "(call $other (i32.const 300)) (drop (memory.grow (i32.const 300)))
        (memory.fill (i32.const 0) (i32.const 1) (i32.const 19000000))";
    let guest = guest("(memory 1)", body);
    all_get(
        &guest,
        413,
        "memory_limit_exceeded",
        8 * 32 * MIB + 64 * MIB,
    );
}

#[test]
fn a_guest_with_more_memories_or_tables_than_any_needs_is_no_guest() {
    for (fields, word) in [
        ("(memory 1) (memory 1)", "memories"),
        ("(table 1 funcref) (table 1 funcref)", "tables"),
    ] {
        let (builder, _embedder, _file) = serving(&guest(fields, ""));
        let (status, said) = builder.run_to_end();
        assert!(!status.success());
        assert!(said.contains(word), "{said}");
    }
}
