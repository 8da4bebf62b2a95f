//! Device classes.

use meta::ErrorList;
use resource::{Column, Row, Strategy};
use serde_json::Value;

use super::{configuration, requests};
use crate::core::resources;
use crate::room::room;
use crate::toolkit::columns::{AGE, NAME, created, name};
use crate::toolkit::{Field, Report};

room! {
    /// A sort of devices.
    DeviceClass
}

const MOST_CONFIGS: usize = 32;

impl Strategy for DeviceClass {
    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |class| rules(&class.child("spec")))
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        let complaints = match prefix {
            true => meta::name::dns1123_subdomain_prefix(name),
            false => meta::name::dns1123_subdomain(name),
        };
        let in_bytes = |complaint: String| match complaint.strip_suffix(" characters") {
            Some(most) => format!("{most} bytes"),
            None => complaint,
        };
        complaints.into_iter().map(in_bytes).collect()
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        resource::strategy::spec_only(object)
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

fn rules(spec: &Field) {
    requests::selectors(&spec.child("selectors"));
    let configs = spec.child("config");
    if configs.len() > MOST_CONFIGS {
        configs.too_many(MOST_CONFIGS);
    } else {
        for config in configs.items() {
            configuration::rules(&config);
        }
    }
    let resource = spec.child("extendedResourceName");
    if resource.is_set() && !resources::is_extended(resource.text()) {
        resource.invalid("must be a valid extended resource name");
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::create_errors;
    use serde_json::json;

    #[test]
    fn configuration_is_for_a_driver() {
        let class =
            json!({"spec": {"config": [{"opaque": {"parameters": 1}}], "extendedResourceName": "cpu"}});
        assert_eq!(
            create_errors("resource.k8s.io", "deviceclasses", class),
            [
                "spec.config[0].opaque.driver: Required value",
                "spec.config[0].opaque.parameters: Invalid value: \"<value omitted>\": must be a valid JSON object",
                "spec.extendedResourceName: Invalid value: \"cpu\": must be a valid extended resource name",
            ]
        );
    }
}
