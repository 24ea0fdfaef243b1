//! A version as it is stored.

/// A version: the operations so far, and who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its own name, never used again.
    pub nonce: String,
    /// Those of its ancestors, newest first.
    pub history: Vec<String>,
    /// Everything that was ever done, oldest first.
    pub operations: Vec<String>,
}

impl Version {
    /// The one that all begin with.
    pub fn first() -> Self {
        Self {
            nonce: "first".to_owned(),
            history: Vec::new(),
            operations: Vec::new(),
        }
    }

    /// As it is stored.
    pub fn to_text(&self) -> String {
        let history = self.history.join(" ");
        let operations = self.operations.join(" ");
        format!("{}\n{history}\n{operations}", self.nonce)
    }

    /// From what is stored; of something else, the empty version.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines();
        let mut words = || {
            let words = lines.next().unwrap_or_default().split_whitespace();
            words.map(str::to_owned).collect::<Vec<_>>()
        };
        Self {
            nonce: words().pop().unwrap_or_default(),
            history: words(),
            operations: words(),
        }
    }

    /// One with `operation` more.
    pub fn next(&self, nonce: String, operation: &str) -> Self {
        let mut next = self.clone();
        next.history
            .insert(0, std::mem::replace(&mut next.nonce, nonce));
        next.operations.push(operation.to_owned());
        next
    }
}

/// Where versions are.
pub const PREFIX: &str = "stores/s/manifest/";

/// Where the version of this number is.
pub fn key(number: u64) -> String {
    format!("{PREFIX}{number:020}")
}

/// The number in `key`.
pub(super) fn number(key: &str) -> u64 {
    let digits = key.strip_prefix(PREFIX).unwrap_or_default();
    digits.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_it_was_written() {
        let mut version = Version::first();
        assert_eq!(Version::from_bytes(version.to_text().as_bytes()), version);
        version = version.next("second".to_owned(), "a");
        version = version.next("third".to_owned(), "b");
        assert_eq!(version.history, ["second", "first"]);
        assert_eq!(Version::from_bytes(version.to_text().as_bytes()), version);
        assert_eq!(number(&key(17)), 17);
    }
}
