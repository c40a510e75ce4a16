//! Where rounding could decide a ruin, and the bounds that keep it from deciding one.
//!
//! A fill that leaves an equity `Q' ≤ 0` ends trading, as decided in the
//! account. The direct engine computes `Q'` as a difference, `Q + shares · (net − cost)`;
//! the factored engine as a product, `(Q · rate) · net`, for shorts `Q · short_cash + (Q · rate) ·
//! net`. Their roundings differ, so the sign could. Every trade whose sign is in reach of rounding
//! is computed by the direct engine's expressions instead; the constants say which these are.
//!
//! # Rounding model
//!
//! `fl(a ∘ b) = (a ∘ b)(1 + δ)` with `|δ| ≤ u = 2⁻⁵³` for `+ − × ÷`, while nothing underflows or
//! overflows ([`FADED`]); `n` of them in a row err by at most `γₙ = n·u / (1 − n·u)`. Prices, `slip`,
//! `fee` and the sums `1 ± slip`, `1 ± fee` are the same numbers in both engines and count as exact.
//!
//! Let `g = Q'/Q` be the exact factor of a trade, `p` its entry and `x` its exit.
//!
//! - Long: `g = x·a'·b' / (p·a·b) > 0`, where `a = 1+slip`, `b = 1+fee`, `a' = 1−slip`, `b' = 1−fee`.
//!   The product takes 7 roundings, none of which cancels: its error is at most `γ₇·g`, and it is
//!   never 0. The difference takes 3 for the shares, 2 each for cost and net, and 3 to combine them:
//!   at most `γ₈·(1 + g)`.
//! - Short: `g = 1 + b'·(1 − ρ)`, with `ρ = net / got` the ratio of what the exit costs to what the
//!   entry got before its fee, and `0 < b' ≤ 1`. The parts that cancel are `Q·(1 + b')` and `Q·b'·ρ
//!   = Q·(1 + b' − g)`, together at most `Q·(4 + |g|)`; neither engine takes more than 10 roundings
//!   to any of them (`short_cash = fl(2 − fee)` differs from `1 + b'` by 1.5·u, which is one of
//!   these).
//!
//! So both engines' factors lie within `ε·(4 + |g|)` of `g`, with `ε = γ₁₀`, and within twice that of
//! each other. The property test below measures it.

/// Unit roundoff of float64.
const U: f64 = f64::EPSILON / 2.0;
/// `γ₁₀`: what ten roundings may do.
const GAMMA: f64 = 10.0 * U / (1.0 - 10.0 * U);

/// A trade that leaves at most this share of the equity may be a ruin, and is settled by the direct
/// engine's expressions.
///
/// With `ν` for this share: what passes the test has a product of more than `ν`, hence
/// `g > ν − ε·(4 + ν)` and a difference of more than `ν − 2·ε·(4 + ν) > 0`: both engines see no ruin.
/// Any `ν > 10⁻¹⁴` would do for that. It is as large as it is for the figures' sake: next to 0 the two
/// equities differ by up to `2·ε·(4 + ν)/ν` of their size, and the contract allows money 1e-9; 1e-4
/// leaves nine tenths of that to the other trades.
pub(crate) const NEARLY_RUINED: f64 = 1e-4;
const _: () = assert!(NEARLY_RUINED > 2.0 * GAMMA * (4.0 + NEARLY_RUINED));
const _: () = assert!(2.0 * GAMMA * (4.0 + NEARLY_RUINED) / NEARLY_RUINED < 1e-9 / 10.0);

/// A short whose exit costs less than this multiple of what its entry got, `ρ < 1.9`, needs no test.
///
/// `g = 1 + b'·(1 − ρ)` with `b' ≤ 1` is then above `2 − 1.9 = 0.1` for every fee, which is far above
/// [`NEARLY_RUINED`] and above what rounding moves. An entry fills at or above its bar's low, so the
/// low stands for it where tables know no entry.
pub(crate) const RISKY_RISE: f64 = 1.9;
const _: () = assert!(2.0 - RISKY_RISE - GAMMA * (4.0 + RISKY_RISE) > NEARLY_RUINED);

/// A long whose exit brings more than this share of what its entry cost needs no test.
///
/// `g` is that share, computed here by two roundings more; twice [`NEARLY_RUINED`] is above it
/// whatever they do. An entry fills at or below its bar's high, so the high stands for it.
pub(crate) const RISKY_FALL: f64 = 2.0 * NEARLY_RUINED;
const _: () = assert!(RISKY_FALL * (1.0 - GAMMA) > NEARLY_RUINED * (1.0 + GAMMA));

/// Equity below this share of the capital at the end of a part is settled by the direct engine's
/// expressions: costs have eaten it up trade by trade, each of which has passed the test above.
///
/// The rounding model ends where results are subnormal, below 2⁻¹⁰²² ≈ 2.2e-308: there an equity may
/// become 0, at another trade in each engine. The smallest intermediate is `Q · rate`, so the model
/// holds while `Q ≥ 2⁻¹⁰²² · price`. An equity that has been below that and ends a part above
/// `1e-100 · capital` would have grown by more than `1e200 · capital / price` within the part, which
/// no prices of markets allow; every other one is caught here.
pub(crate) const FADED: f64 = 1e-100;
const _: () = assert!(FADED / f64::MIN_POSITIVE > 1e200);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::excursion::{Long, Short};
    use crate::engine::per_unit::PerUnit;
    use crate::execution::account::{Account, Side};
    use crate::execution::settings::AccountSettings;
    use proptest::prelude::*;

    /// Equity after a trade at raw fills, as the direct engine and as the factored one compute it.
    fn equities(settings: &AccountSettings, side: Side, entry: f64, exit: f64) -> [f64; 2] {
        let mut account = Account::new(settings);
        account.close(account.open(side, entry), exit);
        let per_unit = PerUnit::new(&[1.0], (&[1.0], &[1.0]), settings);
        let equity = settings.capital;
        let product = match side {
            Side::Long => equity * per_unit.rate::<Long>(entry) * (exit * per_unit.gain),
            Side::Short => {
                let shares = equity * per_unit.rate::<Short>(entry);
                equity * per_unit.short_cash + shares * (exit * per_unit.cost)
            }
        };
        [account.equity(), product]
    }

    /// Ratios of exit to entry of all sizes, and such as leave a short next to nothing.
    fn ratios() -> impl Strategy<Value = (f64, bool)> {
        let near_ruin = (-15_i32..-2, -9.0_f64..9.0).prop_map(|(e, m)| 1.0 + m * 10_f64.powi(e));
        prop_oneof![
            (1e-6_f64..4.0).prop_map(|ratio| (ratio, false)),
            near_ruin.prop_map(|ratio| (ratio, true)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn rounding_decides_no_ruin_beyond_the_bounds(
            short: bool,
            entry in 1e-4_f64..1e6,
            (ratio, near_ruin) in ratios(),
            slip in prop_oneof![Just(0.0), 0.0_f64..0.3],
            fee in prop_oneof![Just(0.0), 0.0_f64..0.999],
            capital in 1e-3_f64..1e12,
        ) {
            let settings = AccountSettings { capital, slip, fee, ..AccountSettings::default() };
            let per_unit = PerUnit::new(&[1.0], (&[1.0], &[1.0]), &settings);
            // `ρ = 1 + 1/b'` leaves a short nothing.
            let ruin = (1.0 + 1.0 / (1.0 - fee)) * per_unit.gain / per_unit.cost;
            let exit = entry * ratio * if near_ruin { ruin } else { 1.0 };
            let side = if short { Side::Short } else { Side::Long };
            let [difference, product] = equities(&settings, side, entry, exit);
            let (d, p) = (difference / capital, product / capital);
            let bound = 2.0 * GAMMA * (4.0 + d.abs().max(p.abs()));
            prop_assert!((d - p).abs() <= bound, "{d} and {p} differ by more than {bound}");
            if p > NEARLY_RUINED {
                prop_assert!(difference > 0.0);
                prop_assert!((difference - product).abs() <= 1e-10 * product);
            }
            let needs_test = if short {
                exit * per_unit.cost >= RISKY_RISE * entry * per_unit.gain
            } else {
                exit * per_unit.gain <= RISKY_FALL * entry * per_unit.cost
            };
            prop_assert!(needs_test || p > NEARLY_RUINED, "{p}");
        }
    }
}
