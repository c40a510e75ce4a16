//! Crowds: all cells and phases of a row on one way, for strategies with entry modes.
//!
//! What the modes, the veto and a phase's dates change about a combination, they change rarely. On
//! daily bars of ten years, the 288 walks that a row makes with one entry (72 cells, four phases)
//! take some 28,000 trades, but these are only about 900 different ones: walks that have come to the
//! same state in the same bar go on alike until something that they do not share decides. So the
//! walks move as a crowd. A state is a place: flat since a bar, or long or short since a bar. Places
//! are visited in order of their bars, each of them once, when every walk that ever comes there is
//! there, since a trade leads to a later bar only. There one look at the maps tells where each part
//! of the crowd goes next, and what the trade does to its books; and the books of a part are entered
//! together, with the same few numbers, eight walks at a time. No walk waits for a look-up of its
//! own, and none has to guess.
//!
//! A walk is a bit in a [`Crowd`], and stays that bit. The phases of the walks take turns: a *slot*
//! has a bit for every cell, and serves phases that do not overlap one after the other.
//!
//! Where a trade lies across a cut, the end of an in-sample part or of a phase, the walks of that
//! phase leave the common way for a moment and mark what they hold.
//!
//! Why the result is exact: the parts of a crowd are told apart by the same moments that plain walks
//! compare ([`walk`](super::walk)). The books of a walk see its own trades alone, in their order and
//! by the same operations, whoever goes along; so they depend on nothing but the combination. What
//! may have been a ruin is left to the plain walks.

mod resume;

use std::ops::Range;

pub(super) use self::resume::{Held, march_bytes};
use super::layout::{Item, Layout};
use super::maps::{Map, Moment, Watch, bar, nearer};
use super::market::{Market, Shut};
use super::rows::Row;
use super::stretches::max;
use super::terms::{
    Exit, FADED, Holds, Long, NEARLY_RUINED, Order, RISKY_FALL, RISKY_RISE, Short, Side, Terms,
};
use super::walk::{self, Span, Ways};
use super::{Scratch, Sweep};
use crate::figures::{Cells, Columns};
use crate::strategies::atr_d::params::{BothTriggered, Entry, EntryMode};

/// Words of a crowd: as many bits as a register of AVX2 has.
const WORDS: usize = 4;
/// Walks that a crowd can hold.
const WALKS: usize = 64 * WORDS;
/// Walks whose books are entered at once.
const GROUP: usize = 8;

/// Most rows in a tile: what an entry costs is shared by them, and the results of a row take
/// megabytes.
pub(super) const TILE_ROWS: usize = 40;
/// Fewest cells of a row in a tile, so that its stops are worth building.
pub(super) const TILE_CELLS: usize = 8192;
/// What the sells of a batch may take.
const BATCH_BYTES: usize = 256 << 20;

/// Bytes of what a worker holds of entries, by bar: a buy and what it makes of shorts, with the
/// places where crowds wait.
const PLACES_BYTES: usize = (4 + 8 + 16) + 32 + KINDS * size_of::<Place>() + 1 + 4 + 1 + 8 + 4;
/// Bytes of a gate's sell, by bar, if no two gates ever sell at the same moment.
const SELL_BYTES: usize = 12 + 8 + size_of::<Sell>();

/// A set of walks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(align(32))]
struct Crowd([u64; WORDS]);

impl Crowd {
    fn of(walks: impl IntoIterator<Item = usize>) -> Self {
        let mut crowd = Self::default();
        walks.into_iter().for_each(|walk| crowd.0[walk / 64] |= 1 << (walk % 64));
        crowd
    }

    #[inline(always)]
    fn is_empty(&self) -> bool {
        self.0.iter().fold(0, |any, word| any | word) == 0
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a & e, b & f, c & g, d & h])
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a | e, b | f, c | g, d | h])
    }

    #[inline(always)]
    fn without(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a & !e, b & !f, c & !g, d & !h])
    }

    /// The members of a group.
    #[inline(always)]
    fn members(&self, group: usize) -> u64 {
        self.0[group / 8] >> (group % 8 * 8) & 0xff
    }

    fn has(&self, walk: usize) -> bool {
        self.0[walk / 64] >> (walk % 64) & 1 == 1
    }

    /// Every group that has a member, with its members.
    #[inline(always)]
    fn groups(self) -> Groups {
        let [a, b, c, d] = self.0;
        Groups { crowd: self, found: used_bytes(a, b) | used_bytes(c, d) << 16 }
    }
}

/// Which bytes of two words are not 0.
#[inline(always)]
fn used_bytes(a: u64, b: u64) -> u32 {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{
            _mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x, _mm_setzero_si128,
        };
        #[expect(unsafe_code, reason = "three instructions, where the portable way takes twenty")]
        // SAFETY: the baseline of the architecture has these.
        let empty = unsafe {
            let bytes = _mm_set_epi64x(b.cast_signed(), a.cast_signed());
            _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_setzero_si128()))
        };
        !empty.cast_unsigned() & 0xffff
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let used = |word: u64| {
            // Whether a byte has a bit, in its lowest one; the product gathers these.
            let mut any = word | word >> 4;
            any |= any >> 2;
            any = (any | any >> 1) & 0x0101_0101_0101_0101;
            (any.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
        };
        used(a) | used(b) << 8
    }
}

/// The groups of a crowd that have a member.
struct Groups {
    crowd: Crowd,
    found: u32,
}

impl Iterator for Groups {
    type Item = (usize, u64);

    #[inline(always)]
    fn next(&mut self) -> Option<(usize, u64)> {
        if self.found == 0 {
            return None;
        }
        let group = self.found.trailing_zeros() as usize % (WALKS / GROUP);
        self.found &= self.found - 1;
        Some((group, self.crowd.members(group)))
    }
}

/// The books of some walks.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Group {
    equity: [f64; GROUP],
    /// Shares of the open position; owed ones are negative.
    shares: [f64; GROUP],
    peak: [f64; GROUP],
    drawdown: [f64; GROUP],
    trades: [u64; GROUP],
    is_pnl: [f64; GROUP],
    is_dd: [f64; GROUP],
    is_trades: [u64; GROUP],
}

/// By members of half a group, all bits where a walk is one of them.
///
/// Arithmetic on members would come to the same, but compilers see through it, and break up the
/// loops over a group that are to become vector instructions.
static MASKS: [[u64; GROUP / 2]; 1 << (GROUP / 2)] = {
    let mut masks = [[0; GROUP / 2]; 1 << (GROUP / 2)];
    let mut at = 0;
    while at < masks.len() * GROUP / 2 {
        let (members, i) = (at / (GROUP / 2), at % (GROUP / 2));
        masks[members][i] = if members >> i & 1 == 1 { u64::MAX } else { 0 };
        at += 1;
    }
    masks
};

#[inline(always)]
fn each<T: Copy + Default>(of: impl Fn(usize) -> T) -> [T; GROUP] {
    let mut all = [T::default(); GROUP];
    for (i, one) in all.iter_mut().enumerate() {
        *one = of(i);
    }
    all
}

#[inline(always)]
fn masks(members: u64) -> [u64; GROUP] {
    let half = |members: u64| &MASKS[members as usize % MASKS.len()];
    let (first, second) = (half(members), half(members >> (GROUP / 2)));
    each(|i| if i < GROUP / 2 { first[i] } else { second[i - GROUP / 2] })
}

/// `new` where the mask is set, or else `old`.
#[inline(always)]
fn pick(mask: u64, new: f64, old: f64) -> f64 {
    f64::from_bits(new.to_bits() & mask | old.to_bits() & !mask)
}

// Everything is read before anything is written, and whole: or else no compiler makes vector
// instructions of it.
impl Group {
    /// Notes the shares of positions of `rate` shares a unit.
    #[inline(always)]
    fn open(&mut self, members: u64, rate: f64) {
        let (masks, equity, shares) = (masks(members), self.equity, self.shares);
        self.shares = each(|i| pick(masks[i], equity[i] * rate, shares[i]));
    }

    /// What a walk's equity, peak and drawdown become by an exit.
    #[inline(always)]
    fn after<S: Side>(&self, i: usize, rate: f64, exit: &Exit, aside: f64) -> (f64, f64, f64) {
        let shares = if rate.is_nan() { self.shares[i] } else { self.equity[i] * rate };
        let (peak, base) = (self.peak[i], self.equity[i] * aside);
        let worth = |price: f64| if S::SHORT { base + shares * price } else { shares * price };
        let below = max(peak - worth(exit.worst), shares * exit.against);
        (worth(exit.net), max(peak, worth(exit.best)), max(self.drawdown[i], below))
    }

    /// Closes positions, all of `rate` shares a unit unless they are `MIXED`; `aside` is the equity
    /// that is not in shares while a unit is held.
    #[inline(always)]
    fn close<S: Side, const MIXED: bool, const COUNTS: bool>(
        &mut self,
        members: u64,
        rate: f64,
        exit: &Exit,
        aside: f64,
    ) {
        let masks = masks(members);
        let Exit { worst, best, against, net } = *exit;
        let Self { equity, peak, drawdown, trades, .. } = *self;
        let shares: [f64; GROUP] = if MIXED { self.shares } else { each(|i| equity[i] * rate) };
        let base: [f64; GROUP] = each(|i| equity[i] * aside);
        let worth = |i: usize, price: f64| {
            if S::SHORT { base[i] + shares[i] * price } else { shares[i] * price }
        };
        let below: [f64; GROUP] = each(|i| max(peak[i] - worth(i, worst), shares[i] * against));
        let low: [f64; GROUP] = each(|i| max(drawdown[i], below[i]));
        self.equity = each(|i| pick(masks[i], worth(i, net), equity[i]));
        self.peak = each(|i| pick(masks[i], max(peak[i], worth(i, best)), peak[i]));
        self.drawdown = each(|i| pick(masks[i], low[i], drawdown[i]));
        if COUNTS {
            self.trades = each(|i| trades[i].wrapping_sub(masks[i]));
        }
    }

    /// Ends the in-sample part: marks a position, if there is one, and begins to count afresh.
    #[inline(always)]
    fn turn<S: Side>(&mut self, members: u64, position: Option<(f64, &Exit, f64)>, capital: f64) {
        let masks = masks(members);
        let old = *self;
        let marked: [(f64, f64); GROUP] = each(|i| match position {
            Some((rate, exit, aside)) => {
                let (equity, _, drawdown) = old.after::<S>(i, rate, exit, aside);
                (equity, drawdown)
            }
            None => (old.equity[i], old.drawdown[i]),
        });
        self.is_pnl = each(|i| pick(masks[i], marked[i].0 - capital, old.is_pnl[i]));
        self.is_dd = each(|i| pick(masks[i], marked[i].1, old.is_dd[i]));
        self.is_trades = each(|i| old.trades[i] & masks[i] | old.is_trades[i] & !masks[i]);
        self.peak = each(|i| pick(masks[i], marked[i].0, old.peak[i]));
        self.drawdown = each(|i| pick(masks[i], 0.0, old.drawdown[i]));
        self.trades = each(|i| old.trades[i] & !masks[i]);
    }
}

/// A phase and the slot that it takes.
#[derive(Debug, Clone, Copy)]
struct Seat {
    phase: usize,
    slot: usize,
    span: Span,
}

/// Phases that go together.
#[derive(Debug)]
struct Run {
    /// In order of their first bars.
    seats: Vec<Seat>,
    /// Where in-sample parts and phases end, in order.
    cuts: Vec<u32>,
}

/// Some gates, and which walks are whose.
#[derive(Debug, Default)]
struct Batch {
    /// The first gate, and how many.
    first: usize,
    gates: usize,
    /// Walks of a slot.
    cells: usize,
    slots: Vec<Crowd>,
    by_gate: Vec<Crowd>,
    /// Walks in which a buy turns a short into a long.
    buys_turn: Crowd,
    /// Walks in which a sell turns a long into a short, too.
    sells_turn: Crowd,
    both_fill: Crowd,
}

impl Batch {
    fn gates(&self) -> Range<usize> {
        self.first..self.first + self.gates
    }

    /// Mode, gate and both-triggered mode of a cell, the gate counted from the first one.
    fn cell(&self, cell: usize, layout: &Layout) -> (usize, usize, usize) {
        let boths = layout.boths.len();
        (cell / boths / self.gates, cell / boths % self.gates, cell % boths)
    }
}

/// How the cells and phases of a sweep form crowds.
#[derive(Debug)]
pub(super) struct Plan {
    runs: Vec<Run>,
    batches: Vec<Batch>,
}

impl Plan {
    /// Seats all phases, and at most `most` gates at a time.
    fn new(
        spans: &[Span],
        gates: usize,
        most: usize,
        (modes, boths): (&[EntryMode], &[BothTriggered]),
    ) -> Self {
        let mut order: Vec<usize> = (0..spans.len()).collect();
        order.sort_by_key(|&phase| spans[phase].start);
        // By slot, when it is free again.
        let mut free: Vec<u32> = Vec::new();
        let mut seats = Vec::new();
        for phase in order {
            let span = spans[phase];
            let slot = free.iter().position(|&end| end <= span.start).unwrap_or(free.len());
            free.resize(free.len().max(slot + 1), 0);
            free[slot] = span.end;
            seats.push(Seat { phase, slot, span });
        }
        // The way of fewest crowds, and among these the one of most phases in a crowd.
        let each = modes.len() * boths.len();
        let fits = |slots: usize| (WALKS / (slots * each)).min(most).min(gates).min(64);
        let (_, slots) = (1..=free.len().max(1))
            .filter(|&slots| fits(slots) > 0)
            .map(|slots| (free.len().div_ceil(slots) * gates.div_ceil(fits(slots)), slots))
            .min_by_key(|&(crowds, slots)| (crowds, usize::MAX - slots))
            .unwrap_or((0, 0));
        if slots == 0 {
            return Self::of_plain_walks(gates, each);
        }
        let runs = (0..free.len().div_ceil(slots)).map(|run| {
            let mine = seats.iter().filter(|seat| seat.slot / slots == run);
            let seats: Vec<Seat> =
                mine.map(|seat| Seat { slot: seat.slot % slots, ..*seat }).collect();
            let mut cuts: Vec<u32> =
                seats.iter().flat_map(|seat| [seat.span.split, seat.span.end]).collect();
            cuts.sort_unstable();
            Run { seats, cuts }
        });
        // Batches of about one size.
        let size = gates.div_ceil(gates.div_ceil(fits(slots)));
        let batches = (0..gates).step_by(size).map(|first| {
            let gates = size.min(gates - first);
            let cells = each * gates;
            let some = |wanted: &dyn Fn(usize, usize, usize) -> bool| {
                Crowd::of((0..slots * cells).filter(|walk| {
                    let cell = walk % cells;
                    let (mode, gate) = (cell / boths.len() / gates, cell / boths.len() % gates);
                    wanted(mode, gate, cell % boths.len())
                }))
            };
            Batch {
                first,
                gates,
                cells,
                slots: (0..slots).map(|s| Crowd::of(s * cells..(s + 1) * cells)).collect(),
                by_gate: (0..gates).map(|wanted| some(&|_, gate, _| gate == wanted)).collect(),
                buys_turn: some(&|mode, _, _| modes[mode] >= EntryMode::LongPriority),
                sells_turn: some(&|mode, _, _| modes[mode] == EntryMode::FullReversal),
                both_fill: some(&|_, _, both| boths[both] == BothTriggered::BothFill),
            }
        });
        Self { runs: runs.collect(), batches: batches.collect() }
    }

    /// No crowds: gates one by one, all of whose walks are plain.
    fn of_plain_walks(gates: usize, cells: usize) -> Self {
        let batch = |first| Batch { first, gates: 1, cells, ..Batch::default() };
        Self { runs: Vec::new(), batches: (0..gates).map(batch).collect() }
    }

    /// The crowds of a sweep.
    pub fn of(layout: &Layout, market: &Market, bars: usize) -> Self {
        let Layout { gates, modes, boths, .. } = layout;
        if !market.compounds() {
            return Self::of_plain_walks(gates.len(), modes.len() * boths.len());
        }
        let most = (BATCH_BYTES / (SELL_BYTES * bars.max(1))).clamp(1, WALKS);
        Self::new(&market.spans, gates.len(), most, (modes, boths))
    }

    /// Bytes of what a worker holds beside stops, by bar.
    pub fn worker_bytes(&self) -> usize {
        let gates = self.batches.iter().map(|batch| batch.gates).max().unwrap_or(0);
        PLACES_BYTES + gates * SELL_BYTES
    }
}

/// A sell as some gates allow it.
#[derive(Debug, Clone, Copy)]
struct Sell {
    moment: Moment,
    fill: f64,
    /// Shares that a unit of equity opens, negative.
    rate: f64,
    /// The walks behind these gates.
    crowd: Crowd,
}

/// The sells of some gates, by the bar since which they are followed.
///
/// What a gate hides is a touch, not a level: of two gates that let the same bar pass, both sell at
/// the same fill. So all gates are listed in one pass over the bars. What a bar reaches are the
/// levels of the oldest starts, whether or not they wait; so the starts that still wait behind a
/// gate are those from some bar on, and a gate is told by that bar.
#[derive(Debug, Default)]
struct Sells {
    /// By bar, when the first sell since it comes. It mostly comes too late to matter, and the list
    /// is not looked at.
    firsts: Vec<Moment>,
    /// By bar, how many sells there are.
    counts: Vec<u8>,
    /// By bar, with room for one sell a gate: when they come and where they stand in the list, the
    /// earliest first.
    rows: Vec<(Moment, u32)>,
    list: Vec<Sell>,
    /// By bar, the gates that let it pass.
    open: Vec<u64>,
    /// By gate, the oldest start that still waits.
    waiting: Vec<u32>,
    stack: Vec<u32>,
}

impl Sells {
    /// Notes when the gates of a batch are open.
    #[inline(always)]
    fn set_gates(&mut self, sweep: &Sweep, batch: &Batch, buffer: &mut Vec<f64>) {
        let bars = sweep.market.len();
        self.open.clear();
        self.open.resize(bars + 1, 0);
        for (i, gate) in sweep.layout.gates[batch.gates()].iter().enumerate() {
            // No price matters to a veto.
            let gate = Shut::new(&sweep.task.shared.series, gate, sweep.layout.methods[0]);
            buffer.clear();
            buffer.resize(bars, 0.0);
            gate.apply(false, &sweep.market.bars, buffer);
            // A distance is known a bar before it holds.
            for (open, distance) in self.open[1..].iter_mut().zip(&*buffer) {
                *open |= u64::from(*distance < f64::INFINITY) << i;
            }
        }
    }

    /// Lists the sells of an order.
    #[inline(always)]
    fn set(&mut self, sweep: &Sweep, sell: &Entry, batch: &Batch, buffer: &mut Vec<f64>) {
        let bars = sweep.market.len();
        self.firsts.clear();
        self.firsts.resize(bars, Moment::MAX);
        self.counts.clear();
        self.counts.resize(bars, 0);
        self.rows.resize(bars * batch.gates, (0, 0));
        self.list.clear();
        self.waiting.clear();
        self.waiting.resize(batch.gates, 0);
        let Self { firsts, counts, rows, list, open, waiting, stack } = self;
        let mut watch = Listing {
            terms: &sweep.market.terms,
            batch,
            firsts,
            counts,
            rows,
            list,
            open,
            waiting,
        };
        sweep.market.watch_sell(&sweep.task.shared.series, sell, buffer, stack, &mut watch);
    }

    /// Sells since `s`, if the first one comes no later than `last`.
    #[inline(always)]
    fn since(&self, s: usize, last: Moment) -> &[(Moment, u32)] {
        if self.firsts[s] > last {
            return &[];
        }
        let room = self.rows.len() / self.counts.len();
        &self.rows[s * room..s * room + usize::from(self.counts[s])]
    }
}

/// The oldest start before bar `t` that waits at one of the gates that are open.
#[inline(always)]
fn oldest_waiting(mut open: u64, waiting: &[u32], t: usize) -> Option<usize> {
    let mut oldest = t as u32;
    while open != 0 {
        oldest = oldest.min(waiting[open.trailing_zeros() as usize]);
        open &= open - 1;
    }
    ((oldest as usize) < t).then_some(oldest as usize)
}

/// Sells that are being listed.
struct Listing<'a> {
    terms: &'a Terms,
    batch: &'a Batch,
    firsts: &'a mut [Moment],
    counts: &'a mut [u8],
    rows: &'a mut [(Moment, u32)],
    list: &'a mut Vec<Sell>,
    open: &'a [u64],
    waiting: &'a mut [u32],
}

impl Watch for Listing<'_> {
    #[inline(always)]
    fn oldest(&self, t: usize) -> Option<usize> {
        oldest_waiting(self.open[t], self.waiting, t)
    }

    #[inline(always)]
    fn reached(&mut self, t: usize, starts: Range<usize>, moment: Moment, fill: f64) {
        let (open, end) = (self.open[t], starts.end as u32);
        let rate = self.terms.rate::<Short>(fill);
        let mut from = starts.start as u32;
        while from < end {
            // Up to where the same gates wait.
            let (mut crowd, mut to, mut left) = (Crowd::default(), end, open);
            while left != 0 {
                let gate = left.trailing_zeros() as usize;
                left &= left - 1;
                if self.waiting[gate] <= from {
                    crowd = crowd.or(self.batch.by_gate[gate]);
                } else {
                    to = to.min(self.waiting[gate]);
                }
            }
            let at = self.list.len() as u32;
            self.list.push(Sell { moment, fill, rate, crowd });
            for s in from as usize..to as usize {
                let count = usize::from(self.counts[s]);
                if count == 0 {
                    self.firsts[s] = moment;
                }
                self.rows[s * self.waiting.len() + count] = (moment, at);
                self.counts[s] += 1;
            }
            from = to;
        }
        let mut left = open;
        while left != 0 {
            let waiting = &mut self.waiting[left.trailing_zeros() as usize];
            *waiting = end.max(*waiting);
            left &= left - 1;
        }
    }
}

/// Places where crowds wait.
const FLAT: usize = 0;
const LONG: usize = 1;
const SHORT: usize = 2;
const KINDS: usize = 3;
/// Bits of a bar among those that say where someone waits.
const BAR_BITS: usize = 4;

/// Who waits at a place.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Place {
    crowd: Crowd,
    /// Of a position, the shares that a unit of equity has opened; NaN where they differ, and each
    /// walk's own stand in its books. They are mostly the same: what leads to a position since a bar
    /// is mostly one touch.
    rate: f64,
}

/// What a worker reuses from crowd to crowd.
#[derive(Debug, Default)]
struct Walks {
    groups: Vec<Group>,
    /// What stands at a place that is not taken, means nothing.
    places: Vec<Place>,
    /// Where someone waits; nowhere between two crowds.
    taken: Vec<u64>,
    /// What a phase comes to, by cell.
    figures: Option<Columns>,
}

impl Walks {
    pub fn resize(&mut self, bars: usize) {
        self.groups.resize(WALKS / GROUP, Group::default());
        self.places.resize(KINDS * bars, Place::default());
        self.taken.resize((BAR_BITS * bars).div_ceil(64), 0);
        self.figures.get_or_insert_with(|| Columns::unwritten(WALKS));
    }
}

/// What a worker reuses from tile to tile.
#[derive(Debug, Default)]
pub(super) struct Crowds {
    /// The buy, where they are not kept, and what it makes of a short.
    buy: Order,
    buy_exits: Vec<Exit>,
    sells: Sells,
    walks: Walks,
    plain: Plain,
}

/// What plain walks need beside the maps of a crowd.
#[derive(Debug, Default)]
struct Plain {
    /// Sells by gate of the batch, where they have been asked for.
    sells: Vec<Option<Map>>,
    distance: Vec<f64>,
    trades: Vec<walk::Trade>,
}

impl Sweep {
    /// Walks all combinations of some rows and entries.
    #[inline(always)]
    pub(super) fn walk_crowds(
        &self,
        plan: &Plan,
        rows: &mut [Row<Cells<'_>>],
        entries: Range<usize>,
        holds: &[Holds],
        scratch: &mut Scratch,
    ) {
        let Layout { prices, multipliers, .. } = self.layout;
        let Scratch { crowds, distance, .. } = scratch;
        let Crowds { buy: own, buy_exits, sells, walks, plain } = crowds;
        let (terms, ways) = (&self.market.terms, self.market.ways());
        walks.resize(self.market.len());
        let phases = 0..self.market.spans.len();
        let leads: Vec<Vec<bool>> =
            rows.iter().map(|row| phases.clone().map(|phase| row.leads(phase)).collect()).collect();
        for batch in &plan.batches {
            sells.set_gates(self, batch, distance);
            for entry in entries.clone() {
                let buy = match &self.buys {
                    Some(kept) => &kept[entry],
                    None => {
                        self.buy(entry, &Shut::Never, distance, own);
                        &*own
                    }
                };
                buy_exits.clear();
                terms.exits::<Short>(&buy.map, buy_exits);
                for multiplier in 0..multipliers {
                    let item = |price| Item { entry, price, multiplier, gate: batch.first };
                    let is_wanted = |&price: &usize| {
                        batch.gates().any(|gate| self.is_wanted(rows, Item { gate, ..item(price) }))
                    };
                    let wanted: Vec<usize> = (0..prices).filter(is_wanted).collect();
                    if wanted.is_empty() {
                        continue;
                    }
                    if !plan.runs.is_empty() {
                        let sell = &self.layout.sells[entry * multipliers + multiplier];
                        sells.set(self, sell, batch, distance);
                    }
                    plain.sells.clear();
                    plain.sells.resize(batch.gates, None);
                    for price in wanted {
                        for (row, leads) in rows.iter_mut().zip(&leads) {
                            let holds = &holds[row.stops * prices + price];
                            let sells = &*sells;
                            let maps =
                                Maps { terms, buy, buy_exits, sells, holds, multiplier, ways };
                            walk(plan, batch, maps, leads, walks, &mut |done| {
                                self.write_crowd(row, item(price), batch, &done, maps, plain);
                            });
                            if plan.runs.is_empty() {
                                for phase in (0..leads.len()).filter(|&phase| leads[phase]) {
                                    for cell in 0..batch.cells {
                                        let cell = batch.cell(cell, &self.layout);
                                        self.walk_plainly(
                                            row,
                                            item(price),
                                            cell,
                                            phase,
                                            maps,
                                            plain,
                                        );
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Writes what a phase comes to in a row.
    fn write_crowd(
        &self,
        row: &mut Row<Cells<'_>>,
        item: Item,
        batch: &Batch,
        done: &Done<'_>,
        maps: Maps<'_>,
        plain: &mut Plain,
    ) {
        self.write_cells(row, item, batch, done);
        for cell in done.unsure() {
            let cell = batch.cell(cell, &self.layout);
            self.walk_plainly(row, item, cell, done.phase, maps, plain);
        }
    }

    /// Writes the figures of a phase, sure or not.
    fn write_cells(&self, row: &mut Row<Cells<'_>>, item: Item, batch: &Batch, done: &Done<'_>) {
        let Layout { boths, gates, .. } = &self.layout;
        // Cells of a mode follow each other, and those of the next mode where no gate is between.
        let run = if batch.gates == gates.len() { batch.cells } else { batch.gates * boths.len() };
        let piece = &mut row.computed;
        let cells = piece.phases[done.phase].len();
        for (mode, first) in (0..batch.cells).step_by(run).enumerate() {
            let at = self.layout.position(item, mode, 0);
            // What of the run is in the piece.
            let from = piece.first.clamp(at, at + run);
            let to = (piece.first + cells).clamp(at, at + run);
            if from < to {
                let some = first + from - at..first + to - at;
                piece.phases[done.phase].set_run(from - piece.first, done.figures, some);
            }
        }
    }

    /// Walks one phase of one cell, by the plain books.
    #[cold]
    #[inline(never)]
    fn walk_plainly(
        &self,
        row: &mut Row<Cells<'_>>,
        item: Item,
        (mode, gate, both): (usize, usize, usize),
        phase: usize,
        maps: Maps<'_>,
        plain: &mut Plain,
    ) {
        let Maps { buy, holds, multiplier, .. } = maps;
        let of = Item { gate: item.gate + gate, ..item };
        let Some(cell) = row.computed.cell(self.layout.position(of, mode, both)) else { return };
        let Plain { sells, distance, trades } = plain;
        let sell = sells[gate].get_or_insert_with(|| {
            let mut map = Map::default();
            let order = &self.layout.sells[of.entry * self.layout.multipliers + multiplier];
            let (series, gate) = (&self.task.shared.series, &self.layout.gates[of.gate]);
            let gate = Shut::new(series, gate, self.layout.methods[of.price]);
            self.market.entry(series, order, false, &gate, distance, &mut map);
            map
        });
        let buy = buy.map.touches();
        let orders = self.orders(buy, Some(sell.touches()), holds, multiplier, mode, both);
        walk::trades(&orders, self.market.spans[phase], trades);
        let figures = self.market.settled(trades, self.market.spans[phase]);
        row.computed.phases[phase].set(cell, figures);
    }
}

/// The maps that a crowd goes by.
#[derive(Debug, Clone, Copy)]
struct Maps<'a> {
    pub terms: &'a Terms,
    pub buy: &'a Order,
    /// What the buy makes of a short.
    pub buy_exits: &'a [Exit],
    pub sells: &'a Sells,
    pub holds: &'a Holds,
    /// The multiplier of the short side.
    pub multiplier: usize,
    pub ways: Ways,
}

/// A crowd on its way: through all bars, or through a window of them.
struct March<'a, const IN_WINDOW: bool> {
    maps: Maps<'a>,
    batch: &'a Batch,
    run: &'a Run,
    groups: &'a mut [Group],
    places: &'a mut [Place],
    taken: &'a mut [u64],
    figures: &'a mut Columns,
    /// The first bar that has places and rows, and one past the last one.
    first: u32,
    end: u32,
    /// Rows of a table of stops.
    rows: usize,
    /// Who goes on behind the last bar.
    waiting: &'a mut Vec<Waiting>,
    /// The first cut behind the current place.
    cut: u32,
    /// The first bar in which that changes, or a phase begins.
    event: u32,
    /// The seat that is taken next, and those that are, by slot.
    next: usize,
    seats: Vec<Option<Seat>>,
    /// Walks that a trade may have ruined.
    unsure: Crowd,
    out: &'a mut dyn FnMut(Done<'_>),
}

/// Who waits at a place behind the last bar that has places.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    since: u32,
    kind: usize,
    place: Place,
}

/// A phase that is done.
struct Done<'a> {
    pub phase: usize,
    /// By cell.
    pub figures: &'a Columns,
    unsure: Crowd,
    first: usize,
    cells: usize,
}

impl Done<'_> {
    /// Cells whose figures are not to be used.
    pub fn unsure(&self) -> impl Iterator<Item = usize> {
        let is_none = self.unsure.is_empty();
        (0..if is_none { 0 } else { self.cells }).filter(|cell| self.unsure.has(self.first + cell))
    }
}

/// Walks all cells of a batch through the phases that lead; `out` takes each phase that is done, of the
/// other ones with nothing in it.
#[inline(always)]
fn walk(
    plan: &Plan,
    batch: &Batch,
    maps: Maps<'_>,
    leads: &[bool],
    walks: &mut Walks,
    out: &mut dyn FnMut(Done<'_>),
) {
    let Walks { groups, places, taken, figures: Some(figures) } = walks else { return };
    let bars = maps.terms.closes().len();
    for run in &plan.runs {
        let march = March::<false> {
            maps,
            batch,
            run,
            groups,
            places,
            taken,
            figures,
            first: 0,
            end: bars as u32,
            rows: bars + 1,
            waiting: &mut Vec::new(),
            cut: 0,
            event: 0,
            next: 0,
            seats: vec![None; batch.slots.len()],
            unsure: Crowd::default(),
            out,
        };
        march.go(leads);
    }
}

impl<const IN_WINDOW: bool> March<'_, IN_WINDOW> {
    #[inline(always)]
    fn go(mut self, leads: &[bool]) {
        let Some(first) = self.run.seats.first() else { return };
        for seat in self.run.seats.iter().filter(|seat| leads[seat.phase]) {
            self.send(self.batch.slots[seat.slot], seat.span.start);
        }
        self.go_on(BAR_BITS * first.span.start as usize / 64);
        for slot in 0..self.seats.len() {
            self.rise(slot);
        }
    }

    /// Visits all places from a word of the marks on.
    #[inline(always)]
    fn go_on(&mut self, first: usize) {
        for at in first..self.taken.len() {
            loop {
                let word = self.taken[at];
                if word == 0 {
                    break;
                }
                self.taken[at] = word & (word - 1);
                let bit = 64 * at + word.trailing_zeros() as usize;
                let (row, kind) = (bit / BAR_BITS, bit % BAR_BITS);
                let s = if IN_WINDOW { row + self.first as usize } else { row };
                if s as u32 >= self.event {
                    self.pass(s as u32);
                }
                let Place { crowd, rate } = self.places[KINDS * row + kind];
                match kind {
                    FLAT => self.flat(crowd, s),
                    LONG => self.long(crowd, s, rate),
                    _ => self.short(crowd, s, rate),
                }
            }
        }
    }

    /// The row of a bar.
    #[inline(always)]
    fn row(&self, s: usize) -> usize {
        if IN_WINDOW { s - self.first as usize } else { s }
    }

    /// Has a crowd wait behind the last bar that has places.
    #[cold]
    #[inline(never)]
    fn wait_behind(&mut self, crowd: Crowd, kind: usize, since: u32, rate: f64) {
        self.waiting.push(Waiting { since, kind, place: Place { crowd, rate } });
    }

    /// Has a crowd wait flat since `s`.
    #[inline(always)]
    fn send(&mut self, crowd: Crowd, s: u32) {
        if IN_WINDOW && s >= self.end {
            self.wait_behind(crowd, FLAT, s, 0.0);
            return;
        }
        let row = self.row(s as usize);
        let is_first = self.mark(row, FLAT);
        let place = &mut self.places[KINDS * row + FLAT];
        place.crowd = if is_first { crowd } else { place.crowd.or(crowd) };
    }

    /// Has a crowd wait in positions since `s`.
    #[inline(always)]
    fn take(&mut self, crowd: Crowd, kind: usize, s: u32, rate: f64) {
        if IN_WINDOW && s >= self.end {
            self.wait_behind(crowd, kind, s, rate);
            return;
        }
        let row = self.row(s as usize);
        let table = if kind == LONG { 0 } else { 1 + self.maps.multiplier };
        self.maps.holds.prefetch(table * self.rows + row);
        let is_first = self.mark(row, kind);
        let place = &mut self.places[KINDS * row + kind];
        if is_first {
            *place = Place { crowd, rate };
            return;
        }
        let before = *place;
        place.crowd = before.crowd.or(crowd);
        if before.rate != rate {
            place.rate = f64::NAN;
            if !before.rate.is_nan() {
                for (group, members) in before.crowd.groups() {
                    self.groups[group].open(members, before.rate);
                }
            }
            for (group, members) in crowd.groups() {
                self.groups[group].open(members, rate);
            }
        }
    }

    /// Marks a place as taken; whether it was not.
    #[inline(always)]
    fn mark(&mut self, row: usize, kind: usize) -> bool {
        let bit = BAR_BITS * row + kind;
        let word = self.taken[bit / 64];
        self.taken[bit / 64] = word | 1 << (bit % 64);
        word >> (bit % 64) & 1 == 0
    }

    /// Seats the phases that begin by bar `s`, and looks for the next cut.
    #[cold]
    #[inline(never)]
    fn pass(&mut self, s: u32) {
        let capital = self.maps.terms.capital;
        while let Some(&seat) = self.run.seats.get(self.next).filter(|seat| seat.span.start <= s) {
            self.next += 1;
            self.rise(seat.slot);
            self.seats[seat.slot] = Some(seat);
            self.unsure = self.unsure.without(self.batch.slots[seat.slot]);
            let first = seat.slot * self.batch.cells;
            for walk in first..first + self.batch.cells {
                let (group, i) = (&mut self.groups[walk / GROUP], walk % GROUP);
                (group.equity[i], group.peak[i]) = (capital, capital);
                (group.drawdown[i], group.trades[i]) = (0.0, 0);
            }
        }
        self.cut = self.run.cuts.iter().copied().find(|&cut| cut > s).unwrap_or(u32::MAX);
        let start = self.run.seats.get(self.next).map_or(u32::MAX, |seat| seat.span.start);
        self.event = self.cut.min(start);
    }

    /// Frees a slot whose walks have all come to the end of their phase.
    #[inline(always)]
    fn rise(&mut self, slot: usize) {
        let Some(Seat { phase, .. }) = self.seats[slot].take() else { return };
        let (first, cells) = (slot * self.batch.cells, self.batch.cells);
        let capital = self.maps.terms.capital;
        for (cell, walk) in (first..first + cells).enumerate() {
            let (group, i) = (&self.groups[walk / GROUP], walk % GROUP);
            self.figures.is_pnl[cell] = group.is_pnl[i];
            self.figures.oos_pnl[cell] = group.equity[i] - capital - group.is_pnl[i];
            self.figures.is_dd[cell] = group.is_dd[i];
            self.figures.oos_dd[cell] = group.drawdown[i];
            self.figures.is_trades[cell] = group.is_trades[i] as u32;
            self.figures.oos_trades[cell] = group.trades[i] as u32;
        }
        let (figures, unsure) = (&*self.figures, self.unsure);
        (self.out)(Done { phase, figures, unsure, first, cells });
    }

    /// Those who are flat since `s`.
    #[inline(always)]
    fn flat(&mut self, mut crowd: Crowd, s: usize) {
        let Maps { buy, sells, .. } = self.maps;
        let row = self.row(s);
        let buys = buy.map.moments[row];
        for &(moment, at) in sells.since(row, buys | 3) {
            if bar(moment) > bar(buys) {
                break;
            }
            let sell = &sells.list[at as usize];
            let mut some = crowd.and(sell.crowd);
            if some.is_empty() {
                continue;
            }
            if bar(sell.moment) == bar(buys) {
                let both = some.and(self.batch.both_fill);
                if !both.is_empty() {
                    self.visit(both, s, sell);
                    crowd = crowd.without(both);
                    some = some.without(both);
                }
                // The first one cancels the other; a buy and a sell are never met on the same way.
                if sell.moment >= buys || some.is_empty() {
                    continue;
                }
            }
            crowd = crowd.without(some);
            self.open(some, s, SHORT, bar(sell.moment), sell.rate);
        }
        if !crowd.is_empty() {
            self.open(crowd, s, LONG, bar(buys), buy.rates[row]);
        }
    }

    /// Opens positions that are ordered since `s`.
    #[inline(always)]
    fn open(&mut self, mut crowd: Crowd, s: usize, kind: usize, at: u32, rate: f64) {
        if at >= self.cut {
            crowd = self.wait_over_cuts(crowd, s as u32, at);
            if crowd.is_empty() {
                return;
            }
        }
        self.take(crowd, kind, at, rate);
    }

    /// Opens and closes in one bar, where the buy and a sell since `s` both fill.
    #[inline(always)]
    fn visit(&mut self, mut crowd: Crowd, s: usize, sell: &Sell) {
        let Maps { terms, buy, .. } = self.maps;
        let at = bar(sell.moment);
        if at >= self.cut {
            crowd = self.wait_over_cuts(crowd, s as u32, at);
            if crowd.is_empty() {
                return;
            }
        }
        let done = |net| Exit { worst: net, best: net, against: 0.0, net };
        let row = self.row(s);
        if sell.moment < buy.map.moments[row] {
            let exit = done(buy.map.fills[row] * terms.paid);
            self.settle::<Short>(crowd, at, sell.rate, &exit, true);
        } else {
            self.settle::<Long>(crowd, at, buy.rates[row], &done(sell.fill * terms.got), true);
        }
        self.send(crowd, at);
    }

    /// Those who are long since `s`.
    #[inline(always)]
    fn long(&mut self, mut crowd: Crowd, s: usize, rate: f64) {
        let Maps { terms, sells, holds, ways, .. } = self.maps;
        let row = self.row(s);
        let stops = holds.moments[row];
        if !crowd.and(self.batch.sells_turn).is_empty() {
            for &(moment, at) in sells.since(row, stops) {
                if moment > stops {
                    break;
                }
                let sell = &sells.list[at as usize];
                if sell.moment == stops
                    && (stops % 4 == 0 || !nearer(sell.fill, holds.fills[row], ways.long))
                {
                    continue;
                }
                let some = crowd.and(sell.crowd).and(self.batch.sells_turn);
                if !some.is_empty() {
                    crowd = crowd.without(some);
                    let to = bar(sell.moment);
                    let closes = terms.stretches().between(s, to as usize);
                    let exit = Long::exit(closes, sell.fill * terms.got);
                    self.turn::<Long>(some, (s as u32, to), rate, &exit, sell.rate);
                }
            }
        }
        self.stop::<Long>(crowd, s as u32, rate, 0);
    }

    /// Those who are short since `s`.
    #[inline(always)]
    fn short(&mut self, mut crowd: Crowd, s: usize, rate: f64) {
        let Maps { buy, buy_exits, holds, ways, multiplier, .. } = self.maps;
        let (own, table) = (self.row(s), (1 + multiplier) * self.rows);
        let row = table + own;
        let (stops, buys) = (holds.moments[row], buy.map.moments[own]);
        if buys <= stops {
            let some = crowd.and(self.batch.buys_turn);
            let turns = buys < stops
                || (buys % 4 > 0 && nearer(buy.map.fills[own], holds.fills[row], ways.short));
            if turns && !some.is_empty() {
                crowd = crowd.without(some);
                let bars = (s as u32, bar(buys));
                self.turn::<Short>(some, bars, rate, &buy_exits[own], buy.rates[own]);
            }
        }
        self.stop::<Short>(crowd, s as u32, rate, table);
    }

    /// Closes positions since `s` at their stop, in the table that begins in row `table`.
    #[inline(always)]
    fn stop<S: Side>(&mut self, mut crowd: Crowd, s: u32, rate: f64, table: usize) {
        if crowd.is_empty() {
            return;
        }
        let Maps { holds, .. } = self.maps;
        let row = table + self.row(s as usize);
        let (to, exit) = (bar(holds.moments[row]), &holds.exits[row]);
        if to >= self.cut {
            crowd = self.settle_over_cuts::<S>(crowd, (s, to), rate, exit);
            if crowd.is_empty() {
                return;
            }
        } else {
            self.settle::<S>(crowd, s, rate, exit, holds.risky);
        }
        self.send(crowd, to);
    }

    /// Turns positions of bars `s` to `to` into ones of the other side, of rate `next`.
    #[inline(always)]
    fn turn<S: Side>(
        &mut self,
        mut crowd: Crowd,
        (s, to): (u32, u32),
        rate: f64,
        exit: &Exit,
        next: f64,
    ) {
        if to >= self.cut {
            crowd = self.settle_over_cuts::<S>(crowd, (s, to), rate, exit);
            if crowd.is_empty() {
                return;
            }
        } else {
            self.settle::<S>(crowd, s, rate, exit, true);
        }
        self.take(crowd, if S::SHORT { LONG } else { SHORT }, to, next);
    }

    #[inline(always)]
    fn aside<S: Side>(&self) -> f64 {
        if S::SHORT { 2.0 - self.maps.terms.fee } else { 0.0 }
    }

    /// Enters a trade that was opened in bar `s`.
    #[inline(always)]
    fn settle<S: Side>(&mut self, crowd: Crowd, s: u32, rate: f64, exit: &Exit, careful: bool) {
        let Terms { lows, highs, paid, got, .. } = self.maps.terms;
        // It was opened between the bar's low and its high.
        if careful
            && if S::SHORT {
                exit.net >= RISKY_RISE * lows[s as usize] * got
            } else {
                exit.net <= RISKY_FALL * highs[s as usize] * paid
            }
        {
            self.doubt::<S>(crowd, rate, exit);
        }
        let aside = self.aside::<S>();
        if rate.is_nan() {
            for (group, members) in crowd.groups() {
                self.groups[group].close::<S, true, true>(members, rate, exit, aside);
            }
        } else {
            for (group, members) in crowd.groups() {
                self.groups[group].close::<S, false, true>(members, rate, exit, aside);
            }
        }
    }

    /// Notes whom an exit may ruin.
    #[cold]
    #[inline(never)]
    fn doubt<S: Side>(&mut self, crowd: Crowd, rate: f64, exit: &Exit) {
        let aside = self.aside::<S>();
        for walk in (0..WALKS).filter(|&walk| crowd.has(walk)) {
            let (group, i) = (&self.groups[walk / GROUP], walk % GROUP);
            if group.after::<S>(i, rate, exit, aside).0 <= NEARLY_RUINED * group.equity[i] {
                self.unsure = self.unsure.or(Crowd::of([walk]));
            }
        }
    }

    /// Notes whose equity costs have eaten up, at the end of a part.
    #[inline(always)]
    fn fade(&mut self, crowd: Crowd) {
        let faded = FADED * self.maps.terms.capital;
        for (group, members) in crowd.groups() {
            for (i, equity) in self.groups[group].equity.iter().enumerate() {
                if *equity <= faded && members >> i & 1 == 1 {
                    self.unsure = self.unsure.or(Crowd::of([group * GROUP + i]));
                }
            }
        }
    }

    /// Takes those who are flat since `s` over the cuts up to bar `at`; who goes on.
    #[cold]
    #[inline(never)]
    fn wait_over_cuts(&mut self, crowd: Crowd, s: u32, at: u32) -> Crowd {
        let capital = self.maps.terms.capital;
        let mut on = crowd;
        for slot in 0..self.seats.len() {
            let some = crowd.and(self.batch.slots[slot]);
            let Some(Seat { span: Span { split, end, .. }, .. }) = self.seats[slot] else {
                continue;
            };
            if some.is_empty() {
                continue;
            }
            if s < split && at >= split {
                self.fade(some);
                for (group, members) in some.groups() {
                    self.groups[group].turn::<Long>(members, None, capital);
                }
            }
            if at >= end {
                self.fade(some);
                on = on.without(some);
            }
        }
        on
    }

    /// Enters a trade of bars `s` to `to` that lies across cuts; who goes on.
    #[cold]
    #[inline(never)]
    fn settle_over_cuts<S: Side>(
        &mut self,
        crowd: Crowd,
        (s, to): (u32, u32),
        rate: f64,
        exit: &Exit,
    ) -> Crowd {
        let Maps { terms, .. } = self.maps;
        let (capital, aside) = (terms.capital, self.aside::<S>());
        let mut on = crowd;
        for slot in 0..self.seats.len() {
            let some = crowd.and(self.batch.slots[slot]);
            let Some(Seat { span: Span { split, end, .. }, .. }) = self.seats[slot] else {
                continue;
            };
            if some.is_empty() {
                continue;
            }
            let crosses = s < split && to >= split;
            if crosses {
                self.fade(some);
                // What is held is marked at the last in-sample close, as if it ended there.
                let marked = terms.exit_at_close::<S>(s, split);
                for (group, members) in some.groups() {
                    let position = Some((rate, &marked, aside));
                    self.groups[group].turn::<S>(members, position, capital);
                }
            }
            if to >= end {
                self.fade(some);
                let rest = terms.exit_at_close::<S>(if crosses { split } else { s }, end);
                if !rate.is_nan() {
                    for (group, members) in some.groups() {
                        self.groups[group].open(members, rate);
                    }
                }
                for (group, members) in some.groups() {
                    self.groups[group].close::<S, true, false>(members, rate, &rest, aside);
                }
                on = on.without(some);
            } else if crosses {
                // A trade that ends in the first out-of-sample bar has nothing left to mark but
                // its exit, which follows the last mark.
                let closes = terms.stretches().between(split.min(to - 1) as usize, to as usize);
                self.settle::<S>(some, s, rate, &S::exit(closes, exit.net), true);
            } else {
                self.settle::<S>(some, s, rate, exit, true);
            }
        }
        on
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::direct;
    use crate::execution::settings::AccountSettings;
    use crate::execution::touches::Way;
    use crate::grid::Grid;
    use crate::market::bars::Bars;
    use crate::market::feeds::Feeds;
    use crate::market::slice::Slice;
    use crate::strategies::atr_d::factored::maps::{View, opening_of};
    use crate::strategies::atr_d::factored::tiers::Tier;
    use crate::strategies::atr_d::params::Variant;
    use crate::strategies::atr_d::{EntryStyle, Settings, Task};
    use proptest::prelude::*;
    use std::sync::Arc;

    /// Bars on a coarse grid of prices, so that touches hang on equality, extremes repeat, and prices
    /// double within a few bars, which ruins shorts.
    fn bars(len: std::ops::Range<usize>) -> impl Strategy<Value = Bars> {
        prop::collection::vec((4_u8..16, 0_u8..5, 0_u8..5, 0_u8..11), len).prop_map(|rows| {
            let mut columns: [Vec<f64>; 4] = Default::default();
            for (low, up, down, close) in rows {
                let (low, high) = (f64::from(low), f64::from(low + up + down));
                let open = low + f64::from(down);
                let close = (low + f64::from(close)).min(high);
                for (column, x) in columns.iter_mut().zip([open, high, low, close]) {
                    column.push(x / 4.0);
                }
            }
            let [open, high, low, close] = columns;
            Bars::new(open, high, low, close).expect("valid bars")
        })
    }

    fn crowd() -> impl Strategy<Value = Crowd> {
        let word = prop_oneof![Just(0_u64), any::<u64>(), (0_u32..64).prop_map(|bit| 1 << bit)];
        prop::array::uniform4(word).prop_map(Crowd)
    }

    const MODES: [EntryMode; 3] =
        [EntryMode::FlatOnly, EntryMode::LongPriority, EntryMode::FullReversal];
    const BOTHS: [BothTriggered; 2] = [BothTriggered::FirstCancels, BothTriggered::BothFill];

    proptest! {
        #[test]
        fn groups_are_where_the_members_are(crowd in crowd()) {
            let mut found = Vec::new();
            for (group, members) in crowd.groups() {
                prop_assert!(members != 0);
                let all = (0..GROUP).filter(|i| members >> i & 1 == 1);
                found.extend(all.map(|i| group * GROUP + i));
            }
            let wanted: Vec<usize> = (0..WALKS).filter(|&walk| crowd.has(walk)).collect();
            prop_assert_eq!(found, wanted);
        }

        #[test]
        fn books_are_entered_for_members_alone(
            members in 0_u64..256,
            numbers in prop::array::uniform4(prop::array::uniform8(0.5_f64..2.0)),
            rates in (0.1_f64..1.0, 0.1_f64..1.0),
            prices in prop::array::uniform4(0.5_f64..2.0),
        ) {
            let [equity, shares, peak, drawdown] = numbers;
            let books = Group { equity, shares, peak, drawdown, ..Group::default() };
            let [worst, best, against, net] = prices;
            let exit = Exit { worst, best, against, net };
            let (mut one, mut own) = (books, books);
            one.close::<Short, false, true>(members, -rates.0, &exit, 2.0);
            own.open(members, -rates.0);
            own.close::<Short, true, true>(members, f64::NAN, &exit, 2.0);
            for i in 0..GROUP {
                let is_member = members >> i & 1 == 1;
                // The contract: a short is worth what it brought, twice, less what it costs.
                let worth = |price: f64| equity[i] * 2.0 - equity[i] * rates.0 * price;
                let wanted = if is_member {
                    let fall = (peak[i] - worth(worst)).max(-equity[i] * rates.0 * against);
                    (worth(net), peak[i].max(worth(best)), drawdown[i].max(fall), 1)
                } else {
                    (equity[i], peak[i], drawdown[i], 0)
                };
                for group in [&one, &own] {
                    let found =
                        (group.equity[i], group.peak[i], group.drawdown[i], group.trades[i]);
                    prop_assert_eq!(found, wanted);
                }
            }
        }

        #[test]
        fn every_phase_has_a_seat_of_its_own(
            spans in prop::collection::vec((0_u32..50, 1_u32..9, 1_u32..9), 0..12),
            gates in 1_usize..60,
            most in 1_usize..60,
            modes in 1_usize..4,
            boths in 1_usize..3,
        ) {
            let spans: Vec<Span> = spans
                .into_iter()
                .map(|(start, a, b)| Span { start, split: start + a, end: start + a + b })
                .collect();
            let plan = Plan::new(&spans, gates, most, (&MODES[..modes], &BOTHS[..boths]));
            let mut phases: Vec<usize> =
                plan.runs.iter().flat_map(|run| &run.seats).map(|seat| seat.phase).collect();
            phases.sort_unstable();
            prop_assert_eq!(phases, (0..spans.len()).collect::<Vec<_>>());
            for run in &plan.runs {
                for (i, a) in run.seats.iter().enumerate() {
                    for b in &run.seats[i + 1..] {
                        prop_assert!(a.slot != b.slot || a.span.end <= b.span.start);
                    }
                }
            }
            let mut next = 0;
            for batch in &plan.batches {
                prop_assert_eq!(batch.first, next);
                prop_assert!(batch.gates <= most);
                next += batch.gates;
                let mut seen = Crowd::default();
                for slot in &batch.slots {
                    prop_assert!(seen.and(*slot).is_empty());
                    seen = seen.or(*slot);
                }
                let by_gate = batch.by_gate.iter().fold(Crowd::default(), |all, one| all.or(*one));
                prop_assert_eq!(by_gate, seen);
            }
            prop_assert_eq!(next, gates);
        }

        #[test]
        fn listed_sells_are_those_of_every_gate(
            bars in bars(2..50),
            distance in prop::collection::vec((0_u8..9).prop_map(|d| f64::from(d) / 4.0), 50),
            open in prop::collection::vec(0_u64..8, 50),
            follows: bool,
        ) {
            let len = bars.len();
            let way = if follows { Way::Up } else { Way::Down };
            let view = View::new(&bars, 0..len, way);
            let terms = Terms::new(bars.close(), (bars.low(), bars.high()), &AccountSettings::default());
            let spans = [Span { start: 0, split: 1, end: len as u32 }];
            let plan = Plan::new(&spans, 3, 3, (&MODES, &BOTHS));
            let mut sells = Sells {
                firsts: vec![Moment::MAX; len],
                counts: vec![0; len],
                rows: vec![(0, 0); 3 * len],
                waiting: vec![0; 3],
                ..Sells::default()
            };
            let Sells { firsts, counts, rows, list, waiting, stack, .. } = &mut sells;
            let (terms, batch, open) = (&terms, &plan.batches[0], &open[..]);
            let mut watch = Listing { terms, batch, firsts, counts, rows, list, open, waiting };
            view.reach_all(&distance, follows, stack, &mut watch);
            for gate in 0..3 {
                let hidden: Vec<f64> = (0..len)
                    .map(|t| match open.get(t + 1) {
                        Some(open) if open >> gate & 1 == 1 => distance[t],
                        _ => f64::INFINITY,
                    })
                    .collect();
                let mut map = Map::default();
                if follows { view.follow(&hidden, &mut map) } else { view.stand(&hidden, &mut map) }
                for s in 0..len {
                    let since = sells.since(s, Moment::MAX).iter().map(|&(_, at)| sells.list[at as usize]);
                    let found = since.into_iter().find(|sell| {
                        !sell.crowd.and(plan.batches[0].by_gate[gate]).is_empty()
                    });
                    let never = (opening_of(len as u32), 0.0);
                    let found = found.map_or(never, |sell| (sell.moment, sell.fill));
                    prop_assert_eq!(found, (map.moments[s], map.fills[s]), "{} since {}", gate, s);
                    let is_found = !sells.since(s, map.moments[s].min(never.0 - 1)).is_empty();
                    prop_assert!(is_found || map.moments[s] == never.0);
                }
            }
        }
    }

    fn grid() -> Grid {
        let axes = [
            vec![3.0, 9.0],
            vec![0.5, 2.5],
            vec![5.0],
            vec![1.0],
            vec![0.3],
            vec![0.4],
            vec![0.0],
            vec![3.0, 8.0],
            vec![0.2, 0.6],
            vec![2.0],
            vec![0.0, 1.0],
            vec![0.5, 1.0],
            vec![0.0, 1.0, 2.0],
            vec![2.0, 5.0],
            vec![-20.0, 0.5],
            vec![0.0, 1.0],
        ];
        Grid::of(axes.into()).expect("a grid")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn crowds_walk_as_the_direct_engine_does(
            bars in bars(90..160),
            // Many at a time, so that they take more than one crowd, and some of single bars.
            phases in prop::collection::vec((0_usize..40, 1_usize..30, 1_usize..20), 1..9),
            breakout: bool,
            costs in prop_oneof![Just(0.0), Just(0.002)],
            threads in 1_usize..3,
            window in 1_usize..80,
        ) {
            let variant = Variant::named("atr_d_ls").expect("a variant");
            let len = bars.len();
            let slices: Vec<Slice> = phases
                .into_iter()
                .map(|(start, a, b)| {
                    let warmup = (70 + start).min(len - 3);
                    let split = (warmup + a).min(len - 2);
                    Slice { warmup, split, end: (split + b).min(len) }
                })
                .collect();
            let entry_style = if breakout { EntryStyle::Breakout } else { EntryStyle::Pullback };
            let account = AccountSettings { slip: costs, fee: costs, ..AccountSettings::default() };
            let settings = Settings { entry_style, ..Settings::default() };
            let task = || {
                let feeds = Feeds::of(bars.clone(), None).expect("bars");
                let task = Task::new(variant, &feeds, grid(), account, &settings, slices.clone());
                Arc::new(task.expect("a task"))
            };
            let len = grid().len();
            let wanted = direct::Sweep::new(task()).run(0..len).expect("figures");
            let sweep = Sweep::new(task(), Tier::best()).expect("a sweep");
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let found = pool.expect("threads").install(|| sweep.run(0..len)).expect("figures");
            let windows = Sweep::with_windows(task(), Tier::best(), 1, Some(window));
            prop_assert_eq!(&windows.expect("a sweep").run(0..len).expect("figures"), &found);
            for (wanted, found) in wanted.iter().zip(&found) {
                for i in 0..len as usize {
                    let (w, f) = (wanted.at(i), found.at(i));
                    prop_assert_eq!((w.is_trades, w.oos_trades), (f.is_trades, f.oos_trades));
                    let pairs = [
                        (w.is_pnl, f.is_pnl),
                        (w.oos_pnl, f.oos_pnl),
                        (w.is_dd, f.is_dd),
                        (w.oos_dd, f.oos_dd),
                    ];
                    for (a, b) in pairs {
                        prop_assert!((a - b).abs() <= 1e-9 * a.abs().max(100_000.0), "{} {}", a, b);
                    }
                }
            }
        }
    }
}
