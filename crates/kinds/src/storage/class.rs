//! Storage classes.

use std::collections::{BTreeMap, BTreeSet};

use meta::ErrorList;
use resource::{Column, Row, Strategy};
use serde_json::Value;

use crate::room::room;
use crate::toolkit::columns::{AGE, NAME, created, list, name, text};
use crate::toolkit::defaults::when_missing;
use crate::toolkit::{Field, Report, node_labels};

room! {
    /// A sort of storage.
    StorageClass
}

const IS_DEFAULT: [&str; 2] = [
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
];
const MAX_PARAMETERS: usize = 512;
const MAX_PARAMETER_BYTES: usize = 256 * 1024;

impl Strategy for StorageClass {
    fn default(&self, object: &mut Value) {
        if let Some(class) = object.as_object_mut() {
            when_missing(class, "reclaimPolicy", "Delete");
            when_missing(class, "volumeBindingMode", "Immediate");
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |class| {
            rules(class);
            for field in ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"] {
                class.child(field).immutable(old.get(field));
            }
        })
    }

    fn warnings(&self, new: &Value, _old: Option<&Value>) -> Vec<String> {
        let mut warnings = Vec::new();
        for (at, term) in list(new, &["allowedTopologies"]).iter().enumerate() {
            let requirements = list(term, &["matchLabelExpressions"]);
            for (index, requirement) in requirements.iter().enumerate() {
                if let Some(what) = node_labels::deprecated(text(requirement, &["key"])) {
                    warnings.push(format!(
                        "allowedTopologies[{at}].matchLabelExpressions[{index}].key: {what}"
                    ));
                }
            }
        }
        warnings
    }

    fn returns_deleted_object(&self) -> bool {
        true
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            Column::string("Provisioner", "Who makes it.").shows("storage.v1.StorageClass.provisioner"),
            Column::string("ReclaimPolicy", "What becomes of it when it is given back.")
                .shows("storage.v1.StorageClass.reclaimPolicy"),
            Column::string("VolumeBindingMode", "When it is made.")
                .shows("storage.v1.StorageClass.volumeBindingMode"),
            Column::string("AllowVolumeExpansion", "Whether it can grow.")
                .shows("storage.v1.StorageClass.allowVolumeExpansion"),
            AGE,
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let is_default = IS_DEFAULT
            .iter()
            .any(|annotation| text(object, &["metadata", "annotations", annotation]) == "true");
        let shown = match is_default {
            true => format!("{} (default)", meta::object::name(object)).into(),
            false => name(object),
        };
        let or = |field: &str, none: &str| match text(object, &[field]) {
            "" => none.to_owned(),
            value => value.to_owned(),
        };
        Row {
            cells: vec![
                shown,
                text(object, &["provisioner"]).into(),
                or("reclaimPolicy", "Delete").into(),
                or("volumeBindingMode", "<unset>").into(),
                (object["allowVolumeExpansion"] == Value::Bool(true)).into(),
                created(object, now),
            ],
            ..Row::default()
        }
    }
}

fn rules(class: &Field) {
    provisioner(&class.child("provisioner"));
    parameters(&class.child("parameters"));
    let policy = class.child("reclaimPolicy");
    if !policy.is_empty() {
        policy.any_of(&["Delete", "Retain"]);
    }
    let mode = class.child("volumeBindingMode");
    if mode.is_set() {
        mode.any_of(&["Immediate", "WaitForFirstConsumer"]);
    } else {
        mode.required("");
    }
    let topologies = class.child("allowedTopologies");
    // Upstream compares with as many terms without requirements as there are terms.
    let mut terms = vec![BTreeMap::new(); topologies.len()];
    for term in topologies.items() {
        let requirements = topology(&term);
        for _ in terms.iter().filter(|other| **other == requirements) {
            term.child("matchLabelExpressions").duplicate_as("");
        }
        terms.push(requirements);
    }
}

/// Who makes the storage. Names of drivers were once written with capitals.
pub fn provisioner(provisioner: &Field) {
    if provisioner.is_empty() {
        return provisioner.required("");
    }
    let name = provisioner.text().to_lowercase();
    for complaint in meta::name::qualified_name(&name) {
        provisioner.invalid_as(name.as_str(), &complaint);
    }
}

/// Options for whoever makes the storage.
pub fn parameters(parameters: &Field) {
    let mut bytes = 0;
    if parameters.len() > MAX_PARAMETERS {
        return parameters.too_long(MAX_PARAMETERS);
    }
    for (key, value) in parameters.entries() {
        if key.is_empty() {
            parameters.invalid_as(key, "field can not be empty.");
        }
        bytes += key.len() + value.text().len();
    }
    if bytes > MAX_PARAMETER_BYTES {
        parameters.too_long(MAX_PARAMETER_BYTES);
    }
}

/// What is required of nodes: values by key.
fn topology<'v>(term: &Field<'_, 'v>) -> BTreeMap<&'v str, BTreeSet<&'v str>> {
    let mut required = BTreeMap::new();
    for requirement in term.child("matchLabelExpressions").items() {
        let (key, values) = (requirement.child("key"), requirement.child("values"));
        values.needed();
        let mut seen = BTreeSet::new();
        for value in values.items() {
            if !seen.insert(value.text()) {
                value.duplicate();
            }
        }
        key.qualified_name();
        if required.insert(key.text(), seen).is_some() {
            key.duplicate();
        }
    }
    required
}

#[cfg(test)]
mod tests {
    use crate::testing::{cells, create_errors, defaulted, update_errors};
    use serde_json::json;

    const GROUP: &str = "storage.k8s.io";

    #[test]
    fn classes_have_their_defaults() {
        assert_eq!(
            defaulted(GROUP, "storageclasses", json!({})),
            json!({"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"})
        );
    }

    #[test]
    fn wrong_classes_are_refused() {
        assert!(create_errors(GROUP, "storageclasses", json!({"provisioner": "a.b/C"})).is_empty());
        assert_eq!(
            create_errors(GROUP, "storageclasses", json!({"reclaimPolicy": "Recycle"})),
            [
                "provisioner: Required value",
                r#"reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain""#,
            ]
        );
    }

    #[test]
    fn classes_stay() {
        let of = |name: &str| defaulted(GROUP, "storageclasses", json!({"provisioner": name}));
        assert_eq!(
            update_errors(GROUP, "storageclasses", &of("b"), &of("a")),
            [r#"provisioner: Invalid value: "b": field is immutable"#]
        );
    }

    #[test]
    fn the_default_class_says_so() {
        let class = json!({"metadata": {"name": "c", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}});
        assert_eq!(cells(GROUP, "storageclasses", &class)[0], "c (default)");
    }
}
