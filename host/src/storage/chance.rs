//! The system's randomness.

use aws_lc_rs::rand;
use thiserror::Error;

/// The system gave no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the system's source of randomness failed")]
pub struct NoChance;

/// 64 random bits in hexadecimal.
///
/// # Errors
///
/// [`NoChance`].
pub fn random_id() -> Result<String, NoChance> {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).map_err(|_| NoChance)?;
    Ok(format!("{:016x}", u64::from_ne_bytes(bytes)))
}
