//! The combinations of a block that may become candidates, while final ranks are not known yet.

use std::ops::Range;

use rayon::prelude::*;

use super::block::{Block, MOST_PHASES};
use super::chunks::{CHUNK, GATHERED, parts};
use super::gates::Gates;
use super::provisional::ProvisionalRanks;
use super::records::push_record;
use super::stability::Scorer;
use crate::error::Result;

/// What a combination reaches to pass, by one set of gates.
#[derive(Debug, Clone)]
pub struct SurvivorThresholds<P> {
    /// Provisional ranks; without them every stability is reached.
    pub provisional: Option<P>,
    /// What makes a combination valid.
    pub gates: Gates,
    /// Fewest valid phases, and the provisional stability to reach; NaN is not reached.
    pub classes: Vec<(usize, f64)>,
}

/// Passes the combinations whose provisional stability reaches a threshold.
#[derive(Debug, Clone)]
pub struct SurvivorFilter<P> {
    sets: Vec<Set<P>>,
}

/// The thresholds of one set of gates, by number of valid phases.
#[derive(Debug, Clone)]
struct Set<P> {
    provisional: Option<P>,
    gates: Gates,
    /// The fewest valid phases that can pass.
    least: usize,
    /// For each number of valid phases the stability to reach; NaN where none passes.
    thresholds: Vec<f64>,
}

impl<P: AsRef<ProvisionalRanks> + Sync> Set<P> {
    fn new(thresholds: SurvivorThresholds<P>) -> Self {
        let SurvivorThresholds { provisional, gates, classes } = thresholds;
        let threshold = |times: usize| {
            let open = classes.iter().filter(|(least, score)| *least <= times && !score.is_nan());
            open.map(|&(_, score)| score).fold(f64::NAN, f64::min)
        };
        let thresholds: Vec<f64> = (0..=MOST_PHASES).map(threshold).collect();
        let least = thresholds.iter().position(|score| !score.is_nan()).unwrap_or(usize::MAX);
        Self { provisional, gates, least, thresholds }
    }

    fn check(&self, phases: usize, block: &Block<'_>) -> Result<()> {
        let provisional = self.provisional.as_ref().map(AsRef::as_ref);
        block
            .check_phases(provisional.map_or(phases.min(MOST_PHASES), ProvisionalRanks::phases))?;
        self.gates.check(phases)
    }

    /// Marks the combinations of a chunk that pass.
    fn mark(
        &self,
        scorer: &mut Scorer,
        block: &Block<'_>,
        range: Range<usize>,
        marks: &mut [u8],
    ) -> Result<()> {
        scorer.choose(&self.gates, block, range.clone(), self.least);
        let provisional = self.provisional.as_ref().map(AsRef::as_ref);
        if let Some(provisional) = provisional {
            provisional.score(scorer, block, range)?;
        }
        for (i, &at) in scorer.chosen().iter().enumerate() {
            let least = self.thresholds[usize::from(scorer.often()[i])];
            marks[at as usize] |= u8::from(provisional.is_none() || scorer.scores()[i] >= least);
        }
        Ok(())
    }
}

impl<P: AsRef<ProvisionalRanks> + Sync> SurvivorFilter<P> {
    /// A filter that a combination passes if, for any class `(least, score)` of any set of gates, it
    /// is valid in at least `least` phases and its provisional stability is `score` or more.
    #[must_use]
    pub fn new(sets: Vec<SurvivorThresholds<P>>) -> Self {
        Self { sets: sets.into_iter().map(Set::new).collect() }
    }

    /// Records of the combinations that pass, in flat index order; the first one is `start`.
    ///
    /// # Errors
    /// A block of another number of phases than provisional ranks or a set of gates.
    pub fn apply(&self, start: u64, block: &Block<'_>) -> Result<Vec<Vec<u8>>> {
        let phases = block.phases().len();
        self.sets.iter().try_for_each(|set| set.check(phases, block))?;
        block.check_start(start)?;
        let tasks: Vec<_> = parts(block.len(), GATHERED * CHUNK).collect();
        let apply = |scorer: &mut Scorer, task: Range<usize>| {
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
        tasks.into_par_iter().map_init(|| Scorer::new(phases), apply).collect()
    }
}
