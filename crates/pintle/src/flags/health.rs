//! The flags that say where controllers and scheduler can be asked whether they are well.

use super::Served;
use super::common::set;
use crate::settings::HealthSettings;

/// Settings with such a place.
pub trait Answers {
    /// The place.
    fn health(&mut self) -> &mut HealthSettings;
}

/// The flags.
pub const fn flags<S: Answers>() -> &'static [Served<S>] {
    &[
        ("bind-address", |s, v| set(&mut s.health().address, v)),
        ("secure-port", |s, v| set(&mut s.health().port, v)),
    ]
}
