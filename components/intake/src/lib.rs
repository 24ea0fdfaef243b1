//! Documents as they arrive in the bodies of requests, streamed into objects: no more of one is held
//! than a piece.
//!
//! Knows nothing of the host, and so runs natively as well.

mod encoding;
mod form;
mod text;
mod zstd_frames;

pub use encoding::{Encoding, Pieces};
pub use form::{Form, Received, keep, short};
pub use multer::Field;
pub use text::keep_text;
