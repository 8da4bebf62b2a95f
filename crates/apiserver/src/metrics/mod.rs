//! What the server counts, under upstream's names, in the text format Prometheus reads.

pub mod family;
pub mod health;
pub mod histogram;
pub mod requests;

pub use family::{Counter, Entered, Family, Gauge, Metric};
pub use health::HealthMetrics;
pub use histogram::Histogram;
pub use requests::{Metrics, RequestLabels};
