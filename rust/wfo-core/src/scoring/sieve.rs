//! What of a block may become a candidate, while final ranks are not known yet.

use rayon::prelude::*;

use super::block::Block;
use super::estimate::Estimate;
use super::gates::Gates;
use super::records::push_record;
use super::stability::Scorer;
use super::tally::PHASES;
use super::{CHUNK, parts};
use crate::error::Result;

/// Chunks whose records are gathered together.
const GATHERED: usize = 16;

/// Lets combinations through whose provisional stability reaches a cut.
#[derive(Debug, Clone)]
pub struct Sieve<E> {
    estimate: Option<E>,
    gates: Gates,
    /// The fewest valid phases that can pass.
    least: usize,
    /// For each number of valid phases the cut; what is no number where none passes.
    cuts: Vec<f64>,
}

impl<E: AsRef<Estimate> + Sync> Sieve<E> {
    /// A sieve that a combination passes if, for any class of `(least, cut)`, it is valid in at least
    /// `least` phases and its provisional stability is `cut` or more. Without an estimate every cut
    /// is passed.
    #[must_use]
    pub fn new(estimate: Option<E>, gates: Gates, classes: &[(usize, f64)]) -> Self {
        let cut = |times: usize| {
            let open = classes.iter().filter(|(least, cut)| *least <= times && !cut.is_nan());
            open.map(|&(_, cut)| cut).fold(f64::NAN, f64::min)
        };
        let cuts: Vec<f64> = (0..=PHASES).map(cut).collect();
        let least = cuts.iter().position(|cut| !cut.is_nan()).unwrap_or(usize::MAX);
        Self { estimate, gates, least, cuts }
    }

    /// Records of the combinations that pass, in flat index order; the first one is `start`.
    ///
    /// # Errors
    /// A block of another number of phases than the estimate.
    pub fn sift(&self, start: u64, block: &Block<'_>) -> Result<Vec<Vec<u8>>> {
        let estimate = self.estimate.as_ref().map(AsRef::as_ref);
        let phases = block.phases().len();
        block.check_phases(estimate.map_or(phases.min(PHASES), Estimate::phases))?;
        block.check_start(start)?;
        let tasks: Vec<_> = parts(block.len(), GATHERED * CHUNK).collect();
        let sift = |scorer: &mut Scorer, task: std::ops::Range<usize>| {
            let mut out = Vec::new();
            for part in parts(task.len(), CHUNK) {
                let range = task.start + part.start..task.start + part.end;
                scorer.choose(&self.gates, block, range.clone(), self.least);
                if let Some(estimate) = estimate {
                    estimate.score(scorer, block, range.clone())?;
                }
                for (i, &at) in scorer.chosen().iter().enumerate() {
                    let cut = self.cuts[usize::from(scorer.often()[i])];
                    if estimate.is_none() || scorer.scores()[i] >= cut {
                        let at = range.start + at as usize;
                        push_record(&mut out, start + at as u64, block, at);
                    }
                }
            }
            Ok(out)
        };
        tasks.into_par_iter().map_init(|| Scorer::new(phases), sift).collect()
    }
}
