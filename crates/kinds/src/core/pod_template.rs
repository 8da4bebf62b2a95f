//! Pod templates.

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::Value;

use super::pod::{defaults, template, warnings};
use crate::room::{image, room};
use crate::toolkit::columns::{NAME, containers_and_images, name, or_none};
use crate::toolkit::selectors::map_text;
use crate::toolkit::{Field, Report};

room! {
    /// A template for pods, to be used by others.
    PodTemplate
}

impl Strategy for PodTemplate {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_CHANGE
    }

    fn default(&self, object: &mut Value) {
        if let Some(object) = object.as_object_mut() {
            defaults::template(object);
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |object| {
            template::rules(&object.child("template"))
        })
    }

    fn warnings(&self, new: &Value, old: Option<&Value>) -> Vec<String> {
        let report = Report::default();
        let root = Field::root(&report, new);
        warnings::of_template_at(&root.child("template"), old.map(|old| &old["template"]))
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        Some(image(object, &["/template"]))
    }

    fn returns_deleted_object(&self) -> bool {
        true
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            Column::string("Containers", "Names of each container in the template."),
            Column::string("Images", "Images referenced by each container in the template."),
            Column::string("Pod Labels", "The labels for the pod template."),
        ]
    }

    fn row(&self, object: &Value, _now: i64) -> Row {
        let [containers, images] = containers_and_images(object.pointer("/template/spec"));
        Row {
            cells: vec![
                name(object),
                containers,
                images,
                or_none(&map_text(&object["template"]["metadata"]["labels"])),
            ],
            ..Row::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{cells, create_errors, defaulted};
    use serde_json::json;

    #[test]
    fn templates_are_defaulted_and_checked() {
        let template = defaulted(
            "",
            "podtemplates",
            json!({"template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}}),
        );
        assert_eq!(template["template"]["spec"]["restartPolicy"], "Always");
        assert!(create_errors("", "podtemplates", template.clone()).is_empty());
        assert_eq!(
            create_errors("", "podtemplates", json!({})),
            ["template.spec.containers: Required value"]
        );
        assert_eq!(cells("", "podtemplates", &template)[1..], ["c", "i", "<none>"]);
    }
}
