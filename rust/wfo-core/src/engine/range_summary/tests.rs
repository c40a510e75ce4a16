use super::*;

/// The definition, close by close.
fn plain(closes: &[f64]) -> RangeSummary {
    let mut found = RangeSummary::EMPTY;
    for (i, &a) in closes.iter().enumerate() {
        found.neg_low = found.neg_low.max(-a);
        found.high = found.high.max(a);
        for &b in &closes[i..] {
            found.rise = found.rise.max(b - a);
            found.fall = found.fall.max(a - b);
        }
    }
    found
}

#[test]
fn long_histories_have_blocks() {
    let closes: Vec<f64> = (0..PLAIN + 100).map(|i| (i * 7919 % 1009) as f64).collect();
    let (bars, blocks) = (RangeSummaries::of_bars(&closes), RangeSummaries::new(&closes));
    assert!(blocks.blocks.is_some());
    for from in (0..closes.len()).step_by(37) {
        for to in (from + 1..=closes.len()).step_by(1 + from % 501) {
            assert_eq!(bars.between(from, to), blocks.between(from, to), "{from}..{to}");
        }
    }
}

#[test]
fn every_summary_is_that_of_its_closes() {
    let closes: Vec<f64> =
        (0..67).map(|i| 50.0 + f64::from(i * 37 % 41) * 0.25 + f64::from(i) * 0.1).collect();
    for len in [1, 2, 3, 15, 16, 17, 31, 32, 33, 47, 48, 63, 64, 65, 67] {
        for table in
            [RangeSummaries::of_bars(&closes[..len]), RangeSummaries::of_blocks(&closes[..len])]
        {
            for from in 0..len {
                for to in from + 1..=len {
                    let wanted = plain(&closes[from..to]);
                    assert_eq!(table.between(from, to), wanted, "{from}..{to}");
                }
            }
        }
    }
}
