//! What containers wrote: the files that the runtime keeps, as clients want them.

mod file;
mod filter;
mod follow;
mod line;
mod options;
mod tail;
#[cfg(test)]
mod tests;

pub use follow::{LogSource, open};
pub use options::{BadOptions, LogOptions};
