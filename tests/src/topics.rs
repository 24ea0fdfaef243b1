//! Texts on subjects, so that their vectors lie in clusters as those of real texts do.

/// Words of a subject's own.
const WORDS: usize = 40;
/// Words that all subjects share.
const COMMON: usize = 400;

/// A maker of such texts; the same seed gives the same texts.
pub struct Topics {
    seed: u64,
    topics: u64,
}

impl Topics {
    /// On so many subjects.
    pub fn new(seed: u64, topics: u64) -> Self {
        Self { seed, topics }
    }

    /// Text number `n`, of so many words: most of them its subject's, some of all.
    pub fn text(&self, n: u64, words: usize) -> String {
        let mut random =
            fastrand::Rng::with_seed(self.seed ^ n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let topic = random.u64(..self.topics);
        let mut text = format!("text{n}");
        for _ in 0..words {
            let word = match random.usize(..4) {
                0 => format!(" common{}", random.usize(..COMMON)),
                // Some words of a subject are used more than others.
                _ => {
                    let rank = random.usize(..WORDS).min(random.usize(..WORDS));
                    format!(" topic{topic}word{rank}")
                }
            };
            text.push_str(&word);
        }
        text
    }
}
