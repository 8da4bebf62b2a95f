//! Rules for how evenly pods are spread, and for labels whose values are taken from the pod itself.

use crate::toolkit::Field;

/// How evenly pods are spread.
pub fn topology_spread(constraints: &Field) {
    let pairs: Vec<(&str, &str)> = constraints
        .items()
        .map(|each| (each.text_of("topologyKey"), each.text_of("whenUnsatisfiable")))
        .collect();
    for (index, constraint) in constraints.items().enumerate() {
        positive(&constraint.child("maxSkew"));
        let key = constraint.child("topologyKey");
        if key.is_empty() {
            key.required("can not be empty");
        }
        let action = constraint.child("whenUnsatisfiable");
        action.any_of(&["DoNotSchedule", "ScheduleAnyway"]);
        if pairs[index + 1..].contains(&pairs[index]) {
            constraint
                .child("{topologyKey, whenUnsatisfiable}")
                .duplicate_as(format!("{{{}, {}}}", key.text(), action.text()));
        }
        min_domains(&constraint.child("minDomains"), action.text());
        for policy in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            constraint.child(policy).any_of_if_set(&["Honor", "Ignore"]);
        }
        label_keys(&constraint, &constraint.standing_for("mismatchLabelKeys", None));
        constraint.child("labelSelector").label_selector();
    }
}

fn positive(number: &Field) {
    if number.number() <= 0 {
        number.invalid_as(number.number(), "must be greater than zero");
    }
}

fn min_domains(domains: &Field, action: &str) {
    if !domains.is_set() {
        return;
    }
    positive(domains);
    if action != "DoNotSchedule" {
        domains.invalid(&format!(
            "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
        ));
    }
}

/// Labels whose values are taken from the pod itself, and are or are not those of the pods that `holder` selects.
pub fn label_keys<'v>(holder: &Field<'_, 'v>, unwanted: &Field<'_, 'v>) {
    let selector = holder.child("labelSelector");
    let wanted = holder.child("matchLabelKeys");
    for keys in [&wanted, unwanted] {
        if !keys.is_empty() && !selector.is_set() {
            keys.forbidden("must not be specified when labelSelector is not set");
        } else {
            keys.items().for_each(|key| key.qualified_name());
        }
    }
    selected_twice(holder, &selector, &wanted);
    for key in wanted.items() {
        if unwanted.texts().any(|other| other == key.text()) {
            key.invalid("exists in both matchLabelKeys and mismatchLabelKeys");
        }
    }
}

/// Whether a selector asks for a label besides what the pod's own label has put into it. Upstream's path is an item of what
/// is no list.
fn selected_twice<'v>(holder: &Field<'_, 'v>, selector: &Field<'_, 'v>, wanted: &Field<'_, 'v>) {
    let wanted: Vec<&str> = wanted.texts().collect();
    let labels = selector.child("matchLabels");
    let mut seen: Vec<&str> = labels.entries().map(|(key, _)| key).collect();
    for requirement in selector.child("matchExpressions").items() {
        let key = requirement.text_of("key");
        if let Some(index) = wanted.iter().rposition(|wanted| *wanted == key)
            && seen.contains(&key)
        {
            holder
                .item(index)
                .invalid_as(key, "exists in both matchLabelKeys and labelSelector");
        }
        seen.push(key);
    }
}
