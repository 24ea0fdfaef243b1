use std::cell::RefCell;
use std::task::Poll;

use futures::executor::block_on;
use serde_json::{Value, json};

use super::*;

/// Vectors, or a status and what comes with it.
type Answered = Result<(), (u16, Value)>;

type Answers<'f> = dyn Fn(&[String], &Value) -> Answered + 'f;

/// A provider by what it does, and what it was asked.
struct Provider<'f> {
    answers: Box<Answers<'f>>,
    asked: RefCell<Vec<Vec<String>>>,
    waited: Cell<Duration>,
    retry_after: Option<Duration>,
    /// A request of so many texts is answered when there were [`LATE`] in all.
    slow_with: usize,
}

const LATE: usize = 5;

impl<'f> Provider<'f> {
    fn new(answers: impl Fn(&[String], &Value) -> Answered + 'f) -> Self {
        Self {
            answers: Box::new(answers),
            asked: RefCell::default(),
            waited: Cell::default(),
            retry_after: None,
            slow_with: 0,
        }
    }

    fn requests(&self) -> usize {
        self.asked.borrow().len()
    }

    fn sizes(&self) -> Vec<usize> {
        self.asked.borrow().iter().map(Vec::len).collect()
    }
}

impl Transport for &Provider<'_> {
    async fn exchange(&self, body: &[u8], _: usize) -> Result<Answer, EmbeddingError> {
        let body: Value = serde_json::from_slice(body).unwrap();
        let texts: Vec<String> = serde_json::from_value(body["input"].clone()).unwrap();
        self.asked.borrow_mut().push(texts.clone());
        while texts.len() == self.slow_with && self.requests() < LATE {
            others_first().await;
        }
        let (status, body) = match (self.answers)(&texts, &body) {
            Ok(()) => {
                let vectors = texts.iter().map(|text| json!({"embedding": vector(text)}));
                (200, json!({"data": vectors.collect::<Vec<_>>()}))
            }
            Err((status, error)) => (status, error),
        };
        Ok(Answer {
            status,
            retry_after: self.retry_after,
            body: body.to_string().into_bytes(),
        })
    }

    fn monotonic(&self) -> Duration {
        self.waited.get()
    }

    fn random(&self) -> u64 {
        0
    }

    async fn sleep(&self, wait: Duration) {
        self.waited.set(self.waited.get() + wait);
    }
}

/// Lets others go on.
async fn others_first() {
    let mut is_second = false;
    std::future::poll_fn(|context| match std::mem::replace(&mut is_second, true) {
        true => Poll::Ready(()),
        false => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

fn vector(text: &str) -> [f32; 2] {
    [text.len() as f32, 1.0]
}

fn client<'a>(provider: &'a Provider<'a>) -> Client<'static, &'a Provider<'a>> {
    let asked = Asked {
        provider: "e:1",
        model: "m",
        dimensions: None,
        prefix: "",
    };
    let policy = RetryPolicy {
        max_attempts: 3,
        ..RetryPolicy::default()
    };
    Client::new(asked, policy, Manner::new(64), provider)
}

fn refused(status: u16, message: &str) -> Answered {
    Err((status, json!({"error": {"message": message}})))
}

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|number| "x".repeat(number + 1)).collect()
}

fn embed<'a>(
    client: &Client<'_, &'a Provider<'a>>,
    texts: &[String],
) -> Result<Embeddings, EmbeddingError> {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    block_on(client.embed(&texts, None))
}

fn vectors(texts: &[String]) -> Vec<f32> {
    texts.iter().flat_map(|text| vector(text)).collect()
}

#[test]
fn one_that_knows_no_encoding_format_is_told_none_from_then_on() {
    let provider = Provider::new(|_, body| match body.get("encoding_format") {
        Some(_) => refused(400, "Unrecognized request argument: encoding_format"),
        None => Ok(()),
    });
    let client = client(&provider);
    for requests in [2, 3] {
        let found = embed(&client, &texts(3)).unwrap();
        assert_eq!(found.values, vectors(&texts(3)));
        assert_eq!(provider.requests(), requests);
    }
    let learnt = client.take_learnt().unwrap();
    assert_eq!((learnt.base64, learnt.most_inputs), (false, 64));
    assert_eq!(client.take_learnt(), None);
}

#[test]
fn one_that_takes_fewer_inputs_gets_fewer_from_then_on() {
    for (limit, words) in [
        (32, "batch size 64 > maximum allowed batch size 32"),
        (
            10,
            "batch size is invalid, it should not be larger than 10.",
        ),
        (16, "Too many inputs in request, split into more batches."),
    ] {
        let provider = Provider::new(|texts, _| match texts.len() > limit {
            true => refused(422, words),
            false => Ok(()),
        });
        let client = client(&provider);
        let found = embed(&client, &texts(64)).unwrap();
        assert_eq!(found.values, vectors(&texts(64)), "{words}");
        assert_eq!(client.manner().most_inputs, limit, "{words}");
        assert_eq!(client.take_learnt(), Some(client.manner()));
        provider.asked.borrow_mut().clear();
        embed(&client, &texts(64)).unwrap();
        assert!(provider.sizes().iter().all(|size| *size <= limit));
        assert_eq!(provider.requests(), 64_usize.div_ceil(limit));
    }
}

#[test]
fn who_asked_before_and_is_answered_later_teaches_nothing() {
    let mut provider = Provider::new(|texts, _| match texts.len() > 10 {
        true => refused(422, "batch size 30 > maximum allowed batch size 10"),
        false => Ok(()),
    });
    provider.slow_with = 7;
    let client = client(&provider);
    let (few, many) = (texts(7), texts(30));
    let of = |texts: &'static [String]| texts.iter().map(String::as_str).collect::<Vec<_>>();
    let (few, many) = (of(few.leak()), of(many.leak()));
    let both = async {
        let late = client.embed(&few, None);
        let taught = async {
            client.embed(&many, None).await.unwrap();
            client.take_learnt()
        };
        let (late, taught) = futures::join!(late, taught);
        late.unwrap();
        taught
    };
    let taught = block_on(both).unwrap();
    assert_eq!(taught.most_inputs, 10);
    assert_eq!(client.take_learnt(), None);
}

#[test]
fn a_text_that_is_refused_is_found_and_the_others_are_not_asked_for_twice() {
    let provider = Provider::new(|texts, _| match texts.iter().any(|text| text.len() == 5) {
        true => refused(400, "this text is against our rules"),
        false => Ok(()),
    });
    let error = embed(&client(&provider), &texts(8)).unwrap_err();
    assert_eq!(error.advice, Advice::FixRequest);
    assert!(error.message.contains("against our rules"), "{error}");
    // All of them, the word, the first half, and then those in which it is.
    assert_eq!(provider.sizes(), [8, 1, 4, 4, 2, 1]);
}

#[test]
fn one_that_refuses_any_text_is_not_the_documents_fault() {
    let provider = Provider::new(|_, _| refused(400, "The model `m` does not exist"));
    let error = embed(&client(&provider), &texts(64)).unwrap_err();
    assert_eq!(error.advice, Advice::FixConfiguration);
    assert!(error.message.contains("does not exist"), "{error}");
    assert!(error.message.contains("embed.model"), "{error}");
    assert_eq!(provider.requests(), 2);
}

#[test]
fn a_text_that_is_too_long_is_divided_and_none_of_it_is_lost() {
    for (status, words) in [
        (400, "maximum context length is 512 tokens"),
        (413, "`inputs` must have less than 512 tokens. Given: 1024"),
        (500, "the input length exceeds the context length"),
    ] {
        let provider = Provider::new(|texts, _| match texts.iter().any(|text| text.len() > 512) {
            true => refused(status, words),
            false => Ok(()),
        });
        let long = "herons wait ".repeat(100);
        let all = ["short".to_owned(), long.clone(), "also short".to_owned()];
        let client = client(&provider);
        let found = embed(&client, &all).unwrap();
        let rows: Vec<&[f32]> = found.rows().collect();
        assert_eq!([rows[0], rows[2]], [vector("short"), vector("also short")]);
        assert!((1.0..=512.0).contains(&rows[1][0]), "{rows:?}");
        let asked = provider.asked.borrow();
        let answered = asked.iter().flatten().filter(|text| text.len() <= 512);
        let pieces: usize = answered
            .filter(|text| text.contains("wait"))
            .map(String::len)
            .sum();
        assert_eq!(pieces, long.len(), "each byte of it was embedded once");
        assert_eq!(client.take_learnt(), None, "of a length nothing is told");
    }
}

#[test]
fn many_texts_that_are_too_long_take_few_requests() {
    let provider = Provider::new(|texts, _| match texts.iter().any(|text| text.len() > 512) {
        true => refused(413, "must have less than 512 tokens"),
        false => Ok(()),
    });
    let client = client(&provider);
    let long: Vec<String> = (0..64).map(|n| "heron ".repeat(150 + n % 5)).collect();
    embed(&client, &long).unwrap();
    assert!(provider.requests() <= 24, "{:?}", provider.sizes());
    provider.asked.borrow_mut().clear();
    let found = embed(&client, &long).unwrap();
    assert_eq!(found.rows().len(), 64);
    assert_eq!(provider.sizes(), [64, 64], "of two pieces each");
}

#[test]
fn what_is_too_long_however_short_it_is_is_refused() {
    let provider = Provider::new(|_, _| refused(400, "too long"));
    let long = vec!["word ".repeat(1_000)];
    let error = embed(&client(&provider), &long).unwrap_err();
    assert_eq!(error.advice, Advice::FixConfiguration);
    assert!(error.message.contains("refuses any text"), "{error}");
    assert!(provider.requests() < 20, "{}", provider.requests());
}

#[test]
fn who_is_told_to_wait_longer_than_he_may_gives_up_at_once_and_says_how_long() {
    let mut provider = Provider::new(|_, _| refused(429, "slow down"));
    provider.retry_after = Some(Duration::from_secs(3_600));
    let error = embed(&client(&provider), &texts(1)).unwrap_err();
    assert_eq!(provider.requests(), 1);
    let after = provider.retry_after;
    assert_eq!(error.advice, Advice::Retry { after });
    provider.retry_after = Some(Duration::from_secs(3));
    embed(&client(&provider), &texts(1)).unwrap_err();
    assert_eq!(provider.requests(), 1 + 3);
    assert_eq!(provider.waited.get(), Duration::from_secs(6));
}

#[test]
fn an_error_in_the_place_of_vectors_says_what_it_is() {
    let disguised = |error: Value| {
        let provider = Provider::new(|_, _| Err((200, error.clone())));
        let error = embed(&client(&provider), &texts(1)).unwrap_err();
        (error, provider.requests())
    };
    let (error, requests) = disguised(json!({"error": {"message": "no such deployment"}}));
    assert_eq!((&error.advice, requests), (&Advice::GiveUp, 1));
    assert!(error.message.contains("no such deployment"), "{error}");
    let busy = json!({"error": {"message": "upstream busy", "code": 429}, "data": []});
    let (error, requests) = disguised(busy);
    assert_eq!(
        (&error.advice, requests),
        (&Advice::Retry { after: None }, 3)
    );
    assert!(error.message.contains("upstream busy"), "{error}");
    let (error, _) = disguised(json!({"error": "model is loading"}));
    assert!(error.message.contains("model is loading"), "{error}");
}

#[test]
fn what_goes_before_a_text_and_how_long_its_vector_is_are_asked_for() {
    let provider = Provider::new(|texts, body| {
        assert!(texts.iter().all(|text| text.starts_with("query: x")));
        assert_eq!(body["dimensions"], 256);
        Ok(())
    });
    let mut client = client(&provider);
    client.asked.prefix = "query: ";
    client.asked.dimensions = Some(256);
    embed(&client, &texts(2)).unwrap();
}
