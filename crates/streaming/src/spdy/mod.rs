//! SPDY/3.1, as far as Kubernetes speaks it: many streams of bytes on one connection.
//!
//! Peers written in Go neither send WINDOW_UPDATE nor keep to windows: between them and us, a reader that does not keep up
//! slows the whole connection ([`FlowControl::Backpressure`]). They also throw away what comes on a stream before they have
//! accepted it, so that opening a stream waits for that.

mod connection;
mod dictionary;
mod error;
mod frame;
mod headers;
mod stream;
#[cfg(test)]
mod tests;
mod window;

pub use connection::{Connection, FlowControl, Role};
pub use error::{FrameError, StreamError};
pub use frame::{Decoder, Encoder, Frame, INITIAL_WINDOW, MAX_PIECE_BYTES, ResetStatus};
pub use headers::{Headers, MAX_BLOCK_BYTES};
pub use stream::{Stream, StreamReader, StreamWriter};
