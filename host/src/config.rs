//! What `dayfly serve` is told: a flag wins over the environment, that over `dayfly.toml`, that over
//! the default.

mod embed;
mod file;
mod layer;
#[cfg(test)]
mod page;
mod quota;

use std::path::PathBuf;

use clap::Args;
use dayfly::options::ServeOptions;

pub use layer::Layer;

/// The file that is read, where it exists, when none is named.
const DEFAULT_FILE: &str = "dayfly.toml";

/// Flags of `dayfly serve`, each of which falls back to its environment variable.
#[derive(Args, Clone, Debug, Default)]
pub struct Flags {
    /// Configuration file [default: dayfly.toml, where there is one]
    #[arg(long, env = "DAYFLY_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    #[command(flatten)]
    pub layer: Layer,
}

/// A configuration that cannot be used; the text names the source and the key.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The named file cannot be read.
    #[error("the configuration file {} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is not TOML, has a key that is not known, or a value of the wrong kind.
    #[error("the configuration file {} is wrong: {source}", path.display())]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// Where and what.
        source: toml::de::Error,
    },
    /// The sources do not fit together.
    #[error(transparent)]
    Layers(#[from] layer::ConvertError),
}

/// Merges the flags (with the environment, which clap has read already) over the file.
///
/// Relative paths of the file are relative to the file's folder. A `dayfly.toml` that does not
/// exist is no error unless it was asked for by name.
///
/// # Errors
/// [`ConfigError`] when the file cannot be read, holds an unknown key or a bad value.
pub fn load(flags: &Flags) -> Result<ServeOptions, ConfigError> {
    let file = match &flags.config {
        Some(path) => file::read(path)?,
        None => file::read_if_there(DEFAULT_FILE.as_ref())?,
    };
    Ok(flags.layer.over(&file)?)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        flags: Flags,
    }

    fn loaded(file: &str, flags: &[&str]) -> Result<ServeOptions, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dayfly.toml");
        std::fs::write(&path, file).unwrap();
        let mut words = vec!["serve", "--config", path.to_str().unwrap()];
        words.extend(flags);
        load(&Command::try_parse_from(words).unwrap().flags)
    }

    #[test]
    fn a_flag_wins_over_the_file() {
        let file = "[limits]\nwall_ms = 1\ncpu_ms = 2";
        let limits = loaded(file, &["--limit-wall-ms", "7"]).unwrap().limits;
        assert_eq!(limits.wall_ms, 7);
        assert_eq!(limits.cpu_ms, 2);
        assert_eq!(limits.queue, ServeOptions::default().limits.queue);
    }

    fn singular(key: &str) -> &str {
        match key {
            "index" => key,
            "aliases" => "alias",
            _ => key.trim_end_matches('s'),
        }
    }

    /// The flags that set what a table of settings does.
    fn flags(table: &toml::Table, group: &str) -> Vec<String> {
        let flag = |(key, value): (&String, &toml::Value)| match value {
            toml::Value::Table(settings) => flags(settings, &format!("{}-", singular(key))),
            toml::Value::Array(items) => {
                let name = format!("--{group}{}", singular(key).replace('_', "-"));
                let item = |item: &toml::Value| [name.clone(), item.as_str().unwrap().to_owned()];
                items.iter().flat_map(item).collect()
            }
            value => {
                let value = value.as_str().map_or(value.to_string(), str::to_owned);
                vec![format!("--{group}{}", key.replace('_', "-")), value]
            }
        };
        table.iter().flat_map(flag).collect()
    }

    #[test]
    fn every_setting_has_a_flag_of_its_own() {
        let settings: toml::Table = layer::tests::EVERY_SETTING.parse().unwrap();
        let flags = flags(&settings, "");
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let by_flags = loaded("", &flags).unwrap();
        assert_eq!(toml::Table::try_from(&by_flags).unwrap(), settings);
    }

    #[test]
    fn a_named_file_that_is_missing_is_an_error_that_names_it() {
        let command = Command::try_parse_from(["serve", "--config", "/no/such.toml"]).unwrap();
        let error = load(&command.flags).unwrap_err().to_string();
        assert!(error.contains("/no/such.toml"), "{error}");
    }

    #[test]
    fn an_unknown_key_is_named_with_its_file() {
        let error = loaded("[limits]\nmemory = 3", &[]).unwrap_err().to_string();
        assert!(error.contains("`memory`"), "{error}");
        assert!(error.contains("dayfly.toml"), "{error}");
        assert!(error.contains("memory_mib"), "{error}");
    }

    #[test]
    fn a_bad_value_is_named_with_its_line() {
        let error = loaded("\n[limits]\ninstances = 0", &[])
            .unwrap_err()
            .to_string();
        assert!(error.contains("line 3"), "{error}");
        assert!(error.contains("instances"), "{error}");
    }

    #[test]
    fn every_setting_has_a_variable_named_after_its_flag() {
        use clap::CommandFactory;
        for argument in Command::command().get_arguments() {
            let (Some(flag), Some(variable)) = (argument.get_long(), argument.get_env()) else {
                panic!("{} lacks its flag or its variable", argument.get_id());
            };
            let derived = format!("DAYFLY_{}", flag.to_uppercase().replace('-', "_"));
            let variable = variable.to_str().unwrap();
            let plurals = ["", "S", "ES"].map(|end| format!("{derived}{end}"));
            assert!(plurals.iter().any(|name| name == variable), "{variable}");
        }
    }
}
