//! Content negotiation: which form of an answer the client wants, and which form its body has.

pub mod accept;
pub mod format;
pub mod pretty;

pub use accept::Accept;
pub use format::{Encoding, Format, Offer, View, ViewVersion};
