//! The server over TLS: who gets in, and what is answered; with the fake runtime and with a real one.

mod access;
mod answers;
mod bench;
mod streams;
