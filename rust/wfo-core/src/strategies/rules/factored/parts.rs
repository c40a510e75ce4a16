//! Parts of a program: what is computed once for every distinct value of the parameters that it
//! follows from, and orders made of them.

use super::conditions::{Comparisons, Conditions};
use super::orders::{Distance, Finder, Market, Order};
use super::touch_set::TouchSet;
use super::trail::Trail;
use crate::error::Result;
use crate::execution::touches::Way;
use crate::grid::Grid;
use crate::strategies::rules::elementwise::holds;
use crate::strategies::rules::node::Kind;
use crate::strategies::rules::program::{Entry, EntryKind, Exit, ExitKind, Program, SameBar};

/// What a part has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum What {
    /// Where a condition holds.
    Condition(usize),
    /// Where a level is touched: that of a column, or so far from the close.
    Level { node: usize, way: Way, from_close: bool },
    /// Touches of a level behind the extreme, where a condition holds.
    Trail { distance: usize, when: Option<usize>, way: Way },
    /// A distance from the fill.
    Distance(usize),
    /// A number.
    Number(usize),
}

/// A part of a program.
#[derive(Debug)]
pub(super) struct Part {
    pub what: What,
    /// The axes that it follows from, and what a step on each adds to its key.
    strides: Vec<(usize, usize)>,
    /// Number of keys.
    pub keys: usize,
}

/// What a part is at one key.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Bits(Vec<u64>),
    Level(TouchSet),
    Trail(Trail),
    Column(Vec<f64>),
    Number(f64),
}

impl Part {
    fn new(what: What, program: &Program, grid: &Grid) -> Self {
        let nodes = match what {
            What::Condition(node) | What::Distance(node) | What::Number(node) => [Some(node), None],
            What::Level { node, .. } => [Some(node), None],
            What::Trail { distance, when, .. } => [Some(distance), when],
        };
        let parameters = nodes.into_iter().flatten().flat_map(|node| program.depends(node));
        let mut axes: Vec<usize> =
            parameters.filter_map(|&parameter| grid.axis_of(parameter)).collect();
        axes.sort_unstable();
        axes.dedup();
        let mut keys = 1_usize;
        let stride = |axis: usize| {
            let stride = keys;
            keys = keys.saturating_mul(grid.axes()[axis].len());
            (axis, stride)
        };
        let strides = axes.into_iter().map(stride).collect();
        Self { what, strides, keys }
    }

    /// Its key at a position on every axis.
    #[inline(always)]
    pub fn key(&self, digits: &[usize]) -> usize {
        self.strides.iter().fold(0, |key, &(axis, stride)| key + digits[axis] * stride)
    }

    /// The axes that it follows from.
    pub fn axes(&self) -> impl Iterator<Item = usize> {
        self.strides.iter().map(|&(axis, _)| axis)
    }

    /// Memory of one key, in bytes, where levels are touched in a quarter of the bars.
    pub fn bytes(&self, bars: usize, same_bar: SameBar) -> usize {
        match self.what {
            What::Condition(_) => bars / 8,
            What::Level { .. } => bars / 8 + bars / 16 + 2 * bars,
            What::Trail { .. } if same_bar == SameBar::Next => 12 * bars,
            What::Trail { .. } => 20 * bars,
            What::Distance(_) => 8 * bars,
            What::Number(_) => 8,
        }
    }

    /// How far behind the extreme a trail stays, as of each bar; NaN where it does not work in the next.
    ///
    /// # Errors
    /// An error of a function of the user's.
    pub fn trail_distance(&self, conditions: &Conditions<'_>) -> Result<Vec<f64>> {
        let What::Trail { distance, when, .. } = self.what else { return Ok(Vec::new()) };
        let mut values = conditions.column(distance)?;
        if let Some(when) = when {
            let when = conditions.column(when)?;
            for (value, when) in values.iter_mut().zip(when) {
                if !holds(when) {
                    *value = f64::NAN;
                }
            }
        }
        // [R14]
        for value in &mut values {
            if !value.is_finite() {
                *value = f64::NAN;
            }
        }
        Ok(values)
    }

    /// Computes it of the numbers of a parameter set.
    ///
    /// # Errors
    /// An error of a function of the user's.
    pub fn compute(
        &self,
        conditions: &Conditions<'_>,
        market: &Market<'_>,
        shared: &mut Comparisons,
        out: &mut Value,
    ) -> Result<()> {
        let Conditions { program, numbers, .. } = *conditions;
        let column = |node: usize| conditions.column(node);
        match self.what {
            What::Number(node) => *out = Value::Number(numbers[node]),
            What::Distance(node) if program.kinds[node] == Kind::Number => {
                *out = Value::Number(numbers[node]);
            }
            What::Distance(node) => *out = Value::Column(column(node)?),
            What::Condition(node) => {
                let mut bits = match std::mem::replace(out, Value::Number(0.0)) {
                    Value::Bits(bits) => bits,
                    _ => Vec::new(),
                };
                conditions.before(node, shared, &mut bits)?;
                *out = Value::Bits(bits);
            }
            What::Level { node, way, from_close } => {
                let values = column(node)?;
                let mut touches = match std::mem::replace(out, Value::Number(0.0)) {
                    Value::Level(touches) => touches,
                    _ => TouchSet::default(),
                };
                let close = market.bars.close();
                // [T1]
                match (from_close, way) {
                    (false, _) => touches.set(market.bars, way, |t| values[t - 1]),
                    // [R5]
                    (true, Way::Up) => {
                        touches.set(market.bars, way, |t| close[t - 1] + values[t - 1]);
                    }
                    (true, Way::Down) => {
                        touches.set(market.bars, way, |t| close[t - 1] - values[t - 1]);
                    }
                }
                *out = Value::Level(touches);
            }
            What::Trail { way, .. } => {
                let values = self.trail_distance(conditions)?;
                let mut trail = match std::mem::replace(out, Value::Number(0.0)) {
                    Value::Trail(trail) => trail,
                    _ => Trail::default(),
                };
                trail.distance = values;
                trail.fill(market.signed(way));
                if program.same_bar == SameBar::Next {
                    // No exit asks for it in the bar of the entry [B4].
                    trail.distance = Vec::new();
                }
                *out = Value::Trail(trail);
            }
        }
        Ok(())
    }
}

/// An order by its parts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found {
    Open(Option<usize>),
    Level(usize, Option<usize>),
    Trail(usize),
    After(usize),
    Fixed(usize, bool),
}

/// An order of the program.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlannedOrder {
    pub found: Found,
    pub way: Way,
    protects: bool,
}

/// Orders of a side.
#[derive(Debug)]
pub(super) struct PlannedSide {
    pub entries: Vec<PlannedOrder>,
    /// In the order in which what is equal goes [B2].
    pub exits: Vec<PlannedOrder>,
    /// The part of the number that lets entries reverse.
    pub reverses: Option<usize>,
}

/// Parts of a program, and orders made of them.
#[derive(Debug)]
pub(super) struct Parts {
    pub parts: Vec<Part>,
    pub long: PlannedSide,
    pub short: PlannedSide,
    /// The part of the number that lets both of two entries fill.
    pub both: Option<usize>,
}

/// Parts as they are found.
struct Finding<'a> {
    program: &'a Program,
    grid: &'a Grid,
    parts: Vec<Part>,
}

impl Finding<'_> {
    fn part(&mut self, what: What) -> usize {
        let known = self.parts.iter().position(|part| part.what == what);
        known.unwrap_or_else(|| {
            self.parts.push(Part::new(what, self.program, self.grid));
            self.parts.len() - 1
        })
    }

    fn condition(&mut self, when: Option<usize>) -> Option<usize> {
        when.map(|node| self.part(What::Condition(node)))
    }

    /// An order at a level of its own.
    fn level(&mut self, node: usize, when: Option<usize>, way: Way, from_close: bool) -> Found {
        let level = self.part(What::Level { node, way, from_close });
        Found::Level(level, self.condition(when))
    }

    fn entry(&mut self, entry: &Entry, is_long: bool) -> PlannedOrder {
        // What is bought above the price and sold below it, and the other way.
        let (along, against) = if is_long { (Way::Up, Way::Down) } else { (Way::Down, Way::Up) };
        let node = entry.value.unwrap_or(0);
        let (found, way) = match entry.kind {
            // [R1]
            EntryKind::AtOpen => (Found::Open(self.condition(entry.when)), along),
            // [R2]
            EntryKind::Stop => (self.level(node, entry.when, along, false), along),
            // [R3]
            EntryKind::Limit => (self.level(node, entry.when, against, false), against),
            // [R5]
            EntryKind::Breakout => (self.level(node, entry.when, along, true), along),
            // [R4]
            EntryKind::Pullback => {
                let what = What::Trail { distance: node, when: entry.when, way: against };
                (Found::Trail(self.part(what)), against)
            }
        };
        PlannedOrder { found, way, protects: false }
    }

    fn exit(&mut self, exit: &Exit, is_long: bool) -> PlannedOrder {
        let (profit, loss) = if is_long { (Way::Up, Way::Down) } else { (Way::Down, Way::Up) };
        let node = exit.value.unwrap_or(0);
        let (found, way) = match exit.kind {
            // [R6]
            ExitKind::AtOpen => (Found::Open(self.condition(exit.when)), profit),
            // [R12]
            ExitKind::After => (Found::After(self.part(What::Number(node))), profit),
            // [R7]
            ExitKind::Stop => (self.level(node, exit.when, loss, false), loss),
            // [R8]
            ExitKind::Limit => (self.level(node, exit.when, profit, false), profit),
            // [R9]
            ExitKind::Trail => {
                let what = What::Trail { distance: node, when: exit.when, way: loss };
                (Found::Trail(self.part(what)), loss)
            }
            // [R10]
            ExitKind::Loss => (Found::Fixed(self.part(What::Distance(node)), exit.percent), loss),
            // [R11]
            ExitKind::Target => {
                (Found::Fixed(self.part(What::Distance(node)), exit.percent), profit)
            }
        };
        let protects = matches!(exit.kind, ExitKind::Stop | ExitKind::Trail | ExitKind::Loss);
        PlannedOrder { found, way, protects }
    }

    fn side(&mut self, is_long: bool) -> PlannedSide {
        let program = self.program;
        let (entries, exits, reverses) = if is_long {
            (&program.long, &program.exit_long, program.reverse_to_long)
        } else {
            (&program.short, &program.exit_short, program.reverse_to_short)
        };
        let entries = entries.iter().map(|entry| self.entry(entry, is_long)).collect();
        let mut exits: Vec<&Exit> = exits.iter().collect();
        // [B2] Stable: of one kind by the list.
        exits.sort_by_key(|exit| match exit.kind {
            ExitKind::AtOpen | ExitKind::After => 0,
            ExitKind::Stop | ExitKind::Trail | ExitKind::Loss => 1,
            ExitKind::Limit | ExitKind::Target => 2,
        });
        let exits = exits.into_iter().map(|exit| self.exit(exit, is_long)).collect();
        let reverses = reverses.map(|node| self.part(What::Number(node)));
        PlannedSide { entries, exits, reverses }
    }
}

impl Parts {
    /// The parts of a program on a grid.
    pub fn new(program: &Program, grid: &Grid) -> Self {
        let mut finding = Finding { program, grid, parts: Vec::new() };
        let (long, short) = (finding.side(true), finding.side(false));
        let both = program.both.map(|node| finding.part(What::Number(node)));
        Self { parts: finding.parts, long, short, both }
    }
}

impl PlannedOrder {
    /// The order, of what its parts are.
    #[inline(always)]
    pub fn resolved<'a>(&self, value: impl Fn(usize) -> &'a Value) -> Order<'a> {
        let bits = |part: usize| match value(part) {
            Value::Bits(bits) => bits.as_slice(),
            _ => &[],
        };
        let finder = match self.found {
            Found::Open(when) => Finder::Open(when.map(bits)),
            Found::Level(part, when) => match value(part) {
                Value::Level(touches) => Finder::Level(touches, when.map(bits)),
                _ => Finder::Open(Some(&[])),
            },
            Found::Trail(part) => match value(part) {
                Value::Trail(trail) => Finder::Trail(trail),
                _ => Finder::Open(Some(&[])),
            },
            Found::After(part) => Finder::After(number(value(part)) as usize),
            Found::Fixed(part, percent) => match value(part) {
                Value::Column(values) => Finder::Fixed(Distance::Column(values), percent),
                other => Finder::Fixed(Distance::Number(number(other)), percent),
            },
        };
        Order { finder, way: self.way, protects: self.protects }
    }
}

/// The number that a part is.
pub(super) fn number(value: &Value) -> f64 {
    if let Value::Number(number) = value { *number } else { f64::NAN }
}
