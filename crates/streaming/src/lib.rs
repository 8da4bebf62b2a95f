//! Streams to containers: the channel protocols of exec, attach and port-forward over WebSocket and SPDY/3.1.
//!
//! [`spdy`] and [`websocket`] are the two ways streams travel. [`translate`](translate::translate) puts the channels of a
//! client's WebSocket onto the SPDY streams that kubelets and container runtimes know; [`tunnel`](tunnel::tunnel) carries
//! SPDY itself in a WebSocket, as `kubectl port-forward` wants it.

pub mod remote_command;
pub mod spdy;
pub mod translate;
pub mod tunnel;
pub mod upgrade;
pub mod websocket;
