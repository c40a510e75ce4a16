//! Sums of effects against plain loops over all combinations.

use proptest::prelude::*;

use super::accumulator::Effects;
use super::annual::{Means, UNIT, powered};
use super::codec;
use super::lines::{self, Squares};
use super::shape::Shape;
use super::wide::Width;
use crate::error::Result;
use crate::scoring::block::{Block, Stored};
use crate::scoring::gates::Gates;

/// Stored columns of a phase.
#[derive(Debug, Clone)]
struct Phase {
    money: [Vec<f32>; 4],
    trades: Vec<u16>,
}

fn phase(money: [Vec<f32>; 4]) -> Phase {
    Phase { trades: vec![9; money[0].len()], money }
}

fn block(phases: &[Phase], range: std::ops::Range<usize>) -> Block<'_> {
    let stored = phases.iter().map(|p| Stored {
        is_pnl: &p.money[0][range.clone()],
        oos_pnl: &p.money[1][range.clone()],
        is_dd: &p.money[2][range.clone()],
        oos_dd: &p.money[3][range.clone()],
        is_trades: &p.trades[range.clone()],
        oos_trades: &p.trades[range.clone()],
    });
    Block::new(stored.collect()).expect("a block")
}

/// Figures of `n` combinations, of which some are valid; the numbers are those of a congruence.
fn figures(n: usize, phases: usize, seed: u64) -> Vec<Phase> {
    let mut state = seed;
    let mut next = |low: f64, high: f64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (low + (high - low) * ((state >> 33) as f64 / (1_u64 << 31) as f64)) as f32
    };
    let mut column = |low, high| (0..n).map(|_| next(low, high)).collect::<Vec<_>>();
    (0..phases)
        .map(|_| {
            phase([
                column(-50.0, 300.0),
                column(-150.0, 300.0),
                column(0.0, 90.0),
                column(0.0, 99.0),
            ])
        })
        .collect()
}

const GATES: Gates = Gates { wfe: 0.35, dd_ratio: 3.0, min_trades: 0, beat: None };
const LOOSE: Gates = Gates { wfe: 0.0, dd_ratio: 100.0, min_trades: 0, beat: None };

fn effects(lengths: &[u64], phases: usize) -> Effects {
    let exponents: Vec<f64> = (0..phases).map(|k| 0.3 + 0.2 * k as f64).collect();
    let asked = phases.min(3);
    Effects::new(lengths, 100.0, &exponents, vec![GATES, LOOSE], asked).expect("effects")
}

/// Digits of a flat index, the slowest first.
fn digits(lengths: &[u64], mut index: u64) -> Vec<usize> {
    let mut found: Vec<usize> = Vec::new();
    for &len in lengths.iter().rev() {
        found.push((index % len) as usize);
        index /= len;
    }
    found.reverse();
    found
}

/// The response of one combination by definition.
fn response(phases: &[Phase], i: usize) -> (i64, [usize; 2]) {
    let mut mean = 0.0;
    let mut times = [0; 2];
    for (k, phase) in phases.iter().enumerate() {
        let [before, earned, is_dd, oos_dd] = [0, 1, 2, 3].map(|c| f64::from(phase.money[c][i]));
        let growth = 1.0 + earned / (100.0 + before);
        mean += if growth > 0.0 { powered(growth, 0.3 + 0.2 * k as f64) - 1.0 } else { -1.0 };
        for (times, gates) in times.iter_mut().zip([GATES, LOOSE]) {
            let earns = before > 0.0 && earned > 0.0 && earned / before > gates.wfe;
            *times += usize::from(earns && oos_dd < earned && oos_dd < gates.dd_ratio * is_dd);
        }
    }
    ((mean / phases.len() as f64 * UNIT).round_ties_even() as i64, times)
}

/// Adds all combinations in blocks that end at `cuts`, the last block first.
fn fill(effects: &mut Effects, phases: &[Phase], cuts: &[usize]) {
    let n = phases[0].trades.len();
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (n + 1)).chain([0, n]).collect();
    ends.sort_unstable();
    for pair in ends.windows(2).rev() {
        effects.add(pair[0] as u64, &block(phases, pair[0]..pair[1]), None, None).expect("room");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn sums_are_those_of_plain_loops_however_they_are_cut(
        lengths in prop::collection::vec(1_u64..6, 1..6),
        phases in 1_usize..5,
        cuts in prop::collection::vec(any::<usize>(), 0..4),
        seed in any::<u64>(),
    ) {
        let n = lengths.iter().product::<u64>() as usize;
        let columns = figures(n, phases, seed);
        let mut found = effects(&lengths, phases);
        fill(&mut found, &columns, &cuts);
        let all: Vec<_> = (0..n).map(|i| response(&columns, i)).collect();
        let spots: Vec<_> = (0..n).map(|i| digits(&lengths, i as u64)).collect();
        let (squares, sums) = found.returns();
        let expected = all.iter().map(|(y, _)| i128::from(*y).pow(2)).sum::<i128>();
        prop_assert_eq!((squares.high, squares.low), (0, expected as u128));
        let pairs = found.pairs();
        let sum_where = |picks: &dyn Fn(&[usize]) -> bool| {
            let chosen = all.iter().zip(&spots).filter(|(_, spot)| picks(spot));
            chosen.map(|((y, _), _)| i128::from(*y)).sum::<i128>()
        };
        prop_assert_eq!(sums.total, sum_where(&|_| true));
        for (axis, cells) in sums.singles.iter().enumerate() {
            for (value, &cell) in cells.iter().enumerate() {
                prop_assert_eq!(cell, sum_where(&|spot| spot[axis] == value));
            }
        }
        for (&(a, b), cells) in pairs.iter().zip(&sums.pairs) {
            for (at, &cell) in cells.iter().enumerate() {
                let (x, y) = (at / lengths[b] as usize, at % lengths[b] as usize);
                prop_assert_eq!(cell, sum_where(&|spot| (spot[a], spot[b]) == (x, y)));
            }
        }
        let many = lengths.iter().filter(|&&len| len > 1).count();
        prop_assert_eq!(pairs.len(), many * many.saturating_sub(1) / 2);
        for set in 0..2 {
            for least in found.thresholds() {
                let counts = found.stable(set, least).expect("counted");
                let count_where = |picks: &dyn Fn(&[usize]) -> bool| {
                    let chosen = all.iter().zip(&spots).filter(|(_, spot)| picks(spot));
                    chosen.filter(|((_, times), _)| times[set] >= least).count() as u64
                };
                prop_assert_eq!(counts.total, count_where(&|_| true));
                for (&(a, b), cells) in pairs.iter().zip(&counts.pairs) {
                    for (at, &cell) in cells.iter().enumerate() {
                        let (x, y) = (at / lengths[b] as usize, at % lengths[b] as usize);
                        prop_assert_eq!(cell, count_where(&|spot| (spot[a], spot[b]) == (x, y)));
                    }
                }
            }
        }
    }

    #[test]
    fn sums_over_lines_are_those_of_plain_loops(
        lengths in prop::collection::vec(1_u64..7, 1..5),
        seed in any::<u64>(),
    ) {
        let n = lengths.iter().product::<u64>() as usize;
        let mut state = seed;
        let values: Vec<i64> = (0..n)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state as i64) >> 14
            })
            .collect();
        for axis in 0..lengths.len() {
            let mut lines = std::collections::BTreeMap::new();
            for (i, &value) in values.iter().enumerate() {
                let mut spot = digits(&lengths, i as u64);
                spot[axis] = 0;
                *lines.entry(spot).or_insert(0_i128) += i128::from(value);
            }
            let expected = lines.values().map(|&sum| Squares::of_sum(sum)).sum::<Squares>();
            let found = lines::line_squares(&values, &lengths, axis, |&v| v).expect("lines");
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn garbage_with_a_good_checksum_is_an_error_or_sums(
        change in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        seed in any::<u64>(),
    ) {
        let mut found = effects(&[2, 1, 3], 2);
        fill(&mut found, &figures(6, 2, seed), &[]);
        let bytes = found.to_bytes();
        let body = &bytes[9..bytes.len() - 8];
        prop_assert!(codec::read(body, vec![GATES, LOOSE]).is_ok());
        let mut body = body.to_vec();
        for (at, byte) in change {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Ok(read) = codec::read(&body, vec![GATES, LOOSE]) {
            let again = read.to_bytes();
            prop_assert_eq!(&again[9..again.len() - 8], &body[..]);
        }
    }
}

#[test]
fn squares_carry_into_the_high_half() {
    let most = Squares { high: 0, low: u128::MAX };
    assert_eq!(most + Squares { high: 1, low: 1 }, Squares { high: 2, low: 0 });
    // (2^95)^2 = 2^190.
    assert_eq!(Squares::of_sum(1 << 95), Squares { high: 1 << 62, low: 0 });
    // (2^64 + 1)^2 = 2^128 + 2^65 + 1.
    assert_eq!(Squares::of_sum(-(1 << 64) - 1), Squares { high: 1, low: (1 << 65) + 1 });
    let limit = 1_i64 << 49;
    let found = Squares::of(&[limit, -limit, -limit + 1, 3]);
    let expected = 2 * (1_u128 << 98) + (u128::from(limit.unsigned_abs()) - 1).pow(2) + 9;
    assert_eq!(found, Squares { high: 0, low: expected });
}

/// More lines than one task takes, blocks larger than one, and sums that do not fit 64 bits.
#[test]
fn lines_of_large_grids_add_up() {
    let limit = 1_i64 << 49;
    for lengths in [vec![3_u64, 70_000], vec![70_000, 3], vec![40, 50, 60], vec![20_000, 1]] {
        let n = lengths.iter().product::<u64>();
        let values = vec![-limit; n as usize];
        for (axis, &len) in lengths.iter().enumerate() {
            let found = lines::line_squares(&values, &lengths, axis, |&v| v).expect("lines");
            // n / len lines, each of (len · 2^49)^2: without the power of 2 it fits 128 bits.
            let lines = u128::from(n / len * len * len);
            assert_eq!(
                found,
                Squares { high: lines >> 30, low: lines << 98 },
                "{lengths:?} {axis}"
            );
        }
    }
}

#[test]
fn every_shape_of_grid_has_bounded_rows() {
    let shapes: [&[u64]; 7] = [
        &[1],
        &[6, 12, 4, 8, 8, 6, 3, 5, 7, 5, 1],
        &[1 << 20],
        &[2, 1 << 20],
        &[1 << 20, 1 << 20, 1 << 20, 2],
        &[2; 62],
        &[100_000, 2, 1, 1],
    ];
    for lengths in shapes {
        let shape = Shape::new(lengths).expect("a shape");
        let rows: usize = shape.axes[..shape.lead].iter().map(|axis| axis.len).sum();
        assert!(shape.tile * rows.max(1) <= 1 << 22, "{lengths:?}");
        assert!(shape.cells() <= (1 << 18) + lengths.iter().sum::<u64>() as usize);
    }
    let slim = Shape::new(shapes[1]).expect("a shape");
    assert_eq!((slim.tile, slim.lead, slim.pairs.len()), (3150, 5, 45));
    let error = Shape::new(&[2, 1 << 21]).expect_err("too long").to_string();
    assert!(error.contains("2097152"), "{error}");
    assert!(Shape::new(&[]).is_err());
    assert!(Shape::new(&[1 << 20; 4]).is_err());
}

/// Rows are emptied before they overflow: 20,000 tiles of one combination with the largest return.
#[test]
fn rows_are_emptied_in_time() {
    let lengths = [2, 20_000, 30_000, 2];
    let mut found = effects(&lengths, 1);
    let n = 200_000;
    let money = [10.0, 1e30, 10.0, 1.0].map(|value| vec![value; n]);
    let columns = [phase(money)];
    let whole = block(&columns, 0..n);
    found.add(0, &whole, None, None).expect("room");
    found.add(n as u64, &whole, None, None).expect("room");
    let (squares, sums) = found.returns();
    assert_eq!(sums.total, 400_000 << 49);
    assert_eq!(squares, Squares { high: 0, low: 400_000 << 98 });
    assert_eq!(sums.singles[0], [400_000 << 49, 0]);
    assert_eq!(sums.singles[3], [200_000 << 49; 2]);
    assert_eq!(sums.singles[2][..30_000].iter().sum::<i128>(), sums.total);
    // The pair of the two long axes is not kept, those with the others are.
    assert_eq!(found.pairs(), [(0, 1), (0, 2), (0, 3), (1, 3), (2, 3)]);
    assert_eq!(found.stable(1, 1).expect("counted").total, 400_000);
}

#[test]
fn widths_write_the_same_bits() {
    let columns = figures(1000, 4, 5);
    let whole = block(&columns, 0..1000);
    let run = |width: Width| {
        let mut returns = vec![-1; 1000];
        width.run(Means {
            capital: 100.0,
            exponents: &[0.5, 0.45, 0.3, 2.0],
            phases: whole.phases(),
            first: 0,
            returns: &mut returns,
        });
        returns
    };
    let expected = run(Width::Baseline);
    for width in Width::ALL.into_iter().filter(|width| width.is_here()) {
        assert_eq!(run(width), expected, "{width:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let columns = figures(6, 2, 1);
    let whole = block(&columns, 0..6);
    let mut found = effects(&[2, 3], 2);
    let said = |result: Result<()>| result.expect_err("refused").to_string();
    assert!(said(found.add(1, &whole, None, None)).contains("1..7"));
    assert!(said(found.add(0, &whole, Some(&mut [0; 5]), None)).contains("length = 5"));
    assert!(said(found.add(0, &whole, None, Some((2, &mut [0; 6])))).contains("set = 2"));
    assert!(found.is_empty());
    found.add(0, &whole, None, None).expect("room");
    assert!(said(found.add(0, &whole, None, None)).contains("more combinations"));
    assert!(found.stable(0, 3).is_err());
    let mut other = effects(&[3, 2], 2);
    assert!(said(other.merge(&found)).contains("lengths"));
    for (capital, exponents, asked) in
        [(0.0, vec![1.0], 1), (1.0, vec![f64::NAN], 1), (1.0, vec![], 0)]
    {
        assert!(Effects::new(&[2], capital, &exponents, vec![GATES], asked).is_err());
    }
    let bytes = found.to_bytes();
    assert!(Effects::from_bytes(&bytes, vec![GATES]).is_err());
    assert!(Effects::from_bytes(&bytes[..bytes.len() - 1], vec![GATES, LOOSE]).is_err());
    assert_eq!(Effects::from_bytes(&bytes, vec![GATES, LOOSE]).expect("sums").len(), 6);
}
