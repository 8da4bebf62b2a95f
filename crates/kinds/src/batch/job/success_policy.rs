//! When a job has succeeded before all of it has.

use super::indexes;
use crate::toolkit::Field;

const MAX_RULES: usize = 20;
const MAX_INDEXES: usize = 64 * 1024;

/// The rules for the policy. `job` is the job's spec.
pub fn rules(policy: &Field, job: &Field) {
    let rules = policy.child("rules");
    if rules.is_empty() {
        rules.required("at least one rules must be specified when the successPolicy is specified");
    }
    if rules.len() > MAX_RULES {
        rules.too_many(MAX_RULES);
    }
    let completions = job.child("completions").number();
    for rule in rules.items() {
        self::rule(&rule, completions);
    }
}

fn rule(rule: &Field, completions: i64) {
    let (indexes, count) = (rule.child("succeededIndexes"), rule.child("succeededCount"));
    if !indexes.is_set() && !count.is_set() {
        rule.required("at least one of succeededCount or succeededIndexes must be specified");
    }
    let mut listed = 0;
    if indexes.is_set() {
        if indexes.text().len() > MAX_INDEXES {
            indexes.too_long(MAX_INDEXES);
        }
        match indexes::count(indexes.text(), completions) {
            Ok(total) => listed = total,
            Err(why) => indexes.invalid(&format!("error parsing succeededIndexes: {why}")),
        }
    }
    let Some(wanted) = count.int() else {
        return;
    };
    count.non_negative();
    if wanted > completions {
        count.invalid(&format!(
            "must be less than or equal to {completions} (the number of specified completions)"
        ));
    }
    if indexes.is_set() && wanted > listed {
        count.invalid(&format!(
            "must be less than or equal to {listed} (the number of indexes in the specified succeededIndexes field)"
        ));
    }
}
