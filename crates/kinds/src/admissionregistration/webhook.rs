//! Webhook configurations.

mod rules;
mod service;
mod url;

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::Value;

use self::rules::Leniency;
use super::rules::{image, match_defaults};
use crate::room::room;
use crate::toolkit::Report;
use crate::toolkit::columns::{AGE, NAME, created, integer, list, name};
use crate::toolkit::defaults::{object_in, objects, when_missing};

pub(crate) use service::rules as service;
pub(crate) use url::rules as url;

room! {
    /// Who is asked whether a request is good.
    ValidatingWebhookConfiguration
}

room! {
    /// Who may change what a request brings.
    MutatingWebhookConfiguration
}

macro_rules! webhooks {
    ($room:ident, $mutates:expr) => {
        impl Strategy for $room {
            fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
                MetadataChecks::AS_NEW
            }

            fn allows_any_finalizer(&self) -> bool {
                true
            }

            fn default(&self, object: &mut Value) {
                defaults(object, $mutates);
            }

            fn validate(&self, object: &Value) -> ErrorList {
                Report::of(self.0.schema, object, |configuration| {
                    rules::configuration(configuration, $mutates, &Leniency::default())
                })
            }

            fn validate_update(&self, new: &Value, old: &Value) -> ErrorList {
                Report::of(self.0.schema, new, |configuration| {
                    rules::configuration(configuration, $mutates, &Leniency::of(new, old))
                })
            }

            fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
                Some(image(object))
            }

            fn tells_empty_from_none(&self) -> bool {
                true
            }

            fn allows_unconditional_update(&self) -> bool {
                false
            }

            fn columns(&self) -> Vec<Column> {
                vec![
                    NAME,
                    integer(
                        "Webhooks",
                        "Webhooks indicates the number of webhooks registered in this configuration",
                    ),
                    AGE,
                ]
            }

            fn row(&self, object: &Value, now: i64) -> Row {
                Row {
                    cells: vec![
                        name(object),
                        list(object, &["webhooks"]).len().into(),
                        created(object, now),
                    ],
                    ..Row::default()
                }
            }
        }
    };
}

webhooks!(ValidatingWebhookConfiguration, false);
webhooks!(MutatingWebhookConfiguration, true);

fn defaults(object: &mut Value, mutates: bool) {
    let Some(configuration) = object.as_object_mut() else {
        return;
    };
    for webhook in objects(configuration, "webhooks") {
        when_missing(webhook, "failurePolicy", "Fail");
        when_missing(webhook, "timeoutSeconds", 10);
        if mutates {
            when_missing(webhook, "reinvocationPolicy", "Never");
        }
        match_defaults(webhook);
        let client = object_in(webhook, "clientConfig");
        if let Some(service) = client.and_then(|client| object_in(client, "service")) {
            when_missing(service, "port", 443);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{create_errors, defaulted, update_errors};
    use serde_json::{Value, json};

    const GROUP: &str = "admissionregistration.k8s.io";

    fn check(field: &str, value: Value, expected: &[&str]) {
        let mut webhook = json!({
            "name": "a.b.c", "clientConfig": {"url": "https://x/y"}, "sideEffects": "None", "admissionReviewVersions": ["v1"],
        });
        webhook[field] = value;
        let errors = create_errors(
            GROUP,
            "validatingwebhookconfigurations",
            json!({"webhooks": [webhook]}),
        );
        assert_eq!(errors, expected, "{field}");
    }

    #[test]
    fn webhooks_have_their_defaults() {
        let rule =
            json!({"operations": ["*"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]});
        let configuration = defaulted(
            GROUP,
            "mutatingwebhookconfigurations",
            json!({"webhooks": [{"rules": [rule]}]}),
        );
        let webhook = &configuration["webhooks"][0];
        assert_eq!(webhook["timeoutSeconds"], 10);
        assert_eq!(webhook["rules"][0]["scope"], "*");
        assert_eq!(webhook["reinvocationPolicy"], "Never");
    }

    #[test]
    fn wrong_webhooks_are_refused() {
        check("timeoutSeconds", json!(30), &[]);
        check(
            "timeoutSeconds",
            json!(31),
            &[
                "webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds",
            ],
        );
        check(
            "sideEffects",
            json!("Unknown"),
            &[
                r#"webhooks[0].sideEffects: Unsupported value: "Unknown": supported values: "None", "NoneOnDryRun""#,
            ],
        );
        check(
            "clientConfig",
            json!({}),
            &["webhooks[0].clientConfig: Required value: exactly one of url or service is required"],
        );
        let service =
            |path: &str| json!({"service": {"namespace": "n", "name": "s", "port": 443, "path": path}});
        check("clientConfig", service("/a/b-c/"), &[]);
        check(
            "clientConfig",
            service("/a//b"),
            &[
                r#"webhooks[0].clientConfig.service.path: Invalid value: "/a//b": segment[1] may not be empty"#,
            ],
        );
        check(
            "clientConfig",
            json!({"service": {"name": "s", "port": 443}}),
            &["webhooks[0].clientConfig.service.name: Required value"],
        );
        check(
            "matchConditions",
            json!([{"name": "a", "expression": " 1 "}]),
            &[
                r#"webhooks[0].matchConditions[0].expression: Invalid value: "1": must evaluate to bool but got int"#,
            ],
        );
        check(
            "name",
            json!("a.b"),
            &[
                r#"webhooks[0].name: Invalid value: "a.b": should be a domain with at least three segments separated by dots"#,
            ],
        );
        check(
            "admissionReviewVersions",
            json!([]),
            &["webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1"],
        );
    }
    #[test]
    fn what_was_there_before_may_stay() {
        let configuration = |field: &str, value: Value| {
            let mut webhook = json!({
                "name": "a.b.c", "clientConfig": {"url": "https://x/y"}, "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            });
            webhook[field] = value;
            json!({"webhooks": [webhook]})
        };
        for (field, odd) in [
            ("sideEffects", json!("Some")),
            ("admissionReviewVersions", json!(["v2"])),
            ("matchConditions", json!([{"name": "a", "expression": "1"}])),
            (
                "objectSelector",
                json!({"matchExpressions": [{"key": "a", "operator": "In", "values": ["/"]}]}),
            ),
        ] {
            let odd = configuration(field, odd);
            let plain = configuration("timeoutSeconds", json!(7));
            let errors = |old: &Value| update_errors(GROUP, "validatingwebhookconfigurations", &odd, old);
            assert_eq!(errors(&odd), Vec::<String>::new(), "{field}");
            assert_eq!(errors(&plain).len(), 1, "{field}");
        }
    }
}
