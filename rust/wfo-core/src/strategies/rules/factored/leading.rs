//! Boxes of a grid whose paths are led by tables.

use super::boxes::{Positions, Steps};
use super::cache::Cache;
use super::lockstep::{Batch, LANES, Lists, Tables};
use super::making::Entered;
use super::prepared::Prepared;
use super::tabled::{Kept, Tabled};
use super::worker::Scratch;
use super::written::Written;
use crate::engine::f64x4::F64x4;
use crate::error::Result;
use crate::execution::touches::Way;
use crate::figures::Figures;

impl Tabled {
    /// Computes a box.
    ///
    /// # Errors
    /// A combination that the program refuses.
    #[inline(always)]
    pub fn run<V: F64x4>(
        &self,
        of: (&Prepared, &[u64]),
        positions: &Positions,
        buffers: (&mut Option<Kept>, &mut Scratch),
        written: &Written<'_>,
    ) -> Result<()> {
        match self.exits.len() {
            1 => self.run_with::<V, 1>(of, positions, buffers, written),
            2 => self.run_with::<V, 2>(of, positions, buffers, written),
            _ => self.run_with::<V, 3>(of, positions, buffers, written),
        }
    }

    #[inline(always)]
    fn run_with<V: F64x4, const EXITS: usize>(
        &self,
        (prepared, strides): (&Prepared, &[u64]),
        positions: &Positions,
        (tables, scratch): (&mut Option<Kept>, &mut Scratch),
        written: &Written<'_>,
    ) -> Result<()> {
        let kept = tables.get_or_insert_with(|| self.kept());
        let of = (prepared, strides);
        let most = self.most_entries;
        let mut entered = Vec::new();
        let mut shared = Steps::new(positions, strides, &self.shared);
        loop {
            let start = shared.digits.clone();
            let mut inner = Steps::from(positions, strides, &self.inner, start.clone());
            let mut is_more = true;
            while is_more {
                entered.clear();
                kept.entries.begin_round();
                kept.rows.begin_round();
                while is_more && entered.len() < most {
                    entered.push(self.entered(prepared, &inner, kept, scratch)?);
                    is_more = inner.advance();
                }
                let from = (start.as_slice(), entered.as_slice());
                self.exits::<V, EXITS>(of, positions, from, (kept, scratch), written)?;
            }
            if !shared.advance() {
                break;
            }
        }
        Ok(())
    }

    /// Goes through the exits of a box, with some entries.
    #[inline(always)]
    fn exits<V: F64x4, const EXITS: usize>(
        &self,
        (prepared, strides): (&Prepared, &[u64]),
        positions: &Positions,
        (start, entered): (&[usize], &[Entered]),
        (kept, scratch): (&mut Kept, &mut Scratch),
        written: &Written<'_>,
    ) -> Result<()> {
        let phases = prepared.slices().len();
        let most = self.tile(phases);
        let mut outer = Steps::from(positions, strides, &self.outer, start.to_vec());
        let base = outer.index;
        let mut falls = [false; EXITS];
        for (falls, exit) in falls.iter_mut().zip(&self.exits) {
            *falls = exit.way == Way::Down;
        }
        let mut is_more = true;
        while is_more {
            let mut tile: Vec<(u64, [usize; EXITS])> = Vec::with_capacity(most);
            kept.exits.iter_mut().for_each(Cache::begin_round);
            while is_more && tile.len() < most {
                let mut places = [0; EXITS];
                for (exit, place) in places.iter_mut().enumerate() {
                    *place = self.exit::<V>(prepared, exit, &outer.digits, kept, scratch)?;
                }
                tile.push((outer.index - base, places));
                is_more = outer.advance();
            }
            let Kept { rows, entries, exits } = &*kept;
            let paths: Vec<Tables<'_, EXITS>> = tile
                .iter()
                .flat_map(|(_, places)| (0..phases).map(move |phase| (places, phase)))
                .map(|(places, phase)| Tables {
                    exits: std::array::from_fn(|exit| exits[exit].at(places[exit])),
                    slice: prepared.slices()[phase],
                    boundaries: &prepared.boundaries[phase],
                })
                .collect();
            let batches = paths.chunks(LANES).map(|paths| Batch::new(paths, falls));
            let mut batches: Vec<Batch<'_, EXITS>> = batches.collect();
            let mut lists = Lists::default();
            let mut figures = [(Figures::NONE, true); LANES];
            for entered in entered {
                let (own, rows) = (entries.at(entered.entries), rows.at(entered.rows));
                for (batch, first) in batches.iter_mut().zip((0..).step_by(LANES)) {
                    batch.lead(own, rows);
                    batch.run::<V>(&prepared.per_unit, &mut lists, &mut figures);
                    for (path, &(mut figures, may_be_ruined)) in (first..paths.len()).zip(&figures)
                    {
                        let (combination, phase) = (path / phases, path % phases);
                        let index = entered.index + tile[combination].0;
                        if may_be_ruined {
                            figures = prepared.exact_at(index, phase, scratch)?;
                        }
                        written.set(phase, index, figures);
                    }
                }
            }
        }
        Ok(())
    }
}
