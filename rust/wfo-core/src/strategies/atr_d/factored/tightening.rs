//! The factors that tighten stops, and which of them are equal.

use std::collections::HashMap;
use std::ops::Range;

use rayon::prelude::*;

use super::hash::hash_of;
use super::layout::Layout;
use crate::error::Result;
use crate::strategies::atr_d::params::Stop;
use crate::strategies::atr_d::series::Series;

/// Bars whose tightenings are compared at a time.
const COMPARED: usize = 1 << 16;

/// The factor that tightens a stop, bar by bar. Stops that differ in nothing but how they follow
/// the ratio of width to threshold share the ratio, which is most of the work.
#[derive(Debug, Default)]
pub(super) struct Tightening {
    of: Option<Stop>,
    /// The bars of the ratios.
    bars: Range<usize>,
    ratios: Vec<f64>,
    factors: Vec<f64>,
}

impl Tightening {
    #[inline(always)]
    pub fn of(&mut self, series: &Series, stop: &Stop, bars: &Range<usize>) -> &[f64] {
        let ratio = |s: &Stop| (s.price, s.bb_length, s.bb_deviation, s.vol_threshold);
        if self.of.as_ref().map(ratio) != Some(ratio(stop)) || self.bars != *bars {
            let (means, deviations) = &series.window[&(stop.price, stop.bb_length)];
            let pairs = means[bars.clone()].iter().zip(&deviations[bars.clone()]);
            self.ratios.clear();
            self.ratios.extend(pairs.map(|(&mean, &sigma)| stop.ratio(sigma, mean)));
        }
        self.of = Some(*stop);
        self.bars.clone_from(bars);
        self.factors.clear();
        // [D1] [D2] [D3]
        self.factors.extend(self.ratios.iter().map(|&ratio| stop.tightening(ratio)));
        &self.factors
    }
}

/// For every tightening the first one that is equal to it in every bar: those of equal ratios are,
/// and those that never tighten.
pub(super) fn equal_tightenings(
    layout: &Layout,
    series: &Series,
    bars: &Range<usize>,
) -> Result<Vec<u32>> {
    // Those of a long history, piece by piece.
    let pieces = || {
        let piece = |first: usize| first..bars.end.min(first + COMPARED);
        bars.clone().step_by(COMPARED).map(piece)
    };
    let factors = |index: usize, bars: &Range<usize>, (one, out): &mut (Tightening, Vec<f64>)| {
        out.clear();
        for price in 0..layout.prices {
            let (stop, _) = layout.stops(index, price, 0)?;
            out.extend_from_slice(one.of(series, &stop, bars));
        }
        Ok(())
    };
    let hashes: Vec<u64> = (0..layout.tightenings())
        .into_par_iter()
        .map_init(Default::default, |buffer, i| {
            pieces().try_fold(0, |hash, bars| {
                factors(i, &bars, buffer).map(|()| hash_of(&buffer.1, hash))
            })
        })
        .collect::<Result<_>>()?;
    let mut first: HashMap<u64, u32> = HashMap::new();
    let candidates: Vec<u32> =
        hashes.iter().zip(0_u32..).map(|(&hash, i)| *first.entry(hash).or_insert(i)).collect();
    // Equal hashes are no proof.
    candidates
        .into_par_iter()
        .enumerate()
        .map_init(<(_, _)>::default, |(own, other): &mut (_, _), (i, first)| {
            if first as usize == i {
                return Ok(first);
            }
            for bars in pieces() {
                factors(i, &bars, own)?;
                factors(first as usize, &bars, other)?;
                if own.1.iter().zip(&other.1).any(|(a, b)| a.to_bits() != b.to_bits()) {
                    return Ok(i as u32);
                }
            }
            Ok(first)
        })
        .collect()
}
