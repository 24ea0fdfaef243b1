//! The platform's `identity`.

use super::bindings::dayfly::platform::identity::{AuthError, Host, Principal, Scope};
use super::{Instance, View};
use crate::identity;

impl Host for View<'_> {
    fn authenticate(&mut self, authorization: Option<String>) -> Result<Principal, AuthError> {
        self.instance
            .authenticate(authorization.as_deref())
            .map(Principal::from)
            .map_err(AuthError::from)
    }
}

impl Instance {
    fn authenticate(
        &mut self,
        authorization: Option<&str>,
    ) -> Result<identity::Principal, identity::AuthError> {
        let principal = match self.trusted {
            true => self.expected.clone(),
            false => self.platform.verifier.verify(authorization)?,
        };
        if principal != self.expected {
            return Err(identity::AuthError::Invalid(
                "This instance serves another principal; present the token of the request.".into(),
            ));
        }
        self.bound = Some(principal.clone());
        Ok(principal)
    }
}

impl From<identity::Principal> for Principal {
    fn from(principal: identity::Principal) -> Self {
        let scope = |scope| match scope {
            identity::Scope::Read => Some(Scope::Read),
            identity::Scope::Write => Some(Scope::Write),
            // Guests have nothing for it.
            identity::Scope::Admin => None,
        };
        Self {
            tenant: principal.tenant,
            scopes: principal.scopes.into_iter().filter_map(scope).collect(),
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
