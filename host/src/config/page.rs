//! `docs/configuration.md` says what the flags say.

use std::fmt::Write as _;

use clap::{Arg, Args, Command};

use super::layer::Layer;

const PAGE: &str = include_str!("../../../docs/configuration.md");
const BEGIN: &str = "<!-- made from host/src/config -->\n";
const END: &str = "<!-- until here -->\n";

/// What the flags of a table in `dayfly.toml` begin with.
const TABLES: [(&str, &str); 6] = [
    ("embed-", "embed"),
    ("limit-", "limits"),
    ("quota-", "quota"),
    ("job-", "jobs"),
    ("index-", "index"),
    ("rebuild-", "rebuild"),
];

fn table() -> String {
    let command = Layer::augment_args(Command::new("serve"));
    let mut text = "| `dayfly.toml` | flag | default | |\n|---|---|---|---|\n".to_owned();
    let mut present = "";
    for argument in command.get_arguments() {
        let flag = argument.get_long().unwrap();
        let found = TABLES.iter().find(|(prefix, _)| flag.starts_with(prefix));
        let (key, table) = match found {
            Some((prefix, table)) => (&flag[prefix.len()..], *table),
            None => (flag, ""),
        };
        if table != present {
            writeln!(text, "| **`[{table}]`** | | | |").unwrap();
            present = table;
        }
        let plural = match flag {
            "auth-key" | "cors-origin" | "embed-header" => "s",
            "embed-alias" => "es",
            _ => "",
        };
        let key = format!("{}{plural}", key.replace('-', "_"));
        let (help, default) = told(argument);
        writeln!(text, "| `{key}` | `--{flag}` | {default} | {help} |").unwrap();
    }
    text
}

/// What the help says, and the default that stands at its end.
fn told(argument: &Arg) -> (String, String) {
    let help = argument.get_help().unwrap().to_string();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    match help.split_once(" [default: ") {
        Some((help, default)) => (help.to_owned(), default.trim_end_matches(']').to_owned()),
        None => (help, String::new()),
    }
}

#[test]
fn the_page_of_settings_has_all_flags_as_they_are() {
    let (before, rest) = PAGE.split_once(BEGIN).unwrap();
    let (shown, after) = rest.split_once(END).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let page = format!("{before}{BEGIN}{}{END}{after}", table());
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
        return std::fs::write(path, page).unwrap();
    }
    assert_eq!(
        shown,
        table(),
        "write it anew: UPDATE_DOCS=1 cargo test -p dayfly the_page_of_settings"
    );
}
