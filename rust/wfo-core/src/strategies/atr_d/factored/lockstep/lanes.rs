//! The lanes of a batch, and the lists of their trades.

use crate::engine::boundary::Boundary;
use crate::engine::excursion::{Excursion, UNIT_RATE};
use crate::engine::f64x4::U32_LANES;
use crate::engine::lane_parts::PartEnds;
use crate::engine::lookup::IndexView;
use crate::strategies::atr_d::factored::order_tables::ExitTable;
use crate::strategies::atr_d::factored::path::PhaseBars;

/// Paths of a batch.
pub(in super::super) const LANES: usize = U32_LANES;
/// Most trades in a list.
pub(in super::super) const TRADES: usize = 64;

/// A path: the stops of a stop set, and a phase with the ends of its parts.
#[derive(Clone, Copy)]
pub(in super::super) struct Path<'a> {
    pub exits: &'a ExitTable,
    pub phase: PhaseBars,
    pub boundaries: &'a [Boundary; 2],
}

/// A number for every path.
pub(super) type ByLane = [u32; LANES];

/// The paths of a batch, whatever opens their positions.
pub(in super::super) struct Lanes<'a> {
    /// Bars of the exits, by row of [`ExitTable`].
    pub(super) exit_bars: [IndexView<'a, u32>; LANES],
    pub(super) excursions: [&'a [Excursion]; LANES],
    pub boundaries: [&'a [Boundary; 2]; LANES],
    pub starts: ByLane,
    pub splits: ByLane,
    pub ends: ByLane,
    /// Rows from which on the look-ups of a path have no effect.
    pub limits: ByLane,
    /// Rows that all the exit tables have.
    pub(super) rows: usize,
    /// Whether one of the stops may ruin.
    pub may_ruin: bool,
}

impl<'a> Lanes<'a> {
    /// Puts some paths into lanes, of which there is at least one; the last one fills up.
    pub fn new(paths: &[Path<'a>]) -> Self {
        let mut lanes = Self {
            exit_bars: [IndexView::EMPTY; LANES],
            excursions: [&[]; LANES],
            boundaries: [paths[0].boundaries; LANES],
            starts: [0; LANES],
            splits: [0; LANES],
            ends: [0; LANES],
            limits: [0; LANES],
            rows: usize::MAX,
            may_ruin: false,
        };
        for lane in 0..LANES {
            let Path { exits, phase, boundaries } = paths[lane.min(paths.len() - 1)];
            (lanes.exit_bars[lane], lanes.excursions[lane]) =
                (exits.bars.view(), &exits.excursions);
            lanes.boundaries[lane] = boundaries;
            (lanes.starts[lane], lanes.splits[lane], lanes.ends[lane]) =
                (phase.start, phase.split, phase.end);
            lanes.limits[lane] = phase.end;
            lanes.rows = lanes.rows.min(exits.bars.len()).min(exits.excursions.len());
            lanes.may_ruin |= exits.may_ruin;
        }
        lanes
    }

    /// The ends of the parts of four of them.
    #[inline(always)]
    pub fn part_ends(&self, first: usize) -> PartEnds<'a> {
        let each = [0, 1, 2, 3].map(|i| first + i);
        PartEnds {
            boundaries: each.map(|lane| self.boundaries[lane]),
            splits: each.map(|lane| self.splits[lane]),
            ends: each.map(|lane| self.ends[lane]),
        }
    }
}

/// The trades that paths may make next.
#[derive(Debug)]
pub(in super::super) struct TradeLists {
    /// How many are listed, at most [`TRADES`].
    pub(super) listed: u32,
    /// Rates at which they open; behind the last of them one that changes nothing.
    pub(super) rates: [[f64; LANES]; TRADES + 1],
    /// Rows of their positions in the exit tables; behind the last of them one that changes
    /// nothing.
    pub(super) exit_rows: [ByLane; TRADES + 1],
    /// Where the paths stand before them, and the bars of the exits.
    pub exit_bars: [ByLane; TRADES + 1],
}

impl Default for TradeLists {
    fn default() -> Self {
        Self {
            listed: 0,
            rates: [[UNIT_RATE; LANES]; TRADES + 1],
            exit_rows: [[0; LANES]; TRADES + 1],
            exit_bars: [[0; LANES]; TRADES + 1],
        }
    }
}
