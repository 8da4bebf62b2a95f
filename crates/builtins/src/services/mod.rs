//! What a Service takes when it is written: addresses of the service range and ports of the nodes. Nothing is lost and nothing
//! is given twice: what a write takes is taken before it is tried, and given back if it fails.

mod addresses;
mod families;
mod hooks;
mod ledger;
mod others;
mod pool;
mod ports;

pub use addresses::{AddressRange, Family};
pub use hooks::ServiceAllocation;
pub use ledger::Ledger;
pub use others::{Holdings, Others};
pub use ports::PortRange;
