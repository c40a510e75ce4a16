use super::*;
#[cfg(target_arch = "x86_64")]
use crate::engine::f64x4::Avx;
use crate::engine::f64x4::{F64_LANES, F64x4, Portable};
use crate::engine::tiers::Tier;
use crate::execution::settings::AccountSettings;
use crate::strategies::atr_d::factored::excursion::{Excursion, NO_TRADE, UNIT_RATE};
use crate::strategies::atr_d::factored::per_unit::PerUnit;
use proptest::prelude::*;

/// Bits of the accounts' first path, after its trades and after more that change nothing.
fn padded<Q: F64x4>(per_unit: &PerUnit, trades: &[(f64, Excursion)]) -> [[u64; 3]; 2] {
    let mut accounts = Accounts::<Q>::new(per_unit.capital);
    for (rate, excursion) in trades {
        accounts.close::<false>(per_unit, Q::splat(*rate), [excursion; F64_LANES]);
    }
    let bits = |b: &Accounts<Q>| [b.equity, b.peak, b.drawdown].map(|x| x.to_array()[0].to_bits());
    let before = bits(&accounts);
    accounts.close::<false>(per_unit, Q::splat(UNIT_RATE), [&NO_TRADE; F64_LANES]);
    accounts.close::<true>(per_unit, Q::splat(UNIT_RATE), [&NO_TRADE; F64_LANES]);
    [before, bits(&accounts)]
}

proptest! {
    /// What fills the list of a path up shows in no bit of it, in no tier's instructions.
    #[test]
    fn a_trade_that_changes_nothing_changes_no_bit(
        trades in prop::collection::vec(prop::array::uniform4(1.0..200.0_f64), 1..9),
    ) {
        let per_unit = PerUnit::new(&[1.0], (&[1.0], &[1.0]), &AccountSettings::default());
        let trades: Vec<(f64, Excursion)> = trades
            .into_iter()
            .map(|[entry, low, high, net]| {
                // It falls from its high to its exit, which is its lowest mark too, or nearly.
                let (high, low) = (high.max(net), low.min(net).max(net * 0.999));
                (1.0 / entry, Excursion { mae: low, mfe: high, drawdown: high - net, net })
            })
            .collect();
        let [before, after] = padded::<Portable>(&per_unit, &trades);
        prop_assert_eq!(before, after);
        #[cfg(target_arch = "x86_64")]
        if Tier::Avx2.is_here() {
            prop_assert_eq!(padded::<Avx>(&per_unit, &trades), [before, before]);
        }
    }
}
