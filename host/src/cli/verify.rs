//! `dayfly verify`.

use std::collections::BTreeSet;

use clap::Args;
use dayfly::storage::Blocking;
use dayfly_core::ops::{self, Findings, Strange, Verified};
use dayfly_core::{ids, store};
use indicatif::{BinaryBytes, ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::direct::{Direct, runtime};
use super::output::Output;
use super::{Failure, text};

/// So many objects of each kind are told to people.
const SHOWN: usize = 20;

#[derive(Args, Debug)]
pub struct Arguments {
    /// The store, by name or id; without one, all of them, and everything else that the tenant has
    store: Option<String>,

    #[command(flatten)]
    direct: Direct,
}

/// Reads every object of a store, or of all, and tells what is not as it was written, and what
/// belongs to nothing. Changes nothing.
pub fn run(arguments: &Arguments, output: Output) -> Result<(), Failure> {
    let runtime = runtime()?;
    let (objects, _) = arguments.direct.open(runtime.handle())?;
    let bar = bar();
    let mut seen = |bytes| bar.inc(bytes);
    let mut stores = Vec::new();
    for id in wanted(arguments, &objects)? {
        let verified = ops::verify_store(objects.platform(), &id, &mut seen)?;
        stores.push((id, verified));
    }
    let rest = match arguments.store {
        Some(_) => None,
        None => Some(ops::verify_tenant(objects.platform(), &mut seen)?),
    };
    bar.finish_and_clear();
    let all = stores
        .iter()
        .map(|(_, verified)| &verified.findings)
        .chain(&rest);
    let damages: u64 = all.map(|findings| findings.damages).sum();
    output.answer(&answer(&stores, rest.as_ref(), damages), || {
        described(&stores, rest.as_ref(), damages)
    })?;
    match damages {
        0 => Ok(()),
        _ => Err(Failure::Told),
    }
}

fn wanted(arguments: &Arguments, objects: &Blocking) -> Result<BTreeSet<String>, Failure> {
    let platform = objects.platform();
    let Some(name) = &arguments.store else {
        let marked = ops::list_stores(platform)?.into_iter();
        let mut all: BTreeSet<String> = marked.map(|marked| marked.store).collect();
        all.extend(platform.objects.folders("stores/")?);
        return Ok(all);
    };
    let id = ids::store_id(name);
    let id = id.ok_or_else(|| anyhow::anyhow!("{name:?} is no name of a store"))?;
    if store::newest_version(platform, &id)?.is_none() {
        return Err(anyhow::anyhow!("there is no store {name}").into());
    }
    Ok(BTreeSet::from([id]))
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {binary_bytes} read, {elapsed}");
    let bar = ProgressBar::no_length();
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar
}

fn answer(stores: &[(String, Verified)], rest: Option<&Findings>, damages: u64) -> Value {
    let store = |(id, verified): &(String, Verified)| {
        json!({
            "store": id,
            "version": verified.version,
            "totals": verified.totals,
            "findings": verified.findings,
        })
    };
    let stores: Vec<Value> = stores.iter().map(store).collect();
    json!({ "damages": damages, "stores": stores, "rest": rest })
}

fn described(stores: &[(String, Verified)], rest: Option<&Findings>, damages: u64) -> String {
    let mut lines = String::new();
    for (id, verified) in stores {
        lines += &heading(id, verified);
        lines += &told(&verified.findings);
    }
    if let Some(rest) = rest {
        lines += &format!("files and queue: {} objects\n", rest.objects);
        lines += &told(rest);
    }
    lines += &match damages {
        0 => "Nothing is damaged.\n".to_owned(),
        1 => "1 thing is damaged: restore it from a backup.\n".to_owned(),
        many => format!("{many} things are damaged: restore them from a backup.\n"),
    };
    lines
}

fn heading(id: &str, verified: &Verified) -> String {
    let Some(version) = verified.version else {
        return format!("{id}: deleted\n");
    };
    let (totals, objects) = (verified.totals, verified.findings.objects);
    format!(
        "{id}: version {version}, {} files, {} rows, {objects} objects\n",
        totals.files, totals.rows
    )
}

fn told(findings: &Findings) -> String {
    let mut lines = String::new();
    for damage in findings.damaged.iter().take(SHOWN) {
        let (at, what) = (text::printable(&damage.at), text::printable(&damage.what));
        lines += &format!("  damaged: {at}: {what}\n");
    }
    if findings.damages > SHOWN as u64 {
        lines += &format!("  … and {} more\n", findings.damages - SHOWN as u64);
    }
    lines += &listed("belong to nothing", &findings.unreachable);
    lines += &listed(
        "are named by nothing, and may be being written",
        &findings.recent,
    );
    lines
}

fn listed(what: &str, strange: &Strange) -> String {
    let Strange {
        objects,
        bytes,
        keys,
    } = strange;
    if *objects == 0 {
        return String::new();
    }
    let mut lines = format!("  {objects} objects ({}) {what}:\n", BinaryBytes(*bytes));
    for key in keys.iter().take(SHOWN) {
        lines += &format!("    {}\n", text::printable(key));
    }
    if *objects > SHOWN as u64 {
        lines += &format!("    … and {} more\n", objects - SHOWN as u64);
    }
    lines
}

#[cfg(test)]
mod tests {
    use dayfly_core::ops::Damage;
    use dayfly_core::store::Totals;

    use super::*;

    #[test]
    fn what_was_found_is_told_store_by_store() {
        let findings = Findings {
            objects: 4,
            damages: 1,
            damaged: vec![Damage {
                at: "stores/vs_1/x".to_owned(),
                what: "it is missing".to_owned(),
            }],
            unreachable: Strange {
                objects: 21,
                bytes: 2_048,
                keys: vec!["stores/vs_1/y".to_owned(); 21],
            },
            recent: Strange::default(),
        };
        let verified = Verified {
            version: Some(7),
            totals: Totals {
                files: 2,
                rows: 9,
                bytes: 1,
            },
            findings,
        };
        let text = described(&[("vs_1".to_owned(), verified)], None, 1);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "vs_1: version 7, 2 files, 9 rows, 4 objects");
        assert_eq!(lines[1], "  damaged: stores/vs_1/x: it is missing");
        assert_eq!(lines[2], "  21 objects (2.00 KiB) belong to nothing:");
        assert_eq!(lines[23], "    … and 1 more");
        assert_eq!(lines[24], "1 thing is damaged: restore it from a backup.");
    }

    #[test]
    fn a_sound_tenant_takes_few_words() {
        let text = described(&[], Some(&Findings::default()), 0);
        assert_eq!(text, "files and queue: 0 objects\nNothing is damaged.\n");
    }
}
