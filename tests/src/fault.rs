//! What an embedding provider can do wrong.

use std::time::Duration;

/// One misbehaviour for one request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// An error status, with `Retry-After` in seconds where given.
    Status(u16, Option<u32>),
    /// The right answer, late.
    Slow(Duration),
    /// No answer while the caller waits.
    Never,
    /// One vector fewer than inputs.
    TooFewVectors,
    /// One vector more than inputs.
    TooManyVectors,
    /// Vectors of another dimension.
    WrongDimension(usize),
    /// A NaN in the last vector.
    Nan,
    /// An infinity in the last vector.
    Infinity,
    /// The connection ends in the middle of the body.
    Truncated,
    /// Status 200 and a page of HTML.
    NotJson,
    /// JSON of another shape.
    WrongShape,
    /// The connection ends without an answer.
    Cut,
    /// A body that never stops.
    Endless,
    /// A redirect to another address.
    Redirect(String),
}
