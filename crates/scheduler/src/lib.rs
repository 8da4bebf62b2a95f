//! Places pods: framework, plugins, queue, snapshot.
//!
//! A cycle takes one pod from the queue, asks every filter about every node, scores those that remain, assumes the best and
//! binds in the background. All deciding is done on a snapshot, without I/O. Plugins are upstream's, with its weights; here
//! in their plain form, which a faster one can be compared with.

mod cache;
mod cycle;
mod diagnosis;
mod framework;
mod node;
mod nodes;
mod plugins;
mod pod;
mod preemption;
mod queue;
mod resources;
mod run;
mod selector;
mod volumes;

pub use run::{Config, run};
