//! What an application's manifest gives to a component.

use std::collections::BTreeMap;

use crate::hosts::AllowedHosts;

/// What the manifest gives to a component.
#[derive(Debug)]
pub struct Grant {
    /// Where its requests may go.
    pub hosts: AllowedHosts,
    /// What it may read, with the values.
    pub variables: BTreeMap<String, String>,
    /// Its environment.
    pub environment: Vec<(String, String)>,
}
