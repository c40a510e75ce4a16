//! Feeds: the named series that a strategy reads, all of one length.
//!
//! A feed that has an open, high, low and close is a price feed, and checked as [`Bars`]. Other
//! columns of a feed, volume or a funding rate, are found by name too. Cloning shares the values.

use std::sync::Arc;

use super::bars::{Bars, check_count};
use crate::error::{Error, Result};

const PRICES: [&str; 4] = ["open", "high", "low", "close"];

/// Columns by name.
pub type NamedColumns = Vec<(String, Vec<f64>)>;

/// One feed: its columns by name, and its bars where it has prices.
#[derive(Debug, Clone)]
struct Feed {
    name: String,
    columns: Vec<(String, Arc<Vec<f64>>)>,
    bars: Option<Arc<Bars>>,
}

/// Named feeds, in order, one value of each column a bar.
#[derive(Debug, Clone)]
pub struct Feeds {
    feeds: Vec<Feed>,
    len: usize,
}

impl Feeds {
    /// Feeds of these columns, checked.
    ///
    /// # Errors
    /// No feed or column at all, a name twice, too many bars, columns or feeds of different lengths, or prices that
    /// are no bars.
    pub fn new(feeds: Vec<(String, NamedColumns)>) -> Result<Self> {
        let mut out: Vec<Feed> = Vec::with_capacity(feeds.len());
        let mut len = None;
        for (name, columns) in feeds {
            if out.iter().any(|feed| feed.name == name) {
                return Err(Error::FeedTwice { feed: name });
            }
            let Some(own) = columns.first().map(|(_, values)| values.len()) else {
                return Err(Error::FeedColumn { feed: name, column: "open".into() });
            };
            for (column, values) in &columns {
                if values.len() != own {
                    let (column, len) = (column.clone(), values.len());
                    return Err(Error::ColumnLength { feed: name, column, len, expected: own });
                }
            }
            check_count(own)?;
            let expected = *len.get_or_insert(own);
            if own != expected {
                let first = out.first().map_or_else(String::new, |feed| feed.name.clone());
                return Err(Error::FeedLength { feed: name, len: own, first, expected });
            }
            out.push(Feed::new(name, columns)?);
        }
        Ok(Self { feeds: out, len: len.unwrap_or(0) })
    }

    /// Bars of one symbol, as the feed `bars`, and those of a second one, as `bars2`.
    ///
    /// # Errors
    /// Bars of different lengths.
    pub fn of(bars: Bars, second: Option<Bars>) -> Result<Self> {
        let len = bars.len();
        let mut feeds = Vec::new();
        for (name, bars) in [("bars", Some(bars)), ("bars2", second)] {
            let Some(bars) = bars else { continue };
            if bars.len() != len {
                return Err(Error::FeedLength {
                    feed: name.into(),
                    len: bars.len(),
                    first: "bars".into(),
                    expected: len,
                });
            }
            let bars = Some(Arc::new(bars));
            feeds.push(Feed { name: name.into(), columns: Vec::new(), bars });
        }
        Ok(Self { feeds, len })
    }

    /// Number of bars.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no bar.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The names of the feeds, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.feeds.iter().map(|feed| feed.name.as_str())
    }

    /// The bars of a price feed.
    ///
    /// # Errors
    /// A feed that is missing or has no prices.
    pub fn bars(&self, feed: &str) -> Result<&Arc<Bars>> {
        let found = self.feed(feed)?;
        found.bars.as_ref().ok_or_else(|| {
            let missing = PRICES.into_iter().find(|name| found.column(name).is_none());
            let column = missing.unwrap_or("open").to_owned();
            Error::FeedColumn { feed: feed.to_owned(), column }
        })
    }

    /// A column of a feed, prices too.
    ///
    /// # Errors
    /// A feed or column that is missing.
    pub fn series(&self, feed: &str, column: &str) -> Result<&[f64]> {
        let found = self.feed(feed)?;
        let prices = found.bars.as_ref().and_then(|bars| match column {
            "open" => Some(bars.open()),
            "high" => Some(bars.high()),
            "low" => Some(bars.low()),
            "close" => Some(bars.close()),
            _ => None,
        });
        prices
            .or_else(|| found.column(column))
            .ok_or_else(|| Error::FeedColumn { feed: feed.to_owned(), column: column.to_owned() })
    }

    /// Checks that there are the feeds that a strategy reads, and no others.
    ///
    /// # Errors
    /// A feed that is missing or that nothing reads.
    pub fn check(&self, wanted: &[&str]) -> Result<()> {
        for &feed in wanted {
            self.feed(feed)?;
        }
        match self.names().find(|name| !wanted.contains(name)) {
            Some(feed) => Err(Error::FeedUnread { feed: feed.to_owned() }),
            None => Ok(()),
        }
    }

    /// The columns of every feed by name, prices first where it has them.
    pub fn columns(&self) -> impl Iterator<Item = (&str, Vec<(&str, &[f64])>)> {
        self.feeds.iter().map(|feed| {
            let prices = feed.bars.iter().flat_map(|bars| {
                PRICES.into_iter().zip([bars.open(), bars.high(), bars.low(), bars.close()])
            });
            let others = feed.columns.iter().map(|(name, values)| (name.as_str(), &values[..]));
            (feed.name.as_str(), prices.chain(others).collect())
        })
    }

    /// Feeds of the same names and length, with other bars and other values of the other columns. What
    /// says which bars make a higher one, a feed whose name has a space in it, belongs to times and stays.
    ///
    /// # Errors
    /// An error of `bars`.
    pub(super) fn mapped(
        &self,
        bars: impl Fn(&Bars) -> Result<Bars>,
        values: impl Fn(&[f64]) -> Vec<f64>,
    ) -> Result<Self> {
        let feed = |feed: &Feed| {
            if feed.name.contains(' ') {
                return Ok(feed.clone());
            }
            let own = feed.bars.as_ref().map(|own| bars(own)).transpose()?;
            let columns = feed.columns.iter();
            Ok(Feed {
                name: feed.name.clone(),
                columns: columns.map(|(name, v)| (name.clone(), Arc::new(values(v)))).collect(),
                bars: own.map(Arc::new),
            })
        };
        Ok(Self { feeds: self.feeds.iter().map(feed).collect::<Result<_>>()?, len: self.len })
    }

    fn feed(&self, name: &str) -> Result<&Feed> {
        let found = self.feeds.iter().find(|feed| feed.name == name);
        found.ok_or_else(|| Error::FeedMissing { feed: name.to_owned() })
    }
}

impl Feed {
    fn new(name: String, columns: NamedColumns) -> Result<Self> {
        let has = |wanted: &str| columns.iter().any(|(column, _)| column == wanted);
        for (i, (column, _)) in columns.iter().enumerate() {
            if columns[..i].iter().any(|(before, _)| before == column) {
                return Err(Error::FeedTwice { feed: format!("{name}.{column}") });
            }
        }
        let is_priced = PRICES.into_iter().all(has);
        let (prices, columns): (Vec<_>, Vec<_>) = columns
            .into_iter()
            .partition(|(column, _)| is_priced && PRICES.contains(&column.as_str()));
        let bars = if is_priced {
            let mut found: [Vec<f64>; 4] = Default::default();
            for (column, values) in prices {
                for (held, _) in
                    found.iter_mut().zip(PRICES).filter(|(_, wanted)| *wanted == column)
                {
                    held.clone_from(&values);
                }
            }
            let [open, high, low, close] = found;
            Some(Arc::new(Bars::new(open, high, low, close)?))
        } else {
            None
        };
        let columns = columns.into_iter().map(|(column, v)| (column, Arc::new(v))).collect();
        Ok(Self { name, columns, bars })
    }

    fn column(&self, name: &str) -> Option<&[f64]> {
        self.columns.iter().find(|(column, _)| column == name).map(|(_, v)| v.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Columns<'a> = &'a [(&'a str, &'a [f64])];

    fn feeds(feeds: &[(&str, Columns<'_>)]) -> Result<Feeds> {
        let own = |columns: Columns<'_>| {
            columns.iter().map(|(name, x)| ((*name).to_owned(), x.to_vec())).collect()
        };
        Feeds::new(feeds.iter().map(|(name, columns)| ((*name).to_owned(), own(columns))).collect())
    }

    const TWO: [f64; 2] = [2.0, 3.0];
    const BARS: Columns<'static> = &[
        ("volume", &[10.0, 0.0]),
        ("open", &TWO),
        ("high", &[2.5, 3.5]),
        ("low", &[1.5, 2.5]),
        ("close", &[2.25, 3.25]),
    ];

    #[test]
    fn columns_are_found_by_feed_and_name() {
        let found = feeds(&[("bars", BARS), ("funding", &[("rate", &[f64::NAN, -0.1])])]);
        let found = found.expect("feeds");
        assert_eq!(found.len(), 2);
        assert_eq!(found.bars("bars").expect("bars").low(), [1.5, 2.5]);
        assert_eq!(found.series("bars", "close"), Ok(&[2.25, 3.25][..]));
        assert_eq!(found.series("bars", "volume"), Ok(&[10.0, 0.0][..]));
        assert_eq!(found.series("funding", "rate").expect("a rate")[1], -0.1);
        assert_eq!(found.check(&["bars", "funding"]), Ok(()));
    }

    #[test]
    fn errors_name_feed_and_column() {
        let funding: Columns<'_> = &[("rate", &TWO)];
        let found = feeds(&[("bars", BARS), ("funding", funding)]).expect("feeds");
        let column = |feed: &str, column: &str| Error::FeedColumn {
            feed: feed.to_owned(),
            column: column.to_owned(),
        };
        assert_eq!(found.bars("funding").err(), Some(column("funding", "open")));
        assert_eq!(found.series("bars", "rate").err(), Some(column("bars", "rate")));
        assert_eq!(found.check(&["bars"]), Err(Error::FeedUnread { feed: "funding".into() }));
        assert_eq!(found.check(&["bars2"]), Err(Error::FeedMissing { feed: "bars2".into() }));
        let short: Columns<'_> = &[("rate", &[1.0])];
        assert_eq!(
            feeds(&[("bars", BARS), ("funding", short)]).err(),
            Some(Error::FeedLength {
                feed: "funding".into(),
                len: 1,
                first: "bars".into(),
                expected: 2
            })
        );
        assert_eq!(
            feeds(&[("f", &[("a", &TWO), ("b", &[1.0])])]).err(),
            Some(Error::ColumnLength { feed: "f".into(), column: "b".into(), len: 1, expected: 2 })
        );
        let twice = feeds(&[("f", funding), ("f", funding)]).err();
        assert_eq!(twice, Some(Error::FeedTwice { feed: "f".into() }));
        let flat: Columns<'_> =
            &[("open", &TWO), ("high", &TWO), ("low", &TWO), ("close", &[1.0, 3.0])];
        assert!(matches!(feeds(&[("bars", flat)]), Err(Error::BarRange { column: "close", .. })));
    }
}
