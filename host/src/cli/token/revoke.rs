//! `dayfly token revoke`.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Result, anyhow, bail};
use clap::Args;
use dayfly::identity::{
    self, ALL_TENANTS, NotBefore, RevocationList, RevokedToken, Time, is_tenant, revocations,
};
use serde_json::json;

use super::super::Failure;
use super::super::output::Output;
use super::token_of;

/// By how much the clock of whoever checks an expiry may be behind.
const SLACK_S: u64 = 86_400;

#[derive(Args, Debug)]
#[group(skip)]
pub struct Arguments {
    /// The list that servers look into (--auth-revoked); made where it is missing
    #[arg(long, env = "DAYFLY_AUTH_REVOKED", value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    what: What,

    /// Of a tenant: bar what was issued before this, as 2026-10-01T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME", conflicts_with_all = ["id", "token"])]
    before: Option<Time>,

    /// Of an id: when the token expires by itself, from when on the list need not name it
    #[arg(long, value_name = "TIME", requires = "id")]
    until: Option<Time>,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct What {
    /// Bar the token with this id (`jti`)
    #[arg(long, value_name = "JTI")]
    id: Option<String>,

    /// Bar this token; - reads it from standard input
    #[arg(long, value_name = "TOKEN|-")]
    token: Option<String>,

    /// Bar all older tokens of this tenant
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,

    /// Bar all older tokens of every tenant
    #[arg(long)]
    all_tenants: bool,
}

/// Writes the list, durably and as a whole. A not-before of now is over when this returns: tokens
/// that are issued then are good.
pub fn run(arguments: &Arguments, output: Output) -> Result<(), Failure> {
    let revoked = revoked(arguments)?;
    let list = revocations::change(&arguments.file, |list| {
        forget(list, Time::now());
        add(list, &revoked);
    })?;
    let (answer, text) = match &revoked {
        Revoked::Token(token) => (
            json!({"jti": token.jti, "until": token.until}),
            format!("revoked  the token {}", token.jti),
        ),
        Revoked::Older(older) => {
            // The list may have named a later time before.
            let time = time_of(&list, &older.tenant).unwrap_or(older.time);
            wait_for(older.time);
            let whose = match older.tenant.as_str() {
                ALL_TENANTS => "tokens of all tenants".to_owned(),
                tenant => format!("tokens of {tenant}"),
            };
            (
                json!({"tenant": older.tenant, "not_before": time}),
                format!("revoked  {whose} that were issued before {time}"),
            )
        }
    };
    Ok(output.answer(&answer, || {
        format!("{text}\nlist     {}\n", arguments.file.display())
    })?)
}

enum Revoked {
    Token(RevokedToken),
    Older(NotBefore),
}

fn revoked(arguments: &Arguments) -> Result<Revoked> {
    let What {
        id,
        token,
        tenant,
        all_tenants: _,
    } = &arguments.what;
    if let Some(id) = id {
        return named(id.clone(), arguments.until);
    }
    if let Some(token) = token {
        let (_, claims) = identity::read(&token_of(token)?)?;
        let id = claims["jti"].as_str().ok_or_else(|| {
            anyhow!("the token has no id (`jti`): bar it by its tenant (--tenant)")
        })?;
        return named(id.to_owned(), claims["exp"].as_u64().map(Time));
    }
    let tenant = tenant.as_deref().unwrap_or(ALL_TENANTS);
    if tenant != ALL_TENANTS && !is_tenant(tenant) {
        bail!("`{tenant}` is not a tenant name: [a-z0-9][a-z0-9_-]*, at most 63 characters");
    }
    // Whatever was issued within this second is older, too.
    let next = Time(Time::now().0 + 1);
    let time = arguments.before.unwrap_or(next);
    if time > next {
        bail!(
            "--before {time} is in the future: it would also bar tokens that are issued until then"
        );
    }
    Ok(Revoked::Older(NotBefore {
        tenant: tenant.to_owned(),
        time,
    }))
}

fn named(jti: String, until: Option<Time>) -> Result<Revoked> {
    if jti.is_empty() {
        bail!("the id of a token is not empty: `dayfly token inspect` shows it as `jti`");
    }
    // A list is read back as it was written, so its times have a year of four digits.
    let until = until.filter(|time| time.to_string().parse() == Ok(*time));
    Ok(Revoked::Token(RevokedToken { jti, until }))
}

/// Removes what has expired by itself.
fn forget(list: &mut RevocationList, now: Time) {
    list.tokens.retain(|token| {
        token
            .until
            .is_none_or(|until| until.0.saturating_add(SLACK_S) > now.0)
    });
}

/// Never takes back what was revoked: of two times the later one stays.
fn add(list: &mut RevocationList, revoked: &Revoked) {
    match revoked {
        Revoked::Token(token) => {
            let known = list.tokens.iter_mut().find(|known| known.jti == token.jti);
            match known {
                None => list.tokens.push(token.clone()),
                Some(known) => known.until = later(known.until, token.until),
            }
        }
        Revoked::Older(older) => {
            let time = time_of(list, &older.tenant).map_or(older.time, |time| time.max(older.time));
            list.not_before.retain(|known| known.tenant != older.tenant);
            list.not_before.push(NotBefore {
                time,
                ..older.clone()
            });
        }
    }
}

/// None is for ever.
fn later(a: Option<Time>, b: Option<Time>) -> Option<Time> {
    Some(a?.max(b?))
}

fn time_of(list: &RevocationList, tenant: &str) -> Option<Time> {
    let of_tenant = list
        .not_before
        .iter()
        .filter(|known| known.tenant == tenant);
    of_tenant.map(|known| known.time).max()
}

/// Until that second has come: it is the next one at most.
fn wait_for(time: Time) {
    let left = (UNIX_EPOCH + Duration::from_secs(time.0)).duration_since(SystemTime::now());
    std::thread::sleep(left.unwrap_or_default().min(Duration::from_secs(1)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(jti: &str, until: Option<u64>) -> Revoked {
        let until = until.map(Time);
        let jti = jti.to_owned();
        Revoked::Token(RevokedToken { jti, until })
    }

    fn older(tenant: &str, time: u64) -> Revoked {
        let time = Time(time);
        let tenant = tenant.to_owned();
        Revoked::Older(NotBefore { tenant, time })
    }

    fn list(revoked: &[Revoked]) -> RevocationList {
        let mut list = RevocationList::default();
        revoked.iter().for_each(|revoked| add(&mut list, revoked));
        list
    }

    #[test]
    fn nothing_is_taken_back_by_adding() {
        let twice = list(&[older("a", 20), older("a", 10), older("b", 5)]);
        assert_eq!(time_of(&twice, "a"), Some(Time(20)));
        assert_eq!(time_of(&twice, "b"), Some(Time(5)));
        assert_eq!(twice.not_before.len(), 2);
        for untils in [[Some(5), Some(9)], [Some(9), Some(5)]] {
            let once = list(&untils.map(|until| token("x", until)));
            assert_eq!(once.tokens.len(), 1);
            assert_eq!(once.tokens[0].until, Some(Time(9)));
        }
        let ever = list(&[token("x", None), token("x", Some(5))]);
        assert_eq!(ever.tokens[0].until, None);
    }

    #[test]
    fn only_what_expired_a_day_ago_is_forgotten() {
        let mut list = list(&[token("a", Some(10)), token("b", Some(11)), token("c", None)]);
        list.not_before.push(NotBefore {
            tenant: "a".to_owned(),
            time: Time(1),
        });
        forget(&mut list, Time(10 + SLACK_S));
        let left: Vec<_> = list.tokens.iter().map(|token| &token.jti).collect();
        assert_eq!(left, ["b", "c"]);
        assert_eq!(list.not_before.len(), 1);
    }
}
