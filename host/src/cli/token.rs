//! `dayfly token`: keys, the tokens that name a tenant, and which of them are revoked.

mod files;
mod inspect;
mod quota;
mod revoke;

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use dayfly::identity::{self, Grant, MaxLife, Scope, Time};
use serde_json::json;

use super::Failure;
use super::output::Output;

#[derive(Args, Debug)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an Ed25519 key pair: private.pem signs tokens, public.pem goes to the server
    Keygen(Keygen),
    /// Sign a token for a tenant and print it
    Issue(Issue),
    /// Have servers refuse a token, or all older ones of a tenant
    Revoke(revoke::Arguments),
    /// Show what a token says, and whether it is good
    Inspect(inspect::Arguments),
}

#[derive(Args, Debug)]
struct Keygen {
    /// Folder for private.pem and public.pem; made when missing
    #[arg(long, value_name = "DIR", default_value = "keys")]
    out: PathBuf,
}

#[derive(Args, Debug)]
struct Issue {
    /// Whose data the token opens
    #[arg(long, value_name = "NAME")]
    tenant: String,

    /// What its holder may do; repeatable
    #[arg(long, required = true, value_enum, value_name = "SCOPE")]
    scope: Vec<ScopeName>,

    /// How long it is good for: 90s, 12h, 30d; servers allow 366 days, if not told otherwise
    #[arg(
        long,
        visible_alias = "expires-in",
        value_name = "TIME",
        default_value = "30d",
        value_parser = humantime::parse_duration
    )]
    ttl: Duration,

    /// A limit of the tenant, over the server's own; repeatable: stored_bytes=10GB, files=N, stores=N,
    /// requests_per_second=N, concurrent_requests=N, embedded_tokens_per_minute=N
    #[arg(long, value_name = "NAME=VALUE", value_delimiter = ',')]
    quota: Vec<String>,

    /// The private key that signs it
    #[arg(long, value_name = "PEM", default_value = "keys/private.pem")]
    key: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ScopeName {
    /// List, read and search
    Read,
    /// Upload, change and delete
    Write,
    /// Read the figures of all tenants, and nothing else
    Admin,
}

impl From<ScopeName> for Scope {
    fn from(name: ScopeName) -> Self {
        match name {
            ScopeName::Read => Self::Read,
            ScopeName::Write => Self::Write,
            ScopeName::Admin => Self::Admin,
        }
    }
}

/// Makes keys or a token.
pub fn run(arguments: &Arguments, output: Output) -> Result<(), Failure> {
    match &arguments.command {
        Command::Keygen(keygen) => make_keys(keygen, output),
        Command::Issue(issue) => make_token(issue, output),
        Command::Revoke(arguments) => revoke::run(arguments, output),
        Command::Inspect(arguments) => inspect::run(arguments, output),
    }
}

fn make_keys(arguments: &Keygen, output: Output) -> Result<(), Failure> {
    let pair = identity::keygen()?;
    let (private, public) = files::write_pair(&arguments.out, &pair)?;
    let answer = json!({ "private_key": private, "public_key": public, "kid": pair.kid });
    let human = || {
        format!(
            "private key  {} (keep it off the server)\n\
             public key   {}\n\
             its name     {} (kid)\n\n\
             dayfly serve --auth-key {}\n\
             dayfly token issue --key {} --tenant acme --scope read --scope write\n",
            private.display(),
            public.display(),
            pair.kid,
            public.display(),
            private.display(),
        )
    };
    Ok(output.answer(&answer, human)?)
}

fn make_token(arguments: &Issue, output: Output) -> Result<(), Failure> {
    let pem = std::fs::read_to_string(&arguments.key).with_context(|| {
        format!(
            "cannot read the private key {} (`dayfly token keygen` makes one)",
            arguments.key.display()
        )
    })?;
    let scopes: Vec<Scope> = arguments.scope.iter().map(|name| (*name).into()).collect();
    let grant = Grant {
        tenant: &arguments.tenant,
        scopes: &scopes,
        ttl: arguments.ttl,
        quota: quota::parse(&arguments.quota)?,
    };
    let issued = identity::issue(&pem, &grant)?;
    let allowed = MaxLife::default();
    let life = issued.claims.exp - issued.claims.iat;
    if allowed.seconds().is_some_and(|most| life > most) {
        eprintln!(
            "note: servers refuse tokens that are good for more than {allowed}, unless --auth-max-life says otherwise"
        );
    }
    let answer = json!({
        "token": issued.token,
        "jti": issued.claims.jti,
        "kid": issued.kid,
        "expires": Time(issued.claims.exp),
    });
    Ok(output.answer(&answer, || format!("{}\n", issued.token))?)
}

/// The token of an argument; `-` for standard input, where no other process can see it.
fn token_of(argument: &str) -> anyhow::Result<String> {
    let mut token = argument.to_owned();
    if argument == "-" {
        token.clear();
        // More than any server takes in a header.
        let mut input = std::io::stdin().take(1 << 20);
        input
            .read_to_string(&mut token)
            .context("cannot read the token from standard input")?;
    }
    let token = token.trim();
    Ok(token
        .strip_prefix("Bearer ")
        .unwrap_or(token)
        .trim()
        .to_owned())
}
