//! What tenants have stored, and may have.

use indicatif::BinaryBytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Failure;
use super::super::client::{Client, ClientError};
use super::super::output::Output;
use super::super::text;
use super::{List, listing};

const PAGE: &str = "100";

#[derive(Deserialize)]
struct Known {
    tenant: String,
    stored_bytes: Option<u64>,
    files: Option<u64>,
    stores: Option<u64>,
    quota: Limits,
    requests_under_way: u64,
    requests_waiting: u64,
}

#[derive(Default, Deserialize)]
struct Limits {
    stored_bytes: Option<u64>,
    files: Option<u64>,
    stores: Option<u64>,
    requests_per_second: Option<f64>,
    concurrent_requests: Option<u64>,
    embedded_tokens_per_minute: Option<u64>,
}

/// The tenant's own, before its stores.
pub async fn with_stores(
    client: &Client,
    stores: Vec<Value>,
    output: Output,
) -> Result<(), Failure> {
    let usage = client.get(&["v1", "usage"], &[]).await?;
    let answer = json!({ "object": "list", "data": stores, "usage": usage });
    if output.is_json() {
        return Ok(output.answer(&answer, String::new)?);
    }
    let known: Known = serde_json::from_value(usage)?;
    let List { data } = serde_json::from_value(answer)?;
    let human = || format!("{}\n{}", lines(&known), listing(&data));
    Ok(output.answer(&Value::Null, human)?)
}

/// Of all tenants, page after page.
pub async fn of_all(client: &Client, output: Output) -> Result<(), Failure> {
    let tenants = pages(client).await?;
    let answer = json!({ "object": "list", "data": tenants });
    if output.is_json() {
        return Ok(output.answer(&answer, String::new)?);
    }
    let known: Vec<Known> = serde_json::from_value(answer["data"].clone())?;
    Ok(output.answer(&Value::Null, || table(&known))?)
}

async fn pages(client: &Client) -> Result<Vec<Value>, ClientError> {
    let mut tenants: Vec<Value> = Vec::new();
    loop {
        let after = tenants
            .last()
            .and_then(|one| one["tenant"].as_str().map(str::to_owned));
        let mut query = vec![("limit", PAGE)];
        query.extend(after.as_deref().map(|name| ("after", name)));
        let mut page = client.get(&["v1", "usage", "tenants"], &query).await?;
        let more = page["has_more"] == true;
        match page["data"].take() {
            Value::Array(data) if !data.is_empty() => tenants.extend(data),
            _ => return Ok(tenants),
        }
        if !more {
            return Ok(tenants);
        }
    }
}

fn lines(known: &Known) -> String {
    let limits = &known.quota;
    let mut rows = vec![
        vec![
            "stored".to_owned(),
            of(known.stored_bytes, limits.stored_bytes, bytes),
        ],
        vec!["files".to_owned(), of(known.files, limits.files, plain)],
        vec!["stores".to_owned(), of(known.stores, limits.stores, plain)],
    ];
    let mut limited = |name: &str, limit: Option<String>| {
        let row = limit.map(|limit| vec![name.to_owned(), format!("at most {limit}")]);
        rows.extend(row);
    };
    limited(
        "requests a second",
        limits.requests_per_second.map(|most| most.to_string()),
    );
    limited("requests at once", limits.concurrent_requests.map(plain));
    limited(
        "embedded tokens a minute",
        limits.embedded_tokens_per_minute.map(plain),
    );
    text::table(&rows, &[false, false])
}

fn table(known: &[Known]) -> String {
    let heading = ["TENANT", "STORED", "FILES", "STORES", "REQUESTS"]
        .map(str::to_owned)
        .to_vec();
    let row = |one: &Known| {
        vec![
            one.tenant.clone(),
            of(one.stored_bytes, one.quota.stored_bytes, bytes),
            of(one.files, one.quota.files, plain),
            of(one.stores, one.quota.stores, plain),
            format!(
                "{} (+{} waiting)",
                one.requests_under_way, one.requests_waiting
            ),
        ]
    };
    let rows: Vec<Vec<String>> = std::iter::once(heading)
        .chain(known.iter().map(row))
        .collect();
    text::table(&rows, &[false, true, true, true, true])
}

/// So much of so much.
fn of(present: Option<u64>, most: Option<u64>, show: fn(u64) -> String) -> String {
    let present = present.map_or_else(|| "not measured yet".to_owned(), show);
    match most {
        Some(most) => format!("{present} of {}", show(most)),
        None => present,
    }
}

fn bytes(count: u64) -> String {
    BinaryBytes(count).to_string()
}

fn plain(count: u64) -> String {
    count.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(value: Value) -> Known {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_is_stored_stands_beside_what_may_be() {
        let acme = known(json!({
            "tenant": "acme", "stored_bytes": 2048, "files": 3, "stores": 1,
            "quota": { "stored_bytes": 4096, "requests_per_second": 2.5 },
            "requests_under_way": 1, "requests_waiting": 0,
        }));
        assert_eq!(
            lines(&acme),
            "stored             2.00 KiB of 4.00 KiB\n\
             files              3\n\
             stores             1\n\
             requests a second  at most 2.5\n"
        );
    }

    #[test]
    fn tenants_stand_in_columns_also_those_never_measured() {
        let new = known(json!({
            "tenant": "b", "quota": { "files": 9 },
            "requests_under_way": 0, "requests_waiting": 2,
        }));
        let shown = table(&[new]);
        assert!(shown.contains("not measured yet of 9"), "{shown}");
        assert!(shown.contains("0 (+2 waiting)"), "{shown}");
    }
}
