//! Hashes that find candidates for equality; equal hashes are never taken for a proof.

use crate::engine::first_touch::StartRange;

/// Mixes some bits into a hash.
#[inline(always)]
pub(super) fn mix(hash: u64, bits: u64) -> u64 {
    (hash.rotate_left(5) ^ bits).wrapping_mul(0x517c_c1b7_2722_0a95)
}

/// A hash of the bits of some numbers, on top of a hash of others.
pub(super) fn hash_of(values: &[f64], hash: u64) -> u64 {
    // Four at a time, independent of each other.
    let mut lanes = [hash, 1, 2, 3];
    for chunk in values.chunks(lanes.len()) {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = mix(*lane, x.to_bits());
        }
    }
    lanes.into_iter().fold(values.len() as u64, mix)
}

/// A hash of some intervals of starts, on top of a hash of others.
#[inline(always)]
pub(super) fn hash_of_ranges(ranges: &[StartRange], hash: u64) -> u64 {
    ranges.iter().fold(hash, |hash, range| mix(hash, hash_of_range(range)))
}

/// A hash of an interval of starts.
#[inline(always)]
pub(super) fn hash_of_range(range: &StartRange) -> u64 {
    mix(mix(0, range.fill.to_bits()), u64::from(range.end) << 32 | u64::from(range.time.bits()))
}
