//! What the guests import, and so all that they can reach.

use dayfly::guests::{Guest, Guests};
use wasmparser::{ComponentExternName, Parser, Payload};

/// The names that a component imports, those of its own nested components left out.
fn imports(component: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(component) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let ComponentExternName { name, .. } = import.unwrap().name;
                    names.push(name.to_owned());
                }
            }
            _ => {}
        }
    }
    names
}

/// The exports' names, likewise.
fn exports(component: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(component) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    names.push(export.unwrap().name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    names
}

fn components() -> Vec<(&'static str, Vec<u8>)> {
    let guests = Guests::built_in();
    vec![
        (Guest::Stores.name(), guests.stores.to_vec()),
        (Guest::Ingest.name(), guests.ingest.to_vec()),
        (Guest::Search.name(), guests.search.to_vec()),
    ]
}

#[test]
fn guests_import_wasi_0_2_and_the_platform_and_nothing_else() {
    for (guest, component) in components() {
        let imports = imports(&component);
        assert!(
            imports.len() > 5,
            "{guest} imports hardly anything: {imports:?}"
        );
        for name in &imports {
            println!("{guest}: {name}");
            let (interface, version) = name.split_once('@').unwrap_or((name, ""));
            let wasi = interface.starts_with("wasi:") && version.starts_with("0.2.");
            let platform = interface.starts_with("dayfly:platform/") && version == "0.1.0";
            assert!(wasi || platform, "{guest} imports {name}");
        }
        assert!(
            imports
                .iter()
                .any(|name| name == "dayfly:platform/identity@0.1.0"),
            "{guest}"
        );
        assert!(
            imports
                .iter()
                .any(|name| name == "dayfly:platform/objects@0.1.0"),
            "{guest}"
        );
    }
}

#[test]
fn guests_import_no_sockets() {
    for (guest, component) in components() {
        for name in imports(&component) {
            assert!(!name.starts_with("wasi:sockets"), "{guest} imports {name}");
        }
    }
}

#[test]
fn guests_answer_http_and_export_nothing_else() {
    for (guest, component) in components() {
        let exports = exports(&component);
        assert!(
            matches!(exports.as_slice(), [only] if only.starts_with("wasi:http/incoming-handler@0.2.")),
            "{guest} exports {exports:?}"
        );
    }
}

#[test]
fn only_the_guests_that_embed_can_send_requests() {
    let guests = Guests::built_in();
    let sends = |component: &[u8]| {
        imports(component)
            .iter()
            .any(|name| name.starts_with("wasi:http/outgoing-handler"))
    };
    assert!(sends(&guests.ingest));
    assert!(sends(&guests.search));
}
