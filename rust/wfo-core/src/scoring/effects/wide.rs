//! Loops that are built once more for wider vectors, and run so where the processor has them.
//!
//! Only speed depends on it: no build contracts or reorders floating-point operations.

/// Work that is built for each width: its `run` is inlined, with all that it calls.
pub(in crate::scoring) trait Work {
    type Output;
    /// Does the work.
    fn run(self) -> Self::Output;
}

/// Vectors of a processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scoring) enum Width {
    Baseline,
    Avx2,
    Avx512,
}

impl Width {
    #[cfg(test)]
    pub(in crate::scoring) const ALL: [Self; 3] = [Self::Baseline, Self::Avx2, Self::Avx512];

    /// Whether this processor has such vectors.
    pub(in crate::scoring) fn is_here(self) -> bool {
        match self {
            Self::Baseline => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Self::Avx2.is_here()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// The widest of this processor.
    pub(in crate::scoring) fn best() -> Self {
        let widest = [Self::Avx512, Self::Avx2].into_iter().find(|width| width.is_here());
        widest.unwrap_or(Self::Baseline)
    }

    /// Does `work` with such vectors, which the processor must [have](Self::is_here).
    pub(in crate::scoring) fn run<W: Work>(self, work: W) -> W::Output {
        assert!(self.is_here(), "vectors that the processor does not have");
        match self {
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instructions that the processor was asked for")]
            // SAFETY: the processor has them, as was just asserted.
            Self::Avx2 => unsafe { avx2(work) },
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instructions that the processor was asked for")]
            // SAFETY: as above.
            Self::Avx512 => unsafe { avx512(work) },
            _ => work.run(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2<W: Work>(work: W) -> W::Output {
    work.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,avx512f,avx512dq,avx512vl")]
fn avx512<W: Work>(work: W) -> W::Output {
    work.run()
}
