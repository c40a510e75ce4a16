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

/// A set of instructions that this processor has: the architecture's baseline, or more.
///
/// A value is the proof that the processor was asked: only [`Tier::of`] makes one, and the other
/// constructors go through it. So [`Tier::run`] may use its instructions without asking again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier(Instructions);

/// Sets of instructions, here or not, the plainest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Instructions {
    /// What every processor of the architecture has.
    Baseline,
    /// AVX2, with the bit operations that came with it.
    Avx2,
    /// AVX-512 in the shape of current servers.
    Avx512,
}

impl Instructions {
    const ALL: [Self; 3] = [Self::Baseline, Self::Avx2, Self::Avx512];

    fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Whether this processor has them: each feature that [`avx2`] and [`avx512`] are compiled
    /// with, by name.
    fn are_here(self) -> bool {
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
                Self::Avx2.are_here()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }
}

impl Tier {
    /// What every processor of the architecture has.
    pub const BASELINE: Self = Self(Instructions::Baseline);

    /// The tier of these instructions, where the processor has them.
    fn of(instructions: Instructions) -> Option<Self> {
        instructions.are_here().then_some(Self(instructions))
    }

    /// All tiers of this processor, the plainest first.
    pub fn here() -> impl DoubleEndedIterator<Item = Self> {
        Instructions::ALL.into_iter().filter_map(Self::of)
    }

    /// Its name in `WFO_SIMD`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The best tier of this processor.
    #[must_use]
    pub fn best() -> Self {
        Self::here().next_back().unwrap_or(Self::BASELINE)
    }

    /// The tier called `name`, or the best one where none is named.
    ///
    /// # Errors
    /// An unknown name, or a tier that this processor does not have.
    pub fn chosen(name: Option<&str>) -> Result<Self> {
        let Some(name) = name.filter(|name| !name.is_empty()) else { return Ok(Self::best()) };
        let named = Instructions::ALL.into_iter().find(|known| known.name() == name);
        named.and_then(Self::of).ok_or_else(|| Error::Tier {
            name: name.to_owned(),
            known: named.is_some(),
            here: Self::here().map(Self::name).collect(),
        })
    }

    /// Whether the processor has the masks of AVX-512.
    pub(crate) fn has_masks(self) -> bool {
        self.0 == Instructions::Avx512
    }

    /// Runs `work` as this tier's code.
    #[inline]
    pub(crate) fn run<W: Work>(self, work: W) -> W::Output {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instructions that the processor was asked for")]
            // SAFETY: `Tier::of` has asked the processor for all that `avx2` is compiled with.
            Instructions::Avx2 => unsafe { avx2(work) },
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instructions that the processor was asked for")]
            // SAFETY: `Tier::of` has asked the processor for all that `avx512` is compiled with.
            Instructions::Avx512 => unsafe { avx512(work) },
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
        assert_eq!(Tier::here().next(), Some(Tier::BASELINE));
        assert_eq!(Tier::here().next_back(), Some(Tier::best()));
        assert_eq!(Tier::chosen(None), Ok(Tier::best()));
        assert_eq!(Tier::chosen(Some("")), Ok(Tier::best()));
        assert_eq!(Tier::chosen(Some("baseline")), Ok(Tier::BASELINE));
    }

    #[test]
    fn a_tier_that_is_not_here_is_an_error() {
        let error = Tier::chosen(Some("avx9")).expect_err("no such tier").to_string();
        assert!(error.contains("'avx9'") && error.contains("baseline"), "{error}");
        for instructions in Instructions::ALL {
            match Tier::chosen(Some(instructions.name())) {
                Ok(tier) => assert!(tier.0 == instructions && instructions.are_here()),
                Err(error) => {
                    let error = error.to_string();
                    assert!(
                        !instructions.are_here() && error.contains("this processor"),
                        "{error}"
                    );
                }
            }
        }
    }

    /// Whether work runs with the registers of AVX.
    struct Wide;

    impl Work for Wide {
        type Output = bool;
        fn run<Q: F64x4>(self) -> bool {
            std::any::type_name::<Q>().ends_with("Avx")
        }
    }

    #[test]
    fn a_tier_runs_its_own_code() {
        for tier in Tier::here() {
            assert_eq!(tier.run(Wide), tier != Tier::BASELINE, "{}", tier.name());
        }
    }
}
