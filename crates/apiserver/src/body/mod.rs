//! Bodies: what comes in, with a limit; what goes out, without copying what is shared.

mod audited;
mod gzip;
mod incoming;
mod outgoing;
mod pieces;
mod watch;

pub use audited::Audited;
pub use gzip::Gzip;
pub use incoming::{IncomingBody, MAX_BODY_BYTES, drain, read_all};
pub use outgoing::Body;
pub use pieces::Pieces;
pub use watch::{EncodeEvent, watch_body};

/// Any error of a body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
