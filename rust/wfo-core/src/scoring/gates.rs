//! The gates of a phase: what makes a combination valid.

use super::block::Stored;

/// How many gates there are.
pub const GATES: usize = 4;

/// Thresholds of the gates, which are computed in `f64` from the stored figures. A comparison with
/// what is no number fails, so such figures are not valid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gates {
    /// Out-of-sample profit by in-sample profit must exceed it.
    pub wfe: f64,
    /// The out-of-sample drawdown must be below this multiple of the in-sample one.
    pub dd_ratio: f64,
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
    /// Whether a combination passes each gate: it earns in and out of sample, it keeps enough of its
    /// in-sample profit, its drawdown is under its profit, and in proportion to the in-sample one.
    // Comparisons of two figures mean the same in either type; in f32 more of them fit a register.
    // No short-circuits: a branch would keep the loops below from being vectors.
    #[inline(always)]
    fn pass(&self, is_pnl: f32, oos_pnl: f32, is_dd: f32, oos_dd: f32) -> [bool; GATES] {
        // An efficiency without in-sample profit means nothing, so the gate asks for one.
        let earning = is_pnl > 0.0;
        [
            earning & (oos_pnl > 0.0),
            earning & (f64::from(oos_pnl) / f64::from(is_pnl) > self.wfe),
            oos_dd < oos_pnl,
            f64::from(oos_dd) < self.dd_ratio * f64::from(is_dd),
        ]
    }

    /// Writes a 1 for every combination that is valid, a 0 for the others.
    pub(crate) fn validate(&self, phase: &Stored<'_>, valid: &mut [u8]) {
        let n = valid.len();
        let (is_pnl, oos_pnl) = (&phase.is_pnl[..n], &phase.oos_pnl[..n]);
        let (is_dd, oos_dd) = (&phase.is_dd[..n], &phase.oos_dd[..n]);
        for i in 0..n {
            let [a, b, c, d] = self.pass(is_pnl[i], oos_pnl[i], is_dd[i], oos_dd[i]);
            valid[i] = u8::from(a & b & c & d);
        }
    }

    /// Like [`validate`](Self::validate), and counts who passes which gates.
    pub(crate) fn count(&self, phase: &Stored<'_>, valid: &mut [u8]) -> Passed {
        let n = valid.len();
        let (is_pnl, oos_pnl) = (&phase.is_pnl[..n], &phase.oos_pnl[..n]);
        let (is_dd, oos_dd) = (&phase.is_dd[..n], &phase.oos_dd[..n]);
        let (mut alone, mut together) = ([0_u32; GATES], [0_u32; GATES]);
        for i in 0..n {
            let passed = self.pass(is_pnl[i], oos_pnl[i], is_dd[i], oos_dd[i]).map(u32::from);
            let mut all = 1;
            for gate in 0..GATES {
                all &= passed[gate];
                alone[gate] += passed[gate];
                together[gate] += all;
            }
            valid[i] = all as u8;
        }
        Passed { alone: alone.map(u64::from), together: together.map(u64::from) }
    }
}
