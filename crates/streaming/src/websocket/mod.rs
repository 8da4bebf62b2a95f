//! WebSockets of clients: what they may carry, and taking them.

mod channel;
mod end;
mod handshake;
mod messages;
mod stream;

pub use channel::{Channel, ChannelProtocol, ClientMessage, MalformedMessage};
pub(crate) use end::{linger, say_goodbye};
pub use handshake::{HandshakeError, accept, is_websocket, offered_names, offered_protocols, speak};
pub use messages::{Form, send_messages};
pub use stream::{StreamProtocol, send_stream};
