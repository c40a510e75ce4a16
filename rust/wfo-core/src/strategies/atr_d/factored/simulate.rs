//! The backtest of one parameter set, with its marks and trades.

use super::entry_filter::{EntryFilter, FilterParams};
use super::history::History;
use super::path::{self, Orders};
use super::tightening::Tightening;
use crate::engine::first_touch::FirstTouch;
use crate::error::Result;
use crate::execution::extended::{Diary, Labels};
use crate::execution::settings::AccountSettings;
use crate::execution::touches::Way;
use crate::figures::Simulation;
use crate::kernel::{Kernel, Sets};
use crate::market::feeds::Feeds;
use crate::market::slice::Slice;
use crate::strategies::atr_d::{Params, Settings, Variant};

/// Simulates one parameter set, given in canonical order.
///
/// # Errors
/// A parameter or setting out of range, positions out of order, or too short a warm-up.
pub fn simulate(
    variant: Variant,
    feeds: &Feeds,
    values: &[f64],
    account: &AccountSettings,
    settings: &Settings,
    slice: Slice,
    labels: Option<(&[i64], usize)>,
) -> Result<Simulation> {
    let params = Params::from_values(variant, values)?;
    let account = account.checked()?;
    let slice = slice.checked(feeds.len(), params.lookback())?;
    let trading = slice.warmup..slice.end;
    let labels =
        labels.map(|(of, count)| Labels::new(of, count, feeds.len(), trading)).transpose()?;
    feeds.check(&variant.feeds())?;
    let sets = Sets { sets: vec![params], mixed: false };
    let shared = variant.prepare(feeds, &sets, settings)?;
    let series = &shared.series;
    let history =
        History::new(&shared, slice.warmup - 1..slice.end, &[slice], variant.shorts, account);
    let filter = match (params.veto, params.hull) {
        (Some(veto), _) => FilterParams::Veto(veto),
        (_, Some(hull)) => FilterParams::Hull { fast: hull.fast, slow: hull.slow },
        _ => FilterParams::Unfiltered,
    };
    let filter = EntryFilter::new(series, &filter, params.stop.price);
    let (mut tightening, mut buffer) = (Tightening::default(), Vec::new());
    let tightening = tightening.of(series, &params.stop, &history.bars);
    let [mut buy, mut sell, mut long_stop, mut short_stop] =
        std::array::from_fn(|_| FirstTouch::default());
    history.entry(series, &params.buy, true, &filter, &mut buffer, &mut buy);
    let bars = history.stop(series, &params.stop, Way::Down, tightening, &mut buffer);
    bars.trail_extreme(&buffer, &mut long_stop);
    if let Some(short) = params.short {
        history.entry(series, &short.sell, false, &filter, &mut buffer, &mut sell);
        let bars = history.stop(series, &short.stop, Way::Up, tightening, &mut buffer);
        bars.trail_extreme(&buffer, &mut short_stop);
    }
    let orders = Orders {
        buy: buy.view(),
        long_stop: long_stop.view(),
        short: params.short.map(|_| (sell.view(), short_stop.view())),
        entry_mode: params.entry_mode,
        both_triggered: params.both_triggered,
        shared_ways: history.shared_ways(),
    };
    let mut trades = Vec::new();
    path::trade_sequence(&orders, history.phases[0], &mut trades);
    let figures = history.settle(&trades, history.phases[0]);
    let mut diary = Diary::new(labels.as_ref(), slice.end, account.capital);
    history.replay(&trades, history.phases[0], &mut diary);
    let Diary { extended, trades, equity, reversals } = diary;
    let sums = labels.as_ref().map(|_| extended.sums().map(<[f64]>::to_vec));
    Ok(Simulation { figures, parts: extended.parts(), sums, trades, equity, reversals })
}
