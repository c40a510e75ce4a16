//! Scores of very many combinations, block by block and in bounded memory.
//!
//! A combination is *valid* in a phase that passes all [`gates`]; its rank there is the percentile of
//! its out-of-sample profit among the valid ones, read from a [`distribution`]; and its
//! [stability](stability) is made of its ranks. Grid [`statistics`] hold everything that the scores of
//! one combination depend on in the others; a [`selection`] ranks the stable ones and keeps the best.
//! A grid whose figures are kept takes two passes over them. For one whose figures are not,
//! [`provisional`] ranks from a sample replace the final ones during the sweep, with a bound on their
//! error, and a [`survivor_filter`] passes only combinations that may still become candidates.
//! How many [`outcomes`] the stable combinations have is read from a [`sketch`] of them.
//! Beside the scores, [`effects`] sum up what each parameter does to the figures, a [`profile`] tells
//! how each figure is distributed, and a [`correlation`] of ranks what one column says of another.
//!
//! Everything takes blocks of consecutive combinations and runs on the rayon pool it is called in.
//! Nothing depends on the number of threads, on how combinations are split into blocks, or on the order
//! of the blocks: counts are integers, ties go to the lower flat index, and sums run in phase order.
//!
//! Arrows go down only, encoded forms included: a `*_codec` uses the type that it encodes, never the
//! other way round.

pub mod block;
mod checksum;
pub(crate) mod chunks;
pub mod correlation;
pub mod distribution;
pub mod effects;
pub mod gates;
pub mod map_axis;
pub mod outcomes;
pub mod profile;
mod profile_codec;
pub mod provisional;
pub mod ranking;
pub mod records;
pub mod selection;
pub mod sketch;
pub mod stability;
pub mod statistics;
mod statistics_codec;
pub mod survivor_filter;

pub use block::{Block, Stored};
pub use distribution::{Distribution, Ranks};
pub use effects::Effects;
pub use gates::{Beat, Gates, Measure};
pub use map_axis::MapAxis;
pub use outcomes::Outcomes;
pub use profile::Profile;
pub use provisional::ProvisionalRanks;
pub use ranking::Ranking;
pub use selection::{Selected, Selection};
pub use sketch::Sketch;
pub use statistics::GridStatistics;
pub use survivor_filter::{SurvivorFilter, SurvivorThresholds};

#[cfg(test)]
mod tests;
