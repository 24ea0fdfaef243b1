use serde::{Deserialize, Serialize};

/// What a principal may do. Neither implies the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// List, read and search.
    Read,
    /// Upload, change and delete.
    Write,
}

impl Scope {
    /// Its name in a token.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// A tenant, and what the token's holder may do there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Valid by [`is_tenant`](crate::is_tenant).
    pub tenant: String,
    /// At least one.
    pub scopes: Vec<Scope>,
}

impl Principal {
    /// May do everything within `tenant`.
    pub fn full(tenant: impl Into<String>) -> Self {
        Self {
            tenant: tenant.into(),
            scopes: vec![Scope::Read, Scope::Write],
        }
    }
}
