//! The platform's `codes`.

use dayfly_core::codes::{self, CodeSpan, CodedQuery};
use dayfly_core::objects::NearestError;

use super::View;
use super::bindings::dayfly::platform::codes::{Candidate, Error, Host, Query, Span};
use super::objects::ends;

impl Host for View<'_> {
    async fn nearest(
        &mut self,
        spans: Vec<Span>,
        queries: Vec<Query>,
        limit: u32,
    ) -> Option<Result<Vec<Vec<Candidate>>, Error>> {
        let objects = match self.instance.readable() {
            Ok(objects) => objects,
            Err(failure) => return Some(Err(NearestError::Storage(failure).into())),
        };
        let spans: Vec<CodeSpan> = spans.into_iter().map(CodeSpan::from).collect();
        let queries: Vec<CodedQuery> = queries.into_iter().map(CodedQuery::from).collect();
        let found = objects.nearest(&spans, &queries, limit).await;
        let of_query =
            |found: Vec<codes::Candidate>| found.into_iter().map(Candidate::from).collect();
        let found = found.map(|found| found.into_iter().map(of_query).collect());
        Some(found.map_err(Error::from))
    }
}

impl From<Span> for CodeSpan {
    fn from(span: Span) -> Self {
        Self {
            key: span.key,
            bytes: ends(span.bytes),
            scales_at: span.scales_at,
            live: span
                .live
                .into_iter()
                .map(|rows| rows.first..rows.end)
                .collect(),
        }
    }
}

impl From<Query> for CodedQuery {
    fn from(query: Query) -> Self {
        Self {
            code: query.code,
            scale: query.scale,
        }
    }
}

impl From<codes::Candidate> for Candidate {
    fn from(candidate: codes::Candidate) -> Self {
        Self {
            span: candidate.part,
            row: candidate.row,
            score: candidate.score,
        }
    }
}

impl From<NearestError> for Error {
    fn from(error: NearestError) -> Self {
        match error {
            NearestError::Storage(failure) => Self::Storage(failure.into()),
            NearestError::Damaged(span) => Self::Damaged(span),
            NearestError::Invalid(text) => Self::Invalid(text),
        }
    }
}
