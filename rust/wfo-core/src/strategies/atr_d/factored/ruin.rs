//! The bounds beyond which rounding could decide a ruin `[M8]`.

/// A trade that leaves at most this share of the equity may be a ruin, and is settled by the direct
/// engine's expressions ([`settle`](super::settle)).
pub(super) const NEARLY_RUINED: f64 = 1e-4;
/// A short whose exit costs less than this multiple of what its entry brought is far from ruin.
pub(super) const RISKY_RISE: f64 = 1.9;
/// A long whose exit brings more than this share of what its entry cost is far from ruin.
pub(super) const RISKY_FALL: f64 = 2.0 * NEARLY_RUINED;
/// Equity below this share of the capital at the end of a part may be rounded to nothing.
pub(super) const FADED: f64 = 1e-100;
