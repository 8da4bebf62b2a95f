//! Counters that devices share, and what each takes of them.

use crate::toolkit::Field;

const MOST_SETS: usize = 8;
const MOST_CONSUMED_SETS: usize = 2;
const MOST_COUNTERS: usize = 32;

/// The sets of counters of a slice.
pub fn shared(sets: &Field) {
    if sets.len() > MOST_SETS {
        return sets.too_many(MOST_SETS);
    }
    for set in sets.items() {
        named(&set, "name");
    }
    sets.each_once_by("name");
}

/// What a device takes.
pub fn consumed(sets: &Field) {
    if sets.len() > MOST_CONSUMED_SETS {
        return sets.too_many(MOST_CONSUMED_SETS);
    }
    for set in sets.items() {
        named(&set, "counterSet");
    }
    sets.each_once_by("counterSet");
}

fn named<'v>(set: &Field<'_, 'v>, field: &'v str) {
    let (name, counters) = (set.child(field), set.child("counters"));
    if name.is_empty() {
        name.required("");
    } else {
        name.dns_label();
    }
    if counters.is_empty() {
        counters.required("");
    } else if counters.len() > MOST_COUNTERS {
        counters.too_many(MOST_COUNTERS);
    } else {
        for (counter, _) in counters.entries() {
            for complaint in meta::name::dns1123_label(counter) {
                counters.invalid_as(counter, &complaint);
            }
        }
    }
}
