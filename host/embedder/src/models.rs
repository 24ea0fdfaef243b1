//! What the model is called, and what is told of it.

use axum::Json;
use serde::Serialize;

use crate::weights::MODEL_ID;

/// The model's name where it was published, by which it goes beside its id.
pub const FULL_NAME: &str = "sentence-transformers/all-MiniLM-L6-v2";
/// 2021-08-30, when the model was published.
const CREATED: u64 = 1_630_281_600;

/// The names that callers may ask for the model by.
#[derive(Debug)]
pub(crate) struct Names {
    aliases: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Models {
    object: &'static str,
    data: Vec<Model>,
}

/// OpenAI's model object.
#[derive(Debug, Serialize)]
pub(crate) struct Model {
    id: String,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
}

impl Names {
    pub fn new(aliases: Vec<String>) -> Self {
        Self { aliases }
    }

    pub fn contains(&self, name: &str) -> bool {
        name == MODEL_ID || name == FULL_NAME || self.aliases.iter().any(|alias| alias == name)
    }

    /// The answer of `GET /v1/models`: the model by its id, and by its aliases.
    pub fn list(&self) -> Json<Models> {
        let names = std::iter::once(MODEL_ID).chain(self.aliases.iter().map(String::as_str));
        Json(Models {
            object: "list",
            data: names.map(model).collect(),
        })
    }

    /// The answer of `GET /v1/models/{name}`; `None` for another model.
    pub fn get(&self, name: &str) -> Option<Json<Model>> {
        self.contains(name).then(|| Json(model(name)))
    }
}

fn model(name: &str) -> Model {
    Model {
        id: name.to_owned(),
        object: "model",
        created: CREATED,
        owned_by: "sentence-transformers",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_goes_by_all_of_its_names_and_no_other() {
        let names = Names::new(vec!["text-embedding-3-small".to_owned()]);
        for name in [MODEL_ID, FULL_NAME, "text-embedding-3-small"] {
            assert!(names.contains(name));
            assert_eq!(names.get(name).unwrap().0.id, name);
        }
        assert!(names.get("text-embedding-3-large").is_none());
        let listed: Vec<String> = names.list().0.data.into_iter().map(|one| one.id).collect();
        assert_eq!(listed, [MODEL_ID, "text-embedding-3-small"]);
    }
}
