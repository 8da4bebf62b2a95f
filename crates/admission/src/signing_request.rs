//! Who a certificate signing request is for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer;
use x509_parser::x509::AttributeTypeAndValue;

use crate::request::text;

/// The parts of a subject that Kubernetes understands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subject {
    /// The user.
    pub(crate) common_name: String,
    /// The user's groups.
    pub(crate) organizations: Vec<String>,
}

/// The subject of a CertificateSigningRequest object; none if it holds no request.
pub(crate) fn subject(object: &Value) -> Option<Subject> {
    let pem = STANDARD.decode(text(object, "/spec/request")).ok()?;
    let (_, pem) = parse_x509_pem(&pem).ok()?;
    let (_, request) = X509CertificationRequest::from_der(&pem.contents).ok()?;
    let subject = &request.certification_request_info.subject;
    let words = |parts: &mut dyn Iterator<Item = &AttributeTypeAndValue<'_>>| -> Vec<String> {
        parts
            .filter_map(|part| part.as_str().ok())
            .map(str::to_owned)
            .collect()
    };
    Some(Subject {
        common_name: words(&mut subject.iter_common_name()).pop().unwrap_or_default(),
        organizations: words(&mut subject.iter_organization()),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// CN `x`, O `system:masters`.
    pub(crate) const OF_MASTERS: &str = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlJQ2FqQ0NBVklDQVFBd0pURVhNQlVHQTFVRUNnd09jM2x6ZEdWdE9tMWhjM1JsY25NeENqQUlCZ05WQkFNTQpBWGd3Z2dFaU1BMEdDU3FHU0liM0RRRUJBUVVBQTRJQkR3QXdnZ0VLQW9JQkFRRFZ4Mm1LSytjdDZCWDBTVXV4CnAzRFZsbHNTU2FIN1hmcnlValU2ZUFmbXI5L3QzVnp6OUhualJEbVNHV1FHWklpNzNvcTZZQlpRbnZud1Zqa3EKTDl6Ryszek1XRzJRQllYYytkRmF1LzlFQ2dJRnBRWXFtSXZZbHFETCtTQ1BtR25kMkg1VHcvN3JuRDdYOHZReAp5S1FUNjdqQ2lzSkZKdlV0dEZHZmJtM0VnTlh5dHI2eGdudGthTGFJQ3VvTlovVXBUMTZBaVJIKzhEekRmV25ZClpDUHMyQzNQQ0RGVTViSnlTZ2FJMDJDZHBqb1hBdVVXdHA5K2I2bDJlVVBJUEQ4ODlmRUVOdW81ZjcyUkR3NWwKd3NxU3I4bmRPZnFXb2ZGS2hRRng0RG5YbC9ZbGtTdFAyMy90UHpPOUlTckdDZjFOKzdXT0FZUDQ1L1dVbGpCZwp1NUVSQWdNQkFBR2dBREFOQmdrcWhraUc5dzBCQVFzRkFBT0NBUUVBdk1QaFQ2UVQzQWVQdEw0aHhmSG9ZWmVKCmNsOTVTVXpKK094TjZaLzJ3MFBFb0NNcmpkMlJYV1BaS3VWTXBLSXlRN2hpMk4rUUQ2UEdReGJRUCtpWGVPVWMKTGpaUzhEdll4blFJVDVkRHNXMDhUNHovQ2ROMlNTOFI5NEFIL1F2NGJxbnlPMVZUSDB1aElKS2p3a1hTTkYxMQpXRmF6VGxIdVB0NzMvamV2eUpsTnVyZWRFQ28zbFAxZTFwSnh5bFhENFg3elo1S1pheURoYkg2MWpQTE5LcXdUCmZXMUVwOG4wUkdBM2kyeDVVNzdLNFJ0U3JVQ3krTWNkM0NmaDFwMXRhOVIyNmJqMTJBK0xFSGhVYXpnUFQ5MjEKUXZIbDlMRnROR3JJcDdmSkJHWGFSNURUZUFtdE9xaytKNnZwWWZ0aTg5U2lSMHVWNkNhWllQekRhUzZuaXc9PQotLS0tLUVORCBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K";

    #[test]
    fn subjects_are_read() {
        let object = |request: &str| json!({"spec": {"request": request}});
        let expected = Subject {
            common_name: String::from("x"),
            organizations: vec![String::from("system:masters")],
        };
        assert_eq!(subject(&object(OF_MASTERS)), Some(expected));
        for broken in ["", "%%", "bm9uc2Vuc2U=", &OF_MASTERS[..200]] {
            assert_eq!(subject(&object(broken)), None, "{broken}");
        }
    }
}
