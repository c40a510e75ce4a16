//! Rows: which phases of which rows of the grid are computed, and which are copied.
//!
//! Wide stops are touched so rarely that most of what sets them does not matter: many rows have stops
//! that touch the same bars at the same prices, at least from the start of a phase to its end, and
//! then every walk through the phase is the same in both. So of all rows with equal stops in a phase
//! the first one *leads*, and its figures are copied to the others.
//!
//! Stops are compared as runs ([`Run`]): those whose touch comes before the phase's end, from the one
//! on that the start of the phase stands in. A start behind them is not touched in the phase, in one
//! row as in the other. Where a touch comes after the end it is none to the phase, whatever its fill.

use std::collections::HashMap;
use std::ops::Range;

use super::maps::{Run, View, bar};
use super::walk::Span;
use crate::figures::SplitCells;

/// Consecutive combinations of one row that a worker writes.
pub(super) struct Piece<C> {
    /// Position of the first one in its row.
    pub first: usize,
    pub len: usize,
    /// By phase; empty where another row leads.
    pub phases: Vec<C>,
}

impl<C: SplitCells> Piece<C> {
    /// The cells of the combinations from position `first` of a row on.
    pub fn new(first: usize, phases: Vec<C>) -> Self {
        Self { first, len: phases.first().map_or(0, C::len), phases }
    }

    /// The cell of the combination at a position in the row, where it is among these.
    #[inline(always)]
    pub fn cell(&self, at: usize) -> Option<usize> {
        at.checked_sub(self.first).filter(|&cell| cell < self.len)
    }

    /// Takes the cells of a phase away.
    pub fn take(&mut self, phase: usize) -> C {
        let cells = &mut self.phases[phase];
        cells.split_front(cells.len())
    }

    /// Whether both have the same cells of their rows.
    pub fn covers_like(&self, other: &Self) -> bool {
        (self.first, self.len) == (other.first, other.len)
    }
}

/// A row with what it computes, for itself and for others.
pub(super) struct Row<C> {
    pub row: usize,
    /// Where its stops stand among those of the block.
    pub stops: usize,
    pub computed: Piece<C>,
    /// Copies, by phase.
    pub copies: Vec<Vec<C>>,
    /// The runs of its stops, where they are small enough to be kept.
    pub runs: Option<Box<[Run]>>,
}

impl<C: SplitCells> Row<C> {
    pub fn new(row: usize, computed: Piece<C>) -> Self {
        let copies = computed.phases.iter().map(|_| Vec::new()).collect();
        Self { row, stops: 0, computed, copies, runs: None }
    }

    /// Takes cells that are to become copies of these.
    pub fn copy_to(&mut self, piece: Piece<C>) {
        for (copies, cells) in self.copies.iter_mut().zip(piece.phases) {
            copies.push(cells);
        }
    }

    /// Whether it computes a phase.
    pub fn leads(&self, phase: usize) -> bool {
        !self.computed.phases[phase].is_empty()
    }

    /// Number of phases that it computes.
    pub fn leading(&self) -> usize {
        (0..self.computed.phases.len()).filter(|&phase| self.leads(phase)).count()
    }

    /// Makes one of its phases a copy of another row's.
    fn follow(&mut self, leader: &mut Self, phase: usize) {
        leader.copies[phase].push(self.computed.take(phase));
        leader.copies[phase].append(&mut self.copies[phase]);
    }

    /// Makes all of its phases copies of another row's.
    pub fn follow_everywhere(mut self, leader: &mut Self) {
        for phase in 0..self.copies.len() {
            self.follow(leader, phase);
        }
    }

    /// Writes the copies.
    pub fn copy(&mut self) {
        for (copies, from) in self.copies.iter_mut().zip(&self.computed.phases) {
            copies.iter_mut().for_each(|to| to.copy_from(from));
        }
    }
}

/// What is made of a row's stops: by price, of the long one and of the short ones.
pub(super) trait StopSink {
    fn take(&mut self, view: &View, distance: &[f64]);
}

/// The stops of rows, run by run.
#[derive(Debug, Default)]
pub(super) struct Stops {
    runs: Vec<Run>,
    /// Where each stop ends.
    ends: Vec<usize>,
    /// Sums of the hashes of all runs up to each of a row's.
    sums: Vec<u64>,
}

impl StopSink for Stops {
    #[inline(always)]
    fn take(&mut self, view: &View, distance: &[f64]) {
        view.follow_runs(distance, |run| self.runs.push(run));
        self.ends.push(self.runs.len());
    }
}

impl Stops {
    pub fn clear(&mut self) {
        self.runs.clear();
        self.ends.clear();
    }

    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    pub fn bytes(&self) -> usize {
        self.runs.len() * size_of::<Run>()
    }
}

/// The rows of a tile that have been told from each other.
pub(super) struct Distinct<C> {
    rows: Vec<(Row<C>, Found)>,
    /// Who leads in a phase, by the hash of the stops.
    leaders: HashMap<(usize, u64), usize>,
}

/// A row's stops among [`Stops`].
struct Found {
    runs: Range<usize>,
    ends: Range<usize>,
}

impl<C> Default for Distinct<C> {
    fn default() -> Self {
        Self { rows: Vec::new(), leaders: HashMap::new() }
    }
}

impl<C: SplitCells> Distinct<C> {
    /// Adds a row whose stops are those behind `before` runs and ends of stops, and forgets them where
    /// it leads nothing.
    pub fn add(
        &mut self,
        mut row: Row<C>,
        stops: &mut Stops,
        before: (usize, usize),
        spans: &[Span],
    ) {
        let found = Found { runs: before.0..stops.runs.len(), ends: before.1..stops.ends.len() };
        stops.sums.clear();
        stops.sums.push(0);
        let mut sum = 0_u64;
        for run in &stops.runs[found.runs.clone()] {
            sum = sum.wrapping_add(hash_of_run(run));
            stops.sums.push(sum);
        }
        let mut leads = false;
        for (phase, &span) in spans.iter().enumerate() {
            let hash = stops.parts(&found, span).fold(0, |hash, part| {
                let sums = [part.end, part.start].map(|i| stops.sums[i - found.runs.start]);
                mix(hash, sums[0].wrapping_sub(sums[1]))
            });
            // Equal hashes are no proof.
            if let Some(&leader) = self.leaders.get(&(phase, hash))
                && let (leader, theirs) = &mut self.rows[leader]
                && leader.computed.covers_like(&row.computed)
                && stops.are_equal(&found, theirs, span)
            {
                row.follow(leader, phase);
            } else {
                self.leaders.insert((phase, hash), self.rows.len());
                leads = true;
            }
        }
        if leads {
            self.rows.push((row, found));
        } else {
            stops.runs.truncate(found.runs.start);
            stops.ends.truncate(found.ends.start);
        }
    }

    /// The rows that lead, those with similar stops together; with their runs, if `keep` says so.
    pub fn sorted(mut self, stops: &Stops, keep: impl Fn(usize) -> bool) -> Vec<Row<C>> {
        // The more runs, the longer the walks.
        self.rows.sort_by_key(|(_, found)| found.runs.len());
        let kept = |(mut row, found): (Row<C>, Found)| {
            let runs = &stops.runs[found.runs];
            row.runs = keep(size_of_val(runs)).then(|| runs.into());
            row
        };
        self.rows.into_iter().map(kept).collect()
    }
}

impl Stops {
    /// How many runs and ends of stops there are.
    pub fn len(&self) -> (usize, usize) {
        (self.runs.len(), self.ends.len())
    }

    /// The runs of each stop of a row that matter in a phase.
    fn parts(&self, found: &Found, span: Span) -> impl Iterator<Item = Range<usize>> {
        let mut start = found.runs.start;
        self.ends[found.ends.clone()].iter().map(move |&end| {
            let runs = &self.runs[start..end];
            let first = runs.partition_point(|run| run.end <= span.start);
            let count = runs[first..].partition_point(|run| bar(run.moment) < span.end);
            let part = start + first..start + first + count;
            start = end;
            part
        })
    }

    fn are_equal(&self, one: &Found, other: &Found, span: Span) -> bool {
        self.parts(one, span)
            .zip(self.parts(other, span))
            .all(|(one, other)| self.runs[one] == self.runs[other])
    }
}

/// Divides rows into blocks of at most so many rows, and so many phases that they lead, which should
/// fill the blocks.
pub(super) fn blocks<C: SplitCells>(
    rows: Vec<Row<C>>,
    most: usize,
    leading: usize,
) -> Vec<Vec<Row<C>>> {
    /// Rows that are looked at to fill a block.
    const WINDOW: usize = 32;
    let mut waiting: Vec<Option<Row<C>>> = rows.into_iter().map(Some).collect();
    let mut blocks = Vec::new();
    let mut first = 0;
    while first < waiting.len() {
        let (mut block, mut room) = (Vec::new(), leading);
        for next in waiting.iter_mut().skip(first).take(WINDOW) {
            if room == 0 || block.len() == most {
                break;
            }
            if let Some(row) = next.take_if(|row| block.is_empty() || row.leading() <= room) {
                room = room.saturating_sub(row.leading());
                block.push(row);
            }
        }
        blocks.push(block);
        first += waiting[first..].iter().take_while(|row| row.is_none()).count();
    }
    blocks
}

/// Mixes some bits into a hash.
#[inline(always)]
pub(super) fn mix(hash: u64, bits: u64) -> u64 {
    (hash.rotate_left(5) ^ bits).wrapping_mul(0x517c_c1b7_2722_0a95)
}

/// A mix of some runs, on top of a mix of others.
#[inline(always)]
pub(super) fn hash_of_runs(runs: &[Run], hash: u64) -> u64 {
    runs.iter().fold(hash, |hash, run| mix(hash, hash_of_run(run)))
}

/// A mix of a run.
#[inline(always)]
fn hash_of_run(run: &Run) -> u64 {
    mix(mix(0, run.fill.to_bits()), u64::from(run.end) << 32 | u64::from(run.moment))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::touches::Way;
    use crate::figures::{Cells, Columns};
    use crate::market::bars::Bars;
    use crate::strategies::atr_d::factored::maps::Map;

    /// Stops at various distances on swinging bars.
    fn view() -> View {
        let closes: Vec<f64> = (0..120).map(|i| 50.0 + 4.0 * (f64::from(i) * 0.6).sin()).collect();
        let moved = |by: f64| closes.iter().map(|close| close + by).collect::<Vec<_>>();
        let bars = Bars::new(moved(0.25), moved(0.75), moved(-0.75), closes.clone());
        View::new(&bars.expect("valid bars"), 0..120, Way::Down)
    }

    #[test]
    fn a_row_follows_where_its_stops_lead_the_same_way_and_nowhere_else() {
        let view = view();
        let spans = [(0, 40), (20, 70), (60, 120)];
        let spans = spans.map(|(start, end)| Span { start, split: start + 5, end });
        // Distances that differ in some bars only, so that rows are equal in some phases only.
        let far = 9.0;
        let row = |near: &[(usize, f64)]| {
            let mut distance = vec![far; 120];
            near.iter().for_each(|&(t, d)| distance[t] = d);
            distance
        };
        let rows = [
            row(&[(10, 1.0), (50, 1.0), (100, 1.0)]),
            row(&[(10, 1.0), (50, 1.0), (100, 2.0)]),
            row(&[(10, 1.0), (50, 1.5), (100, 1.0)]),
            row(&[(10, 1.0), (50, 1.0), (100, 1.0)]),
            row(&[(50, 1.5)]),
            row(&[]),
            row(&[(119, 1.0)]),
        ];
        let mut columns: Vec<Columns> = (0..21).map(|_| Columns::unwritten(2)).collect();
        let mut cells: Vec<Vec<Cells<'_>>> = Vec::new();
        for row in columns.chunks_mut(3) {
            cells.push(row.iter_mut().map(Columns::cells).collect());
        }
        let (mut stops, mut distinct) = (Stops::default(), Distinct::default());
        let mut followed = Vec::new();
        for (i, (distance, phases)) in rows.iter().zip(cells).enumerate() {
            let before = stops.len();
            stops.take(&view, distance);
            let copies = |d: &Distinct<_>, phase: usize| -> usize {
                d.rows.iter().map(|(row, _)| row.copies[phase].len()).sum()
            };
            let counts = [0, 1, 2].map(|phase| copies(&distinct, phase));
            distinct.add(Row::new(i, Piece::new(0, phases)), &mut stops, before, &spans);
            followed.push([0, 1, 2].map(|phase| copies(&distinct, phase) > counts[phase]));
        }
        // The definition: for every start in the phase the same bar and fill, where it comes before
        // the end.
        let touches = |distance: &[f64], span: Span| -> Vec<Option<(u32, f64)>> {
            let mut map = Map::default();
            view.follow(distance, &mut map);
            let touch = |s: u32| {
                let (moment, fill) = (map.moments[s as usize], map.fills[s as usize]);
                (bar(moment) < span.end).then_some((moment, fill))
            };
            (span.start..span.end).map(touch).collect()
        };
        let mut both = [0, 0];
        for (i, followed) in followed.iter().enumerate() {
            for (phase, &span) in spans.iter().enumerate() {
                let mine = touches(&rows[i], span);
                let wanted = rows[..i].iter().any(|other| touches(other, span) == mine);
                assert_eq!(followed[phase], wanted, "row {i}, phase {phase}");
                both[usize::from(wanted)] += 1;
            }
        }
        assert!(both[0] > 5 && both[1] > 5, "{both:?}");
        // Rows that lead nothing are gone, with their runs.
        let leading = followed.iter().filter(|f| f.contains(&false)).count();
        let sorted = distinct.sorted(&stops, |_| true);
        assert_eq!(sorted.len(), leading);
        assert!(sorted.is_sorted_by_key(|row| row.runs.as_ref().map(|runs| runs.len())));
    }

    #[test]
    fn blocks_are_full_where_they_can_be_and_hold_every_row_once() {
        let counts = [4, 3, 4, 1, 4, 2, 4, 4, 1, 3, 4, 2, 4];
        let mut columns: Vec<Columns> =
            (0..4 * counts.len()).map(|_| Columns::unwritten(1)).collect();
        let mut rows = Vec::new();
        for ((i, phases), count) in columns.chunks_mut(4).enumerate().zip(counts) {
            let mut piece = Piece::new(0, phases.iter_mut().map(Columns::cells).collect());
            for cells in &mut piece.phases[count..] {
                let _ = cells.split_front(1);
            }
            rows.push(Row::new(i, piece));
        }
        let found = blocks(rows, 5, 8);
        let mut all: Vec<usize> = found.iter().flatten().map(|row| row.row).collect();
        all.sort_unstable();
        assert_eq!(all, (0..counts.len()).collect::<Vec<_>>());
        let leading = |block: &Vec<Row<_>>| block.iter().map(Row::leading).sum::<usize>();
        assert!(found.iter().all(|block| block.len() <= 5 && (1..=8).contains(&leading(block))));
        // Forty phases fill five blocks if all goes well.
        assert!(found.len() <= 6, "{:?}", found.iter().map(leading).collect::<Vec<_>>());
    }
}
