//! Storage that looks through codes for itself, as a host's does.

use crate::codes::{Candidate, CodeSpan, CodedQuery, Nearest};
use crate::objects::{NearestError, Objects};

/// As [`Objects::nearest`], where it is not `None`.
pub(crate) fn nearest(
    objects: &dyn Objects,
    spans: &[CodeSpan],
    queries: &[CodedQuery],
    limit: usize,
) -> Result<Vec<Vec<Candidate>>, NearestError> {
    let mut nearest = Nearest::new(queries, limit);
    for (number, span) in (0..).zip(spans) {
        let data = objects.get_range(&span.key, span.bytes.clone())?;
        let looked = nearest.look_through(number, span, &data);
        looked.map_err(|_| NearestError::Damaged(number))?;
    }
    Ok(nearest.into_sorted())
}
