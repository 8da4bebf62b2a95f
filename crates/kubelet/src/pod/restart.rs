//! Whether a container that ended starts again.

use k8s_openapi::api::core::v1::ContainerRestartRule;

use super::member::{Member, Role};

/// Whether a container runs again after it ended with this code, by its own rules, its own policy, and its pod's.
pub fn restarts_after(member: &Member, pod_policy: &str, exit_code: i32) -> bool {
    let container = &member.container;
    match member.role {
        Role::Ephemeral => return false,
        Role::Sidecar => return true,
        Role::Init | Role::Main => {}
    }
    let rules = container.restart_policy_rules.iter().flatten();
    if rules.into_iter().any(|rule| asks_for_restart(rule, exit_code)) {
        return true;
    }
    let failed = exit_code != 0;
    match container.restart_policy.as_deref().unwrap_or(pod_policy) {
        "Never" => false,
        // An init container that succeeded has done its work, whatever the policy.
        _ if member.role == Role::Init => failed,
        "OnFailure" => failed,
        _ => true,
    }
}

fn asks_for_restart(rule: &ContainerRestartRule, exit_code: i32) -> bool {
    let Some(codes) = &rule.exit_codes else {
        return false;
    };
    let listed = codes.values.iter().flatten().any(|code| *code == exit_code);
    let matches = match codes.operator.as_str() {
        "In" => listed,
        "NotIn" => !listed,
        _ => false,
    };
    matches && rule.action == "Restart"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(spec: serde_json::Value, pod_policy: &str, exit_code: i32, restarts: bool) {
        let spec = serde_json::from_value(spec).unwrap();
        let member = &Member::all(&spec)[0];
        let text = format!("{pod_policy} {exit_code} {:?}", member.container.restart_policy);
        assert_eq!(restarts_after(member, pod_policy, exit_code), restarts, "{text}");
    }

    #[test]
    fn policies() {
        let main = json!({ "containers": [{ "name": "a" }] });
        let init = json!({ "initContainers": [{ "name": "a" }], "containers": [] });
        let sidecar =
            json!({ "initContainers": [{ "name": "a", "restartPolicy": "Always" }], "containers": [] });
        let own = json!({ "containers": [{ "name": "a", "restartPolicy": "OnFailure" }] });
        let rules = json!({ "containers": [{ "name": "a", "restartPolicy": "Never", "restartPolicyRules": [
            { "action": "Restart", "exitCodes": { "operator": "In", "values": [42] } },
        ] }] });
        for (spec, policy, code, restarts) in [
            (&main, "Always", 0, true),
            (&main, "Always", 1, true),
            (&main, "OnFailure", 0, false),
            (&main, "OnFailure", 1, true),
            (&main, "Never", 1, false),
            (&init, "Always", 0, false),
            (&init, "Always", 1, true),
            (&init, "OnFailure", 1, true),
            (&init, "Never", 1, false),
            (&sidecar, "Never", 0, true),
            (&own, "Never", 1, true),
            (&own, "Always", 0, false),
            (&rules, "Always", 42, true),
            (&rules, "Always", 1, false),
        ] {
            check(spec.clone(), policy, code, restarts);
        }
    }
}
