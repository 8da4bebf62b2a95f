//! Answers: objects, lists, tables, watches and Statuses in the form the client wants.

pub mod document;
pub mod events;
pub mod headers;
pub mod list;
pub mod metadata;
pub mod object;
pub mod send;
pub mod status;
pub mod table;
pub mod text;

pub use status::status;
pub use text::{not_found_page, plain_text};
