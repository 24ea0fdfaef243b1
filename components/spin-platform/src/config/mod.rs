//! What the operator configured, from the component's variables.

mod access;
mod settings;
mod storage;

pub use access::Access;
pub use settings::Settings;
pub use storage::StorageConfig;
use url::Url;

/// The component's variables by name: `None` where it was not given one.
pub trait Variables {
    /// The variable's value. The error is the host's own text.
    fn get(&self, name: &str) -> Result<Option<String>, String>;
}

/// Everything that the variables say.
pub struct Config {
    /// Where the objects are.
    pub storage: StorageConfig,
    /// Who may do what.
    pub access: Access,
    /// What guests get to know.
    pub settings: Settings,
    /// The origin of a FAISS service, where there is one.
    pub faiss: Option<Url>,
}

impl Config {
    /// Reads all variables. One that the component was not given means its default; the error
    /// tells the operator which one is missing or wrong, and what it should be.
    pub fn read(variables: &impl Variables) -> Result<Self, String> {
        let source = Source(variables);
        Ok(Self {
            storage: StorageConfig::read(&source)?,
            access: Access::read(&source)?,
            settings: Settings::read(&source)?,
            faiss: faiss(&source)?,
        })
    }
}

struct Source<'a>(&'a dyn Variables);

impl Source<'_> {
    /// Empty where the variable is not given.
    fn text(&self, name: &str) -> Result<String, String> {
        Ok(self.as_given(name)?.trim().to_owned())
    }

    /// With the spaces around it.
    fn as_given(&self, name: &str) -> Result<String, String> {
        let found = self
            .0
            .get(name)
            .map_err(|reason| wrong(name, &format!("cannot be read ({reason})")))?;
        Ok(found.unwrap_or_default())
    }

    fn required(&self, name: &str) -> Result<String, String> {
        match self.text(name)? {
            empty if empty.is_empty() => Err(wrong(name, "is not set")),
            text => Ok(text),
        }
    }

    fn number<T: TryFrom<u64>>(&self, name: &str, default: T, least: u64) -> Result<T, String> {
        let text = self.text(name)?;
        if text.is_empty() {
            return Ok(default);
        }
        let number: Option<u64> = text.parse().ok().filter(|number| *number >= least);
        number
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| {
                let what = format!("has to be a whole number of at least {least}");
                wrong(name, &what)
            })
    }
}

/// Empty, or below the domain `invalid`, which names nothing (RFC 2606), for none: older Spins take
/// no empty host among those that a component may reach.
fn faiss(source: &Source<'_>) -> Result<Option<Url>, String> {
    let text = source.text("faiss_origin")?;
    if text.is_empty() {
        return Ok(None);
    }
    let origin = origin(&text).ok_or_else(|| wrong("faiss_origin", NO_ORIGIN))?;
    let nowhere = origin
        .host_str()
        .is_some_and(|host| host.ends_with(".invalid"));
    Ok((!nowhere).then_some(origin))
}

const NO_ORIGIN: &str = "has to be http:// or https:// and a host, without a path or a password";

/// Scheme and host, and nothing after them.
fn origin(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    (matches!(url.scheme(), "http" | "https") && url.has_host() && plain).then_some(url)
}

fn wrong(name: &str, what: &str) -> String {
    format!("The variable `{name}` {what}. The operator of this service sets it.")
}

#[cfg(test)]
mod tests;
