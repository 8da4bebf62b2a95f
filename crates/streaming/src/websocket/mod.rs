//! WebSockets of clients: what they may carry, and taking them.

mod channel;
mod end;
mod handshake;
mod stream;

pub use channel::{Channel, ChannelProtocol, ClientMessage, MalformedMessage};
pub(crate) use end::{linger, say_goodbye};
pub use handshake::{HandshakeError, accept, is_websocket, offered_protocols, speak};
pub use stream::{StreamProtocol, send_stream};
