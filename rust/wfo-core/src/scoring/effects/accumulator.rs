//! The sums of a grid, filled block by block.

use std::ops::Range;

use rayon::prelude::*;

use super::annual::Means;
use super::lines::Squares;
use super::response::Response;
use super::rows::{Rows, TILES};
use super::shape::Shape;
use super::sums::{Slab, Sums};
use super::wide::Width;
use crate::error::{Error, Result};
use crate::scoring::block::{Block, MOST_PHASES};
use crate::scoring::chunks::{CHUNK, parts};
use crate::scoring::gates::Gates;

/// Combinations whose responses are held between the two steps of a block.
const SLAB: usize = 1 << 16;

/// Most sets of gates.
const SETS: usize = 8;

/// Sums over all combinations of a grid, by axis value and by pair of axes.
#[derive(Debug, Clone)]
pub struct Effects {
    pub(super) lengths: Vec<u64>,
    pub(super) capital: f64,
    pub(super) exponents: Vec<f64>,
    gates: Vec<Gates>,
    /// The fewest valid phases that are counted as stable, and how many thresholds there are.
    pub(super) first: usize,
    pub(super) thresholds: usize,
    /// Combinations added.
    pub(super) len: u64,
    pub(super) sums: Sums,
    pub(super) shape: Shape,
    rows: Rows,
    slab: Slab,
}

/// A part of a slab, to be filled with the responses of as many combinations from `first` on.
struct Task<'a> {
    first: usize,
    returns: &'a mut [i64],
    /// By set.
    times: Vec<&'a mut [u8]>,
}

impl Effects {
    /// Nothing summed yet, over a grid with axes of these lengths, the slowest first.
    ///
    /// A return of a phase is made annual by its exponent. A combination is stable by a set of gates
    /// that is valid in enough phases; counted are thresholds from `asked - 2` to `asked + 1`.
    ///
    /// # Errors
    /// No axis or an empty one, a capital or an exponent that is not above 0, no phase or too many, too
    /// many sets, or more phases asked for than there are.
    pub fn new(
        lengths: &[u64],
        capital: f64,
        exponents: &[f64],
        gates: Vec<Gates>,
        asked: usize,
    ) -> Result<Self> {
        let first = asked.saturating_sub(2).max(1);
        if !(1..=exponents.len()).contains(&asked) {
            let allowed = "it must be from 1 to the number of phases";
            return Err(Error::CountRange { name: "asked", value: asked as u64, allowed });
        }
        let thresholds = (asked + 1).min(exponents.len()) + 1 - first;
        Self::with_thresholds(lengths, capital, exponents, gates, first, thresholds)
    }

    pub(super) fn with_thresholds(
        lengths: &[u64],
        capital: f64,
        exponents: &[f64],
        gates: Vec<Gates>,
        first: usize,
        thresholds: usize,
    ) -> Result<Self> {
        let phases = exponents.len();
        let counted = [
            ("phases", phases, 1..=MOST_PHASES, "it must be from 1 to 255"),
            ("sets of gates", gates.len(), 0..=SETS, "at most 8 are counted side by side"),
        ];
        for (name, value, range, allowed) in counted {
            if !range.contains(&value) {
                return Err(Error::CountRange { name, value: value as u64, allowed });
            }
        }
        let above = |value: f64| value > 0.0 && value.is_finite();
        let allowed = "it must be a number above 0";
        if !above(capital) {
            return Err(Error::OutOfRange { name: "capital", value: capital, allowed });
        }
        if let Some(&value) = exponents.iter().find(|&&e| !above(e)) {
            return Err(Error::OutOfRange { name: "exponent", value, allowed });
        }
        gates.iter().try_for_each(|gates| gates.check(phases))?;
        let shape = Shape::new(lengths)?;
        Ok(Self {
            lengths: lengths.to_vec(),
            capital,
            exponents: exponents.to_vec(),
            first,
            thresholds,
            len: 0,
            sums: Sums::new(shape.cells(), gates.len()),
            rows: Rows::new(&shape, gates.len()),
            slab: Slab { returns: Vec::new(), times: vec![Vec::new(); gates.len()] },
            shape,
            gates,
        })
    }

    /// Lengths of the axes.
    #[must_use]
    pub fn lengths(&self) -> &[u64] {
        &self.lengths
    }

    /// Combinations of the grid.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.shape.size()
    }

    /// Combinations added.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Numbers of valid phases from which on combinations are counted as stable.
    #[must_use]
    pub fn thresholds(&self) -> Range<usize> {
        self.first..self.first + self.thresholds
    }

    /// The pairs of axes whose cells are kept. Pairs of very long axes are not: all cells together
    /// are bounded, and those of few cells go first. No pair has an axis of a single value.
    #[must_use]
    pub fn pairs(&self) -> Vec<(usize, usize)> {
        self.shape.pairs()
    }

    /// Adds consecutive combinations from flat index `start` on, each of which is to be added once.
    ///
    /// Where they are given, `returns` receives the returns of the combinations, and `times` in how many
    /// phases they are valid by one set of gates, each at their flat index.
    ///
    /// # Errors
    /// Combinations outside the grid, a block of another number of phases, room for another number of
    /// combinations than the grid has, a set that is not there.
    pub fn add(
        &mut self,
        start: u64,
        block: &Block<'_>,
        mut returns: Option<&mut [i64]>,
        mut times: Option<(usize, &mut [u8])>,
    ) -> Result<()> {
        block.check_phases(self.exponents.len())?;
        let size = self.size();
        let stop = start.checked_add(block.len() as u64).ok_or(Error::GridTooLarge)?;
        if stop > size {
            return Err(Error::IndexRange { start, stop, len: size });
        }
        if self.len > size - block.len() as u64 {
            return Err(Error::SumsFull { len: size });
        }
        let rooms = [returns.as_ref().map(|r| r.len()), times.as_ref().map(|(_, t)| t.len())];
        if let Some(len) = rooms.into_iter().flatten().find(|&len| len as u64 != size) {
            let allowed = "it must be that of the grid's combinations";
            return Err(Error::CountRange { name: "length", value: len as u64, allowed });
        }
        if let Some((set, _)) = times {
            self.check_set(set)?;
        }
        // The first and the last tile may be partial.
        let slab = SLAB.min(self.shape.tile.saturating_mul(TILES - 2));
        for part in parts(block.len(), slab) {
            let at = start + part.start as u64;
            let mut slab = std::mem::take(&mut self.slab);
            slab.returns.resize(part.len(), 0);
            slab.times.iter_mut().for_each(|times| times.resize(part.len(), 0));
            self.sums.squares += self.respond(block, part.start, &mut slab);
            // A position in an array of this many combinations fits the memory's addresses.
            let range = at as usize..at as usize + part.len();
            if let Some(returns) = &mut returns {
                returns[range.clone()].copy_from_slice(&slab.returns);
            }
            if let Some((set, times)) = &mut times {
                times[range].copy_from_slice(&slab.times[*set]);
            }
            self.rows.add(&self.shape, at, &slab, self.thresholds(), &mut self.sums);
            self.slab = slab;
        }
        self.len += block.len() as u64;
        Ok(())
    }

    /// The responses of combinations anywhere: returns, and in how many phases each is valid by one set
    /// of gates.
    ///
    /// # Errors
    /// A block of another number of phases, a set that is not there.
    pub fn evaluate(&self, block: &Block<'_>, set: usize) -> Result<(Vec<i64>, Vec<u8>)> {
        block.check_phases(self.exponents.len())?;
        self.check_set(set)?;
        let zeros = || vec![0; block.len()];
        let mut slab = Slab {
            returns: vec![0; block.len()],
            times: self.gates.iter().map(|_| zeros()).collect(),
        };
        self.respond(block, 0, &mut slab);
        Ok((slab.returns, slab.times.swap_remove(set)))
    }

    fn check_set(&self, set: usize) -> Result<()> {
        if set < self.gates.len() {
            return Ok(());
        }
        let allowed = "sets of gates are counted from 0";
        Err(Error::CountRange { name: "set", value: set as u64, allowed })
    }

    /// Fills a slab with the responses of as many combinations from `first` on.
    fn respond(&self, block: &Block<'_>, first: usize, slab: &mut Slab) -> Squares {
        let len = slab.returns.len();
        let mut times: Vec<_> = slab.times.iter_mut().map(|t| t.chunks_mut(CHUNK)).collect();
        let tasks = parts(len, CHUNK).zip(slab.returns.chunks_mut(CHUNK));
        let tasks: Vec<Task<'_>> = tasks
            .map(|(part, returns)| Task {
                first: first + part.start,
                returns,
                times: times.iter_mut().filter_map(Iterator::next).collect(),
            })
            .collect();
        let width = Width::best();
        let squares = tasks.into_par_iter().map(|Task { first: at, returns, times }| {
            let range = at..at + returns.len();
            let (capital, exponents) = (self.capital, &self.exponents[..]);
            width.run(Means {
                capital,
                exponents,
                phases: block.phases(),
                first: at,
                returns: &mut *returns,
            });
            let mut valid = [0; CHUNK];
            let valid = &mut valid[..range.len()];
            for (gates, times) in self.gates.iter().zip(times) {
                times.fill(0);
                for (k, phase) in block.phases().iter().enumerate() {
                    gates.validate(k, &phase.part(range.clone()), valid);
                    times.iter_mut().zip(&*valid).for_each(|(times, valid)| *times += valid);
                }
            }
            Squares::of(returns)
        });
        squares.reduce(Squares::default, |a, b| a + b)
    }

    /// Sums of the returns, in units of 2^-44, and of their squares.
    pub fn returns(&mut self) -> (Squares, Response<i128>) {
        self.settle();
        let sums = &self.sums;
        (sums.squares, self.shape.response(sums.total, |cell| sums.returns[cell]))
    }

    /// How many combinations are valid in `least` phases or more, by one set of gates.
    ///
    /// # Errors
    /// A set or a number of phases that was not counted.
    pub fn stable(&mut self, set: usize, least: usize) -> Result<Response<u64>> {
        self.check_set(set)?;
        if !self.thresholds().contains(&least) {
            let allowed = "it was not counted; there are two less than asked for, up to one more";
            return Err(Error::CountRange { name: "least", value: least as u64, allowed });
        }
        self.settle();
        let lane = least - self.first;
        let (total, counts) = (self.sums.stable[set].0[lane], &self.sums.counts[set]);
        Ok(self.shape.response(total, |cell| counts[cell].0[lane]))
    }

    /// Empties the rows into the sums.
    fn settle(&mut self) {
        self.rows.drain(&self.shape, &mut self.sums);
    }

    /// The same with empty rows.
    pub(super) fn settled(&self) -> Self {
        let mut copy = self.clone();
        copy.settle();
        copy
    }

    /// Adds sums of other combinations of the same grid, by the same rules.
    ///
    /// # Errors
    /// Sums of another grid or by other rules; together more combinations than the grid has.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        let same = [
            ("lengths", self.lengths == other.lengths),
            ("capital", self.capital == other.capital),
            ("exponents", self.exponents == other.exponents),
            ("gates", self.gates == other.gates),
            ("thresholds", self.thresholds() == other.thresholds()),
        ];
        if let Some((what, _)) = same.into_iter().find(|(_, same)| !same) {
            return Err(Error::SumsMismatch { what });
        }
        let len = self.len.checked_add(other.len).filter(|&len| len <= self.size());
        self.len = len.ok_or(Error::SumsFull { len: self.size() })?;
        self.settle();
        let (mine, theirs) = (&mut self.sums, other.settled().sums);
        mine.squares += theirs.squares;
        mine.total += theirs.total;
        mine.returns.iter_mut().zip(&theirs.returns).for_each(|(to, from)| *to += from);
        let counts = mine.counts.iter_mut().flatten().zip(theirs.counts.iter().flatten());
        let counts = counts.chain(mine.stable.iter_mut().zip(&theirs.stable));
        for (to, from) in counts {
            *to += *from;
        }
        Ok(())
    }
}
