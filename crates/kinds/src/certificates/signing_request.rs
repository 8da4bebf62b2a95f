//! Certificate signing requests.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use meta::ErrorList;
use meta::age::human_duration;
use resource::{Column, MetadataChecks, Row, Strategy};
use serde_json::Value;

use super::decision;
use super::pem::certificates_complaint;
use crate::room::room;
use crate::toolkit::columns::{AGE, NAME, created, list, name, or_none, text};
use crate::toolkit::defaults::restore;
use crate::toolkit::{Field, Report, Seen, same};

room! {
    /// A wish for a certificate.
    CertificateSigningRequest
}

const USAGES: &[&str] = &[
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];
const LEGACY_SIGNER: &str = "kubernetes.io/legacy-unknown";
const TEN_MINUTES: i64 = 600;
/// A namespace, a name and the dot between them.
const MAX_SIGNER_PATH: usize = 317;

impl Strategy for CertificateSigningRequest {
    fn metadata_checks(&self, _subresource: &str) -> MetadataChecks {
        MetadataChecks::BOTH
    }

    fn validate(&self, object: &Value) -> ErrorList {
        Report::of(self.0.schema, object, |request| rules(request, true))
    }

    fn validate_name(&self, _name: &str, _prefix: bool) -> Vec<String> {
        Vec::new()
    }

    fn prepare_for_update(&self, new: &mut Value, old: &Value) {
        restore(new, old, "spec");
    }

    fn validate_update(&self, _new: &Value, _old: &Value) -> ErrorList {
        // What could be wrong cannot change.
        ErrorList::new()
    }

    fn stamp_part_update(&self, _subresource: &str, new: &mut Value, old: &Value, now: &str) {
        decision::stamp(new, old, now);
    }

    fn prepare_part_for_update(&self, subresource: &str, new: &mut Value, old: &Value) {
        restore(new, old, "spec");
        if subresource == "approval" {
            // Only conditions are given this way; the certificate is not.
            let conditions = new["status"].get("conditions").cloned();
            restore(new, old, "status");
            if let Some(conditions) = conditions {
                new["status"]["conditions"] = conditions;
            }
        } else {
            decision::keep(new, old);
        }
    }

    fn validate_part_update(&self, subresource: &str, new: &Value, old: &Value) -> ErrorList {
        Report::of(self.0.schema, new, |request| {
            let status = request.child("status");
            conditions(&status.child("conditions"), old, subresource);
            if subresource == "status" {
                let certificate = status.child("certificate");
                let old = old["status"].get("certificate").filter(|old| **old != "");
                if !same(certificate.value(), old)
                    && let Some(complaint) = complaint(certificate.text())
                {
                    certificate.invalid_as("<certificate data>", &complaint);
                }
                if old.is_some() && !same(certificate.value(), old) {
                    certificate.forbidden("updates may not set certificate content if existing certificate content is not empty");
                }
            }
        })
    }

    fn reset_fields(&self, subresource: &str) -> &'static [&'static str] {
        match subresource {
            "" => &["spec", "status"],
            "approval" => &["spec", "status.certificate"],
            _ => &["spec", "status.conditions"],
        }
    }

    fn selects_namespaces(&self) -> bool {
        false
    }

    fn selectable_field_names(&self) -> &'static [&'static str] {
        &["spec.signerName"]
    }

    fn selectable_fields(&self, object: &Value) -> Vec<(&'static str, String)> {
        vec![(
            "spec.signerName",
            text(object, &["spec", "signerName"]).to_owned(),
        )]
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            NAME,
            AGE,
            Column::string("SignerName", "Who is to sign."),
            Column::string("Requestor", "Base64-encoded PKCS#10 CSR data"),
            Column::string("RequestedDuration", "How long the certificate shall be good.")
                .shows("certificates.v1.CertificateSigningRequestSpec.expirationSeconds"),
            Column::string(
                "Condition",
                "Conditions applied to the request, such as approval or denial.",
            ),
        ]
    }

    fn row(&self, object: &Value, now: i64) -> Row {
        let duration = match object["spec"]["expirationSeconds"].as_i64() {
            Some(seconds) => human_duration(seconds).into(),
            None => or_none(""),
        };
        Row {
            cells: vec![
                name(object),
                created(object, now),
                or_none(text(object, &["spec", "signerName"])),
                text(object, &["spec", "username"]).into(),
                duration,
                condition(object).into(),
            ],
            ..Row::default()
        }
    }
}

fn condition(request: &Value) -> String {
    let has = |kind: &str| {
        let mut conditions = list(request, &["status", "conditions"]).iter();
        conditions.any(|condition| condition["type"] == kind)
    };
    let mut shown = if has("Denied") {
        "Denied"
    } else if has("Approved") {
        "Approved"
    } else {
        "Pending"
    }
    .to_owned();
    if has("Failed") {
        shown.push_str(",Failed");
    }
    if !text(request, &["status", "certificate"]).is_empty() {
        shown.push_str(",Issued");
    }
    shown
}

fn rules(request: &Field, is_new: bool) {
    let spec = request.child("spec");
    let pem = spec.child("request");
    if !is_request(pem.text()) {
        pem.invalid("PEM block type must be CERTIFICATE REQUEST");
    }
    let usages = spec.child("usages");
    usages.needed();
    let mut seen = Seen::new();
    for usage in usages.items() {
        usage.any_of(USAGES);
        if seen.again(usage.text()) {
            usage.duplicate();
        }
    }
    let signer = spec.child("signerName");
    if is_new && signer.text() == LEGACY_SIGNER {
        signer.invalid("the legacy signerName is not allowed via this API version");
    } else {
        signer_name(&signer);
    }
    let expiration = spec.child("expirationSeconds");
    if expiration.int().is_some_and(|seconds| seconds < TEN_MINUTES) {
        expiration.invalid("may not specify a duration less than 600 seconds (10 minutes)");
    }
}

/// Whether these are the bytes of a request in PEM. What is within is for the signer to judge.
fn is_request(base64: &str) -> bool {
    let bytes = STANDARD.decode(base64).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let block = text.find("-----BEGIN ").map(|start| &text[start..]);
    block.is_some_and(|block| {
        block.starts_with("-----BEGIN CERTIFICATE REQUEST-----")
            && block.contains("-----END CERTIFICATE REQUEST-----")
    })
}

/// What is wrong with the certificate that was issued.
fn complaint(base64: &str) -> Option<String> {
    let bytes = STANDARD.decode(base64).unwrap_or_default();
    certificates_complaint(&String::from_utf8_lossy(&bytes))
}

/// `example.com/signer-name`.
fn signer_name(signer: &Field) {
    const FORM: &str = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
    let text = signer.text();
    if text.is_empty() {
        return signer.required("");
    }
    let (domain, path) = match text.split_once('/') {
        Some((domain, path)) if !path.contains('/') => (domain, path),
        Some(_) => return signer.invalid(FORM),
        None => (text, ""),
    };
    if text.split_once('/').is_none() && !domain.contains('.') {
        return signer.invalid(FORM);
    }
    for label in domain.split('.') {
        if not_a_label(signer, domain, label) {
            return;
        }
    }
    if !domain.contains('.') {
        signer.invalid_as(
            domain,
            "should be a domain with at least two segments separated by dots",
        );
    }
    if path.is_empty() {
        return signer.invalid(FORM);
    }
    if path.len() > MAX_SIGNER_PATH {
        signer.too_long(MAX_SIGNER_PATH);
    }
    for label in path.split('.') {
        if not_a_label(signer, path, label) {
            return;
        }
    }
}

/// Says what is wrong with a part, if anything is.
fn not_a_label(signer: &Field, part: &str, label: &str) -> bool {
    let complaints = meta::name::dns1123_label(label);
    if let Some(complaint) = complaints.first() {
        let detail = format!("validating label {}: {complaint}", meta::quote(label));
        signer.invalid_as(part, &detail);
    }
    !complaints.is_empty()
}

fn conditions(conditions: &Field, old: &Value, subresource: &str) {
    let mut kinds = Seen::new();
    for condition in conditions.items() {
        let (kind, status) = (condition.child("type"), condition.child("status"));
        kind.needed();
        match kind.text() {
            "Approved" | "Denied" | "Failed" => {
                if status.is_empty() {
                    status.required("");
                } else if status.text() != "True" {
                    status.not_supported(&["True"]);
                }
            }
            _ => status.one_of(&["False", "True", "Unknown"]),
        }
        if kinds.again(kind.text()) {
            kind.duplicate();
        }
    }
    let had = list(old, &["status", "conditions"]);
    let count = |wanted: &str| conditions.items().filter(|c| c.text_of("type") == wanted).count();
    let counted_before = |wanted: &str| had.iter().filter(|c| c["type"] == wanted).count();
    if count("Approved") > 0 && count("Denied") > 0 {
        conditions.invalid("Approved and Denied conditions are mutually exclusive");
    }
    for kind in ["Approved", "Denied", "Failed"] {
        if count(kind) < counted_before(kind) {
            conditions.forbidden(&format!("updates may not remove a condition of type \"{kind}\""));
        }
    }
    for kind in ["Approved", "Denied"] {
        if subresource == "status" && count(kind) > counted_before(kind) {
            conditions.forbidden(&format!("updates may not add a condition of type \"{kind}\""));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::create_errors;
    use serde_json::json;

    #[test]
    fn what_was_decided_stays() {
        let request = |kinds: &[&str]| {
            let conditions = kinds.iter().map(|kind| json!({"type": kind, "status": "True"}));
            json!({"status": {"conditions": conditions.collect::<Vec<_>>()}})
        };
        for (part, old, new, expected) in [
            (
                "approval",
                &["Failed"][..],
                &["Denied"][..],
                Some("remove a condition of type \"Failed\""),
            ),
            (
                "approval",
                &["Denied"],
                &[],
                Some("remove a condition of type \"Denied\""),
            ),
            ("approval", &["Failed"], &["Failed", "Denied"], None),
            (
                "status",
                &[],
                &["Approved"],
                Some("add a condition of type \"Approved\""),
            ),
            ("status", &[], &["Failed"], None),
        ] {
            let errors = crate::testing::part_errors(
                "certificates.k8s.io",
                "certificatesigningrequests",
                part,
                &request(new),
                &request(old),
            );
            let told = errors.iter().find(|error| error.contains("updates may not"));
            assert_eq!(told.is_some(), expected.is_some(), "{errors:?}");
            assert!(expected.is_none_or(|expected| told.is_some_and(|told| told.contains(expected))));
        }
    }

    fn check(field: &str, value: Value, expected: &[&str]) {
        let pem =
            STANDARD.encode("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n");
        let mut spec = json!({"request": pem, "signerName": "example.com/s", "usages": ["client auth"]});
        spec[field] = value;
        assert_eq!(
            create_errors(
                "certificates.k8s.io",
                "certificatesigningrequests",
                json!({"spec": spec})
            ),
            expected,
            "{field}"
        );
    }

    #[test]
    fn wrong_requests_are_refused() {
        check("expirationSeconds", json!(600), &[]);
        check(
            "expirationSeconds",
            json!(10),
            &[
                "spec.expirationSeconds: Invalid value: 10: may not specify a duration less than 600 seconds (10 minutes)",
            ],
        );
        check(
            "request",
            json!("YWJj"),
            &[r#"spec.request: Invalid value: "YWJj": PEM block type must be CERTIFICATE REQUEST"#],
        );
        check("usages", json!([]), &["spec.usages: Required value"]);
        check(
            "signerName",
            json!("nodomain"),
            &[
                r#"spec.signerName: Invalid value: "nodomain": must be a fully qualified domain and path of the form 'example.com/signer-name'"#,
            ],
        );
        check(
            "signerName",
            json!("kubernetes.io/legacy-unknown"),
            &[
                r#"spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version"#,
            ],
        );
    }

    #[test]
    fn a_row_tells_what_has_become_of_it() {
        let request = |kinds: &[&str]| {
            let conditions: Vec<Value> = kinds.iter().map(|kind| json!({"type": kind})).collect();
            condition(&json!({"status": {"conditions": conditions}}))
        };
        assert_eq!(request(&[]), "Pending");
        assert_eq!(request(&["Approved", "Failed"]), "Approved,Failed");
    }
}
