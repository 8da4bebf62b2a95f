//! Leases.

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::Value;

use crate::room::room;
use crate::toolkit::Report;
use crate::toolkit::columns::{AGE, NAME, created, name, text};
use crate::toolkit::defaults::remove;

room! {
    /// Who holds something, and until when.
    Lease
}

impl Strategy for Lease {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_CHANGE
    }

    fn allows_any_finalizer(&self) -> bool {
        true
    }

    fn prepare_for_create(&self, object: &mut Value) {
        without_coordinated_election(object);
    }

    fn prepare_for_update(&self, new: &mut Value, _old: &Value) {
        without_coordinated_election(new);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |lease| {
            let spec = lease.child("spec");
            let duration = spec.child("leaseDurationSeconds");
            if duration.int().is_some_and(|seconds| seconds <= 0) {
                duration.invalid("must be greater than 0");
            }
            spec.child("leaseTransitions").non_negative();
        })
    }

    fn allows_create_on_update(&self) -> bool {
        true
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            Column::string("Holder", "Who holds it.").shows("coordination.v1.LeaseSpec.holderIdentity"),
            AGE,
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        Row {
            cells: vec![
                name(object),
                text(object, &["spec", "holderIdentity"]).into(),
                created(object, now),
            ],
            ..Row::default()
        }
    }
}

/// Coordinated leader election is off by default, and its fields with it.
fn without_coordinated_election(lease: &mut Value) {
    remove(lease, &["spec", "strategy"]);
    remove(lease, &["spec", "preferredHolder"]);
}

#[cfg(test)]
mod tests {
    use crate::testing::create_errors;
    use serde_json::json;

    #[test]
    fn durations_are_positive() {
        let lease = json!({"spec": {"leaseDurationSeconds": 0, "leaseTransitions": -1}});
        assert_eq!(
            create_errors("coordination.k8s.io", "leases", lease),
            [
                "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
                "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
            ]
        );
    }
}
