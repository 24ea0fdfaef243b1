//! Looking through codes where they are stored.

use dayfly_core::codes::{Candidate, CodeSpan, CodedQuery, DamagedCodes, Nearest};
use dayfly_core::objects::NearestError;
use dayfly_core::objects::limits::{
    CONCURRENT_GETS, MAX_CODED_QUERIES, MAX_NEAREST, MAX_SPAN_BYTES, MAX_SPAN_ROWS, MAX_SPANS,
};
use dayfly_core::segment::MAX_DIMENSION;
use futures::StreamExt;

use super::{AnswerLimit, Failure, TenantObjects, at_hand};

/// What is looked through before others have their turn, as [`cost`] counts it: half a millisecond.
const TURN: usize = 8 << 20;

impl TenantObjects<'_> {
    /// As the platform's `nearest`.
    pub async fn nearest(
        &self,
        spans: &[CodeSpan],
        queries: &[CodedQuery],
        limit: u32,
    ) -> Result<Vec<Vec<Candidate>>, NearestError> {
        check(spans, queries, limit as usize).map_err(NearestError::Invalid)?;
        let mut nearest = Nearest::new(queries, limit as usize);
        let away = self.look_through_at_hand(spans, &mut nearest).await?;
        let reads = futures::stream::iter(away).map(async |number: u32| {
            let span = &spans[number as usize];
            let limit = AnswerLimit::new(MAX_SPAN_BYTES);
            let read = self.get(&span.key, Some(span.bytes.clone()), &limit).await;
            Ok::<_, Failure>((number, span, read?))
        });
        let mut reads = reads.buffered(CONCURRENT_GETS);
        while let Some(read) = reads.next().await {
            let (number, span, data) = read?;
            look_through(&mut nearest, number, span, &data)?;
            tokio::task::yield_now().await;
        }
        Ok(nearest.into_sorted())
    }

    /// Looks through those spans that the kernel has in memory; answers the numbers of the others.
    async fn look_through_at_hand(
        &self,
        spans: &[CodeSpan],
        nearest: &mut Nearest<'_>,
    ) -> Result<Vec<u32>, NearestError> {
        let mut away = Vec::new();
        let (mut reader, mut buffer, mut looked) = (at_hand::Reader::default(), Vec::new(), 0);
        for (number, span) in (0..).zip(spans) {
            looked += cost(span, nearest.queries());
            if looked >= TURN {
                looked = 0;
                tokio::task::yield_now().await;
            }
            let file = self.file(&span.key)?;
            let is_here = file.is_some_and(|file| {
                reader.read_into(&file, Some(&span.bytes), MAX_SPAN_BYTES, &mut buffer)
            });
            if !is_here {
                away.push(number);
                continue;
            }
            look_through(nearest, number, span, &buffer)?;
        }
        Ok(away)
    }
}

/// What a span costs, in bytes of codes that are looked through for one query: a file to open, its bytes, and
/// at the worst a better row each time.
fn cost(span: &CodeSpan, queries: usize) -> usize {
    const OPENED: usize = 16 << 10;
    const OFFERED: usize = 64;
    let live: usize = span.live.iter().map(|range| range.len() * OFFERED).sum();
    let bytes = span.bytes.end.saturating_sub(span.bytes.start) as usize;
    OPENED + (bytes + live) * queries
}

/// Looks through a span's bytes with the widest instructions that this processor has.
fn look_through(
    nearest: &mut Nearest<'_>,
    number: u32,
    span: &CodeSpan,
    data: &[u8],
) -> Result<(), NearestError> {
    let looked = match () {
        #[cfg(target_arch = "x86_64")]
        () if std::arch::is_x86_feature_detected!("avx2") => {
            #[expect(unsafe_code, reason = "the processor was asked whether it has AVX2")]
            // SAFETY: it has.
            unsafe {
                look_through_by_avx2(nearest, number, span, data)
            }
        }
        () => nearest.look_through(number, span, data),
    };
    looked.map_err(|DamagedCodes| NearestError::Damaged(number))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn look_through_by_avx2(
    nearest: &mut Nearest<'_>,
    number: u32,
    span: &CodeSpan,
    data: &[u8],
) -> Result<(), DamagedCodes> {
    nearest.look_through(number, span, data)
}

/// What a call may ask for is bounded, so that what it costs is, too: a guest may ask for anything.
fn check(spans: &[CodeSpan], queries: &[CodedQuery], limit: usize) -> Result<(), String> {
    let answered = queries.len().saturating_mul(limit);
    let asks = (1..=MAX_CODED_QUERIES).contains(&queries.len());
    if spans.len() > MAX_SPANS || !asks || answered > MAX_NEAREST {
        return Err(format!(
            "one call looks through at most {MAX_SPANS} spans for 1 to {MAX_CODED_QUERIES} queries, \
             and answers {MAX_NEAREST} rows"
        ));
    }
    let dimension = queries.first().map_or(0, |query| query.code.len());
    let is_possible = (1..=MAX_DIMENSION as usize).contains(&dimension);
    if !is_possible || queries.iter().any(|query| query.code.len() != dimension) {
        return Err(format!(
            "the queries have to have the same number of components, 1 to {MAX_DIMENSION}"
        ));
    }
    match spans.iter().all(is_span) {
        true => Ok(()),
        false => Err(format!(
            "a span has at most {MAX_SPAN_ROWS} rows and {MAX_SPAN_BYTES} bytes, and its live rows \
             are in order"
        )),
    }
}

fn is_span(span: &CodeSpan) -> bool {
    let mut from = 0;
    let in_order = span.live.iter().all(|range| {
        let follows = from <= range.start && range.start < range.end;
        from = range.end;
        follows
    });
    let length = span.bytes.end.checked_sub(span.bytes.start);
    in_order && from <= MAX_SPAN_ROWS && length.is_some_and(|bytes| bytes <= MAX_SPAN_BYTES)
}

#[cfg(test)]
#[path = "nearest_tests.rs"]
mod tests;
