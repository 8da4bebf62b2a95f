//! The pods of this node: a worker for each, from when a source has it until nothing of it is left.

mod act;
mod adopt;
mod done;
mod end;
mod execute;
mod handle;
mod intent;
mod leftovers;
mod manager;
mod observe;
mod relief;
mod resize;
mod task;
#[cfg(test)]
mod tests;
mod tools;
mod voice;
mod watch;

pub use manager::{Manager, ManagerSink};
pub use relief::PodRelief;
pub use tools::Tools;
pub use voice::Voice;
pub use watch::{Owners, follow_runtime};
