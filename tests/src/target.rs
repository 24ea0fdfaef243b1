//! What the suite runs against.

/// A way to serve Dayfly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// `dayfly serve` on a directory.
    Local,
    /// `dayfly serve` on a bucket.
    S3,
    /// The composed components on a plain WASI host, on a bucket.
    Composed,
}

impl Target {
    /// What `DAYFLY_TARGET` names: `local` (the default), `s3` or `composed`.
    ///
    /// # Panics
    /// When it names anything else.
    pub fn of_this_run() -> Self {
        match std::env::var("DAYFLY_TARGET").as_deref() {
            Err(_) | Ok("" | "local") => Self::Local,
            Ok("s3") => Self::S3,
            Ok("composed") => Self::Composed,
            Ok(other) => panic!("DAYFLY_TARGET is {other:?}: use local, s3 or composed"),
        }
    }
}
