//! Crash tests: an engine on a simulated disk, power cuts and errors at seeded points, and a look at what is
//! left.
//!
//! One trial is a few lives of one store. Each life does random things until the power goes; then the disk
//! forgets some of what was not synced, the store is opened again, and everything that was acknowledged must
//! be there, at every revision that is still held. Of what was not acknowledged, a group is there whole or
//! not at all. Everything follows from the seed, so a failing one can be looked at.

mod expected;
mod trial;

use crate::simulation::Omission;
use trial::Trial;

/// Each trial has five lives, so these are 2,000 crashes. The environment may ask for more.
const TRIALS: u64 = 400;
const MORE_TRIALS: &str = "PINTLE_CRASH_TRIALS";

/// An omission must be noticed in so many trials...
const NOTICED: usize = 10;

/// ...of at most so many.
const OMISSION_TRIALS: u64 = 200;

#[test]
fn nothing_acknowledged_is_lost() {
    let more = std::env::var(MORE_TRIALS)
        .ok()
        .and_then(|trials| trials.parse().ok());
    for seed in 0..more.unwrap_or(TRIALS) {
        if let Err(problem) = Trial::run(seed, None) {
            panic!("seed {seed}: {problem}");
        }
    }
}

/// Whether enough trials notice that the disk leaves something out.
fn is_noticed(omission: Omission) -> bool {
    let failed = (0..OMISSION_TRIALS).filter(|&seed| Trial::run(seed, Some(omission)).is_err());
    failed.take(NOTICED).count() == NOTICED
}

#[test]
fn a_log_that_is_not_synced_is_noticed() {
    assert!(is_noticed(Omission::Contents { ending: ".log" }));
}

#[test]
fn checkpoints_that_are_not_synced_are_noticed() {
    assert!(is_noticed(Omission::Contents {
        ending: ".checkpoint.new"
    }));
}

#[test]
fn names_that_are_not_synced_are_noticed() {
    assert!(is_noticed(Omission::Names));
}
