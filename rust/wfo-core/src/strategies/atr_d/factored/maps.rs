//! Touch maps: for every bar from which an order is followed, when it is filled, and at what.
//!
//! Between two events a strategy knows only the bar since which its state holds, so a touch of the
//! contract is a function of that bar alone. A map is that function, written out. It depends on the
//! few parameters of one order: all combinations that share them share the map.
//!
//! A map is filled in one pass over the bars, in time that is linear in their number. In bar `t` the
//! level of start `s` is `extreme(s, t-1) - distance(t-1)`, and the extreme does not grow with `s`.
//! Subtraction is monotone in floating point too, so the starts that bar `t` fills are always the
//! oldest ones that still wait, and those that share an extreme are filled together, at one price.
//! It is enough to look at the oldest waiting start in every bar. The comparison and the fill are the
//! contract's own expressions, so the map is exact, not nearly so.
//!
//! A gate hides a bar by a distance of +∞ before it: no level is reached. A bar that fills whatever
//! waits, at its open, has a distance of -∞. Neither needs a branch.

use std::hint::select_unpredictable;
use std::ops::Range;

use super::stretches::max;
use crate::execution::touches::Way;
use crate::market::bars::Bars;

/// When a touch happens: four times its bar, plus its place in the path that the contract assumes a
/// bar to take: 0 at the open, 1 on the way to the extreme nearer to it, 2 on the way to the other.
///
/// Of two touches the one with the lower moment comes first. Equal moments leave open only two that
/// are met on the same way between the same prices, of which the nearer level comes first, and two at
/// the open, which the contract calls equal.
pub type Moment = u32;

/// The bar of a moment.
#[inline(always)]
pub(super) fn bar(moment: Moment) -> u32 {
    moment / 4
}

/// The moment at the open of a bar, before everything else in it.
#[inline(always)]
pub(super) fn opening_of(bar: u32) -> Moment {
    bar * 4
}

/// A touch as a function of the bar since which it is followed.
#[derive(Debug, Clone, Default)]
pub struct Map {
    /// When it happens; behind the last bar where it never does, and in the row behind that.
    pub moments: Vec<Moment>,
    /// Its fill; 0 where there is none.
    pub fills: Vec<f64>,
}

/// Starts that share a touch, from the end of the run before. Which ones stand in a run follows from
/// the bars and from what was filled before, so equal maps have equal runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// One past the last start.
    pub end: u32,
    /// When the touch happens; behind the last bar where it never does.
    pub moment: Moment,
    /// Its fill; 0 where there is none.
    pub fill: f64,
}

/// How far a map has been followed, whose runs are asked for some starts at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    /// The next bar that may fill an order.
    pub bar: usize,
    /// The last bar with the extreme of the oldest start that waits, and that extreme.
    top: usize,
    extreme: f64,
    /// The last run so far: it may reach beyond what has been asked for.
    pub last: Run,
}

/// A map, borrowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Touches<'a> {
    pub moments: &'a [Moment],
    pub fills: &'a [f64],
}

impl Map {
    pub(super) fn touches(&self) -> Touches<'_> {
        Touches { moments: &self.moments, fills: &self.fills }
    }

    /// Takes over the runs of all starts.
    pub(super) fn set(&mut self, bars: usize, runs: &[Run]) {
        self.resize(bars);
        let mut start = 0;
        for run in runs {
            let end = run.end as usize;
            self.moments[start..end].fill(run.moment);
            self.fills[start..end].fill(run.fill);
            start = end;
        }
    }

    fn resize(&mut self, bars: usize) {
        self.moments.resize(bars + 1, 0);
        self.fills.resize(bars + 1, 0.0);
    }
}

impl Touches<'_> {
    /// Whether this touch comes before `first`, both since bar `s`; `way` is the one on which both
    /// are met, if it is the same. Of what the contract calls equal, `first` comes first.
    #[inline(always)]
    pub fn before(self, first: Self, s: usize, way: Option<Way>) -> bool {
        let (mine, other) = (self.moments[s], first.moments[s]);
        mine < other
            || (mine == other && mine % 4 > 0 && nearer(self.fills[s], first.fills[s], way))
    }
}

/// Whether a level is met before another one on the same way.
pub(super) fn nearer(level: f64, other: f64, way: Option<Way>) -> bool {
    match way {
        Some(Way::Down) => level > other,
        Some(Way::Up) => level < other,
        None => false,
    }
}

/// Bars seen from the side of an order: falling prices as they are, rising ones negated, so that one
/// pass serves both. Negation is exact, and turns `low + distance <= high` into its mirror image.
#[derive(Debug)]
pub struct View {
    way: Way,
    open: Vec<f64>,
    /// What the level follows.
    extreme: Vec<f64>,
    /// What reaches the level.
    reach: Vec<f64>,
    close: Vec<f64>,
    /// The next bar whose extreme is at least as high.
    overtaken: Vec<u32>,
    /// Moment of a touch away from the open, by bar.
    later: Vec<Moment>,
}

impl View {
    /// The bars of `range`, for orders that are met on the way `way`.
    #[must_use]
    pub fn new(bars: &Bars, range: Range<usize>, way: Way) -> Self {
        let (extreme, reach) = match way {
            Way::Down => (bars.high(), bars.low()),
            Way::Up => (bars.low(), bars.high()),
        };
        let seen = |column: &[f64]| -> Vec<f64> {
            column[range.clone()].iter().map(|&x| signed(way, x)).collect()
        };
        let extreme = seen(extreme);
        let mut overtaken = vec![extreme.len() as u32; extreme.len()];
        let mut waiting: Vec<usize> = Vec::new();
        for (t, x) in extreme.iter().enumerate() {
            while let Some(s) = waiting.pop_if(|s| *x >= extreme[*s]) {
                overtaken[s] = t as u32;
            }
            waiting.push(t);
        }
        let later = range.clone().zip(0..).map(|(t, position)| {
            let (open, high, low) = (bars.open()[t], bars.high()[t], bars.low()[t]);
            let first = if high - open < open - low { Way::Up } else { Way::Down };
            opening_of(position) + if way == first { 1 } else { 2 }
        });
        let later = later.collect();
        let (open, reach, close) = (seen(bars.open()), seen(reach), seen(bars.close()));
        Self { way, open, extreme, reach, close, overtaken, later }
    }

    /// Number of bars.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// The opens; seen from below where the order is met by rising prices.
    pub(super) fn opens(&self) -> &[f64] {
        &self.open
    }

    /// Whether there is no bar.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The touches of a level that stays `distance` behind the extreme since the start.
    ///
    /// `distance[t]` is known at the close of bar `t` and holds in the next.
    #[inline(always)]
    pub fn follow(&self, distance: &[f64], map: &mut Map) {
        let n = self.len();
        map.resize(n);
        let (moments, fills) = (&mut map.moments[..=n], &mut map.fills[..=n]);
        let mut start = 0;
        self.follow_runs(distance, |run| {
            let end = run.end as usize;
            moments[start..end].fill(run.moment);
            fills[start..end].fill(run.fill);
            start = end;
        });
    }

    /// The same, run by run: starts that share a touch stand together.
    #[inline(always)]
    pub fn follow_runs(&self, distance: &[f64], mut out: impl FnMut(Run)) {
        let n = self.len();
        // The last bar with the extreme of the oldest start that waits, and that extreme.
        let (mut top, mut extreme) = (0, self.extreme.first().copied().unwrap_or(0.0));
        let bars = self.reach.iter().zip(&self.extreme).skip(1).zip(distance);
        for (t, ((&reach, &own), &before)) in (1..).zip(bars) {
            let mut level = extreme - before;
            if reach <= level {
                loop {
                    let (moment, fill) = self.fill(t, level);
                    let oldest = top + 1;
                    out(Run { end: oldest as u32, moment, fill });
                    if oldest == t {
                        // Nothing waits: the bar itself is the next start.
                        (top, extreme) = (t, own);
                        break;
                    }
                    // Each bar is passed here once: it is filled before the search starts again.
                    top = oldest;
                    while (self.overtaken[top] as usize) < t {
                        top = self.overtaken[top] as usize;
                    }
                    extreme = self.extreme[top];
                    level = extreme - before;
                    if reach > level || level.is_nan() {
                        break;
                    }
                }
            }
            // No branch: whether a bar makes a new extreme, nobody can guess.
            top = select_unpredictable(own >= extreme, t, top);
            extreme = max(extreme, own);
        }
        out(Run { end: n as u32 + 1, moment: opening_of(n as u32), fill: 0.0 });
    }

    /// The beginning of a map.
    pub(super) fn begin(&self) -> Progress {
        let extreme = self.extreme.first().copied().unwrap_or(0.0);
        Progress { bar: 1, top: 0, extreme, last: Run { end: 0, moment: 0, fill: 0.0 } }
    }

    /// Goes on with a map to the run that holds the last start before `until`, or to the end of the
    /// distances, whose first one is that before the next bar. With the distances of all bars, the runs
    /// are those of [`follow_runs`](Self::follow_runs), or of [`stand`](Self::stand).
    ///
    /// It stops between two runs, maybe within a bar, and what decides whether that bar fills another
    /// one is what decides whether a bar fills a first one.
    #[inline(always)]
    pub(super) fn go_on(
        &self,
        progress: &mut Progress,
        distance: &[f64],
        follows: bool,
        until: usize,
        out: &mut Vec<Run>,
    ) {
        if follows {
            self.follow_on(progress, distance, until, out);
        } else {
            self.stand_on(progress, distance, until, out);
        }
        if progress.bar >= self.len() && (progress.last.end as usize) < until {
            let end = self.len() as u32;
            progress.last = Run { end: end + 1, moment: opening_of(end), fill: 0.0 };
            out.push(progress.last);
        }
    }

    #[inline(always)]
    fn follow_on(
        &self,
        progress: &mut Progress,
        distance: &[f64],
        until: usize,
        out: &mut Vec<Run>,
    ) {
        let Progress { bar: first, mut top, mut extreme, mut last } = *progress;
        let end = first + distance.len();
        let bars = self.reach[first..end].iter().zip(&self.extreme[first..end]).zip(distance);
        for (t, ((&reach, &own), &before)) in (first..).zip(bars) {
            let mut level = extreme - before;
            if reach <= level {
                loop {
                    let (moment, fill) = self.fill(t, level);
                    let oldest = top + 1;
                    last = Run { end: oldest as u32, moment, fill };
                    out.push(last);
                    if oldest == t {
                        (top, extreme) = (t, own);
                        if oldest >= until {
                            *progress = Progress { bar: t + 1, top, extreme, last };
                            return;
                        }
                        break;
                    }
                    top = oldest;
                    while (self.overtaken[top] as usize) < t {
                        top = self.overtaken[top] as usize;
                    }
                    extreme = self.extreme[top];
                    if oldest >= until {
                        *progress = Progress { bar: t, top, extreme, last };
                        return;
                    }
                    level = extreme - before;
                    if reach > level || level.is_nan() {
                        break;
                    }
                }
            }
            top = select_unpredictable(own >= extreme, t, top);
            extreme = max(extreme, own);
        }
        *progress = Progress { bar: end, top, extreme, last };
    }

    #[inline(always)]
    fn stand_on(
        &self,
        progress: &mut Progress,
        distance: &[f64],
        until: usize,
        out: &mut Vec<Run>,
    ) {
        let (first, end) = (progress.bar, progress.bar + distance.len());
        let closes = self.close[first - 1..].iter().zip(distance);
        for (t, (&reach, (&close, &before))) in
            (first..).zip(self.reach[first..end].iter().zip(closes))
        {
            let level = close - before;
            if reach <= level {
                let (moment, fill) = self.fill(t, level);
                progress.last = Run { end: t as u32, moment, fill };
                out.push(progress.last);
                if t >= until {
                    progress.bar = t + 1;
                    return;
                }
            }
        }
        progress.bar = end;
    }

    /// The touches of a level that stands `distance` from the last close, whenever it was placed.
    #[inline(always)]
    pub fn stand(&self, distance: &[f64], map: &mut Map) {
        let n = self.len();
        map.resize(n);
        let (mut moment, mut fill) = (opening_of(n as u32), 0.0);
        (map.moments[n], map.fills[n]) = (moment, fill);
        for t in (0..n).rev() {
            (map.moments[t], map.fills[t]) = (moment, fill);
            if t > 0 {
                let level = self.close[t - 1] - distance[t - 1];
                if self.reach[t] <= level {
                    (moment, fill) = self.fill(t, level);
                }
            }
        }
    }

    /// Tells `watch` all that the level of an order reaches, bar by bar: not the first touch since a
    /// start alone, but every one, since the first may be hidden from some. The level follows the
    /// extreme since the start or, if it does not, stands `distance` from the last close.
    ///
    /// Starts that share an extreme stand on a stack by the last of them, the highest extreme first;
    /// what a bar reaches are the levels of the oldest ones.
    #[inline(always)]
    pub(super) fn reach_all(
        &self,
        distance: &[f64],
        follows: bool,
        stack: &mut Vec<u32>,
        watch: &mut impl Watch,
    ) {
        stack.clear();
        self.reach_on(1..self.len(), distance, follows, stack, watch);
    }

    /// The same for some bars, with the distances from the one before the first of them on, and what
    /// the bars before have left on the stack.
    #[inline(always)]
    pub(super) fn reach_on(
        &self,
        bars: Range<usize>,
        distance: &[f64],
        follows: bool,
        stack: &mut Vec<u32>,
        watch: &mut impl Watch,
    ) {
        for (t, &before) in bars.zip(distance) {
            let own = self.extreme[t - 1];
            while stack.pop_if(|top| self.extreme[*top as usize] <= own).is_some() {}
            stack.push(t as u32 - 1);
            let Some(oldest) = watch.oldest(t) else { continue };
            if !follows {
                let level = self.close[t - 1] - before;
                if self.reach[t] <= level {
                    let (moment, fill) = self.fill(t, level);
                    watch.reached(t, oldest..t, moment, fill);
                }
                continue;
            }
            let mut from = oldest;
            let first = stack.partition_point(|&top| (top as usize) < oldest);
            for &top in &stack[first..] {
                let level = self.extreme[top as usize] - before;
                if self.reach[t] > level || level.is_nan() {
                    break;
                }
                let (moment, fill) = self.fill(t, level);
                watch.reached(t, from..top as usize + 1, moment, fill);
                from = top as usize + 1;
            }
        }
    }

    /// Moment and fill of a level that bar `t` reaches.
    #[inline(always)]
    fn fill(&self, t: usize, level: f64) -> (Moment, f64) {
        if self.open[t] <= level {
            (opening_of(t as u32), signed(self.way, self.open[t]))
        } else {
            (self.later[t], signed(self.way, level))
        }
    }
}

/// Who wants to know what a level reaches.
pub(super) trait Watch {
    /// The oldest start before bar `t` that may still matter in it.
    fn oldest(&self, t: usize) -> Option<usize>;
    /// Bar `t` reaches the level of these starts, from the oldest one on, all at one fill.
    fn reached(&mut self, t: usize, starts: Range<usize>, moment: Moment, fill: f64);
}

#[inline(always)]
fn signed(way: Way, x: f64) -> f64 {
    match way {
        Way::Down => x,
        Way::Up => -x,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::touches::{self, Touch};
    use proptest::prelude::*;

    /// Bars on a coarse grid of prices, so that touches hang on equality and extremes repeat.
    fn bars() -> impl Strategy<Value = Bars> {
        prop::collection::vec((20_u8..30, 0_u8..5, 0_u8..5, 0_u8..11), 2..60).prop_map(|rows| {
            let mut columns: [Vec<f64>; 4] = Default::default();
            for (low, up, down, close) in rows {
                let (low, high) = (f64::from(low), f64::from(low + up + down));
                let open = low + f64::from(down);
                let close = (low + f64::from(close)).min(high);
                for (column, x) in columns.iter_mut().zip([open, high, low, close]) {
                    column.push(x / 4.0);
                }
            }
            let [open, high, low, close] = columns;
            Bars::new(open, high, low, close).expect("valid bars")
        })
    }

    fn distances() -> impl Strategy<Value = Vec<f64>> {
        let distance = prop_oneof![
            8 => (0_u8..9).prop_map(|d| f64::from(d) / 4.0),
            1 => Just(f64::INFINITY),
            1 => Just(f64::NEG_INFINITY),
        ];
        prop::collection::vec(distance, 60)
    }

    /// The contract, bar by bar: the first touch after `s`.
    fn first(
        bars: &Bars,
        way: Way,
        distance: &[f64],
        s: usize,
        follows: bool,
    ) -> Option<(usize, Touch)> {
        let (mut high, mut low) = (bars.high()[s], bars.low()[s]);
        for t in s + 1..bars.len() {
            let (open, d, close) = (bars.open()[t], distance[t - 1], bars.close()[t - 1]);
            let touch = match way {
                Way::Down => {
                    touches::down(if follows { high } else { close } - d, open, bars.low()[t])
                }
                Way::Up => touches::up(if follows { low } else { close } + d, open, bars.high()[t]),
            };
            if let Some(touch) = touch {
                return Some((t, touch));
            }
            (high, low) = (high.max(bars.high()[t]), low.min(bars.low()[t]));
        }
        None
    }

    proptest! {
        #[test]
        fn maps_name_the_first_touch(bars in bars(), distance in distances(), follows: bool) {
            for way in [Way::Down, Way::Up] {
                let view = View::new(&bars, 0..bars.len(), way);
                // Whatever a map held before does not show.
                let mut map = Map { moments: vec![7; 9], fills: vec![7.0; 99] };
                if follows { view.follow(&distance, &mut map) } else { view.stand(&distance, &mut map) }
                prop_assert_eq!(bar(map.moments[bars.len()]) as usize, bars.len());
                for s in 0..bars.len() {
                    let found = bar(map.moments[s]) as usize;
                    match first(&bars, way, &distance, s, follows) {
                        Some((t, touch)) => {
                            prop_assert_eq!(found, t);
                            prop_assert_eq!(map.fills[s], touch.fill);
                            prop_assert_eq!(map.moments[s] == opening_of(t as u32), touch.at_open);
                        }
                        None => prop_assert_eq!(found, bars.len()),
                    }
                }
            }
        }

        /// However a map is cut, by starts and by distances, its runs are those of the whole map.
        #[test]
        fn maps_can_be_followed_bit_by_bit(
            bars in bars(),
            distance in distances(),
            follows: bool,
            starts in 1_usize..9,
            step in 1_usize..9,
        ) {
            for way in [Way::Down, Way::Up] {
                let n = bars.len();
                let (view, mut map) = (View::new(&bars, 0..n, way), Map::default());
                if follows { view.follow(&distance, &mut map) } else { view.stand(&distance, &mut map) }
                let mut progress = view.begin();
                for first in (0..n).step_by(starts) {
                    let until = n.min(first + starts);
                    let mut runs = vec![progress.last];
                    while (progress.last.end as usize) < until {
                        let from = progress.bar;
                        let to = n.min(from + step);
                        view.go_on(&mut progress, &distance[from - 1..to - 1], follows, until, &mut runs);
                    }
                    for s in first..until {
                        let at = runs.partition_point(|run| run.end as usize <= s);
                        prop_assert_eq!(runs[at].moment, map.moments[s], "{}", s);
                        prop_assert_eq!(runs[at].fill.to_bits(), map.fills[s].to_bits());
                    }
                    prop_assert!(runs[..runs.len() - 1].iter().all(|run| run.end as usize <= until));
                }
            }
        }

        #[test]
        fn moments_order_touches_as_the_contract_does(
            bars in bars(),
            one in distances(),
            two in distances(),
            ways in prop::sample::select(vec![
                (Way::Down, Way::Up), (Way::Up, Way::Down), (Way::Down, Way::Down), (Way::Up, Way::Up),
            ]),
            follows: (bool, bool),
        ) {
            let build = |way, distance: &[f64], follows| {
                let (view, mut map) = (View::new(&bars, 0..bars.len(), way), Map::default());
                if follows { view.follow(distance, &mut map) } else { view.stand(distance, &mut map) }
                map
            };
            let maps = (build(ways.0, &one, follows.0), build(ways.1, &two, follows.1));
            let way = (ways.0 == ways.1).then_some(ways.0);
            for s in 0..bars.len() {
                let touches = (
                    first(&bars, ways.0, &one, s, follows.0),
                    first(&bars, ways.1, &two, s, follows.1),
                );
                let wanted = match touches {
                    (Some((t, a)), Some((u, b))) if t == u => {
                        touches::reversed(a, b, bars.open()[t], bars.high()[t], bars.low()[t])
                    }
                    (Some((t, _)), Some((u, _))) => u < t,
                    (None, Some(_)) => true,
                    (_, None) => continue,
                };
                let found = maps.1.touches().before(maps.0.touches(), s, way);
                prop_assert_eq!(found, wanted, "since {}", s);
            }
        }
    }
}
