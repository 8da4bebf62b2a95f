//! Storage drivers.

use meta::ErrorList;
use resource::strategy::spec_only;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::{Value, json};

use crate::room::room;
use crate::toolkit::columns::{AGE, NAME, boolean, created, list, name};
use crate::toolkit::defaults::{object_at, remove, when_empty, when_missing};
use crate::toolkit::{Field, Report, Seen, same_field};

room! {
    /// A storage driver, and what it can do.
    CSIDriver
}

const TEN_MINUTES: i64 = 600;
/// A field that is off by default.
const OFF: &str = "preventPodSchedulingIfMissing";
const TOKENS_LEAK: &str = "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible \
logging of tokens in volume attributes";

impl Strategy for CSIDriver {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::AS_CHANGE
    }

    fn default(&self, object: &mut Value) {
        let Some(spec) = object_at(object, &["spec"]) else {
            return;
        };
        when_missing(spec, "attachRequired", true);
        when_missing(spec, "podInfoOnMount", false);
        when_missing(spec, "storageCapacity", false);
        when_missing(spec, "requiresRepublish", false);
        when_missing(spec, "seLinuxMount", false);
        when_missing(spec, "fsGroupPolicy", "ReadWriteOnceWithFSType");
        when_empty(spec, "volumeLifecycleModes", json!(["Persistent"]));
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, rules)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |driver| {
            rules(driver);
            let spec = driver.child("spec");
            // Upstream's name for it.
            let attach = spec.child("attachRequired");
            spec.standing_for("attachedRequired", attach.value())
                .immutable(old["spec"].get("attachRequired"));
            spec.child("volumeLifecycleModes")
                .immutable(old["spec"].get("volumeLifecycleModes"));
        })
    }

    fn prepare_for_create(&self, object: &mut Value) {
        remove(object, &["spec", OFF]);
    }

    fn keeps_generation_on_create(&self) -> bool {
        true
    }

    fn prepare_for_update(&self, new: &mut Value, old: &Value) {
        if old["spec"][OFF].is_null() {
            remove(new, &["spec", OFF]);
        }
    }

    fn warnings(&self, new: &Value, old: Option<&Value>) -> Vec<String> {
        let spec = &new["spec"];
        let has_requests = !list(spec, &["tokenRequests"]).is_empty();
        let is_new = old.is_none_or(|old| !same_field(spec, &old["spec"], "tokenRequests"));
        let unsafe_tokens = has_requests && is_new && spec["serviceAccountTokenInSecrets"].is_null();
        unsafe_tokens
            .then(|| TOKENS_LEAK.to_owned())
            .into_iter()
            .collect()
    }

    fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
        spec_only(object)
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }

    fn returns_deleted_object(&self) -> bool {
        true
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            boolean("AttachRequired", "Whether volumes are attached to nodes.")
                .shows("storage.v1.CSIDriverSpec.attachRequired"),
            boolean("PodInfoOnMount", "Whether it is told of pods.")
                .shows("storage.v1.CSIDriverSpec.podInfoOnMount"),
            boolean("StorageCapacity", "Whether it says how much there is.")
                .shows("storage.v1.CSIDriverSpec.storageCapacity"),
            Column::string("TokenRequests", "Tokens it gets.")
                .shows("storage.v1.CSIDriverSpec.tokenRequests"),
            boolean("RequiresRepublish", "Whether it is asked again and again.")
                .shows("storage.v1.CSIDriverSpec.requiresRepublish"),
            Column::string("Modes", "How volumes live.")
                .shows("storage.v1.CSIDriverSpec.volumeLifecycleModes"),
            AGE,
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let spec = &object["spec"];
        let flag = |field: &str, by_default: bool| Value::from(spec[field].as_bool().unwrap_or(by_default));
        let joined = |texts: Vec<&str>, none: &str| {
            if texts.is_empty() {
                Value::from(none)
            } else {
                texts.join(",").into()
            }
        };
        let audiences = list(spec, &["tokenRequests"])
            .iter()
            .filter_map(|request| request["audience"].as_str());
        let modes = list(spec, &["volumeLifecycleModes"])
            .iter()
            .filter_map(Value::as_str);
        Row {
            cells: vec![
                name(object),
                flag("attachRequired", true),
                flag("podInfoOnMount", false),
                flag("storageCapacity", false),
                joined(audiences.collect(), "<unset>"),
                flag("requiresRepublish", false),
                joined(modes.collect(), "<none>"),
                created(object, now),
            ],
            ..Row::default()
        }
    }
}

fn rules(driver: &Field) {
    let spec = driver.child("spec");
    for field in ["attachRequired", "podInfoOnMount", "storageCapacity"] {
        let field = spec.child(field);
        if !field.is_set() {
            field.required("");
        }
    }
    spec.child("fsGroupPolicy")
        .any_of_if_set(&["File", "None", "ReadWriteOnceWithFSType"]);
    let requests = spec.child("tokenRequests");
    token_requests(&requests);
    let modes = spec.child("volumeLifecycleModes");
    for mode in modes.texts() {
        let supported = ["Persistent", "Ephemeral"];
        if !supported.contains(&mode) {
            modes.not_supported_as(mode, &supported);
        }
    }
    let period = spec.child("nodeAllocatableUpdatePeriodSeconds");
    if period.is_set() && period.number() < 10 {
        period.invalid("must be greater than or equal to 10 seconds");
    }
    let in_secrets = spec.child("serviceAccountTokenInSecrets");
    if in_secrets.is_set() && requests.is_empty() {
        in_secrets.invalid("serviceAccountTokenInSecrets is set but no tokenRequests are specified");
    }
}

fn token_requests(requests: &Field) {
    let mut audiences = Seen::new();
    for request in requests.items() {
        let (audience, expiration) = (request.child("audience"), request.child("expirationSeconds"));
        if audiences.again(audience.text()) {
            audience.duplicate_as(audience.text());
            continue;
        }
        if let Some(seconds) = expiration.int() {
            if seconds < TEN_MINUTES {
                expiration.invalid("may not specify a duration less than 10 minutes");
            }
            if seconds > 1 << 32 {
                expiration.invalid("may not specify a duration larger than 2^32 seconds");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{cells, create_errors, defaulted};
    use serde_json::json;

    #[test]
    fn drivers_have_their_defaults() {
        let driver = defaulted("storage.k8s.io", "csidrivers", json!({"metadata": {"name": "d"}}));
        assert_eq!(driver["spec"]["attachRequired"], true);
        assert!(create_errors("storage.k8s.io", "csidrivers", driver.clone()).is_empty());
        assert_eq!(
            cells("storage.k8s.io", "csidrivers", &driver)[4..7],
            [json!("<unset>"), json!(false), json!("Persistent")]
        );
    }

    #[test]
    fn tokens_last_a_while() {
        let driver = json!({"spec": {"tokenRequests": [{"audience": "a", "expirationSeconds": 1}, {"audience": "a"}]}});
        assert_eq!(
            create_errors("storage.k8s.io", "csidrivers", driver),
            [
                "spec.tokenRequests[0].expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes",
                r#"spec.tokenRequests[1].audience: Duplicate value: "a""#,
            ]
        );
    }
}
