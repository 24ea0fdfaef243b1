//! The application's variables.

use spin_sdk::variables::{self, Error};

use crate::config::Variables;

/// The variables that Spin gives to the component.
pub struct SpinVariables;

impl Variables for SpinVariables {
    fn get(&self, name: &str) -> Result<Option<String>, String> {
        match variables::get(name) {
            Ok(value) => Ok(Some(value)),
            Err(Error::Undefined(_)) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }
}
