//! Texts made from a seed: any length, never held whole.

use std::io::Read;

/// A stream of prose-like text of exactly `length` bytes: sentences of made-up words from a
/// vocabulary of some 60,000, so that no two passages share many. The same seed gives the same
/// text.
pub struct Prose {
    random: fastrand::Rng,
    left: u64,
    pending: Vec<u8>,
    position: usize,
}

impl Prose {
    /// The text of `seed`, cut at `length` bytes.
    pub fn new(seed: u64, length: u64) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            left: length,
            pending: Vec::new(),
            position: 0,
        }
    }

    /// The whole text, for a length that memory may hold.
    ///
    /// # Panics
    /// Never: it reads no device.
    pub fn text(seed: u64, length: u64) -> String {
        let mut text = String::new();
        Self::new(seed, length).read_to_string(&mut text).unwrap();
        text
    }

    fn paragraph(&mut self) {
        self.pending.clear();
        self.position = 0;
        for _ in 0..self.random.u32(3..9) {
            for number in 0..self.random.u32(6..18) {
                if number > 0 {
                    self.pending.push(b' ');
                }
                self.word();
            }
            self.pending.extend_from_slice(b". ");
        }
        self.pending.extend_from_slice(b"\n\n");
    }

    fn word(&mut self) {
        const SYLLABLES: [&[u8]; 40] = [
            b"ba", b"ce", b"di", b"fo", b"gu", b"ha", b"je", b"ki", b"lo", b"mu", b"na", b"pe",
            b"qui", b"ro", b"su", b"ta", b"ve", b"wi", b"xo", b"zu", b"bran", b"clor", b"drim",
            b"fles", b"gron", b"hulp", b"kast", b"lim", b"morn", b"nesk", b"plin", b"rast",
            b"skel", b"trum", b"vand", b"wolk", b"yarn", b"zest", b"thor", b"shem",
        ];
        for _ in 0..3 {
            let syllable = SYLLABLES[self.random.usize(..SYLLABLES.len())];
            self.pending.extend_from_slice(syllable);
        }
    }
}

impl Read for Prose {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            return Ok(0);
        }
        if self.position == self.pending.len() {
            self.paragraph();
        }
        let available = &self.pending[self.position..];
        let limit = usize::try_from(self.left).unwrap_or(usize::MAX);
        let count = available.len().min(buffer.len()).min(limit);
        buffer[..count].copy_from_slice(&available[..count]);
        self.position += count;
        self.left -= count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::Prose;

    #[test]
    fn a_text_has_the_length_asked_for_and_depends_on_its_seed_only() {
        let text = Prose::text(7, 100_000);
        assert_eq!(text.len(), 100_000);
        assert_eq!(text, Prose::text(7, 100_000));
        assert_ne!(text, Prose::text(8, 100_000));
    }
}
