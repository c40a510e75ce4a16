//! Indicator series: the value at bar `t` uses bars `<= t` alone.
//!
//! Sums over a window are taken afresh for every bar, oldest value first. A running sum would be
//! cheaper, but touches on prices in cents often depend on equality, and two engines whose sums round
//! differently would then trade in different bars. Series are computed once per distinct length and
//! shared by a whole grid.
//!
//! Bars in which a window is not full hold NaN, with which every comparison fails.

use crate::market::bars::Bars;

/// The price that the Bollinger width is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PriceMethod {
    /// `(high + low + close) / 3`.
    Typical,
    /// The close.
    Close,
}

/// True range of every bar; of the first one high less low.
#[must_use]
pub fn true_range(bars: &Bars) -> Vec<f64> {
    let (high, low, close) = (bars.high(), bars.low(), bars.close());
    (0..bars.len())
        .map(|t| match t.checked_sub(1) {
            // [X1]
            None => high[t] - low[t],
            Some(before) => high[t].max(close[before]) - low[t].min(close[before]),
        })
        .collect()
}

/// Values of the price that the Bollinger width is computed from.
#[must_use]
pub fn price(bars: &Bars, method: PriceMethod) -> Vec<f64> {
    match method {
        // [X3]
        PriceMethod::Close => bars.close().to_vec(),
        PriceMethod::Typical => (0..bars.len())
            .map(|t| (bars.high()[t] + bars.low()[t] + bars.close()[t]) / 3.0)
            .collect(),
    }
}

/// Mean of the last `length` values, NaN until there are as many, and where one of them is.
#[inline(always)]
#[must_use]
pub fn mean(values: &[f64], length: usize) -> Vec<f64> {
    let mut out = vec![f64::NAN; values.len()];
    means(values, &mut [(length, &mut out)]);
    out
}

/// Writes the means of several lengths, shorter ones first, each over NaN in as many bars as there are
/// values: together they take hardly longer than the longest one alone.
#[inline(always)]
pub fn means(values: &[f64], out: &mut [(usize, &mut [f64])]) {
    // [X2] [X9]
    summed(values, out, |_, x| x, |sum, length| sum / length as f64);
}

/// Population standard deviation of the last `length` values around their `means`.
///
/// `means` is what [`mean`] gives for the same values and length.
#[inline(always)]
#[must_use]
pub fn deviation(values: &[f64], means: &[f64], length: usize) -> Vec<f64> {
    let mut all = vec![f64::NAN; values.len()];
    let Some(windows) = windows(values, length) else { return all };
    let (means, out) = (&means[length - 1..][..windows], &mut all[length - 1..][..windows]);
    // [X4] [X9]
    let root = |squares: f64| (squares / length as f64).sqrt();
    let (chunks, rest) = out.as_chunks_mut::<LANES>();
    let (mean_chunks, mean_rest) = means.as_chunks::<LANES>();
    let done = chunks.len() * LANES;
    for (i, (out, means)) in chunks.iter_mut().zip(mean_chunks).enumerate() {
        let mut sums = [0.0; LANES];
        for row in values[i * LANES..][..length + LANES - 1].windows(LANES) {
            for ((sum, x), mean) in sums.iter_mut().zip(row).zip(means) {
                *sum += (x - mean) * (x - mean);
            }
        }
        *out = sums.map(root);
    }
    for (i, (out, mean)) in rest.iter_mut().zip(mean_rest).enumerate() {
        let window = &values[done + i..][..length];
        *out = root(window.iter().fold(0.0, |sum, x| sum + (x - mean) * (x - mean)));
    }
    all
}

/// Exponential average of `values` with weight `2 / (period + 1)`, beginning with the value at
/// `start`; NaN before.
#[must_use]
pub fn ema(values: &[f64], start: usize, period: usize) -> Vec<f64> {
    let mut out = vec![f64::NAN; values.len()];
    let weight = 2.0 / (period as f64 + 1.0);
    let mut average = f64::NAN;
    for t in start..values.len() {
        if t == start {
            average = values[t];
        } else {
            // [X5] [X10]
            average += weight * (values[t] - average);
        }
        out[t] = average;
    }
    out
}

/// Average of the last `length` values with weights `1..=length`, the newest weighing most; NaN
/// until there are as many, and where one of them is.
#[inline(always)]
#[must_use]
pub fn wma(values: &[f64], length: usize) -> Vec<f64> {
    let mut out = vec![f64::NAN; values.len()];
    wmas(values, &mut [(length, &mut out)]);
    out
}

/// Writes the weighted averages of several lengths, as [`means`] does.
#[inline(always)]
pub fn wmas(values: &[f64], out: &mut [(usize, &mut [f64])]) {
    let weights = |length: usize| (length * (length + 1)) as f64 / 2.0;
    // [X6] [X9]
    summed(values, out, |k, x| (k + 1) as f64 * x, |sum, length| sum / weights(length));
}

/// Hull's average: twice the fast weighted average less the slow one, smoothed.
///
/// A. Hull's formula; a value needs `length + round(sqrt(length)) - 1` bars.
#[must_use]
pub fn hull(values: &[f64], length: usize) -> Vec<f64> {
    let (fast, slow) = (wma(values, (length / 2).max(1)), wma(values, length));
    // [X7]
    let raw: Vec<f64> = fast.iter().zip(&slow).map(|(f, s)| 2.0 * f - s).collect();
    wma(&raw, hull_smoothing(length))
}

/// Bars that a Hull average of `length` looks back.
#[must_use]
pub fn hull_lookback(length: usize) -> usize {
    // [I5]
    length + hull_smoothing(length)
}

/// Bars of a Hull average's outer average: the rounded root of its length.
#[must_use]
pub fn hull_smoothing(length: usize) -> usize {
    round_half_up((length as f64).sqrt()).max(1)
}

/// The nearest whole number, halves upwards.
#[must_use]
pub fn round_half_up(x: f64) -> usize {
    // [X8]
    (x + 0.5).floor() as usize
}

/// Windows whose sums are taken side by side: each is a chain of additions, oldest value first, and
/// the processor has time for several of them.
const LANES: usize = 32;

/// Number of full windows; `None` where there is none.
fn windows(values: &[f64], length: usize) -> Option<usize> {
    (length > 0 && length <= values.len()).then(|| values.len() - length + 1)
}

/// Writes what `end` makes of the sums of `term(k, x)` over the windows of each length, `k` counted from
/// 0 at a window's oldest value; what is not full is left as it is.
///
/// Lengths ascend. Of windows that begin with the same value the shorter one's sum is the beginning of
/// the longer one's, since the oldest value comes first.
#[inline(always)]
fn summed(
    values: &[f64],
    out: &mut [(usize, &mut [f64])],
    term: impl Fn(usize, f64) -> f64,
    end: impl Fn(f64, usize) -> f64,
) {
    debug_assert!(out.is_sorted_by_key(|(length, _)| *length));
    for start in (0..values.len()).step_by(LANES) {
        let values = &values[start..];
        // [X9] From 0, the oldest value first.
        let mut sums = [0.0; LANES];
        let mut added = 0;
        for (length, out) in &mut *out {
            let Some(windows) = windows(values, *length) else { continue };
            let out = &mut out[start + *length - 1..][..windows.min(LANES)];
            for (k, row) in (added..*length).zip(values[added..].windows(LANES)) {
                for (sum, &x) in sums.iter_mut().zip(row) {
                    *sum += term(k, x);
                }
                added += 1;
            }
            // At the end of the values some windows are not full any more.
            for k in added..*length {
                for (sum, &x) in sums.iter_mut().zip(&values[k..]) {
                    *sum += term(k, x);
                }
            }
            added = *length;
            match out.as_chunks_mut::<LANES>() {
                ([out], _) => *out = sums.map(|sum| end(sum, *length)),
                _ => out.iter_mut().zip(sums).for_each(|(out, sum)| *out = end(sum, *length)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Several = fn(&[f64], &mut [(usize, &mut [f64])]);

    fn bars() -> Bars {
        Bars::new(
            vec![10.0, 11.0, 14.0],
            vec![12.0, 13.0, 15.0],
            vec![9.0, 10.0, 14.0],
            vec![11.0, 12.0, 14.5],
        )
        .expect("valid bars")
    }

    #[test]
    fn true_range_spans_the_gap_from_the_last_close() {
        assert_eq!(true_range(&bars()), [3.0, 3.0, 3.0]);
    }

    #[test]
    fn prices() {
        assert_eq!(price(&bars(), PriceMethod::Close), [11.0, 12.0, 14.5]);
        assert_eq!(price(&bars(), PriceMethod::Typical)[0], (12.0 + 9.0 + 11.0) / 3.0);
    }

    #[test]
    fn mean_and_deviation_wait_for_a_full_window() {
        let values = [1.0, 3.0, 5.0, 5.0];
        let means = mean(&values, 2);
        assert!(means[0].is_nan());
        assert_eq!(means[1..], [2.0, 4.0, 5.0]);
        let deviations = deviation(&values, &means, 2);
        assert!(deviations[0].is_nan());
        assert_eq!(deviations[1..], [1.0, 1.0, 0.0]);
    }

    #[test]
    fn a_window_longer_than_the_values_is_never_full() {
        assert!(mean(&[1.0, 2.0], 3).iter().all(|x| x.is_nan()));
    }

    #[test]
    fn the_newest_value_weighs_most() {
        let out = wma(&[1.0, 2.0, 6.0, 6.0], 3);
        assert!(out[1].is_nan());
        assert_eq!(out[2..], [(1.0 + 4.0 + 18.0) / 6.0, (2.0 + 12.0 + 18.0) / 6.0]);
    }

    #[test]
    fn windows_side_by_side_are_windows_one_by_one() {
        let values: Vec<f64> = (0..70).map(|i| (f64::from(i) * 1.7).sin() * 1e3 / 7.0).collect();
        for length in [1, 2, 7, 16, 17, 53, 54, 55, 69, 70] {
            let (means, weighted) = (mean(&values, length), wma(&values, length));
            let deviations = deviation(&values, &means, length);
            for (t, window) in (length - 1..).zip(values.windows(length)) {
                let (mut sum, mut products, mut squares) = (0.0, 0.0, 0.0);
                for (k, x) in window.iter().enumerate() {
                    sum += x;
                    products += (k + 1) as f64 * x;
                    squares += (x - means[t]) * (x - means[t]);
                }
                assert_eq!(means[t], sum / length as f64);
                assert_eq!(weighted[t], products / ((length * (length + 1)) as f64 / 2.0));
                assert_eq!(deviations[t], (squares / length as f64).sqrt());
            }
            assert!(means[..length - 1].iter().all(|x| x.is_nan()));
        }
        // All lengths at once, one of them twice and one that no window has.
        let lengths = [0, 1, 2, 7, 7, 31, 32, 33, 53, 69, 70, 71];
        for (one, all) in [(mean as fn(&[f64], usize) -> Vec<f64>, means as Several), (wma, wmas)] {
            let mut columns = lengths.map(|_| vec![f64::NAN; values.len()]);
            let mut out: Vec<(usize, &mut [f64])> =
                lengths.into_iter().zip(columns.iter_mut().map(Vec::as_mut_slice)).collect();
            all(&values, &mut out);
            for (length, column) in lengths.into_iter().zip(&columns) {
                let bits = |column: &[f64]| column.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(column), bits(&one(&values, length)), "{length}");
            }
        }
        assert!(wma(&values, 71).iter().all(|x| x.is_nan()));
    }

    #[test]
    fn hull_of_a_straight_line_is_the_line() {
        let line: Vec<f64> = (0..30).map(f64::from).collect();
        let out = hull(&line, 9);
        // Two averages of lag 4/3 and 8/3 leave a lead that the last one, of 3 bars, takes back.
        assert!(out[..10].iter().all(|x| x.is_nan()));
        for (t, x) in out.iter().enumerate().skip(10) {
            assert!((x - (t as f64 - 2.0 / 3.0)).abs() < 1.0, "{t}: {x}");
        }
        assert_eq!(hull(&line, 1)[0], 0.0);
    }

    #[test]
    fn ema_begins_with_its_first_value() {
        let out = ema(&[9.0, 2.0, 4.0, 8.0], 1, 3);
        assert!(out[0].is_nan());
        assert_eq!(out[1..], [2.0, 3.0, 5.5]);
    }

    #[test]
    fn ema_of_period_one_is_the_series() {
        assert_eq!(ema(&[3.0, 1.0, 2.0], 0, 1), [3.0, 1.0, 2.0]);
    }
}
