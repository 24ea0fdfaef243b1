//! Grouping texts into requests.

/// Inputs in a request unless the configuration says otherwise.
pub const DEFAULT_BATCH_INPUTS: usize = 64;
/// Bytes of text in a request unless the configuration says otherwise. A token is at
/// least a byte, so this also keeps below OpenAI's 300,000 tokens a request.
pub const DEFAULT_BATCH_BYTES: usize = 256 * 1024;
/// The most inputs that OpenAI takes in a request.
pub const MAX_BATCH_INPUTS: usize = 2048;

/// Groups texts, in their order, into batches that are each one embedding request.
///
/// A batch is never empty; it is over the limit of bytes only if it is a single text.
#[derive(Debug)]
pub struct Batcher<T> {
    max_inputs: usize,
    max_bytes: usize,
    batch: Vec<T>,
    bytes: usize,
}

impl<T: AsRef<str>> Batcher<T> {
    /// Batches of at most `max_inputs` texts (between 1 and 2048, whatever is given) and
    /// `max_bytes` bytes of them.
    pub fn new(max_inputs: usize, max_bytes: usize) -> Self {
        Self {
            max_inputs: max_inputs.clamp(1, MAX_BATCH_INPUTS),
            max_bytes,
            batch: Vec::new(),
            bytes: 0,
        }
    }

    /// Adds a text; gives a batch where one is complete.
    pub fn push(&mut self, item: T) -> Option<Vec<T>> {
        let length = item.as_ref().len();
        let is_full = self.batch.len() == self.max_inputs
            || self.bytes.saturating_add(length) > self.max_bytes;
        let complete = if is_full { self.take() } else { None };
        self.bytes += length;
        self.batch.push(item);
        complete
    }

    /// Gives the last batch, if anything is left.
    pub fn finish(mut self) -> Option<Vec<T>> {
        self.take()
    }

    fn take(&mut self) -> Option<Vec<T>> {
        self.bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        (!batch.is_empty()).then_some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn batches<'a>(texts: &[&'a str], max_inputs: usize, max_bytes: usize) -> Vec<Vec<&'a str>> {
        let mut batcher = Batcher::new(max_inputs, max_bytes);
        let mut batches: Vec<_> = texts
            .iter()
            .filter_map(|text| batcher.push(*text))
            .collect();
        batches.extend(batcher.finish());
        batches
    }

    #[test]
    fn a_batch_ends_at_either_limit() {
        let texts = ["aa", "bb", "cc", "dddddd", "e"];
        assert_eq!(
            batches(&texts, 2, 100),
            [vec!["aa", "bb"], vec!["cc", "dddddd"], vec!["e"]]
        );
        assert_eq!(
            batches(&texts, 9, 5),
            [vec!["aa", "bb"], vec!["cc"], vec!["dddddd"], vec!["e"]]
        );
        assert!(batches(&[], 2, 5).is_empty());
    }

    #[test]
    fn no_batch_is_larger_than_openai_takes() {
        let texts = vec!["a"; 5000];
        let sizes = |max| {
            batches(&texts, max, usize::MAX)
                .iter()
                .map(Vec::len)
                .collect::<Vec<_>>()
        };
        assert_eq!(sizes(usize::MAX), [2048, 2048, 904]);
        assert_eq!(sizes(0).len(), 5000);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn batches_hold_all_texts_in_order_within_the_limits(
            texts in prop::collection::vec("a{0,9}", 0..40),
            max_inputs in 1usize..6, max_bytes in 0usize..20,
        ) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let batches = batches(&texts, max_inputs, max_bytes);
            prop_assert_eq!(batches.concat(), texts);
            for batch in batches {
                let bytes: usize = batch.iter().map(|text| text.len()).sum();
                prop_assert!((1..=max_inputs).contains(&batch.len()));
                prop_assert!(bytes <= max_bytes || batch.len() == 1);
            }
        }
    }
}
