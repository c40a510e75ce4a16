//! Columns of columns: windows, averages, true ranges and shifts, which may meet values that are NaN.

use std::collections::VecDeque;

use super::elementwise::{maximum, minimum};
use super::node::Window;
use crate::indicators;

/// Whether windows of several lengths take hardly longer together than the longest one alone.
#[must_use]
pub fn are_shared(op: Window) -> bool {
    matches!(op, Window::Sma | Window::Wma)
}

/// Writes [`window`] of several lengths, shorter ones first, each over NaN in all bars.
#[inline(always)]
pub fn together(op: Window, values: &[f64], out: &mut [(usize, &mut [f64])]) {
    match op {
        Window::Sma => indicators::means(values, out),
        Window::Wma => indicators::wmas(values, out),
        _ => {
            for (length, out) in out {
                out.copy_from_slice(&window(op, values, *length));
            }
        }
    }
}

/// A window or an average over all bars, of whatever length.
#[inline(always)]
#[must_use]
pub fn window(op: Window, values: &[f64], length: usize) -> Vec<f64> {
    match op {
        // [C2] [C3] A sum with a NaN in it is NaN.
        Window::Sma => indicators::mean(values, length),
        Window::Wma => indicators::wma(values, length),
        Window::Stdev => indicators::deviation(values, &indicators::mean(values, length), length),
        Window::Highest => extremes(values, length, |newer, older| newer > older),
        Window::Lowest => extremes(values, length, |newer, older| newer < older),
        Window::Rank => rank(values, length),
        Window::Ema => ema(values, length),
        Window::Rma => rma(values, length),
    }
}

/// The value `bars` before.
#[must_use]
pub fn shift(values: &[f64], bars: usize) -> Vec<f64> {
    // [C1]
    let mut out = vec![f64::NAN; values.len()];
    if let Some(kept) = values.len().checked_sub(bars) {
        out[bars..].copy_from_slice(&values[..kept]);
    }
    out
}

/// The true range of three columns, NaN where one of its values is.
#[must_use]
pub fn true_range(high: &[f64], low: &[f64], close: &[f64]) -> Vec<f64> {
    // [C7] [X1]
    let first = high.first().zip(low.first()).map(|(high, low)| high - low);
    let rest = high
        .iter()
        .zip(low)
        .skip(1)
        .zip(close)
        .map(|((&high, &low), &before)| maximum(high, before) - minimum(low, before));
    first.into_iter().chain(rest).collect()
}

/// The extreme of the last `length` values: no value is replaced by an older one that it
/// `outlasts`.
fn extremes(values: &[f64], length: usize, outlasts: impl Fn(f64, f64) -> bool) -> Vec<f64> {
    let mut out = vec![f64::NAN; values.len()];
    // Bars whose values may still be an extreme, the best and oldest in front.
    let mut held: VecDeque<usize> = VecDeque::new();
    let mut numbers = 0_usize;
    for (t, &value) in values.iter().enumerate() {
        // [C3]
        if value.is_nan() {
            numbers = 0;
            held.clear();
            continue;
        }
        numbers += 1;
        while held.back().is_some_and(|&older| outlasts(value, values[older])) {
            held.pop_back();
        }
        held.push_back(t);
        if held.front().is_some_and(|&oldest| t - oldest >= length) {
            held.pop_front();
        }
        if numbers >= length
            && let Some(&best) = held.front()
        {
            out[t] = values[best];
        }
    }
    out
}

fn rank(values: &[f64], length: usize) -> Vec<f64> {
    let mut out = vec![f64::NAN; values.len()];
    if length == 0 {
        return out;
    }
    for (t, window) in (length - 1..).zip(values.windows(length)) {
        let newest = values[t];
        let counts = |(below, unknown): (u32, bool), x: &f64| {
            (below + u32::from(*x <= newest), unknown | x.is_nan())
        };
        // [C2] [C3]
        let (below, unknown) = window.iter().fold((0, false), counts);
        if !unknown {
            out[t] = f64::from(below) / length as f64;
        }
    }
    out
}

fn ema(values: &[f64], length: usize) -> Vec<f64> {
    let weight = 2.0 / (length as f64 + 1.0);
    let mut average = None;
    let next = |&x: &f64| {
        // [C6]
        if x.is_nan() {
            return f64::NAN;
        }
        // [C4] [X5] [X10]
        let value = match average {
            None => x,
            Some(e) => e + weight * (x - e),
        };
        average = Some(value);
        value
    };
    values.iter().map(next).collect()
}

fn rma(values: &[f64], length: usize) -> Vec<f64> {
    let length_in_bars = length as f64;
    // Of the numbers so far their count, and their sum, or the average once there are enough.
    let (mut numbers, mut sum) = (0_usize, 0.0);
    let next = |&x: &f64| {
        // [C6]
        if x.is_nan() {
            return f64::NAN;
        }
        numbers = numbers.saturating_add(1);
        // [C5]
        if numbers < length {
            sum += x;
            return f64::NAN;
        }
        sum = if numbers == length {
            (sum + x) / length_in_bars
        } else {
            (sum * (length_in_bars - 1.0) + x) / length_in_bars
        };
        sum
    };
    values.iter().map(next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAN: f64 = f64::NAN;

    fn check(found: &[f64], wanted: &[f64]) {
        assert_eq!(found.len(), wanted.len());
        let same = |(a, b): (&f64, &f64)| a == b || (a.is_nan() && b.is_nan());
        assert!(found.iter().zip(wanted).all(same), "{found:?}, not {wanted:?}");
    }

    #[test]
    fn a_window_that_is_not_full_of_numbers_is_not_known() {
        let values = [1.0, 3.0, NAN, 2.0, 4.0, 3.0];
        check(&window(Window::Sma, &values, 2), &[NAN, 2.0, NAN, NAN, 3.0, 3.5]);
        check(
            &window(Window::Wma, &values, 2),
            &[NAN, 7.0 / 3.0, NAN, NAN, 10.0 / 3.0, 10.0 / 3.0],
        );
        check(&window(Window::Stdev, &values, 2), &[NAN, 1.0, NAN, NAN, 1.0, 0.5]);
        check(&window(Window::Highest, &values, 2), &[NAN, 3.0, NAN, NAN, 4.0, 4.0]);
        check(&window(Window::Lowest, &values, 2), &[NAN, 1.0, NAN, NAN, 2.0, 3.0]);
        check(&window(Window::Rank, &values, 2), &[NAN, 1.0, NAN, NAN, 1.0, 0.5]);
        for op in [Window::Sma, Window::Highest, Window::Rank] {
            assert!(window(op, &values, 7).iter().all(|x| x.is_nan()));
        }
    }

    #[test]
    fn extremes_are_those_of_every_window() {
        let values: Vec<f64> = (0..60).map(|i| f64::from(i * 37 % 23)).collect();
        for length in [1, 2, 5, 23, 60] {
            let (high, low) =
                (window(Window::Highest, &values, length), window(Window::Lowest, &values, length));
            for (t, held) in (length - 1..).zip(values.windows(length)) {
                assert_eq!(high[t], held.iter().copied().fold(NAN, f64::max));
                assert_eq!(low[t], held.iter().copied().fold(NAN, f64::min));
            }
        }
    }

    #[test]
    fn averages_pass_over_what_is_not_known() {
        let values = [NAN, 2.0, NAN, 4.0, 8.0];
        check(&window(Window::Ema, &values, 3), &[NAN, 2.0, NAN, 3.0, 5.5]);
        check(&window(Window::Rma, &values, 2), &[NAN, NAN, NAN, 3.0, 5.5]);
        check(&window(Window::Rma, &values, 1), &[NAN, 2.0, NAN, 4.0, 8.0]);
        check(&window(Window::Rma, &values, 4), &[NAN; 5]);
    }

    #[test]
    fn ranges_and_shifts_begin_with_what_there_is() {
        let (high, low) = ([12.0, 13.0, 15.0, 16.0], [9.0, 10.0, 14.0, NAN]);
        check(&true_range(&high, &low, &[14.0, NAN, 14.5, 15.0]), &[3.0, 4.0, NAN, NAN]);
        check(&true_range(&[], &[], &[]), &[]);
        check(&shift(&high, 3), &[NAN, NAN, NAN, 12.0]);
        check(&shift(&high, 0), &high);
        check(&shift(&high, 9), &[NAN; 4]);
    }
}
