//! Ranges of sizes and costs. Nothing overflows: what is too large is as large as can be.

/// From the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostEstimate {
    /// At least.
    pub min: u64,
    /// At most.
    pub max: u64,
}

/// Sizes are ranges as costs are.
pub(super) type Size = CostEstimate;

impl CostEstimate {
    pub(super) const NOTHING: Self = Self::exactly(0);
    /// Anything.
    pub(super) const UNKNOWN: Self = Self {
        min: 0,
        max: u64::MAX,
    };
    /// What joining ranges begins with.
    pub(super) const EMPTY: Self = Self {
        min: u64::MAX,
        max: 0,
    };

    pub(super) const fn exactly(number: u64) -> Self {
        Self {
            min: number,
            max: number,
        }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            min: self.min.saturating_add(other.min),
            max: self.max.saturating_add(other.max),
        }
    }

    pub(super) fn times(self, other: Self) -> Self {
        Self {
            min: self.min.saturating_mul(other.min),
            max: self.max.saturating_mul(other.max),
        }
    }

    /// Rounded up.
    pub(super) fn scaled(self, factor: f64) -> Self {
        // A conversion to an integer stops at the largest one.
        let scale = |number: u64| (number as f64 * factor).ceil() as u64;
        Self {
            min: scale(self.min),
            max: scale(self.max),
        }
    }

    /// The range that holds both.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }
}
