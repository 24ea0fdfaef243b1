//! The deployment files fit the schemas of those who read them, and fit Dayfly: what they set
//! exists, and what they start serves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cluster;
mod compose;
mod files;
mod hosts;
mod kubernetes;
mod service;
mod spinkube;
mod systemd;
