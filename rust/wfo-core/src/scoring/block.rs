//! Figures of consecutive combinations as result files hold them.

use std::ops::Range;

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::figures::{Count, Kind, Money, standard_figures};

/// Most phases: numbers of valid phases are kept as bytes.
pub(crate) const MOST_PHASES: usize = 255;

/// Defines the columns of a phase from the list of figures.
macro_rules! define_stored {
    ($($(#[$doc:meta])* $name:ident: $Kind:ident,)*) => {
        /// Figures of one phase in the types of the result files: money as `f32`, trades as `u16` that
        /// stop at 65,535.
        #[derive(Debug, Clone, Copy)]
        pub struct Stored<'a> {
            $($(#[$doc])* pub $name: &'a [<$Kind as Kind>::Stored],)*
        }

        impl Stored<'_> {
            /// The figures of some of the combinations.
            #[must_use]
            pub(crate) fn part(&self, range: Range<usize>) -> Self {
                Self { $($name: &self.$name[range.clone()],)* }
            }

            /// The columns by name, and how many cells each has.
            fn lengths(&self) -> impl Iterator<Item = (&'static str, usize)> + use<> {
                [$((stringify!($name), self.$name.len()),)*].into_iter()
            }
        }
    };
}

standard_figures! { define_stored }

/// Figures of some combinations over all phases.
#[derive(Debug, Clone)]
pub struct Block<'a> {
    phases: Vec<Stored<'a>>,
    len: usize,
}

impl<'a> Block<'a> {
    /// A block of one item a phase.
    ///
    /// # Errors
    /// Columns of different lengths.
    pub fn new(phases: Vec<Stored<'a>>) -> Result<Self> {
        let expected = phases.first().map_or(0, |p| p.is_pnl.len());
        for (phase, figures) in phases.iter().enumerate() {
            for (column, len) in figures.lengths() {
                if len != expected {
                    return Err(Error::BlockLength { phase: phase + 1, column, len, expected });
                }
            }
        }
        Ok(Self { phases, len: expected })
    }

    /// Number of combinations.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no combination.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The figures, one item a phase.
    #[must_use]
    pub fn phases(&self) -> &[Stored<'a>] {
        &self.phases
    }

    /// # Errors
    /// Another number of phases.
    pub(crate) fn check_phases(&self, expected: usize) -> Result<()> {
        let given = self.phases.len();
        if given == expected { Ok(()) } else { Err(Error::BlockPhases { given, expected }) }
    }

    /// # Errors
    /// More than 2^64 combinations before its end.
    pub(crate) fn check_start(&self, start: u64) -> Result<()> {
        start.checked_add(self.len as u64).map(|_| ()).ok_or(Error::GridTooLarge)
    }
}

/// Cells that a worker converts at a time.
const CONVERTED: usize = 1 << 14;

/// Rounds money to the type of the result files.
///
/// # Panics
/// If the slices are not of one length.
pub fn store_money(from: &[f64], to: &mut [f32]) {
    assert_eq!(from.len(), to.len(), "columns of different lengths");
    from.par_chunks(CONVERTED).zip(to.par_chunks_mut(CONVERTED)).for_each(|(from, to)| {
        for (to, &from) in to.iter_mut().zip(from) {
            *to = Money::stored(from);
        }
    });
}

/// Turns counts into the type of the result files, in which they stop at 65,535.
///
/// # Panics
/// If the slices are not of one length.
pub fn store_counts(from: &[u32], to: &mut [u16]) {
    assert_eq!(from.len(), to.len(), "columns of different lengths");
    from.par_chunks(CONVERTED).zip(to.par_chunks_mut(CONVERTED)).for_each(|(from, to)| {
        for (to, &from) in to.iter_mut().zip(from) {
            *to = Count::stored(from);
        }
    });
}
