//! Instruction tiers: the same code, compiled for several sets of instructions.
//!
//! A build for an architecture uses no instruction that one of its processors lacks. So [`Work`] is
//! compiled once more for each tier, as one function with everything inlined into it, and the best
//! tier that the processor supports is chosen when a sweep begins. Nothing but speed depends on it:
//! no tier contracts or reorders floating-point operations, and all of them write the same bytes.

#[cfg(target_arch = "x86_64")]
use super::f64x4::Avx;
use super::f64x4::{F64x4, Portable};
use crate::error::{Error, Result};

/// A set of instructions beyond the architecture's baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// What every processor of the architecture has.
    Baseline,
    /// AVX2, with the bit operations that came with it.
    Avx2,
    /// AVX-512 in the shape of current servers.
    Avx512,
}

impl Tier {
    /// All tiers, the plainest first.
    pub const ALL: [Self; 3] = [Self::Baseline, Self::Avx2, Self::Avx512];

    /// Its name in `WFO_SIMD`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Whether this processor has it.
    #[must_use]
    pub fn is_here(self) -> bool {
        match self {
            Self::Baseline => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("bmi1")
                    && is_x86_feature_detected!("bmi2")
                    && is_x86_feature_detected!("lzcnt")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Self::Avx2.is_here()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// The best tier of this processor.
    #[must_use]
    pub fn best() -> Self {
        Self::ALL.into_iter().rev().find(|tier| tier.is_here()).unwrap_or(Self::Baseline)
    }

    /// The tier called `name`, or the best one where none is named.
    ///
    /// # Errors
    /// An unknown name, or a tier that this processor does not have.
    pub fn chosen(name: Option<&str>) -> Result<Self> {
        let Some(name) = name.filter(|name| !name.is_empty()) else { return Ok(Self::best()) };
        let tier = Self::ALL.into_iter().find(|tier| tier.name() == name);
        tier.filter(|tier| tier.is_here()).ok_or_else(|| Error::Tier {
            name: name.to_owned(),
            known: tier.is_some(),
            here: Self::ALL.into_iter().filter(|t| t.is_here()).map(Self::name).collect(),
        })
    }

    /// Runs `work` as this tier's code. It must be one that [is here](Self::is_here).
    #[inline]
    pub(crate) fn run<W: Work>(self, work: W) -> W::Output {
        debug_assert!(self.is_here());
        match self {
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instructions that the processor was asked for")]
            // SAFETY: a tier comes from `best` or `chosen`, which ask the processor.
            Self::Avx2 => unsafe { avx2(work) },
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instructions that the processor was asked for")]
            // SAFETY: as above.
            Self::Avx512 => unsafe { avx512(work) },
            _ => work.run::<Portable>(),
        }
    }
}

/// Work that is compiled for every tier: its `run` is inlined, with all that it calls.
pub(crate) trait Work {
    /// What comes of it.
    type Output;
    /// Does it.
    fn run<Q: F64x4>(self) -> Self::Output;
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn avx2<W: Work>(work: W) -> W::Output {
    work.run::<Avx>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,avx512f,avx512bw,avx512dq,avx512vl")]
fn avx512<W: Work>(work: W) -> W::Output {
    work.run::<Avx>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_baseline_is_everywhere_and_the_best_is_here() {
        assert!(Tier::Baseline.is_here());
        assert!(Tier::best().is_here());
        assert_eq!(Tier::chosen(None), Ok(Tier::best()));
        assert_eq!(Tier::chosen(Some("")), Ok(Tier::best()));
        assert_eq!(Tier::chosen(Some("baseline")), Ok(Tier::Baseline));
    }

    #[test]
    fn a_tier_that_is_not_here_is_an_error() {
        let error = Tier::chosen(Some("avx9")).expect_err("no such tier").to_string();
        assert!(error.contains("'avx9'") && error.contains("baseline"), "{error}");
        for tier in Tier::ALL.into_iter().filter(|tier| !tier.is_here()) {
            let error = Tier::chosen(Some(tier.name())).expect_err("not here").to_string();
            assert!(error.contains("this processor"), "{error}");
        }
    }
}
