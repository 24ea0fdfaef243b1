//! One request, taken apart.

use dayfly_core::api::routes::{self, Operation, Route, Server};
use dayfly_core::api::{ApiError, Code};
use percent_encoding::percent_decode_str;
use spin_sdk::http::{IncomingRequest, Method};

use crate::platform;

/// A request's head, after its caller was authenticated.
#[derive(Debug)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The path's segments, decoded.
    path: Vec<String>,
    /// Where the path leads, whatever the method.
    route: Option<&'static Route>,
    /// What stands in the place of each name in the route's path.
    parameters: Vec<String>,
    /// Whether the caller may write, whatever the method.
    pub may_write: bool,
    query: Vec<(String, String)>,
    headers: Vec<(String, Vec<u8>)>,
}

impl Call {
    /// Takes the head apart and authenticates the caller. Where there is no such route, `GET` and `HEAD`
    /// read, and everything else writes.
    pub fn authenticated(request: &IncomingRequest) -> Result<Self, ApiError> {
        let mut call = Self::new(request)?;
        let authorization = call.header("authorization");
        call.may_write = platform::authenticate(authorization.as_deref(), !call.only_reads())?;
        Ok(call)
    }

    fn new(request: &IncomingRequest) -> Result<Self, ApiError> {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let path: Vec<String> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| percent_decode_str(segment).decode_utf8().map(String::from))
            .collect::<Result<_, _>>()
            .map_err(|_| ApiError::invalid_request("The path is not UTF-8 after decoding."))?;
        let segments: Vec<&str> = path.iter().map(String::as_str).collect();
        let found = routes::find(&segments).filter(|(route, _)| route.server() != Server::Host);
        let (route, parameters) = found.unzip();
        let parameters = parameters.unwrap_or_default();
        let parameters = parameters.into_iter().map(str::to_owned).collect();
        Ok(Self {
            method: request.method(),
            path,
            route,
            parameters,
            may_write: false,
            query: form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            headers: request.headers().entries(),
        })
    }

    fn only_reads(&self) -> bool {
        match self.asked() {
            Some(operation) => operation.only_reads(),
            None => matches!(self.method, Method::Get | Method::Head),
        }
    }

    fn asked(&self) -> Option<Operation> {
        self.route?.operation(&method_name(&self.method))
    }

    /// What is asked for.
    ///
    /// # Errors
    /// 404 for a path that there is not, 405 for a method that the path does not have.
    pub fn operation(&self) -> Result<Operation, ApiError> {
        let route = self.route.ok_or_else(|| self.unknown())?;
        self.asked()
            .ok_or_else(|| self.wrong_method(&route.methods()))
    }

    /// What stands in the path, in the order of the route's names; empty where it has fewer.
    pub fn parameters<const N: usize>(&self) -> [&str; N] {
        std::array::from_fn(|n| self.parameters.get(n).map_or("", String::as_str))
    }

    /// The last value of a query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().rev().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A header's value, where it is text.
    pub fn header(&self, name: &str) -> Option<String> {
        let found = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| String::from_utf8(value.clone()).ok())
    }

    /// What the caller names a request by that it may send again.
    ///
    /// Errors: 400 for what is not 1 to 255 printable characters.
    pub fn idempotency_key(&self) -> Result<Option<String>, ApiError> {
        const HEADER: &str = "idempotency-key";
        const LONGEST: usize = 255;
        let mut headers = self.headers.iter();
        if !headers.any(|(key, _)| key.eq_ignore_ascii_case(HEADER)) {
            return Ok(None);
        }
        let is_usable = |key: &String| {
            (1..=LONGEST).contains(&key.chars().count()) && !key.chars().any(char::is_control)
        };
        let key = self.header(HEADER).filter(is_usable);
        key.map(Some).ok_or_else(|| {
            ApiError::invalid_request(format!(
                "The header 'Idempotency-Key' takes 1 to {LONGEST} printable characters."
            ))
            .param("Idempotency-Key")
        })
    }

    /// Refuses a body that is declared as something else than JSON.
    pub fn expect_json(&self) -> Result<(), ApiError> {
        let Some(content_type) = self.header("content-type") else {
            return Ok(());
        };
        let essence = content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        if essence == "application/json" || essence.ends_with("+json") {
            return Ok(());
        }
        Err(ApiError::new(
            Code::UnsupportedMediaType,
            format!(
                "The body's content type is '{essence}'; send JSON with 'content-type: application/json'."
            ),
        ))
    }

    /// The error for a path or method that is not served.
    pub fn unknown(&self) -> ApiError {
        let path = self.path.join("/");
        ApiError::new(
            Code::UnknownUrl,
            format!("There is no {} /{path}.", method_name(&self.method)),
        )
    }

    /// The error for a method that this path does not have.
    fn wrong_method(&self, allowed: &str) -> ApiError {
        let path = self.path.join("/");
        ApiError::new(
            Code::MethodNotAllowed,
            format!(
                "{} is not possible on /{path}; use {allowed}.",
                method_name(&self.method)
            ),
        )
    }
}

fn method_name(method: &Method) -> String {
    match method {
        Method::Get => "GET".to_owned(),
        Method::Head => "HEAD".to_owned(),
        Method::Post => "POST".to_owned(),
        Method::Put => "PUT".to_owned(),
        Method::Delete => "DELETE".to_owned(),
        Method::Options => "OPTIONS".to_owned(),
        Method::Patch => "PATCH".to_owned(),
        other => format!("{other:?}"),
    }
}
