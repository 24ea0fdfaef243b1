//! The platform's `identity`.

use dayfly_identity as identity;

use super::Provider;
use super::bindings::exports::dayfly::platform::identity::{AuthError, Guest, Principal, Scope};
use super::instance::Instance;

/// Whoever asks may be anybody.
const MISCONFIGURED: &str =
    "This service is not configured rightly; its operator finds in its log which variable to set.";

impl Guest for Provider {
    fn authenticate(authorization: Option<String>) -> Result<Principal, AuthError> {
        match Instance::get().authenticate(authorization.as_deref()) {
            Ok(Ok(principal)) => Ok(Principal::from(principal)),
            Ok(Err(error)) => Err(AuthError::from(error)),
            Err(configuration) => {
                eprintln!("{configuration}");
                Err(AuthError::Unavailable(MISCONFIGURED.to_owned()))
            }
        }
    }
}

impl From<&identity::Principal> for Principal {
    fn from(principal: &identity::Principal) -> Self {
        let scope = |scope: &identity::Scope| match scope {
            identity::Scope::Read => Some(Scope::Read),
            identity::Scope::Write => Some(Scope::Write),
            // Guests have nothing for it.
            identity::Scope::Admin => None,
        };
        Self {
            tenant: principal.tenant.clone(),
            scopes: principal.scopes.iter().filter_map(scope).collect(),
        }
    }
}

impl From<identity::AuthError> for AuthError {
    fn from(error: identity::AuthError) -> Self {
        match error {
            identity::AuthError::Missing(text) => Self::Missing(text),
            identity::AuthError::Invalid(text) => Self::Invalid(text),
            identity::AuthError::Expired(text) => Self::Expired(text),
        }
    }
}
