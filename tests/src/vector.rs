//! Deterministic embeddings: texts that share words are near one another.

/// Dimensions that each word touches.
const FEATURES: u64 = 4;

/// The unit vector of a text: a signed sum of hashed features, one set for each word (feature
/// hashing, Weinberger et al. 2009). Words are runs of letters and digits, case ignored; a text
/// without any gets the first axis.
pub fn embed(text: &str, dimension: usize) -> Vec<f32> {
    let mut vector = vec![0.0_f32; dimension];
    let mut hash = FNV_OFFSET;
    let mut in_word = false;
    for byte in text.bytes().chain([b' ']) {
        if byte.is_ascii_alphanumeric() || byte >= 0x80 {
            hash = (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(FNV_PRIME);
            in_word = true;
        } else if in_word {
            add_word(&mut vector, hash);
            hash = FNV_OFFSET;
            in_word = false;
        }
    }
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length == 0.0 {
        vector[0] = 1.0;
        return vector;
    }
    for x in &mut vector {
        *x /= length;
    }
    vector
}

/// FNV-1a's 64-bit parameters.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

fn add_word(vector: &mut [f32], word: u64) {
    let dimension = vector.len() as u64;
    for feature in 0..FEATURES {
        let mixed = mix(word ^ feature.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let sign = if mixed >> 63 == 0 { 1.0 } else { -1.0 };
        vector[(mixed % dimension) as usize] += sign;
    }
}

/// The finaliser of SplitMix64 (Steele et al. 2014).
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::embed;

    fn cosine(a: &str, b: &str) -> f32 {
        let (a, b) = (embed(a, 384), embed(b, 384));
        a.iter().zip(&b).map(|(x, y)| x * y).sum()
    }

    #[test]
    fn texts_that_share_words_are_near_and_others_are_not() {
        assert!(cosine("the red fox", "The RED fox!") > 0.999);
        assert!(cosine("the red fox", "the red house") > 0.5);
        assert!(cosine("alpha beta gamma", "delta epsilon zeta").abs() < 0.3);
    }

    #[test]
    fn every_text_has_a_vector_of_length_one() {
        for text in ["", "   ", "one", "eins zwei drei", "\u{1f980}"] {
            let length: f32 = embed(text, 384).iter().map(|x| x * x).sum();
            assert!((length - 1.0).abs() < 1e-5, "{text:?}: {length}");
        }
    }
}
