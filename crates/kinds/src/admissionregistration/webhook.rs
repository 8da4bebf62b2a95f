//! Webhook configurations.

use meta::ErrorList;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::Value;

use super::expressions::Uses;
use super::rules;
use crate::room::room;
use crate::toolkit::columns::{AGE, NAME, created, integer, list, name};
use crate::toolkit::defaults::{object_in, objects, when_missing};
use crate::toolkit::{Field, Report, Seen};

room! {
    /// Who is asked whether a request is good.
    ValidatingWebhookConfiguration
}

room! {
    /// Who may change what a request brings.
    MutatingWebhookConfiguration
}

const REVIEWS: &str = "v1, v1beta1";

macro_rules! webhooks {
    ($room:ident, $mutates:expr) => {
        impl Strategy for $room {
            fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
                MetadataChecks::AS_CHANGE
            }

            fn allows_any_finalizer(&self) -> bool {
                true
            }

            fn default(&self, object: &mut Value) {
                defaults(object, $mutates);
            }

            fn validate(&self, object: &Value) -> ErrorList {
                Report::of(self.0.schema, object, |configuration| {
                    webhooks(configuration, $mutates)
                })
            }

            fn generation_image<'a>(&self, object: &'a Value) -> Option<Vec<&'a Value>> {
                Some(rules::image(object))
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
        rules::match_defaults(webhook);
        let client = object_in(webhook, "clientConfig");
        if let Some(service) = client.and_then(|client| object_in(client, "service")) {
            when_missing(service, "port", 443);
        }
    }
}

fn webhooks(configuration: &Field, mutates: bool) {
    let mut names = Seen::new();
    for webhook in configuration.child("webhooks").items() {
        let name = webhook.child("name");
        if name.is_empty() {
            name.required("");
        } else {
            name.complain(meta::name::fully_qualified_domain_name(name.text()));
            if name.text().split('.').count() < 3 {
                name.invalid("should be a domain with at least three segments separated by dots");
            }
            if names.again(name.text()) {
                name.duplicate();
            }
        }
        self::webhook(&webhook, mutates);
    }
}

fn webhook(webhook: &Field, mutates: bool) {
    review_versions(&webhook.child("admissionReviewVersions"));
    for rule in webhook.child("rules").items() {
        rules::rule(&rule);
    }
    webhook.child("failurePolicy").any_of_if_set(&["Fail", "Ignore"]);
    webhook
        .child("matchPolicy")
        .any_of_if_set(&["Equivalent", "Exact"]);
    let effects = webhook.child("sideEffects");
    if effects.is_set() {
        effects.any_of(&["None", "NoneOnDryRun"]);
    } else {
        effects.required("must specify one of None, NoneOnDryRun");
    }
    let timeout = webhook.child("timeoutSeconds");
    if timeout.is_set() && !(1..=30).contains(&timeout.number()) {
        timeout.invalid("the timeout value must be between 1 and 30 seconds");
    }
    webhook.child("namespaceSelector").label_selector();
    webhook.child("objectSelector").label_selector();
    if mutates {
        webhook
            .child("reinvocationPolicy")
            .any_of_if_set(&["IfNeeded", "Never"]);
    }
    let client = webhook.child("clientConfig");
    let (url, service) = (client.child("url"), client.child("service"));
    match (url.is_set(), service.is_set()) {
        (true, false) => self::url(&url),
        (false, true) => self::service(&service),
        _ => client.required("exactly one of url or service is required"),
    }
    let uses = Uses {
        authorizer: true,
        ..Uses::default()
    };
    rules::match_conditions(&webhook.child("matchConditions"), uses);
}

fn review_versions(versions: &Field) {
    if versions.is_empty() {
        return versions.required(&format!("must specify one of {REVIEWS}"));
    }
    let mut seen = Seen::new();
    for version in versions.items() {
        if seen.again(version.text()) {
            version.invalid("duplicate version");
        }
        version.complain(meta::name::dns1035_label(version.text()));
    }
    if !versions
        .texts()
        .any(|version| matches!(version, "v1" | "v1beta1"))
    {
        versions.invalid(&format!("must include at least one of {REVIEWS}"));
    }
}

pub(crate) fn url(url: &Field) {
    const FORM: &str = "desired format: https://host[/path]";
    let text = url.text();
    let Some((scheme, rest)) = text.split_once("://") else {
        return url.invalid_as("", &format!("'https' is the only allowed URL scheme; {FORM}"));
    };
    if scheme != "https" {
        url.invalid_as(scheme, &format!("'https' is the only allowed URL scheme; {FORM}"));
    }
    let host = rest.split(['/', '?', '#']).next().unwrap_or("");
    if host.is_empty() {
        url.invalid_as(host, &format!("host must be specified; {FORM}"));
    }
    if let Some((user, _)) = host.rsplit_once('@') {
        url.invalid_as(
            user,
            &format!("user information is not permitted in the URL; {FORM}"),
        );
    }
    if let Some((_, fragment)) = rest.split_once('#') {
        url.invalid_as(
            fragment,
            &format!("fragments are not permitted in the URL; {FORM}"),
        );
    }
    if let Some((_, query)) = rest.split_once('?') {
        url.invalid_as(
            query,
            &format!("query parameters are not permitted in the URL; {FORM}"),
        );
    }
}

pub(crate) fn service(service: &Field) {
    for (field, what) in [
        ("name", "service name is required"),
        ("namespace", "service namespace is required"),
    ] {
        let field = service.child(field);
        if field.is_empty() {
            field.required(what);
        }
    }
    let port = service.child("port");
    if !(1..=65535).contains(&port.number()) {
        port.invalid_as(
            port.number(),
            "port is not valid: must be between 1 and 65535, inclusive",
        );
    }
    let path = service.child("path");
    if !path.is_set() || path.text() == "/" {
        return;
    }
    if !path.text().starts_with('/') {
        return path.invalid("must start with a '/'");
    }
    let below = &path.text()[1..];
    let steps = below.strip_suffix('/').unwrap_or(below).split('/');
    for (place, step) in steps.enumerate() {
        if step.is_empty() {
            path.invalid(&format!("segment[{place}] may not be empty"));
        } else {
            for problem in meta::name::dns1123_subdomain(step) {
                path.invalid(&format!("segment[{place}]: {problem}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{create_errors, defaulted};
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
            "admissionReviewVersions",
            json!([]),
            &["webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1"],
        );
    }
}
