//! The entrances take their seeds, and seeds that were tampered with. The fuzzer itself is in `fuzz/`.

use super::*;
use store::dice::Dice;

type Entrance = fn(&[u8]);

const ENTRANCES: [(&str, Entrance); 3] = [
    ("store-parsers", parse),
    ("store-damaged", open_damaged),
    ("store-sealed", open_sealed),
];

#[test]
fn seeds_and_their_neighbours_do_no_harm() {
    let mut dice = Dice::new(1);
    for (name, seed) in seeds() {
        let (_, enter) = ENTRANCES
            .iter()
            .find(|(known, _)| *known == name)
            .expect("an entrance");
        enter(&seed);
        for _ in 0..10 {
            enter(&dice.tampered(&seed));
        }
    }
}

/// What the fuzzer has found. `docs/bug-record.md` tells of each.
#[test]
fn what_was_found_once_does_no_harm() {
    // A put without a revision that created its key counted as a deletion, and came due again and again.
    // A segment was cut off within the padding of its last frame: it was found sound, and did not open.
    let lost = [
        0x39, 2, 0x47, 0x33, 0xc1, 0xdf, 0x6b, 0x30, 0x11, 0x33, 0xc1, 0xdf, 0x6b, 0x30, 0x39, 0x82, 0,
    ];
    open_damaged(&lost);
    open_sealed(&[0, 0x80, 1, 0, 0, 20, 1, 0, 0, 20]);
}
