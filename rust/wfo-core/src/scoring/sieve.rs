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

/// What a combination reaches to pass, by one set of gates.
#[derive(Debug, Clone)]
pub struct Cut<E> {
    /// Provisional ranks; without them every cut is reached.
    pub estimate: Option<E>,
    /// Who is valid.
    pub gates: Gates,
    /// Fewest valid phases, and the provisional stability to reach; what is no number is not reached.
    pub classes: Vec<(usize, f64)>,
}

/// Lets combinations through whose provisional stability reaches a cut.
#[derive(Debug, Clone)]
pub struct Sieve<E> {
    sets: Vec<Set<E>>,
}

#[derive(Debug, Clone)]
struct Set<E> {
    estimate: Option<E>,
    gates: Gates,
    /// The fewest valid phases that can pass.
    least: usize,
    /// For each number of valid phases the cut; what is no number where none passes.
    cuts: Vec<f64>,
}

impl<E: AsRef<Estimate> + Sync> Set<E> {
    fn new(Cut { estimate, gates, classes }: Cut<E>) -> Self {
        let cut = |times: usize| {
            let open = classes.iter().filter(|(least, cut)| *least <= times && !cut.is_nan());
            open.map(|&(_, cut)| cut).fold(f64::NAN, f64::min)
        };
        let cuts: Vec<f64> = (0..=PHASES).map(cut).collect();
        let least = cuts.iter().position(|cut| !cut.is_nan()).unwrap_or(usize::MAX);
        Self { estimate, gates, least, cuts }
    }

    fn check(&self, phases: usize, block: &Block<'_>) -> Result<()> {
        let estimate = self.estimate.as_ref().map(AsRef::as_ref);
        block.check_phases(estimate.map_or(phases.min(PHASES), Estimate::phases))?;
        self.gates.check(phases)
    }

    /// Marks the combinations of a chunk that pass.
    fn mark(
        &self,
        scorer: &mut Scorer,
        block: &Block<'_>,
        range: std::ops::Range<usize>,
        marks: &mut [u8],
    ) -> Result<()> {
        scorer.choose(&self.gates, block, range.clone(), self.least);
        let estimate = self.estimate.as_ref().map(AsRef::as_ref);
        if let Some(estimate) = estimate {
            estimate.score(scorer, block, range)?;
        }
        for (i, &at) in scorer.chosen().iter().enumerate() {
            let cut = self.cuts[usize::from(scorer.often()[i])];
            marks[at as usize] |= u8::from(estimate.is_none() || scorer.scores()[i] >= cut);
        }
        Ok(())
    }
}

impl<E: AsRef<Estimate> + Sync> Sieve<E> {
    /// A sieve that a combination passes if, for any class `(least, cut)` of any set of gates, it is
    /// valid in at least `least` phases and its provisional stability is `cut` or more.
    #[must_use]
    pub fn new(sets: Vec<Cut<E>>) -> Self {
        Self { sets: sets.into_iter().map(Set::new).collect() }
    }

    /// Records of the combinations that pass, in flat index order; the first one is `start`.
    ///
    /// # Errors
    /// A block of another number of phases than an estimate or a set of gates.
    pub fn sift(&self, start: u64, block: &Block<'_>) -> Result<Vec<Vec<u8>>> {
        let phases = block.phases().len();
        self.sets.iter().try_for_each(|set| set.check(phases, block))?;
        block.check_start(start)?;
        let tasks: Vec<_> = parts(block.len(), GATHERED * CHUNK).collect();
        let sift = |scorer: &mut Scorer, task: std::ops::Range<usize>| {
            let (mut out, mut marks) = (Vec::new(), [0; CHUNK]);
            for part in parts(task.len(), CHUNK) {
                let range = task.start + part.start..task.start + part.end;
                let marks = &mut marks[..range.len()];
                marks.fill(0);
                for set in &self.sets {
                    set.mark(scorer, block, range.clone(), marks)?;
                }
                for at in (0..marks.len()).filter(|&at| marks[at] != 0) {
                    let at = range.start + at;
                    push_record(&mut out, start + at as u64, block, at);
                }
            }
            Ok(out)
        };
        tasks.into_par_iter().map_init(|| Scorer::new(phases), sift).collect()
    }
}
