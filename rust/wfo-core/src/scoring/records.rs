//! Combinations as records: those that pass a survivor filter, until they are ranked.
//!
//! A record is the flat index as `u64`, then for each phase the figures in the types of the result
//! files and in their order, little-endian and without gaps.

use super::block::{Block, Stored};
use crate::error::{Error, Result};
use crate::figures::{Count, Kind, Money, standard_figures};

const INDEX: usize = size_of::<u64>();

/// Size of a record, in bytes.
#[must_use]
pub fn record_size(phases: usize) -> usize {
    INDEX + PHASE * phases
}

/// The flat index of a record.
pub(crate) fn index(record: &[u8]) -> u64 {
    record.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Appends the record of combination `at` of a block.
pub(crate) fn push_record(out: &mut Vec<u8>, index: u64, block: &Block<'_>, at: usize) {
    out.extend_from_slice(&index.to_le_bytes());
    for phase in block.phases() {
        let mut record = [0; PHASE];
        phase.put(at, &mut record);
        out.extend_from_slice(&record);
    }
}

/// Defines the bytes of a phase in a record, and the columns that records are split into.
macro_rules! define_records {
    ($($(#[$doc:meta])* $name:ident: $Kind:ident,)*) => {
        const PHASE: usize = $(<$Kind as Kind>::STORED_BYTES +)* 0;

        impl Stored<'_> {
            /// Writes combination `at` as a phase of a record.
            #[inline]
            fn put(&self, at: usize, record: &mut [u8; PHASE]) {
                let mut rest = &mut record[..];
                $(
                    <$Kind as Kind>::put(self.$name[at], rest);
                    rest = &mut rest[<$Kind as Kind>::STORED_BYTES..];
                )*
                debug_assert!(rest.is_empty());
            }
        }

        /// Figures of one phase, read from records.
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct Unpacked {
            $($(#[$doc])* pub $name: Vec<<$Kind as Kind>::Stored>,)*
        }

        impl Unpacked {
            /// Reads the figures of phase `k` from records.
            pub(crate) fn of<'a>(
                records: impl ExactSizeIterator<Item = &'a [u8]>,
                k: usize,
            ) -> Self {
                let room = records.len();
                let mut out = Self { $($name: Vec::with_capacity(room),)* };
                for record in records {
                    let mut rest = &record[record_size(k)..record_size(k + 1)];
                    $(
                        out.$name.push(<$Kind as Kind>::get(rest));
                        rest = &rest[<$Kind as Kind>::STORED_BYTES..];
                    )*
                    debug_assert!(rest.is_empty());
                }
                out
            }

            /// Several, one after the other.
            pub(crate) fn joined<'a>(parts: impl Iterator<Item = &'a Self>) -> Self {
                let mut out = Self::default();
                for part in parts {
                    $(out.$name.extend_from_slice(&part.$name);)*
                }
                out
            }

            /// The figures as a phase of a block.
            #[must_use]
            pub fn stored(&self) -> Stored<'_> {
                Stored { $($name: &self.$name,)* }
            }
        }
    };
}

standard_figures! { define_records }

/// Checks that there are whole records.
pub(crate) fn check_records(bytes: &[u8], phases: usize) -> Result<()> {
    let size = record_size(phases);
    if bytes.len().is_multiple_of(size) {
        Ok(())
    } else {
        Err(Error::Records { len: bytes.len(), size })
    }
}
