//! The gates of a phase, which make a combination valid.

use std::sync::Arc;

use super::block::Stored;
use crate::error::{Error, Result};

/// How many gates there are.
pub const GATES: usize = 6;

/// How many of them are on in every set; the others may be off, and then everything passes them.
const BASE: usize = 4;

/// Thresholds of the gates, which are computed in `f64` from the stored figures. A comparison with NaN
/// fails, so such figures are not valid.
#[derive(Debug, Clone, PartialEq)]
pub struct Gates {
    /// Out-of-sample profit by in-sample profit must exceed it.
    pub wfe: f64,
    /// The out-of-sample drawdown must be below this multiple of the in-sample one.
    pub dd_ratio: f64,
    /// Trades closed out-of-sample, at least.
    pub min_trades: u16,
    /// The comparison with buy-and-hold, if it is on.
    pub beat: Option<Beat>,
}

/// A quantity that is compared with buy-and-hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// The out-of-sample return on the equity that the part begins with; -1 where that is not
    /// positive.
    Return,
    /// The out-of-sample profit by its drawdown.
    Risk,
}

/// A comparison with buy-and-hold.
#[derive(Debug, Clone)]
pub struct Beat {
    /// The quantity compared.
    pub measure: Measure,
    /// Capital of every backtest.
    pub capital: f64,
    /// Values to exceed, one item a phase. Nothing exceeds NaN.
    pub floors: Arc<[f64]>,
}

impl PartialEq for Beat {
    /// Floors are compared by their bits, so that NaN equals NaN.
    fn eq(&self, other: &Self) -> bool {
        let bits = |floors: &Arc<[f64]>| floors.iter().map(|f| f.to_bits()).collect::<Vec<_>>();
        self.measure == other.measure
            && self.capital == other.capital
            && bits(&self.floors) == bits(&other.floors)
    }
}

/// How many combinations pass the gates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passed {
    /// Each gate on its own.
    pub alone: [u64; GATES],
    /// Each gate and all before it.
    pub together: [u64; GATES],
}

impl Passed {
    /// Adds the counts of others; false, with some added, where one gets too large.
    #[must_use]
    pub(crate) fn add(&mut self, other: &Self) -> bool {
        let to = self.alone.iter_mut().chain(&mut self.together);
        let from = other.alone.iter().chain(&other.together);
        to.zip(from).all(|(to, &from)| to.checked_add(from).map(|sum| *to = sum).is_some())
    }
}

impl Gates {
    /// Gates without a number of trades and a comparison with buy-and-hold.
    #[must_use]
    pub fn new(wfe: f64, dd_ratio: f64) -> Self {
        Self { wfe, dd_ratio, min_trades: 0, beat: None }
    }

    /// # Errors
    /// A comparison with buy-and-hold over another number of phases, or without capital.
    pub(crate) fn check(&self, phases: usize) -> Result<()> {
        let Some(Beat { capital, floors, .. }) = &self.beat else { return Ok(()) };
        if floors.len() != phases {
            let allowed = "there must be one for each phase";
            return Err(Error::CountRange { name: "floors", value: floors.len() as u64, allowed });
        }
        if !(*capital > 0.0 && capital.is_finite()) {
            let allowed = "it must be above 0";
            return Err(Error::OutOfRange { name: "capital", value: *capital, allowed });
        }
        Ok(())
    }

    /// Whether the gates that are on in every set have the same thresholds.
    pub(crate) fn has_base_of(&self, other: &Self) -> bool {
        self.wfe == other.wfe && self.dd_ratio == other.dd_ratio
    }

    /// Whether a combination passes each gate that is on in every set: it earns in and out of sample, it
    /// keeps enough of its in-sample profit, its drawdown is under its profit, and in proportion to
    /// the in-sample one.
    // Comparisons of two figures mean the same in either type; in f32 more of them fit a register.
    // No short-circuits: a branch would keep the loops below from being vectors.
    #[inline(always)]
    fn pass(&self, is_pnl: f32, oos_pnl: f32, is_dd: f32, oos_dd: f32) -> [bool; BASE] {
        // An efficiency without in-sample profit is meaningless, so the gate requires one.
        let earning = is_pnl > 0.0;
        [
            earning & (oos_pnl > 0.0),
            earning & (f64::from(oos_pnl) / f64::from(is_pnl) > self.wfe),
            oos_dd < oos_pnl,
            f64::from(oos_dd) < self.dd_ratio * f64::from(is_dd),
        ]
    }

    /// Writes a 1 for every combination that is valid in phase `k`, a 0 for the others.
    pub(crate) fn validate(&self, k: usize, phase: &Stored<'_>, valid: &mut [u8]) {
        let n = valid.len();
        let (is_pnl, oos_pnl) = (&phase.is_pnl[..n], &phase.oos_pnl[..n]);
        let (is_dd, oos_dd) = (&phase.is_dd[..n], &phase.oos_dd[..n]);
        for i in 0..n {
            let [a, b, c, d] = self.pass(is_pnl[i], oos_pnl[i], is_dd[i], oos_dd[i]);
            valid[i] = u8::from(a & b & c & d);
        }
        self.count_further(k, phase, valid, &mut Passed::default());
    }

    /// Counts the combinations that pass the gates that are on in every set, and writes a 1 for each that
    /// passes all of them, a 0 for the others. [`count_further`](Self::count_further) applies the rest.
    pub(crate) fn count_base(&self, phase: &Stored<'_>, valid: &mut [u8]) -> Passed {
        let n = valid.len();
        let (is_pnl, oos_pnl) = (&phase.is_pnl[..n], &phase.oos_pnl[..n]);
        let (is_dd, oos_dd) = (&phase.is_dd[..n], &phase.oos_dd[..n]);
        let (mut alone, mut together) = ([0_u32; BASE], [0_u32; BASE]);
        for i in 0..n {
            let passed = self.pass(is_pnl[i], oos_pnl[i], is_dd[i], oos_dd[i]).map(u32::from);
            let mut all = 1;
            for gate in 0..BASE {
                all &= passed[gate];
                alone[gate] += passed[gate];
                together[gate] += all;
            }
            valid[i] = all as u8;
        }
        let whole = |counts: [u32; BASE], last: u64| {
            std::array::from_fn(|gate| counts.get(gate).map_or(last, |&count| count.into()))
        };
        // Everything passes the gates that are off.
        Passed {
            alone: whole(alone, n as u64),
            together: whole(together, together[BASE - 1].into()),
        }
    }

    /// Clears the mark of combinations that fail the further gates, and counts those that pass.
    pub(crate) fn count_further(
        &self,
        k: usize,
        phase: &Stored<'_>,
        valid: &mut [u8],
        passed: &mut Passed,
    ) {
        let n = valid.len();
        if self.min_trades > 0 {
            let trades = &phase.oos_trades[..n];
            (passed.alone[BASE], passed.together[BASE]) =
                restrict(valid, |i| trades[i] >= self.min_trades);
            passed.together[BASE + 1] = passed.together[BASE];
        }
        let Some(Beat { measure, capital, floors }) = &self.beat else { return };
        let (is_pnl, oos_pnl) = (&phase.is_pnl[..n], &phase.oos_pnl[..n]);
        let (oos_dd, floor) = (&phase.oos_dd[..n], floors[k]);
        (passed.alone[BASE + 1], passed.together[BASE + 1]) = match measure {
            Measure::Return => restrict(valid, |i| {
                let start = capital + f64::from(is_pnl[i]);
                let found = f64::from(oos_pnl[i]) / start;
                (if start > 0.0 { found } else { -1.0 }) > floor
            }),
            Measure::Risk => {
                restrict(valid, |i| f64::from(oos_pnl[i]) / f64::from(oos_dd[i]) > floor)
            }
        };
    }
}

/// Clears the mark of combinations for which `passes` does not hold, and returns for how many it holds,
/// and how many keep their mark. There are at most 2^32 of them.
#[inline(always)]
fn restrict(valid: &mut [u8], passes: impl Fn(usize) -> bool) -> (u64, u64) {
    let (mut alone, mut together) = (0_u32, 0_u32);
    for (i, valid) in valid.iter_mut().enumerate() {
        let passed = u8::from(passes(i));
        *valid &= passed;
        alone += u32::from(passed);
        together += u32::from(*valid);
    }
    (alone.into(), together.into())
}
