//! What becomes of a signing request, as its conditions say: when that was, and that it stands.

use serde_json::Value;

use crate::toolkit::columns::list;
use crate::toolkit::defaults::items_mut;

/// What is decided once.
const DECISIONS: [&str; 2] = ["Approved", "Denied"];

/// Gives conditions that say no time the time they have had as long as nothing changes, or that of the change.
pub fn stamp(new: &mut Value, old: &Value, now: &str) {
    for condition in items_mut(&mut new["status"], "conditions") {
        if condition["lastUpdateTime"].is_null() {
            condition["lastUpdateTime"] = now.into();
        }
        if condition["lastTransitionTime"].is_null() {
            let same =
                |old: &&Value| old["type"] == condition["type"] && old["status"] == condition["status"];
            let mut had = list(old, &["status", "conditions"]).iter().filter(same);
            let since = had.find_map(|old| old["lastTransitionTime"].as_str());
            condition["lastTransitionTime"] = since.unwrap_or(now).into();
        }
    }
}

/// Puts decisions back as they were, unless one is added or taken away: that is refused later.
pub fn keep(new: &mut Value, old: &Value) {
    for decision in DECISIONS {
        let is_one = |condition: &Value| condition["type"] == decision;
        let had = list(old, &["status", "conditions"]);
        let had: Vec<&Value> = had.iter().filter(|condition| is_one(condition)).collect();
        let has = list(new, &["status", "conditions"]).iter();
        if has.filter(|condition| is_one(condition)).count() != had.len() {
            continue;
        }
        let has = items_mut(&mut new["status"], "conditions");
        for (new, old) in has.filter(|condition| is_one(condition)).zip(had) {
            new.clone_from(old);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(conditions: Value) -> Value {
        json!({"status": {"conditions": conditions}})
    }

    #[test]
    fn conditions_without_a_time_get_one() {
        let old = request(
            json!([{"type": "A", "status": "True", "lastUpdateTime": "u", "lastTransitionTime": "t"}]),
        );
        for (given, expected) in [
            (
                json!({"type": "A", "status": "True", "lastUpdateTime": null, "lastTransitionTime": null}),
                json!({"type": "A", "status": "True", "lastUpdateTime": "now", "lastTransitionTime": "t"}),
            ),
            (
                json!({"type": "A", "status": "False"}),
                json!({"type": "A", "status": "False", "lastUpdateTime": "now", "lastTransitionTime": "now"}),
            ),
            (
                json!({"type": "B", "status": "True", "lastUpdateTime": "x", "lastTransitionTime": "y"}),
                json!({"type": "B", "status": "True", "lastUpdateTime": "x", "lastTransitionTime": "y"}),
            ),
        ] {
            let mut new = request(json!([given]));
            stamp(&mut new, &old, "now");
            assert_eq!(new, request(json!([expected])));
        }
    }

    #[test]
    fn decisions_stand() {
        let old = request(json!([{"type": "Approved", "reason": "old"}]));
        let mut new =
            request(json!([{"type": "Failed", "reason": "new"}, {"type": "Approved", "reason": "new"}]));
        keep(&mut new, &old);
        assert_eq!(
            new,
            request(json!([{"type": "Failed", "reason": "new"}, {"type": "Approved", "reason": "old"}]))
        );
        let mut more = request(json!([{"type": "Denied", "reason": "new"}]));
        let given = more.clone();
        keep(&mut more, &old);
        assert_eq!(more, given);
    }
}
