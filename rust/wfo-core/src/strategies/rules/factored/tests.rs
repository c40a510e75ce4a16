//! Both engines on programs, bars and settings that are drawn at random.

use std::ops::Range;
use std::sync::Arc;

use proptest::prelude::*;
use rayon::ThreadPoolBuilder;

use super::simulate::simulate;
use super::sweep::Sweep;
use crate::engine::tiers::Tier;
use crate::engine::{PreparedSweep, direct};
use crate::execution::settings::{AccountSettings, Sizing};
use crate::figures::{Columns, Figures};
use crate::grid::{Axis, Grid};
use crate::market::bars::Bars;
use crate::market::feeds::Feeds;
use crate::market::slice::Slice;
use crate::strategies::rules::Rules;
use crate::strategies::rules::program::Program;
use crate::strategies::rules::raw::{Raw, RawNode, RawOrder};
use crate::task::Task;

/// Numbers that follow from a seed.
struct Draws(u64);

impl Draws {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<T: Copy>(&mut self, some: &[T]) -> T {
        some[self.below(some.len())]
    }
}

/// Nodes of a program, and the places of what orders are made of.
struct Drawn {
    nodes: Vec<RawNode>,
    levels: Vec<usize>,
    distances: Vec<usize>,
    conditions: Vec<usize>,
    numbers: [usize; 3],
    flags: Vec<usize>,
}

/// Three parameters: a length, a factor and a number of bars.
fn drawn(draws: &mut Draws) -> Drawn {
    let mut nodes: Vec<RawNode> = Vec::new();
    let mut add = |op: &str, args: &[usize], value: f64, text: &str| {
        nodes.push(RawNode { op: op.into(), args: args.to_vec(), value, text: text.into() });
        nodes.len() - 1
    };
    let numbers = [0.0, 1.0, 2.0].map(|place| add("parameter", &[], place, ""));
    let [length, factor, _] = numbers;
    let [open, high, low, close] =
        ["open", "high", "low", "close"].map(|name| add("feed", &[], 0.0, &format!("bars.{name}")));
    let [one, half, nothing, two] =
        [1.0, 0.5, 0.0, 2.0].map(|value| add("constant", &[], value, ""));
    let nan = add("div", &[nothing, nothing], 0.0, "");
    let average = add("sma", &[close, length], 0.0, "");
    let top = add("highest", &[high, length], 0.0, "");
    let bottom = add("lowest", &[low, length], 0.0, "");
    let true_range = add("true_range", &[high, low, close], 0.0, "");
    let range = add("sma", &[true_range, length], 0.0, "");
    let wide = add("mul", &[range, factor], 0.0, "");
    let mean = add("ema", &[close, two], 0.0, "");
    let above = add("add", &[average, wide], 0.0, "");
    let below = add("sub", &[average, wide], 0.0, "");
    let [before, average_before] =
        [close, average].map(|column| add("shift", &[column, one], 0.0, ""));
    let up = add("gt", &[close, average], 0.0, "");
    let was_down = add("le", &[before, average_before], 0.0, "");
    let crosses = add("and", &[up, was_down], 0.0, "");
    let down = add("not", &[up], 0.0, "");
    let rises = add("lt", &[open, close], 0.0, "");
    let even = add("eq", &[open, close], 0.0, "");
    let either = add("or", &[rises, down], 0.0, "");
    let later = add("shift", &[either, two], 0.0, "");
    let still = add("ne", &[high, before], 0.0, "");
    let near = add("ge", &[mean, half], 0.0, "");
    let both = add("and", &[near, still], 0.0, "");
    let sometimes = add("where", &[later, wide, nan], 0.0, "");
    let negative = add("neg", &[wide], 0.0, "");
    let endless = add("div", &[wide, nothing], 0.0, "");
    let is_long = add("gt", &[factor, one], 0.0, "");
    let chosen = add("where", &[rises, above, close], 0.0, "");
    let levels = vec![top, bottom, above, below, close, average, chosen, mean];
    let mut distances = vec![wide, wide, range, half, one, factor, sometimes, true_range];
    if draws.one_in(4) {
        distances.extend([negative, endless, nothing]);
    }
    let conditions = vec![up, crosses, down, rises, even, either, later, both, is_long, close];
    let flags = vec![one, nothing, is_long, nan];
    Drawn { nodes, levels, distances, conditions, numbers, flags }
}

fn orders(draws: &mut Draws, of: &Drawn, is_entry: bool, at_least: usize) -> Vec<RawOrder> {
    let count = at_least + draws.of(&[0, 0, 1, 1, 2]);
    let kinds: &[&str] = if is_entry {
        &["at_open", "stop", "limit", "pullback", "breakout"]
    } else {
        &["at_open", "stop", "limit", "trail", "trail", "loss", "target", "after"]
    };
    let order = |draws: &mut Draws| {
        let kind = draws.of(kinds);
        let value = match kind {
            "at_open" => None,
            "stop" | "limit" => Some(draws.of(&of.levels)),
            "after" => Some(of.numbers[2]),
            _ => Some(draws.of(&of.distances)),
        };
        let is_conditional = is_entry || ["at_open", "stop", "limit"].contains(&kind);
        // Without a condition it would work in every bar.
        let conditional = is_conditional && (kind == "at_open" || draws.one_in(2));
        let when = conditional.then(|| draws.of(&of.conditions));
        let percent = ["loss", "target"].contains(&kind) && draws.one_in(2);
        RawOrder { kind: kind.into(), value, when, percent }
    };
    (0..count).map(|_| order(draws)).collect()
}

/// A program; a `simple` one may be led by tables.
fn program(draws: &mut Draws, simple: bool) -> Raw {
    let of = drawn(draws);
    let sides = draws.below(if simple { 2 } else { 3 });
    let side = |draws: &mut Draws, has: bool| {
        if !has {
            return (Vec::new(), Vec::new());
        }
        let exits = usize::from(!draws.one_in(5));
        let mut entries = orders(draws, &of, true, 1);
        entries.truncate(if simple { 1 } else { entries.len() });
        (entries, orders(draws, &of, false, exits))
    };
    let (long, exit_long) = side(draws, sides != 1);
    let (short, exit_short) = side(draws, sides != 0);
    let flag = |draws: &mut Draws| draws.one_in(2).then(|| draws.of(&of.flags));
    let same_bar = if simple { "next" } else { draws.of(&["next", "open", "worst"]) };
    Raw {
        parameters: ["length", "factor", "bars"].map(String::from).to_vec(),
        long,
        short,
        exit_long,
        exit_short,
        reverse_to_long: flag(draws),
        reverse_to_short: flag(draws),
        both: if same_bar == "next" { flag(draws) } else { None },
        same_bar: same_bar.into(),
        nodes: of.nodes,
        ..Raw::default()
    }
}

/// Bars of few prices, so that touches hang on equality, or of many.
fn bars(draws: &mut Draws, count: usize) -> Bars {
    let (tick, moves) = draws.of(&[(1.0, 3), (0.25, 8), (0.01, 300), (1.0, 12)]);
    let mut columns: [Vec<f64>; 4] = Default::default();
    let mut price = 40.0_f64;
    for _ in 0..count {
        let step = |draws: &mut Draws| (draws.below(moves) as f64) * tick;
        let gap = if draws.one_in(4) { step(draws) - step(draws) } else { 0.0 };
        let open = (price + gap).max(2.0);
        let (high, low) = (open + step(draws), (open - step(draws)).max(1.0));
        let close = draws.of(&[open, high, low, (high + low) * 0.5]);
        price = close;
        for (column, price) in columns.iter_mut().zip([open, high, low, close]) {
            column.push(price);
        }
    }
    let [open, high, low, close] = columns;
    Bars::new(open, high, low, close).expect("bars")
}

fn account(draws: &mut Draws) -> AccountSettings {
    AccountSettings {
        capital: draws.of(&[100_000.0, 1_000.0, 90.0]),
        slip: draws.of(&[0.0, 0.0, 0.001, 0.1]),
        fee: draws.of(&[0.0, 0.0, 0.002, 0.3]),
        sizing: draws.of(&[Sizing::Compound, Sizing::Fixed]),
        lot_size: draws.of(&[0.0, 0.0, 1.0, 0.01]),
    }
}

/// What is drawn for a seed.
struct Case {
    program: Arc<Program>,
    feeds: Feeds,
    account: AccountSettings,
    grid: Grid,
    slices: Vec<Slice>,
}

fn case(seed: u64) -> Case {
    let mut draws = Draws(seed);
    for _ in 0..8 {
        draws.below(2);
    }
    let simple = seed % 2 == 1;
    let program = Arc::new(Program::new(program(&mut draws, simple)).expect("a program"));
    let n = draws.of(&[60, 150, 400]);
    let feeds = Feeds::of(bars(&mut draws, n), None).expect("feeds");
    let mut account = account(&mut draws);
    if simple {
        (account.sizing, account.lot_size) = (Sizing::Compound, 0.0);
    }
    let values = [vec![1.0, 2.0, 5.0], vec![0.5, 1.0, 2.5], vec![1.0, 4.0]];
    let grid = if draws.one_in(2) {
        Grid::of(values.to_vec()).expect("a grid")
    } else {
        let pairs = vec![vec![1.0, 1.0], vec![2.0, 4.0], vec![5.0, 1.0]];
        let axes = vec![Axis::new(vec![0, 2], pairs), Axis::of(1, values[1].clone())];
        Grid::new(axes).expect("a grid")
    };
    let slices = vec![
        Slice { warmup: 8, split: n / 2, end: n },
        Slice { warmup: 20, split: n / 3 + 5, end: n - 7 },
        Slice { warmup: n / 2, split: n / 2 + 1, end: n / 2 + 9 },
    ];
    Case { program, feeds, account, grid, slices }
}

impl Case {
    fn task(&self) -> Task<Rules> {
        let Self { program, feeds, account, grid, slices } = self;
        let rules = Rules::new(program.clone());
        Task::new(rules, feeds, grid.clone(), *account, &(), slices.clone()).expect("a task")
    }

    fn sweep(&self) -> Sweep {
        Sweep::new(self.task(), Tier::best()).expect("a sweep")
    }

    /// The same with tables wherever they can lead, even if they do not pay.
    fn led(&self) -> Option<Sweep> {
        let mut sweep = self.sweep();
        sweep.tabled.as_mut()?.lead_always();
        Some(sweep)
    }
}

fn is_near(wanted: &Figures, found: &Figures, capital: f64) -> bool {
    let money = |f: &Figures| [f.is_pnl, f.oos_pnl, f.is_dd, f.oos_dd];
    let near = |(a, b): (f64, f64)| (a - b).abs() <= 1e-9 * capital.max(a.abs());
    (wanted.is_trades, wanted.oos_trades) == (found.is_trades, found.oos_trades)
        && money(wanted).into_iter().zip(money(found)).all(near)
}

/// Compares both engines in all combinations and phases of a case; the trades that they have.
fn compare(seed: u64) -> u64 {
    let case = case(seed);
    let len = case.grid.len();
    let wanted = direct::Sweep::new(case.task()).run(0..len).expect("figures");
    let found = case.sweep().run(0..len).expect("figures");
    if let Some(led) = case.led() {
        // No bit says which way a figure came.
        assert_eq!(led.run(0..len).expect("figures"), found, "program {seed}");
    }
    let mut trades = 0;
    for (phase, (wanted, found)) in wanted.iter().zip(&found).enumerate() {
        for i in 0..wanted.len() {
            let (wanted, found) = (wanted.at(i), found.at(i));
            let is_same = is_near(&wanted, &found, case.account.capital);
            assert!(is_same, "program {seed}, phase {phase}, {i}: {wanted:?}, {found:?}");
            trades += u64::from(wanted.is_trades + wanted.oos_trades);
        }
    }
    trades
}

#[test]
fn both_engines_have_the_same_figures() {
    let count = std::env::var("WFO_RULES_PROGRAMS").ok().and_then(|count| count.parse().ok());
    let trades: Vec<u64> = (0..count.unwrap_or(300)).map(compare).collect();
    // Rules that hardly trade are few.
    let many = trades.iter().filter(|&&count| count > 50).count();
    assert!(2 * many > trades.len(), "{many} of {} trade", trades.len());
}

#[test]
fn a_short_that_ends_below_nothing_hangs_on_no_path_beside_it() {
    // Its last mark is below 0 while other paths of its batch go on.
    compare(1_020);
}

#[test]
fn tables_can_lead_many_of_these_programs_and_pay_in_some_grids() {
    let pays = |case: &Case| {
        let sweep = case.sweep();
        sweep.units(&(0..sweep.len()), 1).iter().any(|unit| unit.is_tabled)
    };
    let cases: Vec<Case> = (0..300).map(case).collect();
    let led = cases.iter().filter(|case| case.led().is_some()).count();
    let paid = cases.iter().filter(|case| pays(case)).count();
    assert!(led >= 90 && paid >= 20 && paid < led, "{led} and {paid} of 300");
}

#[test]
fn both_engines_have_the_same_trades() {
    for seed in 0..150 {
        let case = case(seed);
        let values = case.grid.values_at(|axis| axis % 2);
        let rules = Rules::new(case.program.clone());
        let slice = case.slices[seed as usize % 2];
        let (feeds, account) = (&case.feeds, &case.account);
        let labels: Vec<i64> = (0..feeds.len() as i64).map(|bar| bar % 3).collect();
        let labels = Some((labels.as_slice(), 3));
        let sets = [(0, values.clone())];
        let wanted = direct::simulate(&rules, feeds, &sets, account, &(), slice, labels);
        let found = simulate(&rules, feeds, &values, account, slice, labels);
        // Both go by the same account, bar by bar.
        assert_eq!(format!("{found:?}"), format!("{wanted:?}"), "program {seed}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn pieces_lists_blocks_and_threads_change_nothing(
        seed in 1_000_u64..1_000_000,
        cut in 0_usize..18,
        threads in 1_usize..4,
    ) {
        let sweep = case(seed).sweep();
        let whole = sweep.run(0..sweep.len()).expect("figures");
        let len = whole[0].len();
        let cut = cut.min(len);
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let part = |range: Range<usize>| {
            pool.install(|| sweep.run(range.start as u64..range.end as u64)).expect("figures")
        };
        if let Some(led) = case(seed).led() {
            let found = pool.install(|| led.run(0..sweep.len())).expect("figures");
            prop_assert_eq!(&found, &whole);
        }
        let (before, behind) = (part(0..cut), part(cut..len));
        let indices: Vec<u64> = (0..len as u64).rev().chain([cut.min(len - 1) as u64]).collect();
        let mut listed: Vec<_> = whole.iter().map(|_| Columns::unwritten(len + 1)).collect();
        let cells = listed.iter_mut().map(|columns| columns.cells().into()).collect();
        pool.install(|| sweep.run_list_into(&indices, cells)).expect("figures");
        let mut blocks: Vec<_> = whole.iter().map(|_| Columns::unwritten(6)).collect();
        let cells = blocks.iter_mut().map(|columns| columns.cells().into()).collect();
        pool.install(|| sweep.run_blocks_into(&[3, 0], 3, cells)).expect("figures");
        for (phase, whole) in whole.iter().enumerate() {
            for i in 0..len {
                let piece = if i < cut { before[phase].at(i) } else { behind[phase].at(i - cut) };
                prop_assert_eq!(piece, whole.at(i));
                prop_assert_eq!(listed[phase].at(len - 1 - i), whole.at(i));
            }
            for i in 0..6 {
                prop_assert_eq!(blocks[phase].at(i), whole.at((i + 3) % 6));
            }
        }
    }
}
