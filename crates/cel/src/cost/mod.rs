//! What expressions cost: counted while they are evaluated (`charge.rs`), and estimated before (`estimate.rs`).
//!
//! The numbers are upstream's: an expression that is refused there is refused here, and one that is taken there is taken here.

pub mod charge;
mod estimate;
mod functions;
mod size;

pub use estimate::estimate;
pub use size::CostEstimate;

/// Going through a text, per character.
pub(crate) const PER_CHARACTER: f64 = 0.1;
/// Applying a pattern, per character of the pattern and unit of the text.
pub(crate) const PER_PATTERN_CHARACTER: f64 = 0.25;
/// Asking for a permission: two questions are all that an expression may ask.
pub(crate) const PERMISSION: u64 = 350_000;
