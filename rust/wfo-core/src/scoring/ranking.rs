//! Final ranks.

use super::distribution::Ranks;
use crate::error::{Error, Result};

/// Final ranks, one item a phase.
#[derive(Debug, Clone)]
pub struct Ranking {
    phases: Vec<Ranks>,
}

impl Ranking {
    /// The ranks of some phases.
    pub(crate) fn new(phases: Vec<Ranks>) -> Self {
        Self { phases }
    }

    /// The ranks, one item a phase.
    #[must_use]
    pub fn phases(&self) -> &[Ranks] {
        &self.phases
    }

    /// `100 * average rank / count` of profits in a phase, counted from 0.
    ///
    /// # Errors
    /// A phase that is not there; a profit that was not counted.
    pub fn percentiles(&self, phase: usize, values: &[f32]) -> Result<Vec<f64>> {
        let ranks = self.phases.get(phase).ok_or(Error::CountRange {
            name: "phase",
            value: phase as u64,
            allowed: "phases are counted from 0",
        })?;
        ranks.percentiles(values)
    }
}
