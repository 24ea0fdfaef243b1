//! The platform's interfaces, generated from `wit/`.

#![allow(missing_docs, unsafe_code, clippy::unwrap_used, clippy::expect_used)]

wit_bindgen::generate!({
    path: "../../wit",
    world: "guest",
    generate_all,
});
