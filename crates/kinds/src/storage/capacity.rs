//! How much storage there is.

use meta::ErrorList;
use resource::Strategy;
use serde_json::Value;

use crate::room::room;
use crate::toolkit::checks::NOT_NEGATIVE;
use crate::toolkit::{Report, node_labels, quantity};

room! {
    /// How much storage of a class there is somewhere.
    CSIStorageCapacity
}

impl Strategy for CSIStorageCapacity {
    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |capacity| {
            capacity.child("nodeTopology").label_selector();
            let class = capacity.child("storageClassName");
            class.complain(meta::name::dns1123_subdomain(class.text()));
            let amount = capacity.child("capacity");
            if let Some(quantity) = quantity::read(amount.value()).filter(|quantity| quantity.sign() < 0) {
                amount.invalid_as(quantity.to_string(), NOT_NEGATIVE);
            }
        })
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        let mut errors = self.validate(new);
        errors.extend(Report::of(self.0.schema, new, |capacity| {
            for field in ["nodeTopology", "storageClassName"] {
                capacity.child(field).immutable(old.get(field));
            }
        }));
        errors
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }

    fn warnings(&self, new: &Value, _old: Option<&Value>) -> Vec<String> {
        let selector = &new["nodeTopology"];
        let mut warnings = node_labels::warnings_of_expressions("nodeTopology", selector);
        let labels = selector["matchLabels"].as_object().into_iter().flatten();
        warnings.extend(labels.filter_map(|(label, _)| {
            let what = node_labels::deprecated(label)?;
            Some(format!("nodeTopology.matchLabels.{label}: {what}"))
        }));
        warnings
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::create_errors;
    use serde_json::json;

    #[test]
    fn there_is_not_less_than_nothing() {
        let capacity = json!({"storageClassName": "c", "capacity": "-1"});
        assert_eq!(
            create_errors("storage.k8s.io", "csistoragecapacities", capacity),
            [r#"capacity: Invalid value: "-1": must be greater than or equal to 0"#,]
        );
    }
}
