//! Reading many parts of objects in one call.

use bytes::Bytes;
use dayfly_core::objects::Part;
use dayfly_core::objects::limits::CONCURRENT_GETS;
use futures::StreamExt;

use super::{AnswerLimit, Failure, TenantObjects, at_hand};

/// Reads on the thread that asks, before others have their turn: some quarter of a millisecond.
const TURN: usize = 64;

impl TenantObjects<'_> {
    /// As the platform's `get-many`: answers in order, as far as the limit allows for all together.
    pub async fn get_many(
        &self,
        parts: &[Part],
        limit: &AnswerLimit,
    ) -> Vec<Result<Bytes, Failure>> {
        let mut reader = at_hand::Reader::default();
        let (mut answers, mut away) = (Vec::with_capacity(parts.len()), Vec::new());
        for (number, (key, range)) in parts.iter().enumerate() {
            if number % TURN == TURN - 1 {
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
