//! The checksum of encoded values.

/// FNV-1a, over words of eight bytes and then the rest.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    let step = |hash: u64, word: u64| (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3);
    let words = bytes
        .chunks(8)
        .map(|chunk| chunk.iter().rev().fold(0, |word, &byte| (word << 8) | u64::from(byte)));
    step(words.fold(0xcbf2_9ce4_8422_2325, step), bytes.len() as u64)
}
