//! What pods and the node use: one reading, shown as a summary and as metrics.

mod exposition;
mod node;
mod reading;
mod summary;
mod views;

pub use reading::Reading;
pub use summary::summary;
pub use views::{cadvisor, own, resource};
