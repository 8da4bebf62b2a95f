//! Whether some rules allow everything that others do. Decided piece by piece: one verb on one resource at a time.

use super::rule::{PolicyRule, has, path_matches};

/// What `wanted` allows and `held` does not, gathered as denials show it; empty if everything is held.
pub fn missing_rights(held: &[PolicyRule], wanted: &[PolicyRule]) -> Vec<PolicyRule> {
    let pieces = wanted.iter().flat_map(pieces);
    let missing = pieces.filter(|piece| !held.iter().any(|rule| covers(rule, piece)));
    gather(missing)
}

/// A rule as rules of one verb on one resource (of one name), or on one path.
fn pieces(rule: &PolicyRule) -> Vec<PolicyRule> {
    let mut pieces = Vec::new();
    for group in &rule.api_groups {
        for resource in &rule.resources {
            for verb in &rule.verbs {
                let piece = PolicyRule {
                    verbs: vec![verb.clone()],
                    api_groups: vec![group.clone()],
                    resources: vec![resource.clone()],
                    ..PolicyRule::default()
                };
                if rule.resource_names.is_empty() {
                    pieces.push(piece);
                    continue;
                }
                pieces.extend(rule.resource_names.iter().map(|name| PolicyRule {
                    resource_names: vec![name.clone()],
                    ..piece.clone()
                }));
            }
        }
    }
    for url in &rule.non_resource_urls {
        pieces.extend(rule.verbs.iter().map(|verb| PolicyRule {
            verbs: vec![verb.clone()],
            non_resource_urls: vec![url.clone()],
            ..PolicyRule::default()
        }));
    }
    pieces
}

fn covers(held: &PolicyRule, piece: &PolicyRule) -> bool {
    piece.verbs.iter().all(|verb| has(&held.verbs, verb))
        && piece.api_groups.iter().all(|group| has(&held.api_groups, group))
        && piece
            .resources
            .iter()
            .all(|resource| covers_resource(&held.resources, resource))
        && covers_names(&held.resource_names, &piece.resource_names)
        && (piece.non_resource_urls.iter()).all(|url| covers_path(&held.non_resource_urls, url))
}

fn covers_resource(held: &[String], resource: &str) -> bool {
    has(held, resource)
        || (resource.split_once('/'))
            .is_some_and(|(_, below)| held.iter().any(|h| h.strip_prefix("*/") == Some(below)))
}

/// A rule for all names covers any; one for some names covers these.
fn covers_names(held: &[String], names: &[String]) -> bool {
    held.is_empty() || (!names.is_empty() && names.iter().all(|name| held.contains(name)))
}

fn covers_path(held: &[String], path: &str) -> bool {
    held.iter()
        .any(|pattern| pattern == path || path_matches(pattern, path))
}

/// Puts pieces on the same resource (of the same name) together: their verbs in one rule.
fn gather(pieces: impl Iterator<Item = PolicyRule>) -> Vec<PolicyRule> {
    let mut gathered: Vec<PolicyRule> = Vec::new();
    for piece in pieces {
        let same = gathered.iter_mut().find(|rule| {
            !piece.resources.is_empty()
                && rule.resource_names == piece.resource_names
                && rule.api_groups == piece.api_groups
                && rule.resources == piece.resources
        });
        match same {
            Some(rule) => rule.verbs.extend(piece.verbs),
            None => gathered.push(piece),
        }
    }
    gathered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Vec<PolicyRule> {
        serde_json::from_str(text).expect("rules")
    }

    #[test]
    fn what_is_not_held_is_told_piece_by_piece() {
        let held = r#"[
            {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["configmaps", "*/scale"]},
            {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["a"]},
            {"verbs": ["get"], "nonResourceURLs": ["/healthz", "/openapi/*"]}
        ]"#;
        let cases: [(&str, &[&str]); 12] = [
            (
                r#"[{"verbs": ["get"], "apiGroups": [""], "resources": ["configmaps"]}]"#,
                &[],
            ),
            (
                r#"[{"verbs": ["get"], "apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["x"]}]"#,
                &[],
            ),
            (
                r#"[{"verbs": ["get"], "apiGroups": [""], "resources": ["deployments/scale"]}]"#,
                &[],
            ),
            (
                r#"[{"verbs": ["*"], "apiGroups": [""], "resources": ["configmaps"]}]"#,
                &[r#"{APIGroups:[""], Resources:["configmaps"], Verbs:["*"]}"#],
            ),
            (
                r#"[{"verbs": ["update", "get"], "apiGroups": ["apps"], "resources": ["deployments"]}]"#,
                &[r#"{APIGroups:["apps"], Resources:["deployments"], Verbs:["update" "get"]}"#],
            ),
            (
                r#"[{"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["b", "a"]}]"#,
                &[r#"{APIGroups:[""], Resources:["secrets"], ResourceNames:["b"], Verbs:["get"]}"#],
            ),
            (
                r#"[{"verbs": ["*", "get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["c", "a"]}]"#,
                &[
                    r#"{APIGroups:[""], Resources:["secrets"], ResourceNames:["c"], Verbs:["*" "get"]}"#,
                    r#"{APIGroups:[""], Resources:["secrets"], ResourceNames:["a"], Verbs:["*"]}"#,
                ],
            ),
            (
                r#"[{"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"]}]"#,
                &[r#"{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}"#],
            ),
            (
                r#"[{"verbs": ["get"], "apiGroups": ["*"], "resources": ["configmaps"]}]"#,
                &[r#"{APIGroups:["*"], Resources:["configmaps"], Verbs:["get"]}"#],
            ),
            (
                r#"[{"verbs": ["get"], "nonResourceURLs": ["/healthz", "/openapi/v3"]}]"#,
                &[],
            ),
            (
                r#"[{"verbs": ["get"], "nonResourceURLs": ["/healthz/*", "/metrics"]}]"#,
                &[
                    r#"{NonResourceURLs:["/healthz/*"], Verbs:["get"]}"#,
                    r#"{NonResourceURLs:["/metrics"], Verbs:["get"]}"#,
                ],
            ),
            ("[]", &[]),
        ];
        for (wanted, missing) in cases {
            let found: Vec<String> = missing_rights(&rules(held), &rules(wanted))
                .iter()
                .map(ToString::to_string)
                .collect();
            assert_eq!(found, missing, "{wanted}");
        }
        let everything = r#"[{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]"#;
        assert!(missing_rights(&rules(everything), &rules(everything)).is_empty());
    }
}
