//! Nobody may give more than they have: checks on writes of roles and bindings.

use meta::User;
use meta::quote::quote;

use super::covers::missing_rights;
use super::rule::{PolicyRule, quoted_list};

/// Why a role or a binding is refused; the text is for the 403.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EscalationError {
    /// The user would give what they do not have.
    #[error("{0}")]
    NotHeld(String),
    /// Aggregation may pick up any right, so only who has all may ask for it.
    #[error("must have cluster-admin privileges to use the aggregationRule")]
    Aggregation,
}

/// Whether `user`, who has the rules `held`, may give `wanted`. `unresolved` are the errors of looking for them.
pub fn may_grant(
    user: &User,
    held: &[PolicyRule],
    unresolved: &[String],
    wanted: &[PolicyRule],
) -> Result<(), EscalationError> {
    let missing = missing_rights(held, wanted);
    if missing.is_empty() {
        return Ok(());
    }
    let mut shown: Vec<String> = missing.iter().map(ToString::to_string).collect();
    shown.sort_unstable();
    shown.dedup();
    let mut message = format!(
        "user {} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
        quote(&user.name),
        quoted_list(&user.groups),
        shown.join("\n")
    );
    if let Some(errors) = meta::aggregate(unresolved) {
        message.push_str(&format!("; resolution errors: [{errors}]"));
    }
    Err(EscalationError::NotHeld(message))
}

/// Whether one who has the rules `held` may write an aggregation rule.
pub fn may_aggregate(held: &[PolicyRule]) -> Result<(), EscalationError> {
    let all = || vec![String::from("*")];
    let everything = [
        PolicyRule {
            verbs: all(),
            api_groups: all(),
            resources: all(),
            ..PolicyRule::default()
        },
        PolicyRule {
            verbs: all(),
            non_resource_urls: all(),
            ..PolicyRule::default()
        },
    ];
    if missing_rights(held, &everything).is_empty() {
        Ok(())
    } else {
        Err(EscalationError::Aggregation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Vec<PolicyRule> {
        serde_json::from_str(text).expect("rules")
    }

    #[test]
    fn the_refusal_reads_as_upstream() {
        let held = rules(r#"[{"verbs": ["get", "list"], "apiGroups": [""], "resources": ["configmaps"]}]"#);
        let wanted = rules(
            r#"[{"verbs": ["update", "get"], "apiGroups": ["apps"], "resources": ["deployments"]},
                {"verbs": ["create"], "apiGroups": [""], "resources": ["pods/exec", "pods"]}]"#,
        );
        let user = User::new("mgr", &["g2", "g1", "system:authenticated"]);
        let error = may_grant(&user, &held, &[], &wanted).expect_err("refused");
        assert_eq!(
            error.to_string(),
            concat!(
                r#"user "mgr" (groups=["g2" "g1" "system:authenticated"]) is attempting to grant RBAC permissions "#,
                "not currently held:\n",
                r#"{APIGroups:[""], Resources:["pods"], Verbs:["create"]}"#,
                "\n",
                r#"{APIGroups:[""], Resources:["pods/exec"], Verbs:["create"]}"#,
                "\n",
                r#"{APIGroups:["apps"], Resources:["deployments"], Verbs:["update" "get"]}"#,
            )
        );
        assert_eq!(may_grant(&user, &held, &[], &held), Ok(()));
        for (unresolved, end) in [
            (&["a"][..], "; resolution errors: [a]"),
            (&["a", "b", "a"], "; resolution errors: [[a, b]]"),
        ] {
            let unresolved: Vec<String> = unresolved.iter().map(|&text| text.to_owned()).collect();
            let error = may_grant(&user, &held, &unresolved, &wanted).expect_err("refused");
            assert!(error.to_string().ends_with(end), "{error}");
        }
    }

    #[test]
    fn only_who_may_everything_may_aggregate() {
        let resources = r#"{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}"#;
        let paths = r#"{"verbs": ["*"], "nonResourceURLs": ["*"]}"#;
        for (held, wanted) in [
            (format!("[{resources},{paths}]"), Ok(())),
            (format!("[{resources}]"), Err(EscalationError::Aggregation)),
            (String::from("[]"), Err(EscalationError::Aggregation)),
        ] {
            assert_eq!(may_aggregate(&rules(&held)), wanted, "{held}");
        }
    }
}
