//! Errors of the core: each names the thing, its value, and what is allowed.

use thiserror::Error;

/// The result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can be wrong with an input.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Error {
    /// The price columns do not have one length.
    #[error("'{column}' has {len} bars, 'open' has {expected}; all columns need the same length")]
    BarsLength {
        /// The column that differs.
        column: &'static str,
        /// Its length.
        len: usize,
        /// The length of `open`.
        expected: usize,
    },
    /// More bars than the engines number.
    #[error("{bars} bars given, at most {most} are possible; take fewer, or longer ones")]
    TooManyBars {
        /// The number given.
        bars: usize,
        /// Most of them.
        most: usize,
    },
    /// More rows of tables than the factored engine numbers.
    #[error(
        "the stops of one stop set have {rows} rows, one for each of {bars} bars and each stop; at most {most} are possible; take fewer short-side multipliers or bars, or the direct engine"
    )]
    TooManyRows {
        /// The number of rows.
        rows: u64,
        /// The number of bars.
        bars: usize,
        /// Most rows.
        most: u64,
    },
    /// Columns of a feed that do not have one length.
    #[error("feed '{feed}': '{column}' has {len} values, its first column {expected}")]
    ColumnLength {
        /// The feed.
        feed: String,
        /// The column that differs.
        column: String,
        /// Its length.
        len: usize,
        /// The length of the first column.
        expected: usize,
    },
    /// Feeds that do not have one length.
    #[error("feed '{feed}' has {len} bars, '{first}' has {expected}; join them on dates first")]
    FeedLength {
        /// The feed that differs.
        feed: String,
        /// Its length.
        len: usize,
        /// The first feed.
        first: String,
        /// Its length.
        expected: usize,
    },
    /// A feed or column that is given more than once.
    #[error("feed '{feed}' is given more than once")]
    FeedTwice {
        /// The feed.
        feed: String,
    },
    /// A feed that the strategy reads and that is not there.
    #[error("the strategy reads a feed '{feed}', and none was given")]
    FeedMissing {
        /// The feed.
        feed: String,
    },
    /// A feed that the strategy does not read.
    #[error("the strategy does not read a feed '{feed}'; leave it out")]
    FeedUnread {
        /// The feed.
        feed: String,
    },
    /// A column that a feed does not have.
    #[error("feed '{feed}' has no column '{column}'")]
    FeedColumn {
        /// The feed.
        feed: String,
        /// The column.
        column: String,
    },
    /// A price that no bar can have.
    #[error("bar {index}: {column} = {value} is not a finite price above 0")]
    Price {
        /// Position of the bar.
        index: usize,
        /// The column.
        column: &'static str,
        /// The value found there.
        value: f64,
    },
    /// A bar whose extremes do not enclose its open and close.
    #[error("bar {index}: {column} = {value} lies outside low = {low} … high = {high}")]
    BarRange {
        /// Position of the bar.
        index: usize,
        /// `open` or `close`.
        column: &'static str,
        /// Its value.
        value: f64,
        /// The bar's low.
        low: f64,
        /// The bar's high.
        high: f64,
    },
    /// A parameter or setting outside its range.
    #[error("{name} = {value} is out of range; {allowed}")]
    OutOfRange {
        /// Canonical name.
        name: &'static str,
        /// The value given.
        value: f64,
        /// The values allowed.
        allowed: &'static str,
    },
    /// A row or grid with another number of parameters than the strategy has.
    #[error("{given} parameters given, the strategy has {expected}")]
    ParameterCount {
        /// The number given.
        given: usize,
        /// How many are needed.
        expected: usize,
    },
    /// An axis of a grid without values.
    #[error("the grid has no values for parameter {parameter}; every parameter needs at least one")]
    EmptyAxis {
        /// Position in canonical order.
        parameter: usize,
    },
    /// A row of an axis with another number of values than the axis has parameters.
    #[error("axis {axis} has a row of {given} values for {expected} parameters")]
    AxisRow {
        /// Position of the axis.
        axis: usize,
        /// Values in the row.
        given: usize,
        /// Parameters of the axis.
        expected: usize,
    },
    /// A parameter on no axis, or on more than one.
    #[error("parameter {parameter} stands on {axes} axes of the grid; each stands on one")]
    AxisParameter {
        /// Position in canonical order.
        parameter: usize,
        /// How many axes have it.
        axes: usize,
    },
    /// More combinations than an index can count.
    #[error("the grid has more than 2^64 combinations; take wider steps")]
    GridTooLarge,
    /// Fewer warm-up bars than the longest lookback.
    #[error("warmup = {warmup} is shorter than the longest lookback; it needs at least {need}")]
    Warmup {
        /// The value given.
        warmup: usize,
        /// The longest lookback, in bars.
        need: usize,
    },
    /// Slice positions out of order.
    #[error(
        "a slice needs 0 < warmup < split < end <= bars, not warmup = {warmup}, split = {split}, end = {end}, bars = {bars}"
    )]
    SliceOrder {
        /// First trading bar.
        warmup: usize,
        /// First out-of-sample bar.
        split: usize,
        /// One past the last bar.
        end: usize,
        /// Number of bars.
        bars: usize,
    },
    /// A range of combinations outside the grid.
    #[error("combinations {start}..{stop} lie outside the grid, which has {len}")]
    IndexRange {
        /// First combination.
        start: u64,
        /// One past the last.
        stop: u64,
        /// Size of the grid.
        len: u64,
    },
    /// Bars out of order or of the slice, at which marks are wanted.
    #[error("at[{position}] = {bar}; the bars must ascend, from {warmup} on and before {end}")]
    MarkedBar {
        /// Position of the bar in the list.
        position: usize,
        /// The bar.
        bar: usize,
        /// First trading bar.
        warmup: usize,
        /// One past the last bar.
        end: usize,
    },
    /// A label outside the labels that there are.
    #[error("bar {bar} has label {label}; labels of trading bars are 0..{count}")]
    Label {
        /// Position of the bar.
        bar: usize,
        /// Its label.
        label: i64,
        /// Number of labels.
        count: usize,
    },
    /// Labels that do not cover the history.
    #[error("{given} labels given for {expected} bars; there is one a bar")]
    LabelLength {
        /// The number given.
        given: usize,
        /// Number of bars.
        expected: usize,
    },
    /// Classes of moves that do not cover the history.
    #[error("{given} classes given for {expected} bars; there is one a bar")]
    ClassLength {
        /// The number given.
        given: usize,
        /// Number of bars.
        expected: usize,
    },
    /// Dated parameter sets out of order.
    #[error("parameter set {set} holds from bar {bar} on; {allowed}")]
    DatedSet {
        /// Position of the set.
        set: usize,
        /// The bar it is given for.
        bar: usize,
        /// The values allowed.
        allowed: &'static str,
    },
    /// A sweep without a phase, where figures of one are wanted.
    #[error("there is no phase to compute")]
    NoPhase,
    /// Something that an engine cannot do.
    #[error("the {engine} engine cannot: {reason}")]
    Lacks {
        /// The engine.
        engine: &'static str,
        /// Why.
        reason: String,
    },
    /// Any other error of a strategy outside this crate.
    #[error("{0}")]
    Strategy(String),
    /// An interrupt of the user's, seen while a strategy outside this crate was asked.
    #[error("interrupted")]
    Interrupted,
    /// A value that cannot be ranked.
    #[error("value {index} = {value} cannot be ranked; a distribution takes finite values above 0")]
    NotRankable {
        /// Position in the input.
        index: usize,
        /// The value.
        value: f32,
    },
    /// Instructions that the processor lacks.
    #[error(
        "WFO_SIMD = '{name}' {}; this processor has: {}",
        if *known { "asks for instructions that this processor does not have" }
        else { "is no instruction tier" },
        here.join(", ")
    )]
    Tier {
        /// The tier requested.
        name: String,
        /// Whether there is such a tier.
        known: bool,
        /// The tiers that the processor has.
        here: Vec<&'static str>,
    },
    /// More equal values than a counter holds.
    #[error("more than 2^32 values lie within one part in 2,048 of one another, too many to rank")]
    DistributionFull,
    /// Columns of a block that do not have one length.
    #[error("phase {phase}: '{column}' has {len} combinations, 'is_pnl' of phase 1 has {expected}")]
    BlockLength {
        /// The phase, counted from 1.
        phase: usize,
        /// The column that differs.
        column: &'static str,
        /// Its length.
        len: usize,
        /// The length of the first one.
        expected: usize,
    },
    /// A block or ranks of another number of phases.
    #[error("{given} phases given where there are {expected}")]
    BlockPhases {
        /// The number given.
        given: usize,
        /// How many are needed.
        expected: usize,
    },
    /// A number that counts something, outside its range.
    #[error("{name} = {value} is out of range; {allowed}")]
    CountRange {
        /// Canonical name.
        name: &'static str,
        /// The value given.
        value: u64,
        /// The values allowed.
        allowed: &'static str,
    },
    /// Grid statistics of different things.
    #[error("the grid statistics differ in their {what}, so they cannot be added up")]
    StatisticsMismatch {
        /// What is not the same in both.
        what: &'static str,
    },
    /// Sums that no longer fit.
    #[error("more than 2^64 combinations were counted")]
    StatisticsFull,
    /// Bytes that no grid statistics were written as.
    #[error("these bytes are no grid statistics: {what}")]
    StatisticsBytes {
        /// What is wrong with them.
        what: &'static str,
    },
    /// Sums of effects over different things.
    #[error("the sums differ in their {what}, so they cannot be added up")]
    SumsMismatch {
        /// What is not the same in both.
        what: &'static str,
    },
    /// More combinations than a grid has.
    #[error("more combinations were added than the {len} that the grid has")]
    SumsFull {
        /// Size of the grid.
        len: u64,
    },
    /// Bytes that no sums of effects were written as.
    #[error("these bytes are no sums of effects: {what}")]
    SumsBytes {
        /// What is wrong with them.
        what: &'static str,
    },
    /// Bytes that no optimization profile was written as.
    #[error("these bytes are no optimization profile: {what}")]
    ProfileBytes {
        /// What is wrong with them.
        what: &'static str,
    },
    /// Bytes that no sketch of outcomes was written as.
    #[error("these bytes are no sketch of outcomes: {what}")]
    SketchBytes {
        /// What is wrong with them.
        what: &'static str,
    },
    /// Bytes that are no whole records.
    #[error("{len} bytes are no whole records, which have {size} bytes each")]
    Records {
        /// The number of bytes given.
        len: usize,
        /// Size of a record.
        size: usize,
    },
}
