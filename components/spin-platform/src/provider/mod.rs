//! The component's exports.

mod codes;
mod faiss;
mod http;
mod identity;
mod instance;
mod objects;
mod settings;
mod variables;

#[allow(
    missing_docs,
    clippy::mem_forget,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "generated from wit/platform.wit"
)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "provider",
        generate_all,
    });
}

struct Provider;

bindings::export!(Provider with_types_in bindings);
