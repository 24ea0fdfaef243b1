use super::bindings::dayfly::platform::faiss::{Error, Hit, Host, Rebuild};
use crate::runtime::State;

const NOT_CONFIGURED: &str =
    "this server has no FAISS service: its stores are searched by their segments alone";

fn not_configured() -> Error {
    Error::NotConfigured(NOT_CONFIGURED.into())
}

impl Host for State {
    fn search(
        &mut self,
        _store: String,
        _base: String,
        _query: Vec<f32>,
        _k: u32,
        _parameters: String,
        _filter: Option<String>,
    ) -> Result<Vec<Hit>, Error> {
        Err(not_configured())
    }

    fn request_rebuild(&mut self, _store: String) -> Result<Rebuild, Error> {
        Err(not_configured())
    }

    fn status(&mut self, _store: String) -> Result<Rebuild, Error> {
        Err(not_configured())
    }
}
