//! Who is let in, as the options say.

use std::sync::Arc;

use crate::identity::{IdentityError, Verifier};
use crate::options::ServeOptions;

/// What verifies tokens as the options say, also when the files that they name change; without keys,
/// everybody is the default tenant.
///
/// # Errors
///
/// A file cannot be read or is wrong.
pub(super) fn verifier(options: &ServeOptions) -> Result<Arc<Verifier>, IdentityError> {
    let verifier = Verifier::open(
        &options.auth_keys,
        options.auth_revoked.clone(),
        options.auth_max_life,
    )?;
    let verifier = Arc::new(verifier);
    if verifier.needs_token() {
        verifier.keep_fresh()?;
    }
    Ok(verifier)
}
