//! SubjectAccessReview and its kin: may they?

use std::sync::Arc;

use async_trait::async_trait;
use auth::Authorizer;
use meta::field::{FieldError, FieldErrorKind, Path};
use meta::{ErrorList, GroupVersionKind, Status, User};
use registry::{Action, ActionRequest, Registry};
use schema::Ordered;
use serde_json::{Map, Value};

use super::attributes::{self, Question};
use super::users;
use crate::json::{text, texts};

/// About whom a review asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhoseAccess {
    /// The user in the body (SubjectAccessReview).
    Anyones,
    /// The user in the body, in the namespace of the request (LocalSubjectAccessReview).
    AnyonesInNamespace,
    /// Who asks (SelfSubjectAccessReview).
    Mine,
}

/// Tells whether somebody may do something.
pub struct ReviewAccess {
    /// Decides.
    pub authorizer: Arc<dyn Authorizer>,
    /// About whom it asks.
    pub whose: WhoseAccess,
}

/// Upstream refuses reviews in the name of no kind at all.
const KIND: GroupVersionKind = GroupVersionKind::new("authorization.k8s.io", "v1", "SubjectAccessReview");
const NO_KIND: GroupVersionKind = GroupVersionKind::new("authorization.k8s.io", "v1", "");

impl ReviewAccess {
    fn check(&self, review: &Value, namespace: &str) -> Result<(), Status> {
        let spec = &review["spec"];
        let mut errors = attributes::check(spec);
        let is_about_somebody = !text(spec, "/user").is_empty() || !texts(spec, "/groups").is_empty();
        if self.whose != WhoseAccess::Mine && !is_about_somebody {
            let why = "at least one of user or group must be specified";
            errors.push(FieldError::invalid(&Path::new("spec.user"), "", why));
        }
        errors.extend(metadata(&review["metadata"], self.whose));
        if self.whose == WhoseAccess::AnyonesInNamespace {
            errors.extend(in_namespace(spec, namespace));
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Status::invalid(&NO_KIND, "", &errors))
        }
    }
}

/// A review is not an object: it has no name and no labels.
fn metadata(metadata: &Value, whose: WhoseAccess) -> ErrorList {
    let fields = metadata.as_object().into_iter().flatten();
    let mut odd = fields.filter(|(key, _)| !matches!(key.as_str(), "managedFields" | "namespace"));
    if odd.next().is_none() {
        return ErrorList::new();
    }
    // As Go prints it: in the order of its fields.
    let schema = schema::builtin(&KIND).and_then(|review| review.field("metadata"));
    let printed = serde_json::to_string(&Ordered::new(metadata, schema)).unwrap_or_default();
    let why = match whose {
        WhoseAccess::AnyonesInNamespace => "must be empty except for namespace",
        WhoseAccess::Anyones | WhoseAccess::Mine => "must be empty",
    };
    vec![FieldError {
        kind: FieldErrorKind::Invalid,
        path: Path::new("metadata"),
        message: format!("Invalid value: {printed}: {why}"),
    }]
}

/// What is asked must be about the namespace of the request.
fn in_namespace(spec: &Value, namespace: &str) -> ErrorList {
    let mut errors = ErrorList::new();
    if let Some(other) = spec.get("nonResourceAttributes") {
        let why = "disallowed on this kind of request";
        let path = Path::new("spec.nonResourceAttributes");
        errors.push(FieldError::invalid(&path, attributes::printed(other), why));
    }
    let asked = text(spec, "/resourceAttributes/namespace");
    if spec.get("resourceAttributes").is_some() && asked != namespace {
        let path = Path::new("spec.resourceAttributes.namespace");
        errors.push(FieldError::invalid(&path, asked, "must match metadata.namespace"));
    }
    errors
}

#[async_trait]
impl Action for ReviewAccess {
    async fn run(&self, request: ActionRequest<'_>, _registry: &Registry) -> Result<Value, Status> {
        let mut answer = request.body.clone();
        let spec = &request.body["spec"];
        self.check(&request.body, request.namespace)?;
        let somebody: User;
        let user: &User = if self.whose == WhoseAccess::Mine {
            &request.context.user
        } else {
            somebody = users::from_spec(spec);
            &somebody
        };
        let question = Question::read(spec);
        let decision = self.authorizer.authorize(&question.about(user)).await;
        let mut status = Map::new();
        status.insert(String::from("allowed"), decision.is_allowed().into());
        if decision.is_denied() {
            status.insert(String::from("denied"), true.into());
        }
        if !decision.reason().is_empty() {
            status.insert(String::from("reason"), decision.reason().into());
        }
        if let Some(errors) = meta::aggregate(&question.errors) {
            status.insert(String::from("evaluationError"), errors.into());
        }
        answer["status"] = status.into();
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const GET: &str = r#"{"namespace": "d", "verb": "get", "resource": "configmaps"}"#;

    fn message(whose: WhoseAccess, spec: Value) -> String {
        let review = ReviewAccess {
            authorizer: Arc::new(auth::always::AlwaysAllow),
            whose,
        };
        let checked = review.check(&json!({"metadata": {"namespace": "d"}, "spec": spec}), "d");
        checked.err().map(|status| status.message).unwrap_or_default()
    }

    fn check(whose: WhoseAccess, spec: Value, errors: &str) {
        let wanted = if errors.is_empty() {
            String::new()
        } else {
            format!(".authorization.k8s.io \"\" is invalid: {errors}")
        };
        assert_eq!(message(whose, spec.clone()), wanted, "{spec}");
    }

    fn get() -> Value {
        serde_json::from_str(GET).expect("attributes")
    }

    #[test]
    fn a_review_asks_one_thing_about_somebody() {
        let path = json!({"path": "/", "verb": "get"});
        let anyones = WhoseAccess::Anyones;
        check(anyones, json!({"user": "u", "resourceAttributes": get()}), "");
        check(
            anyones,
            json!({"groups": ["g"], "nonResourceAttributes": path}),
            "",
        );
        check(
            anyones,
            json!({"user": "u", "resourceAttributes": get(), "nonResourceAttributes": path}),
            r#"spec.nonResourceAttributes: Invalid value: {"Path":"/","Verb":"get"}: cannot be specified in combination with resourceAttributes"#,
        );
        check(
            anyones,
            json!({}),
            concat!(
                "[spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or ",
                "resourceAttributes must be specified, spec.user: Invalid value: \"\": at least one of user or group ",
                "must be specified]"
            ),
        );
        check(WhoseAccess::Mine, json!({"resourceAttributes": get()}), "");
    }

    #[test]
    fn a_local_review_stays_in_its_namespace() {
        let local = WhoseAccess::AnyonesInNamespace;
        let mut elsewhere = get();
        elsewhere["namespace"] = "default".into();
        check(local, json!({"user": "u", "resourceAttributes": get()}), "");
        check(
            local,
            json!({"user": "u", "resourceAttributes": elsewhere}),
            r#"spec.resourceAttributes.namespace: Invalid value: "default": must match metadata.namespace"#,
        );
        check(
            local,
            json!({"user": "u", "nonResourceAttributes": {"path": "/x", "verb": "get"}}),
            r#"spec.nonResourceAttributes: Invalid value: {"Path":"/x","Verb":"get"}: disallowed on this kind of request"#,
        );
    }

    #[test]
    fn selectors_are_given_one_way() {
        let with = |name: &str, selector: Value| {
            let mut attributes = get();
            attributes[name] = selector;
            json!({"user": "u", "resourceAttributes": attributes})
        };
        let both =
            json!({"rawSelector": "a=b", "requirements": [{"key": "a", "operator": "In", "values": ["b"]}]});
        let cases = [
            ("fieldSelector", json!({"rawSelector": "a"}), ""),
            (
                "fieldSelector",
                both,
                r#"spec.resourceAttributes.fieldSelector.rawSelector: Invalid value: "a=b": may not specified at the same time as requirements"#,
            ),
            (
                "labelSelector",
                json!({}),
                "spec.resourceAttributes.labelSelector.requirements: Required value: when spec.resourceAttributes.labelSelector is specified, requirements or rawSelector is required",
            ),
            (
                "fieldSelector",
                json!({"requirements": [{"key": "a", "operator": "In"}]}),
                "spec.resourceAttributes.fieldSelector.requirements[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
            ),
            (
                "labelSelector",
                json!({"requirements": [{"key": "a", "operator": "Exists", "values": ["x"]}]}),
                "spec.resourceAttributes.labelSelector.requirements[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            ),
            (
                "labelSelector",
                json!({"requirements": [{"key": "a", "operator": "Newer"}]}),
                "",
            ),
            (
                "labelSelector",
                json!({"requirements": [{"key": "a", "operator": "In", "values": ["-"]}]}),
                "spec.resourceAttributes.labelSelector.requirements[0].values[0]: Invalid value: \"-\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
            ),
            (
                "fieldSelector",
                json!({"requirements": [{"operator": "In", "values": ["b"]}]}),
                "spec.resourceAttributes.fieldSelector.requirements[0].key: Required value: must be specified",
            ),
        ];
        for (name, selector, errors) in cases {
            check(WhoseAccess::Anyones, with(name, selector), errors);
        }
    }

    #[test]
    fn selectors_that_cannot_be_read_are_told() {
        let read = |name: &str, selector: Value| {
            let mut attributes = get();
            attributes[name] = selector;
            Question::read(&json!({"resourceAttributes": attributes})).errors
        };
        let ignored = |name: &str| {
            vec![format!(
                "spec.resourceAttributes.{name} ignored due to parse error"
            )]
        };
        let requirement = |operator: &str, values: &[&str]| json!({"requirements": [{"key": "a", "operator": operator, "values": values}]});
        let none: Vec<String> = Vec::new();
        assert_eq!(read("fieldSelector", json!({"rawSelector": "a=b"})), none);
        assert_eq!(
            read("fieldSelector", json!({"rawSelector": "a"})),
            ignored("fieldSelector")
        );
        assert_eq!(read("fieldSelector", requirement("In", &["b"])), none);
        assert_eq!(
            read("fieldSelector", requirement("In", &["b", "c"])),
            ignored("fieldSelector")
        );
        assert_eq!(
            read("fieldSelector", requirement("Gt", &["b"])),
            ignored("fieldSelector")
        );
        assert_eq!(
            read("labelSelector", json!({"rawSelector": "a=(b"})),
            ignored("labelSelector")
        );
        assert_eq!(read("labelSelector", requirement("Exists", &[])), none);
    }
}
