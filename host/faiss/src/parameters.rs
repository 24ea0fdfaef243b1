//! How hard a search looks.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// How hard a search looks, in FAISS's text form `nprobe=8,efSearch=64`.
///
/// What an index has no use for is ignored, so that one set serves indexes of several kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Parameters {
    /// Lists to look through; `None` for what the index itself has, which is 1 where nobody has
    /// set it.
    pub nprobe: Option<u32>,
    /// Candidates to keep while following a graph; `None` for what the index itself has, which
    /// is 16 where nobody has set it.
    pub ef_search: Option<u32>,
}

const NPROBE: &str = "nprobe";
const EF_SEARCH: &str = "efSearch";

impl FromStr for Parameters {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut parameters = Self::default();
        for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let Some((name, value)) = part.split_once('=') else {
                return Err(Error::Invalid(format!(
                    "\"{part}\" is no search parameter: write nprobe=8,efSearch=64"
                )));
            };
            let (name, value) = (name.trim(), value.trim());
            let place = match name {
                NPROBE => &mut parameters.nprobe,
                EF_SEARCH => &mut parameters.ef_search,
                _ => {
                    return Err(Error::Invalid(format!(
                        "there is no search parameter {name}: there are nprobe and efSearch"
                    )));
                }
            };
            let number = value.parse().ok().filter(|number| *number > 0);
            let number = number.ok_or_else(|| {
                Error::Invalid(format!("{name}={value}: a whole number from 1 is needed"))
            })?;
            if place.replace(number).is_some() {
                return Err(Error::Invalid(format!("{name} is given twice")));
            }
        }
        Ok(parameters)
    }
}

impl fmt::Display for Parameters {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [(NPROBE, self.nprobe), (EF_SEARCH, self.ef_search)];
        let given = all
            .iter()
            .filter_map(|(name, value)| Some((name, (*value)?)));
        for (number, (name, value)) in given.enumerate() {
            let comma = if number == 0 { "" } else { "," };
            write!(formatter, "{comma}{name}={value}")?;
        }
        Ok(())
    }
}
