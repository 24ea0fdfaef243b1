//! The configured embedding provider: where it is, and what requests to it carry.

use std::env;

use anyhow::{Context as _, ensure};
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::options::EmbedOptions;

/// What each request has of its own.
const OWN: [HeaderName; 5] = [
    CONNECTION,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    HOST,
    TRANSFER_ENCODING,
];

/// Where a provider is, without a name or a password, and what requests to it carry: the key, what
/// `embed.headers` names, and Basic authentication (RFC 7617) where the address had a name and a password.
pub fn access(url: &str, options: &EmbedOptions) -> anyhow::Result<(String, HeaderMap)> {
    let (url, basic) = without_password(url)?;
    let mut headers = HeaderMap::new();
    if let Some(variable) = &options.key_env {
        ensure!(
            basic.is_none(),
            "embed.url has a name or a password in it, and embed.key_env is set: leave one of them out"
        );
        let key = variable_of("embed.key_env", variable)?;
        headers.insert(
            AUTHORIZATION,
            secret(variable, &format!("Bearer {}", key.trim()))?,
        );
    }
    if let Some(basic) = basic {
        headers.insert(AUTHORIZATION, secret("embed.url", &basic)?);
    }
    for header in &options.headers {
        let (name, value) = header_of(header)?;
        headers.insert(name, value);
    }
    Ok((url, headers))
}

/// Where a provider is, for people: without a name or a password.
pub fn shown(url: &str) -> String {
    without_password(url).map_or_else(|_| "an address that is none".to_owned(), |(url, _)| url)
}

/// The address as it was written, where there is nothing to hide.
fn without_password(url: &str) -> anyhow::Result<(String, Option<String>)> {
    // It may hold a password, so it is not repeated.
    let mut parsed: Url = url.parse().context("embed.url is no URL")?;
    ensure!(
        matches!(parsed.scheme(), "http" | "https"),
        "embed.url must be a whole http or https URL, not one of {}:",
        parsed.scheme()
    );
    let password = parsed.password().unwrap_or_default().to_owned();
    if parsed.username().is_empty() && password.is_empty() {
        return Ok((url.to_owned(), None));
    }
    let text = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let pair = format!("{}:{}", text(parsed.username()), text(&password));
    let cleared = parsed
        .set_username("")
        .and_then(|()| parsed.set_password(None));
    ensure!(
        cleared.is_ok(),
        "embed.url has a name or a password, and no host"
    );
    Ok((
        parsed.into(),
        Some(format!("Basic {}", base64(pair.as_bytes()))),
    ))
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// `NAME=VARIABLE`: the name of a header, and of the variable that holds its value.
fn header_of(text: &str) -> anyhow::Result<(HeaderName, HeaderValue)> {
    let (name, variable) = text
        .split_once('=')
        .with_context(|| format!("embed.headers: '{text}' is not NAME=VARIABLE"))?;
    let header: HeaderName = name
        .trim()
        .parse()
        .with_context(|| format!("embed.headers: '{name}' is no name of a header"))?;
    ensure!(
        !OWN.contains(&header),
        "embed.headers: '{header}' is what each request has of its own; leave it out"
    );
    let variable = variable.trim();
    let value = variable_of("embed.headers", variable)?;
    Ok((header, secret(variable, value.trim())?))
}

fn variable_of(setting: &str, variable: &str) -> anyhow::Result<String> {
    env::var(variable)
        .with_context(|| format!("{setting} names the variable {variable}, which is not set"))
}

fn secret(place: &str, text: &str) -> anyhow::Result<HeaderValue> {
    let mut value = HeaderValue::from_str(text)
        .with_context(|| format!("{place} holds characters that no header may have"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str, options: &EmbedOptions) -> String {
        access(url, options).unwrap_err().to_string()
    }

    #[test]
    fn a_name_and_a_password_become_basic_authentication_and_are_shown_nowhere() {
        let options = EmbedOptions::default();
        let (url, headers) = access("https://user:p%40ss@models.test/v1", &options).unwrap();
        assert_eq!(url, "https://models.test/v1");
        assert_eq!(shown("https://user:p%40ss@models.test/v1"), url);
        assert_eq!(headers[AUTHORIZATION], "Basic dXNlcjpwQHNz");
        assert!(!format!("{headers:?}").contains("dXNl"));
        let as_written = "http://HOST:80/v1/embeddings";
        let (url, headers) = access(as_written, &options).unwrap();
        assert_eq!((url.as_str(), headers.len()), (as_written, 0));
        for wrong in [
            "http://user:hunter2@:9/v1",
            "ftp://user:hunter2@models.test/v1",
            "user:hunter2",
        ] {
            let refused = format!("{:#}", access(wrong, &options).unwrap_err());
            assert!(
                refused.contains("embed.url") && !refused.contains("hunter2"),
                "{refused}"
            );
        }
        let options = EmbedOptions {
            key_env: Some("PATH".to_owned()),
            ..options
        };
        let refused = refusal("https://user:hunter2@models.test/v1", &options);
        assert!(!refused.contains("hunter2"), "{refused}");
    }

    #[test]
    fn headers_are_taken_from_the_environment() {
        let with = |headers: &str| EmbedOptions {
            headers: vec![headers.to_owned()],
            ..EmbedOptions::default()
        };
        let url = "https://models.test/v1";
        let (_, headers) = access(url, &with("Api-Key=PATH")).unwrap();
        assert_eq!(headers["api-key"], env::var("PATH").unwrap());
        assert!(headers["api-key"].is_sensitive());
        for (wrong, says) in [
            ("api-key", "NAME=VARIABLE"),
            ("api key=PATH", "no name of a header"),
            ("host=PATH", "leave it out"),
            ("api-key=NOT_SET_ANYWHERE", "NOT_SET_ANYWHERE"),
        ] {
            let refused = refusal(url, &with(wrong));
            assert!(refused.contains(says), "{refused}");
        }
    }
}
