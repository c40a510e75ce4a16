//! A range of a flat index as boxes: products of ranges of positions on every axis.

use std::ops::Range;

/// Positions on every axis that occur in all their combinations.
pub(super) type Positions = Vec<Range<usize>>;

/// Divides a range of the index over axes of these lengths into boxes, in order.
pub(super) fn boxes(range: &Range<u64>, lengths: &[usize]) -> Vec<Positions> {
    let mut out = Vec::new();
    divide(range.clone(), lengths, &mut Vec::new(), &mut out);
    out
}

fn divide(range: Range<u64>, lengths: &[usize], before: &mut Positions, out: &mut Vec<Positions>) {
    if range.is_empty() {
        return;
    }
    let Some((_, rest)) = lengths.split_first() else {
        out.push(before.clone());
        return;
    };
    // Combinations of one position on this axis.
    let size: u64 = rest.iter().map(|&length| length as u64).product();
    let (first, last) = (range.start / size, (range.end - 1) / size);
    let is_whole =
        |position: u64| range.start <= position * size && (position + 1) * size <= range.end;
    let part = |position: u64| {
        let from = range.start.max(position * size) - position * size;
        from..range.end.min((position + 1) * size) - position * size
    };
    let mut within = |position: u64, out: &mut Vec<Positions>| {
        let own = position as usize;
        before.push(own..own + 1);
        divide(part(position), rest, before, out);
        before.pop();
    };
    let (mut from, mut to) = (first, last + 1);
    if !is_whole(first) {
        within(first, out);
        from += 1;
    }
    let is_last_apart = last > first && !is_whole(last);
    if is_last_apart {
        to -= 1;
    }
    if from < to {
        let mut whole = before.clone();
        whole.push(from as usize..to as usize);
        whole.extend(rest.iter().map(|&length| 0..length));
        out.push(whole);
    }
    if is_last_apart {
        let own = last as usize;
        before.push(own..own + 1);
        divide(part(last), rest, before, out);
        before.pop();
    }
}

/// Cuts a box along its last axis into boxes of at most so many positions on it.
pub(super) fn tiles(positions: Positions, size: usize) -> impl Iterator<Item = Positions> {
    let last = positions.last().cloned().unwrap_or(0..1);
    let starts = last.clone().step_by(size);
    starts.map(move |start| {
        let mut tile = positions.clone();
        if let Some(own) = tile.last_mut() {
            *own = start..last.end.min(start.saturating_add(size));
        }
        tile
    })
}

/// Cuts a box into about so many boxes, along the axes that come first.
pub(super) fn cut(
    positions: Positions,
    axes: impl Iterator<Item = usize>,
    pieces: usize,
) -> Vec<Positions> {
    let mut out = vec![positions];
    for axis in axes {
        let wanted = pieces.div_ceil(out.len());
        if wanted < 2 {
            break;
        }
        let halves = |own: Positions| {
            let Range { start, end } = own[axis];
            let size = (end - start).div_ceil(wanted).max(1);
            (start..end).step_by(size).map(move |from| {
                let mut piece = own.clone();
                piece[axis] = from..end.min(from + size);
                piece
            })
        };
        out = out.into_iter().flat_map(halves).collect();
    }
    out
}

/// A way through the combinations of a box.
#[derive(Debug)]
pub(super) struct Steps<'a> {
    positions: &'a Positions,
    strides: &'a [u64],
    /// Axes from slow to fast.
    order: &'a [usize],
    /// Position on every axis.
    pub digits: Vec<usize>,
    /// In the flat index.
    pub index: u64,
}

impl<'a> Steps<'a> {
    /// At the first combination.
    pub fn new(positions: &'a Positions, strides: &'a [u64], order: &'a [usize]) -> Self {
        Self::from(positions, strides, order, positions.iter().map(|own| own.start).collect())
    }

    /// At some combination, to go through some axes from their beginnings on: it is at the beginning
    /// of them.
    pub fn from(
        positions: &'a Positions,
        strides: &'a [u64],
        order: &'a [usize],
        digits: Vec<usize>,
    ) -> Self {
        let index = digits.iter().zip(strides).map(|(&d, stride)| d as u64 * stride).sum();
        Self { positions, strides, order, digits, index }
    }

    /// To the next combination; false behind the last one.
    #[inline(always)]
    pub fn advance(&mut self) -> bool {
        for &axis in self.order.iter().rev() {
            let (own, stride) = (&self.positions[axis], self.strides[axis]);
            self.digits[axis] += 1;
            self.index += stride;
            if self.digits[axis] < own.end {
                return true;
            }
            self.index -= own.len() as u64 * stride;
            self.digits[axis] = own.start;
        }
        false
    }
}

/// What a step on each axis of these lengths adds to the index.
pub(super) fn strides(lengths: &[usize]) -> Vec<u64> {
    let mut strides = vec![1; lengths.len()];
    for axis in (1..lengths.len()).rev() {
        strides[axis - 1] = strides[axis] * lengths[axis] as u64;
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn boxes_have_every_index_once(
            lengths in prop::collection::vec(1_usize..5, 1..5),
            bounds in (0_u64..700, 0_u64..700),
            turn in 0_usize..5,
        ) {
            let len: u64 = lengths.iter().map(|&length| length as u64).product();
            let (a, b) = (bounds.0 % (len + 1), bounds.1 % (len + 1));
            let range = a.min(b)..a.max(b);
            let mut order: Vec<usize> = (0..lengths.len()).collect();
            order.rotate_left(turn % lengths.len());
            let strides = strides(&lengths);
            let mut found = Vec::new();
            let cut = 1 + turn;
            let pieces = |own| super::cut(own, order.clone().into_iter(), cut);
            let all = boxes(&range, &lengths).into_iter().flat_map(pieces);
            for positions in all.flat_map(|own| tiles(own, cut)) {
                let mut steps = Steps::new(&positions, &strides, &order);
                loop {
                    let digits = steps.digits.iter().zip(&strides);
                    let wanted: u64 = digits.map(|(&d, stride)| d as u64 * stride).sum();
                    found.push((steps.index, wanted));
                    if !steps.advance() {
                        break;
                    }
                }
            }
            prop_assert!(found.iter().all(|(index, wanted)| index == wanted));
            let mut found: Vec<u64> = found.into_iter().map(|(index, _)| index).collect();
            found.sort_unstable();
            prop_assert_eq!(found, range.collect::<Vec<_>>());
        }
    }
}
