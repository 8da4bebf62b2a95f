//! The kill of a process under load: everything it was told to be committed is there when the store is opened again.
//!
//! The test runs itself as the process that is killed. That process writes down, as lines, what it asks for and what it is
//! answered; what its lines say is compared with what the store holds.

mod counters;
mod histories;
mod lines;

/// What `make crash-test` sets: how many kills, and the seed of what is done and when it is ended.
fn kills(usual: u64) -> u64 {
    number("PINTLE_CRASH_KILLS").unwrap_or(usual)
}

fn first_seed() -> u64 {
    number("PINTLE_CRASH_SEED").unwrap_or(7)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable)
        .ok()
        .and_then(|number| number.parse().ok())
}
