//! Web pages of other sites, where the operator lets them in.

use anyhow::{Context as _, bail};
use http::header::ORIGIN;
use http::{HeaderMap, HeaderValue};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, Any, CorsLayer};

/// The origins whose pages may call this server.
#[derive(Debug, Clone, Default)]
pub struct Cors {
    layer: Option<CorsLayer>,
    origins: Vec<HeaderValue>,
}

impl Cors {
    /// For pages of these origins, such as `https://app.example`; `*` means any.
    ///
    /// # Errors
    ///
    /// An origin is none, or any is let in where no token is asked for.
    pub fn new(origins: &[String], asks_for_tokens: bool) -> anyhow::Result<Self> {
        if origins.is_empty() {
            return Ok(Self::default());
        }
        let is_any = origins.iter().any(|origin| origin == "*");
        if is_any && !asks_for_tokens {
            bail!(
                "cors_origins lets in every web page, and without keys each could read and delete \
                 everything: name the origins, or give the server keys (--auth-key)"
            );
        }
        let allowed = match is_any {
            true => Vec::new(),
            false => origins
                .iter()
                .map(|one| origin(one))
                .collect::<Result<_, _>>()?,
        };
        let layer = CorsLayer::new()
            .allow_methods(AllowMethods::mirror_request())
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(Any)
            .max_age(std::time::Duration::from_secs(600));
        let layer = match is_any {
            true => layer.allow_origin(Any),
            false => layer.allow_origin(AllowOrigin::list(allowed.clone())),
        };
        Ok(Self {
            layer: Some(layer),
            origins: allowed,
        })
    }

    /// Whether a request comes of a page that was let in by its origin.
    pub fn admits(&self, headers: &HeaderMap) -> bool {
        headers
            .get(ORIGIN)
            .is_some_and(|origin| self.origins.contains(origin))
    }

    /// What adds to each answer what lets the page read it, and answers preflights; nothing where no
    /// origin is let in.
    pub fn layer(&self) -> Option<CorsLayer> {
        self.layer.clone()
    }
}

/// An origin as browsers send it.
fn origin(text: &str) -> anyhow::Result<HeaderValue> {
    let is_origin = url::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text
    });
    let value = is_origin
        .then(|| HeaderValue::from_str(text).ok())
        .flatten();
    value.with_context(|| {
        format!(
            "cors_origins names {text}, which is no origin: write it as browsers do, such as \
             https://app.example or http://localhost:3000"
        )
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::body::Body;
    use http::header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS,
        ACCESS_CONTROL_REQUEST_METHOD, HeaderName,
    };
    use http::{Method, Request, Response, StatusCode};
    use tower::util::option_layer;
    use tower::{Layer, ServiceExt, service_fn};

    use super::*;

    async fn asked(cors: &Cors, method: Method, origin: &str) -> Response<Body> {
        let request = Request::builder()
            .method(method)
            .header(ORIGIN, origin)
            .header(ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .header(ACCESS_CONTROL_REQUEST_HEADERS, "authorization")
            .body(())
            .unwrap();
        let answer = service_fn(async |_| {
            let mut response = Response::new(Body::from("{}"));
            *response.status_mut() = StatusCode::ACCEPTED;
            Ok::<_, Infallible>(response)
        });
        let service = option_layer(cors.layer()).layer(answer);
        service.oneshot(request).await.unwrap()
    }

    fn header(response: &Response<Body>, name: HeaderName) -> Option<&str> {
        response.headers().get(name)?.to_str().ok()
    }

    #[tokio::test]
    async fn pages_of_an_origin_that_is_named_are_let_in_and_no_others() {
        let cors = Cors::new(&["https://app.example".to_owned()], true).unwrap();
        let before = asked(&cors, Method::OPTIONS, "https://app.example").await;
        assert_eq!(before.status(), StatusCode::OK);
        assert_eq!(
            header(&before, ACCESS_CONTROL_ALLOW_HEADERS),
            Some("authorization")
        );
        let answered = asked(&cors, Method::POST, "https://app.example").await;
        assert_eq!(answered.status(), StatusCode::ACCEPTED);
        let allowed = header(&answered, ACCESS_CONTROL_ALLOW_ORIGIN);
        assert_eq!(allowed, Some("https://app.example"));
        assert!(cors.admits(&HeaderMap::from_iter([(
            ORIGIN,
            HeaderValue::from_static("https://app.example")
        )])));
        let other = asked(&cors, Method::POST, "https://evil.example").await;
        assert_eq!(header(&other, ACCESS_CONTROL_ALLOW_ORIGIN), None);
        assert!(!cors.admits(&HeaderMap::from_iter([(
            ORIGIN,
            HeaderValue::from_static("https://evil.example")
        )])));
    }

    #[tokio::test]
    async fn where_none_is_named_nothing_is_added() {
        let cors = Cors::new(&[], false).unwrap();
        let answered = asked(&cors, Method::OPTIONS, "https://app.example").await;
        assert_eq!(answered.status(), StatusCode::ACCEPTED);
        assert_eq!(header(&answered, ACCESS_CONTROL_ALLOW_ORIGIN), None);
    }

    #[test]
    fn what_is_no_origin_is_refused_and_so_are_all_without_keys() {
        for bad in [
            "app.example",
            "https://app.example/",
            "ftp://app.example",
            "",
        ] {
            let error = Cors::new(&[bad.to_owned()], true).unwrap_err().to_string();
            assert!(error.contains("https://app.example"), "{error}");
        }
        assert!(Cors::new(&["*".to_owned()], true).is_ok());
        let open = Cors::new(&["*".to_owned()], false).unwrap_err().to_string();
        assert!(open.contains("--auth-key"), "{open}");
    }
}
