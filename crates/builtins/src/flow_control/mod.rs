//! Priority and fairness of requests (KEP-1040): flow schemas say which priority level a request belongs to, levels have seats,
//! and who finds none waits in one of a few queues of its flow, or is turned away.
//!
//! [`limits`], [`hand`], [`queues`] and [`retry_after`] only compute; [`seats`] gives seats out, [`level`] waits for them.

mod counts;
mod hand;
mod index;
mod level;
mod limits;
mod metrics;
mod queues;
mod retry_after;
mod schema;
mod seats;

pub use index::FlowIndex;
