//! Resource quotas.

use std::collections::BTreeSet;

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::Value;

use super::resources;
use crate::room::{room, status_apart};
use crate::toolkit::columns::{AGE, NAME, created, name};
use crate::toolkit::{Field, Report, quantity};

room! {
    /// How much all objects of a namespace may ask for together.
    ResourceQuota
}

const COMPUTE: [&str; 7] = [
    "pods",
    "cpu",
    "memory",
    "limits.cpu",
    "limits.memory",
    "requests.cpu",
    "requests.memory",
];
/// Scopes, with the resources that can be counted in them.
const SCOPES: [(&str, &[&str]); 7] = [
    ("BestEffort", &["pods"]),
    ("NotBestEffort", &COMPUTE),
    ("Terminating", &COMPUTE),
    ("NotTerminating", &COMPUTE),
    ("PriorityClass", &COMPUTE),
    ("CrossNamespacePodAffinity", &COMPUTE),
    (
        "VolumeAttributesClass",
        &["persistentvolumeclaims", "requests.storage"],
    ),
];
const EXISTS_ONLY: &str = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, \
ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";

impl Strategy for ResourceQuota {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_CHANGE
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |quota| {
            rules(quota);
            let spec = quota.child("spec");
            let scopes = spec.child("scopes");
            let was = old["spec"]["scopes"].as_array().into_iter().flatten();
            let was: BTreeSet<&str> = was.filter_map(Value::as_str).collect();
            if scopes.texts().collect::<BTreeSet<_>>() != was {
                scopes.invalid("field is immutable");
            }
        })
    }

    fn validate_part_update(&self, _subresource: &str, new: &Value, _old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |quota| {
            let status = quota.child("status");
            amounts(&status.child("hard"));
            amounts(&status.child("used"));
        })
    }

    fn warnings(&self, new: &Value, old: Option<&Value>) -> Vec<String> {
        match old {
            None => overcommitted(&new["spec"]["hard"]),
            Some(_) => Vec::new(),
        }
    }

    fn returns_deleted_object(&self) -> bool {
        true
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        status_apart(subresource)
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            Column::string(
                "Request",
                "Request represents a minimum amount of cpu/memory that a container may consume.",
            ),
            Column::string(
                "Limit",
                "Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.",
            ),
            AGE,
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let status = &object["status"];
        let (mut requests, mut limits) = (Vec::new(), Vec::new());
        for (resource, hard) in status["hard"].as_object().into_iter().flatten() {
            let used = status["used"][resource].as_str().unwrap_or("0");
            let text = format!("{resource}: {used}/{}", hard.as_str().unwrap_or("0"));
            if resource.starts_with("limits") {
                limits.push(text);
            } else {
                requests.push(text);
            }
        }
        Row {
            cells: vec![
                name(object),
                requests.join(", ").into(),
                limits.join(", ").into(),
                created(object, now),
            ],
            ..Row::default()
        }
    }
}

/// Where more may be asked for than may be used.
fn overcommitted(hard: &Value) -> Vec<String> {
    let mut warnings = Vec::new();
    for resource in ["cpu", "memory", "storage", "ephemeral-storage"] {
        let mut requests = format!("requests.{resource}");
        let mut asked = quantity::of(hard, &requests);
        if asked.is_none() && matches!(resource, "cpu" | "memory") {
            requests = resource.to_owned();
            asked = quantity::of(hard, &requests);
        }
        let limits = format!("limits.{resource}");
        if let Some((asked, most)) = asked.zip(quantity::of(hard, &limits)).filter(|(a, b)| a > b) {
            warnings.push(format!(
                "ResourceQuota {requests} ({asked}) should be less than {limits} ({most})"
            ));
        }
    }
    warnings
}

/// Whether this is counted without a domain.
fn is_standard(resource: &str) -> bool {
    const STANDARD: [&str; 19] = [
        "cpu",
        "memory",
        "ephemeral-storage",
        "requests.cpu",
        "requests.memory",
        "requests.storage",
        "requests.ephemeral-storage",
        "limits.cpu",
        "limits.memory",
        "limits.ephemeral-storage",
        "pods",
        "resourcequotas",
        "services",
        "replicationcontrollers",
        "secrets",
        "persistentvolumeclaims",
        "configmaps",
        "services.nodeports",
        "services.loadbalancers",
    ];
    STANDARD.contains(&resource)
        || resources::is_huge_pages(resource)
        || resource.starts_with("requests.hugepages-")
}

fn amounts(amounts: &Field) {
    for (resource, amount) in amounts.entries() {
        resources::name(&amount, resource);
        if !resource.contains('/') && !is_standard(resource) {
            amount.invalid_as(resource, "must be a standard resource for quota");
        }
        resources::amount(&amount, resource);
    }
}

fn rules(quota: &Field) {
    let spec = quota.child("spec");
    let hard = spec.child("hard");
    amounts(&hard);
    let scopes = spec.child("scopes");
    for scope in scopes.texts() {
        counted_in(
            scope,
            &hard,
            || scopes.invalid("unsupported scope"),
            || {
                scopes.invalid("unsupported scope applied to resource");
            },
        );
    }
    conflicting(scopes.texts().collect(), || scopes.invalid("conflicting scopes"));
    let selector = spec.child("scopeSelector");
    let expressions = selector.child("matchExpressions");
    for requirement in expressions.items() {
        scope_requirement(&selector, &expressions, &requirement, &hard);
    }
    let named = expressions
        .items()
        .map(|requirement| requirement.text_of("scopeName"));
    // Upstream prints the other list here.
    conflicting(named.collect(), || {
        expressions.invalid_printed(&scopes.printed(), "conflicting scopes");
    });
}

/// Scopes of which each leaves out what the other takes.
fn conflicting(scopes: Vec<&str>, say: impl Fn()) {
    for (one, other) in [("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating")] {
        if scopes.contains(&one) && scopes.contains(&other) {
            say();
        }
    }
}

fn counted_in(scope: &str, hard: &Field, unknown: impl Fn(), unfit: impl Fn()) {
    let Some((_, fit)) = SCOPES.iter().find(|(known, _)| *known == scope) else {
        return unknown();
    };
    for (resource, _) in hard.entries() {
        if is_standard(resource) && !fit.contains(&resource) && !is_per_class(scope, resource) {
            unfit();
        }
    }
    // Storage per class, and the like, is not standard and fits everywhere.
}

fn is_per_class(scope: &str, resource: &str) -> bool {
    scope == "VolumeAttributesClass" && resource.ends_with("persistentvolumeclaims")
}

/// Upstream names the list here, not its item.
fn scope_requirement<'v>(
    selector: &Field<'_, 'v>,
    place: &Field<'_, 'v>,
    requirement: &Field<'_, 'v>,
    hard: &Field<'_, 'v>,
) {
    let (scope, operator) = (requirement.text_of("scopeName"), requirement.text_of("operator"));
    counted_in(
        scope,
        hard,
        || place.child("scopeName").invalid_as(scope, "unsupported scope"),
        || {
            let printed = selector.printed();
            place.invalid_printed(&printed, "unsupported scope applied to resource");
        },
    );
    let operators = place.child("operator");
    let exists_only = matches!(
        scope,
        "BestEffort" | "NotBestEffort" | "Terminating" | "NotTerminating" | "CrossNamespacePodAffinity"
    );
    if exists_only && operator != "Exists" {
        operators.invalid_as(operator, EXISTS_ONLY);
    }
    let values = requirement.child("values");
    let named = place.standing_for("values", values.value());
    match operator {
        "In" | "NotIn" if values.is_empty() => {
            named
                .required("must be at least one value when `operator` is 'In' or 'NotIn' for scope selector");
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            named.invalid("must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector");
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        _ => operators.invalid_as(operator, "not a valid selector operator"),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{cells, create_errors};
    use serde_json::{Value, json};

    fn check(spec: Value, expected: &[&str]) {
        assert_eq!(
            create_errors("", "resourcequotas", json!({"spec": spec})),
            expected
        );
    }

    #[test]
    fn resources_and_scopes_are_known() {
        check(json!({"hard": {"pods": "3", "count/a.b": "1"}}), &[]);
        check(
            json!({"hard": {"pods": "500m"}}),
            &[r#"spec.hard[pods]: Invalid value: "500m": must be an integer"#],
        );
        check(
            json!({"hard": {"cheese": "1"}}),
            &[
                r#"spec.hard[cheese]: Invalid value: "cheese": must be a standard resource type or fully qualified"#,
                r#"spec.hard[cheese]: Invalid value: "cheese": must be a standard resource for quota"#,
            ],
        );
        check(
            json!({"hard": {"requests.cpu": "1"}, "scopes": ["BestEffort"]}),
            &[r#"spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource"#],
        );
        check(
            json!({"scopes": ["BestEffort", "NotBestEffort"]}),
            &[r#"spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes"#],
        );
    }

    #[test]
    fn asking_for_more_than_may_be_used_is_odd() {
        let warnings = |hard: Value| {
            crate::testing::room("", "resourcequotas").warnings(&json!({"spec": {"hard": hard}}), None)
        };
        assert_eq!(
            warnings(json!({"cpu": "2", "limits.cpu": "1", "requests.memory": "1", "limits.memory": "1"})),
            ["ResourceQuota cpu (2) should be less than limits.cpu (1)"]
        );
    }

    #[test]
    fn a_row_shows_what_is_used() {
        let quota = json!({"status": {"hard": {"limits.cpu": "2", "pods": "3", "secrets": "9"}, "used": {"pods": "1"}}});
        assert_eq!(
            cells("", "resourcequotas", &quota)[1..3],
            ["pods: 1/3, secrets: 0/9", "limits.cpu: 0/2"]
        );
    }
}
