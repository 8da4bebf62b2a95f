//! Flow schemas.

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::{Value, json};

use crate::room::{keep_metadata, room, status_and_metadata_apart};
use crate::toolkit::columns::{AGE, NAME, created, list, name, number, or_none, text};
use crate::toolkit::defaults::{object_at, when_empty};
use crate::toolkit::{Field, Report, same};

room! {
    /// Which requests belong to which priority level.
    FlowSchema
}

const MAX_PRECEDENCE: i64 = 10_000;

impl Strategy for FlowSchema {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_NEW
    }

    fn default(&self, object: &mut Value) {
        if let Some(spec) = object_at(object, &["spec"]) {
            when_empty(spec, "matchingPrecedence", 1000);
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn validate_part_update(&self, _subresource: &str, new: &Value, _old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |schema| {
            let status = schema.child("status");
            super::priority_level::conditions(&status.child("conditions"));
        })
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        resource::strategy::spec_only(object)
    }

    fn prepare_part_for_update(&self, _subresource: &str, new: &mut Value, old: &Value) {
        keep_metadata(new, old);
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        status_and_metadata_apart(subresource)
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            Column::string("PriorityLevel", "The level.")
                .shows("flowcontrol.v1.PriorityLevelConfigurationReference.name"),
            Column::string("MatchingPrecedence", "The smaller, the earlier it is tried.")
                .shows("flowcontrol.v1.FlowSchemaSpec.matchingPrecedence"),
            Column::string("DistinguisherMethod", "What tells flows apart.")
                .shows("flowcontrol.v1.FlowSchemaSpec.distinguisherMethod"),
            AGE,
            Column::string(
                "MissingPL",
                "references a broken or non-existent PriorityLevelConfiguration",
            ),
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let mut conditions = list(object, &["status", "conditions"]).iter();
        let dangling = conditions
            .find(|condition| condition["type"] == "Dangling")
            .map_or("?", |condition| text(condition, &["status"]));
        Row {
            cells: vec![
                name(object),
                text(object, &["spec", "priorityLevelConfiguration", "name"]).into(),
                number(object, &["spec", "matchingPrecedence"]).into(),
                or_none(text(object, &["spec", "distinguisherMethod", "type"])),
                created(object, now),
                dangling.into(),
            ],
            ..Row::default()
        }
    }
}

fn rules(schema: &Field) {
    let spec = schema.child("spec");
    let precedence = spec.child("matchingPrecedence");
    if precedence.number() <= 0 {
        precedence.invalid_as(precedence.number(), "must be a positive value");
    }
    if precedence.number() > MAX_PRECEDENCE {
        precedence.invalid(&format!("must not be greater than {MAX_PRECEDENCE}"));
    }
    let metadata = schema.child("metadata");
    if precedence.number() == 1 && metadata.text_of("name") != "exempt" {
        precedence.invalid("only the schema named 'exempt' may have matchingPrecedence 1");
    }
    let method = spec.child("distinguisherMethod");
    let supported = ["ByNamespace", "ByUser"];
    if method.is_set() && !supported.contains(&method.text_of("type")) {
        let printed = method.printed();
        method.child("type").not_supported_printed(&printed, &supported);
    }
    let level = spec.child("priorityLevelConfiguration");
    let level = level.child("name");
    if level.is_empty() {
        level.required("must reference a priority level");
    } else {
        level.dns_subdomain();
    }
    for rule in spec.child("rules").items() {
        self::rule(&rule);
    }
    mandatory(&spec, metadata.text_of("name"));
}

/// Two schemas are always there, as they are.
fn mandatory(spec: &Field, name: &str) {
    let group = |name: &str| json!({"kind": "Group", "group": {"name": name}});
    let everything = |subjects: &[Value]| {
        let resources = json!({
            "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": true, "namespaces": ["*"],
        });
        let others = json!({"verbs": ["*"], "nonResourceURLs": ["*"]});
        json!([{"subjects": subjects, "resourceRules": [resources], "nonResourceRules": [others]}])
    };
    let fixed = match name {
        "exempt" => json!({
            "priorityLevelConfiguration": {"name": name},
            "matchingPrecedence": 1,
            "rules": everything(&[group("system:masters")]),
        }),
        "catch-all" => json!({
            "priorityLevelConfiguration": {"name": name},
            "matchingPrecedence": MAX_PRECEDENCE,
            "distinguisherMethod": {"type": "ByUser"},
            "rules": everything(&[group("system:unauthenticated"), group("system:authenticated")]),
        }),
        _ => return,
    };
    if !same(spec.value(), Some(&fixed)) {
        spec.invalid(&format!("spec of '{name}' must equal the fixed value"));
    }
}

fn rule(rule: &Field) {
    let subjects = rule.child("subjects");
    if subjects.is_empty() {
        subjects.required("subjects must contain at least one value");
    }
    for subject in subjects.items() {
        self::subject(&subject);
    }
    let (resources, others) = (rule.child("resourceRules"), rule.child("nonResourceRules"));
    if resources.is_empty() && others.is_empty() {
        rule.required("at least one of resourceRules and nonResourceRules has to be non-empty");
    }
    for each in resources.items() {
        resource_rule(&each);
    }
    for each in others.items() {
        non_resource_rule(&each);
    }
}

/// Kinds of subjects, and the fields that say more of them.
const KINDS: [(&str, &str); 3] = [
    ("ServiceAccount", "serviceAccount"),
    ("User", "user"),
    ("Group", "group"),
];

fn subject(subject: &Field) {
    let kind = subject.child("kind");
    let Some((of, field)) = KINDS.iter().find(|(known, _)| *known == kind.text()) else {
        return kind.not_supported(&["Group", "ServiceAccount", "User"]);
    };
    let one = subject.child(field);
    if one.is_set() {
        named(&one, *of == "ServiceAccount");
    } else {
        one.required(&format!("{field} is required when subject kind is '{of}'"));
    }
    for (of, name) in KINDS {
        let other = subject.child(name);
        if name != *field && other.is_set() {
            other.forbidden(&format!("{name} is forbidden when subject kind is not '{of}'"));
        }
    }
}

fn named(one: &Field, is_account: bool) {
    let name = one.child("name");
    name.needed();
    if !is_account {
        return;
    }
    if !name.is_empty() && name.text() != "*" {
        name.dns_subdomain();
    }
    let namespace = one.child("namespace");
    if namespace.is_empty() {
        namespace.required("must specify namespace for service account");
    } else {
        namespace.dns_label();
    }
}

/// What may be done, as far as flow control tells it apart.
const VERBS: [&str; 9] = [
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "proxy",
    "update",
    "watch",
];

fn verbs(rule: &Field) {
    let verbs = rule.child("verbs");
    if verbs.is_empty() {
        verbs.required("verbs must contain at least one value");
    } else if verbs.texts().any(|verb| verb == "*") {
        if verbs.len() > 1 {
            verbs.invalid("if '*' is present, must not specify other verbs");
        }
    } else if verbs.items().any(|verb| !VERBS.contains(&verb.text())) {
        verbs.not_supported_printed(&verbs.printed(), &VERBS);
    }
}

fn alone(list: &Field, what: &str, needed: &str) {
    if list.is_empty() {
        list.required(needed);
    } else if list.len() > 1 && list.texts().any(|each| each == "*") {
        list.invalid(&format!("if '*' is present, must not specify other {what}"));
    }
}

fn resource_rule(rule: &Field) {
    verbs(rule);
    alone(
        &rule.child("apiGroups"),
        "api groups",
        "resource rules must supply at least one api group",
    );
    alone(
        &rule.child("resources"),
        "resources",
        "resource rules must supply at least one resource",
    );
    let namespaces = rule.child("namespaces");
    if namespaces.is_empty() && !rule.child("clusterScope").is_true() {
        namespaces.required("resource rules that are not cluster scoped must supply at least one namespace");
    } else if namespaces.texts().any(|each| each == "*") {
        if namespaces.len() > 1 {
            namespaces.invalid("if '*' is present, must not specify other namespaces");
        }
    } else {
        for namespace in namespaces.items() {
            for problem in meta::name::dns1123_label(namespace.text()) {
                let problem = format!("each member of this list must be '*' or a DNS-1123 label; {problem}");
                namespace.invalid_as(namespace.text(), &problem);
            }
        }
    }
}

fn non_resource_rule(rule: &Field) {
    verbs(rule);
    let urls = rule.child("nonResourceURLs");
    alone(
        &urls,
        "non-resource URLs",
        "nonResourceURLs must contain at least one value",
    );
    if urls.texts().any(|url| url == "*") {
        return;
    }
    for url in urls.items() {
        let text = url.text();
        if text.is_empty() {
            url.invalid_as("", "must not be empty");
        } else if !text.starts_with('/') {
            url.invalid("must start with slash");
        } else if text.contains(' ') {
            url.invalid("must not contain white-space");
        } else if text.contains("//") {
            url.invalid("must not contain double slash");
        } else if text.trim_end_matches('*').contains('*') || (text.ends_with('*') && !text.ends_with("/*")) {
            url.invalid("wildcard can only do suffix matching");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::create_errors;
    use serde_json::{Value, json};

    fn check(rule: Value, expected: &[&str]) {
        let schema = json!({"spec": {"priorityLevelConfiguration": {"name": "l"}, "rules": [rule]}});
        assert_eq!(
            create_errors("flowcontrol.apiserver.k8s.io", "flowschemas", schema),
            expected
        );
    }

    #[test]
    fn rules_say_who_and_what() {
        let user = json!({"kind": "User", "user": {"name": "u"}});
        let all = json!({"verbs": ["*"], "nonResourceURLs": ["*"]});
        check(json!({"subjects": [user], "nonResourceRules": [all]}), &[]);
        check(
            json!({"subjects": [user]}),
            &[
                "spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty",
            ],
        );
        check(
            json!({"subjects": [{"kind": "Cat"}], "nonResourceRules": [all]}),
            &[
                r#"spec.rules[0].subjects[0].kind: Unsupported value: "Cat": supported values: "Group", "ServiceAccount", "User""#,
            ],
        );
        check(
            json!({"subjects": [user], "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["x"]}]}),
            &[
                r#"spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "x": must start with slash"#,
            ],
        );
        check(
            json!({"subjects": [user], "nonResourceRules": [{"verbs": ["get", "jump"], "nonResourceURLs": ["/"]}]}),
            &[
                r#"spec.rules[0].nonResourceRules[0].verbs: Unsupported value: ["get","jump"]: supported values: "create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch""#,
            ],
        );
    }
    #[test]
    fn two_schemas_are_fixed() {
        let check = |name: &str, spec: Value| {
            let schema = json!({"metadata": {"name": name}, "spec": spec});
            create_errors("flowcontrol.apiserver.k8s.io", "flowschemas", schema)
        };
        let errors = check(
            "exempt",
            json!({"priorityLevelConfiguration": {"name": "exempt"}, "matchingPrecedence": 7}),
        );
        assert_eq!(
            errors,
            [
                r#"spec: Invalid value: {"PriorityLevelConfiguration":{"Name":"exempt"},"MatchingPrecedence":7,"DistinguisherMethod":null,"Rules":null}: spec of 'exempt' must equal the fixed value"#,
            ]
        );
    }
}
