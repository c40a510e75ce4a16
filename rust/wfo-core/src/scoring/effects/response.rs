//! Sums of one response, by axis and by pair of axes.

/// Sums of one response: by the values of every axis, and by those of every pair that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response<T> {
    /// Of all combinations.
    pub total: T,
    /// One item an axis.
    pub singles: Vec<Vec<T>>,
    /// One item a pair; the second axis varies faster.
    pub pairs: Vec<Vec<T>>,
}
