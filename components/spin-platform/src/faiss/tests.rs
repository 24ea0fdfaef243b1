use std::cell::RefCell;

use dayfly_core::api::RebuildStatus;
use futures::executor::block_on;

use super::*;

/// Answers in order, and keeps what it was sent.
#[derive(Default)]
struct Scripted {
    answers: RefCell<Vec<Result<Response, Fault>>>,
    sent: RefCell<Vec<Sent>>,
}

struct Sent {
    method: Method,
    url: String,
    authorization: Option<String>,
    body: Vec<u8>,
}

impl Scripted {
    fn new(answers: impl IntoIterator<Item = Result<Response, Fault>>) -> Self {
        let mut answers: Vec<_> = answers.into_iter().collect();
        answers.reverse();
        Self {
            answers: RefCell::new(answers),
            ..Self::default()
        }
    }
}

impl Transport for Scripted {
    async fn exchange(
        &self,
        request: &Request<'_>,
        _room: &Room,
        _limit: Duration,
    ) -> Result<Response, Fault> {
        let authorization = request
            .headers
            .iter()
            .find(|(name, _)| *name == "authorization")
            .map(|(_, value)| (*value).to_owned());
        self.sent.borrow_mut().push(Sent {
            method: request.method,
            url: request.url.to_string(),
            authorization,
            body: request.body.to_vec(),
        });
        self.answers.borrow_mut().pop().unwrap()
    }

    async fn sleep(&self, _duration: Duration) {}

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn now_ms(&self) -> u64 {
        0
    }

    fn random(&self) -> u64 {
        0
    }

    fn log(&self, _text: &str) {}
}

fn answer(status: u16, body: &str) -> Result<Response, Fault> {
    Ok(Response {
        status,
        body: body.as_bytes().to_vec(),
        ..Response::default()
    })
}

fn origin() -> Url {
    Url::parse("http://faiss.example:8787").unwrap()
}

fn service<'a>(origin: &'a Url, transport: &'a Scripted) -> Service<'a, Scripted> {
    Service {
        origin: Some(origin),
        authorization: Some("Bearer t"),
        transport,
    }
}

const QUEUED: &str = r#"{"object":"vector_store.rebuild","vector_store_id":"vs_1",
    "status":"queued","rows_done":0,"rows":7,"message":null}"#;

#[test]
fn without_a_service_every_call_says_that_none_is_configured() {
    let transport = Scripted::default();
    let service = Service {
        origin: None,
        authorization: None,
        transport: &transport,
    };
    let refused =
        block_on(service.request_rebuild("vs_1", &RebuildRequest::default())).unwrap_err();
    assert!(matches!(&refused, Error::NotConfigured(text) if text.contains("faiss_origin")));
    assert_eq!(block_on(service.status("vs_1")).unwrap_err(), refused);
    assert!(transport.sent.borrow().is_empty());
}

#[test]
fn a_rebuild_is_asked_for_with_the_callers_own_token() {
    let (origin, transport) = (origin(), Scripted::new([answer(202, QUEUED)]));
    let state =
        block_on(service(&origin, &transport).request_rebuild("vs_1", &RebuildRequest::default()))
            .unwrap();
    assert_eq!((state.status, state.rows), (RebuildStatus::Queued, 7));
    let sent = transport.sent.borrow();
    assert_eq!(sent[0].method, Method::Post);
    assert_eq!(
        sent[0].url,
        "http://faiss.example:8787/v1/vector_stores/vs_1/rebuild"
    );
    assert_eq!(sent[0].authorization.as_deref(), Some("Bearer t"));
}

#[test]
fn hits_come_in_the_order_of_the_answer() {
    let hits = r#"{"hits":[{"row":9,"score":0.9},{"row":4,"score":0.5}]}"#;
    let (origin, transport) = (origin(), Scripted::new([answer(200, hits)]));
    let query = IndexQuery {
        version: 7,
        query: vec![1.0, 0.0],
        k: 2,
        parameters: "nprobe=8".to_owned(),
        filter: None,
    };
    let found = block_on(service(&origin, &transport).search("vs_1", "b1", &query)).unwrap();
    assert_eq!(found.iter().map(|hit| hit.row).collect::<Vec<_>>(), [9, 4]);
    let sent = transport.sent.borrow();
    assert!(
        sent[0]
            .url
            .ends_with("/v1/vector_stores/vs_1/bases/b1/search")
    );
    let body: serde_json::Value = serde_json::from_slice(&sent[0].body).unwrap();
    assert_eq!((&body["version"], &body["k"]), (&7.into(), &2.into()));
    assert_eq!(body["parameters"], "nprobe=8");
}

#[test]
fn what_may_pass_is_tried_three_times_and_nothing_else_is() {
    let lost = || Err(Fault::Lost("cut".into()));
    let (origin, transport) = (
        origin(),
        Scripted::new([lost(), answer(503, "busy"), answer(200, QUEUED)]),
    );
    assert!(block_on(service(&origin, &transport).status("vs_1")).is_ok());
    let transport = Scripted::new([lost(), lost(), lost()]);
    let given_up = block_on(service(&origin, &transport).status("vs_1"));
    assert!(matches!(given_up, Err(Error::Unavailable(text)) if text.contains("try again")));
    for (status, expected) in [
        (404, Error::NotFound),
        (403, Error::Denied("no".into())),
        (400, Error::Invalid("no".into())),
        (501, Error::NotConfigured("no".into())),
    ] {
        let transport = Scripted::new([answer(status, r#"{"error":{"message":"no"}}"#)]);
        let refused = block_on(service(&origin, &transport).status("vs_1"));
        assert_eq!(refused.unwrap_err(), expected);
    }
}

#[test]
fn a_name_cannot_lead_elsewhere() {
    let (origin, transport) = (origin(), Scripted::default());
    for store in ["../files", "a/b", "", "a?b"] {
        let refused = block_on(service(&origin, &transport).status(store));
        assert!(matches!(refused, Err(Error::Invalid(_))), "{store}");
    }
    assert!(transport.sent.borrow().is_empty());
}
