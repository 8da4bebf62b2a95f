//! Keys and values as the loads use them.

use bytes::Bytes;
use store::dice::Dice;

/// How long a value is.
pub const VALUE_BYTES: usize = 1000;

/// How many values there are to choose from.
const VALUES: usize = 64;

/// Random values, which nothing can be saved on.
pub fn values() -> Vec<Bytes> {
    let mut dice = Dice::new(1);
    (0..VALUES)
        .map(|_| (0..VALUE_BYTES).map(|_| dice.number() as u8).collect())
        .collect()
}

/// A key as a cluster has them.
pub fn key(number: usize) -> String {
    format!("/registry/pods/namespace-{:04}/pod-{number:08}", number % 1000)
}
