//! The hash of the vocabulary's table; shared by the build script, which writes it, and
//! the lookup.

/// FNV-1a, 64 bits (Fowler, Noll and Vo), folded so that its low bits depend on all.
pub fn hash(token: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for &byte in token {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash ^ (hash >> 29)
}
