//! In which order.

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The least file id first.
    Ascending,
    /// The greatest file id first.
    Descending,
}

impl Direction {
    /// Whether `id` comes before `other`.
    pub fn precedes(self, id: &str, other: &str) -> bool {
        match self {
            Self::Ascending => id < other,
            Self::Descending => id > other,
        }
    }
}
