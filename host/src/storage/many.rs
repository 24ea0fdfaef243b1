//! Reading many parts of objects in one call.

use bytes::Bytes;
use dayfly_core::objects::Part;
use dayfly_core::objects::limits::CONCURRENT_GETS;
use futures::StreamExt;

use super::{AnswerLimit, Failure, TenantObjects, at_hand};

/// Bytes that are read on the thread that asks, before others have their turn: a millisecond or two.
const TURN: usize = 4 << 20;
/// What a read costs beside its bytes, as such.
const READ: usize = 16 << 10;

impl TenantObjects<'_> {
    /// As the platform's `get-many`: answers in order, as far as the limit allows for all together.
    pub async fn get_many(
        &self,
        parts: &[Part],
        limit: &AnswerLimit,
    ) -> Vec<Result<Bytes, Failure>> {
        let mut reader = at_hand::Reader::default();
        let (mut answers, mut away) = (Vec::with_capacity(parts.len()), Vec::new());
        let mut turn = 0;
        for (number, (key, range)) in parts.iter().enumerate() {
            if turn >= TURN {
                turn = 0;
                tokio::task::yield_now().await;
            }
            let found = self.get_at_hand(&mut reader, key, range.as_ref(), limit);
            answers.push(match found {
                Ok(Some(found)) => Ok(found),
                Err(failure) => Err(failure),
                Ok(None) => {
                    away.push(number);
                    Ok(Bytes::new())
                }
            });
            turn += READ
                + answers
                    .last()
                    .and_then(|last| last.as_ref().ok())
                    .map_or(0, Bytes::len);
        }
        drop(reader);
        let gets = futures::stream::iter(away).map(async |number: usize| {
            let (key, range) = &parts[number];
            (number, self.get_away(key, range.clone(), limit).await)
        });
        let mut gets = gets.buffer_unordered(CONCURRENT_GETS);
        while let Some((number, answer)) = gets.next().await {
            answers[number] = answer;
        }
        answers
    }
}
