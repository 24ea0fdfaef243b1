//! Who asks, and what they may do.

use serde::{Deserialize, Serialize};

use crate::Quota;

/// What a principal may do. None implies another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// List, read and search.
    Read,
    /// Upload, change and delete.
    Write,
    /// Read the figures of all tenants; nothing of what they stored.
    Admin,
}

impl Scope {
    /// All that there are.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    /// Its name in a token.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

/// A tenant, what the token's holder may do there, and how much of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Principal {
    /// Valid by [`is_tenant`](crate::is_tenant).
    pub tenant: String,
    /// At least one, each of them once.
    pub scopes: Vec<Scope>,
    /// The limits that the token sets; they go over those of the configuration.
    pub quota: Quota,
}

impl Principal {
    /// May do everything within `tenant`, without limits of its own.
    pub fn full(tenant: impl Into<String>) -> Self {
        Self {
            tenant: tenant.into(),
            scopes: vec![Scope::Read, Scope::Write],
            quota: Quota::NONE,
        }
    }

    /// Whether it holds `scope`.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}
