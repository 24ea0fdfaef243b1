//! `dayfly token inspect`.

use std::path::PathBuf;

use clap::Args;
use dayfly::identity::{Against, Inspection, MaxLife, Time, inspect};
use serde_json::{Value, json};

use super::super::Failure;
use super::super::output::Output;
use super::super::text::printable;
use super::token_of;

#[derive(Args, Debug)]
pub struct Arguments {
    /// The token; - reads it from standard input
    #[arg(value_name = "TOKEN|-")]
    token: String,

    /// A public key (PEM) that may have signed it, or a folder of them; repeatable
    #[arg(long, value_name = "PEM")]
    key: Vec<PathBuf>,

    /// The list of revoked tokens that a server looks into
    #[arg(long, value_name = "FILE")]
    revoked: Option<PathBuf>,

    /// How long a server lets tokens be good
    #[arg(long, value_name = "TIME", default_value_t)]
    max_life: MaxLife,
}

/// Prints what a token says, but for its signature, and fails where a server would refuse it, as far as
/// can be told: without a key its signature is not looked at.
pub fn run(arguments: &Arguments, output: Output) -> Result<(), Failure> {
    let against = Against {
        keys: arguments.key.clone(),
        revoked: arguments.revoked.clone(),
        max_life: arguments.max_life,
    };
    let seen = inspect(&token_of(&arguments.token)?, &against)?;
    let now = Time::now();
    output.answer(&as_json(&seen), || as_text(&seen, now))?;
    match seen.refusal {
        None => Ok(()),
        Some(_) => Err(Failure::Told),
    }
}

fn as_json(seen: &Inspection) -> Value {
    let time = |name: &str| seen.claims[name].as_u64().map(Time);
    json!({
        "header": seen.header,
        "claims": seen.claims,
        "issued": time("iat"),
        "expires": time("exp"),
        "verified": seen.is_signed,
        "verified_by": seen.signed_by,
        "revoked": seen.is_revoked,
        "good": seen.refusal.is_none(),
        "refusal": seen.refusal,
    })
}

fn as_text(seen: &Inspection, now: Time) -> String {
    let mut lines = Vec::new();
    for (name, value) in seen.claims.as_object().into_iter().flatten() {
        let is_time = matches!(name.as_str(), "iat" | "exp" | "nbf");
        let said = match value.as_u64().filter(|_| is_time) {
            Some(seconds) => format!("{}, {}", Time(seconds), relative(seconds, now.0)),
            None => plain(value),
        };
        lines.push((label(name), said));
    }
    for (name, value) in seen.header.as_object().into_iter().flatten() {
        lines.push((format!("header {name}"), plain(value)));
    }
    let signature = match (&seen.signed_by, seen.is_signed) {
        (Some(key), _) => format!("verified by {}", key.display()),
        (None, None) => "not verified: name the public key with --key".to_owned(),
        (None, Some(_)) => "of none of these keys".to_owned(),
    };
    lines.push(("signature".to_owned(), signature));
    let revoked = match seen.is_revoked {
        None => "not looked up: name the list with --revoked",
        Some(true) => "yes",
        Some(false) => "no",
    };
    lines.push(("revoked".to_owned(), revoked.to_owned()));
    let good = match (&seen.refusal, seen.is_signed) {
        (Some(why), _) => format!("no: {why}"),
        (None, Some(_)) => "yes".to_owned(),
        (None, None) => "if its signature is".to_owned(),
    };
    lines.push(("good".to_owned(), good));
    lines
        .iter()
        .map(|(name, said)| format!("{:<12}  {}\n", printable(name), printable(said)))
        .collect()
}

fn label(claim: &str) -> String {
    match claim {
        "iat" => "issued",
        "exp" => "expires",
        "nbf" => "not before",
        "jti" => "id (jti)",
        other => other,
    }
    .to_owned()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// As `3 days ago` or `in 5 hours`, in the largest unit of which there are two.
fn relative(seconds: u64, now: u64) -> String {
    let away = seconds.abs_diff(now);
    let units = [(86_400, "days"), (3_600, "hours"), (60, "minutes")];
    let unit = units.into_iter().find(|(unit, _)| away >= 2 * unit);
    let (unit, name) = unit.unwrap_or((1, "seconds"));
    match seconds >= now {
        true => format!("in {} {name}", away / unit),
        false => format!("{} {name} ago", away / unit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(claims: Value) -> Inspection {
        Inspection {
            header: json!({"alg": "EdDSA", "kid": "the-key"}),
            claims,
            is_signed: None,
            signed_by: None,
            is_revoked: None,
            refusal: None,
        }
    }

    #[test]
    fn times_are_told_by_the_clock_and_from_now() {
        let claims = json!({"tenant": "acme", "iat": 1_790_856_000, "exp": 1_790_942_400});
        let text = as_text(&seen(claims), Time(1_790_856_000 + 7_300));
        assert!(
            text.contains("issued        2026-10-01T12:00:00Z, 2 hours ago\n"),
            "{text}"
        );
        assert!(
            text.contains("expires       2026-10-02T12:00:00Z, in 21 hours\n"),
            "{text}"
        );
        assert!(
            text.contains("not verified") && text.contains("the-key"),
            "{text}"
        );
    }

    #[test]
    fn distances_have_the_largest_unit_of_which_there_are_two() {
        for (seconds, said) in [
            (0, "in 0 seconds"),
            (119, "in 119 seconds"),
            (120, "in 2 minutes"),
            (7_200, "in 2 hours"),
            (172_799, "in 47 hours"),
            (172_800, "in 2 days"),
        ] {
            assert_eq!(relative(1_000_000 + seconds, 1_000_000), said);
        }
        assert_eq!(relative(1_000, 1_400), "6 minutes ago");
        assert_eq!(
            relative(u64::MAX, 0),
            format!("in {} days", u64::MAX / 86_400)
        );
    }

    #[test]
    fn what_a_token_says_cannot_drive_the_terminal() {
        let claims = json!({"tenant": "a\u{1b}[2J", "x\u{7}": "\n", "exp": u64::MAX, "iat": -1});
        let text = as_text(&seen(claims), Time(0));
        let controls = |letter: char| letter.is_control() && letter != '\n';
        assert!(!text.contains(controls), "{text:?}");
    }
}
