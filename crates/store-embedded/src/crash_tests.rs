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

/// Each trial has five lives and some crashes of its recoveries, so these are more than 2,000 crashes. The environment may ask
/// for more, and for others: see `make crash-test`.
const TRIALS: u64 = 400;
const MORE_TRIALS: &str = "PINTLE_CRASH_TRIALS";
const FIRST_SEED: &str = "PINTLE_CRASH_SEED";

/// An omission must be noticed in so many trials...
const NOTICED: usize = 10;

/// ...of at most so many.
const OMISSION_TRIALS: u64 = 200;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable)
        .ok()
        .and_then(|number| number.parse().ok())
}

#[test]
fn nothing_acknowledged_is_lost() {
    let (first, trials) = (
        number(FIRST_SEED).unwrap_or(0),
        number(MORE_TRIALS).unwrap_or(TRIALS),
    );
    let (mut crashes, mut interrupted) = (0, 0);
    for seed in first..first + trials {
        match Trial::run(seed, None) {
            Ok(survived) => {
                crashes += survived.crashes;
                interrupted += survived.interrupted;
            }
            Err(problem) => panic!(
                "seed {seed}: {problem}\nagain: {FIRST_SEED}={seed} {MORE_TRIALS}=1 cargo test -p store-embedded --lib \
                 nothing_acknowledged_is_lost"
            ),
        }
    }
    println!(
        "{crashes} crashes of a simulated disk from seed {first} on, {interrupted} of them while it was being opened"
    );
    assert!(interrupted > 0 || trials < 10, "recovery itself is crashed too");
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

#[test]
fn a_checkpoint_that_gets_its_name_before_it_is_synced_is_noticed() {
    assert!(is_noticed(Omission::Late {
        ending: ".checkpoint.new"
    }));
}

#[test]
fn headers_of_segments_that_come_after_their_frames_are_noticed() {
    assert!(is_noticed(Omission::FirstSector { ending: ".log" }));
}
