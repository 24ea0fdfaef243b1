//! Commands that read and write the storage themselves, beside a server or without one.

use std::path::PathBuf;

use clap::Args;
use dayfly::storage::{Blocking, Data, Storage, ensure_sound};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::runtime::{Handle, Runtime};

use super::Failure;
use crate::config::{self, Flags, Layer};

/// Whose stores, and where.
#[derive(Args, Clone, Debug)]
pub struct Direct {
    /// Configuration file [default: dayfly.toml, where there is one]
    #[arg(long, env = "DAYFLY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// Where everything is kept: a folder, or s3://bucket/prefix, gs://…, az://… [default: ./data]
    #[arg(long, env = "DAYFLY_DATA", value_name = "DIR|URL")]
    data: Option<String>,

    /// Whose stores
    #[arg(
        long,
        env = "DAYFLY_TENANT",
        value_name = "NAME",
        default_value = "default"
    )]
    tenant: String,
}

impl Direct {
    /// The tenant's objects, to be read, and the configured model's name.
    pub fn open(&self, runtime: &Handle) -> Result<(Blocking, Option<String>), Failure> {
        let (storage, model) = self.storage()?;
        Ok((Blocking::new(&storage, &self.tenant, runtime), model))
    }

    /// The same, to be written: so the storage is probed.
    pub fn open_to_write(&self, runtime: &Handle) -> Result<(Blocking, Option<String>), Failure> {
        let (storage, model) = self.storage()?;
        runtime.block_on(ensure_sound(&storage))?;
        Ok((Blocking::new(&storage, &self.tenant, runtime), model))
    }

    fn storage(&self) -> Result<(Storage, Option<String>), Failure> {
        let flags = Flags {
            config: self.config.clone(),
            layer: Layer {
                data: self.data.clone(),
                ..Layer::default()
            },
        };
        let options = config::load(&flags)?;
        if !dayfly::identity::is_tenant(&self.tenant) {
            let error = anyhow::anyhow!("{:?} is no tenant's name", self.tenant);
            return Err(Failure::Usage(error));
        }
        Ok((Data::beside(&options.data)?, options.embed.model))
    }
}

/// A bar for rows whose number is not known.
#[cfg(feature = "faiss")]
pub fn rows_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {human_pos} rows, {elapsed}");
    let bar = ProgressBar::no_length();
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar
}

/// What these commands run their storage on.
pub fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
}
