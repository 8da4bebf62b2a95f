//! Conditions as they stand in a status.

use serde_json::{Value, json};

use crate::definition::Condition;

pub(crate) fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Condition {
    Condition {
        kind: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
    }
}

/// Puts conditions into a definition; says whether that changes anything. The time of one whose status stays as it was stays
/// too.
pub(crate) fn put(definition: &mut Value, wanted: &[Condition], now: &str) -> bool {
    let status = &mut definition["status"];
    if !status["conditions"].is_array() {
        status["conditions"] = json!([]);
    }
    let Some(present) = status["conditions"].as_array_mut() else {
        return false;
    };
    let mut changes = false;
    for wanted in wanted {
        let position = present
            .iter()
            .position(|condition| condition["type"] == *wanted.kind);
        let Some(position) = position else {
            present.push(with_time(wanted, now));
            changes = true;
            continue;
        };
        let found = &mut present[position];
        let is_same = found["status"] == *wanted.status
            && found["reason"] == *wanted.reason
            && found["message"] == *wanted.message;
        if !is_same {
            let since = found["lastTransitionTime"].as_str().unwrap_or(now);
            let since = if found["status"] == *wanted.status {
                since
            } else {
                now
            };
            *found = with_time(wanted, since);
            changes = true;
        }
    }
    changes
}

/// Takes away the condition of a type; says whether it was there.
pub(crate) fn take_away(definition: &mut Value, kind: &str) -> bool {
    let Some(present) = definition["status"]["conditions"].as_array_mut() else {
        return false;
    };
    let before = present.len();
    present.retain(|condition| condition["type"] != *kind);
    present.len() < before
}

fn with_time(condition: &Condition, time: &str) -> Value {
    json!({
        "type": condition.kind, "status": condition.status, "lastTransitionTime": time,
        "reason": condition.reason, "message": condition.message,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_turn_has_a_new_time() {
        let mut definition = json!({"status": {"conditions": null}});
        let wanted = condition("Established", "False", "Installing", "m");
        assert!(put(&mut definition, std::slice::from_ref(&wanted), "t1"));
        assert!(!put(&mut definition, std::slice::from_ref(&wanted), "t2"));
        assert!(put(
            &mut definition,
            &[condition("Established", "False", "Other", "m")],
            "t3"
        ));
        assert_eq!(definition["status"]["conditions"][0]["lastTransitionTime"], "t1");
        assert!(put(
            &mut definition,
            &[condition("Established", "True", "Other", "m")],
            "t4"
        ));
        assert_eq!(definition["status"]["conditions"][0]["lastTransitionTime"], "t4");
    }

    #[test]
    fn what_is_no_longer_so_goes() {
        let mut definition = json!({"status": {"conditions": [{"type": "A"}, {"type": "B"}]}});
        assert!(take_away(&mut definition, "A"));
        assert_eq!(definition["status"]["conditions"], json!([{"type": "B"}]));
        assert!(!take_away(&mut definition, "A"));
        assert!(!take_away(&mut json!({"status": {"conditions": null}}), "A"));
    }
}
