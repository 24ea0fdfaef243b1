//! How the embedding provider wants to be asked, as its refusals taught the instances that are gone.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use super::settings::Embedding;

/// What is known of the provider since this start. It only ever asks for less.
#[derive(Debug)]
pub struct Learnt {
    base64: AtomicBool,
    batch_inputs: AtomicU32,
}

impl Default for Learnt {
    fn default() -> Self {
        Self {
            base64: AtomicBool::new(true),
            batch_inputs: AtomicU32::new(u32::MAX),
        }
    }
}

impl Learnt {
    /// Takes in what an instance learnt.
    pub fn learn(&self, base64: bool, batch_inputs: u32) {
        self.base64.fetch_and(base64, Relaxed);
        let before = self.batch_inputs.fetch_min(batch_inputs.max(1), Relaxed);
        if before > batch_inputs || !base64 {
            tracing::info!(
                base64,
                batch_inputs,
                "the embedding provider wants to be asked otherwise than it is configured"
            );
        }
    }

    /// The configuration, as far as the provider takes it.
    pub fn apply(&self, embedding: &mut Embedding) {
        embedding.as_base64 &= self.base64.load(Relaxed);
        let most = self.batch_inputs.load(Relaxed);
        embedding.batch_inputs = embedding.batch_inputs.min(most);
    }
}
