//! An HTTP address that is checked where it is read.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

/// An `http://` or `https://` address, as it was written.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Endpoint(String);

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|error| format!("{text}: {error}"))?;
        if matches!(url.scheme(), "http" | "https") {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("{text} is not an http:// or https:// address"))
        }
    }
}

impl TryFrom<String> for Endpoint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_as_it_was_written() {
        let endpoint: Endpoint = "http://HOST:80/v1".parse().unwrap();
        assert_eq!(String::from(endpoint), "http://HOST:80/v1");
    }

    #[test]
    fn what_is_not_http_is_refused() {
        for text in ["", "localhost:1/v1", "ftp://host/", "/v1/embeddings"] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
