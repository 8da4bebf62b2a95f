//! CertificateSubjectRestriction, CertificateApproval and CertificateSigning: who may ask for, approve and sign which
//! certificates.

use std::sync::Arc;

use async_trait::async_trait;
use auth::{Attributes, Authorizer, ResourceTarget};
use meta::Status;
use registry::{AdmissionRequest, Operation};

use crate::plugin::Plugin;
use crate::request::resources::SIGNING_REQUESTS;
use crate::request::{Request, text};
use crate::signing_request::subject;

const CLIENT_SIGNER: &str = "kubernetes.io/kube-apiserver-client";
const MASTERS: &str = "system:masters";

/// Nobody becomes an administrator by a certificate from the API.
pub(crate) struct CertificateSubjectRestriction;

#[async_trait]
impl Plugin for CertificateSubjectRestriction {
    fn name(&self) -> &'static str {
        "CertificateSubjectRestriction"
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let is_client = text(request.proposed(), "/spec/signerName") == CLIENT_SIGNER;
        if !request.creates(&SIGNING_REQUESTS) || !is_client {
            return Ok(());
        }
        // A request that cannot be read is refused by validation.
        let organizations = subject(request.proposed()).unwrap_or_default().organizations;
        if organizations.iter().any(|organization| organization == MASTERS) {
            return Err(request.forbidden(format_args!(
                "use of {CLIENT_SIGNER} signer with {MASTERS} group is not allowed"
            )));
        }
        Ok(())
    }
}

/// Who approves or signs a certificate must be allowed to for its signer.
pub(crate) struct SignerPermission {
    authorizer: Arc<dyn Authorizer>,
    plugin: &'static str,
    subresource: &'static str,
    verb: &'static str,
}

impl SignerPermission {
    /// CertificateApproval.
    pub(crate) fn approval(authorizer: Arc<dyn Authorizer>) -> Self {
        Self {
            authorizer,
            plugin: "CertificateApproval",
            subresource: "approval",
            verb: "approve",
        }
    }

    /// CertificateSigning.
    pub(crate) fn signing(authorizer: Arc<dyn Authorizer>) -> Self {
        Self {
            authorizer,
            plugin: "CertificateSigning",
            subresource: "status",
            verb: "sign",
        }
    }

    /// Asks for the signer itself, then for all signers of its domain.
    async fn is_permitted(&self, request: &AdmissionRequest<'_>, signer: &str) -> bool {
        let domain = signer.split('/').next().unwrap_or("");
        for name in [signer, &format!("{domain}/*")] {
            let target = ResourceTarget {
                group: "certificates.k8s.io",
                version: "*",
                resource: "signers",
                name,
                ..ResourceTarget::default()
            };
            let question = Attributes::resource(&request.context.user, self.verb, target);
            if self.authorizer.authorize(&question).await.is_allowed() {
                return true;
            }
        }
        false
    }
}

#[async_trait]
impl Plugin for SignerPermission {
    fn name(&self) -> &'static str {
        self.plugin
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let concerns =
            request.operation == Operation::Update && request.is_for(&SIGNING_REQUESTS, self.subresource);
        if !concerns || (self.verb == "sign" && !signs(request)) {
            return Ok(());
        }
        let signer = text(request.existing(), "/spec/signerName");
        if self.is_permitted(request, signer).await {
            return Ok(());
        }
        let why = format_args!(
            "user not permitted to {} requests with signerName {signer:?}",
            self.verb
        );
        Err(request.forbidden(why))
    }
}

/// Whether a change of status puts a certificate in, or says that signing has failed.
fn signs(request: &AdmissionRequest<'_>) -> bool {
    let (new, old) = (&request.proposed()["status"], &request.existing()["status"]);
    new["certificate"] != old["certificate"] || new["conditions"] != old["conditions"]
}

#[cfg(test)]
mod tests {
    use auth::{Decision, Rules};
    use meta::User;
    use serde_json::{Value, json};

    use super::*;
    use crate::signing_request::tests::OF_MASTERS;
    use crate::testing::Write;

    /// Lets `approver` approve for `example.com/s`, and `domain` for all of `example.com`.
    struct Permissions;

    #[async_trait]
    impl Authorizer for Permissions {
        async fn authorize(&self, attributes: &Attributes<'_>) -> Decision {
            let auth::Target::Resource(target) = attributes.target else {
                return Decision::no_opinion();
            };
            match (attributes.user.name.as_str(), target.name) {
                ("approver", "example.com/s") | ("domain", "example.com/*") => Decision::allow(),
                _ => Decision::no_opinion(),
            }
        }

        async fn rules_for(&self, _user: &User, _namespace: &str) -> Rules {
            Rules::default()
        }
    }

    fn object(signer: &str, status: Value) -> Value {
        json!({"metadata": {"name": "c"}, "spec": {"signerName": signer, "request": OF_MASTERS}, "status": status})
    }

    #[tokio::test]
    async fn nobody_asks_to_be_an_administrator() {
        let plugin = CertificateSubjectRestriction;
        let refused = Write::create(&SIGNING_REQUESTS, object(CLIENT_SIGNER, json!({})))
            .through(&plugin)
            .await;
        let expected = "certificatesigningrequests.certificates.k8s.io \"c\" is forbidden: use of \
                        kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed";
        assert_eq!(refused, Err(expected.to_owned()));
        let other = Write::create(&SIGNING_REQUESTS, object("example.com/s", json!({})))
            .through(&plugin)
            .await;
        assert!(other.is_ok());
    }

    #[tokio::test]
    async fn approving_takes_permission_for_the_signer() {
        let plugin = SignerPermission::approval(Arc::new(Permissions));
        let expected = "certificatesigningrequests.certificates.k8s.io \"c\" is forbidden: user not permitted to approve \
                        requests with signerName \"example.com/s\"";
        for (user, refusal) in [("approver", None), ("domain", None), ("someone", Some(expected))] {
            let new = object("example.com/s", json!({"conditions": [{"type": "Approved"}]}));
            let write =
                Write::update(&SIGNING_REQUESTS, object("example.com/s", json!({})), new).below("approval");
            let outcome = write.by(User::new(user, &[])).through(&plugin).await;
            assert_eq!(outcome.err().as_deref(), refusal, "{user}");
        }
    }

    #[tokio::test]
    async fn only_signing_takes_permission_to_sign() {
        let plugin = SignerPermission::signing(Arc::new(Permissions));
        let update = |status: Value| {
            let old = object("example.com/s", json!({}));
            Write::update(&SIGNING_REQUESTS, old, object("example.com/s", status)).below("status")
        };
        assert!(update(json!({})).through(&plugin).await.is_ok());
        let refused = update(json!({"certificate": "x"}))
            .through(&plugin)
            .await
            .unwrap_err();
        assert!(refused.ends_with("user not permitted to sign requests with signerName \"example.com/s\""));
    }
}
