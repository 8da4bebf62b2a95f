//! Templates of claims to devices.

use meta::ErrorList;
use resource::{Column, Row, Strategy};
use serde_json::Value;

use super::requests;
use crate::room::room;
use crate::toolkit::columns::{AGE, NAME, created, name};
use crate::toolkit::defaults::object_at;
use crate::toolkit::{Field, Report};

room! {
    /// A template for requests for devices.
    ResourceClaimTemplate
}

impl Strategy for ResourceClaimTemplate {
    fn default(&self, object: &mut Value) {
        if let Some(spec) = object_at(object, &["spec", "spec"]) {
            requests::defaults(spec);
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |template| {
            rules(template);
            template.child("spec").immutable(old.get("spec"));
        })
    }

    fn returns_deleted_object(&self) -> bool {
        true
    }

    fn columns(&self) -> Vec<Column> {
        vec![NAME, AGE]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        Row {
            cells: vec![name(object), created(object, now)],
            ..Row::default()
        }
    }
}

fn rules(template: &Field) {
    let spec = template.child("spec");
    spec.child("metadata").template_metadata();
    requests::rules(&spec.child("spec"));
}

#[cfg(test)]
mod tests {
    use crate::testing::create_errors;
    use serde_json::json;

    #[test]
    fn labels_are_all_that_claims_are_given() {
        let template = json!({"spec": {
            "metadata": {"labels": {"a": "b"}, "uid": "u", "name": "n"},
            "spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "gpu"}}]}},
        }});
        assert_eq!(
            create_errors("resource.k8s.io", "resourceclaimtemplates", template),
            [
                "spec.metadata.name: Forbidden: cannot be set",
                "spec.metadata.uID: Forbidden: cannot be set",
            ]
        );
    }
}
