//! What tenants may have and do at most, and how much of it they have and do.

mod bucket;
mod ledger;
mod measure;
mod rates;
mod refusal;
mod rest;

use std::collections::BTreeMap;

use anyhow::bail;

use crate::identity::{Principal, Quota, is_tenant};
use crate::options::ServeOptions;

pub use ledger::{Kind, Ledger};
pub use measure::{Measured, Usage};
pub use rates::{Pace, Rates, Standing, UnderWay};
pub use refusal::TooMuch;

/// The limits of all tenants.
#[derive(Debug, Clone, Default)]
pub struct Quotas {
    base: Quota,
    tenants: BTreeMap<String, Quota>,
}

impl Quotas {
    /// As configured.
    ///
    /// Errors: a name that no tenant has.
    pub fn new(options: &ServeOptions) -> anyhow::Result<Self> {
        if let Some(name) = options.tenants.keys().find(|name| !is_tenant(name)) {
            bail!(
                "[tenants.{name}] names no tenant: a name is [a-z0-9][a-z0-9_-]*, at most 63 characters"
            );
        }
        Ok(Self {
            base: options.quota,
            tenants: options.tenants.clone(),
        })
    }

    /// What holds for a request: what its token says, before what is configured for its tenant, before
    /// what is for all.
    pub fn of(&self, principal: &Principal) -> Quota {
        let configured = self.configured(&principal.tenant);
        principal.quota.over(&configured)
    }

    /// What is configured for a tenant.
    pub fn configured(&self, tenant: &str) -> Quota {
        let own = self.tenants.get(tenant).copied().unwrap_or_default();
        own.over(&self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(files: u64) -> Quota {
        Quota {
            files: Some(files),
            ..Quota::NONE
        }
    }

    #[test]
    fn a_token_goes_before_the_tenant_and_that_before_all() {
        let options = ServeOptions {
            quota: Quota {
                stores: Some(1),
                ..files(1)
            },
            tenants: BTreeMap::from([("acme".to_owned(), files(2))]),
            ..ServeOptions::default()
        };
        let quotas = Quotas::new(&options).unwrap();
        let mut principal = Principal::full("acme");
        assert_eq!(quotas.of(&principal).files, Some(2));
        assert_eq!(quotas.of(&principal).stores, Some(1));
        principal.quota = files(3);
        assert_eq!(quotas.of(&principal).files, Some(3));
        assert_eq!(quotas.of(&Principal::full("other")).files, Some(1));
    }

    #[test]
    fn a_table_of_no_tenant_is_an_error_that_names_it() {
        let options = ServeOptions {
            tenants: BTreeMap::from([("Acme".to_owned(), files(2))]),
            ..ServeOptions::default()
        };
        let error = Quotas::new(&options).unwrap_err().to_string();
        assert!(error.contains("[tenants.Acme]"), "{error}");
    }
}
