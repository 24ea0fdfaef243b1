//! Spin's variables from the environment: `s3_bucket` is what `SPIN_VARIABLE_S3_BUCKET` says.
//! Composed into the guests for hosts that run plain components, such as `wasmtime serve`.
#![cfg(target_family = "wasm")]
#![allow(
    unsafe_code,
    reason = "generated: what exports a component to its host"
)]

mod bindings {
    #![allow(missing_docs, clippy::mem_forget)]
    wit_bindgen::generate!({
        inline: "
            package fermyon:spin@2.0.0;

            interface variables {
                get: func(name: string) -> result<string, error>;
                variant error {
                    invalid-name(string),
                    undefined(string),
                    provider(string),
                    other(string),
                }
            }

            world provider {
                export variables;
            }
        ",
    });
}

use bindings::exports::fermyon::spin::variables::{Error, Guest};

struct Environment;

impl Guest for Environment {
    fn get(name: String) -> Result<String, Error> {
        if !is_name(&name) {
            let text = format!("a variable's name is lower case, digits and `_`, not `{name}`");
            return Err(Error::InvalidName(text));
        }
        let variable = format!("SPIN_VARIABLE_{}", name.to_ascii_uppercase());
        std::env::var(&variable).map_err(|error| match error {
            std::env::VarError::NotPresent => Error::Undefined(format!("{variable} is not set")),
            std::env::VarError::NotUnicode(_) => {
                Error::Provider(format!("{variable} is not UTF-8"))
            }
        })
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !name.is_empty() && name.bytes().all(allowed)
}

bindings::export!(Environment with_types_in bindings);
