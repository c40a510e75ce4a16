//! Parameters of the map plane on the flat index.

use std::sync::Arc;

use crate::error::{Error, Result};

/// A parameter of the map plane. Flat index `i` is at position `i / stride % positions` of the
/// parameter's index axis; the table maps positions to values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapAxis {
    /// Combinations from one position to the next.
    pub stride: u64,
    /// How many values there are, the length of the map.
    pub len: u64,
    /// The value at each position; `None` where the positions are the values.
    pub table: Option<Arc<[u32]>>,
}

impl MapAxis {
    /// A parameter that shares its index axis with no other.
    #[must_use]
    pub fn plain(stride: u64, len: u64) -> Self {
        Self { stride, len, table: None }
    }

    /// A parameter that shares its index axis with others. A table that counts from 0 up to `len` is
    /// dropped, so that equal axes are equal.
    #[must_use]
    pub fn with_table(stride: u64, len: u64, table: &[u32]) -> Self {
        let plain = table.len() as u64 == len && (0..).zip(table).all(|(at, &value)| at == value);
        Self { stride, len, table: (!plain).then(|| table.into()) }
    }

    /// Positions of the index axis.
    #[must_use]
    pub fn positions(&self) -> u64 {
        self.table.as_ref().map_or(self.len, |table| table.len() as u64)
    }

    pub(crate) fn check(&self) -> Result<()> {
        for (name, value) in
            [("stride", self.stride), ("length", self.len), ("positions", self.positions())]
        {
            if value == 0 {
                let allowed = "a map axis has at least 1";
                return Err(Error::CountRange { name, value, allowed });
            }
        }
        let beyond = |value: &&u32| u64::from(**value) >= self.len;
        if let Some(&value) = self.table.iter().flat_map(|table| table.iter()).find(beyond) {
            let allowed = "a map axis counts its values from 0";
            return Err(Error::CountRange { name: "table", value: value.into(), allowed });
        }
        Ok(())
    }
}
