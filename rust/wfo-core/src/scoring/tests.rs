//! All of it against a plain restatement, one combination at a time.

use std::sync::Arc;

use proptest::prelude::*;

use super::block::{self, Block, Stored};
use super::chunks::{CHUNK, SLAB, parts};
use super::gates::{Beat, Gates, Measure};
use super::map_axis::MapAxis;
use super::provisional::ProvisionalRanks;
use super::records::{self, Unpacked, record_size};
use super::selection::Selection;
use super::statistics::{self, GridStatistics};
use super::statistics_codec;
use super::survivor_filter::{SurvivorFilter, SurvivorThresholds};
use crate::error::Error;

const GATES: Gates = Gates { wfe: 0.35, dd_ratio: 3.0, min_trades: 0, beat: None };

/// Figures of a combination in a phase: four sums of money.
type Money = [f32; 4];

/// Money with ties, values on the thresholds, losses, and NaN.
fn money() -> impl Strategy<Value = Money> {
    let is_pnl = prop_oneof![Just(100.0), Just(100.0), Just(200.0), Just(0.0), Just(-50.0)];
    let oos_pnl = prop_oneof![
        (36_u8..60).prop_map(f32::from),
        36.0_f32..90.0,
        Just(35.0),
        Just(-5.0),
        Just(f32::NAN)
    ];
    let is_dd = prop_oneof![Just(10.0), Just(20.0), Just(0.0)];
    let oos_dd = prop_oneof![Just(5.0), Just(29.0), Just(30.0), Just(36.0), Just(f32::NAN)];
    (is_pnl, oos_pnl, is_dd, oos_dd).prop_map(|(a, b, c, d)| [a, b, c, d])
}

/// `[combination][phase]`.
fn figures(phases: usize) -> impl Strategy<Value = Vec<Vec<Money>>> {
    prop::collection::vec(prop::collection::vec(money(), phases), 1..120)
}

/// Columns of the figures, and trades that identify the combination.
fn columns(figures: &[Vec<Money>]) -> Vec<Unpacked> {
    (0..figures[0].len())
        .map(|k| {
            let column = |c: usize| figures.iter().map(|f| f[k][c]).collect();
            let trades = |from: usize| (0..figures.len()).map(move |i| (from + 7 * i + k) as u16);
            Unpacked {
                is_pnl: column(0),
                oos_pnl: column(1),
                is_dd: column(2),
                oos_dd: column(3),
                is_trades: trades(0).collect(),
                oos_trades: trades(65_000).collect(),
            }
        })
        .collect()
}

fn block<'a>(columns: &'a [Unpacked], range: std::ops::Range<usize>) -> Block<'a> {
    let part = |c: &'a Unpacked| c.stored().part(range.clone());
    Block::new(columns.iter().map(part).collect()).expect("a block")
}

fn gates_passed(figures: &Money) -> [bool; 4] {
    let [is_pnl, oos_pnl, is_dd, oos_dd] = figures.map(f64::from);
    [
        is_pnl > 0.0 && oos_pnl > 0.0,
        is_pnl > 0.0 && oos_pnl / is_pnl > GATES.wfe,
        oos_dd < oos_pnl,
        oos_dd < GATES.dd_ratio * is_dd,
    ]
}

fn is_valid(figures: &Money) -> bool {
    gates_passed(figures).iter().all(|&passed| passed)
}

fn valid_phases(figures: &[Money]) -> usize {
    figures.iter().filter(|f| is_valid(f)).count()
}

/// Ranks of a combination in its valid phases.
fn ranks_of(all: &[Vec<Money>], i: usize) -> Vec<Option<f64>> {
    let rank = |k: usize| {
        let profits: Vec<f32> = all.iter().filter(|f| is_valid(&f[k])).map(|f| f[k][1]).collect();
        let mine = all[i][k][1];
        let below = profits.iter().filter(|p| **p < mine).count() as f64;
        let ties = profits.iter().filter(|p| **p == mine).count() as f64;
        100.0 * (below + (ties + 1.0) / 2.0) / profits.len() as f64
    };
    (0..all[i].len()).map(|k| is_valid(&all[i][k]).then(|| rank(k))).collect()
}

fn stability(ranks: &[Option<f64>]) -> f64 {
    let times = ranks.iter().flatten().count() as f64;
    let mean = ranks.iter().flatten().sum::<f64>() / times;
    let variance = ranks.iter().flatten().map(|r| (r - mean) * (r - mean)).sum::<f64>() / times;
    mean * (1.0 + 0.1 * (times - 1.0)) * (1.0 / (1.0 + variance.sqrt() / 20.0))
}

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads")
}

const AXES: [MapAxis; 2] =
    [MapAxis { stride: 6, len: 4, table: None }, MapAxis { stride: 2, len: 3, table: None }];
const START: u64 = 1_000_003;

/// The ends of the blocks that `cuts` make of so many combinations, in another order each time.
fn blocks(len: usize, cuts: &[usize], backwards: bool) -> Vec<std::ops::Range<usize>> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (len + 1)).chain([0, len]).collect();
    cuts.sort_unstable();
    let mut blocks: Vec<_> = cuts.windows(2).map(|cut| cut[0]..cut[1]).collect();
    if backwards {
        blocks.reverse();
    }
    blocks
}

/// A single block.
fn in_one(len: usize) -> Vec<std::ops::Range<usize>> {
    parts(len, len.max(1)).collect()
}

fn counted(
    columns: &[Unpacked],
    blocks: &[std::ops::Range<usize>],
    limit: usize,
) -> GridStatistics {
    let mut statistics =
        GridStatistics::with_limit(columns.len(), GATES, Some(AXES), limit).expect("statistics");
    for range in blocks {
        let start = START + range.start as u64;
        statistics.add(Some(start), &block(columns, range.clone())).expect("countable");
    }
    statistics
}

/// A filter of one set of gates.
fn filter(
    provisional: Option<Arc<ProvisionalRanks>>,
    classes: &[(usize, f64)],
) -> SurvivorFilter<Arc<ProvisionalRanks>> {
    SurvivorFilter::new(vec![SurvivorThresholds {
        provisional,
        gates: GATES,
        classes: classes.to_vec(),
    }])
}

/// Sets that ask for trades and a comparison with buy-and-hold, two of them like `GATES` in the rest.
fn further(phases: usize) -> [Gates; 4] {
    let beat = |measure, capital, floors: [f64; 3]| {
        let floors = floors[..phases].into();
        Some(Beat { measure, capital, floors })
    };
    [
        GATES,
        Gates { min_trades: 65_030, beat: beat(Measure::Risk, 1.0, [2.0, 7.2, f64::NAN]), ..GATES },
        Gates { beat: beat(Measure::Return, 50.0, [0.25, -1.0, 0.3]), ..GATES },
        Gates { min_trades: 1, ..Gates::new(0.5, 2.0) },
    ]
}

/// Whether a combination passes each gate of a set in phase `k`.
fn all_gates_passed(gates: &Gates, k: usize, figures: &Money, trades: u16) -> [bool; 6] {
    let [is_pnl, oos_pnl, is_dd, oos_dd] = figures.map(f64::from);
    let beats = gates.beat.as_ref().is_none_or(|beat| {
        let found = match beat.measure {
            Measure::Return if beat.capital + is_pnl <= 0.0 => -1.0,
            Measure::Return => oos_pnl / (beat.capital + is_pnl),
            Measure::Risk => oos_pnl / oos_dd,
        };
        found > beat.floors[k]
    });
    [
        is_pnl > 0.0 && oos_pnl > 0.0,
        is_pnl > 0.0 && oos_pnl / is_pnl > gates.wfe,
        oos_dd < oos_pnl,
        oos_dd < gates.dd_ratio * is_dd,
        trades >= gates.min_trades,
        beats,
    ]
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|v| v.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn grid_statistics_counts_each_combination(
        all in figures(3),
        cuts in prop::collection::vec(any::<usize>(), 3),
        backwards in any::<bool>(),
        limit in prop_oneof![Just(0_usize), Just(20), Just(1_000)],
    ) {
        let columns = columns(&all);
        let blocks = blocks(all.len(), &cuts, backwards);
        let found = pool(2).install(|| counted(&columns, &blocks, limit));
        prop_assert_eq!(found.len(), all.len() as u64);
        for k in 0..3 {
            for gate in 0..4 {
                let alone = all.iter().filter(|f| gates_passed(&f[k])[gate]).count();
                let passes = |f: &&Vec<Money>| gates_passed(&f[k])[..=gate].iter().all(|&p| p);
                prop_assert_eq!(found.passed()[k].alone[gate], alone as u64);
                prop_assert_eq!(
                    found.passed()[k].together[gate],
                    all.iter().filter(passes).count() as u64
                );
            }
        }
        // Everything passes the gates that are off.
        for passed in found.passed() {
            prop_assert_eq!(passed.alone[4..].to_vec(), vec![all.len() as u64; 2]);
            prop_assert_eq!(passed.together[4..].to_vec(), vec![passed.together[3]; 2]);
        }
        let mut times = [0_u64; 4];
        let mut cells = vec![0_u64; 4 * 3 * 4];
        for (i, figures) in all.iter().enumerate() {
            let index = START + i as u64;
            let cell = (index / 6 % 4) * 3 + index / 2 % 3;
            cells[cell as usize * 4 + valid_phases(figures)] += 1;
            times[valid_phases(figures)] += 1;
        }
        prop_assert_eq!(found.valid_phases(), times);
        prop_assert_eq!(found.cells(), &cells[..]);

        // The same whatever the blocks, threads, and order, in one statistics or several.
        let once = pool(1).install(|| counted(&columns, &in_one(all.len()), limit));
        let bytes = once.to_bytes();
        prop_assert_eq!(&found.to_bytes(), &bytes);
        let mut parts = GridStatistics::with_limit(3, GATES, Some(AXES), limit).expect("statistics");
        for range in &blocks {
            parts.merge(&counted(&columns, std::slice::from_ref(range), limit)).expect("of one kind");
        }
        prop_assert_eq!(&parts.to_bytes(), &bytes);
        let again = statistics_codec::decode(&bytes, limit).expect("what was written");
        prop_assert_eq!(&again.to_bytes(), &bytes);
        prop_assert_eq!(again.cells(), once.cells());

        // A sample counts no cells.
        let mut sample = GridStatistics::with_limit(3, GATES, Some(AXES), limit).expect("statistics");
        sample.add(None, &block(&columns, 0..all.len())).expect("countable");
        prop_assert!(sample.cells().iter().all(|&count| count == 0));
        prop_assert_eq!(sample.valid_phases(), once.valid_phases());
        prop_assert_eq!(sample.passed(), once.passed());
        prop_assert_eq!(sample.provisional_ranks(), once.provisional_ranks());
    }

    #[test]
    fn sets_that_are_counted_together_are_those_counted_alone(
        all in figures(3),
        cuts in prop::collection::vec(any::<usize>(), 3),
        backwards in any::<bool>(),
        order in Just([0, 1, 2, 3]).prop_shuffle(),
    ) {
        let columns = columns(&all);
        let sets = further(3);
        let new = |set: usize| {
            GridStatistics::with_limit(3, sets[set].clone(), Some(AXES), 20).expect("statistics")
        };
        let mut together = order.map(new);
        for range in blocks(all.len(), &cuts, backwards) {
            let start = Some(START + range.start as u64);
            let mut by_set: Vec<&mut GridStatistics> = together.iter_mut().collect();
            let add = || statistics::add(&mut by_set, start, &block(&columns, range));
            pool(2).install(add).expect("countable");
        }
        for (set, found) in order.into_iter().zip(&together) {
            let mut alone = new(set);
            alone.add(Some(START), &block(&columns, 0..all.len())).expect("countable");
            prop_assert_eq!(found.to_bytes(), alone.to_bytes());
            let again = statistics_codec::decode(&found.to_bytes(), 20).expect("what was written");
            prop_assert_eq!(again.gates(), &sets[set]);
            let mut valid_phases = [0_u64; 4];
            let passed = |i: usize, k: usize| {
                all_gates_passed(&sets[set], k, &all[i][k], columns[k].oos_trades[i])
            };
            for i in 0..all.len() {
                let times = (0..3).filter(|&k| passed(i, k).iter().all(|&p| p)).count();
                valid_phases[times] += 1;
            }
            prop_assert_eq!(found.valid_phases(), valid_phases);
            for k in 0..3 {
                let count = |holds: &dyn Fn([bool; 6]) -> bool| {
                    (0..all.len()).filter(|&i| holds(passed(i, k))).count() as u64
                };
                for gate in 0..6 {
                    let counts = (found.passed()[k].alone[gate], found.passed()[k].together[gate]);
                    let up_to = |p: [bool; 6]| p[..=gate].iter().all(|&p| p);
                    prop_assert_eq!(counts, (count(&|p| p[gate]), count(&up_to)));
                }
            }
            // Provisional ranks agree on validity.
            let scores = found.provisional_ranks().stabilities(1, &block(&columns, 0..all.len()));
            for (i, score) in scores.expect("a block").into_iter().enumerate() {
                prop_assert_eq!(score.is_nan(), (0..3).all(|k| passed(i, k).contains(&false)));
            }
        }
    }

    #[test]
    fn a_filter_of_several_sets_passes_what_passes_any(
        all in figures(3),
        cut in prop_oneof![0.0_f64..120.0, Just(f64::NEG_INFINITY)],
    ) {
        let columns = columns(&all);
        let block = block(&columns, 0..all.len());
        let cuts = further(3).map(|gates| {
            let mut statistics = GridStatistics::with_limit(3, gates.clone(), None, 20).expect("statistics");
            statistics.add(None, &block).expect("countable");
            SurvivorThresholds { provisional: Some(Arc::new(statistics.provisional_ranks())), gates, classes: vec![(1, cut)] }
        });
        let apply = |cuts: Vec<SurvivorThresholds<Arc<ProvisionalRanks>>>| {
            let found = SurvivorFilter::new(cuts).apply(START, &block).expect("a block").concat();
            let records = found.chunks_exact(record_size(3)).map(<[u8]>::to_vec);
            records.map(|record| (records::index(&record), record)).collect::<Vec<_>>()
        };
        let found = apply(cuts.to_vec());
        let mut wanted: Vec<_> = cuts.into_iter().flat_map(|cut| apply(vec![cut])).collect();
        wanted.sort();
        wanted.dedup();
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn cells_are_those_of_the_tables(
        all in figures(2),
        cuts in prop::collection::vec(any::<usize>(), 3),
        points in prop::collection::vec((0_u32..4, 0_u32..3), 1..9),
        stride in 1_u64..7,
        start in 0_u64..1_000,
        apart in any::<bool>(),
    ) {
        // Both parameters on one index axis, or the second on a separate, faster one.
        let columns = columns(&all);
        let (x, y): (Vec<u32>, Vec<u32>) = points.iter().copied().unzip();
        let axes = [
            MapAxis::with_table(stride, 4, &x),
            if apart { MapAxis::plain(1, 3) } else { MapAxis::with_table(stride, 3, &y) },
        ];
        let new = |axes| GridStatistics::with_limit(2, GATES, axes, 20).expect("statistics");
        let (mut found, mut without) = (new(Some(axes)), new(None));
        for range in blocks(all.len(), &cuts, false) {
            let block = block(&columns, range.clone());
            for statistics in [&mut found, &mut without] {
                statistics.add(Some(start + range.start as u64), &block).expect("countable");
            }
        }
        let mut cells = vec![0_u64; 4 * 3 * 3];
        for (i, figures) in all.iter().enumerate() {
            let index = start + i as u64;
            let at = (index / stride) as usize % points.len();
            let y = if apart { index as usize % 3 } else { y[at] as usize };
            cells[(x[at] as usize * 3 + y) * 3 + valid_phases(figures)] += 1;
        }
        prop_assert_eq!(found.cells(), &cells[..]);
        prop_assert!(without.cells().is_empty());
        prop_assert_eq!(without.valid_phases(), found.valid_phases());
        for statistics in [&found, &without] {
            let bytes = statistics.to_bytes();
            let again = statistics_codec::decode(&bytes, 20).expect("what was written");
            prop_assert_eq!(again.axes(), statistics.axes());
            prop_assert_eq!(again.cells(), statistics.cells());
            prop_assert_eq!(again.to_bytes(), bytes);
        }
    }

    #[test]
    fn damaged_bytes_are_an_error(
        all in figures(2),
        at in any::<prop::sample::Index>(),
        byte in 1_u8..,
        garbage in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let columns = columns(&all);
        let bytes = counted(&columns, &in_one(all.len()), 1_000).to_bytes();
        let is_error = |bytes: &[u8]| matches!(GridStatistics::from_bytes(bytes), Err(Error::StatisticsBytes { .. }));
        prop_assert!(is_error(&bytes[..at.index(bytes.len())]));
        prop_assert!(is_error(&[&bytes[..], &garbage[..], &[0]].concat()));
        prop_assert!(is_error(&garbage));
        prop_assert!(is_error(&[&bytes[..9], &garbage[..]].concat()));
        let mut damaged = bytes.clone();
        damaged[at.index(bytes.len())] ^= byte;
        prop_assert!(is_error(&damaged));
    }

    #[test]
    fn a_selection_is_the_head_of_a_sort(
        all in figures(3),
        cuts in prop::collection::vec(any::<usize>(), 3),
        backwards in any::<bool>(),
        least in 1_usize..4,
        kept in prop_oneof![0_usize..30, Just(usize::MAX)],
        as_records in any::<bool>(),
    ) {
        let columns = columns(&all);
        let ranking = counted(&columns, &in_one(all.len()), 1_000).ranking().expect("few values");
        let mut selection =
            Selection::new(Arc::new(ranking), GATES, least, kept).expect("a selection");
        let filter = filter(None, &[(least, f64::INFINITY)]);
        pool(2).install(|| -> Result<(), Error> {
            for range in blocks(all.len(), &cuts, backwards) {
                let start = START + range.start as u64;
                let block = block(&columns, range);
                if as_records {
                    selection.add_records(&filter.apply(start, &block)?.concat())?;
                } else {
                    selection.add(start, &block)?;
                }
            }
            Ok(())
        }).expect("blocks of one kind");
        let mut wanted: Vec<(f64, usize)> = (0..all.len())
            .filter(|&i| valid_phases(&all[i]) >= least)
            .map(|i| (stability(&ranks_of(&all, i)), i))
            .collect();
        prop_assert_eq!(selection.stable(), wanted.len() as u64);
        wanted.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        wanted.truncate(kept);
        let found = selection.finish(&[]).expect("no axes");
        let scores: Vec<f64> = wanted.iter().map(|(score, _)| *score).collect();
        prop_assert_eq!(bits(&found.stability), bits(&scores));
        let order: Vec<u64> = wanted.iter().map(|(_, i)| START + *i as u64).collect();
        prop_assert_eq!(&found.index, &order);
        for (row, &(_, i)) in wanted.iter().enumerate() {
            prop_assert_eq!(usize::from(found.valid_phases[row]), valid_phases(&all[i]));
            for (k, rank) in ranks_of(&all, i).into_iter().enumerate() {
                let phase = &found.phases[k];
                prop_assert_eq!(rank.is_some(), phase.valid[row] == 1);
                prop_assert_eq!(rank.unwrap_or(f64::NAN).to_bits(), phase.rank[row].to_bits());
                let f = &phase.figures;
                let money = [f.is_pnl[row], f.oos_pnl[row], f.is_dd[row], f.oos_dd[row]];
                prop_assert_eq!(money.map(f32::to_bits), all[i][k].map(f32::to_bits));
                prop_assert_eq!(f.is_trades[row], columns[k].is_trades[i]);
                prop_assert_eq!(f.oos_trades[row], columns[k].oos_trades[i]);
            }
        }
    }

    #[test]
    fn provisional_ranks_rise_and_have_a_bounded_error(
        all in figures(2),
        sample in 0_usize..120,
        limit in prop_oneof![Just(0_usize), Just(1_000)],
        least in 0_usize..3,
    ) {
        let columns = columns(&all);
        let whole = counted(&columns, &in_one(all.len()), limit);
        let sampled = counted(&columns, &in_one(sample.min(all.len())), limit);
        let provisional = sampled.provisional_ranks();
        let profits: Vec<f32> = {
            let mut profits: Vec<f32> = (0..400).map(|i| 1e-3 * 1.06_f32.powi(i)).collect();
            profits.extend(all.iter().flatten().map(|f| f[1]).filter(|p| *p > 0.0));
            profits.extend([f32::from_bits(1), f32::MAX, f32::MIN_POSITIVE]);
            profits.sort_by(f32::total_cmp);
            profits
        };
        let deviation = provisional.deviation(&whole.ranking().expect("few values")).expect("of one kind");
        for (k, deviation) in deviation.into_iter().enumerate() {
            // Alone in a valid phase, stability is the rank itself.
            let mut one = vec![vec![[1e-30, 0.0, 1.0, 0.0]; 2]; profits.len()];
            for (figures, profit) in one.iter_mut().zip(&profits) {
                figures[k][1] = *profit;
            }
            let one = self::columns(&one);
            let ranks = provisional.stabilities(1, &block(&one, 0..profits.len())).expect("a block");
            let valid: Vec<f64> = ranks.into_iter().filter(|r| !r.is_nan()).collect();
            prop_assert!(valid.len() > 400);
            prop_assert!(valid.is_sorted());
            prop_assert!(valid.iter().all(|r| 0.0 < *r && *r < 100.0));
            let mut largest = 0.0_f64;
            for (i, figures) in all.iter().enumerate() {
                if is_valid(&figures[k]) {
                    let mut alone = vec![[0.0; 4]; 2];
                    alone[k] = figures[k];
                    let alone = self::columns(&[alone]);
                    let rank = provisional.stabilities(1, &block(&alone, 0..1)).expect("a block")[0];
                    let exact = whole.ranking().expect("few").percentiles(k, &[all[i][k][1]]);
                    largest = largest.max((exact.expect("counted")[0] - rank).abs());
                }
            }
            prop_assert_eq!(deviation, largest);
        }
        let scores = provisional.stabilities(least, &block(&columns, 0..all.len())).expect("a block");
        for (score, figures) in scores.iter().zip(&all) {
            prop_assert_eq!(score.is_nan(), valid_phases(figures) < least.max(1));
        }
    }

    #[test]
    fn a_filter_passes_what_reaches_a_threshold(
        all in figures(3),
        cuts in prop::collection::vec(any::<usize>(), 2),
        classes in prop::collection::vec((0_usize..5, prop_oneof![0.0_f64..120.0, Just(f64::NEG_INFINITY), Just(f64::NAN)]), 0..4),
        blind in any::<bool>(),
        threads in 1_usize..3,
    ) {
        let columns = columns(&all);
        let provisional = counted(&columns, &in_one(all.len() / 2), 10).provisional_ranks();
        let scores = provisional.stabilities(0, &block(&columns, 0..all.len())).expect("a block");
        let filter = filter((!blind).then(|| Arc::new(provisional)), &classes);
        let mut found = Vec::new();
        for range in blocks(all.len(), &cuts, false) {
            let start = START + range.start as u64;
            let apply = || filter.apply(start, &block(&columns, range.clone()));
            found.extend(pool(threads).install(apply).expect("a block").concat());
        }
        let passes = |i: &usize| classes.iter().any(|&(least, cut)| {
            valid_phases(&all[*i]) >= least && if blind { !cut.is_nan() } else { scores[*i] >= cut }
        });
        let mut wanted = Vec::new();
        for i in (0..all.len()).filter(passes) {
            wanted.extend((START + i as u64).to_le_bytes());
            for k in 0..3 {
                all[i][k].iter().for_each(|m| wanted.extend(m.to_le_bytes()));
                wanted.extend(columns[k].is_trades[i].to_le_bytes());
                wanted.extend(columns[k].oos_trades[i].to_le_bytes());
            }
        }
        prop_assert_eq!(wanted.len() % record_size(3), 0);
        prop_assert_eq!(found, wanted);
    }
}

/// Blocks beyond a slab, so that every loop over parts goes round more than once.
#[test]
fn large_blocks_are_the_sum_of_small_ones() {
    let n = SLAB + 3 * CHUNK + 17;
    let mut state = 7_u64;
    let mut noise = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32
    };
    let all: Vec<Vec<Money>> = (0..n)
        .map(|_| {
            let mut phase = || [100.0, (100.0 * noise()).ceil() + 20.0, 30.0, 70.0 * noise()];
            vec![phase(), phase()]
        })
        .collect();
    let columns = columns(&all);
    let pieces: Vec<_> = parts(n, 40_000).collect();
    let whole = pool(2).install(|| counted(&columns, &in_one(n), 1_000));
    let cut = pool(1).install(|| counted(&columns, &pieces, 1_000));
    assert_eq!(whole.to_bytes(), cut.to_bytes());
    let select = |threads, pieces: &[std::ops::Range<usize>]| {
        let ranking = Arc::new(whole.ranking().expect("few values"));
        let mut selection = Selection::new(ranking, GATES, 2, 5_000).expect("a selection");
        for range in pieces {
            let block = block(&columns, range.clone());
            pool(threads).install(|| selection.add(range.start as u64, &block)).expect("ranked");
            assert!(selection.held() <= 10_000, "twice what is kept");
        }
        (selection.stable(), selection.finish(&[]).expect("no axes"))
    };
    let (stable, best) = select(2, &in_one(n));
    let (again, same) = select(1, &pieces);
    assert!(stable > 50_000);
    assert_eq!((stable, &best.index), (again, &same.index));
    assert_eq!(bits(&best.stability), bits(&same.stability));
    let provisional = whole.provisional_ranks();
    let filter = filter(Some(Arc::new(provisional.clone())), &[(2, 90.0)]);
    let passing = filter.apply(0, &block(&columns, 0..n)).expect("a block").concat();
    let scores = provisional.stabilities(2, &block(&columns, 0..n)).expect("a block");
    let passed = scores.iter().filter(|s| **s >= 90.0).count();
    assert!(passed > 1_000);
    assert_eq!(passing.len(), passed * record_size(2));
}

#[test]
fn bad_input_is_an_error() {
    let all = vec![vec![[100.0, 50.0, 10.0, 5.0]; 2]; 3];
    let columns = columns(&all);
    let good = block(&columns, 0..3);
    let one = block(&columns[..1], 0..3);
    let short = Stored { oos_dd: &columns[1].oos_dd[..2], ..columns[1].stored() };
    let error = Block::new(vec![columns[0].stored(), short]).expect_err("columns that differ");
    assert_eq!(error, Error::BlockLength { phase: 2, column: "oos_dd", len: 2, expected: 3 });
    let phases = Error::BlockPhases { given: 1, expected: 2 };
    let mut statistics = GridStatistics::new(2, GATES, Some(AXES)).expect("statistics");
    assert_eq!(statistics.add(None, &one), Err(phases.clone()));
    assert_eq!(statistics.add(Some(u64::MAX - 2), &good), Err(Error::GridTooLarge));
    statistics.add(None, &good).expect("a block");
    let [x, y] = AXES;
    for (phases, axes) in [
        (0, AXES),
        (256, AXES),
        (2, [MapAxis::plain(0, 1), y.clone()]),
        (2, [x.clone(), MapAxis::plain(1, 0)]),
        (2, [MapAxis::plain(1, 1 << 40), MapAxis::plain(1, 1 << 40)]),
        (2, [MapAxis::with_table(1, 3, &[]), y.clone()]),
        (2, [x.clone(), MapAxis::with_table(1, 3, &[0, 3])]),
    ] {
        assert!(matches!(
            GridStatistics::new(phases, GATES, Some(axes)),
            Err(Error::CountRange { .. })
        ));
    }
    let beat = |floors: Vec<f64>, capital| {
        let floors = floors.into();
        Gates { beat: Some(Beat { measure: Measure::Risk, capital, floors }), ..GATES }
    };
    for gates in [beat(vec![1.0], 1.0), beat(vec![1.0; 3], 1.0), beat(vec![1.0; 2], 0.0)] {
        assert!(GridStatistics::new(2, gates, None).is_err());
    }
    for (other, what) in [
        (GridStatistics::new(2, Gates { min_trades: 1, ..GATES }, Some(AXES)), "gates"),
        (GridStatistics::new(2, beat(vec![f64::NAN; 2], 1.0), Some(AXES)), "gates"),
        (GridStatistics::new(1, GATES, Some(AXES)), "number of phases"),
        (GridStatistics::new(2, Gates { wfe: 0.3, ..GATES }, Some(AXES)), "gates"),
        (GridStatistics::new(2, GATES, Some([y, x])), "map axes"),
        (GridStatistics::new(2, GATES, None), "map axes"),
    ] {
        let error = statistics.merge(&other.expect("statistics"));
        assert_eq!(error, Err(Error::StatisticsMismatch { what }));
    }
    let provisional = statistics.provisional_ranks();
    assert_eq!(provisional.stabilities(1, &one), Err(phases.clone()));
    let other = GridStatistics::new(1, GATES, Some(AXES)).expect("statistics");
    assert_eq!(provisional.deviation(&other.ranking().expect("no values")), Err(phases.clone()));
    let filter = filter(Some(Arc::new(provisional)), &[]);
    assert_eq!(filter.apply(0, &one), Err(phases.clone()));
    let others = [beat(vec![1.0; 3], 1.0)].map(|gates| SurvivorThresholds {
        gates,
        provisional: None,
        classes: vec![],
    });
    let filter = SurvivorFilter::<Arc<ProvisionalRanks>>::new(others.to_vec());
    assert!(matches!(filter.apply(0, &good), Err(Error::CountRange { name: "floors", .. })));
    let ranking = Arc::new(statistics.ranking().expect("few values"));
    assert!(Selection::new(ranking.clone(), beat(vec![1.0; 3], 1.0), 1, 1).is_err());
    let bytes = [b"wfotally".as_slice(), &[2], &[0; 40]].concat();
    let what = "they were written by an earlier version; run again";
    assert_eq!(
        GridStatistics::from_bytes(&bytes).map(|_| ()),
        Err(Error::StatisticsBytes { what })
    );
    assert!(matches!(ranking.percentiles(2, &[50.0]), Err(Error::CountRange { .. })));
    for least in [0, 3] {
        assert!(Selection::new(ranking.clone(), GATES, least, 1).is_err());
    }
    let mut selection = Selection::new(ranking, GATES, 1, 1).expect("a selection");
    assert_eq!(selection.add(0, &one), Err(phases));
    assert_eq!(selection.add_records(&[0; 49]), Err(Error::Records { len: 49, size: 48 }));
    let strange = self::columns(&[vec![[100.0, 50.0, 10.0, 5.0], [100.0, 51.0, 10.0, 5.0]]]);
    let error = selection.add(0, &block(&strange, 0..1));
    assert_eq!(error, Err(Error::NotRankable { index: 0, value: 51.0 }));
    let endless = self::columns(&[all[0].clone(), vec![[100.0, f32::INFINITY, 10.0, 5.0]; 2]]);
    let error = statistics.add(None, &block(&endless, 0..2));
    assert_eq!(error, Err(Error::NotRankable { index: 1, value: f32::INFINITY }));
}

#[test]
fn figures_are_stored_as_files_hold_them() {
    let mut money = [0.0; 3];
    block::store_money(&[1e-46, 0.1, -1e300], &mut money);
    assert_eq!(money, [0.0, 0.1, f32::NEG_INFINITY]);
    let mut trades = [0; 3];
    block::store_counts(&[65_534, 65_535, u32::MAX], &mut trades);
    assert_eq!(trades, [65_534, 65_535, 65_535]);
}
