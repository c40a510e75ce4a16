//! The strategies that come with the crate, each a [`Kernel`](crate::Kernel).

pub mod atr_d;
pub mod fills;
pub mod rules;
