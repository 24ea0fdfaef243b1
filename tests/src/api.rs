//! The public interface, one function for each thing a test does often.

use std::io::{Cursor, Read};

use serde_json::{Value, json};

use crate::client::Payload;
use crate::{Answer, Client, wait};

/// One search result.
#[derive(Clone, Debug)]
pub struct Hit {
    /// Whose passage it is.
    pub file: String,
    /// That file's name.
    pub filename: String,
    /// The similarity.
    pub score: f64,
    /// The passage.
    pub text: String,
    /// The result as it came.
    pub whole: Value,
}

/// Separates the parts of a multipart body; occurs in no text of a test.
const BOUNDARY: &str = "----dayfly-tests-7f3c9a5e1b";

/// The content type of [`multipart`] bodies.
pub fn multipart_type() -> String {
    format!("multipart/form-data; boundary={BOUNDARY}")
}

/// The head of a file part.
pub fn file_part(name: &str, filename: &str, content_type: &str) -> String {
    format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"; \
         filename=\"{filename}\"\r\ncontent-type: {content_type}\r\n\r\n"
    )
}

/// A whole plain field.
pub fn field_part(name: &str, value: &str) -> String {
    format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

/// The end of a multipart body.
pub fn last_boundary() -> String {
    format!("--{BOUNDARY}--\r\n")
}

impl Client {
    /// `POST /v1/files` as it comes.
    pub fn post_file(&self, filename: &str, content: &[u8]) -> Answer {
        let mut body = field_part("purpose", "assistants").into_bytes();
        body.extend_from_slice(file_part("file", filename, content_type(filename)).as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
        body.extend_from_slice(last_boundary().as_bytes());
        self.post("/v1/files", &multipart_type(), body)
    }

    /// Uploads a file and gives its id.
    ///
    /// # Panics
    /// When that fails.
    pub fn upload_file(&self, filename: &str, content: &[u8]) -> String {
        let file = self.post_file(filename, content).ok();
        assert_eq!(file["bytes"], content.len(), "{file}");
        id_of(&file)
    }

    /// Uploads a file of `length` bytes that is made while it is sent, and gives its id.
    ///
    /// # Panics
    /// When that fails.
    pub fn upload_stream(
        &self,
        filename: &str,
        content: impl Read + Send + 'static,
        length: u64,
    ) -> String {
        let head = field_part("purpose", "assistants")
            + &file_part("file", filename, content_type(filename));
        let tail = format!("\r\n{}", last_boundary());
        let total = length + (head.len() + tail.len()) as u64;
        let body = Cursor::new(head).chain(content).chain(Cursor::new(tail));
        let payload = Payload::Stream(Box::new(body), Some(total));
        let file = self
            .request("POST", "/v1/files", Some(&multipart_type()), payload)
            .ok();
        assert_eq!(file["bytes"], length, "{file}");
        id_of(&file)
    }

    /// Makes a store and gives its id.
    ///
    /// # Panics
    /// When that fails.
    pub fn create_store(&self, name: &str) -> String {
        id_of(
            &self
                .post_json("/v1/vector_stores", &json!({"name": name}))
                .ok(),
        )
    }

    /// Attaches a file; `more` holds `attributes` and `chunking_strategy`.
    ///
    /// # Panics
    /// When the attachment is not accepted.
    pub fn attach(&self, store: &str, file: &str, more: &Value) -> Value {
        let mut body = more.clone();
        body["file_id"] = json!(file);
        self.post_json(&format!("/v1/vector_stores/{store}/files"), &body)
            .ok()
    }

    /// Waits until a file of a store is in progress no more, and gives it.
    ///
    /// # Panics
    /// When that takes too long.
    pub fn ended(&self, store: &str, file: &str) -> Value {
        let path = format!("/v1/vector_stores/{store}/files/{file}");
        wait::until(&format!("{file} to be ingested"), || {
            let file = self.get(&path).ok();
            (file["status"] != "in_progress").then_some(file)
        })
    }

    /// Waits until a file of a store is completed.
    ///
    /// # Panics
    /// When it ends otherwise.
    pub fn completed(&self, store: &str, file: &str) -> Value {
        let file = self.ended(store, file);
        assert_eq!(file["status"], "completed", "{file}");
        assert_eq!(file["last_error"], Value::Null, "{file}");
        file
    }

    /// Waits until a file of a store has failed, and gives its last error's code and message.
    ///
    /// # Panics
    /// When it ends otherwise.
    pub fn failed(&self, store: &str, file: &str) -> (String, String) {
        let file = self.ended(store, file);
        assert_eq!(file["status"], "failed", "{file}");
        let text = |field: &str| {
            let value = file["last_error"][field].as_str();
            value.unwrap_or_else(|| panic!("no last_error.{field}: {file}"))
        };
        (text("code").to_owned(), text("message").to_owned())
    }

    /// Uploads a text, attaches it and waits until it is searchable; gives the file's id.
    ///
    /// # Panics
    /// When any of that fails.
    pub fn ingest(&self, store: &str, filename: &str, text: &str, more: &Value) -> String {
        let file = self.upload_file(filename, text.as_bytes());
        self.attach(store, &file, more);
        self.completed(store, &file);
        file
    }

    /// `POST /v1/vector_stores/{store}/search` as it comes.
    pub fn post_search(&self, store: &str, body: &Value) -> Answer {
        self.post_json(&format!("/v1/vector_stores/{store}/search"), body)
    }

    /// Searches.
    ///
    /// # Panics
    /// When that fails.
    pub fn search(&self, store: &str, body: &Value) -> Vec<Hit> {
        let page = self.post_search(store, body).ok();
        assert_eq!(page["object"], "vector_store.search_results.page", "{page}");
        let data = page["data"].as_array().unwrap();
        data.iter().map(hit).collect()
    }

    /// Searches with one question and the defaults for the rest.
    ///
    /// # Panics
    /// When that fails.
    pub fn find(&self, store: &str, query: &str) -> Vec<Hit> {
        self.search(store, &json!({"query": query}))
    }

    /// `POST /upload?store=` as it comes.
    pub fn post_upload(&self, store: &str, body: &Value) -> Answer {
        self.post_json(&format!("/upload?store={store}"), body)
    }

    /// `POST /upload?store=`, searchable when it returns.
    ///
    /// # Panics
    /// When it fails.
    pub fn upload(&self, store: &str, text: &str) {
        let answer = self.post_upload(store, &json!({"text": text}));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(
            answer.text(),
            "Success: Data uploaded and indexed successfully"
        );
    }

    /// The items of a list, with the page's other fields checked to fit them.
    ///
    /// # Panics
    /// When it is not a list.
    pub fn list(&self, path: &str) -> Vec<Value> {
        let page = self.get(path).ok();
        assert_eq!(page["object"], "list", "{page}");
        assert!(page["has_more"].is_boolean(), "{page}");
        let items = page["data"].as_array().unwrap().clone();
        let edge = |item: Option<&Value>| item.map_or(Value::Null, |item| item["id"].clone());
        assert_eq!(page["first_id"], edge(items.first()), "{page}");
        assert_eq!(page["last_id"], edge(items.last()), "{page}");
        items
    }

    /// The ids of a list.
    ///
    /// # Panics
    /// When it is not a list.
    pub fn ids(&self, path: &str) -> Vec<String> {
        self.list(path).iter().map(id_of).collect()
    }
}

/// An object's id.
///
/// # Panics
/// When it has none.
pub fn id_of(object: &Value) -> String {
    let id = object["id"].as_str();
    id.unwrap_or_else(|| panic!("no id: {object}")).to_owned()
}

fn content_type(filename: &str) -> &'static str {
    match filename.rsplit_once('.') {
        Some((_, "md")) => "text/markdown",
        Some((_, "txt")) => "text/plain",
        _ => "application/octet-stream",
    }
}

fn hit(whole: &Value) -> Hit {
    let text = |value: &Value| {
        let text = value.as_str();
        text.unwrap_or_else(|| panic!("bad hit: {whole}"))
            .to_owned()
    };
    assert_eq!(whole["content"][0]["type"], "text", "{whole}");
    Hit {
        file: text(&whole["file_id"]),
        filename: text(&whole["filename"]),
        score: whole["score"].as_f64().unwrap(),
        text: text(&whole["content"][0]["text"]),
        whole: whole.clone(),
    }
}
