//! Programs, their columns and the paths that they lead to, by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::columns::Columns;
use super::evaluator::Evaluator;
use super::kernel::Rules;
use super::plan::Plan;
use super::program::{Argument, Function, Program};
use super::raw::{Raw, RawNode, RawOrder};
use crate::engine::direct::{Sweep, simulate};
use crate::error::{Error, Result};
use crate::execution::account::Side;
use crate::execution::settings::AccountSettings;
use crate::figures::Simulation;
use crate::grid::{Axis, Grid};
use crate::kernel::Kernel;
use crate::market::bars::Bars;
use crate::market::feeds::Feeds;
use crate::market::slice::Slice;
use crate::task::Task;

/// Nodes as a test writes them: an operation, its parts, a value and a text.
struct Nodes(Vec<RawNode>);

impl Nodes {
    fn add(&mut self, op: &str, args: &[usize], value: f64, text: &str) -> usize {
        let (op, args, text) = (op.to_owned(), args.to_vec(), text.to_owned());
        self.0.push(RawNode { op, args, value, text });
        self.0.len() - 1
    }

    fn of(&mut self, op: &str, args: &[usize]) -> usize {
        self.add(op, args, 0.0, "")
    }

    fn constant(&mut self, value: f64) -> usize {
        self.add("constant", &[], value, "")
    }

    fn parameter(&mut self, place: usize) -> usize {
        self.add("parameter", &[], place as f64, "")
    }

    fn feed(&mut self, column: &str) -> usize {
        self.add("feed", &[], 0.0, &format!("bars.{column}"))
    }
}

fn order(kind: &str, value: Option<usize>, when: Option<usize>) -> RawOrder {
    RawOrder { kind: kind.to_owned(), value, when, percent: false }
}

fn raw(parameters: &[&str], nodes: Nodes) -> Raw {
    Raw {
        parameters: parameters.iter().map(|&name| name.to_owned()).collect(),
        nodes: nodes.0,
        same_bar: "next".to_owned(),
        ..Raw::default()
    }
}

fn feeds(bars: &[[f64; 4]]) -> Feeds {
    let column = |i: usize| bars.iter().map(|bar| bar[i]).collect::<Vec<_>>();
    let bars = Bars::new(column(0), column(1), column(2), column(3)).expect("bars");
    Feeds::of(bars, None).expect("feeds")
}

fn run(program: Raw, bars: &[[f64; 4]], values: &[f64], warmup: usize) -> Result<Simulation> {
    let rules = Rules::new(Arc::new(Program::new(program)?));
    let slice = Slice { warmup, split: warmup + 1, end: bars.len() };
    let settings = AccountSettings::default();
    simulate(&rules, &feeds(bars), &[(0, values.to_vec())], &settings, &(), slice, None)
}

/// Of each trade its side, and bar and price of entry and exit.
fn trades(program: Raw, bars: &[[f64; 4]], values: &[f64]) -> Vec<(Side, usize, f64, usize, f64)> {
    let found = run(program, bars, values, 1).expect("a simulation").trades;
    let trade = |t: &crate::execution::account::Trade| {
        (t.side, t.entry_bar, t.entry_price, t.exit_bar, t.exit_price)
    };
    found.iter().map(trade).collect()
}

#[test]
fn a_program_that_is_none_says_where() {
    let said = |change: &dyn Fn(&mut Raw)| {
        let mut nodes = Nodes(Vec::new());
        let (p, close) = (nodes.parameter(0), nodes.feed("close"));
        nodes.of("sma", &[close, p]);
        let mut program = raw(&["p"], nodes);
        program.long = vec![order("stop", Some(2), None)];
        change(&mut program);
        match Program::new(program) {
            Err(Error::Strategy(said)) => said,
            other => format!("{other:?}"),
        }
    };
    assert!(said(&|_| {}).starts_with("Ok("));
    assert!(said(&|p| p.nodes[2].args = vec![2, 0]).contains("expression 2 (sma)"));
    assert!(said(&|p| p.nodes[2].args = vec![1, 1]).contains("its length must be a number"));
    assert!(said(&|p| p.nodes[2].op = "median".into()).contains("no operation 'median'"));
    assert!(said(&|p| p.nodes[0].value = 1.0).contains("there is no 1 of 1"));
    assert!(said(&|p| p.nodes[0].value = f64::NAN).contains("there is no NaN of 1"));
    assert!(said(&|p| p.nodes[1].text = "close".into()).contains("FEED.COLUMN"));
    assert!(said(&|p| p.nodes[2].args.push(0)).contains("it has 3 parts; 2 are needed"));
    assert!(said(&|p| p.long[0].value = Some(3)).contains("long, order 1"));
    assert!(said(&|p| p.long[0].kind = "trail".into()).contains("no kind of order"));
    assert!(said(&|p| p.long.clear()).contains("no entry"));
    assert!(said(&|p| p.exit_long = vec![order("trail", Some(2), Some(1))]).contains("condition"));
    assert!(said(&|p| p.exit_long = vec![order("after", Some(2), None)]).contains("a column"));
    assert!(said(&|p| p.risk = Some(2)).contains("risk must be a number"));
    assert!(said(&|p| p.size = Some(9)).contains("size"));
    assert!(said(&|p| (p.both, p.same_bar) = (Some(0), "open".into())).contains("both goes"));
    assert!(said(&|p| (p.risk, p.size) = (Some(0), Some(0))).contains("exclude"));
    assert!(said(&|p| p.same_bar = "any".into()).contains("same_bar = 'any'"));
    assert!(said(&|p| p.long = vec![p.long[0].clone(); 9]).contains("at most 8"));
}

#[test]
fn lengths_are_whole_and_numbers_follow_from_parameters() {
    let mut nodes = Nodes(Vec::new());
    let (p, close) = (nodes.parameter(0), nodes.feed("close"));
    let two = nodes.constant(2.0);
    let half = nodes.of("div", &[p, two]);
    let mean = nodes.of("sma", &[close, half]);
    // What nothing is made of is not looked at.
    nodes.of("sma", &[close, p]);
    let shifted = nodes.of("shift", &[mean, two]);
    let mut program = raw(&["p"], nodes);
    program.long = vec![order("stop", Some(shifted), None)];
    let program = Program::new(program).expect("a program");
    assert_eq!((program.depends(half), program.depends(two)), (&[0][..], &[][..]));
    let numbers = program.numbers(&[8.0]).expect("numbers");
    assert_eq!((numbers[half], numbers[two]), (4.0, 2.0));
    assert!(numbers[mean].is_nan());
    // A mean of 4 begins in bar 3, and is looked at 2 bars later.
    assert_eq!(program.first_bar(&numbers, |_, _| Ok(0)), Ok(5));
    let refused = |values: &[f64]| match program.numbers(values) {
        Err(error) => error.to_string(),
        Ok(_) => String::new(),
    };
    assert_eq!(
        refused(&[5.0]),
        "the length of sma is 2.5 for p = 5; it must be whole, from 1 to 1,000,000,000"
    );
    for value in [0.0, -2.0, f64::NAN, f64::INFINITY, 4e9] {
        assert!(refused(&[value]).contains("must be whole"), "{value}");
    }
    assert!(refused(&[1.0, 2.0]).contains("2 parameters given"));
}

/// Counts its calls; returns its column times its number, or fails at 13.
#[derive(Debug, Default)]
struct Times {
    calls: AtomicUsize,
}

impl Function for Times {
    fn name(&self) -> &str {
        "times"
    }

    fn call(&self, arguments: &[Argument<'_>]) -> Result<Vec<f64>> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        match arguments {
            [Argument::Column(_), Argument::Number(13.0)] => {
                Err(Error::Strategy("times takes no 13".into()))
            }
            [Argument::Column(values), Argument::Number(by)] => {
                Ok(values.iter().map(|x| x * by).collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    fn lookback(&self, numbers: &[f64]) -> Result<usize> {
        Ok(numbers[0] as usize)
    }
}

#[test]
fn functions_are_called_once_for_each_of_their_numbers() {
    let function = Arc::new(Times::default());
    let mut nodes = Nodes(Vec::new());
    let (a, b, close) = (nodes.parameter(0), nodes.parameter(1), nodes.feed("close"));
    let sum = nodes.of("add", &[a, b]);
    let called = nodes.add("call", &[close, sum], 0.0, "");
    let level = nodes.of("sub", &[called, a]);
    let mut program = raw(&["a", "b"], nodes);
    program.functions = vec![function.clone()];
    program.long = vec![order("stop", Some(level), None)];
    let rules = Rules::new(Arc::new(Program::new(program).expect("a program")));
    let bars: Vec<[f64; 4]> = (0..40).map(|i| [100.0 + f64::from(i % 7); 4]).collect();
    let task = |a: &[f64], b: &[f64]| {
        let grid = Grid::of(vec![a.to_vec(), b.to_vec()]).expect("a grid");
        let slice = vec![Slice { warmup: 20, split: 30, end: 40 }];
        Task::new(rules.clone(), &feeds(&bars), grid, AccountSettings::default(), &(), slice)
    };
    let sweep = Sweep::new(task(&[1.0, 2.0, 3.0], &[1.0, 2.0]).expect("a task"));
    // The sums are 2 to 5.
    assert_eq!(function.calls.load(Ordering::Relaxed), 4);
    sweep.run(0..6).expect("figures");
    sweep.run(0..6).expect("figures");
    assert_eq!(function.calls.load(Ordering::Relaxed), 4);
    let failed = task(&[1.0, 9.0], &[1.0, 4.0]).err();
    assert_eq!(failed, Some(Error::Strategy("times takes no 13".into())));
    // The function begins in bar 20.
    assert!(matches!(task(&[10.0], &[10.0]), Err(Error::Warmup { need: 21, .. })));
}

#[test]
fn columns_over_some_bars_are_those_of_all_bars() {
    let mut nodes = Nodes(Vec::new());
    let (p, q) = (nodes.parameter(0), nodes.parameter(1));
    let (high, close) = (nodes.feed("high"), nodes.feed("close"));
    let one = nodes.constant(1.0);
    let mean = nodes.of("sma", &[close, p]);
    let before = nodes.of("shift", &[mean, one]);
    let rises = nodes.of("gt", &[mean, before]);
    let far = nodes.of("mul", &[q, mean]);
    let gap = nodes.of("sub", &[high, far]);
    // A shift of what is computed bar by bar, within another one, and within a third.
    let late = nodes.of("shift", &[gap, one]);
    let change = nodes.of("sub", &[gap, late]);
    let later = nodes.of("shift", &[change, p]);
    let deep = nodes.of("add", &[later, change]);
    let deepest = nodes.of("shift", &[deep, one]);
    let all = nodes.of("add", &[deepest, deep]);
    let chosen = nodes.of("choose", &[q, close, all]);
    let mut program = raw(&["p", "q"], nodes);
    program.long = vec![order("stop", Some(all), Some(rises)), order("limit", Some(chosen), None)];
    program.short = vec![order("at_open", None, Some(rises)), order("limit", Some(mean), None)];
    let program = Arc::new(Program::new(program).expect("a program"));
    let plan = Arc::new(Plan::new(&program));
    let bars: Vec<[f64; 4]> = (0..700)
        .map(|i| {
            let close = 100.0 + 9.0 * (f64::from(i) * 0.7).sin();
            [close, close + 1.0, close - 1.0, close]
        })
        .collect();
    let feeds = feeds(&bars);
    let sets: Vec<Vec<f64>> = [[3.0, 0.5], [3.0, 1.0], [8.0, 1.0], [3.0, 0.5]]
        .iter()
        .map(|values| program.numbers(values).expect("numbers"))
        .collect();
    let given: Vec<&[f64]> = sets.iter().map(Vec::as_slice).collect();
    let columns =
        Columns::new(program.clone(), plan.clone(), &feeds, &given, &[]).expect("columns");
    // The same where the averages are not kept, but computed anew by every worker.
    let uncovered = [vec![0], vec![0, 1]];
    let anew = Columns::new(program.clone(), plan.clone(), &feeds, &given, &uncovered);
    let range = 40..690;
    for columns in [columns, anew.expect("columns")] {
        check(&columns, &plan, &sets, &range, [all, rises, mean, q]);
    }
}

#[test]
fn windows_of_many_sets_are_those_of_each() {
    let mut nodes = Nodes(Vec::new());
    let (p, q) = (nodes.parameter(0), nodes.parameter(1));
    let (high, close) = (nodes.feed("high"), nodes.feed("close"));
    let highest = nodes.of("highest", &[high, p]);
    let range = nodes.of("sub", &[high, close]);
    // Over a column of the bars, one of a leaf, one that is not kept, and a number.
    let leaves = [
        nodes.of("sma", &[close, q]),
        nodes.of("wma", &[highest, q]),
        nodes.of("sma", &[range, p]),
        nodes.of("wma", &[p, q]),
        nodes.of("stdev", &[close, q]),
    ];
    let all = leaves.into_iter().reduce(|a, b| nodes.of("add", &[a, b])).expect("leaves");
    let mut program = raw(&["p", "q"], nodes);
    program.long = vec![order("stop", Some(all), None)];
    let program = Arc::new(Program::new(program).expect("a program"));
    let plan = Arc::new(Plan::new(&program));
    let bars: Vec<[f64; 4]> = (0..300)
        .map(|i| {
            let close = 100.0 + 9.0 * (f64::from(i) * 0.7).sin() / 7.0;
            [close, close + 1.0 + 0.1 * (f64::from(i) * 0.3).cos(), close - 1.0, close]
        })
        .collect();
    let feeds = feeds(&bars);
    // More lengths than one thread computes together, none of them in order.
    let sets: Vec<Vec<f64>> = (0..150)
        .map(|i| [f64::from(1 + i % 2), f64::from(1 + i * 37 % 149)])
        .map(|values| program.numbers(&values).expect("numbers"))
        .collect();
    let given: Vec<&[f64]> = sets.iter().map(Vec::as_slice).collect();
    let columns = || Columns::new(program.clone(), plan.clone(), &feeds, &given, &[]);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("a pool");
    let bits = |values: &[f64]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    for columns in [columns().expect("columns"), pool.install(columns).expect("columns")] {
        for set in &given {
            let alone = Columns::new(program.clone(), plan.clone(), &feeds, &[set], &[]);
            let alone = alone.expect("columns");
            for leaf in leaves {
                let (many, one) = (columns.held(leaf, set), alone.held(leaf, set));
                assert_eq!(bits(many.expect("kept")), bits(one.expect("kept")), "{leaf}");
            }
        }
    }
}

/// Checks the columns of the roots against those that are computed over all bars.
fn check(
    columns: &Columns,
    plan: &Plan,
    sets: &[Vec<f64>],
    range: &std::ops::Range<usize>,
    [all, rises, mean, q]: [usize; 4],
) {
    let mut evaluator = Evaluator::new(columns, range.clone());
    for numbers in sets {
        evaluator.update(columns, numbers);
        let of = |node| columns.compute(node, numbers).expect("values")[range.clone()].to_vec();
        let column = |root| evaluator.column(columns, root, numbers).to_vec();
        let (values, conditions) = (of(all), of(rises));
        let wanted =
            values.iter().zip(&conditions).map(|(&v, &c)| if c > 0.0 { v } else { f64::NAN });
        let (found, wanted) = (column(plan.long[0]), wanted.collect::<Vec<_>>());
        assert!(found.iter().zip(&wanted).all(|(a, b)| a == b || (a.is_nan() && b.is_nan())));
        assert!(found.iter().any(|x| x.is_nan()) && found.iter().any(|x| x.is_finite()));
        assert_eq!((column(plan.short[0]), column(plan.short[1])), (conditions, of(mean)));
        let chosen = column(plan.long[1]);
        if numbers[q] == 1.0 {
            assert_eq!(chosen, values);
        } else {
            assert!(chosen.iter().all(|x| x.is_nan()));
        }
    }
}

/// Buys at the open of bar 1, and leaves by some exits.
fn bought(exits: impl FnOnce(&mut Nodes) -> Vec<RawOrder>) -> Raw {
    let mut nodes = Nodes(Vec::new());
    let close = nodes.feed("close");
    let level = nodes.constant(99.5);
    // Bar 0 alone closes above.
    let when = nodes.of("gt", &[close, level]);
    let exits = exits(&mut nodes);
    let mut program = raw(&[], nodes);
    program.long = vec![order("at_open", None, Some(when))];
    program.exit_long = exits;
    program
}

const BARS: [[f64; 4]; 5] = [
    [100.0, 101.0, 99.0, 100.0],
    [99.0, 99.4, 97.0, 98.0],
    [98.0, 99.4, 95.0, 99.0],
    [99.0, 99.2, 94.0, 99.1],
    [99.0, 99.0, 99.0, 99.0],
];

#[test]
fn exits_work_from_the_bar_after_the_entry_on() {
    let exit = |kind: &str, value: f64| {
        let kind = kind.to_owned();
        bought(move |nodes| vec![order(&kind, Some(nodes.constant(value)), None)])
    };
    let one = |program: Raw| trades(program, &BARS, &[]);
    // The stop at 97 is met in the entry's own bar, and again in the next one.
    assert_eq!(one(exit("stop", 97.0)), [(Side::Long, 1, 99.0, 2, 97.0)]);
    // Below 99.4, the highest high since the entry.
    assert_eq!(one(exit("trail", 5.0)), [(Side::Long, 1, 99.0, 3, 94.4)]);
    assert_eq!(one(exit("loss", 3.5)), [(Side::Long, 1, 99.0, 2, 95.5)]);
    assert_eq!(one(exit("target", 0.4)), [(Side::Long, 1, 99.0, 2, 99.4)]);
    assert_eq!(one(exit("limit", 99.3)), [(Side::Long, 1, 99.0, 2, 99.3)]);
    assert_eq!(one(exit("after", 2.0)), [(Side::Long, 1, 99.0, 3, 99.0)]);
    assert_eq!(one(exit("stop", f64::NEG_INFINITY)), []);
    assert_eq!(one(exit("limit", f64::NEG_INFINITY)), []);
    let percent = bought(|nodes| {
        vec![RawOrder { percent: true, ..order("loss", Some(nodes.constant(4.0)), None) }]
    });
    assert_eq!(one(percent), [(Side::Long, 1, 99.0, 2, 99.0 - 99.0 * 0.04)]);
    // The open of bar 2 has passed the loss.
    let both = bought(|nodes| {
        let distance = nodes.constant(0.4);
        vec![order("loss", Some(distance), None), order("target", Some(distance), None)]
    });
    assert_eq!(one(both), [(Side::Long, 1, 99.0, 2, 98.0)]);
}

#[test]
fn the_bar_of_the_entry_is_as_it_is_said() {
    let program = |same_bar: &str, kind: &str, distance: f64| {
        let kind = kind.to_owned();
        let mut program =
            bought(move |nodes| vec![order(&kind, Some(nodes.constant(distance)), None)]);
        program.same_bar = same_bar.to_owned();
        program
    };
    let exit = |same_bar, kind, distance| {
        let found = trades(program(same_bar, kind, distance), &BARS, &[]);
        found.first().map(|trade| (trade.3, trade.4))
    };
    for same_bar in ["open", "worst"] {
        assert_eq!(exit(same_bar, "loss", 1.0), Some((1, 98.0)));
        assert_eq!(exit(same_bar, "trail", 1.0), Some((1, 98.0)));
        assert_eq!(exit(same_bar, "target", 0.25), Some((1, 99.25)));
        assert_eq!(exit(same_bar, "after", 1.0), Some((2, 98.0)));
    }
    // A fill within the bar: a purchase at 97.5 of the bar that falls to 97.
    let within = |same_bar: &str, kind: &str, value: f64| {
        let mut program = program(same_bar, kind, value);
        let (text, op) = (String::new(), "constant".to_owned());
        program.nodes.push(RawNode { op, args: Vec::new(), value: 97.5, text });
        program.long = vec![order("limit", Some(program.nodes.len() - 1), None)];
        let found = trades(program, &BARS, &[]);
        found.first().map(|trade| (trade.1, trade.2, trade.3, trade.4))
    };
    for same_bar in ["next", "open"] {
        assert_eq!(within(same_bar, "loss", 0.3), Some((1, 97.5, 2, 97.2)));
    }
    assert_eq!(within("worst", "loss", 0.3), Some((1, 97.5, 1, 97.2)));
    // Bar 1 falls to 97, and a loss of 1 lies below.
    assert_eq!(within("worst", "loss", 1.0), Some((1, 97.5, 2, 96.5)));
    assert_eq!(within("worst", "target", 1.0), Some((1, 97.5, 2, 98.5)));
    // A stop above the fill is left at the fill.
    assert_eq!(within("worst", "stop", 98.5), Some((1, 97.5, 1, 97.5)));
}

#[test]
fn risk_and_size_say_how_much() {
    let sized = |change: &dyn Fn(&mut Raw)| {
        let mut program = bought(|nodes| {
            let stop = nodes.constant(96.0);
            nodes.constant(0.01);
            vec![order("stop", Some(stop), None)]
        });
        change(&mut program);
        run(program, &BARS, &[], 1).map(|found| found.trades.first().map(|trade| trade.pnl))
    };
    let node = 4;
    let close_to = |found: Result<Option<f64>>, wanted: f64| {
        (found.expect("a simulation").expect("a trade") - wanted).abs() < 1e-6
    };
    // From 99 to 96 is 3; the share of 1,000 is lost there.
    assert!(close_to(sized(&|p| p.risk = Some(node)), -1_000.0));
    assert!(close_to(sized(&|p| p.size = Some(node)), -1_000.0 * 3.0 / 99.0));
    // Without a level below the fill there is no distance, and no trade.
    let above = sized(&|p| {
        p.risk = Some(node);
        p.nodes[3].value = 99.0;
    });
    assert_eq!(above, Ok(None));
    let large = |value| {
        move |p: &mut Raw| {
            p.nodes[node].value = value;
            p.size = Some(node);
        }
    };
    assert_eq!((sized(&large(1.5)), sized(&large(0.0))), (Ok(None), Ok(None)));
    let risked = sized(&|p| {
        p.nodes[node].value = 1.5;
        p.risk = Some(node);
    });
    assert_eq!(
        risked.expect_err("refused").to_string(),
        "risk is 1.5; it must be above 0 and at most 1"
    );
}

#[test]
fn a_grid_is_covered_where_its_leaves_look() {
    let mut nodes = Nodes(Vec::new());
    let (a, b, c, close) =
        (nodes.parameter(0), nodes.parameter(1), nodes.parameter(2), nodes.feed("close"));
    let mean = nodes.of("sma", &[close, a]);
    let twice = nodes.of("sma", &[mean, b]);
    let level = nodes.of("mul", &[twice, c]);
    let mut program = raw(&["a", "b", "c"], nodes);
    program.long = vec![order("stop", Some(level), None)];
    program.exit_long = vec![order("after", Some(c), None)];
    let rules = Rules::new(Arc::new(Program::new(program).expect("a program")));
    let (two, three) = (vec![1.0, 2.0], vec![1.0, 2.0, 3.0]);
    let grid = Grid::of(vec![two.clone(), three.clone(), vec![1.0; 50]]).expect("a grid");
    let pairs = |grid: &Grid| {
        let found: std::collections::BTreeSet<(u64, u64)> =
            rules.covering(grid).iter().map(|row| (row[0] as u64, row[1] as u64)).collect();
        (found.len(), rules.covering(grid).len())
    };
    assert_eq!(pairs(&grid), (6, 50 + 6));
    // Of an axis of both the pairs that are on it.
    let rows = vec![vec![1.0, 2.0], vec![1.0, 3.0], vec![2.0, 3.0]];
    let axes = vec![Axis::new(vec![0, 1], rows), Axis::of(2, three)];
    assert_eq!(pairs(&Grid::new(axes).expect("a grid")), (3, 3));
    assert_eq!(rules.parameters(), ["a", "b", "c"]);
}

#[test]
fn many_rows_of_few_values_are_covered_by_few() {
    let mut nodes = Nodes(Vec::new());
    let (a, b, close) = (nodes.parameter(0), nodes.parameter(1), nodes.feed("close"));
    let (fast, slow) = (nodes.of("sma", &[close, a]), nodes.of("sma", &[close, b]));
    let above = nodes.of("gt", &[fast, slow]);
    let mut program = raw(&["a", "b", "c"], nodes);
    program.long = vec![order("at_open", None, Some(above))];
    let rules = Rules::new(Arc::new(Program::new(program).expect("a program")));
    let numbers = |from: u32, to: u32| (from..to).map(f64::from);
    let pairs: Vec<Vec<f64>> =
        numbers(1, 30).flat_map(|a| numbers(30, 90).map(move |b| vec![a, b])).collect();
    let axes = vec![Axis::new(vec![0, 1], pairs.clone()), Axis::of(2, vec![0.0, 1.0])];
    let found = rules.covering(&Grid::new(axes).expect("a grid"));
    let distinct = |place: usize| {
        let values = found.iter().map(|row| row[place].to_bits());
        values.collect::<std::collections::BTreeSet<_>>().len()
    };
    assert_eq!((distinct(0), distinct(1), distinct(2)), (29, 60, 2));
    // Each of the one with the first of the other.
    assert_eq!(found.len(), 29 + 60 - 1);
    assert!(found.iter().all(|row| pairs.contains(&row[..2].to_vec())));
    // Parameters that no column follows from.
    let axes = vec![Axis::of(0, vec![3.0]), Axis::new(vec![1, 2], vec![vec![5.0, 1.0]; 9])];
    assert_eq!(rules.covering(&Grid::new(axes).expect("a grid")), [[3.0, 5.0, 1.0]]);
}
