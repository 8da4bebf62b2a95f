//! Signing approved requests with the cluster's authority.

use client::k8s_openapi::ByteString;
use client::k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestStatus,
};
use jiff::{SignedDuration, Timestamp};
use pki::{Authority, LEAF_LIFETIME, PkiError, SigningRequest, Usage, Validity};

use super::conditions::{self, APPROVED, DENIED, FAILED};

/// Clients of the API server.
pub(super) const CLIENT: &str = "kubernetes.io/kube-apiserver-client";
/// Kubelets as clients of the API server.
pub(super) const KUBELET_CLIENT: &str = "kubernetes.io/kube-apiserver-client-kubelet";
/// Kubelets as servers.
pub(super) const KUBELET_SERVING: &str = "kubernetes.io/kubelet-serving";
/// Anything, promised to nobody.
const LEGACY_UNKNOWN: &str = "kubernetes.io/legacy-unknown";

const NODES: &str = "system:nodes";
const NODE_PREFIX: &str = "system:node:";
/// Shorter lives are no use: they are over before they are renewed.
const SHORTEST: SignedDuration = SignedDuration::from_mins(10);
/// By so much a certificate begins earlier than it was signed, as upstream's signers have it.
const BACKDATED: SignedDuration = SignedDuration::from_mins(5);
/// From here on a life is counted from its earlier beginning.
const LONG: SignedDuration = SignedDuration::from_hours(8);

/// The request in its own form, proved to be by who holds the key.
pub(super) fn parse(csr: &CertificateSigningRequest) -> Result<SigningRequest, PkiError> {
    SigningRequest::from_pem(&String::from_utf8_lossy(&csr.spec.request.0))
}

/// The request as it is after signing: with a certificate, or with the reason why there is none. None if there is nothing to
/// do: it is not approved, is done with, or is another signer's.
pub(super) fn sign(
    csr: &CertificateSigningRequest,
    authority: &Authority,
    now: Timestamp,
) -> Option<CertificateSigningRequest> {
    let is_done = csr
        .status
        .as_ref()
        .is_some_and(|status| status.certificate.is_some());
    let is_approved = conditions::has(csr, APPROVED);
    if is_done || !is_approved || conditions::has(csr, DENIED) || conditions::has(csr, FAILED) {
        return None;
    }
    let check = match csr.spec.signer_name.as_str() {
        CLIENT => is_client,
        KUBELET_CLIENT => is_kubelet_client,
        KUBELET_SERVING => is_kubelet_serving,
        LEGACY_UNKNOWN => anything,
        _ => return None,
    };
    match issue(csr, check, authority, now) {
        Ok(certificate) => {
            let mut signed = csr.clone();
            let status = signed
                .status
                .get_or_insert_with(CertificateSigningRequestStatus::default);
            status.certificate = Some(ByteString(certificate.into_bytes()));
            Some(signed)
        }
        Err(why) => Some(conditions::with(
            csr,
            FAILED,
            "SignerValidationFailure",
            &why,
            now,
        )),
    }
}

type Check = fn(&CertificateSigningRequest, &SigningRequest) -> Result<(), String>;

fn issue(
    csr: &CertificateSigningRequest,
    check: Check,
    authority: &Authority,
    now: Timestamp,
) -> Result<String, String> {
    let request = parse(csr).map_err(|error| error.to_string())?;
    check(csr, &request)?;
    let usages = usages(csr)?;
    let asked = csr
        .spec
        .expiration_seconds
        .map(|s| SignedDuration::from_secs(s.into()));
    let lifetime = asked.unwrap_or(LEAF_LIFETIME).clamp(SHORTEST, LEAF_LIFETIME);
    let profile = request.profile(usages);
    let certificate = authority
        .sign(&request.public_key_der, &profile, validity(now, lifetime))
        .map_err(|error| error.to_string())?;
    Ok(certificate.to_pem())
}

/// From when until when a certificate holds that is signed now.
fn validity(now: Timestamp, lifetime: SignedDuration) -> Validity {
    let validity = Validity::starting(now, lifetime);
    let earlier = |moment: Timestamp| moment.checked_sub(BACKDATED).unwrap_or(Timestamp::MIN);
    let end = validity.not_after;
    Validity {
        not_before: earlier(Timestamp::from_second(now.as_second()).unwrap_or(now)),
        not_after: if lifetime < LONG { end } else { earlier(end) },
    }
}

fn usages(csr: &CertificateSigningRequest) -> Result<Vec<Usage>, String> {
    let texts = csr.spec.usages.iter().flatten();
    let read = |text: &String| Usage::parse(text).ok_or_else(|| format!("unrecognized usage: {text:?}"));
    let mut usages = texts.map(read).collect::<Result<Vec<_>, _>>()?;
    usages.sort_unstable();
    usages.dedup();
    Ok(usages)
}

/// Whether the usages are these, key encipherment being free to choose.
fn are(csr: &CertificateSigningRequest, wanted: &[Usage]) -> bool {
    let mut usages = usages(csr).unwrap_or_default();
    usages.retain(|usage| *usage != Usage::KeyEncipherment);
    usages == wanted
}

/// Whether it is for a client, and nothing more.
pub(super) fn is_plain_client(csr: &CertificateSigningRequest) -> bool {
    are(csr, &[Usage::DigitalSignature, Usage::ClientAuth])
}

fn anything(_: &CertificateSigningRequest, _: &SigningRequest) -> Result<(), String> {
    Ok(())
}

fn is_client(csr: &CertificateSigningRequest, _: &SigningRequest) -> Result<(), String> {
    let usages = usages(csr)?;
    let known = |usage: &Usage| {
        matches!(
            usage,
            Usage::DigitalSignature | Usage::KeyEncipherment | Usage::ClientAuth
        )
    };
    if usages.contains(&Usage::ClientAuth) && usages.iter().all(known) {
        Ok(())
    } else {
        Err(String::from("usages did not match"))
    }
}

pub(super) fn is_kubelet_client(
    csr: &CertificateSigningRequest,
    request: &SigningRequest,
) -> Result<(), String> {
    is_node(request)?;
    if !request.names.is_empty() {
        return Err(String::from("subject alternative names are not allowed"));
    }
    if !is_plain_client(csr) {
        return Err(String::from("usages did not match"));
    }
    Ok(())
}

pub(super) fn is_kubelet_serving(
    csr: &CertificateSigningRequest,
    request: &SigningRequest,
) -> Result<(), String> {
    is_node(request)?;
    let names = &request.names;
    if names.dns.is_empty() && names.addresses.is_empty() {
        return Err(String::from("DNS or IP subjectAltName is required"));
    }
    if !names.emails.is_empty() {
        return Err(String::from("subjectAltName email addresses are not allowed"));
    }
    if !names.uris.is_empty() {
        return Err(String::from("subjectAltName URIs are not allowed"));
    }
    if !are(csr, &[Usage::DigitalSignature, Usage::ServerAuth]) {
        return Err(String::from("usages did not match"));
    }
    Ok(())
}

fn is_node(request: &SigningRequest) -> Result<(), String> {
    if request.organizations != [NODES] {
        return Err(String::from("subject organization is not system:nodes"));
    }
    if !request.common_name.starts_with(NODE_PREFIX) {
        return Err(String::from(
            "subject common name does not begin with system:node:",
        ));
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use client::k8s_openapi::api::certificates::v1::CertificateSigningRequestSpec;
    use pki::{AlternativeNames, Certificate, Key, Profile};

    use super::*;

    /// A request as a kubelet or a user would send it.
    pub(in super::super) fn csr(
        signer: &str,
        common_name: &str,
        groups: &[&str],
        names: &AlternativeNames,
        usages: &[&str],
    ) -> CertificateSigningRequest {
        let mut profile = Profile::client(common_name, groups);
        profile.names = names.clone();
        let key = Key::generate_ecdsa().expect("key");
        let request = SigningRequest::create(&profile, &key).expect("request");
        CertificateSigningRequest {
            spec: CertificateSigningRequestSpec {
                request: ByteString(request.into_bytes()),
                signer_name: signer.to_owned(),
                usages: Some(usages.iter().map(|&u| u.to_owned()).collect()),
                ..CertificateSigningRequestSpec::default()
            },
            ..CertificateSigningRequest::default()
        }
    }

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().expect("a time")
    }

    /// The certificate, or why there is none.
    fn outcome(csr: &CertificateSigningRequest) -> Option<Result<Certificate, String>> {
        let authority = Authority::create("kubernetes", now()).expect("authority");
        let signed = sign(csr, &authority, now())?;
        let status = signed.status.expect("status");
        Some(match status.certificate {
            Some(pem) => {
                let certificate =
                    Certificate::from_pem(&String::from_utf8_lossy(&pem.0)).expect("certificate");
                assert!(certificate.is_signed_by(authority.certificate()));
                Ok(certificate)
            }
            None => Err(status
                .conditions
                .into_iter()
                .flatten()
                .filter_map(|c| c.message)
                .next_back()
                .unwrap_or_default()),
        })
    }

    #[test]
    fn only_approved_requests_of_known_signers_are_signed() {
        let none = AlternativeNames::default();
        let usages = ["client auth", "digital signature"];
        let open = csr(CLIENT, "jane", &["dev", "ops"], &none, &usages);
        assert!(outcome(&open).is_none(), "not approved");
        let approved = conditions::with(&open, APPROVED, "r", "m", now());
        let certificate = outcome(&approved).expect("done").expect("signed");
        assert_eq!(certificate.common_name, "jane");
        assert_eq!(certificate.organizations, ["dev", "ops"]);
        let denied = conditions::with(&approved, DENIED, "r", "m", now());
        assert!(outcome(&denied).is_none(), "denied");
        let mut other = approved;
        other.spec.signer_name = String::from("example.com/other");
        assert!(outcome(&other).is_none(), "not ours");
    }

    #[test]
    fn a_life_is_as_long_as_asked_within_limits() {
        let none = AlternativeNames::default();
        for (asked, seconds) in [
            (None, 365 * 86_400),
            (Some(86_400), 86_400),
            (Some(3600), 3600 + 300),
            (Some(i32::MAX), 365 * 86_400),
        ] {
            let mut csr = csr(CLIENT, "jane", &[], &none, &["client auth"]);
            csr.spec.expiration_seconds = asked;
            let csr = conditions::with(&csr, APPROVED, "r", "m", now());
            let certificate = outcome(&csr).expect("done").expect("signed");
            let Validity {
                not_before,
                not_after,
            } = certificate.validity;
            assert_eq!(now().duration_since(not_before), BACKDATED, "{asked:?}");
            assert_eq!(
                not_after.duration_since(not_before),
                SignedDuration::from_secs(seconds),
                "{asked:?}"
            );
        }
    }

    #[test]
    fn what_a_signer_does_not_sign_fails_for_good() {
        let none = AlternativeNames::default();
        let cases = [
            (CLIENT, "jane", vec!["server auth"], "usages did not match"),
            (
                CLIENT,
                "jane",
                vec!["client auth", "cert sign"],
                "usages did not match",
            ),
            (
                CLIENT,
                "jane",
                vec!["nonsense"],
                "unrecognized usage: \"nonsense\"",
            ),
            (
                KUBELET_CLIENT,
                "jane",
                vec!["client auth", "digital signature"],
                "subject organization is not system:nodes",
            ),
        ];
        for (signer, name, usages, why) in cases {
            let csr = conditions::with(&csr(signer, name, &[], &none, &usages), APPROVED, "r", "m", now());
            assert_eq!(outcome(&csr).expect("done").expect_err("refused"), why);
            let failed = conditions::with(&csr, FAILED, "r", "m", now());
            assert!(outcome(&failed).is_none(), "tried once");
        }
    }
}
