//! Which bucket, and the keys in it.

use dayfly_core::objects::keys::{MAX_KEY, check_key};
use rusty_s3::{Bucket, Credentials, UrlStyle};
use url::Url;

use super::{NO_ORIGIN, Source, origin, wrong};

/// S3's limit for a key.
const MAX_S3_KEY: usize = 1_024;
/// A tenant's name has at most 63 bytes; two `/` part it from what stands around it.
const TENANT: usize = 65;

/// The bucket, the way into it, and what stands before every key.
#[derive(Debug, Clone)]
pub struct StorageConfig {
    /// Addresses of objects.
    pub bucket: Bucket,
    /// Signs requests.
    pub credentials: Credentials,
    /// Without `/` at its end; empty for none.
    pub prefix: String,
    /// Names the bucket for people.
    pub place: String,
}

impl StorageConfig {
    pub(super) fn read(source: &Source<'_>) -> Result<Self, String> {
        let name = source.required("s3_bucket")?;
        let region = match source.text("s3_region")? {
            empty if empty.is_empty() => "us-east-1".to_owned(),
            region => region,
        };
        let endpoint = endpoint(&source.required("s3_endpoint")?)?;
        let place = format!(
            "the bucket {name} at {}",
            endpoint.host_str().unwrap_or_default()
        );
        let bucket = bucket(endpoint, &name, region)
            .map_err(|reason| wrong("s3_bucket", &format!("cannot be used ({reason})")))?;
        let key = source.required("s3_access_key_id")?;
        let secret = source.required("s3_secret_access_key")?;
        let credentials = match source.text("s3_session_token")? {
            none if none.is_empty() => Credentials::new(key, secret),
            token => Credentials::new_with_token(key, secret, token),
        };
        Ok(Self {
            bucket,
            credentials,
            prefix: prefix(&source.text("s3_prefix")?)?,
            place,
        })
    }
}

fn endpoint(text: &str) -> Result<Url, String> {
    origin(text).ok_or_else(|| wrong("s3_endpoint", NO_ORIGIN))
}

/// An endpoint that begins with the bucket's name addresses it by host, any other by path.
fn bucket(mut endpoint: Url, name: &str, region: String) -> Result<Bucket, String> {
    let beginning = format!("{name}.");
    let bare = endpoint
        .host_str()
        .and_then(|host| host.strip_prefix(&beginning));
    let style = match bare.map(str::to_owned) {
        Some(host) => {
            endpoint
                .set_host(Some(&host))
                .map_err(|error| error.to_string())?;
            UrlStyle::VirtualHost
        }
        None => UrlStyle::Path,
    };
    Bucket::new(endpoint, style, name.to_owned(), region).map_err(|error| error.to_string())
}

fn prefix(text: &str) -> Result<String, String> {
    let prefix = text.trim_matches('/');
    if prefix.is_empty() {
        return Ok(String::new());
    }
    check_key(prefix).map_err(|error| wrong("s3_prefix", &format!("is wrong ({error})")))?;
    let most = MAX_S3_KEY - MAX_KEY - TENANT;
    if prefix.len() > most {
        return Err(wrong("s3_prefix", &format!("has at most {most} bytes")));
    }
    Ok(prefix.to_owned())
}
