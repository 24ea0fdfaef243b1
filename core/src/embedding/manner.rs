//! How a provider wants to be asked.

/// How a provider wants to be asked, as it was configured and as its refusals taught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// Whether it is told to write vectors as base64; where it is told nothing, it writes numbers.
    pub base64: bool,
    /// The most texts in a request.
    pub most_inputs: usize,
}

impl Manner {
    /// Of a provider that takes so many texts in a request, as far as is known.
    pub fn new(most_inputs: usize) -> Self {
        Self {
            base64: true,
            most_inputs: most_inputs.max(1),
        }
    }

    /// What neither of two asks more than.
    pub fn least(self, other: Self) -> Self {
        Self {
            base64: self.base64 && other.base64,
            most_inputs: self.most_inputs.min(other.most_inputs),
        }
    }
}
